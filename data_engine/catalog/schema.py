"""What the catalog knows of a relic: the fields of its record, its states, its history."""

import dataclasses
import typing
from collections.abc import Mapping

STATES = (
    "found",
    "fetched",
    "validated",
    "classified",
    "reviewed",
    "captioned",
    "rendered",
    "sharded",
    "rejected",
    "failed",
    "duplicate",
)
"""States in the order of the stages; the last three leave it."""

STATE_BEFORE = {"ingest": "found", "validate": "fetched", "render": "validated"}
"""Where a relic goes back to when a stage is to be tried again."""

Triple = tuple[float, float, float]
Names = tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Relic:
    """One row of the catalog. An empty string or None means not known (yet)."""

    uid: str
    """Primary key, a UUID."""
    legacy_uid: str = ""
    """The uid of the same page in the data set of the original builder."""
    source: str = "local"
    """Where it was found: local, smithsonian, sketchfab or polycam."""
    source_id: str = ""
    """The source's own name for it."""
    source_url: str = ""
    """The page a person would visit."""
    source_file: str = ""
    """Path inside the ingested folder, as found."""
    source_format: str = ""
    """Format of that file, from its content: glb, gltf, obj, ply or stl."""
    source_sha256: str = ""
    """Digest, before any conversion, of that file and of everything it names: materials, pictures,
    buffers. The plain sha256 of a file that names nothing."""
    main_sha256: str = ""
    """Digest of that file alone."""
    retrieved_at: str = ""
    """When it entered the catalog, RFC 3339 UTC."""
    raw_sha256: str = ""
    """Digest of the source's verbatim answer about it."""
    title: str = ""
    """Title as published, in its own language."""
    description: str = ""
    """Description as published, in its own language."""
    language: str = ""
    """BCP 47 tag of title and description."""
    language_confidence: float | None = None
    """0 to 1, where the language was detected."""
    caption_en: str = ""
    """One English sentence; never overwrites the originals."""
    title_en: str = ""
    caption_by: str = ""
    """`source`, `human` or `<provider>:<model>@<prompt version>`."""
    license_spdx: str = "LicenseRef-unknown"
    """SPDX identifier, or `LicenseRef-...` where SPDX has none."""
    license_label: str = ""
    """The words of the source."""
    license_url: str = ""
    """The deed, where there is one."""
    license_evidence: str = ""
    """Where the licence was read."""
    license_date: str = ""
    """When the licence was read there, RFC 3339 UTC."""
    license_contested: str = ""
    """A stricter licence that another record of the same object bears. It holds for whatever is
    published (`rights.contests.published`) until a human decides."""
    license_contested_by: str = ""
    """uid of that record."""
    license_dismissed: Names | None = None
    """Such claims, `licence of uid`, that a human dismissed."""
    attribution: str = ""
    """Complete credit line."""
    author_name: str = ""
    author_url: str = ""
    ai_opt_out: bool | None = None
    """True if its owner forbids machine learning."""
    age_restricted: bool | None = None
    category: str = "other"
    """One of `jaxrelic.data.schema.CATEGORIES`."""
    up_axis: str = "Y"
    """Axis of the blob's own coordinates that points up: Y or Z. Blobs are never turned."""
    glb_sha256: str = ""
    """Digest, and so the place, of the relic as GLB."""
    glb_bytes: int | None = None
    vertices: int | None = None
    triangles: int | None = None
    materials: int | None = None
    textures: int | None = None
    """Pictures that its materials use."""
    vertex_colors: bool | None = None
    """Whether a mesh of it has colours at its vertices."""
    max_texture_px: int | None = None
    """Longest side of its largest texture."""
    extensions: Names | None = None
    """glTF extensions it uses."""
    watertight: bool | None = None
    """Whether every edge joins two triangles once equal positions are welded."""
    bbox_min: Triple | None = None
    """Lowest corner of the bounding box in glTF units and axes, node transforms applied."""
    bbox_max: Triple | None = None
    geometry_sha256: str = ""
    """Equal for the same shape under another name, texture, scale or vertex order."""
    llm_label: int | None = None
    """1 artefact, 2 plant, 3 animal, 4 building, 5 other."""
    llm_confidence: float | None = None
    llm_model: str = ""
    llm_prompt: str = ""
    """Version of the prompt."""
    llm_raw_sha256: str = ""
    """Digest of the model's verbatim answer."""
    verdict: str = ""
    """keep, drop or unclear."""
    verdict_by: str = ""
    verdict_at: str = ""
    """RFC 3339 UTC."""
    verdict_note: str = ""
    source_units: str = ""
    """Unit of these lengths as the source gives it; metres, as glTF says, when empty."""
    normalize_scale: float | None = None
    """World units per glTF unit in its renders."""
    normalize_center: Triple | None = None
    """Where the origin of its renders is, in glTF units, the mesh turned upright (z up)."""
    dup_of: str = ""
    """uid of the relic this one repeats."""
    dup_kind: str = ""
    """exact, geometry, appearance or human."""
    cluster: str = ""
    """Duplicate cluster, the unit of splitting: the uid of its first member, or its own."""
    split: str = ""
    """train, val or test."""
    state: str = "found"
    """One of `STATES`."""
    notes: Names | None = None
    """What was missing or assumed when it was read: a code of `catalog.notes` and a sentence."""
    reason: str = ""
    """Stable code of why it is rejected or failed."""
    detail: str = ""
    """The sentence that goes with the reason."""
    reason_stage: str = ""
    """The stage that gave the reason."""
    render_id: str = ""
    """Hash of the render settings of its views."""
    render_sha256: str = ""
    """Digest of the manifest of its views."""
    appearance_hash: str = ""
    """How it looks in them: bits as hex, few of which differ where two relics look alike."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """One line of a relic's history."""

    at: str
    """RFC 3339, UTC."""
    stage: str
    what: str
    fields: Mapping[str, typing.Any]


COLUMNS = tuple(field.name for field in dataclasses.fields(Relic))
VERDICT_COLUMNS = ("state", "reason", "detail", "reason_stage", "dup_of", "dup_kind")
"""Set by stages alone; `Catalog.add` never takes a relic back along the road."""

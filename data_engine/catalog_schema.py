"""What the catalog stores: the relic record, its states and the tables behind them."""

import dataclasses
import json
import sqlite3
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
"""In the order of the road; the last three leave it."""

STATE_BEFORE = {"ingest": "found", "validate": "fetched", "render": "validated"}
"""Where a relic goes back to when a stage is to be tried again."""

Triple = tuple[float, float, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Relic:
    """One row of the catalog. An empty string or None means not known (yet)."""

    uid: str
    """Primary key, a UUID."""
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
    """Digest of that file before any conversion."""
    title: str = ""
    """As published, in its own language."""
    description: str = ""
    """As published, in its own language."""
    language: str = ""
    """BCP 47 tag of title and description."""
    caption_en: str = ""
    """One English sentence; never overwrites the originals."""
    license_spdx: str = "LicenseRef-unknown"
    """SPDX identifier, or `LicenseRef-...` where SPDX has none."""
    license_label: str = ""
    """The words of the source."""
    license_url: str = ""
    """The deed, where there is one."""
    license_evidence: str = ""
    """Where the licence was read."""
    attribution: str = ""
    """Complete credit line."""
    author_name: str = ""
    author_url: str = ""
    category: str = "other"
    """One of `jaxrelic.data.schema.CATEGORIES`."""
    up_axis: str = "Y"
    """Which axis of the blob's own coordinates points up: Y or Z. Blobs are never turned."""
    glb_sha256: str = ""
    """Digest, and so the place, of the relic as GLB."""
    glb_bytes: int | None = None
    vertices: int | None = None
    triangles: int | None = None
    watertight: bool | None = None
    """Whether every edge joins two triangles once equal positions are welded."""
    bbox_min: Triple | None = None
    """In glTF units and axes, node transforms applied."""
    bbox_max: Triple | None = None
    geometry_sha256: str = ""
    """Equal for the same shape under another name, texture, scale or vertex order."""
    dup_of: str = ""
    """uid of the relic this one repeats."""
    dup_kind: str = ""
    """exact, geometry, appearance or human."""
    cluster: str = ""
    """Duplicate cluster, the unit of splitting."""
    split: str = ""
    """train, val or test."""
    state: str = "found"
    """One of `STATES`."""
    reason: str = ""
    """Stable code of why it is rejected or failed."""
    detail: str = ""
    """The sentence that goes with the reason."""
    reason_stage: str = ""
    """The stage that gave the reason."""
    render_id: str = ""
    """Hash of the render settings of its views."""


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

_TYPES = typing.get_type_hints(Relic)
_TRIPLES = frozenset(name for name in COLUMNS if _TYPES[name] == Triple | None)
_FLAGS = frozenset(name for name in COLUMNS if _TYPES[name] == bool | None)
_INTEGERS = frozenset(name for name in COLUMNS if _TYPES[name] == int | None) | _FLAGS

_TABLES = """
CREATE TABLE IF NOT EXISTS relic (uid TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stage (
    uid TEXT NOT NULL REFERENCES relic(uid),
    stage TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'retry', 'failed')),
    attempts INTEGER NOT NULL,
    owner TEXT NOT NULL,
    lease_until REAL NOT NULL,
    started TEXT NOT NULL,
    finished TEXT,
    error TEXT,
    PRIMARY KEY (uid, stage, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    uid TEXT NOT NULL,
    stage TEXT NOT NULL,
    what TEXT NOT NULL,
    json TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS stage_running ON stage (stage) WHERE state = 'running';
CREATE INDEX IF NOT EXISTS event_by_uid ON event (uid, id);
"""
_INDEXES = """
CREATE INDEX IF NOT EXISTS relic_by_state ON relic (state, uid);
CREATE INDEX IF NOT EXISTS relic_by_geometry ON relic (geometry_sha256);
CREATE INDEX IF NOT EXISTS relic_by_source_sha256 ON relic (source_sha256);
"""


def create_tables(connection: sqlite3.Connection) -> None:
    """Makes the tables, and adds the columns that a catalog of an older version lacks."""
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    present = {row[1] for row in connection.execute("PRAGMA table_info(relic)")}
    for field in dataclasses.fields(Relic):
        if field.name not in present:
            kind = "INTEGER" if field.name in _INTEGERS else "TEXT"
            default = "" if field.default is None else f" NOT NULL DEFAULT '{field.default}'"
            connection.execute(f"ALTER TABLE relic ADD COLUMN {field.name} {kind}{default}")
    for statement in _INDEXES.split(";"):
        connection.execute(statement)


def to_row(fields: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """Record fields as SQLite values; an unknown name is an error."""
    if unknown := fields.keys() - set(COLUMNS):
        raise ValueError(f"no catalog field named {sorted(unknown)}; Relic lists them")
    if fields.get("state", "found") not in STATES:
        raise ValueError(f"state {fields['state']!r} is not one of {STATES}")
    return {name: _encode(name, value) for name, value in fields.items()}


def _encode(name: str, value: typing.Any) -> typing.Any:
    if value is None:
        return None
    if name in _TRIPLES:
        return json.dumps([float(component) for component in value])
    return int(value) if name in _INTEGERS else str(value)


def from_row(row: sqlite3.Row) -> Relic:
    """A row of the relic table as a record."""
    values = {name: row[name] for name in COLUMNS}
    for name in _TRIPLES:
        values[name] = None if values[name] is None else tuple(json.loads(values[name]))
    for name in _FLAGS:
        values[name] = None if values[name] is None else bool(values[name])
    return Relic(**values)

"""A finished procedural relic: mesh, texture, words and volume, from a family's name and a seed."""

import dataclasses
import hashlib
import io
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from data_engine.errors import UserError
from data_engine.gltf.textured import write_glb
from data_engine.procedural import figures, ornaments, reliefs, vessels, words
from data_engine.procedural.canvas import Canvas, canvas_of
from data_engine.procedural.draft import Draft
from data_engine.procedural.materials import MATERIALS, finish, over, step
from data_engine.procedural.motifs import PATTERNS, decorate
from data_engine.procedural.on_request import abstract
from data_engine.procedural.on_request.invented import INVENTED
from data_engine.procedural.on_request.statuary import STATUARY
from data_engine.procedural.surfaces import smooth_normals

AUTHOR = "jaxrelic procedural"
LICENSE = "CC0-1.0"
PNG_LEVEL = 1
"""zlib effort; noise hardly compresses, so more only costs time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Family:
    """A kind of relic and the recipe that draws one."""

    category: str
    """One of `jaxrelic.data.schema.CATEGORIES`."""
    build: Callable[[np.random.Generator], Draft]


FAMILIES: Mapping[str, Family] = {
    "amphora": Family(category="vessel", build=vessels.amphora),
    "bowl": Family(category="vessel", build=vessels.bowl),
    "bottle-vase": Family(category="vessel", build=vessels.bottle_vase),
    "lidded-jar": Family(category="vessel", build=vessels.lidded_jar),
    "ewer": Family(category="vessel", build=vessels.ewer),
    "ding": Family(category="vessel", build=vessels.ding),
    "bell": Family(category="other", build=vessels.bell),
    "coin": Family(category="coin", build=reliefs.coin),
    "cylinder-seal": Family(category="tool", build=reliefs.cylinder_seal),
    "tablet": Family(category="tablet", build=reliefs.tablet),
    "mask": Family(category="mask", build=reliefs.mask),
    "figurine": Family(category="figure", build=figures.figurine),
    "animal": Family(category="figure", build=figures.animal),
    "bust": Family(category="bust", build=figures.bust),
    "bead-string": Family(category="ornament", build=ornaments.bead_string),
    "disc": Family(category="ornament", build=ornaments.disc),
    "dagger": Family(category="weapon", build=ornaments.dagger),
    "axe": Family(category="weapon", build=ornaments.axe),
}
"""Every family by name; the order is the order in which `write_relics` cycles."""
ON_REQUEST: Mapping[str, Family] = {
    "abstract": Family(category="other", build=abstract.abstract),
    **{name: Family(category=kind, build=build) for name, (kind, build) in STATUARY.items()},
}
"""Families that are made only where they are named."""
ALL_FAMILIES: Mapping[str, Family] = {**FAMILIES, **ON_REQUEST}
_STUFFS = {**MATERIALS, **INVENTED}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProceduralRelic:
    """One relic, ready to be written; world frame (z up, front towards -y), in metres."""

    family: str
    seed: int
    category: str
    vertices: np.ndarray
    """[v, 3] float32; texture seams are doubled."""
    normals: np.ndarray
    """Outward unit normals, [v, 3] float32."""
    faces: np.ndarray
    """Counter-clockwise seen from outside, [f, 3] int64."""
    uvs: np.ndarray
    """v = 1 is row 0 of the texture, [v, 2] float32."""
    texture: np.ndarray
    """sRGB, [h, w, 3] uint8."""
    material: str
    volume_m3: float
    """Enclosed volume, cubic metres."""
    volume_by: str
    """"profile": from the formula (the mesh is a polygonal approximation); "mesh": of the mesh."""
    names: Mapping[str, str]
    """Names by language: en, zh, fr, ar."""
    descriptions: Mapping[str, str]
    """Descriptions by language, as `names`."""
    parameters: Mapping[str, float | str]
    """What the seed drew."""

    def glb(self) -> bytes:
        """The relic as a GLB file; equal relics give equal bytes."""
        stuff = _STUFFS[self.material]
        png = io.BytesIO()
        Image.fromarray(self.texture).save(png, "png", compress_level=PNG_LEVEL)
        return write_glb(
            vertices=self.vertices,
            normals=self.normals,
            faces=self.faces,
            uvs=self.uvs,
            texture_png=png.getvalue(),
            name=self.names["en"],
            roughness=stuff.roughness,
            metallic=stuff.metallic,
            extras={"title": self.names["en"], "author": AUTHOR, "license": LICENSE},
        )


def families() -> dict[str, Family]:
    """The families by name."""
    return dict(FAMILIES)


def make_relic(family: str, seed: int) -> ProceduralRelic:
    """Draws one relic; the same family and seed give the same relic on every machine and run.

    Example:
        >>> relic = make_relic("amphora", 0)
        >>> relic.category, relic.names["en"], len(relic.faces) > 1000
        ('vessel', 'Black-slip ware amphora', True)
        >>> relic.glb()[:4]
        b'glTF'
    """
    if family not in ALL_FAMILIES:
        raise UserError(f"no procedural family {family!r}; choose from {', '.join(ALL_FAMILIES)}")
    # Families draw from separate streams: a digest, since Python's hash differs between processes.
    stream = int.from_bytes(hashlib.sha256(family.encode()).digest()[:8], "little")
    rng = np.random.default_rng([seed, stream])
    draft = ALL_FAMILIES[family].build(rng)
    surface = draft.surface
    low, high = surface.vertices.min(0), surface.vertices.max(0)
    metres = draft.longest_cm / 100 / (high - low).max()
    anchor = np.array([*(low + high)[:2] / 2, low[2]])
    noun, material = draft.noun, draft.material
    return ProceduralRelic(
        family=family,
        seed=seed,
        category=ALL_FAMILIES[family].category,
        vertices=((surface.vertices - anchor) * metres).astype(np.float32),
        normals=smooth_normals(surface).astype(np.float32),
        faces=surface.faces,
        uvs=surface.uvs.astype(np.float32),
        texture=_texture(draft, rng),
        material=material,
        volume_m3=draft.volume * metres**3,
        volume_by="mesh" if draft.profile_volume is None else "profile",
        names=words.name(noun, material),
        descriptions=words.description(noun, material, draft.motif, draft.longest_cm),
        parameters=draft.parameters | {"material": material, "motif": draft.motif, "noun": noun},
    )


def _texture(draft: Draft, rng: np.random.Generator) -> np.ndarray:
    """Paints, carves and ages the surface, [h, w, 3] uint8."""
    canvas = canvas_of(draft.surface, rng)
    colours = _painted(draft.material, draft, canvas, rng)
    if draft.lower:
        stuff, height = draft.lower
        below = _painted(stuff, draft, canvas, rng)
        colours = over(colours, below, step(height - canvas.height, 0, 0.01))
    return np.round(255 * colours).astype(np.uint8)


def _painted(name: str, draft: Draft, canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """One material over the whole texture, ornament, grooves and age included."""
    material = _STUFFS[name]
    colours = material.paint(canvas, rng)
    if draft.motif in PATTERNS:
        colours = decorate(colours, canvas, draft.motif, material.pigment, rng, band=draft.band)
    if draft.groove is not None:
        colours = over(colours, material.grime, 0.75 * draft.groove(canvas))
    return finish(colours, canvas, material, rng)

"""Materials of MTL as glTF describes them, with a note on whatever has no place there."""

import dataclasses
import math
import re

import numpy as np

from data_engine.catalog.notes import Note
from data_engine.errors import Refusal
from data_engine.ingest.companions import Companion, Companions
from data_engine.ingest.meshes.colours import linear, unit_range
from data_engine.ingest.meshes.model import MATTE, Material
from data_engine.ingest.meshes.pictures import Pictures
from data_engine.ingest.meshes.wavefront.mtl import Map, MtlMaterial, parse_mtl
from data_engine.ingest.names import decode

MAX_LIBRARIES = 1024
_ONE_FILE = re.compile(rb"\S.*?\.mtl(?=\s|$)", re.IGNORECASE)


def read_libraries(
    names: list[bytes], companions: Companions, notes: list[Note]
) -> dict[bytes, MtlMaterial]:
    """The materials of all `mtllib` statements; the first of a name holds."""
    materials: dict[bytes, MtlMaterial] = {}
    for name in list(dict.fromkeys(names))[:MAX_LIBRARIES]:
        for part, found in find_libraries(name, companions):
            shown = decode(part)
            if found is None:
                notes.append(Note("material_file_missing", f"{shown} was not found"))
                continue
            if not found.as_named:
                notes.append(Note("file_elsewhere", f"{found} was taken for {shown}"))
            try:
                materials = parse_mtl(companions.read(found.path)) | materials
            except Refusal as refusal:
                notes.append(Note("material_file_missing", f"{found}: {refusal.sentence}"))
    return materials


def find_libraries(name: bytes, companions: Companions) -> list[tuple[bytes, Companion | None]]:
    """Files of one `mtllib` statement: a name that may have spaces, or several."""
    whole = name.strip(b" \t\"'")
    if not whole:
        return []
    if (found := companions.find(whole)) is not None:
        return [(whole, found)]
    parts = _ONE_FILE.findall(whole) or [whole]
    return [(part, companions.find(part)) for part in parts]


@dataclasses.dataclass(frozen=True)
class Laid:
    """A material, and how its picture lies on the surface."""

    material: Material
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)


def as_gltf(mtl: MtlMaterial, pictures: Pictures, notes: list[Note]) -> Laid:
    """One material.

    A picture has its own colours: like Blender, and unlike the letter of MTL, `Kd` does not
    darken it, because most programs write a grey there that nobody sees.
    """
    name = decode(mtl.name)
    owner = f"material {name[:60]}"
    colours = _colour_map(mtl, owner, notes)
    picture = pictures.get(colours.name, owner) if colours else None
    laid = Laid(Material(name=name, roughness=_roughness(mtl), metallic=_one(mtl, "pm", 0.0)))
    if colours and picture:
        picture = dataclasses.replace(picture, clamped=colours.clamped)
        laid = dataclasses.replace(laid, scale=colours.scale, offset=colours.offset)
    cut_out, has_colours = False, picture is not None
    if mtl.opacity and mtl.opacity.name:
        if colours and mtl.opacity.name == colours.name:
            cut_out = picture is not None
        elif mask := pictures.get(mtl.opacity.name, owner):
            clamped = bool(picture and picture.clamped)
            picture = pictures.with_mask(picture, mask)
            picture = dataclasses.replace(picture, clamped=clamped) if picture else None
            cut_out = picture is not None
    elif picture and pictures.has_holes(picture):
        cut_out = True
        words = f"{picture.name} of {owner} cuts holes, which no statement says"
        notes.append(Note("opacity_assumed", words))
    for statement, file in mtl.ignored:
        words = f"{statement} {decode(file)[:60]} of {owner} is not read"
        notes.append(Note("map_ignored", words))
    white = (1.0, 1.0, 1.0)
    colour = white if has_colours else _colour(mtl, owner, notes, lost_picture=colours is not None)
    material = dataclasses.replace(
        laid.material,
        colour=colour,
        alpha=1.0 if cut_out else _alpha(mtl, owner, notes),
        picture=picture,
        cut_out=cut_out,
    )
    return dataclasses.replace(laid, material=material)


def _one(mtl: MtlMaterial, word: str, default: float) -> float:
    return min(1.0, max(0.0, mtl.numbers.get(word, (default,))[0]))


def _colour_map(mtl: MtlMaterial, owner: str, notes: list[Note]) -> Map | None:
    """The picture with the colours: `map_Kd`, or `map_Ka` where it is the only one."""
    if mtl.colour and mtl.colour.name:
        return mtl.colour
    if not (mtl.ambient and mtl.ambient.name):
        return None
    notes.append(Note("colours_assumed", f"map_Ka of {owner} was taken for its colours"))
    return mtl.ambient


def _colour(
    mtl: MtlMaterial, owner: str, notes: list[Note], *, lost_picture: bool
) -> tuple[float, float, float]:
    """`Kd`, as light; grey if there is none, or a black or white one beside a lost picture."""
    given = mtl.numbers.get("kd")
    if given is None:
        return Material.colour
    rgb = (given * 3)[:3] if len(given) == 1 else (*given, 0.0, 0.0)[:3]
    if lost_picture and (max(rgb) <= 0 or min(rgb) >= 1):
        return Material.colour
    codes, to_255 = unit_range(np.array(rgb))
    if to_255:
        notes.append(Note("colours_assumed", f"Kd of {owner} counts to 255 and not to 1"))
    red, green, blue = linear(codes).tolist()
    return red, green, blue


def _roughness(mtl: MtlMaterial) -> float:
    """`Pr`, or the exponent `Ns` as Blender reads and writes it: 1 - sqrt(Ns) / 30.

    Matt where there is no highlight that it could be the size of.
    """
    if "pr" in mtl.numbers:
        return _one(mtl, "pr", MATTE)
    shines = max(mtl.numbers.get("ks", (1.0,))) > 0 and mtl.numbers.get("illum", (2.0,))[0] >= 2
    if "ns" not in mtl.numbers or not shines:
        return MATTE
    return 1.0 - min(1.0, math.sqrt(max(0.0, mtl.numbers["ns"][0])) / 30.0)


def _alpha(mtl: MtlMaterial, owner: str, notes: list[Note]) -> float:
    """`d`, or what `Tr` leaves; a surface that cannot be seen at all is a slip, and is shown."""
    alpha = _one(mtl, "d", 1.0 - _one(mtl, "tr", 0.0))
    if alpha > 0:
        return alpha
    notes.append(Note("opacity_ignored", f"{owner} says that it cannot be seen, and is shown"))
    return 1.0

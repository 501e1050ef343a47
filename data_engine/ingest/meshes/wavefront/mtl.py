"""Wavefront MTL: what a material says, before any picture is looked for.

After "Object Files (.obj)" and "MTL material format", Alias|Wavefront, 1995, and the physically
based additions of C. Clara (Clara.io) that exporters write: Pr, Pm, norm.
"""

import dataclasses
import re

from data_engine.errors import Refusal
from data_engine.ingest.meshes.lines import plain_text

MAX_BYTES = 16 << 20
MAX_MATERIALS = 65_536

_ARGUMENTS = {
    b"-s": 3, b"-o": 3, b"-t": 3, b"-mm": 2, b"-bm": 1, b"-boost": 1, b"-texres": 1,
    b"-blendu": 1, b"-blendv": 1, b"-cc": 1, b"-clamp": 1, b"-imfchan": 1, b"-type": 1,
}  # fmt: skip
"""Options before the name of a map, and how many words follow each, at most."""
_NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_MAPS = {
    b"map_kd": "colour", b"map_ka": "ambient",
    b"map_d": "opacity", b"map_opacity": "opacity", b"map_tr": "opacity",
}  # fmt: skip
_NUMBERS = (b"kd", b"ks", b"ns", b"d", b"tr", b"pr", b"pm", b"illum")


@dataclasses.dataclass(kw_only=True)
class Map:
    """A picture and how it lies on the surface."""

    name: bytes
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    clamped: bool = False


@dataclasses.dataclass(kw_only=True)
class MtlMaterial:
    """The statements of one `newmtl`."""

    name: bytes
    numbers: dict[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    """Kd, Ks, Ns, d, Tr, Pr, Pm and illum by their names in lower case."""
    colour: Map | None = None
    ambient: Map | None = None
    """Its colours in the shade: those of `colour`, or the only ones there are."""
    opacity: Map | None = None
    ignored: list[tuple[str, bytes]] = dataclasses.field(default_factory=list)
    """Statement and picture of maps that are not read."""


def parse_mtl(data: bytes) -> dict[bytes, MtlMaterial]:
    """Materials by name; a line that makes no sense is passed over.

    Raises:
        Refusal: It is too large, or no text.
    """
    if len(data) > MAX_BYTES:
        raise Refusal("too_large", f"a file of materials has more than {MAX_BYTES} bytes")
    materials: dict[bytes, MtlMaterial] = {}
    current = None
    for line in plain_text(data).split(b"\n"):
        word, _, rest = line.replace(b"\t", b" ").strip().partition(b" ")
        word, rest = word.lower(), rest.strip()
        if word == b"newmtl":
            current = materials.setdefault(rest, MtlMaterial(name=rest))
            if len(materials) > MAX_MATERIALS:
                raise Refusal("too_large", f"it names more than {MAX_MATERIALS} materials")
        elif current is not None and rest:
            _read(current, word, rest)
    return materials


def _read(material: MtlMaterial, word: bytes, rest: bytes) -> None:
    if word in _NUMBERS:
        if values := _floats(rest):
            material.numbers[word.decode()] = values
    elif word in _MAPS:
        setattr(material, _MAPS[word], parse_map(rest))
    elif word.startswith((b"map_", b"bump", b"disp", b"decal", b"refl", b"norm")):
        material.ignored.append((word.decode("latin-1"), parse_map(rest).name))


def _floats(rest: bytes) -> tuple[float, ...]:
    """The numbers at the beginning of a statement, each at most a million."""
    values = []
    for word in rest.removeprefix(b"-halo").split()[:4]:
        if not _NUMBER.fullmatch(word):
            break
        values.append(max(-1e6, min(1e6, float(word))))
    return tuple(values)


def parse_map(rest: bytes) -> Map:
    """A map statement: options first, then a name, which may have spaces."""
    found = Map(name=b"")
    while (match := re.match(rb"(-[A-Za-z]+)\s+", rest)) and match[1].lower() in _ARGUMENTS:
        option, rest = match[1].lower(), rest[match.end() :]
        words, rest = _arguments(rest, _ARGUMENTS[option], numbers=option in (b"-s", b"-o", b"-t"))
        if option == b"-clamp":
            found.clamped = words[:1] == [b"on"]
        elif option in (b"-s", b"-o") and words:
            values = [float(word) for word in words]
            missing = 1.0 if option == b"-s" else 0.0
            pair = (values[0], values[1] if len(values) > 1 else missing)
            setattr(found, "scale" if option == b"-s" else "offset", pair)
    found.name = rest.strip()
    return found


def _arguments(rest: bytes, most: int, *, numbers: bool) -> tuple[list[bytes], bytes]:
    """The words that belong to an option, and what follows them."""
    words: list[bytes] = []
    while len(words) < most and (match := re.match(rb"(\S+)(?:\s+|$)", rest)):
        if numbers and not _NUMBER.fullmatch(match[1]):
            break
        words.append(match[1])
        rest = rest[match.end() :]
    return words, rest

"""Pictures of a model: found, and copied as they are; only what glTF cannot hold is converted."""

import io

import numpy as np

from data_engine.catalog.notes import Note
from data_engine.errors import Refusal
from data_engine.gltf.image_headers import image_size, image_type
from data_engine.gltf.pictures import HONEST_PIXELS, MAX_IMAGE_PIXELS
from data_engine.ingest.companions import Companion, Companions
from data_engine.ingest.meshes.model import Picture
from data_engine.ingest.names import base_name, decode

CONVERTED = ("BMP", "DDS", "GIF", "PCX", "PPM", "TGA", "TIFF")
"""Kinds, as Pillow names them, that become PNG."""
COPIED = ("PNG", "JPEG", "WEBP")
"""Kinds that enter a GLB as they are."""
_WITH_ALPHA, _CLEAR = ("PNG", "WEBP"), 16
_SHOWN = 80


class Pictures:
    """The pictures that one model names, each read once."""

    def __init__(self, companions: Companions, notes: list[Note]):
        """Takes the files around the model, and where to note what is missing."""
        self._companions, self._notes = companions, notes
        self._known: dict[bytes, Picture | None] = {}

    def get(self, name: bytes, owner: str) -> Picture | None:
        """A picture by the name a model gives it; None, and a note, if it cannot be had.

        Args:
            name: As written, in whatever encoding.
            owner: What names it, for the note.
        """
        if name not in self._known:
            self._known[name] = self._load(name, owner)
        return self._known[name]

    def _load(self, name: bytes, owner: str) -> Picture | None:
        shown = decode(name)[:_SHOWN]
        if (found := find_picture(self._companions, name)) is None:
            self._note("picture_missing", f"{shown}, which {owner} names, was not found")
            return None
        if not found.as_named:
            self._note("file_elsewhere", f"{found} was taken for {shown}, which {owner} names")
        try:
            data = self._companions.read(found.path)
            return self._as_held(data, str(found))
        except Refusal as refusal:
            self._note("picture_unread", f"{found}: {refusal.sentence}")
            return None

    def _as_held(self, data: bytes, file: str) -> Picture:
        if kind := image_type(data):
            width, height = image_size(data) or (0, 0)
            if not width or not height:
                raise Refusal("bad_mesh", "it has no pixels")
            if width * height <= min(MAX_IMAGE_PIXELS, HONEST_PIXELS * len(data)):
                _check_whole(data)  # Whoever checks the GLB refuses a larger one.
            return Picture(data=data, mime_type=kind, name=base_name(file))
        data, kind = to_png(data)
        self._note("picture_converted", f"{file} is {kind} and became PNG")
        return Picture(data=data, mime_type="image/png", name=base_name(file))

    def with_mask(self, picture: Picture | None, mask: Picture) -> Picture | None:
        """A picture whose alpha is the brightness, or the alpha, of another."""
        try:
            data = _combine(picture.data if picture else None, mask.data)
        except Refusal as refusal:
            self._note("picture_unread", f"{mask.name}: {refusal.sentence}")
            return picture
        of = picture.name if picture else mask.name
        self._note("mask_combined", f"{mask.name} became the opacity of {of}, as PNG")
        return Picture(data=data, mime_type="image/png", name=of)

    def has_holes(self, picture: Picture) -> bool:
        """Whether the alpha of a picture is a mask: clear here, solid there, little between.

        Some programs write no `map_d` and show such a picture with holes. An alpha that is
        something else, such as a gloss, has values of every size.
        """
        try:
            with _opened(picture.data, _WITH_ALPHA) as opened:
                if "A" not in opened.getbands() and "transparency" not in opened.info:
                    return False
                counts = np.array(opened.convert("RGBA").getchannel("A").histogram())
        except Refusal:
            return False
        shares = counts / counts.sum()
        clear, solid = shares[: _CLEAR + 1].sum(), shares[-_CLEAR - 1 :].sum()
        return bool(clear >= 0.05 and solid >= 0.01 and clear + solid >= 0.8)

    def _note(self, code: str, sentence: str) -> None:
        self._notes.append(Note(code, sentence))


def find_picture(companions: Companions, name: bytes) -> Companion | None:
    """The file of a picture by its name, with or without what stands around it."""
    for tried in _readings(name):
        if tried and (found := companions.find(tried)) is not None:
            return found
    return None


def _readings(name: bytes) -> list[bytes]:
    """A name as it is written, without quotes, without a comment or options after it."""
    name = name.strip()
    found = [name, name.strip(b"\"'")]
    for end in (b" #", b" -"):
        if end in name:
            found.append(name[: name.index(end)].strip(b" \t\"'"))
    return list(dict.fromkeys(found))


def _check_whole(data: bytes) -> None:
    """Refuses a PNG, JPEG or WebP that is cut off or damaged; JPEG at an eighth of its size."""
    _opened(data, COPIED, small=True).close()


def to_png(data: bytes) -> tuple[bytes, str]:
    """A picture of one of the kinds `CONVERTED` as PNG, and its kind; `Refusal` for any other."""
    with _opened(data, CONVERTED) as picture:
        kind = str(picture.format)
        return _png(picture if picture.mode in ("L", "RGB", "RGBA") else _eight_bits(picture)), kind


def _combine(colour: bytes | None, mask: bytes) -> bytes:
    kinds = (*CONVERTED, *COPIED)
    with _opened(mask, kinds) as opened:
        opacity = opened.getchannel("A") if "A" in opened.getbands() else opened.convert("L")
    if colour is None:
        from PIL import Image

        picture = Image.new("RGB", opacity.size, "white")
    else:
        with _opened(colour, kinds) as opened:
            picture = opened.convert("RGB")
    if opacity.size != picture.size:
        opacity = opacity.resize(picture.size)
    picture.putalpha(opacity)
    return _png(picture)


def _eight_bits(picture):
    """A picture of more bits or of a palette in eight bits a channel."""
    from PIL import Image

    if picture.mode.startswith("I"):
        values = np.asarray(picture).astype(np.float64)
        top = 65535.0 if values.max(initial=0) > 255 else 255.0
        return Image.fromarray(np.clip(values / top * 255, 0, 255).astype(np.uint8))
    return picture.convert("RGBA" if "transparency" in picture.info else "RGB")


def _png(picture) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _opened(data: bytes, kinds: tuple[str, ...], *, small: bool = False):
    """Decodes a picture; Pillow is imported here, because most models need no decoding."""
    from PIL import Image

    if not data:
        raise Refusal("bad_mesh", "it is empty")
    try:
        picture = Image.open(io.BytesIO(data), formats=kinds)
        if picture.width * picture.height > MAX_IMAGE_PIXELS:
            raise Refusal(
                "too_large", f"it has {picture.width} x {picture.height} pixels, too many"
            )
        if small:
            picture.draft(None, (1, 1))
        picture.load()
    except (MemoryError, Refusal):
        raise
    except Exception as error:  # Decoders raise what they happen to hit.
        raise Refusal("bad_mesh", "it is no picture, or a damaged one") from error
    return picture

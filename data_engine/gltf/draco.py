"""One Draco payload as arrays, through DracoPy; what it promises is read before it is decoded."""

import dataclasses

import numpy as np

from data_engine.errors import Refusal
from data_engine.gltf.document import bad

_TRIANGLES, _SEQUENTIAL, _EDGEBREAKER = 1, 0, 1
_HAS_METADATA = 0x8000


@dataclasses.dataclass(frozen=True, kw_only=True)
class DracoMesh:
    """A decoded triangle mesh, dequantised."""

    faces: np.ndarray
    """[f, 3] uint32."""
    attributes: dict[int, np.ndarray]
    """Values by unique id, [v, c]."""


def promised_counts(data: bytes | memoryview) -> tuple[int, int]:
    """Faces and vertices that the header announces (Draco bitstream 2.2, sections 3.1, 5.1, 6.1).

    Zeros where they stand behind metadata or in an older layout; then the limits of the child
    process hold alone.
    """
    data = bytes(data[:64])
    if len(data) < 11 or data[:5] != b"DRACO":
        raise bad("its Draco data do not start as Draco does")
    version, kind, method = tuple(data[5:7]), data[7], data[8]
    if kind != _TRIANGLES or method not in (_SEQUENTIAL, _EDGEBREAKER):
        raise bad("its Draco data are not a triangle mesh")
    if version < (2, 2) or int.from_bytes(data[9:11], "little") & _HAS_METADATA:
        return 0, 0
    position = 11 + (method == _EDGEBREAKER)  # Which comes with a byte for the kind of traversal.
    first, position = _varint(data, position)
    second, position = _varint(data, position)
    return (second, first) if method == _EDGEBREAKER else (first, second)


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    for place in range(position, min(position + 5, len(data))):
        value |= (data[place] & 0x7F) << shift
        shift += 7
        if data[place] < 0x80:
            return value, place + 1
    raise bad("its Draco data end inside their header")


def decode(data: bytes) -> DracoMesh:
    """Decodes a payload; `Refusal` if it cannot be."""
    try:
        import DracoPy  # The extra `engine` brings it; most files do without.
    except ImportError as error:
        remedy = "install jaxrelic[engine], or store it without Draco"
        raise Refusal("unsupported_extension", f"DracoPy is missing; {remedy}") from error
    try:
        mesh = DracoPy.decode(data)
        faces = np.asarray(mesh.faces, np.uint32).reshape(-1, 3)
        attributes = {entry["unique_id"]: np.asarray(entry["data"]) for entry in mesh.attributes}
    except MemoryError:
        raise
    except Exception as error:  # DracoPy raises several kinds, ValueError and its own among them.
        words = " ".join(str(error).split())[:200]
        raise bad(f"its Draco data cannot be decoded: {words}") from error
    return DracoMesh(
        faces=faces,
        attributes={key: values.reshape(len(values), -1) for key, values in attributes.items()},
    )

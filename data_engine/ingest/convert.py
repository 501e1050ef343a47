"""Any mesh file becomes a GLB whose structure is sound. Runs in a limited child process.

Coordinates are kept as they are, so the catalog's `up_axis` stays true of the blob.
"""

import pathlib
import re
from typing import Any

from data_engine.errors import Refusal
from data_engine.gltf.checks import check_document
from data_engine.gltf.container import MAX_FILE_BYTES, parse_glb
from data_engine.gltf.decompress import decompress, is_compressed
from data_engine.gltf.pack import Neighbours, pack_gltf, tidied, write_glb
from data_engine.ingest.archives import MemberCompanions, Members
from data_engine.ingest.companions import Companions, FolderCompanions
from data_engine.ingest.meshes.read import convert_mesh

_BOM, _UTF16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_FOREIGN = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF"),
    (b"BLENDER", "a Blender file"),
    (b"Kaydara FBX", "an FBX file"),
    (b"<", "markup"),
)


def convert_file(task: dict[str, Any]) -> dict[str, Any]:
    """Child function: reads `path`, writes the GLB to `target`, tells the format by content.

    In a task with an `archive`, `path` is the unpacked `member` of it; else `file` is the path of
    the model below the folder `root`, which bounds where its pictures may be.

    A plain GLB is checked and not copied; `converted` says which happened. `notes` are what was
    missing or assumed, as the catalog keeps them.
    """
    path = pathlib.Path(task["path"])
    if (size := path.stat().st_size) > MAX_FILE_BYTES:
        raise Refusal("too_large", f"it has {size} bytes; at most {MAX_FILE_BYTES} are read")
    data = path.read_bytes()
    kind = sniff(data, pathlib.PurePosixPath(task.get("file", path.name)).suffix.lower())
    glb, notes = data, []
    if kind == "glb":
        glb = tidied(data)
    elif kind == "gltf":
        glb = pack_gltf(data, _neighbours(task))
    else:
        glb, notes = convert_mesh(data, kind, companions_of(task))
    if is_compressed((parsed := parse_glb(glb)).document):
        plain = decompress(parsed)
        glb = write_glb(plain.document, plain.binary)
        parsed = parse_glb(glb)
    check_document(parsed)
    if glb is data:
        return {"format": kind, "converted": False, "notes": []}
    pathlib.Path(task["target"]).write_bytes(glb)
    return {"format": kind, "converted": True, "notes": [str(note) for note in notes]}


def sniff(data: bytes, suffix: str) -> str:
    """The mesh format of a file from its content; its suffix only decides between texts."""
    if not data:
        raise Refusal("not_glb", "it is empty")
    head = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n")
    if data[:4] == b"glTF":
        return "glb"
    if re.match(rb"ply\s", data[:8].removeprefix(_BOM)):
        return "ply"
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            raise Refusal("not_glb", f"it is {name}, not a mesh")
    if suffix == ".stl" or len(data) == 84 + 50 * int.from_bytes(data[80:84], "little"):
        return "stl"
    if head.startswith(b"{"):
        return "gltf"
    if suffix == ".obj" and (b"\0" not in data[:4096] or data[:2] in _UTF16):
        return "obj"
    raise Refusal("not_glb", f"its content ({bytes(data[:8])!r}) is not GLB, glTF, OBJ, PLY or STL")


def _neighbours(task: dict[str, Any]) -> Neighbours:
    """What the file may refer to: its folder, or the members of the archive it came in."""
    if "archive" not in task:
        return Neighbours(pathlib.Path(task["path"]).parent)
    return Members(task["archive"], task["member"])


def companions_of(task: dict[str, Any]) -> Companions:
    """What may belong to a mesh: the ingested folder, or the archive it came in."""
    if "archive" in task:
        return MemberCompanions(task["archive"], task["member"])
    path = pathlib.Path(task["path"])
    if "root" in task:
        return FolderCompanions(task["root"], task["file"])
    return FolderCompanions(path.parent, path.name)

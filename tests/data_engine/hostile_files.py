"""Hostile files of our own making: what ingest must refuse, and references to a canary."""

import io
import json
import pathlib
import stat
import zipfile

from gltf_documents import BINARY, changed, tetrahedron
from scans import wedge

from data_engine.gltf.pack import write_glb


def write_hostile_files(folder: pathlib.Path, *, canary: pathlib.Path) -> dict[str, str]:
    """Fills a folder; returns the reason each file must be refused with (`taken`: none).

    Args:
        folder: Where the files go.
        canary: A file beside the folder, which the files refer to in every spelling; made here.
    """
    for suffix in ("", ".bin", ".png", ".mtl"):
        canary.with_suffix(suffix).write_bytes(bytes(100))
    files: dict[str, tuple[bytes, str]] = {
        "ours-words.glb": (b"no mesh", "not_glb"),
        "ours-picture.glb": (b"\x89PNG\r\n\x1a\n", "not_glb"),
        "ours-cut.glb": (write_glb(tetrahedron(), BINARY)[:-9], "bad_glb"),
        "ours-deep.gltf": (b'{"a":' * 100_000, "bad_glb"),
        "ours-twice.gltf": (b'{"asset": {}, "asset": {}}', "bad_glb"),
        "ours-nan.gltf": (b'{"asset": NaN}', "bad_glb"),
        "ours-zeros.glb": (_glb("accessors/0", _zeros(50_000_000)), "bomb"),
        "ours-long.glb": (_glb("buffers/0/byteLength", 1 << 50), "bad_glb"),
        "ours-cycle.glb": (_glb("nodes", [{"children": [1]}, {"children": [0]}]), "bad_glb"),
        "ours-vendor.glb": (_glb("extensionsRequired", ["V_x"]), "unsupported_extension"),
        "ours-no-scene.glb": (_glb("nodes/0", {}), "no_mesh"),
        "ours-flat.glb": (_glb("nodes/0/scale", [1, 0, 0]), "degenerate"),
        "ours-nan.obj": (b"v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "degenerate"),
        "ours-face.obj": (b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "bad_mesh"),
        "ours-slip.zip": (_slip(canary), "bad_archive"),
        "ours-link.zip": (_link(canary), "bad_archive"),
        "ours-bomb.zip": (_zip(("model.obj", bytes(4 << 20))), "bomb"),
        "ours-no-archive.zip": (b"PK\x03\x04", "bad_archive"),
    }
    for number, uri in enumerate(spellings(canary)):
        document = changed("buffers/0/uri", uri)
        files[f"ours-uri-{number}.gltf"] = (json.dumps(document).encode(), "external_uri")
        files[f"ours-uri-{number}.glb"] = (write_glb(document, b""), "external_uri")
        picture = changed("images", [{"uri": uri.replace("canary", "canary.png")}])
        files[f"ours-unused-{number}.glb"] = (write_glb(picture, BINARY), "taken")
        used = {"textures": [{"source": 0}], "materials": [{"normalTexture": {"index": 0}}]}
        files[f"ours-picture-{number}.glb"] = (write_glb(picture | used, BINARY), "external_uri")
        words = f"mtllib {uri}\nmtllib {uri}.mtl\nusemtl m\nv 0 0 {number}\nv 1 0 0\nv 0 1 0\n"
        if "\0" not in uri:  # Else it is no text, and so no OBJ.
            files[f"ours-uri-{number}.obj"] = (f"{words}f 1 2 3\n".encode(), "taken")
        files[f"ours-uri-{number}.ply"] = (_ply(uri, number + 1), "taken")
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    return {name: reason for name, (_, reason) in files.items()}


def spellings(canary: pathlib.Path) -> list[str]:
    """The ways a URI may try to reach a file beside the folder, or farther."""
    return [
        "../canary",
        "%2e%2e/canary",
        "%2E%2E%2Fcanary",
        "..\\canary",
        "x/../../canary",
        "./../canary",
        str(canary),
        f"file://{canary}",
        f"FILE:{canary}",
        "http://127.0.0.1:9/canary",
        "//127.0.0.1/canary",
        "C:/canary",
        "/etc/passwd",
        "file:///etc/hostname",
        "../canary\0.bin",
    ]


def _glb(path: str, value) -> bytes:
    return write_glb(changed(path, value), BINARY)


def _zeros(count: int) -> dict:
    return {"componentType": 5126, "count": count, "type": "VEC3"}


def _ply(uri: str, height: int) -> bytes:
    """A PLY whose header names a texture."""
    name = uri.replace("\0", "")
    data = wedge(height).export(file_type="ply")
    head, line, rest = data.partition(b"format binary_little_endian 1.0\n")
    assert line
    return head + line + f"comment TextureFile {name}\n".encode() + rest


def _zip(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return file.getvalue()


def _slip(canary: pathlib.Path) -> bytes:
    return _zip(("a.glb", wedge().export(file_type="glb")), (f"../{canary.name}-2.glb", b"x"))


def _link(canary: pathlib.Path) -> bytes:
    info = zipfile.ZipInfo("link.obj")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return _zip((info, str(canary).encode()), ("a.glb", wedge().export(file_type="glb")))

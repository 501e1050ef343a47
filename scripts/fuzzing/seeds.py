"""Small sound folders of every kind that `data-engine ingest` reads, made here."""

import base64
import functools
import io
import json
import struct
import zipfile
import zlib

import numpy as np

from data_engine.gltf.pack import write_glb
from data_engine.gltf.textured import write_glb as textured_glb

Folder = dict[str, bytes]
"""Content by path."""

CORNERS = np.array([[0, 0, 0], [2, 0, 0], [0, 3, 0], [0, 0, 5]], np.float32)
FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], np.uint16)
BINARY = CORNERS.tobytes() + FACES.tobytes()


def png(width: int = 4, height: int = 4) -> bytes:
    """A picture of one colour."""
    rows = b"".join(b"\0" + bytes([200, 60, 40]) * width for _ in range(height))
    header = struct.pack(">II5B", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def tetrahedron() -> dict:
    """A glTF document over `BINARY`."""
    return {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5123, "count": 12, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": 48},
            {"buffer": 0, "byteOffset": 48, "byteLength": 24},
        ],
        "buffers": [{"byteLength": 72}],
    }


def rich() -> dict:
    """One that uses nearly every part of the format."""
    document = tetrahedron()
    uri = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
    document["nodes"] = [
        {"children": [1], "rotation": [0, 0, 0.6, 0.8], "scale": [1, 2, 1]},
        {"mesh": 0, "weights": [0.5], "translation": [1, 2, 3], "camera": 0},
        {"mesh": 0, "matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 9, 9, 9, 1]},
    ]
    document["scenes"] = [{"nodes": [0]}, {"nodes": [2]}]
    primitive = document["meshes"][0]["primitives"][0]
    primitive["attributes"] |= {"NORMAL": 0, "TEXCOORD_0": 3, "COLOR_0": 2}
    primitive |= {"material": 0, "mode": 4, "targets": [{"POSITION": 0}]}
    document["accessors"] += [
        {"componentType": 5121, "normalized": True, "count": 4, "type": "VEC4"},
        {"componentType": 5126, "count": 4, "type": "VEC2"},
        {
            "componentType": 5126,
            "count": 4,
            "type": "SCALAR",
            "sparse": {
                "count": 2,
                "indices": {"bufferView": 1, "componentType": 5123},
                "values": {"bufferView": 0},
            },
        },
    ]
    channel = {"sampler": 0, "target": {"node": 0, "path": "rotation"}}
    return document | {
        "asset": {
            "version": "2.0",
            "copyright": "2021 (c) A. Potter, CC BY 4.0",
            "extras": {
                "title": "Vase",
                "author": "A. Potter (https://example.org)",
                "license": "CC0",
            },
        },
        "animations": [{"channels": [channel], "samplers": [{"input": 4, "output": 2}]}],
        "cameras": [{"type": "perspective", "perspective": {"yfov": 1, "znear": 0.1}}],
        "images": [{"uri": uri}, {"bufferView": 1, "mimeType": "image/png"}],
        "samplers": [{"wrapS": 33071}],
        "textures": [{"source": 0, "sampler": 0}],
        "materials": [
            {
                "pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "texCoord": 0}},
                "normalTexture": {"index": 0, "extensions": {"KHR_texture_transform": {}}},
                "alphaMode": "MASK",
            }
        ],
        "skins": [{"joints": [0]}],
        "extensionsUsed": ["KHR_texture_transform", "KHR_materials_unlit"],
        "extensions": {"KHR_lights_punctual": {"lights": [{"type": "point"}]}},
    }


def packed() -> bytes:
    """A GLB of a view that is said to be compressed by meshopt."""
    document = tetrahedron()
    document["bufferViews"][0]["extensions"] = {
        "EXT_meshopt_compression": {
            "buffer": 0, "byteLength": 48, "byteStride": 12, "count": 4, "mode": "ATTRIBUTES",
            "filter": "NONE",
        }
    }  # fmt: skip
    document["extensionsUsed"] = ["EXT_meshopt_compression"]
    return write_glb(document, b"\xa0" + BINARY[1:])


def draco() -> bytes:
    """A GLB of a real Draco payload."""
    import DracoPy

    payload = DracoPy.encode(CORNERS, FACES.astype(np.uint32))
    document = tetrahedron()
    document["accessors"] = [
        {"componentType": 5126, "count": 4, "type": "VEC3"},
        {"componentType": 5123, "count": 12, "type": "SCALAR"},
    ]
    document["bufferViews"] = [{"buffer": 0, "byteLength": len(payload)}]
    document["buffers"] = [{"byteLength": len(payload)}]
    name = "KHR_draco_mesh_compression"
    document["meshes"][0]["primitives"][0]["extensions"] = {
        name: {"bufferView": 0, "attributes": {"POSITION": 0}}
    }
    document["extensionsUsed"] = document["extensionsRequired"] = [name]
    return write_glb(document, payload)


def gltf() -> Folder:
    """A glTF of three files."""
    document = rich()
    document["buffers"][0]["uri"] = "scene.bin"
    document["images"] = [{"uri": "textures/skin.png"}]
    return {
        "scene.gltf": json.dumps(document).encode(),
        "scene.bin": BINARY,
        "textures/skin.png": png(),
    }


OBJ = """# a box with one side open
mtllib model.mtl
o box
v 0 0 0
v 1 0 0 0.5 0.5 0.5
v 1 1 0
v 0 1 0
v 0 0 1
v 1 0 1
vt 0 0
vt 1 0
vt 1 1
vn 0 0 1
usemtl skin
f 1/1/1 2/2/1 3/3/1 4/1/1
f 1/1 5/2 6/3
f 1 5 4
f -6//1 -2//1 -1//1
g other
s 1
f 2 6 3
"""
MTL = "newmtl skin\nKd 1 1 1\nKs 0 0 0\nNs 10\nmap_Kd -s 1 1 1 tex.png\nmap_d mask.png\nd 1\n"


def obj() -> Folder:
    """An OBJ with its material and picture."""
    return {"model.obj": OBJ.encode(), "model.mtl": MTL.encode(), "tex.png": png()}


def ply(form: str) -> bytes:
    """A PLY with colours, ASCII or binary."""
    header = f"""ply
format {form} 1.0
comment TextureFile tex.png
element vertex 4
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
element face 4
property list uchar int vertex_indices
end_header
""".encode()
    if form == "ascii":
        rows = [f"{x:g} {y:g} {z:g} 200 60 40" for x, y, z in CORNERS.tolist()]
        rows += [f"3 {a} {b} {c}" for a, b, c in FACES.tolist()]
        return header + "\n".join(rows).encode() + b"\n"
    order = "<" if "little" in form else ">"
    body = b"".join(struct.pack(f"{order}3f3B", *row, 200, 60, 40) for row in CORNERS.tolist())
    return header + body + b"".join(struct.pack(f"{order}B3i", 3, *f) for f in FACES.tolist())


def stl(*, text: bool) -> bytes:
    """An STL, in words or binary."""
    if text:
        triangles = CORNERS[FACES].tolist()
        lines = ["solid relic"]
        for triangle in triangles:
            lines += ["facet normal 0 0 1", " outer loop"]
            lines += ["  vertex {:g} {:g} {:g}".format(*corner) for corner in triangle]
            lines += [" endloop", "endfacet"]
        return "\n".join([*lines, "endsolid relic", ""]).encode()
    triangles = CORNERS[FACES].reshape(-1, 9).tolist()
    records = b"".join(struct.pack("<12fH", 0, 0, 1, *corners, 0) for corners in triangles)
    return bytes(80) + struct.pack("<I", len(triangles)) + records


NOTICES = {
    "license.txt": b"Model Information:\n* title:\tRed vase\n* author:\tA. Potter\n"
    b"* license type:\tCC-BY-4.0 (http://creativecommons.org/licenses/by/4.0/)\n",
    "README.md": b"# Vase\n\n**License:** CC BY-NC 4.0\nSource: https://example.org/vase\n",
    "info.json": json.dumps(
        {"name": "Vase", "user": {"displayName": "A. Potter"}, "license": {"label": "CC0"}}
    ).encode(),
    "manifest.json": json.dumps(
        {
            "objects": [
                {
                    "file": "model.glb", "name": "Vase", "licence": "CC BY 4.0", "up_axis": "Z",
                    "category": "vessel", "author": "A. Potter (https://example.org)",
                    "source": {"origin": "https://example.org"}, "description": "blue",
                }
            ]
        }
    ).encode(),
}  # fmt: skip


def zipped(folder: Folder) -> bytes:
    """An archive of a folder, the same bytes each time."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in folder.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content)
    return data.getvalue()


@functools.cache
def all_seeds() -> dict[str, Folder]:
    """Every seed by its name."""
    box = textured_glb(
        vertices=CORNERS, normals=CORNERS / 5, faces=FACES, uvs=CORNERS[:, :2], texture_png=png(),
        name="box", extras={"title": "Box", "license": "CC0-1.0"},
    )  # fmt: skip
    glb = write_glb(rich(), BINARY)
    return {
        "glb": {"model.glb": glb},
        "glb, textured": {"model.glb": box},
        "glb, small": {"model.glb": write_glb(tetrahedron(), BINARY)},
        "glb, meshopt": {"model.glb": packed()},
        "glb, draco": {"model.glb": draco()},
        "gltf": gltf(),
        "obj": obj(),
        "ply, ascii": {"model.ply": ply("ascii"), "tex.png": png()},
        "ply, binary": {"model.ply": ply("binary_little_endian"), "tex.png": png()},
        "ply, big endian": {"model.ply": ply("binary_big_endian")},
        "stl, ascii": {"model.stl": stl(text=True)},
        "stl, binary": {"model.stl": stl(text=False)},
        "zip of gltf": {"vase.zip": zipped(gltf() | NOTICES)},
        "zip of obj": {"vase.zip": zipped(obj())},
        "zip of zip": {"vase.zip": zipped({"model.glb": glb, "more.zip": zipped(obj())})},
        "notices": {"model.glb": glb, **NOTICES},
    }

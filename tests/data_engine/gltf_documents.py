"""A small glTF document, whole or with one thing wrong."""

import base64
import struct
import zlib

import numpy as np

from data_engine.gltf.checks import check_document
from data_engine.gltf.container import parse_glb
from data_engine.gltf.pack import write_glb
from data_engine.gltf.reader import Geometry, read_geometry

VERTICES = np.array([[0, 0, 0], [2, 0, 0], [0, 3, 0], [0, 0, 5]], np.float32)
FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], np.uint16)
BINARY = VERTICES.tobytes() + FACES.tobytes()


def tetrahedron() -> dict:
    """A glTF document of four faces whose data are in BINARY."""
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


def read(document: dict, binary: bytes = BINARY) -> Geometry:
    return read_geometry(check_document(parse_glb(write_glb(document, binary))))


def png(width: int, height: int) -> bytes:
    """The start of a PNG; nothing decodes it."""
    header = struct.pack(">II5B", width, height, 8, 2, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + crc


def with_image(data: bytes, kind: str = "image/png", copies: int = 1) -> dict:
    """With a picture that its material shows, `copies` times."""
    uri = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    document = tetrahedron()
    document["meshes"][0]["primitives"][0]["material"] = 0
    return document | {
        "images": [{"uri": uri}] * copies,
        "textures": [{"source": number} for number in range(copies)],
        "materials": [{"emissiveTexture": {"index": number}} for number in range(copies)],
    }


def changed(path: str, value) -> dict:
    """The tetrahedron with one entry replaced; the path is written as `nodes/0/mesh`."""
    document = tetrahedron()
    *parents, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    holder = document
    for key in parents:
        holder = holder.setdefault(key, {}) if isinstance(holder, dict) else holder[key]
    holder[last] = value
    return document


def signed_volume(geometry: Geometry) -> float:
    a, b, c = np.moveaxis(geometry.vertices[geometry.faces], 1, 0)
    return float(np.sum(a * np.cross(b, c)) / 6)

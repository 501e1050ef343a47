"""Writes one textured mesh as a binary glTF 2.0 file, the same bytes for the same input."""

import json
import struct

import numpy as np

_MAGIC, _JSON, _BINARY = 0x46546C67, 0x4E4F534A, 0x004E4942
_FLOAT, _UINT32 = 5126, 5125
_ARRAY, _ELEMENTS = 34962, 34963
_REPEAT, _LINEAR, _MIPMAP = 10497, 9729, 9987


def gltf_from_world(vectors: np.ndarray) -> np.ndarray:
    """World vectors [*b, 3] (z up, front towards -y) in glTF's frame (y up, front towards +z)."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.stack([x, z, -y], axis=-1)


def write_glb(
    *,
    vertices: np.ndarray,
    normals: np.ndarray,
    faces: np.ndarray,
    uvs: np.ndarray,
    texture_png: bytes,
    name: str,
    roughness: float = 0.8,
    metallic: float = 0.0,
    extras: dict | None = None,
) -> bytes:
    """The bytes of a GLB with one mesh, one base-colour texture and vertex normals.

    Args:
        vertices: World positions, z up, [v, 3].
        normals: Outward unit normals, world frame, [v, 3].
        faces: Counter-clockwise seen from outside, [f, 3].
        uvs: v = 1 is row 0 of the texture (glTF counts downwards; converted here), [v, 2].
        extras: Stored as `asset.extras`: title, author, licence.
    """
    positions = gltf_from_world(vertices).astype("<f4")
    blocks = [
        positions.tobytes(),
        gltf_from_world(normals).astype("<f4").tobytes(),
        np.stack([uvs[:, 0], 1 - uvs[:, 1]], axis=-1).astype("<f4").tobytes(),
        faces.astype("<u4").tobytes(),
        texture_png,
    ]
    binary, views = _pack(blocks, targets=[_ARRAY, _ARRAY, _ARRAY, _ELEMENTS, None])
    vertex = {"componentType": _FLOAT, "count": len(positions)}
    bounds = {"min": positions.min(0).tolist(), "max": positions.max(0).tolist()}
    document = {
        "asset": {"version": "2.0", "generator": "jaxrelic", "extras": extras or {}},
        "accessors": [
            {"bufferView": 0, "type": "VEC3", **vertex, **bounds},
            {"bufferView": 1, "type": "VEC3", **vertex},
            {"bufferView": 2, "type": "VEC2", **vertex},
            {"bufferView": 3, "type": "SCALAR", "componentType": _UINT32, "count": faces.size},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
        "images": [{"bufferView": 4, "mimeType": "image/png"}],
        "materials": [_material(roughness, metallic)],
        "meshes": [{"name": name, "primitives": [_PRIMITIVE]}],
        "nodes": [{"mesh": 0, "name": name}],
        "samplers": [
            {"magFilter": _LINEAR, "minFilter": _MIPMAP, "wrapS": _REPEAT, "wrapT": _REPEAT}
        ],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "textures": [{"sampler": 0, "source": 0}],
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    chunks = _chunk(_JSON, text, b" ") + _chunk(_BINARY, binary, b"\0")
    return struct.pack("<III", _MAGIC, 2, 12 + len(chunks)) + chunks


_PRIMITIVE = {
    "attributes": {"NORMAL": 1, "POSITION": 0, "TEXCOORD_0": 2},
    "indices": 3,
    "material": 0,
    "mode": 4,
}


def _material(roughness: float, metallic: float) -> dict:
    """Metallic-roughness with the texture as base colour; closed relics need no back faces."""
    return {
        "doubleSided": False,
        "name": "relic",
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": 0},
            "metallicFactor": metallic,
            "roughnessFactor": roughness,
        },
    }


def _pack(blocks: list[bytes], *, targets: list[int | None]) -> tuple[bytes, list[dict]]:
    """Joins blocks at multiples of four bytes and says where each begins."""
    binary, views = b"", []
    for block, target in zip(blocks, targets, strict=True):
        view = {"buffer": 0, "byteOffset": len(binary), "byteLength": len(block)}
        views.append(view if target is None else view | {"target": target})
        binary += block + b"\0" * (-len(block) % 4)
    return binary, views


def _chunk(kind: int, data: bytes, filler: bytes) -> bytes:
    """One GLB chunk, filled up to a multiple of four bytes."""
    data += filler * (-len(data) % 4)
    return struct.pack("<II", len(data), kind) + data

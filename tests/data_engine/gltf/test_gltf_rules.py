"""Each broken rule of glTF has its own reason, and none of them costs memory."""

import json
import struct

import numpy as np
import pytest
from gltf_documents import (
    BINARY,
    FACES,
    VERTICES,
    changed,
    png,
    read,
    tetrahedron,
    with_image,
)

from data_engine.errors import Refusal
from data_engine.gltf.checks import MAX_NODE_DEPTH
from data_engine.gltf.container import MAX_JSON_DEPTH, parse_glb
from data_engine.gltf.pack import write_glb
from data_engine.gltf.pictures import MAX_TEXTURES
from data_engine.gltf.reader import load_geometry

ACCESSORS = tetrahedron()["accessors"]
DEEP = MAX_NODE_DEPTH + 1
BROKEN = {
    "version 1": (changed("asset/version", "1.0"), "bad_glb"),
    "version missing": (changed("asset", {}), "bad_glb"),
    "required extension": (changed("extensionsRequired", ["EXT_x"]), "unsupported_extension"),
    "basisu": (changed("extensionsRequired", ["KHR_texture_basisu"]), "unsupported_extension"),
    "draco, not required": (
        changed("meshes/0/primitives/0/extensions", {"KHR_draco_mesh_compression": {}}),
        "unsupported_extension",
    ),
    "meshopt, not required": (
        changed("bufferViews/0/extensions", {"EXT_meshopt_compression": {}}),
        "unsupported_extension",
    ),
    "instancing": (
        changed("nodes/0/extensions", {"EXT_mesh_gpu_instancing": {}}),
        "unsupported_extension",
    ),
    "buffer elsewhere": (changed("buffers/0/uri", "/etc/passwd"), "external_uri"),
    "buffer above": (changed("buffers/0/uri", "%2e%2e/x"), "external_uri"),
    "buffer on the web": (changed("buffers/0/uri", "http://127.0.0.1/x"), "external_uri"),
    "buffer URI is a number": (changed("buffers/0/uri", 3), "external_uri"),
    "picture elsewhere": (changed("images", [{"uri": "file:///etc/x.png"}]), "external_uri"),
    "data URI of HTML": (changed("buffers/0/uri", "data:text/html;base64,AAAA"), "bad_glb"),
    "data URI not base64": (
        changed("buffers/0/uri", "data:application/octet-stream;base64,***"),
        "bad_glb",
    ),
    "buffer too long": (changed("buffers/0/byteLength", 1 << 50), "bad_glb"),
    "second buffer from nowhere": (
        changed("buffers", [{"byteLength": 72}, {"byteLength": 72}]),
        "bad_glb",
    ),
    "view past buffer": (changed("bufferViews/1/byteLength", 28), "bad_glb"),
    "view offset negative": (changed("bufferViews/0/byteOffset", -4), "bad_glb"),
    "stride 3": (changed("bufferViews/0/byteStride", 3), "bad_glb"),
    "stride 14": (changed("bufferViews/0/byteStride", 14), "bad_glb"),
    "stride below element": (changed("bufferViews/0/byteStride", 8), "bad_glb"),
    "accessor past view": (changed("accessors/0/count", 5), "bad_glb"),
    "accessor misaligned": (changed("accessors/1/byteOffset", 1), "bad_glb"),
    "accessor of no kind": (changed("accessors/0/type", "VEC9"), "bad_glb"),
    "accessor component list": (changed("accessors/0/componentType", 5124), "bad_glb"),
    "count is true": (changed("accessors/0/count", True), "bad_glb"),
    "count is a float": (changed("accessors/0/count", 4.0), "bad_glb"),
    "positions are pairs": (changed("accessors/0/type", "VEC2"), "bad_glb"),
    "indices are floats": (changed("accessors/1/componentType", 5126), "bad_glb"),
    "sparse past view": (
        changed(
            "accessors/0/sparse",
            {
                "count": 4,
                "indices": {"bufferView": 1, "componentType": 5125},
                "values": {"bufferView": 1},
            },
        ),
        "bad_glb",
    ),
    "accessor count beyond all views": (changed("accessors/0/count", 1 << 53), "bomb"),
    "stride 256": (changed("bufferViews/0/byteStride", 256), "bad_glb"),
    "sparse count beyond the accessor": (
        changed("accessors/0/sparse", {"count": 5, "indices": {}, "values": {}}),
        "bad_glb",
    ),
    "scene names a child": (
        changed("nodes", [{"mesh": 0}, {"children": [0]}]) | {"scenes": [{"nodes": [0, 1]}]},
        "bad_glb",
    ),
    "light index": (
        changed("nodes/0/extensions", {"KHR_lights_punctual": {"light": 0}}),
        "bad_glb",
    ),
    "variant index": (
        changed(
            "meshes/0/primitives/0/extensions",
            {"KHR_materials_variants": {"mappings": [{"material": 0, "variants": []}]}},
        ),
        "bad_glb",
    ),
    "webp source": (
        changed("textures", [{"extensions": {"EXT_texture_webp": {"source": 0}}}]),
        "bad_glb",
    ),
    "animation sampler": (
        changed("animations", [{"samplers": [], "channels": [{"sampler": 0, "target": {}}]}]),
        "bad_glb",
    ),
    "normals are indices": (changed("meshes/0/primitives/0/attributes/NORMAL", 1), "bad_glb"),
    "node index": (changed("scenes/0/nodes", [1]), "bad_glb"),
    "node index negative": (changed("scenes/0/nodes", [-1]), "bad_glb"),
    "scene names a node twice": (changed("scenes/0/nodes", [0, 0]), "bad_glb"),
    "mesh index": (changed("nodes/0/mesh", 1), "bad_glb"),
    "mesh index is text": (changed("nodes/0/mesh", "0"), "bad_glb"),
    "material index": (changed("meshes/0/primitives/0/material", 0), "bad_glb"),
    "texture index": (
        changed("materials", [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]),
        "bad_glb",
    ),
    "attribute index": (changed("meshes/0/primitives/0/attributes/NORMAL", 2), "bad_glb"),
    "attributes differ in length": (
        changed("meshes/0/primitives/0/attributes/NORMAL", 1),
        "bad_glb",
    ),
    "mode 7": (changed("meshes/0/primitives/0/mode", 7), "bad_glb"),
    "nodes is an object": (changed("nodes", {}), "bad_glb"),
    "meshes holds null": (changed("meshes", [None]), "bad_glb"),
    "own child": (changed("nodes", [{"mesh": 0, "children": [0]}]), "bad_glb"),
    "cycle": (changed("nodes", [{"mesh": 0}, {"children": [2]}, {"children": [1]}]), "bad_glb"),
    "two parents": (
        changed("nodes", [{"mesh": 0}, {"children": [0]}, {"children": [0]}]),
        "bad_glb",
    ),
    "nodes nested deep": (
        changed("nodes", [{"children": [n + 1]} for n in range(DEEP)] + [{"mesh": 0}]),
        "too_large",
    ),
    "many nodes": (changed("nodes", [{}] * 100_001), "too_large"),
    "matrix of nine": (changed("nodes/0/matrix", [1.0] * 9), "bad_glb"),
    "zero quaternion": (changed("nodes/0/rotation", [0, 0, 0, 0]), "bad_glb"),
    "points only": (changed("meshes/0/primitives/0/mode", 0), "no_mesh"),
    "no mesh shown": (changed("nodes/0", {}), "no_mesh"),
    "mesh outside the scene": (changed("nodes", [{}, {"mesh": 0}]), "no_mesh"),
    "flattened by its node": (changed("nodes/0/scale", [1, 0, 0]), "degenerate"),
    "overflows": (changed("nodes/0/scale", [1e308, 1e308, 1e308]), "degenerate"),
    "skinned": (changed("skins", [{"joints": [0]}]) | {"nodes": [{"mesh": 0, "skin": 0}]},
                "unsupported_extension"),
    "picture of unknown kind": (with_image(b"GIF89a" + bytes(30)), "bad_glb"),
    "picture too large": (with_image(png(8193, 8192)), "bomb"),
    "pictures too many": (
        tetrahedron() | {"images": with_image(png(1, 1))["images"] * (MAX_TEXTURES + 1)},
        "too_large",
    ),
    "pixels in all": (
        with_image(png(8192, 8192), copies=9),
        "bomb",
    ),
    "textures too many": (changed("textures", [{}] * (MAX_TEXTURES + 1)), "too_large"),
    "morph target of another length": (
        changed("meshes/0/primitives/0/targets", [{"POSITION": 2}])
        | {"accessors": [*ACCESSORS, ACCESSORS[0] | {"count": 3}]},
        "bad_glb",
    ),
    "weights are text": (changed("nodes/0/weights", "1"), "bad_glb"),
    "morph targets": (
        changed("meshes/0/primitives/0/targets", [{"POSITION": 0}] * 65),
        "too_large",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_refused_with_its_reason(name):
    document, reason = BROKEN[name]
    with pytest.raises(Refusal) as refusal:
        read(document)
    assert refusal.value.reason == reason, refusal.value


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty", b"", "not_glb"),
        ("picture", png(1, 1), "not_glb"),
        ("header only", b"glTF\2\0\0\0\14\0\0\0", "bad_glb"),
        ("container version 1", b"glTF\1\0\0\0\24\0\0\0" + bytes(8), "bad_glb"),
        ("cut short", write_glb(tetrahedron(), BINARY)[:-8], "bad_glb"),
        ("promises too little", b"glTF\2\0\0\0\10\0\0\0" + bytes(8), "bad_glb"),
    ],
)
def test_a_broken_container_is_refused(name, data, reason):
    with pytest.raises(Refusal) as refusal:
        parse_glb(data)
    assert refusal.value.reason == reason


def with_json(text: bytes) -> bytes:
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(text), len(text), 0x4E4F534A) + text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"a": 1, "a": 2}', "occurs twice"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e999}', "1e999"),
        (b'{"a": ' + b"9" * 5000 + b"}", "cannot be parsed"),
        (b'{"a": "\xff"}', "utf-8"),
        (b'{"a": ', "cannot be parsed"),
        (b"[]", "not an object"),
        (b"[" * (MAX_JSON_DEPTH + 1) + b"]" * (MAX_JSON_DEPTH + 1), "nested 65 deep"),
        (b'{"a": ' * 200_000, "nested 200000 deep"),
        (b'"' + b'\\"' * 500_000 + b"[" * 100, "cannot be parsed"),
        (b"{}\0\0", "cannot be parsed"),
    ],
)
def test_json_beyond_the_rules_is_refused_before_it_hurts(text, words):
    with pytest.raises(Refusal, match="bad_glb") as refusal:
        parse_glb(with_json(text))
    assert words in refusal.value.sentence


def test_brackets_inside_strings_are_not_nesting():
    text = json.dumps({"extras": "[{" * 1000 + '\\"' + "[" * 1000}).encode()
    assert parse_glb(with_json(text)).document["extras"].startswith("[{")


def test_252_bytes_that_ask_for_gigabytes_are_refused(tmp_path):
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"componentType": 5126, "count": 50_000_000, "type": "VEC3"}],
    }
    path = tmp_path / "bomb.glb"
    path.write_bytes(write_glb(document, b""))
    assert path.stat().st_size < 300
    with pytest.raises(Refusal, match="bomb"):
        load_geometry(path)
    document["accessors"][0]["count"] = 1 << 50
    path.write_bytes(write_glb(document, b""))
    with pytest.raises(Refusal, match="bomb"):
        load_geometry(path)


def test_instances_count_as_often_as_they_are_shown():
    faces = np.tile(FACES.reshape(-1), 1000)
    document = changed("accessors/1/count", faces.size)
    document["bufferViews"][1]["byteLength"] = faces.nbytes
    document["buffers"][0]["byteLength"] = 48 + faces.nbytes
    document["nodes"] = [{"mesh": 0} for _ in range(1251)]
    document["scenes"] = [{"nodes": list(range(1251))}]
    with pytest.raises(Refusal, match="bomb: it shows 5004000 triangles"):
        read(document, VERTICES.tobytes() + faces.tobytes())


def test_morph_targets_count_as_vertices():
    document = {"asset": {"version": "2.0"}, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}]}
    document["accessors"] = [{"componentType": 5126, "count": 500_000, "type": "VEC3"}]
    primitive = {"attributes": {"POSITION": 0}, "targets": [{"POSITION": 0}] * 31}
    document["meshes"] = [{"primitives": [primitive]}]
    with pytest.raises(Refusal, match="bomb: it shows 16000000 vertices"):
        read(document, b"")


def test_an_index_beyond_the_vertices_is_refused():
    faces = FACES.copy()
    faces[3, 2] = 4
    with pytest.raises(Refusal, match="an index is 4; there are 4 vertices"):
        read(tetrahedron(), VERTICES.tobytes() + faces.tobytes())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_vertex_that_is_not_finite_is_refused(value):
    vertices = VERTICES.copy()
    vertices[2, 1] = value
    with pytest.raises(Refusal, match="degenerate: 1 of 4"):
        read(tetrahedron(), vertices.tobytes() + FACES.tobytes())


def test_triangles_as_good_as_folded_shut_are_refused():
    """Found by the fuzzer: an area that is no zero and no surface, either."""
    vertices = np.array([[0, 0, 0], [2, 0, 0], [1, 1e-38, 0], [1, 0, 1e-38]], np.float32)
    with pytest.raises(Refusal, match="degenerate: all of its 4 triangles have no area"):
        read(tetrahedron(), vertices.tobytes() + FACES.tobytes())


def test_sides_that_no_number_holds_are_refused():
    vertices = VERTICES * np.float32(1e37)
    vertices[0, 0] = -3e37  # To 2e37: no vertex is beyond what a number holds, the side is.
    document = changed("nodes/0/scale", [4e270, 1, 1])
    with pytest.raises(Refusal, match=r"degenerate: .* has no area that can"):
        read(document, vertices.tobytes() + FACES.tobytes())

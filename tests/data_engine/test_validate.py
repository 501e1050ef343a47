"""The GLB validator: each broken rule has its own reason, and the numbers it reads are right."""

import base64
import copy
import hashlib
import json
import pathlib
import struct
import zlib

import numpy as np
import pytest
import trimesh

from data_engine import shape_facts as facts
from data_engine.catalog import Catalog
from data_engine.children import ChildLimits
from data_engine.errors import Refusal
from data_engine.gltf.checks import MAX_NODE_DEPTH, check_document
from data_engine.gltf.container import MAX_JSON_DEPTH, parse_glb
from data_engine.gltf.image_headers import image_size
from data_engine.gltf.pack import write_glb
from data_engine.gltf.reader import Geometry, load_geometry, read_geometry
from data_engine.sources.convert import convert_file
from data_engine.validate import validate_all
from data_engine.workspace import Workspace

SHARED = pathlib.Path(__file__).parents[2].parent / "shared" / "data"
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


def with_image(data: bytes, kind: str = "image/png") -> dict:
    uri = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return tetrahedron() | {"images": [{"uri": uri}]}


def changed(path: str, value) -> dict:
    """The tetrahedron with one entry replaced; the path is written as `nodes/0/mesh`."""
    document = tetrahedron()
    *parents, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    holder = document
    for key in parents:
        holder = holder.setdefault(key, {}) if isinstance(holder, dict) else holder[key]
    holder[last] = value
    return document


def test_a_tetrahedron_is_read_as_it_was_written():
    geometry = read(tetrahedron())
    np.testing.assert_array_equal(geometry.vertices, VERTICES)
    np.testing.assert_array_equal(geometry.faces, FACES)
    assert geometry.vertices.dtype == np.float64
    assert geometry.faces.dtype == np.int64


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
        "bomb",
    ),
    "many nodes": (changed("nodes", [{}] * 100_001), "bomb"),
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
        tetrahedron() | {"images": with_image(png(1, 1))["images"] * 65},
        "bomb",
    ),
    "morph targets": (changed("meshes/0/primitives/0/targets", [{"POSITION": 0}] * 65), "bomb"),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name, (_, reason) in BROKEN.items() if reason])
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
        ("too long", write_glb(tetrahedron(), BINARY) + bytes(4), "bad_glb"),
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
    with pytest.raises(Refusal, match="bomb: it shows 5004000 triangles"):
        read(document, VERTICES.tobytes() + faces.tobytes())


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


def test_node_transforms_compose_from_the_root_down():
    document = tetrahedron()
    half = np.sqrt(0.5)
    document["nodes"] = [
        {"children": [1], "translation": [10, 0, 0], "rotation": [0, 0, half, half]},
        {"mesh": 0, "scale": [1, 2, 3]},
    ]
    x, y, z = (VERTICES * [1, 2, 3]).T.astype(np.float64)
    expected = np.stack([10 - y, x, z], axis=-1)  # A quarter turn about z sends x to y.
    np.testing.assert_allclose(read(document).vertices, expected, atol=1e-12)
    matrix = np.eye(4)
    matrix[:3, 3] = [1, -2, 3]
    np.testing.assert_allclose(
        read(changed("nodes/0/matrix", matrix.T.ravel().tolist())).vertices,
        VERTICES + np.array([1, -2, 3]),
    )


def signed_volume(geometry: Geometry) -> float:
    a, b, c = np.moveaxis(geometry.vertices[geometry.faces], 1, 0)
    return float(np.sum(a * np.cross(b, c)) / 6)


def test_a_mirroring_node_keeps_faces_outward():
    assert signed_volume(read(tetrahedron())) == pytest.approx(5.0)
    assert signed_volume(read(changed("nodes/0/scale", [-1, 1, 1]))) == pytest.approx(5.0)


def test_strips_and_fans_mean_their_triangles():
    corners = np.arange(4, dtype=np.uint16)
    document = changed("accessors/1/count", 4)
    data = VERTICES.tobytes() + corners.tobytes() + bytes(16)
    document["meshes"][0]["primitives"][0]["mode"] = 5
    np.testing.assert_array_equal(read(document, data).faces, [[0, 1, 2], [1, 3, 2]])
    document["meshes"][0]["primitives"][0]["mode"] = 6
    np.testing.assert_array_equal(read(document, data).faces, [[1, 2, 0], [2, 3, 0]])


def test_interleaved_sparse_and_quantised_positions_are_decoded():
    interleaved = np.concatenate([VERTICES, -VERTICES], axis=1).tobytes() + FACES.tobytes()
    document = changed("bufferViews/0", {"buffer": 0, "byteLength": 96, "byteStride": 24})
    document["bufferViews"][1]["byteOffset"] = 96
    document["buffers"][0]["byteLength"] = 120
    document["accessors"][0]["byteOffset"] = 12
    np.testing.assert_array_equal(read(document, interleaved).vertices, -VERTICES)

    sparse = tetrahedron()
    zeros = {"componentType": 5126, "count": 4, "type": "VEC3"}
    zeros["sparse"] = {
        "count": 3,
        "indices": {"bufferView": 2, "componentType": 5121},
        "values": {"bufferView": 3},
    }
    sparse["accessors"][0] = zeros
    sparse["bufferViews"] += [
        {"buffer": 0, "byteOffset": 72, "byteLength": 3},
        {"buffer": 0, "byteOffset": 12, "byteLength": 36},
    ]
    sparse["buffers"][0]["byteLength"] = 75
    np.testing.assert_array_equal(read(sparse, BINARY + b"\1\2\3\0").vertices, VERTICES)

    quantised = tetrahedron()
    quantised["extensionsRequired"] = quantised["extensionsUsed"] = ["KHR_mesh_quantization"]
    quantised["accessors"][0] |= {"componentType": 5120, "normalized": True}
    quantised["bufferViews"][0] |= {"byteStride": 4, "byteLength": 16}
    small = np.zeros((4, 4), np.int8)
    small[:, :3] = [[-128, 0, 0], [127, 0, 0], [0, 127, 0], [0, 0, 127]]
    expected = np.array([[-1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    data = small.tobytes() + bytes(32) + FACES.tobytes()
    np.testing.assert_array_equal(read(quantised, data).vertices, expected)


def from_trimesh(mesh: trimesh.Trimesh) -> Geometry:
    return Geometry(vertices=np.asarray(mesh.vertices, np.float64), faces=np.asarray(mesh.faces))


def test_a_box_is_watertight_until_a_face_is_taken_even_with_split_vertices():
    box = from_trimesh(trimesh.creation.box((1, 2, 3)))
    split = Geometry(vertices=box.vertices[box.faces.ravel()], faces=np.arange(36).reshape(-1, 3))
    assert facts.is_watertight(box)
    assert facts.is_watertight(split)
    assert not facts.is_watertight(Geometry(vertices=box.vertices, faces=box.faces[1:]))


def test_the_geometry_hash_ignores_what_is_not_shape():
    rng = np.random.default_rng(3)
    blob = trimesh.creation.icosphere(2)
    vertices = np.round(np.asarray(blob.vertices) * [1.0, 0.7, 0.4], 3)
    faces = np.asarray(blob.faces)
    base = facts.geometry_sha256(Geometry(vertices=vertices, faces=faces))

    def sha(vertices, faces):
        return facts.geometry_sha256(Geometry(vertices=vertices, faces=faces))

    order, places = rng.permutation(len(faces)), rng.permutation(len(vertices))
    shuffled = np.empty_like(vertices)
    shuffled[places] = vertices
    assert sha(shuffled, np.roll(places[faces][order], 1, axis=1)) == base
    assert sha(vertices[faces.ravel()], np.arange(faces.size).reshape(-1, 3)) == base
    assert sha(vertices * 4 + [16, -8, 32], faces) == base
    assert sha(vertices, faces[:, ::-1]) == base
    assert sha(vertices, faces[1:]) != base
    assert sha(vertices * [1, 1, 1.01], faces) != base
    assert sha(vertices[:, [1, 2, 0]], faces) != base


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_facts_hold_at_any_scale(scale):
    box = trimesh.creation.box((scale, 2 * scale, 3 * scale))
    one = facts.shape_facts(from_trimesh(trimesh.creation.box((1, 2, 3))))
    other = facts.shape_facts(from_trimesh(box))
    assert other.watertight
    assert other.geometry_sha256 == one.geometry_sha256
    np.testing.assert_allclose(other.bbox_max, np.multiply(one.bbox_max, scale))


def test_picture_sizes_are_read_from_headers(tmp_path):
    from PIL import Image

    assert image_size(png(30_000, 7)) == (30_000, 7)
    for suffix, options in [("jpg", {}), ("jpg", {"progressive": True}), ("png", {}),
                            ("webp", {"lossless": True}), ("webp", {"quality": 50}),
                            ("webp", {"exif": b"Exif\0\0"})]:  # fmt: skip
        path = tmp_path / f"picture.{suffix}"
        Image.new("RGB", (37, 21), "red").save(path, **options)
        assert image_size(path.read_bytes()) == (37, 21), options
    assert image_size(b"\xff\xd8\xff" + b"\xff" * 5000) is None
    assert image_size(b"<html>") is None


def enter(workspace: Workspace, data: bytes, name: str) -> str:
    digest = workspace.store_blob(data)
    uid = f"{name}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    with Catalog(workspace.catalog_path) as catalog:
        record = {"uid": uid, "state": "fetched", "glb_sha256": digest, "source_file": name}
        return catalog.add(record)


def test_the_stage_validates_refuses_and_finds_repeats(tmp_path):
    workspace = Workspace(tmp_path / "ws")
    sound = enter(workspace, write_glb(tetrahedron(), BINARY), "a")
    twin = enter(workspace, write_glb(changed("nodes/0/scale", [2, 2, 2]), BINARY), "b")
    broken = enter(workspace, write_glb(BROKEN["no mesh shown"][0], BINARY), "c")
    report = validate_all(workspace, workers=2, limits=ChildLimits(seconds=60))
    assert report.duplicates == [(twin, sound)]
    assert [entry[:2] for entry in report.rejected] == [("c", "no_mesh")]
    with Catalog(workspace.catalog_path) as catalog:
        relic = catalog.get(sound)
        assert (relic.state, relic.vertices, relic.triangles) == ("validated", 4, 4)
        assert relic.watertight is True
        assert relic.bbox_max == (2.0, 3.0, 5.0)
        assert catalog.get(twin).dup_of == sound
        assert catalog.get(broken).reason == "no_mesh"
        before = [catalog.events(uid) for uid in (sound, twin, broken)]
    assert validate_all(workspace, workers=2, limits=ChildLimits()).validated == 0
    with Catalog(workspace.catalog_path) as catalog:
        assert [catalog.events(uid) for uid in (sound, twin, broken)] == before


HOSTILE = {
    "truncated-body.glb": "bad_glb",
    "truncated-header.glb": "bad_glb",
    "zero-byte.glb": "not_glb",
    "absurd-buffer-length.glb": "bad_glb",
    "absurd-chunk-length.glb": "bad_glb",
    "index-out-of-range.glb": "bad_glb",
    "external-uri.glb": "external_uri",
    "external-uri.gltf": "external_uri",
    "node-cycle.glb": "bad_glb",
    "deep-json.gltf": "bad_glb",
    "empty-mesh.obj": "no_mesh",
    "empty-mesh.ply": "no_mesh",
    "empty-scene.glb": "no_mesh",
    "points-only.ply": "no_mesh",
    "nan-vertices.glb": "degenerate",
    "nan-vertices.obj": "degenerate",
    "degenerate-faces.obj": "degenerate",
    "picture-named.glb": "not_glb",
    "valid-draco.glb": "unsupported_extension",
    "valid-meshopt-webp.glb": "unsupported_extension",
    "unknown-required-extension.glb": "unsupported_extension",
    "gltf-version-1.glb": "bad_glb",
    "one-triangle.obj": None,
    "one-triangle.glb": None,
    "huge-scale-1e9.ply": None,
    "tiny-scale-1e-9.ply": None,
    "no-material.glb": None,
    "inside-out.glb": None,
    "many-components.glb": None,
    "off-centre.obj": None,
    "glb-named.obj": None,
    "duplicate-permuted.ply": None,
    "duplicate-bytes.glb": None,
    "duplicate-moved.ply": None,
    "near-duplicate-lucy.glb": None,
    "青花瓷 — vase №1 (ünïcode).glb": None,
}
"""File to the reason it is refused with; None where it is taken."""


def hostile_meshes() -> list[str]:
    manifest = SHARED / "hostile" / "manifest.json"
    if not manifest.exists():
        return []
    files = json.loads(manifest.read_text())["files"]
    return [entry["file"] for entry in files if entry["kind"] == "mesh"]


needs_shared = pytest.mark.skipif(
    not (SHARED / "hostile").is_dir(), reason="needs ../shared/data/hostile"
)


def read_any(name: str, tmp_path: pathlib.Path) -> Geometry:
    """What ingest and validate do to one file, without the children."""
    path, target = SHARED / name, tmp_path / "out.glb"
    answer = convert_file({"path": str(path), "target": str(target)})
    return load_geometry(target if answer["converted"] else path)


@needs_shared
def test_the_table_of_hostile_files_is_complete():
    assert sorted(HOSTILE) == sorted(hostile_meshes())


@needs_shared
@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_file_ends_as_the_table_says(name, tmp_path):
    reason = HOSTILE[name]
    if reason is None:
        measured = facts.shape_facts(read_any(f"hostile/{name}", tmp_path))
        assert np.isfinite([measured.bbox_min, measured.bbox_max]).all()
        assert measured.triangles >= 1
    else:
        with pytest.raises(Refusal) as refusal:
            read_any(f"hostile/{name}", tmp_path)
        assert refusal.value.reason == reason


@needs_shared
@pytest.mark.parametrize(
    ("copy_name", "original"),
    [
        ("duplicate-permuted.ply", "ggg-black-vase.ply"),
        ("duplicate-bytes.glb", "grave.glb"),
        ("no-material.glb", "os-goathead.obj"),
        ("inside-out.glb", "os-goathead.obj"),
        ("glb-named.obj", "mk-mortar.glb"),
    ],
)
def test_the_same_scan_in_other_bytes_has_the_same_geometry_hash(copy_name, original, tmp_path):
    one = facts.geometry_sha256(read_any(f"hostile/{copy_name}", tmp_path))
    assert one == facts.geometry_sha256(read_any(f"relics/{original}", tmp_path))


@needs_shared
def test_a_shape_far_from_the_origin_keeps_its_form(tmp_path):
    geometry = read_any("hostile/off-centre.obj", tmp_path)
    np.testing.assert_array_equal(np.ptp(geometry.vertices, axis=0), [1, 1, 1])
    assert signed_volume(geometry) == pytest.approx(1.0)


def test_the_document_of_the_caller_is_left_alone():
    document = tetrahedron()
    before = copy.deepcopy(document)
    read(document)
    assert document == before

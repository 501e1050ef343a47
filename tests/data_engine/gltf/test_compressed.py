"""Draco and meshopt are undone when a file enters, exactly, and cost no more than they promise."""

import json

import numpy as np
import pytest
import trimesh
from gltf_documents import tetrahedron
from scans import SHARED, ingest, needs_shared, relics

from data_engine.errors import Refusal
from data_engine.gltf import draco, meshopt
from data_engine.gltf.checks import Gltf, check_document
from data_engine.gltf.container import Glb, parse_glb, read_glb
from data_engine.gltf.decompress import decompress, is_compressed
from data_engine.gltf.pack import write_glb
from data_engine.gltf.reader import load_geometry, read_accessor, read_geometry
from data_engine.ingest.convert import convert_file

DracoPy = pytest.importorskip("DracoPy", reason="needs DracoPy (extra engine)")

BLOB = trimesh.creation.icosphere(1, radius=1.0)
BLOB.vertices = np.float32(BLOB.vertices * [1.0, 0.7, 0.4])
COLOURS = np.arange(0, len(BLOB.vertices) * 6, 2).astype(np.uint8).reshape(-1, 3)


def with_draco(**changes) -> Glb:
    """A file of one Draco primitive: positions under the unique id 8, colours under 7."""
    payload = DracoPy.encode(
        BLOB.vertices, BLOB.faces.astype(np.uint32), quantization_bits=16, preserve_order=True,
        generic_attributes={7: COLOURS},
    )  # fmt: skip
    count = len(BLOB.vertices)
    packed = {"bufferView": 0, "attributes": {"POSITION": 8, "COLOR_0": 7}}
    primitive = {"attributes": {"POSITION": 0, "COLOR_0": 1}, "indices": 2}
    primitive["extensions"] = {"KHR_draco_mesh_compression": packed}
    document = {
        "asset": {"version": "2.0"},
        "extensionsUsed": ["KHR_draco_mesh_compression", "KHR_materials_unlit"],
        "extensionsRequired": ["KHR_draco_mesh_compression"],
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "accessors": [
            {"componentType": 5126, "count": count, "type": "VEC3"},
            {"componentType": 5121, "count": count, "type": "VEC3", "normalized": True},
            {"componentType": 5123, "count": BLOB.faces.size, "type": "SCALAR"},
        ],
        "bufferViews": [{"buffer": 0, "byteLength": len(payload)}],
        "buffers": [{"byteLength": len(payload)}],
    }
    return parse_glb(write_glb(document | changes, payload))


def test_draco_becomes_plain_accessors_of_the_same_mesh():
    plain = decompress(with_draco())
    assert "KHR_draco" not in json.dumps(plain.document)
    assert plain.document["extensionsUsed"] == ["KHR_materials_unlit"]
    assert "extensionsRequired" not in plain.document
    gltf = checked(plain)
    geometry = read_geometry(gltf)
    # Half a step of 16 bits over the longest side of 2.
    np.testing.assert_allclose(geometry.vertices, BLOB.vertices, atol=1.01 / 65535)
    np.testing.assert_array_equal(geometry.faces, BLOB.faces)
    colours = plain.document["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"]
    np.testing.assert_array_equal(read_accessor(gltf, colours), COLOURS / 255)
    bounds = plain.document["accessors"][0]
    np.testing.assert_array_equal(bounds["min"], geometry.vertices.min(axis=0))
    np.testing.assert_array_equal(bounds["max"], geometry.vertices.max(axis=0))
    assert len(plain.binary) == sum(view["byteLength"] for view in plain.document["bufferViews"])


def test_the_blob_of_a_draco_file_is_plain_and_its_source_is_remembered(folder, workspace):
    glb = with_draco()
    (folder / "packed.glb").write_bytes(write_glb(glb.document, glb.binary))
    report = ingest(folder, workspace)
    relic = relics(workspace)["packed.glb"]
    assert (report.added, report.converted, relic.source_format) == (1, 1, "glb")
    assert relic.source_sha256 != relic.glb_sha256
    assert not is_compressed(read_glb(workspace.blob_path(relic.glb_sha256)).document)


def checked(plain: Glb) -> Gltf:
    return check_document(parse_glb(write_glb(plain.document, plain.binary)))


def refusal_of(glb: Glb) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        checked(decompress(glb))
    return refusal.value


def changed(glb: Glb, path: str, value) -> Glb:
    *parents, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    holder = glb.document
    for key in parents:
        holder = holder[key]
    holder[last] = value
    return glb


PACKED = "meshes/0/primitives/0/extensions/KHR_draco_mesh_compression"


@pytest.mark.parametrize(
    ("path", "value", "reason", "words"),
    [
        (f"{PACKED}/attributes/POSITION", 5, "bad_glb", "lack attribute 5"),
        (f"{PACKED}/attributes/NORMAL", 8, "bad_glb", "names no accessor"),
        (f"{PACKED}/bufferView", 1, "bad_glb", "bufferView"),
        ("accessors/1/componentType", 5120, "bad_glb", "does not fit"),
        ("accessors/1/type", "VEC4", "bad_glb", "does not fit"),
        ("accessors/0/count", 1 << 40, "bomb", "2 GiB"),
        ("accessors/2/count", 15_000_003, "bomb", "triangles"),
        (PACKED, [], "bad_glb", "not an object"),
    ],
)
def test_a_draco_primitive_that_does_not_fit_its_accessors_is_refused(path, value, reason, words):
    refusal = refusal_of(changed(with_draco(), path, value))
    assert (refusal.reason, words in refusal.sentence) == (reason, True), refusal


def test_draco_that_promises_too_much_is_refused_before_it_is_decoded(monkeypatch):
    glb = with_draco()
    assert draco.promised_counts(glb.binary) == (len(BLOB.faces), len(BLOB.vertices))
    monkeypatch.setattr(draco, "decode", lambda data: pytest.fail("it was decoded"))
    many = b"\xc0\x9a\x8c\x03"  # 6 491 456 as a variable-length number.
    bomb = glb.binary[:11] + many + glb.binary[13:]
    assert draco.promised_counts(bomb)[0] == 6_491_456
    refusal = refusal_of(Glb(document=glb.document, binary=bomb))
    assert refusal.reason == "bomb"


def test_damaged_draco_is_a_refusal_and_never_an_end():
    glb = with_draco()
    rng, ends = np.random.default_rng(0), set()
    for number in range(300):
        damaged = bytearray(glb.binary)
        for place in rng.integers(0, len(damaged), 3):
            damaged[place] = rng.integers(256)
        data = bytes(damaged[: rng.integers(1, len(damaged)) if number % 3 == 0 else None])
        try:
            draco.promised_counts(data)
            draco.decode(data)
        except Refusal as refusal:
            ends.add(refusal.reason)
    assert ends == {"bad_glb"}


def test_attributes_decode_as_the_worked_example_of_the_specification_says():
    coded = bytes.fromhex("175ff0bc77a9210034b5")
    deltas = [-1, -4, -3, 26, -91, 0, -6, 6, -4, -4, 5, -5, 1, -1, 0, 0]
    # One block: the first byte of each element in 4-bit groups, the other three all zero.
    stream = b"\xa0" + b"\x02" + coded + b"\x00" * 3 + bytes(28) + bytes([10, 20, 30, 40])
    data = meshopt.decode(stream, count=16, stride=4, mode="ATTRIBUTES", filter_name="NONE")
    elements = np.frombuffer(data, np.uint8).reshape(16, 4)
    np.testing.assert_array_equal(elements[:, 0], (10 + np.cumsum(deltas)) % 256)
    np.testing.assert_array_equal(elements[:, 1:], np.tile([20, 30, 40], (16, 1)))


def test_indices_follow_two_running_baselines():
    # Baseline and zigzag share each number; 0x81 0x04 is 0x201: baseline 1, plus 128.
    stream = b"\xd1" + bytes([0x08, 0x81, 0x04, 0x04, 0x03]) + bytes(4)
    data = meshopt.decode(stream, count=4, stride=4, mode="INDICES", filter_name="NONE")
    np.testing.assert_array_equal(np.frombuffer(data, "<u4"), [2, 128, 3, 127])


def test_triangles_are_decoded_from_edges_and_vertices_met_before():
    codes = bytes([0xF0, 0x00, 0x12, 0x0F, 0xFF])
    extra = bytes([0x14, 0xFF, 0x02, 0x04, 0x01])  # 10; then all explicit: 11, 13, 12.
    stream = b"\xe1" + codes + extra + bytes(16)
    data = meshopt.decode(stream, count=15, stride=2, mode="TRIANGLES", filter_name="NONE")
    triangles = np.frombuffer(data, "<u2").reshape(-1, 3).tolist()
    # 0 1 2 are new; the edge 0 2 brings 3; edge 3 2 brings vertex 1 (third newest) again, ...
    assert triangles == [[0, 1, 2], [0, 2, 3], [3, 2, 1], [3, 1, 10], [11, 13, 12]]


def test_filters_decode_unit_vectors_rotations_and_floats():
    codes = np.array([[0, 0, 127, 5], [127, 0, 127, 0], [0, -127, 127, 1], [63, 0, 63, 9]], np.int8)
    decoded = meshopt._octahedral(codes.view(np.uint8))
    np.testing.assert_array_equal(
        decoded, [[0, 0, 127, 5], [127, 0, 0, 0], [0, -127, 0, 1], [127, 0, 0, 9]]
    )
    half = round(32767 * 0.5 * np.sqrt(2))
    quaternion = np.array([[half, half, half, 0x7FFC | 2]], "<i2")
    decoded = meshopt._quaternion(quaternion.view(np.uint8)) / 32767
    np.testing.assert_allclose(decoded, [[0.5, 0.5, 0.5, 0.5]], atol=1e-4)
    quaternion = np.array([[32767, 0, 0, 0x7FFC | 3]], "<i2")
    decoded = meshopt._quaternion(quaternion.view(np.uint8)) / 32767
    np.testing.assert_allclose(decoded, [[np.sqrt(0.5), 0, 0, np.sqrt(0.5)]], atol=1e-4)
    exponential = np.array([[(3 << 24) | 5, (-2 << 24) | (0xFFFFFF & -6)]], "<i4")
    np.testing.assert_array_equal(
        meshopt._exponential(exponential.view(np.uint8)), np.float32([[40, -1.5]])
    )


@pytest.mark.parametrize(
    ("stream", "mode", "stride"),
    [
        (b"", "ATTRIBUTES", 4),
        (b"\xa1" + bytes(64), "ATTRIBUTES", 4),
        (b"\xa0\xff" + bytes(40), "ATTRIBUTES", 4),
        (b"\xa0" + bytes(4) + bytes(32) + b"\0", "ATTRIBUTES", 4),
        (b"\xa0" + bytes(36), "ATTRIBUTES", 6),
        (b"\xe1" + b"\xff" * 5 + bytes(16), "TRIANGLES", 2),
        (b"\xe1" + bytes(22), "TRIANGLES", 2),
        (b"\xd1" + b"\xff" * 15 + bytes(4), "INDICES", 2),
        (b"\xd1" + bytes(19), "NONSENSE", 2),
    ],
)
def test_a_malformed_meshopt_stream_is_named_as_such(stream, mode, stride):
    with pytest.raises(meshopt.Malformed):
        meshopt.decode(stream, count=15, stride=stride, mode=mode, filter_name="NONE")


def with_meshopt() -> dict:
    """The tetrahedron with its positions in a view that meshopt holds."""
    document = tetrahedron()
    packed = {"buffer": 0, "byteOffset": 72, "byteLength": 100, "byteStride": 12, "count": 4}
    document["bufferViews"][0] |= {
        "buffer": 1,
        "extensions": {"EXT_meshopt_compression": packed | {"mode": "ATTRIBUTES"}},
    }
    document["buffers"] = [{"byteLength": 172}, {"byteLength": 48}]
    document["extensionsRequired"] = ["EXT_meshopt_compression"]
    return document


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [("count", 1 << 40, "bomb"), ("count", 5, "bad_glb"), ("byteLength", 101, "bad_glb"),
     ("buffer", 1, "bad_glb"), ("mode", 3, "bad_glb"), ("filter", "ZSTD", "bad_glb")],
)  # fmt: skip
def test_a_meshopt_view_that_cannot_be_is_refused(name, value, reason):
    document = with_meshopt()
    document["bufferViews"][0]["extensions"]["EXT_meshopt_compression"][name] = value
    assert refusal_of(Glb(document=document, binary=bytes(172))).reason == reason


@needs_shared
@pytest.mark.parametrize(
    ("packed", "plain", "tolerance"),
    [("valid-draco.glb", "t3d-einstein.glb", 0.0),
     ("valid-meshopt-webp.glb", "ph-brass-pot-01.glb", 1e-8)],
)  # fmt: skip
def test_a_compressed_scan_has_the_surface_of_the_scan_others_decoded(
    tmp_path, packed, plain, tolerance
):
    task = {"path": str(SHARED / "hostile" / packed), "target": str(tmp_path / "plain.glb")}
    assert convert_file(task) == {"format": "glb", "converted": True, "notes": []}
    ours, theirs = (load_geometry(path) for path in (task["target"], SHARED / "relics" / plain))
    np.testing.assert_array_equal(ours.faces, theirs.faces)
    np.testing.assert_allclose(ours.vertices, theirs.vertices, rtol=0, atol=tolerance)


@needs_shared
def test_normals_and_texture_coordinates_survive_meshopt(tmp_path):
    task = {
        "path": str(SHARED / "hostile" / "valid-meshopt-webp.glb"),
        "target": str(tmp_path / "plain.glb"),
    }
    convert_file(task)
    ours = check_document(read_glb(task["target"]))
    theirs = check_document(read_glb(SHARED / "relics" / "ph-brass-pot-01.glb"))
    for accessor in (1, 3):
        np.testing.assert_allclose(
            read_accessor(ours, accessor), read_accessor(theirs, accessor), rtol=0, atol=1e-6
        )

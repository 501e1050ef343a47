"""What is read from a sound glTF is what it shows."""

import copy

import numpy as np
import pytest
from gltf_documents import BINARY, FACES, VERTICES, changed, read, signed_volume, tetrahedron


def test_a_tetrahedron_is_read_as_it_was_written():
    geometry = read(tetrahedron())
    np.testing.assert_array_equal(geometry.vertices, VERTICES)
    np.testing.assert_array_equal(geometry.faces, FACES)
    assert geometry.vertices.dtype == np.float64
    assert geometry.faces.dtype == np.int64


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


def test_morph_targets_count_with_the_weights_of_the_node_then_of_the_mesh():
    document = tetrahedron()
    document["meshes"][0]["primitives"][0]["targets"] = [{}, {"POSITION": 0}]
    np.testing.assert_array_equal(read(document).vertices, VERTICES)
    document["meshes"][0]["weights"] = [1, 0.5]
    np.testing.assert_array_equal(read(document).vertices, 1.5 * VERTICES)
    document["nodes"][0]["weights"] = [1, 2]
    np.testing.assert_array_equal(read(document).vertices, 3 * VERTICES)


def test_the_document_of_the_caller_is_left_alone():
    document = tetrahedron()
    before = copy.deepcopy(document)
    read(document)
    assert document == before

"""The scene that Blender gets is the shape that was measured, with its surfaces alone."""

import base64
import json

import numpy as np
import pytest
from gltf_documents import BINARY, VERTICES, png, tetrahedron

from data_engine.errors import Refusal
from data_engine.gltf.checks import check_document
from data_engine.gltf.container import parse_glb
from data_engine.gltf.pack import write_glb
from data_engine.gltf.reader import read_accessor, read_geometry
from data_engine.gltf.scene import scene_glb
from data_engine.gltf.textured import gltf_from_world

WORLD = np.array([[0.0, 0, 0.5, 1], [0.5, 0, 0, 2], [0, 0.5, 0, 3], [0, 0, 0, 1]])
"""Some turn, at half the size, and a shift."""


def checked(document, binary=BINARY):
    return check_document(parse_glb(write_glb(document, binary)))


def shown(document, binary=BINARY, world=WORLD):
    """What our reader makes of the new file."""
    return check_document(parse_glb(scene_glb(checked(document, binary), world)))


def in_world(geometry, world=WORLD):
    return gltf_from_world(geometry.vertices @ world[:3, :3].T + world[:3, 3])


def nodes(*entries, **more) -> dict:
    return tetrahedron() | {"nodes": list(entries), "scenes": [{"nodes": [0]}]} | more


def moving() -> dict:
    """An animation that turns node 0."""
    document = nodes({"mesh": 0})
    document["accessors"] += [
        {"componentType": 5126, "count": 2, "type": "SCALAR"},
        {"componentType": 5126, "count": 2, "type": "VEC4"},
    ]
    channel = {"sampler": 0, "target": {"node": 0, "path": "rotation"}}
    sampler = {"input": 2, "output": 3}
    return document | {"animations": [{"channels": [channel], "samplers": [sampler]}]}


def morphed() -> dict:
    document = nodes({"mesh": 0, "weights": [0.5]})
    document["meshes"][0]["primitives"][0]["targets"] = [{"POSITION": 0}]
    return document


SHEAR = [1.0, 0, 0, 0, 0.7, 1, 0, 0, 0, 0.2, 1, 0, 5, 6, 7, 1]
DOCUMENTS = {
    "one node": nodes({"mesh": 0}),
    "mirrored": nodes({"mesh": 0, "scale": [-1, 2, 3]}),
    "below others": nodes(
        {"children": [1], "scale": [1, 2, 3]},
        {"children": [2, 3], "rotation": [0.5, 0.5, 0.5, 0.5]},
        {"mesh": 0, "translation": [1, 2, 3]}, {"mesh": 0, "scale": [1, 1, -1]},
    ),
    "sheared": nodes({"mesh": 0, "matrix": SHEAR}),
    "another scene": nodes(
        {"mesh": 0}, {"mesh": 0, "translation": [9, 9, 9]}, scene=1,
        scenes=[{"nodes": [1]}, {"nodes": [0]}],
    ),
    "outside the scene": nodes({"mesh": 0}, {"mesh": 0, "scale": [9, 9, 9]}),
    "no scene": tetrahedron() | {"scenes": [], "nodes": [{"mesh": 0}]},
    "animated": moving(),
    "morphed": morphed(),
    "camera and light": nodes(
        {"mesh": 0, "camera": 0, "extensions": {"KHR_lights_punctual": {"light": 0}}},
        cameras=[{"type": "perspective", "perspective": {"yfov": 1, "znear": 0.1}}],
        extensions={"KHR_lights_punctual": {"lights": [{"type": "point"}]}},
        extensionsUsed=["KHR_lights_punctual"],
    ),
}  # fmt: skip
for _name in ("no scene",):
    del DOCUMENTS[_name]["scene"], DOCUMENTS[_name]["scenes"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_new_file_shows_what_was_measured_and_nothing_else(name):
    was, now = read_geometry(checked(DOCUMENTS[name])), shown(DOCUMENTS[name])
    found = read_geometry(now)
    np.testing.assert_array_equal(found.faces, was.faces)
    np.testing.assert_allclose(found.vertices, in_world(was), rtol=1e-6)
    left = {"animations", "skins", "cameras", "extensions"} & now.document.keys()
    assert not left
    assert all(node.keys() == {"mesh", "name"} for node in now.document["nodes"])


def test_a_shape_at_the_far_end_of_a_survey_keeps_its_detail():
    far = [500_000.125, 4_000_000.25, 300.0]
    document = nodes({"translation": far, "children": [1]}, {"mesh": 0})
    world = np.eye(4)
    world[:3, 3] = -np.array(far)
    found = read_geometry(shown(document, world=world))
    np.testing.assert_array_equal(found.vertices, gltf_from_world(VERTICES))


def test_normals_turn_with_the_surface_and_stay_outward():
    """Of a tetrahedron its vertices, seen from its centre, are near enough to its normals."""
    document = nodes({"mesh": 0, "matrix": [-2.0, 0, 0, 0, 0, 1, 0, 0, 0.5, 0, 1, 0, 0, 0, 0, 1]})
    rays = (VERTICES - VERTICES.mean(axis=0)).astype("<f4")
    binary = BINARY + rays.tobytes()
    document["buffers"] = [{"byteLength": len(binary)}]
    document["bufferViews"].append({"buffer": 0, "byteOffset": 72, "byteLength": 48})
    document["accessors"].append(
        {"bufferView": 2, "componentType": 5126, "count": 4, "type": "VEC3"}
    )
    document["meshes"][0]["primitives"][0]["attributes"]["NORMAL"] = 2
    now = shown(document, binary)
    primitive = now.document["meshes"][0]["primitives"][0]
    normals = read_accessor(now, primitive["attributes"]["NORMAL"])
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1, rtol=1e-6)
    vertices = read_geometry(now).vertices
    outward = vertices - vertices.mean(axis=0)
    # n . d is kept by the inverse transpose, whatever the matrix.
    assert (np.sum(normals * outward, axis=-1) > 0).all()


def textured() -> dict:
    """Three pictures and materials, of which the second material shows the third picture."""
    document = nodes({"mesh": 0})
    uris = [f"data:;base64,{base64.b64encode(png(size, 1)).decode()}" for size in (1, 2, 3)]
    texture = {
        "index": 1,
        "texCoord": 0,
        "extensions": {"KHR_texture_transform": {"scale": [2, 2]}},
    }
    document["meshes"][0]["primitives"][0] |= {"material": 1}
    document["meshes"][0]["primitives"][0]["attributes"] |= {"TEXCOORD_0": 2, "COLOR_0": 3}
    document["accessors"] += [
        {"componentType": 5126, "count": 4, "type": "VEC2"},
        {"componentType": 5121, "normalized": True, "count": 4, "type": "VEC4"},
    ]
    return document | {
        "images": [{"uri": uri} for uri in uris],
        "samplers": [{}, {"wrapS": 33071}],
        "textures": [{"source": 0}, {"source": 2, "sampler": 1}],
        "materials": [
            {"emissiveTexture": {"index": 0}},
            {"pbrMetallicRoughness": {"baseColorTexture": texture}, "extras": {"a": 1}},
        ],
        "extensionsUsed": ["KHR_texture_transform", "KHR_materials_variants", "VENDOR_x"],
    }


def test_surfaces_keep_their_material_and_picture_and_no_other_travels():
    now = shown(textured())
    document = now.document
    assert len(document["materials"]) == len(document["textures"]) == len(document["images"]) == 1
    (material,), (texture,) = document["materials"], document["textures"]
    use = material["pbrMetallicRoughness"]["baseColorTexture"]
    assert (use["index"], use["extensions"]) == (0, {"KHR_texture_transform": {"scale": [2, 2]}})
    assert texture == {"source": 0, "sampler": 1}
    view = now.view(document["images"][0]["bufferView"])
    assert bytes(view) == png(3, 1)
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    assert attributes.keys() == {"POSITION", "TEXCOORD_0", "COLOR_0"}
    assert "VENDOR_x" not in json.dumps(document)


def test_a_skin_is_refused_before_it_is_written():
    document = nodes({"mesh": 0, "skin": 0}, skins=[{"joints": [0]}])
    with pytest.raises(Refusal, match="export it with its pose applied"):
        shown(document)

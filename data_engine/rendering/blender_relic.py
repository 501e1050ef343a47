"""A relic in Blender: imported, placed, given a material where it has none, and measured."""

import pathlib
import tempfile

import numpy as np

from data_engine.errors import Refusal
from data_engine.gltf.checks import check_document
from data_engine.gltf.container import read_glb
from data_engine.gltf.scene import scene_glb

NEUTRAL_GREY = 0.6
"""Linear reflectance of a surface that came without a material."""


def import_relic(bpy, glb: str, world_from_gltf: np.ndarray) -> list:
    """Opens a relic in the world frame and returns its mesh objects.

    Blender gets no foreign file: what it imports is the default scene, written anew by us.
    """
    ours, our_images = set(bpy.data.objects), set(bpy.data.images)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "scene.glb")
        path.write_bytes(scene_glb(check_document(read_glb(glb)), world_from_gltf))
        bpy.ops.import_scene.gltf(filepath=str(path))
    bpy.context.view_layer.update()
    visible = set(bpy.context.view_layer.objects)  # Excludes the importer's hidden bone shapes
    news = set(bpy.data.objects) - ours
    meshes = [item for item in bpy.data.objects if item.type == "MESH" and item in visible & news]
    if not meshes:
        raise Refusal("no_mesh", "Blender finds no mesh in the file")
    check_textures(set(bpy.data.images) - our_images)
    for item in meshes:
        give_material(bpy, item)
    return meshes


def check_textures(images) -> None:
    """Raises when a texture cannot be decoded: Blender would paint the surface magenta."""
    # Asking for the size makes Blender decode the image; `has_data` alone does not.
    broken = sorted(image.name for image in images if image.users and not image.size[0])
    if broken:
        raise Refusal("bad_glb", f"Blender cannot decode its texture {', '.join(broken)[:200]}")


def give_material(bpy, item) -> None:
    """Surfaces without a material become neutral grey, or show their vertex colours."""
    materials = item.data.materials
    if not materials:
        materials.append(None)
    for slot, material in enumerate(materials):
        if material is None:
            materials[slot] = _plain_material(bpy, item.data.color_attributes)


def _plain_material(bpy, color_attributes):
    material = bpy.data.materials.new("plain")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    surface = nodes["Principled BSDF"]
    surface.inputs["Roughness"].default_value = 0.9
    surface.inputs["Base Color"].default_value = (NEUTRAL_GREY, NEUTRAL_GREY, NEUTRAL_GREY, 1)
    if len(color_attributes):
        colour = nodes.new("ShaderNodeVertexColor")
        colour.layer_name = color_attributes[0].name
        links.new(colour.outputs["Color"], surface.inputs["Base Color"])
    return material


def world_bounds(bpy, meshes: list) -> list:
    """Corners of the box around all vertices that belong to a face, as [[x, y, z], [x, y, z]]."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    lows, highs = [], []
    for item in meshes:
        evaluated = item.evaluated_get(depsgraph)
        vertices = np.empty(3 * len(evaluated.data.vertices), np.float32)
        evaluated.data.vertices.foreach_get("co", vertices)
        corners = np.empty(len(evaluated.data.loops), np.int32)
        evaluated.data.loops.foreach_get("vertex_index", corners)
        if not len(corners):
            continue
        pose = np.array(evaluated.matrix_world)
        points = vertices.reshape(-1, 3)[np.unique(corners)] @ pose[:3, :3].T + pose[:3, 3]
        lows.append(points.min(axis=0))
        highs.append(points.max(axis=0))
    if not lows:
        raise Refusal("no_mesh", "the meshes Blender reads have no faces")
    return [np.min(lows, axis=0).tolist(), np.max(highs, axis=0).tolist()]


def matrix(rows):
    """Rows [4, 4] as a matrix of Blender's."""
    import mathutils

    return mathutils.Matrix(np.asarray(rows).tolist())

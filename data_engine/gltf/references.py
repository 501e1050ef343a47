"""Indices that lead to no vertex data: scenes, skins, cameras, textures, lights, animations."""

from typing import Any

from data_engine.gltf.document import (
    Document,
    bad,
    index,
    indices,
    integer,
    mapping,
    objects,
    table,
)
from data_engine.gltf.pictures import BASISU, WEBP, texture_uses


def check_references(document: Document) -> None:
    """Refuses indices that lead nowhere."""
    _check_scenes(document)
    _check_nodes(document)
    _check_textures(document)
    _check_variants(document)
    _check_animations(document)


def _check_scenes(document: Document) -> None:
    nodes, scenes = table(document, "nodes"), table(document, "scenes")
    index(document, "scene", "the document", len(scenes))
    children = {child for node in nodes for child in node.get("children", [])}
    for scene in scenes:
        roots = indices(scene, "nodes", "a scene", len(nodes))
        if len(set(roots)) < len(roots):
            raise bad("a scene names a node twice")
        # It would be shown once by the scene and again by its parent, uncounted.
        if inner := children.intersection(roots):
            raise bad(f"a scene names node {min(inner)}, which is the child of another")


def _check_nodes(document: Document) -> None:
    lengths = {name: len(table(document, name)) for name in ("nodes", "accessors")}
    lights = _of_extension(document, "KHR_lights_punctual", "the document")
    count = len(objects(lights, "lights", "the document"))
    for node in table(document, "nodes"):
        index(node, "skin", "a node", len(table(document, "skins")))
        index(node, "camera", "a node", len(table(document, "cameras")))
        index(_of_extension(node, "KHR_lights_punctual", "a node"), "light", "a node", count)
    for skin in table(document, "skins"):
        indices(skin, "joints", "a skin", lengths["nodes"])
        index(skin, "skeleton", "a skin", lengths["nodes"])
        index(skin, "inverseBindMatrices", "a skin", lengths["accessors"])


def _check_textures(document: Document) -> None:
    lengths = {name: len(table(document, name)) for name in ("textures", "images", "samplers")}
    for texture in table(document, "textures"):
        index(texture, "source", "a texture", lengths["images"])
        index(texture, "sampler", "a texture", lengths["samplers"])
        for name in (WEBP, BASISU):
            holder = _of_extension(texture, name, "a texture")
            index(holder, "source", "a texture", lengths["images"])
    for number, material in enumerate(table(document, "materials")):
        for use in texture_uses(material):
            integer(use, "index", f"material {number}", high=lengths["textures"] - 1)


def _of_extension(holder: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    """What an object says under an extension; empty when nothing."""
    return mapping(mapping(holder, "extensions", where), name, where)


def _check_variants(document: Document) -> None:
    name, materials = "KHR_materials_variants", len(table(document, "materials"))
    variants = objects(_of_extension(document, name, "the document"), "variants", "the document")
    for mesh in table(document, "meshes"):
        for primitive in objects(mesh, "primitives", "a mesh"):
            holder = _of_extension(primitive, name, "a primitive")
            for choice in objects(holder, "mappings", "a primitive"):
                integer(choice, "material", "a material variant", high=materials - 1)
                indices(choice, "variants", "a material variant", len(variants))


def _check_animations(document: Document) -> None:
    nodes, accessors = (len(table(document, name)) for name in ("nodes", "accessors"))
    for animation in table(document, "animations"):
        samplers = objects(animation, "samplers", "an animation")
        for sampler in samplers:
            integer(sampler, "input", "an animation sampler", high=accessors - 1)
            integer(sampler, "output", "an animation sampler", high=accessors - 1)
        for channel in objects(animation, "channels", "an animation"):
            integer(channel, "sampler", "an animation channel", high=len(samplers) - 1)
            target = mapping(channel, "target", "an animation channel")
            index(target, "node", "an animation channel", nodes)

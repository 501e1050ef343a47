"""The rules a glTF document must keep before its data are allocated or another program opens it.

Specification section 8, checks 3 to 7. Nothing here reads vertex data; what is needed is the JSON,
the length of the binary chunk and the first bytes of pictures.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from data_engine.errors import Refusal
from data_engine.gltf.accessors import check_accessors
from data_engine.gltf.container import Glb
from data_engine.gltf.document import (
    Document,
    bad,
    embedded,
    index,
    indices,
    integer,
    mapping,
    names,
    objects,
    table,
)
from data_engine.gltf.image_headers import image_size

MAX_NODES = 100_000
MAX_NODE_DEPTH = 256
MAX_VERTICES = 15_000_000
MAX_TRIANGLES = 5_000_000
MAX_MORPH_TARGETS = 64
MAX_TEXTURES = 64
MAX_IMAGE_PIXELS = 8192**2
MAX_ALL_PIXELS = 512 << 20

EXTENSIONS = frozenset(
    {
        "KHR_mesh_quantization",
        "KHR_materials_unlit",
        "KHR_texture_transform",
        "KHR_lights_punctual",
        "KHR_materials_variants",
        "KHR_materials_pbrSpecularGlossiness",
        "KHR_materials_clearcoat",
        "KHR_materials_transmission",
        "KHR_materials_volume",
        "KHR_materials_ior",
        "KHR_materials_sheen",
        "KHR_materials_specular",
        "KHR_materials_anisotropy",
        "KHR_materials_emissive_strength",
        "KHR_animation_pointer",
        "EXT_texture_webp",
    }
)
"""What a file may require: all that Blender imports, less what our own reader cannot decode."""

_UNDECODED = ("KHR_draco_mesh_compression", "EXT_meshopt_compression", "EXT_mesh_gpu_instancing")
"""Extensions that hide geometry from our reader even where a file does not require them."""

_TRIANGLE_MODES = (4, 5, 6)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gltf:
    """A document that passed the checks, so its indices and windows may be followed."""

    document: Document
    buffers: tuple[bytes, ...]

    def view(self, number: int) -> memoryview:
        """The bytes of one buffer view."""
        view = self.document["bufferViews"][number]
        start = view.get("byteOffset", 0)
        return memoryview(self.buffers[view["buffer"]])[start : start + view["byteLength"]]


def check_document(glb: Glb) -> Gltf:
    """Raises `Refusal` unless the document is one we and Blender can read safely."""
    document = glb.document
    _check_version(document)
    _check_extensions(document)
    buffers = _buffers(glb)
    _check_views(document, buffers)
    check_accessors(document)
    _check_meshes(document)
    _check_graph(document)
    _check_instances(document)
    _check_references(document)
    gltf = Gltf(document=document, buffers=buffers)
    _check_images(gltf)
    return gltf


def _check_version(document: Document) -> None:
    version = mapping(document, "asset", "the document").get("version")
    if not isinstance(version, str) or version.partition(".")[0] != "2":
        raise bad(f"asset.version is {version!r}; only 2.x is read")


def _check_extensions(document: Document) -> None:
    required = names(document, "extensionsRequired")
    if unknown := sorted(set(required) - EXTENSIONS):
        raise Refusal("unsupported_extension", f"it requires {', '.join(unknown)[:200]}")
    used = {name for name in _UNDECODED for holder in _holders(document) if name in holder}
    if used:
        raise Refusal("unsupported_extension", f"it holds geometry in {', '.join(sorted(used))}")


def _holders(document: Document) -> Iterator[dict[str, Any]]:
    """Every `extensions` object that could hold geometry."""
    for name in ("nodes", "bufferViews"):
        for entry in table(document, name):
            yield mapping(entry, "extensions", name)
    for mesh in table(document, "meshes"):
        for primitive in objects(mesh, "primitives", "a mesh"):
            yield mapping(primitive, "extensions", "a primitive")


def _buffers(glb: Glb) -> tuple[bytes, ...]:
    """The bytes of each buffer: the binary chunk for the first, data URIs for the others."""
    buffers = []
    for number, buffer in enumerate(table(glb.document, "buffers")):
        where = f"buffer {number}"
        data = embedded(buffer, where, image=False)
        if data is None and number > 0:
            raise bad(f"{where} has neither a data URI nor the binary chunk")
        data = glb.binary if data is None else data
        length = integer(buffer, "byteLength", where, low=1)
        if length > len(data):
            raise bad(f"{where} promises {length} bytes, {len(data)} are there")
        buffers.append(data)
    return tuple(buffers)


def _check_views(document: Document, buffers: tuple[bytes, ...]) -> None:
    for number, view in enumerate(table(document, "bufferViews")):
        where = f"bufferView {number}"
        buffer = integer(view, "buffer", where, high=len(buffers) - 1)
        offset = integer(view, "byteOffset", where, default=0)
        end = offset + integer(view, "byteLength", where, low=1)
        if end > len(buffers[buffer]):
            raise bad(f"{where} ends at byte {end} of a buffer of {len(buffers[buffer])}")
        stride = integer(view, "byteStride", where, default=4, low=4, high=252)
        if stride % 4:
            raise bad(f"byteStride of {where} is {stride}, not a multiple of 4")


def _check_meshes(document: Document) -> None:
    accessors = table(document, "accessors")
    materials = len(table(document, "materials"))
    for number, mesh in enumerate(table(document, "meshes")):
        for primitive in objects(mesh, "primitives", f"mesh {number}"):
            where = f"a primitive of mesh {number}"
            integer(primitive, "mode", where, default=4, high=6)
            index(primitive, "material", where, materials)
            attributes = mapping(primitive, "attributes", where)
            used = {name: index(attributes, name, where, len(accessors)) for name in attributes}
            if len({accessors[accessor]["count"] for accessor in used.values()}) > 1:
                raise bad(f"the attributes of {where} differ in length")
            if (position := used.get("POSITION")) is not None:
                _check_kind(accessors[position], where, ("VEC3",), "POSITION")
            if (faces := index(primitive, "indices", where, len(accessors))) is not None:
                _check_kind(accessors[faces], where, ("SCALAR",), "indices", (5121, 5123, 5125))
            targets = objects(primitive, "targets", where)
            if len(targets) > MAX_MORPH_TARGETS:
                raise Refusal("bomb", f"{where} has {len(targets)} morph targets")
            for target in targets:
                for name in target:
                    index(target, name, where, len(accessors))


def _check_kind(
    accessor: dict[str, Any],
    where: str,
    types: tuple[str, ...],
    name: str,
    components: tuple[int, ...] = (5120, 5121, 5122, 5123, 5126),
) -> None:
    if accessor["type"] not in types or accessor["componentType"] not in components:
        kind = f"{accessor['type']} of {accessor['componentType']}"
        raise bad(f"{name} of {where} is {kind}, not {types} of {components}")


def _check_graph(document: Document) -> None:
    """Nodes must form a forest: at most one parent each, no cycle, bounded depth."""
    nodes = table(document, "nodes")
    if len(nodes) > MAX_NODES:
        raise Refusal("bomb", f"it has {len(nodes)} nodes; at most {MAX_NODES} are read")
    children = [indices(node, "children", f"node {i}", len(nodes)) for i, node in enumerate(nodes)]
    parents = [0] * len(nodes)
    for child in (child for family in children for child in family):
        parents[child] += 1
        if parents[child] > 1:
            raise bad(f"node {child} has more than one parent")
    level = [node for node, count in enumerate(parents) if count == 0]
    reached = depth = 0
    while level:
        reached, depth = reached + len(level), depth + 1
        level = [child for node in level for child in children[node]]
        if depth > MAX_NODE_DEPTH:
            raise Refusal("bomb", f"its nodes are nested deeper than {MAX_NODE_DEPTH}")
    if reached < len(nodes):  # With one parent each, what no root reaches runs in a circle.
        raise bad(f"{len(nodes) - reached} nodes are their own ancestors")


def _check_instances(document: Document) -> None:
    """Counts vertices and triangles as often as nodes show them."""
    meshes = table(document, "meshes")
    shown = [index(node, "mesh", "a node", len(meshes)) for node in table(document, "nodes")]
    sizes = [_mesh_size(document, mesh) for mesh in meshes]
    vertices = sum(sizes[mesh][0] for mesh in shown if mesh is not None)
    triangles = sum(sizes[mesh][1] for mesh in shown if mesh is not None)
    if triangles > MAX_TRIANGLES:
        raise Refusal("bomb", f"it shows {triangles} triangles; at most {MAX_TRIANGLES} are read")
    if vertices > MAX_VERTICES:
        raise Refusal("bomb", f"it shows {vertices} vertices; at most {MAX_VERTICES} are read")
    if triangles == 0:
        raise Refusal("no_mesh", "no node shows a triangle")


def _mesh_size(document: Document, mesh: dict[str, Any]) -> tuple[int, int]:
    accessors = table(document, "accessors")
    vertices = triangles = 0
    for primitive in objects(mesh, "primitives", "a mesh"):
        position = mapping(primitive, "attributes", "a primitive").get("POSITION")
        mode = primitive.get("mode", 4)
        if position is None or mode not in _TRIANGLE_MODES:
            continue
        count = accessors[position]["count"]
        corners = accessors[primitive["indices"]]["count"] if "indices" in primitive else count
        vertices += count
        triangles += corners // 3 if mode == 4 else max(0, corners - 2)
    return vertices, triangles


def _check_references(document: Document) -> None:
    """The remaining indices: scenes, skins, cameras, textures, animations."""
    lengths = {name: len(table(document, name)) for name in ("nodes", "textures", "images")}
    scenes = table(document, "scenes")
    index(document, "scene", "the document", len(scenes))
    for scene in scenes:
        roots = indices(scene, "nodes", "a scene", lengths["nodes"])
        if len(set(roots)) < len(roots):
            raise bad("a scene names a node twice")
    for node in table(document, "nodes"):
        index(node, "skin", "a node", len(table(document, "skins")))
        index(node, "camera", "a node", len(table(document, "cameras")))
    for skin in table(document, "skins"):
        indices(skin, "joints", "a skin", lengths["nodes"])
        index(skin, "skeleton", "a skin", lengths["nodes"])
        index(skin, "inverseBindMatrices", "a skin", len(table(document, "accessors")))
    for texture in table(document, "textures"):
        index(texture, "source", "a texture", lengths["images"])
        index(texture, "sampler", "a texture", len(table(document, "samplers")))
        webp = mapping(mapping(texture, "extensions", "a texture"), "EXT_texture_webp", "a texture")
        index(webp, "source", "a texture", lengths["images"])
    for number, material in enumerate(table(document, "materials")):
        for use in _texture_uses(material):
            integer(use, "index", f"material {number}", high=lengths["textures"] - 1)
    _check_animations(document)


def _texture_uses(value: Any) -> Iterator[dict[str, Any]]:
    """Texture references anywhere in a material; JSON depth is bounded, so this recursion is."""
    if not isinstance(value, dict):
        return
    for name, entry in value.items():
        if name.endswith("Texture") and isinstance(entry, dict):
            yield entry
        elif name != "extras":
            yield from _texture_uses(entry)


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


def _check_images(gltf: Gltf) -> None:
    images = table(gltf.document, "images")
    if len(images) > MAX_TEXTURES:
        raise Refusal("bomb", f"it has {len(images)} pictures; at most {MAX_TEXTURES} are read")
    total = 0
    for number, image in enumerate(images):
        where = f"image {number}"
        data = embedded(image, where, image=True)
        if data is None:
            views = len(table(gltf.document, "bufferViews"))
            data = gltf.view(integer(image, "bufferView", where, high=views - 1))
        if (size := image_size(bytes(data))) is None:
            raise bad(f"{where} is not a PNG, JPEG or WebP picture")
        pixels = size[0] * size[1]
        total += pixels
        if pixels > MAX_IMAGE_PIXELS or total > MAX_ALL_PIXELS:
            raise Refusal("bomb", f"{where} has {size[0]} x {size[1]} pixels, too many")

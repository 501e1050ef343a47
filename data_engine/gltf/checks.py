"""The rules a glTF document must keep before its data are allocated or another program opens it.

Specification data_engine 8, checks 3 to 7. Nothing here reads vertex data; what is needed is the
JSON, the length of the binary chunk and the first bytes of pictures.
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
    embedded_bytes,
    index,
    indices,
    integer,
    mapping,
    names,
    objects,
    scene_nodes,
    table,
)
from data_engine.gltf.image_headers import image_size
from data_engine.gltf.pictures import (
    BASISU,
    BASISU_REMEDY,
    check_counts,
    check_pixels,
    used_images,
)
from data_engine.gltf.references import check_references

MAX_NODES = 100_000
MAX_NODE_DEPTH = 256
MAX_VERTICES = 15_000_000
MAX_TRIANGLES = 5_000_000
MAX_MORPH_TARGETS = 64

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

DRACO, MESHOPT = "KHR_draco_mesh_compression", "EXT_meshopt_compression"
"""Compressed geometry, which `decompress` turns into plain accessors."""
_REMEDIES = {
    DRACO: "ingest it again",
    MESHOPT: "ingest it again",
    "KHR_meshopt_compression": "compress it with EXT_meshopt_compression, or not at all",
    "EXT_mesh_gpu_instancing": "export each instance as a node",
    BASISU: BASISU_REMEDY,
}
"""What to do about the extensions that people meet."""
_HIDING = (DRACO, MESHOPT, "KHR_meshopt_compression", "EXT_mesh_gpu_instancing")
"""Extensions that hide geometry from our reader even where a file does not require them."""

_TRIANGLE_MODES = (4, 5, 6)
_TYPES_OF = {
    "POSITION": ("VEC3",),
    "NORMAL": ("VEC3",),
    "TANGENT": ("VEC3", "VEC4"),
    "TEXCOORD_": ("VEC2",),
    "COLOR_": ("VEC3", "VEC4"),
    "JOINTS_": ("VEC4",),
    "WEIGHTS_": ("VEC4",),
}
"""Shapes of the attributes that glTF 2.0, section 3.7.2.1 defines (a morphed tangent has three)."""


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


def check_document(glb: Glb, *, packed: frozenset[str] = frozenset()) -> Gltf:
    """Raises `Refusal` unless the document is one we and Blender can read safely.

    Args:
        glb: Straight from the container.
        packed: Compressions that the caller undoes next, and so may occur. Their accessors count
            against the budgets by what they promise.
    """
    document = glb.document
    check_version(document)
    _check_extensions(document, packed)
    buffers = buffer_bytes(glb)
    _check_views(document, buffers)
    check_accessors(document)
    _check_meshes(document)
    _check_graph(document)
    _check_instances(document, sum(map(len, buffers)))
    check_references(document)
    gltf = Gltf(document=document, buffers=buffers)
    _check_images(gltf)
    return gltf


def check_version(document: Document) -> None:
    """Refuses any glTF but version 2."""
    version = mapping(document, "asset", "the document").get("version")
    if not isinstance(version, str) or version.partition(".")[0] != "2":
        raise bad(f"asset.version is {version!r}; only 2.x is read")


def _check_extensions(document: Document, packed: frozenset[str]) -> None:
    if unknown := set(names(document, "extensionsRequired")) - EXTENSIONS - packed:
        raise Refusal("unsupported_extension", f"it requires {_named(unknown)}")
    if used := hidden_geometry(document) - packed:
        raise Refusal("unsupported_extension", f"it holds geometry in {_named(used)}")


def _named(extensions: set[str]) -> str:
    words = ", ".join(sorted(extensions))[:200]
    remedies = sorted({_REMEDIES[name] for name in extensions if name in _REMEDIES})
    return "; ".join([words, *remedies])


def hidden_geometry(document: Document) -> set[str]:
    """Extensions of nodes, views and primitives that our reader does not look into."""
    return {name for name in _HIDING for holder in _holders(document) if name in holder}


def _holders(document: Document) -> Iterator[dict[str, Any]]:
    """Every `extensions` object that could hold geometry."""
    for name in ("nodes", "bufferViews"):
        for entry in table(document, name):
            yield mapping(entry, "extensions", name)
    for mesh in table(document, "meshes"):
        for primitive in objects(mesh, "primitives", "a mesh"):
            yield mapping(primitive, "extensions", "a primitive")


def buffer_bytes(glb: Glb, *, placeholders: bool = False) -> tuple[bytes, ...]:
    """The bytes of each buffer: the binary chunk for the first, data URIs for the others.

    With `placeholders`, a buffer that is only there to be decompressed into is empty.
    """
    buffers = []
    for number, buffer in enumerate(table(glb.document, "buffers")):
        where = f"buffer {number}"
        data = embedded_bytes(buffer, where)
        if data is None and number > 0:
            if not placeholders:
                raise bad(f"{where} has neither a data URI nor the binary chunk")
            buffers.append(b"")
            continue
        data = glb.binary if data is None else data
        length = integer(buffer, "byteLength", where, low=1)
        if length > len(data):
            raise bad(f"{where} promises {length} bytes, {len(data)} are there")
        buffers.append(data)
    return tuple(buffers)


def _check_views(document: Document, buffers: tuple[bytes, ...]) -> None:
    for number, view in enumerate(table(document, "bufferViews")):
        where = f"bufferView {number}"
        window(view, buffers, where)
        stride = integer(view, "byteStride", where, default=4, low=4, high=252)
        if stride % 4:
            raise bad(f"byteStride of {where} is {stride}, not a multiple of 4")


def window(view: dict[str, Any], buffers: tuple[bytes, ...], where: str) -> memoryview:
    """The bytes that a view, or its compressed stand-in, points at; `Refusal` if there are none."""
    buffer = integer(view, "buffer", where, high=len(buffers) - 1)
    start = integer(view, "byteOffset", where, default=0)
    end = start + integer(view, "byteLength", where, low=1)
    if end > len(buffers[buffer]):
        raise bad(f"{where} ends at byte {end} of a buffer of {len(buffers[buffer])}")
    return memoryview(buffers[buffer])[start:end]


def _check_meshes(document: Document) -> None:
    accessors = table(document, "accessors")
    materials = len(table(document, "materials"))
    for number, mesh in enumerate(table(document, "meshes")):
        for primitive in objects(mesh, "primitives", f"mesh {number}"):
            where = f"a primitive of mesh {number}"
            integer(primitive, "mode", where, default=4, high=6)
            index(primitive, "material", where, materials)
            if "attributes" not in primitive:
                raise bad(f"{where} has no attributes")
            counts = _check_attributes(mapping(primitive, "attributes", where), accessors, where)
            if (faces := index(primitive, "indices", where, len(accessors))) is not None:
                _check_kind(accessors[faces], where, "indices", ("SCALAR",), (5121, 5123, 5125))
            targets = objects(primitive, "targets", where)
            if len(targets) > MAX_MORPH_TARGETS:
                words = f"{len(targets)} morph targets; at most {MAX_MORPH_TARGETS} are read"
                raise Refusal("too_large", f"{where} has {words}")
            for target in targets:
                counts |= _check_attributes(target, accessors, f"a morph target of {where}")
            if len(counts) > 1:
                raise bad(f"the attributes of {where} differ in length")


def _check_attributes(
    attributes: dict[str, Any], accessors: list[dict[str, Any]], where: str
) -> set[int]:
    """Checks indices and kinds; returns the counts that occur."""
    counts = set()
    for name in attributes:
        accessor = accessors[integer(attributes, name, where, high=len(accessors) - 1)]
        if types := _TYPES_OF.get(name.rstrip("0123456789")):
            _check_kind(accessor, where, name, types)
        counts.add(accessor["count"])
    return counts


def _check_kind(
    accessor: dict[str, Any],
    where: str,
    name: str,
    types: tuple[str, ...],
    components: tuple[int, ...] = (5120, 5121, 5122, 5123, 5126),
) -> None:
    if accessor["type"] not in types or accessor["componentType"] not in components:
        kind = f"{accessor['type']} of {accessor['componentType']}"
        raise bad(f"{name} of {where} is {kind}, not {types} of {components}")


def _check_graph(document: Document) -> None:
    """Nodes must form a forest: at most one parent each, no cycle, bounded depth."""
    nodes = table(document, "nodes")
    if len(nodes) > MAX_NODES:
        raise Refusal("too_large", f"it has {len(nodes)} nodes; at most {MAX_NODES} are read")
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
            raise Refusal("too_large", f"its nodes are nested deeper than {MAX_NODE_DEPTH}")
    if reached < len(nodes):  # With one parent each, what no root reaches runs in a circle.
        raise bad(f"{len(nodes) - reached} nodes are their own ancestors")


def _check_instances(document: Document, held: int) -> None:
    """Counts vertices and triangles as often as the nodes of the default scene show them.

    Args:
        document: Its graph is a forest.
        held: Bytes of its buffers; what asks for more than they can hold is a bomb.
    """
    meshes = table(document, "meshes")
    shown = [index(node, "mesh", "a node", len(meshes)) for node in scene_nodes(document)]
    sizes = [_mesh_size(document, mesh) for mesh in meshes]
    vertices = sum(sizes[mesh][0] for mesh in shown if mesh is not None)
    triangles = sum(sizes[mesh][1] for mesh in shown if mesh is not None)
    for count, most, what in (
        (triangles, MAX_TRIANGLES, "triangles"),
        (vertices, MAX_VERTICES, "vertices"),
    ):
        if count > most:
            words = f"it shows {count} {what}; at most {most} are read"
            raise Refusal("too_large" if count <= held else "bomb", f"{words}; reduce the mesh")
    if triangles == 0:
        raise Refusal("no_mesh", _why_nothing_shows(document, sizes, shown))


def _why_nothing_shows(
    document: Document, sizes: list[tuple[int, int]], shown: list[int | None]
) -> str:
    """What is in a file whose scene shows no triangle."""
    if any(triangles for _, triangles in sizes):
        count = sum(triangles > 0 for _, triangles in sizes)
        return f"no node of its scene shows a triangle; {count} of its meshes are not in that scene"
    if any(mesh is not None for mesh in shown):
        modes = {
            primitive.get("mode", 4)
            for mesh in table(document, "meshes")
            for primitive in objects(mesh, "primitives", "a mesh")
        }
        kinds = [word for word, of in (("points", {0}), ("lines", {1, 2, 3})) if of & modes]
        if kinds:
            return f"no node shows a triangle; its meshes are {' and '.join(kinds)}"
    return "no node shows a triangle"


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
        # Blender keeps a copy of the vertices for every morph target.
        vertices += count * (1 + len(primitive.get("targets", [])))
        triangles += corners // 3 if mode == 4 else max(0, corners - 2)
    return vertices, triangles


def _check_images(gltf: Gltf) -> None:
    check_counts(gltf.document)
    used, total = used_images(gltf.document), 0
    for number, image in enumerate(table(gltf.document, "images")):
        where = f"image {number}"
        data = image_bytes(gltf, image, where)
        if number not in used:  # Nothing shows it, so it may be of any kind.
            continue
        total = check_pixels(image_size(data), len(data), total, where)


def image_bytes(gltf: Gltf, image: dict[str, Any], where: str) -> bytes:
    """The file of a picture, from its data URI or its view."""
    if (data := embedded_bytes(image, where)) is not None:
        return data
    views = len(table(gltf.document, "bufferViews"))
    return bytes(gltf.view(integer(image, "bufferView", where, high=views - 1)))

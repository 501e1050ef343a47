"""Compressed geometry becomes plain accessors, once, when a file enters: Blender never meets it."""

import copy
from typing import Any

import numpy as np

from data_engine.errors import Refusal
from data_engine.gltf import draco, meshopt
from data_engine.gltf.accessors import COMPONENTS, WIDTHS
from data_engine.gltf.checks import (
    DRACO,
    MAX_TRIANGLES,
    MAX_VERTICES,
    MESHOPT,
    buffer_bytes,
    check_document,
    check_version,
    hidden_geometry,
    window,
)
from data_engine.gltf.container import MAX_FILE_BYTES, Glb
from data_engine.gltf.document import Document, bad, integer, mapping, names, objects, table
from data_engine.gltf.pack import pack_views

Contents = list[bytes | memoryview]


def is_compressed(document: Document) -> bool:
    """Whether a document uses or requires a compression that we undo."""
    required = set(names(document, "extensionsRequired"))
    return not {DRACO, MESHOPT}.isdisjoint(required | hidden_geometry(document))


def decompress(glb: Glb) -> Glb:
    """The same scene with plain accessors; not yet checked as a whole."""
    document = copy.deepcopy(glb.document)
    check_version(document)
    binary = _expand_views(document, glb)
    _forget(document, MESHOPT)
    binary = _expand_primitives(document, binary)
    _forget(document, DRACO)
    return Glb(document=document, binary=binary)


def _forget(document: Document, extension: str) -> None:
    for name in ("extensionsUsed", "extensionsRequired"):
        if kept := [entry for entry in names(document, name) if entry != extension]:
            document[name] = kept
        else:
            document.pop(name, None)


def _expand_views(document: Document, glb: Glb) -> bytes:
    """Decodes the views that meshopt compressed; returns the binary chunk of the document."""
    buffers = buffer_bytes(glb, placeholders=True)
    contents: Contents = []
    left = MAX_FILE_BYTES
    for number, view in enumerate(table(document, "bufferViews")):
        where = f"bufferView {number}"
        packed = _taken(view, MESHOPT, where)
        if packed is None:
            contents.append(window(view, buffers, where))
            continue
        count = integer(packed, "count", where, low=1)
        stride = integer(packed, "byteStride", where, low=1, high=256)
        if count * stride > left:
            raise Refusal("bomb", f"with {where} its data exceed {MAX_FILE_BYTES} bytes")
        left -= count * stride
        if integer(view, "byteLength", where) != count * stride:
            raise bad(f"{where} is not as long as {count} elements of {stride} bytes")
        try:
            contents.append(
                meshopt.decode(
                    bytes(window(packed, buffers, where)),
                    count=count,
                    stride=stride,
                    mode=str(packed.get("mode")),
                    filter_name=str(packed.get("filter", "NONE")),
                )
            )
        except meshopt.Malformed as error:
            raise bad(f"the meshopt data of {where} cannot be decoded: {error}") from error
    return pack_views(document, contents)


def _taken(holder: dict[str, Any], extension: str, where: str) -> dict[str, Any] | None:
    """Takes an extension out of an object, if it is there."""
    extensions = mapping(holder, "extensions", where)
    if extension not in extensions:
        return None
    taken = mapping(extensions, extension, where)
    del extensions[extension]
    if not extensions:
        del holder["extensions"]
    return taken


def _expand_primitives(document: Document, binary: bytes) -> bytes:
    """Decodes the primitives that Draco compressed; returns the binary chunk of the document."""
    if DRACO not in hidden_geometry(document):
        return binary
    gltf = check_document(Glb(document=document, binary=binary), packed=frozenset({DRACO}))
    contents: Contents = [gltf.view(n) for n in range(len(table(document, "bufferViews")))]
    payloads, decoded = len(contents), {}
    triangles = vertices = 0
    for number, mesh in enumerate(table(document, "meshes")):
        for primitive in objects(mesh, "primitives", "a mesh"):
            where = f"a primitive of mesh {number}"
            if (packed := _taken(primitive, DRACO, where)) is None:
                continue
            view = integer(packed, "bufferView", where, high=payloads - 1)
            if view not in decoded:
                promised = draco.promised_counts(contents[view])
                triangles, vertices = triangles + promised[0], vertices + promised[1]
                _check_promise(triangles, vertices)
                decoded[view] = draco.decode(bytes(contents[view]))
            _expand(document, primitive, packed, decoded[view], contents, where)
    return pack_views(document, contents)


def _check_promise(triangles: int, vertices: int) -> None:
    if triangles > MAX_TRIANGLES or vertices > MAX_VERTICES:
        words = f"{triangles} triangles of {vertices} vertices"
        raise Refusal("bomb", f"its Draco data promise {words}, too many")


def _expand(
    document: Document,
    primitive: dict[str, Any],
    packed: dict[str, Any],
    mesh: draco.DracoMesh,
    contents: Contents,
    where: str,
) -> None:
    """Points the accessors of a primitive at decoded numbers (KHR_draco_mesh_compression)."""
    accessors = table(document, "accessors")
    ids = mapping(packed, "attributes", where)
    for name in ids:
        if name not in mapping(primitive, "attributes", where):
            raise bad(f"Draco holds {name} of {where}, which names no accessor for it")
        accessor = accessors[primitive["attributes"][name]]
        values = mesh.attributes.get(integer(ids, name, where))
        if values is None:
            raise bad(f"the Draco data of {where} lack attribute {ids[name]}, its {name}")
        _store(document, contents, accessor, _fitting(values, accessor, f"{name} of {where}"))
        if name == "POSITION":
            accessor |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
    if "indices" not in primitive:
        accessors.append({"type": "SCALAR"})
        primitive["indices"] = len(accessors) - 1
    faces = accessors[primitive["indices"]]
    faces["componentType"] = 5125
    _store(document, contents, faces, mesh.faces.reshape(-1, 1).astype("<u4"))
    primitive["mode"] = 4  # Strips, too, are decoded to a list of triangles.


def _fitting(values: np.ndarray, accessor: dict[str, Any], where: str) -> np.ndarray:
    """Decoded numbers [v, c] in the type of their accessor; `Refusal` if they do not fit it."""
    if len(values) == 0 or not np.isfinite(values).all():
        raise Refusal("degenerate", f"{where} is empty or not finite once decoded")
    with np.errstate(invalid="ignore"):
        cast = values.astype(COMPONENTS[accessor["componentType"]])
    if values.shape[1] != WIDTHS[accessor["type"]] or not np.array_equal(cast, values):
        kind = f"{accessor['type']} of {accessor['componentType']}"
        raise bad(f"{where} does not fit its accessor ({kind}) once decoded")
    return cast


def _store(
    document: Document, contents: Contents, accessor: dict[str, Any], values: np.ndarray
) -> None:
    """Appends numbers [n, c] as a view of their own, and points an accessor at it."""
    for name in ("byteOffset", "sparse", "min", "max"):
        accessor.pop(name, None)
    count, width = values.shape
    view: dict[str, Any] = {"buffer": 0}
    if accessor["type"] != "SCALAR":  # Vertex data start at multiples of four bytes.
        step = -(-width * values.itemsize // 4) * 4 // values.itemsize
        values = np.pad(values, ((0, 0), (0, step - width)))
        view["byteStride"] = step * values.itemsize
    accessor |= {"bufferView": len(contents), "count": count}
    contents.append(values.tobytes())
    document["bufferViews"].append(view)

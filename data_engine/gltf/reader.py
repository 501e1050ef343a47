"""The geometry of a GLB as arrays: every triangle its scene shows, node transforms applied."""

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from data_engine.errors import Refusal
from data_engine.gltf.accessors import COMPONENTS, WIDTHS, component_bytes, element_bytes
from data_engine.gltf.checks import Gltf, check_document
from data_engine.gltf.container import read_glb
from data_engine.gltf.document import bad, index, numbers, scene_roots, table

_TRIANGLES, _STRIP, _FAN = 4, 5, 6
LEAST_AREA = 1e-12
"""Twice the area of all triangles, relative to the longest side squared, that a surface has."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Geometry:
    """A triangle soup in glTF axes (y up unless the catalog's `up_axis` says otherwise)."""

    vertices: np.ndarray
    """[v, 3] float64, finite."""
    faces: np.ndarray
    """[f, 3] int64, counter-clockwise seen from outside, mirrored nodes turned back."""

    def shown(self) -> np.ndarray:
        """The vertices [n, 3] that belong to a face with three different corners.

        Blender drops the other faces, so they must not decide the framing.
        """
        a, b, c = self.faces.T
        proper = (a != b) & (b != c) & (c != a)
        return self.vertices[np.unique(self.faces[proper])]


def load_geometry(path: str | os.PathLike) -> Geometry:
    """Reads and checks a GLB file; `Refusal` unless it shows at least one proper triangle."""
    return read_geometry(check_document(read_glb(path)))


def read_geometry(gltf: Gltf) -> Geometry:
    """Collects the triangles of the default scene of a checked document."""
    all_vertices, all_faces, base = [], [], 0
    for node, matrix in placed_nodes(gltf):
        for primitive in primitives(gltf, node):
            vertices, faces = corners(gltf, node, primitive)
            all_vertices.append(move(matrix, vertices))
            all_faces.append(base + turned(matrix, faces))
            base += len(vertices)
    faces = np.concatenate(all_faces) if all_faces else np.zeros((0, 3), np.int64)
    if len(faces) == 0:
        raise Refusal("no_mesh", "its scene shows no triangle")
    vertices = np.concatenate(all_vertices)
    if not np.isfinite(vertices).all():
        broken = int((~np.isfinite(vertices).all(axis=-1)).sum())
        raise Refusal("degenerate", f"{broken} of {len(vertices)} vertices are not finite")
    _check_extent(vertices, faces)
    return Geometry(vertices=vertices, faces=faces)


def _check_extent(vertices: np.ndarray, faces: np.ndarray) -> None:
    """Refuses what has no area: a point, a line, or triangles that are all folded shut."""
    shown = vertices[np.unique(faces)]
    with np.errstate(over="ignore"):
        extent = np.ptp(shown, axis=0)
    if (extent > 0).sum() < 2 or not np.isfinite(extent).all():
        size = " x ".join(f"{side:g}" for side in extent)
        raise Refusal("degenerate", f"its bounding box of {size} has no area that can be measured")
    a, b, c = np.moveaxis((vertices[faces] - shown[0]) / extent.max(), 1, 0)
    if not np.linalg.norm(np.cross(b - a, c - a), axis=-1).sum() > LEAST_AREA:
        raise Refusal("degenerate", f"all of its {len(faces)} triangles have no area")


def placed_nodes(gltf: Gltf) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Nodes of the default scene with their global matrix (of all roots, if there is no scene)."""
    nodes = table(gltf.document, "nodes")
    stack = [(root, np.eye(4)) for root in reversed(scene_roots(gltf.document))]
    while stack:
        number, parent = stack.pop()
        matrix = parent @ _local_matrix(nodes[number], f"node {number}")
        yield nodes[number], matrix
        stack += [(child, matrix) for child in reversed(nodes[number].get("children", []))]


def _local_matrix(node: dict[str, Any], where: str) -> np.ndarray:
    if "matrix" in node:
        return np.reshape(numbers(node, "matrix", where, [0.0] * 16), (4, 4)).T
    x, y, z, w = numbers(node, "rotation", where, [0.0, 0.0, 0.0, 1.0])
    norm = x * x + y * y + z * z + w * w
    if norm == 0:
        raise bad(f"rotation of {where} is the zero quaternion")
    s = 2 / norm
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w)],
        [s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w)],
        [s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y)],
    ]
    matrix[:3, :3] *= numbers(node, "scale", where, [1.0, 1.0, 1.0])
    matrix[:3, 3] = numbers(node, "translation", where, [0.0, 0.0, 0.0])
    return matrix


def primitives(gltf: Gltf, node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The primitives of the mesh of a node that show triangles; `Refusal` if it is skinned."""
    if "mesh" not in node:
        return
    for primitive in table(gltf.document, "meshes")[node["mesh"]].get("primitives", []):
        shows = "POSITION" in primitive["attributes"]
        if shows and primitive.get("mode", _TRIANGLES) in (_TRIANGLES, _STRIP, _FAN):
            if index(node, "skin", "a node", len(table(gltf.document, "skins"))) is not None:
                words = "it is skinned; export it with its pose applied"
                raise Refusal("unsupported_extension", words)
            yield primitive


def corners(
    gltf: Gltf, node: dict[str, Any], primitive: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Positions at rest [v, 3], in the node's own frame, and triangles [f, 3] of a primitive."""
    vertices = at_rest(gltf, node, primitive, "POSITION")
    order = np.arange(len(vertices))
    if "indices" in primitive:
        order = read_accessor(gltf, primitive["indices"])[:, 0].astype(np.int64)
        if order.max() >= len(vertices):
            raise bad(f"an index is {order.max()}; there are {len(vertices)} vertices")
    return vertices, _triangles(order, primitive.get("mode", _TRIANGLES))


def at_rest(gltf: Gltf, node: dict[str, Any], primitive: dict[str, Any], name: str) -> np.ndarray:
    """An attribute [v, c] with its morph targets at their weights (glTF 2.0, section 3.7.2.2)."""
    mesh = table(gltf.document, "meshes")[node["mesh"]]
    weights = node.get("weights", mesh.get("weights", []))
    values, targets = (
        read_accessor(gltf, primitive["attributes"][name]),
        primitive.get("targets", []),
    )
    if not isinstance(weights, list):
        raise bad("the weights of its morph targets are not an array")
    weights = numbers({"weights": weights}, "weights", "its morph targets", [0.0] * len(weights))
    for target, weight in zip(targets, weights, strict=False):  # Without a weight: at rest.
        if name in target and weight:
            values = values + weight * read_accessor(gltf, target[name])
    return values


def _triangles(corners: np.ndarray, mode: int) -> np.ndarray:
    """Triangles [f, 3] of a list, strip or fan of corners (glTF 2.0, section 3.7.2.1)."""
    if mode == _TRIANGLES:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    count = max(0, len(corners) - 2)
    first, second, third = corners[:count], corners[1 : count + 1], corners[2 : count + 2]
    if mode == _FAN:
        return np.stack([second, third, np.broadcast_to(corners[:1], (count,))], axis=-1)
    odd = (np.arange(count) % 2).astype(bool)
    return np.stack(
        [first, np.where(odd, third, second), np.where(odd, second, third)], axis=-1
    ).reshape(-1, 3)


def move(matrix: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Vertices [v, 3] moved by a matrix [4, 4]."""
    with np.errstate(over="ignore", invalid="ignore"):  # What overflows is refused as not finite.
        return vertices @ matrix[:3, :3].T + matrix[:3, 3]


def turned(matrix: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Triangles [f, 3] that stay counter-clockwise where a matrix mirrors them."""
    with np.errstate(over="ignore", invalid="ignore"):
        return faces[:, ::-1] if np.linalg.det(matrix[:3, :3]) < 0 else faces


def read_accessor(gltf: Gltf, number: int) -> np.ndarray:
    """Elements [count, width] of a checked accessor as float64, normalised where it says so."""
    accessor = table(gltf.document, "accessors")[number]
    if "bufferView" in accessor:
        values = _window(gltf, accessor)
    else:
        values = np.zeros((accessor["count"], WIDTHS[accessor["type"]]))
    if "sparse" in accessor:
        values = _with_sparse(gltf, accessor, values.copy())
    values = values.astype(np.float64)
    if accessor.get("normalized") and accessor["componentType"] != 5126:
        limits = np.iinfo(COMPONENTS[accessor["componentType"]])
        values = np.maximum(values / limits.max, -1.0)
    return values


def _window(gltf: Gltf, accessor: dict[str, Any]) -> np.ndarray:
    view = table(gltf.document, "bufferViews")[accessor["bufferView"]]
    stride = view.get("byteStride", element_bytes(accessor))
    if accessor["type"].startswith("MAT") and component_bytes(accessor) < 4:
        raise bad("an accessor of small integer matrices is not read")
    return np.ndarray(
        (accessor["count"], WIDTHS[accessor["type"]]),
        dtype=COMPONENTS[accessor["componentType"]],
        buffer=gltf.view(accessor["bufferView"]),
        offset=accessor.get("byteOffset", 0),
        strides=(stride, component_bytes(accessor)),
    )


def _with_sparse(gltf: Gltf, accessor: dict[str, Any], values: np.ndarray) -> np.ndarray:
    """Replaces the elements a sparse accessor names (glTF 2.0, section 3.6.2.3)."""
    sparse = accessor["sparse"]
    where = {**sparse["indices"], "type": "SCALAR", "count": sparse["count"]}
    what = {**accessor, **sparse["values"], "count": sparse["count"]}
    rows = _window(gltf, where)[:, 0].astype(np.int64)
    if rows.max() >= len(values):
        raise bad(f"a sparse index is {rows.max()}; there are {len(values)} elements")
    values[rows] = _window(gltf, {"byteOffset": 0, **what})
    return values

"""Triangle meshes: the container, the icosphere template and quantities with closed forms."""

import functools

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse

from jaxrelic.errors import UserError
from jaxrelic.typing import Array, Float, Int, typechecked

# Base icosahedron of specification msrn H-D; the order matters for parity of vertex indices.
_A, _B = 0.5257, 0.8507
_ICOSAHEDRON_VERTICES = np.array(
    [
        *[(-_A, _B, 0), (_A, _B, 0), (-_A, -_B, 0), (_A, -_B, 0)],
        *[(0, -_A, _B), (0, _A, _B), (0, -_A, -_B), (0, _A, -_B)],
        *[(_B, 0, -_A), (_B, 0, _A), (-_B, 0, -_A), (-_B, 0, _A)],
    ]
)
_ICOSAHEDRON_FACES = np.array(
    [
        *[(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4)],
        *[(11, 10, 2), (10, 7, 6), (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8)],
        *[(3, 8, 9), (4, 9, 5), (2, 4, 11), (6, 2, 10), (8, 6, 7), (9, 8, 1)],
    ]
)

MIN_SQUARED_LENGTH = 1e-30
"""Vectors shorter than the square root of this have no direction in float32."""


@flax.struct.dataclass
class Mesh:
    """A triangle mesh with one kind of colour: a UV texture, vertex colours, or none.

    Example:
        >>> mesh = Mesh(vertices=0.4 * icosphere(1)[0], faces=icosphere(1)[1])
        >>> mesh.vertices.shape, mesh.faces.shape, mesh.texture is None
        ((42, 3), (80, 3), True)
    """

    vertices: jax.Array
    """World positions, [*b, v, 3]."""
    faces: jax.Array
    """Vertex indices, counter-clockwise seen from outside, [f, 3]."""
    vertex_colours: jax.Array | None = None
    """RGB in [0, 1], [*b, v, 3]."""
    face_uvs: jax.Array | None = None
    """Texture coordinates of each face corner, [f, 3, 2]; v = 1 is row 0 of the texture."""
    texture: jax.Array | None = None
    """RGB in [0, 1], row 0 on top, [*b, h, w, 3]."""


def check_indices(faces: np.ndarray, num_vertices: int) -> None:
    """Raises UserError if a face [f, 3] names a vertex that is not there; JAX would clamp it."""
    wrong = np.flatnonzero(((faces < 0) | (faces >= num_vertices)).any(axis=-1))
    if len(wrong):
        raise UserError(
            f"the mesh has {len(wrong)} faces with an index out of range (first: face {wrong[0]}, "
            f"{np.asarray(faces)[wrong[0]].tolist()}; its {num_vertices} vertices are 0 to "
            f"{num_vertices - 1}); OBJ files count from 1, and indices must follow their vertices"
        )


@functools.cache
def icosphere(level: int) -> tuple[np.ndarray, np.ndarray]:
    """Subdivided icosahedron: vertices [v, 3] float32 and faces [f, 3] int32, facing outward.

    Level 0 keeps the rounded base coordinates; from level 1 on vertices lie on the unit sphere.

    Example:
        >>> vertices, faces = icosphere(3)
        >>> vertices.shape, faces.shape
        ((642, 3), (1280, 3))
        >>> round(float(signed_volume(vertices, faces)), 3)  # A ball has 4.189.
        4.153
    """
    vertices, faces = _ICOSAHEDRON_VERTICES, _ICOSAHEDRON_FACES
    for _ in range(level):
        vertices, faces = _subdivide(vertices, faces)
        vertices = vertices / np.linalg.norm(vertices, axis=-1, keepdims=True)
    return vertices.astype(np.float32), faces.astype(np.int32)


def _subdivide(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Splits every face into four at its edge midpoints, which shared edges share."""
    corners = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=-1)
    edges, index = np.unique(corners, axis=0, return_inverse=True)
    ab, bc, ca = (index.reshape(-1, 3) + len(vertices)).T
    a, b, c = faces.T
    quads = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    return (
        np.concatenate([vertices, vertices[edges].mean(axis=1)]),
        np.concatenate([np.stack(quad, axis=-1) for quad in quads]),
    )


def sphere_uv(directions: np.ndarray) -> np.ndarray:
    """Longitude and latitude of directions [*b, 3] (world z up) as texture coordinates [*b, 2].

    The mapping of Unicorn, turned to our axes: u = 1/2 looking along -y, v = 0 on top.
    """
    unit = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    polar = np.arccos(np.clip(unit[..., 2], -1 + 1e-5, 1 - 1e-5))
    longitude = np.arctan2(unit[..., 0], -unit[..., 1])
    return np.stack([(longitude + np.pi) / (2 * np.pi), polar / np.pi], axis=-1)


@typechecked
def face_vertices(
    vertices: Float[Array, "*b v 3"], faces: Int[Array, "f 3"]
) -> Float[Array, "*b f 3 3"]:
    """Positions of each face's corners; the third axis from the right walks the corners."""
    return jnp.take(vertices, faces, axis=-2)


@typechecked
def area_normals(
    vertices: Float[Array, "*b v 3"], faces: Int[Array, "f 3"]
) -> Float[Array, "*b f 3"]:
    """Outward face normals with length equal to the face area."""
    a, b, c = jnp.moveaxis(face_vertices(vertices, faces), -2, 0)
    return 0.5 * jnp.cross(b - a, c - a)


@typechecked
def vertex_normals(
    vertices: Float[Array, "*b v 3"], faces: Int[Array, "f 3"]
) -> Float[Array, "*b v 3"]:
    """Area-weighted mean of the normals around each vertex, unit length; 0 where there is none."""
    around = jnp.broadcast_to(
        area_normals(vertices, faces)[..., None, :], (*vertices.shape[:-2], *faces.shape, 3)
    )
    return unit(jnp.zeros_like(vertices).at[..., faces, :].add(around))


@typechecked
def unit(vectors: Float[Array, "*b 3"]) -> Float[Array, "*b 3"]:
    """Vectors at unit length; those of no length stay 0, with a gradient of 0."""
    squared = jnp.sum(vectors * vectors, axis=-1, keepdims=True)
    long = squared > MIN_SQUARED_LENGTH
    return jnp.where(long, vectors / jnp.sqrt(jnp.where(long, squared, 1)), 0)


@typechecked
def surface_area(vertices: Float[Array, "*b v 3"], faces: Int[Array, "f 3"]) -> Float[Array, "*b"]:
    """Total area, in squared world units."""
    return jnp.sum(jnp.linalg.norm(area_normals(vertices, faces), axis=-1), axis=-1)


@typechecked
def signed_volume(vertices: Float[Array, "*b v 3"], faces: Int[Array, "f 3"]) -> Float[Array, "*b"]:
    """Enclosed volume by the divergence theorem; negative where faces point inward."""
    a, b, c = jnp.moveaxis(face_vertices(vertices, faces), -2, 0)
    return jnp.sum(a * jnp.cross(b, c), axis=(-2, -1)) / 6


def pieces(faces: np.ndarray, num_vertices: int) -> np.ndarray:
    """Number of the connected piece that each vertex [v] belongs to, counted from 0.

    Faces [f, 3] connect their vertices; a vertex without faces is a piece of its own.
    """
    edges = np.asarray(faces)[:, [[0, 1], [1, 2]]].reshape(-1, 2).T
    joined = scipy.sparse.coo_array(
        (np.ones(edges.shape[1], np.int8), tuple(edges)), shape=(num_vertices, num_vertices)
    )
    return scipy.sparse.csgraph.connected_components(joined, directed=False)[1]


def edge_topology(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges and their opposite corners of a closed mesh.

    Args:
        faces: [f, 3]; every edge must belong to exactly two faces.

    Returns:
        edges: [e, 2], each edge once.
        opposite: [e, 2], the third vertex of the two faces that share it.

    Example:
        >>> edges, opposite = edge_topology(icosphere(0)[1])
        >>> edges.shape, opposite.shape
        ((30, 2), (30, 2))
    """
    directed = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    third = faces[:, [2, 0, 1]].reshape(-1)
    undirected = np.sort(directed, axis=-1)
    edges, index, counts = np.unique(undirected, axis=0, return_inverse=True, return_counts=True)
    if not (counts == 2).all():
        raise ValueError(
            f"{(counts != 2).sum()} edges do not join exactly two faces; close the mesh"
        )
    order = np.argsort(index.reshape(-1), kind="stable")
    return edges.astype(np.int32), third[order].reshape(-1, 2).astype(np.int32)

"""What a mesh should look like before anyone has seen it: smooth."""

import jax.numpy as jnp

from jaxrelic.typing import Array, Float, Int, typechecked

MIN_COSINE_NORM = 1e-8
"""Product of two normals' lengths below which a folded pair counts as perpendicular."""


@typechecked
def normal_consistency(
    vertices: Float[Array, "*b v 3"], edges: Int[Array, "e 2"], opposite: Int[Array, "e 2"]
) -> Float[Array, "*b"]:
    """Mean over edges of 1 - cos of the angle between the two faces; 0 where flat, in [0, 2].

    Args:
        vertices: Any units.
        edges: Vertex pairs, each edge once.
        opposite: The third vertex of the two faces at each edge.

    Example:
        >>> from jaxrelic.geometry import meshes
        >>> vertices, faces = meshes.icosphere(2)
        >>> round(float(normal_consistency(vertices, *meshes.edge_topology(faces))), 5)
        0.01559
    """
    start, end = (jnp.take(vertices, edges[:, i], axis=-2) for i in (0, 1))
    a, b = (jnp.take(vertices, opposite[:, i], axis=-2) for i in (0, 1))
    n0 = jnp.cross(end - start, a - start)
    n1 = -jnp.cross(end - start, b - start)
    norms = jnp.sum(n0**2, axis=-1) * jnp.sum(n1**2, axis=-1)
    cosine = jnp.sum(n0 * n1, axis=-1) / jnp.sqrt(jnp.maximum(norms, MIN_COSINE_NORM**2))
    return jnp.mean(1 - cosine, axis=-1)


@typechecked
def laplacian(vertices: Float[Array, "*b v 3"], edges: Int[Array, "e 2"]) -> Float[Array, "*b"]:
    """Mean over vertices of the distance to the mean of their neighbours, in world units.

    The uniform Laplacian: connectivity counts, angles do not.

    Example:
        >>> from jaxrelic.geometry import meshes
        >>> vertices, faces = meshes.icosphere(2)
        >>> edges, _ = meshes.edge_topology(faces)
        >>> round(float(laplacian(vertices, edges)), 5)
        0.04838
    """
    ends = jnp.concatenate([edges, edges[:, ::-1]])
    neighbours = jnp.take(vertices, ends[:, 1], axis=-2)
    total = jnp.zeros_like(vertices).at[..., ends[:, 0], :].add(neighbours)
    valence = jnp.zeros(vertices.shape[-2]).at[ends[:, 0]].add(1.0)
    mean = total / valence.reshape((1,) * (vertices.ndim - 2) + (-1, 1))
    # The root has no gradient at zero, where a vertex lies in the middle of its neighbours.
    return jnp.mean(jnp.sqrt(jnp.sum((mean - vertices) ** 2, axis=-1) + 1e-12), axis=-1)

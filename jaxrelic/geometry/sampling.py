"""Points drawn evenly from a surface."""

import jax
import jax.numpy as jnp

from jaxrelic.geometry import meshes
from jaxrelic.typing import Array, Float, Int, Key, typechecked

MIN_AREA = 1e-20
"""Added to squared areas before a square root, so that zero-area faces stay finite."""


@typechecked
def sample_surface(
    rng: Key[Array, ""],
    vertices: Float[Array, "v 3"],
    faces: Int[Array, "f 3"],
    num_points: int,
) -> tuple[Float[Array, "n 3"], Float[Array, "n 3"]]:
    """Draws independent points, uniform by area (Osada et al., TOG 2002, eq 1).

    Args:
        rng: Random key.
        vertices: Corner positions.
        faces: Corner indices; faces without area are never drawn.
        num_points: How many points to draw.

    Returns:
        points: On the surface, in the frame of `vertices`.
        normals: Unit normal of the face each point lies on.
    """
    face_rng, corner_rng = jax.random.split(rng)
    area_normals = meshes.area_normals(vertices, faces)
    areas = jnp.linalg.norm(area_normals, axis=-1)
    chosen = jax.random.choice(face_rng, faces.shape[0], (num_points,), p=areas / jnp.sum(areas))
    weights = _uniform_barycentrics(jax.random.uniform(corner_rng, (num_points, 2)))
    corners = meshes.face_vertices(vertices, faces)[chosen]
    points = jnp.sum(weights[..., None] * corners, axis=-2)
    normals = area_normals[chosen]
    length = jnp.sqrt(jnp.sum(jnp.square(normals), axis=-1, keepdims=True) + MIN_AREA)
    return points, normals / length


@typechecked
def _uniform_barycentrics(uv: Float[Array, "n 2"]) -> Float[Array, "n 3"]:
    """Barycentric weights, uniform over a triangle, from uniform numbers in [0, 1]."""
    root, v = jnp.sqrt(uv[..., 0]), uv[..., 1]
    return jnp.stack([1 - root, root * (1 - v), root * v], axis=-1)

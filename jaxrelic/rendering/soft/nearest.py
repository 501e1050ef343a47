"""Which face each pixel centre sees: the soft rasterizer with edges of no softness."""

import dataclasses

import jax
import jax.numpy as jnp

from jaxrelic.rendering.settings import RasterSettings
from jaxrelic.rendering.soft import fragments
from jaxrelic.rendering.soft.traversal import Visit, by_corner, columns, lay_out, walk
from jaxrelic.typing import Array, Float, Int, typechecked

HARD_SIGMA = 1e-12
"""Reaches 3e-6 of half the image beyond a face: more than rounding, less than a pixel."""


@typechecked
def find_nearest(
    vertices: Float[Array, "b f 3 3"], *, image_size: tuple[int, int], settings: RasterSettings
) -> Int[Array, "b h w"]:
    """Row of the nearest face that strictly contains each pixel centre, or -1.

    Args:
        vertices: Faces in isotropic NDC (see `fragments`), at least one.
        image_size: Height and width.
        settings: Only `near` and `far` are used.
    """
    sigma = jnp.asarray(HARD_SIGMA, vertices.dtype)
    settings = dataclasses.replace(settings, sigma=sigma)
    faces, layout = lay_out(vertices, image_size, settings)
    none = faces.corners.shape[0]

    def visit(carry: tuple[Array, Array], at: Visit) -> tuple[Array, Array]:
        depth, index = carry
        present = faces.present[at.face] & at.live
        corners = by_corner(columns(faces.corners[at.face]))
        met = fragments.meet(corners, present, at.position, settings)
        _, in_range = fragments.nearness(met, settings)
        inside = in_range & (met.logit > 0)
        # Computed once: a copy rounded differently would not equal the minimum it became.
        met_depth = jax.lax.optimization_barrier(jnp.where(inside, met.depth, jnp.inf))
        nearest = depth.at[at.pixel].min(met_depth)
        wins = inside & (met_depth == nearest[at.pixel])
        # Faces arrive in order, so one that is merely as near as an earlier one loses to it.
        improved = jnp.where(wins & (met_depth < depth[at.pixel]), none, -1)
        index = index.at[at.pixel].max(improved)
        return nearest, index.at[at.pixel].min(jnp.where(wins, at.face, none))

    depth = jnp.full(layout.num_pixels, jnp.inf, layout.dtype)
    index = jnp.full(layout.num_pixels, none, jnp.int32)
    _, index = walk(faces, layout, visit, (depth, index))
    index = jnp.where(index < none, index % layout.faces_per_image, -1)
    return index.reshape(vertices.shape[0], *image_size)

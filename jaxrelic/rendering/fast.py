"""The fast soft rasterizer: only faces near a pixel, with static shapes and without a capacity.

Walks the scene's fragments (see `traversal`) twice: for each pixel's peak nearness, then for its
sums. Such loops, as long as the scene needs, cannot be differentiated in reverse; hence the
hand-written backward pass, which walks the same fragments again.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp

from jaxrelic.rendering import fragments
from jaxrelic.rendering.aggregate import PixelSums, background_nearness, contribute, resolve
from jaxrelic.rendering.settings import RasterSettings, SoftImage
from jaxrelic.rendering.texture import (
    Appearance,
    UvTexture,
    blend_cell,
    interpolate,
    texel_cell,
    texel_cells,
)
from jaxrelic.rendering.traversal import Faces, Layout, Visit, by_corner, columns, walk
from jaxrelic.typing import Array, Float, typechecked


@typechecked
def rasterize_fast(
    vertices: Float[Array, "b f 3 3"],
    appearance: Appearance,
    background: Float[Array, "3"],
    *,
    image_size: tuple[int, int],
    settings: RasterSettings,
) -> SoftImage:
    """Renders faces given in isotropic NDC (see `fragments`), as `rasterize_dense` does."""
    batch, per_image = vertices.shape[:2]
    vertices, present = fragments.drop_degenerate(vertices)
    textured = isinstance(appearance, UvTexture)
    layout = Layout(
        num_images=batch,
        faces_per_image=per_image,
        image_size=image_size,
        texture_size=appearance.texture.shape[-3:-1] if textured else None,
        dtype=vertices.dtype,
        # What a custom gradient takes as static must not hold a traced array.
        settings=dataclasses.replace(settings, sigma=0.0),
    )
    faces = Faces(
        corners=vertices.reshape(-1, 9),
        colors=(
            texel_cells(appearance.texture).reshape(-1, 12)
            if textured
            else appearance.colors.reshape(-1, 9)
        ),
        uvs=appearance.face_uvs.reshape(-1, 6) if textured else None,
        present=present.reshape(-1),
        sigma=settings.sigma,
    )
    peak = _find_peaks(jax.lax.stop_gradient(faces), layout)
    sums = _sum_fragments(layout, faces, peak)
    shape = batch, *image_size
    sums = jax.tree.map(lambda x: x.reshape(shape), sums)
    return resolve(sums, peak.reshape(shape), background, settings)


def _find_peaks(faces: Faces, layout: Layout) -> Array:
    """Largest nearness at each pixel of all images, [pixels]."""

    def visit(peak: Array, at: Visit) -> Array:
        met = _meet(columns(faces.corners[at.face]), faces, at, layout)
        nearness, _ = fragments.nearness(met, layout.settings)
        return peak.at[at.pixel].max(nearness)

    floor = background_nearness(layout.settings)
    return walk(faces, layout, visit, jnp.full(layout.num_pixels, floor, layout.dtype))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _sum_fragments(layout: Layout, faces: Faces, peak: Array) -> PixelSums:
    """What all fragments add to the pixels of all images, each field [pixels]."""

    def visit(sums: PixelSums, at: Visit) -> PixelSums:
        _, rows = _read(faces, at, layout)
        added = _shade(rows, faces, at, peak, layout)
        # One scatter per field: stacking them would make XLA recompute all for each.
        return jax.tree.map(lambda total, x: total.at[at.pixel].add(x), sums, added)

    zero = jnp.zeros(layout.num_pixels, layout.dtype)
    return walk(faces, layout, visit, PixelSums(*[zero] * 6))


def _sum_fragments_forward(
    layout: Layout, faces: Faces, peak: Array
) -> tuple[PixelSums, tuple[Faces, Array]]:
    return _sum_fragments(layout, faces, peak), (faces, peak)


def _sum_fragments_backward(
    layout: Layout, saved: tuple[Faces, Array], cotangent: PixelSums
) -> tuple[Faces, None]:
    """Differentiates each block by itself and scatters the result into the tables."""
    faces, peak = saved

    def visit(gradient: tuple[Array, Array], at: Visit) -> tuple[Array, Array]:
        index, rows = _read(faces, at, layout)
        _, pull_back = jax.vjp(lambda rows: _shade(rows, faces, at, peak, layout), rows)
        (by_row,) = pull_back(jax.tree.map(lambda x: x[at.pixel], cotangent))
        return tuple(
            total.at[i].add(jnp.stack(columns, axis=-1))
            for total, i, columns in zip(gradient, index, by_row, strict=True)
        )

    zero = jnp.zeros_like(faces.corners), jnp.zeros_like(faces.colors)
    by_corners, by_colors = walk(faces, layout, visit, zero)
    gradient = Faces(corners=by_corners, colors=by_colors, uvs=None, present=None, sigma=None)
    return gradient, None


_sum_fragments.defvjp(_sum_fragments_forward, _sum_fragments_backward)

_Rows = tuple[list[Array], list[Array]]
"""Corners and colours of fragments, a list of columns [m] each."""


def _read(faces: Faces, at: Visit, layout: Layout) -> tuple[tuple[Array, Array], _Rows]:
    """What fragments depend on, and the rows of the two tables it comes from."""
    corners = columns(faces.corners[at.face])
    if layout.texture_size is None:
        color_row = at.face
    else:
        color_row, _, _ = _texel(_meet(corners, faces, at, layout), faces, at, layout)
        height, width = layout.texture_size
        color_row += at.face // layout.faces_per_image * (height * width)
    return (at.face, color_row), (corners, columns(faces.colors[color_row]))


def _meet(corners: list[Array], faces: Faces, at: Visit, layout: Layout) -> fragments.Fragments:
    present = faces.present[at.face] & at.live
    return fragments.meet(by_corner(corners), present, at.position, faces.settings(layout))


def _texel(
    met: fragments.Fragments, faces: Faces, at: Visit, layout: Layout
) -> tuple[Array, Array, Array]:
    uvs = by_corner(columns(faces.uvs[at.face]))
    return texel_cell(*interpolate(met.barycentric, uvs), *layout.texture_size)


def _shade(rows: _Rows, faces: Faces, at: Visit, peak: Array, layout: Layout) -> PixelSums:
    """What each fragment adds to its pixel, each field [m]."""
    corners, colors = rows
    met = _meet(corners, faces, at, layout)
    if layout.texture_size is None:
        rgb = interpolate(met.barycentric, by_corner(colors))
    else:
        _, x, y = _texel(met, faces, at, layout)
        rgb = blend_cell(colors, x, y)
    return contribute(met, rgb, peak[at.pixel], layout.settings)

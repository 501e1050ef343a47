"""The fast soft rasterizer: only faces near a pixel, with static shapes and without a capacity.

Walks the scene's fragments (see `traversal`) twice: for each pixel's peak nearness, then for its
sums. Such loops, as long as the scene needs, cannot be differentiated in reverse; hence the
hand-written backward pass, which walks the same fragments again.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp

from jaxrelic.rendering.settings import RasterSettings, SoftImage
from jaxrelic.rendering.soft import fragments
from jaxrelic.rendering.soft.aggregate import (
    BACKGROUND_NEARNESS,
    PixelSums,
    contribute,
    opacity,
    resolve,
)
from jaxrelic.rendering.soft.texture import (
    Appearance,
    UvTexture,
    blend_cell,
    interpolate,
    texel_cell,
    texel_cells,
)
from jaxrelic.rendering.soft.traversal import (
    Faces,
    Layout,
    Visit,
    by_corner,
    columns,
    lay_out,
    walk,
)
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
    faces, layout = lay_out(vertices, image_size, settings)
    if isinstance(appearance, UvTexture):
        layout = dataclasses.replace(layout, texture_size=appearance.texture.shape[-3:-1])
        cells = texel_cells(appearance.texture).reshape(-1, 12)
        faces = faces.replace(colours=cells, uvs=appearance.face_uvs.reshape(-1, 6))
    else:
        faces = faces.replace(colours=appearance.colours.reshape(-1, 9))
    peak = _find_peaks(jax.lax.stop_gradient(faces), layout)
    sums = _sum_fragments(layout, faces, peak)
    shape = vertices.shape[0], *image_size
    sums = jax.tree.map(lambda x: x.reshape(shape), sums)
    return resolve(sums, peak.reshape(shape), background, settings)


@typechecked
def cover_fast(
    vertices: Float[Array, "b f 3 3"], *, image_size: tuple[int, int], settings: RasterSettings
) -> Float[Array, "b h w"]:
    """The alpha of `rasterize_fast` alone: one walk over the fragments, and no colours."""
    faces, layout = lay_out(vertices, image_size, settings)
    return _sum_fragments(layout, faces, None).alpha.reshape(vertices.shape[0], *image_size)


def _find_peaks(faces: Faces, layout: Layout) -> Array:
    """Largest nearness at each pixel of all images, [pixels]."""

    def visit(peak: Array, at: Visit) -> Array:
        met = _meet(columns(faces.corners[at.face]), faces, at, layout)
        nearness, _ = fragments.nearness(met, layout.settings)
        return peak.at[at.pixel].max(nearness)

    floor = BACKGROUND_NEARNESS
    return walk(faces, layout, visit, jnp.full(layout.num_pixels, floor, layout.dtype))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _sum_fragments(layout: Layout, faces: Faces, peak: Array | None) -> PixelSums:
    """What all fragments add to the pixels of all images, each field [pixels].

    Of faces without colours it is the opacity alone, and needs no peak.
    """

    def visit(sums: PixelSums, at: Visit) -> PixelSums:
        _, rows = _read(faces, at, layout)
        added = _shade(rows, faces, at, peak, layout)
        # One scatter per field: stacking them would make XLA recompute all for each.
        return jax.tree.map(lambda total, x: total.at[at.pixel].add(x), sums, added)

    zero = jnp.zeros(layout.num_pixels, layout.dtype)
    sums = PixelSums(zero) if faces.colours is None else PixelSums(*[zero] * 6)
    return walk(faces, layout, visit, sums)


def _sum_fragments_forward(
    layout: Layout, faces: Faces, peak: Array | None
) -> tuple[PixelSums, tuple[Faces, Array | None]]:
    return _sum_fragments(layout, faces, peak), (faces, peak)


def _sum_fragments_backward(
    layout: Layout, saved: tuple[Faces, Array | None], cotangent: PixelSums
) -> tuple[Faces, None]:
    """Differentiates each block by itself and scatters the result into the tables."""
    faces, peak = saved

    def visit(gradient: tuple[Array, ...], at: Visit) -> tuple[Array, ...]:
        index, rows = _read(faces, at, layout)
        _, pull_back = jax.vjp(lambda rows: _shade(rows, faces, at, peak, layout), rows)
        (by_row,) = pull_back(jax.tree.map(lambda x: x[at.pixel], cotangent))
        return tuple(
            total.at[i].add(jnp.stack(columns, axis=-1))
            for total, i, columns in zip(gradient, index, by_row, strict=True)
        )

    tables = [table for table in (faces.corners, faces.colours) if table is not None]
    by_corners, *by_colours = walk(faces, layout, visit, tuple(map(jnp.zeros_like, tables)))
    gradient = Faces(
        corners=by_corners,
        colours=by_colours[0] if by_colours else None,
        uvs=None,
        present=None,
        sigma=None,
    )
    return gradient, None


_sum_fragments.defvjp(_sum_fragments_forward, _sum_fragments_backward)

_Rows = tuple[list[Array], ...]
"""Corners and, unless it is a silhouette, colours of fragments: a list of columns [m] each."""


def _read(faces: Faces, at: Visit, layout: Layout) -> tuple[tuple[Array, ...], _Rows]:
    """What fragments depend on, and the rows of the tables it comes from."""
    corners = columns(faces.corners[at.face])
    if faces.colours is None:
        return (at.face,), (corners,)
    if layout.texture_size is None:
        colour_row = at.face
    else:
        colour_row, _, _ = _texel(_meet(corners, faces, at, layout), faces, at, layout)
        height, width = layout.texture_size
        colour_row += at.face // layout.faces_per_image * (height * width)
    return (at.face, colour_row), (corners, columns(faces.colours[colour_row]))


def _meet(corners: list[Array], faces: Faces, at: Visit, layout: Layout) -> fragments.Fragments:
    present = faces.present[at.face] & at.live
    return fragments.meet(by_corner(corners), present, at.position, faces.settings(layout))


def _texel(
    met: fragments.Fragments, faces: Faces, at: Visit, layout: Layout
) -> tuple[Array, Array, Array]:
    uvs = by_corner(columns(faces.uvs[at.face]))
    return texel_cell(*interpolate(met.barycentric, uvs), *layout.texture_size)


def _shade(rows: _Rows, faces: Faces, at: Visit, peak: Array | None, layout: Layout) -> PixelSums:
    """What each fragment adds to its pixel, each field [m]."""
    corners, *colours = rows
    met = _meet(corners, faces, at, layout)
    if not colours:
        return PixelSums(opacity(met))
    (colours,) = colours
    if layout.texture_size is None:
        rgb = interpolate(met.barycentric, by_corner(colours))
    else:
        _, x, y = _texel(met, faces, at, layout)
        rgb = blend_cell(colours, x, y)
    return contribute(met, rgb, peak[at.pixel], layout.settings)

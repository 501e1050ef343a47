"""The fast soft rasterizer: only faces near a pixel, with static shapes and without a capacity.

Faces are cut into windows of 4x4 pixels that cover their reach. Windows are examined a chunk at
a time; their pixels that a face really covers are packed into a list, and the list is shaded a
block at a time. Both loops run as often as the scene needs, so work and time follow the scene
while memory does not, and nothing is ever dropped. Such loops cannot be differentiated in
reverse, hence the hand-written backward pass, which walks the same fragments again.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import flax.struct
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
from jaxrelic.typing import Array, Float, typechecked

WINDOW = 4
"""Side of a window, in pixels; smaller ones fit faces better but are more."""
CHUNK_WINDOWS = 2**14
"""Windows examined at a time; their working set stays within a core's cache."""
BLOCK_FRAGMENTS = 2**13
"""Fragments shaded at a time; as above. Divides the pixels of a chunk."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Layout:
    """What is known while tracing."""

    num_images: int
    faces_per_image: int
    image_size: tuple[int, int]
    texture_size: tuple[int, int] | None
    """Of each image's texture; None for corner colours."""
    dtype: Any
    settings: RasterSettings

    @property
    def num_pixels(self) -> int:
        return self.num_images * self.image_size[0] * self.image_size[1]


@flax.struct.dataclass
class _Faces:
    """Faces of all images in one table, and the texel cells they read."""

    corners: jax.Array
    """Corner, then x, y, z, [n, 9]."""
    colors: jax.Array
    """What is learned: corner colours [n, 9], or texel cells of all images [b cells, 12]."""
    uvs: jax.Array | None
    """Texture coordinates of the corners, [n, 6]; None for corner colours."""
    present: jax.Array
    """Faces that exist, [n] bool."""


@flax.struct.dataclass
class _Visit:
    """A block of fragments: which face meets which pixel."""

    face: jax.Array
    """Row in the table of faces, [m]."""
    pixel: jax.Array
    """Index into the pixels of all images, [m]."""
    position: tuple[jax.Array, jax.Array]
    """Isotropic NDC of the pixel centre, x and y, [m] each."""
    live: jax.Array
    """False for the padding of a block, [m] bool."""


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
    layout = _Layout(
        num_images=batch,
        faces_per_image=per_image,
        image_size=image_size,
        texture_size=appearance.texture.shape[-3:-1] if textured else None,
        dtype=vertices.dtype,
        settings=settings,
    )
    faces = _Faces(
        corners=vertices.reshape(-1, 9),
        colors=(
            texel_cells(appearance.texture).reshape(-1, 12)
            if textured
            else appearance.colors.reshape(-1, 9)
        ),
        uvs=appearance.face_uvs.reshape(-1, 6) if textured else None,
        present=present.reshape(-1),
    )
    peak = _find_peaks(jax.lax.stop_gradient(faces), layout)
    sums = _sum_fragments(layout, faces, peak)
    shape = batch, *image_size
    sums = jax.tree.map(lambda x: x.reshape(shape), sums)
    return resolve(sums, peak.reshape(shape), background, settings)


def _find_peaks(faces: _Faces, layout: _Layout) -> Array:
    """Largest nearness at each pixel of all images, [pixels]."""

    def visit(peak: Array, at: _Visit) -> Array:
        met = _meet(_columns(faces.corners[at.face]), faces, at, layout)
        nearness, _ = fragments.nearness(met, layout.settings)
        return peak.at[at.pixel].max(nearness)

    floor = background_nearness(layout.settings)
    return _walk(faces, layout, visit, jnp.full(layout.num_pixels, floor, layout.dtype))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _sum_fragments(layout: _Layout, faces: _Faces, peak: Array) -> PixelSums:
    """What all fragments add to the pixels of all images, each field [pixels]."""

    def visit(sums: PixelSums, at: _Visit) -> PixelSums:
        _, rows = _read(faces, at, layout)
        added = _shade(rows, faces, at, peak, layout)
        # One scatter per field: stacking them would make XLA recompute all for each.
        return jax.tree.map(lambda total, x: total.at[at.pixel].add(x), sums, added)

    zero = jnp.zeros(layout.num_pixels, layout.dtype)
    return _walk(faces, layout, visit, PixelSums(*[zero] * 6))


def _sum_fragments_forward(
    layout: _Layout, faces: _Faces, peak: Array
) -> tuple[PixelSums, tuple[_Faces, Array]]:
    return _sum_fragments(layout, faces, peak), (faces, peak)


def _sum_fragments_backward(
    layout: _Layout, saved: tuple[_Faces, Array], cotangent: PixelSums
) -> tuple[_Faces, None]:
    """Differentiates each block by itself and scatters the result into the tables."""
    faces, peak = saved

    def visit(gradient: tuple[Array, Array], at: _Visit) -> tuple[Array, Array]:
        index, rows = _read(faces, at, layout)
        _, pull_back = jax.vjp(lambda rows: _shade(rows, faces, at, peak, layout), rows)
        (by_row,) = pull_back(jax.tree.map(lambda x: x[at.pixel], cotangent))
        return tuple(
            total.at[i].add(jnp.stack(columns, axis=-1))
            for total, i, columns in zip(gradient, index, by_row, strict=True)
        )

    zero = jnp.zeros_like(faces.corners), jnp.zeros_like(faces.colors)
    by_corners, by_colors = _walk(faces, layout, visit, zero)
    return _Faces(corners=by_corners, colors=by_colors, uvs=None, present=None), None


_sum_fragments.defvjp(_sum_fragments_forward, _sum_fragments_backward)

_Rows = tuple[list[Array], list[Array]]
"""Corners and colours of fragments, a list of columns [m] each."""


def _read(faces: _Faces, at: _Visit, layout: _Layout) -> tuple[tuple[Array, Array], _Rows]:
    """What fragments depend on, and the rows of the two tables it comes from."""
    corners = _columns(faces.corners[at.face])
    if layout.texture_size is None:
        color_row = at.face
    else:
        color_row, _, _ = _texel(_meet(corners, faces, at, layout), faces, at, layout)
        height, width = layout.texture_size
        color_row += at.face // layout.faces_per_image * (height * width)
    return (at.face, color_row), (corners, _columns(faces.colors[color_row]))


def _columns(rows: Array) -> list[Array]:
    return list(rows.T)


def _by_corner(columns: list[Array]) -> list[list[Array]]:
    each = len(columns) // 3
    return [columns[k * each : (k + 1) * each] for k in range(3)]


def _meet(corners: list[Array], faces: _Faces, at: _Visit, layout: _Layout) -> fragments.Fragments:
    present = faces.present[at.face] & at.live
    return fragments.meet(_by_corner(corners), present, at.position, layout.settings)


def _texel(
    met: fragments.Fragments, faces: _Faces, at: _Visit, layout: _Layout
) -> tuple[Array, Array, Array]:
    uvs = _by_corner(_columns(faces.uvs[at.face]))
    return texel_cell(*interpolate(met.barycentric, uvs), *layout.texture_size)


def _shade(rows: _Rows, faces: _Faces, at: _Visit, peak: Array, layout: _Layout) -> PixelSums:
    """What each fragment adds to its pixel, each field [m]."""
    corners, colors = rows
    met = _meet(corners, faces, at, layout)
    if layout.texture_size is None:
        rgb = interpolate(met.barycentric, _by_corner(colors))
    else:
        _, x, y = _texel(met, faces, at, layout)
        rgb = blend_cell(colors, x, y)
    return contribute(met, rgb, peak[at.pixel], layout.settings)


def _walk(faces: _Faces, layout: _Layout, visit: Callable[[Any, _Visit], Any], carry: Any) -> Any:
    """Folds `visit` over all fragments, a block at a time, in the order of faces."""
    windows = _cut_windows(faces, layout)

    def chunk(number: Array, carry: Any) -> Any:
        owner, column, row, live = _window_pixels(windows, number * CHUNK_WINDOWS, layout)
        packed, count = _pack(live & _reaches(faces, owner, column, row, layout))
        column, row = column.reshape(-1), row.reshape(-1)

        def block(number: Array, carry: Any) -> Any:
            first = number * BLOCK_FRAGMENTS
            slot = jax.lax.dynamic_slice(packed, (first,), (BLOCK_FRAGMENTS,))
            live = first + jnp.arange(BLOCK_FRAGMENTS) < count
            at = _visit(owner[slot // WINDOW**2], column[slot], row[slot], live, layout)
            return visit(carry, at)

        return jax.lax.fori_loop(0, -(-count // BLOCK_FRAGMENTS), block, carry)

    return jax.lax.fori_loop(0, -(-windows.start[-1] // CHUNK_WINDOWS), chunk, carry)


def _visit(face: Array, column: Array, row: Array, live: Array, layout: _Layout) -> _Visit:
    height, width = layout.image_size
    image = face // layout.faces_per_image
    return _Visit(
        face=face,
        pixel=(image * height + row) * width + column,
        position=_centers(column, row, layout),
        live=live,
    )


def _centers(column: Array, row: Array, layout: _Layout) -> tuple[Array, Array]:
    """Isotropic NDC of pixels, read from the reference's table so that both agree to the bit."""
    centers = fragments.pixel_centers(*layout.image_size)
    x, y = jnp.asarray(centers[0, :, 0], layout.dtype), jnp.asarray(centers[:, 0, 1], layout.dtype)
    return x[column], y[row]


def _pack(keep: Array) -> tuple[Array, Array]:
    """Positions at which keep [w, 16] holds, flattened and moved to the front, and their number."""
    per_window = jnp.sum(keep, axis=1, dtype=jnp.int32)
    end = jnp.cumsum(per_window)
    before = jnp.triu(jnp.ones((WINDOW**2, WINDOW**2), jnp.float32), 1)
    rank = jnp.dot(keep.astype(jnp.float32), before).astype(jnp.int32)
    slot = jnp.where(keep, (end - per_window)[:, None] + rank, keep.size)
    packed = jnp.zeros(keep.size, jnp.int32)
    position = jnp.arange(keep.size, dtype=jnp.int32)
    return packed.at[slot.reshape(-1)].set(position, mode="drop", unique_indices=True), end[-1]


@flax.struct.dataclass
class _Windows:
    """The windows of all faces, numbered in the order of faces."""

    start: jax.Array
    """Number of a face's first window, and at the end the number of windows, [n + 1]."""
    left: jax.Array
    """First column a face may reach, [n]."""
    top: jax.Array
    """First row a face may reach, [n]."""
    across: jax.Array
    """Windows side by side, [n]."""


def _cut_windows(faces: _Faces, layout: _Layout) -> _Windows:
    """Covers the reach of each face, clipped to the image, with windows."""
    left, columns = _reach(faces.corners[:, 0::3], layout, axis=1)
    top, rows = _reach(-faces.corners[:, 1::3], layout, axis=0)
    across, down = -(-columns // WINDOW), -(-rows // WINDOW)
    count = jnp.where(faces.present, across * down, 0)
    start = jnp.pad(jnp.cumsum(count), (1, 0))
    return _Windows(start, left, top, jnp.maximum(across, 1))


def _reach(coordinate: Array, layout: _Layout, axis: int) -> tuple[Array, Array]:
    """First pixel and number of pixels along an axis that faces [n, 3] may cover."""
    size, longer = layout.image_size[axis], max(layout.image_size)
    margin = 1.001 * math.sqrt(layout.settings.cutoff)
    low = (jnp.min(coordinate, axis=1) - margin) * (longer / 2) + (size - 1) / 2
    high = (jnp.max(coordinate, axis=1) + margin) * (longer / 2) + (size - 1) / 2
    first = jnp.ceil(jnp.clip(low, 0, size)).astype(jnp.int32)
    last = jnp.floor(jnp.clip(high, -1, size - 1)).astype(jnp.int32)
    return first, jnp.maximum(last - first + 1, 0)


def _window_pixels(
    windows: _Windows, first: Array, layout: _Layout
) -> tuple[Array, Array, Array, Array]:
    """Of a chunk of windows: face [w], columns and rows of pixels [w, 16], which exist [w, 16]."""
    height, width = layout.image_size
    number = first + jnp.arange(CHUNK_WINDOWS)
    last_face = windows.left.shape[0] - 1
    face = jnp.searchsorted(windows.start, number, side="right") - 1
    face = jnp.minimum(face, last_face)
    within = number - windows.start[face]
    inner = jnp.arange(WINDOW**2)[None]
    column = windows.left[face] + within % windows.across[face] * WINDOW
    row = windows.top[face] + within // windows.across[face] * WINDOW
    column, row = column[:, None] + inner % WINDOW, row[:, None] + inner // WINDOW
    exists = (number < windows.start[-1])[:, None] & (column < width) & (row < height)
    return face, column, row, exists


def _reaches(faces: _Faces, face: Array, column: Array, row: Array, layout: _Layout) -> Array:
    """Whether a face [w] covers its pixels [w, 16], or nearly: `_shade` decides exactly."""
    height, width = layout.image_size
    longer = max(height, width)
    x, y = (2 * column + 1 - width) / longer, (height - 1 - 2 * row) / longer
    pixels = x.astype(layout.dtype), y.astype(layout.dtype)
    corners = _by_corner([column[:, None] for column in _columns(faces.corners[face])])
    generous = dataclasses.replace(layout.settings, dist_eps=0.99 * layout.settings.dist_eps)
    return fragments.meet(corners, faces.present[face][:, None], pixels, generous).covered

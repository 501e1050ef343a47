"""Finding the fragments of a scene: which faces meet which pixels, with static shapes.

Faces are cut into windows of 4x4 pixels that cover their reach. Windows are examined a chunk at
a time; the pixels in them that a face really covers are packed into a list, which is visited a
block at a time. Both loops run as often as the scene needs, so work and time follow the scene
while memory does not, and no fragment is ever left out.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from jaxrelic.rendering.settings import RasterSettings
from jaxrelic.rendering.soft import fragments
from jaxrelic.typing import Array

WINDOW = 4
"""Side of a window, in pixels; smaller ones fit faces better but are more."""
CHUNK_WINDOWS = 2**14
"""Windows examined at a time; their working set stays within a core's cache."""
BLOCK_FRAGMENTS = 2**13
"""Fragments shaded at a time; as above. Divides the pixels of a chunk."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """What is known while tracing."""

    num_images: int
    faces_per_image: int
    image_size: tuple[int, int]
    texture_size: tuple[int, int] | None
    """Size of each image's texture; None for corner colours."""
    dtype: Any
    settings: RasterSettings
    """All but sigma, which may be traced and is in `Faces`."""

    @property
    def num_pixels(self) -> int:
        return self.num_images * self.image_size[0] * self.image_size[1]


@flax.struct.dataclass
class Faces:
    """Faces of all images in one table, and the texel cells they read."""

    corners: jax.Array
    """Corner, then x, y, z, [n, 9]."""
    colours: jax.Array | None
    """What is learned: corner colours [n, 9], or texel cells of all images [b cells, 12]; None for
    a silhouette."""
    uvs: jax.Array | None
    """Texture coordinates of the corners, [n, 6]; None for corner colours."""
    present: jax.Array
    """Faces that exist, [n] bool."""
    sigma: jax.Array
    """Edge softness, [], an array so that a compiled step may anneal it."""

    def settings(self, layout: Layout) -> RasterSettings:
        """The settings with this sigma."""
        return dataclasses.replace(layout.settings, sigma=self.sigma)


def lay_out(
    vertices: Array, image_size: tuple[int, int], settings: RasterSettings
) -> tuple[Faces, Layout]:
    """The table of the faces [b f 3 3] of all images, without colours."""
    vertices, present = fragments.drop_degenerate(vertices)
    faces = Faces(
        corners=vertices.reshape(-1, 9),
        colours=None,
        uvs=None,
        present=present.reshape(-1),
        sigma=settings.sigma,
    )
    layout = Layout(
        num_images=vertices.shape[0],
        faces_per_image=vertices.shape[1],
        image_size=image_size,
        texture_size=None,
        dtype=vertices.dtype,
        # What a custom gradient takes as static must not hold a traced array.
        settings=dataclasses.replace(settings, sigma=0.0),
    )
    return faces, layout


@flax.struct.dataclass
class Visit:
    """A block of fragments: which face meets which pixel."""

    face: jax.Array
    """Row in the table of faces, [m]."""
    pixel: jax.Array
    """Index into the pixels of all images, [m]."""
    position: tuple[jax.Array, jax.Array]
    """Isotropic NDC of the pixel centre, x and y, [m] each."""
    live: jax.Array
    """False for the padding of a block, [m] bool."""


def walk(faces: Faces, layout: Layout, visit: Callable[[Any, Visit], Any], carry: Any) -> Any:
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


def _visit(face: Array, column: Array, row: Array, live: Array, layout: Layout) -> Visit:
    height, width = layout.image_size
    image = face // layout.faces_per_image
    return Visit(
        face=face,
        pixel=(image * height + row) * width + column,
        position=_centres(column, row, layout),
        live=live,
    )


def _centres(column: Array, row: Array, layout: Layout) -> tuple[Array, Array]:
    """Isotropic NDC of pixels, read from the reference's table so that both agree to the bit."""
    centres = fragments.pixel_centres(*layout.image_size)
    x, y = jnp.asarray(centres[0, :, 0], layout.dtype), jnp.asarray(centres[:, 0, 1], layout.dtype)
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


def _cut_windows(faces: Faces, layout: Layout) -> _Windows:
    """Covers the reach of each face, clipped to the image, with windows."""
    left, columns = _reach(faces.corners[:, 0::3], faces, layout, axis=1)
    top, rows = _reach(-faces.corners[:, 1::3], faces, layout, axis=0)
    across, down = -(-columns // WINDOW), -(-rows // WINDOW)
    count = jnp.where(faces.present, across * down, 0)
    start = jnp.pad(jnp.cumsum(count), (1, 0))
    return _Windows(start, left, top, jnp.maximum(across, 1))


def _reach(coordinate: Array, faces: Faces, layout: Layout, axis: int) -> tuple[Array, Array]:
    """First pixel and number of pixels along an axis that faces [n, 3] may cover."""
    size, longer = layout.image_size[axis], max(layout.image_size)
    first, last = fragments.pixel_reach(coordinate, size, longer, faces.settings(layout))
    return first, jnp.maximum(last - first + 1, 0)


def _window_pixels(
    windows: _Windows, first: Array, layout: Layout
) -> tuple[Array, Array, Array, Array]:
    """A chunk of windows: face [w], columns and rows of pixels [w, 16], which exist [w, 16]."""
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


def _reaches(faces: Faces, face: Array, column: Array, row: Array, layout: Layout) -> Array:
    """Whether a face [w] covers its pixels [w, 16], or nearly: the visitor decides exactly."""
    height, width = layout.image_size
    longer = max(height, width)
    x, y = (2 * column + 1 - width) / longer, (height - 1 - 2 * row) / longer
    pixels = x.astype(layout.dtype), y.astype(layout.dtype)
    corners = by_corner([column[:, None] for column in columns(faces.corners[face])])
    generous = dataclasses.replace(faces.settings(layout), dist_eps=0.99 * layout.settings.dist_eps)
    return fragments.meet(corners, faces.present[face][:, None], pixels, generous).covered


def columns(rows: Array) -> list[Array]:
    """Takes the rows of a table [m, c] apart into c arrays [m]."""
    return list(rows.T)


def by_corner(columns: list[Array]) -> list[list[Array]]:
    """Groups columns by the corner they belong to."""
    each = len(columns) // 3
    return [columns[k * each : (k + 1) * each] for k in range(3)]

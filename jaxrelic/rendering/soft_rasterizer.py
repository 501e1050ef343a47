"""A differentiable triangle rasterizer in pure JAX, after Soft Rasterizer (arXiv:1904.01786).

A face covers a pixel with probability sigmoid(+-distance^2 / sigma); alpha is the probability
that any face does, and colour mixes all faces with a softmax over depth. Formulas and golden
scenes: specification msrn B and H. Four paths give the same image: `dense` evaluates every face at
every pixel and is the reference, `fast` evaluates faces only near the pixels they cover, `native`
does so in C++ where a user has built it, `pallas` in kernels for NVIDIA GPUs.
"""

import dataclasses
import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxrelic.rendering import native
from jaxrelic.rendering.settings import RasterSettings, SoftImage
from jaxrelic.rendering.soft import dense, fast, fragments, nearest
from jaxrelic.rendering.soft.texture import Appearance, CornerColours, UvTexture
from jaxrelic.typing import Array, Float, Int, typechecked

__all__ = [
    "CornerColours",
    "RasterSettings",
    "SoftImage",
    "UvTexture",
    "nearest_face",
    "soft_rasterize",
    "soft_silhouette",
]

Path = Literal["auto", "dense", "fast", "native", "pallas"]

AUTO_ON_GPU: Path = "fast"
"""What `auto` means on a GPU; `pallas` once it has been run and found faster on one."""


@typechecked
def soft_rasterize(
    face_vertices_ndc: Float[Array, "*b f 3 3"],
    appearance: Appearance,
    *,
    image_size: int | tuple[int, int],
    settings: RasterSettings | None = None,
    background: Float[Array, "3"] | tuple[float, float, float] = (1.0, 1.0, 1.0),
    path: Path = "auto",
) -> SoftImage:
    """Renders faces softly; differentiable in the faces and their colours, never NaN.

    Colour is a mixture of faces and background, not yet composited: just outside the silhouette
    it is the face's colour, so composite with alpha (`render_views` does).

    Args:
        face_vertices_ndc: Corners of each face: x right and y up, both in [-1, 1] over the image,
            and z the depth. Any projection will do. Faces with a corner nearer than 1e-3, without
            area, or not finite are absent.
        appearance: Corner colours, or a UV texture.
        image_size: Height and width in pixels, or one number for a square.
        settings: Constants of the method; the defaults when None.
        background: RGB seen where there is no face.
        path: Which implementation; the paths agree to about 1e-6, not to the bit. `auto` is
            `native` on CPUs where that is built and serves these settings, and `fast` elsewhere,
            also on a GPU, where `pallas` has not been tried yet. Off NVIDIA GPUs `pallas` works
            too, interpreted and slow.

    Example:
        >>> face = np.float32([[-0.5, -0.5, 2], [0.5, -0.5, 2], [0, 0.6, 2.5]])[None]
        >>> colours = CornerColours(np.eye(3, dtype=np.float32)[None])  # Red, green, blue.
        >>> soft = RasterSettings(sigma=0.01)
        >>> image = soft_rasterize(face, colours, image_size=4, settings=soft, path="dense")
        >>> np.asarray(image.alpha).round(2)
        array([[0.  , 0.  , 0.  , 0.  ],
               [0.  , 0.34, 0.34, 0.  ],
               [0.  , 0.82, 0.82, 0.  ],
               [0.  , 0.  , 0.  , 0.  ]], dtype=float32)
    """
    vertices, image_size, settings = prepare(face_vertices_ndc, image_size, settings)
    batch = vertices.shape[:-3]
    flat, appearance = flatten(vertices, appearance)
    # Without a face there is nothing to walk, and the reference costs nothing either.
    draw = _DRAW["dense" if flat.size == 0 else _choose(path, settings, flat.dtype)]
    image = draw(
        flat,
        appearance,
        jnp.asarray(background, flat.dtype),
        image_size=image_size,
        settings=settings,
    )
    return jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), image)


@typechecked
def soft_silhouette(
    face_vertices_ndc: Float[Array, "*b f 3 3"],
    *,
    image_size: int | tuple[int, int],
    settings: RasterSettings | None = None,
    path: Path = "auto",
) -> Float[Array, "*b h w"]:
    """The alpha of `soft_rasterize`, for a fraction of its work: no depth order, no colours.

    `dense` is the reference here too; every other path is `fast`.

    Example:
        >>> face = np.float32([[-0.5, -0.5, 2], [0.5, -0.5, 2], [0, 0.6, 2.5]])[None]
        >>> covered = lambda face: jnp.sum(soft_silhouette(face, image_size=8, path="dense"))
        >>> jax.grad(covered)(face)[0, 2, 1] > 0  # Raising the upper corner covers more.
        Array(True, dtype=bool)
    """
    vertices, image_size, settings = prepare(face_vertices_ndc, image_size, settings)
    flat = vertices.reshape(math.prod(vertices.shape[:-3]), *vertices.shape[-3:])
    cover = _cover_dense if path == "dense" or flat.size == 0 else _cover_fast
    alpha = cover(flat, image_size=image_size, settings=settings)
    return alpha.reshape(*vertices.shape[:-3], *image_size)


@typechecked
def nearest_face(
    face_vertices_ndc: Float[Array, "*b f 3 3"],
    *,
    image_size: int | tuple[int, int],
    settings: RasterSettings | None = None,
) -> Int[Array, "*b h w"]:
    """Index of the face seen at each pixel centre, -1 where there is none; no gradient.

    The "hard" colour of Soft Rasterizer: the nearest face within `near` and `far` that strictly
    contains the centre, so that a centre exactly on the edge between two faces belongs to neither.
    Equally near faces: the first.
    """
    vertices, image_size, settings = prepare(face_vertices_ndc, image_size, settings)
    if vertices.size == 0:
        return jnp.full((*vertices.shape[:-3], *image_size), -1, jnp.int32)
    flat = vertices.reshape(-1, *vertices.shape[-3:])
    index = _find_nearest(jax.lax.stop_gradient(flat), image_size=image_size, settings=settings)
    return index.reshape(*vertices.shape[:-3], *image_size)


def _draw_pallas(*drawn: Any, **constants: Any) -> SoftImage:
    # Imported on use: it loads JAX's compiler for GPU kernels, and JAX may drop that one day.
    from jaxrelic.rendering.soft import pallas_rasterizer

    return pallas_rasterizer.rasterize_pallas(*drawn, **constants)


# Compiled here, so that calls outside of jit do not run operation by operation.
_DRAW = {
    "dense": jax.jit(dense.rasterize_dense, static_argnames="image_size"),
    "fast": jax.jit(fast.rasterize_fast, static_argnames="image_size"),
    "native": jax.jit(native.rasterize_native, static_argnames="image_size"),
    "pallas": jax.jit(_draw_pallas, static_argnames="image_size"),
}
_cover_dense = jax.jit(dense.cover_dense, static_argnames="image_size")
_cover_fast = jax.jit(fast.cover_fast, static_argnames="image_size")
_find_nearest = jax.jit(nearest.find_nearest, static_argnames="image_size")


def _choose(path: Path, settings: RasterSettings, dtype: np.dtype) -> str:
    """The implementation that serves a request on this machine."""
    if path == "auto" and jax.default_backend() == "gpu":
        return AUTO_ON_GPU
    if path not in ("auto", "native"):
        return path
    obstacle = native.unavailable(settings, dtype)
    if obstacle is not None and path == "native":
        raise ValueError(f"path='native' cannot be used: {obstacle}")
    return "native" if obstacle is None else "fast"


def prepare(
    face_vertices_ndc: Array, image_size: int | tuple[int, int], settings: RasterSettings | None
) -> tuple[Array, tuple[int, int], RasterSettings]:
    """Faces in isotropic NDC, height and width, and settings whose sigma is a constant array."""
    settings = settings or RasterSettings()
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    scale = np.array([*fragments.axis_scale(height, width), 1.0], face_vertices_ndc.dtype)
    vertices = jnp.asarray(face_vertices_ndc * np.broadcast_to(scale, face_vertices_ndc.shape))
    sigma = settings.sigma_at(height, width)
    sigma = jax.lax.stop_gradient(jnp.asarray(sigma, vertices.dtype))
    return vertices, (height, width), dataclasses.replace(settings, sigma=sigma)


def flatten(vertices: Array, appearance: Appearance) -> tuple[Array, Appearance]:
    """Merges the batch axes into one and gives the appearance the same one."""
    batch = vertices.shape[:-3]

    def flat(x: Array, item_ndim: int) -> Array:
        item = x.shape[-item_ndim:]
        x = jnp.broadcast_to(x, (*batch, *item)).astype(vertices.dtype)
        return x.reshape(math.prod(batch), *item)

    if isinstance(appearance, UvTexture):
        appearance = UvTexture(flat(appearance.face_uvs, 3), flat(appearance.texture, 3))
    else:
        appearance = CornerColours(flat(appearance.colours, 3))
    return flat(vertices, 3), appearance

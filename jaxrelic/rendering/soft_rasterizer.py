"""A differentiable triangle rasterizer in pure JAX, after Soft Rasterizer (arXiv:1904.01786).

A face covers a pixel with probability sigmoid(+-distance^2 / sigma); alpha is the probability
that any face does, and colour mixes all faces with a softmax over depth. Formulas and golden
scenes: specification B and H. Three paths give the same image: `dense` evaluates every face at
every pixel and is the reference, `fast` evaluates faces only near the pixels they cover, `pallas`
does so in kernels for NVIDIA GPUs.
"""

import dataclasses
import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxrelic.rendering import dense, fast, fragments
from jaxrelic.rendering.settings import RasterSettings, SoftImage
from jaxrelic.rendering.texture import Appearance, CornerColors, UvTexture
from jaxrelic.typing import Array, Float, typechecked

__all__ = ["CornerColors", "RasterSettings", "SoftImage", "UvTexture", "soft_rasterize"]

Path = Literal["auto", "dense", "fast", "pallas"]

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
        path: Which implementation; `auto` is `fast`, also on a GPU, where `pallas` has not been
            tried yet. Off NVIDIA GPUs `pallas` works too, interpreted and slow.
    """
    settings = settings or RasterSettings()
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    scale = np.array([*fragments.axis_scale(height, width), 1.0], face_vertices_ndc.dtype)
    vertices = face_vertices_ndc * np.broadcast_to(scale, face_vertices_ndc.shape)
    batch = vertices.shape[:-3]
    flat, appearance = _flatten(vertices, appearance)
    sigma = jax.lax.stop_gradient(jnp.asarray(settings.sigma, flat.dtype))
    settings = dataclasses.replace(settings, sigma=sigma)
    # Without a face there is nothing to walk, and the reference costs nothing either.
    draw = _DRAW["dense" if flat.size == 0 else _choose(path)]
    image = draw(
        flat,
        appearance,
        jnp.asarray(background, flat.dtype),
        image_size=(height, width),
        settings=settings,
    )
    return jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), image)


# Compiled here, so that calls outside of jit do not run operation by operation.
_draw_dense = jax.jit(dense.rasterize_dense, static_argnames="image_size")
_draw_fast = jax.jit(fast.rasterize_fast, static_argnames="image_size")


def _draw_pallas(*scene: Any, **constants: Any) -> SoftImage:
    # Imported on use: it loads JAX's compiler for GPU kernels, and JAX may drop that one day.
    from jaxrelic.rendering import pallas_rasterizer

    return pallas_rasterizer.rasterize_pallas(*scene, **constants)


_DRAW = {"dense": _draw_dense, "fast": _draw_fast, "pallas": _draw_pallas}


def _choose(path: Path) -> Path:
    """What `auto` stands for on this machine; other paths as they are."""
    if path != "auto":
        return path
    return AUTO_ON_GPU if jax.default_backend() == "gpu" else "fast"


def _flatten(vertices: Array, appearance: Appearance) -> tuple[Array, Appearance]:
    """Merges the batch axes into one and gives the appearance the same one."""
    batch = vertices.shape[:-3]

    def flat(x: Array, item_ndim: int) -> Array:
        item = x.shape[-item_ndim:]
        x = jnp.broadcast_to(x, (*batch, *item)).astype(vertices.dtype)
        return x.reshape(math.prod(batch), *item)

    if isinstance(appearance, UvTexture):
        appearance = UvTexture(flat(appearance.face_uvs, 3), flat(appearance.texture, 3))
    else:
        appearance = CornerColors(flat(appearance.colors, 3))
    return flat(vertices, 3), appearance

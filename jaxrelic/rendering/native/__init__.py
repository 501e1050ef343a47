"""The soft rasterizer compiled for this machine's CPU: optional, and several times faster.

It is there once `python -m jaxrelic.rendering.native` has built it with a C++ compiler, and
`soft_rasterize` then uses it on CPUs by itself. Formulas are those of the pure JAX paths, sums are
taken in another order and exponentials by another series: images agree to about 1e-6, not to the
bit, and so a training run does not repeat bit for bit across paths. On its own it does, whatever
the number of threads.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxrelic.rendering.native.build import COMMAND, LIBRARY
from jaxrelic.rendering.settings import RasterSettings, SoftImage
from jaxrelic.rendering.soft import fragments
from jaxrelic.rendering.soft.aggregate import BACKGROUND_NEARNESS, PixelSums, resolve
from jaxrelic.rendering.soft.texture import Appearance, UvTexture
from jaxrelic.typing import Array, Float, typechecked

_NUM_SUMS = len(dataclasses.fields(PixelSums))
DTYPES = (np.dtype("float32"), np.dtype("float64"))


def unavailable(settings: RasterSettings, dtype: np.dtype) -> str | None:
    """Why this path cannot be used, or None if it can."""
    if settings.bary_grad:
        return "it holds barycentric weights constant, so bary_grad must be False"
    if dtype not in DTYPES:
        return f"it computes in float32 or float64, not in {dtype}"
    if jax.default_backend() != "cpu":
        return f"it runs on CPUs, not on {jax.default_backend()}"
    return None if LIBRARY.registered() else f"it is not built on this machine; run `{COMMAND}`"


@typechecked
def rasterize_native(
    vertices: Float[Array, "b f 3 3"],
    appearance: Appearance,
    background: Float[Array, "3"],
    *,
    image_size: tuple[int, int],
    settings: RasterSettings,
) -> SoftImage:
    """Renders faces given in isotropic NDC (see `fragments`), as `rasterize_dense` does."""
    batch, faces = vertices.shape[:2]
    vertices, present = fragments.drop_degenerate(vertices)
    if isinstance(appearance, UvTexture):
        uvs, colours = appearance.face_uvs.reshape(batch, faces, 6), appearance.texture
    else:
        uvs, colours = None, appearance.colours.reshape(batch, faces, 9)
    # What a custom gradient takes as static must not hold a traced array.
    static = dataclasses.replace(settings, sigma=0.0)
    sigma = jnp.broadcast_to(settings.sigma, (batch,))
    corners = vertices.reshape(batch, faces, 9)
    sums, nearest = _sum_fragments(image_size, static, corners, colours, uvs, present, sigma)
    return resolve(sums, 1 - jax.lax.stop_gradient(nearest), background, settings)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _sum_fragments(
    image_size: tuple[int, int],
    settings: RasterSettings,
    corners: Array,
    colours: Array,
    uvs: Array | None,
    present: Array,
    sigma: Array,
) -> tuple[PixelSums, Array]:
    """Sums, each [b h w], and the farness of the nearest face [b h w]: 0 at near, 1 at far.

    Args:
        image_size: Height and width.
        settings: All but sigma.
        corners: x, y, z of each corner, [b f 9].
        colours: Colours of the corners [b f 9], or a texture [b h w 3].
        uvs: Texture coordinates of the corners [b f 6]; None for corner colours.
        present: Faces that exist, [b f].
        sigma: Edge softness of each image, [b].
    """
    batch, dtype = corners.shape[0], corners.dtype
    results = (
        jax.ShapeDtypeStruct((batch, _NUM_SUMS, *image_size), dtype),
        jax.ShapeDtypeStruct((batch, *image_size), dtype),
    )
    operands = _operands(corners, colours, uvs, present, sigma)
    sums, nearest = _call("draw", results, image_size, settings, operands)
    return PixelSums(*(sums[:, k] for k in range(_NUM_SUMS))), nearest


def _sum_fragments_forward(image_size, settings, *operands):
    sums, nearest = _sum_fragments(image_size, settings, *operands)
    return (sums, nearest), (operands, nearest)


def _sum_fragments_backward(image_size, settings, saved, cotangent):
    (corners, colours, *rest), nearest = saved
    by_sums = jnp.stack(jax.tree.leaves(cotangent[0]), axis=1)
    results = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (corners, colours))
    operands = *_operands(corners, colours, *rest), nearest, by_sums
    return *_call("pull_back", results, image_size, settings, operands), None, None, None


_sum_fragments.defvjp(_sum_fragments_forward, _sum_fragments_backward)


def _operands(
    corners: Array, colours: Array, uvs: Array | None, present: Array, sigma: Array
) -> tuple[Array, ...]:
    """What both targets read: corners, what is interpolated in faces, texture, present, sigma."""
    if uvs is None:
        nothing = jnp.zeros((corners.shape[0], 0, 0, 3), corners.dtype)
        return corners, colours, nothing, present, sigma
    return corners, uvs, colours, present, sigma


def _call(
    name: str,
    results: tuple[jax.ShapeDtypeStruct, ...],
    image_size: tuple[int, int],
    settings: RasterSettings,
    operands: tuple[Array, ...],
) -> list[Array]:
    """Calls a target of the library; see `targets.cc`."""
    target = f"{LIBRARY.registered()}_{name}_{operands[0].dtype}"
    # All operands lead with the batch axes, and so mapping adds one more to each.
    call = jax.ffi.ffi_call(target, results, vmap_method="broadcast_all")
    height, width = image_size
    return call(
        *operands,
        height=np.int64(height),
        width=np.int64(width),
        gamma=np.float64(settings.gamma),
        near=np.float64(settings.near),
        far=np.float64(settings.far),
        reach=np.float64(settings.cutoff_per_sigma),
        background=np.float64(BACKGROUND_NEARNESS),
    )

"""What the views agree on in each voxel: mean and variance of their features.

Specification one2345 C.7.
"""

import jax
import jax.numpy as jnp

from jaxrelic.geometry import cameras
from jaxrelic.rendering.volume import grids
from jaxrelic.typing import Array, Bool, Float, typechecked

COUNT_EPS = 1e-5
"""Added to the number of views before dividing."""


@typechecked
def voxel_centres(size: int, dtype: jnp.dtype) -> Float[Array, "n 3"]:
    """Positions of size^3 voxels whose outermost centres lie on the faces of [-1, 1]^3."""
    line = jnp.linspace(-1, 1, size, dtype=dtype)
    axes = jnp.meshgrid(line, line, line, indexing="ij")
    return jnp.stack(axes, axis=-1).reshape(-1, 3)


@typechecked
def look_up(
    camera: cameras.Camera,
    points: Float[Array, "n 3"],
    size: tuple[int, int],
    pixel_centre: float,
) -> tuple[Float[Array, "v n 2"], Bool[Array, "v n"]]:
    """Where each view shows each point.

    Args:
        camera: Cameras of v views, in the frame of the points.
        points: Anywhere.
        size: Rows and columns of the images.
        pixel_centre: See `One2345Config`.

    Returns:
        index: Row and column, in pixels from the centre of the first one.
        visible: In front of the camera and not beyond the outermost pixel centres.
    """
    uv, depth = cameras.project(camera, points[None])
    index = uv[..., ::-1] - pixel_centre
    last = jnp.asarray(size, index.dtype)[None, None] - 1
    inside = jnp.all((index >= 0) & (index <= last), axis=-1)
    return index, inside & (depth > 0)


@typechecked
def cost_volume(
    maps: Float[Array, "v h w c"],
    camera: cameras.Camera,
    *,
    size: int,
    pixel_centre: float,
    masked: bool,
) -> tuple[Float[Array, "s s s d"], Bool[Array, "s s s"]]:
    """Variance and mean over views of the features that each voxel projects to.

    Args:
        maps: Compressed features of the source views.
        camera: Cameras of the views, in the frame of the cube.
        size: Voxels per side.
        pixel_centre: See `One2345Config`.
        masked: Sum over the views that see a voxel. Otherwise over all, as the original does:
            points outside an image give 0, points behind a camera what lies opposite.

    Returns:
        cost: Variance, then mean [s, s, s, 2 c]; 0 where not active.
        active: Voxels that more than one view sees.
    """
    points = voxel_centres(size, maps.dtype)

    # One view at a time, recomputed for the gradient: all samples at once take gigabytes.
    @jax.checkpoint
    def contribution(view: tuple[Array, cameras.Camera]) -> tuple[Array, Array, Array]:
        features, one = view
        index, visible = look_up(one, points, features.shape[:2], pixel_centre)
        sample = grids.sample_linear(features, index[0])
        if masked:
            sample = jnp.where(visible[0, :, None], sample, 0)
        return sample, sample**2, visible[0].astype(maps.dtype)

    def add(total: tuple[Array, ...], view: tuple[Array, cameras.Camera]):
        return jax.tree.map(jnp.add, total, contribution(view)), None

    empty = jnp.zeros((size**3, maps.shape[-1]), maps.dtype)
    one_each = jax.tree.map(lambda x: x[:, None], camera)
    totals, _ = jax.lax.scan(add, (empty, empty, empty[:, 0]), (maps, one_each))
    features, squares, count = totals
    per_view = 1 / (count[:, None] + COUNT_EPS)
    mean = per_view * features
    active = count > min(1, maps.shape[0] - 1)
    cost = jnp.concatenate([per_view * squares - mean**2, mean], axis=-1)
    cost = jnp.where(active[:, None], cost, 0)
    return cost.reshape(size, size, size, -1), active.reshape(size, size, size)

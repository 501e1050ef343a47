"""The cube [-1, 1]^3 in which the network thinks, and where it lies in the world.

Specification one2345 C.2.
"""

import flax.struct
import jax
import jax.numpy as jnp

from jaxrelic.geometry import cameras, transforms
from jaxrelic.models.one2345.config import CubeKind
from jaxrelic.typing import Array, Float, typechecked

MARGIN = 1.1
"""The cube's side, relative to what it has to hold."""
OBJECT_HALF_SIDE = 0.4
"""Half the side of a relic, in world units: its longest side is 0.8."""
NEAR, FAR = 0.5, 1.8
"""Depths between which the original expects everything, in world units."""


@flax.struct.dataclass
class Cube:
    """Where the cube lies."""

    world_from_cube: jax.Array
    """Rotation times half the side, and the centre, [4, 4]."""
    half_side: jax.Array
    """Half the side of the cube, in world units, []."""

    def cameras(self, camera: cameras.Camera) -> cameras.Camera:
        """Cameras [*b] of the world in the frame of the cube, whose unit is half its side."""
        to_cube = transforms.compose(camera.cam_from_world, _over(self.world_from_cube, camera))
        scale = jnp.ones((4, 1), to_cube.dtype).at[:3].set(1 / self.half_side)
        scale = scale.reshape((1,) * (to_cube.ndim - 2) + (4, 1))
        return camera.replace(cam_from_world=to_cube * scale)

    def to_world(self, points: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
        """Points of the cube in the world."""
        return transforms.transform_points(self.world_from_cube, points)


def choose_cube(
    kind: CubeKind, camera: cameras.Camera, reference: cameras.Camera, size: tuple[int, int]
) -> Cube:
    """The cube of `One2345Config.cube`; the arguments are those of `frustum_cube`."""
    return object_cube() if kind == "object" else frustum_cube(camera, reference, size)


@typechecked
def object_cube(
    centre_world: Float[Array, "3"] | None = None,
    half_side: Float[Array, ""] | float = OBJECT_HALF_SIDE,
) -> Cube:
    """The cube, parallel to the world's axes, that holds an object with a margin.

    Args:
        centre_world: Middle of the object; the world's origin by default.
        half_side: Half the longest side of the object's box, in world units.
    """
    centre = jnp.zeros(3) if centre_world is None else jnp.asarray(centre_world)
    return _cube(jnp.eye(4, dtype=centre.dtype), centre, jnp.asarray(MARGIN * half_side))


@typechecked
def frustum_cube(camera: cameras.Camera, reference: cameras.Camera, size: tuple[int, int]) -> Cube:
    """The original's cube, parallel to the reference camera, around all that any camera sees.

    Args:
        camera: Cameras of the sources, [v].
        reference: One camera, whose frustum counts as well.
        size: Rows and columns of the images.
    """
    everyone = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), reference, camera)
    rows, columns = size
    corners = [(x, y) for x in (0.0, columns) for y in (0.0, rows)]
    uv = jnp.asarray(2 * corners, camera.cam_from_world.dtype)
    depth = jnp.asarray(4 * [NEAR] + 4 * [FAR], uv.dtype)
    corners_world = cameras.unproject(everyone, uv[None], depth[None]).reshape(-1, 3)
    corners_ref = transforms.transform_points(reference.cam_from_world, corners_world)
    low, high = jnp.min(corners_ref, axis=0), jnp.max(corners_ref, axis=0)
    world_from_ref = transforms.invert_rigid(reference.cam_from_world)
    return _cube(world_from_ref, (low + high) / 2, MARGIN / 2 * jnp.max(high - low))


def _cube(world_from_axes: Array, centre: Array, half_side: Array) -> Cube:
    """The cube about a point of a rigid frame, parallel to it."""
    axes_from_cube = transforms.from_rotation_translation(half_side * jnp.eye(3), centre)
    return Cube(transforms.compose(world_from_axes, axes_from_cube), half_side)


def _over(matrix: Array, camera: cameras.Camera) -> Array:
    return jnp.broadcast_to(matrix, camera.cam_from_world.shape)

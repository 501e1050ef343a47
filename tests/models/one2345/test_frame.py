import jax
import jax.numpy as jnp
import numpy as np
import one2345_specification as specification
import pytest

from jaxrelic.geometry import cameras
from jaxrelic.models.one2345 import cost, frame, rays

# Specification one2345 C.2: polar angle of the input; half the cube's side, least and largest
# distance of a camera, near and far of the target, half the side of an object of 0.8.
RIGS = {
    45: (1.4248, 0.843, 0.852, 0.019, 1.943, 0.281),
    60: (1.4205, 0.839, 0.855, 0.019, 1.937, 0.282),
    75: (1.3413, 0.859, 0.933, 0.019, 2.030, 0.298),
    76: (1.4272, 0.815, 0.917, 0.019, 1.920, 0.280),
    90: (1.3943, 0.855, 0.884, 0.019, 1.954, 0.287),
    105: (1.3413, 0.859, 0.933, 0.019, 2.030, 0.298),
}


def rig(polar_deg):
    """The 32 nearby cameras, and the reference, as in the table of specification one2345 A.5."""
    ring = polar_deg + (30 if polar_deg <= 75 else -30)
    firsts = [(polar_deg, 30 + 90 * k) for k in range(4)] + [(ring, 60 + 90 * k) for k in range(4)]
    nearby = [
        (polar + up, azimuth + right)
        for polar, azimuth in firsts
        for up, right in ((-10, 0), (10, 0), (0, -10), (0, 10))
    ]
    poses = [specification.world_from_blender(*angles) for angles in [firsts[0], *nearby]]
    cam_from_world = cameras.cam_from_world_from_blender(np.stack(poses))
    intrinsics = np.tile(np.array([[280.0, 0, 128], [0, 280, 128], [0, 0, 1]]), (33, 1, 1))
    everyone = cameras.Camera(cam_from_world, intrinsics)
    first, others = (
        jax.tree.map(lambda x, part=part: x[part], everyone) for part in (0, slice(1, None))
    )
    return first, others


@jax.jit
def normalised(reference, sources):
    cube = frame.frustum_cube(sources, reference, (256, 256))
    return cube, cube.cameras(reference), cube.cameras(sources)


@pytest.fixture(scope="module")
def fitted():
    with jax.enable_x64(True):
        return {polar: normalised(*rig(polar)) for polar in RIGS}


def centres(camera):
    return np.linalg.inv(camera.cam_from_world)[..., :3, 3]


@pytest.mark.parametrize("polar", RIGS)
def test_the_originals_cube_has_the_specified_sizes(fitted, polar):
    cube, reference, sources = fitted[polar]
    half_side, nearest, farthest, near, far, object_half = RIGS[polar]
    np.testing.assert_allclose(cube.half_side, half_side, atol=6e-5)
    distance = np.linalg.norm(np.vstack([centres(sources), centres(reference)[None]]), axis=-1)
    np.testing.assert_allclose([distance.min(), distance.max()], [nearest, farthest], atol=6e-4)
    np.testing.assert_allclose(0.4 / cube.half_side, object_half, atol=6e-4)
    limits = rays.sphere_limits(np.float32(centres(reference)[None]))
    np.testing.assert_allclose(np.ravel(limits), [near, far], atol=6e-4)


def test_the_originals_cube_is_parallel_to_the_reference_and_in_front_of_it(fitted):
    cube, reference, _ = fitted[60]
    np.testing.assert_allclose(reference.cam_from_world[:3, :3], np.eye(3), atol=1e-7)
    in_ref = centres(reference) * -cube.half_side
    np.testing.assert_allclose(in_ref, [0, 0.0156, 1.2], atol=6e-5)
    np.testing.assert_allclose(1 / cube.half_side, 0.70400, atol=6e-6)


def test_a_point_of_the_cube_is_seen_where_its_world_point_is(fitted):
    _, others = rig(60)
    points = np.array([[0.1, -0.3, 0.2], [0.5, 0.4, -0.6]])
    with jax.enable_x64(True):
        for cube in (fitted[60][0], frame.object_cube(jnp.array([0.1, 0.0, -0.1]), 0.3)):
            world = cube.to_world(points)
            uv, depth = cameras.project(others, world[None])
            uv_cube, depth_cube = cameras.project(cube.cameras(others), points[None])
            np.testing.assert_allclose(uv_cube, uv, atol=1e-6)
            np.testing.assert_allclose(depth_cube * cube.half_side, depth, rtol=1e-6)


def test_the_object_cube_holds_the_object_with_a_tenth_to_spare():
    cube = frame.object_cube()
    np.testing.assert_allclose(cube.to_world(np.ones((1, 3), np.float32)), 0.44, rtol=1e-6)


@pytest.mark.parametrize(
    ("polar", "seen", "views", "least"), [(60, 760_025, 8.4, 0), (76, 701_235, 9.4, 3)]
)
def test_as_many_voxels_are_active_as_the_specification_counts(fitted, polar, seen, views, least):
    sources = fitted[polar][2]
    with jax.enable_x64(True):
        count = np.asarray(count_views(sources)).reshape(96, 96, 96)
    active = count > 1
    assert active.sum() == seen
    np.testing.assert_allclose(count[active].mean(), views, atol=0.05)
    assert np.argwhere(active).min(axis=0).tolist() == [0, least, 0]


@jax.jit
def count_views(sources):
    points = cost.voxel_centres(96, np.dtype(np.float64))

    def add(total, one):
        _, visible = cost.look_up(one, points, (256, 256), 0.0)
        return total + visible[0], None

    each = jax.tree.map(lambda x: x[:, None], sources)
    return jax.lax.scan(add, jnp.zeros(96**3, jnp.int32), each)[0]

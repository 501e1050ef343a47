import jax
import jax.numpy as jnp
import numpy as np
import pytest
from places import GOLDENS

from jaxrelic.geometry import meshes
from jaxrelic.models.msrn.milestones import active_size
from jaxrelic.models.msrn.model import Msrn, MsrnConfig, template
from jaxrelic.models.msrn.pose import PoseConfig, candidate_cameras
from jaxrelic.models.msrn.shape import DeformationField
from jaxrelic.models.msrn.template import ellipsoid
from jaxrelic.models.msrn.texture import TextureTricks, simplified, upsample_smooth


def tiny():
    return MsrnConfig(
        shared_encoder=True,
        encoder_widths=(4,),
        encoder_blocks=1,
        shape_code=6,
        texture_code=8,
        shape_milestones=((0, 6),),
        texture_milestones=((0, 8),),
        icosphere_level=1,
        field_units=16,
        texture_size=8,
        texture_min_channels=4,
    )


@pytest.fixture(scope="module")
def images():
    return jax.random.uniform(jax.random.key(0), (2, 16, 16, 3))


@pytest.fixture(scope="module")
def started(images):
    """Variables as initialised."""
    return jax.jit(lambda key: Msrn(tiny()).init(key, images, train=False))(jax.random.key(1))


@pytest.fixture(scope="module")
def shaken(started):
    """Variables away from the zeros of the start, so that every path carries signal."""
    leaves, tree = jax.tree.flatten(started["params"])
    rng = np.random.default_rng(0)
    moved = [leaf + 0.1 * rng.standard_normal(leaf.shape).astype(np.float32) for leaf in leaves]
    return started | {"params": jax.tree.unflatten(tree, moved)}


@pytest.fixture(scope="module")
def reconstruct(images):
    """Compiled once for all tests that look at outputs."""

    @jax.jit
    def apply(variables, shape_size, texture_size):
        sizes = {"shape_size": shape_size, "texture_size": texture_size}
        return Msrn(tiny()).apply(variables, images, train=False, **sizes)

    return apply


@pytest.fixture(scope="module")
def first_output(reconstruct, started):
    return reconstruct(started, 6, 8)


def parameter_lines(config):
    image = jnp.zeros((1, 64, 64, 3))
    shapes = jax.eval_shape(
        lambda key: Msrn(config).init(key, image, train=False), jax.random.key(0)
    )
    leaves = jax.tree_util.tree_leaves_with_path(shapes)
    return [f"{jax.tree_util.keystr(p, simple=True, separator='/')} {x.shape}" for p, x in leaves]


@pytest.mark.parametrize("preset", ["full", "compact"])
def test_the_parameter_tree_is_the_published_file_format(preset):
    config = MsrnConfig() if preset == "full" else MsrnConfig.compact()
    golden = (GOLDENS / f"msrn_parameters_{preset}.txt").read_text().splitlines()
    assert parameter_lines(config) == golden


def test_the_deformation_field_counts_as_specified():
    """Specification msrn H-F1."""
    vertices = template(MsrnConfig()).vertices
    shapes = jax.eval_shape(
        lambda key: DeformationField(512).init(key, vertices, jnp.zeros((1, 64))),
        jax.random.key(0),
    )
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 562_179


def test_before_training_the_mesh_is_the_template(first_output):
    """Specification msrn H-F2."""
    output = first_output
    expected = np.broadcast_to(template(tiny()).vertices, output.vertices.shape)
    np.testing.assert_array_equal(output.vertices, expected)
    np.testing.assert_array_equal(output.scale, 1)
    assert not np.any(output.shape_code)
    assert not np.any(output.texture_code)


def test_before_training_cameras_stand_at_the_sector_middles(first_output):
    """Specification msrn H-F2."""
    output = first_output
    world_from_cam = np.linalg.inv(output.cam_from_world[0])
    centre = world_from_cam[:, :3, 3]
    azimuth, e = np.deg2rad(np.arange(6) * 60.0), np.deg2rad(15.0)
    expected = np.stack([np.cos(e) * np.cos(azimuth), np.cos(e) * np.sin(azimuth)], axis=-1)
    np.testing.assert_allclose(centre[:, :2], 1.2 * expected, atol=1e-5)
    np.testing.assert_allclose(centre[:, 2], 1.2 * np.sin(e), atol=1e-5)
    np.testing.assert_allclose(output.cam_from_world[0, :, :3, 3], [[0, 0, 1.2]] * 6, atol=1e-6)
    np.testing.assert_allclose(output.sector_azimuth, azimuth, rtol=1e-6)
    assert np.ptp(output.pose_logits) > 0


def test_shapenet_cameras_start_where_the_paper_puts_them():
    """Specification msrn H-F2."""
    config = PoseConfig.shapenet()
    pose = candidate_cameras(config, jnp.zeros((6, 1, 3)), jnp.zeros((6, 1, 3)))[1, 0]
    # Row-vector matrices of specification msrn A.6 at azimuth 60, elevation 30, frame +X left, +Y
    # up.
    a, e = np.deg2rad(60), np.deg2rad(30)
    r_azimuth = [[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]]
    r_elevation = [[1, 0, 0], [0, np.cos(-e), np.sin(-e)], [0, -np.sin(-e), np.cos(-e)]]
    point_y_up = np.array([0.1, 0.2, -0.3])
    left, up, away = point_y_up @ np.array(r_azimuth) @ np.array(r_elevation) + [0, 0, 2.732]
    x, y, z = point_y_up
    ours = pose @ np.array([x, -z, y, 1.0])
    np.testing.assert_allclose(ours[:3], [-left, -up, away], atol=1e-6)


def test_cameras_of_photographs_stay_within_their_ranges():
    config = PoseConfig.real_images()
    ends = jnp.asarray([[[s, 0, 0]] * 6 for s in (-1.0, 1.0)] + [[[0, 0, 1.0]] * 6])
    up, down, tilted = (
        candidate_cameras(config, jnp.moveaxis(e[None], 0, 1), jnp.zeros((6, 1, 3)))[0, 0, :3, :3]
        for e in ends
    )
    # The third row is the optical axis; it points down by the elevation.
    elevations = [np.rad2deg(np.arcsin(-pose[2, 2])) for pose in (up, down)]
    np.testing.assert_allclose(elevations, [-10.8, 30.8], atol=1e-3)
    level = candidate_cameras(config, jnp.zeros((6, 1, 3)), jnp.zeros((6, 1, 3)))[0, 0, :3, :3]
    cosine = (np.trace(tilted @ level.T) - 1) / 2
    np.testing.assert_allclose(np.rad2deg(np.arccos(cosine)), 31.2, atol=1e-3)


def test_one_candidate_reaches_half_of_the_circle_either_way():
    config = PoseConfig(candidates=1)
    turned = candidate_cameras(config, jnp.asarray([[[0, 1.0, 0]]]), jnp.zeros((1, 1, 3)))[0, 0]
    still = candidate_cameras(config, jnp.zeros((1, 1, 3)), jnp.zeros((1, 1, 3)))[0, 0]
    centres = [np.linalg.inv(pose)[:3, 3] for pose in (still, turned)]
    np.testing.assert_allclose(centres[1][:2], -centres[0][:2], atol=1e-6)


def test_a_frozen_shape_is_the_template_while_cameras_learn(shaken, images):
    def apply(params):
        variables = shaken | {"params": params}
        return Msrn(tiny()).apply(variables, images, shape_size=jnp.asarray(0), train=False)

    def loss(params):
        output = apply(params)
        return jnp.sum(output.vertices**2) + jnp.sum(output.cam_from_world**2), output

    gradient, output = jax.jit(jax.grad(loss, has_aux=True))(shaken["params"])
    expected = np.broadcast_to(template(tiny()).vertices, output.vertices.shape)
    np.testing.assert_array_equal(output.vertices, expected)
    assert not any(np.any(x) for x in jax.tree.leaves(gradient["deformation"]))
    for name in ("rotation", "translation"):
        assert any(np.any(x) for x in jax.tree.leaves(gradient["pose"][name]))


@pytest.fixture(scope="module")
def texture():
    return jax.random.uniform(jax.random.key(3), (2, 8, 8, 3))


def test_a_texture_is_one_colour_until_its_step_and_itself_from_then_on(texture):
    tricks = TextureTricks(constant_until=10)
    early, late = (
        simplified(jax.random.key(0), texture, tricks, jnp.asarray(step)) for step in (9, 10)
    )
    np.testing.assert_array_equal(late, texture)
    np.testing.assert_array_equal(early, np.broadcast_to(early[:, :1, :1], early.shape))
    # The mean of 64 of them is near that of all.
    np.testing.assert_allclose(early[:, 0, 0], texture.mean(axis=(1, 2)), atol=0.15)
    assert np.any(early[:, 0, 0] != texture.mean(axis=(1, 2)))


def test_a_fifth_of_steps_show_the_mean_colour(texture):
    tricks = TextureTricks(mean_chance=0.2)
    keys = jax.random.split(jax.random.key(0), 400)
    shown = jax.vmap(lambda key: simplified(key, texture, tricks, jnp.asarray(0)))(keys)
    plain = np.ptp(shown[..., 0], axis=(-2, -1)) == 0
    assert np.all(plain[:, 0] == plain[:, 1])
    assert 0.14 < plain.mean() < 0.26
    mean = texture.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(shown[plain[:, 0]][0], np.broadcast_to(mean, texture.shape))
    assert np.array_equal(shown[~plain[:, 0]][0], texture)


def test_a_chance_beyond_certainty_is_refused():
    with pytest.raises(ValueError, match=r"mean_chance is 1.5; set it within 0 to 1"):
        TextureTricks(mean_chance=1.5)


def test_codes_are_open_unless_sizes_say_otherwise(shaken, images, reconstruct):
    whole = jax.jit(lambda v: Msrn(tiny()).apply(v, images, train=False))(shaken)
    given = reconstruct(shaken, 6, 8)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), whole, given)
    assert np.all(whole.shape_code != 0)
    assert np.any(whole.scale != 1)
    assert whole.texture.shape == (2, 8, 8, 3)
    np.testing.assert_allclose(whole.pixel_from_cam[0, 0], [17.5, 0, 8])


def test_closed_entries_of_a_code_get_exactly_no_gradient(shaken, images):
    """Specification msrn H-F3."""

    def loss(params, size):
        output = Msrn(tiny()).apply(
            shaken | {"params": params}, images, shape_size=size, texture_size=size, train=False
        )
        return jnp.sum(output.vertices**2) + jnp.sum(output.texture**2), output

    size = jnp.asarray(2)
    gradient, output = jax.jit(jax.grad(loss, has_aux=True))(shaken["params"], size)
    for code in ("shape_code", "texture_code"):
        kernel = gradient[code]["out"]["kernel"]
        assert np.all(kernel[:, 2:] == 0)
        assert np.any(kernel[:, :2] != 0)
        assert np.all(getattr(output, code)[:, 2:] == 0)
    assert np.all(output.scale == 1)


def test_active_sizes_change_at_their_milestones():
    milestones = ((0, 1), (10, 4), (20, 64))
    sizes = jax.vmap(lambda step: active_size(milestones, step))(
        jnp.asarray([0, 9, 10, 19, 20, 99])
    )
    assert sizes.tolist() == [1, 1, 4, 4, 64, 64]
    with pytest.raises(ValueError, match="start at step 0"):
        active_size(((5, 1),), 0)


def test_texture_coordinates_match_the_published_vertex():
    """Specification msrn H-D."""
    full = ellipsoid(3, (0.4, 0.28, 0.28), False)
    # The published vertices (-a, b, 0) and (a, b, 0) open the icosphere; ours are z-up.
    uvs = [full.face_uvs[full.faces == index][0] for index in (0, 1)]
    np.testing.assert_allclose(uvs, [(0.25, 0.230212), (0.75, 0.230212)], atol=1e-5)


def test_the_seam_fix_keeps_faces_short_and_moves_corners_by_whole_turns_only():
    plain, fixed = (ellipsoid(3, (0.28, 0.28, 0.4), fix) for fix in (False, True))
    assert np.ptp(plain.face_uvs[..., 0], axis=-1).max() > 0.9
    assert np.ptp(fixed.face_uvs[..., 0], axis=-1).max() < 0.26
    middle = fixed.face_uvs[..., 0].mean(axis=-1)
    assert np.all((middle >= 0) & (middle <= 1))
    on_pole = np.hypot(*np.moveaxis(plain.vertices[plain.faces][..., :2], -1, 0)) < 1e-6
    assert on_pole.sum() == 12
    turns = (fixed.face_uvs - plain.face_uvs)[~on_pole]
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-6)


def test_the_template_is_closed_and_faces_outward():
    shape = template(MsrnConfig())
    assert shape.vertices.shape == (642, 3)
    assert shape.edges.shape == (1920, 2)
    np.testing.assert_allclose(
        meshes.signed_volume(shape.vertices, shape.faces), 4.152741 * 0.28 * 0.28 * 0.4, rtol=1e-5
    )
    axes = ellipsoid(3, (0.4, 0.28, 0.28), False).vertices
    np.testing.assert_allclose(np.abs(axes).max(axis=0), [0.4, 0.28, 0.28], rtol=2e-3)


def test_smooth_upsampling_keeps_constants_and_mirrors():
    x = jax.random.normal(jax.random.key(0), (1, 3, 4, 2))
    np.testing.assert_allclose(upsample_smooth(jnp.ones((1, 1, 1, 3))), jnp.ones((1, 2, 2, 3)))
    mirrored = upsample_smooth(x[:, ::-1])
    np.testing.assert_allclose(mirrored, upsample_smooth(x)[:, ::-1], atol=1e-6)
    # Bilinear doubling of a step, blurred: (0, 1/4, 3/4, 1) * [1, 2, 1] / 4.
    step = upsample_smooth(jnp.asarray([0.0, 1.0]).reshape(1, 1, 2, 1))[0, 0, :, 0]
    np.testing.assert_allclose(step, [0.125, 0.3125, 0.6875, 0.875], atol=1e-6)


def test_a_code_that_never_opens_fully_is_refused():
    with pytest.raises(ValueError, match="end them at shape_code"):
        MsrnConfig(shape_milestones=((0, 1), (10, 32)))

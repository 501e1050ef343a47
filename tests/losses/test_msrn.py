import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxrelic import losses
from jaxrelic.geometry import cameras, meshes
from jaxrelic.losses.msrn import MsrnLossSettings, loss_terms, loss_weights
from jaxrelic.models.msrn.model import Msrn, MsrnConfig, template
from jaxrelic.rendering.settings import RasterSettings
from jaxrelic.rendering.views import render_views

SIZE = 16
SETTINGS = MsrnLossSettings(raster=RasterSettings(sigma=3e-3))


def tiny(**changes):
    config = MsrnConfig(
        encoder_widths=(4,),
        encoder_blocks=1,
        shape_code=4,
        texture_code=8,
        shape_milestones=((0, 4),),
        texture_milestones=((0, 8),),
        icosphere_level=1,
        field_units=32,
        texture_size=4,
        texture_min_channels=4,
    )
    return dataclasses.replace(config, **changes)


def circling(azimuth_deg, size, elevation=0.3):
    """Cameras [1, n] around the origin."""
    azimuth = jnp.deg2rad(jnp.asarray(azimuth_deg))
    origin = jnp.broadcast_to(jnp.asarray([0.0, 0.0, 1.2]), (*azimuth.shape, 3))
    elevation = jnp.broadcast_to(elevation, azimuth.shape)
    poses = cameras.orbit(azimuth, elevation, 0 * azimuth, origin)
    intrinsics = jnp.asarray(cameras.intrinsics(280 / 256 * size, size, size))
    return cameras.Camera(poses[None], jnp.broadcast_to(intrinsics, (1, len(azimuth), 3, 3)))


def photographs(azimuth_deg, size, level=1, elevation=0.3):
    """A batch of one box of two colours; its first view is the photograph."""
    directions, faces = meshes.icosphere(level)
    box = directions / np.abs(directions).max(axis=-1, keepdims=True) * [0.3, 0.18, 0.25]
    colours = np.where(directions[:, :1] > 0, [[0.8, 0.3, 0.1]], [[0.1, 0.4, 0.7]])
    mesh = meshes.Mesh(
        vertices=jnp.asarray(box, jnp.float32)[None],
        faces=faces,
        vertex_colours=jnp.asarray(colours, jnp.float32)[None],
    )
    views = circling(azimuth_deg, size, elevation)
    drawn = render_views(mesh, views, image_size=size, settings=RasterSettings(sigma=1e-5))
    mask = (drawn.alpha > 0.5).astype(jnp.float32)
    return {
        "image": drawn.rgb[:, 0],
        "views_rgb": drawn.rgb,
        "views_mask": mask,
        "views_depth": drawn.depth * mask,
        "views_cam_from_world": views.cam_from_world,
        "views_pixel_from_cam": views.pixel_from_cam,
        "input_cam_from_world": views.cam_from_world[:, 0],
    }


@pytest.fixture(scope="module")
def batch():
    return jax.jit(lambda: photographs([20.0, 130.0], SIZE))()


@pytest.fixture(scope="module")
def output(batch):
    """Of random parameters: as initialised, zero layers would hide a missing gradient."""
    model, image = Msrn(tiny()), batch["image"]
    shapes = jax.eval_shape(lambda key: model.init(key, image, train=False), jax.random.key(0))
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda x: np.float32(rng.normal(0.0, 0.1, x.shape)), shapes["params"])
    stats = jax.tree.map(lambda x: np.ones(x.shape, np.float32), shapes["batch_stats"])
    variables = {"params": params, "batch_stats": stats}
    return jax.jit(lambda v: model.apply(v, image, train=False))(variables)


def loss_of(output, batch, *, supervision, phase):
    choice = {"supervision": supervision, "phase": phase}
    terms = loss_terms(output, batch, template(tiny()), settings=SETTINGS, **choice)
    return losses.combine(terms, loss_weights(SETTINGS, **choice))[0], terms


def gradients(output, batch, supervision, phase):
    def loss(output):
        return loss_of(output, batch, supervision=supervision, phase=phase)

    return jax.jit(jax.grad(loss, has_aux=True))(output)


def learns(gradient):
    """Outputs that receive any gradient."""
    fields = {f.name: np.asarray(getattr(gradient, f.name)) for f in dataclasses.fields(gradient)}
    assert all(np.all(np.isfinite(value)) for value in fields.values())
    return {name for name, value in fields.items() if np.any(value)} - {"pixel_from_cam"}


MESH = {"vertices", "texture"}
POSE = {"cam_from_world", "pose_logits"}


def test_latent_phases_teach_one_half_each_and_never_read_a_camera(output, batch):
    """Specification msrn H-F4."""
    seen = {name: batch[name][:, :1] for name in ("views_rgb", "views_mask")}
    seen["image"] = batch["image"]
    gradient, terms = gradients(output, seen, "latent", "pose")
    assert learns(gradient) == POSE
    assert "normal" not in terms
    gradient, terms = gradients(output, seen, "latent", "shape")
    assert learns(gradient) == MESH
    assert "uneven_pose" not in terms


def test_known_cameras_teach_everything_at_once(output, batch):
    gradient, terms = gradients(output, batch, "multiview", "joint")
    assert learns(gradient) == MESH | POSE
    assert all(term.shape == (1,) for term in terms.values())
    assert 0 < terms["mask_iou"][0] < 1
    # Only the candidate of the photograph's own sector, at 20 degrees, is drawn towards it.
    assert np.flatnonzero(np.abs(gradient.cam_from_world[0]).sum(axis=(-2, -1))).tolist() == [0]


def term_names(output, batch, **options):
    """Names of the terms, without computing them."""
    return jax.eval_shape(lambda output: loss_of(output, batch, **options)[1], output).keys()


def test_depth_is_a_target_of_multiview_alone(output, batch):
    multiview = term_names(output, batch, supervision="multiview", phase="joint")
    posed = term_names(output, batch, supervision="posed", phase="joint")
    assert multiview - posed == {"depth"}
    assert "depth" not in loss_weights(SETTINGS, supervision="posed", phase="joint")


def test_with_several_views_every_distance_weighs_and_nothing_of_latent_cameras_does():
    weights = loss_weights(SETTINGS, supervision="multiview", phase="joint")
    latent_alone = {"uneven_pose", "neighbours"}
    assert weights.keys() == dataclasses.asdict(SETTINGS.weights).keys() - latent_alone
    assert weights["depth"] == SETTINGS.weights.depth == 1.0


def test_phases_without_a_meaning_are_refused(output, batch):
    with pytest.raises(ValueError, match="use 'joint' with cameras"):
        term_names(output, batch, supervision="posed", phase="shape")


def test_the_shape_phase_draws_the_likeliest_candidate(output, batch):
    @jax.jit
    def both(output):
        output = output.replace(pose_logits=9.0 * jax.nn.one_hot(2, 6)[None])
        known = batch | {
            "views_rgb": batch["views_rgb"][:, :1],
            "views_mask": batch["views_mask"][:, :1],
            "views_cam_from_world": output.cam_from_world[:, 2:3],
            "views_pixel_from_cam": output.pixel_from_cam[:, None],
        }
        shared = {"template": template(tiny()), "settings": SETTINGS}
        latent = loss_terms(output, known, supervision="latent", phase="shape", **shared)
        posed = loss_terms(output, known, supervision="posed", phase="joint", **shared)
        return latent, posed

    latent, posed = both(output)
    for name in ("rgb", "bce", "affinity", "mask_iou"):
        np.testing.assert_allclose(latent[name], posed[name], rtol=1e-5)


def test_either_aggregator_draws_the_same_silhouette_and_teaches(output, batch):
    def terms_and_gradient(aggregator):
        settings = dataclasses.replace(SETTINGS, aggregator=aggregator)
        known = {"supervision": "posed", "phase": "joint"}
        weights = loss_weights(settings, **known)

        def loss(output):
            terms = loss_terms(output, batch, template(tiny()), settings=settings, **known)
            return losses.combine(terms, weights)[0], terms

        gradient, terms = jax.jit(jax.grad(loss, has_aux=True))(output)
        return terms, learns(gradient)

    (ours, taught), (layered, also) = map(terms_and_gradient, ("softras", "layered"))
    assert taught == also == MESH | POSE
    # They differ by how the edge fades: layered is 1 inside.
    np.testing.assert_allclose(layered["iou"], ours["iou"], atol=0.1)
    assert np.any(layered["rgb"] != ours["rgb"])


def test_the_plain_model_learns_camera_and_mesh_at_once(output, batch):
    """The paper as printed: one candidate, no turns (specification msrn A.6)."""
    seen = {name: batch[name][:, :1] for name in ("views_rgb", "views_mask")}
    seen["image"] = batch["image"]
    one = output.replace(
        cam_from_world=output.cam_from_world[:, :1],
        pose_logits=output.pose_logits[:, :1],
        sector_azimuth=output.sector_azimuth[:1],
    )
    gradient, terms = gradients(one, seen, "latent", "joint")
    # With a single candidate there is nothing to choose.
    assert learns(gradient) == MESH | {"cam_from_world"}
    assert terms["uneven_pose"] == 0


def test_sigma_may_be_traced_and_replaces_the_settings(output, batch):
    @jax.jit
    def bce(sigma):
        known = {"supervision": "posed", "phase": "joint", "sigma": sigma}
        terms = loss_terms(output, batch, template(tiny()), settings=SETTINGS, **known)
        return terms["bce"][0]

    soft, hard = bce(3e-2), bce(1e-4)
    constant = dataclasses.replace(SETTINGS, raster=RasterSettings(sigma=1e-4))
    alone = jax.jit(
        lambda: loss_terms(
            output,
            batch,
            template(tiny()),
            supervision="posed",
            phase="joint",
            settings=constant,
        )["bce"]
    )()
    np.testing.assert_allclose(hard, alone[0], rtol=1e-4)
    assert abs(soft - hard) > 0.01


def test_one_object_is_learned_from_known_cameras_and_its_photograph_gets_a_pose():
    """Specification msrn H-F6. Cameras to draw with are given; the pose head learns beside them."""
    size, steps, groups = 32, 300, 8
    config = tiny(shared_encoder=True, icosphere_level=2, field_units=64)
    turn = np.arange(24).reshape(-1, groups).T.reshape(-1)
    elevation = np.float32([0.5, 0.1, -0.3])[turn % 3]
    photograph = jax.jit(photographs, static_argnums=(1, 2))
    batch = photograph(15.0 * turn, size, 2, elevation)
    model, shape = Msrn(config), template(config)
    settings = MsrnLossSettings(raster=RasterSettings(sigma=5e-4))
    known = {"supervision": "multiview", "phase": "joint"}
    weights = loss_weights(settings, **known)
    optimizer = optax.adam(optax.cosine_decay_schedule(3e-3, steps))

    def terms_of(params, variables, batch, sigma):
        output = model.apply(variables | {"params": params}, batch["image"], train=False)
        return loss_terms(output, batch, shape, settings=settings, sigma=sigma, **known)

    def loss_fn(*arguments):
        return losses.combine(terms_of(*arguments), weights)

    def some_views(step):
        """An eighth of the views in turn, all around the object."""
        part = {k: x.reshape(1, groups, -1, *x.shape[2:])[:, step % groups] for k, x in views}
        return batch | part

    views = [(name, x) for name, x in batch.items() if name.startswith("views")]

    @jax.jit
    def train(variables):
        def step(carry, at):
            params, opt_state = carry
            index, sigma = at
            arguments = params, variables, some_views(index), sigma
            gradient, means = jax.grad(loss_fn, has_aux=True)(*arguments)
            updates, opt_state = optimizer.update(gradient, opt_state)
            return (optax.apply_updates(params, updates), opt_state), means

        start = (variables["params"], optimizer.init(variables["params"]))
        (params, _), means = jax.lax.scan(
            step, start, (jnp.arange(steps), jnp.geomspace(3e-3, 2e-4, steps))
        )
        return terms_of(params, variables, batch, 1e-4), means

    variables = jax.jit(lambda key: model.init(key, batch["image"], train=False))(jax.random.key(0))
    last, means = train(variables)
    assert means["mask_iou"][0] < 0.8
    assert last["mask_iou"][0] > 0.95
    assert means["rgb"][-1] < 0.5 * means["rgb"][0]
    assert last["pose_error_deg"][0] < 5

"""One-2-3-45 in the trainer: gradients, what saves memory, examples, replicas, runs."""

import dataclasses
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from experiments import as_of, changed

from configs import smoke
from jaxrelic import config_json, losses
from jaxrelic.data import synthetic
from jaxrelic.data.posed_view import decode_view
from jaxrelic.errors import UserError
from jaxrelic.geometry.cameras import Camera
from jaxrelic.losses.one2345 import One2345LossSettings
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.train import loop, optim
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.initial import fresh
from jaxrelic.train.step import make_train_step
from jaxrelic.train.tasks.one2345 import _normals
from jaxrelic.train.tasks.one2345_rays import RaysConfig

SOURCES = 3
STEP = jnp.asarray(3, jnp.int32)
DIFFERENCE = 1e-6
"""Step of central differences in float64."""

# Samples stay where they are when the network moves, as the gradient takes them to.
STILL = dataclasses.replace(
    One2345Config.modern(),
    volume_size=6,
    hidden=16,
    frequencies=2,
    coarse_samples=8,
    fine_samples=0,
    fine_rounds=1,
    min_ray_samples=1,
)
# These programs are compiled for a few rays; optimising them costs more than it saves.
quick_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def experiment(model=STILL, rays=None, **changes):
    plain = smoke.ROWS["one2345"]()
    schedules = dataclasses.replace(
        plain.task.losses, sparse_steps=10, mask_start=2, anneal_steps=10
    )
    rays = RaysConfig(**{"count": 9, "free_points": 5, "bound_rays": 7} | (rays or {}))
    return changed(plain, model=model, losses=schedules, rays=rays, **changes)


def view_set(relic=0, size=24):
    """An example without batch axis; the target is the first view of an analytic relic."""
    record = synthetic.SyntheticRelics(1, SOURCES + 1, size, first=relic)[0]
    views = [decode_view(record, index) for index in range(SOURCES + 1)]
    arrays = {
        "rgb": np.stack([view.rgba[..., :3] + 1 - view.rgba[..., 3:] for view in views]),
        "mask": np.stack([view.rgba[..., 3] for view in views]),
        "cam_from_world": np.stack([view.cam_from_world for view in views]),
        "pixel_from_cam": np.stack([view.pixel_from_cam for view in views]),
    }
    return {
        **{f"sources_{name}": array[1:] for name, array in arrays.items()},
        **{f"target_{name}": array[0] for name, array in arrays.items()},
        **{f"reference_{n}": arrays[n][1] for n in ("cam_from_world", "pixel_from_cam")},
        "target_depth": views[0].depth,
        "relic_index": np.int32(relic),
    }


def batch_of(*relics):
    return jax.tree.map(lambda *x: np.stack(x), *map(view_set, relics))


def total(tried, params, batch, rng, step=STEP):
    """The loss of one step and its logs."""
    objective = tried.task
    terms, logs, _ = objective.loss(params, {}, batch, rng, step=step, phase="joint")
    loss, means = losses.combine(terms, objective.weights("joint"))
    return loss, means | logs


def in_float64(tree):
    return jax.tree.map(lambda x: x.astype(np.float64) if x.dtype == np.float32 else x, tree)


def slope(tried, params, batch, rng):
    """Loss and gradient in float64."""
    with jax.enable_x64(True):
        found = quick_jit(jax.value_and_grad(functools.partial(total, tried), has_aux=True))
        (loss, _), gradient = found(in_float64(params), in_float64(batch), rng)
        return jax.tree.map(np.asarray, (loss, gradient))


@pytest.fixture(scope="module")
def start():
    """Parameters in which every part has something to say, a batch and a key."""
    batch, rng = batch_of(0), jax.random.key(1)
    params = jax.jit(lambda key: experiment().task.init(key, batch)["params"])(rng)
    numbers = np.random.default_rng(0)
    # At the start the volume has no influence: its rows in the distance network are zero.
    params = jax.tree.map(lambda x: x + np.float32(0.05 * numbers.normal(size=x.shape)), params)
    return params, batch, rng


@pytest.fixture(scope="module")
def plain(start):
    return slope(experiment(), *start)


def test_the_gradient_of_a_step_is_that_of_differences(start, plain):
    params, batch, rng = in_float64(start[0]), in_float64(start[1]), start[2]
    numbers = np.random.default_rng(1)
    direction = jax.tree.map(lambda x: numbers.normal(size=x.shape), params)
    with jax.enable_x64(True):
        value = quick_jit(lambda params: total(experiment(), params, batch, rng)[0])
        ahead, behind = (
            float(value(jax.tree.map(lambda x, d, by=by: x + by * d, params, direction)))
            for by in (DIFFERENCE, -DIFFERENCE)
        )
    loss, gradient = plain
    np.testing.assert_allclose(loss, (ahead + behind) / 2, rtol=1e-8)
    pairs = zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
    expected = sum(np.sum(g * d) for g, d in pairs)
    np.testing.assert_allclose((ahead - behind) / (2 * DIFFERENCE), expected, rtol=1e-4)
    assert all(np.any(part) for part in jax.tree.leaves(gradient))


def distance(one, other):
    """Of two gradients, relative to the longer."""
    flat = [np.concatenate([np.ravel(x) for x in jax.tree.leaves(each)]) for each in (one, other)]
    return np.linalg.norm(flat[0] - flat[1]) / max(map(np.linalg.norm, flat))


def test_chunks_remat_and_all_views_chosen_change_neither_loss_nor_gradient(start, plain):
    lean = {"chunk": 4, "remat": "encoding", "views_per_ray": SOURCES}
    loss, gradient = slope(experiment(rays=lean), *start)
    np.testing.assert_allclose(loss, plain[0], rtol=1e-10)
    assert distance(gradient, plain[1]) < 1e-8


def test_bfloat16_changes_loss_and_gradient_by_a_few_percent(start, plain):
    coarse = dataclasses.replace(STILL, blend_dtype="bfloat16")
    loss, gradient = slope(experiment(coarse, rays={"remat": "volume"}), *start)
    # 8 bits of mantissa in eleven layers that only colours depend on.
    np.testing.assert_allclose(loss, plain[0], rtol=0.01)
    assert 0 < distance(gradient, plain[1]) < 0.05


def test_two_examples_weigh_as_much_as_each_by_itself(start):
    params, _, rng = start
    objective, both = experiment().task, batch_of(0, 1)
    keys = jax.random.split(rng, 2)

    @quick_jit
    def terms(params, batch, keys):
        each = functools.partial(objective._terms, {"params": params}, STEP)
        return jax.vmap(each)(batch, keys)

    together = quick_jit(lambda p: total(experiment(), p, both, rng))(params)[1]
    alone = [
        terms(params, jax.tree.map(lambda x, i=i: x[i : i + 1], both), keys[i : i + 1])
        for i in range(2)
    ]
    for name in alone[0]:
        mean = np.mean([np.asarray(one[name])[0] for one in alone])
        np.testing.assert_allclose(together[name], mean, rtol=1e-4, atol=1e-6)
    assert alone[0]["rgb"] != alone[1]["rgb"]


def test_logs_have_each_term_whole_beside_what_counts_of_it(start):
    def logs(step):
        return jax.eval_shape(lambda p: total(experiment(), p, *start[1:], step)[1], start[0])

    assert {"sparse", "scheduled_sparse", "mask", "scheduled_mask", "sharpness"} <= set(logs(STEP))
    weights = experiment().task.weights("joint")
    assert weights == {
        "rgb": 1.0,
        "depth": 1.0,
        "scheduled_sparse": 0.02,
        "scheduled_mask": 0.1,
        "eikonal": 0.1,
        "surface": 10.0,
        "normal": 0.5,
        "empty": 10.0,
    }


def test_normals_of_a_depth_are_those_of_the_relic_in_the_frame_of_the_cube():
    """The first relic is an ellipsoid, whose normals are along p / h^2."""
    record = synthetic.SyntheticRelics(1, 1, 96)[0]
    view = decode_view(record, 0)
    half_sides = np.abs(record["points"]).max(axis=0).astype(np.float64)
    camera = Camera(view.cam_from_world, view.pixel_from_cam)
    found = np.asarray(_normals(view.depth, camera))
    row, column = np.nonzero(np.linalg.norm(found, axis=-1) > 0.5)
    assert len(row) > 0.5 * np.count_nonzero(view.depth)
    uv = np.stack([column + 0.5, row + 0.5, np.ones(len(row))], axis=-1)
    in_camera = view.depth[row, column, None] * (uv @ np.linalg.inv(view.pixel_from_cam).T)
    pose = np.asarray(view.cam_from_world, np.float64)
    points = (in_camera - pose[:3, 3]) @ pose[:3, :3]
    normals = points / half_sides**2
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    cosine = np.sum(normals * found[row, column], axis=-1)
    assert cosine.mean() > 0.99
    assert np.quantile(cosine, 0.05) > 0.95


def test_steps_agree_on_every_replica():
    tried = experiment()
    objective, optimizer = tried.task, optim.make_optimizer(tried.optim)
    batch = batch_of(0, 1)
    begun = jax.eval_shape(lambda: fresh.initial(objective, optimizer, batch, seed=0))
    dealt = {name: x.reshape(2, 1, *x.shape[1:]) for name, x in batch.items()}
    step = make_train_step(objective, optimizer, phase="joint", seed=0)
    one_copy = jax.vmap(step, axis_name="batch", in_axes=(None, 0), out_axes=None)
    jax.eval_shape(one_copy, begun, dealt)  # Raises if any output was left unreduced.


def test_the_released_settings_step_too():
    tried = experiment(
        dataclasses.replace(One2345Config.compat(), volume_size=8), rays={"views_per_ray": 2}
    )
    compat = changed(tried, losses=One2345LossSettings.compat())
    params = jax.eval_shape(lambda: compat.task.init(jax.random.key(0), {})["params"])
    found = jax.eval_shape(
        lambda p: jax.grad(functools.partial(total, compat), has_aux=True)(
            p, batch_of(0), jax.random.key(0)
        ),
        params,
    )
    assert jax.tree.map(lambda x: x.shape, found[0]) == jax.tree.map(lambda x: x.shape, params)


def test_an_experiment_of_view_sets_survives_json():
    each = experiment(rays={"chunk": 4, "views_per_ray": 2})
    text = json.dumps(config_json.to_json(each))
    assert config_json.from_json(Experiment, json.loads(text)) == each


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"views_per_ray": 1}, r"rays\.views_per_ray is 1; set it to 2 or more"),
        ({"views_per_ray": 99}, r"views_per_ray is 99 and data\.num_sources is \d+; set it to"),
        ({"chunk": 0}, r"rays\.chunk is 0; set it to 1 or more"),
        ({"bound_rays": 0}, r"rays\.bound_rays is 0; set it to 1 or more"),
    ],
)
def test_rays_that_cannot_be_drawn_are_named(changes, message):
    with pytest.raises(UserError, match=message):
        experiment(rays=changes)


def test_a_run_continues_with_identical_losses_on_two_devices(tmp_path):
    plain = dataclasses.replace(smoke.ROWS["one2345"](), steps=4, checkpoint_every=2)
    tried = changed(plain, data=dataclasses.replace(plain.task.data, batch_size=2))
    devices = jax.devices()[:2]
    loop.train(tried, tmp_path / "whole", devices=devices)
    as_of(2, tmp_path / "whole", tmp_path / "parts")
    loop.train(tried, tmp_path / "parts", devices=devices)
    found = [
        [json.loads(row)["loss"] for row in (tmp_path / name / "metrics.jsonl").open()]
        for name in ("whole", "parts")
    ]
    assert len(found[0]) == 4
    assert found[0] == found[1]

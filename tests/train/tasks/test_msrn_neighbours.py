import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, meshes
from jaxrelic.losses import photometric, silhouette
from jaxrelic.losses.msrn import MsrnLossSettings, MsrnLossWeights
from jaxrelic.models.msrn.memory import MemoryConfig
from jaxrelic.models.msrn.model import MsrnConfig, MsrnOutput
from jaxrelic.models.msrn.neighbours import NeighbourConfig
from jaxrelic.models.msrn.template import ellipsoid
from jaxrelic.nn.kmeans import Clusters
from jaxrelic.rendering.settings import RasterSettings
from jaxrelic.rendering.views import render_views
from jaxrelic.train.tasks import msrn_neighbours
from jaxrelic.train.tasks.msrn_neighbours import NeighbourStep

SIZE, QUERIES, OFFERED = 8, 3, 2
TEMPLATE = ellipsoid(1, (0.3, 0.2, 0.4), True)
WEIGHTS = MsrnLossWeights(rgb=2.0, bce=0.5, affinity=1e-3, iou=0.0)
SETTINGS = MsrnLossSettings(raster=RasterSettings(sigma=3e-3), weights=WEIGHTS)
CONFIG = NeighbourConfig(source="filtered", start_step=10)


def network(params, image):
    """Looks that depend on the brightness of a photograph; all start from one mesh."""
    tone = image.mean(axis=(1, 2))
    n = len(image)
    turn = jnp.asarray([[0.0, 1.5]]) + tone[:, :1]
    origin = jnp.broadcast_to(jnp.asarray([0.0, 0.0, 1.2]), (n, 2, 3))
    scale = 1 + 0.3 * jnp.tanh(params["look"] * (tone - 0.5))
    intrinsics = jnp.asarray(cameras.intrinsics(280 / 256 * SIZE, SIZE, SIZE))
    return MsrnOutput(
        vertices=(params["mesh"] * TEMPLATE.vertices)[None] * scale[:, None],
        texture=jax.nn.sigmoid(params["look"] * tone)[:, None, None] * jnp.ones((n, 2, 2, 3)),
        cam_from_world=cameras.orbit(turn, 0 * turn + 0.4, 0 * turn, origin),
        pose_logits=jnp.stack([tone[:, 1], tone[:, 2]], axis=-1),
        sector_azimuth=jnp.zeros(2),
        pixel_from_cam=jnp.broadcast_to(intrinsics, (n, 3, 3)),
        scale=scale,
        # The sign of the first entry tells dark photographs from bright ones.
        shape_code=params["look"] * jnp.stack([tone[:, 0] - 0.5, 0 * tone[:, 0]], axis=-1),
        texture_code=jnp.zeros((n, 2)),
    )


PARAMS = {"mesh": jnp.asarray(1.1), "look": jnp.asarray(1.5)}


@pytest.fixture
def batch():
    """The first query and its second neighbour are bright; the last has strangers alone."""
    rng = np.random.default_rng(0)
    tones = np.array([[0.8, 0.2, 0.6], [0.2, 0.9, 0.3], [0.9, 0.9, 0.9]])
    theirs = np.array(
        [
            [[0.3, 0.6, 0.2], [0.9, 0.4, 0.8]],
            [[0.1, 0.3, 0.7], [0.4, 0.8, 0.2]],
            [[0.1, 0.5, 0.5], [0.2, 0.5, 0.5]],
        ]
    )

    def painted(tone, count):
        return np.broadcast_to(tone[..., None, None, :], (*count, SIZE, SIZE, 3))

    offered = (QUERIES, OFFERED)
    mask = rng.uniform(size=(*offered, SIZE, SIZE)) < 0.4
    return {
        "image": jnp.asarray(painted(tones, (QUERIES,)), jnp.float32),
        "category": jnp.zeros(QUERIES, jnp.int32),
        "views_mask": jnp.ones((QUERIES, 1, SIZE, SIZE)),
        "neighbours_image": jnp.asarray(painted(theirs, offered), jnp.float32),
        "neighbours_rgb": jnp.asarray(rng.uniform(size=(*offered, SIZE, SIZE, 3)), jnp.float32),
        "neighbours_mask": jnp.asarray(mask, jnp.float32),
        "neighbours_known": jnp.ones(offered, bool),
    }


def step_of(params, batch, config):
    known = jnp.ones((1, 2))
    identities = Clusters(jnp.asarray([[[1.0, 0.0], [-1.0, 0.0]]]), known)
    memory = dataclasses.make_dataclass("Memory", ["identities"])(identities)
    return NeighbourStep(
        config=config,
        batch=batch,
        output=network({**params, "look": jax.lax.stop_gradient(params["look"])}, batch["image"]),
        collections={"memory": {"shape": memory}},
        see=functools.partial(network, params),
        template=TEMPLATE,
        settings=SETTINGS,
    )


@functools.partial(jax.jit, static_argnames="config")
def evaluated(params, batch, step, config=CONFIG):
    """Terms, and how each query's neighbour loss changes with the parameters."""

    def losses(params):
        terms = step_of(params, batch, config).terms(jax.random.key(0), step)
        return terms["neighbours"], terms

    gradients, terms = jax.jacrev(losses, has_aux=True)(params)
    return terms, gradients


def loop_over_neighbours(batch, kept):
    """M-SRN eq. 43-44 one neighbour at a time."""
    queries = network(PARAMS, batch["image"])
    losses = []
    for i in range(QUERIES):
        total = 0.0
        for j in np.flatnonzero(kept[i]):
            theirs = network(PARAMS, batch["neighbours_image"][i, j][None])
            best = int(np.argmax(theirs.pose_logits[0]))
            mesh = meshes.Mesh(
                vertices=(queries.vertices[i] / queries.scale[i][None] * theirs.scale)[None],
                faces=TEMPLATE.faces,
                face_uvs=TEMPLATE.face_uvs,
                texture=theirs.texture,
            )
            view = cameras.Camera(theirs.cam_from_world[:, best][None], theirs.pixel_from_cam[None])
            image = render_views(mesh, view, image_size=SIZE, settings=SETTINGS.raster)
            rgb, alpha = image.rgb[0, 0], image.alpha[0, 0]
            mask = batch["neighbours_mask"][i, j]
            total += 2.0 * photometric.rgb_difference(rgb, batch["neighbours_rgb"][i, j])
            total += 0.5 * silhouette.binary_cross_entropy(alpha, mask)
            total += 1e-3 * silhouette.affinity(alpha, mask)
        losses.append(total / max(kept[i].sum(), 1))
    return np.asarray(losses)


def test_the_neighbour_loss_is_the_mean_over_neighbours_of_the_same_identity(batch):
    terms, gradient = evaluated(PARAMS, batch, 10)
    kept = np.array([[False, True], [True, True], [False, False]])
    np.testing.assert_allclose(terms["neighbours"], loop_over_neighbours(batch, kept), rtol=1e-4)
    np.testing.assert_array_equal(terms["neighbours_kept"], [1, 2, 0])
    np.testing.assert_array_equal(terms["neighbours_kept_share"], [0.5, 1, 0])
    np.testing.assert_array_equal(terms["neighbours_none"], [0, 0, 1])
    parts = sum(
        getattr(WEIGHTS, name) * terms[f"neighbours_{name}"] for name in ("rgb", "bce", "affinity")
    )
    np.testing.assert_allclose(terms["neighbours"], parts, rtol=1e-5)
    # The mesh learns from neighbours; what looks at them does not (F5).
    assert np.all(np.abs(gradient["mesh"][:2]) > 1e-3)
    assert not np.any(gradient["look"])
    assert terms["neighbours"][2] == gradient["mesh"][2] == 0


def test_there_is_no_neighbour_loss_before_its_step(batch):
    terms, gradient = evaluated(PARAMS, batch, 9)
    assert not any(np.any(values) for values in (terms | gradient).values())


def test_with_its_gradient_the_network_learns_from_what_it_sees_in_neighbours(batch):
    flowing = dataclasses.replace(CONFIG, stop_gradient=False)
    assert np.all(np.abs(evaluated(PARAMS, batch, 10, flowing)[1]["look"][:2]) > 1e-4)


def test_neighbours_need_latent_cameras_candidates_and_a_bank_for_every_category(tiny_experiment):
    model = dataclasses.replace(MsrnConfig.compact(), neighbours=CONFIG)
    with pytest.raises(UserError, match="supervision posed: neighbours are for latent cameras"):
        tiny_experiment(model=model, supervision="posed")
    with pytest.raises(UserError, match=r"batches hold no candidates; set --data\.neighbours 6"):
        msrn_neighbours.check_batch(CONFIG, {"image": None})
    few = dataclasses.replace(model, memory=MemoryConfig(categories=4))
    with pytest.raises(UserError, match=r"synthetic has 10 categories and the memory 4 banks"):
        tiny_experiment(model=few).task.batches(0)

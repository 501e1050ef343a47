"""Who learns from a neighbour: the query's mesh, and what looks at the neighbour only if asked."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.geometry import cameras
from jaxrelic.losses.msrn import MsrnLossSettings
from jaxrelic.models.msrn.model import MsrnOutput
from jaxrelic.models.msrn.neighbours import NeighbourConfig
from jaxrelic.models.msrn.template import ellipsoid
from jaxrelic.rendering.settings import RasterSettings
from jaxrelic.train.tasks.msrn_neighbours import NeighbourStep

SIZE, COUNT = 8, 2
TEMPLATE = ellipsoid(1, (0.3, 0.2, 0.35), True)


def seen(image, weight):
    """A network of one weight that colours the template by the photograph."""
    number = len(image)
    shade = jax.nn.sigmoid(weight * image.mean(axis=(1, 2, 3)))[:, None]
    pose = cameras.orbit(jnp.zeros(()), jnp.zeros(()), jnp.zeros(()), jnp.asarray([0, 0, 1.2]))
    intrinsics = jnp.asarray(cameras.intrinsics(280 / 256 * SIZE, SIZE, SIZE))
    return MsrnOutput(
        vertices=jnp.broadcast_to(TEMPLATE.vertices, (number, *TEMPLATE.vertices.shape)),
        texture=jnp.broadcast_to(shade[..., None, None], (number, 2, 2, 3)),
        cam_from_world=jnp.broadcast_to(pose, (number, 1, 4, 4)),
        pose_logits=jnp.zeros((number, 1)),
        sector_azimuth=jnp.zeros(1),
        pixel_from_cam=jnp.broadcast_to(intrinsics, (number, 3, 3)),
        scale=jnp.ones((number, 3)) + 0.1 * shade,
        shape_code=jnp.zeros((number, 3)),
        texture_code=jnp.zeros((number, 3)),
    )


@pytest.mark.parametrize("stop_gradient", [True, False])
def test_encoders_learn_from_a_neighbours_photograph_only_where_they_may(stop_gradient):
    """Specification msrn H-F5."""
    rng = np.random.default_rng(0)
    images = rng.random((1, COUNT, SIZE, SIZE, 3)).astype(np.float32)
    batch = {
        "image": images[:, 0],
        "neighbours_image": images,
        "neighbours_rgb": images,
        "neighbours_mask": (images[..., 0] > 0.5).astype(np.float32),
        "neighbours_known": np.ones((1, COUNT), bool),
    }

    def loss(vertices, weight):
        step = NeighbourStep(
            config=NeighbourConfig(source="fixed", start_step=0, stop_gradient=stop_gradient),
            batch=batch,
            output=seen(images[:, 0], 1.0).replace(vertices=vertices),
            collections={},
            see=lambda image: seen(image, weight),
            template=TEMPLATE,
            settings=MsrnLossSettings(raster=RasterSettings(sigma=1e-2)),
        )
        return jnp.sum(step.terms(jax.random.key(0), jnp.asarray(5))["neighbours"])

    gradient = jax.jit(jax.grad(loss, (0, 1)))
    for_mesh, for_encoder = gradient(jnp.asarray(TEMPLATE.vertices)[None], jnp.asarray(1.0))
    assert np.any(for_mesh)
    assert (for_encoder == 0) == stop_gradient

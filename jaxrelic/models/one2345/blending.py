"""Colour of a point as a mixture of the pixels it projects to.

Specification one2345 C.11, after arXiv:2102.13090.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxrelic.nn.mlp import kaiming_fan_in
from jaxrelic.typing import Array, Bool, Float, typechecked

RGB_AND_FEATURES = 59
SUM_EPS = 1e-8
MIN_DIFFERENCE = 1e-6
HIDDEN_LOGIT = -1e9
"""Logit of views that do not see the point; finite, so that a point nobody sees has a colour
too."""
START_SHARPNESS = 0.2


class BlendingNetwork(nn.Module):
    """Mixes the views of each point; 19 567 parameters."""

    visible_minimum: bool
    dtype: jnp.dtype | None = None
    """Arithmetic of the layers; None is that of the inputs."""

    @nn.compact
    @typechecked
    def __call__(
        self,
        geometry: Float[Array, "n g"],
        samples: Float[Array, "v n c"],
        angles: Float[Array, "v n 4"],
        visible: Bool[Array, "v n"],
    ) -> Float[Array, "n 3"]:
        """Blends.

        Args:
            geometry: Geometry volume at the points.
            samples: RGB, then image features, of each view at each point.
            angles: Angles from `angles_between`.
            visible: Which view sees which point.
        """
        seen = visible[..., None].astype(samples.dtype)
        rgb = samples[..., :3]
        embedded = samples + self._mlp(angles, (16, RGB_AND_FEATURES), "angle", last=nn.elu)
        weight = self._weights(angles[..., 3:], seen)
        mean = jnp.sum(weight * embedded, axis=0)
        variance = jnp.sum(weight * (embedded - mean[None]) ** 2, axis=0)
        common = jnp.concatenate([geometry, mean, variance], axis=-1)
        x = jnp.concatenate([_per_view(common, samples.shape[0]), embedded], axis=-1)
        x = self._mlp(x, (64, 32), "base", last=nn.elu)
        change = self._mlp(weight * x, (32, 33), "visibility_0", last=nn.elu)
        x = x + change[..., :-1]
        gate = nn.sigmoid(change[..., -1:]) * seen
        gate = self._mlp(gate * x, (32, 1), "visibility_1", last=nn.sigmoid) * seen
        logits = self._mlp(jnp.concatenate([x, gate, angles], axis=-1), (16, 8, 1), "rgb")
        mixture = nn.softmax(jnp.where(visible[..., None], logits, HIDDEN_LOGIT), axis=0)
        return jnp.sum(mixture * rgb, axis=0)

    def _mlp(self, x: Array, widths: tuple[int, ...], name: str, last=None) -> Array:
        """Layers with ELU between them; the result has the type of the input."""
        y = x
        for layer, width in enumerate(widths):
            # The original leaves the first perceptron to its framework's default.
            init = nn.initializers.lecun_uniform() if name == "angle" else kaiming_fan_in
            dense = nn.Dense(width, dtype=self.dtype, kernel_init=init, name=f"{name}_{layer}")
            y = dense(y)
            if layer < len(widths) - 1:
                y = nn.elu(y)
        return (last(y) if last else y).astype(x.dtype)

    def _weights(self, cosine: Array, seen: Array) -> Array:
        """How much each view [v, n, 1] says about the mean: more, the closer its direction."""
        sharpness = self.param("sharpness", nn.initializers.constant(START_SHARPNESS), ())
        weight = jnp.exp(jnp.abs(sharpness) * (cosine - 1))
        counted = jnp.where(seen > 0, weight, jnp.inf) if self.visible_minimum else weight
        least = jnp.min(counted, axis=0, keepdims=True)
        # A point that nobody sees has no least weight; its weights are zero either way.
        weight = (weight - jnp.where(jnp.isfinite(least), least, 0)) * seen
        return weight / (jnp.sum(weight, axis=0, keepdims=True) + SUM_EPS)


@typechecked
def angles_between(
    towards: Float[Array, "n 3"], centres: Float[Array, "v 3"], points: Float[Array, "n 3"]
) -> Float[Array, "v n 4"]:
    """How differently the target and each source look at a point; not differentiated.

    Args:
        towards: Unit vectors from the points to the target camera, or outward normals.
        centres: Centres of the source cameras.
        points: In the same frame.

    Returns:
        Unit vector along the difference of directions, and the cosine between them.
    """
    to_source = damped_unit(centres[:, None] - points[None])
    difference = towards[None] - to_source
    length = jnp.linalg.norm(difference, axis=-1, keepdims=True)
    cosine = jnp.sum(towards[None] * to_source, axis=-1, keepdims=True)
    along = difference / jnp.maximum(length, MIN_DIFFERENCE)
    return jax.lax.stop_gradient(jnp.concatenate([along, cosine], axis=-1))


@typechecked
def damped_unit(vectors: Float[Array, "*b 3"]) -> Float[Array, "*b 3"]:
    """Vectors of nearly length one: as the released network, which adds a term to the length."""
    return vectors / (jnp.linalg.norm(vectors, axis=-1, keepdims=True) + MIN_DIFFERENCE)


def _per_view(x: Array, views: int) -> Array:
    return jnp.broadcast_to(x[None], (views, *x.shape))

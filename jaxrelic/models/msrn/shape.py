"""From a shape code to vertices: a deformation field on the template, then a scale per axis."""

import jax.numpy as jnp
from flax import linen as nn

from jaxrelic.nn.mlp import Mlp, kaiming_fan_in
from jaxrelic.typing import Array, Bool, Float, typechecked


class DeformationField(nn.Module):
    """Displaces template vertices; one coordinate MLP serves them all (specification msrn A.3).

    This is the only way from a code to vertices, so what compensates codes acts on its argument.
    """

    units: int = 512

    @nn.compact
    @typechecked
    def __call__(
        self, vertices: Float[Array, "v 3"], shape_code: Float[Array, "b q"]
    ) -> Float[Array, "b v 3"]:
        def dense(name: str) -> nn.Dense:
            return nn.Dense(self.units, kernel_init=kaiming_fan_in, name=name)

        from_position = dense("from_position")(vertices)
        from_code = dense("from_code")(shape_code)
        hidden = nn.relu(from_position[None] + from_code[:, None])
        for layer in range(2):
            hidden = nn.relu(dense(f"hidden_{layer}")(hidden))
        # Starting at zero leaves the template untouched until something is learned.
        displacement = nn.Dense(3, kernel_init=nn.initializers.zeros, name="out")(hidden)
        return vertices[None] + displacement


class AxisScale(nn.Module):
    """One factor per world axis, within `1 +- reach`; exactly 1 while not `active`."""

    reach: tuple[float, float, float]

    @nn.compact
    @typechecked
    def __call__(
        self, features: Float[Array, "b d"], *, active: Bool[Array, ""]
    ) -> Float[Array, "b 3"]:
        change = jnp.asarray(self.reach)[None] * jnp.tanh(Mlp(3, name="mlp")(features))
        return 1 + jnp.where(active, change, 0.0)

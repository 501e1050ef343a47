"""The small multilayer perceptron of Unicorn's code, pose and scale heads."""

from flax import linen as nn

from jaxrelic.typing import Array, Float, typechecked

HIDDEN = 128
"""Width of the three hidden layers."""

kaiming_fan_in = nn.initializers.variance_scaling(2.0, "fan_in", "normal")
"""Kaiming normal weights with gain sqrt 2, counted over inputs (He et al., arXiv:1502.01852)."""


class Mlp(nn.Module):
    """Three hidden layers with ReLU, then a linear layer."""

    features: int
    zero_last: bool = True
    """Start with an output of exactly zero, so that training leaves from a known point."""

    @nn.compact
    @typechecked
    def __call__(self, x: Float[Array, "b c"]) -> Float[Array, "b d"]:
        for layer in range(3):
            x = nn.relu(nn.Dense(HIDDEN, kernel_init=kaiming_fan_in, name=f"hidden_{layer}")(x))
        last_init = nn.initializers.zeros if self.zero_last else kaiming_fan_in
        return nn.Dense(self.features, kernel_init=last_init, name="out")(x)

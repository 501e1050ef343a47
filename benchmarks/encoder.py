"""CPU seconds of one ResNet-18 training step in our convolution forms; JSON on stdout.

    python -m benchmarks.encoder

Forward, backward and Adam at batch 16 on 64x64 images. The peer is PyTorch 2.13 on a CPU, quoted
from an earlier measurement on a quiet machine (0.34-0.40 CPU seconds); nothing here runs it.
"""

import dataclasses
import json
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro

from jaxrelic.nn import convolution
from jaxrelic.nn.resnet import ResNet

QUOTED_PYTORCH_CPU_S = (0.34, 0.40)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderBenchmark:
    """Times the encoder with each limit for the patch form."""

    steps: int = 10
    """Timed steps per form, after one that compiles."""
    batch: int = 16
    """Images per step."""
    size: int = 64
    """Side of an image, in pixels."""
    small_maps: tuple[int, ...] = (0, convolution.SMALL_MAP)
    """Longest side of a map that takes the patch form, in pixels; 0 is plain XLA."""


def time_steps(settings: EncoderBenchmark, small_map: int) -> dict[str, float]:
    convolution.SMALL_MAP = small_map
    encoder = ResNet()
    rng = np.random.default_rng(0)
    images = jnp.asarray(rng.random((settings.batch, settings.size, settings.size, 3), np.float32))
    variables = jax.jit(lambda key: encoder.init(key, images[:1], train=False))(jax.random.key(0))
    optimizer = optax.adam(1e-4)

    def step(variables, opt_state, images):
        def loss_fn(params):
            features, updates = encoder.apply(
                variables | {"params": params}, images, train=True, mutable=["batch_stats"]
            )
            return jnp.mean(features**2), updates

        grads, updates = jax.grad(loss_fn, has_aux=True)(variables["params"])
        grads = jax.lax.pmean(grads, "batch")
        change, opt_state = optimizer.update(grads, opt_state)
        return {"params": optax.apply_updates(variables["params"], change), **updates}, opt_state

    # One replica, so that batch normalisation finds the axis it averages over.
    replica = jax.vmap(step, axis_name="batch", in_axes=(None, None, 0), out_axes=None)
    step = jax.jit(replica, donate_argnums=(0, 1))
    state = jax.block_until_ready(
        step(variables, optimizer.init(variables["params"]), images[None])
    )
    cpu_s, wall_s = [], []
    for _ in range(settings.steps):
        cpu, wall = time.process_time(), time.perf_counter()
        state = jax.block_until_ready(step(*state, images[None]))
        cpu_s.append(time.process_time() - cpu)
        wall_s.append(time.perf_counter() - wall)
    return {"cpu_s": float(np.median(cpu_s)), "wall_s": float(np.median(wall_s))}


def main(settings: EncoderBenchmark) -> None:
    report = {
        "benchmark": "ResNet-18 training step",
        "backend": jax.default_backend(),
        "settings": dataclasses.asdict(settings),
        "median_by_small_map": {str(n): time_steps(settings, n) for n in settings.small_maps},
        "peer": {"name": "PyTorch 2.13 CPU, quoted", "cpu_s": QUOTED_PYTORCH_CPU_S},
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main(tyro.cli(EncoderBenchmark))

"""Native bfloat16 convolutions against XLA's in float32: CPU ms of one core, as JSON.

    python -m benchmarks.convolution

Forward and both gradients of 3 x 3 convolutions on batches of 16; medians of several runs.
"""

import json
import os
import statistics
import time

os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

import jax

from jaxrelic.nn import native
from jaxrelic.nn.convolution import convolve_direct

SIZES = ((32, 64), (16, 96), (8, 160), (4, 192))
"""Side in pixels and channels of the relief network's levels."""
BATCH, RUNS = 16, 15


def cpu_ms(function, *arguments) -> float:
    """Median CPU time of a call that is compiled already."""
    jax.block_until_ready(function(*arguments))
    spent = []
    for _ in range(RUNS):
        start = time.process_time()
        jax.block_until_ready(function(*arguments))
        spent.append(1e3 * (time.process_time() - start))
    return round(statistics.median(spent), 2)


def forward_and_gradients(convolve):
    @jax.jit
    def run(x, kernel, by_y):
        y, pull_back = jax.vjp(convolve, x, kernel)
        return y, pull_back(by_y)

    return run


def main() -> None:
    if not native.available():
        raise SystemExit("no native convolutions here; run python -m jaxrelic.nn.native")
    rows = []
    for side, channels in SIZES:
        keys = jax.random.split(jax.random.key(0), 3)
        x = jax.random.normal(keys[0], (BATCH, side, side, channels))
        kernel = jax.random.normal(keys[1], (3, 3, channels, channels))
        by_y = jax.random.normal(keys[2], x.shape)
        ours = cpu_ms(forward_and_gradients(native.convolve_tiles), x, kernel, by_y)
        theirs = cpu_ms(
            forward_and_gradients(lambda x, k: convolve_direct(x, k, stride=1, padding=1)),
            x,
            kernel,
            by_y,
        )
        rows.append({"side": side, "channels": channels, "native_ms": ours, "xla_ms": theirs})
    print(json.dumps({"peer": f"XLA float32, jax {jax.__version__}", "rows": rows}, indent=1))


if __name__ == "__main__":
    main()

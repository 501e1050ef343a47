"""Trains the relief network on views on disk; stopped at any moment, it goes on where it was.

    python scripts/relief/train.py --data DATA --workdir RUN

Every batch is a function of seed, step and shards; new shards are taken up at each save.
`--share scans_training=0.2` adds the training half of the scans.
"""

import argparse
import json
import os
import pathlib
import time

os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)
# Threads of small solves wait for one another where cores are shared.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import flax.serialization
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxrelic.data.relief_batches import example, random_batch, stacked
from jaxrelic.data.relief_records import ViewSet
from jaxrelic.losses.relief import WEIGHTS, loss_terms
from jaxrelic.models.relief.inputs import INPUTS
from jaxrelic.models.relief.model import ReliefConfig, ReliefNet
from jaxrelic.models.relief.planes import fitted_plane, plane_depth
from jaxrelic.train.muon import muon

VALIDATION = {"procedural_validation": 96, "abstract_validation": 96, "scans_validation": 120}
"""Views of each set that are looked at."""
SHARES = {"abstract": 0.45, "procedural": 0.3, "statuary": 0.25}
"""Of each training set in a batch."""
STATE = "state.msgpack"
AVERAGE = 0.995
"""Memory of the running mean of the parameters, which is what is judged and used."""


@flax.struct.dataclass
class State:
    """All that is saved."""

    step: jax.Array
    params: dict
    average: dict
    opt_state: optax.OptState


def rate(step: jax.Array, peak: float) -> jax.Array:
    """Rises for 50 steps, falls with the root of the step after 2000: no end is fixed."""
    return peak * jnp.minimum(1, (step + 1) / 50) * jnp.sqrt(jnp.minimum(1, 2000 / (step + 1)))


def make_optimizer(peak: float) -> optax.GradientTransformation:
    """Muon on kernels and Adam on biases; clipped."""
    step = muon(lambda count: rate(count, peak))
    return optax.chain(optax.clip_by_global_norm(1.0), step)


def make_step(net: ReliefNet, optimizer: optax.GradientTransformation):
    """One step of training: state and batch to state and logs."""

    def loss_fn(params, batch):
        relief = net.apply({"params": params}, *(batch[name] for name in INPUTS))
        truth = (batch[name] for name in ("front", "back", "covered", "elevation"))
        means = {name: jnp.mean(term) for name, term in loss_terms(relief, *truth).items()}
        return sum(WEIGHTS[name] * mean for name, mean in means.items()), means

    def step(state: State, batch):
        (loss, logs), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params, batch)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        # Early on the mean forgets faster, or it would hold the first random parameters.
        keep = jnp.minimum(AVERAGE, (state.step + 1) / (state.step + 10))
        average = jax.tree.map(lambda a, p: keep * a + (1 - keep) * p, state.average, params)
        logs = logs | {"loss": loss, "grad_norm": optax.global_norm(grads)}
        return State(state.step + 1, params, average, opt_state), logs

    return jax.jit(step, donate_argnums=0)


def validate(predict, params, sets) -> dict[str, float]:
    """Mean absolute errors in crop widths: layers, and the same without their common plane."""
    found = {}
    for name, batches in sets.items():
        sums, count = np.zeros(5), 0
        for batch in batches:
            sums += np.array(predict(params, batch)).sum(axis=1)
            count += len(batch["photo"])
        keys = ("front", "back", "shape", "plane", "elevation_deg")
        found |= {f"{name}/{key}": float(v) for key, v in zip(keys, sums / count, strict=True)}
    return found


def make_predict(net: ReliefNet):
    """Errors of a batch, [5, b]."""

    def errors(params, batch):
        relief = net.apply({"params": params}, *(batch[name] for name in INPUTS))
        front, back, covered = batch["front"], batch["back"], batch["covered"]
        true = plane_depth(fitted_plane((front + back) / 2, covered), *front.shape[1:])
        off = plane_depth(relief.plane, *front.shape[1:]) - true

        def mean(values):
            return jnp.sum(jnp.abs(values) * covered, (1, 2)) / jnp.sum(covered, (1, 2))

        one, other = relief.front - front, relief.back - back
        shape = 0.5 * (mean(one - off) + mean(other - off))
        elevation = jnp.degrees(jnp.abs(relief.elevation - batch["elevation"]))
        return jnp.stack([mean(one), mean(other), shape, mean(off), elevation])

    return jax.jit(errors)


def fixed_batches(data: pathlib.Path, size: int) -> dict[str, list]:
    """The first views of each validation set, in whole batches."""
    batches = {}
    for name, count in VALIDATION.items():
        views = ViewSet(data, [name])
        chosen = np.linspace(0, len(views) - 1, min(count, len(views))).astype(int)
        examples = [example(view) for view in views[chosen]]
        whole = len(examples) // size * size
        batches[name] = [stacked(examples[at : at + size]) for at in range(0, whole, size)]
    return batches


def save(path: pathlib.Path, state: State) -> None:
    """Writes the state whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(flax.serialization.to_bytes(state))
    os.replace(partial, path)


def shares_of(text: str) -> tuple[str, float]:
    name, share = text.split("=")
    return name, float(share)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--workdir", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=shares_of, nargs="*", default=[])
    parser.add_argument("--save-every", type=int, default=100, help="steps")
    parser.add_argument("--validate-every", type=int, default=200, help="steps")
    return parser.parse_args()


def first_state(net: ReliefNet, optimizer: optax.GradientTransformation, batch, args) -> State:
    """What the work folder holds, or the state before the first step."""
    params = net.init(jax.random.key(args.seed), *(batch[name][:1] for name in INPUTS))["params"]
    copy = jax.tree.map(jnp.copy, params)
    state = State(jnp.zeros((), jnp.int32), params, copy, optimizer.init(params))
    path = args.workdir / STATE
    return flax.serialization.from_bytes(state, path.read_bytes()) if path.exists() else state


def train(state: State, step, report, args) -> None:
    """Steps until the last, calling `report(state, number, means, views)` at each save."""
    shares = SHARES | dict(args.share)
    sets, sums = None, {}
    while (number := int(state.step)) < args.steps:
        if sets is None or number % args.save_every == 0:
            sets = {name: ViewSet(args.data, [name]) for name in shares}
        batch = random_batch(sets, shares, args.batch, np.random.default_rng([args.seed, number]))
        state, logs = step(state, batch)
        sums = {name: sums.get(name, 0.0) + float(value) for name, value in logs.items()}
        if (number + 1) % args.save_every == 0:
            means = {name: round(total / args.save_every, 5) for name, total in sums.items()}
            report(state, number + 1, means, sum(len(views) for views in sets.values()))
            sums = {}


def main() -> None:
    args = arguments()
    args.workdir.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(args.workdir / "compiled"))
    net = ReliefNet(ReliefConfig(precision="bfloat16"))
    optimizer = make_optimizer(args.rate)
    held_out = fixed_batches(args.data, args.batch)
    predict, start = make_predict(net), time.process_time()
    log = (args.workdir / "log.jsonl").open("a")

    def report(state: State, number: int, means: dict[str, float], views: int) -> None:
        save(args.workdir / STATE, state)
        line = {"step": number, "cpu_s": round(time.process_time() - start, 1), "views": views}
        if number % args.validate_every == 0:
            found = validate(predict, state.average, held_out)
            means = means | {name: round(value, 4) for name, value in found.items()}
        print(json.dumps(line | means), file=log, flush=True)

    state = first_state(net, optimizer, held_out["scans_validation"][0], args)
    train(state, make_step(net, optimizer), report, args)


if __name__ == "__main__":
    main()

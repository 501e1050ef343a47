"""CPU seconds of a whole M-SRN training step and of its parts; JSON on stdout.

    python -m benchmarks.msrn_step --preset compact

Parts are programs of their own, given what the step would give them, each with its gradient:
`encode` is the network with the sum of its outputs' squares for a loss, `render` the drawing of
those outputs with mean colour and alpha for a loss, `losses` what `loss_terms` takes beyond
`render`, `update` Adam. `step` is the real thing, as the trainer runs it; `rest` is what it takes
beyond its parts, which may be negative since XLA fuses across them. The peer of each step is the
same network and Adam without drawing (`encode` + `update`), and of `render` the pure JAX rasterizer
where the native one is in use.
"""

import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
import tyro

from jaxrelic import losses
from jaxrelic.data.single_view import batches
from jaxrelic.geometry import cameras, meshes
from jaxrelic.losses.msrn import loss_terms
from jaxrelic.models.msrn.model import Msrn, MsrnConfig, MsrnOutput, template
from jaxrelic.rendering import native
from jaxrelic.rendering.views import render_views
from jaxrelic.train import optim, parallel
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.initial import fresh
from jaxrelic.train.step import make_train_step
from jaxrelic.train.tasks.msrn import MsrnTask


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepBenchmark:
    """What is timed, on relics made on the spot and without known cameras (`latent`)."""

    preset: Literal["compact", "full"] = "compact"
    """`full` is the size of the paper; a step of it takes tens of seconds."""
    batch: int = 16
    """Photographs per step."""
    size: int = 64
    """Side of photographs and drawings, in pixels."""
    repeats: int = 5
    """Timed runs of each program, after one that warms up."""


def experiment_of(settings: StepBenchmark) -> Experiment:
    model = MsrnConfig.compact() if settings.preset == "compact" else MsrnConfig()
    data = batches.SingleViewData(
        path="synthetic",
        batch_size=settings.batch,
        image_size=settings.size,
        target_size=settings.size,
    )
    return Experiment(
        name="msrn_step",
        task=MsrnTask(model=model, supervision="latent", data=data),
        steps=1_000_000,
    )


def measure(program: Callable[..., Any], *arguments: Any, repeats: int) -> dict[str, float]:
    """Median CPU seconds, fastest wall seconds, and CPU seconds of compiling."""
    start = time.process_time()
    compiled = jax.jit(program).lower(*arguments).compile()
    compile_cpu_s = time.process_time() - start
    jax.block_until_ready(compiled(*arguments))
    cpu, wall = [], []
    for _ in range(repeats):
        start_cpu, start = time.process_time(), time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        cpu.append(time.process_time() - start_cpu)
        wall.append(time.perf_counter() - start)
    return {"cpu_s": statistics.median(cpu), "wall_s": min(wall), "compile_cpu_s": compile_cpu_s}


class Parts:
    """The parts of a step as programs, and what a real step hands them."""

    def __init__(self, experiment: Experiment):
        self.experiment = experiment
        self.objective = experiment.task
        self.optimizer = optim.make_optimizer(experiment.optim)
        self.batch = batches.batches(
            experiment.task.data, supervision=experiment.task.supervision, seed=experiment.seed
        )[0]
        self.state = fresh.create(self.objective, self.optimizer, self.batch, seed=0)
        self._model, self._template = Msrn(experiment.task.model), template(experiment.task.model)

    def network(self, params: Any) -> MsrnOutput:
        """Outputs, normalised by the batch as in training."""

        def one_replica(params: Any) -> MsrnOutput:
            variables = {"params": params, **self.state.collections}
            mutable = list(self.state.collections)
            return self._model.apply(variables, self.batch["image"], train=True, mutable=mutable)[0]

        return jax.vmap(one_replica, axis_name="batch", axis_size=1, in_axes=None, out_axes=None)(
            params
        )

    def encode(self, params: Any) -> Any:
        def loss(params: Any) -> jax.Array:
            leaves = jax.tree.leaves(self.network(params))
            return sum(jnp.sum(leaf**2) for leaf in leaves)

        return jax.grad(loss)(params)

    def render(self, output: MsrnOutput, phase: str, path: str = "auto") -> Any:
        """All candidates in a pose step, one in a shape step, with the gradient that step takes."""
        views = output.cam_from_world if phase == "pose" else output.cam_from_world[:, :1]
        intrinsics = jnp.repeat(output.pixel_from_cam[:, None], views.shape[1], axis=1)

        def loss(vertices: jax.Array, texture: jax.Array, views: jax.Array) -> jax.Array:
            mesh = meshes.Mesh(
                vertices=vertices,
                faces=self._template.faces,
                face_uvs=self._template.face_uvs,
                texture=texture,
            )
            image = render_views(
                mesh,
                cameras.Camera(views, intrinsics),
                image_size=self.experiment.task.data.target_size,
                settings=self.experiment.task.losses.raster,
                path=path,
            )
            return jnp.mean(image.rgb) + jnp.mean(image.alpha)

        learned = 2 if phase == "pose" else (0, 1)
        return jax.grad(loss, learned)(output.vertices, output.texture, views)

    def drawn_losses(self, output: MsrnOutput, phase: str) -> Any:
        """`render` and the terms of the objective, with their gradient."""

        def loss(output: MsrnOutput) -> jax.Array:
            terms = loss_terms(
                output,
                self.batch,
                self._template,
                supervision=self.experiment.task.supervision,
                phase=phase,
                settings=self.experiment.task.losses,
            )
            weights = self.objective.weights(phase)
            return losses.combine(terms, {k: w for k, w in weights.items() if k in terms})[0]

        return jax.grad(loss)(output)

    def update(self, gradient: Any) -> Any:
        updates, opt_state = self.optimizer.update(
            gradient, self.state.opt_state, self.state.params
        )
        return optax.apply_updates(self.state.params, updates), opt_state

    def step(self, phase: str) -> tuple[Callable[..., Any], Any]:
        """The trainer's own step on one device, and its batch."""
        one = jax.local_devices()[:1]
        step = make_train_step(self.objective, self.optimizer, phase=phase, seed=0)
        mapped = jax.vmap(step, axis_name="batch", in_axes=(None, 0), out_axes=None)
        return mapped, parallel.deal(self.batch, one)


def time_phase(parts: Parts, phase: str, shared: dict[str, Any], repeats: int) -> dict[str, Any]:
    """One kind of step, whole and in parts."""
    output = shared["output"]

    def timed(program: Callable[..., Any], *arguments: Any) -> dict[str, float]:
        return measure(program, *arguments, repeats=repeats)

    render = timed(lambda output: parts.render(output, phase), output)
    drawn = timed(lambda output: parts.drawn_losses(output, phase), output)
    step, batch = parts.step(phase)
    whole = timed(step, parts.state, batch)
    split = {
        "encode": shared["encode"]["cpu_s"],
        "render": render["cpu_s"],
        "losses": drawn["cpu_s"] - render["cpu_s"],
        "update": shared["update"]["cpu_s"],
    }
    report = {
        "step": whole,
        "parts_cpu_s": split | {"rest": whole["cpu_s"] - sum(split.values())},
        "drawings": output.vertices.shape[0] * (output.pose_logits.shape[1] ** (phase == "pose")),
        "peer_without_drawing_cpu_s": split["encode"] + split["update"],
    }
    if rasterizer(parts.experiment) == "native":
        pure = timed(lambda output: parts.render(output, phase, "fast"), output)
        report["peer_render_pure_jax_cpu_s"] = pure["cpu_s"]
    return report


def rasterizer(experiment: Experiment) -> str:
    """Which path `auto` takes here."""
    obstacle = native.unavailable(experiment.task.losses.raster, jnp.dtype("float32"))
    return "fast" if obstacle else "native"


def main(settings: StepBenchmark) -> None:
    experiment = experiment_of(settings)
    parts = Parts(experiment)
    params = parts.state.params
    shared = {
        "output": jax.jit(parts.network)(params),
        "encode": measure(parts.encode, params, repeats=settings.repeats),
        "update": measure(parts.update, params, repeats=settings.repeats),
    }
    report = {
        "benchmark": "M-SRN training step",
        "split": "each part is a program of its own with its gradient; see the module's docstring",
        "backend": jax.default_backend(),
        "jax": jax.__version__,
        "rasterizer": rasterizer(experiment),
        "settings": dataclasses.asdict(settings),
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(params)),
        "encode": shared["encode"],
        "update": shared["update"],
        "phases": {
            phase: time_phase(parts, phase, shared, settings.repeats)
            for phase in parts.objective.phases
        },
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main(tyro.cli(StepBenchmark))

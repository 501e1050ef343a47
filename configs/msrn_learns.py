"""Does M-SRN learn? Its own ablations on procedural relics, compact, in minutes on two cores.

    jaxrelic neighbours DIR/shards --features pixels
    jaxrelic train configs/msrn_learns.py:recommended --workdir runs/learns/recommended \
        --data.path DIR/shards

A row for M-SRN, one for each part that it could do without, and two that know cameras, as upper
bounds. Latent rows read single photographs (`relic_images`) from a ring of cameras 30 degrees above
the horizon, and neighbours never show the query's own relic; `posed` and `multiview` read
`relic_views`. What came out, with steps, time and machine: RESULTS in README.md.
"""

import dataclasses

from jaxrelic.data.single_view.batches import SingleViewData
from jaxrelic.losses.msrn import MsrnLossSettings, MsrnLossWeights
from jaxrelic.models.msrn.memory import MemoryConfig
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.models.msrn.neighbours import NeighbourConfig
from jaxrelic.models.msrn.pose import PoseConfig
from jaxrelic.rendering.settings import RasterSettings
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig
from jaxrelic.train.tasks.msrn import MsrnTask
from jaxrelic.train.tasks.msrn_phases import SoftnessSchedule

STEPS = 1200
OPEN = STEPS // 5
"""Codes open, and neighbours start; compensation starts with the next pass over the data."""
RENDERED = 2
"""Neighbours drawn per photograph and step, of those that are kept."""
SHARDS = "runs/learns/shards"
CANDIDATES = "train-pixels"
LEARNING_RATE = 1e-3
WEIGHTS = MsrnLossWeights(iou=1.0, normal=0.1, laplacian=0.1, uneven_pose=2.0)
"""With the paper's 0.02 on poses, one camera candidate of six soon explains every photograph."""
SOFTNESS = SoftnessSchedule(start_sigma=3e-3, steps=STEPS // 4)

MEMORY = MemoryConfig(compensation=True, compensation_start=OPEN, slots=200)
NEIGHBOURS = NeighbourConfig(source="filtered", start_step=OPEN, max_render=RENDERED)
MODEL = dataclasses.replace(
    MsrnConfig.compact(),
    icosphere_level=2,
    shape_milestones=((0, 1), (OPEN, 32)),
    texture_milestones=((0, 2), (OPEN, 64)),
    pose=PoseConfig(elevation_deg=30.0, elevation_range_deg=0.0),
    memory=MEMORY,
    neighbours=NEIGHBOURS,
)
PHOTOGRAPHS = SingleViewData(
    path=SHARDS,
    records="images",
    image_size=64,
    target_size=32,
    neighbours=6,
    candidates=CANDIDATES,
)


def recommended() -> Experiment:
    return Experiment(
        name="msrn_learns_recommended",
        task=MsrnTask(
            model=MODEL,
            supervision="latent",
            data=PHOTOGRAPHS,
            # Edges reach one pixel of the 32 px targets.
            losses=MsrnLossSettings(raster=RasterSettings(sigma=5e-4), weights=WEIGHTS),
            softness=SOFTNESS,
        ),
        optim=OptimConfig(
            learning_rate=LEARNING_RATE,
            schedule="cosine",
            warmup_steps=20,
            decay=0.05,
            decay_steps=STEPS,
        ),
        steps=STEPS,
        checkpoint_every=STEPS // 3,
    )


def _row(name: str, *, memory=MEMORY, neighbours=NEIGHBOURS, **changes) -> Experiment:
    """`recommended` with one thing changed; candidates are read only where they are used."""
    plain = recommended()
    model = dataclasses.replace(plain.task.model, memory=memory, neighbours=neighbours)
    task = dataclasses.replace(plain.task, model=model, **changes)
    return dataclasses.replace(plain, name=f"msrn_learns_{name}", task=task)


NO_MEMORY = dataclasses.replace(MEMORY, compensation=False)
LITERAL = dataclasses.replace(MEMORY, update="ema", first_visit="ema", noise_counts=True)
NO_NEIGHBOURS = dataclasses.replace(NEIGHBOURS, source="none")
UNICORN = dataclasses.replace(NEIGHBOURS, source="unicorn")
UNFILTERED = dataclasses.replace(NEIGHBOURS, source="fixed")
ALONE = dataclasses.replace(PHOTOGRAPHS, neighbours=0)
VIEWS = dataclasses.replace(ALONE, records="views", num_targets=2)
PRINTED = dataclasses.replace(recommended().task.losses, affinity_mode="literal")

ROWS = {
    "recommended": recommended,
    "paper": lambda: _row("paper", memory=LITERAL, losses=PRINTED),
    "without_fc": lambda: _row("without_fc", memory=NO_MEMORY),
    "without_nc": lambda: _row("without_nc", neighbours=NO_NEIGHBOURS, data=ALONE),
    "un": lambda: _row("un", neighbours=UNICORN, data=ALONE),
    "sc": lambda: _row("sc", neighbours=UNFILTERED),
    "un_without_fc": lambda: _row(
        "un_without_fc", memory=NO_MEMORY, neighbours=UNICORN, data=ALONE
    ),
    "posed": lambda: _row("posed", neighbours=NO_NEIGHBOURS, data=VIEWS, supervision="posed"),
    "multiview": lambda: _row(
        "multiview", neighbours=NO_NEIGHBOURS, data=VIEWS, supervision="multiview"
    ),
}

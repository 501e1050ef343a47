"""What a One-2-3-45 in training makes of a few held-out relics: figures, pictures and meshes."""

import dataclasses
import logging
import os
import pathlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from jaxrelic.errors import UserError
from jaxrelic.evaluation import held_out
from jaxrelic.evaluation.single_view.truth import Record
from jaxrelic.evaluation.view_sets import gallery
from jaxrelic.evaluation.view_sets.evaluate import camera_of, picture_scores
from jaxrelic.evaluation.view_sets.truth import Choice, ViewSetTruth
from jaxrelic.inference.one2345 import POINTS_PER_BLOCK, One2345Predictor
from jaxrelic.inference.surface import extract
from jaxrelic.mesh_files import formats
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.tasks import kinds
from jaxrelic.viz import grids

SPLITS = ("val", "test", held_out.TRAINING_SPLIT)
"""Tried in this order; small collections may fill only the last."""

_log = logging.getLogger(__name__)

FOLDER = "validation"
RELICS = 3
"""Relics that are looked at."""
RESOLUTION = 96
"""Points per side of the grid on which surfaces are found, by default."""


def validator(experiment: Experiment, folder: pathlib.Path) -> "ViewSetValidator | None":
    """The judge of a run, if it asks for one and its network turns posed views into a mesh.

    Args:
        experiment: All settings.
        folder: Folder of the run; pictures and meshes go below it.
    """
    task = experiment.task
    if kinds.of_task(task).role != "posed views into a mesh" or not experiment.validate_every:
        return None
    _, records = held_out.view_sets(task.data.path, None, usual=SPLITS)
    return ViewSetValidator.of_records(
        records,
        Choice(selection=task.data.selection, num_sources=task.data.num_sources),
        config=task.model,
        image_size=task.data.image_size,
        folder=folder,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViewSetValidator:
    """Called with a step and the network's variables; returns figures by name.

    Writes `validation/step_NNNNNN/UID.png` and `UID.glb` below `folder`, all or none of them.
    """

    config: One2345Config
    """Settings of the network."""
    image_size: int
    """Side of the source views, in pixels."""
    view_sets: tuple[ViewSetTruth, ...]
    """Relics with one held-out view each."""
    folder: pathlib.Path
    """Folder of the run."""
    resolution: int = RESOLUTION
    """Points per side of the grid on which surfaces are found."""
    points_per_block: int = POINTS_PER_BLOCK
    """See `One2345Predictor`."""

    @classmethod
    def of_records(
        cls,
        records: Sequence[Record],
        choice: Choice,
        *,
        config: One2345Config,
        image_size: int,
        folder: pathlib.Path,
        relics: int = RELICS,
    ) -> Self:
        """Looks at relics evenly drawn from records, each from one view that is not a source."""
        count = min(relics, len(records))
        chosen = np.arange(count) * len(records) // count
        one = dataclasses.replace(choice, held_out=1)
        view_sets = [
            ViewSetTruth.read(
                records[int(i)], one, source_size=image_size, compared_size=image_size
            )
            for i in chosen
        ]
        return cls(config=config, image_size=image_size, view_sets=tuple(view_sets), folder=folder)

    def __call__(self, step: int, variables: Mapping[str, Any]) -> dict[str, float]:
        """Means over the relics: psnr_db, ssim, mask_iou, depth_error in world units, surface.

        The last is the share of relics that have one; depth counts where anything is drawn.
        """
        model = One2345Predictor(
            config=self.config,
            image_size=self.image_size,
            num_sources=len(self.view_sets[0].sources),
            variables=variables,
            points_per_block=self.points_per_block,
        )
        target = self.folder / FOLDER / f"step_{step:06d}"
        partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            each = [self._judge(model, view_set, partial) for view_set in self.view_sets]
            shutil.rmtree(target, ignore_errors=True)  # Of a run that was continued from before.
            os.replace(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return _means(each)

    def _judge(
        self, model: One2345Predictor, view_set: ViewSetTruth, folder: pathlib.Path
    ) -> dict[str, float | None]:
        """Figures of one relic; its picture and mesh go into the folder."""
        field = model.read(view_set.sources)
        (view,) = view_set.held_out
        drawn = field.draw(camera_of(view), self.image_size)
        figures = picture_scores(lambda camera, size: drawn, [view])
        name = view_set.uid.replace(os.sep, "_")
        picture = grids.png_bytes(gallery.strip(view_set, view, drawn))
        grids.write_bytes(folder / f"{name}.png", picture)
        settings = extract.SurfaceSettings(resolution=self.resolution)
        try:
            formats.write(extract.extract(field, settings), folder / f"{name}.glb")
            surface = 1.0
        except UserError as error:
            # Young networks have none; that is a figure too, and no reason to end their training.
            _log.warning("relic %s: %s", view_set.uid, error)
            surface = 0.0
        return {**figures, "surface": surface}


def _means(each: Iterable[Mapping[str, float | None]]) -> dict[str, float]:
    """Means by name over the relics that have the figure; none where no relic has it."""
    gathered: dict[str, list[float]] = {}
    for figures in each:
        for name, value in figures.items():
            if value is not None:
                gathered.setdefault("psnr_db" if name == "psnr" else name, []).append(value)
    return {name: float(np.mean(values)) for name, values in gathered.items()}

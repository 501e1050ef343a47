"""Measure a trained model and what it must beat on held-out relics."""

import dataclasses
import logging
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import tyro

from jaxrelic.errors import UserError
from jaxrelic.evaluation.single_view.evaluate import Evaluation, EvaluationSettings
from jaxrelic.evaluation.view_sets.evaluate import ViewSetEvaluationSettings

logger = logging.getLogger(__name__)

TRAINING_SPLIT = "train"
SPLITS = ("test", "val", TRAINING_SPLIT)
"""Tried in this order when no split is asked for; small collections may fill only the last."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateArguments:
    """Which model is measured on which relics."""

    model: tyro.conf.Positional[pathlib.Path]
    """Folder of a run, or an export."""
    shards: pathlib.Path | None = None
    """Directory of `relic_views` shards; by default those the run was trained on."""
    split: str | None = None
    """Split to measure; by default the first of test, val, train that has relics."""
    icosphere_level: int | None = None
    """Subdivisions of M-SRN's mesh, 1 to 5; the field that deforms it is continuous, so it may be
    finer than in training. By default as in training."""
    output: Annotated[pathlib.Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder for metrics.{json,csv,md,tex}, images.csv and gallery.png; by default
    MODEL/evaluation."""
    gallery: int = 12
    """Relics drawn beside their reconstructions in gallery.png."""
    settings: Annotated[EvaluationSettings, tyro.conf.arg(name="")] = dataclasses.field(
        default_factory=EvaluationSettings
    )
    """What is measured."""
    scenes: ViewSetEvaluationSettings = dataclasses.field(default_factory=ViewSetEvaluationSettings)
    """Of One-2-3-45 alone, which sees several posed views."""


def run(args: EvaluateArguments) -> int:
    """Measures, writes the files and prints the table."""
    from jaxrelic.cli import evaluate_scenes
    from jaxrelic.metrics import protocols
    from jaxrelic.saved import load

    protocols.named(args.settings.protocols)  # A mistake is told before minutes of work.
    if load.sees_posed_views(args.model):
        return evaluate_scenes.run(args)
    return _run_photographs(args)


def _run_photographs(args: EvaluateArguments) -> int:
    """Of a model that sees one photograph."""
    from jaxrelic.evaluation.single_view import evaluate, gallery, methods
    from jaxrelic.saved import load

    predictor = load.open_model(args.model, args.icosphere_level)
    supervision, trained_on = _training(args.model)
    shards = str(args.shards) if args.shards is not None else trained_on
    placement = _placement(args.settings, supervision)
    split, records = _held_out(shards, args.split)
    _, training = _open(shards, TRAINING_SPLIT)
    mean_shape = evaluate.training_mean_shape(training, args.settings) if training else None
    named = methods.methods(
        predictor,
        mean_shape,
        in_own_frame=placement != "world",
        correct_lens=placement != "cameras_one_lens",
    )
    evaluation = evaluate.evaluate(named, records, predictor.preprocessing, args.settings)
    facts = {
        "model": str(args.model),
        "shards": shards,
        "split": split,
        "icosphere_level": predictor.config.icosphere_level,
        "held_out": split != TRAINING_SPLIT,
        "supervision": supervision,
        "placement": placement,
        "settings": dataclasses.asdict(args.settings),
    }
    sheet = None
    if args.gallery > 0:
        sheet = gallery.draw(named["model"], predictor.preprocessing, records, args.gallery)
    report(args, evaluation, facts, sheet, num_relics=len(records))
    return 0


def report(
    args: EvaluateArguments,
    evaluation: Evaluation,
    facts: Mapping[str, Any],
    sheet: np.ndarray | None,
    *,
    num_relics: int,
) -> None:
    """Writes the files and prints the table; the sheet is the gallery, [h, w, 3]."""
    from jaxrelic.evaluation.tables import metrics as metric_tables
    from jaxrelic.viz import grids

    output = args.output or args.model / "evaluation"
    print(f"{num_relics} relics of split {facts['split']}\n")
    print(metric_tables.write(output, evaluation, facts))
    if sheet is not None:
        grids.write_bytes(output / "gallery.png", grids.png_bytes(sheet))


def _placement(settings: EvaluationSettings, supervision: str) -> str:
    """How predictions get into the world frame: a latent model was never told its axes."""
    if settings.placement != "auto":
        return settings.placement
    return "cameras" if supervision == "latent" else "world"


def _training(model: pathlib.Path) -> tuple[str, str]:
    """Supervision of a run or an export, and where its training relics were."""
    from jaxrelic.saved import export
    from jaxrelic.train import workdir

    if (model / workdir.CONFIG_FILE).exists():
        experiment = workdir.read_config(model)
        return experiment.supervision, experiment.data.path
    page = export.read_page(model)
    return page["training"]["supervision"], page["data"]["path"]


def _held_out(shards: str, split: str | None) -> tuple[str, Any]:
    """Relics to measure a model on that sees one photograph."""
    from jaxrelic.data.single_view import batches

    if shards == batches.SYNTHETIC:
        # Relics made on the spot are the same in every split: all have been seen.
        return TRAINING_SPLIT, _open(shards, TRAINING_SPLIT)[1]
    return first_split(lambda name: _open(shards, name), split)


def first_split(
    open_split: Callable[[str], tuple[str, Sequence[Any] | None]],
    split: str | None,
    *,
    usual: Sequence[str] = SPLITS,
) -> tuple[str, Sequence[Any]]:
    """The asked split, or the first that holds relics; says when it is not the usual one.

    Args:
        open_split: From its name to why there are none, or to the records.
        split: Its name; None tries the usual ones.
        usual: Names, the most wanted first.
    """
    reasons = []
    for name in (split,) if split else usual:
        reason, records = open_split(name)
        if records:
            if reasons:
                logger.warning("taking split %s instead: %s", name, "; ".join(reasons))
            return name, records
        reasons.append(reason)
    raise UserError("; ".join(reasons))


def _open(shards: str, split: str) -> tuple[str, Any]:
    """Records of a split, or why there are none."""
    from jaxrelic.data.single_view import batches

    try:
        config = batches.SingleViewData(path=shards, split=split)
        return "", batches.open_records(config)
    except UserError as error:
        return str(error), None

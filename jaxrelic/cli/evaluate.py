"""Measure a trained model and what it must beat on held-out relics."""

import dataclasses
import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import tyro

from jaxrelic.errors import UserError
from jaxrelic.evaluation.single_view.evaluate import Evaluation, EvaluationSettings
from jaxrelic.evaluation.view_sets.evaluate import ViewSetEvaluationSettings

logger = logging.getLogger(__name__)

_FORMER = "--scenes."


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateArguments:
    """The model to measure, and the relics to measure it on."""

    model: tyro.conf.Positional[pathlib.Path]
    """Folder of a run, an export, or the name of a network of the install, such as `relief`."""
    shards: pathlib.Path | None = None
    """Directory of `relic_views` shards; by default those the run was trained on."""
    split: str | None = None
    """Split to measure; by default the first of test, val, train that has relics."""
    icosphere_level: int | None = None
    """Subdivisions of the template mesh of M-SRN, 1 to 5. Higher is finer and may exceed the
    training value, because the deformation is a continuous function. Default: the training
    value."""
    output: Annotated[pathlib.Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder for metrics.{json,csv,md,tex}, images.csv and gallery.png; by default
    MODEL/evaluation."""
    gallery: int = 12
    """Relics drawn beside their reconstructions in gallery.png."""
    settings: Annotated[EvaluationSettings, tyro.conf.arg(name="")] = dataclasses.field(
        default_factory=EvaluationSettings
    )
    """Options for every network."""
    view_sets: ViewSetEvaluationSettings = dataclasses.field(
        default_factory=ViewSetEvaluationSettings
    )
    """Options for networks that take several posed views."""


def parse(argv: Sequence[str]) -> EvaluateArguments:
    """Reads the options; those of the name that they had until version 0.1 are still taken."""
    former = [word for word in argv if word.startswith(_FORMER)]
    if former:
        logger.warning("%s: the options --scenes.* are named --view-sets.* now", former[0])
    words = [word.replace(_FORMER, "--view-sets.", 1) if word in former else word for word in argv]
    return tyro.cli(EvaluateArguments, prog="jaxrelic evaluate", args=words, description=__doc__)


def run(args: EvaluateArguments) -> int:
    """Measures, writes the files and prints the table."""
    from jaxrelic.metrics import protocols
    from jaxrelic.saved import load

    protocols.named(args.settings.protocols)  # A mistake is reported before minutes of work.
    args = dataclasses.replace(args, model=load.resolved(args.model))
    if args.model.is_file() and args.output is None:
        raise UserError(f"{args.model.name} is a file; say with -o where the tables go")
    kind = load.kind_of(args.model)
    measure = {
        "one photograph into a mesh": _measure_single_view,
        "posed views into a mesh": _measure_view_sets,
    }.get(kind.role)
    if measure is None:
        raise UserError(f"{args.model} {kind.purpose}; give a network that makes meshes")
    return measure(args)


def _measure_single_view(args: EvaluateArguments) -> int:
    """Measures a network that takes one photograph."""
    from jaxrelic.evaluation import held_out
    from jaxrelic.evaluation.single_view import evaluate, gallery, methods, reliefs
    from jaxrelic.inference.relief_predictor import ReliefPredictor
    from jaxrelic.saved import facts, load

    predictor = load.load(args.model)
    training, data = facts.read(args.model)
    if args.shards is None and not data.get("path"):
        raise UserError(f"{args.model} does not name shards that it was trained on; give --shards")
    shards = str(args.shards) if args.shards is not None else data["path"]
    split, records = held_out.single_views(shards, args.split)
    mean_shape, learned_from = _mean_shape(data, args.settings)
    named: dict[str, methods.Method]
    if isinstance(predictor, ReliefPredictor):
        if args.icosphere_level is not None:
            raise UserError("--icosphere-level is an option of M-SRN; leave it out")
        placement, named = "true camera", {"model": reliefs.method(predictor.layers)}
    else:
        predictor = predictor.at_level(args.icosphere_level)
        placement = _placement(args.settings, training["supervision"])
        named = methods.methods(
            predictor,
            mean_shape,
            in_own_frame=placement != "world",
            correct_lens=placement != "cameras_one_lens",
        )
    named["inflation"] = reliefs.method()
    evaluation = evaluate.evaluate(named, records, predictor.preprocessing, args.settings)
    page = {
        "model": str(args.model),
        "shards": shards,
        "split": split,
        "icosphere_level": getattr(predictor.config, "icosphere_level", None),
        "held_out": split != held_out.TRAINING_SPLIT,
        "mean_shape_of": learned_from,
        **{key: training[key] for key in ("supervision",) if key in training},
        "placement": placement,
        "settings": dataclasses.asdict(args.settings),
    }
    sheet = None
    if args.gallery > 0:
        sheet = gallery.draw(named["model"], predictor.preprocessing, records, args.gallery)
    _report(args, evaluation, page, sheet, num_relics=len(records))
    return 0


def _mean_shape(
    data: Mapping[str, Any], settings: EvaluationSettings
) -> tuple[tuple[np.ndarray, np.ndarray] | None, str]:
    """The mean shape of the relics that the network learned from, and where they are.

    It stands for what one knows without a photograph, so no other relics will do: not those that
    are measured, nor others beside them. Without any it is left out, with a warning.
    """
    from jaxrelic.evaluation import held_out
    from jaxrelic.evaluation.single_view import evaluate

    path, split = data.get("path") or "", data.get("split") or held_out.TRAINING_SPLIT
    reason, seen = "the model does not say on what it was trained", None
    if path:
        reason, seen = held_out.open_single_views(path, split)
    mean_shape = evaluate.training_mean_shape(seen, settings) if seen else None
    if mean_shape is None:
        reason = reason or f"the relics of {path} have no cameras"
        logger.warning("no mean shape to compare with: %s", reason)
        return None, ""
    return mean_shape, f"{path}, split {split}"


def _placement(settings: EvaluationSettings, supervision: str) -> str:
    """Method that moves predictions into the world frame; a latent model does not know its axes."""
    if settings.placement != "auto":
        return settings.placement
    return "cameras" if supervision == "latent" else "world"


def _measure_view_sets(args: EvaluateArguments) -> int:
    """Measures a network that takes posed views, beside the visual hull and a sphere."""
    from jaxrelic.evaluation import held_out
    from jaxrelic.evaluation.view_sets import gallery, methods, truth
    from jaxrelic.evaluation.view_sets.evaluate import evaluate_view_sets
    from jaxrelic.inference.surface import extract
    from jaxrelic.saved import facts, load

    asked, model = args.view_sets, load.load(args.model)
    _, data = facts.read(args.model)
    shards = str(args.shards) if args.shards is not None else data["path"]
    if not shards:
        raise UserError(f"{args.model} does not say on what it was trained; give --shards")
    split, records = held_out.view_sets(shards, args.split)
    choice = truth.Choice(
        selection=asked.selection or data.get("selection", "auto"),
        num_sources=asked.num_sources or model.num_sources,
        held_out=asked.held_out,
    )
    surface = extract.SurfaceSettings(resolution=asked.resolution)
    named = {
        methods.MODEL: methods.of_fields(
            model.read, lambda field: extract.extract(field, surface), drawn=asked.drawn
        ),
    }
    if asked.baselines:
        named |= methods.baselines(asked.hull_resolution)
    rows = gallery.GalleryRows(len(records), args.gallery, method=methods.MODEL)
    evaluation = evaluate_view_sets(
        named, records, choice, args.settings, source_size=model.image_size, watch=rows.watch
    )
    page = {
        "model": str(args.model),
        "shards": shards,
        "split": split,
        "held_out": split != held_out.TRAINING_SPLIT,
        "num_sources": choice.num_sources,
        "selection": choice.selection,
        "image_size": model.image_size,
        "settings": dataclasses.asdict(args.settings),
        "view_sets": dataclasses.asdict(asked),
        "gallery": gallery.GALLERY_CAPTION,
        "without_surface": evaluation.without_surface,
        "baselines": {
            "visual_hull": "carved by the sources' masks, in the mean colour of those that see it",
            "sphere": "place and volume of that hull, in the mean colour of the object",
        },
    }
    _report(args, evaluation, page, rows.sheet(), num_relics=len(records))
    for name, uids in evaluation.without_surface.items():
        print(f"{name} has no surface of {len(uids)} relics, left out above: {', '.join(uids)}")
    return 0


def _report(
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

"""Measures methods that see several posed views: surfaces, and views that were held out.

As `evaluate`, whose protocols, rows and tables these are. One relic is decoded at a time.
"""

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np

from jaxrelic.data import posed_view
from jaxrelic.data.view_sets.choice import Selection
from jaxrelic.errors import UserError
from jaxrelic.evaluation import image_scores
from jaxrelic.evaluation.single_view.evaluate import (
    Evaluation,
    EvaluationSettings,
    Row,
    check_mesh,
    shapes_of,
    surface_rows,
)
from jaxrelic.evaluation.single_view.truth import Record
from jaxrelic.evaluation.view_sets.methods import Draw, ViewSetMethod, ViewSetShape
from jaxrelic.evaluation.view_sets.truth import Choice, ViewSetTruth
from jaxrelic.geometry import cameras, image_crops, meshes, padding
from jaxrelic.inference.surface.extract import NoSurfaceError
from jaxrelic.metrics import geometry, image, protocols, scoring
from jaxrelic.viz import pictures

logger = logging.getLogger(__name__)

DRAWN = "_drawn"
"""After a method's name: pictures that it draws itself, not by its mesh."""

_PER_RELIC = ("points", "normals", "cam_from_world")
"""Fields of true shapes, which are known by their points."""

Watch = Callable[[int, str, ViewSetTruth, ViewSetShape], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViewSetEvaluationSettings:
    """Views that a One-2-3-45 run is shown, and how its surface is found."""

    num_sources: int | None = None
    """Views that it sees; by default as many as in training."""
    selection: Selection | None = None
    """Rule by which those views are chosen; by default as in training. two_stage: near views, and
    anchors are held out. any: views that are spread well, and others are held out. Every relic
    shows the same."""
    held_out: int = 8
    """Most views per relic that are held out and compared."""
    resolution: int = 256
    """Points per side of the grid on which the surface is found."""
    hull_resolution: int = 128
    """Cells per side of the baseline that carves space by the masks."""
    drawn: bool = True
    """Compare what the network draws itself too, which takes longer than everything else."""
    baselines: bool = True
    """Measure the hull and the sphere too; they are the same for every run on the same views."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Answers:
    """What one method said of all relics."""

    shapes: list[meshes.Mesh] = dataclasses.field(default_factory=list)
    """Without colours, filled up."""
    rows: list[image_scores.ImageRow] = dataclasses.field(default_factory=list)
    seconds: list[float] = dataclasses.field(default_factory=list)
    """Seconds from views to mesh."""
    relics: list[int] = dataclasses.field(default_factory=list)
    """Numbers of the relics that have a shape."""


def evaluate_view_sets(
    named_methods: Mapping[str, ViewSetMethod],
    records: Sequence[Record],
    choice: Choice,
    settings: EvaluationSettings,
    *,
    source_size: int,
    watch: Watch | None = None,
) -> Evaluation:
    """Measures every method on every relic under every protocol.

    Args:
        named_methods: Methods by name.
        records: Relics with their surface and many views.
        choice: Which of their views methods see.
        settings: What is measured.
        source_size: Side of the views that methods see, in pixels.
        watch: Shown each shape, with the number of its relic and the method's name.
    """
    chosen = protocols.named(settings.protocols)
    answers = {name: _Answers() for name in named_methods}
    relics = []
    for index in range(len(records)):
        relic = ViewSetTruth.read(
            records[index],
            choice,
            source_size=source_size,
            compared_size=settings.silhouette_size,
        )
        for name, method in named_methods.items():
            shape = _ask(name, method, relic, answers[name])
            if shape is None:
                continue
            answers[name].relics.append(index)
            if watch is not None:
                watch(index, name, relic, shape)
        # Pictures of all relics together may not fit into memory.
        relics.append(dataclasses.replace(relic, held_out=()))
    truths = _truths(relics)
    rows, images = [], []
    for name, answer in answers.items():
        rows += _surface_rows(name, answer, chosen, relics, truths, settings)
        images += answer.rows
        logger.info("%s: %.2f s a relic from views to mesh", name, np.mean(answer.seconds))
    floor = geometry.sampling_floor(truths.points, np.random.default_rng(settings.seed))
    missing = {
        name: tuple(relic.uid for i, relic in enumerate(relics) if i not in answer.relics)
        for name, answer in answers.items()
    }
    return Evaluation(
        rows=rows,
        images=images,
        sampling_floor=floor,
        without_surface={name: uids for name, uids in missing.items() if uids},
    )


def _surface_rows(
    name: str,
    answer: _Answers,
    chosen: Sequence[protocols.Protocol],
    relics: Sequence[ViewSetTruth],
    truths: scoring.Shapes,
    settings: EvaluationSettings,
) -> list[Row]:
    """One method under every protocol, on the relics of which it made a shape."""
    if not answer.relics:
        raise UserError(f"{name} finds no surface of any relic; train the model longer")
    known = dataclasses.replace(
        truths,
        **{each: getattr(truths, each)[answer.relics] for each in _PER_RELIC},
    )
    predictions = shapes_of(
        [np.asarray(mesh.vertices) for mesh in answer.shapes],
        [np.asarray(mesh.faces) for mesh in answer.shapes],
        known.cam_from_world,
        settings,
    )
    measured = [relics[i] for i in answer.relics]
    return [
        row
        for protocol in chosen
        for row in surface_rows(name, protocol, measured, predictions, known, settings)
    ]


def _ask(
    name: str, method: ViewSetMethod, relic: ViewSetTruth, answers: _Answers
) -> ViewSetShape | None:
    """One method on one relic; what it makes is kept without its colours. None: no surface."""
    start = time.perf_counter()
    try:
        shape = method(relic.sources)
    except NoSurfaceError as error:
        logger.warning("%s on relic %s: %s", name, relic.uid, error)
        return None
    except UserError as error:
        raise UserError(f"{name} on relic {relic.uid}: {error}") from error
    answers.seconds.append(time.perf_counter() - start)
    check_mesh(name, relic.uid, np.asarray(shape.mesh.vertices))
    mesh = padding.fill_up(shape.mesh)
    answers.shapes.append(mesh.replace(vertex_colours=None))
    draws = {name: drawing_of(mesh)}
    if shape.draw is not None:
        draws[name + DRAWN] = shape.draw
    for drawn_by, draw in draws.items():
        scores = picture_scores(draw, relic.held_out)
        answers.rows.append(
            image_scores.ImageRow(
                uid=relic.uid,
                category=relic.category,
                method=drawn_by,
                num_views=len(relic.held_out),
                **scores,
            )
        )
    return shape


def drawing_of(mesh: meshes.Mesh) -> Draw:
    """A mesh in its plain colours over white."""
    return lambda camera, size: pictures.draw(mesh, camera, size=size, shaded=False)


def picture_scores(draw: Draw, views: Sequence[posed_view.View]) -> dict[str, float | None]:
    """Means over the views: `psnr` in dB, `ssim`, `mask_iou`, `depth_error` in world units."""
    seen = [draw(camera_of(view), view.depth.shape[0]) for view in views]
    truth = np.float32([image_crops.over(view.rgba, image_crops.WHITE) for view in views])
    pair = np.float32([each.rgb for each in seen]), truth
    masks = np.float32([each.mask for each in seen]), np.float32([v.rgba[..., 3] for v in views])
    (psnr, count), (ssim, _), (iou, _) = (
        image.psnr(*pair),
        image.ssim(*pair),
        image.mask_iou(*masks),
    )
    depths = [depth_error(each.depth, view.depth) for each, view in zip(seen, views, strict=True)]
    known = [error for error in depths if error is not None]
    return {
        "psnr": float(psnr / count),
        "ssim": float(ssim / count),
        "mask_iou": float(iou / count),
        "depth_error": float(np.mean(known)) if known else None,
    }


def depth_error(drawn: np.ndarray, truth: np.ndarray) -> float | None:
    """Mean difference of planar depths where both are, in their unit; None if nowhere."""
    both = (drawn > 0) & (truth > 0)
    return float(np.abs(drawn - truth)[both].mean()) if both.any() else None


def camera_of(view: posed_view.View) -> cameras.Camera:
    """The camera of one view."""
    return cameras.Camera(cam_from_world=view.cam_from_world, pixel_from_cam=view.pixel_from_cam)


def _truths(relics: Sequence[ViewSetTruth]) -> scoring.Shapes:
    """True surfaces, looked at by the first source."""
    count = min(len(relic.points) for relic in relics)  # Samples are in random order.
    first = [jax.tree.map(lambda x: x[0], relic.sources.camera) for relic in relics]
    return scoring.Shapes(
        points=np.stack([relic.points[:count] for relic in relics]),
        normals=np.stack([relic.normals[:count] for relic in relics]),
        cam_from_world=np.stack([camera.cam_from_world for camera in first]).astype(np.float64),
    )

"""Measures methods on relics: surface distances under named protocols, and known views.

Each method sees one view of each relic and returns a mesh; the mesh is compared with the relic's
surface samples and, at all known cameras, with its pictures. Baselines go through the same
alignment.
"""

import dataclasses
import itertools
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import jax
import numpy as np

from jaxrelic.errors import UserError
from jaxrelic.evaluation import image_scores
from jaxrelic.evaluation.single_view import baselines
from jaxrelic.evaluation.single_view.methods import Method, Surfaces
from jaxrelic.evaluation.single_view.truth import Record, SingleViewTruth, is_known, views_of
from jaxrelic.geometry import cameras, sampling
from jaxrelic.geometry.registration import alignment
from jaxrelic.metrics import geometry, protocols, scoring, silhouettes
from jaxrelic.photos import photo

logger = logging.getLogger(__name__)

Placement = Literal["auto", "world", "cameras", "cameras_one_lens"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """Protocols and sizes of a measurement; the README quotes results at the defaults."""

    protocols: tuple[str, ...] = ("unicorn", "none")
    """Names from `metrics.protocols.PROTOCOLS`, by spaces or commas; `all` is every one of them."""
    num_points: int = 10_000
    """Samples of each predicted surface; shards hold the same number of the true one."""
    placement: Placement = "auto"
    """Method that moves predicted meshes into the world frame. world: they are there already.
    cameras: the mesh is placed so that the true camera sees what the most probable predicted camera
    saw, corrected for the crop of the photograph. cameras_one_lens: the published formula, which
    assumes that both cameras have the same focal length. auto: cameras for a model whose
    supervision was `latent`, and world for the others."""
    silhouette_size: int = 128
    """Side of the masks and pictures that are compared, in pixels."""
    max_training_relics: int = 200
    """Training relics averaged into the mean shape."""
    seed: int = 0
    """Random seed for surface samples and for the points used in alignment."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One relic, one method, one protocol."""

    uid: str
    """Identifier of the relic."""
    category: str
    """Category of the relic."""
    method: str
    """Name of the method that made the mesh."""
    protocol: str
    """Name of the protocol that compared it."""
    view: int | None
    """Index of the view that the method saw; None if it saw several."""
    num_points: int
    """Points of each surface."""
    num_views: int
    """Silhouettes compared."""
    chamfer: float
    """Chamfer distance in the protocol's unit; lower is better."""
    chamfer_before: float
    """The same before the protocol's alignment, after its normalisation."""
    f_scores: Mapping[float, float]
    """F-score by threshold, in [0, 1]."""
    normal_consistency: float
    """Mean |cosine| of the normals of nearest points."""
    normal_consistency_before: float
    """The same before alignment."""
    iou_3d: float | None
    """Overlap of the solids, in [0, 1]; None unless the protocol compares them."""
    silhouette_iou: float | None
    """Mean over the relic's views, after the protocol's alignment, in [0, 1]; None without any."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything that was measured."""

    rows: list[Row]
    """Surfaces, by relic, method and protocol."""
    images: list[image_scores.ImageRow]
    """Pictures, by relic and method; as placed, without alignment."""
    sampling_floor: float
    """CD, in world units, of two samples of one true surface, as many points as there are."""
    without_surface: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Relics of which a method made nothing, by its name; its rows leave them out."""


class Comparable(Protocol):
    """What surfaces are compared with: `SingleViewTruth` and `ViewSetTruth`."""

    uid: str
    category: str
    view: int | None
    masks: np.ndarray
    views: cameras.Camera


def training_mean_shape(
    records: Sequence[Record], settings: EvaluationSettings
) -> tuple[np.ndarray, np.ndarray] | None:
    """The mean shape of training relics, evenly drawn from the split; None without any camera."""
    count = min(len(records), settings.max_training_relics)
    chosen = np.linspace(0, len(records) - 1, count).round().astype(int)
    views = (views_of(records[int(i)], settings.silhouette_size) for i in chosen)
    posed = (known for each in views if (known := [view for view in each if is_known(view)]))
    first = next(posed, None)
    return None if first is None else baselines.mean_shape(itertools.chain([first], posed))


def evaluate(
    named_methods: Mapping[str, Method],
    records: Sequence[Record],
    preprocessing: photo.Preprocessing,
    settings: EvaluationSettings,
) -> Evaluation:
    """Measures every method on every relic under every protocol."""
    chosen = protocols.named(settings.protocols)
    relics = [
        SingleViewTruth.read(records[i], preprocessing, settings.silhouette_size)
        for i in range(len(records))
    ]
    check_cameras(chosen, relics)
    inputs = cameras.Camera(
        cam_from_world=np.stack([relic.input_camera.cam_from_world for relic in relics]),
        pixel_from_cam=np.stack([relic.input_camera.pixel_from_cam for relic in relics]),
    )
    count = min(len(relic.points) for relic in relics)  # Samples are in random order.
    truths = scoring.Shapes(
        points=np.stack([relic.points[:count] for relic in relics]),
        normals=np.stack([relic.normals[:count] for relic in relics]),
        cam_from_world=np.asarray(inputs.cam_from_world, np.float64),
    )
    rows, images = [], []
    for name, method in named_methods.items():
        surfaces = method([relic.shown for relic in relics])
        for relic, vertices in zip(relics, surfaces.vertices, strict=True):
            check_mesh(name, relic.uid, vertices)
        surfaces = surfaces.placed(inputs)
        predictions = _shapes(surfaces, inputs, settings)
        for protocol in chosen:
            rows += surface_rows(name, protocol, relics, predictions, truths, settings)
        images += _image_rows(name, surfaces, records, relics, preprocessing, settings)
        logger.info("%s: %d relics measured", name, len(relics))
    floor = geometry.sampling_floor(truths.points, np.random.default_rng(settings.seed))
    return Evaluation(rows=rows, images=images, sampling_floor=floor)


def check_cameras(chosen: Sequence[protocols.Protocol], relics: Sequence[SingleViewTruth]) -> None:
    """Refuses protocols that compare in the frame of a camera nobody knows."""
    unknown = [relic.uid for relic in relics if not relic.shows_known_camera]
    needing = [protocol.name for protocol in chosen if protocol.frame == "camera"]
    if unknown and needing:
        raise UserError(
            f"{', '.join(needing)} compare in the frame of the input's camera, which is not known "
            f"for {len(unknown)} relics such as {unknown[0]}; choose other protocols"
        )


def check_mesh(method: str, uid: str, vertices: np.ndarray) -> None:
    """Refuses a mesh that nothing can be measured of, by name."""
    try:
        alignment.check_cloud(np.asarray(vertices), f"the mesh of {method} for {uid}")
    except ValueError as error:
        raise UserError(f"{error}; has the training diverged?") from error


def _shapes(
    surfaces: Surfaces, inputs: cameras.Camera, settings: EvaluationSettings
) -> scoring.Shapes:
    """Points on each mesh; through the true camera where the method predicts none."""
    seen_by = inputs if surfaces.camera is None else surfaces.camera
    poses = np.asarray(seen_by.cam_from_world, np.float64)
    if isinstance(surfaces.faces, list):
        return shapes_of(surfaces.vertices, surfaces.faces, poses, settings)
    faces = [np.asarray(surfaces.faces)] * len(surfaces.vertices)
    return shapes_of(np.asarray(surfaces.vertices), faces, poses, settings)


def shapes_of(
    vertices: Sequence[np.ndarray],
    faces: Sequence[np.ndarray],
    cam_from_world: np.ndarray,
    settings: EvaluationSettings,
) -> scoring.Shapes:
    """Meshes, each of its own [v, 3] and [f, 3], and points on them."""
    keys = jax.random.split(jax.random.key(settings.seed), len(vertices))
    draw = jax.jit(sampling.sample_surface, static_argnums=3)
    each = [
        draw(key, *mesh, settings.num_points)
        for key, *mesh in zip(keys, vertices, faces, strict=True)
    ]
    points, normals = (np.stack(arrays) for arrays in zip(*each, strict=True))
    return scoring.Shapes(
        points=points,
        normals=normals,
        cam_from_world=cam_from_world,
        vertices=vertices,
        faces=faces,
    )


def surface_rows(
    method: str,
    protocol: protocols.Protocol,
    relics: Sequence[Comparable],
    predictions: scoring.Shapes,
    truths: scoring.Shapes,
    settings: EvaluationSettings,
) -> list[Row]:
    """One protocol on all relics; says what it cost."""
    start = time.process_time()
    rng = np.random.default_rng(settings.seed)
    scores = scoring.score(protocol, predictions, truths, rng=rng)
    spent = (time.process_time() - start) / len(relics)
    logger.info("%s, %s: %.2f CPU s a relic", method, protocol.name, spent)
    return [
        _row(relic, method, predictions.vertices[i], predictions.faces[i], scores[i])
        for i, relic in enumerate(relics)
    ]


def _row(
    relic: Comparable,
    method: str,
    vertices: np.ndarray,
    faces: np.ndarray,
    score: scoring.SurfaceScore,
) -> Row:
    figures = {
        name: value for name, value in vars(score).items() if name != "world_from_prediction"
    }
    aligned = alignment.apply(score.world_from_prediction, vertices.astype(np.float64))
    return Row(
        uid=relic.uid,
        category=relic.category,
        method=method,
        view=relic.view,
        num_views=len(relic.masks),
        silhouette_iou=silhouettes.silhouette_iou(aligned, faces, relic.masks, relic.views)
        if len(relic.masks)
        else None,
        **figures,
    )


def _image_rows(
    method: str,
    surfaces: Surfaces,
    records: Sequence[Record],
    relics: Sequence[SingleViewTruth],
    preprocessing: photo.Preprocessing,
    settings: EvaluationSettings,
) -> list[image_scores.ImageRow]:
    """Known views that the method did not see; a relic with one view has none."""
    rows = []
    for index, relic in enumerate(relics):
        others = np.flatnonzero(relic.known_views != relic.view)
        if not len(others):
            continue
        views = cameras.Camera(
            cam_from_world=relic.views.cam_from_world[others],
            pixel_from_cam=relic.views.pixel_from_cam[others],
        )
        mesh, colours = surfaces.mesh(index), (None, None)
        if mesh.texture is not None:
            # Decoded again, because the pictures of all relics together may not fit into memory.
            pictures = views_of(records[index], settings.silhouette_size)
            held_out = [pictures[i] for i in relic.known_views[others]]
            colours = image_scores.colour_scores(mesh, held_out, preprocessing.background)
        rows.append(
            image_scores.ImageRow(
                uid=relic.uid,
                category=relic.category,
                method=method,
                num_views=len(others),
                mask_iou=silhouettes.silhouette_iou(
                    mesh.vertices, mesh.faces, relic.masks[others], views
                ),
                psnr=colours[0],
                ssim=colours[1],
            )
        )
    return rows

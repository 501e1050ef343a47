"""Measures methods on relics: surface distances under named protocols, and silhouettes.

Each method sees one view of each relic and returns a mesh; the mesh is compared with the relic's
surface samples and, at all known cameras, with its masks. Baselines go through the same alignment.
"""

import dataclasses
import logging
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrelic.data import transforms
from jaxrelic.data.schema import CATEGORIES
from jaxrelic.errors import UserError
from jaxrelic.geometry import alignment, cameras, sampling
from jaxrelic.inference import baselines, photo
from jaxrelic.inference.reconstruct import Reconstructor
from jaxrelic.metrics import protocols
from jaxrelic.rendering import overlap, z_buffer

logger = logging.getLogger(__name__)

Record = Mapping[str, Any]
Method = Callable[[np.ndarray], "Surfaces"]
"""From prepared input images [b, s, s, 3] to one mesh per image."""

BATCH_SIZE = 16
"""Images the network sees at once."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """What is measured; the defaults are what the README quotes."""

    protocols: tuple[str, ...] = ("unicorn", "none")
    """Names from `metrics.protocols.PROTOCOLS`."""
    num_points: int = 10_000
    """Samples of each predicted surface; shards carry as many of the true one."""
    silhouette_size: int = 128
    """Side of the masks that are compared, in pixels."""
    max_training_relics: int = 200
    """Training relics averaged into the mean shape."""
    seed: int = 0
    """Of the surface samples and the points that alignment looks at."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surfaces:
    """Meshes of one topology."""

    vertices: np.ndarray
    """World frame, [b, v, 3] float32."""
    faces: np.ndarray
    """[f, 3] int32."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One relic, one method, one protocol."""

    uid: str
    """Of the relic."""
    category: str
    """Of the relic."""
    method: str
    """Which method made the mesh."""
    protocol: str
    """Which protocol compared it."""
    view: int
    """Index of the view that the method saw."""
    num_points: int
    """Points of each surface."""
    num_views: int
    """Silhouettes compared."""
    chamfer: float
    """100 x mean unsquared distance in the protocol's unit; lower is better."""
    f_scores: Mapping[float, float]
    """F-score by threshold, in [0, 1]."""
    silhouette_iou: float
    """Mean over the relic's views, after the protocol's alignment, in [0, 1]."""


def methods(reconstructor: Reconstructor, mean_shape: tuple[np.ndarray, np.ndarray] | None):
    """The trained model and its baselines, by name."""
    template = reconstructor.template
    named = {
        "model": lambda images: _predict(reconstructor, images),
        "template": _constant(template.vertices, template.faces),
    }
    if mean_shape is not None:
        named["mean_shape"] = _constant(*mean_shape)
    return named


def _predict(reconstructor: Reconstructor, images: np.ndarray) -> Surfaces:
    """The network on any number of images, padded to whole batches: one compilation."""
    size = min(BATCH_SIZE, len(images))
    padded = np.concatenate([images, np.repeat(images[-1:], -len(images) % size, axis=0)])
    parts = [
        np.asarray(reconstructor.predict(padded[start : start + size]).vertices)
        for start in range(0, len(padded), size)
    ]
    vertices = np.concatenate(parts)[: len(images)]
    return Surfaces(vertices=vertices, faces=reconstructor.template.faces)


def _constant(vertices: np.ndarray, faces: np.ndarray) -> Method:
    """A method that answers with one mesh, whatever it sees."""
    return lambda images: Surfaces(
        vertices=np.broadcast_to(vertices, (len(images), *vertices.shape)), faces=faces
    )


def training_mean_shape(
    records: Sequence[Record], settings: EvaluationSettings
) -> tuple[np.ndarray, np.ndarray]:
    """The mean shape of training relics, evenly drawn from the split."""
    count = min(len(records), settings.max_training_relics)
    chosen = np.linspace(0, len(records) - 1, count).round().astype(int)
    return baselines.mean_shape(_views(records[int(i)], settings) for i in chosen)


def evaluate(
    named_methods: Mapping[str, Method],
    records: Sequence[Record],
    preprocessing: photo.Preprocessing,
    settings: EvaluationSettings,
) -> list[Row]:
    """Measures every method on every relic under every protocol."""
    relics = [_Relic.read(records[i], preprocessing, settings) for i in range(len(records))]
    images = np.stack([relic.image for relic in relics])
    rows = []
    for name, method in named_methods.items():
        surfaces = method(images)
        points = _sample(surfaces, settings)
        for protocol_name in settings.protocols:
            scores = protocols.score(
                protocols.PROTOCOLS[protocol_name],
                points,
                np.stack([relic.points for relic in relics]),
                rng=np.random.default_rng(settings.seed),
            )
            for relic, vertices, score in zip(relics, surfaces.vertices, scores, strict=True):
                rows.append(_row(relic, name, vertices, surfaces.faces, score))
        logger.info("%s: %d relics measured", name, len(relics))
    return rows


def _sample(surfaces: Surfaces, settings: EvaluationSettings) -> np.ndarray:
    """Points on each mesh, [b, n, 3] float64."""
    keys = jax.random.split(jax.random.key(settings.seed), len(surfaces.vertices))
    faces = jnp.asarray(surfaces.faces)

    @jax.jit
    def draw(key_and_vertices):
        key, vertices = key_and_vertices
        return sampling.sample_surface(key, vertices, faces, settings.num_points)[0]

    each = [
        draw((key, jnp.asarray(vertices)))
        for key, vertices in zip(keys, surfaces.vertices, strict=True)
    ]
    return np.stack(each).astype(np.float64)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Relic:
    """What is needed of one record, decoded once."""

    uid: str
    category: str
    view: int
    image: np.ndarray
    """Network input made from the chosen view, [s, s, 3]."""
    points: np.ndarray
    """True surface samples, [p, 3] float64."""
    masks: np.ndarray
    """[n, h, h] bool."""
    views: cameras.Camera
    """Of the masks, [n]."""

    @classmethod
    def read(
        cls, record: Record, preprocessing: photo.Preprocessing, settings: EvaluationSettings
    ) -> "_Relic":
        uid = record["uid"].decode()
        if "points" not in record:
            raise UserError(
                f"relic {uid} was imported as views alone, so its true surface is not known; "
                "evaluate on shards of relics that have their mesh"
            )
        chosen = view_shown(record)
        photographed = photo.prepare(transforms.decode_view(record, chosen), preprocessing)
        views = _views(record, settings)
        return cls(
            uid=uid,
            category=CATEGORIES[int(record["category"])],
            view=chosen,
            image=photo.over_background(photographed, preprocessing),
            points=np.asarray(record["points"], np.float64),
            masks=np.stack([view.rgba[..., 3] > 0.5 for view in views]),
            views=cameras.Camera(
                cam_from_world=np.stack([view.cam_from_world for view in views]),
                pixel_from_cam=np.stack([view.pixel_from_cam for view in views]),
            ),
        )


def view_shown(record: Record) -> int:
    """Which view methods see: the same side of a relic, whatever else is in the split."""
    return zlib.crc32(record["uid"]) % len(record["rgba"])


def _views(record: Record, settings: EvaluationSettings) -> list[transforms.View]:
    """All views of a relic at the size of the compared masks."""
    return [
        transforms.resize(transforms.decode_view(record, index), settings.silhouette_size)
        for index in range(len(record["rgba"]))
    ]


def _row(
    relic: _Relic,
    method: str,
    vertices: np.ndarray,
    faces: np.ndarray,
    score: protocols.SurfaceScore,
) -> Row:
    aligned = alignment.apply(score.world_from_prediction, np.asarray(vertices, np.float64))
    return Row(
        uid=relic.uid,
        category=relic.category,
        method=method,
        protocol=score.protocol,
        view=relic.view,
        num_points=score.num_points,
        num_views=len(relic.masks),
        chamfer=score.chamfer,
        f_scores=score.f_scores,
        silhouette_iou=silhouette_iou(aligned, faces, relic.masks, relic.views),
    )


def silhouette_iou(
    vertices: np.ndarray, faces: np.ndarray, masks: np.ndarray, views: cameras.Camera
) -> float:
    """Mean overlap of the mesh's exact silhouettes with masks [n, h, w] at known cameras [n]."""
    uv, depth = (
        np.asarray(x) for x in cameras.project(views, jnp.asarray(vertices, jnp.float32)[None])
    )
    height, width = masks.shape[1:]
    drawn = [
        z_buffer.rasterize(view_uv, view_depth, faces, height=height, width=width).mask
        for view_uv, view_depth in zip(uv, depth, strict=True)
    ]
    return float(overlap.mask_iou(np.float32(drawn), np.float32(masks)).mean())

"""What M-SRN learns from, for each kind of supervision.

| supervision | the batch knows | the pose head learns from |
| --- | --- | --- |
| latent | a photograph and its mask; cameras are not read | how well its candidates explain it |
| posed | the camera of each view | the camera of the photograph |
| multiview | posed, and depth | the camera of the photograph |

`latent` alternates two phases as Unicorn does (arXiv:2204.10310, specification msrn A.6): in `pose`
all candidates draw a mesh that stands still, in `shape` the likeliest one draws a mesh that learns.
`joint` does both at once; it is the only phase of the other two.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp

from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, meshes
from jaxrelic.losses import photometric, pose, regularizers, silhouette
from jaxrelic.models.msrn.model import MsrnOutput
from jaxrelic.models.msrn.template import Template
from jaxrelic.rendering import overlap
from jaxrelic.rendering.settings import RasterSettings, SoftImage
from jaxrelic.rendering.views import Aggregator, render_views
from jaxrelic.typing import Array, Float

Supervision = Literal["latent", "posed", "multiview"]
Phase = Literal["pose", "shape", "joint"]

IMAGE_TERMS = ("rgb", "bce", "affinity", "iou")
"""Terms of a drawing; neighbours are compared by them too (`losses.neighbours`)."""

_MESH_TERMS = ("normal", "laplacian")
_CAMERA_TERMS = ("pose_sector", "pose_rotation", "pose_translation")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MsrnLossWeights:
    """Factor of each term; a term takes part in the phases that have it."""

    rgb: float = 1.0
    """Colour (M-SRN eq. 39)."""
    bce: float = 1.0
    """Cross entropy of the silhouette, in nats per pixel (M-SRN eq. 40)."""
    affinity: float = 1e-6
    """Squared distance of silhouettes, in squared pixels summed over the image (M-SRN eq. 41)."""
    iou: float = 0.0
    """1 - soft intersection over union of the silhouette; not in the paper."""
    depth: float = 1.0
    """Depth where both see a surface, in world units (multiview)."""
    normal: float = 0.01
    """Angle between neighbouring faces."""
    laplacian: float = 0.01
    """Distance of a vertex from the mean of its neighbours, in world units."""
    uneven_pose: float = 0.02
    """Candidates that are chosen too often or too seldom (latent)."""
    neighbours: float = 1.0
    """Difference from neighbours: rgb, bce, affinity and iou, weighted as above (M-SRN eq. 43)."""
    pose_sector: float = 0.1
    """Cross entropy of the sector in which the camera lies, in nats (posed, multiview)."""
    pose_rotation: float = 1.0
    """Angle between the camera and the candidate of its sector, in radians (posed, multiview)."""
    pose_translation: float = 1.0
    """Distance between their translations, in world units (posed, multiview)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MsrnLossSettings:
    """How drawings are made and compared."""

    RETIRED: ClassVar[Mapping[str, Any]] = {"rgb_norm": "euclidean"}

    weights: MsrnLossWeights = dataclasses.field(default_factory=MsrnLossWeights)
    """Factor of each term."""
    raster: RasterSettings = dataclasses.field(default_factory=lambda: RasterSettings(sigma=1e-4))
    """Constants of the rasterizer."""
    aggregator: Aggregator = "softras"
    """How faces at a pixel are joined: softras is the paper's, layered is Unicorn's (slower)."""
    background: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Colour behind the drawn object, RGB in [0, 1]; the batch must have the same."""
    affinity_mode: silhouette.AffinityMode = "transport"
    """Form of the affinity term; literal is the paper's."""

    def __post_init__(self):
        if self.raster.sigma is None:
            raise UserError("losses.raster.sigma is None; set a number, the paper's is 1e-4")


def with_sigma(settings: MsrnLossSettings, sigma: Float[Array, ""] | float) -> MsrnLossSettings:
    """The settings with another softness of edges, which may be traced."""
    raster = dataclasses.replace(settings.raster, sigma=sigma)
    return dataclasses.replace(settings, raster=raster)


def loss_weights(
    settings: MsrnLossSettings, *, supervision: Supervision, phase: Phase, neighbours: bool = False
) -> dict[str, float]:
    """Weights of the terms that `loss_terms` returns for this supervision and phase.

    With neighbours, steps in which the mesh learns have the term of `losses.neighbours` besides.
    """
    names = IMAGE_TERMS if phase == "pose" else IMAGE_TERMS + _MESH_TERMS
    if supervision != "latent":
        names += _CAMERA_TERMS
    elif phase != "shape":
        names += ("uneven_pose",)
    if supervision == "multiview":
        names += ("depth",)
    if neighbours and phase != "pose":
        names += ("neighbours",)
    return {name: getattr(settings.weights, name) for name in names}


def loss_terms(
    output: MsrnOutput,
    batch: Mapping[str, Array],
    template: Template,
    *,
    supervision: Supervision,
    phase: Phase,
    settings: MsrnLossSettings,
    sigma: Float[Array, ""] | float | None = None,
    axis_name: str | None = None,
) -> dict[str, Array]:
    """Per-example terms [b]; those that `loss_weights` does not name are measures for the logs.

    Args:
        output: Output of the model.
        batch: Batch of the loader; with `latent` supervision its first view is the photograph.
        template: The mesh that was deformed.
        supervision: What is known of the batch.
        phase: What learns; `joint` unless supervision is latent.
        settings: Renderer and distances.
        sigma: Edge softness that replaces the renderer's, may be traced (annealing).
        axis_name: Mapped axis of the replicas that share the batch; None if there is one.
    """
    if sigma is not None:
        settings = with_sigma(settings, sigma)
    if supervision == "latent":
        return _latent_terms(output, batch, template, phase, settings, axis_name)
    if phase != "joint":
        raise ValueError(f"phase {phase!r} is for latent supervision; use 'joint' with cameras")
    return _posed_terms(output, batch, template, supervision, settings)


def _latent_terms(
    output: MsrnOutput,
    batch: Mapping[str, Array],
    template: Template,
    phase: Phase,
    settings: MsrnLossSettings,
    axis_name: str | None,
) -> dict[str, Array]:
    """The photograph explained by its own candidates."""
    mesh = _mesh(output, template)
    target = {name: batch[name][:, :1] for name in ("views_rgb", "views_mask")}
    size = target["views_mask"].shape[-1]
    probabilities = jax.nn.softmax(output.pose_logits)
    candidates = output.cam_from_world
    best = jnp.argmax(output.pose_logits, axis=-1)[:, None]
    if phase == "pose":
        mesh = jax.lax.stop_gradient(mesh)
    if phase == "shape":
        chosen = jnp.take_along_axis(candidates, best[..., None, None], axis=1)
        candidates = jax.lax.stop_gradient(chosen)
        probabilities = jnp.ones_like(probabilities[:, :1])
    intrinsics = scaled_intrinsics(output.pixel_from_cam, size / batch["image"].shape[1])
    intrinsics = jnp.repeat(intrinsics[:, None], candidates.shape[1], axis=1)
    views = cameras.Camera(candidates, intrinsics)
    compared = image_terms(draw(mesh, views, size, settings), target, settings)
    terms = {name: jnp.sum(probabilities * values, axis=-1) for name, values in compared.items()}
    if phase != "shape":
        terms["uneven_pose"] = pose.uneven_use(output.pose_logits, axis_name=axis_name)
        # What an export would show is the likeliest candidate, not their mixture.
        iou = jnp.take_along_axis(compared["mask_iou"], best, axis=-1)
        terms["mask_iou"] = iou[:, 0]
    if phase != "pose":
        terms |= _mesh_terms(output, template)
    return terms


def _posed_terms(
    output: MsrnOutput,
    batch: Mapping[str, Array],
    template: Template,
    supervision: Supervision,
    settings: MsrnLossSettings,
) -> dict[str, Array]:
    """The mesh seen by known cameras, and the pose head against the photograph's."""
    size = batch["views_mask"].shape[-1]
    views = cameras.Camera(batch["views_cam_from_world"], batch["views_pixel_from_cam"])
    image = draw(_mesh(output, template), views, size, settings)
    compared = image_terms(image, batch, settings)
    if supervision == "multiview":
        compared["depth"] = photometric.depth_difference(image.depth, batch["views_depth"])
    terms = {name: jnp.mean(values, axis=-1) for name, values in compared.items()}
    return terms | _mesh_terms(output, template) | _camera_terms(output, batch)


def _mesh(output: MsrnOutput, template: Template) -> meshes.Mesh:
    return meshes.Mesh(
        vertices=output.vertices,
        faces=template.faces,
        face_uvs=template.face_uvs,
        texture=output.texture,
    )


def scaled_intrinsics(pixel_from_cam: Float[Array, "*b 3 3"], factor: float) -> Array:
    """Intrinsics for a drawing `factor` times the size of the photograph."""
    rows = jnp.asarray([factor, factor, 1.0])[:, None]
    return pixel_from_cam * jnp.broadcast_to(rows, pixel_from_cam.shape)


def draw(
    mesh: meshes.Mesh, views: cameras.Camera, size: int, settings: MsrnLossSettings
) -> SoftImage:
    """The mesh as the settings draw it."""
    return render_views(
        mesh,
        views,
        image_size=size,
        settings=settings.raster,
        background=settings.background,
        aggregator=settings.aggregator,
    )


def image_terms(
    image: SoftImage, target: Mapping[str, Array], settings: MsrnLossSettings
) -> dict[str, Array]:
    """Terms per drawing, [b, n]; a target of one view serves all drawings."""
    mask = jnp.broadcast_to(target["views_mask"], image.alpha.shape)
    rgb = jnp.broadcast_to(target["views_rgb"], image.rgb.shape)
    return {
        "rgb": photometric.rgb_difference(image.rgb, rgb),
        "bce": silhouette.binary_cross_entropy(image.alpha, mask),
        "affinity": silhouette.affinity(image.alpha, mask, mode=settings.affinity_mode),
        "iou": 1 - overlap.soft_iou(image.alpha, mask),
        "mask_iou": overlap.mask_iou(image.alpha, mask),
        "dropped_faces": image.dropped.astype(jnp.float32),
    }


def _mesh_terms(output: MsrnOutput, template: Template) -> dict[str, Array]:
    return {
        "normal": regularizers.normal_consistency(
            output.vertices, template.edges, template.opposite
        ),
        "laplacian": regularizers.laplacian(output.vertices, template.edges),
    }


def _camera_terms(output: MsrnOutput, batch: Mapping[str, Array]) -> dict[str, Array]:
    """The candidate in the camera's sector learns to be it; the probabilities learn the sector."""
    known = batch["input_cam_from_world"]
    sector = pose.nearest_sector(known, output.sector_azimuth)
    best = jnp.argmax(output.pose_logits, axis=-1)
    guess, answer = (
        jnp.take_along_axis(output.cam_from_world, index[:, None, None, None], axis=1)[:, 0]
        for index in (sector, best)
    )
    shift = jnp.sum((guess[:, :3, 3] - known[:, :3, 3]) ** 2, axis=-1)
    return {
        "pose_sector": pose.sector_cross_entropy(output.pose_logits, sector),
        "pose_rotation": pose.rotation_angle(guess[:, :3, :3], known[:, :3, :3]),
        "pose_translation": jnp.sqrt(shift + 1e-12),
        "pose_error_deg": jnp.rad2deg(pose.rotation_angle(answer[:, :3, :3], known[:, :3, :3])),
    }

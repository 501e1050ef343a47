"""What One-2-3-45's reconstruction learns from, and when (specification one2345 C.13).

Every term is one number per view set: a mean over its rays or points. Leading axes are view sets.
"""

import dataclasses
from typing import Literal, Self

import jax
import jax.numpy as jnp

from jaxrelic.losses.means import mean_where
from jaxrelic.models.one2345.rays import RayTargets
from jaxrelic.models.one2345.render import RenderedRays
from jaxrelic.typing import Array, Float, Int, Key, typechecked

COUNT_EPS = 1e-5
"""Added to the number of samples before dividing, as the original does."""
MIN_BACKGROUND_PART = 0.02
"""Part of the rays that must be background for the mask to be learned from, originally."""

OPACITY_EPS = 1e-3
"""How far opacities stay from 0 and 1 before their logarithm."""

DepthRays = Literal["all", "foreground"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class One2345LossWeights:
    """Factor of each term once its schedule has run."""

    rgb: float = 1.0
    """Absolute difference of colours."""
    depth: float = 1.0
    """Absolute difference of distances along rays, in cube units."""
    sparse: float = 0.02
    """Space that is close to a surface."""
    mask: float = 0.1
    """Difference of opacity and mask."""
    eikonal: float = 0.1
    """Gradients of the signed distance that are not of length 1."""
    surface: float = 10.0
    """Signed distances beyond what a depth allows, in cube units (`distance_bounds`)."""
    normal: float = 0.5
    """Gradients of the signed distance that differ from the normals of a depth."""
    empty: float = 10.0
    """Signed distances below 0 where the mask shows background, in cube units."""

    @property
    def bounds(self) -> bool:
        """Whether anything is learned from `distance_bounds`."""
        return max(self.surface, self.normal, self.empty) > 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class One2345LossSettings:
    """Terms and their schedules; the defaults are those of `modern`."""

    weights: One2345LossWeights = dataclasses.field(default_factory=One2345LossWeights)
    """Factor of each term."""
    depth_rays: DepthRays = "foreground"
    """Compare distances where the object is, or everywhere, with 0 for the background."""
    background: Literal["random", "white"] = "random"
    """Colour behind drawings and targets. Sources are over white, so walls of their background
    explain white targets as well as nothing does; over random colours they do not."""
    mask_form: Literal["cross_entropy", "absolute"] = "cross_entropy"
    """How opacity and mask are compared; the absolute difference hardly moves rays that are
    clearly wrong."""
    guarded_mask: bool = False
    """Leave the mask out where less than 2 % of the rays are background."""
    sparse_decay: float = 100.0
    """Rate of decay of the sparse term: it halves at ln 2 / this from a surface, in cube units."""
    sparse_steps: int = 50_000
    """Steps in which the factor of `sparse` rises from 0."""
    mask_start: int = 0
    """Step at which `mask` begins."""
    anneal_steps: int = 25_000
    """Steps in which sections whose distance rises become clear (`render_rays`)."""

    @classmethod
    def modern(cls) -> Self:
        """Weights for new training: depth and masks from the start."""
        return cls()

    @classmethod
    def compat(cls) -> Self:
        """Weights of the released training."""
        return cls(
            weights=One2345LossWeights(depth=0.0, surface=0.0, normal=0.0, empty=0.0),
            depth_rays="all",
            background="white",
            mask_form="absolute",
            guarded_mask=True,
            mask_start=50_000,
        )


def loss_weights(
    settings: One2345LossSettings, step: Int[Array, ""] | int
) -> dict[str, Array | float]:
    """Factors of the terms of `loss_terms` and `distance_bounds` at a training step."""
    weights = dataclasses.asdict(settings.weights)
    for name, part in schedule(settings, step).items():
        weights[name] *= part
    return weights


def schedule(settings: One2345LossSettings, step: Int[Array, ""] | int) -> dict[str, Array]:
    """Part of their weights with which terms count at a step; those left out count whole."""
    return {
        "sparse": _risen(step, settings.sparse_steps),
        "mask": jnp.where(jnp.asarray(step) < settings.mask_start, 0.0, 1.0),
    }


def anneal_at(settings: One2345LossSettings, step: Int[Array, ""] | int) -> Array:
    """What `render_rays` wants as `anneal` at a training step."""
    return _risen(step, settings.anneal_steps)


def _risen(step: Array | int, steps: int) -> Array:
    return jnp.clip(jnp.asarray(step) / max(steps, 1), 0.0, 1.0)


@typechecked
def loss_terms(
    drawn: RenderedRays,
    target: RayTargets,
    free_sdf: Float[Array, "*b p"],
    settings: One2345LossSettings,
) -> dict[str, Array]:
    """Terms per view set [*b]; those that `loss_weights` does not name are measures for the logs.

    Args:
        drawn: Rays of each encoded, [*b, r].
        target: What its image says along them.
        free_sdf: Signed distance at points anywhere in the cube.
        settings: Schedules and choices.
    """
    difference = drawn.rgb - target.rgb
    samples = jnp.sum(drawn.inside, axis=-1)
    squared = mean_where(jnp.mean(difference**2, axis=-1), drawn.valid)
    return {
        "rgb": mean_where(jnp.mean(jnp.abs(difference), axis=-1), drawn.valid),
        "depth": depth_error(drawn.depth, target, settings.depth_rays),
        "sparse": (
            near_surface(free_sdf, settings.sparse_decay)
            + near_surface(drawn.sdf.reshape(*free_sdf.shape[:-1], -1), settings.sparse_decay)
        )
        / 2,
        "mask": mask_error(
            drawn.opacity, target.mask, form=settings.mask_form, guarded=settings.guarded_mask
        ),
        "eikonal": jnp.sum(drawn.gradient_error, axis=-1) / (samples + COUNT_EPS),
        # The floor keeps the logarithm finite for a view set without a valid ray.
        "psnr_db": -10 * jnp.log10(jnp.maximum(squared, 1e-10)),
        "valid_rays": jnp.mean(drawn.valid, axis=-1),
    }


@typechecked
def near_surface(sdf: Float[Array, "*b p"], decay: float) -> Float[Array, "*b"]:
    """Mean of exp(-decay |sdf|): how much of space is close to a surface."""
    return jnp.mean(jnp.exp(-decay * jnp.abs(sdf)), axis=-1)


@typechecked
def depth_error(
    depth: Float[Array, "*b r"], target: RayTargets, rays: DepthRays
) -> Float[Array, "*b"]:
    """Mean absolute difference of distances; 0 where a true distance is unknown (negative)."""
    difference = jnp.abs(depth - target.depth)
    if rays == "foreground":
        return mean_where(difference, target.depth > 0)
    known = jnp.all(target.depth >= 0, axis=-1)
    return jnp.where(known, jnp.mean(difference, axis=-1), 0)


@typechecked
def mask_error(
    opacity: Float[Array, "*b r"],
    mask: Float[Array, "*b r"],
    *,
    form: Literal["cross_entropy", "absolute"],
    guarded: bool,
) -> Float[Array, "*b"]:
    """Mean difference; with `guarded`, 0 for rays that nearly all meet the object."""
    if form == "absolute":
        each = jnp.abs(opacity - mask)
    else:
        # Squeezed, not clipped: an opaque ray that should be clear still has a gradient.
        inner = OPACITY_EPS + (1 - 2 * OPACITY_EPS) * opacity
        each = -(mask * jnp.log(inner) + (1 - mask) * jnp.log1p(-inner))
    error = jnp.mean(each, axis=-1)
    if not guarded:
        return error
    background = jnp.mean(mask < 0.5, axis=-1)
    return jnp.where(background > MIN_BACKGROUND_PART, error, 0)


def draw_background(rng: Key[Array, ""], settings: One2345LossSettings) -> Float[Array, "3"]:
    """The colour behind one drawing and its target."""
    return jax.random.uniform(rng, (3,)) if settings.background == "random" else jnp.ones(3)


@typechecked
def over(target: RayTargets, background: Float[Array, "3"]) -> RayTargets:
    """Targets [r] of a view over white as they are over another colour."""
    behind = (1 - target.mask)[:, None] * (background - 1)[None]
    return target.replace(rgb=target.rgb + behind)

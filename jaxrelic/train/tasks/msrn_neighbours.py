"""The neighbour branch of a training step: from photographs of like objects to loss terms."""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from jaxrelic.data.single_view.batches import Supervision
from jaxrelic.errors import UserError
from jaxrelic.losses import neighbours as neighbour_losses
from jaxrelic.losses.msrn import MsrnLossSettings
from jaxrelic.losses.neighbours import Looks
from jaxrelic.models.msrn import neighbours, unicorn_memory
from jaxrelic.models.msrn.model import MsrnOutput, likeliest_camera
from jaxrelic.models.msrn.neighbours import FROM_BATCH, Candidates, NeighbourConfig
from jaxrelic.models.msrn.template import Template
from jaxrelic.train.state import Variables
from jaxrelic.typing import Array, Bool

See = Callable[[Array], MsrnOutput]
"""The network as it is now, applied to photographs [n, s, s, 3]; its state stays as it is."""

Terms = dict[str, jax.Array]

_COUNTS = ("neighbours_kept", "neighbours_kept_share", "neighbours_none")


def check(config: NeighbourConfig, supervision: Supervision) -> None:
    """Raises if neighbours are asked for where there are none."""
    if config.source != "none" and supervision != "latent":
        raise UserError(
            f"model.neighbours.source is {config.source} and supervision {supervision}: "
            "neighbours are for latent cameras; set --model.neighbours.source none"
        )


def check_batch(config: NeighbourConfig, batch: Mapping[str, Array]) -> None:
    """Raises if batches lack the candidates that the source chooses from."""
    if config.source in FROM_BATCH and "neighbours_image" not in batch:
        raise UserError(
            f"model.neighbours.source is {config.source}, and batches hold no candidates; "
            "set --data.neighbours 6, or --model.neighbours.source none"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeighbourStep:
    """One step's query, and what its neighbours are chosen and judged by."""

    config: NeighbourConfig
    """Choice of neighbours."""
    batch: Mapping[str, Array]
    """Batch of the loader."""
    output: MsrnOutput
    """Output for the queries."""
    collections: Variables
    """Untrained arrays: identities, recent photographs."""
    see: See
    """The network."""
    template: Template
    """The mesh."""
    settings: MsrnLossSettings
    """How drawings are compared."""

    def terms(self, rng: jax.Array, step: jax.Array) -> Terms:
        """Per-example terms [b]: `neighbours` and its parts; zeros, unworked for, before the start.

        Besides the parts: `neighbours_kept` of the candidates, their share `neighbours_kept_share`,
        and `neighbours_none`, 1 where no candidate was left.
        """
        nothing = jnp.zeros(len(self.output.vertices))
        return jax.lax.cond(
            step >= self.config.start_step,
            lambda: self._terms(rng),
            lambda: dict.fromkeys((*neighbour_losses.TERMS, *_COUNTS), nothing),
        )

    def _terms(self, rng: jax.Array) -> Terms:
        which, drawn = jax.random.split(rng)
        candidates = self._candidates(which)
        known = candidates.known
        if self.config.source == "filtered":
            # Whether a candidate is kept is in its code: all are looked at.
            looks, codes = self._look(candidates)
            kept = self._like(codes, known)
            index, shown = neighbours.draw(drawn, kept, self.config.max_render)
            candidates, looks = candidates.take(index), looks.take(index)
        else:
            kept, count = known, self.config.max_render
            if self.config.source == "sampled":
                kept, count = self._unlike(which, candidates), 1
            index, shown = neighbours.draw(drawn, kept, count)
            candidates = candidates.take(index)
            looks, _ = self._look(candidates)
        terms = neighbour_losses.neighbour_terms(
            self.output, looks, candidates, shown, self.template, settings=self.settings
        )
        return terms | _counts(kept, known)

    def _candidates(self, rng: jax.Array) -> Candidates:
        if self.config.source in FROM_BATCH:
            return Candidates.of_batch(self.batch)
        recent = self.collections["recent"]["photographs"]
        slots, known = unicorn_memory.choose(
            rng,
            recent,
            jax.lax.stop_gradient(self.output.shape_code),
            rotations(self.output),
            self.batch["relic_index"],
        )
        size = self.batch["views_mask"].shape[-1]
        return unicorn_memory.recalled(recent, slots, known, size)

    def _look(self, candidates: Candidates) -> tuple[Looks, Array]:
        """How the network sees them, and their shape codes [b, k, q]."""
        images = candidates.images_with_company(self.batch["image"])
        queries, count = images.shape[:2]
        output = self.see(images.reshape(-1, *images.shape[2:]))
        codes = output.shape_code.reshape(queries, count, -1)
        looks = Looks.of(output, queries)
        # The camera stands still in shape steps, that of a neighbour as that of the photograph.
        looks = looks.replace(cam_from_world=jax.lax.stop_gradient(looks.cam_from_world))
        return (jax.lax.stop_gradient(looks) if self.config.stop_gradient else looks), codes

    def _like(self, codes: Array, known: Bool[Array, "b k"]) -> Bool[Array, "b k"]:
        identities = self.collections["memory"]["shape"].identities
        category = self.batch["category"]
        return neighbours.filtered(self.output.shape_code, codes, identities, category, known)

    def _unlike(self, rng: jax.Array, candidates: Candidates) -> Bool[Array, "b k"]:
        return neighbours.sample_unlike(
            rng,
            self.batch["views_mask"][:, 0],
            candidates.mask,
            candidates.known,
        )


def rotations(output: MsrnOutput) -> Array:
    """Rotation of the likeliest camera, [b, 3, 3]."""
    return jax.lax.stop_gradient(likeliest_camera(output)[:, :3, :3])


def _counts(kept: Bool[Array, "b k"], known: Bool[Array, "b k"]) -> Terms:
    """How many candidates passed, per query."""
    passed, offered = (jnp.sum(x, axis=-1).astype(jnp.float32) for x in (kept, known))
    share, none = passed / jnp.maximum(offered, 1), (passed == 0).astype(jnp.float32)
    return dict(zip(_COUNTS, (passed, share, none), strict=True))

"""Which views of a relic are sources, which one is the target, and which is the reference.

Views that show nothing, cannot be decoded or have no known camera teach nothing and are never
chosen: the next in the same order takes their place.
"""

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Literal

import numpy as np

from jaxrelic.data.posed_view import View, resize
from jaxrelic.data.view_sets.records import RelicViews
from jaxrelic.errors import UserError
from jaxrelic.geometry.directions import directions, farthest_first

Selection = Literal["auto", "two_stage", "any"]

_OPAQUE = 0.5
"""A view shows something if any pixel has this alpha."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViewSet:
    """The views of one training example, all of one size."""

    sources: tuple[View, ...]
    """What the network sees; their depth is not read."""
    target: View
    """What it is to draw."""
    reference: View
    """Whose camera the cube of the original is parallel to."""
    relic_index: int
    """Number of the relic within its split."""


def resolve(selection: Selection, relic: RelicViews) -> Selection:
    """What `auto` stands for: two_stage where there are neighbours."""
    if selection != "auto":
        return selection
    return "two_stage" if (relic.neighbour >= 0).any() else "any"


def check_counts(selection: Selection, relic: RelicViews, num_sources: int) -> None:
    """Raises unless a relic has views for a choice."""
    neighbours = int((relic.neighbour >= 0).sum())
    if selection == "two_stage" and not 0 < neighbours < len(relic):
        raise UserError(
            f"relic {relic.uid} has {len(relic)} views and {neighbours} near views of others, and "
            "two_stage needs both anchors and near views; set data.selection to any"
        )
    most = neighbours if selection == "two_stage" else len(relic) - 1
    if num_sources > most:
        kind = "near views" if selection == "two_stage" else "views beside the target"
        raise UserError(
            f"relic {relic.uid} has {most} {kind}, too few for {num_sources} sources; set "
            f"data.num_sources to {most} or less"
        )


def choose(
    selection: Selection,
    relic: RelicViews,
    *,
    num_sources: int,
    image_size: int,
    relic_index: int,
    rng: np.random.Generator,
) -> ViewSet:
    """The views of one example, decoded and resized; raises if too few are fit for it.

    Args:
        selection: two_stage or any.
        relic: With enough views (`check_counts`).
        num_sources: How many sources.
        image_size: Side of all images, in pixels.
        relic_index: Passed on.
        rng: Chooses.
    """
    draw = _two_stage if selection == "two_stage" else _any
    sources, target, reference = draw(_FitViews(relic, image_size), num_sources, rng)
    return ViewSet(sources=sources, target=target, reference=reference, relic_index=relic_index)


class _FitViews:
    """Reads views of a relic and passes over those that are not fit for training."""

    def __init__(self, relic: RelicViews, size: int):
        self.relic, self._size = relic, size

    def first(
        self, order: Iterable[int], count: int, *, role: str, with_depth: bool = False
    ) -> dict[int, View]:
        """The first `count` views that are fit, by index, in the order they were asked for."""
        found, complaints = {}, []
        for index in itertools.takewhile(lambda _: len(found) < count, order):
            try:
                found[index] = self._read(index, with_depth)
            except UserError as error:
                complaints.append(str(error))
        if len(found) < count:
            raise UserError(
                f"relic {self.relic.uid} has {len(found)} views fit for {count} as {role}: "
                f"{complaints[0]}"
            )
        return found

    def _read(self, index: int, with_depth: bool) -> View:
        name = self.relic.names[index]
        view = self.relic.read(index, with_depth=with_depth)
        if not (np.isfinite(view.cam_from_world).all() and np.isfinite(view.pixel_from_cam).all()):
            raise UserError(f"the camera of {name} is not known")
        if not (view.rgba[..., 3] >= _OPAQUE).any():
            raise UserError(f"{name} shows nothing of the relic, its mask is empty")
        return resize(view, self._size)


_Drawn = tuple[tuple[View, ...], View, View]
"""Sources, target, reference."""


def _two_stage(views: _FitViews, num_sources: int, rng: np.random.Generator) -> _Drawn:
    """Neighbours in the order of the poses, and two anchors, drawn independently.

    Specification one2345 C.3.

    Of n neighbours, where fewer are wanted, every (n / num_sources)-th is taken from the first on.
    """
    is_neighbour = views.relic.neighbour >= 0
    anchors, others = np.flatnonzero(~is_neighbour), np.flatnonzero(is_neighbour)
    target = views.first(rng.permutation(anchors), 1, role="target", with_depth=True)
    reference = views.first(rng.permutation(anchors), 1, role="reference")
    even = others[np.arange(num_sources) * len(others) // num_sources]
    order = [*even, *np.setdiff1d(others, even)]
    sources = views.first(order, num_sources, role="sources")
    return tuple(sources[index] for index in sorted(sources)), *target.values(), *reference.values()


def _any(views: _FitViews, num_sources: int, rng: np.random.Generator) -> _Drawn:
    """A target drawn from all views and sources, well spread, from the others.

    The first source is drawn too, and is the reference; each further one is the farthest in
    direction from those before it.
    """
    shuffled = rng.permutation(len(views.relic))  # Also decides between equally far views.
    target = views.first(shuffled, 1, role="target", with_depth=True)
    others = np.array([index for index in shuffled if index not in target])
    away = directions(views.relic.cam_from_world[others])
    order = (others[i] for i in farthest_first(away))
    sources = tuple(views.first(order, num_sources, role="sources").values())
    return sources, *target.values(), sources[0]

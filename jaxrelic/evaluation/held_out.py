"""Which relics a network is measured on: those of a split that it was not trained on, if any."""

import logging
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from jaxrelic.data.image_sets import image_set
from jaxrelic.data.single_view import batches
from jaxrelic.data.view_sets import one2345_folder
from jaxrelic.errors import UserError
from jaxrelic.evaluation.view_sets import truth

logger = logging.getLogger(__name__)

TRAINING_SPLIT = "train"
SPLITS = ("test", "val", TRAINING_SPLIT)
"""Tried in this order when no split is asked for; small collections may fill only the last."""

Opened = tuple[str, Any]
"""Why a split has no records, and its records; one of the two is empty."""


def single_views(shards: str, split: str | None) -> tuple[str, Sequence[Any]]:
    """Relics for networks that take one photograph: the split's name and its records."""
    if shards == batches.SYNTHETIC:
        # Relics made on the spot are the same in every split: all have been seen.
        return TRAINING_SPLIT, open_single_views(shards, TRAINING_SPLIT)[1]
    return first_split(lambda name: open_single_views(shards, name), split)


def open_single_views(shards: str, split: str) -> Opened:
    """Records of one split for networks that take one photograph."""
    try:
        return "", batches.open_records(batches.SingleViewData(path=shards, split=split))
    except UserError as error:
        return str(error), None


def view_sets(
    shards: str, split: str | None, *, usual: Sequence[str] = SPLITS
) -> tuple[str, Sequence[Any]]:
    """Relics for networks that take posed views: the split's name and its records."""
    return first_split(lambda name: open_view_sets(shards, name), split, usual=usual)


def open_view_sets(shards: str, split: str) -> Opened:
    """Records of one split for networks that take posed views."""
    if shards != image_set.SYNTHETIC and one2345_folder.is_folder(pathlib.Path(shards)):
        raise UserError(
            f"{shards} is a folder of views without their relics' surfaces; give relic_views "
            "shards with --shards"
        )
    try:
        return "", truth.open_records(shards, split)
    except UserError as error:
        return str(error), None


def first_split(
    open_split: Callable[[str], Opened], split: str | None, *, usual: Sequence[str] = SPLITS
) -> tuple[str, Sequence[Any]]:
    """The wanted split, or the first that holds relics; warns when it is not the usual one.

    Args:
        open_split: Opens a split by its name.
        split: Name of the wanted split; None tries the usual ones.
        usual: Names of splits, the most wanted first.

    Raises:
        UserError: None of them holds a relic.
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

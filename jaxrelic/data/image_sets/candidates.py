"""Which images of a split resemble each image most, computed once and stored with the data set.

Specification msrn D.1: the pool of an image is its category without itself, and, unless it is asked
for, without other views of the same object: those would turn neighbours into multi-view
supervision.
"""

import dataclasses
import os
import pathlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from jaxrelic.data.image_sets.image_set import ImageSet
from jaxrelic.errors import UserError

COUNT = 6
"""Candidates per image in the paper (k_cos)."""

FOLDER = "neighbours"
"""Where a data set keeps its candidates."""

NONE = -1
"""Index of a candidate that does not exist."""

BLOCK = 2048
"""Rows, and columns, of similarity that exist at a time: 16 MiB."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Candidates:
    """The nearest images of every image of a split."""

    indices: np.ndarray
    """Rows of the same image set, best first, -1 = none, [N, k] int32."""
    similarities: np.ndarray
    """Cosine of the features, 0 where there is none, [N, k] float32."""
    image_ids: list[str]
    """Ids of the images of the set, by which a mismatch is noticed."""
    features: str
    """What was compared: `pixels`, `clip-vit-l-14`, `run:<name>`."""
    same_instance: bool
    """Whether other views of the same object may be among them."""
    weights: str = ""
    """SHA-256 of the file that the features are from, if there was one."""


def candidates_path(
    folder: pathlib.Path, split: str, features: str, *, same_instance: bool
) -> pathlib.Path:
    """Where the candidates of a data set at `folder` are stored."""
    suffix = "-same" if same_instance else ""
    return folder / FOLDER / f"{split}-{features.replace(':', '-')}{suffix}.npz"


def nearest_candidates(
    embeddings: np.ndarray,
    categories: np.ndarray,
    instances: Sequence[str],
    *,
    count: int = COUNT,
    same_instance: bool,
    views_per_object: int | None = None,
    block: int = BLOCK,
) -> tuple[np.ndarray, np.ndarray]:
    """Nearest images of the same category by dot product, best first, ties by index.

    Similarities exist `block` squared at a time, so memory does not grow with the square of N.

    Args:
        embeddings: [N, d]; of length 1, for cosines.
        categories: [N] int.
        instances: Which object each image shows.
        count: Candidates per image, k.
        same_instance: Allow other views of the same object.
        views_per_object: Views of each object that may be candidates, evenly spread; None for all.
        block: Rows and columns that are compared at a time.

    Returns:
        Indices [N, k] int32, -1 where the pool is used up, and similarities [N, k] float32.
    """
    embeddings = np.asarray(embeddings, np.float32)
    if not np.isfinite(embeddings).all():
        row = int(np.flatnonzero(~np.isfinite(embeddings).all(axis=1))[0])
        raise UserError(f"the embedding of image {row} is not finite; are the weights damaged?")
    objects = np.unique(instances, return_inverse=True)[1]
    offered = _evenly_spread(objects, views_per_object)
    indices = np.full((len(embeddings), count), NONE, np.int32)
    similarities = np.zeros((len(embeddings), count), np.float32)
    for category in np.unique(categories):
        members = np.flatnonzero(np.asarray(categories) == category)
        pool = members[offered[members]]
        for rows in _blocks(members, block):
            best = np.full((len(rows), 0), NONE), np.zeros((len(rows), 0), np.float32)
            for columns in _blocks(pool, block):
                scores = embeddings[rows] @ embeddings[columns].T
                barred = rows[:, None] == columns
                if not same_instance:
                    barred |= objects[rows][:, None] == objects[columns]
                scores[barred] = -np.inf
                found = np.broadcast_to(columns, scores.shape)
                best = _top(
                    np.concatenate([best[0], found], axis=1),
                    np.concatenate([best[1], scores], axis=1),
                    count,
                )
            if best[0].shape[1]:
                indices[rows] = best[0]
                similarities[rows] = np.where(best[0] == NONE, 0, best[1])
    return indices, similarities


def _evenly_spread(objects: np.ndarray, per_object: int | None) -> np.ndarray:
    """Which images may be candidates, [N] bool."""
    if per_object is None:
        return np.ones(len(objects), bool)
    if per_object < 1:
        raise UserError(f"views per object is {per_object}; set it to 1 or more")
    offered = np.zeros(len(objects), bool)
    order = np.argsort(objects, kind="stable")
    for views in np.split(order, np.flatnonzero(np.diff(objects[order])) + 1):
        kept = min(per_object, len(views))
        offered[views[np.arange(kept) * len(views) // kept]] = True
    return offered


def _blocks(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _top(indices: np.ndarray, scores: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The best `count` of each row, ties by index; scores of -inf are no candidates.

    Sorting whole rows would cost more than the matrix product: only what reaches the count-th best
    score of a row is sorted.
    """
    place = max(scores.shape[1] - count, 0)
    least = np.partition(scores, place, axis=1)[:, place]
    row, column = np.nonzero((scores >= least[:, None]) & (scores > -np.inf))
    index, score = indices[row, column], scores[row, column]
    order = np.lexsort((index, -score, row))
    row, index, score = row[order], index[order], score[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    kept = rank < count
    best = np.full((len(scores), count), NONE)
    best_score = np.full((len(scores), count), -np.inf, np.float32)
    best[row[kept], rank[kept]] = index[kept]
    best_score[row[kept], rank[kept]] = score[kept]
    return best, best_score


def write_candidates(path: str | pathlib.Path, candidates: Candidates) -> None:
    """Stores candidates as one NumPy archive, whole or not at all."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            np.savez_compressed(file, **dataclasses.asdict(candidates))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def read_candidates(path: str | pathlib.Path, images: ImageSet) -> Candidates:
    """Reads candidates and checks that they are of these images."""
    path = pathlib.Path(path)
    if not path.is_file():
        raise UserError(f"no candidates at {path}; compute them with `jaxrelic neighbours`")
    try:
        with np.load(path) as stored:
            found = Candidates(
                indices=stored["indices"],
                similarities=stored["similarities"],
                image_ids=stored["image_ids"].tolist(),
                features=str(stored["features"]),
                same_instance=bool(stored["same_instance"]),
                weights=str(stored["weights"]),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(
            f"{path} is no candidates file ({error}); compute it again with `jaxrelic neighbours`"
        ) from error
    _check(path, found, images)
    return found


def _check(path: pathlib.Path, found: Candidates, images: ImageSet) -> None:
    """Raises unless the candidates are of these images and point into them."""
    ids = images.image_ids()
    if found.image_ids != ids:
        common = len(set(found.image_ids) & set(ids))
        raise UserError(
            f"{path} is of other images than data.path and data.split: it lists "
            f"{len(found.image_ids)} of which {common} are among these {len(ids)}, or in another "
            "order; compute it again with `jaxrelic neighbours`"
        )
    shape = found.indices.shape
    whole = shape == found.similarities.shape and len(shape) == 2 and shape[0] == len(ids)
    if not whole or np.any((found.indices < NONE) | (found.indices >= len(ids))):
        raise UserError(
            f"{path} points at images that do not exist; compute it again with "
            "`jaxrelic neighbours`"
        )

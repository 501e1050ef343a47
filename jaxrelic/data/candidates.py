"""Which images of a split resemble each image most, computed once and stored with the data set."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from jaxrelic.data.image_sets import ImageSet
from jaxrelic.errors import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Candidates:
    """The nearest images of every image of a split."""

    indices: np.ndarray
    """Rows of the same image set, best first, -1 = none, [N, k] int32."""
    similarities: np.ndarray
    """Cosine of the features, [N, k] float32."""
    image_ids: list[str]
    """Of the image set, by which a mismatch is noticed."""
    features: str
    """What was compared."""
    same_instance: bool
    """Whether other views of the same object are among them."""


def nearest_candidates(
    embeddings: np.ndarray,
    categories: np.ndarray,
    instances: Sequence[str],
    *,
    count: int = 6,
    same_instance: bool,
    block: int = 4096,
) -> tuple[np.ndarray, np.ndarray]:
    """Nearest images of the same category by dot product; indices and similarities [N, count]."""
    indices = np.full((len(embeddings), count), -1, np.int32)
    similarities = np.zeros((len(embeddings), count), np.float32)
    objects = np.unique(instances, return_inverse=True)[1]
    for category in np.unique(categories):
        pool = np.flatnonzero(categories == category)
        for start in range(0, len(pool), block):
            rows = pool[start : start + block]
            scores = embeddings[rows] @ embeddings[pool].T
            barred = rows[:, None] == pool
            if not same_instance:
                barred |= objects[rows][:, None] == objects[pool]
            scores[barred] = -np.inf
            best = np.argsort(-scores, axis=1, kind="stable")[:, :count]
            score = np.take_along_axis(scores, best, axis=1)
            found = np.isfinite(score)
            indices[rows, : best.shape[1]] = np.where(found, pool[best], -1)
            similarities[rows, : best.shape[1]] = np.where(found, score, 0)
    return indices, similarities


def write_candidates(path: pathlib.Path, candidates: Candidates) -> None:
    """Stores candidates as one NumPy archive."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part.npz")
    np.savez(temporary, **dataclasses.asdict(candidates))
    temporary.replace(path)


def read_candidates(path: pathlib.Path, images: ImageSet) -> Candidates:
    """Reads candidates and checks that they are of these images."""
    if not path.exists():
        raise UserError(f"no candidates at {path}; compute them with `jaxrelic neighbours`")
    with np.load(path) as stored:
        found = Candidates(
            indices=stored["indices"],
            similarities=stored["similarities"],
            image_ids=stored["image_ids"].tolist(),
            features=str(stored["features"]),
            same_instance=bool(stored["same_instance"]),
        )
    if found.image_ids != images.image_ids():
        raise UserError(
            f"{path} is of other images than data.path and data.split; compute them again with "
            "`jaxrelic neighbours`"
        )
    return found

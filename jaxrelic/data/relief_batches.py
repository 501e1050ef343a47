"""Batches of the relief network: views mirrored, recoloured, and with imperfect masks."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import cv2
import grain
import numpy as np

from jaxrelic.data.relief_records import ViewSet
from jaxrelic.errors import UserError
from jaxrelic.models.relief.inputs import network_inputs

Batch = dict[str, np.ndarray]
ENDLESS = 2**40
"""Batches of a run: more than anybody takes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReliefData:
    """Views with both of their layers, and how batches are drawn of them."""

    path: str
    """Folder of `scripts/relief/views.py`."""
    sets: tuple[str, ...] = ("abstract", "procedural", "statuary")
    """Names of the sets."""
    shares: tuple[float, ...] = (0.45, 0.3, 0.25)
    """Part of each set in the batches."""
    batch_size: int = 48
    """Views of a batch, over all devices."""
    threads: int = 1
    """Threads that prepare batches."""
    split: str = "train"
    """Split in the pages of a run; the sets say what is learned from."""

    def __post_init__(self) -> None:
        if len(self.sets) != len(self.shares):
            raise UserError(
                f"data.sets names {len(self.sets)} sets and data.shares has {len(self.shares)} "
                "numbers; give one for each"
            )
        if self.batch_size < 1:
            raise UserError(f"data.batch_size is {self.batch_size}; set it to 1 or more")


def batches(data: ReliefData, *, seed: int) -> grain.MapDataset[Batch]:
    """All batches of a run, endless: batch k is a function of the seed, k and the shards."""
    return grain.MapDataset.source(_Batches(data, seed))


class _Batches:
    """Batches by number."""

    def __init__(self, data: ReliefData, seed: int):
        folder = pathlib.Path(data.path)
        self._sets = {name: ViewSet(folder, [name]) for name in data.sets}
        self._shares = dict(zip(data.sets, data.shares, strict=True))
        self._size, self._seed = data.batch_size, seed

    def __len__(self) -> int:
        return ENDLESS

    def __getitem__(self, number: int) -> Batch:
        rng = np.random.default_rng([self._seed, number])
        return random_batch(self._sets, self._shares, self._size, rng)


def example(view: np.ndarray, rng: np.random.Generator | None = None) -> Batch:
    """Inputs and targets of one row of `relief_records.VIEW`; varied if there is a generator."""
    photo = view["photo"].astype(np.float32) / 255
    mask = view["mask"].astype(np.float32) / 255
    layers = np.stack([view["front"], view["back"]]).astype(np.float32)
    covered = view["covered"].astype(np.float32)
    if rng is not None:
        photo, mask = recoloured(photo, rng), jittered(mask, rng)
        if rng.random() < 0.5:
            photo, mask, covered = photo[:, ::-1], mask[:, ::-1], covered[:, ::-1]
            layers = layers[..., ::-1]
    return {
        **network_inputs(np.ascontiguousarray(photo), np.ascontiguousarray(mask)),
        "front": layers[0],
        "back": layers[1],
        "covered": covered,
        "elevation": view["elevation"],
    }


def recoloured(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Channels swapped, scaled or greyed, and a tone curve, [h, w, 3]."""
    if rng.random() < 0.3:
        photo = photo[..., rng.permutation(3)]
    if rng.random() < 0.15:
        photo = np.repeat(photo.mean(axis=-1, keepdims=True), 3, axis=-1)
    tint = rng.uniform(0.85, 1.15, 3).astype(np.float32)
    return np.clip(photo, 0, 1) ** np.float32(rng.uniform(0.8, 1.25)) * tint


def jittered(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A mask [h, w] some pixels too large or too small, ragged or soft at times."""
    kind = rng.random()
    if kind < 0.5:
        return mask
    if kind < 0.7:
        return cv2.dilate(mask, np.ones((3, 3), np.uint8))
    if kind < 0.8 and (eroded := cv2.erode(mask, np.ones((3, 3), np.uint8))).sum() > 60:
        return eroded
    noise = cv2.resize(rng.normal(size=(24, 24)).astype(np.float32), mask.shape[::-1])
    ragged = cv2.GaussianBlur(mask, (0, 0), 1.2) + 0.15 * noise * (mask > 0)
    return np.clip(3 * (ragged - 0.5) + 0.5, 0, 1).astype(np.float32)


def stacked(examples: Sequence[Batch]) -> Batch:
    """One batch of examples."""
    return {name: np.stack([each[name] for each in examples]) for name in examples[0]}


def random_batch(
    sets: Mapping[str, ViewSet], shares: Mapping[str, float], size: int, rng: np.random.Generator
) -> Batch:
    """Views drawn from several sets by their shares."""
    names = list(sets)
    weight = np.array([shares[name] for name in names])
    which = rng.choice(len(names), size, p=weight / weight.sum())
    examples = []
    for index in which:
        chosen = sets[names[index]]
        examples.append(example(chosen[[int(rng.integers(len(chosen)))]][0], rng))
    return stacked(examples)

"""How relics look in their renders, in bits: views that look alike differ in few of them.

Every view becomes a small grey picture, of which a bit tells whether the next cell is clearly
brighter, or clearly darker (a difference hash, with a margin so that noise on a plain wall leaves
the bits alone). So a texture that was encoded again or a little noise of the light leaves it nearly
as it was. Only renders with the same settings compare, and a relic that stands turned looks
different: finding that one again is the work of `shape_match`.
"""

from collections.abc import Hashable, Iterator, Sequence

import cv2
import numpy as np

CELLS = 8
"""Differences per row, and rows, of the small picture."""
MARGIN = 4.0
"""8-bit levels by which a cell must differ from the next for a bit to be set."""
BACKGROUND = 128.0
"""8-bit grey behind the relic."""
VIEW_BITS = 4 * CELLS * CELLS
"""Rightwards and downwards, brighter and darker."""
VIEWS = 16
"""Most views that are looked at; more of them are thinned out evenly."""

ALIKE = 0.025
"""Share of differing bits below which two relics look alike. Measured on 12 views of 64 px, 8 light
paths: at most 0.012 for views with noise of 6 levels or encoded as JPEG 70, 0.005 (a half of them
0.001) for 21 relics rendered with their textures encoded as JPEG 50, 0.022 (0.008) for 42 with
other light paths; 0.05 for the most alike of 59 real relics, two swords. 32 pairs of 216 procedural
relics are nearer than this: daggers and axes of one form."""

ROWS = 64
"""Rows compared with all others at a time."""


def hash_views(images: Sequence[np.ndarray]) -> str:
    """The hash, as hex, of views [h, w, 4], BGR and straight alpha, 8 bit, always in one order."""
    bits = np.concatenate([_view_bits(image) for image in images])
    return np.packbits(bits).tobytes().hex()


def choose_views(views: Sequence[int]) -> list[int]:
    """At most `VIEWS` of the numbers of views, evenly chosen."""
    return list(views[:: -(-len(views) // VIEWS)])


def _view_bits(image: np.ndarray) -> np.ndarray:
    alpha = image[..., 3] / np.float32(255)
    grey = cv2.cvtColor(image[..., :3], cv2.COLOR_BGR2GRAY)
    picture = alpha * grey + (1 - alpha) * np.float32(BACKGROUND)
    across = cv2.resize(picture, (CELLS + 1, CELLS), interpolation=cv2.INTER_AREA)
    down = cv2.resize(picture, (CELLS, CELLS + 1), interpolation=cv2.INTER_AREA)
    steps = np.stack([np.diff(across, axis=1), np.diff(down, axis=0)])
    return np.stack([steps > MARGIN, steps < -MARGIN]).ravel()


def distance(one: str, other: str) -> float | None:
    """Share of the bits in which two hashes differ, 0 to 1; None if they do not compare."""
    if not one or len(one) != len(other):
        return None
    words = _words([one, other])
    return float(np.bitwise_count(words[0] ^ words[1]).sum()) / (4 * len(one))


def alike(
    hashes: Sequence[str], groups: Sequence[Hashable], *, most: int
) -> tuple[list[tuple[int, int, float]], int]:
    """Pairs of hashes that differ in less than `ALIKE`, the nearest first.

    Memory grows with the number of hashes, not of pairs.

    Args:
        hashes: All of one length.
        groups: One label per hash; two of one label are no pair.
        most: Pairs to return.

    Returns:
        (i, j, distance) with i < j, and how many such pairs there are in all.
    """
    if not hashes:
        return [], 0
    n, bits = len(hashes), 4 * len(hashes[0])
    label = np.unique(np.asarray(groups), return_inverse=True)[1]
    best, count = np.zeros(0, np.int64), 0
    for i, j, differing in _near(_words(hashes), int(np.ceil(ALIKE * bits)) - 1):
        # One number per pair, in the order of (differing bits, i, j): below 2**63 for 10**7 relics.
        pairs = (differing * n + np.minimum(i, j)) * n + np.maximum(i, j)
        pairs = pairs[label[i] != label[j]]
        count += len(pairs)
        best = np.concatenate([best, pairs])
        if len(best) > most:
            best = np.partition(best, most)[:most]
    pairs = [(pair // n % n, pair % n, pair // n**2 / bits) for pair in np.sort(best).tolist()]
    return pairs, count


def _words(hashes: Sequence[str]) -> np.ndarray:
    """[n, w] uint64."""
    return np.stack([np.frombuffer(bytes.fromhex(text), np.uint64) for text in hashes])


def _near(table: np.ndarray, limit: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(i, j, differing bits) of the pairs of rows [n, w] that differ in at most `limit` bits.

    The numbers of bits set in two rows differ by no more than the rows do; so rows are sorted by
    it, and each is compared with those that follow within the limit. A first look at a quarter of
    the words leaves few pairs.
    """
    weight = np.bitwise_count(table).sum(axis=-1, dtype=np.int64)
    order = np.argsort(weight, kind="stable")
    weight, table = weight[order], np.ascontiguousarray(table[order].T)
    first = -(-len(table) // 4)
    for start in range(0, len(order), ROWS):
        rows = np.arange(start, min(start + ROWS, len(order)))
        end = np.searchsorted(weight, weight[rows[-1]] + limit, side="right")
        differing = np.zeros((len(rows), end - start), np.uint16)
        for word in table[:first]:
            differing += np.bitwise_count(word[rows, None] ^ word[None, start:end])
        i, j = np.nonzero(differing <= limit)
        i, j = i[i < j] + start, j[i < j] + start
        total = np.zeros(len(i), np.int64)
        for word in table:
            total += np.bitwise_count(word[i] ^ word[j])
        keep = total <= limit
        yield order[i[keep]], order[j[keep]], total[keep]

"""Whether outlines and cameras belong together: the hull that all leave must fill every outline.

With true cameras the visual hull, seen from each camera again, is that camera's outline. A wrong
camera carves away what the others need, so that their outlines are no longer filled.
"""

import dataclasses
from collections.abc import Sequence
from typing import Self

import cv2
import numpy as np

from jaxrelic.geometry import carving
from jaxrelic.geometry.carving import Outline

GRID_SIZE = 48
"""Cells along each side of the volume."""

CELLS_PER_PIXEL = 1.0
"""Outlines are reduced until a pixel spans this many cells."""

TOUCHED = 0.05
"""Share of a reduced pixel from which it belongs to the outline; far below `image_crops.OPAQUE`,
for thin parts must not get lost."""

FILLED, AGREES = 0.88, 0.95
"""Share of an outline that the hull fills below which a view does not fit, and from which it surely
does. Exact masks and cameras of scans give 0.98 or more, cameras turned by a degree at random 0.96,
two swapped views 0.36 to 0.96. Between the two numbers masks may be cut by hand."""

SLACK = 1.2
"""Side of the volume over that of what it holds."""

ROUNDS = 2
"""Times that the volume is fitted to the hull."""

MAX_CULPRITS = 4
"""More wrong views than this cannot be distinguished from a wrong file."""

_LINE_ROUNDS = 20
"""Rounds of reweighted least squares; errors fall by half in each or faster."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Agreement:
    """A volume of cells, and what every view says about them."""

    centre: np.ndarray
    """Middle of the volume, [3]."""
    half_side: float
    """Half the side of the volume."""
    points: np.ndarray
    """Centres of the cells, [p, 3]."""
    against: np.ndarray
    """Whether a view sees a cell outside its outline, [v, p] bool."""
    pixel: np.ndarray
    """Number of the reduced pixel that a view sees a cell on, -1 for none, [v, p]."""
    masks: tuple[np.ndarray, ...]
    """Reduced outlines, [h, w] bool each."""

    @classmethod
    def of(cls, outlines: Sequence[Outline], centre: np.ndarray, half_side: float) -> Self:
        """Asks every view about a volume."""
        cell = 2 * half_side / GRID_SIZE
        points = carving.grid(centre, np.full(3, half_side), cell)
        against, pixels, masks = [], [], []
        for outline in outlines:
            reduced = _reduce(outline, centre, CELLS_PER_PIXEL * cell)
            pixel, judged = carving.look_up(reduced, points)
            outside = carving.against(reduced, pixel, judged)
            # A camera that has the object behind it is against everything.
            against.append(outside if _depth(outline, centre) > 0 else np.ones_like(outside))
            pixels.append(np.where(judged, pixel, -1).astype(np.int32))
            masks.append(reduced.mask)
        return cls(
            centre=centre,
            half_side=half_side,
            points=points,
            against=np.stack(against),
            pixel=np.stack(pixels),
            masks=tuple(masks),
        )

    def hull(self, views: Sequence[int]) -> np.ndarray:
        """Cells that none of these views is against, [p] bool."""
        return ~self.against[list(views)].any(axis=0)

    def overlaps(self, views: Sequence[int]) -> np.ndarray:
        """Share of the outline that is filled by the hull of all, in each of these views, [n].

        As no hull reaches beyond an outline, this is the intersection over union of the two.
        """
        hull = np.flatnonzero(self.hull(views))
        return np.array([self._overlap(view, hull) for view in views])

    def _overlap(self, view: int, hull: np.ndarray) -> float:
        mask = self.masks[view]
        pixel = self.pixel[view, hull]
        seen = np.zeros(mask.size, np.uint8)
        seen[pixel[pixel >= 0]] = 1
        # One pixel of tolerance: cells are points here, and outlines were widened when reduced.
        near = cv2.dilate(seen.reshape(mask.shape), np.ones((3, 3))) > 0
        return float(np.sum(near & mask) / np.sum(mask))

    def culprits(self) -> list[int] | None:
        """The few views without which the others agree; None if there are no such few.

        In each round the view goes whose absence helps the others most, until they agree surely:
        of a shuffled file some half could be made to fit a little.
        """
        kept = list(range(len(self.masks)))
        gone = []
        while self.overlaps(kept).min() < AGREES:
            # Two views can be made to agree with almost anything.
            if len(gone) >= min(MAX_CULPRITS, (len(self.masks) - 1) // 3):
                return None
            means = [self.overlaps([k for k in kept if k != view]).mean() for view in kept]
            gone.append(kept.pop(int(np.argmax(means))))
        return sorted(gone)


def measure(outlines: Sequence[Outline]) -> Agreement:
    """Finds the volume around the object and asks every view about it.

    The volume is fitted to the hull for as long as the views agree better in it: where a camera is
    wrong, the hull is a splinter, and the first guess holds more of the object.
    """
    centre = nearest_point(outlines)
    best = Agreement.of(outlines, centre, _first_half_side(outlines, centre))
    views = range(len(outlines))
    for _ in range(ROUNDS):
        found = best.points[best.hull(views)]
        if not len(found):
            break
        low, high = found.min(axis=0), found.max(axis=0)
        half_side = SLACK / 2 * float(np.max(high - low)) + best.half_side / GRID_SIZE
        fitted = Agreement.of(outlines, (low + high) / 2, half_side)
        if fitted.overlaps(views).min() < min(best.overlaps(views).min(), FILLED):
            break
        best = fitted
    return best


def nearest_point(outlines: Sequence[Outline]) -> np.ndarray:
    """The point [3] with the least sum of distances to the rays through the outlines' centroids.

    Weiszfeld's reweighting: a few wrong cameras do not draw the point to them, as squares would.
    """
    origins, directions = map(np.stack, zip(*map(_ray, outlines), strict=True))
    across = np.eye(3) - directions[:, :, None] * directions[:, None, :]
    weights = np.ones(len(origins))
    spread = np.linalg.norm(np.ptp(origins, axis=0)) + 1e-12
    point = np.zeros(3)
    for _ in range(_LINE_ROUNDS):
        normal = np.einsum("n,nij->ij", weights, across)
        right = np.einsum("n,nij,nj->i", weights, across, origins)
        point = np.linalg.lstsq(normal, right, rcond=None)[0]
        miss = np.linalg.norm(np.einsum("nij,nj->ni", across, point - origins), axis=-1)
        weights = 1 / np.maximum(miss, 1e-3 * spread)
    return point


def _ray(outline: Outline) -> tuple[np.ndarray, np.ndarray]:
    """Camera centre and unit direction through the middle of the outline."""
    rows, columns = np.nonzero(outline.mask)
    uv = np.array([columns.mean() + 0.5, rows.mean() + 0.5, 1.0])
    rotation = outline.cam_from_world[:3, :3]
    direction = rotation.T @ np.linalg.solve(outline.pixel_from_cam, uv)
    origin = -rotation.T @ outline.cam_from_world[:3, 3]
    return origin, direction / np.linalg.norm(direction)


def _first_half_side(outlines: Sequence[Outline], centre: np.ndarray) -> float:
    """Half the side of a volume that surely holds the object, if the cameras are right."""
    radii = []
    for outline in outlines:
        rows, columns = np.nonzero(outline.mask)
        diagonal = np.hypot(np.ptp(rows) + 1, np.ptp(columns) + 1)
        radii.append(abs(_depth(outline, centre)) * diagonal / 2 / _focal(outline))
    # One camera that is placed far away must not blow up the volume.
    return SLACK * min(max(radii), 4 * float(np.median(radii)))


def _reduce(outline: Outline, centre: np.ndarray, size: float) -> Outline:
    """The outline in pixels of about `size` world units at the centre, never smaller than its own.

    A reduced pixel belongs to it as soon as a small part does.
    """
    height, width = outline.mask.shape
    own = max(abs(_depth(outline, centre)), 1e-9) / _focal(outline)
    factor = min(own / size, 1.0)
    small = max(round(width * factor), 1), max(round(height * factor), 1)
    mask = cv2.resize(np.float32(outline.mask), small, interpolation=cv2.INTER_AREA)
    return Outline(
        mask=mask > TOUCHED,
        cam_from_world=outline.cam_from_world,
        pixel_from_cam=carving.intrinsics_at(outline, *small),
        whole=outline.whole,
    )


def _focal(outline: Outline) -> float:
    return float(np.sqrt(outline.pixel_from_cam[0, 0] * outline.pixel_from_cam[1, 1]))


def _depth(outline: Outline, point: np.ndarray) -> float:
    return float(outline.cam_from_world[2, :3] @ point + outline.cam_from_world[2, 3])

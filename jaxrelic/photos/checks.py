"""Whether posed photographs can be reconstructed; every message names the file and the check.

What outlines cannot show is not found here: two views of a body of revolution may be swapped, and
a focal length that is wrong in all views alike only changes the object's size.
"""

import dataclasses
import logging
from collections.abc import Sequence

import numpy as np

from jaxrelic.data.pose_files import records
from jaxrelic.data.view_sets.posed_views import PosedViews
from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, carving
from jaxrelic.geometry.carving import Outline
from jaxrelic.geometry.directions import directions
from jaxrelic.photos import outline_agreement
from jaxrelic.photos.outline_agreement import AGREES, FILLED, Agreement

logger = logging.getLogger(__name__)

MIN_VIEWS = 2
"""The network compares views."""

MIN_OBJECT_SHARE, MAX_OBJECT_SHARE = 0.0005, 0.98
"""Part of a picture that the object covers; outside, a mask has not found it. A relic that spans a
fortieth of the picture's width covers the first."""

MIN_FOCAL, MAX_FOCAL = 0.2, 50.0
"""Focal length over the longer side: a lens that sees 136 degrees, and one that sees 1.1."""

MIN_CONE_DEG, WANTED_CONE_DEG = 30.0, 75.0
"""Half the opening of the narrowest cone, from the object, around all cameras. Below the first an
outline moves along its ray by twice the object's width before another view notices, below the
second nobody has seen the back."""

MIN_CROSSING_DEG = 20.0
"""Largest angle, at the object, between two lines of sight; opposite cameras see one outline."""

OFF_MIDDLE = 0.1
"""Distance of a principal point from the middle, over half the picture's width, that is unusual."""


def check(views: PosedViews, *, source: str) -> Agreement:
    """Raises UserError unless the views can be reconstructed.

    Args:
        views: Square views of one object.
        source: File or folder that holds the poses, for messages.
    """
    cam_from_world = np.asarray(views.camera.cam_from_world, np.float64)
    pixel_from_cam = np.asarray(views.camera.pixel_from_cam, np.float64)
    outlines = []
    for number, name in enumerate(views.names):
        mask = views.mask[number] > 0.5
        outline = Outline(
            mask=mask,
            cam_from_world=cam_from_world[number],
            pixel_from_cam=pixel_from_cam[number],
            whole=carving.is_whole(mask),
        )
        check_lens(name, outline.pixel_from_cam, outline.mask.shape, source=source)
        check_mask(name, outline.mask)
        outlines.append(outline)
    return check_outlines(views.names, outlines, source=source)


def check_lens(
    name: str, pixel_from_cam: np.ndarray, shape: tuple[int, int], *, source: str
) -> None:
    """Raises UserError unless such a lens can have taken a picture of this height and width.

    Views that were cropped may have their principal point outside; they are not checked for it.
    """
    height, width = shape
    focal = np.sqrt(pixel_from_cam[0, 0] * pixel_from_cam[1, 1])
    low, high = (share * max(height, width) for share in (MIN_FOCAL, MAX_FOCAL))
    if not low <= focal <= high:
        raise UserError(
            f"{name}: wrong intrinsics: {source} gives a focal length of {focal:.6g} px for a "
            f"picture of {width} x {height}; {low:.0f} to {high:.0f} px is possible, "
            "correct the intrinsics"
        )


def check_principal_point(
    name: str, pixel_from_cam: np.ndarray, shape: tuple[int, int], *, source: str
) -> None:
    """Raises UserError unless the optical axis meets a whole picture of this height and width."""
    (cx, cy), (height, width) = pixel_from_cam[:2, 2], shape
    if not (0 < cx < width and 0 < cy < height):
        raise UserError(
            f"{name}: wrong intrinsics: {source} puts the principal point at ({cx:.6g}, {cy:.6g}), "
            f"outside the picture of {width} x {height} px; correct the intrinsics, or give the "
            "photographs before they were cropped"
        )


def check_mask(name: str, mask: np.ndarray) -> None:
    """Raises UserError unless the mask [h, w] bool has an object and a background."""
    share = float(np.mean(mask))
    if share < MIN_OBJECT_SHARE:
        raise UserError(
            f"{name}: empty mask: the object covers {share:.2%} of the view; give a mask that is "
            "white on the object with --masks, or take the photograph out"
        )
    if share > MAX_OBJECT_SHARE:
        raise UserError(
            f"{name}: full mask: the object covers {share:.0%} of the view; give a mask that is "
            "white on the object only with --masks, or take the photograph out"
        )


def check_outlines(
    names: Sequence[str],
    outlines: Sequence[Outline],
    *,
    source: str,
    reading: records.Reading | None = None,
    unsized: bool = False,
) -> Agreement:
    """Raises UserError unless the cameras are many, all around, and agree with the outlines.

    Args:
        names: What messages call the views.
        outlines: Masks that passed `check_mask`, and cameras.
        source: File or folder that holds the poses, for messages.
        reading: How its matrices were read; if another reading fits, the message says which.
        unsized: Whether the intrinsics came without the size of the picture that they are for.
    """
    if len(outlines) < MIN_VIEWS:
        raise UserError(
            f"{source}: too few views: {len(outlines)} photograph has a pose; {MIN_VIEWS} are "
            "needed at least, and 8 from all around are better"
        )
    agreement = outline_agreement.measure(outlines)
    mistake = _cameras_mistake(outlines, agreement) or _fit_mistake(names, agreement)
    if mistake:
        hint = (unsized and _better_size(outlines)) or _better_reading(outlines, reading)
        raise UserError(f"{source}: {mistake}{hint}")
    _warn_of_doubts(names, outlines, agreement, source)
    return agreement


def _warn_of_doubts(
    names: Sequence[str], outlines: Sequence[Outline], agreement: Agreement, source: str
) -> None:
    """Says what may be wrong and may not."""
    if (cone := cone_deg(outlines, agreement.centre)) < WANTED_CONE_DEG:
        logger.warning(
            "%s: all %d cameras are within %.0f degrees of one direction from the object; its "
            "back will be a guess",
            source,
            len(outlines),
            cone,
        )
    cut = [name for name, outline in zip(names, outlines, strict=True) if not outline.whole]
    if cut:
        logger.warning(
            "%s: the object reaches the rim of %d of %d pictures (first: %s); what is outside of "
            "them is known from the others only",
            source,
            len(cut),
            len(names),
            cut[0],
        )
    overlaps = agreement.overlaps(range(len(names)))
    if overlaps.min() < AGREES:
        doubtful = agreement.culprits() or [int(np.argmin(overlaps))]
        logger.warning(
            "%s: the outline in %s fits the other views badly (overlaps from %.2f on, %.2f is "
            "usual); look at its pose and its mask",
            source,
            ", ".join(names[view] for view in doubtful),
            overlaps.min(),
            AGREES,
        )


def _cameras_mistake(outlines: Sequence[Outline], agreement: Agreement) -> str | None:
    """What is wrong with the places of the cameras."""
    cone, crossing = (measure(outlines, agreement.centre) for measure in (cone_deg, crossing_deg))
    if cone < MIN_CONE_DEG:
        return (
            f"all cameras on one side: the {len(outlines)} cameras are within {cone:.1f} degrees "
            f"of one direction from the object, {MIN_CONE_DEG:.0f} are needed at least; add "
            "photographs from around it"
        )
    if crossing < MIN_CROSSING_DEG:
        return (
            f"all cameras on one line: the lines of sight of the {len(outlines)} cameras cross at "
            f"{crossing:.1f} degrees at most, {MIN_CROSSING_DEG:.0f} are needed at least; add "
            "photographs from the sides"
        )
    return None


def _fit_mistake(names: Sequence[str], agreement: Agreement) -> str | None:
    """What is wrong with poses or outlines that do not fit together."""
    overlaps = agreement.overlaps(range(len(names)))
    if overlaps.min() >= FILLED:
        return None
    worst = int(np.argmin(overlaps))
    culprits = agreement.culprits()
    if not culprits:
        return (
            "poses do not match the images: the outlines of "
            f"{np.sum(overlaps < FILLED)} of {len(names)} views are not filled by the hull of all "
            f"(worst: {names[worst]}, overlap {overlaps[worst]:.2f}, {FILLED} is needed); check "
            "that poses and photographs are of one set and one order"
        )
    rest = [view for view in range(len(names)) if view not in culprits]
    after = agreement.overlaps(rest).min()
    named = ", ".join(names[view] for view in culprits)
    return (
        f"poses do not match the images: without {named} the other {len(rest)} views agree "
        f"(overlap {after:.2f} at least), with all it is {overlaps[worst]:.2f} ({FILLED} is "
        "needed); check the pose and the mask of what is named, or take it out"
    )


def _better_reading(outlines: Sequence[Outline], reading: records.Reading | None) -> str:
    """The reading of the same matrices that does fit, as the end of a message."""
    if reading is None:
        return ""
    for other in records.READINGS:
        if other == reading:
            continue
        reread = [
            dataclasses.replace(
                outline, cam_from_world=records.reread(outline.cam_from_world, reading, other)
            )
            for outline in outlines
        ]
        if (fit := fitness(reread)) >= FILLED:
            return (
                f". The matrices were read as {reading}; as {other} they fit with overlap "
                f"{fit:.2f} at least: convert them"
            )
    return f". No other reading of the matrices ({reading}) fits either"


def _better_size(outlines: Sequence[Outline]) -> str:
    """Whether the intrinsics are those of pictures with the principal point in their middle."""
    resized, first = [], outlines[0]
    for outline in outlines:
        height, width = outline.mask.shape
        scale = width / 2 / outline.pixel_from_cam[0, 2]
        lens = cameras.resize_intrinsics(outline.pixel_from_cam, scale)
        if abs(lens[1, 2] - height / 2) > OFF_MIDDLE * height:
            return ""
        resized.append(dataclasses.replace(outline, pixel_from_cam=lens))
    cx, cy = first.pixel_from_cam[:2, 2]
    height, width = first.mask.shape
    if abs(cx / (width / 2) - 1) < OFF_MIDDLE:
        return ""
    fit = fitness(resized)
    so = f"; as such they fit with overlap {fit:.2f} at least" if fit >= FILLED else ""
    return (
        f". The intrinsics come without a size (w, h): their principal point ({cx:.5g}, {cy:.5g}) "
        f"is the middle of a picture of {2 * cx:.0f} x {2 * cy:.0f} px, and these are {width} x "
        f"{height}{so}: add the size that the intrinsics are for"
    )


def fitness(outlines: Sequence[Outline]) -> float:
    """Least overlap of an outline with the hull of all; 0 if the cameras cannot be right."""
    agreement = outline_agreement.measure(outlines)
    if _cameras_mistake(outlines, agreement):
        return 0.0
    return float(agreement.overlaps(range(len(outlines))).min())


def cone_deg(outlines: Sequence[Outline], centre: np.ndarray) -> float:
    """Largest angle between the mean direction to the cameras and any of them, in degrees."""
    away = _directions(outlines, centre)
    mean = away.mean(axis=0)
    length = float(np.linalg.norm(mean))
    cosine = (away @ mean).min() / length if length > 1e-9 else -1.0
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def crossing_deg(outlines: Sequence[Outline], centre: np.ndarray) -> float:
    """Largest angle between two lines of sight to the object, from 0 to 90 degrees."""
    away = _directions(outlines, centre)
    cosine = np.abs(away @ away.T).min()
    return float(np.degrees(np.arccos(np.clip(cosine, 0, 1))))


def _directions(outlines: Sequence[Outline], centre: np.ndarray) -> np.ndarray:
    return directions(np.stack([outline.cam_from_world for outline in outlines]), centre)

"""From raw renders to the views of one relic on disk: convert, check, describe."""

import dataclasses
import json
import pathlib

import cv2
import numpy as np

from data_engine.errors import Refusal
from data_engine.rendering import exr
from data_engine.rendering.poses import PoseSet

COVERAGE_RANGE = (0.002, 0.95)
"""Fraction of a view's pixels the relic must cover for the view to be of use."""
USEFUL_VIEWS = 0.9
"""Fraction of the views that must be useful."""
DARKEST = 8
"""A relic is visible when some pixel reaches this 8-bit level."""
DONE = "DONE"
"""Empty file, written last: the folder that holds it is complete."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViewFacts:
    """What is worth knowing about a view without opening it."""

    name: str
    coverage: float
    """Fraction of pixels with alpha above one half."""
    clipped: bool
    """The relic touches the border of the image."""
    brightest: int
    """Largest 8-bit colour value where the relic is."""


def image_name(view: str) -> str:
    """File of the colour image: RGBA, 8 bit, straight alpha."""
    return f"{view}.png"


def depth_name(view: str) -> str:
    """File of the depth image: uint16 thousandths of a world unit, 0 = background."""
    return f"{view}_depth_mm.png"


def convert_view(source: pathlib.Path, folder: pathlib.Path, name: str) -> ViewFacts:
    """Writes the colour and the depth PNG of one EXR."""
    linear, depth = exr.read_exr(source)
    rgba = exr.to_straight_srgb(linear)
    _write_png(folder / image_name(name), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))
    # Depth is smooth: a third smaller and faster to decode than with OpenCV's fastest setting.
    _write_png(folder / depth_name(name), exr.to_millimetres(depth), compression=6)
    return describe(name, rgba)


def describe(name: str, rgba: np.ndarray) -> ViewFacts:
    """Facts about a view [h, w, 4] uint8."""
    alpha = rgba[..., 3]
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    solid = alpha > 127
    return ViewFacts(
        name=name,
        coverage=float(solid.mean()),
        clipped=bool(border.any()),
        brightest=int(rgba[solid, :3].max(initial=0)),
    )


def check_views(facts: list[ViewFacts]) -> None:
    """Raises `Refusal` unless enough views show the relic."""
    low, high = COVERAGE_RANGE
    useful = [fact for fact in facts if low < fact.coverage < high]
    if len(useful) < USEFUL_VIEWS * len(facts):
        coverages = [fact.coverage for fact in facts]
        raise Refusal(
            "empty_render",
            f"only {len(useful)} of {len(facts)} views show between {low:.1%} and {high:.0%} of "
            f"the relic (coverage {min(coverages):.2%} to {max(coverages):.2%})",
        )
    if max(fact.brightest for fact in facts) < DARKEST:
        raise Refusal("empty_render", "every view is black: the material reflects nothing")


def write_meta(folder: pathlib.Path, poses: PoseSet, facts: list[ViewFacts], **more) -> None:
    """Writes meta.json: the facts of each view, and whatever identifies relic and frame."""
    if [fact.name for fact in facts] != list(poses.names):
        raise ValueError("the views do not match the poses")
    content = {**more, "views": [dataclasses.asdict(fact) for fact in facts]}
    (folder / "meta.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def read_meta(folder: pathlib.Path) -> dict | None:
    """meta.json of a complete folder; None when the folder is missing or unfinished."""
    if not (folder / DONE).is_file():
        return None
    return json.loads((folder / "meta.json").read_text("utf-8"))


def _write_png(path: pathlib.Path, pixels: np.ndarray, *, compression: int | None = None) -> None:
    options = [] if compression is None else [cv2.IMWRITE_PNG_COMPRESSION, compression]
    # imencode, then write: cv2.imwrite reports a full disk as a bare False.
    written, data = cv2.imencode(".png", pixels, options)
    if not written:
        raise RuntimeError(f"OpenCV could not encode {path.name}")
    path.write_bytes(data.tobytes())

"""From raw renders to the views of one relic on disk: convert, check, describe."""

import dataclasses
import errno
import hashlib
import json
import pathlib

import cv2
import numpy as np

from data_engine.errors import Refusal, UserError
from data_engine.rendering import appearance, exr
from data_engine.rendering.pose_set import PoseSet

COVERAGE_RANGE = (0.002, 0.95)
"""Fraction of a view's pixels the relic must cover for the view to be of use."""
USEFUL_VIEWS = 0.9
"""Fraction of the views that must be useful."""
DARKEST = 8
"""A relic is visible when some pixel reaches this 8-bit level."""
MISSING_TEXTURE = 0.2
"""Fraction of the relic's pixels that may have the magenta of a missing texture."""
REMEDY = "delete the folder of its views and run `data-engine render` again"
"""What to do about a view that is gone from a finished folder."""
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
    colour_spread: float
    """Standard deviation of the 8-bit colours where the relic is, largest of the channels."""
    magenta: float
    """Fraction of the relic's pixels that are pure magenta, as Blender paints a missing texture."""
    pixels_sha256: str
    """Digest of the decoded colours."""


def image_name(view: str) -> str:
    """File of the colour image: RGBA, 8 bit, straight alpha."""
    return f"{view}.png"


def depth_name(view: str) -> str:
    """File of the depth image: uint16 thousandths of a world unit, 0 = background."""
    return f"{view}_depth_mm.png"


def depth_metres_name(view: str) -> str:
    """File of the exact depth: float32 world units in an EXR, 0 = background (--depth-m)."""
    return f"{view}_depth_m.exr"


def file_names(view: str, *, depth_m: bool) -> list[str]:
    """All files of a view."""
    return [image_name(view), depth_name(view), *([depth_metres_name(view)] if depth_m else [])]


def convert_view(
    source: pathlib.Path, folder: pathlib.Path, name: str, *, depth_m: bool = False
) -> ViewFacts:
    """Writes the colour and the depth files of one raw render."""
    linear, depth = exr.read_exr(source)
    rgba = exr.to_straight_srgb(linear)
    _write_png(folder / image_name(name), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))
    # Depth is smooth: a third smaller and faster to decode than with OpenCV's fastest setting.
    _write_png(folder / depth_name(name), exr.to_millimetres(depth), compression=6)
    if depth_m:
        exr.write_depth(folder / depth_metres_name(name), depth)
    return describe(name, rgba)


def depth_metres(folder: pathlib.Path, name: str) -> np.ndarray:
    """Planar depth [h, w] float32 in world units, 0 = background, of views with `--depth-m`."""
    path = folder / depth_metres_name(name)
    if not path.is_file():
        raise UserError(f"there is no {path}; render with --depth-m")
    return exr.read_depth(path)


def describe(name: str, rgba: np.ndarray) -> ViewFacts:
    """Facts about a view [h, w, 4] uint8."""
    alpha = rgba[..., 3]
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    solid = alpha > 127
    colours = rgba[solid, :3].astype(int)
    return ViewFacts(
        name=name,
        coverage=float(solid.mean()),
        clipped=bool(border.any()),
        brightest=int(colours.max(initial=0)),
        colour_spread=round(float(colours.std(axis=0).max()), 3) if len(colours) else 0.0,
        magenta=round(_magenta(colours), 4),
        pixels_sha256=hashlib.sha256(np.ascontiguousarray(rgba).tobytes()).hexdigest(),
    )


def _magenta(colours: np.ndarray) -> float:
    """Fraction of colours [n, 3] with equal red and blue and next to no green."""
    red, green, blue = colours.T
    return float(
        np.mean((red > 2 * DARKEST) & (np.abs(red - blue) <= 0.05 * red) & (green < 0.4 * red))
        if len(colours)
        else 0.0
    )


def check_views(facts: list[ViewFacts], poses: PoseSet, *, headlight: bool = False) -> None:
    """Raises `Refusal` unless enough views show the relic, in colours that can be its own.

    Args:
        facts: One per view.
        poses: Their cameras.
        headlight: The light turns with the camera, so a plain vase may look alike from all sides.
    """
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
    if not any(fact.colour_spread > 0 for fact in facts):
        raise Refusal("empty_render", "every view is one flat colour: nothing is shaded")
    magenta = np.average([fact.magenta for fact in facts], weights=[f.coverage for f in facts])
    if magenta > MISSING_TEXTURE:
        raise Refusal("bad_glb", f"{magenta:.0%} of it shows the magenta of a missing texture")
    anchors = [facts[number].pixels_sha256 for number in poses.anchor_views()]
    if not headlight and len(anchors) > 1 and len(set(anchors)) == 1:
        raise Refusal("empty_render", f"the {len(anchors)} anchor views are one and the same image")


def check_files(folder: pathlib.Path, poses: PoseSet, *, depth_m: bool) -> str:
    """Reads every file of every view back.

    Returns:
        sha256 of the list of file names and digests, which identifies the output as a whole.

    Raises:
        OSError: A file is missing, damaged, or of another size or pixel type than was written.
    """
    manifest = []
    for view in poses.names:
        for name in file_names(view, depth_m=depth_m):
            path = folder / name
            data = path.read_bytes() if path.is_file() else b""
            found = _pixel_format(path, data)
            if found != (wanted := _expected_format(name, view, poses.size)):
                raise OSError(errno.EIO, f"{name} holds {found} where {wanted} was written")
            manifest.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
    return hashlib.sha256("".join(sorted(manifest)).encode()).hexdigest()


def _pixel_format(path: pathlib.Path, data: bytes) -> tuple[tuple[int, ...], str] | None:
    """Shape and type of an image file; None when it cannot be decoded."""
    if not data:
        return None
    try:
        if path.suffix == ".exr":
            pixels = exr.read_depth(path)
        else:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, RuntimeError, KeyError, ValueError):
        return None
    return None if pixels is None else (pixels.shape, str(pixels.dtype))


def _expected_format(name: str, view: str, size: int) -> tuple[tuple[int, ...], str]:
    if name == image_name(view):
        return (size, size, 4), "uint8"
    return (size, size), "uint16" if name == depth_name(view) else "float32"


def appearance_of(folder: pathlib.Path, poses: PoseSet) -> str:
    """Hash of what the anchor views show, from the files as they lie in a complete folder."""
    images = []
    for number in appearance.choose_views(poses.anchor_views()):
        path = folder / image_name(poses.names[number])
        data = path.read_bytes() if path.is_file() else b""
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
        if image is None or image.shape[2:] != (4,):
            raise UserError(f"{path} is missing or damaged; delete {folder} and run render again")
        images.append(image)
    return appearance.hash_views(images)


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

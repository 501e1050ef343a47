"""A folder of photographs, their pose file and their masks: what belongs together, undistorted.

Poses are about the pixels of a file as they are stored: COLMAP and the tools around it pass over
the EXIF note that turns a picture upright. A picture is turned only if its pose file gives it a
size that has the shape of the turned picture and not of the stored one. Masks are about the picture
that people see, upright, because that is what `jaxrelic segment` and others write.
"""

import dataclasses
import logging
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from jaxrelic.data import picture_files
from jaxrelic.data.pose_files.records import PhotographPose, PoseFile, undistort
from jaxrelic.errors import UserError
from jaxrelic.geometry import image_crops
from jaxrelic.geometry.carving import Outline, is_whole
from jaxrelic.photos import checks, photo

logger = logging.getLogger(__name__)

MAX_SIDE_PX = 2048
"""Larger photographs are reduced to this; a view of the network has 256 pixels."""

MIN_MATCHED = 0.5
"""Share of the photographs that need a pose. COLMAP leaves some out, which is worth a warning; a
file that knows less than half of a folder is another folder's."""

_ASPECT_TOLERANCE_PX = 1.5
"""Sides may be rounded when pictures are reduced."""

_NAMED = 5
"""Names in a message; the others are counted."""

_STORED_FROM_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.T,
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).T,
    8: lambda upright: np.rot90(upright, -1),
}
"""Undoes what an EXIF note has viewers do."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PosedPhotograph:
    """A photograph of a lens without distortion, its camera, and where the object is."""

    name: str
    """Its file, and the file of its mask if there is one."""
    rgba: np.ndarray
    """[h, w, 4] float16 in [0, 1], colour multiplied by coverage."""
    cam_from_world: np.ndarray
    """[4, 4] float64, the world of the pose file."""
    pixel_from_cam: np.ndarray
    """[3, 3] float64."""

    @property
    def outline(self) -> Outline:
        """Where the camera sees the object."""
        mask = self.rgba[..., 3] > 0.5
        return Outline(
            mask=mask,
            cam_from_world=self.cam_from_world,
            pixel_from_cam=self.pixel_from_cam,
            whole=is_whole(mask),
        )


def read_folder(
    folder: pathlib.Path,
    poses: PoseFile,
    *,
    masks: pathlib.Path | None,
    find: Callable[[np.ndarray], np.ndarray],
) -> list[PosedPhotograph]:
    """The photographs of a folder that have a pose, in the order of their names.

    Args:
        folder: With the photographs.
        poses: Poses of the photographs.
        masks: Folder with a mask of the same stem for every photograph; None takes a photograph's
            transparency, or finds its object.
        find: From a photograph [h, w, 3] in [0, 1] to coverage of its object [h, w].
    """
    pairs = match(folder, poses)
    found = None if masks is None else _masks_of([path for path, _ in pairs], masks)
    photographs = []
    for number, (path, pose) in enumerate(pairs):
        mask = None if found is None else found[number]
        photographs.append(_read(path, pose, mask, find=find, source=str(poses.path)))
    return photographs


def match(folder: pathlib.Path, poses: PoseFile) -> list[tuple[pathlib.Path, PhotographPose]]:
    """Photographs and their poses: by path below the folder, else by name, else by stem."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; give the folder with the photographs")
    files = _pictures(folder)
    pairs: dict[pathlib.Path, PhotographPose] = {}
    without_photograph = []
    for pose in poses.poses:
        path = _file_of(folder, files, pose.name)
        if path is None:
            without_photograph.append(pose.name)
        elif path in pairs:
            raise UserError(
                f"{poses.path}: {pairs[path].name} and {pose.name} are both a pose of {path}; "
                "keep one"
            )
        else:
            pairs[path] = pose
    without_pose = [str(path) for path in files if path not in pairs]
    _check_matches(folder, poses, len(pairs), without_pose, without_photograph)
    return sorted(pairs.items(), key=lambda pair: pair[0])


def _check_matches(
    folder: pathlib.Path,
    poses: PoseFile,
    matched: int,
    without_pose: list[str],
    without_photograph: list[str],
) -> None:
    """A few leftovers are worth a warning; mostly leftovers are another folder's."""
    total = matched + len(without_pose)
    if not total:
        suffixes = ", ".join(picture_files.SUFFIXES)
        raise UserError(f"{folder} has no photographs ({suffixes}); give another folder")
    if matched < MIN_MATCHED * total or not matched:
        raise UserError(
            f"{poses.path}: poses and photographs do not belong together: {matched} of {total} "
            f"photographs in {folder} have a pose; without: {_some(without_pose)}; poses "
            f"without photograph: {_some(without_photograph)}; give the pose file of this folder"
        )
    if without_pose:
        logger.warning(
            "%s has no pose of %d of %d photographs, which are left out: %s",
            poses.path,
            len(without_pose),
            total,
            _some(without_pose),
        )
    if without_photograph:
        logger.warning(
            "%s has %d poses without a photograph in %s: %s",
            poses.path,
            len(without_photograph),
            folder,
            _some(without_photograph),
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (", ".join(names[:_NAMED]) or "none") + more


def _pictures(folder: pathlib.Path) -> list[pathlib.Path]:
    inside = sorted(folder.iterdir())
    return [path for path in inside if picture_files.is_picture(path) and path.name[0] != "."]


def _file_of(folder: pathlib.Path, files: list[pathlib.Path], name: str) -> pathlib.Path | None:
    """The photograph that a pose means."""
    relative = pathlib.PurePosixPath(name.replace("\\", "/"))
    inside = not relative.is_absolute() and ".." not in relative.parts
    if inside and len(relative.parts) > 1 and (folder / relative).is_file():
        return folder / relative
    for same in (
        [path for path in files if path.name == relative.name],
        [path for path in files if path.stem == relative.name],
        [path for path in files if path.stem == relative.stem],
    ):
        if len(same) > 1:
            raise UserError(f"{_some([*map(str, same)])} may all be {name}; keep one of them")
        if same:
            return same[0]
    return None


def _masks_of(photographs: Sequence[pathlib.Path], masks: pathlib.Path) -> list[pathlib.Path]:
    """The mask of each photograph, by stem; every photograph needs one."""
    if not masks.is_dir():
        raise UserError(f"{masks} is not a folder; give one mask per photograph with --masks")
    files = _pictures(masks)
    # COLMAP's masks are called as the photograph is, suffix and all: photo.jpg.png.
    by_stem = {path.stem: path for path in files}
    found = [by_stem.get(path.stem) or by_stem.get(path.name) for path in photographs]
    missing = [str(path) for path, mask in zip(photographs, found, strict=True) if mask is None]
    if missing:
        raise UserError(
            f"{masks} has no mask of {_some(missing)}; masks have the stems of their photographs"
        )
    return [mask for mask in found if mask is not None]


def _read(
    path: pathlib.Path,
    pose: PhotographPose,
    mask_path: pathlib.Path | None,
    *,
    find: Callable[[np.ndarray], np.ndarray],
    source: str,
) -> PosedPhotograph:
    """One photograph with its object, reduced and undistorted."""
    rgb, alpha, orientation = _read_as_posed(path, pose, source)
    name = str(path)
    if mask_path is not None:
        mask, name = _read_mask(mask_path, rgb.shape[:2], orientation), f"{path} (mask {mask_path})"
    elif alpha is not None and photo.shows_object(alpha):
        mask = alpha
    else:
        mask = np.float32(find(rgb))
    height, width = rgb.shape[:2]
    pixel_from_cam = pose.intrinsics(width, height)
    checks.check_lens(name, pixel_from_cam, (height, width), source=source)
    checks.check_principal_point(name, pixel_from_cam, (height, width), source=source)
    checks.check_mask(name, mask > 0.5)
    rgba = np.concatenate([rgb * mask[..., None], mask[..., None]], axis=-1)
    rgba = undistort(rgba, pixel_from_cam, pose.distortion)
    return PosedPhotograph(
        name=name,
        rgba=rgba.astype(np.float16),
        cam_from_world=pose.cam_from_world,
        pixel_from_cam=pixel_from_cam,
    )


def _read_as_posed(
    path: pathlib.Path, pose: PhotographPose, source: str
) -> tuple[np.ndarray, np.ndarray | None, int]:
    """Colour and transparency in the orientation that the pose is about, at most MAX_SIDE_PX.

    Returns:
        rgb [h, w, 3], alpha [h, w] or None, and the EXIF orientation that is left to be applied.
    """
    picture = photo.read_picture(path)
    height, width = picture.rgb.shape[:2]
    if pose.size is not None and not _same_aspect((width, height), pose.size):
        if picture.orientation < 5 or not _same_aspect((height, width), pose.size):
            raise UserError(
                f"{path}: wrong intrinsics: the picture is {width} x {height} px, {source} says "
                f"{pose.size[0]} x {pose.size[1]}, which is another shape; give the photographs "
                "that the poses were made from, not cropped ones"
            )
        logger.info("%s: turned upright, which is how %s describes it", path, source)
        picture = picture.upright()
        height, width = picture.rgb.shape[:2]
    if pose.size is not None and pose.size != (width, height):
        logger.info(
            "%s is %d x %d px, its intrinsics are for %d x %d: they are scaled",
            path,
            width,
            height,
            *pose.size,
        )
    rgb, alpha = picture.rgb, picture.alpha
    scale = MAX_SIDE_PX / max(width, height)
    if scale < 1:
        small = round(scale * height), round(scale * width)
        opaque = np.ones_like(rgb[..., :1])
        rgb = image_crops.resized(np.concatenate([rgb, opaque], axis=-1), small)[..., :3]
        alpha = None if alpha is None else image_crops.averaged(alpha, small)
    return rgb, alpha, picture.orientation


def _same_aspect(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether one picture may be the other, scaled."""
    scale = max(size) / max(other)
    slack = _ASPECT_TOLERANCE_PX * max(1.0, scale)
    return all(abs(a - scale * b) <= slack for a, b in zip(size, other, strict=True))


def _read_mask(path: pathlib.Path, shape: tuple[int, int], orientation: int) -> np.ndarray:
    """Coverage [h, w] for a photograph of this shape, from a mask of the upright picture."""
    mask = photo.read_coverage(path)
    stored = _STORED_FROM_UPRIGHT.get(orientation, lambda upright: upright)(mask)
    height, width = shape
    for candidate in (stored, mask):
        rows, columns = candidate.shape
        if _same_aspect((columns, rows), (width, height)):
            return image_crops.averaged(np.float32(candidate), (height, width))
    raise UserError(
        f"mask {path} is {mask.shape[1]} x {mask.shape[0]} px but its photograph has the shape of "
        f"{width} x {height}; make masks of the photographs themselves"
    )

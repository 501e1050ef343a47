"""A folder of photographs, their pose file and their masks: what belongs together, undistorted.

Poses are about the pixels of a file as they are stored: COLMAP and the tools around it pass over
the EXIF note that turns a picture upright. A picture is turned only if its pose file gives it a
size that has the shape of the turned picture and not of the stored one, or if outlines agree only
so (`posed.read`). Masks are about the picture that people see, upright, because that is what
`jaxrelic segment` and others write.
"""

import dataclasses
import logging
import pathlib
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from jaxrelic.data.pose_files.records import PhotographPose, PoseFile, undistort
from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, image_crops
from jaxrelic.geometry.carving import Outline, is_whole
from jaxrelic.photos import checks, matching, photo

logger = logging.getLogger(__name__)

MAX_SIDE_PX = 2048
"""Larger photographs are reduced to this; a view of the network has 256 pixels."""

CLEARER = 1.5
"""Factor by which edges of the picture must speak for a mask of the stored pixels."""

_ASPECT_TOLERANCE_PX = 1.5
"""Sides may be rounded when pictures are reduced."""

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
    mask_source: Literal["file", "alpha", "automatic"] = "file"
    """Where its mask is from."""
    note: int = 1
    """EXIF orientation that was passed over; 1 is none."""
    turned: bool = False
    """Whether its EXIF note was followed."""
    posed_size: tuple[int, int] | None = None
    """Width and height that its intrinsics are for, where the file says them."""
    read_size: tuple[int, int] | None = None
    """Width and height of the file, turned if it was."""

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


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Folder:
    """Photographs that have a pose, and how their objects are known."""

    pairs: Sequence[tuple[pathlib.Path, PhotographPose]]
    """Files and poses, in the order of the files."""
    masks: Sequence[pathlib.Path | None]
    """The mask of each, if a file has it."""
    source: str
    """The pose file, for messages."""
    find: Callable[[np.ndarray], np.ndarray]
    """From a photograph [h, w, 3] in [0, 1] to coverage of its object [h, w]."""
    found: dict[pathlib.Path, photo.Picture] = dataclasses.field(default_factory=dict)
    """What `find` found in photographs that may be read again, upright; in place of colours."""

    def read(self) -> list[PosedPhotograph]:
        """The photographs, undistorted, as they are stored."""
        read = [self._read(number, upright=False) for number in range(len(self.pairs))]
        _tell(read, self.source)
        return read

    def upright(self, photographs: Sequence[PosedPhotograph]) -> list[PosedPhotograph]:
        """The same photographs, now turned as their EXIF notes say before the poses apply."""
        return [
            photograph if photograph.note == 1 else self._read(number, upright=True)
            for number, photograph in enumerate(photographs)
        ]

    def _read(self, number: int, *, upright: bool) -> PosedPhotograph:
        """One photograph with its object, reduced and undistorted."""
        (path, pose), mask_path = self.pairs[number], self.masks[number]
        stored = photo.read_picture(path)
        picture = _as_posed(path, stored, pose, self.source, upright=upright)
        read_size = picture.rgb.shape[1::-1]
        picture = _reduced(picture)
        height, width = picture.rgb.shape[:2]
        name = str(path) if mask_path is None else f"{path} (mask {mask_path})"
        mask, mask_source = self._mask(path, picture, mask_path, stored.orientation)
        # Intrinsics without a size are those of the file, before it was reduced.
        pixel_from_cam = cameras.resize_intrinsics(
            pose.intrinsics(*read_size), width / read_size[0], height / read_size[1]
        )
        checks.check_lens(name, pixel_from_cam, (height, width), source=self.source)
        checks.check_principal_point(name, pixel_from_cam, (height, width), source=self.source)
        checks.check_mask(name, mask > 0.5)
        rgba = np.concatenate([picture.rgb * mask[..., None], mask[..., None]], axis=-1)
        rgba = undistort(rgba, pixel_from_cam, pose.distortion)
        return PosedPhotograph(
            name=name,
            rgba=rgba.astype(np.float16),
            cam_from_world=pose.cam_from_world,
            pixel_from_cam=pixel_from_cam,
            mask_source=mask_source,
            note=picture.orientation,
            turned=picture.orientation != stored.orientation,
            posed_size=pose.size,
            read_size=read_size,
        )

    def _mask(
        self,
        path: pathlib.Path,
        picture: photo.Picture,
        mask_path: pathlib.Path | None,
        note: int,
    ) -> tuple[np.ndarray, Literal["file", "alpha", "automatic"]]:
        """Coverage [h, w] of a picture, and where it is from."""
        if mask_path is not None:
            return _read_mask(mask_path, picture, note), "file"
        if picture.alpha is not None and photo.shows_object(picture.alpha):
            return picture.alpha, "alpha"
        if path in self.found:
            return self.found[path].upright().rgb, "automatic"
        mask = np.float32(self.find(picture.rgb))
        if picture.orientation != 1:
            self.found[path] = dataclasses.replace(picture, rgb=mask, alpha=None)
        return mask, "automatic"


def read_folder(
    folder: pathlib.Path,
    poses: PoseFile,
    *,
    masks: pathlib.Path | None,
    find: Callable[[np.ndarray], np.ndarray],
) -> Folder:
    """The photographs of a folder that have a pose, in the order of their names.

    Args:
        folder: With the photographs.
        poses: Poses of the photographs.
        masks: Folder with a mask of the same stem for every photograph; None takes the masks that
            the pose file names, else a photograph's transparency, else its object is found.
        find: From a photograph [h, w, 3] in [0, 1] to coverage of its object [h, w].
    """
    pairs = matching.match(folder, poses)
    if masks is None:
        found = [matching.named_mask(pose, poses, folder) for _, pose in pairs]
        _check_named(pairs, found, poses)
    else:
        found = list(matching.masks_of([path for path, _ in pairs], folder, masks))
    return Folder(pairs=pairs, masks=found, source=str(poses.path), find=find)


def _check_named(
    pairs: Sequence[tuple[pathlib.Path, PhotographPose]],
    masks: Sequence[pathlib.Path | None],
    poses: PoseFile,
) -> None:
    """Masks that a pose file names are there, all of them or none; it is said which."""
    named = [pose.mask_name for _, pose in pairs if pose.mask_name]
    missing = [
        str(pose.mask_name)
        for (_, pose), mask in zip(pairs, masks, strict=True)
        if pose.mask_name and mask is None
    ]
    if missing:
        raise UserError(
            f"{poses.path} names masks (mask_path) that are not there: {matching.some(missing)}; "
            "put them beside the pose file, or give their folder with --masks"
        )
    if named:
        logger.info("%s: %d masks are those that it names (mask_path)", poses.path, len(named))


def _tell(photographs: Sequence[PosedPhotograph], source: str) -> None:
    """One line for all pictures that were turned, and one for all of another size than posed."""
    if turned := [each.name for each in photographs if each.turned]:
        logger.info(
            "%d pictures turned upright, which is how %s describes them (first: %s)",
            len(turned),
            source,
            turned[0],
        )
    scaled = [each for each in photographs if each.posed_size not in (None, each.read_size)]
    if scaled:
        logger.info(
            "%d of %d pictures have another size than their intrinsics are for, which are scaled "
            "(first: %s, %d x %d for %d x %d px)",
            len(scaled),
            len(photographs),
            scaled[0].name,
            *scaled[0].read_size,
            *scaled[0].posed_size,
        )


def _as_posed(
    path: pathlib.Path, picture: photo.Picture, pose: PhotographPose, source: str, *, upright: bool
) -> photo.Picture:
    """The picture in the orientation that the pose is about, by its size or because it is said."""
    if upright:
        return picture.upright()
    height, width = picture.rgb.shape[:2]
    size = pose.size
    if size is None or _same_aspect((width, height), size):
        return picture
    if picture.orientation < 5 or not _same_aspect((height, width), size):
        raise UserError(
            f"{path}: wrong intrinsics: the picture is {width} x {height} px, {source} says "
            f"{size[0]} x {size[1]}, which is another shape; give the photographs "
            "that the poses were made from, not cropped ones"
        )
    return picture.upright()


def _reduced(picture: photo.Picture) -> photo.Picture:
    """The picture with at most MAX_SIDE_PX a side."""
    height, width = picture.rgb.shape[:2]
    scale = MAX_SIDE_PX / max(width, height)
    if scale >= 1:
        return picture
    small = round(scale * height), round(scale * width)
    opaque = np.ones_like(picture.rgb[..., :1])
    rgb = image_crops.resized(np.concatenate([picture.rgb, opaque], axis=-1), small)[..., :3]
    alpha = None if picture.alpha is None else image_crops.averaged(picture.alpha, small)
    return dataclasses.replace(picture, rgb=rgb, alpha=alpha)


def _same_aspect(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether one picture may be the other, scaled."""
    scale = max(size) / max(other)
    slack = _ASPECT_TOLERANCE_PX * max(1.0, scale)
    return all(abs(a - scale * b) <= slack for a, b in zip(size, other, strict=True))


def _read_mask(path: pathlib.Path, picture: photo.Picture, note: int) -> np.ndarray:
    """Coverage [h, w] for a photograph whose file has an EXIF note, from a mask of it upright.

    Masks of the stored pixels are found out by their shape or, where a picture keeps its shape when
    it is turned, by the picture's edges.
    """
    mask = photo.read_coverage(path)
    if picture.orientation == note:
        readings = (_STORED_FROM_UPRIGHT.get(note, lambda upright: upright)(mask), mask)
    else:
        stored = photo.Picture(rgb=mask, alpha=None, orientation=note)
        readings = (mask, stored.upright().rgb)
    height, width = picture.rgb.shape[:2]
    fitting = [
        image_crops.averaged(np.float32(candidate), (height, width))
        for candidate in readings
        if _same_aspect(candidate.shape[::-1], (width, height))
    ]
    if not fitting:
        raise UserError(
            f"mask {path} is {mask.shape[1]} x {mask.shape[0]} px but its photograph has the shape "
            f"of {width} x {height}; make masks of the photographs themselves"
        )
    if note != 1 and len(fitting) == 2:
        turned, as_it_is = (_contrast(picture.rgb, each) for each in fitting)
        return fitting[as_it_is > CLEARER * turned]
    return fitting[0]


def _contrast(rgb: np.ndarray, mask: np.ndarray) -> float:
    """How much a picture [h, w, 3] changes where a mask [h, w] does, over how much elsewhere."""
    down, across = np.gradient(rgb.mean(axis=-1))
    change = np.hypot(down, across)
    outline = np.hypot(*np.gradient(mask))
    return float(np.sum(change * outline) / max(np.sum(outline), 1e-9) / max(change.mean(), 1e-9))

"""PASCAL3D+ release 1.1 (specification msrn G.4).

The annotated camera looks along its -z with x right and y up (the release's own projection); CAD
models are z-up and stay so. A viewport of 3000 pixels makes the camera nearly orthographic.
"""

import functools
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.io

from jaxrelic.data.archives.archive import (
    BrokenFileError,
    Entry,
    Gap,
    Shot,
    Surface,
    box_square,
    make_shot,
    read_lines,
    read_mask,
    read_rgb,
    rigid,
)
from jaxrelic.data.archives.mesh_files import sample_mesh_file

NUM_CADS = {
    "aeroplane": 8,
    "bicycle": 6,
    "boat": 6,
    "bottle": 8,
    "bus": 6,
    "car": 10,
    "chair": 10,
    "diningtable": 6,
    "motorbike": 5,
    "sofa": 6,
    "train": 4,
    "tvmonitor": 4,
}
"""CAD models of each class."""

MIN_KEYPOINTS = 4
"""Keypoints that must be visible, where any are annotated [CMR]."""
VISIBLE = 1
"""Status of a keypoint that is seen."""
MASKS = "Masks"
"""Folder in which masks are looked for: the release has none."""

_IMAGENET, _VOC = "imagenet", "pascal"
_EXTENSIONS = {_IMAGENET: ".JPEG", _VOC: ".jpg"}
_VOC_LISTS = pathlib.PurePosixPath("PASCAL/VOCdevkit/VOC2012/ImageSets/Main")


class Pascal3d:
    """`Images/`, `Annotations/`, `CAD/` and `Image_sets/` of the release.

    Splits follow CMR: train is VOC's train and all of ImageNet, test is VOC's val. VOC's lists come
    with the release; without them only ImageNet's images are read. Objects that are difficult,
    truncated or occluded, or of which fewer than four annotated keypoints are visible, are left
    out. CMR's two other conditions need a detector and its reconstructions: they are not applied.

    Masks are read from `Masks/<class>_<source>/<id>.png`, for a picture with several objects
    `<id>_<number>.png`, counted from 1.
    """

    layout = "pascal3d"
    published: Mapping[tuple[str, str], int] = {}
    counted = "images"

    def __init__(self, root: pathlib.Path):
        self.root = root

    @staticmethod
    def recognises(root: pathlib.Path) -> bool:
        """Whether a folder has this layout."""
        return (root / "Annotations").is_dir() and (root / "CAD").is_dir()

    @property
    def categories(self) -> tuple[str, ...]:
        annotations = self.root / "Annotations"
        return tuple(
            name
            for name in NUM_CADS
            if any((annotations / f"{name}_{source}").is_dir() for source in _EXTENSIONS)
        )

    @property
    def splits(self) -> tuple[str, ...]:
        return ("train", "test") if self._voc_list("val") else ("train",)

    def _voc_list(self, split: str) -> list[str]:
        return read_lines(self.root / _VOC_LISTS / f"{split}.txt")

    def entries(self, split: str, category: str) -> list[Entry]:
        found, seen = [], {}
        for path, source in self._annotations(split, category):
            for number, instance in _usable_objects(path, category):
                view = seen.setdefault(instance, 0)
                seen[instance] += 1
                found.append(
                    Entry(
                        image_id=f"{category}_{source}/{path.stem}/{number}",
                        category=category,
                        instance=instance,
                        view=view,
                        source=self._image(path, source),
                        key=(path, source, number),
                    )
                )
        return found

    def _annotations(self, split: str, category: str) -> Iterator[tuple[pathlib.Path, str]]:
        """Annotation files of a split, and where their pictures are from."""
        folder = self.root / "Annotations"
        listed = set(self._voc_list("train" if split == "train" else "val"))
        if split in self.splits:
            for path in sorted((folder / f"{category}_{_VOC}").glob("*.mat")):
                if path.stem in listed:
                    yield path, _VOC
        if split == "train":
            for path in sorted((folder / f"{category}_{_IMAGENET}").glob("*.mat")):
                yield path, _IMAGENET

    def _image(self, annotation: pathlib.Path, source: str) -> str:
        return f"Images/{annotation.parent.name}/{annotation.stem}{_EXTENSIONS[source]}"

    def read(self, entry: Entry) -> Shot:
        path, _, number = entry.key
        objects = read_objects(path)
        if number > len(objects):
            raise BrokenFileError(path, "has no object")
        thing = objects[number - 1]
        rgb = read_rgb(self.root / entry.source)
        mask = read_mask(self._mask_path(path, number, len(objects)), rgb)
        try:
            # MATLAB's first pixel is 1, and the last one is part of the box.
            x1, y1, x2, y2 = np.asarray(_field(thing, "bbox"), np.float64)
            known = camera(_field(thing, "viewpoint"))
        except (TypeError, ValueError) as error:
            raise BrokenFileError(path, f"object {number} has no box or viewpoint") from error
        cam_from_world, pixel_from_cam = known if known else (None, None)
        return make_shot(
            rgb,
            mask,
            cam_from_world=cam_from_world,
            pixel_from_cam=pixel_from_cam,
            square=box_square((x1 - 1, y1 - 1, x2, y2)),
        )

    def _mask_path(self, annotation: pathlib.Path, number: int, objects: int) -> pathlib.Path:
        name = annotation.stem if objects == 1 else f"{annotation.stem}_{number}"
        return self.root / MASKS / annotation.parent.name / f"{name}.png"

    def surface(self, entry: Entry, count: int) -> Surface | None:
        path = self.root / "CAD" / f"{entry.instance}.off"
        if not path.exists():
            return None
        return sample_mesh_file(path, np.eye(3), count=count, key=entry.instance)

    def gaps(self) -> Sequence[Gap]:
        found = []
        if absent := [name for name in NUM_CADS if name not in self.categories]:
            found.append(Gap(missing=f"classes {', '.join(absent)}", prevents="their rows"))
        if "test" not in self.splits:
            lists = _VOC_LISTS / "{train,val}.txt"
            found.append(Gap(missing=str(lists), prevents="split test and VOC's images"))
        for name in self.categories:
            present = len(list((self.root / "CAD" / name).glob("*.off")))
            if present < NUM_CADS[name]:
                missing = f"{NUM_CADS[name] - present} of {NUM_CADS[name]} CAD models of {name}"
                found.append(Gap(missing=missing, prevents="measuring their Chamfer distance"))
        entries = [e for s in self.splits for c in self.categories for e in self.entries(s, c)]
        absent = sum(not (self.root / entry.source).exists() for entry in entries)
        if absent:
            missing = f"{absent} of {len(entries)} pictures"
            found.append(Gap(missing=missing, prevents="reading those images"))
        absent = sum(not self._has_mask(entry) for entry in entries)
        if absent:
            missing = f"{absent} of {len(entries)} masks ({MASKS}/<class>_<source>/<id>.png)"
            found.append(Gap(missing=missing, prevents="reading those images"))
        return found

    def _has_mask(self, entry: Entry) -> bool:
        path, _, number = entry.key
        single, one_of_several = (self._mask_path(path, number, n) for n in (1, 2))
        return single.exists() or one_of_several.exists()


def _usable_objects(path: pathlib.Path, category: str) -> list[tuple[int, str]]:
    """Number, from 1, and CAD model of each object of the class that may be used.

    A file that cannot be read gives one, so that reading it says why.
    """
    try:
        objects = read_objects(path)
    except BrokenFileError:
        return [(1, f"{category}/00")]
    return [
        (number, f"{category}/{int(_field(thing, 'cad_index', 0)):02d}")
        for number, thing in enumerate(objects, start=1)
        if getattr(thing, "class", None) == category and _usable(thing)
    ]


def _usable(thing: Any) -> bool:
    spoiled = any(int(_field(thing, flag, 0)) for flag in ("difficult", "truncated", "occluded"))
    anchors = _field(thing, "anchors")
    if spoiled or anchors is None:
        return not spoiled
    statuses = [_field(getattr(anchors, name), "status", 0) for name in anchors._fieldnames]
    return sum(int(status) == VISIBLE for status in statuses) >= MIN_KEYPOINTS


@functools.lru_cache(maxsize=256)
def read_objects(path: pathlib.Path) -> tuple[Any, ...]:
    """The annotated objects of a file, be they none, one or several."""
    try:
        record = scipy.io.loadmat(path, struct_as_record=False, squeeze_me=True)["record"]
        return tuple(np.atleast_1d(record.objects))
    except FileNotFoundError as error:
        raise BrokenFileError(path, "no such file") from error
    except Exception as error:  # SciPy raises what its parsers raise.
        raise BrokenFileError(path, f"no readable annotation ({error!r})") from error


def _field(struct: Any, name: str, default: Any = None) -> Any:
    """A field of a MATLAB struct; absent and empty ones are the default."""
    value = getattr(struct, name, default)
    return default if isinstance(value, np.ndarray) and not value.size else value


def camera(viewpoint: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """cam_from_world [4, 4] and pixel_from_cam [3, 3] of a viewpoint.

    None where there is no viewpoint, or only coarse angles: those come with distance 0.
    """
    distance = 0.0 if viewpoint is None else float(_field(viewpoint, "distance", 0))
    if not distance:
        return None
    azimuth, elevation, theta = (
        np.deg2rad(float(_field(viewpoint, name, 0))) for name in ("azimuth", "elevation", "theta")
    )
    flip = np.diag([1.0, -1, -1])  # From x right, y up, looking along -z.
    rotation = flip @ _about_z(theta) @ _about_x(elevation - np.pi / 2) @ _about_z(-azimuth)
    # The camera sits at the distance, towards -y for azimuth 0, and looks at the origin.
    cam_from_world = rigid(rotation, np.array([0, 0, distance]))
    focal = float(_field(viewpoint, "focal", 1)) * float(_field(viewpoint, "viewport", 3000))
    # MATLAB's first pixel has its centre at 1, ours at 0.5.
    x, y = (float(_field(viewpoint, name, 0)) - 0.5 for name in ("px", "py"))
    return cam_from_world, np.array([[focal, 0, x], [0, focal, y], [0, 0, 1]])


def _about_z(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _about_x(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])

"""The car pack of U-CMR and Unicorn: PASCAL3D+ cars with masks (specification msrn G.4)."""

import functools
import pathlib
from collections.abc import Mapping, Sequence
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
    check_same_size,
    fewer,
    make_shot,
    read_rgb,
)
from jaxrelic.errors import UserError
from jaxrelic.weights import read_weights

NUM_CADS = 10
_LISTS = {"train": "car_train.mat", "test": "car_test.mat"}


class Pascal3dCars:
    """`Images/`, `ucmr_anno/data/car_<split>.mat` and `unicorn_anno/car/NN_pointcloud.pt`.

    Its cameras are orthographic estimates without a pinhole's distance, so images have none here.
    Point clouds are in the frame that Unicorn stores them in.
    """

    layout = "pascal3d-cars"
    published: Mapping[tuple[str, str], int] = {("car", "train"): 4975, ("car", "test"): 219}
    counted = "images"
    categories = ("car",)

    def __init__(self, root: pathlib.Path):
        self.root = root

    @staticmethod
    def recognises(root: pathlib.Path) -> bool:
        """Whether a folder has this layout."""
        return (root / "ucmr_anno" / "data").is_dir()

    def _list(self, split: str) -> pathlib.Path:
        return self.root / "ucmr_anno" / "data" / _LISTS[split]

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(split for split in _LISTS if self._list(split).exists())

    def entries(self, split: str, category: str) -> list[Entry]:
        if split not in self.splits:
            return []
        found, seen = [], {}
        for row, annotation in enumerate(_read_images(self._list(split))):
            instance = f"car/{int(annotation.cad_index):02d}"
            view = seen.setdefault(instance, 0)
            seen[instance] += 1
            found.append(
                Entry(
                    image_id=f"{split}/{row:05d}",
                    category=category,
                    instance=instance,
                    view=view,
                    source=f"Images/{annotation.rel_path}",
                    key=(split, row),
                )
            )
        return found

    def read(self, entry: Entry) -> Shot:
        split, row = entry.key
        annotation = _read_images(self._list(split))[row]
        rgb = read_rgb(self.root / entry.source)
        mask = np.uint8(255 * (np.asarray(annotation.mask) > 0))
        check_same_size(self.root / entry.source, mask, rgb)
        box = annotation.bbox
        return make_shot(
            rgb,
            mask,
            cam_from_world=None,
            pixel_from_cam=None,
            square=box_square((box.x1 - 1, box.y1 - 1, box.x2, box.y2)),
        )

    def surface(self, entry: Entry, count: int) -> Surface | None:
        path = self._points_path(entry.instance)
        if not path.exists():
            return None
        try:
            stored = read_weights(path)
            points, normals = np.float64(stored["points"]), np.float64(stored["normals"])
        except (UserError, KeyError) as error:
            raise BrokenFileError(path, f"no points and normals ({error})") from error
        return fewer(points, normals, count, entry.instance)

    def _points_path(self, instance: str) -> pathlib.Path:
        category, number = instance.split("/")
        return self.root / "unicorn_anno" / category / f"{number}_pointcloud.pt"

    def gaps(self) -> Sequence[Gap]:
        found = [
            Gap(missing=name, prevents=f"split {split}")
            for split, name in _LISTS.items()
            if split not in self.splits
        ]
        absent = [
            n for n in range(1, NUM_CADS + 1) if not self._points_path(f"car/{n:02d}").exists()
        ]
        if absent:
            missing = f"{len(absent)} of {NUM_CADS} point clouds in unicorn_anno/car"
            found.append(Gap(missing=missing, prevents="measuring their Chamfer distance"))
        entries = [entry for split in self.splits for entry in self.entries(split, "car")]
        absent = sum(not (self.root / entry.source).exists() for entry in entries)
        if absent:
            missing = f"{absent} of {len(entries)} pictures"
            found.append(Gap(missing=missing, prevents="reading those images"))
        return found


@functools.lru_cache(maxsize=2)
def _read_images(path: pathlib.Path) -> tuple[Any, ...]:
    try:
        stored = scipy.io.loadmat(path, struct_as_record=False, squeeze_me=True)
        return tuple(np.atleast_1d(stored["images"]))
    except Exception as error:  # SciPy raises what its parsers raise.
        raise BrokenFileError(path, f"no readable list of images ({error!r})") from error

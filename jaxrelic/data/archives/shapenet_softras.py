"""ShapeNet renders as Kato's archives of arrays, the layout of SoftRas and NMR.

Specification msrn G.2.

Their world is left-handed: x right, y up, and z away from the viewer of azimuth 0, because the
renderer's camera takes up x forward for its right hand. Swapping y and z makes it ours; the images
then show what a real camera would see.
"""

import functools
import pathlib
import zipfile
from collections.abc import Sequence

import numpy as np

from jaxrelic.data.archives import shapenet
from jaxrelic.data.archives.archive import (
    SPLITS,
    BrokenFileError,
    Entry,
    Gap,
    Shot,
    Surface,
    make_shot,
    ndc_intrinsics,
)
from jaxrelic.geometry import cameras

DISTANCE = 2.732
ELEVATION_DEG = 30.0
AZIMUTH_STEP_DEG = -15.0
FOCAL = 3.732050895690918
"""1 / tan(15 degrees), in half widths."""
SIDE = 64
VOXELS = 32


class ShapeNetSoftras:
    """`<synset>_<split>_images.npz` and `_voxels.npz`."""

    layout = "shapenet-softras"
    published = shapenet.PUBLISHED
    counted = "objects"

    def __init__(self, root: pathlib.Path):
        self.root = root

    @staticmethod
    def recognises(root: pathlib.Path) -> bool:
        """Whether a folder has this layout."""
        return any(root.glob("*_*_images.npz"))

    def _path(self, category: str, split: str, what: str) -> pathlib.Path:
        synset = {name: synset for synset, name in shapenet.NAMES.items()}[category]
        return self.root / f"{synset}_{split}_{what}.npz"

    @property
    def categories(self) -> tuple[str, ...]:
        present = {path.name.split("_")[0] for path in self.root.glob("*_*_images.npz")}
        return tuple(name for synset, name in shapenet.NAMES.items() if synset in present)

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(s for s in SPLITS if any(self.root.glob(f"*_{s}_images.npz")))

    def entries(self, split: str, category: str) -> list[Entry]:
        path = self._path(category, split, "images")
        if not path.exists():
            return []
        return [
            Entry(
                image_id=f"{category}/{split}/{model:05d}/{view:02d}",
                category=category,
                # The archives name no models: all that is known is the row.
                instance=f"{category}/{split}/{model:05d}",
                view=view,
                source=path.name,
                key=(path, model),
            )
            for model in range(_first_length(path))
            for view in range(shapenet.VIEWS)
        ]

    def read(self, entry: Entry) -> Shot:
        path, model = entry.key
        rgba = _first_array(path, (shapenet.VIEWS, 4, SIDE, SIDE))[model, entry.view]
        rgba = np.moveaxis(rgba, 0, -1)
        return make_shot(
            rgba[..., :3],
            rgba[..., 3],
            cam_from_world=view_cameras()[entry.view],
            pixel_from_cam=ndc_intrinsics(np.diag([FOCAL, FOCAL, 1]), SIDE),
        )

    def surface(self, entry: Entry, count: int) -> Surface | None:
        """None: the archives hold no surfaces."""
        return None

    def voxels(self, entry: Entry) -> np.ndarray:
        """The true occupancy in our world, indexed [x, y, z], [32, 32, 32] bool."""
        path, model = entry.key
        path = path.with_name(path.name.replace("_images", "_voxels"))
        return voxels_from_softras(_first_array(path, (VOXELS,) * 3)[model] > 0)

    def gaps(self) -> Sequence[Gap]:
        found = []
        if absent := [name for name in shapenet.NAMES.values() if name not in self.categories]:
            found.append(Gap(missing=f"categories {', '.join(absent)}", prevents="their rows"))
        names = {path.name.split("_")[0] for path in self.root.glob("*_*_images.npz")}
        if unknown := sorted(names - set(shapenet.NAMES)):
            found.append(
                Gap(missing=f"a category for {', '.join(unknown)}", prevents="reading their files")
            )
        for category in self.categories:
            for split in SPLITS:
                for what, use in (("images", f"split {split}"), ("voxels", "measuring voxel IoU")):
                    if not (path := self._path(category, split, what)).exists():
                        found.append(Gap(missing=path.name, prevents=f"{use} of {category}"))
        found.append(
            Gap(missing="surfaces (this layout has none)", prevents="measuring Chamfer distance")
        )
        return found


@functools.cache
def view_cameras() -> np.ndarray:
    """Our cam_from_world [24, 4, 4]: the eye goes clockwise, seen from above, starting at -y."""
    azimuth = np.deg2rad(AZIMUTH_STEP_DEG * np.arange(shapenet.VIEWS) - 90)
    elevation = np.full(shapenet.VIEWS, np.deg2rad(ELEVATION_DEG))
    origin = np.tile(np.float32([0, 0, DISTANCE]), (shapenet.VIEWS, 1))
    angles = (np.float32(azimuth), np.float32(elevation), np.zeros(shapenet.VIEWS, np.float32))
    return np.asarray(cameras.orbit(*angles, origin))


def voxels_from_softras(voxels: np.ndarray) -> np.ndarray:
    """Stored occupancy [y, x, -z] of the left-handed frame as [x, z, y], our [x, y, z]."""
    return np.transpose(voxels[:, :, ::-1], (1, 2, 0))


def _first_length(path: pathlib.Path) -> int:
    """Rows of the first array; 1 if the header does not say, so that reading it says why."""
    try:
        with zipfile.ZipFile(path) as stored, stored.open(stored.namelist()[0]) as array:
            version = np.lib.format.read_magic(array)
            read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
                version, np.lib.format.read_array_header_2_0
            )
            return read(array)[0][0]
    except (OSError, ValueError, IndexError, zipfile.BadZipFile):
        return 1


@functools.lru_cache(maxsize=1)
def _first_array(path: pathlib.Path, item_shape: tuple[int, ...]) -> np.ndarray:
    """Whatever array comes first, read whole: an archive is compressed, rows cannot be."""
    try:
        with path.open("rb") as file, np.load(file) as stored:
            array = stored[stored.files[0]] if stored.files else None
    except FileNotFoundError as error:
        raise BrokenFileError(path, "no such file") from error
    except Exception as error:  # A damaged zip raises what zipfile, zlib and NumPy raise.
        raise BrokenFileError(path, f"no readable .npz ({error})") from error
    if array is None or array.shape[1:] != item_shape:
        shape = None if array is None else array.shape
        raise BrokenFileError(path, f"holds {shape}, not (N, {', '.join(map(str, item_shape))})")
    return array

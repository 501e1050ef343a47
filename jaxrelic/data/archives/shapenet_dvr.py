"""ShapeNet renders as `NMR_Dataset`, the layout of DVR (specification msrn G.1).

DVR's cameras are x right, y down, z forward as ours; its world is y-up.
"""

import functools
import pathlib
from collections.abc import Sequence

import numpy as np

from jaxrelic.data.archives import shapenet
from jaxrelic.data.archives.archive import (
    SPLITS,
    WORLD_FROM_YUP,
    BrokenFileError,
    Entry,
    Gap,
    Shot,
    Surface,
    fewer,
    make_shot,
    ndc_intrinsics,
    read_lines,
    read_mask,
    read_npz,
    read_rgb,
    rigid,
    size_words,
)

POINTS_FILE = "pointcloud.npz"


class ShapeNetDvr:
    """`<synset>/softras_<split>.lst` and one folder per model."""

    layout = "shapenet-dvr"
    published = shapenet.PUBLISHED
    counted = "objects"

    def __init__(self, root: pathlib.Path):
        self.root = root

    @staticmethod
    def recognises(root: pathlib.Path) -> bool:
        """Whether a folder has this layout."""
        return any(root.glob("*/softras_*.lst"))

    @functools.cached_property
    def _synsets(self) -> dict[str, str]:
        """Synset by category name, of the folders that have lists."""
        present = {path.parent.name for path in self.root.glob("*/softras_*.lst")}
        return {name: synset for synset, name in shapenet.NAMES.items() if synset in present}

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(self._synsets)

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(s for s in SPLITS if any(self.root.glob(f"*/softras_{s}.lst")))

    def entries(self, split: str, category: str) -> list[Entry]:
        synset = self._synsets[category]
        models = read_lines(self.root / synset / f"softras_{split}.lst")
        return [
            Entry(
                image_id=f"{synset}/{model}/{view:04d}",
                category=category,
                instance=f"{synset}/{model}",
                view=view,
                source=f"{synset}/{model}/image/{view:04d}.png",
                key=None,
            )
            for model in models
            for view in range(shapenet.VIEWS)
        ]

    def read(self, entry: Entry) -> Shot:
        folder = self.root / entry.instance
        rgb = read_rgb(self.root / entry.source)
        if rgb.shape[0] != rgb.shape[1]:
            raise BrokenFileError(self.root / entry.source, f"is {size_words(rgb)}, not square")
        cam_from_world, projection = self._camera(folder, entry.view)
        return make_shot(
            rgb,
            read_mask(folder / "mask" / f"{entry.view:04d}.png", rgb),
            cam_from_world=cam_from_world,
            pixel_from_cam=ndc_intrinsics(projection, len(rgb)),
        )

    def _camera(self, folder: pathlib.Path, view: int) -> tuple[np.ndarray, np.ndarray]:
        """cam_from_world [4, 4] in our world, and the projection [3, 3]."""
        names = f"world_mat_{view}", f"camera_mat_{view}"
        path = folder / "cameras.npz"
        world, camera = read_npz(path, *names).values()
        if world.shape not in ((3, 4), (4, 4)) or min(camera.shape) < 3:
            raise BrokenFileError(path, f"{names[0]} is {world.shape}, {names[1]} {camera.shape}")
        return cam_from_world_from_dvr(world), camera[:3, :3]

    def surface(self, entry: Entry, count: int) -> Surface | None:
        path = self.root / entry.instance / POINTS_FILE
        if not path.exists():
            return None
        points, normals = read_npz(path, "points", "normals").values()
        points, normals = (np.asarray(x) @ WORLD_FROM_YUP.T for x in (points, normals))
        return fewer(points, normals, count, entry.instance)

    def gaps(self) -> Sequence[Gap]:
        found = []
        if absent := [name for name in shapenet.NAMES.values() if name not in self.categories]:
            found.append(Gap(missing=f"categories {', '.join(absent)}", prevents="their rows"))
        unknown = {path.parent.name for path in self.root.glob("*/softras_*.lst")}
        if unknown := sorted(unknown - set(shapenet.NAMES)):
            found.append(
                Gap(missing=f"a category for {', '.join(unknown)}", prevents="reading that folder")
            )
        for split in SPLITS:
            absent = [n for n, s in self._synsets.items() if not self._list(s, split).exists()]
            if absent:
                where = f"softras_{split}.lst of {', '.join(absent)}"
                found.append(Gap(missing=where, prevents=f"their split {split}"))
        return [*found, *self._model_gaps()]

    def _list(self, synset: str, split: str) -> pathlib.Path:
        return self.root / synset / f"softras_{split}.lst"

    def _model_gaps(self) -> list[Gap]:
        models = {
            self.root / synset / model
            for synset in self._synsets.values()
            for split in SPLITS
            for model in read_lines(self._list(synset, split))
        }
        found = []
        if absent := sum(not model.is_dir() for model in models):
            missing = f"folders of {absent} of {len(models)} listed models"
            found.append(Gap(missing=missing, prevents="reading their images"))
        if absent := sum(not (model / POINTS_FILE).exists() for model in models):
            missing = f"{POINTS_FILE} of {absent} of {len(models)} models"
            found.append(Gap(missing=missing, prevents="measuring their Chamfer distance"))
        return found


def cam_from_world_from_dvr(world_mat: np.ndarray) -> np.ndarray:
    """DVR's camera from its y-up world, [3, 4] or [4, 4], as ours from our z-up world."""
    rotation, translation = world_mat[:3, :3], world_mat[:3, 3]
    return rigid(rotation @ WORLD_FROM_YUP.T, translation)

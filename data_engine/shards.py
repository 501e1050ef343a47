"""TFDS shards of the rendered relics: `relic_views`, one record per relic.

TensorFlow is not needed: images enter as the PNG bytes that lie in the render folder, and the files
are ArrayRecord. `tfds.builder_from_directory` reads the result without this module.
"""

import contextlib
import dataclasses
import filecmp
import io
import logging
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow_datasets as tfds

from data_engine.catalog_schema import Relic
from data_engine.errors import UserError
from data_engine.gltf.reader import load_geometry
from data_engine.progress import progress
from data_engine.rendering import views
from data_engine.rendering.framing import Framing
from data_engine.rendering.poses import PoseSet
from data_engine.shapes import sample_surface
from data_engine.splits import SPLITS, SplitShares
from data_engine.workspace import Workspace
from jaxrelic.data import schema

NAME, LAYOUT = "relic_views", "1.0.0"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardSource:
    """Everything a build reads; the same source gives the same bytes."""

    workspace: Workspace
    render_id: str
    poses: PoseSet
    relics: tuple[Relic, ...]
    """Those with a complete render folder, sorted by uid."""
    split_of: dict[str, str]
    """uid to split."""
    moved: dict[str, str]
    """Clusters that were moved to fill an empty split (splits.assign_splits)."""
    shares: SplitShares
    """How much was held out."""

    def config_name(self) -> str:
        """`v40_256`: number of views, then size in pixels."""
        return f"v{len(self.poses)}_{self.poses.size}"


class RelicViews(tfds.core.GeneratorBasedBuilder):
    """Relics seen by posed cameras, with depth, surface samples and provenance."""

    VERSION = tfds.core.Version(LAYOUT)
    RELEASE_NOTES = {LAYOUT: "First layout."}  # noqa: RUF012 - TFDS reads a plain dict here

    def __init__(self, *, source: ShardSource, on_record: Callable[[], None], **kwargs):
        """Takes the records' source besides the arguments of every TFDS builder."""
        self._source, self._on_record = source, on_record
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        poses = self._source.poses
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(record_features(len(poses), poses.size)),
            description="Relics with provenance, rendered from known cameras. See jaxrelic.",
            metadata=tfds.core.MetadataDict(
                render_id=self._source.render_id,
                split_rule=self._source.shares.rule(),
                split_moved=self._source.moved,
            ),
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        used = set(self._source.split_of.values())
        return {split: self._generate_examples(split) for split in SPLITS if split in used}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict]]:
        source = self._source
        for relic in source.relics:
            if source.split_of[relic.uid] == split:
                yield relic.uid, make_record(source, relic)
                self._on_record()


def record_features(num_views: int, size: int) -> dict:
    """The TFDS features of `jaxrelic.data.schema`."""
    n, f = num_views, tfds.features
    image = f.Image(shape=(size, size, 4), encoding_format="png")
    depth = f.Image(shape=(size, size, 1), dtype=np.uint16, encoding_format="png")
    return {
        **{name: f.Text() for name in schema.TEXT_FIELDS},
        "label": f.ClassLabel(names=schema.LABELS),
        "category": f.ClassLabel(names=schema.CATEGORIES),
        "rgba": f.Sequence(image, length=n),
        "depth_mm": f.Sequence(depth, length=n),
        "cam_from_world": f.Tensor(shape=(n, 4, 4), dtype=np.float32),
        "pixel_from_cam": f.Tensor(shape=(n, 3, 3), dtype=np.float32),
        "near_far": f.Tensor(shape=(n, 2), dtype=np.float32),
        "view_name": f.Sequence(f.Text(), length=n),
        "anchor": f.Tensor(shape=(n,), dtype=np.int32),
        "neighbour": f.Tensor(shape=(n,), dtype=np.int32),
        "clipped": f.Tensor(shape=(n,), dtype=np.bool_),
        "normalize_scale": f.Scalar(dtype=np.float32),
        "normalize_center": f.Tensor(shape=(3,), dtype=np.float32),
        "points": f.Tensor(shape=(schema.NUM_SHAPE_POINTS, 3), dtype=np.float32),
        "normals": f.Tensor(shape=(schema.NUM_SHAPE_POINTS, 3), dtype=np.float32),
        "watertight": f.Scalar(dtype=np.bool_),
        "render_id": f.Text(),
    }


def make_record(source: ShardSource, relic: Relic) -> dict:
    """One record from the catalog, the render folder and the GLB."""
    folder = source.workspace.render_dir(source.render_id, relic.uid)
    meta, poses, n = views.read_meta(folder), source.poses, len(source.poses)
    framing = Framing(
        scale=meta["normalize_scale"],
        center=tuple(meta["normalize_center"]),
        up_axis=meta["up_axis"],
    )
    return {
        **_words(relic),
        "rgba": [(folder / views.image_name(name)).read_bytes() for name in poses.names],
        "depth_mm": [(folder / views.depth_name(name)).read_bytes() for name in poses.names],
        "cam_from_world": poses.cam_from_world().astype(np.float32),
        "pixel_from_cam": np.tile(poses.pixel_from_cam.astype(np.float32), (n, 1, 1)),
        "near_far": np.tile(np.float32(poses.near_far), (n, 1)),
        "view_name": list(poses.names),
        "anchor": np.array(poses.anchor, np.int32),
        "neighbour": np.array(poses.neighbour, np.int32),
        "clipped": np.array([view["clipped"] for view in meta["views"]]),
        "normalize_scale": np.float32(framing.scale),
        "normalize_center": np.array(framing.center, np.float32),
        **_samples(source.workspace, relic, framing),
        "watertight": bool(relic.watertight),
        "render_id": source.render_id,
    }


def _words(relic: Relic) -> dict:
    return {
        "uid": relic.uid,
        "source": relic.source,
        "title": relic.title,
        "caption": relic.caption_en or relic.description,
        "license": relic.license_spdx,
        "attribution": relic.attribution,
        "source_url": relic.source_url,
        # Only artifacts pass the cleaning stage; a local folder is the user's own judgement.
        "label": schema.LABELS.index("artifact"),
        "category": schema.CATEGORIES.index(relic.category),
    }


def _samples(workspace: Workspace, relic: Relic, framing: Framing) -> dict:
    mesh = load_geometry(workspace.blob_path(relic.glb_sha256))
    points, normals = sample_surface(
        framing.to_world(mesh.vertices), mesh.faces, count=schema.NUM_SHAPE_POINTS, key=relic.uid
    )
    return {"points": points, "normals": normals}


def build_shards(source: ShardSource) -> pathlib.Path:
    """Writes the data set beside its place, then moves it there whole; identical ones stay.

    Returns:
        The directory that `tfds.builder_from_directory` opens.
    """
    if not source.relics:
        raise UserError("no relic is rendered with these settings; run `data-engine render` first")
    root = source.workspace.shards
    config = tfds.core.BuilderConfig(name=source.config_name(), version=LAYOUT)
    target = root / NAME / config.name / LAYOUT
    with tempfile.TemporaryDirectory(dir=root, prefix=".building-") as temporary:
        with progress(len(source.relics), stage="shards", unit="relic") as bar, _quiet_tfds():
            builder = RelicViews(
                source=source,
                on_record=bar.update,
                config=config,
                data_dir=temporary,
                file_format="array_record",
            )
            builder.download_and_prepare()
        _replace(pathlib.Path(builder.data_dir), target)
    return target


@contextlib.contextmanager
def _quiet_tfds() -> Iterator[None]:
    """TFDS prints where it works and warns of custom configs; ours says what matters."""
    tfds.disable_progress_bar()
    absl = logging.getLogger("absl")
    level = absl.level
    absl.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        absl.setLevel(level)


def _replace(built: pathlib.Path, target: pathlib.Path) -> None:
    if target.is_dir() and _same_files(built, target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    retired = built.with_name("retired")  # In the temporary folder, which is deleted afterwards
    if target.exists():
        os.rename(target, retired)
    os.rename(built, target)
    shutil.rmtree(retired, ignore_errors=True)


def _same_files(a: pathlib.Path, b: pathlib.Path) -> bool:
    names = sorted(path.name for path in a.iterdir())
    if names != sorted(path.name for path in b.iterdir()):
        return False
    return all(filecmp.cmp(a / name, b / name, shallow=False) for name in names)

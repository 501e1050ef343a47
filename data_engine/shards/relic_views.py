"""`relic_views`: one record per relic, what `relic_shapes` tells and all its posed views.

Images enter as the PNG bytes that lie in the render folder, so nothing is decoded here.
"""

from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from data_engine.catalog.schema import Relic
from data_engine.rendering import views
from data_engine.shards import relic_shapes
from data_engine.shards.source import ShardSource, Source

SMOKE = (4, 64)
"""Number and size of the views of the configuration `smoke`."""


def config_name(source: Source) -> str:
    """`v40_256`: number of views, then their size in pixels; four views of 64 px are `smoke`."""
    views_and_size = len(source.poses), source.poses.size
    name = "smoke" if views_and_size == SMOKE else "v{}_{}".format(*views_and_size)
    return name if source.has_shapes else f"{name}_no_shape"


def features(source: Source) -> dict:
    """The TFDS features of a record."""
    n, size, f = len(source.poses), source.poses.size, tfds.features
    image = f.Image(shape=(size, size, 4), encoding_format="png")
    depth = f.Image(shape=(size, size, 1), dtype=np.uint16, encoding_format="png")
    return {
        **relic_shapes.features(source),
        "rgba": f.Sequence(image, length=n),
        "depth_mm": f.Sequence(depth, length=n),
        "cam_from_world": f.Tensor(shape=(n, 4, 4), dtype=np.float32),
        "pixel_from_cam": f.Tensor(shape=(n, 3, 3), dtype=np.float32),
        "near_far": f.Tensor(shape=(n, 2), dtype=np.float32),
        "view_name": f.Sequence(f.Text(), length=n),
        "anchor": f.Tensor(shape=(n,), dtype=np.int32),
        "neighbour": f.Tensor(shape=(n,), dtype=np.int32),
        "clipped": f.Tensor(shape=(n,), dtype=np.bool_),
    }


def features_with_depth(source: Source) -> dict:
    """`features` and the exact depth, float32, compressed."""
    n, size, f = len(source.poses), source.poses.size, tfds.features
    depth = f.Tensor(shape=(n, size, size, 1), dtype=np.float32, encoding=f.Encoding.ZLIB)
    return {**features(source), "depth": depth}


def records_with_depth(source: ShardSource, relic: Relic) -> Iterator[tuple[str, dict]]:
    """`records` and the exact depth, of relics rendered with `--depth-m`."""
    folder = source.workspace.render_dir(source.render_id, relic.uid)
    for key, record in records(source, relic):
        depths = [views.depth_metres(folder, name) for name in source.poses.names]
        yield key, {**record, "depth": np.stack(depths)[..., None].astype(np.float32)}


def records(source: ShardSource, relic: Relic) -> Iterator[tuple[str, dict]]:
    """The one record of a relic, under its uid."""
    folder, names = source.workspace.render_dir(source.render_id, relic.uid), source.poses.names
    meta = views.read_meta(folder)
    yield (
        relic.uid,
        make_record(
            source,
            relic,
            rgba=[(folder / views.image_name(name)).read_bytes() for name in names],
            depth_mm=[(folder / views.depth_name(name)).read_bytes() for name in names],
            clipped=[view["clipped"] for view in meta["views"]],
        ),
    )


def make_record(
    source: Source, relic: Relic, *, rgba: list[bytes], depth_mm: list[bytes], clipped: list[bool]
) -> dict:
    """A record from what is different for every relic, in the order of the poses."""
    poses, n = source.poses, len(source.poses)
    return {
        **relic_shapes.make_record(source, relic),
        "rgba": rgba,
        "depth_mm": depth_mm,
        "cam_from_world": poses.cam_from_world().astype(np.float32),
        "pixel_from_cam": np.tile(poses.pixel_from_cam.astype(np.float32), (n, 1, 1)),
        "near_far": np.tile(np.float32(poses.near_far), (n, 1)),
        "view_name": list(poses.names),
        "anchor": np.array(poses.anchor, np.int32),
        "neighbour": np.array(poses.neighbour, np.int32),
        "clipped": np.array(clipped),
    }

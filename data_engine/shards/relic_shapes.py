"""`relic_shapes`: one record per relic, its words and terms and the surface it really has."""

from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from data_engine.catalog.schema import Relic
from data_engine.gltf.reader import load_geometry
from data_engine.rendering import views
from data_engine.rendering.framing import Framing
from data_engine.shards.source import ShardSource, Source, record_words
from jaxrelic.data import schema
from jaxrelic.geometry.surface_samples import sample_surface


def features(source: Source) -> dict:
    """The TFDS features of a record; without its mesh a relic has no shape fields."""
    f, points = tfds.features, (schema.NUM_SHAPE_POINTS, 3)
    shape = {
        "normalize_scale": f.Scalar(dtype=np.float32),
        "normalize_center": f.Tensor(shape=(3,), dtype=np.float32),
        "points": f.Tensor(shape=points, dtype=np.float32),
        "normals": f.Tensor(shape=points, dtype=np.float32),
        "watertight": f.Scalar(dtype=np.bool_),
    }
    return {
        **{name: f.Text() for name in schema.TEXT_FIELDS},
        "label": f.ClassLabel(names=schema.LABELS),
        "category": f.ClassLabel(names=schema.CATEGORIES),
        "render_id": f.Text(),
        **(shape if source.has_shapes else {}),
    }


def records(source: ShardSource, relic: Relic) -> Iterator[tuple[str, dict]]:
    """The one record of a relic, under its uid."""
    yield relic.uid, make_record(source, relic)


def make_record(source: Source, relic: Relic) -> dict:
    """Words from the catalog; where there is a mesh, its surface in the frame of the renders."""
    return {
        **record_words(relic),
        # Only artifacts pass the cleaning stage; a local folder is the user's own judgement.
        "label": schema.LABELS.index("artifact"),
        "category": schema.CATEGORIES.index(relic.category),
        "render_id": source.render_id,
        **(_shape(source, relic) if source.has_shapes else {}),
    }


def _shape(source: ShardSource, relic: Relic) -> dict:
    meta = views.read_meta(source.workspace.render_dir(source.render_id, relic.uid))
    framing = Framing(
        scale=meta["normalize_scale"],
        centre=tuple(meta["normalize_center"]),
        up_axis=meta["up_axis"],
    )
    mesh = load_geometry(source.workspace.blob_path(relic.glb_sha256))
    points, normals = sample_surface(
        framing.to_world(mesh.vertices), mesh.faces, count=schema.NUM_SHAPE_POINTS, key=relic.uid
    )
    return {
        "normalize_scale": np.float32(framing.scale),
        "normalize_center": np.array(framing.centre, np.float32),
        "points": points,
        "normals": normals,
        "watertight": bool(relic.watertight),
    }

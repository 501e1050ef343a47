"""The data sets a render can be packed into."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from data_engine.catalog.schema import Relic
from data_engine.shards import relic_images, relic_shapes, relic_views
from data_engine.shards.source import ShardSource, Source
from jaxrelic.data import schema

LAYOUT_VERSION = "1.0.0"
"""Version of the record layout; the fields are those of `jaxrelic.data.schema`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """One data set: its place, its fields, and how a relic becomes records."""

    name: str
    config: str
    description: str
    features: Callable[[Source], dict]
    records: Callable[[Any, Relic], Iterator[tuple[str, dict]]]
    """Keys and records of one relic of the source; keys are unique in the data set."""


def layouts(source: ShardSource, records: str) -> list[Layout]:
    """The data sets that `data-engine shards --records ...` writes, the main one first."""
    if records in ("views", "views_depth"):
        exact = records == "views_depth"
        return [
            Layout(
                name="relic_views",
                config=relic_views.config_name(source) + ("_depth" if exact else ""),
                description="Relics with provenance, rendered from known cameras. See jaxrelic.",
                features=relic_views.features_with_depth if exact else relic_views.features,
                records=relic_views.records_with_depth if exact else relic_views.records,
            )
        ]
    images = Layout(
        name="relic_images",
        config=records,
        description="One photograph of a relic per record, for single-view training. See jaxrelic.",
        features=relic_images.features,
        records={"one_view": relic_images.one_view, "all_views": relic_images.all_views}[records],
    )
    shapes = Layout(
        name="relic_shapes",
        config=f"points_{schema.NUM_SHAPE_POINTS}",
        description="Provenance and surface samples of the relics in relic_images. See jaxrelic.",
        features=relic_shapes.features,
        records=relic_shapes.records,
    )
    return [images, shapes]

"""`relic_views` shards as a random-access sequence of records, images still encoded."""

import pathlib
from collections.abc import Sequence

from jaxrelic.data import tfds_records

IMAGE_FIELDS = ("rgba", "depth_mm")
"""Fields that stay PNG bytes, one item per view (`posed_view.decode_view` decodes one)."""

TRAINING_FIELDS = (*IMAGE_FIELDS, "cam_from_world", "pixel_from_cam", "category")
"""Fields a training example is made of."""


def open_relics(
    path: str | pathlib.Path, split: str, *, only_training_fields: bool = False
) -> Sequence[tfds_records.Record]:
    """Opens the shards under `path`, given as the version directory or any one parent of it."""
    return tfds_records.open_records(
        path,
        split,
        name="relic_views",
        fields=TRAINING_FIELDS,
        image_fields=IMAGE_FIELDS,
        only_fields=only_training_fields,
    )

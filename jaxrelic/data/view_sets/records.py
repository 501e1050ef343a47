"""A relic as a set of posed views that are read when they are asked for, wherever they are stored.

Choosing views needs names and cameras of all of them and the pixels of a few.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from jaxrelic.data import posed_view, synthetic
from jaxrelic.errors import UserError

FIELDS = ("uid", "view_name", "neighbour", "rgba", "depth_mm", "cam_from_world", "pixel_from_cam")
"""Fields of `relic_views` shards that are read here."""

SYNTHETIC_VIEWS = 16
"""Views of a synthetic relic."""


class ReadView(Protocol):
    """Decodes one view; raises a `UserError` that names the image if it is damaged."""

    def __call__(self, index: int, *, with_depth: bool) -> posed_view.View: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class RelicViews:
    """One relic seen from n places."""

    uid: str
    """Identifier of the relic."""
    names: tuple[str, ...]
    """What messages call the views."""
    neighbour: np.ndarray
    """[n] int32: which neighbour of its anchor a view is; -1 on anchors and where nothing is one.
    """
    cam_from_world: np.ndarray
    """[n, 4, 4] float32; NaN where it is not known."""
    read: ReadView
    """Function from a view's index to its pixels, its depth (0 unless asked for) and its camera."""

    def __len__(self) -> int:
        return len(self.names)


class ShardViews(Sequence[RelicViews]):
    """The relics of one split of `relic_views` shards."""

    def __init__(self, path: str | pathlib.Path, split: str):
        from jaxrelic.data import tfds_records

        self._records = tfds_records.open_records(
            path,
            split,
            name="relic_views",
            fields=FIELDS,
            image_fields=("rgba", "depth_mm"),
            only_fields=True,
        )

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> RelicViews:
        return of_record(self._records[index])


class SyntheticViews(Sequence[RelicViews]):
    """Analytic boxes and ellipsoids; no shape is in two splits."""

    def __init__(self, split: str):
        splits = ("train", "val", "test")
        if split not in splits:
            raise UserError(f"no split {split!r}; set data.split to one of {', '.join(splits)}")
        first = splits.index(split) * synthetic.NUM_RELICS
        self._relics = synthetic.SyntheticRelics(num_views=SYNTHETIC_VIEWS, first=first)

    def __len__(self) -> int:
        return len(self._relics)

    def __getitem__(self, index: int) -> RelicViews:
        return of_record(self.record(index))

    def record(self, index: int) -> Mapping[str, Any]:
        """A relic with its true surface, in the fields of `relic_views` shards."""
        names = [f"view_{i}" for i in range(SYNTHETIC_VIEWS)]
        nobody = np.full(SYNTHETIC_VIEWS, -1, np.int32)
        return {**self._relics[index], "view_name": names, "neighbour": nobody}


def of_record(record: Mapping[str, Any]) -> RelicViews:
    """Views of a record whose images are still PNG bytes."""

    def read(index: int, *, with_depth: bool) -> posed_view.View:
        return posed_view.decode_view(record, index, with_depth=with_depth)

    return RelicViews(
        uid=_text(record["uid"]),
        names=tuple(_text(name) for name in record["view_name"]),
        neighbour=np.asarray(record["neighbour"], np.int32),
        cam_from_world=np.asarray(record["cam_from_world"], np.float32),
        read=read,
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)

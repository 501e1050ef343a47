"""The record contract: what a shard holds, under which name, with which shape and range.

`data_engine` writes records of this shape and `jaxrelic.data` reads them; both import this page, so
there is one definition. Only NumPy-level facts live here: importing it loads no other library.

A `relic_views` record is one relic seen by `n` posed cameras:

| field | shape and dtype | meaning |
| --- | --- | --- |
| uid, source, title, caption | text | identity and words |
| license, attribution, source_url | text | terms, with a complete credit line |
| label, category | int | cleaning class; relic category (M-SRN's memory key) |
| rgba | [n, s, s, 4] uint8 PNG | straight alpha, sRGB |
| depth_mm | [n, s, s, 1] uint16 PNG | planar, 0 = background, thousandths of a world unit |
| cam_from_world | [n, 4, 4] float32 | x right, y down, z forward; world z up |
| pixel_from_cam | [n, 3, 3] float32 | intrinsics of the s x s image |
| near_far | [n, 2] float32 | depth bounds in world units |
| view_name, anchor, neighbour, clipped | [n] | which pose; neighbour is -1 on anchors |
| normalize_scale, normalize_center | float32, [3] float32 | world = scale * (source - center) |
| points, normals | [p, 3] float32 | surface samples in the world frame, by area |
| watertight | bool | whether the source mesh encloses a volume |
| render_id | text | hash of the render settings |
"""

LABELS = ("artifact", "plant", "animal", "building", "other")
"""The five cleaning classes; only the first is a relic."""

CATEGORIES = (
    "vessel",
    "figure",
    "bust",
    "mask",
    "tablet",
    "tool",
    "coin",
    "ornament",
    "weapon",
    "other",
)
"""Relic categories: what M-SRN's memory banks are keyed by."""

NUM_SHAPE_POINTS = 10_000
"""Surface samples per relic in a shard."""

TEXT_FIELDS = ("uid", "source", "title", "caption", "license", "attribution", "source_url")
"""Fields that are plain text, never markup."""

MILLIMETRES = 1000.0
"""Steps of `depth_mm` per world unit."""

"""The record contract: what a shard holds, under which name, with which shape and range.

`data_engine` writes records of this shape and `jaxrelic.data` reads them; both import this page, so
there is one definition. Only NumPy-level facts live here: importing it loads no other library.

A `relic_shapes` record is one relic, its words and the surface it really has:

| field | shape and dtype | meaning |
| --- | --- | --- |
| uid, source, title, caption | text | identity and words |
| license, attribution, source_url | text | terms, with a complete credit line |
| label, category | int | cleaning class; relic category (M-SRN's memory key) |
| render_id | text | hash of the render settings |
| normalize_scale, normalize_center | float32, [3] float32 | world = scale * (source - centre) |
| points, normals | [p, 3] float32 | surface samples in the world frame, by area |
| watertight | bool | whether the source mesh encloses a volume |

A `relic_views` record is that, seen by `n` posed cameras:

| field | shape and dtype | meaning |
| --- | --- | --- |
| rgba | [n, s, s, 4] uint8 PNG | straight alpha, sRGB |
| depth_mm | [n, s, s, 1] uint16 PNG | planar, 0 = background, thousandths of a world unit |
| cam_from_world | [n, 4, 4] float32 | x right, y down, z forward; world z up |
| pixel_from_cam | [n, 3, 3] float32 | intrinsics of the s x s image |
| near_far | [n, 2] float32 | depth bounds in world units |
| view_name, anchor, neighbour, clipped | [n] | which pose; neighbour is -1 on anchors |

The configuration ending in `_depth` adds `depth`, [n, s, s, 1] float32: the same planar depth
in world units, unrounded.

Views that were imported without a mesh have no known surface and no known source frame; such a data
set (its configuration ends in `_no_shape`) lacks the last three rows of `relic_shapes`.

A `relic_images` record is one photograph of a relic; its words are in `relic_shapes`:

| field | shape and dtype | meaning |
| --- | --- | --- |
| image_id, uid, view_name | text | `<uid>/<view_name>`; the relic; which pose |
| image | [i, i, 3] uint8 PNG | averaged in linear light, over white, sRGB |
| mask | [i, i, 1] uint8 PNG | mean alpha |
| category | int | relic category (M-SRN's memory key) |
| cam_from_world, pixel_from_cam | [4, 4], [3, 3] float32 | of this image; evaluation only |
| crop | [4] float32 | left, top, right, bottom of the square (it may leave the render), in pixels |

The nearest images of each are a file beside the shards (`jaxrelic.data.image_sets.candidates`).
Masks of an off-the-shelf segmenter (`mask_coarse`) are not part of this version: nothing computes
them yet.
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

IMAGE_SIZE_PX = 64
"""Width and height of a `relic_images` photograph, the size M-SRN reads."""

MILLIMETRES = 1000.0
"""Steps of `depth_mm` per world unit."""

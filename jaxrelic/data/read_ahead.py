"""What a batch is, and a sequence of them prepared ahead of the step that needs it."""

from collections.abc import Iterator

import grain
import numpy as np

Batch = dict[str, np.ndarray]
"""Float32 arrays in [0, 1] unless said otherwise.

b examples, n targets, k neighbours, s and h pixels.

| field | shape |
| --- | --- |
| image, mask | [b, s, s, 3] over the background, [b, s, s] |
| views_rgb, views_mask | [b, n, h, h, 3] over the background, [b, n, h, h] |
| views_depth | [b, n, h, h], world units along the axis, 0 = none; not of image sets |
| views_cam_from_world, views_pixel_from_cam | [b, n, 4, 4], [b, n, 3, 3]; not in `latent` |
| input_cam_from_world, input_pixel_from_cam | [b, 4, 4], [b, 3, 3]; not in `latent` |
| category, relic_index | [b] int32; the index is that of the object within its split |
| neighbours_image | [b, k, s, s, 3] over the background; these four if `data.neighbours` > 0 |
| neighbours_rgb, neighbours_mask | [b, k, h, h, 3] over the background, [b, k, h, h] |
| neighbours_known | [b, k] bool; where False, the arrays above are zero |
"""

PREFETCHED_BATCHES = 4
"""Batches that wait for the step."""


def read_ahead(dataset: grain.MapDataset[Batch], start: int, *, threads: int) -> Iterator[Batch]:
    """Iterates over batches `start`, `start + 1`, ... with `threads` working ahead."""
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=PREFETCHED_BATCHES)
    return iter(dataset[start:].to_iter_dataset(options))

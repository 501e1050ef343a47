"""Rendered relics as TFDS data sets: `relic_views`, `relic_images` and `relic_shapes`."""

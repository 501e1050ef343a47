"""Writes what transformers makes of a picture for CLIP and for DINOv2, at a few pixels.

    PYTHONPATH=. python tests/goldens/make_tower_inputs.py

Source: transformers 5.23.0 (CLIPImageProcessorPil, BitImageProcessorPil), Pillow; run once, in an
environment that has them.
"""

import pathlib

import numpy as np
from transformers import BitImageProcessorPil, CLIPImageProcessorPil

y, x, c = np.mgrid[:61, :83, :3]
image = np.uint8((3 * x + 5 * y + 50 * c + x * y // 40) % 256)
dino = BitImageProcessorPil(
    size={"shortest_edge": 256},
    crop_size={"height": 224, "width": 224},
    resample=3,
    image_mean=[0.485, 0.456, 0.406],
    image_std=[0.229, 0.224, 0.225],
)


def probe(processor):
    (pixels,) = processor(images=[image], return_tensors="np")["pixel_values"]
    return pixels.transpose(1, 2, 0)[::37, ::37]


golden = pathlib.Path(__file__).parent / "tower_inputs.npz"
np.savez(golden, image=image, clip=probe(CLIPImageProcessorPil()), dino=probe(dino))

"""Sizes of CLIP's published image towers."""

from jaxrelic.nn.vit import ViTConfig

VIT_L_14 = ViTConfig()
"""The tower of the paper and of ShapeClipper: 303,966,208 parameters, 768 entries."""

VIT_B_32 = ViTConfig(patch_size=32, width=768, layers=12, heads=12, projection=512)
"""512 entries for a twentieth of the work."""

HEAD_WIDTH = 64
"""Channels of a head in the published towers."""

_SIZES = {768: "b", 1024: "l", 1280: "h"}


def tower_name(config: ViTConfig) -> str:
    """What candidates found by this tower are called, such as clip-vit-l-14."""
    size = _SIZES.get(config.width, str(config.width))
    resolution = "" if config.image_size == 224 else f"-{config.image_size}"
    return f"clip-vit-{size}-{config.patch_size}{resolution}"

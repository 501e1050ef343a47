"""What a render depends on, and the name that follows from it."""

import dataclasses
import hashlib
import json
from typing import Literal

from data_engine.errors import UserError
from data_engine.rendering.poses import PoseSet, load_poses

RENDERER_VERSION = 1
"""Raised when the same settings would give other pixels; it enters `render_id`."""

LIGHTING = {
    # Facing the key, a white wall reflects 0.4 + 1.7 / pi, just below the white of the image;
    # turned away from both lamps it keeps 0.4, so no view is dark and every view shows shading.
    "studio": {
        "world": 0.4,
        "suns": [
            {"direction": [-0.5, 0.6, -0.7], "strength": 1.7, "angle_deg": 25.0},
            {"direction": [0.7, -0.5, -0.2], "strength": 0.4, "angle_deg": 60.0},
        ],
        "points": [],
    },
    # The published relic builder: white world plus the start-up lamp it never removed.
    "builder": {
        "world": 1.0,
        "suns": [],
        "points": [{"position": [4.076, 1.005, 5.904], "watt": 1000.0}],
    },
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RenderSettings:
    """Everything that decides the pixels."""

    poses: str = "one2345"
    """one2345 (40 views), ring:N@ELEVATION_DEG, sphere:N, or the path of a pose file."""
    size: int = 256
    """Width and height of a view, in pixels; intrinsics follow."""
    samples: int = 32
    """Light paths per pixel."""
    framing: Literal["fit", "box", "sphere"] = "fit"
    """fit: longest side 0.8, reduced until every view keeps a margin; box: longest side 0.8
    whatever is cut off; sphere: bounding sphere of radius 0.495."""
    lighting: Literal["studio", "builder"] = "studio"
    """studio: soft surroundings, a key and a fill light; builder: as in the published builder."""
    seed: int = 0
    """Seed of the light paths."""

    def __post_init__(self):
        for name, low, high in (("size", 8, 4096), ("samples", 1, 65536), ("seed", 0, 2**31 - 1)):
            if not low <= getattr(self, name) <= high:
                raise UserError(f"{name} = {getattr(self, name)} is not in {low}..{high}")

    def pose_set(self) -> PoseSet:
        """The cameras, with intrinsics for `size`."""
        return load_poses(self.poses).scaled(self.size)

    def render_id(self) -> str:
        """Twelve hexadecimal digits that name these settings; input files are hashed elsewhere."""
        facts = dataclasses.asdict(self) | {
            "poses": self.pose_set().as_json(),
            "lights": LIGHTING[self.lighting],
            "version": RENDERER_VERSION,
        }
        text = json.dumps(facts, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

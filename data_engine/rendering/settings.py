"""What a render depends on, and the name that follows from it."""

import dataclasses
import hashlib
import json
import pathlib
from typing import Literal

from data_engine.errors import UserError
from data_engine.rendering.pose_set import PoseSet
from data_engine.rendering.poses import load_poses
from data_engine.workspace import file_sha256

RENDERER_VERSION = 3
"""Raised when the same settings would give other pixels; it enters `render_id`."""

LIGHTING = {
    # A dome whose radiance is 0.67 + 0.4 cos(angle to its brightest point). An open white wall that
    # faces this point reflects 0.67 + 2/3 * 0.4 = 0.94, one turned away from it 0.4: no view is
    # dark and every view shows shading. Without lamps there are few noisy pixels.
    "studio": {
        "world": 0.67,
        "dome": {"brightest": [0.4767, -0.5721, 0.6674], "slope": 0.4},
        "suns": [],
        "points": [],
    },
    # The same range from a key and a fill lamp, which cast shadows.
    "key_fill": {
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
        "points": [{"position": [4.076, 1.005, 5.904], "watt": 1000.0, "radius": 0.1}],
    },
    # Key from the upper front left, weaker fill from the right, rim from behind; the front of a
    # relic looks towards -y.
    "three_point": {
        "world": 0.1,
        "suns": [
            {"direction": [0.6, 0.7, -0.6], "strength": 2.2, "angle_deg": 5.0},
            {"direction": [-0.8, 0.5, -0.2], "strength": 0.8, "angle_deg": 20.0},
            {"direction": [0.1, -0.9, -0.5], "strength": 1.5, "angle_deg": 5.0},
        ],
        "points": [],
    },
    # The panorama given with --hdri is the only light.
    "hdri": {"world": 1.0, "suns": [], "points": []},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RenderSettings:
    """Everything that decides the pixels."""

    engine: Literal["blender", "raycast"] = "blender"
    """Engine that draws. blender: Cycles, textured and lit; raycast: exact depth and masks with
    grey shading, from our own GLB reader, within seconds and without Blender."""
    poses: str = "one2345"
    """Set of cameras: one2345 (40 views), one2345_eval (24), ring:N@ELEVATION_DEG, sphere:N,
    random:N@SEED, shell:N@SEED, zero123:ELEVATION_DEG, or the path of a pose file (`data-engine
    poses`)."""
    size: int = 256
    """Width and height of a view, in pixels; intrinsics follow."""
    samples: int = 96
    """Light paths per pixel, at most."""
    noise: float = 0.02
    """Estimated error below which a pixel gets no more paths; 0: all get `samples`."""
    framing: Literal["fit", "box", "sphere"] = "fit"
    """Size of a relic. fit: longest side 0.8, reduced until every view keeps a margin; box: longest
    side 0.8 whatever is cut off; sphere: bounding sphere of radius 0.495."""
    lighting: Literal["studio", "key_fill", "builder", "three_point", "hdri"] = "studio"
    """Light. studio: a dome, brighter on one side; key_fill: two soft lamps in grey surroundings;
    builder: as in the published builder; three_point: key, fill and rim light; hdri: the panorama
    of --hdri."""
    hdri: str = ""
    """Equirectangular panorama (.hdr or .exr) for --lighting hdri; its digest is recorded."""
    seed: int = 0
    """Seed of the light paths."""
    depth_m: bool = False
    """Also write depth as float32 (view_*_depth_m.exr), without the rounding of the uint16 file."""

    def __post_init__(self):
        for name, low, high in (("size", 8, 4096), ("samples", 1, 65536), ("seed", 0, 2**31 - 1)):
            if not low <= getattr(self, name) <= high:
                raise UserError(f"{name} = {getattr(self, name)} is not in {low}..{high}")
        if not 0 <= self.noise <= 1:
            raise UserError(f"noise = {self.noise} is not in 0..1")
        if (self.lighting == "hdri") != bool(self.hdri):
            raise UserError("--lighting hdri and --hdri FILE go together")

    def pose_set(self) -> PoseSet:
        """The cameras, with intrinsics for `size`."""
        return load_poses(self.poses).scaled(self.size)

    def lights(self) -> dict:
        """What the worker lights the scene with."""
        lights = LIGHTING[self.lighting]
        return {**lights, "hdri": str(pathlib.Path(self.hdri).absolute())} if self.hdri else lights

    def facts(self) -> dict:
        """The settings as they are recorded: files by digest or content, not by path."""
        values = dataclasses.asdict(self)
        values["poses"] = pathlib.PurePath(self.poses).name  # A path would differ between machines
        values["hdri"] = _digest(self.hdri) if self.hdri else ""
        return values | {"lights": LIGHTING[self.lighting], "version": RENDERER_VERSION}

    def render_id(self) -> str:
        """Twelve hexadecimal digits that name these settings; input files are hashed elsewhere."""
        facts = self.facts() | {"poses": self.pose_set().as_json()}
        text = json.dumps(facts, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _digest(path: str) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise UserError(f"panorama {path}: {error.strerror}; see --hdri") from error

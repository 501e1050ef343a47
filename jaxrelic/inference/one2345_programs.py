"""What an export of One-2-3-45 offers as StableHLO."""

from typing import Any

import jax
import numpy as np

from jaxrelic.geometry.cameras import Camera
from jaxrelic.inference.program import Arrays, Program, symbolic
from jaxrelic.models.one2345 import frame
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.models.one2345.model import EncodedViews, One2345

_MEANINGS = {
    "images": "source views, RGB in [0, 1], sRGB, over white",
    "cam_from_world": "x right, y down, z forward; world z up, the object about the origin and "
    "its longest side 0.8; the first view is the reference",
    "pixel_from_cam": "intrinsics in pixels, the first pixel's centre at (0.5, 0.5)",
    "maps": "RGB, then features of each source pixel",
    "cam_from_cube": "the cameras in the frame of the cube [-1, 1]^3",
    "volume": "geometry features of each voxel, by x, y, z; voxel centres at the cube's faces",
    "active": "voxels that two views see",
    "world_from_cube": "rotation times half the cube's side, and its centre",
    "points": "in the cube",
    "normals": "unit vectors outward at the points",
    "distance": "signed, in cube units, negative inside",
    "rgb": "in [0, 1], sRGB",
    "visible": "whether a source shows the point; things in front are ignored",
}
_ENCODED = ("maps", "cam_from_cube", "pixel_from_cam", "volume", "active")


def programs(config: One2345Config, variables: Any, *, side: int, count: int) -> list[Program]:
    """Three programs: views to what they say, and points to distances or to colours.

    Args:
        config: Sizes of the network.
        variables: Its arrays.
        side: Side of the source views, in pixels.
        count: Number of source views.
    """
    model = One2345(config)

    def read(inputs: Arrays) -> Arrays:
        camera = Camera(inputs["cam_from_world"], inputs["pixel_from_cam"])
        reference = jax.tree.map(lambda x: x[0], camera)
        cube = frame.choose_cube(config.cube, camera, reference, (side, side))
        encoded = model.apply(variables, inputs["images"], cube.cameras(camera), method="encode")
        return _packed(encoded) | {"world_from_cube": cube.world_from_cube}

    def distance(inputs: Arrays) -> Arrays:
        encoded = _unpacked(inputs)
        return {"distance": model.apply(variables, encoded, inputs["points"], method="sdf")[0]}

    def colour(inputs: Arrays) -> Arrays:
        encoded, points = _unpacked(inputs), inputs["points"]
        rgb, visible = model.apply(variables, encoded, points, inputs["normals"], method="blend")
        return {"rgb": rgb, "visible": visible}

    views = {
        "images": jax.ShapeDtypeStruct((count, side, side, 3), np.float32),
        "cam_from_world": jax.ShapeDtypeStruct((count, 4, 4), np.float32),
        "pixel_from_cam": jax.ShapeDtypeStruct((count, 3, 3), np.float32),
    }
    found = jax.eval_shape(read, views)
    encoded = {name: found[name] for name in _ENCODED}
    points = jax.ShapeDtypeStruct(symbolic("n, 3"), np.float32)
    rows = (
        ("read", "source views to what they say of the scene", read, views),
        ("distance", "distance from the surface", distance, encoded | {"points": points}),
        ("colour", "colour of a surface", colour, encoded | {"points": points, "normals": points}),
    )
    return [
        Program(
            name=name,
            purpose=purpose,
            function=function,
            inputs=inputs,
            meanings=_MEANINGS,
        )
        for name, purpose, function, inputs in rows
    ]


def _packed(encoded: EncodedViews) -> Arrays:
    return {
        "maps": encoded.maps,
        "cam_from_cube": encoded.camera.cam_from_world,
        "pixel_from_cam": encoded.camera.pixel_from_cam,
        "volume": encoded.volume,
        "active": encoded.active,
    }


def _unpacked(arrays: Arrays) -> EncodedViews:
    return EncodedViews(
        maps=arrays["maps"],
        camera=Camera(arrays["cam_from_cube"], arrays["pixel_from_cam"]),
        volume=arrays["volume"],
        active=arrays["active"],
    )

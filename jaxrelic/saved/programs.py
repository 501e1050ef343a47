"""Which functions of a trained network an export offers as StableHLO."""

import jax
import numpy as np

from jaxrelic.geometry.cameras import Camera
from jaxrelic.inference.msrn import MsrnPredictor
from jaxrelic.inference.one2345 import One2345Predictor
from jaxrelic.models.msrn.model import Msrn
from jaxrelic.models.one2345 import frame
from jaxrelic.models.one2345.model import EncodedViews, One2345
from jaxrelic.saved.stablehlo import Arrays, Program, symbolic

_MSRN_MEANINGS = {
    "image": "RGB in [0, 1], sRGB; the square around the object, `preprocessing.crop_margin` times "
    "the longer side of its box, reduced by area, over `preprocessing.background`",
    "vertices": "of the mesh, world frame: z up, longest side about 0.8",
    "texture": "RGB in [0, 1], sRGB; row 0 at v = 1, outer texel centres at 0 and 1",
    "cam_from_world": "camera candidates: x right, y down, z forward",
    "pixel_from_cam": "intrinsics assumed for `image`, in its pixels",
    "pose_logits": "log probabilities of the candidates, up to a constant",
    "faces": "indices of vertices, counter-clockwise seen from outside",
    "face_uvs": "texture coordinates of the faces' corners",
}


def of_msrn(predictor: MsrnPredictor) -> list[Program]:
    """One program, from photographs cut out as in training to textured meshes."""
    model, template = Msrn(predictor.config), predictor.template
    sizes = {
        "shape_size": predictor.shape_size,
        "texture_size": predictor.texture_size,
    }
    side = predictor.preprocessing.image_size

    def reconstruct(inputs: Arrays) -> Arrays:
        output = model.apply(predictor.variables, inputs["image"], train=False, **sizes)
        names = ("vertices", "texture", "cam_from_world", "pixel_from_cam", "pose_logits")
        return {name: getattr(output, name) for name in names} | {
            "faces": np.asarray(template.faces, np.int32),
            "face_uvs": np.asarray(template.face_uvs, np.float32),
        }

    return [
        Program(
            name="reconstruct",
            purpose="photographs, cut out and resized as `preprocessing` says, to textured meshes",
            function=reconstruct,
            inputs={"image": jax.ShapeDtypeStruct(symbolic(f"b, {side}, {side}, 3"), np.float32)},
            meanings=_MSRN_MEANINGS,
        )
    ]


_ONE2345_MEANINGS = {
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
    "visible": "whether a source shows the point; things in front are not heeded",
}
_ENCODED = ("maps", "cam_from_cube", "pixel_from_cam", "volume", "active")


def of_one2345(one2345_predictor: One2345Predictor) -> list[Program]:
    """Three programs: views to what they say, and points to distances or to colours."""
    config, variables = one2345_predictor.config, one2345_predictor.variables
    model = One2345(config)
    side, count = one2345_predictor.image_size, one2345_predictor.num_sources

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
            meanings=_ONE2345_MEANINGS,
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

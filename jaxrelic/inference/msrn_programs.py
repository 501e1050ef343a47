"""What an export of M-SRN offers as StableHLO."""

from typing import Any

import jax
import numpy as np

from jaxrelic.inference.program import Arrays, Program, symbolic
from jaxrelic.models.msrn.model import Msrn, MsrnConfig, template

_MEANINGS = {
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


def programs(
    config: MsrnConfig, variables: Any, *, side: int, sizes: dict[str, int]
) -> list[Program]:
    """One program, from photographs cut out as in training to textured meshes.

    Args:
        config: Sizes of the network.
        variables: Its arrays.
        side: Side of the photographs, in pixels.
        sizes: Open entries of the codes, `shape_size` and `texture_size`.
    """
    model, mesh = Msrn(config), template(config)

    def reconstruct(inputs: Arrays) -> Arrays:
        output = model.apply(variables, inputs["image"], train=False, **sizes)
        names = ("vertices", "texture", "cam_from_world", "pixel_from_cam", "pose_logits")
        return {name: getattr(output, name) for name in names} | {
            "faces": np.asarray(mesh.faces, np.int32),
            "face_uvs": np.asarray(mesh.face_uvs, np.float32),
        }

    return [
        Program(
            name="reconstruct",
            purpose="photographs, cut out and resized as `preprocessing` says, to textured meshes",
            function=reconstruct,
            inputs={"image": jax.ShapeDtypeStruct(symbolic(f"b, {side}, {side}, 3"), np.float32)},
            meanings=_MEANINGS,
        )
    ]

"""The view set and the weights of the conformance numbers (specification one2345 F), in NumPy."""

import itertools

import numpy as np

from jaxrelic.geometry.cameras import cam_from_world_from_blender

POLAR_AZIMUTH_DEG = ((60, 30), (60, 60), (90, 150), (60, 270))
"""Of the target, then of three sources."""
POINTS = np.array([[0, 0, 0], [0.3, -0.2, 0.1], [-0.45, 0.4, 0.25], [0.9, 0.9, -0.9]])
VOLUME = 8
SIZE = 32

UNITS = {
    "conv0.0": (8, 3, 3),
    "conv0.1": (8, 8, 3),
    "conv1.0": (16, 8, 5),
    "conv1.1": (16, 16, 3),
    "conv1.2": (16, 16, 3),
    "conv2.0": (32, 16, 5),
    "conv2.1": (32, 32, 3),
    "conv2.2": (32, 32, 3),
}
CONVOLUTIONS = {
    "toplayer": (32, 32, 1),
    "lat1": (32, 16, 1),
    "lat0": (32, 8, 1),
    "smooth1": (16, 32, 3),
    "smooth0": (8, 32, 3),
}
SPARSE = {
    0: (32, 16),
    1: (16, 16),
    2: (16, 16),
    3: (16, 32),
    4: (32, 32),
    5: (32, 64),
    6: (64, 64),
    7: (64, 32),
    9: (32, 16),
    11: (16, 16),
}
PERCEPTRONS = {
    "ray_dir_fc": (4, 16, 59),
    "base_fc": (193, 64, 32),
    "vis_fc": (32, 32, 33),
    "vis_fc2": (32, 32, 1),
    "rgb_fc": (37, 16, 8, 1),
}


def images():
    """[4, 32, 32, 3], the target first."""
    v, y, x, c = np.ogrid[:4, :SIZE, :SIZE, :3]
    return 0.5 + 0.5 * np.sin(0.2 * x + 0.15 * y * (c + 1) + 0.9 * v)


def cameras():
    """cam_from_cube and pixel_from_cam of the four images."""
    cam_from_world = cam_from_world_from_blender(
        np.stack([world_from_blender(*angles) for angles in POLAR_AZIMUTH_DEG])
    )
    cam_from_world[:, :3, 3] /= 0.9
    pixel_from_cam = np.array([[35.0, 0, 16], [0, 35, 16], [0, 0, 1]])
    return cam_from_world, np.tile(pixel_from_cam, (4, 1, 1))


def world_from_blender(polar_deg, azimuth_deg, radius=1.2):
    """Pose of specification one2345 A.5 with Blender's axes."""
    polar, azimuth = np.deg2rad([polar_deg, azimuth_deg])
    away = np.array(
        [np.sin(azimuth) * np.sin(polar), -np.cos(azimuth) * np.sin(polar), np.cos(polar)]
    )
    right = np.cross([0, 0, 1], away)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :4] = np.stack([right, np.cross(away, right), away, radius * away], axis=-1)
    return pose


def shapes():
    """Shape of every parameter of the released layout, by network, in order."""
    pyramid, sdf, blend = {}, {}, {"s": ()}
    for name, (out, into, kernel) in UNITS.items():
        pyramid |= _unit(name, out, into, kernel)
    for name, (out, into, kernel) in CONVOLUTIONS.items():
        pyramid |= {f"{name}.weight": (out, into, kernel, kernel), f"{name}.bias": (out,)}
    sdf |= _unit("compress_layer", 16, 56, 3)
    for number, (into, out) in SPARSE.items():
        block = f"sparse_costreg_net.conv{number}.net"
        sdf[f"{block}.0.kernel"] = (27, into, out)
        sdf |= {f"{block}.1.weight": (out,), f"{block}.1.bias": (out,)}
    for layer, into in enumerate((39, 144, 144)):
        name = f"sdf_layer.lin{layer}"
        sdf[f"{name}.bias"] = (128,)
        sdf |= {f"{name}.weight_g": (128, 1), f"{name}.weight_v": (128, into)}
    for name, widths in PERCEPTRONS.items():
        for layer, (into, out) in enumerate(itertools.pairwise(widths)):
            blend[f"{name}.{2 * layer}.weight"] = (out, into)
            blend[f"{name}.{2 * layer}.bias"] = (out,)
    return {
        "pyramid_feature_network": pyramid,
        "sdf_network_lod0": sdf,
        "rendering_network_lod0": blend,
        "variance_network_lod0": {"variance": ()},
    }


def _unit(name, out, into, kernel):
    return {
        f"{name}.conv.weight": (out, into, kernel, kernel),
        f"{name}.bn.weight": (out,),
        f"{name}.bn.bias": (out,),
    }


def checkpoint():
    """Every parameter by the fill rule, under the names of the released file."""
    return {
        f"{network}.{name}": fill(name, shape, number)
        for network, parameters in shapes().items()
        for number, (name, shape) in enumerate(parameters.items())
    }


def fill(name, shape, number):
    if shape == ():
        return np.float64(0.2)
    size = int(np.prod(shape))
    b = np.sin(1.7 * np.arange(size) + 0.3 * number + 0.1).reshape(shape)
    if name.endswith(("bn.weight", "net.1.weight", "weight_g")):
        return 1 + 0.1 * b
    if len(shape) == 1:
        return 0.1 * b
    if name.endswith("kernel"):
        return b / np.sqrt(27 * shape[1])
    return b / np.sqrt(size / shape[0])

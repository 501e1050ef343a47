"""Photographs of textured relics for COLMAP to place: 20 pictures of 512 px and their masks.

    python scripts/colmap/render.py RELIC.glb [RELIC.glb ...] --out FOLDER

Each relic gets FOLDER/NAME with `images`, `masks` (called NAME.png.png, as COLMAP wants them) and
`truth.json` (cameras, and the mesh's box). The renderer is the exact z-buffer of `viz.pictures`
with the relic's own texture: the data engine's raycast engine uses the same one, but draws grey,
in which COLMAP finds no features. Every second relic is seen through a bent lens (k1 -0.08).
"""

import argparse
import json
import pathlib

import cv2
import numpy as np

from jaxrelic.geometry import cameras, meshes
from jaxrelic.mesh_files import glb_reader
from jaxrelic.viz import pictures

COUNT, SIZE, DISTANCE = 20, 512, 1.5
FOCAL_PX = 620.0
LONGEST_SIDE = 0.8
BEND = -0.08


def main() -> None:
    """Renders every relic that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("relics", nargs="+", type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    for number, path in enumerate(arguments.relics):
        render(path, arguments.out / path.stem, bend=BEND if number % 2 else 0.0)


def orbit() -> np.ndarray:
    """A wavy ring around the object, [n, 4, 4]: neighbours share enough for features to match."""
    azimuth = np.arange(COUNT) * 2 * np.pi / COUNT
    elevation = np.deg2rad(22 + 14 * np.sin(2 * azimuth))
    away = np.tile([[0, 0, DISTANCE]], (COUNT, 1))
    turned = (azimuth, elevation, 0 * azimuth, away)
    return np.asarray(cameras.orbit(*map(np.float32, turned)))


def render(path: pathlib.Path, folder: pathlib.Path, *, bend: float) -> None:
    """Pictures, masks and truth of one relic."""
    mesh = centred(glb_reader.read_glb(path))
    lens = cameras.intrinsics(FOCAL_PX, SIZE, SIZE)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    poses = orbit()
    for number, pose in enumerate(poses):
        camera = cameras.Camera(cam_from_world=pose, pixel_from_cam=lens)
        drawn = pictures.draw(mesh, camera, size=SIZE, background=(0.35, 0.35, 0.35))
        rgba = np.concatenate([drawn.rgb, drawn.mask[..., None]], axis=-1)
        rgba = np.uint8(np.rint(255 * bent(np.float32(rgba), lens, bend)))
        cv2.imwrite(str(folder / "images" / f"view_{number:02}.png"), rgba[..., 2::-1])
        cv2.imwrite(str(folder / "masks" / f"view_{number:02}.png.png"), rgba[..., 3])
    vertices = np.asarray(mesh.vertices, np.float64)
    truth = {
        "cam_from_world": poses.tolist(),
        "pixel_from_cam": lens.tolist(),
        "box": [vertices.min(axis=0).tolist(), vertices.max(axis=0).tolist()],
        "relic": path.name,
        "k1": bend,
    }
    (folder / "truth.json").write_text(json.dumps(truth))
    print(folder, flush=True)


def centred(mesh: meshes.Mesh) -> meshes.Mesh:
    """The mesh about the origin, its longest side 0.8."""
    vertices = np.asarray(mesh.vertices)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    scale = LONGEST_SIDE / np.max(high - low)
    return mesh.replace(vertices=np.float32(scale * (vertices - (low + high) / 2)))


def bent(rgba: np.ndarray, lens: np.ndarray, k1: float) -> np.ndarray:
    """The picture [h, w, 4] that a lens with this radial term would have taken."""
    if not k1:
        return rgba
    height, width = rgba.shape[:2]
    matrix = cameras.crop_intrinsics(np.float64(lens), 0.5, 0.5)
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    straight = cv2.undistortPoints(
        pixels.reshape(-1, 1, 2).astype(np.float64), matrix, np.array([k1, 0, 0, 0]), P=matrix
    )
    x, y = np.moveaxis(straight.reshape(height, width, 2).astype(np.float32), -1, 0)
    return cv2.remap(rgba, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


if __name__ == "__main__":
    main()

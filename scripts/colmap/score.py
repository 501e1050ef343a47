"""How well posed sets that COLMAP wrote give the relic back, without a network: its visual hull.

    python scripts/colmap/score.py FOLDER/NAME ... [--out scores.json]

Each folder of `render.py` and `solve.py` gives four sets: binary and text, sparse and undistorted.
A set goes through `photos.posed.read`; the hull of its masks is moved to the true world by the
similarity that takes COLMAP's cameras to the true ones, and seen by the true cameras. IoU: of its
silhouettes with the true masks, the mean and the worst of all views. Scale: longest side of the
hull's box over that of the hull that the true masks and cameras leave (a hull is longer than its
relic, whose underside no camera sees). Cameras: root mean square distance of their places after the
alignment, as a part of the relic's longest side.
"""

import argparse
import json
import pathlib

import cv2
import numpy as np
import skimage.measure

from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, carving, meshes
from jaxrelic.geometry.registration import alignment
from jaxrelic.photos import posed
from jaxrelic.viz import pictures

CELLS, VOLUME = 160, 1.2
"""Cells along the side of the volume, and that side; the relic's longest side is 0.8."""

SETS = {
    "binary sparse": ("images", "sparse/0", "masks"),
    "text sparse": ("images", "text/0", "masks"),
    "binary undistorted": ("dense/images", "dense/sparse", "dense_masks"),
    "text undistorted": ("dense/images", "dense_text", "dense_masks"),
}
"""Photographs, poses and masks of each set."""


def main() -> None:
    """Prints a row per set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    rows = []
    for folder in arguments.folders:
        for kind in SETS:
            try:
                found = score(folder, kind)
            except UserError as error:
                found = {"refused": str(error)}
            rows.append({"relic": folder.name, "set": kind, **found})
            print(json.dumps(rows[-1]), flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(rows, indent=2))


def score(folder: pathlib.Path, kind: str) -> dict:
    """IoU, scale and cameras of one set."""
    views, poses, masks = (folder / part for part in SETS[kind])
    truth = json.loads((folder / "truth.json").read_text())
    found = posed.read(views, poses, image_size=256, masks=masks)
    true_from_ours, miss = aligned(found, np.array(truth["cam_from_world"]))
    camera = found.views.camera
    hull = hull_mesh(found.views.mask > 0.5, camera.cam_from_world, camera.pixel_from_cam)
    vertices = alignment.apply(true_from_ours, np.asarray(hull.vertices, np.float64))
    seen = true_masks(folder, truth)
    lenses = np.tile(truth["pixel_from_cam"], (len(seen), 1, 1))
    known = [number_of(name) for name in found.views.names]
    true = hull_mesh(seen[known], np.array(truth["cam_from_world"])[known], lenses[known])
    overlaps = silhouettes(hull.replace(vertices=np.float32(vertices)), seen, truth)
    longest = np.ptp(np.array(truth["box"]), axis=0).max()
    return {
        "views": len(found.views),
        "iou": round(float(np.mean(overlaps)), 4),
        "worst_iou": round(float(np.min(overlaps)), 4),
        "scale": round(float(longest_side(vertices) / longest_side(true.vertices)), 4),
        "cameras": round(float(miss / longest), 5),
    }


def longest_side(vertices: np.ndarray) -> float:
    """Of the box around vertices [v, 3]."""
    return float(np.ptp(np.asarray(vertices), axis=0).max())


def aligned(found: posed.PosedInput, true: np.ndarray) -> tuple[np.ndarray, float]:
    """Similarity from the network's world to the true one, and what it leaves of the cameras."""
    ours = np.linalg.inv(np.asarray(found.views.camera.cam_from_world, np.float64))[:, :3, 3]
    numbers = [number_of(name) for name in found.views.names]
    there = np.linalg.inv(true)[numbers, :3, 3]
    matrix = alignment.umeyama(ours, there)
    left = np.linalg.norm(alignment.apply(matrix, ours) - there, axis=-1)
    return matrix, np.sqrt(np.mean(left**2))


def number_of(name: str) -> int:
    """The view's number in its file's name, view_07.png."""
    return int(pathlib.Path(name.split(" (mask")[0]).stem.split("_")[1])


def hull_mesh(masks: np.ndarray, poses: np.ndarray, lenses: np.ndarray) -> meshes.Mesh:
    """The visual hull of masks [n, h, w] bool seen by cameras [n, 4, 4], [n, 3, 3]."""
    outlines = [
        carving.Outline(mask=mask, cam_from_world=pose, pixel_from_cam=lens, whole=True)
        for mask, pose, lens in zip(masks, np.float64(poses), np.float64(lenses), strict=True)
    ]
    half = VOLUME / 2
    cell = VOLUME / CELLS
    inside = carving.carve(outlines, carving.grid(np.zeros(3), np.full(3, half), cell))
    volume = np.float32(inside.reshape(CELLS, CELLS, CELLS))
    vertices, faces, _, _ = skimage.measure.marching_cubes(volume, 0.5)
    return meshes.Mesh(vertices=(vertices + 0.5) * cell - half, faces=np.int32(faces[:, ::-1]))


def true_masks(folder: pathlib.Path, truth: dict) -> np.ndarray:
    """Masks [n, h, w] bool as the true camera, which has no bend, would have seen them."""
    paths = [folder / "masks" / f"view_{n:02}.png.png" for n in range(len(truth["cam_from_world"]))]
    stored = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]
    lens = np.float32(truth["pixel_from_cam"])
    return np.stack([straight(mask, lens, truth["k1"]) > 127 for mask in stored])


def silhouettes(hull: meshes.Mesh, seen: np.ndarray, truth: dict) -> list[float]:
    """IoU with the true mask of every view."""
    lens, overlaps = np.float32(truth["pixel_from_cam"]), []
    for mask, pose in zip(seen, np.float32(truth["cam_from_world"]), strict=True):
        drawn = pictures.draw(hull, cameras.Camera(pose, lens), size=len(mask)).mask > 0.5
        overlaps.append(np.sum(drawn & mask) / np.sum(drawn | mask))
    return overlaps


def straight(mask: np.ndarray, lens: np.ndarray, k1: float) -> np.ndarray:
    """The mask [h, w] that a lens without a bend would have seen."""
    matrix = cameras.crop_intrinsics(np.float64(lens), 0.5, 0.5)
    return cv2.undistort(mask, matrix, np.array([k1, 0, 0, 0])) if k1 else mask


if __name__ == "__main__":
    main()

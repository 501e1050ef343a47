"""One photograph to a closed, coloured, upright GLB and a strip of pictures of it.

    python scripts/relief/reconstruct.py photo.png --state RUN/state.msgpack --out relic.glb

The mask is the alpha channel, or --mask, or what GrabCut finds within a frame. The lens is
not known; the mesh is right up to that of --lens-deg. The predicted elevation stands it upright.
"""

import argparse
import os
import pathlib

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cv2
import numpy as np
import trimesh
from evaluate import relief_network
from pictures import SHEET_PX, turned_pictures
from PIL import Image, ImageOps

from jaxrelic.geometry.relief.relief_mesh import CropCamera, close_layers
from jaxrelic.models.relief.inputs import network_inputs
from jaxrelic.rendering.two_layers.shots import look_at

NETWORK_PX, FINE_PX = 128, 256
MARGIN = 1.2
"""Side of the crop over the longer side of the object's box, as in training on average."""


def read(path: pathlib.Path, mask_path: pathlib.Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Photograph [h, w, 3] in [0, 1] and mask [h, w] in [0, 1]."""
    image = ImageOps.exif_transpose(Image.open(path))
    photo = np.asarray(image.convert("RGB"))
    if mask_path:
        mask = np.asarray(Image.open(mask_path).convert("L")) / 255
    elif image.mode == "RGBA":
        mask = np.asarray(image)[..., 3] / 255
    else:
        mask = found_mask(photo)
    return np.float32(photo / 255), np.float32(mask)


def found_mask(photo: np.ndarray) -> np.ndarray:
    """GrabCut (Rother et al. 2004) with a frame of a twentieth of the picture as background."""
    height, width = photo.shape[:2]
    frame = (width // 20, height // 20, width * 9 // 10, height * 9 // 10)
    label = np.zeros((height, width), np.uint8)
    memory = np.zeros((2, 1, 65))
    cv2.grabCut(
        photo[..., ::-1].copy(), label, frame, memory[0], memory[1], 5, cv2.GC_INIT_WITH_RECT
    )
    found = np.uint8((label == cv2.GC_FGD) | (label == cv2.GC_PR_FGD))
    _, parts, facts, _ = cv2.connectedComponentsWithStats(found)
    return (parts == 1 + facts[1:, cv2.CC_STAT_AREA].argmax()).astype(np.float32)


def cropped(image: np.ndarray, box: tuple[float, float, float], size: int) -> np.ndarray:
    """The square (left, top, side) of an image, size x size; beyond the border it is black."""
    left, top, side = box
    scale = size / side
    if scale < 1:  # Blurred first, or fine detail would alias.
        image = cv2.GaussianBlur(image, (0, 0), 0.45 / scale)
    matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    matrix[:, 2] += 0.5 * scale - 0.5
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", type=pathlib.Path)
    parser.add_argument("--state", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--mask", type=pathlib.Path)
    parser.add_argument("--lens-deg", type=float, default=35.0, help="field of view of the crop")
    args = parser.parse_args()
    photo, mask = read(args.photo, args.mask)
    rows, columns = np.nonzero(mask > 0.5)
    side = MARGIN * max(np.ptp(rows), np.ptp(columns))
    middle = [(values.min() + values.max()) / 2 for values in (columns, rows)]
    box = (middle[0] - side / 2, middle[1] - side / 2, side)
    small, alpha = cropped(photo, box, NETWORK_PX), cropped(mask, box, NETWORK_PX)
    relief = relief_network(args.state)(network_inputs(small, np.clip(alpha, 0, 1)))
    elevation = float(relief.elevation[0])
    focal = 1 / (2 * np.tan(np.radians(args.lens_deg) / 2))
    camera = CropCamera(
        focal=focal,
        centre=np.array([0.5, 0.5]),
        depth_centre=focal,
        cam_from_world=look_at(np.zeros(3), focal, -np.pi / 2, elevation, 0.0),
    )
    fine, outline = cropped(photo, box, FINE_PX), cropped(mask, box, FINE_PX) > 0.5
    mesh = close_layers(
        np.asarray(relief.front[0]), np.asarray(relief.thickness[0]), outline, fine, camera
    )
    gltf = mesh.vertices @ np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    colours = np.uint8(np.round(255 * np.clip(mesh.colours, 0, 1)))
    trimesh.Trimesh(gltf, mesh.faces, vertex_colors=colours, process=False).export(args.out)
    strip = [cv2.resize(fine, (SHEET_PX, SHEET_PX), interpolation=cv2.INTER_AREA)]
    strip = [np.uint8(255 * strip[0]), *turned_pictures(mesh, camera)]
    Image.fromarray(np.concatenate(strip, axis=1)).save(args.out.with_suffix(".png"))
    print(f"{args.out}: {len(mesh.faces)} faces, elevation {np.degrees(elevation):.0f} degrees")


if __name__ == "__main__":
    main()

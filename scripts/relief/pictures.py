"""Pictures of a relief from around it, for people to look at."""

import numpy as np

from jaxrelic.geometry.relief.relief_mesh import CropCamera, ReliefMesh
from jaxrelic.rendering.two_layers.lighting import Lighting, lit, srgb_from_linear
from jaxrelic.rendering.two_layers.painted import PaintedMesh, painted, see

TURNS_DEG = (0, 40, 90, 180)
SHEET_PX = 112


def shaded(mesh: PaintedMesh, cam_from_world: np.ndarray, pixel_from_cam: np.ndarray) -> np.ndarray:
    """A soft light from above on the left, over white, [s, s, 3] uint8."""
    sight = see(mesh, cam_from_world, pixel_from_cam, SHEET_PX)
    front = sight.surface(0)
    light = Lighting(
        directions_cam=np.array([[-0.4, -0.7, -0.6]]) / 1.005,
        lamps=np.full((1, 3), 0.55),
        up_cam=cam_from_world[:3, 2],
        sky=np.full(3, 0.6),
        ground=np.full(3, 0.35),
        gloss=0.0,
        sharpness=1.0,
        cavity=0.0,
        shadow=0.0,
    )
    radiance = lit(front, front.depth, pixel_from_cam, light)
    picture = front.picture(np.float32(srgb_from_linear(radiance)), fill=1.0)
    return np.uint8(np.round(255 * picture))


def with_normals(relief: ReliefMesh) -> PaintedMesh:
    """The relief with vertex normals weighted by area."""
    a, b, c = relief.vertices[relief.faces].transpose(1, 0, 2)
    normals = np.zeros_like(relief.vertices)
    for corner in relief.faces.T:
        np.add.at(normals, corner, np.cross(b - a, c - a))
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    return painted(relief.vertices, relief.faces, normals, colours=relief.colours)


def turned_pictures(relief: ReliefMesh, camera: CropCamera) -> list[np.ndarray]:
    """The mesh from the photograph's camera and turned about the world's vertical."""
    mesh = with_normals(relief)
    f, (x, y) = camera.focal * SHEET_PX, camera.centre * SHEET_PX
    pixel_from_cam = np.array([[f, 0, x], [0, f, y], [0, 0, 1]])
    middle = relief.vertices.mean(axis=0)
    pictures = []
    for turn in np.radians(TURNS_DEG):
        s, c = np.sin(turn), np.cos(turn)
        spin = np.eye(4)
        spin[:3, :3] = [[c, -s, 0], [s, c, 0], [0, 0, 1]]
        spin[:3, 3] = middle - spin[:3, :3] @ middle
        pictures.append(shaded(mesh, camera.cam_from_world @ spin, pixel_from_cam))
    return pictures

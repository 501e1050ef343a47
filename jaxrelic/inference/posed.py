"""A folder of posed photographs to a mesh in the world of its poses."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np

from jaxrelic.geometry import cameras, meshes
from jaxrelic.geometry.directions import Up
from jaxrelic.inference import mesh_report
from jaxrelic.inference.mesh_report import MeshReport
from jaxrelic.inference.one2345 import NetworkField, One2345Predictor
from jaxrelic.inference.surface import extract
from jaxrelic.inference.surface.extract import SurfaceSettings
from jaxrelic.inference.surface.fields import Drawn
from jaxrelic.mesh_files import formats
from jaxrelic.photos import posed
from jaxrelic.photos.masks import salient
from jaxrelic.photos.posed import PosedInput


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PosedReconstruction:
    """What a folder of posed photographs gives."""

    mesh: meshes.Mesh
    """Closed and coloured, in the world of the poses, or upright if that was asked for."""
    poses_from_mesh: np.ndarray
    """From the mesh's coordinates to those of the pose file, [4, 4]; the unit matrix but for a mesh
    that was put upright, or moved near to an origin that was too far for single precision."""
    views: PosedInput
    """The photographs as the network saw them, and the way back to the world of the poses."""
    field: NetworkField
    """Distance and colour as the network has them, in its own world."""
    report: MeshReport
    """What the mesh shows without knowing the truth."""

    def draw(self, camera: cameras.Camera, size: int) -> Drawn:
        """The network's own picture, [size, size], from a camera in the world of the mesh."""
        mesh_from_ours = np.linalg.inv(self.poses_from_mesh) @ self.views.world_from_ours
        cam_from_ours = np.asarray(camera.cam_from_world, np.float64) @ mesh_from_ours
        scale = np.cbrt(np.linalg.det(cam_from_ours[:3, :3]))
        cam_from_ours[:3] /= scale
        drawn = self.field.draw(
            cameras.Camera(np.float32(cam_from_ours), np.asarray(camera.pixel_from_cam)), size
        )
        turn = mesh_from_ours[:3, :3] / np.cbrt(np.linalg.det(mesh_from_ours[:3, :3]))
        return dataclasses.replace(
            drawn,
            depth=drawn.depth * np.float32(scale),
            normals=drawn.normals @ np.float32(turn.T),
        )


def reconstruct(
    folder: pathlib.Path,
    poses: pathlib.Path,
    model: One2345Predictor,
    *,
    masks: pathlib.Path | None = None,
    up: Up = "auto",
    upright: bool = False,
    front: str | None = None,
    max_views: int | None = 32,
    surface: SurfaceSettings | None = None,
    find: Callable[[np.ndarray], np.ndarray] = salient.find,
) -> PosedReconstruction:
    """Reads and checks the photographs, and extracts the surface that the network sees in them.

    Args:
        folder: Folder with the photographs.
        poses: File of any format that `data.pose_files` reads, or COLMAP's folder.
        model: Trained network.
        masks: Folder with a mask of the same stem for every photograph.
        up: Direction of the poses' world that is up.
        upright: Put the mesh upright, z up, in the scale and place of the poses, rather than into
            the very coordinates of the pose file.
        front: Name of the photograph that shows the front: the object is put upright and turned
            about its vertical axis until this is so. None leaves it as it stands.
        max_views: Photographs that the network sees at most.
        surface: Grid and colours; the defaults when None.
        find: How objects are found, from a photograph [h, w, 3] to coverage [h, w].
    """
    views = posed.read(
        folder,
        poses,
        image_size=model.image_size,
        masks=masks,
        up=up,
        max_views=max_views,
        find=find,
    )
    field = model.read(views.views)
    mesh = extract.extract(field, surface or SurfaceSettings())
    report = mesh_report.check(mesh, views.views)
    to_poses = views.world_from_ours
    to_mesh = to_poses.copy()
    to_mesh[:3, 3] -= posed.far_offset(to_poses)
    if upright or front is not None:
        turn = None if front is None else formats.front_from_world(views.views.camera_of(front))
        to_mesh = posed.upright_from_ours(to_poses, turn)
    return PosedReconstruction(
        mesh=posed.placed(mesh, to_mesh),
        poses_from_mesh=to_poses @ np.linalg.inv(to_mesh),
        views=views,
        field=field,
        report=report,
    )

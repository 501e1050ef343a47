"""One photograph to a mesh of two sides, closed along its outline, itself as the texture.

How far front and back bulge is inflated from the outline alone (`geometry.inflation`), or comes
from the relief network (`relief_predictor`). The back shows the photograph's mirror image.
"""

import dataclasses
from typing import Literal

import numpy as np
import scipy.ndimage

from jaxrelic.data import posed_view
from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, meshes
from jaxrelic.geometry.relief.inflation import inflate, turned
from jaxrelic.geometry.relief.relief_mesh import CropCamera, close_layers
from jaxrelic.inference.reconstruction import Reconstruction
from jaxrelic.photos import photo as photos
from jaxrelic.photos.photo import Photo, Preprocessing
from jaxrelic.typing import Float, typechecked

LONGEST_SIDE = 0.8
"""Longest side of the mesh's box, in world units."""
CROP_MARGIN = 1.1
"""Side of the square that is cut out, over the longer side of the object's box."""
LAYER_PX = 160
"""Side of the crop in which the outline is inflated, in pixels."""
TEXTURE_PX = 1024
"""Most texels along a side of the texture; a smaller photograph gives fewer."""
IMAGE_PX = 256
"""Side of the picture that the result's camera is for, in pixels."""
CROP_ANGLE_DEG = 30.0
"""Angle that the crop spans: an object that fills half of what an ordinary lens sees."""
FRONT_AZIMUTH_DEG = -90.0
"""Direction the photograph was taken from: what a GLB viewer shows first."""
MAX_ELEVATION_DEG = 60.0
"""Steepest camera: seen from further above, an outline says little of the height."""
PREPROCESSING = Preprocessing(
    image_size=IMAGE_PX, crop_margin=CROP_MARGIN, background=(1.0, 1.0, 1.0)
)
"""How the picture is cut out that the result's camera is for."""


Symmetry = Literal["none", "revolution"]
"""none: front and back bulge alike. revolution: a vessel turned on a wheel; handles stay thin."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReliefSettings:
    """What the photographer may know."""

    symmetry: Symmetry = "none"
    """Symmetry of the object about its upright axis."""

    elevation_deg: float | None = None
    """Degrees that the camera looked down at the object; the object is stood upright by as much.
    None takes what the layers' maker thinks, or 0."""

    def __post_init__(self) -> None:
        if self.elevation_deg is None:
            return
        if not -MAX_ELEVATION_DEG <= self.elevation_deg <= MAX_ELEVATION_DEG:
            raise UserError(
                f"elevation {self.elevation_deg} is not in -{MAX_ELEVATION_DEG:.0f} to "
                f"{MAX_ELEVATION_DEG:.0f} degrees; leave it out"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layers:
    """Two depth layers of a photograph's crop, [i, j], in crop widths."""

    front: np.ndarray
    """Depth of the first surface from that of the object's middle."""
    thickness: np.ndarray
    """Depth of the last surface less that of the first."""
    elevation_deg: float
    """How far the camera looked down."""


def reconstruct(
    photo: Photo, settings: ReliefSettings | None = None, layers: Layers | None = None
) -> Reconstruction:
    """Reconstructs the object of one photograph as a relief of two sides.

    Args:
        photo: Photograph whose object is known.
        settings: What the photographer knows; the defaults when None.
        layers: Of `crop(photo, ...)`, for a body that is not one of revolution; the inflated
            outline when None.
    """
    settings = settings or ReliefSettings()
    elevation_deg = settings.elevation_deg
    if elevation_deg is None:
        elevation_deg = 0.0 if layers is None else layers.elevation_deg
    if layers is None or settings.symmetry == "revolution":
        layers = outline_layers(photo, settings.symmetry, elevation_deg)
    camera, image = crop_camera(elevation_deg), crop(photo, IMAGE_PX)
    mesh = closed_mesh(photo, layers, camera)
    vertices, pose = _centred(mesh.vertices, camera.cam_from_world)
    return Reconstruction(
        mesh=dataclasses.replace(mesh, vertices=np.float32(vertices)),
        camera=cameras.Camera(
            cam_from_world=pose,
            pixel_from_cam=cameras.intrinsics(camera.focal * IMAGE_PX, IMAGE_PX, IMAGE_PX),
        ),
        image=photos.over_background(image, PREPROCESSING),
        mask=image.rgba[..., 3],
        photo=photo,
        image_from_photo=image.pixel_from_cam,
    )


def closed_mesh(photo: Photo, layers: Layers, camera: CropCamera) -> meshes.Mesh:
    """Both layers closed along the outline, with the photograph as texture, where they were seen.

    Args:
        photo: Photograph whose object is known.
        layers: Of its crop.
        camera: Of its crop.
    """
    cut, texture = crop(photo, LAYER_PX), _texture(photo)
    mask = cut.rgba[..., 3] > 0.5
    closed = close_layers(layers.front, layers.thickness, mask, colours(cut), camera)
    return meshes.Mesh(
        vertices=closed.vertices,
        faces=np.int32(closed.faces),
        face_uvs=_texture_coordinates(closed.uv, len(texture))[closed.faces],
        texture=texture,
    )


def outline_layers(photo: Photo, symmetry: Symmetry = "none", elevation_deg: float = 0.0) -> Layers:
    """The inflated or turned outline about the upright plane through its middle."""
    mask = crop(photo, LAYER_PX).rgba[..., 3] > 0.5
    half = turned(mask) if symmetry == "revolution" else inflate(mask)
    middle = np.float32(_upright_plane(mask, elevation_deg))
    return Layers(front=middle - half, thickness=2 * half, elevation_deg=elevation_deg)


def crop(photo: Photo, size: int) -> posed_view.View:
    """The square around the object."""
    return photos.prepare(
        photos.as_view(photo), dataclasses.replace(PREPROCESSING, image_size=size)
    )


def crop_camera(elevation_deg: float) -> CropCamera:
    """A camera whose crop spans `CROP_ANGLE_DEG` of the front."""
    focal = 0.5 / np.tan(np.deg2rad(CROP_ANGLE_DEG / 2))
    distance = LONGEST_SIDE * CROP_MARGIN * focal
    pose = cameras.orbit(
        *(np.float32(np.deg2rad([angle])) for angle in (FRONT_AZIMUTH_DEG, elevation_deg, 0.0)),
        np.float32([[0, 0, distance]]),
    )
    return CropCamera(
        focal=float(focal),
        centre=np.float64([0.5, 0.5]),
        depth_centre=float(distance),
        cam_from_world=np.asarray(pose[0], np.float64),
    )


def _upright_plane(mask: np.ndarray, elevation_deg: float) -> np.ndarray:
    """Depth d of the vertical plane through the object's middle, [h, w], in crop widths.

    Seen from above the foot of an upright thing is farther than its middle, and the top nearer.
    """
    height, width = mask.shape
    rows = np.flatnonzero(mask.any(axis=1))
    down = (np.arange(height) + 0.5 - (rows[0] + rows[-1] + 1) / 2) / width
    plane = down * np.tan(np.deg2rad(elevation_deg))
    return np.broadcast_to(plane[:, None], mask.shape)


@typechecked
def _centred(
    vertices: Float[np.ndarray, "v 3"], cam_from_world: Float[np.ndarray, "4 4"]
) -> tuple[Float[np.ndarray, "v 3"], Float[np.ndarray, "4 4"]]:
    """Vertices whose box is about the origin, its longest side 0.8, and the camera that follows."""
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    scale, centre = LONGEST_SIDE / (high - low).max(), (low + high) / 2
    pose = cam_from_world.copy()
    pose[:3, 3] = scale * (pose[:3, :3] @ centre + pose[:3, 3])
    return scale * (vertices - centre), np.float32(pose)


def colours(view: posed_view.View) -> np.ndarray:
    """Colours of a cropped view before they were multiplied by its alpha, [s, s, 3]."""
    alpha = view.rgba[..., 3:]
    return np.clip(view.rgba[..., :3] / np.maximum(alpha, 1e-3), 0, 1)


def _texture(photo: Photo) -> np.ndarray:
    """The crop as a texture, [t, t, 3]; outside the outline the object's rim goes on."""
    rows, columns = (np.flatnonzero((photo.mask > 0.5).any(axis=axis)) for axis in (1, 0))
    longer = max(np.ptp(rows), np.ptp(columns)) + 1
    size = int(np.clip(np.ceil(longer * CROP_MARGIN), 64, TEXTURE_PX))
    view = crop(photo, size)
    # A pixel from the outline the background has its part in the colour.
    known = scipy.ndimage.binary_erosion(view.rgba[..., 3] > 0.95, iterations=max(1, size // 256))
    if not known.any():
        known = view.rgba[..., 3] > 0.5
    row, column = scipy.ndimage.distance_transform_edt(
        ~known, return_distances=False, return_indices=True
    )
    return np.float32(colours(view)[row, column])


def _texture_coordinates(uv: np.ndarray, size: int) -> np.ndarray:
    """Texture coordinates [n, 2] of places in the crop, in crop widths from its upper left corner.

    A texture's outer texel centres are at 0 and 1, and row 0 is at v = 1.
    """
    along = np.clip((uv * size - 0.5) / (size - 1), 0, 1)
    return np.float32(np.stack([along[:, 0], 1 - along[:, 1]], axis=-1))

"""What a visitor of the package calls: load, reconstruct, novel_views and render.

`jaxrelic.reconstruct("vase.jpg", jaxrelic.load("runs/demo/train"))` gives a mesh and its camera.
Drawing needs no model: what opens one is imported when it is called.

    vertices, faces = meshes.icosphere(3)
    mesh = jaxrelic.Mesh(vertices=0.4 * vertices, faces=faces)  # or glb_reader.read_glb(path)
    pose = cameras.orbit(*np.float32([[0.5], [0.3], [0.0]]), np.float32([[0, 0, 1.2]]))[0]
    camera = jaxrelic.Camera(pose, cameras.intrinsics(70, 64, 64))
    image = jaxrelic.render(mesh, camera, image_size=64, normals="camera", face_index=True)

`image` has rgb, alpha, depth, normals and face_index.
"""

import logging
import pathlib
from typing import TYPE_CHECKING, Any

import flax.struct
import jax
import numpy as np

from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, meshes
from jaxrelic.rendering import shading
from jaxrelic.rendering.settings import SOFT_PX, RasterSettings, SoftImage
from jaxrelic.rendering.views import Frame, over, render_face_index, render_normals, render_views

if TYPE_CHECKING:
    from jaxrelic.inference.posed import PosedReconstruction
    from jaxrelic.inference.reconstruction import Reconstruction

logger = logging.getLogger(__name__)

Path = str | pathlib.Path


def load(path: Path) -> Any:
    """Opens a trained network: the newest checkpoint of a run, or an export.

    Args:
        path: Folder of `jaxrelic train` or `jaxrelic export`.

    Returns:
        What `reconstruct` takes: a `ReliefPredictor` or `MsrnPredictor` for single photographs, a
        `One2345Predictor` for posed ones; or a `MaskPredictor`, which finds objects.

    Raises:
        UserError: The folder is neither, or holds no checkpoint yet.
    """
    from jaxrelic.saved import load as saved

    return saved.load(path)


def reconstruct(
    photo: Path,
    model: Any = None,
    mask: Path | None = None,
    *,
    poses: Path | None = None,
    **options: Any,
) -> "Reconstruction | PosedReconstruction":
    """Reconstructs one photograph, or a folder of photographs whose cameras are known.

    Args:
        photo: Picture file; with `poses` the folder of the photographs.
        model: What `load` gave, or the folder that it would be given; by default the relief
            network that travels with the install. Posed photographs need one.
        mask: Picture of the photograph's size, white on the object; with `poses` a folder of them.
            By default transparency is used, or the object is found automatically.
        poses: Where the photographs were taken from: a file of any format that
            `data.pose_files.read` knows, or COLMAP's folder.
        **options: For reliefs those of `inference.relief.ReliefSettings` (`symmetry`,
            `elevation_deg`), for posed photographs those of `inference.posed.reconstruct`.

    Raises:
        UserError: A file cannot be used, or the network takes the other kind of input.
    """
    from jaxrelic import shipped
    from jaxrelic.inference.relief import ReliefSettings
    from jaxrelic.inference.relief_predictor import ReliefPredictor
    from jaxrelic.saved import load as saved
    from jaxrelic.train.tasks import kinds

    role = "one photograph into a mesh" if poses is None else "posed views into a mesh"
    if model is None:
        if poses is not None:
            raise UserError("posed photographs need a network; give model")
        model = shipped.RELIEF
    if isinstance(model, str | pathlib.Path):
        model = saved.load(model, role=role)
    elif (kind := kinds.of_predictor(model)).role != role:
        raise UserError(f"this network {kind.purpose}; give one that turns {role}")
    if poses is None and isinstance(model, ReliefPredictor):
        return model.reconstruct(photo, mask, ReliefSettings(**options))
    if poses is None:
        if options:
            raise TypeError(f"{', '.join(options)}: for reliefs and posed photographs alone")
        return model.reconstruct(photo, mask)
    from jaxrelic.inference import posed

    masks = None if mask is None else pathlib.Path(mask)
    return posed.reconstruct(
        pathlib.Path(photo), pathlib.Path(poses), model, masks=masks, **options
    )


def novel_views(
    result: "Reconstruction | PosedReconstruction", camera: cameras.Camera, *, image_size: int
) -> SoftImage:
    """Draws a reconstruction from other cameras: rgb [n h w 3], alpha and depth [n h w].

    The network's own picture where it has one (One-2-3-45's field), else its mesh.

    Args:
        result: What `reconstruct` gave.
        camera: n cameras in the world of `result.mesh`, with intrinsics for `image_size` pixels.
        image_size: Side of the pictures, in pixels.
    """
    count = len(camera.cam_from_world)
    each = [jax.tree.map(lambda array, k=k: array[k], camera) for k in range(count)]
    if hasattr(result, "draw"):
        drawn = [result.draw(one, image_size) for one in each]
        return SoftImage(
            rgb=np.stack([view.rgb for view in drawn]),
            alpha=np.stack([view.mask for view in drawn]),
            depth=np.stack([view.depth for view in drawn]),
            dropped=np.zeros(count, np.int32),
        )
    images = [render(result.mesh, one, image_size=image_size) for one in each]
    stacked = jax.tree.map(lambda *x: np.stack(x), *images)
    return SoftImage(stacked.rgb, stacked.alpha, stacked.depth, stacked.dropped)


@flax.struct.dataclass
class Rendering(SoftImage):
    """A rendered image, and what else was asked for."""

    normals: jax.Array | None = None
    """Smooth outward unit normals, [h, w, 3]; 0 = no face."""
    face_index: jax.Array | None = None
    """The face behind each pixel centre, [h, w] int32; -1 = none. It has no gradient."""


def render(
    mesh: meshes.Mesh,
    camera: cameras.Camera,
    *,
    image_size: int | tuple[int, int],
    camera_size: int | tuple[int, int] | None = None,
    settings: RasterSettings | None = None,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    normals: Frame | None = None,
    face_index: bool = False,
) -> Rendering:
    """Renders softly and differentiably: rgb [h w 3], alpha [h w], depth [h w].

    A mesh without colours is shown as clay under one light.

    Args:
        mesh: No batch axes.
        camera: No batch axes.
        image_size: Height and width of the picture in pixels, or one number for a square.
        camera_size: Likewise for the picture that the camera's intrinsics describe; the same as
            `image_size` by default.
        settings: Softness; the defaults when None. One that blurs outlines by more than a pixel
            is warned of.
        background: RGB in [0, 1] behind the object.
        normals: Return a normals image too, along the axes of the "camera" (x right, y down,
            z forward) or the "world" (z up).
        face_index: Return an image of face indices too.

    Example:
        >>> from jaxrelic.geometry import cameras, meshes
        >>> vertices, faces = meshes.icosphere(2)
        >>> pose = cameras.orbit(*np.float32([[0.5], [0.3], [0]]), np.float32([[0, 0, 1.2]]))[0]
        >>> camera = jaxrelic.Camera(pose, cameras.intrinsics(18, 16, 16))
        >>> ball = jaxrelic.Mesh(vertices=0.4 * vertices, faces=faces)
        >>> image = jaxrelic.render(ball, camera, image_size=16)
        >>> image.rgb.shape, round(float(image.depth[8, 8]), 2)
        ((16, 16, 3), 0.8)
    """
    height, width = _height_width(image_size)
    camera_height, camera_width = _height_width(camera_size or image_size)
    if settings is not None:
        _warn_of_softness(settings, max(height, width))
    stretch = np.diag(np.float32([width / camera_width, height / camera_height, 1]))
    view = cameras.Camera(
        cam_from_world=camera.cam_from_world, pixel_from_cam=stretch @ camera.pixel_from_cam
    )
    batch = meshes.Mesh(
        vertices=mesh.vertices[None],
        faces=mesh.faces,
        vertex_colours=None if mesh.vertex_colours is None else mesh.vertex_colours[None],
        face_uvs=mesh.face_uvs,
        texture=None if mesh.texture is None else mesh.texture[None],
    )
    views = jax.tree.map(lambda array: array[None, None], view)
    how = {"image_size": (height, width), "settings": settings}
    draw = _draw_clay if _is_plain(mesh) else render_views
    image = Rendering(
        **vars(draw(batch, views, background=background, **how)),
        normals=render_normals(batch, views, frame=normals, **how).rgb if normals else None,
        face_index=render_face_index(batch, views, image_size=(height, width))
        if face_index
        else None,
    )
    return jax.tree.map(lambda array: array[0, 0], image)


def _height_width(size: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width from what `render` takes for a size."""
    sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
    whole = all(isinstance(side, int | np.integer) and side > 0 for side in sides)
    if len(sides) != 2 or not whole:
        raise ValueError(f"image size {size}; give whole pixels, a number or (height, width)")
    return int(sides[0]), int(sides[1])


def _warn_of_softness(settings: RasterSettings, longer: int) -> None:
    """A sigma that was chosen for a small picture makes the outlines of a large one swell."""
    if settings.sigma is None or isinstance(settings.sigma, jax.core.Tracer):
        return
    softness = float(np.sqrt(np.max(settings.sigma))) * longer / 2
    if softness > SOFT_PX:
        logger.warning(
            "sigma %g blurs edges by %.1f px in a picture of %d px, and outlines swell by about as "
            "much; leave sigma out, or take (2 x pixels / %d) squared",
            float(np.max(settings.sigma)),
            softness,
            longer,
            longer,
        )


def _is_plain(mesh: meshes.Mesh) -> bool:
    return mesh.vertex_colours is None and (mesh.texture is None or mesh.face_uvs is None)


def _draw_clay(
    mesh: meshes.Mesh,
    views: cameras.Camera,
    *,
    background: tuple[float, float, float],
    **how,
) -> SoftImage:
    """`render_views` for a mesh without colours: lit per pixel, from the normals image."""
    image = render_normals(mesh, views, frame="camera", **how)
    light = shading.brightness(image.rgb)[..., None]
    return over(image.replace(rgb=light * shading.CLAY.reshape(1, 1, 1, 1, 3)), background)

"""One mesh through one camera, without batch axes: the renderer for people at a prompt."""

import jax
import numpy as np

from jaxrelic.geometry import cameras, meshes
from jaxrelic.rendering.settings import RasterSettings, SoftImage
from jaxrelic.rendering.views import render_views


def render(
    mesh: meshes.Mesh,
    camera: cameras.Camera,
    *,
    image_size: int,
    camera_size: int | None = None,
    settings: RasterSettings | None = None,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> SoftImage:
    """Renders softly and differentiably: rgb [h w 3], alpha [h w], depth [h w].

    Args:
        mesh: With a texture or vertex colours, no batch axes.
        camera: No batch axes.
        image_size: Side of the picture, in pixels.
        camera_size: Side, in pixels, of the picture that the camera's intrinsics describe;
            the same as `image_size` by default.
        settings: Softness; the defaults when None.
        background: RGB in [0, 1] behind the object.
    """
    scale = np.float32(image_size / (camera_size or image_size))
    stretch = np.diag(np.float32([scale, scale, 1]))
    view = cameras.Camera(
        cam_from_world=camera.cam_from_world, pixel_from_cam=stretch @ camera.pixel_from_cam
    )
    batch = meshes.Mesh(
        vertices=mesh.vertices[None],
        faces=mesh.faces,
        vertex_colors=None if mesh.vertex_colors is None else mesh.vertex_colors[None],
        face_uvs=mesh.face_uvs,
        texture=None if mesh.texture is None else mesh.texture[None],
    )
    views = jax.tree.map(lambda array: array[None, None], view)
    image = render_views(
        batch, views, image_size=image_size, settings=settings, background=background
    )
    return jax.tree.map(lambda array: array[0, 0], image)

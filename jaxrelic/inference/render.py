"""One mesh through one camera, without batch axes: the renderer for people at a prompt.

    vertices, faces = meshes.icosphere(3)
    mesh = jaxrelic.Mesh(vertices=0.4 * vertices, faces=faces)  # or mesh_file.read_glb(path)
    pose = cameras.orbit(*np.float32([[0.5], [0.3], [0.0]]), np.float32([[0, 0, 1.2]]))[0]
    camera = jaxrelic.Camera(pose, cameras.intrinsics(70, 64, 64))
    image = jaxrelic.render(mesh, camera, image_size=64, normals="camera", face_index=True)

`image` has rgb, alpha, depth, normals and face_index.
"""

import flax.struct
import jax
import numpy as np

from jaxrelic.geometry import cameras, meshes
from jaxrelic.rendering import shading
from jaxrelic.rendering.settings import RasterSettings, SoftImage
from jaxrelic.rendering.views import Frame, over, render_face_index, render_normals, render_views


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
    image_size: int,
    camera_size: int | None = None,
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
        image_size: Side of the picture, in pixels.
        camera_size: Side, in pixels, of the picture that the camera's intrinsics describe;
            the same as `image_size` by default.
        settings: Softness; the defaults when None.
        background: RGB in [0, 1] behind the object.
        normals: Return a normals image too, along the axes of the "camera" (x right, y down,
            z forward) or the "world" (z up).
        face_index: Return an image of face indices too.
    """
    scale = np.float32(image_size / (camera_size or image_size))
    stretch = np.diag(np.float32([scale, scale, 1]))
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
    how = {"image_size": image_size, "settings": settings}
    draw = _draw_clay if _is_plain(mesh) else render_views
    image = Rendering(
        **vars(draw(batch, views, background=background, **how)),
        normals=render_normals(batch, views, frame=normals, **how).rgb if normals else None,
        face_index=render_face_index(batch, views, image_size=image_size) if face_index else None,
    )
    return jax.tree.map(lambda array: array[0, 0], image)


def _is_plain(mesh: meshes.Mesh) -> bool:
    return mesh.vertex_colours is None and (mesh.texture is None or mesh.face_uvs is None)


def _draw_clay(
    mesh: meshes.Mesh,
    views: cameras.Camera,
    *,
    background: tuple[float, float, float],
    **how,
) -> SoftImage:
    """As `render_views`, of a mesh without colours: lit per pixel, from the normals image."""
    image = render_normals(mesh, views, frame="camera", **how)
    light = shading.brightness(image.rgb)[..., None]
    return over(image.replace(rgb=light * shading.CLAY.reshape(1, 1, 1, 1, 3)), background)

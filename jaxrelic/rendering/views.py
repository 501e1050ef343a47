"""Drawing a mesh as posed cameras see it."""

import jax.numpy as jnp

from jaxrelic.geometry import cameras, meshes
from jaxrelic.rendering.soft_rasterizer import (
    CornerColors,
    Path,
    RasterSettings,
    SoftImage,
    UvTexture,
    soft_rasterize,
)
from jaxrelic.typing import Array, Float, typechecked


def render_views(
    mesh: meshes.Mesh,
    views: cameras.Camera,
    *,
    image_size: int | tuple[int, int],
    settings: RasterSettings | None = None,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    path: Path = "auto",
) -> SoftImage:
    """Renders each mesh of a batch [b] through its own n cameras [b n], over the background.

    Args:
        mesh: Vertices [b, v, 3] with vertex colours, or with a texture and face_uvs.
        views: Cameras [b, n] whose intrinsics are in pixels of the image asked for.
        image_size: Height and width in pixels, or one number for a square.
        settings: Constants of the rasterizer; the defaults when None.
        background: RGB in [0, 1] behind the object.
        path: Which implementation; see `soft_rasterize`.

    Returns:
        rgb [b n h w 3] composited over the background, alpha [b n h w], depth [b n h w] along
        the optical axis (0 = no face), and dropped [b n].
    """
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    vertices_ndc = project_to_ndc(mesh.vertices[:, None], views, height, width)
    image = soft_rasterize(
        meshes.face_vertices(vertices_ndc, mesh.faces),
        _appearance(mesh),
        image_size=(height, width),
        settings=settings,
        background=background,
        path=path,
    )
    alpha = image.alpha[..., None]
    colour = jnp.broadcast_to(jnp.asarray(background, image.rgb.dtype), image.rgb.shape)
    return image.replace(rgb=image.rgb * alpha + colour * (1 - alpha))


@typechecked
def project_to_ndc(
    vertices: Float[Array, "*#b v 3"], views: cameras.Camera, height: int, width: int
) -> Float[Array, "*b v 3"]:
    """World points to the rasterizer's x right, y up in [-1, 1] over the image, and depth."""
    uv, depth = cameras.project(views, vertices)
    x = 2 * uv[..., 0] / width - 1
    y = 1 - 2 * uv[..., 1] / height
    return jnp.stack([x, y, depth], axis=-1)


def _appearance(mesh: meshes.Mesh) -> CornerColors | UvTexture:
    """The mesh's colours with an axis for the views."""
    if mesh.texture is not None and mesh.face_uvs is not None:
        return UvTexture(mesh.face_uvs, mesh.texture[:, None])
    if mesh.vertex_colors is not None:
        return CornerColors(meshes.face_vertices(mesh.vertex_colors, mesh.faces)[:, None])
    raise ValueError("this mesh has no colours; give it vertex_colors, or texture and face_uvs")

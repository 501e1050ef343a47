"""Drawing a mesh as posed cameras see it: colours, silhouettes, normals and faces."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxrelic.geometry import cameras, meshes, transforms
from jaxrelic.rendering.soft.layered import layered_rasterize
from jaxrelic.rendering.soft_rasterizer import (
    CornerColours,
    Path,
    RasterSettings,
    SoftImage,
    UvTexture,
    nearest_face,
    soft_rasterize,
    soft_silhouette,
)
from jaxrelic.typing import Array, Float, Int, typechecked

Frame = Literal["camera", "world"]

Aggregator = Literal["softras", "layered"]
"""How the faces at a pixel become one colour: see `soft_rasterizer` and `layered`."""


def render_views(
    mesh: meshes.Mesh,
    views: cameras.Camera,
    *,
    image_size: int | tuple[int, int],
    settings: RasterSettings | None = None,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    path: Path = "auto",
    aggregator: Aggregator = "softras",
) -> SoftImage:
    """Renders each mesh of a batch [b] through its own n cameras [b n], over the background.

    Args:
        mesh: Vertices [b, v, 3] with vertex colours, or with a texture and face_uvs.
        views: Cameras [b, n] whose intrinsics are in pixels of the image asked for.
        image_size: Height and width in pixels, or one number for a square.
        settings: Constants of the rasterizer; the defaults when None.
        background: RGB in [0, 1] behind the object.
        path: Which implementation of softras; see `soft_rasterize`.
        aggregator: How faces are joined; layered has the one implementation.

    Returns:
        rgb [b n h w 3] composited over the background, alpha [b n h w], depth [b n h w] along
        the optical axis (0 = no face), and dropped [b n], which only `layered` fills.

    Example:
        >>> vertices, faces = meshes.icosphere(1)
        >>> clay = np.full_like(vertices, 0.5)[None]
        >>> ball = meshes.Mesh(vertices=0.4 * vertices[None], faces=faces, vertex_colours=clay)
        >>> turn = np.float32([0, 2])
        >>> pose = cameras.orbit(turn, 0 * turn, 0 * turn, np.tile(np.float32([0, 0, 1.2]), (2, 1)))
        >>> lens = np.tile(cameras.intrinsics(18, 16, 16), (1, 2, 1, 1))
        >>> views = cameras.Camera(pose[None], lens)
        >>> render_views(ball, views, image_size=16, path="dense").rgb.shape
        (1, 2, 16, 16, 3)
    """
    faces, appearance = _faces_ndc(mesh, views, image_size), _appearance(mesh)
    options = {"image_size": image_size, "settings": settings, "background": background}
    if aggregator == "layered":
        return layered_rasterize(faces, appearance, **options)
    return over(soft_rasterize(faces, appearance, **options, path=path), background)


def over(image: SoftImage, background: tuple[float, float, float]) -> SoftImage:
    """The image composited over a colour."""
    alpha = image.alpha[..., None]
    colour = jnp.broadcast_to(jnp.asarray(background, image.rgb.dtype), image.rgb.shape)
    return image.replace(rgb=image.rgb * alpha + colour * (1 - alpha))


@typechecked
def render_silhouettes(
    mesh: meshes.Mesh,
    views: cameras.Camera,
    *,
    image_size: int | tuple[int, int],
    settings: RasterSettings | None = None,
    path: Path = "auto",
) -> Float[Array, "b n h w"]:
    """The alpha [b n h w] of `render_views`, without the work of colours; arguments as there."""
    faces = _faces_ndc(mesh, views, image_size)
    return soft_silhouette(faces, image_size=image_size, settings=settings, path=path)


@typechecked
def render_normals(
    mesh: meshes.Mesh,
    views: cameras.Camera,
    *,
    image_size: int | tuple[int, int],
    frame: Frame = "camera",
    settings: RasterSettings | None = None,
    path: Path = "auto",
) -> SoftImage:
    """Smooth outward normals instead of colours: unit length where there is a face, else 0.

    Vertex normals are mixed as colours are: inside a face, and between faces by depth.

    Args:
        mesh: Vertices [b, v, 3]; its colours do not matter.
        views: Cameras [b, n].
        image_size: Height and width in pixels, or one number for a square.
        frame: Axes of the normals: the camera's (x right, y down, z forward, so that a surface
            facing it has z < 0) or the world's (z up).
        settings: Constants of the rasterizer; the defaults when None.
        path: Which implementation; see `soft_rasterize`.
    """
    normals = meshes.vertex_normals(mesh.vertices, mesh.faces)[:, None]
    if frame == "camera":
        normals = transforms.rotate(views.cam_from_world[..., :3, :3], normals)
    image = soft_rasterize(
        _faces_ndc(mesh, views, image_size),
        CornerColours(meshes.face_vertices(normals, mesh.faces)),
        image_size=image_size,
        settings=settings,
        background=(0.0, 0.0, 0.0),
        path=path,
    )
    return image.replace(rgb=jnp.where((image.depth > 0)[..., None], meshes.unit(image.rgb), 0))


@typechecked
def render_face_index(
    mesh: meshes.Mesh, views: cameras.Camera, *, image_size: int | tuple[int, int]
) -> Int[Array, "b n h w"]:
    """Index of the face behind each pixel centre, [b n h w] int32; see `nearest_face`."""
    return nearest_face(_faces_ndc(mesh, views, image_size), image_size=image_size)


def _faces_ndc(
    mesh: meshes.Mesh, views: cameras.Camera, image_size: int | tuple[int, int]
) -> Array:
    """Corners of the faces as each camera sees them, [b n f 3 3]."""
    if not isinstance(mesh.faces, jax.core.Tracer):
        meshes.check_indices(np.asarray(mesh.faces), mesh.vertices.shape[-2])
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    vertices_ndc = project_to_ndc(mesh.vertices[:, None], views, height, width)
    return meshes.face_vertices(vertices_ndc, mesh.faces)


@typechecked
def project_to_ndc(
    vertices: Float[Array, "*#b v 3"], views: cameras.Camera, height: int, width: int
) -> Float[Array, "*b v 3"]:
    """World points to the rasterizer's x right, y up in [-1, 1] over the image, and depth."""
    uv, depth = cameras.project(views, vertices)
    x = 2 * uv[..., 0] / width - 1
    y = 1 - 2 * uv[..., 1] / height
    return jnp.stack([x, y, depth], axis=-1)


def _appearance(mesh: meshes.Mesh) -> CornerColours | UvTexture:
    """The mesh's colours with an axis for the views."""
    if mesh.texture is not None and mesh.face_uvs is not None:
        return UvTexture(mesh.face_uvs, mesh.texture[:, None])
    if mesh.vertex_colours is not None:
        return CornerColours(meshes.face_vertices(mesh.vertex_colours, mesh.faces)[:, None])
    raise ValueError("this mesh has no colours; give it vertex_colours, or texture and face_uvs")

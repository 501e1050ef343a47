"""A mesh with colours as a file has them, and what its surface is at the pixels that see it."""

import dataclasses

import cv2
import numpy as np

from jaxrelic.rendering.two_layers.hits import Hits, barycentrics, look_through

GREY = 0.72
"""sRGB of a mesh without colours."""
MAX_TEXTURE_PX = 512
"""Larger textures are reduced once: pictures of a few hundred pixels would only alias."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaintedMesh:
    """Triangles by their corners, so that meshes of any number of parts simply join."""

    corners: np.ndarray
    """World positions, [f, 3, 3] float64."""
    normals: np.ndarray
    """Normals of the corners, unit length, [f, 3, 3] float32."""
    colours: np.ndarray
    """sRGB of the corners in [0, 1], [f, 3, 3] float32; they multiply the texture."""
    uvs: np.ndarray
    """Texture coordinates of the corners, v = 1 is row 0 of the texture, [f, 3, 2] float32."""
    texture_of: np.ndarray
    """Index into `textures` of each triangle, -1 for none, [f]."""
    textures: tuple[np.ndarray, ...] = ()
    """sRGB, each [h, w, 3] uint8."""
    roughness: float = 0.8

    @property
    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest corner, [3] each."""
        points = self.corners.reshape(-1, 3)
        return points.min(axis=0), points.max(axis=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seen:
    """The surface at the pixels that see it, in one layer; n pixels in row order."""

    size: int
    pixel: np.ndarray
    """Flat indices, [n]."""
    depth: np.ndarray
    """Along the optical axis, [n]."""
    points_cam: np.ndarray
    """[n, 3] float32."""
    normals_cam: np.ndarray
    """Unit, turned towards the camera, [n, 3] float32."""
    rgb: np.ndarray
    """sRGB in [0, 1], unlit, [n, 3] float32."""

    def picture(self, values: np.ndarray, fill: float = 0.0) -> np.ndarray:
        """Values [n, *c] on the image grid, [size, size, *c]."""
        flat = np.full((self.size**2, *values.shape[1:]), fill, values.dtype)
        flat[self.pixel] = values
        return flat.reshape(self.size, self.size, *values.shape[1:])


def join(*meshes: PaintedMesh) -> PaintedMesh:
    """One mesh of several."""
    starts = np.cumsum([0] + [len(mesh.textures) for mesh in meshes])
    texture_of = [
        np.where(mesh.texture_of < 0, -1, mesh.texture_of + start)
        for mesh, start in zip(meshes, starts[:-1], strict=True)
    ]
    names = ("corners", "normals", "colours", "uvs")
    return PaintedMesh(
        **{name: np.concatenate([getattr(mesh, name) for mesh in meshes]) for name in names},
        texture_of=np.concatenate(texture_of),
        textures=tuple(texture for mesh in meshes for texture in mesh.textures),
        roughness=float(np.mean([mesh.roughness for mesh in meshes])),
    )


def painted(vertices, faces, normals, *, uvs=None, texture=None, colours=None) -> PaintedMesh:
    """A mesh of indexed vertices [v, 3], with a texture [h, w, 3] uint8 or vertex colours [v, 3].

    Args:
        vertices: [v, 3].
        faces: [f, 3].
        normals: Of the vertices, [v, 3].
        uvs: Of the vertices, [v, 2].
        texture: sRGB [h, w, 3] uint8.
        colours: sRGB in [0, 1], [v, 3].
    """
    has_texture = texture is not None and uvs is not None
    if colours is None:
        colours = np.full(np.shape(vertices), 1.0 if has_texture else GREY)
    uvs = np.zeros((len(vertices), 2)) if uvs is None else uvs
    return PaintedMesh(
        corners=np.asarray(vertices, np.float64)[faces],
        normals=np.asarray(normals, np.float32)[faces],
        colours=np.asarray(colours, np.float32)[faces],
        uvs=np.asarray(uvs, np.float32)[faces],
        texture_of=np.full(len(faces), 0 if has_texture else -1),
        textures=(_reduced(texture),) if has_texture else (),
    )


def _reduced(texture: np.ndarray) -> np.ndarray:
    scale = MAX_TEXTURE_PX / max(texture.shape[:2])
    if scale >= 1:
        return texture
    height, width = (max(1, round(side * scale)) for side in texture.shape[:2])
    return cv2.resize(texture, (width, height), interpolation=cv2.INTER_AREA)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sight:
    """What one camera sees of a mesh; surfaces are worked out when they are asked for."""

    mesh: PaintedMesh
    cam_from_world: np.ndarray
    pixel_from_cam: np.ndarray
    hits: Hits
    pixel: np.ndarray
    """Flat indices of covered pixels, [n]."""

    def surface(self, layer: int) -> Seen:
        """The first (0) or the last (1) surface with its colours."""
        triangle = self.hits.triangle[layer].reshape(-1)[self.pixel]
        weights = barycentrics(self.hits, layer, self.pixel)
        rotation = np.float32(self.cam_from_world[:3, :3])
        points = _at(weights, np.float32(self.mesh.corners[triangle]))
        points = points @ rotation.T + np.float32(self.cam_from_world[:3, 3])
        normals = _at(weights, self.mesh.normals[triangle]) @ rotation.T
        normals /= np.maximum(np.sqrt(_dot(normals, normals)), 1e-9)[:, None]
        away = _dot(normals, points) > 0
        return Seen(
            size=self.hits.depth.shape[-1],
            pixel=self.pixel,
            depth=self.hits.depth[layer].reshape(-1)[self.pixel],
            points_cam=points,
            normals_cam=np.where(away[:, None], -normals, normals),
            rgb=_colours(self.mesh, triangle, weights),
        )

    def inside_out(self) -> float:
        """Share of the covered pixels whose last surface shows its front: open, or turned."""
        projected = self.hits.projected[self.hits.triangle[1].reshape(-1)[self.pixel]]
        (ua, va), (ub, vb), (uc, vc) = projected[..., :2].transpose(1, 2, 0)
        # Rows run down, so what is counter-clockwise for the eye has a negative area here.
        area = (ub - ua) * (vc - va) - (vb - va) * (uc - ua)
        return float(np.mean(area < 0)) if len(area) else 0.0


def see(
    mesh: PaintedMesh, cam_from_world: np.ndarray, pixel_from_cam: np.ndarray, size: int
) -> Sight:
    """Looks through a mesh.

    Args:
        mesh: What is looked at.
        cam_from_world: [4, 4].
        pixel_from_cam: Intrinsics of a size x size image, [3, 3].
        size: In pixels.
    """
    corners_cam = mesh.corners @ cam_from_world[:3, :3].T + cam_from_world[:3, 3]
    hits = look_through(corners_cam, pixel_from_cam, size)
    return Sight(
        mesh=mesh,
        cam_from_world=cam_from_world,
        pixel_from_cam=pixel_from_cam,
        hits=hits,
        pixel=np.flatnonzero(hits.covered),
    )


def _at(weights: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Values [n, c] of corners [n, 3, c]; sums over an axis of three are slow in NumPy."""
    w = weights[..., None]
    return w[:, 0] * corners[:, 0] + w[:, 1] * corners[:, 1] + w[:, 2] * corners[:, 2]


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]


def _colours(mesh: PaintedMesh, triangle: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Corner colours times texture, sRGB [n, 3]; textures repeat beyond the unit square."""
    rgb = _at(weights, mesh.colours[triangle])
    which = mesh.texture_of[triangle]
    uv = _at(weights, mesh.uvs[triangle])
    for index in np.unique(which[which >= 0]):
        at, texture = which == index, mesh.textures[index]
        height, width = texture.shape[:2]
        column = (uv[at, 0] % 1 * width).astype(np.int64) % width
        row = ((1 - uv[at, 1]) % 1 * height).astype(np.int64) % height
        rgb[at] *= texture[row, column].astype(np.float32) / 255
    return rgb

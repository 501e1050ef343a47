"""The mesh that every reconstruction starts from: an ellipsoid with texture coordinates."""

import dataclasses
import functools

import numpy as np

from jaxrelic.geometry import meshes


@dataclasses.dataclass(frozen=True)
class Template:
    """A closed mesh that never changes, as NumPy arrays: traced code sees constants."""

    vertices: np.ndarray
    """World positions, [v, 3] float32."""
    faces: np.ndarray
    """Vertex indices, counter-clockwise seen from outside, [f, 3] int32."""
    face_uvs: np.ndarray
    """Texture coordinates of each face corner, [f, 3, 2] float32."""
    edges: np.ndarray
    """Vertex pairs, each edge once, [e, 2] int32."""
    opposite: np.ndarray
    """The third vertex of the two faces at each edge, [e, 2] int32."""


@functools.cache
def ellipsoid(level: int, semi_axes: tuple[float, float, float], seam_fix: bool) -> Template:
    """An icosphere stretched to an ellipsoid, with longitude and latitude as texture coordinates.

    Args:
        level: Subdivisions of the icosahedron; at level 3, 642 vertices and 1280 faces.
        semi_axes: Along world x, y and z, in world units.
        seam_fix: Give each face its own copy of the coordinates where longitude wraps. Without it
            the faces across the seam squeeze the whole map into themselves, as Unicorn's do.
    """
    if level < 1:
        raise ValueError(f"icosphere level {level} has no vertex at the poles; use 1 or more")
    y_up, faces = meshes.icosphere(level)
    x, y, z = y_up.T  # The published order of vertices is y-up (specification msrn H-D).
    vertices = np.stack([x, -z, y], axis=-1) * np.float32(semi_axes)
    face_uvs = meshes.sphere_uv(vertices)[faces]
    if seam_fix:
        face_uvs = unwrap_seam(face_uvs, on_pole=np.hypot(x, z)[faces] < 1e-6)
    edges, opposite = meshes.edge_topology(faces)
    return Template(vertices, faces, face_uvs.astype(np.float32), edges, opposite)


def unwrap_seam(face_uvs: np.ndarray, *, on_pole: np.ndarray) -> np.ndarray:
    """Moves corners by whole turns so that every face covers a short stretch of longitude.

    A face ends up on the side of the seam where its middle lies; the corner left over the edge of
    the map reads the border texel. At a pole longitude is undefined: its corner takes the mean of
    the other two.

    Args:
        face_uvs: [f, 3, 2] with u in [0, 1].
        on_pole: [f, 3], at most one corner of a face.
    """
    u = face_uvs[..., 0]
    anchor = np.where(on_pole[:, :1], u[:, 1:2], u[:, :1])
    u = anchor + (u - anchor + 0.5) % 1.0 - 0.5
    others = np.sum(np.where(on_pole, 0, u), axis=-1, keepdims=True) / 2
    u = np.where(on_pole, others, u)
    u = u - np.floor(u.mean(axis=-1, keepdims=True))
    return np.stack([u, face_uvs[..., 1]], axis=-1)

"""Surface samples: what Chamfer distance and F-score compare a reconstruction with."""

import hashlib

import numpy as np


def sample_surface(
    vertices: np.ndarray, faces: np.ndarray, *, count: int, key: str
) -> tuple[np.ndarray, np.ndarray]:
    """Draws points on a triangle mesh, uniformly by area.

    Args:
        vertices: [v, 3].
        faces: [f, 3], counter-clockwise seen from outside.
        count: Number of samples.
        key: The same key gives the same samples.

    Returns:
        points: [count, 3] float32, in the frame of the vertices.
        normals: [count, 3] float32, unit length.
    """
    corners = np.asarray(vertices, np.float64)[faces]
    a, b, c = np.moveaxis(corners, 1, 0)
    crosses = np.cross(b - a, c - a)
    cumulative = np.cumsum(np.linalg.norm(crosses, axis=-1))
    if not cumulative[-1] > 0:
        raise ValueError(f"a mesh of {len(faces)} faces and area {cumulative[-1]} has no surface")
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    rng = np.random.default_rng(seed)
    # side="right" never picks a face of zero area: its cumulative value equals its predecessor's.
    chosen = np.searchsorted(cumulative, rng.random(count) * cumulative[-1], side="right")
    # Square-root warping makes (1 - r, r (1 - s), r s) uniform on the triangle (Turk 1990).
    r, s = np.sqrt(rng.random((count, 1))), rng.random((count, 1))
    points = (1 - r) * a[chosen] + r * (1 - s) * b[chosen] + r * s * c[chosen]
    normals = crosses[chosen] / np.linalg.norm(crosses[chosen], axis=-1, keepdims=True)
    return points.astype(np.float32), normals.astype(np.float32)

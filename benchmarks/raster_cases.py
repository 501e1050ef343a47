"""Shared benchmark inputs for soft-rasterizer timings. NumPy only.

Every backend gets the same screen-space faces, so what is timed is
"screen-space faces + vertex colours -> RGBA image (and its gradient)".

face_verts   (B, F, 3, 3) float32: x, y in [-1, 1] (y up), z = camera depth > 0
face_colors  (B, F, 3, 3) float32: RGB of each corner, in [0, 1]
"""

import numpy as np

SIGMA = 1e-4
GAMMA = 1e-4
DIST_EPS = 1e-4  # coverage below which a face is ignored
ZNEAR, ZFAR = 1.0, 100.0
BLUR2 = float(np.log(1.0 / DIST_EPS - 1.0) * SIGMA)  # squared NDC radius, 9.21e-4

CASES = {  # name: (icosphere level, image size, batch)
    "s64_l3": (3, 64, 16),
    "s64_l4": (4, 64, 16),
    "s128_l3": (3, 128, 16),
    "s128_l4": (4, 128, 16),
    "s256_l3": (3, 256, 4),
    "s256_l4": (4, 256, 4),
}


def icosphere(level):
    p = (1 + 5**0.5) / 2
    v = [
        (-1, p, 0),
        (1, p, 0),
        (-1, -p, 0),
        (1, -p, 0),
        (0, -1, p),
        (0, 1, p),
        (0, -1, -p),
        (0, 1, -p),
        (p, 0, -1),
        (p, 0, 1),
        (-p, 0, -1),
        (-p, 0, 1),
    ]
    f = [
        (0, 11, 5),
        (0, 5, 1),
        (0, 1, 7),
        (0, 7, 10),
        (0, 10, 11),
        (1, 5, 9),
        (5, 11, 4),
        (11, 10, 2),
        (10, 7, 6),
        (7, 1, 8),
        (3, 9, 4),
        (3, 4, 2),
        (3, 2, 6),
        (3, 6, 8),
        (3, 8, 9),
        (4, 9, 5),
        (2, 4, 11),
        (6, 2, 10),
        (8, 6, 7),
        (9, 8, 1),
    ]
    v = [np.array(a, np.float64) / np.linalg.norm(a) for a in v]
    for _ in range(level):
        f = subdivide(v, f)
    return np.array(v, np.float32), np.array(f, np.int32)


def subdivide(v, f):
    """Splits each face in four, appends the new vertices to `v`, returns the new faces."""
    mid, g = {}, []

    def m(a, b):
        k = (min(a, b), max(a, b))
        if k not in mid:
            c = v[a] + v[b]
            v.append(c / np.linalg.norm(c))
            mid[k] = len(v) - 1
        return mid[k]

    for a, b, c in f:
        ab, bc, ca = m(a, b), m(b, c), m(c, a)
        g += [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    return g


def scene(level, batch, seed=0, distance=2.732, half_fov_deg=30.0, bumps=0.15):
    """A bumpy icosphere seen from `batch` azimuths; radius varies per item."""
    rng = np.random.default_rng(seed)
    v, f = icosphere(level)
    verts, cols = [], []
    for b in range(batch):
        k = rng.normal(size=(4, 3)) * 2.0
        r = 1.0 + bumps * np.sin(v @ k.T + rng.uniform(0, 6.28, 4)).mean(1)
        x = v * r[:, None]
        a, e = 2 * np.pi * b / batch, np.deg2rad(30)
        ra = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
        re = np.array([[1, 0, 0], [0, np.cos(e), -np.sin(e)], [0, np.sin(e), np.cos(e)]])
        x = x @ (re @ ra).T
        z = distance - x[:, 2]
        s = 1.0 / (z * np.tan(np.deg2rad(half_fov_deg)))
        verts.append(np.stack([x[:, 0] * s, x[:, 1] * s, z], -1))
        cols.append(0.5 + 0.5 * v)
    verts = np.stack(verts).astype(np.float32)
    cols = np.stack(cols).astype(np.float32)
    return verts[:, f], cols[:, f], verts, cols, f


def target(batch, size, seed=1):
    return np.random.default_rng(seed).uniform(0, 1, (batch, size, size, 4)).astype(np.float32)

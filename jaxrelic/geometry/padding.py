"""Meshes of few sizes: JAX compiles for every number of vertices and faces that it meets."""

import numpy as np

from jaxrelic.geometry import meshes

LEAST = 1024
"""Rows that small meshes have too."""


def fill_up(mesh: meshes.Mesh) -> meshes.Mesh:
    """The same surface, without batch axes, with a power of two of vertices and of faces.

    Added vertices repeat the last one and added faces have no area, so that neither box, outline,
    normals nor random points on the surface change.
    """

    def filled(rows: np.ndarray | None, mode: str) -> np.ndarray | None:
        if rows is None:
            return None
        rows = np.asarray(rows)
        more = max(LEAST, 1 << (len(rows) - 1).bit_length()) - len(rows)
        return np.pad(rows, ((0, more), *[(0, 0)] * (rows.ndim - 1)), mode=mode)

    return mesh.replace(
        vertices=filled(mesh.vertices, "edge"),
        vertex_colours=filled(mesh.vertex_colours, "edge"),
        faces=filled(mesh.faces, "constant"),
        face_uvs=filled(mesh.face_uvs, "constant"),
    )

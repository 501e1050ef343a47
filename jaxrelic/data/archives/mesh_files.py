"""True surfaces that an archive stores as meshes."""

import pathlib

import numpy as np
import trimesh

from jaxrelic.data.archives.archive import BrokenFileError, Surface
from jaxrelic.geometry.surface_samples import sample_surface


def read_mesh(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [v, 3] and triangles [f, 3] of an .obj or .off file, in its own frame."""
    try:
        mesh = trimesh.load(path, force="mesh", process=False, skip_materials=True)
        vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    except Exception as error:  # trimesh raises what its parsers raise.
        raise BrokenFileError(path, f"no readable mesh ({error})") from error
    if not len(faces) or not np.isfinite(vertices).all():
        raise BrokenFileError(path, "has no triangles with finite corners")
    return vertices, faces


def sample_mesh_file(
    path: pathlib.Path, world_from_model: np.ndarray, *, count: int, key: str
) -> Surface:
    """Points on a mesh, uniform by area, turned into the world by a rotation [3, 3]."""
    vertices, faces = read_mesh(path)
    try:
        points, normals = sample_surface(vertices @ world_from_model.T, faces, count=count, key=key)
    except ValueError as error:
        raise BrokenFileError(path, str(error)) from error
    return Surface(points=points, normals=normals)

"""OBJ, PLY and STL become GLB, through trimesh: colours and textures kept, nothing merged away."""

import io

import numpy as np
import trimesh

from data_engine.errors import Refusal
from data_engine.gltf.pack import Neighbours

MAX_OFFSET = 1000.0
"""Farther from the origin than this many times its size, a shape is moved there: the float32 of a
GLB would round its detail away."""


class _NearbyFiles(trimesh.resolvers.Resolver):
    """Materials and textures of an OBJ; what lies elsewhere is left out, the shape stays."""

    def __init__(self, neighbours: Neighbours):
        self._neighbours = neighbours

    def get(self, name: str) -> bytes:
        try:
            return self._neighbours.read(name.strip().replace("\\", "/"))
        except Refusal as refusal:
            raise FileNotFoundError(name) from refusal

    def keys(self) -> tuple[str, ...]:
        return ()  # A listing is for searching; what is named is looked up by `get` alone.

    def write(self, name: str, data: bytes) -> None:
        raise PermissionError(f"a mesh is only read; {name} is not written")

    def namespaced(self, namespace: str) -> "_NearbyFiles":
        raise PermissionError(f"a mesh has no folders of its own; {namespace} is not opened")


def convert_mesh(data: bytes, kind: str, neighbours: Neighbours) -> bytes:
    """Returns the GLB of an OBJ, PLY or STL file; `Refusal` if it holds no finite triangle."""
    resolver = _NearbyFiles(neighbours)
    try:
        # Unprocessed: merging would drop vertices that are not finite without a word.
        scene = trimesh.load_scene(
            io.BytesIO(data), file_type=kind, resolver=resolver, process=False
        )
    except MemoryError:
        raise
    except Exception as error:  # The parsers raise what they happen to hit.
        words = " ".join(str(error).split())[:200]
        raise Refusal("bad_mesh", f"the {kind.upper()} cannot be read: {words}") from error
    return _export(scene, kind)


def _export(scene: trimesh.Scene, kind: str) -> bytes:
    meshes = {
        name: mesh
        for name, mesh in scene.geometry.items()
        if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces)
    }
    if not meshes:
        raise Refusal("no_mesh", f"the {kind.upper()} holds no triangle")
    for mesh in meshes.values():
        _check(mesh)
        if kind == "stl":
            mesh.merge_vertices()  # STL repeats each corner; other formats say what is one vertex.
    corners = np.concatenate([mesh.bounds for mesh in meshes.values()])
    low, high = corners.min(axis=0), corners.max(axis=0)
    centre = low / 2 + high / 2
    if np.abs(centre).max() > MAX_OFFSET * (high - low).max():
        for mesh in meshes.values():
            mesh.vertices = mesh.vertices - centre
    # These formats know no transforms, so a scene of the bare meshes is the whole file.
    return trimesh.Scene(meshes).export(file_type="glb")


def _check(mesh: trimesh.Trimesh) -> None:
    if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
        raise Refusal("bad_mesh", f"a face names a vertex beyond its {len(mesh.vertices)}")
    finite = np.isfinite(mesh.vertices).all(axis=-1)
    if not finite.all():
        broken = int((~finite).sum())
        raise Refusal("degenerate", f"{broken} of {len(finite)} vertices are not finite")

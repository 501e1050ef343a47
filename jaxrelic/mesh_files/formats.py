"""A mesh as the file that a curator's program opens: GLB, PLY or OBJ, by its suffix.

All three are written in glTF's frame: y up, and what faces world -y in front (towards +z); or with
the coordinates as they are, for a mesh that lies in a foreign world.
"""

import pathlib
import re

import jax.numpy as jnp
import numpy as np
import trimesh

from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, meshes
from jaxrelic.mesh_files import glb_writer as glb
from jaxrelic.rendering.soft import texture

SUFFIXES = (".glb", ".ply", ".obj")
"""What `write` understands."""
LEAST_LEVEL = 0.1
"""Horizontal share of a camera's axis below which it looks straight down or up."""

_WHITE = "newmtl {name}\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {picture}\n"


def check_suffix(path: pathlib.Path) -> str:
    """The suffix of a mesh file in small letters; ask before the work, not after it."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{path} is none of {', '.join(SUFFIXES)}; name the mesh with one of them")
    return suffix


def write(mesh: meshes.Mesh, path: pathlib.Path, *, as_it_is: bool = False) -> None:
    """Writes one mesh of the world, without batch axes, whole or not at all.

    Args:
        mesh: In our world, z up, unless it is written as it is.
        path: File to write.
        as_it_is: Keep the very coordinates, rather than turn z up to glTF's y up.

    PLY has no textures, so vertices take the texture's colours there. A textured OBJ brings its
    material and picture as files of the same name, which are in place before the OBJ is.

    Example:
        >>> import tempfile
        >>> mesh = meshes.Mesh(vertices=meshes.icosphere(1)[0], faces=meshes.icosphere(1)[1])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write(mesh, pathlib.Path(folder) / "ball.ply")
        ...     [path.name for path in pathlib.Path(folder).iterdir()]
        ['ball.ply']
    """
    suffix = check_suffix(path)
    if suffix == ".glb":
        glb.write_glb(mesh, path, as_it_is=as_it_is)
    elif suffix == ".ply":
        plain = glb.to_trimesh(_with_vertex_colours(mesh), as_it_is=as_it_is)
        glb.write_whole(path, plain.export(file_type="ply", vertex_normal=True))
    else:
        _write_obj(glb.to_trimesh(mesh, as_it_is=as_it_is), path)


def facing_front(mesh: meshes.Mesh, camera: cameras.Camera) -> meshes.Mesh:
    """The mesh turned about the world's z axis until a camera (no batch axes) sees its front."""
    turn = front_from_world(camera)
    return mesh.replace(vertices=np.float32(np.asarray(mesh.vertices) @ turn.T))


def front_from_world(camera: cameras.Camera) -> np.ndarray:
    """The rotation [3, 3] about world z that brings a camera to world -y, glTF's +z.

    A camera that looks straight down or up is in front if its picture is upright: what is at the
    lower rim of a picture from above is nearest to whoever took it.
    """
    _, down, forward = np.asarray(camera.cam_from_world, np.float64)[:3, :3]
    towards = -forward[:2]
    if np.linalg.norm(towards) < LEAST_LEVEL:
        towards = -np.sign(forward[2]) * down[:2]
    x, y = towards / np.linalg.norm(towards)
    # Columns: where the axes go; (x, y) goes to (0, -1).
    return np.array([[-y, x, 0], [-x, -y, 0], [0, 0, 1]])


def _with_vertex_colours(mesh: meshes.Mesh) -> meshes.Mesh:
    """The mesh without texture; vertices on a seam keep the mean of their sides."""
    if mesh.texture is None or mesh.face_uvs is None:
        return mesh
    corner = np.asarray(
        texture.sample_texture(
            jnp.asarray(mesh.texture, jnp.float32),
            jnp.asarray(mesh.face_uvs, jnp.float32).reshape(-1, 2),
        )
    )
    index, count = np.asarray(mesh.faces).reshape(-1), len(mesh.vertices)
    corners = np.maximum(np.bincount(index, minlength=count), 1)
    sums = [np.bincount(index, corner[:, k], minlength=count) for k in range(3)]
    colours = np.float32(np.stack(sums, axis=-1) / corners[:, None])
    return mesh.replace(vertex_colours=colours, texture=None, face_uvs=None)


def _write_obj(mesh: trimesh.Trimesh, path: pathlib.Path) -> None:
    """Vertex colours follow the coordinates, as most programs read them."""
    if mesh.visual.kind != "texture":
        text = trimesh.exchange.obj.export_obj(mesh, include_normals=True)
        glb.write_whole(path, text.encode())
        return
    # Readers split the names in an OBJ at spaces.
    name = re.sub(r"\s", "_", path.stem)
    mesh.visual.material.name = name
    text, files = trimesh.exchange.obj.export_obj(
        mesh, include_normals=True, return_texture=True, mtl_name=f"{name}.mtl"
    )
    picture = next(file for file in files if not file.endswith(".mtl"))
    glb.write_whole(path.with_name(picture), files[picture])
    # The exporter's material would darken the picture.
    material = _WHITE.format(name=name, picture=picture)
    glb.write_whole(path.with_name(f"{name}.mtl"), material.encode())
    glb.write_whole(path, text.encode())

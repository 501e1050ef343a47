"""Writes a reconstruction as a textured GLB that any viewer opens.

glTF is y-up and addresses textures by pixel areas; we are z-up and put the outer texel centres at
texture coordinates 0 and 1. Both are converted here and nowhere else.
"""

import contextlib
import os
import pathlib
from typing import Any

import numpy as np
import PIL.Image
import trimesh

from jaxrelic.errors import UserError
from jaxrelic.geometry import meshes

MIN_TEXTURE_PX = 256
"""Textures are enlarged to at least this, because viewers magnify small ones into blocks."""

MIN_EXTENT = 1e-6
"""A mesh thinner than this along every axis, in world units, is not a surface."""

ROUGHNESS = 0.9
"""Fired clay and weathered stone scatter light; the network knows no shine."""

GLTF_FROM_WORLD = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float64)
"""World (x, y, z), z up, is glTF's (x, z, -y)."""


def write_glb(
    mesh: meshes.Mesh, path: pathlib.Path, *, as_it_is: bool = False, credit: str = ""
) -> None:
    """Writes one mesh, without batch axes, whole or not at all; it is named after the file.

    Args:
        mesh: In the world, z up.
        path: File to write.
        as_it_is: Write the very coordinates of the mesh, which is not in a world with z up.
        credit: Whose it is, for the file's `asset.copyright`.

    Example:
        >>> import tempfile
        >>> mesh = meshes.Mesh(vertices=meshes.icosphere(1)[0], faces=meshes.icosphere(1)[1])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_glb(mesh, pathlib.Path(folder) / "ball.glb")
        ...     (pathlib.Path(folder) / "ball.glb").read_bytes()[:4]
        b'glTF'
    """

    def labelled(tree: dict[str, Any]) -> None:
        for entry in tree["meshes"]:
            entry["name"] = path.stem
        if credit:
            tree["asset"]["copyright"] = credit

    data = to_trimesh(mesh, as_it_is=as_it_is).export(
        file_type="glb", include_normals=True, tree_postprocessor=labelled
    )
    write_whole(path, data)


def write_whole(path: pathlib.Path, data: bytes) -> None:
    """Writes a file, and its folder if need be, or leaves things as they are."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        os.replace(partial, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise UserError(f"cannot write {path}: {error.strerror}; choose another place") from error


def to_trimesh(mesh: meshes.Mesh, *, as_it_is: bool = False) -> trimesh.Trimesh:
    """The mesh in glTF's frame, or as it is; vertices are repeated where the texture has a seam."""
    vertices, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces)
    check_surface(vertices, faces)
    file_from_mesh = np.eye(3) if as_it_is else GLTF_FROM_WORLD
    normals = trimesh.Trimesh(vertices, faces, process=False).vertex_normals
    if mesh.texture is None or mesh.face_uvs is None:
        colours = None if mesh.vertex_colours is None else _bytes(mesh.vertex_colours)
        return _turned(vertices, faces, normals, file_from_mesh, vertex_colors=colours)
    origin, uvs, faces = split_seams(faces, np.asarray(mesh.face_uvs, np.float64))
    texture, uvs = bake_texture(np.asarray(mesh.texture, np.float32), uvs)
    material = trimesh.visual.material.PBRMaterial(
        name="relic",
        baseColorTexture=PIL.Image.fromarray(_bytes(texture)),
        metallicFactor=0.0,
        roughnessFactor=ROUGHNESS,
    )
    visual = trimesh.visual.TextureVisuals(uv=uvs, material=material)
    return _turned(vertices[origin], faces, normals[origin], file_from_mesh, visual=visual)


def check_surface(vertices: np.ndarray, faces: np.ndarray) -> None:
    """Raises unless the mesh [v, 3], [f, 3] is finite and has an extent."""
    if not np.isfinite(vertices).all():
        raise UserError("the mesh has vertices that are not finite; the model has diverged")
    meshes.check_indices(faces, len(vertices))
    if len(faces) == 0 or np.ptp(vertices, axis=0).max() < MIN_EXTENT:
        raise UserError("the mesh has shrunk to a point; train the model longer")


def split_seams(
    faces: np.ndarray, face_uvs: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One vertex per distinct (vertex, texture coordinate) pair, as files want it.

    Args:
        faces: [f, 3].
        face_uvs: [f, 3, 2].

    Returns:
        origin: Old vertex of each new one, [n].
        uvs: [n, 2].
        faces: [f, 3] into the new vertices.
    """
    corners = np.concatenate([faces.reshape(-1, 1), face_uvs.reshape(-1, 2)], axis=-1)
    # Coordinates that differ in the last bit only are the same corner.
    unique, index = np.unique(corners.round(6), axis=0, return_inverse=True)
    return unique[:, 0].astype(np.int64), unique[:, 1:], index.reshape(-1, 3)


def bake_texture(texture: np.ndarray, uvs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Resamples a texture for viewers, so that they show the colours the network learned.

    Faces at the seam reach a little beyond [0, 1], where training repeats the border texel and
    viewers start over; the baked texture covers what is used, and coordinates are rescaled.

    Args:
        texture: [h, w, 3], row 0 at v = 1.
        uvs: [n, 2].

    Returns:
        texture: [t, t, 3] with texel centres at (i + 1/2) / t.
        uvs: [n, 2] in [0, 1].
    """
    low, high = np.minimum(uvs.min(axis=0), 0), np.maximum(uvs.max(axis=0), 1)
    size = max(MIN_TEXTURE_PX, *texture.shape[:2])
    centres = (np.arange(size) + 0.5) / size
    column = np.clip(low[0] + centres * (high[0] - low[0]), 0, 1) * (texture.shape[1] - 1)
    row = np.clip(1 - (high[1] - centres * (high[1] - low[1])), 0, 1) * (texture.shape[0] - 1)
    return _bilinear(texture, row, column), (uvs - low) / (high - low)


def _bilinear(image: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Values on a grid of fractional positions, separably: [h, w, c] to [r, c', c]."""
    for axis, position in enumerate((row, column)):
        last = image.shape[axis] - 1
        low = np.minimum(np.floor(position).astype(int), max(last - 1, 0))
        weight = (position - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        upper = np.take(image, np.minimum(low + 1, last), axis=axis)
        image = (1 - weight) * np.take(image, low, axis=axis) + weight * upper
    return image


def _bytes(colours: np.ndarray) -> np.ndarray:
    return np.uint8(np.round(np.clip(np.asarray(colours, np.float64), 0, 1) * 255))


def _turned(vertices, faces, normals, file_from_mesh, **colours) -> trimesh.Trimesh:
    """Turns positions and normals; `process=False` keeps seams and vertex order."""
    return trimesh.Trimesh(
        vertices=vertices @ file_from_mesh.T,
        faces=faces,
        vertex_normals=normals @ file_from_mesh.T,
        process=False,
        **colours,
    )

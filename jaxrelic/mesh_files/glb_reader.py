"""Reads a GLB, whatever its parts and materials, as the one mesh with one texture we draw.

The counterpart of `mesh.write_glb`: glTF's y-up frame and its texture addresses are converted here.
"""

import dataclasses
import pathlib

import cv2
import numpy as np
import trimesh

from jaxrelic.errors import UserError
from jaxrelic.geometry import meshes
from jaxrelic.mesh_files.glb_writer import GLTF_FROM_WORLD

MAX_TEXTURE_PX = 2048
"""Textures are reduced to this; a turntable shows no more."""
MAX_ATLAS_ROWS = 16384
"""All textures together; OpenCV addresses no picture of more than 32767."""


def read_glb(path: pathlib.Path) -> meshes.Mesh:
    """The surface of a GLB in our z-up frame, in its own units and place.

    Textures of several materials are stacked in one. A face over which a texture repeats shows it
    once. Parts without colours are clay only if no part has any.

    Example:
        >>> import tempfile
        >>> from jaxrelic.mesh_files import glb_writer
        >>> ball = meshes.Mesh(vertices=meshes.icosphere(1)[0], faces=meshes.icosphere(1)[1])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "ball.glb"
        ...     glb_writer.write_glb(ball, path)
        ...     again = read_glb(path)
        >>> again.faces.shape, again.vertices.max(axis=0).round(2)
        ((80, 3), array([1., 1., 1.], dtype=float32))
    """
    if path.suffix.lower() != ".glb":
        raise UserError(f"{path} is no .glb file; convert it to GLB first")
    try:
        scene = trimesh.load_scene(path, process=False)
        found = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh)]
    except OSError:
        raise
    except Exception as error:  # trimesh raises what its parsers raise.
        raise UserError(f"{path} cannot be read as GLB: {error}") from error
    parts = [_read_part(part) for part in found if len(part.faces)]
    if not parts:
        raise UserError(f"{path} has no triangles; give a GLB with a surface")
    starts = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    mesh = meshes.Mesh(
        vertices=np.float32(np.concatenate([part.vertices for part in parts]) @ GLTF_FROM_WORLD),
        faces=np.concatenate(
            [part.faces + start for part, start in zip(parts, starts, strict=True)]
        ).astype(np.int32),
    )
    if not np.isfinite(mesh.vertices).all():
        raise UserError(f"{path} has vertices that are not finite; repair the file")
    if any(part.image is not None for part in parts):
        texture, face_uvs = _stack_textures(parts)
        return mesh.replace(texture=texture, face_uvs=face_uvs)
    if any(part.colour is not None for part in parts):
        return mesh.replace(vertex_colours=np.concatenate([part.vertex_colours for part in parts]))
    return mesh


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Part:
    """One primitive."""

    vertices: np.ndarray
    """Vertices in glTF's frame, [v, 3]."""
    faces: np.ndarray
    """[f, 3]."""
    colour: np.ndarray | None
    """RGB in [0, 1] of each vertex [v, 3] or of all [3]; None where the file says nothing."""
    image: np.ndarray | None
    """RGB texture [h, w, 3] uint8, to be multiplied by the colour."""
    uvs: np.ndarray | None
    """Texture coordinates, v upwards, [v, 2]."""

    @property
    def vertex_colours(self) -> np.ndarray:
        """[v, 3] float32, white where the file says nothing."""
        colour = np.ones(3) if self.colour is None else self.colour
        return np.float32(np.broadcast_to(colour, self.vertices.shape))


def _read_part(part: trimesh.Trimesh) -> _Part:
    colour = image = uvs = None
    if part.visual.kind == "vertex":
        colour = np.asarray(part.visual.vertex_colors)[:, :3] / 255
    elif part.visual.kind == "texture":
        material = part.visual.material
        factor = getattr(material, "baseColorFactor", None)
        if factor is not None:
            colour = _srgb_from_linear(np.asarray(factor)[:3] / 255)
        picture, uvs = getattr(material, "baseColorTexture", None), part.visual.uv
        if picture is not None and uvs is not None:
            image = np.asarray(picture.convert("RGB"))
    return _Part(
        vertices=np.asarray(part.vertices),
        faces=np.asarray(part.faces),
        colour=colour,
        image=image,
        uvs=uvs,
    )


def _srgb_from_linear(value: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1; glTF's factors are linear and its textures are not."""
    return np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)


def _stack_textures(parts: list[_Part]) -> tuple[np.ndarray, np.ndarray]:
    """One texture [h, w, 3] of squares on top of each other, and its coordinates [f, 3, 2]."""
    wanted = max(max(part.image.shape[:2]) for part in parts if part.image is not None)
    side = min(wanted, MAX_TEXTURE_PX, MAX_ATLAS_ROWS // len(parts))
    squares = [_square(part, side) for part in parts]
    height, width = side * len(parts), side
    coordinates = []
    for number, part in enumerate(parts):
        uvs = np.zeros((*part.faces.shape, 2)) if part.image is None else part.uvs[part.faces]
        # Textures repeat: each face moves to the copy in which it begins.
        uvs = uvs - np.floor(uvs.min(axis=1, keepdims=True))
        # glTF's texels are areas, ours are points with the outer ones at 0 and 1.
        column = np.clip(uvs[..., 0] * side - 0.5, 0, side - 1)
        row = np.clip((1 - uvs[..., 1]) * side - 0.5, 0, side - 1) + number * side
        coordinates.append(np.stack([column / (width - 1), 1 - row / (height - 1)], axis=-1))
    return np.concatenate(squares), np.float32(np.concatenate(coordinates))


def _square(part: _Part, side: int) -> np.ndarray:
    """The texture of a part, or its mean colour, [side, side, 3] float32."""
    tint = part.vertex_colours.mean(axis=0)
    if part.image is None:
        return np.broadcast_to(tint, (side, side, 3))
    image = cv2.resize(part.image, (side, side), interpolation=cv2.INTER_AREA)
    return np.float32(image / 255) * tint

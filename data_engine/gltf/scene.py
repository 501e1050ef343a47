"""What Blender gets to see: the default scene of a file at rest, as one plain GLB of our own.

Its shape is the one that `reader.read_geometry` measures, moved and scaled in float64 before a
float32 is written. Other scenes, nodes that no scene shows, animations, cameras, lights, morph
targets and material variants stay behind; surfaces keep their materials and pictures.
"""

import copy
from typing import Any

import numpy as np

from data_engine.gltf.checks import EXTENSIONS, Gltf, image_bytes
from data_engine.gltf.document import mapping, names, table
from data_engine.gltf.image_headers import image_type
from data_engine.gltf.pack import append, write_glb
from data_engine.gltf.pictures import WEBP, image_of, texture_uses
from data_engine.gltf.reader import at_rest, corners, move, placed_nodes, primitives, turned
from data_engine.gltf.textured import gltf_from_world

_SURFACE = EXTENSIONS - {
    "KHR_mesh_quantization",
    "KHR_lights_punctual",
    "KHR_materials_variants",
    "KHR_animation_pointer",
}
"""Extensions that the new file may use, which are those of materials and textures."""
_FLOAT, _UINT32 = 5126, 5125
_SHAPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}


def scene_glb(gltf: Gltf, world_from_gltf: np.ndarray) -> bytes:
    """The GLB of the default scene of a checked document, in the world's place and size.

    Args:
        gltf: A document whose geometry can be read; `Refusal` otherwise.
        world_from_gltf: Similarity [4, 4] from its coordinates to the world (z up). The new file is
            y-up as glTF demands: importers turn it back.
    """
    return _SceneWriter(gltf, world_from_gltf).write()


class _SceneWriter:
    """The new document and its binary chunk while they grow."""

    def __init__(self, gltf: Gltf, world_from_gltf: np.ndarray):
        self._gltf, self._world_from_gltf = gltf, world_from_gltf
        self._binary = bytearray()
        self._views: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []
        self._materials = _Kept()
        self._textures = _Kept()
        self._images = _Kept()

    def write(self) -> bytes:
        meshes = []
        for node, matrix in placed_nodes(self._gltf):
            world_from_node = self._world_from_gltf @ matrix
            shown = [
                self._primitive(node, primitive, world_from_node)
                for primitive in primitives(self._gltf, node)
            ]
            if shown:
                meshes.append({"name": f"mesh_{len(meshes)}", "primitives": shown})
        materials = [self._material(number) for number in self._materials.numbers]
        textures = [self._texture(number) for number in self._textures.numbers]
        images = [self._image(number) for number in self._images.numbers]
        document = {
            "asset": {"version": "2.0", "generator": "jaxrelic"},
            "scene": 0,
            "scenes": [{"nodes": list(range(len(meshes)))}],
            "nodes": [{"mesh": number, "name": f"node_{number}"} for number in range(len(meshes))],
            "meshes": meshes,
            "materials": materials,
            "textures": textures,
            "images": images,
            "samplers": table(self._gltf.document, "samplers"),
            "accessors": self._accessors,
            "bufferViews": self._views,
            "buffers": [{"byteLength": len(self._binary)}],
        }
        for name in ("extensionsUsed", "extensionsRequired"):
            document[name] = sorted(_SURFACE & set(names(self._gltf.document, name)))
        return write_glb(
            {key: value for key, value in document.items() if value != []}, bytes(self._binary)
        )

    def _primitive(
        self, node: dict[str, Any], primitive: dict[str, Any], world_from_node: np.ndarray
    ) -> dict[str, Any]:
        vertices, faces = corners(self._gltf, node, primitive)
        placed = gltf_from_world(move(world_from_node, vertices))
        attributes = {"POSITION": self._store(placed, bounds=True)}
        for name in sorted(primitive["attributes"]):
            if name == "NORMAL":
                normals = at_rest(self._gltf, node, primitive, name)
                turn = _normals_from(world_from_node)
                attributes[name] = self._store(gltf_from_world(_unit(normals @ turn.T)))
            elif name.startswith(("TEXCOORD_", "COLOR_")):
                attributes[name] = self._store(at_rest(self._gltf, node, primitive, name))
        indices = turned(world_from_node, faces).astype("<u4").reshape(-1, 1)
        shown = {"attributes": attributes, "indices": self._store(indices), "mode": 4}
        if "material" in primitive:
            shown["material"] = self._materials.place(primitive["material"])
        return shown

    def _store(self, values: np.ndarray, *, bounds: bool = False) -> int:
        """Adds numbers [n, c] as an accessor; returns its number."""
        whole = values.dtype.kind == "u"
        data = values if whole else values.astype("<f4")
        accessor = {
            "bufferView": self._view(data.tobytes()),
            "componentType": _UINT32 if whole else _FLOAT,
            "count": len(data),
            "type": _SHAPES[data.shape[1]],
        }
        if bounds:
            accessor |= {"min": data.min(axis=0).tolist(), "max": data.max(axis=0).tolist()}
        self._accessors.append(accessor)
        return len(self._accessors) - 1

    def _view(self, data: bytes) -> int:
        start = append(self._binary, data)
        self._views.append({"buffer": 0, "byteOffset": start, "byteLength": len(data)})
        return len(self._views) - 1

    def _material(self, number: int) -> dict[str, Any]:
        material = copy.deepcopy(table(self._gltf.document, "materials")[number])
        material.pop("extras", None)
        for use in texture_uses(material):
            use["index"] = self._textures.place(use["index"])
        return material

    def _texture(self, number: int) -> dict[str, Any]:
        theirs = table(self._gltf.document, "textures")[number]
        texture = {"sampler": theirs["sampler"]} if "sampler" in theirs else {}
        if (image := image_of(theirs)) is None:
            return texture
        source = {"source": self._images.place(image)}
        if WEBP in mapping(theirs, "extensions", "a texture"):
            return texture | {"extensions": {WEBP: source}}
        return texture | source

    def _image(self, number: int) -> dict[str, Any]:
        image = table(self._gltf.document, "images")[number]
        data = image_bytes(self._gltf, image, f"image {number}")
        view = self._view(data)
        return {"name": f"image_{number}", "bufferView": view, "mimeType": image_type(data)}


class _Kept:
    """Numbers of entries that are kept, in the order in which they were first asked for."""

    def __init__(self):
        self.numbers: list[int] = []
        self._places: dict[int, int] = {}

    def place(self, number: int) -> int:
        """The new number of an entry, which is kept from now on."""
        if number not in self._places:
            self._places[number] = len(self.numbers)
            self.numbers.append(number)
        return self._places[number]


def _normals_from(matrix: np.ndarray) -> np.ndarray:
    """What turns normals [3, 3] where `matrix` moves points: its cofactors, of the right sign.

    They are the inverse transpose but for a factor, and exist where a surface is pressed flat.
    """
    a, b, c = matrix[:3, :3].T
    cofactors = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=-1)
    return -cofactors if np.linalg.det(matrix[:3, :3]) < 0 else cofactors


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors [n, 3] at length one; those of length zero stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)

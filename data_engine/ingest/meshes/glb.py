"""Parts and materials as a GLB; pictures enter it byte for byte."""

from typing import Any

import numpy as np

from data_engine.errors import Refusal
from data_engine.gltf.pack import pack_views, write_glb
from data_engine.ingest.meshes.model import Material, Part, Picture

_FLOAT, _UINT32, _UINT16 = 5126, 5125, 5123
_ARRAY, _ELEMENTS = 34962, 34963
_CLAMPED = 33071
_WHITE = (1.0, 1.0, 1.0)


def write_parts(parts: list[Part], materials: list[Material]) -> bytes:
    """The bytes of a GLB with one mesh, a primitive for each part, in the axes of the file."""
    return _Writer(materials).write(parts)


class _Writer:
    def __init__(self, materials: list[Material]):
        self._materials = materials
        self._contents: list[bytes] = []
        self._views: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []
        self._tables: dict[str, list[dict[str, Any]]] = {
            name: [] for name in ("images", "samplers", "textures", "materials")
        }
        self._numbers: dict[Any, int] = {}

    def write(self, parts: list[Part]) -> bytes:
        primitives = [self._primitive(part) for part in parts]
        document = {
            "asset": {"version": "2.0", "generator": "jaxrelic"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "meshes": [{"primitives": primitives}],
            "accessors": self._accessors,
            "bufferViews": self._views,
            **{name: entries for name, entries in self._tables.items() if entries},
        }
        return write_glb(document, pack_views(document, self._contents))

    def _primitive(self, part: Part) -> dict[str, Any]:
        material = Material() if part.material < 0 else self._materials[part.material]
        if part.uvs is None and material.picture is not None:
            material = _without_picture(material)
        shows_colours = part.colours is not None and material.picture is None
        attributes = {"POSITION": self._positions(part.positions)}
        if part.normals is not None:
            attributes["NORMAL"] = self._vectors(part.normals, "VEC3")
        if part.uvs is not None and material.picture is not None:
            turned = np.stack([part.uvs[:, 0], 1 - part.uvs[:, 1]], axis=-1)
            attributes["TEXCOORD_0"] = self._vectors(turned, "VEC2")
        if shows_colours:
            attributes["COLOR_0"] = self._colours(part.colours)
        return {
            "attributes": attributes,
            "indices": self._indices(part.faces),
            "material": self._material(material, white=shows_colours),
        }

    def _positions(self, positions: np.ndarray) -> int:
        with np.errstate(over="ignore"):
            values = positions.astype("<f4")
        if not np.isfinite(values).all():
            raise Refusal("degenerate", "its coordinates are too large for a GLB")
        number = self._vectors(values, "VEC3")
        bounds = {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        self._accessors[number] |= bounds
        return number

    def _vectors(self, values: np.ndarray, kind: str) -> int:
        with np.errstate(over="ignore"):
            values = np.nan_to_num(values.astype("<f4"), posinf=0.0, neginf=0.0)
        return self._accessor(values, kind, _FLOAT, _ARRAY)

    def _colours(self, colours: np.ndarray) -> int:
        """Linear colours as 16 bits each: 8 would show steps in the dark."""
        values = np.full((len(colours), 4), 65535, "<u2")
        values[:, :3] = np.rint(np.clip(colours, 0, 1) * 65535)
        number = self._accessor(values, "VEC4", _UINT16, _ARRAY)
        self._accessors[number]["normalized"] = True
        return number

    def _indices(self, faces: np.ndarray) -> int:
        return self._accessor(faces.astype("<u4").reshape(-1), "SCALAR", _UINT32, _ELEMENTS)

    def _accessor(self, values: np.ndarray, kind: str, component: int, target: int) -> int:
        view = self._view(values.tobytes(), target=target)
        entry = {"bufferView": view, "componentType": component, "count": len(values), "type": kind}
        self._accessors.append(entry)
        return len(self._accessors) - 1

    def _view(self, data: bytes, **more: int) -> int:
        self._contents.append(data)
        self._views.append({"buffer": 0, **more})
        return len(self._views) - 1

    def _material(self, material: Material, *, white: bool) -> int:
        colour = _WHITE if white else material.colour
        surface: dict[str, Any] = {
            "metallicFactor": material.metallic,
            "roughnessFactor": round(material.roughness, 6),
        }
        if (*colour, material.alpha) != (*_WHITE, 1.0):
            surface["baseColorFactor"] = [round(c, 6) for c in (*colour, material.alpha)]
        if material.picture is not None:
            surface["baseColorTexture"] = {"index": self._texture(material.picture)}
        entry: dict[str, Any] = {"pbrMetallicRoughness": surface}
        if material.name:
            entry["name"] = material.name
        if material.cut_out:
            entry |= {"alphaMode": "MASK", "alphaCutoff": 0.5, "doubleSided": True}
        elif material.alpha < 1:
            entry["alphaMode"] = "BLEND"
        return self._add("materials", entry, (material, white))

    def _texture(self, picture: Picture) -> int:
        key = (picture.data, picture.clamped)
        if ("textures", key) in self._numbers:
            return self._numbers["textures", key]
        if ("images", picture.data) not in self._numbers:
            view = self._view(picture.data)
            image = {"bufferView": view, "mimeType": picture.mime_type, "name": picture.name}
            self._add("images", image, picture.data)
        entry = {"source": self._numbers["images", picture.data]}
        if picture.clamped:
            sampler = {"wrapS": _CLAMPED, "wrapT": _CLAMPED}
            entry["sampler"] = self._add("samplers", sampler, "clamped")
        return self._add("textures", entry, key)

    def _add(self, table: str, entry: dict[str, Any], key: Any) -> int:
        """The number of an entry; equal keys get one."""
        if (table, key) not in self._numbers:
            self._numbers[table, key] = len(self._tables[table])
            self._tables[table].append(entry)
        return self._numbers[table, key]


def _without_picture(material: Material) -> Material:
    """For faces that have no place in it: the colour of the material, or grey if that is white."""
    colour = Material.colour if material.colour == _WHITE else material.colour
    return Material(
        name=material.name, colour=colour, roughness=material.roughness, metallic=material.metallic
    )

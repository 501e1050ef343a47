"""What a GLB shows, without a renderer: its triangles and the colours at points of each."""

import dataclasses
import io
import pathlib

import numpy as np
from PIL import Image

from data_engine.catalog.notes import code_of
from data_engine.gltf.checks import Gltf, check_document, image_bytes
from data_engine.gltf.container import parse_glb
from data_engine.gltf.reader import Geometry, read_accessor, read_geometry
from data_engine.ingest.convert import convert_file

SIDES = {
    "+x": (200, 40, 40), "-x": (40, 160, 60), "+y": (230, 200, 50),
    "-y": (90, 60, 160), "+z": (40, 90, 200), "-z": (220, 120, 40),
}  # fmt: skip
"""sRGB colours of the box of the field files, in glTF's axes."""
UPRIGHT = {"+x": "+x", "-x": "-x", "+z": "+y", "-z": "-y", "-y": "+z", "+y": "-z"}
"""Sides of a file with z up to those of glTF."""
POINTS = np.array([[4, 1, 1], [1, 4, 1], [1, 1, 4], [2, 2, 2], [3, 2, 1], [1, 3, 2], [2, 1, 3]]) / 6
"""Barycentric coordinates of the points of a triangle that are looked at, [p, 3]."""
GREY = (203, 203, 203)
"""A surface without a material: linear 0.6."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """A converted file."""

    gltf: Gltf
    geometry: Geometry
    colours: np.ndarray
    """sRGB in [0, 255] at points of each triangle, [f, p, 3]."""
    notes: tuple[str, ...]

    @property
    def codes(self) -> list[str]:
        return [code_of(note) for note in self.notes]

    @property
    def corners(self) -> np.ndarray:
        """[f, 3, 3]."""
        return self.geometry.vertices[self.geometry.faces]

    @property
    def area(self) -> float:
        a, b, c = np.moveaxis(self.corners, 1, 0)
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=-1).sum() / 2)

    @property
    def volume(self) -> float:
        a, b, c = np.moveaxis(self.corners, 1, 0)
        return float((a * np.cross(b, c)).sum() / 6)

    @property
    def size(self) -> np.ndarray:
        return np.ptp(self.geometry.shown(), axis=0)

    def sides(self, *, z_up: bool = False) -> dict[str, np.ndarray]:
        """The median colour of the triangles that face along each axis."""
        a, b, c = np.moveaxis(self.corners, 1, 0)
        normals = np.cross(b - a, c - a)
        axes, found = np.abs(normals).argmax(axis=-1), {}
        for name in SIDES:
            axis, sign = "xyz".index(name[1]), 1 if name[0] == "+" else -1
            facing = (axes == axis) & (np.sign(normals[:, axis]) == sign)
            if facing.any():
                found[UPRIGHT[name] if z_up else name] = np.median(
                    self.colours[facing], axis=(0, 1)
                )
        return found

    @property
    def materials(self) -> list[dict]:
        return self.gltf.document.get("materials", [])

    def picture(self, number: int = 0) -> bytes:
        return image_bytes(self.gltf, self.gltf.document["images"][number], "a picture")


def look_at(path: pathlib.Path, target: pathlib.Path, root: pathlib.Path | None = None) -> Look:
    """Converts one file as ingest does; `Refusal` if it is refused."""
    root = root or path.parent
    task = {"path": str(path), "root": str(root), "file": path.relative_to(root).as_posix()}
    answer = convert_file(task | {"target": str(target)})
    gltf = check_document(
        parse_glb(target.read_bytes() if answer["converted"] else path.read_bytes())
    )
    return Look(
        gltf=gltf,
        geometry=read_geometry(gltf),
        colours=_colours(gltf),
        notes=tuple(answer["notes"]),
    )


def written(folder: pathlib.Path, name: str, text: str | bytes, **files: bytes) -> Look:
    """Writes a mesh and what belongs to it, names with `__` for a dot, and looks at it."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    for other, data in files.items():
        (folder / other.replace("__", ".")).write_bytes(data)
    return look_at(path, folder / "out.glb")


def png(*colours: tuple[int, ...], kind: str = "PNG") -> bytes:
    """A picture with a column of 8 x 8 pixels for each colour."""
    rows = np.repeat(np.array([colours], np.uint8), 8, axis=0).repeat(8, axis=1)
    file = io.BytesIO()
    Image.fromarray(rows).save(file, kind)
    return file.getvalue()


def _colours(gltf: Gltf) -> np.ndarray:
    found = []
    for primitive in gltf.document["meshes"][0]["primitives"]:
        faces = read_accessor(gltf, primitive["indices"]).astype(int).reshape(-1, 3)
        material = (
            gltf.document["materials"][primitive["material"]] if "material" in primitive else {}
        )
        surface = material.get("pbrMetallicRoughness", {})
        light = np.tile(surface.get("baseColorFactor", [1.0] * 4)[:3], (len(faces), len(POINTS), 1))
        if "COLOR_0" in primitive["attributes"]:
            values = read_accessor(gltf, primitive["attributes"]["COLOR_0"])[:, :3]
            light = light * np.einsum("pc,fcd->fpd", POINTS, values[faces])
        srgb = 255 * _encoded(light)
        if texture := surface.get("baseColorTexture"):
            uvs = read_accessor(gltf, primitive["attributes"]["TEXCOORD_0"])[faces]
            uvs = np.einsum("pc,fcd->fpd", POINTS, uvs)
            srgb = _sampled(gltf, texture["index"], uvs) * light
        found.append(srgb)
    return np.concatenate(found)


def _encoded(light: np.ndarray) -> np.ndarray:
    return np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055
    )


def _sampled(gltf: Gltf, texture: int, uvs: np.ndarray) -> np.ndarray:
    """The nearest pixel of a picture that repeats."""
    source = gltf.document["textures"][texture]["source"]
    data = image_bytes(gltf, gltf.document["images"][source], "a picture")
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    column, row = np.moveaxis((uvs % 1.0 * pixels.shape[1::-1]).astype(int), -1, 0)
    return pixels[np.minimum(row, len(pixels) - 1), np.minimum(column, pixels.shape[1] - 1)]

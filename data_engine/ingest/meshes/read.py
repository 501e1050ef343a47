"""A mesh file of another format becomes a GLB, with notes on what was missing or assumed."""

import numpy as np

from data_engine.catalog.notes import Note
from data_engine.errors import Refusal
from data_engine.ingest.companions import Companions
from data_engine.ingest.meshes.glb import write_parts
from data_engine.ingest.meshes.model import Model, Part
from data_engine.ingest.meshes.parts import split

MAX_OFFSET = 1000.0
"""Farther from the origin than this many times its size, a shape is moved there: the float32 of a
GLB would round its detail away."""
MAX_NOTES = 50


def convert_mesh(data: bytes, kind: str, companions: Companions) -> tuple[bytes, list[Note]]:
    """The GLB of an OBJ, PLY or STL file; `Refusal` if it holds no finite triangle.

    Args:
        data: The file.
        kind: obj, ply or stl.
        companions: What lies around it.
    """
    # What overflows or is no number is refused by `split`, or by the writer, if a face uses it.
    with np.errstate(all="ignore"):
        model = _read(data, kind, companions)
        parts = split(model.soup)
        _note_unused_colours(model, parts)
        _move(parts, model.notes)
    notes = list(dict.fromkeys(model.notes))
    return write_parts(parts, model.materials), notes[:MAX_NOTES]


def _read(data: bytes, kind: str, companions: Companions) -> Model:
    # A reader of its own for each format, loaded when it is needed.
    if kind == "obj":
        from data_engine.ingest.meshes.wavefront.obj import read_obj

        return read_obj(data, companions)
    if kind == "ply":
        from data_engine.ingest.meshes.ply import read_ply

        return read_ply(data, companions)
    if kind == "stl":
        from data_engine.ingest.meshes.stl import read_stl

        return read_stl(data)
    raise Refusal("not_glb", f"a file of the kind {kind} is not read")


def _note_unused_colours(model: Model, parts: list[Part]) -> None:
    pictured = {n for n, material in enumerate(model.materials) if material.picture is not None}
    hidden = [p for p in parts if p.colours is not None and p.uvs is not None]
    if any(part.material in pictured for part in hidden):
        words = "colours of vertices or faces were left out where a picture covers them"
        model.notes.append(Note("colours_ignored", words))


def _move(parts: list[Part], notes: list[Note]) -> None:
    """Brings a shape that lies far away to the origin."""
    low = np.min([part.positions.min(axis=0) for part in parts], axis=0)
    high = np.max([part.positions.max(axis=0) for part in parts], axis=0)
    centre = low / 2 + high / 2
    if np.abs(centre).max() <= MAX_OFFSET * (high - low).max():
        return
    for part in parts:
        part.positions = part.positions - centre
    words = "its centre was at " + ", ".join(f"{value:.9g}" for value in centre)
    notes.append(Note("moved_to_origin", words))

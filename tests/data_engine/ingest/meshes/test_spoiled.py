"""Spoiled OBJ, PLY and STL end in a reason, whatever was done to them, and soon."""

import contextlib
import time
import warnings

import numpy as np
import pytest
from scans import wedge

from data_engine.errors import Refusal
from data_engine.gltf.checks import check_document
from data_engine.gltf.container import parse_glb
from data_engine.ingest.companions import FolderCompanions
from data_engine.ingest.meshes.read import convert_mesh

OBJ = b"""mtllib a.mtl
v 0 0 0 1 0 0
v 1 0 0 0 1 0
v 0 1 0 0 0 1
v 1 1 1
vt 0 0
vt 1 0
vn 0 0 1
usemtl m
f 1/1/1 2/2/1 -2//1
f -4 -3 -2 -1
"""
STL = b"solid a b\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\nendsolid\n"  # fmt: skip # noqa: E501
PLY = b"""ply
format ascii 1.0
comment TextureFile a.png
element vertex 4
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
element face 2
property list uchar int vertex_indices
property list uchar float texcoord
property int texnumber
end_header
0 0 0 1 2 3
1 0 0 1 2 3
1 1 0 1 2 3
0 1 0 1 2 3
3 0 1 2 6 0 0 1 0 1 1 0
4 0 1 2 3 8 0 0 1 0 1 1 0 1 5
"""
WORDS = (
    b"-1", b"0", b"nan", b"1e400", b"9" * 20, b"/", b"//", b"\n", b"#", b"\\\n", b"\0", b"\xff\xfe",
    b"f 1 1 1\n", b"usemtl \xff\n", b"mtllib ../../x\n", b"element face 99999999999\n",
    b"property list float float q\n", b"end_header\n", b"vertex", b"facet ",
)  # fmt: skip


def spoiled(data: bytes, rng: np.random.Generator) -> bytes:
    found = bytearray(data)
    for _ in range(rng.choice([1, 2, 5, 20])):
        place, what = int(rng.integers(len(found) + 1)), rng.integers(4)
        if what == 0:
            found[place : place + 1] = bytes([rng.integers(256)])
        elif what == 1:
            found[place:place] = WORDS[rng.integers(len(WORDS))]
        elif what == 2:
            del found[place : place + int(rng.integers(1, 30))]
        else:
            found[place:place] = found[max(0, place - int(rng.integers(100))) : place]
    return bytes(found)


@pytest.mark.parametrize("kind", ["obj", "ply", "stl", "binary ply", "binary stl"])
def test_three_hundred_spoiled_files_end_in_a_reason_or_a_sound_glb(kind, tmp_path):
    form = kind.split()[-1]
    data = {"obj": OBJ, "ply": PLY, "stl": STL}.get(kind) or wedge().export(file_type=form)
    rng, ends = np.random.default_rng(0), set()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(300):
            try:
                near = FolderCompanions(tmp_path, f"a.{form}")
                glb, _ = convert_mesh(spoiled(data, rng), form, near)
                check_document(parse_glb(glb))
                ends.add("taken")
            except Refusal as refusal:
                ends.add(refusal.reason)
    assert ends <= {"taken", "bad_mesh", "no_mesh", "degenerate", "bomb", "too_large"}
    assert "bad_mesh" in ends


LONG = {
    "a line of spaces": b" " * (8 << 20) + OBJ,
    "a name without an end": OBJ.replace(b"usemtl m", b"usemtl " + b"m" * (8 << 20)),
    "names of files": b"mtllib x y z\n" * 2000 + OBJ,
    "materials by turns": OBJ + b"usemtl a\nf 1 2 3\nusemtl b\nf 1 2 3\n" * 20_000,
    "a face of many corners": OBJ + b"f" + b" 1 2 3 4" * 100_000 + b"\n",
    "slashes": OBJ + b"f " + b"/" * (1 << 20) + b"\n",
    "comments": OBJ + b"#" * (8 << 20),
}


@pytest.mark.parametrize("name", LONG)
def test_a_long_file_takes_seconds(name, tmp_path):
    began = time.process_time()
    with contextlib.suppress(Refusal):
        convert_mesh(LONG[name], "obj", FolderCompanions(tmp_path, "a.obj"))
    assert time.process_time() - began < 5

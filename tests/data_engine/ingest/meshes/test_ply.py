"""PLY as scanners and programs write it: text and both orders, colours, pictures, strips."""

import struct

import numpy as np
import pytest
from mesh_looks import GREY, look_at, png, written

from data_engine.errors import Refusal

FORMATS = ("ascii", "binary_little_endian", "binary_big_endian")
RED, BLUE = (255, 0, 0), (0, 0, 255)
SQUARE = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
PACK = {"char": "b", "uchar": "B", "short": "h", "ushort": "H", "int": "i", "uint": "I"}
PACK |= {"float": "f", "double": "d", "uint8": "B", "int32": "i", "float32": "f"}


def ply(form: str, *elements, comments=()) -> bytes:
    """A PLY of elements (name, property lines, rows); a list of a row is written with its count."""
    head = ["ply", f"format {form} 1.0", *(f"comment {words}" for words in comments)]
    for name, properties, rows in elements:
        head += [f"element {name} {len(rows)}", *(f"property {line}" for line in properties)]
    body = [_row(form, properties, row) for _, properties, rows in elements for row in rows]
    return "\n".join([*head, "end_header\n"]).encode() + b"".join(body)


def _row(form: str, properties, row) -> bytes:
    values = []
    for line, value in zip(properties, row, strict=True):
        words = line.split()
        if words[0] == "list":
            values += [(words[1], len(value)), *((words[2], entry) for entry in value)]
        else:
            values.append((words[0], value))
    if form == "ascii":
        return (" ".join(str(value) for _, value in values) + "\n").encode()
    order = "<" if "little" in form else ">"
    return struct.pack(order + "".join(PACK[kind] for kind, _ in values), *(v for _, v in values))


XYZ = ("float x", "float y", "float z")
CORNERS = ("list uchar int vertex_indices",)
VERTICES = ("vertex", XYZ, SQUARE)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("element", "faces", "triangles"),
    [
        ("face", [([0, 1, 2],), ([0, 2, 3],)], 2),
        ("face", [([0, 1, 2, 3],)], 2),
        ("face", [([0, 1, 2],), ([0, 1, 2, 3],), ([1, 2],), ([],), ([0, 2, 3],)], 4),
        ("tristrips", [([0, 1, 3, 2],)], 2),
        ("tristrips", [([0, 1, 3, -1, 1, 2, 3],)], 2),
        ("tristrips", [([0, 1, 3, 3, 1, 1, 1, 2, 3],), ([0, 1],)], 2),
    ],
)
def test_faces_and_strips_become_triangles_that_look_the_same_way(
    form, element, faces, triangles, tmp_path
):
    kind = ("list int int vertex_indices",) if element == "tristrips" else CORNERS
    look = written(tmp_path, "a.ply", ply(form, VERTICES, (element, kind, faces)))
    assert len(look.corners) == triangles
    a, b, c = np.moveaxis(look.corners, 1, 0)
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "names",
    [("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b")],
)
@pytest.mark.parametrize(
    ("kind", "colour"),
    [("uchar", (200, 40, 60)), ("float", (0.784, 0.157, 0.235)), ("ushort", (51400, 10280, 15420))],
)
def test_colours_are_read_by_their_names_and_types(form, names, kind, colour, tmp_path):
    properties = (*XYZ, *(f"{kind} {name}" for name in names))
    vertices = ("vertex", properties, [(*place, *colour) for place in SQUARE])
    look = written(tmp_path, "a.ply", ply(form, vertices, ("face", CORNERS, [([0, 1, 2],)])))
    np.testing.assert_allclose(look.colours[0, 0], (200, 40, 60), atol=1)
    assert look.notes == ()
    assert look.materials[0]["pbrMetallicRoughness"]["metallicFactor"] == 0


def test_floats_that_count_to_255_are_noted(tmp_path):
    properties = (*XYZ, "float red", "float green", "float blue")
    vertices = ("vertex", properties, [(*place, 200.0, 40.0, 60.0) for place in SQUARE])
    look = written(tmp_path, "a.ply", ply("ascii", vertices, ("face", CORNERS, [([0, 1, 2],)])))
    np.testing.assert_allclose(look.colours[0, 0], (200, 40, 60), atol=1)
    assert look.codes == ["colours_assumed"]


@pytest.mark.parametrize("form", FORMATS)
def test_colours_of_faces_stay_with_their_faces(form, tmp_path):
    properties = (*CORNERS, "uchar red", "uchar green", "uchar blue")
    faces = ("face", properties, [([0, 1, 2], *RED), ([0, 2, 3], *BLUE)])
    look = written(tmp_path, "a.ply", ply(form, VERTICES, faces))
    np.testing.assert_allclose(look.colours[:, 0], [RED, BLUE], atol=1)


def test_colours_of_vertices_hold_where_there_are_both(tmp_path):
    rgb = ("uchar red", "uchar green", "uchar blue")
    vertices = ("vertex", (*XYZ, *rgb), [(*place, *RED) for place in SQUARE])
    faces = ("face", (*CORNERS, *rgb), [([0, 1, 2], *BLUE)])
    look = written(tmp_path, "a.ply", ply("ascii", vertices, faces))
    assert look.codes == ["colours_ignored"]
    np.testing.assert_allclose(look.colours[0, 0], RED, atol=1)


@pytest.mark.parametrize("blank", [(255, 255, 255), (0, 0, 0)])
def test_blank_colours_of_vertices_leave_those_of_faces(blank, tmp_path):
    rgb = ("uchar red", "uchar green", "uchar blue")
    vertices = ("vertex", (*XYZ, *rgb), [(*place, *blank) for place in SQUARE])
    faces = ("face", (*CORNERS, *rgb), [([0, 1, 2], *BLUE)])
    look = written(tmp_path, "a.ply", ply("ascii", vertices, faces))
    assert look.codes == ["colours_ignored"]
    np.testing.assert_allclose(look.colours[0, 0], BLUE, atol=1)


def test_texture_coordinates_as_artec_writes_them_are_named(tmp_path):
    multi = ("multi_texture_vertex", ("uchar tx", "float u", "float v"), [(0, 0.5, 0.5)])
    data = ply(
        "ascii", VERTICES, ("face", CORNERS, [([0, 1, 2],)]), multi, comments=["TextureFile t.png"]
    )
    assert "multi_texture_face, which is not read" in written(tmp_path, "a.ply", data).notes[0]


@pytest.mark.parametrize("names", [("s", "t"), ("u", "v"), ("texture_u", "texture_v")])
def test_texture_coordinates_of_vertices_are_laid_upright(names, tmp_path):
    properties = (*XYZ, *(f"float {name}" for name in names))
    vertices = ("vertex", properties, [(*place, *place[:2]) for place in SQUARE])
    data = ply(
        "ascii", vertices, ("face", CORNERS, [([0, 1, 2, 3],)]), comments=["TextureFile my t.png"]
    )
    (tmp_path / "my t.png").write_bytes(png(RED, RED))
    look = written(tmp_path, "a.ply", data)
    np.testing.assert_array_equal(look.colours[0, 0], RED)
    assert look.notes == ()


@pytest.mark.parametrize("form", FORMATS)
def test_corners_have_texture_coordinates_and_faces_a_number_of_a_picture(form, tmp_path):
    properties = (*CORNERS, "list uchar float texcoord", "int texnumber")
    whole = [0.1, 0.1, 0.9, 0.1, 0.9, 0.9]
    rows = [
        ([0, 1, 2], whole, 0),
        ([0, 2, 3], whole, 1),
        ([0, 1, 3], [], 0),
        ([1, 2, 3], whole, -1),
    ]
    data = ply(
        form,
        VERTICES,
        ("face", properties, rows),
        comments=["TextureFile a.png", "TextureFile b.png"],
    )
    look = written(tmp_path, "a.ply", data, a__png=png(RED), b__png=png(BLUE))
    found = {tuple(colours[0].round()) for colours in look.colours}
    assert found == {RED, BLUE, GREY}
    assert look.codes == ["texture_coordinates_missing"]
    assert [image["name"] for image in look.gltf.document["images"]] == ["a.png", "b.png"]


def test_a_picture_that_is_not_there_is_noted_and_the_colours_show(tmp_path):
    properties = (*XYZ, "float s", "float t", "uchar red", "uchar green", "uchar blue")
    vertices = ("vertex", properties, [(*place, *place[:2], *RED) for place in SQUARE])
    faces = ("face", CORNERS, [([0, 1, 2],)])
    look = written(
        tmp_path, "a.ply", ply("ascii", vertices, faces, comments=["TextureFile gone.png"])
    )
    assert look.codes == ["picture_missing"]
    np.testing.assert_allclose(look.colours[0, 0], RED, atol=1)
    look = written(tmp_path, "a.ply", ply("ascii", vertices, faces))
    assert look.notes == ("picture_missing: it has texture coordinates and names no picture",)


@pytest.mark.parametrize("form", FORMATS)
def test_tables_that_nobody_asked_for_are_stepped_over(form, tmp_path):
    extra = ("camera", ("list uchar double rows", "short flag"), [([1.5, 2], 3), ([], 4)])
    vertices = ("vertex", ("double confidence", *XYZ, "list uchar int seen"), [
        (0.5, *place, list(range(n))) for n, place in enumerate(SQUARE)
    ])  # fmt: skip
    edges = ("edge", ("int32 a", "int32 b"), [(0, 1)])
    faces = ("face", ("uint8 flags", *CORNERS), [(1, [0, 1, 2, 3])])
    look = written(tmp_path, "a.ply", ply(form, extra, vertices, edges, faces) + b"\n")
    assert look.area == pytest.approx(1.0)


@pytest.mark.parametrize("form", FORMATS)
def test_vertices_that_no_face_uses_may_be_no_numbers(form, tmp_path):
    nan = float("nan")
    vertices = ("vertex", XYZ, [*SQUARE, (nan, nan, nan)])
    look = written(tmp_path, "a.ply", ply(form, vertices, ("face", CORNERS, [([0, 1, 2],)])))
    assert len(look.geometry.vertices) == 3
    if form == "ascii":
        windows = ply(form, vertices, ("face", CORNERS, [([0, 1, 2],)]))
        windows = windows.replace(b"nan nan nan", b"-nan(ind) 1.#QNAN -1.#IND")
        assert len(written(tmp_path, "a.ply", windows).geometry.vertices) == 3
    used = ply(form, vertices, ("face", CORNERS, [([0, 1, 4],)]))
    assert refused(tmp_path, used) == ("degenerate", "1 of 3 vertices are not finite")


def refused(tmp_path, data: bytes) -> tuple[str, str]:
    (tmp_path / "bad.ply").write_bytes(data)
    with pytest.raises(Refusal) as refusal:
        look_at(tmp_path / "bad.ply", tmp_path / "out.glb")
    return refusal.value.reason, refusal.value.sentence


WHOLE = ply("binary_little_endian", VERTICES, ("face", CORNERS, [([0, 1, 2],)]))
ONE_FACE = ply("ascii", VERTICES, ("face", CORNERS, [([0, 1, 2],)]))
BAD = {
    "cut off": (WHOLE[:-3], "bad_mesh", "the file ends before"),
    "header without an end": (WHOLE.replace(b"end_header", b""), "bad_mesh", "does not end"),
    "other format": (WHOLE.replace(b"little", b"middle"), "bad_mesh", "neither ascii nor binary"),
    "vast": (WHOLE.replace(b"face 1", b"face 99999999999"), "bad_mesh", "the file ends before"),
    "vaster": (WHOLE.replace(b"face 1", b"face " + b"9" * 40), "bad_mesh", "no element"),
    "negative": (WHOLE.replace(b"face 1", b"face -1"), "bad_mesh", "no element"),
    "type": (WHOLE.replace(b"float x", b"quad x"), "bad_mesh", "no property"),
    "points": (ply("ascii", VERTICES), "no_mesh", "no triangle"),
    "no places": (ply("ascii", ("face", CORNERS, [([0, 1, 2],)])), "no_mesh", "no x, y and z"),
    "beyond": (
        ply("ascii", VERTICES, ("face", CORNERS, [([0, 1, 4],)])), "bad_mesh", "beyond its 4",
    ),
    "words": (
        ply("ascii", VERTICES, ("face", CORNERS, [([0, 1, "two"],)])), "bad_mesh", "'two'",
    ),
    "long list": (
        ONE_FACE.replace(b"3 0 1 2", b"99999999999"),
        "bad_mesh", "99999999999 entries",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_sound_ply_gets_a_true_reason(name, tmp_path):
    data, reason, words = BAD[name]
    found, sentence = refused(tmp_path, data)
    assert (found, words in sentence) == (reason, True), sentence

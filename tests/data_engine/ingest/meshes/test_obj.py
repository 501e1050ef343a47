"""OBJ as people write it: numbers, polygons, colours, and what is refused."""

import numpy as np
import pytest
from mesh_looks import GREY, look_at, png, written

from data_engine.errors import Refusal
from data_engine.gltf.reader import read_accessor

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


def attribute(look, name: str) -> np.ndarray:
    number = look.gltf.document["meshes"][0]["primitives"][0]["attributes"][name]
    return read_accessor(look.gltf, number)


@pytest.mark.parametrize(
    "text",
    [
        TRIANGLE + "f 1 2 3\n",
        TRIANGLE + "f -3 -2 -1\n",
        TRIANGLE + "f 1 -2 3",
        "f 1 2 3\n" + TRIANGLE,
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1\nv 9 9 9\nv 8 8 8\n",
        TRIANGLE + "f 1 2 \\\n3\n",
        TRIANGLE + "f 1 2 \\\r\n  3\r\n",
        TRIANGLE.replace("\n", "\r") + "f 1 2 3\r",
        "  v 0 0 0\n\t v  1\t0 0  \n" + " " * 200 + "v 0 1 0 # the last\nf 1 2 3 # all\n",
        "\ufeff" + TRIANGLE + "f 1 2 3\n",
        "# from C:\\scans\\\n" + TRIANGLE + "f 1 2 \\\n3 # D:\\\nf 1 1 \\\n",
        "# v 7 7 7\no a\ng b\ns off\n" + TRIANGLE + "l 1 2\np 1\nf 1 2\nf 1 2 3\n",
        "v 0 0 0 1\nv 1 0 0 1.0\nv 0 1 0\nf 1 2 3\n",
        TRIANGLE + "v nan -nan(ind) 1.#QNAN\nf 1 2 3\n",
        "V 0 0 0\nV 1 0 0\nV 0 1 0\nF 1 2 3\n",
    ],
)
def test_every_spelling_of_one_triangle_is_that_triangle(text, tmp_path):
    look = written(tmp_path, "a.obj", text)
    np.testing.assert_array_equal(look.corners, [[[0, 0, 0], [1, 0, 0], [0, 1, 0]]])
    np.testing.assert_allclose(look.colours[0, 0], GREY, atol=1)
    assert look.notes == ()


def test_text_in_utf16_is_read(tmp_path):
    for encoding in ("utf-16", "utf-16-be"):
        mark = b"\xfe\xff" if encoding.endswith("be") else b""
        look = written(tmp_path, "a.obj", mark + f"{TRIANGLE}f 1 2 3\n".encode(encoding))
        assert look.area == 0.5


def test_relative_numbers_count_from_the_line_they_stand_in(tmp_path):
    one = "v {0} 0 0\nv {1} 0 0\nv {0} 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nf -3/-3 -2/-2 -1/-1\n"
    look = written(tmp_path, "a.obj", one.format(0, 1) + one.format(5, 6))
    np.testing.assert_array_equal(look.corners[:, :, 0], [[0, 1, 0], [5, 6, 5]])


L_SHAPE = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]


@pytest.mark.parametrize("start", range(6))
@pytest.mark.parametrize("turned", [False, True])
def test_a_concave_face_keeps_its_area_whichever_corner_it_begins_with(start, turned, tmp_path):
    corners = [start + n for n in range(6)]
    face = " ".join(str(1 + corner % 6) for corner in (corners[::-1] if turned else corners))
    text = "".join(f"v {x} {y} 0\n" for x, y in L_SHAPE) + f"f {face}\n"
    look = written(tmp_path, "a.obj", text)
    assert (len(look.corners), look.area) == (4, pytest.approx(3.0))
    a, b, c = np.moveaxis(look.corners, 1, 0)
    assert set(np.sign(np.cross(b - a, c - a)[:, 2])) == {-1.0 if turned else 1.0}


@pytest.mark.parametrize("start", range(4))
def test_a_concave_quad_is_cut_along_its_inner_diagonal(start, tmp_path):
    face = " ".join(str(1 + (start + n) % 4) for n in range(4))
    text = f"v 0 0 0\nv 4 0 0\nv 1 1 0\nv 0 4 0\nf {face}\n"
    assert written(tmp_path, "a.obj", text).area == pytest.approx(4.0)


def test_corners_may_lack_texture_coordinates_or_normals_one_by_one(tmp_path):
    text = (
        TRIANGLE + "v 1 1 0\nvt 0.5\nvt 0 1 0.3\nvn 0 0 5\nf 1/1/1 2/2/1 3/1/1\nf 2//1 4//1 3//1\n"
    )
    look = written(tmp_path, "a.obj", text + "f 1/ 2/1 4/2\n")
    kinds = [sorted(p["attributes"]) for p in look.gltf.document["meshes"][0]["primitives"]]
    assert sorted(kinds) == [["NORMAL", "POSITION"], ["NORMAL", "POSITION"], ["POSITION"]]


def test_normals_are_kept_at_length_one(tmp_path):
    look = written(tmp_path, "a.obj", TRIANGLE + "vn 0 3 4\nf 1//1 2//1 3//1\n")
    np.testing.assert_allclose(attribute(look, "NORMAL"), [[0, 0.6, 0.8]] * 3, atol=1e-6)


COLOURED = "v 0 0 0 {0}\nv 1 0 0 {0}\nv 0 1 0 {0}\nf 1 2 3\n"


@pytest.mark.parametrize(
    ("colour", "right", "codes"),
    [
        ("0.5 0.25 1", (127.5, 63.75, 255), []),
        ("128 64 255", (128, 64, 255), ["colours_assumed"]),
        ("0.5 0.25 1 1", (127.5, 63.75, 255), []),
        ("1.02 0.5 0.25", (255, 127.5, 63.75), []),
        ("128.5 64.5 0.5", (128.5, 64.5, 0.5), ["colours_assumed"]),
        ("1 1 1", GREY, []),
        ("0.99 0.99 0.99", GREY, []),
        ("255 255 255", GREY, []),
        ("0 0 0", (0, 0, 0), []),
    ],
)
def test_colours_of_vertices_are_codes_for_a_screen(colour, right, codes, tmp_path):
    look = written(tmp_path, "a.obj", COLOURED.format(colour))
    np.testing.assert_allclose(look.colours[0], [right] * 7, atol=1)
    assert look.codes == codes


def test_colours_win_over_a_grey_material_and_lose_against_a_picture(tmp_path):
    text = "mtllib m.mtl\nusemtl m\n" + COLOURED.format("1 0 0")
    look = written(tmp_path, "a.obj", text, m__mtl=b"newmtl m\nKd 0.8 0.8 0.8\nNs 225\n")
    np.testing.assert_allclose(look.colours[0, 0], [255, 0, 0], atol=1)
    assert look.materials[0]["pbrMetallicRoughness"]["roughnessFactor"] == pytest.approx(0.5)
    text = text.replace("f 1 2 3", "vt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/3")
    mtl = b"newmtl m\nKd 0.2 0.2 0.2\nmap_Kd t.png\n"
    look = written(tmp_path, "a.obj", text, m__mtl=mtl, t__png=png((0, 0, 255)))
    np.testing.assert_array_equal(look.colours[0, 0], [0, 0, 255])
    assert look.codes == ["colours_ignored"]


@pytest.mark.parametrize(
    ("colour", "right", "codes"),
    [
        ("0 0 0", (255, 127.5, 0), ["colours_ignored"]),
        ("255 255 255", (255, 127.5, 0), []),
        ("0.9 1 1", (255, 127.5, 0), ["colours_ignored"]),
        ("0 0 1", (0, 0, 255), ["colours_ignored"]),
    ],
)
def test_colours_that_win_over_those_of_a_material_are_noted(colour, right, codes, tmp_path):
    text = "mtllib m.mtl\nusemtl m\n" + COLOURED.format(colour)
    look = written(tmp_path, "a.obj", text, m__mtl=b"newmtl m\nKd 1 0.5 0\n")
    np.testing.assert_allclose(look.colours[0, 0], right, atol=1)
    assert look.codes == codes


def test_some_colours_are_some_and_the_others_white(tmp_path):
    text = "v 0 0 0\nv 1 0 0 0 0 0\nv 0 1 0\nf 1 2 3\n"
    look = written(tmp_path, "a.obj", text)
    assert look.codes == ["colours_assumed"]
    np.testing.assert_allclose(sorted(attribute(look, "COLOR_0")[:, 0]), [0, 1, 1])


def test_zbrush_writes_colours_in_comments(tmp_path):
    text = TRIANGLE + "f 1 2 3\n#MRGB ffff0000ff00ff00\n#MRGB ff0000ff\n"
    look = written(tmp_path, "a.obj", text)
    np.testing.assert_allclose(attribute(look, "COLOR_0")[:, :3], np.eye(3))


def test_a_vertex_is_one_where_its_tables_agree_and_two_where_not(tmp_path):
    square = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
    whole = written(tmp_path, "a.obj", square + "f 1/1 2/2 3/3\nf 1/1 3/3 4/4\n")
    seam = written(tmp_path, "a.obj", square + "f 1/1 2/2 3/3\nf 1/2 3/3 4/4\n")
    assert (len(whole.geometry.vertices), len(seam.geometry.vertices)) == (4, 5)


def test_what_lies_far_away_is_moved_to_the_origin_with_a_note(tmp_path):
    look = written(tmp_path, "a.obj", "v 500000 0 0\nv 500001 0 0\nv 500000 1 0\nf 1 2 3\n")
    assert look.codes == ["moved_to_origin"]
    np.testing.assert_array_equal(look.size, [1, 1, 0])


REFUSED = {
    "": "no_mesh",
    "v 0 0 0\n": "no_mesh",
    TRIANGLE + "f 1 2\n": "no_mesh",
    TRIANGLE + "f 1 2 4\n": "bad_mesh",
    TRIANGLE + "f 0 1 2\n": "bad_mesh",
    TRIANGLE + "f -4 -1 -2\n": "bad_mesh",
    TRIANGLE + "f 1 2 99999999999999999999\n": "bad_mesh",
    TRIANGLE + "f 1/2/3/4 2 3\n": "bad_mesh",
    TRIANGLE + "f 1/1 2/1 3/1\n": "bad_mesh",
    TRIANGLE + "f 1//1 2//1 3//1\n": "bad_mesh",
    TRIANGLE + "f a b c\n": "bad_mesh",
    TRIANGLE + "f 1.5 2 3\n": "bad_mesh",
    "v 0,5 1,0 2,0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n": "bad_mesh",
    "v 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n": "bad_mesh",
    "v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n": "degenerate",
    "v 1e400 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n": "degenerate",
    "v 1e300 0 0\nv -1e300 0 0\nv 0 1 0\nf 1 2 3\n": "degenerate",
    "v 0 0 0\nv 0 0 0\nv 0 0 0\nf 1 2 3\n": "degenerate",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_mesh_gets_a_true_reason(text, tmp_path):
    (tmp_path / "a.obj").write_text(text + "\n")
    with pytest.raises(Refusal) as refusal:
        look_at(tmp_path / "a.obj", tmp_path / "out.glb")
    assert refusal.value.reason == REFUSED[text]
    assert "\n" not in refusal.value.sentence


def test_a_decimal_comma_is_named(tmp_path):
    (tmp_path / "a.obj").write_text("v 0,5 1,0 2,0\nf 1 1 1\n")
    with pytest.raises(Refusal, match="'0,5' among vertices is no number"):
        look_at(tmp_path / "a.obj", tmp_path / "out.glb")

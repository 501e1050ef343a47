"""MTL and its pictures: found wherever people put them inside the folder, and copied."""

import io
import os
import unicodedata

import numpy as np
import pytest
from mesh_looks import GREY, look_at, png, written
from PIL import Image

from data_engine.ingest.meshes.wavefront.mtl import parse_map, parse_mtl

RED, BLUE = (255, 0, 0), (0, 0, 255)
LAID = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
QUAD = LAID + "usemtl m\nf 1/1 2/2 3/3 4/4\n"


def surface(look) -> dict:
    return look.materials[0]["pbrMetallicRoughness"]


def put(root, files: dict[str, bytes]):
    """Writes files below a folder; returns the path of the one OBJ."""
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return next(root / name for name in files if name.endswith((".obj", ".ply")))


@pytest.mark.parametrize(
    ("mtl", "picture", "file", "codes"),
    [
        ("m.mtl", b"t.png", "t.png", []),
        ("m.mtl", b"T.PNG", "t.png", []),
        ("M.MTL", b"Tex/T.png", "tex/t.PNG", []),
        ("m.mtl", b".\\tex\\t.png", "tex/t.png", []),
        ("m.mtl", b"./t.png", "t.png", []),
        ("m.mtl", b"../tex/t.png", "../tex/t.png", []),
        ("m.mtl", b"my tex.png", "my tex.png", []),
        ("m.mtl", b'"my tex.png"', "my tex.png", []),
        ("m.mtl", b"t.png # colours", "t.png", []),
        ("m.mtl", b"-s 1 1 1 -o 0 0 0 t.png", "t.png", []),
        ("m.mtl", b"-bm 0.5 -clamp off -mm 0 1 -imfchan r -blendu on t.png", "t.png", []),
        ("m.mtl", b"-s 1 -o 0 0 my 2 tex.png", "my 2 tex.png", []),
        ("m.mtl", b"t.png -s 1 1 1", "t.png", []),
        ("m.mtl", b"C:\\Users\\me\\t.png", "t.png", ["file_elsewhere"]),
        ("m.mtl", b"D:/scan/T.PNG", "textures/t.png", ["file_elsewhere"]),
        ("m.mtl", b"/home/me/t.png", "textures/t.png", ["file_elsewhere"]),
        ("m.mtl", b"\\\\server\\share\\t.png", "t.png", ["file_elsewhere"]),
        ("m.mtl", b"file:///x/t.png", "t.png", ["file_elsewhere"]),
        ("m.mtl", b"t.png", "textures/t.png", ["file_elsewhere"]),
        ("m.mtl", b"t.png", "../textures/t.png", ["file_elsewhere"]),
        ("m.mtl", b"t.png", "../t.png", ["file_elsewhere"]),
        ("m.mtl", b"maps/t.png", "deep/er/t.png", ["file_elsewhere"]),
        ("m.mtl", "caf\u00e9.png".encode(), unicodedata.normalize("NFD", "café.png"), []),
        ("m.mtl", unicodedata.normalize("NFD", "café.png").encode(), "café.png", []),
        ("m.mtl", "Größe.png".encode("latin-1"), "Größe.png", []),
        ("m.mtl", "Töpfe.png".encode("cp1252"), "Töpfe.png", []),
        ("m.mtl", "颜色.png".encode("gbk"), "颜色.png", []),
        ("m.mtl", "颜色.png".encode(), os.fsdecode("颜色.png".encode("gbk")), []),
        ("m.mtl", "Größe.png".encode(), os.fsdecode("Größe.png".encode("latin-1")), []),
    ],
)  # fmt: skip
def test_a_picture_is_found_by_the_names_that_people_give_it(mtl, picture, file, codes, tmp_path):
    path = put(
        tmp_path,
        {
            "model/a.obj": f"mtllib {mtl.upper()}\n{QUAD}".encode(),
            f"model/{mtl}": b"newmtl m\nKd 1 1 1\nmap_Kd " + picture + b"\n",
        },
    )
    target = tmp_path / "model" / file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(png(RED))
    look = look_at(path, tmp_path / "out.glb", tmp_path)
    assert look.codes == codes
    np.testing.assert_array_equal(look.colours[0, 0], RED)


def test_nothing_outside_the_ingested_folder_is_taken(tmp_path):
    (tmp_path / "secret.png").write_bytes(png(RED))
    (tmp_path / "scans" / "linked").mkdir(parents=True)
    (tmp_path / "scans" / "linked" / "link.png").symlink_to(tmp_path / "secret.png")
    names = ["../../secret.png", "../secret.png", str(tmp_path / "secret.png"), "linked/link.png"]
    for name in names:
        mtl = f"newmtl m\nmap_Kd {name}\n".encode()
        path = put(tmp_path / "scans", {"a.obj": f"mtllib m.mtl\n{QUAD}".encode(), "m.mtl": mtl})
        look = look_at(path, tmp_path / "out.glb")
        assert look.codes == ["picture_missing"]
        assert "images" not in look.gltf.document
        np.testing.assert_allclose(look.colours[0, 0], GREY, atol=1)


def test_the_pictures_of_another_model_are_left_to_it(tmp_path):
    model = {"a.obj": f"mtllib m.mtl\n{QUAD}".encode(), "m.mtl": b"newmtl m\nmap_Kd t.png\n"}
    for other in ("one/two", "beside", ".", "textures"):
        put(tmp_path / other, {"b.obj": b"", "t.png": png(RED)})
    look = look_at(put(tmp_path / "one", model), tmp_path / "out.glb", tmp_path)
    assert look.codes == ["picture_missing"]
    (tmp_path / "beside too").mkdir()
    (tmp_path / "beside too" / "t.png").write_bytes(png(RED))
    look = look_at(put(tmp_path / "one", model), tmp_path / "out.glb", tmp_path)
    assert look.codes == ["picture_missing"]


@pytest.mark.parametrize("other", ["b/source/b.obj", "b/b.obj"])
def test_the_pictures_in_a_folder_beside_another_model_are_left_to_it(other, tmp_path):
    model = {"a.obj": f"mtllib m.mtl\n{QUAD}".encode(), "m.mtl": b"newmtl m\nmap_Kd t.png\n"}
    path = put(tmp_path, model)
    put(tmp_path, {other: b"", "b/textures/t.png": png(RED)})
    assert look_at(path, tmp_path / "out.glb", tmp_path).codes == ["picture_missing"]


def test_of_two_pictures_of_one_name_each_material_gets_that_in_its_folder(tmp_path):
    text = f"mtllib m.mtl\n{LAID}usemtl a\nf 1/1 2/2 3/3\nusemtl b\nf 1/1 3/3 4/4\n"
    mtl = b"newmtl a\nmap_Kd C:\\x\\body\\t.png\nnewmtl b\nmap_Kd C:\\x\\Lid\\t.png\n"
    put(tmp_path, {"body/t.png": png(RED), "lid/t.png": png(BLUE), "a.obj": b""})
    look = written(tmp_path, "a.obj", text, m__mtl=mtl)
    assert [tuple(colours[0]) for colours in look.colours] == [RED, BLUE]


@pytest.mark.parametrize(
    ("lines", "files"),
    [
        ("mtllib a.mtl\nmtllib b.mtl\n", ("a.mtl", "b.mtl")),
        ("mtllib a.mtl b.mtl\n", ("a.mtl", "b.mtl")),
        ("mtllib my a.mtl my b.mtl\n", ("my a.mtl", "my b.mtl")),
        ("mtllib C:\\x\\a.mtl\nmtllib .\\b.mtl\n", ("a.mtl", "b.mtl")),
    ],
)
def test_several_files_of_materials_are_read(lines, files, tmp_path):
    first, second = files
    path = put(
        tmp_path,
        {
            "a.obj": (lines + LAID + "usemtl one\nf 1 2 3\nusemtl two\nf 1 3 4\n").encode(),
            first: b"newmtl one\nKd 1 0 0\n",
            second: b"\xef\xbb\xbfnewmtl two\r\nKd 0 0 1\r\n",
        },
    )
    look = look_at(path, tmp_path / "out.glb")
    assert [tuple(colours[0].round()) for colours in look.colours] == [RED, BLUE]


@pytest.mark.parametrize(
    ("mtl", "colour", "roughness", "metallic"),
    [
        ("Kd 0.5 0.25 0", (127.5, 63.75, 0), 0.9, 0),
        ("Kd 0.5", (127.5, 127.5, 127.5), 0.9, 0),
        ("Kd 1.2 0.5 0", (255, 127.5, 0), 0.9, 0),
        ("\tKd 0.5 0.25 0\n  \tPr 0.3", (127.5, 63.75, 0), 0.3, 0),
        ("# C:\\scans\\\nKd 0.5 \\\n0.25 0 # D:\\\nPr 0.3", (127.5, 63.75, 0), 0.3, 0),
        ("", GREY, 0.9, 0),
        ("Ns 225", GREY, 0.5, 0),
        ("Ns 225\nKs 0 0 0", GREY, 0.9, 0),
        ("Ns 225\nillum 1", GREY, 0.9, 0),
        ("Ns 100000", GREY, 0, 0),
        ("Pr 0.3\nPm 1", GREY, 0.3, 1),
        ("Kd nonsense\nNs", GREY, 0.9, 0),
        ("d -halo 1.0", GREY, 0.9, 0),
    ],
)
def test_numbers_of_a_material_are_read_as_programs_mean_them(
    mtl, colour, roughness, metallic, tmp_path
):
    text = f"mtllib m.mtl\n{QUAD}"
    look = written(tmp_path, "a.obj", text, m__mtl=f"  newmtl m\n{mtl}\n".encode())
    np.testing.assert_allclose(look.colours[0, 0], colour, atol=1)
    assert surface(look)["roughnessFactor"] == pytest.approx(roughness)
    assert surface(look)["metallicFactor"] == metallic
    assert look.notes == ()


def test_opacity_is_kept_and_an_invisible_surface_is_shown_with_a_note(tmp_path):
    text = f"mtllib m.mtl\n{QUAD}"
    for mtl, alpha, codes in (
        (b"d 0.25", 0.25, []),
        (b"Tr 0.25", 0.75, []),
        (b"d 1\nTr 1", 1, []),
        (b"d 0", 1, ["opacity_ignored"]),
        (b"Tr 1", 1, ["opacity_ignored"]),
    ):
        look = written(tmp_path, "a.obj", text, m__mtl=b"newmtl m\n" + mtl + b"\n")
        assert surface(look)["baseColorFactor"][3] == alpha
        assert look.materials[0].get("alphaMode") == ("BLEND" if alpha < 1 else None)
        assert look.codes == codes


def test_jpeg_png_and_webp_are_copied_and_other_pictures_become_png(tmp_path):
    text = f"mtllib m.mtl\n{QUAD}"
    for kind, copied in (
        ("JPEG", True), ("PNG", True), ("WEBP", True),
        ("BMP", False), ("TGA", False), ("TIFF", False), ("GIF", False),
    ):  # fmt: skip
        data = png(RED, RED, kind=kind)
        look = written(tmp_path, "a.obj", text, m__mtl=b"newmtl m\nmap_Kd t\n", t=data)
        assert (look.picture() == data) is copied, kind
        assert look.codes == ([] if copied else ["picture_converted"])
        np.testing.assert_allclose(look.colours[0, 0], RED, atol=3)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"<html>", png(RED)[:20], b"BM" + bytes(60), b"\xff\xd8\xff",
        *(png(RED, BLUE, kind=kind)[:-30] for kind in ("PNG", "JPEG", "WEBP")),
    ],
)  # fmt: skip
def test_a_broken_picture_costs_the_picture_and_not_the_shape(data, tmp_path):
    text = f"mtllib m.mtl\n{QUAD}"
    mtl = b"newmtl m\nKd 0 0 1\nmap_Kd t.png\n"
    look = written(tmp_path, "a.obj", text, m__mtl=mtl, t__png=data)
    assert look.codes == ["picture_unread"]
    np.testing.assert_allclose(look.colours[0, 0], BLUE, atol=1)


def test_a_picture_is_scaled_moved_and_clamped_as_its_options_say(tmp_path):
    mtl = b"newmtl m\nmap_Kd -s 0.5 1 1 -o 0.5 0 0 -clamp on t.png\n"
    look = written(tmp_path, "a.obj", f"mtllib m.mtl\n{QUAD}", m__mtl=mtl, t__png=png(RED, BLUE))
    np.testing.assert_array_equal(look.colours.reshape(-1, 3), [BLUE] * 14)
    assert look.gltf.document["samplers"] == [{"wrapS": 33071, "wrapT": 33071}]


def test_a_picture_stands_upright(tmp_path):
    two_rows = np.array([[[255, 0, 0]], [[0, 0, 255]]], np.uint8)
    text = f"mtllib m.mtl\n{QUAD}".replace("f 1/1 2/2 3/3 4/4", "f 1/1 2/2 3/2\nf 3/3 4/4 3/3")
    look = written(
        tmp_path, "a.obj", text, m__mtl=b"newmtl m\nmap_Kd t.png\n", t__png=_png(two_rows)
    )
    np.testing.assert_array_equal(look.colours[:, 0], [BLUE, RED])


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_a_mask_cuts_out_and_the_alpha_of_the_picture_itself_is_not_encoded_anew(tmp_path):
    text = f"mtllib m.mtl\n{QUAD}"
    own = png((255, 0, 0, 0), (255, 0, 0, 255))
    mtl = b"newmtl m\nmap_Kd t.png\nmap_d t.png\n"
    look = written(tmp_path, "a.obj", text, m__mtl=mtl, t__png=own)
    assert (look.materials[0]["alphaMode"], look.picture(), look.notes) == ("MASK", own, ())
    mtl = b"newmtl m\nKd 1 0 0\nmap_d mask.png\n"
    look = written(tmp_path, "a.obj", text, m__mtl=mtl, mask__png=png((0, 0, 0), (255, 255, 255)))
    assert (look.materials[0]["alphaMode"], look.codes) == ("MASK", ["mask_combined"])
    np.testing.assert_allclose(look.colours[0, 0], RED, atol=1)


CLEAR, SOLID, HALF = (255, 0, 0, 0), (255, 0, 0, 255), (255, 0, 0, 128)


@pytest.mark.parametrize(
    ("columns", "mode"),
    [
        ([CLEAR, SOLID], "MASK"),
        ([CLEAR, SOLID, SOLID, SOLID, SOLID, HALF], "MASK"),
        ([CLEAR, SOLID, HALF], None),  # A gloss, or glass.
        ([CLEAR] * 3, None),  # It would leave nothing to see.
        ([SOLID] * 3, None),
        ([HALF] * 3, None),
    ],
)
def test_a_picture_that_is_clear_or_solid_cuts_holes_also_without_a_statement(
    columns, mode, tmp_path
):
    mtl, text = b"newmtl m\nmap_Kd t.png\n", f"mtllib m.mtl\n{QUAD}"
    look = written(tmp_path, "a.obj", text, m__mtl=mtl, t__png=png(*columns))
    assert look.materials[0].get("alphaMode") == mode
    assert look.codes == (["opacity_assumed"] if mode else [])
    assert look.picture() == png(*columns)


def test_colours_that_stand_in_an_unusual_place_are_taken_with_a_note(tmp_path):
    text = f"mtllib m.mtl\n{QUAD}".replace("usemtl m", "usemtl M")
    look = written(tmp_path, "a.obj", text, m__mtl=b"newmtl m\nmap_Ka t.png\n", t__png=png(RED))
    assert look.codes == ["colours_assumed"]
    np.testing.assert_array_equal(look.colours[0, 0], RED)
    look = written(tmp_path, "a.obj", text, m__mtl=b"newmtl m\nKd 255 0 0\n")
    assert look.codes == ["colours_assumed"]
    np.testing.assert_allclose(look.colours[0, 0], RED, atol=1)
    both = b"newmtl m\nmap_Ka gone.png\nmap_Kd t.png\n"
    assert written(tmp_path, "a.obj", text, m__mtl=both, t__png=png(RED)).notes == ()


def test_what_has_no_place_in_gltf_is_noted(tmp_path):
    mtl = b"newmtl m\nKd 1 0 0\nmap_Bump -bm 1 bump.png\nrefl -type sphere sky.png\n"
    look = written(tmp_path, "a.obj", f"mtllib m.mtl\n{QUAD}", m__mtl=mtl)
    assert look.codes == ["map_ignored", "map_ignored"]
    assert "bump.png" in look.notes[0]


@pytest.mark.parametrize(
    ("lines", "mtl", "colours", "codes"),
    [
        ("f 1 2 3\n", b"newmtl m\nKd 1 0 0\n", [RED], []),
        ("f 1 2 3\n", b"newmtl m\nKd 1 0 0\nnewmtl n\n", [GREY], ["material_missing"]),
        ("f 1 2 3\nusemtl m\nf 1 3 4\n", b"newmtl m\nKd 1 0 0", [GREY, RED], ["material_missing"]),
        ("usemtl m # wood\nf 1 2 3\n", b"newmtl m\nKd 1 0 0\n", [RED], []),
        ("usemtl m # a\nf 1 2 3\n", b"newmtl m\nnewmtl m # a\nKd 1 0 0\n", [RED], []),
        ("usemtl Größe\nf 1 2 3\n", "newmtl Größe\nKd 1 0 0\n".encode("latin-1"), [RED], []),
        ("usemtl 颜色\nf 1 2 3\n", "newmtl 颜色\nKd 1 0 0\n".encode("gbk"), [RED], []),
    ],
)  # fmt: skip
def test_faces_get_the_material_that_is_meant(lines, mtl, colours, codes, tmp_path):
    look = written(tmp_path, "a.obj", f"mtllib m.mtl\n{LAID}{lines}", m__mtl=mtl)
    found = [tuple(colour[0].round().tolist()) for colour in look.colours]
    assert (found, look.codes) == (colours, codes)


def test_texture_coordinates_without_a_picture_are_noted(tmp_path):
    look = written(tmp_path, "a.obj", f"{LAID}f 1/1 2/2 3/3\n", a__png=png(RED))
    assert look.notes == ("picture_missing: it has texture coordinates and names no picture",)


def test_materials_that_are_nowhere_are_grey_and_named(tmp_path):
    look = written(tmp_path, "a.obj", f"mtllib gone.mtl\n{QUAD}")
    assert look.notes == (
        "material_file_missing: gone.mtl was not found",
        "material_missing: material m is not defined; its faces are grey",
    )


def test_one_picture_of_many_materials_is_stored_once(tmp_path):
    text = "mtllib m.mtl\n" + LAID + "".join(f"usemtl m{n}\nf 1/1 2/2 3/3\n" for n in range(9))
    mtl = "".join(f"newmtl m{n}\nKd {n / 9} 0 0\nmap_Kd t.png\n" for n in range(9)).encode()
    look = written(tmp_path, "a.obj", text, m__mtl=mtl, t__png=png(RED))
    assert len(look.gltf.document["images"]) == 1


def test_options_and_names_are_told_apart():
    assert parse_map(b"-s 2 3 4 -o 1 a b.png").name == b"a b.png"
    assert parse_map(b"-s 2 3 4 -o 1 a b.png").scale == (2, 3)
    assert parse_map(b"-clamp on 2.png").clamped
    assert parse_map(b"-strange name.png").name == b"-strange name.png"
    assert parse_map(b"").name == b""


def test_an_mtl_of_anything_is_read_without_an_exception():
    rng = np.random.default_rng(0)
    words = [
        b"newmtl",
        b"Kd",
        b"map_Kd",
        b"d",
        b"-s",
        b"\xff",
        b"1",
        b"nan",
        b"1e999",
        b"\n",
        b"\\\n",
    ]
    for _ in range(300):
        text = b" ".join(words[n] for n in rng.integers(0, len(words), 40))
        assert len(parse_mtl(text)) <= text.count(b"newmtl")

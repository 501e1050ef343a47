"""STL: text and binary told apart, colours of facets, and files that are longer or shorter."""

import struct

import numpy as np
import pytest
from mesh_looks import GREY, look_at, written

from data_engine.errors import Refusal

PYRAMID = np.array(
    [
        [(0, 0, 0), (0, 1, 0), (1, 0, 0)],
        [(0, 0, 0), (1, 0, 0), (0, 0, 1)],
        [(0, 0, 0), (0, 0, 1), (0, 1, 0)],
        [(1, 0, 0), (0, 1, 0), (0, 0, 1)],
    ],
    np.float32,
)


def binary(facets=PYRAMID, *, header: bytes = b"", codes=(), count=None) -> bytes:
    records = [
        struct.pack("<12fH", 0, 0, 0, *facet.ravel(), codes[n] if codes else 0)
        for n, facet in enumerate(facets)
    ]
    size = len(facets) if count is None else count
    return header.ljust(80, b"\0") + struct.pack("<I", size) + b"".join(records)


def text(name: str = "a pot, and its lid", facets=PYRAMID) -> str:
    lines = [f"solid {name}"]
    for facet in facets:
        corners = [f"      vertex {x} {y} {z}" for x, y, z in facet]
        lines += ["  facet normal 0 0 0", "    outer loop", *corners, "    endloop", "  endfacet"]
    return "\n".join([*lines, f"endsolid {name}", ""])


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        (binary(), []),
        (binary(header=b"solid made by a program that does not care facet"), []),
        (binary() + b"\0\0\0\r\n", ["trailing_bytes"]),
        (binary(header=b"solid\0") + b"more", ["trailing_bytes"]),
        (binary(count=0), ["count_assumed"]),
        (text().encode(), []),
        (text("").encode(), []),
        (text("").replace("\n", " ").encode(), []),
        (text().replace("\n    ", " ").encode(), []),
        (binary(codes=[0xFFFF] * 4), ["colours_ignored"]),
        (binary(codes=[0x8421, 0x0842, 0x8C63, 0x1084]), ["colours_ignored"]),
        (text("C:\\scans\\").encode(), []),
        (text().upper().encode(), []),
        (text().replace("\n", "\r\n").encode(), []),
        (b"\xef\xbb\xbf" + text().encode(), []),
        (("\n  " + text() + "\n\n").encode(), []),
        ((text("one", PYRAMID[:2]) + text("two vertex 1 2 3", PYRAMID[2:])).encode(), []),
        (text().replace("vertex 0.0", "vertex -0.0").encode(), []),
    ],
)
def test_text_and_binary_give_the_same_closed_solid(data, notes, tmp_path):
    look = written(tmp_path, "a.stl", data)
    assert (len(look.corners), len(look.geometry.vertices)) == (4, 4)
    assert look.volume == pytest.approx(1 / 6)
    np.testing.assert_allclose(look.colours.reshape(-1, 3), [GREY] * 28, atol=1)
    assert look.codes == notes


def code(red: int, green: int, blue: int) -> int:
    return red | green << 5 | blue << 10


def test_viscam_has_a_colour_per_facet_where_the_highest_bit_is_set(tmp_path):
    codes = [1 << 15 | code(0, 0, 31), 1 << 15 | code(31, 0, 0), 0, 1 << 15 | code(0, 31, 0)]
    look = written(tmp_path, "a.stl", binary(codes=codes))
    found = {tuple(colours[0].round()) for colours in look.colours}
    assert found == {(255, 0, 0), (0, 0, 255), GREY, (0, 255, 0)}


def test_magics_has_a_colour_for_all_and_one_per_facet_where_the_highest_bit_is_not_set(tmp_path):
    header = b"made by Magics COLOR=" + bytes([255, 128, 0, 255])
    codes = [1 << 15, code(31, 0, 0), 1 << 15, code(0, 0, 31)]
    look = written(tmp_path, "a.stl", binary(header=header, codes=codes))
    found = sorted(tuple(colours[0].round()) for colours in look.colours)
    assert found == sorted([(255, 128, 0), (255, 0, 0), (255, 128, 0), (0, 0, 255)])


def test_magics_has_the_colour_for_all_where_no_facet_has_a_code(tmp_path):
    look = written(tmp_path, "a.stl", binary(header=b"COLOR=" + bytes([200, 40, 40, 255])))
    np.testing.assert_allclose(look.colours[:, 0], [(200, 40, 40)] * 4, atol=1)


BAD = {
    "short": (bytes(50), "bad_mesh", "inside its header"),
    "cut off": (binary()[:-10], "bad_mesh", "promises 4 triangles, there are bytes for 3"),
    "vast": (binary(count=4_000_000_000), "bad_mesh", "promises 4000000000 triangles"),
    "no facets": (binary([]), "no_mesh", "no triangle"),
    "no facets in text": (b"solid\nendsolid\n", "no_mesh", "no triangle"),
    "text that is cut off": (text()[:-120].encode(), "bad_mesh", "cut off or damaged"),
    "words": (text().replace("vertex 1.0", "vertex one").encode(), "bad_mesh", "'one'"),
    "no numbers": (binary(PYRAMID * np.float32(np.nan)), "degenerate", "not finite"),
    "empty": (b"", "not_glb", "it is empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_sound_stl_gets_a_true_reason(name, tmp_path):
    data, reason, words = BAD[name]
    (tmp_path / "a.stl").write_bytes(data)
    with pytest.raises(Refusal) as refusal:
        look_at(tmp_path / "a.stl", tmp_path / "out.glb")
    assert (refusal.value.reason, words in refusal.value.sentence) == (reason, True), refusal.value

"""A catalogue of Sweet Home 3D, made here, becomes a folder with a manifest that `ingest` reads."""

import io
import json
import os
import subprocess
import sys
import zipfile

import pytest
from places import ROOT

from data_engine.ingest.manifest import describe, read_manifest

SCRIPT = ROOT / "scripts" / "furniture.py"
TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
BY = "This file is under the Creative Commons Attribution 3.0\nlicense:\n"
DEED = "http://creativecommons.org/licenses/by/3.0/us/"
ZERO_PAGE = """<html><style>a {color: red}</style><p>Released under
<a href="https://creativecommons.org/publicdomain/zero/1.0/">Creative Commons Zero 1.0</a></p>
<a href="http://www.blendswap.com/blends/view/42">Blend</a></html>"""
PROPERTIES = """# A comment, which \\
id=Made#Here
license=Creative Commons Attribution 3.0 license  Copyright \\u00a9 2003-2008 A. Kator & J. Legaz
name#2=Stool
  name#1 : Caf\\u00e9 table \\ud83e\\ude91
tags#1 = Round,\\
    Oak
category#1=Kitchen
creator#1=Kator
model#1=/made/table/table.obj
width#1=80
depth#1=60.5
height#1=75
model#2=/made/table/table.obj
name#3=Ghost
model#3=/made/ghost.obj
name#4=Pen
category#4=Office
model#4=/made/pen/a%20pen.obj
modelRotation#4=1 0 0 0 0 1 0 -1 0
name#10=Box
model#10=/made/box/box.zip
modelRotation#10=0 0 1 -1 0 0 0 -1 0
"""


@pytest.fixture(scope="module")
def furniture():
    sys.path.insert(0, str(SCRIPT.parent))
    import furniture

    return furniture


def zipped(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def catalogue(folder, name="Made", properties=PROPERTIES, more=()):
    """Writes NAME.sh3f into a folder; `more` replaces or adds members."""
    files = {
        "PluginFurnitureCatalog.properties": properties.encode("latin-1"),
        "LICENSE.TXT": BY,
        "made/table.png": b"icon",
        "made/table/table.obj": TRIANGLE,
        "made/table/table.mtl": "newmtl a\n",
        "made/table/skin/oak.jpg": b"picture",
        "made/pen/a pen.obj": TRIANGLE,
        "made/pen/other.obj": TRIANGLE,
        "made/box/box.zip": zipped({"inner/box.obj": TRIANGLE}),
    }
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.sh3f").write_bytes(zipped(files | dict(more)))
    return folder


@pytest.fixture
def taken(furniture, tmp_path):
    """Runs the script on a package; returns the folder it made and the entries by file."""

    def run(package, *options):
        out = tmp_path / "models"
        furniture.main([str(package), "-o", str(out), *options])
        return out, read_manifest(out / "manifest.json")

    return run


def test_properties_are_read_by_the_rules_of_java(furniture):
    read = furniture.parse_properties
    assert read(b"a=1\n#b=2\n!c=3\n\n d : 4\r\ne 5\rf") == {"a": "1", "d": "4", "e": "5", "f": ""}
    assert read(b"long=one \\\n    # two\n") == {"long": "one # two"}
    assert read(b"even=x\\\\\nnext=y") == {"even": "x\\", "next": "y"}
    assert read(rb"a\ b\==\u20AC\t\q") == {"a b=": "€\tq"}
    assert read(b"latin=\xe9\x85") == {"latin": "é\x85"}
    assert read(b"last=kept\\") == {"last": "kept"}


def test_a_model_has_its_files_and_the_words_of_the_pieces_that_show_it(taken, tmp_path, capsys):
    out, entries = taken(catalogue(tmp_path / "package"))
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == {
        "manifest.json",
        "Made/made/table/table.obj",
        "Made/made/table/table.mtl",
        "Made/made/table/skin/oak.jpg",
        "Made/made/pen/a pen.obj",  # And not `other.obj`, which no piece shows.
        "Made/made/box/box.zip",
    }
    table = entries["Made/made/table/table.obj"]
    assert table["name"] == "Café table 🪑"
    assert table["description"] == (
        "Tags: Round,Oak. 80 cm wide, 60.5 cm deep, 75 cm high. Also: Stool."
    )
    assert (table["category"], table["size_cm"]) == ("Kitchen", [80.0, 60.5, 75.0])
    assert table["author"] == "A. Kator & J. Legaz"
    up = {file: entry.get("up_axis") for file, entry in entries.items()}
    assert up == {
        "Made/made/table/table.obj": "Y",
        "Made/made/pen/a pen.obj": "Z",
        "Made/made/box/box.zip/inner/box.obj": None,
    }
    said = capsys.readouterr().out
    assert "no such file: Ghost (3): /made/ghost.obj" in said
    assert "box.obj: its catalogue turns it upright from neither y nor z" in said


def test_the_strictest_licence_that_is_stated_holds_and_its_place_is_named(taken, tmp_path, capsys):
    free = PROPERTIES.replace("Creative Commons Attribution 3.0 license", "Public domain")
    more = {
        "made/pen/BLENDSWAP_LICENSE.txt": f"{BY}This blend is free.",
        "made/table/42 - LICENSE.html": ZERO_PAGE,
    }
    more["LICENSE.TXT"] = "This file is under the Creative Commons Zero (Public Domain)\nlicense:\n"
    _, entries = taken(catalogue(tmp_path / "package", properties=free, more=more))
    table, pen, box = (entries[key] for key in sorted(entries, reverse=True))
    assert (table["license"], box["license"]) == ("CC0-1.0", "CC0-1.0")
    assert table["license_evidence"] == "made/table/42 - LICENSE.html of Made.sh3f"
    assert table["source"] == {"origin": "http://www.blendswap.com/blends/view/42"}
    assert box["license_evidence"] == "LICENSE.TXT of Made.sh3f"
    assert pen["license"] == "CC-BY-3.0"
    assert pen["license_evidence"] == (
        "made/pen/BLENDSWAP_LICENSE.txt of Made.sh3f, "
        "stricter than LICENSE.TXT of Made.sh3f (CC0-1.0)"
    )
    assert "a pen.obj: CC-BY-3.0" in capsys.readouterr().out
    assert describe(pen, "a pen")["license_spdx"] == "CC-BY-3.0"


@pytest.mark.parametrize(
    ("notice", "stated", "spdx"),
    [
        (BY, "", "CC-BY-3.0"),
        (f"Available at {DEED}", "Copyright", "CC-BY-3.0-US"),
        ("", "Creative Commons Attribution 3.0 United States license", "CC-BY-3.0-US"),
        ("Creative Commons Attribution-NonCommercial 4.0", BY, "CC-BY-NC-4.0"),
        ("Ask the author.", "Free for friends", None),
    ],
)
def test_a_licence_is_read_and_never_guessed(taken, tmp_path, notice, stated, spdx):
    text = " ".join(stated.split())
    properties = f"license={text}\nname#1=A\nmodel#1=/a/a.obj\n"
    more = {"LICENSE.TXT": notice, "a/a.obj": TRIANGLE}
    _, entries = taken(catalogue(tmp_path / "package", properties=properties, more=more))
    assert entries["Made/a/a.obj"].get("license") == spdx


def test_only_what_was_asked_for_is_unpacked(taken, tmp_path):
    out, entries = taken(catalogue(tmp_path / "package"), "--category", "Office")
    assert list(entries) == ["Made/made/pen/a pen.obj"]
    assert not (out / "Made/made/table").exists()


def test_mistakes_end_in_one_line(furniture, tmp_path, capsys):
    package = catalogue(tmp_path / "package")
    out = tmp_path / "out"
    with pytest.raises(SystemExit, match="spelled as in the catalogue"):
        furniture.main([str(package), "-o", str(out), "--category", "kitchen"])
    with pytest.raises(SystemExit, match=r"no \.sh3f file below"):
        furniture.main([str(tmp_path / "out"), "-o", str(out)])
    (package / "Broken.sh3f").write_bytes(b"no archive")
    catalogue(package, "Leaving", more={"../out.obj": TRIANGLE})
    furniture.main([str(package), "-o", str(out)])
    said = capsys.readouterr().err
    assert "Broken.sh3f is left out" in said
    assert "Leaving.sh3f is left out" in said
    assert len(json.loads((out / "manifest.json").read_text())["objects"]) == 3
    with pytest.raises(SystemExit, match="is not empty"):
        furniture.main([str(package), "-o", str(out)])


def test_without_apt_get_the_whole_way_ends_in_one_line(tmp_path):
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    script = scripts / "furniture.sh"
    script.write_text((ROOT / "scripts" / "furniture.sh").read_text())
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "dirname", "mkdir", "env"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    result = subprocess.run(
        ["/bin/bash", str(script)],
        env=os.environ | {"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        "furniture: no apt-get here; the models come as a package of Debian or Ubuntu"
    ]

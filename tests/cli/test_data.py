"""`jaxrelic data`: a miniature archive is written, checked and prepared from the command line."""

import json
import typing

import pytest

from jaxrelic.cli import data, main
from jaxrelic.data.archives.layouts import LAYOUTS
from jaxrelic.data.fixtures.archives import WRITERS
from jaxrelic.data.image_sets import locate


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive") / "pix3d"
    assert main.main(["data", "fixture", "pix3d", "-o", str(folder)]) == 0
    return folder


def test_a_check_counts_says_what_is_missing_and_what_that_prevents(archive, capsys):
    assert main.main(["data", "check", str(archive)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("pix3d at ")
    assert "missing: categories bookcase, desk, misc, sofa, table, wardrobe; prevents" in printed
    assert "photographs, " in printed


def test_a_check_as_json_has_the_same_facts(archive, capsys):
    assert main.main(["data", "check", str(archive), "--json", "--open", "-1"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["layout"] == "pix3d"
    assert facts["usable"]
    assert sum(part["images"] for part in facts["parts"]) == facts["readable"] == 60


def test_an_archive_of_which_nothing_can_be_read_is_unusable(tmp_path, capsys):
    (tmp_path / "pix3d.json").write_text('[{"img": "img/bed/0001.png", "model": "m/b/c.obj"}]')
    assert main.main(["data", "check", str(tmp_path)]) == 2
    assert "broken: pix3d.json: bed/0001 has no" in capsys.readouterr().out
    (tmp_path / "pix3d.json").write_text("[")
    assert main.main(["data", "check", str(tmp_path)]) == 2
    assert "pix3d.json: no list of records" in capsys.readouterr().err


def test_a_prepared_archive_is_an_image_set(archive, tmp_path, capsys):
    command = ["data", "prepare", "pix3d", str(archive), "-o", str(tmp_path / "out")]
    assert main.main([*command, "--split", "train", "--categories", "bed", "chair"]) == 0
    images = locate.open_images(tmp_path / "out", "train")
    assert capsys.readouterr().out.startswith(f"train: {len(images)} images of ")
    assert images.categories == ("bed", "chair")


def test_mistakes_are_one_line_and_exit_2(archive, tmp_path, capsys):
    assert main.main(["data", "check", str(tmp_path)]) == 2
    assert main.main(["data", "fixture", "pix3d", "-o", str(archive)]) == 2
    assert main.main(["data", "prepare", "pix3d", str(tmp_path), "-o", str(tmp_path / "o")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("jaxrelic: ") for line in lines)


def test_the_command_offers_every_layout_that_is_read_and_written():
    offered = set(typing.get_args(data.Layout))
    assert offered == set(LAYOUTS) == set(WRITERS)

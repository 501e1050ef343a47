"""`jaxrelic segment`: a mask per photograph, one line each."""

import json

import numpy as np
import PIL.Image
import pytest

from configs import foreground_smoke, smoke
from jaxrelic import config_json
from jaxrelic.cli import main, segment
from jaxrelic.errors import UserError
from jaxrelic.photos.masks import finder as segmentation
from jaxrelic.saved import load, mask_finders


@pytest.fixture(autouse=True)
def compiled_programs_stay_where_the_tests_keep_them(monkeypatch):
    monkeypatch.setattr(main, "_keep_compiled_programs", lambda: None)


def write_photos(folder):
    """An orange square and, in the other photograph, a small one on transparency."""
    folder.mkdir()
    rgb = np.full((48, 64, 3), (60, 70, 80), np.uint8)
    rgb[10:30, 20:44] = 230, 140, 30
    PIL.Image.fromarray(rgb).save(folder / "square.png")
    alpha = np.zeros((32, 32, 1), np.uint8)
    alpha[4:12, 4:12] = 255
    rgba = np.concatenate([np.full((32, 32, 3), 200, np.uint8), alpha], axis=-1)
    PIL.Image.fromarray(rgba).save(folder / "cut.png")
    (folder / "notes.txt").write_text("no photograph")
    return folder


def read_mask(path):
    return np.asarray(PIL.Image.open(path)) / 255


def test_masks_are_written_for_a_folder_with_a_line_each_and_a_sheet(tmp_path, capsys):
    photos, out = write_photos(tmp_path / "photos"), tmp_path / "masks"
    sheet = tmp_path / "sheet.png"
    assert main.main(["segment", str(photos), "-o", str(out), "--sheet", str(sheet)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["cut.png", "square.png"]
    truth = np.zeros((48, 64))
    truth[10:30, 20:44] = 1
    assert np.mean((read_mask(out / "square.png") > 0.5) != truth) < 0.03
    assert read_mask(out / "cut.png").sum() == 64
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{out / 'cut.png'}: covers 6.2%"
    assert lines[-1] == str(sheet)
    tile = segment.TILE_PX
    assert PIL.Image.open(sheet).size == (3 * tile + 8, 2 * tile + 4)


class LeftHalf:
    """A mask_predictor that sees the object on the left."""

    def activation(self, rgb, category=None):
        activation = np.zeros(rgb.shape[:2], np.float32)
        activation[:, : rgb.shape[1] // 2] = 1
        return activation


def test_a_foreground_run_has_its_say(tmp_path, monkeypatch, capsys):
    photos, out = write_photos(tmp_path / "photos"), tmp_path / "masks"
    monkeypatch.setattr(mask_finders, "load", lambda path, role: LeftHalf())
    command = ["segment", str(photos / "square.png"), "-o", str(out), "--foreground", "run"]
    assert main.main([*command, "--refine.threshold", "0.5"]) == 0
    mask = read_mask(out / "square.png")
    assert mask[:, 32:].sum() == 0
    assert mask[15:25, 22:31].min() == 1
    assert "before refinement" in capsys.readouterr().out


def test_one_bad_photograph_does_not_stop_the_others(tmp_path, capsys):
    photos, out = write_photos(tmp_path / "photos"), tmp_path / "masks"
    (photos / "broken.jpg").write_text("<html>")
    assert main.main(["segment", str(photos), "-o", str(out)]) == 2
    assert sorted(path.name for path in out.iterdir()) == ["cut.png", "square.png"]
    assert "1 of 3 photographs cannot be read" in capsys.readouterr().err


def test_masks_that_would_overwrite_each_other_are_refused(tmp_path):
    photos = write_photos(tmp_path / "photos")
    PIL.Image.new("RGB", (32, 32)).save(photos / "cut.jpg")
    with pytest.raises(UserError, match=r"would both become cut\.png"):
        segment._photographs((photos,), tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no photographs in .*empty"):
        segment._photographs((tmp_path / "empty",), tmp_path)


def test_a_photograph_is_never_replaced_by_its_mask(tmp_path, capsys):
    photos = write_photos(tmp_path / "photos")
    before = (photos / "cut.png").read_bytes()
    assert main.main(["segment", str(photos), "-o", str(photos)]) == 2
    assert "cut.png; choose another folder with -o" in capsys.readouterr().err
    assert (photos / "cut.png").read_bytes() == before


def test_a_run_of_the_other_kind_is_refused_with_what_it_is_for(tmp_path):
    for name, experiment in {"seer": foreground_smoke, "maker": smoke}.items():
        (tmp_path / name).mkdir()
        page = json.dumps(config_json.to_json(experiment.get_config()))
        (tmp_path / name / "config.json").write_text(page)
    with pytest.raises(
        UserError, match=r"seer is a run that turns a photograph into a mask; .*mesh"
    ):
        load.load(tmp_path / "seer", role="one photograph into a mesh")
    with pytest.raises(UserError, match=r"maker is a run that turns one .* into a mesh; .* a mask"):
        load.load(tmp_path / "maker", role="a photograph into a mask")


def test_without_a_run_masks_stay_coarse():
    finder = mask_finders.open_mask_finder(None, None)
    assert isinstance(finder, segmentation.MaskFinder)
    assert finder.mask_predictor is None

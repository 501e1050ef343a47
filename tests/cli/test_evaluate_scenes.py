"""`jaxrelic evaluate` of a One-2-3-45 run with random weights, and what judges a training."""

import dataclasses
import json

import jax
import numpy as np
import PIL.Image
import pytest

from configs import smoke
from jaxrelic.cli import main as cli
from jaxrelic.cli import validation
from jaxrelic.data.view_sets import one2345_folder
from jaxrelic.errors import UserError
from jaxrelic.evaluation.view_sets import gallery, truth
from jaxrelic.models.one2345 import convert
from jaxrelic.saved import load
from jaxrelic.train import checkpoint, optim, workdir
from jaxrelic.train.state import TrainState
from jaxrelic.viz import grids

EXPERIMENT = smoke.ROWS["one2345"]()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run that has saved step 5."""
    rng = np.random.default_rng(0)
    shapes = convert.abstract_variables(EXPERIMENT.model)
    variables = jax.tree.map(lambda x: 0.2 * rng.normal(size=x.shape).astype(x.dtype), shapes)
    variables["params"]["sdf_network"]["layer_2"]["bias"][0] = -0.1
    params = variables["params"]
    state = TrainState(
        step=np.int32(5),
        params=params,
        opt_state=optim.make_optimizer(EXPERIMENT.optim).init(params),
        collections={},
    )
    folder = tmp_path_factory.mktemp("run")
    workdir.write_config(folder, EXPERIMENT)
    with checkpoint.open_checkpoints(folder, max_to_keep=1) as saved:
        saved.save(jax.tree.map(jax.numpy.asarray, state))
    return folder


def test_a_run_is_read_with_its_weights_sizes_and_number_of_views(run):
    model = load.open_view_set_model(run)
    assert (model.image_size, model.num_sources) == (24, 3)
    assert model.variables["params"]["sdf_network"]["layer_2"]["bias"][0] == np.float32(-0.1)
    with pytest.raises(UserError, match=r"reconstructs objects from posed views; give one that"):
        load.open_model(run)


def test_an_export_is_read_as_the_run_it_was_made_of(run, tmp_path):
    folder = tmp_path / "export"
    assert cli.main(["export", str(run), "-o", str(folder), "--no-stable-hlo"]) == 0
    exported, trained = load.open_view_set_model(folder), load.open_view_set_model(run)
    jax.tree.map(np.testing.assert_array_equal, exported.variables, trained.variables)
    assert (exported.image_size, exported.num_sources) == (24, 3)
    assert load.sees_posed_views(folder)
    views = load.scene_training(folder)
    assert (views.path, views.selection) == (EXPERIMENT.data.path, EXPERIMENT.data.selection)
    with pytest.raises(UserError, match=r"is an export that reconstructs objects from posed view"):
        load.open_model(folder)


@pytest.mark.slow
def test_the_command_writes_rows_tables_and_a_gallery(run, monkeypatch, capsys):
    every = truth.open_records
    monkeypatch.setattr(truth, "open_records", lambda *which: every(*which)[:2])
    options = ["--protocols", "none", "--num-points", "500", "--silhouette-size", "24"]
    scenes = ["--scenes.held-out", "2", "--scenes.resolution", "32", "--scenes.hull-resolution"]
    code = cli.main(["evaluate", str(run), *options, *scenes, "32", "--gallery", "1"])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert "2 relics of split test" in printed.out
    folder = run / "evaluation"
    page = json.loads((folder / "metrics.json").read_text())
    assert {row["method"] for row in page["relics"]} == {"model", "visual_hull", "sphere"}
    assert {row["method"] for row in page["images"]} == {
        *("model", "model_drawn", "visual_hull", "sphere")
    }
    assert page["num_sources"] == 3
    assert page["held_out"]
    assert {"psnr", "ssim", "mask_iou", "depth_error"} <= set(page["image_summary"][0])
    assert "depth error" in (folder / "metrics.md").read_text()
    with PIL.Image.open(folder / "gallery.png") as sheet:
        tile = gallery.TILE_PX
        across = gallery.GALLERY_COLUMNS * (tile + grids.GAP_PX) - grids.GAP_PX
        assert sheet.size == (across, tile)
    less = ["--scenes.no-drawn", "--scenes.no-baselines", "--gallery", "0"]
    assert cli.main(["evaluate", str(run), *options, *scenes, "32", *less]) == 0
    page = json.loads((folder / "metrics.json").read_text())
    assert {row["method"] for row in page["relics"]} == {"model"}
    assert {row["method"] for row in page["images"]} == {"model"}


def test_a_folder_of_views_without_surfaces_cannot_be_measured(run, tmp_path, capsys):
    (tmp_path / one2345_folder.POSES).write_text("{}")
    assert cli.main(["evaluate", str(run), "--shards", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_only_a_run_that_asks_is_judged_and_by_relics_it_has_not_seen(tmp_path):
    silent = dataclasses.replace(EXPERIMENT, validate_every=0)
    assert validation.validator(silent, tmp_path) is None
    asks = dataclasses.replace(EXPERIMENT, validate_every=4)
    judge = validation.validator(asks, tmp_path)
    # Of 16 relics per split, train comes first.
    assert [scene.uid for scene in judge.scenes] == [f"synthetic-{i}" for i in (16, 21, 26)]
    assert {len(scene.sources) for scene in judge.scenes} == {3}
    assert judge.image_size == 24

"""`jaxrelic evaluate` of a One-2-3-45 run with random weights, and what judges a training."""

import dataclasses
import json

import jax
import numpy as np
import PIL.Image
import pytest

from configs import smoke
from jaxrelic.cli import main as cli
from jaxrelic.data.view_sets import one2345_folder
from jaxrelic.errors import UserError
from jaxrelic.evaluation.view_sets import gallery, truth, validation
from jaxrelic.models.one2345 import convert
from jaxrelic.saved import facts, load
from jaxrelic.train import checkpoint, optim, workdir
from jaxrelic.train.state import TrainState
from jaxrelic.viz import grids

EXPERIMENT = smoke.ROWS["one2345"]()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run that has saved step 5."""
    rng = np.random.default_rng(0)
    shapes = convert.abstract_variables(EXPERIMENT.task.model)
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
    model = load.load(run)
    assert (model.image_size, model.num_sources) == (24, 3)
    assert model.variables["params"]["sdf_network"]["layer_2"]["bias"][0] == np.float32(-0.1)
    with pytest.raises(UserError, match=r"a run that turns posed views into a mesh; give one that"):
        load.load(run, role="one photograph into a mesh")


def test_an_export_is_read_as_the_run_it_was_made_of(run, tmp_path):
    folder = tmp_path / "export"
    assert cli.main(["export", str(run), "-o", str(folder), "--no-stable-hlo"]) == 0
    exported, trained = load.load(folder), load.load(run)
    jax.tree.map(np.testing.assert_array_equal, exported.variables, trained.variables)
    assert (exported.image_size, exported.num_sources) == (24, 3)
    assert load.kind_of(folder).role == "posed views into a mesh"
    training, data = facts.read(folder)
    learned = EXPERIMENT.task.data
    assert (data["path"], data["selection"]) == (learned.path, learned.selection)
    assert "supervision" not in training
    assert training["learns_from"] == "posed views"
    with pytest.raises(UserError, match=r"is an export that turns posed views into a mesh"):
        load.load(folder, role="one photograph into a mesh")


def test_the_command_writes_rows_tables_and_a_gallery(run, monkeypatch, capsys):
    every = truth.open_records
    monkeypatch.setattr(truth, "open_records", lambda *which: every(*which)[:2])
    options = ["--protocols", "none", "--num-points", "500", "--silhouette-size", "24"]
    view_sets = [
        "--view-sets.held-out",
        "2",
        "--view-sets.resolution",
        "32",
        "--view-sets.hull-resolution",
    ]
    code = cli.main(["evaluate", str(run), *options, *view_sets, "32", "--gallery", "1"])
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
    less = ["--view-sets.no-drawn", "--view-sets.no-baselines", "--gallery", "0"]
    assert cli.main(["evaluate", str(run), *options, *view_sets, "32", *less]) == 0
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
    assert [each.uid for each in judge.view_sets] == [f"synthetic-{i}" for i in (16, 21, 26)]
    assert {len(view_set.sources) for view_set in judge.view_sets} == {3}
    assert judge.image_size == 24

"""Commands end in files or in one clear line and exit code 2."""

import dataclasses
import json
import pathlib

import jax
import numpy as np
import PIL.Image
import pytest
import trimesh

from jaxrelic import config_json
from jaxrelic.cli import main
from jaxrelic.data.single_view.batches import SingleViewData
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.saved import export
from jaxrelic.train import checkpoint, optim, workdir
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.state import TrainState
from jaxrelic.train.tasks.msrn import MsrnTask

EXPERIMENT = Experiment(
    name="tiny",
    task=MsrnTask(
        model=MsrnConfig(
            shared_encoder=True,
            encoder_widths=(4, 8),
            encoder_blocks=1,
            shape_code=4,
            texture_code=8,
            shape_milestones=((0, 4),),
            texture_milestones=((0, 8),),
            icosphere_level=1,
            field_units=8,
            texture_size=8,
            texture_min_channels=4,
        ),
        supervision="multiview",
        data=SingleViewData(path="synthetic", image_size=32),
    ),
    steps=7,
)


@pytest.fixture(autouse=True)
def compiled_programs_stay_where_the_tests_keep_them(monkeypatch):
    monkeypatch.setattr(main, "_keep_compiled_programs", lambda: None)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run as `jaxrelic train` leaves it, without training."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    folder.mkdir()
    rng = np.random.default_rng(0)
    shapes = dict(EXPERIMENT.task.abstract_variables())
    variables = jax.tree.map(lambda x: np.float32(rng.uniform(0.01, 0.1, x.shape)), shapes)
    params = variables.pop("params")
    state = TrainState(
        step=np.int32(7),
        params=params,
        opt_state=optim.make_optimizer(EXPERIMENT.optim).init(params),
        collections=variables,
    )
    workdir.write_config(folder, EXPERIMENT)
    with checkpoint.open_checkpoints(folder, max_to_keep=1) as saved:
        saved.save(jax.tree.map(jax.numpy.asarray, state))
    return folder


@pytest.fixture
def photo(tmp_path):
    rows, columns = np.mgrid[:40, :40]
    rgba = np.zeros((40, 40, 4), np.uint8)
    rgba[(rows - 20) ** 2 + (columns - 20) ** 2 < 100] = [200, 90, 20, 255]
    PIL.Image.fromarray(rgba).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def call(*arguments):
    return main.main([str(argument) for argument in arguments])


def refused(capsys, *arguments):
    """Runs a command that must end in one line; returns that line."""
    assert call(*arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("jaxrelic: ")
    return line


def test_a_run_becomes_an_export_and_a_photograph_a_mesh(run, photo, tmp_path, capsys):
    assert call("export", run, "-o", tmp_path / "model") == 0
    page = json.loads((tmp_path / "model" / export.PAGE).read_text())
    assert page["training"]["steps"] == 7
    assert page["config"] == config_json.to_json(EXPERIMENT.task.model)
    glb, previews = tmp_path / "relic.glb", tmp_path / "previews"
    arguments = ("--model", tmp_path / "model", "-o", glb, "--previews", previews)
    assert call("reconstruct", photo, *arguments) == 0
    assert str(glb) in capsys.readouterr().out
    mesh = trimesh.load(glb, force="mesh")
    assert mesh.visual.material.baseColorTexture is not None
    assert mesh.area > 0
    assert {"input.png", "mask.png", "render.png", "depth.png", "turntable.gif"} <= {
        path.name for path in previews.iterdir()
    }


def test_a_run_serves_as_a_model_too(run, photo, tmp_path):
    assert call("reconstruct", photo, "--model", run, "-o", tmp_path / "x.glb") == 0
    assert (tmp_path / "x.glb").stat().st_size > 1000


def test_evaluation_writes_tables_and_prints_them(run, tmp_path, capsys, monkeypatch):
    from jaxrelic.data import synthetic

    monkeypatch.setattr(synthetic, "NUM_RELICS", 2)
    few = synthetic.SyntheticRelics(num_relics=2, num_views=3, image_size=48)
    monkeypatch.setattr("jaxrelic.data.single_view.batches.open_records", lambda config: few)
    options = ("--num-points", 300, "--silhouette-size", 32, "--protocols", "none")
    assert call("evaluate", run, "-o", tmp_path / "e", *options) == 0
    out = capsys.readouterr().out
    assert "2 relics of split train" in out
    assert "Protocol `none`" in out
    page = json.loads((tmp_path / "e" / "metrics.json").read_text())
    methods = {"model", "template", "mean_shape", "inflation"}
    assert {line["method"] for line in page["summary"]} == methods
    assert page["held_out"] is False  # Synthetic relics are the same in every split.


def test_a_report_is_one_file(run, tmp_path):
    assert call("report", "-o", tmp_path / "new" / "report.html", "--run", run) == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["report.html"]


def test_mistakes_end_in_one_line(run, photo, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    occupied = tmp_path / "file"
    occupied.write_text("")
    glb = tmp_path / "x.glb"
    no_photo = ("reconstruct", tmp_path / "no.png", "--model", run, "-o", glb)
    assert "no.png" in refused(capsys, *no_photo)
    wrong_type = ("reconstruct", photo, "--model", run, "-o", tmp_path / "x.obj")
    assert ".glb" in refused(capsys, *wrong_type)
    no_model = ("reconstruct", photo, "--model", empty, "-o", glb)
    assert "neither a run" in refused(capsys, *no_model)
    unwritable = ("reconstruct", photo, "--model", run, "-o", occupied / "x.glb")
    assert "cannot write" in refused(capsys, *unwritable)
    assert "neither a run" in refused(capsys, "export", empty, "-o", tmp_path / "e")
    assert "cannot write" in refused(capsys, "report", "-o", occupied / "r.html")
    assert "no such directory" in refused(capsys, "evaluate", run, "--shards", tmp_path / "none")
    assert not glb.exists()


def test_a_run_without_a_checkpoint_is_no_model_yet(tmp_path, capsys):
    workdir.write_config(tmp_path, dataclasses.replace(EXPERIMENT, name="young"))
    assert "no checkpoint" in refused(capsys, "export", tmp_path, "-o", tmp_path / "e")


@pytest.mark.parametrize("command", ["evaluate", "export", "reconstruct", "report"])
def test_help_describes_every_option(command, capsys):
    with pytest.raises(SystemExit) as ended:
        call(command, "--help")
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "-o" in text
    assert pathlib.Path(__file__).name not in text


def test_a_mesh_becomes_a_film(tmp_path, capsys):
    box = trimesh.creation.box((0.2, 0.3, 0.4))
    (tmp_path / "box.glb").write_bytes(box.export(file_type="glb"))
    options = ("--size", 32, "--frames", 3)
    for name in ("film.gif", "film.mp4"):
        assert call("turntable", tmp_path / "box.glb", "-o", tmp_path / name, *options) == 0
        assert (tmp_path / name).stat().st_size > 100
        assert str(tmp_path / name) in capsys.readouterr().out
    line = refused(capsys, "turntable", tmp_path / "box.glb", "-o", tmp_path / "film.avi")
    assert "one of .gif, .mp4" in line
    line = refused(capsys, "turntable", tmp_path / "none.glb", "-o", tmp_path / "film.gif")
    assert "none.glb" in line
    line = refused(capsys, "turntable", tmp_path / "box.glb", "-o", tmp_path / "no" / "film.mp4")
    assert "film" in line

"""Validation of a tiny random network on two relics."""

import dataclasses

import jax
import numpy as np
import PIL.Image
import pytest
import trimesh

from jaxrelic.data import synthetic
from jaxrelic.evaluation.view_sets import evaluate
from jaxrelic.evaluation.view_sets import truth as known_scenes
from jaxrelic.evaluation.view_sets.validation import ViewSetValidator
from jaxrelic.geometry import image_crops
from jaxrelic.viz import grids

VIEWS = 6
CHOICE = known_scenes.Choice(selection="any", num_sources=4)


@pytest.fixture(scope="module")
def records():
    relics = synthetic.SyntheticRelics(4, num_views=VIEWS, image_size=48)
    names = [f"view_{number}" for number in range(VIEWS)]
    more = {"view_name": names, "neighbour": np.full(VIEWS, -1)}
    return [{**relics[index], **more} for index in range(4)]


@pytest.fixture(scope="module")
def validated(one2345_predictor, records, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    validator = ViewSetValidator.of_records(
        records,
        CHOICE,
        config=one2345_predictor.config,
        image_size=one2345_predictor.image_size,
        folder=folder,
        relics=2,
    )
    block = one2345_predictor.points_per_block
    validator = dataclasses.replace(validator, points_per_block=block, resolution=48)
    return validator, validator(120, one2345_predictor.variables)


def test_figures_are_means_over_relics_of_the_view_that_was_held_out(validated, one2345_predictor):
    validator, figures = validated
    assert [view_set.uid for view_set in validator.view_sets] == ["synthetic-0", "synthetic-2"]
    each = []
    for view_set in validator.view_sets:
        (view,) = view_set.held_out
        assert view.depth.shape == (24, 24)
        field = one2345_predictor.read(view_set.sources)
        each.append(evaluate.picture_scores(field.draw, [view]))
    for name, theirs in {"psnr_db": "psnr", "ssim": "ssim", "mask_iou": "mask_iou"}.items():
        expected = np.mean([figures[theirs] for figures in each])
        assert figures[name] == pytest.approx(expected, abs=1e-3)
    assert 0 < figures["depth_error"] < 1


def test_pictures_and_meshes_stay_and_nothing_unfinished_does(validated):
    validator, figures = validated
    assert figures["surface"] == 1
    (folder,) = (validator.folder / "validation").iterdir()
    assert folder.name == "step_000120"
    names = {f"synthetic-{i}.{suffix}" for i in (0, 2) for suffix in ("png", "glb")}
    assert {path.name for path in folder.iterdir()} == names
    with PIL.Image.open(folder / "synthetic-0.png") as picture:
        assert picture.size == (8 * (24 + grids.GAP_PX) - grids.GAP_PX, 24)
        strip = np.asarray(picture) / 255
    (view,) = validator.view_sets[0].held_out
    truth = strip[:, 3 * (24 + grids.GAP_PX) :][:, :24]
    np.testing.assert_allclose(truth, image_crops.over(view.rgba, (1, 1, 1)), atol=1 / 255)
    mesh = trimesh.load(folder / "synthetic-0.glb", force="mesh")
    assert len(mesh.faces) > 20
    assert np.abs(mesh.bounds).max() < 0.5


def test_a_network_without_a_surface_says_so_and_the_run_goes_on(validated, one2345_predictor):
    validator, _ = validated
    outside = jax.tree.map(np.array, one2345_predictor.variables)
    outside["params"]["sdf_network"]["layer_2"]["bias"][0] = 50
    figures = validator(120, outside)  # In the place of what this step left before.
    assert figures["surface"] == 0
    assert "depth_error" not in figures
    left = {path.name for path in (validator.folder / "validation" / "step_000120").iterdir()}
    assert left == {"synthetic-0.png", "synthetic-2.png"}

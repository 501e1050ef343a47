"""Evaluation of methods whose score is known, and the tables made of it."""

import csv
import json

import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.data import synthetic
from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, meshes
from jaxrelic.inference import evaluate, metric_tables
from jaxrelic.inference.photo import Preprocessing

RELICS = synthetic.SyntheticRelics(num_relics=3, num_views=5, image_size=64)
PREPROCESSING = Preprocessing(image_size=32, crop_margin=1.2, background=(1.0, 1.0, 1.0))
SETTINGS = evaluate.EvaluationSettings(num_points=2000, silhouette_size=64)
SPHERE = meshes.icosphere(3)


def half_sides(index):
    return np.abs(RELICS[index]["points"]).max(axis=0)


def oracle(images):
    """Knows relics 0 and 2, which are ellipsoids, and guesses an ellipsoid for the box 1."""
    del images
    vertices = np.stack([SPHERE[0] * half_sides(i) for i in range(3)]).astype(np.float32)
    return evaluate.Surfaces(vertices=vertices, faces=SPHERE[1])


def small_ball(images):
    vertices = np.broadcast_to(0.1 * SPHERE[0], (len(images), *SPHERE[0].shape))
    return evaluate.Surfaces(vertices=vertices, faces=SPHERE[1])


@pytest.fixture(scope="module")
def rows():
    methods = {"oracle": oracle, "small_ball": small_ball}
    return evaluate.evaluate(methods, RELICS, PREPROCESSING, SETTINGS)


def pick(rows, method, protocol, uid):
    (row,) = (r for r in rows if (r.method, r.protocol, r.uid) == (method, protocol, uid))
    return row


def test_the_true_shape_reaches_the_sampling_floor_and_fills_the_silhouette(rows):
    row = pick(rows, "oracle", "none", "synthetic-0")
    # Thousands of points on about 0.8 square units are one or two hundredths apart.
    assert row.chamfer < 1.5
    assert row.f_scores[0.05] > 0.99
    assert row.silhouette_iou > 0.95


def test_the_wrong_size_costs_without_alignment_and_is_forgiven_with_it(rows):
    before = pick(rows, "small_ball", "none", "synthetic-0")
    after = pick(rows, "small_ball", "unicorn", "synthetic-0")
    assert before.silhouette_iou < 0.4
    assert after.silhouette_iou > 2 * before.silhouette_iou


def test_relics_imported_without_their_shape_cannot_be_measured():
    record = {name: value for name, value in RELICS[0].items() if name != "points"}
    with pytest.raises(UserError, match=r"synthetic-0 was imported as views alone"):
        evaluate.evaluate({"small_ball": small_ball}, [record], PREPROCESSING, SETTINGS)


def test_every_relic_is_measured_by_every_method_under_every_protocol(rows):
    assert len(rows) == 3 * 2 * 2
    assert {row.num_points for row in rows} == {2000}
    assert {row.num_views for row in rows} == {5}


def test_a_relic_always_shows_the_same_side(rows):
    again = evaluate.evaluate({"oracle": small_ball}, [RELICS[1]], PREPROCESSING, SETTINGS)
    assert again[0].view == pick(rows, "oracle", "none", "synthetic-1").view


def test_silhouettes_agree_with_the_true_masks():
    record = RELICS[0]
    views = evaluate._views(record, SETTINGS)
    overlap = evaluate.silhouette_iou(
        (SPHERE[0] * half_sides(0)).astype(np.float64),
        SPHERE[1],
        np.stack([view.rgba[..., 3] > 0.5 for view in views]),
        cameras.Camera(
            cam_from_world=jnp.stack([view.cam_from_world for view in views]),
            pixel_from_cam=jnp.stack([view.pixel_from_cam for view in views]),
        ),
    )
    assert overlap > 0.97


def test_the_summary_averages_relics_and_keeps_protocols_apart(rows):
    summary = metric_tables.summarise(rows)
    (line,) = (
        each
        for each in summary
        if (each["protocol"], each["category"], each["method"]) == ("none", "all", "oracle")
    )
    chamfers = [r.chamfer for r in rows if (r.protocol, r.method) == ("none", "oracle")]
    assert line["relics"] == 3
    assert line["chamfer"] == pytest.approx(np.mean(chamfers))
    assert {each["category"] for each in summary} == {"all", "figure", "vessel"}


def test_tables_name_protocol_alignment_and_unit(rows):
    text = metric_tables.markdown(metric_tables.summarise(rows))
    assert "Protocol `unicorn` (alignment: gradient_icp)" in text
    assert "Protocol `none` (alignment: none)" in text
    assert text.count("100 x mean unsquared distance") == 2


def test_files_hold_every_row(rows, tmp_path):
    metric_tables.write(tmp_path, rows, {"split": "test", "held_out": True})
    page = json.loads((tmp_path / "metrics.json").read_text())
    assert page["split"] == "test"
    assert set(page["protocols"]) == {"unicorn", "none"}
    assert len(page["relics"]) == len(rows)
    with (tmp_path / "metrics.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert float(lines[0]["chamfer"]) == pytest.approx(rows[0].chamfer)
    assert {"protocol", "f@0.05", "silhouette_iou", "view"} <= set(lines[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "metrics.csv",
        "metrics.json",
        "metrics.md",
    ]


def test_the_network_answers_any_number_of_images(reconstructor):
    images = np.random.default_rng(0).uniform(size=(3, 32, 32, 3)).astype(np.float32)
    surfaces = evaluate._predict(reconstructor, images)
    assert surfaces.vertices.shape == (3, 42, 3)
    assert not np.array_equal(surfaces.vertices[0], surfaces.vertices[1])

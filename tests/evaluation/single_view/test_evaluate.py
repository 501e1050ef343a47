"""Evaluation of methods whose score is known, and the tables made of it."""

import csv
import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest
import trimesh

from jaxrelic.data import synthetic
from jaxrelic.errors import UserError
from jaxrelic.evaluation import image_scores
from jaxrelic.evaluation.single_view import evaluate, truth
from jaxrelic.evaluation.single_view.methods import Surfaces, predict
from jaxrelic.evaluation.tables import metrics as metric_tables
from jaxrelic.geometry import cameras, meshes
from jaxrelic.metrics import silhouettes
from jaxrelic.photos.photo import Preprocessing

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
    return Surfaces(vertices=vertices, faces=SPHERE[1])


def small_ball(images):
    vertices = np.broadcast_to(0.1 * SPHERE[0], (len(images), *SPHERE[0].shape))
    return Surfaces(vertices=vertices, faces=SPHERE[1])


@pytest.fixture(scope="module")
def evaluation():
    methods = {"oracle": oracle, "small_ball": small_ball}
    return evaluate.evaluate(methods, RELICS, PREPROCESSING, SETTINGS)


@pytest.fixture(scope="module")
def rows(evaluation):
    return evaluation.rows


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
    assert again.rows[0].view == pick(rows, "oracle", "none", "synthetic-1").view


def test_silhouettes_agree_with_the_true_masks():
    record = RELICS[0]
    views = truth.views_of(record, SETTINGS.silhouette_size)
    overlap = silhouettes.silhouette_iou(
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
    assert {each["category"] for each in summary} == {
        *("all", "mean of categories", "figure", "vessel")
    }


def test_the_mean_of_categories_weighs_each_alike_whatever_its_relics(rows):
    summary = metric_tables.summarise([row for row in rows if row.protocol == "none"])
    lines = {line["category"]: line for line in summary if line["method"] == "oracle"}
    mean = 0.5 * (lines["figure"]["chamfer"] + lines["vessel"]["chamfer"])
    assert lines["mean of categories"]["chamfer"] == pytest.approx(mean)
    assert lines["figure"]["relics"] == 2 * lines["vessel"]["relics"]
    assert lines["all"]["chamfer"] != pytest.approx(mean)


def test_tables_name_protocol_alignment_and_unit(rows):
    text = metric_tables.markdown(metric_tables.summarise(rows))
    assert "Protocol `unicorn` (alignment: gradient_icp)" in text
    assert "Protocol `none` (alignment: none)" in text
    assert text.count("100 x mean unsquared distance") == 2


def test_files_hold_every_row(evaluation, tmp_path):
    rows = evaluation.rows
    text = metric_tables.write(tmp_path, evaluation, {"split": "test", "held_out": True})
    assert "LPIPS is not computed" in text
    assert f"CD {evaluation.sampling_floor:.2f} apart" in text
    page = json.loads((tmp_path / "metrics.json").read_text())
    assert page["split"] == "test"
    assert set(page["protocols"]) == {"unicorn", "none"}
    assert len(page["relics"]) == len(rows)
    with (tmp_path / "metrics.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert float(lines[0]["chamfer"]) == pytest.approx(rows[0].chamfer)
    assert {"protocol", "f@0.05", "silhouette_iou", "view"} <= set(lines[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("images.csv", "metrics.csv", "metrics.json", "metrics.md", "metrics.tex")
    ]
    latex = (tmp_path / "metrics.tex").read_text()
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 3
    assert r"small\_ball" in latex


def test_pictures_are_compared_at_the_views_that_were_not_shown(evaluation):
    (row,) = (
        each for each in evaluation.images if (each.method, each.uid) == ("oracle", "synthetic-0")
    )
    assert row.num_views == 4
    assert row.mask_iou > 0.95
    assert row.psnr is row.ssim is None  # A method without colours has none to compare.


def test_the_right_shape_in_the_right_colour_looks_right():
    shape = (half_sides(0) * SPHERE[0]).astype(np.float32)
    views = truth.views_of(RELICS[0], 64)
    seen = np.concatenate([view.rgba[view.rgba[..., 3] == 1] for view in views])
    mean = np.broadcast_to(seen[:, :3].mean(axis=0), (len(shape), 3))
    coloured, black = (
        image_scores.colour_scores(
            meshes.Mesh(vertices=shape, faces=SPHERE[1], vertex_colours=colours),
            views,
            (1.0, 1.0, 1.0),
        )
        for colours in (mean, 0 * mean)
    )
    assert coloured[0] > black[0] + 3
    assert coloured[1] > black[1]


def turned(vertices, degrees):
    """Relic 0 by a method whose own frame is turned about the vertical, and its true camera."""
    turn = trimesh.transformations.rotation_matrix(np.deg2rad(degrees), [0, 0, 1])
    own = np.float32(vertices @ turn[:3, :3].T)

    def method(images):
        del images
        relic = truth.SingleViewTruth.read(RELICS[0], PREPROCESSING, 32)
        camera = cameras.Camera(
            cam_from_world=(relic.input_camera.cam_from_world @ np.linalg.inv(turn))[None],
            pixel_from_cam=relic.input_camera.pixel_from_cam[None],
        )
        return Surfaces(vertices=own[None], faces=SPHERE[1], camera=camera, in_own_frame=True)

    return method


def test_a_frame_turned_about_the_vertical_changes_no_score_of_a_model_without_a_world():
    guess = np.float32(0.9 * SPHERE[0] * half_sides(0))
    protocols = ("none", "view_centric", "sdf-srn", "ucmr")
    settings = dataclasses.replace(SETTINGS, protocols=protocols)

    def in_the_world(images):
        return Surfaces(vertices=guess[None], faces=SPHERE[1])

    def left_where_it_was(images):
        return dataclasses.replace(turned(guess, 70)(images), in_own_frame=False)

    methods = {
        "world": in_the_world,
        "own": turned(guess, 0),
        "turned": turned(guess, 70),
        "lost": left_where_it_was,
    }
    rows = evaluate.evaluate(methods, [RELICS[0]], PREPROCESSING, settings).rows
    for protocol in protocols:
        world, own, far = (pick(rows, name, protocol, "synthetic-0") for name in list(methods)[:3])
        for row in (own, far):
            assert row.chamfer == pytest.approx(world.chamfer, rel=1e-3)
            assert row.silhouette_iou == pytest.approx(world.silhouette_iou, abs=5e-3)
    lost, world = (pick(rows, name, "none", "synthetic-0") for name in ("lost", "world"))
    assert lost.chamfer > 1.2 * world.chamfer


def test_views_without_a_camera_are_left_out_and_protocols_that_need_one_refused():
    record = {**RELICS[0], "category_name": "airplane"}
    shown = truth.view_shown(record)
    poses = np.array(record["cam_from_world"])
    poses[shown] = np.nan
    partly = {**record, "cam_from_world": poses}
    blind = {**record, "cam_from_world": np.full_like(poses, np.nan)}
    settings = dataclasses.replace(SETTINGS, protocols=("none",))
    results = [
        evaluate.evaluate({"ball": turned(SPHERE[0], 0)}, [each], PREPROCESSING, settings)
        for each in (partly, blind)
    ]
    for result, views in zip(results, (4, 0), strict=True):
        assert result.rows[0].category == "airplane"
        assert result.rows[0].num_views == views
        assert [row.num_views for row in result.images] == [views] * (views > 0)
        # Nobody says where the shape lies, so its own frame has to be the world's.
        assert result.rows[0].chamfer == results[0].rows[0].chamfer
    assert results[0].rows[0].silhouette_iou > 0
    assert results[1].rows[0].silhouette_iou is None
    assert evaluate.training_mean_shape([blind], SETTINGS) is None
    assert evaluate.training_mean_shape([blind, partly], SETTINGS) is not None
    (line, *_) = metric_tables.summarise(results[1].rows)
    assert line["silhouette_iou"] is None
    assert "mask IoU" not in metric_tables.markdown([line])
    seen = dataclasses.replace(SETTINGS, protocols=("zeroshape",))
    with pytest.raises(UserError, match=r"zeroshape compare .* such as synthetic-0; choose"):
        evaluate.evaluate({"ball": small_ball}, [partly], PREPROCESSING, seen)


def test_a_collapsed_mesh_is_named():
    def collapsed(images):
        return Surfaces(vertices=np.zeros((1, 42, 3), np.float32), faces=SPHERE[1][:9] % 42)

    with pytest.raises(UserError, match=r"the mesh of bad for synthetic-0 .* on a line"):
        evaluate.evaluate({"bad": collapsed}, [RELICS[0]], PREPROCESSING, SETTINGS)


def test_the_network_answers_any_number_of_images(predictor):
    images = np.random.default_rng(0).uniform(size=(3, 32, 32, 3)).astype(np.float32)
    surfaces = predict(predictor, images)
    assert surfaces.vertices.shape == (3, 42, 3)
    assert not np.array_equal(surfaces.vertices[0], surfaces.vertices[1])
    output = predictor.predict(images)
    best = np.asarray(output.pose_logits).argmax(axis=-1)
    likeliest = np.asarray(output.cam_from_world)[np.arange(3), best]
    np.testing.assert_array_equal(surfaces.camera.cam_from_world, likeliest)

"""Evaluation of fields whose score is known, and of what needs no network."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxrelic.data import synthetic
from jaxrelic.data.view_sets import records as view_records
from jaxrelic.errors import UserError
from jaxrelic.evaluation.single_view.evaluate import EvaluationSettings
from jaxrelic.evaluation.view_sets import baselines, evaluate
from jaxrelic.evaluation.view_sets import methods as scene_methods
from jaxrelic.evaluation.view_sets import truth as known_scenes
from jaxrelic.geometry import cameras, meshes
from jaxrelic.inference.one2345 import Drawn
from jaxrelic.inference.surface import extract
from jaxrelic.models.one2345 import frame

VIEWS = 12
CHOICE = known_scenes.Choice(selection="any", num_sources=8, held_out=3)
SETTINGS = EvaluationSettings(protocols=("none", "ucmr"), num_points=2000, silhouette_size=64)
SURFACE = extract.SurfaceSettings(resolution=48, colour="none")


def record_of(index):
    """A record with the names and neighbours that shards have; 0 is an ellipsoid, 1 a box."""
    relics = synthetic.SyntheticRelics(2, num_views=VIEWS, image_size=64)
    names = [f"view_{number}" for number in range(VIEWS)]
    return {**relics[index], "view_name": names, "neighbour": np.full(VIEWS, -1)}


RECORDS = [record_of(0), record_of(1)]


class EllipsoidField:
    """The surface |p / h| = 1, given by a distance that is never too long, and drawn exactly."""

    def __init__(self, half_sides, views):
        self.cube, self.views = frame.object_cube(), views
        self._half = half_sides / float(self.cube.half_side)

    def distances(self, points):
        return np.float32((np.linalg.norm(points / self._half, axis=-1) - 1) * self._half.min())

    def known(self, points):
        return np.ones(len(points), bool)

    def draw(self, camera, size):
        """The nearer root of |(o + t d) / h|^2 = 1, where d has depth 1."""
        uv = np.stack([*np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)], axis=-1)
        uv = np.concatenate([uv, np.ones((size, size, 1))], axis=-1)
        pose = np.asarray(camera.cam_from_world, np.float64)
        d = uv @ np.linalg.inv(camera.pixel_from_cam).T @ pose[:3, :3]
        half = self._half * float(self.cube.half_side)
        d, o = d / half, -pose[:3, :3].T @ pose[:3, 3] / half
        a, b, c = np.sum(d * d, axis=-1), d @ o, o @ o - 1
        inside = b * b - a * c
        depth = np.where(inside > 0, (-b - np.sqrt(np.maximum(inside, 0))) / a, 0)
        colour = np.where(inside[..., None] > 0, 0.5, 1.0) * np.ones(3)
        return Drawn(rgb=colour, mask=np.float64(inside > 0), depth=depth, normals=0 * colour)


def exact(record):
    half_sides = np.abs(record["points"]).max(axis=0).astype(np.float64)
    return scene_methods.of_fields(
        lambda views: EllipsoidField(half_sides, views),
        lambda field: extract.extract(field, SURFACE),
    )


@pytest.fixture(scope="module")
def evaluation():
    methods = {"exact": exact(RECORDS[0]), **scene_methods.baselines(hull_resolution=48)}
    return evaluate.evaluate_view_sets(methods, RECORDS, CHOICE, SETTINGS, source_size=64)


def surface(evaluation, method, protocol, uid="synthetic-0"):
    (row,) = (
        each
        for each in evaluation.rows
        if (each.method, each.protocol, each.uid) == (method, protocol, uid)
    )
    return row


def pictures(evaluation, method, uid="synthetic-0"):
    (row,) = (each for each in evaluation.images if (each.method, each.uid) == (method, uid))
    return row


def test_the_true_distance_reaches_the_sampling_floor(evaluation):
    row = surface(evaluation, "exact", "none")
    # The floor is that of the truth's 10 000 points; the mesh is compared by 2000.
    assert row.chamfer < 1.1 * evaluation.sampling_floor * (1 + np.sqrt(5)) / 2
    assert row.f_scores[0.05] > 0.99
    assert row.silhouette_iou > 0.95
    assert row.view is None


def test_the_true_field_draws_the_views_that_were_held_out(evaluation):
    drawn, mesh = pictures(evaluation, "exact_drawn"), pictures(evaluation, "exact")
    assert drawn.num_views == mesh.num_views == 3
    assert drawn.mask_iou > 0.99
    assert drawn.depth_error < 5e-4  # Half of the thousandths that are stored.
    assert mesh.mask_iou > 0.95
    assert mesh.depth_error < 5e-3
    assert drawn.psnr > 10


def test_the_hull_of_eight_views_is_nearer_than_a_sphere_of_its_volume(evaluation):
    hull, ball = (surface(evaluation, name, "none") for name in ("visual_hull", "sphere"))
    assert surface(evaluation, "exact", "none").chamfer < hull.chamfer < ball.chamfer
    hull, ball = (pictures(evaluation, name) for name in ("visual_hull", "sphere"))
    assert hull.mask_iou > 0.9 > ball.mask_iou
    assert hull.psnr > ball.psnr + 3
    assert hull.depth_error < ball.depth_error


def test_every_relic_is_measured_whatever_the_size_of_its_meshes(evaluation):
    assert len(evaluation.rows) == 2 * 3 * len(SETTINGS.protocols)
    for uid in ("synthetic-0", "synthetic-1"):
        assert surface(evaluation, "visual_hull", "ucmr", uid).iou_3d > 0.6
    assert {row.method for row in evaluation.images} == {
        *("exact", "exact_drawn", "visual_hull", "sphere")
    }


def test_a_method_that_fails_is_named_with_the_relic():
    def fails(views):
        raise UserError("the masks are empty")

    with pytest.raises(UserError, match=r"model on relic synthetic-0: the masks are empty"):
        evaluate.evaluate_view_sets({"model": fails}, RECORDS[:1], CHOICE, SETTINGS, source_size=48)


def without_a_surface(views):
    raise extract.NoSurfaceError("the field has no surface")


def test_a_relic_without_a_surface_is_left_out_and_told():
    methods = iter((exact(RECORDS[0]), without_a_surface))

    def half(views):
        return next(methods)(views)

    found = evaluate.evaluate_view_sets({"model": half}, RECORDS, CHOICE, SETTINGS, source_size=48)
    assert found.without_surface == {"model": ("synthetic-1",)}
    assert {row.uid for row in found.rows} == {"synthetic-0"}
    assert {row.uid for row in found.images} == {"synthetic-0"}


def test_no_surface_at_all_ends_the_evaluation():
    with pytest.raises(UserError, match="model finds no surface of any relic"):
        evaluate.evaluate_view_sets(
            {"model": without_a_surface}, RECORDS[:1], CHOICE, SETTINGS, source_size=48
        )


def test_depth_is_compared_where_both_have_one():
    drawn, truth = np.array([[1.0, 0.0, 1.2]]), np.array([[1.1, 1.0, 0.0]])
    assert evaluate.depth_error(drawn, truth) == pytest.approx(0.1)
    assert evaluate.depth_error(drawn, np.roll(drawn, 1) * 0) is None


@pytest.fixture(scope="module")
def scene():
    return known_scenes.ViewSetTruth.read(RECORDS[0], CHOICE, source_size=64, compared_size=48)


def test_the_sphere_has_the_volume_of_the_hull_and_the_colour_of_the_object(scene):
    hull = baselines.visual_hull(scene.sources, resolution=48)
    ball = baselines.sphere(scene.sources, resolution=48)
    volumes = [float(meshes.signed_volume(mesh.vertices, mesh.faces)) for mesh in (hull, ball)]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.03)
    assert volumes[1] > 0
    mean = scene.sources.rgb[scene.sources.mask > 0.5].mean(axis=0)
    np.testing.assert_allclose(np.unique(ball.vertex_colours, axis=0), mean[None], atol=1e-6)


def test_the_hull_has_at_each_vertex_the_colour_of_the_views_that_see_it(scene):
    """Pictures that are all red on one side of the world are red on that side of the hull."""
    centres = [
        -np.asarray(pose)[:3, :3].T @ np.asarray(pose)[:3, 3]
        for pose in scene.sources.camera.cam_from_world
    ]
    red = np.array([centre[0] > 0 for centre in centres])
    colours = np.where(red[:, None], [1.0, 0, 0], [0, 0, 1.0])
    rgb = np.broadcast_to(colours[:, None, None], scene.sources.rgb.shape)
    views = dataclasses.replace(scene.sources, rgb=np.float32(rgb))
    mesh = baselines.visual_hull(views, resolution=48)
    x = np.asarray(mesh.vertices)[:, 0]
    tip = 0.9 * np.abs(x).max()
    np.testing.assert_allclose(mesh.vertex_colours[x > tip].mean(axis=0), [1, 0, 0], atol=0.15)
    np.testing.assert_allclose(mesh.vertex_colours[x < -tip].mean(axis=0), [0, 0, 1], atol=0.15)


def test_masks_without_a_common_point_are_named(scene):
    nothing = dataclasses.replace(scene.sources, mask=np.zeros_like(scene.sources.mask))
    with pytest.raises(UserError, match=r"masks of view_\d+ and 7 others have no point"):
        baselines.visual_hull(nothing, resolution=16)


def chosen(record, fit=None, **settings):
    choice = known_scenes.Choice(**{"selection": "any", "num_sources": 4, **settings})
    fit = np.ones(VIEWS, bool) if fit is None else fit
    return known_scenes.choose(view_records.of_record(record), fit, choice)


def test_views_that_are_seen_are_spread_and_others_are_held_out():
    seen, others = chosen(RECORDS[0])
    assert len(seen) == 4
    assert sorted(seen + others) == list(range(VIEWS))
    camera = cameras.Camera(RECORDS[0]["cam_from_world"], RECORDS[0]["pixel_from_cam"])
    pose = camera.cam_from_world[seen]
    towards = -np.einsum("nji,nj->ni", pose[:, :3, :3], pose[:, :3, 3]) / synthetic.RADIUS
    apart = np.where(np.eye(4), -1, towards @ towards.T).max()
    assert apart < np.cos(np.deg2rad(60))
    assert chosen(RECORDS[1]) == (seen, others)  # The same of another relic.
    assert len(chosen(RECORDS[0], held_out=3)[1]) == 3


def test_neighbours_are_seen_and_anchors_held_out():
    neighbour = np.resize([-1, 0, 1, 2], VIEWS)
    seen, others = chosen({**RECORDS[0], "neighbour": neighbour}, selection="auto", num_sources=5)
    assert (neighbour[seen] >= 0).all()
    assert others == [0, 4, 8]
    assert len(seen) == 5


def test_views_that_show_nothing_are_neither_seen_nor_held_out():
    fit = np.ones(VIEWS, bool)
    fit[chosen(RECORDS[0])[0]] = False
    seen, others = chosen(RECORDS[0], fit)
    assert fit[seen].all()
    assert fit[others].all()


def test_what_a_field_draws_itself_may_be_left_out(scene):
    def read(views):
        return EllipsoidField(np.full(3, 0.3), views)

    shapes = [
        scene_methods.of_fields(read, lambda field: "mesh", drawn=drawn)(scene.sources)
        for drawn in (True, False)
    ]
    assert [shape.draw is None for shape in shapes] == [False, True]


def test_too_few_views_are_told_with_their_number():
    with pytest.raises(UserError, match=r"synthetic-0 has 12 views .* too few for 12 sources"):
        chosen(RECORDS[0], num_sources=12)


def test_sources_and_held_out_views_have_their_own_sizes(scene):
    assert scene.sources.rgb.shape == (8, 64, 64, 3)
    assert len(scene.held_out) == 3
    assert {view.depth.shape for view in scene.held_out} == {(48, 48)}
    assert scene.masks.shape == (VIEWS, 48, 48)
    uv, _ = cameras.project(
        jax.tree.map(lambda x: np.asarray(x[0]), scene.sources.camera), np.zeros((1, 3), np.float32)
    )
    np.testing.assert_allclose(uv[0], 32, atol=0.1)

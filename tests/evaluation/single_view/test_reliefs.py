"""Reliefs in an evaluation: placed so that the true camera sees the photograph again."""

import numpy as np
import pytest

from jaxrelic.data import synthetic
from jaxrelic.evaluation.single_view import evaluate, gallery, reliefs
from jaxrelic.evaluation.single_view.truth import SingleViewTruth
from jaxrelic.geometry import cameras
from jaxrelic.metrics import silhouettes
from jaxrelic.photos.photo import Preprocessing

RELICS = synthetic.SyntheticRelics(num_relics=2, num_views=5, image_size=64)
PREPROCESSING = Preprocessing(image_size=32, crop_margin=1.3, background=(1.0, 1.0, 1.0))
SETTINGS = evaluate.EvaluationSettings(num_points=2000, silhouette_size=64, protocols=("none",))


@pytest.fixture(scope="module")
def truths():
    return [SingleViewTruth.read(RELICS[i], PREPROCESSING, 64) for i in range(2)]


def test_a_placed_relief_fills_the_outline_that_its_camera_saw(truths):
    surfaces = reliefs.method()([truth.shown for truth in truths])
    inputs = cameras.Camera(
        cam_from_world=np.stack([truth.input_camera.cam_from_world for truth in truths]),
        pixel_from_cam=np.stack([truth.input_camera.pixel_from_cam for truth in truths]),
    )
    placed = surfaces.placed(inputs)
    for index, truth in enumerate(truths):
        seen = list(truth.known_views).index(truth.view)
        camera = cameras.Camera(
            cam_from_world=truth.views.cam_from_world[seen : seen + 1],
            pixel_from_cam=truth.views.pixel_from_cam[seen : seen + 1],
        )
        mesh, mask = placed.mesh(index), truth.masks[seen : seen + 1]
        assert silhouettes.silhouette_iou(mesh.vertices, mesh.faces, mask, camera) > 0.93
        assert np.abs(mesh.vertices.mean(axis=0)).max() < 0.06  # The relic is about the origin.


def test_meshes_of_several_topologies_are_measured_and_drawn():
    found = evaluate.evaluate({"inflation": reliefs.method()}, RELICS, PREPROCESSING, SETTINGS)
    assert [row.method for row in found.rows] == ["inflation"] * 2
    assert all(row.chamfer < 8 and row.silhouette_iou > 0.6 for row in found.rows)
    assert all(image.psnr is not None for image in found.images)
    sheet = gallery.draw(reliefs.method(), PREPROCESSING, RELICS, 1)
    assert sheet[:, : gallery.TILE_PX].min() < 0.9

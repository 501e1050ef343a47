"""An export is whole, says what it is, and gives the same answers after loading."""

import json

import numpy as np
import pytest

import jaxrelic
from jaxrelic.errors import UserError
from jaxrelic.saved import export


@pytest.fixture(scope="module")
def exported(predictor, tmp_path_factory):
    directory = tmp_path_factory.mktemp("export") / "model"
    export.save(
        directory, predictor, training={"steps": 3}, data={"relics_by_license": {"CC0-1.0": 2}}
    )
    return directory


def test_a_loaded_export_reconstructs_like_the_original(predictor, exported, disc_photo):
    loaded = jaxrelic.load(exported)
    assert loaded.config == predictor.config
    assert loaded.preprocessing == predictor.preprocessing
    before, after = predictor.reconstruct(disc_photo), loaded.reconstruct(disc_photo)
    np.testing.assert_array_equal(before.mesh.vertices, after.mesh.vertices)
    np.testing.assert_array_equal(before.mesh.texture, after.mesh.texture)
    np.testing.assert_array_equal(before.camera.cam_from_world, after.camera.cam_from_world)


def test_the_page_says_how_the_network_came_to_be(exported):
    page = json.loads((exported / export.PAGE).read_text())
    assert page["training"] == {"steps": 3}
    assert page["data"]["relics_by_license"] == {"CC0-1.0": 2}
    assert page["preprocessing"]["crop_margin"] == 1.2
    assert page["open_entries"] == {"shape_size": 2, "texture_size": 8}


def test_saving_again_replaces_the_export_and_leaves_nothing_beside_it(predictor, exported):
    export.save(exported, predictor, training={"steps": 3}, data={})
    assert [path.name for path in exported.parent.iterdir()] == [exported.name]
    assert export.load(exported).shape_size == 2


def test_somebody_elses_folder_is_never_replaced(predictor, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="no export"):
        export.save(tmp_path, predictor, training={}, data={})
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no export"),
        ("{", "cannot be read"),
        ("[]", "not a jaxrelic-export"),
        ('{"format": "jaxrelic-export", "version": 99}', "version 99"),
        ('{"format": "jaxrelic-export", "version": 1}', "cannot be used"),
    ],
)
def test_folders_that_are_no_export_are_refused(tmp_path, content, words):
    if content is not None:
        (tmp_path / export.PAGE).write_text(content)
    with pytest.raises(UserError, match=words):
        export.load(tmp_path)


def test_arrays_of_another_network_are_refused(exported, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / export.ARRAYS).symlink_to(exported / export.ARRAYS)
    page = json.loads((exported / export.PAGE).read_text())
    page["config"]["field_units"] = 16
    (other / export.PAGE).write_text(json.dumps(page))
    with pytest.raises(UserError, match="do not fit"):
        export.load(other)

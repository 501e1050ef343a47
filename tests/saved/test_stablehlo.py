"""Programs of an export run from their files alone and agree with the network."""

import json

import jax
import jaxtyping
import numpy as np
import pytest

from jaxrelic.data.view_sets.posed_views import PosedViews
from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras
from jaxrelic.inference import one2345
from jaxrelic.models.one2345 import convert
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.saved import export, stablehlo
from jaxrelic.typing import typechecked

SIDE, VIEWS = 24, 3


@pytest.fixture(scope="module")
def of_photographs(predictor, tmp_path_factory):
    directory = tmp_path_factory.mktemp("export") / "msrn"
    export.save(directory, predictor, training={"steps": 3}, data={})
    return directory


@pytest.fixture(scope="module")
def scenes():
    """A narrow One-2-3-45 with random weights."""
    config = One2345Config(volume_size=8, hidden=16, coarse_samples=4, fine_samples=4)
    rng = np.random.default_rng(0)
    variables = jax.tree.map(
        lambda x: rng.normal(scale=0.3, size=x.shape).astype(x.dtype),
        convert.abstract_variables(config),
    )
    return one2345.One2345Predictor(
        config=config, image_size=SIDE, num_sources=VIEWS, variables=variables
    )


@pytest.fixture(scope="module")
def of_views(scenes, tmp_path_factory):
    directory = tmp_path_factory.mktemp("export") / "one2345"
    export.save(directory, scenes, training={"steps": 3}, data={})
    return directory


def load(directory, name):
    path = directory / export.PROGRAMS / f"{name}{stablehlo.SUFFIX}"
    return jax.export.deserialize(bytearray(path.read_bytes()))


def views():
    """Images and cameras around the origin."""
    rng = np.random.default_rng(1)
    turn = np.linspace(0, 2, VIEWS, dtype=np.float32)
    translation = np.tile(np.float32([0, 0, 1.2]), (VIEWS, 1))
    lens = cameras.intrinsics(26.0, SIDE, SIDE)
    return {
        "images": rng.random((VIEWS, SIDE, SIDE, 3), np.float32),
        "cam_from_world": np.asarray(cameras.orbit(turn, turn / 4, 0 * turn, translation)),
        "pixel_from_cam": np.tile(lens, (VIEWS, 1, 1)),
    }


def test_a_program_reconstructs_as_many_photographs_as_it_gets_as_the_network_does(
    predictor, of_photographs
):
    side = predictor.preprocessing.image_size
    image = np.random.default_rng(0).random((2, side, side, 3), np.float32)
    found = load(of_photographs, "reconstruct").call({"image": image})
    wanted = predictor.predict(image)
    for name in ("vertices", "texture", "cam_from_world", "pose_logits"):
        np.testing.assert_allclose(found[name], getattr(wanted, name), atol=2e-6, err_msg=name)
    np.testing.assert_array_equal(found["faces"], predictor.template.faces)


def test_programs_read_views_and_answer_for_points_as_the_network_does(scenes, of_views):
    inputs = views()
    encoded = load(of_views, "read").call(inputs)
    points = np.random.default_rng(2).uniform(-0.5, 0.5, (7, 3)).astype(np.float32)
    normals = points / np.linalg.norm(points, axis=-1, keepdims=True)
    known = {name: encoded[name] for name in ("maps", "cam_from_cube", "volume", "active")}
    known["pixel_from_cam"] = inputs["pixel_from_cam"]
    distance = load(of_views, "distance").call({**known, "points": points})["distance"]
    colour = load(of_views, "colour").call({**known, "points": points, "normals": normals})

    field = scenes.read(
        PosedViews(
            rgb=inputs["images"],
            mask=np.ones(inputs["images"].shape[:3], np.float32),
            camera=cameras.Camera(inputs["cam_from_world"], inputs["pixel_from_cam"]),
            names=("a", "b", "c"),
        )
    )
    np.testing.assert_allclose(distance, field.distances(points), atol=1e-5)
    rgb, visible = field.colours(points, normals)
    np.testing.assert_allclose(colour["rgb"], rgb, atol=1e-5)
    np.testing.assert_array_equal(colour["visible"], visible)
    np.testing.assert_allclose(encoded["world_from_cube"], field.cube.world_from_cube, atol=1e-6)


@pytest.mark.parametrize("folder", ["of_photographs", "of_views"])
def test_the_page_names_every_file_and_says_what_goes_in_and_out(folder, request):
    directory = request.getfixturevalue(folder)
    programs = json.loads((directory / export.PAGE).read_text())["programs"]
    files = {str(path.relative_to(directory)) for path in (directory / "programs").iterdir()}
    assert {row["file"] for row in programs} == files
    for row in programs:
        name = row["file"].removeprefix("programs/").removesuffix(stablehlo.SUFFIX)
        exported = load(directory, name)
        assert list(exported.platforms) == row["platforms"] == ["cpu", "cuda", "tpu"]
        (inputs,), _ = jax.tree.unflatten(exported.in_tree, exported.in_avals)
        assert {key: str(x.dtype) for key, x in inputs.items()} == {
            key: each["dtype"] for key, each in row["inputs"].items()
        }
        assert all(each["meaning"] for each in (row["inputs"] | row["outputs"]).values())


def test_shapes_are_checked_again_after_an_export(of_photographs):
    from jaxrelic.typing import Array, Float

    @typechecked
    def wants_pairs(x: Float[Array, "n 2"]) -> None:
        del x

    with pytest.raises(jaxtyping.TypeCheckError, match="wants_pairs"):
        wants_pairs(np.zeros((3, 3), np.float32))


def test_an_export_of_scenes_is_loaded_as_it_was(scenes, of_views):
    loaded = export.load(of_views)
    assert (loaded.config, loaded.image_size, loaded.num_sources) == (scenes.config, SIDE, VIEWS)
    jax.tree.map(np.testing.assert_array_equal, loaded.variables, scenes.variables)


def test_a_network_of_an_unknown_kind_is_refused_by_name(of_views, tmp_path):
    page = json.loads((of_views / export.PAGE).read_text())
    (tmp_path / export.PAGE).write_text(json.dumps(page | {"model": "nerf"}))
    with pytest.raises(UserError, match="'nerf'"):
        export.load(tmp_path)

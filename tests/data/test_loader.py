import numpy as np
import pytest

from jaxrelic.data import loader
from jaxrelic.data.transforms import CAMERA_FIELDS
from jaxrelic.errors import UserError


def config(**changes):
    settings = {"path": "synthetic", "batch_size": 4, "image_size": 24, "target_size": 16}
    return loader.DataConfig(**(settings | {"num_targets": 3} | changes))


def same(a, b):
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_a_batch_has_the_fields_and_shapes_of_the_contract():
    batch = loader.batches(config(), supervision="multiview", seed=0)[0]
    shapes = {name: array.shape for name, array in batch.items()}
    assert shapes == {
        "image": (4, 24, 24, 3),
        "mask": (4, 24, 24),
        "views_rgb": (4, 3, 16, 16, 3),
        "views_mask": (4, 3, 16, 16),
        "views_depth": (4, 3, 16, 16),
        "views_cam_from_world": (4, 3, 4, 4),
        "views_pixel_from_cam": (4, 3, 3, 3),
        "input_cam_from_world": (4, 4, 4),
        "input_pixel_from_cam": (4, 3, 3),
        "category": (4,),
        "relic_index": (4,),
    }
    integers = {"category", "relic_index"}
    for name, array in batch.items():
        assert array.dtype == (np.int32 if name in integers else np.float32), name


def test_a_batch_is_a_function_of_seed_and_number():
    first = loader.batches(config(), supervision="multiview", seed=3)
    again = loader.batches(config(), supervision="multiview", seed=3)
    other = loader.batches(config(), supervision="multiview", seed=4)
    assert same(first[7], again[7])
    assert not same(first[7], other[7])
    assert not same(first[7], first[8])


def test_reading_ahead_gives_the_same_batches_from_any_start():
    dataset = loader.batches(config(), supervision="multiview", seed=0)
    ahead = loader.read_ahead(dataset, 5, threads=2)
    for k in (5, 6, 7):
        assert same(next(ahead), dataset[k])


def test_each_pass_shows_every_relic_once_in_a_new_order():
    dataset = loader.batches(config(), supervision="posed", seed=0)
    order = np.concatenate([dataset[k]["relic_index"] for k in range(8)])
    first, second = order[:16], order[16:]
    assert sorted(first) == sorted(second) == list(range(16))
    assert list(first) != list(second)


def test_fewer_relics_than_a_batch_are_repeated():
    batch = loader.batches(config(batch_size=20), supervision="posed", seed=0)[0]
    assert len(batch["image"]) == 20


def test_a_pass_has_as_many_steps_as_batches_fit_and_at_least_one():
    steps = [loader.steps_per_pass(config(batch_size=size)) for size in (4, 5, 16, 40)]
    assert steps == [4, 3, 1, 1]


def test_latent_batches_have_no_camera():
    batch = loader.batches(config(), supervision="latent", seed=0)[0]
    assert not set(CAMERA_FIELDS) & set(batch)
    assert not [name for name in batch if "cam" in name]


@pytest.mark.parametrize("supervision", ["latent", "posed"])
def test_without_other_views_the_target_is_the_input(supervision):
    same_size = config(target_size=24)
    batch = loader.batches(same_size, supervision=supervision, seed=0)[0]
    np.testing.assert_array_equal(batch["views_rgb"][:, 0], batch["image"])
    np.testing.assert_array_equal(batch["views_mask"][:, 0], batch["mask"])


def test_posed_cameras_are_those_of_the_target():
    batch = loader.batches(config(target_size=24), supervision="posed", seed=0)[0]
    for name in ("cam_from_world", "pixel_from_cam"):
        np.testing.assert_array_equal(batch[f"views_{name}"][:, 0], batch[f"input_{name}"])


def test_targets_are_other_views_than_the_input():
    batch = loader.batches(config(num_targets=7), supervision="multiview", seed=0)[0]
    for example in range(4):
        views = batch["views_cam_from_world"][example]
        poses = {pose.tobytes() for pose in (batch["input_cam_from_world"][example], *views)}
        assert len(poses) == 8


def test_the_background_shows_where_the_mask_is_zero():
    batch = loader.batches(config(background=(0.0, 0.5, 1.0)), supervision="posed", seed=0)[0]
    around = batch["image"][batch["mask"] == 0]
    np.testing.assert_array_equal(np.unique(around, axis=0), [[0, 0.5, 1]])


def test_jitter_moves_the_crop_and_its_camera():
    steady = loader.batches(config(), supervision="posed", seed=0)[0]
    moved = loader.batches(config(crop_jitter=0.1), supervision="posed", seed=0)[0]
    assert (steady["input_pixel_from_cam"] != moved["input_pixel_from_cam"]).any()


def test_too_many_targets_name_the_setting():
    dataset = loader.batches(config(num_targets=8), supervision="multiview", seed=0)
    with pytest.raises(UserError, match=r"8 views.*set data\.num_targets to 7"):
        dataset[0]
    with pytest.raises(UserError, match="num_targets"):
        next(loader.read_ahead(dataset, 0, threads=2))


def test_an_empty_batch_is_refused():
    with pytest.raises(UserError, match=r"data\.batch_size is 0"):
        loader.batches(config(batch_size=0), supervision="posed", seed=0)

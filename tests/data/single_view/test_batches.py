import numpy as np
import pytest

from jaxrelic.data.image_sets import candidates, locate
from jaxrelic.data.image_sets.pixel_features import pixel_features
from jaxrelic.data.read_ahead import read_ahead
from jaxrelic.data.single_view import batches
from jaxrelic.data.transforms import CAMERA_FIELDS
from jaxrelic.errors import UserError


def config(**changes):
    settings = {"path": "synthetic", "batch_size": 4, "image_size": 24, "target_size": 16}
    return batches.SingleViewData(**(settings | {"num_targets": 3} | changes))


def same(a, b):
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_a_batch_has_the_fields_and_shapes_of_the_contract():
    batch = batches.batches(config(), supervision="multiview", seed=0)[0]
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
    first = batches.batches(config(), supervision="multiview", seed=3)
    again = batches.batches(config(), supervision="multiview", seed=3)
    other = batches.batches(config(), supervision="multiview", seed=4)
    assert same(first[7], again[7])
    assert not same(first[7], other[7])
    assert not same(first[7], first[8])


@pytest.mark.parametrize("batch_size", [1, 4])
def test_reading_ahead_gives_the_same_batches_from_any_start(batch_size):
    dataset = batches.batches(config(batch_size=batch_size), supervision="multiview", seed=0)
    ahead = read_ahead(dataset, 5, threads=2)
    for k in (5, 6, 7):
        assert same(next(ahead), dataset[k])


def test_each_pass_shows_every_relic_once_in_a_new_order():
    dataset = batches.batches(config(), supervision="posed", seed=0)
    order = np.concatenate([dataset[k]["relic_index"] for k in range(8)])
    first, second = order[:16], order[16:]
    assert sorted(first) == sorted(second) == list(range(16))
    assert list(first) != list(second)


def test_fewer_relics_than_a_batch_are_repeated():
    batch = batches.batches(config(batch_size=20), supervision="posed", seed=0)[0]
    assert len(batch["image"]) == 20


def test_a_pass_has_as_many_steps_as_batches_fit_and_at_least_one():
    steps = [batches.steps_per_pass(config(batch_size=size)) for size in (4, 5, 16, 40)]
    assert steps == [4, 3, 1, 1]


def test_latent_batches_have_no_camera():
    batch = batches.batches(config(), supervision="latent", seed=0)[0]
    assert not set(CAMERA_FIELDS) & set(batch)
    assert not [name for name in batch if "cam" in name]


@pytest.mark.parametrize("supervision", ["latent", "posed"])
def test_without_other_views_the_target_is_the_input(supervision):
    same_size = config(target_size=24)
    batch = batches.batches(same_size, supervision=supervision, seed=0)[0]
    np.testing.assert_array_equal(batch["views_rgb"][:, 0], batch["image"])
    np.testing.assert_array_equal(batch["views_mask"][:, 0], batch["mask"])


def test_posed_cameras_are_those_of_the_target():
    batch = batches.batches(config(target_size=24), supervision="posed", seed=0)[0]
    for name in ("cam_from_world", "pixel_from_cam"):
        np.testing.assert_array_equal(batch[f"views_{name}"][:, 0], batch[f"input_{name}"])


def test_targets_are_other_views_than_the_input():
    batch = batches.batches(config(num_targets=7), supervision="multiview", seed=0)[0]
    for example in range(4):
        views = batch["views_cam_from_world"][example]
        poses = {pose.tobytes() for pose in (batch["input_cam_from_world"][example], *views)}
        assert len(poses) == 8


def test_the_background_shows_where_the_mask_is_zero():
    batch = batches.batches(config(background=(0.0, 0.5, 1.0)), supervision="posed", seed=0)[0]
    around = batch["image"][batch["mask"] == 0]
    np.testing.assert_array_equal(np.unique(around, axis=0), [[0, 0.5, 1]])


def test_jitter_moves_the_crop_and_its_camera():
    steady = batches.batches(config(), supervision="posed", seed=0)[0]
    moved = batches.batches(config(crop_jitter=0.1), supervision="posed", seed=0)[0]
    assert (steady["input_pixel_from_cam"] != moved["input_pixel_from_cam"]).any()


def test_too_many_targets_name_the_setting():
    dataset = batches.batches(config(num_targets=8), supervision="multiview", seed=0)
    with pytest.raises(UserError, match=r"8 views.*set data\.num_targets to 7"):
        dataset[0]
    with pytest.raises(UserError, match="num_targets"):
        next(read_ahead(dataset, 0, threads=2))


def test_an_empty_batch_is_refused():
    with pytest.raises(UserError, match=r"data\.batch_size is 0"):
        batches.batches(config(batch_size=0), supervision="posed", seed=0)


def photographs(**changes):
    settings = {"path": "synthetic", "records": "images", "image_size": 64, "target_size": 32}
    return batches.SingleViewData(**(settings | {"batch_size": 8} | changes))


NEIGHBOURS = {
    "neighbours_image": (8, 3, 64, 64, 3),
    "neighbours_rgb": (8, 3, 32, 32, 3),
    "neighbours_mask": (8, 3, 32, 32),
    "neighbours_known": (8, 3),
}


def test_a_batch_of_photographs_has_the_fields_of_the_contract_and_no_camera_or_depth():
    batch = batches.batches(photographs(neighbours=3), supervision="latent", seed=0)[0]
    assert {name: array.shape for name, array in batch.items()} == {
        "image": (8, 64, 64, 3),
        "mask": (8, 64, 64),
        "views_rgb": (8, 1, 32, 32, 3),
        "views_mask": (8, 1, 32, 32),
        "category": (8,),
        "relic_index": (8,),
    } | NEIGHBOURS
    others = {"category": np.int32, "relic_index": np.int32, "neighbours_known": np.bool_}
    for name, array in batch.items():
        assert array.dtype == others.get(name, np.float32), name


def test_without_neighbours_a_batch_of_photographs_has_no_field_of_them():
    batch = batches.batches(photographs(), supervision="latent", seed=0)[0]
    assert not set(NEIGHBOURS) & set(batch)


def test_a_photograph_comes_as_it_is_in_the_set():
    images = locate.open_images("synthetic", "train")
    batch = batches.batches(photographs(), supervision="posed", seed=0)[3]
    for row in range(8):
        (item,) = (
            item
            for item in images
            if np.array_equal(item["cam_from_world"], batch["input_cam_from_world"][row])
            and int(item["instance"].split("-")[1]) == _uid_number(batch["relic_index"][row])
        )
        np.testing.assert_allclose(batch["image"][row], item["image"] / 255, atol=1e-6)
        np.testing.assert_allclose(batch["mask"][row], item["mask"] / 255, atol=1e-6)
        np.testing.assert_array_equal(batch["input_pixel_from_cam"][row], item["pixel_from_cam"])
        halved = np.diag([0.5, 0.5, 1]) @ item["pixel_from_cam"]
        np.testing.assert_allclose(batch["views_pixel_from_cam"][row, 0], halved, rtol=1e-6)


def _uid_number(relic_index):
    """Instances are numbered in the order of their sorted names."""
    return int(sorted(f"synthetic-{i}" for i in range(16))[relic_index].split("-")[1])


def test_neighbours_are_other_objects_of_the_category_and_the_nearest_by_pixels():
    images = locate.open_images("synthetic", "train")
    from_pixels = {item["image"].tobytes(): item for item in images}
    batch = batches.batches(photographs(neighbours=3), supervision="latent", seed=0)[0]
    for image, category, neighbours in zip(
        batch["image"], batch["category"], batch["neighbours_image"], strict=True
    ):
        query, *found = (
            from_pixels[np.rint(255 * each).astype(np.uint8).tobytes()]
            for each in (image, *neighbours)
        )
        assert {each["category"] for each in found} == {category} == {query["category"]}
        assert query["instance"] not in {each["instance"] for each in found}
        pool = [i for i in images if i["category"] == category]
        pool = [i for i in pool if i["instance"] != query["instance"]]
        scores = [pixel_features(query) @ pixel_features(i) for i in pool]
        best = sorted(scores)[-3:][::-1]
        np.testing.assert_allclose(
            [pixel_features(query) @ pixel_features(i) for i in found], best, rtol=1e-5
        )


def test_a_batch_with_neighbours_is_a_function_of_seed_and_number_also_when_read_ahead():
    settings = photographs(neighbours=2)
    dataset = batches.batches(settings, supervision="latent", seed=5)
    again = batches.batches(settings, supervision="latent", seed=5)
    assert same(dataset[17], again[17])
    assert not same(dataset[17], dataset[18])
    ahead = read_ahead(dataset, 17, threads=2)
    assert same(next(ahead), dataset[17])
    assert same(next(ahead), dataset[18])


def test_a_candidate_that_does_not_exist_is_unknown_and_all_zero(monkeypatch):
    images = locate.SyntheticImages()
    indices = np.tile(np.int32([5, -1]), (len(images), 1))
    monkeypatch.setattr(candidates, "nearest_candidates", lambda *_, **__: (indices, None))
    settings = photographs(neighbours=2, background=(0.0, 0.5, 1.0))
    batch = batches.batches(settings, supervision="latent", seed=0)[0]
    np.testing.assert_array_equal(batch["neighbours_known"], np.tile([True, False], (8, 1)))
    for name in ("neighbours_image", "neighbours_rgb", "neighbours_mask"):
        assert batch[name][:, 0].any()
        assert not batch[name][:, 1].any(), name


def test_neighbours_lie_over_the_same_background_as_the_input():
    settings = photographs(neighbours=2, background=(0.0, 0.5, 1.0), target_size=64)
    batch = batches.batches(settings, supervision="latent", seed=0)[0]
    around = batch["neighbours_rgb"][batch["neighbours_mask"] == 0]
    np.testing.assert_allclose(around, np.tile([0, 0.5, 1], (len(around), 1)), atol=1e-6)
    np.testing.assert_array_equal(batch["neighbours_rgb"], batch["neighbours_image"])


def test_a_pass_counts_photographs_where_they_are_the_examples():
    assert batches.steps_per_pass(photographs()) == 16 * 8 // 8
    assert batches.steps_per_pass(photographs(records="auto", neighbours=1)) == 16
    assert batches.steps_per_pass(photographs(records="auto")) == 16 // 8
    dataset = batches.batches(photographs(), supervision="latent", seed=0)
    shown = np.concatenate([dataset[k]["relic_index"] for k in range(16)])
    np.testing.assert_array_equal(np.bincount(shown), np.full(16, 8))


def test_jitter_shifts_photographs_too():
    steady = batches.batches(photographs(), supervision="posed", seed=0)[0]
    moved = batches.batches(photographs(crop_jitter=0.1), supervision="posed", seed=0)[0]
    assert (steady["input_pixel_from_cam"] != moved["input_pixel_from_cam"]).any()


def test_what_single_photographs_cannot_do_is_said():
    with pytest.raises(UserError, match="no other views; set supervision to latent or posed"):
        batches.batches(photographs(), supervision="multiview", seed=0)
    with pytest.raises(UserError, match=r"data\.neighbours needs single photographs"):
        batches.batches(photographs(records="views", neighbours=1), supervision="latent", seed=0)
    with pytest.raises(UserError, match=r"data\.neighbours is -1"):
        batches.batches(photographs(neighbours=-1), supervision="latent", seed=0)

"""`relic_images` shards written here by TFDS itself, read as an image set and by the loader."""

import cv2
import numpy as np
import pytest

from jaxrelic.data import synthetic
from jaxrelic.data.image_sets import candidates, image_set, locate
from jaxrelic.data.image_sets import shards as relic_images
from jaxrelic.data.schema import CATEGORIES
from jaxrelic.data.single_view import batches as loader
from jaxrelic.errors import UserError

tfds = pytest.importorskip("tensorflow_datasets")

VIEWS = (10, 2)
"""So that the order of names is not that of numbers."""


def photographs():
    rng = np.random.default_rng(0)
    for i in range(4):
        for view in VIEWS:
            yield {
                "image_id": f"relic-{i}/view_{view}",
                "uid": f"relic-{i}",
                "view_name": f"view_{view}",
                "image": rng.integers(0, 256, (64, 64, 3), np.uint8),
                "mask": rng.integers(0, 256, (64, 64, 1), np.uint8),
                "category": 2 + i % 2,
                "cam_from_world": rng.normal(size=(4, 4)).astype(np.float32),
                "pixel_from_cam": rng.normal(size=(3, 3)).astype(np.float32),
                "crop": np.float32([0, 0, 64, 64]),
            }


def png(image):
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    directory = tmp_path_factory.mktemp("shards") / "relic_images" / "all_views" / "1.0.0"
    directory.mkdir(parents=True)
    f = tfds.features
    info = tfds.core.DatasetInfo(
        builder=tfds.core.DatasetIdentity(
            name="relic_images", version="1.0.0", data_dir=str(directory), module_name="tests"
        ),
        features=f.FeaturesDict(
            {
                "image_id": f.Text(),
                "uid": f.Text(),
                "view_name": f.Text(),
                "image": f.Image(shape=(64, 64, 3), encoding_format="png"),
                "mask": f.Image(shape=(64, 64, 1), encoding_format="png"),
                "category": f.ClassLabel(names=CATEGORIES),
                "cam_from_world": f.Tensor(shape=(4, 4), dtype=np.float32),
                "pixel_from_cam": f.Tensor(shape=(3, 3), dtype=np.float32),
                "crop": f.Tensor(shape=(4,), dtype=np.float32),
            }
        ),
    )
    writer = tfds.core.sequential_writer.SequentialWriter(
        info, max_examples_per_shard=8, overwrite=True, file_format="array_record"
    )
    writer.initialize_splits(["train"])
    examples = [{**p, "image": png(p["image"]), "mask": png(p["mask"])} for p in photographs()]
    writer.add_examples({"train": examples})
    writer.close_all()
    return directory.parent.parent.parent


def test_photographs_come_back_as_they_were_written(shards):
    images = locate.open_images(shards, "train")
    written = {p["image_id"]: p for p in photographs()}
    assert len(images) == len(written)
    for item in images:
        original = written.pop(item["image_id"])
        np.testing.assert_array_equal(item["image"], original["image"])
        np.testing.assert_array_equal(item["mask"], original["mask"][..., 0])
        assert item["instance"] == original["uid"]
        assert images.categories[item["category"]] == CATEGORIES[original["category"]]
        assert item["view"] == {"view_2": 0, "view_10": 1}[original["view_name"]]
        for name in ("cam_from_world", "pixel_from_cam"):
            np.testing.assert_array_equal(item[name], original[name])


@pytest.mark.parametrize("where", ["shards", "synthetic"])
def test_lists_of_facts_agree_with_the_items(shards, where):
    images = locate.open_images(shards if where == "shards" else where, "train")
    assert images.image_ids() == [item["image_id"] for item in images]
    assert images.instances() == [item["instance"] for item in images]
    np.testing.assert_array_equal(images.category_indices(), [i["category"] for i in images])
    assert len(set(images.image_ids())) == len(images)


def test_a_set_that_fits_in_memory_is_decoded_once_and_another_each_time(shards):
    plain = relic_images.ShardImages(shards, "train")
    for limit, same in ((8 * 4 * 64 * 64, True), (8 * 4 * 64 * 64 - 1, False)):
        images = image_set.kept_decoded(plain, limit)
        assert (images[3]["image"] is images[3]["image"]) == same
        np.testing.assert_array_equal(images[-1]["image"], plain[7]["image"])


def test_synthetic_photographs_show_the_whole_object_where_their_camera_says():
    images = locate.SyntheticImages(synthetic.SyntheticRelics(num_relics=2, num_views=3))
    relics = synthetic.SyntheticRelics(num_relics=2, num_views=3)
    for item in images:
        points = relics[int(item["instance"].split("-")[1])]["points"]
        cam = points @ item["cam_from_world"][:3, :3].T + item["cam_from_world"][:3, 3]
        uv = cam @ item["pixel_from_cam"].T
        columns, rows = np.floor(uv[:, :2] / uv[:, 2:]).astype(int).T
        # A point on the rim may lie in a pixel whose centre misses the object.
        assert cv2.dilate(item["mask"], np.ones((3, 3)))[rows, columns].all()
        drawn = np.zeros((64, 64), np.uint8)
        drawn[rows, columns] = 1
        assert cv2.dilate(drawn, np.ones((3, 3)))[item["mask"] == 255].all()
        border = np.concatenate([item["mask"][[0, -1]].ravel(), item["mask"][:, [0, -1]].ravel()])
        assert not border.any()


def neighbours_of(images, features="pixels", count=2):
    indices, similarities = candidates.nearest_candidates(
        np.random.default_rng(0).normal(size=(len(images), 5)),
        images.category_indices(),
        images.instances(),
        count=count,
        same_instance=False,
    )
    return candidates.Candidates(
        indices=indices,
        similarities=similarities,
        image_ids=images.image_ids(),
        features=features,
        same_instance=False,
    )


def test_stored_candidates_are_found_beside_the_shards_by_their_name(shards):
    images = locate.open_images(shards, "train")
    found = neighbours_of(images)
    folder = locate.data_set_folder(shards)
    candidates.write_candidates(folder / "neighbours" / "train-pixels.npz", found)
    settings = {"batch_size": 8, "image_size": 64, "target_size": 64, "records": "images"}
    config = loader.SingleViewData(
        path=str(shards), neighbours=1, candidates="train-pixels", **settings
    )
    batch = loader.batches(config, supervision="latent", seed=0)[0]
    row_of = {item["image"].tobytes(): row for row, item in enumerate(images)}
    for image, neighbour in zip(batch["image"], batch["neighbours_image"], strict=True):
        query, near = (
            row_of[np.rint(255 * each).astype(np.uint8).tobytes()] for each in (image, neighbour[0])
        )
        assert found.indices[query, 0] == near


def test_missing_too_few_and_foreign_candidates_name_the_remedy(shards, tmp_path):
    def batches(**changes):
        config = loader.SingleViewData(path=str(shards), **changes)
        return loader.batches(config, supervision="latent", seed=0)

    with pytest.raises(UserError, match=r"set data\.candidates to their name"):
        batches(neighbours=1)
    with pytest.raises(UserError, match=r"neighbours.train-clip\.npz.*`jaxrelic neighbours`"):
        batches(neighbours=1, candidates="train-clip")
    images = locate.open_images(shards, "train")
    file = tmp_path / "mine.npz"
    candidates.write_candidates(file, neighbours_of(images))
    assert batches(neighbours=2, candidates=str(file))[0]["neighbours_known"].shape[1] == 2
    with pytest.raises(UserError, match=r"2 neighbours per image; set data\.neighbours to 2"):
        batches(neighbours=3, candidates=str(file))
    synthetic_images = locate.open_images("synthetic", "train")
    candidates.write_candidates(file, neighbours_of(synthetic_images))
    with pytest.raises(UserError, match=r"mine\.npz"):
        batches(neighbours=1, candidates=str(file))


def test_the_loader_reads_what_the_folder_holds(shards, tmp_path):
    config = loader.SingleViewData(path=str(shards))
    assert loader.reads_images(config)
    for name in ("relic_images", "relic_views"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "dataset_info.json").write_text(f'{{"name": "{name}"}}')
    both = {"path": str(tmp_path)}
    assert not loader.reads_images(loader.SingleViewData(**both))
    assert loader.reads_images(loader.SingleViewData(**both, neighbours=1))
    assert loader.reads_images(loader.SingleViewData(**both, records="images"))
    with pytest.raises(UserError, match=r"no relic_views shards at .*, only relic_images"):
        loader.batches(
            loader.SingleViewData(path=str(shards), records="views"), supervision="latent", seed=0
        )


def test_a_camera_that_is_not_known_is_missed_by_posed_runs_alone(shards, monkeypatch):
    items = [
        {**item, "cam_from_world": None, "pixel_from_cam": None}
        for item in locate.SyntheticImages(synthetic.SyntheticRelics(num_relics=1))
    ]

    class Unposed(locate.SyntheticImages):
        def __init__(self):
            self._items = items

    monkeypatch.setattr(locate, "open_images", lambda *_: Unposed())
    config = loader.SingleViewData(path="synthetic", records="images", batch_size=2)
    assert loader.batches(config, supervision="latent", seed=0)[0]["image"].shape[0] == 2
    with pytest.raises(UserError, match=r"image synthetic-0/view_\d has no camera; set superv"):
        loader.batches(config, supervision="posed", seed=0)[0]

"""relic_images shards written here by TFDS itself, read back as batches."""

import cv2
import numpy as np
import pytest

from jaxrelic.data import images
from jaxrelic.errors import UserError

tfds = pytest.importorskip("tensorflow_datasets")

NUM, SIZE = 5, 64


def photographs():
    rng = np.random.default_rng(0)
    for i in range(NUM):
        yield {
            "image": rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8),
            "mask": rng.integers(0, 256, (SIZE, SIZE, 1), np.uint8),
            "category": i,
            "cam_from_world": rng.normal(size=(4, 4)).astype(np.float32),
            "pixel_from_cam": rng.normal(size=(3, 3)).astype(np.float32),
        }


def png(image):
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    directory = tmp_path_factory.mktemp("shards")
    f = tfds.features
    info = tfds.core.DatasetInfo(
        builder=tfds.core.DatasetIdentity(
            name="relic_images", version="1.0.0", data_dir=str(directory), module_name="tests"
        ),
        features=f.FeaturesDict(
            {
                "image": f.Image(shape=(SIZE, SIZE, 3), encoding_format="png"),
                "mask": f.Image(shape=(SIZE, SIZE, 1), encoding_format="png"),
                "category": f.ClassLabel(num_classes=10),
                "cam_from_world": f.Tensor(shape=(4, 4), dtype=np.float32),
                "pixel_from_cam": f.Tensor(shape=(3, 3), dtype=np.float32),
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
    return directory


def test_a_pass_holds_every_photograph_once_as_it_was_written(shards):
    config = images.ImagesConfig(path=str(shards), batch_size=NUM)
    batch = images.batches(config, seed=0)[0]
    assert sorted(batch["image_index"]) == list(range(NUM))
    originals = list(photographs())
    for image, mask, category in zip(batch["image"], batch["mask"], batch["category"], strict=True):
        original = originals[category]
        np.testing.assert_array_equal(image, original["image"] / np.float32(255))
        np.testing.assert_array_equal(mask, original["mask"][..., 0] / np.float32(255))


def test_batches_are_a_function_of_seed_and_number_and_order_changes_between_passes(shards):
    config = images.ImagesConfig(path=str(shards), batch_size=NUM)
    first, again = (images.batches(config, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first[4]["image"], again[4]["image"])
    orders = {tuple(first[k]["image_index"]) for k in range(4)}
    assert len(orders) > 1


def test_cameras_reach_an_evaluation_and_never_a_training(shards):
    config = images.ImagesConfig(path=str(shards), batch_size=2)
    assert not [name for name in images.batches(config, seed=0)[0] if "cam" in name]
    batch = images.batches(config, seed=0, with_cameras=True)[0]
    originals = list(photographs())
    for pose, category in zip(batch["cam_from_world"], batch["category"], strict=True):
        np.testing.assert_array_equal(pose, originals[category]["cam_from_world"])


def test_an_empty_batch_is_refused(shards):
    with pytest.raises(UserError, match=r"data\.batch_size is 0"):
        images.batches(images.ImagesConfig(path=str(shards), batch_size=0), seed=0)

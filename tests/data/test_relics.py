"""Shards written here by TFDS itself, read back through the loader."""

import shutil

import cv2
import numpy as np
import pytest

from jaxrelic.data import relics, synthetic, tfds_records
from jaxrelic.data.single_view import batches
from jaxrelic.errors import UserError

tfds = pytest.importorskip("tensorflow_datasets")

RELICS = synthetic.SyntheticRelics(num_relics=3, num_views=4, image_size=32)


def write_shards(directory, *, fields=None):
    """The fields that training reads, as `data-engine shards` declares them."""
    f = tfds.features
    features = {
        "uid": f.Text(),
        "category": f.ClassLabel(num_classes=10),
        "rgba": f.Sequence(f.Image(shape=(32, 32, 4), encoding_format="png")),
        "depth_mm": f.Sequence(f.Image(shape=(32, 32, 1), dtype=np.uint16, encoding_format="png")),
        "cam_from_world": f.Tensor(shape=(4, 4, 4), dtype=np.float32),
        "pixel_from_cam": f.Tensor(shape=(4, 3, 3), dtype=np.float32),
    }
    features = {name: features[name] for name in fields or features}
    directory.mkdir(parents=True, exist_ok=True)
    info = tfds.core.DatasetInfo(
        builder=tfds.core.DatasetIdentity(
            name="relic_views", version="1.0.0", data_dir=str(directory), module_name="tests"
        ),
        features=f.FeaturesDict(features),
    )
    writer = tfds.core.sequential_writer.SequentialWriter(
        info, max_examples_per_shard=8, overwrite=True, file_format="array_record"
    )
    writer.initialize_splits(["train", "test"])
    examples = [{name: relic[name] for name in features} for relic in RELICS]
    writer.add_examples({"train": examples})
    writer.close_all()


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    directory = tmp_path_factory.mktemp("shards") / "relic_views" / "smoke" / "1.0.0"
    write_shards(directory)
    return directory


def test_records_come_back_with_images_still_encoded(shards):
    source = relics.open_relics(shards, "train")
    by_uid = {record["uid"]: record for record in (source[i] for i in range(len(source)))}
    for relic in RELICS:
        record = by_uid[relic["uid"]]
        assert list(record["rgba"]) == relic["rgba"]
        np.testing.assert_array_equal(record["cam_from_world"], relic["cam_from_world"])
        depth = cv2.imdecode(np.frombuffer(record["depth_mm"][0], np.uint8), -1)
        assert depth.dtype == np.uint16


def test_training_reads_no_field_it_does_not_need(shards):
    record = relics.open_relics(shards, "train", only_training_fields=True)[0]
    assert set(record) == set(relics.TRAINING_FIELDS)
    assert "uid" in relics.open_relics(shards, "train")[0]


def test_shards_and_the_relics_they_hold_give_the_same_examples(shards, monkeypatch):
    settings = {"batch_size": 3, "image_size": 16, "target_size": 16, "num_targets": 2}
    config = batches.SingleViewData(path=str(shards), **settings)
    from_shards = batches.batches(config, supervision="multiview", seed=0)[2]
    order = [int(r["uid"].split(b"-")[1]) for r in relics.open_relics(shards, "train")]
    monkeypatch.setattr(batches, "open_records", lambda *_, **__: [RELICS[i] for i in order])
    from_memory = batches.batches(config, supervision="multiview", seed=0)[2]
    for name, array in from_memory.items():
        np.testing.assert_array_equal(from_shards[name], array)


def test_a_parent_of_the_version_directory_will_do(shards):
    assert len(relics.open_relics(shards.parent.parent, "train")) == 3


def test_a_path_without_shards_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no shards at .*absent: no such directory"):
        relics.open_relics(tmp_path / "absent", "train")
    with pytest.raises(UserError, match=r"no dataset_info\.json below it"):
        relics.open_relics(tmp_path, "train")


def test_two_data_sets_below_one_path_are_a_question(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "dataset_info.json").write_text('{"name": "relic_views"}')
    with pytest.raises(UserError, match=r"2 relic_views data sets; set data\.path to one: a, b"):
        relics.open_relics(tmp_path, "train")


def test_another_kind_of_data_set_beside_the_relics_is_passed_over(shards, tmp_path):
    with pytest.raises(UserError, match=r"no relic_images shards at .*, only relic_views"):
        tfds_records.find_data_set(shards, "relic_images")
    shutil.copytree(shards, tmp_path / "views")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "dataset_info.json").write_text('{"name": "relic_images"}')
    assert tfds_records.find_data_set(tmp_path, "relic_images") == tmp_path / "images"


def test_a_damaged_data_set_is_named(tmp_path):
    (tmp_path / "dataset_info.json").write_text("{")
    with pytest.raises(UserError, match=r"dataset_info\.json is damaged"):
        relics.open_relics(tmp_path, "train")


def test_a_split_that_is_not_there_or_is_empty_is_named(shards):
    with pytest.raises(UserError, match=r"no split 'val'.*'train'"):
        relics.open_relics(shards, "val")
    with pytest.raises(UserError, match=r"split 'test' of .* is empty"):
        relics.open_relics(shards, "test")


def test_shards_of_another_kind_are_refused_by_field(tmp_path):
    write_shards(tmp_path, fields=["uid", "rgba", "category"])
    with pytest.raises(UserError, match=r"no field .*cam_from_world.*depth_mm"):
        relics.open_relics(tmp_path, "train")

"""Archives written in the prepared format and read back, by training and by evaluation."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from jaxrelic.data import posed_view
from jaxrelic.data.archives.layouts import open_archive
from jaxrelic.data.fixtures import archives
from jaxrelic.data.image_sets import candidates, locate, prepare, prepared
from jaxrelic.data.single_view import batches
from jaxrelic.errors import UserError


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    for layout in ("shapenet-dvr", "pascal3d"):
        archives.write_fixture(layout, folder / layout)
    return folder


@pytest.fixture(scope="module")
def shapenet(sources, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared") / "shapenet"
    prepare.prepare(open_archive(sources / "shapenet-dvr"), folder, prepare.Wanted(points=500))
    return folder


def test_prepared_images_are_those_of_the_archive(sources, shapenet):
    archive = open_archive(sources / "shapenet-dvr")
    images = locate.open_images(shapenet, "test")
    assert images.categories == ("airplane", "chair")
    entries = [e for c in archive.categories for e in archive.entries("test", c)]
    assert images.image_ids() == [entry.image_id for entry in entries]
    assert images.instances() == [entry.instance for entry in entries]
    for row in (0, 7, 30, 47):
        shot, item = archive.read(entries[row]), images[row]
        np.testing.assert_array_equal(item["image"], shot.image)
        np.testing.assert_array_equal(item["mask"], shot.mask)
        np.testing.assert_array_equal(item["cam_from_world"], shot.cam_from_world)
        np.testing.assert_array_equal(item["pixel_from_cam"], shot.pixel_from_cam)
        assert images.categories[item["category"]] == entries[row].category
        assert (item["instance"], item["view"]) == (entries[row].instance, entries[row].view)
    np.testing.assert_array_equal(images.category_indices(), np.repeat([0, 1], 24))


def test_true_surfaces_are_kept_where_they_are_measured(sources, shapenet):
    archive = open_archive(sources / "shapenet-dvr")
    entry = archive.entries("test", "chair")[0]
    record = batches.open_records(batches.SingleViewData(path=str(shapenet), split="test"))[1]
    assert record["uid"].decode() == entry.instance
    truth = archive.surface(entry, 500)
    np.testing.assert_array_equal(record["points"], truth.points)
    np.testing.assert_array_equal(record["normals"], truth.normals)
    assert "points" not in prepared.PreparedRelics(shapenet, "train")[0]


def test_an_evaluation_sees_all_views_of_an_instance_with_their_cameras(shapenet):
    images = locate.open_images(shapenet, "train")
    records = prepared.PreparedRelics(shapenet, "train")
    assert len(records) == 4
    record = records[3]
    assert len(record["rgba"]) == 24
    rows = [row for row, name in enumerate(images.instances()) if name == record["uid"].decode()]
    for view in (0, 11):
        item, seen = images[rows[view]], posed_view.decode_view(record, view)
        over_white = seen.rgba[..., :3] + 1 - seen.rgba[..., 3:]
        np.testing.assert_allclose(255 * over_white, item["image"], atol=0.51)
        np.testing.assert_array_equal(np.rint(255 * seen.rgba[..., 3]), item["mask"])
        np.testing.assert_array_equal(seen.cam_from_world, item["cam_from_world"])
        assert not seen.depth.any()


def test_training_reads_a_prepared_folder_with_neighbours(shapenet):
    images = locate.open_images(shapenet, "train")
    indices = np.tile(np.int32([[5, -1]]), (len(images), 1))
    found = candidates.Candidates(
        indices=indices,
        similarities=np.zeros(indices.shape, np.float32),
        image_ids=images.image_ids(),
        features="test",
        same_instance=True,
    )
    folder = locate.data_set_folder(shapenet)
    candidates.write_candidates(folder / "neighbours" / "train-test.npz", found)
    config = batches.SingleViewData(
        path=str(shapenet), batch_size=4, neighbours=2, candidates="train-test"
    )
    assert batches.steps_per_pass(config) == 4 * 24 // 4
    batch = batches.batches(config, supervision="latent", seed=0)[0]
    assert not [name for name in batch if "cam" in name]
    np.testing.assert_array_equal(batch["neighbours_known"], np.tile([True, False], (4, 1)))
    np.testing.assert_allclose(batch["neighbours_image"][0, 0], images[5]["image"] / 255, atol=1e-6)
    posed = batches.batches(
        batches.SingleViewData(path=str(shapenet), batch_size=4), supervision="posed", seed=0
    )[0]
    np.testing.assert_allclose(posed["input_cam_from_world"][:, 2, 3], 2.732, rtol=1e-6)


def test_views_of_a_prepared_instance_serve_as_targets(shapenet):
    config = batches.SingleViewData(
        path=str(shapenet), records="views", batch_size=2, num_targets=3
    )
    batch = batches.batches(config, supervision="multiview", seed=0)[0]
    assert batch["views_rgb"].shape == (2, 3, 64, 64, 3)


def test_unknown_cameras_stay_unknown(sources, tmp_path):
    archive = open_archive(sources / "pascal3d")
    meta = prepare.prepare(archive, tmp_path / "out", prepare.Wanted(points=100))
    images = locate.open_images(tmp_path / "out", "train")
    known = [item["cam_from_world"] is not None for item in images]
    direct = [
        archive.read(entry).cam_from_world is not None
        for category in archive.categories
        for entry in archive.entries("train", category)
    ]
    assert known == direct
    assert not all(known)
    assert meta["splits"]["test"]["surfaces"] == meta["splits"]["test"]["instances"]


def test_a_part_of_an_archive_can_be_prepared(sources, tmp_path):
    archive = open_archive(sources / "shapenet-dvr")
    wanted = prepare.Wanted(splits=("val",), categories=("chair",), views=5, surfaces="none")
    meta = prepare.prepare(archive, tmp_path / "out", wanted)
    assert list(meta["splits"]) == ["val"]
    images = locate.open_images(tmp_path / "out", "val")
    assert [item["view"] for item in images] == [0, 5, 10, 15, 20]
    assert images.categories == ("chair",)
    with pytest.raises(UserError, match=r"no split 'test'; set data\.split to one of .'val'"):
        locate.open_images(tmp_path / "out", "test")
    with pytest.raises(UserError, match="no category boat; choose among airplane, chair"):
        prepare.prepare(archive, tmp_path / "out", prepare.Wanted(categories=("boat",)))


def test_what_was_skipped_is_in_the_meta_data(tmp_path):
    archives.write_fixture("shapenet-dvr", tmp_path / "in")
    (tmp_path / "in" / "03001627" / "val0" / "image" / "0004.png").write_bytes(b"no picture")
    archive = open_archive(tmp_path / "in")
    meta = prepare.prepare(archive, tmp_path / "out", prepare.Wanted(splits=("val",), points=10))
    facts = json.loads((tmp_path / "out" / "meta.json").read_text())
    assert facts == json.loads(json.dumps(meta))
    assert (facts["layout"], facts["source"]) == ("shapenet-dvr", "in")
    assert facts["splits"]["val"]["images"] == 47
    assert facts["splits"]["val"]["skipped"]["count"] == 1
    (named,) = facts["splits"]["val"]["skipped"]["named"]
    assert named.startswith("03001627/val0/image/0004.png: no picture of a known format")
    assert str(tmp_path) not in json.dumps(facts)


def test_a_run_replaces_a_prepared_folder_and_no_other(sources, tmp_path):
    archive = open_archive(sources / "shapenet-dvr")
    wanted = prepare.Wanted(splits=("val",), categories=("chair",), surfaces="none")
    out = tmp_path / "out"
    prepare.prepare(archive, out, wanted)
    (out / "stale").touch()
    (out / "neighbours").mkdir()
    (out / "neighbours" / "val-clip.npz").write_bytes(b"hours of work")
    prepare.prepare(archive, out, wanted)
    assert not (out / "stale").exists()
    assert (out / "neighbours" / "val-clip.npz").read_bytes() == b"hours of work"
    assert os.listdir(tmp_path) == ["out"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(UserError, match="mine is not empty and no prepared folder"):
        prepare.prepare(archive, tmp_path / "mine", wanted)


KILLED = """
import os, pathlib, signal, sys
from jaxrelic.data.image_sets import prepare
from jaxrelic.data.archives import layouts
archive = layouts.open_archive(pathlib.Path(sys.argv[1]))
read, count = archive.read, 0
def read_some(entry):
    global count
    count += 1
    if count == 30:
        os.kill(os.getpid(), signal.SIGKILL)
    return read(entry)
archive.read = read_some
prepare.prepare(archive, pathlib.Path(sys.argv[2]), prepare.Wanted())
"""


def test_a_killed_run_leaves_nothing_that_looks_finished_and_the_next_clears_it(sources, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-c", KILLED, str(sources / "shapenet-dvr"), str(out)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not out.exists()
    assert len(os.listdir(tmp_path)) == 1
    wanted = prepare.Wanted(splits=("val",), surfaces="none")
    prepare.prepare(open_archive(sources / "shapenet-dvr"), out, wanted)
    assert os.listdir(tmp_path) == ["out"]


def test_a_damaged_prepared_folder_is_named(sources, tmp_path):
    wanted = prepare.Wanted(splits=("val",), surfaces="none", views=1)
    prepare.prepare(open_archive(sources / "shapenet-dvr"), tmp_path / "out", wanted)
    (tmp_path / "out" / "val" / "masks.npy").write_bytes(b"")
    with pytest.raises(UserError, match=r"masks\.npy is damaged.*jaxrelic data prepare"):
        locate.open_images(tmp_path / "out", "val")
    meta = json.loads((tmp_path / "out" / "meta.json").read_text())
    (tmp_path / "out" / "meta.json").write_text(json.dumps(meta | {"version": 99}))
    with pytest.raises(UserError, match="version 99 of the prepared format"):
        locate.open_images(tmp_path / "out", "val")

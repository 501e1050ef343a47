"""What archives list, what they refuse, and how a broken file is named."""

import json
import shutil

import numpy as np
import PIL.Image
import pytest
import scipy.io

from jaxrelic.data.archives import pascal3d, pascal3d_cars, shapenet
from jaxrelic.data.archives.archive import BrokenFileError
from jaxrelic.data.archives.check import as_text, check
from jaxrelic.data.archives.layouts import LAYOUTS, open_archive
from jaxrelic.errors import UserError


@pytest.fixture
def copy_of(fixture_archive, tmp_path):
    """A copy of a miniature archive that a test may break."""

    def copy(layout):
        return shutil.copytree(fixture_archive(layout), tmp_path / layout)

    return copy


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_layout_is_recognised_in_its_folder_and_in_the_one_around_it(fixture_archive, layout):
    folder = fixture_archive(layout)
    assert open_archive(folder).layout == layout
    assert open_archive(folder, layout).layout == layout


def test_a_folder_of_no_or_of_two_archives_is_named(fixture_archive, tmp_path):
    with pytest.raises(UserError, match="no layout that is known"):
        open_archive(tmp_path)
    with pytest.raises(UserError, match="no such directory"):
        open_archive(tmp_path / "absent")
    for layout in ("pix3d", "pascal3d"):
        shutil.copytree(fixture_archive(layout), tmp_path / layout)
    with pytest.raises(UserError, match=r"pascal3d at .*, pix3d at .*; give the folder of one"):
        open_archive(tmp_path)
    assert open_archive(tmp_path, "pix3d").root == tmp_path / "pix3d"


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_no_image_is_in_two_splits_and_no_id_is_given_twice(fixture_archive, layout):
    archive = open_archive(fixture_archive(layout))
    ids = [
        (split, entry.image_id)
        for split in archive.splits
        for category in archive.categories
        for entry in archive.entries(split, category)
    ]
    assert ids
    assert len(set(ids)) == len(ids)
    sources = {}
    for split in archive.splits:
        for category in archive.categories:
            for entry in archive.entries(split, category):
                key = entry.image_id if layout == "shapenet-softras" else entry.source
                assert sources.setdefault(key, split) == split


def test_pix3d_without_lists_is_split_by_model(fixture_archive):
    archive = open_archive(fixture_archive("pix3d"))
    split_of = {}
    for split in archive.splits:
        for category in archive.categories:
            for entry in archive.entries(split, category):
                assert split_of.setdefault(entry.instance, split) == split
    assert len(split_of) == 30
    assert set(split_of.values()) == {"train", "val", "test"}


def test_pix3d_follows_lists_that_are_there(copy_of):
    folder = copy_of("pix3d")
    (folder / "lists").mkdir()
    (folder / "lists" / "bed_val.txt").write_text("0003\n\n0001\n")
    archive = open_archive(folder, "pix3d")
    assert [e.image_id for e in archive.entries("val", "bed")] == ["bed/0003", "bed/0001"]
    assert not archive.entries("train", "bed")


def test_both_layouts_of_pix3d_show_the_same(fixture_archive):
    official, processed = (open_archive(fixture_archive(n)) for n in ("pix3d", "pix3d-processed"))

    def shots(archive):
        for split in archive.splits:
            for entry in archive.entries(split, "chair"):
                yield entry.image_id, archive.read(entry)

    others = dict(shots(processed))
    for image_id, shot in list(shots(official))[:6]:
        other = others[image_id]
        np.testing.assert_array_equal(shot.cam_from_world, other.cam_from_world)
        np.testing.assert_allclose(shot.pixel_from_cam, other.pixel_from_cam, rtol=1e-5)
        inside = np.minimum(shot.mask, other.mask).sum() / np.maximum(shot.mask, other.mask).sum()
        assert inside > 0.85


def test_pascal_leaves_out_objects_that_are_truncated_or_show_few_keypoints(copy_of):
    folder = copy_of("pascal3d")
    archive = open_archive(folder)
    before = archive.entries("train", "car")
    # One picture of each source has a second, truncated car.
    assert all(entry.image_id.endswith("/1") for entry in before)
    path = before[0].key[0]
    record = scipy.io.loadmat(path, struct_as_record=True)["record"]
    added = folder / "Annotations" / "car_imagenet" / "n00001_9.mat"
    scipy.io.savemat(added, {"record": record})
    assert len(archive.entries("train", "car")) == len(before) + 1
    record["objects"][0, 0]["anchors"][0, 0]["corner_0"][0, 0]["status"][0, 0][:] = 2
    record["objects"][0, 0]["anchors"][0, 0]["corner_1"][0, 0]["status"][0, 0][:] = 2
    scipy.io.savemat(added, {"record": record})
    pascal3d.read_objects.cache_clear()
    assert [e.image_id for e in archive.entries("train", "car")] == [e.image_id for e in before]


def test_pascal_without_lists_of_voc_has_imagenet_alone(copy_of):
    folder = copy_of("pascal3d")
    shutil.rmtree(folder / "PASCAL")
    archive = open_archive(folder)
    assert archive.splits == ("train",)
    assert {e.image_id.split("/")[0] for e in archive.entries("train", "car")} == {"car_imagenet"}
    assert any("VOCdevkit" in gap.missing for gap in archive.gaps())


def test_point_clouds_of_the_car_pack_are_read_through_the_weights_reader(copy_of, monkeypatch):
    folder = copy_of("pascal3d-cars")
    archive = open_archive(folder)
    entry = archive.entries("test", "car")[0]
    assert archive.surface(entry, 10) is None
    path = folder / "unicorn_anno" / f"{entry.instance}_pointcloud.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"nothing")
    with pytest.raises(BrokenFileError, match=r"_pointcloud\.pt: no points and normals"):
        archive.surface(entry, 10)
    stored = {"points": np.eye(3), "normals": np.eye(3)[::-1]}
    monkeypatch.setattr(pascal3d_cars, "read_weights", lambda _: stored)
    np.testing.assert_array_equal(archive.surface(entry, 10).normals, stored["normals"])


BREAKAGES = {
    "a truncated picture": ("image/0003.png", "no readable picture"),
    "a mask of another size": ("mask/0003.png", "its mask is 32 x 64, its image 64 x 64"),
    "a camera that is missing": ("cameras.npz", "has no array world_mat_3"),
    "a folder that is missing": ("image/0003.png", "no such file"),
    "a damaged archive of arrays": ("cameras.npz", r"no readable \.npz"),
}


@pytest.mark.parametrize("what", BREAKAGES)
def test_a_broken_file_of_dvr_is_named_and_the_others_are_read(copy_of, what):
    folder = copy_of("shapenet-dvr")
    archive = open_archive(folder)
    entries = archive.entries("test", "chair")
    model = folder / entries[3].instance
    name, reason = BREAKAGES[what]
    path = model / name
    if what == "a truncated picture":
        path.write_bytes(path.read_bytes()[:-60])
    elif what == "a mask of another size":
        PIL.Image.new("L", (32, 64)).save(path)
    elif what == "a camera that is missing":
        with np.load(path) as stored:
            kept = {key: stored[key] for key in stored.files if key != "world_mat_3"}
        np.savez(path, **kept)
    elif what == "a damaged archive of arrays":
        path.write_bytes(path.read_bytes()[:500])
    else:
        shutil.rmtree(model)
    with pytest.raises(BrokenFileError, match=reason) as caught:
        archive.read(entries[3])
    assert caught.value.path == path
    report = check(archive, per_part=-1)
    assert report.usable
    assert any(line.startswith(str(path.relative_to(folder))) for line in report.broken_named)


def test_empty_lines_of_a_list_are_no_models(copy_of):
    folder = copy_of("shapenet-dvr")
    path = folder / "03001627" / "softras_train.lst"
    path.write_text("\n" + path.read_text() + "\n  \n")
    assert len(open_archive(folder).entries("train", "chair")) == 2 * 24


def test_a_category_nobody_knows_is_said_and_passed_over(copy_of):
    folder = copy_of("shapenet-dvr")
    (folder / "03001627").rename(folder / "99999999")
    archive = open_archive(folder)
    assert archive.categories == ("airplane",)
    assert any("99999999" in gap.missing for gap in archive.gaps())


def test_a_record_of_pix3d_without_a_pose_is_named(copy_of):
    folder = copy_of("pix3d")
    records = json.loads((folder / "pix3d.json").read_text())
    del records[0]["rot_mat"]
    (folder / "pix3d.json").write_text(json.dumps(records))
    report = check(open_archive(folder), per_part=-1)
    assert report.broken_named == ["pix3d.json: bed/0001 has no rot_mat"]
    assert report.readable == 59


def test_a_record_or_annotation_with_a_box_that_is_none_is_named(copy_of):
    folder = copy_of("pix3d-processed")
    path = folder / "annotation" / "bed" / "0001.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"bbox": [1, 2, "x", None]}))
    report = check(open_archive(folder), per_part=-1)
    (named,) = report.broken_named
    assert named.startswith("annotation/bed/0001.json: bed/0001 has no numbers in")
    assert "bbox" in named
    folder = copy_of("pascal3d")
    path = folder / "Annotations" / "car_imagenet" / "n00001_0.mat"
    record = scipy.io.loadmat(path, struct_as_record=True)["record"]
    record["objects"][0, 0]["bbox"][0, 0] = np.zeros((1, 3))
    scipy.io.savemat(path, {"record": record})
    report = check(open_archive(folder), per_part=-1)
    assert report.broken_named == [
        "Annotations/car_imagenet/n00001_0.mat: object 1 has no box or viewpoint"
    ]


@pytest.mark.parametrize("layout", ["shapenet-softras", "pascal3d", "pascal3d-cars", "pix3d"])
def test_a_damaged_list_or_annotation_does_not_stop_a_check(copy_of, layout):
    folder = copy_of(layout)
    name = {
        "shapenet-softras": "02691156_train_images.npz",
        "pascal3d": "Annotations/car_imagenet/n00001_0.mat",
        "pascal3d-cars": "ucmr_anno/data/car_train.mat",
        "pix3d": "mask/bed/0001.png",
    }[layout]
    (folder / name).write_bytes((folder / name).read_bytes()[:100])
    report = check(open_archive(folder), per_part=-1)
    assert report.usable
    assert [line.split(":")[0] for line in report.broken_named] == [name]


def test_broken_files_are_named_up_to_a_bound(copy_of):
    folder = copy_of("shapenet-dvr")
    for path in (folder / "03001627").glob("*/image/00*.png"):
        path.write_bytes(b"")
    report = check(open_archive(folder), per_part=-1)
    assert report.broken == 4 * 24
    assert len(report.broken_named) == 20
    assert "broken: 76 more files" in as_text(report)


def test_counts_stand_beside_the_published_ones(fixture_archive):
    report = check(open_archive(fixture_archive("shapenet-dvr")), per_part=1)
    parts = {(part.category, part.split): part for part in report.parts}
    assert parts["chair", "train"].published == 4744
    assert (parts["chair", "train"].objects, parts["chair", "train"].images) == (2, 48)
    assert parts["chair", "val"].published is None
    line = next(x for x in as_text(report).splitlines() if x.startswith("chair         train"))
    assert line.endswith("4744 objects, differs")


def test_published_counts_of_shapenet_add_up_to_the_published_totals():
    totals = {"train": 30643, "test": 8769}
    for split, total in totals.items():
        assert sum(n for (_, s), n in shapenet.PUBLISHED.items() if s == split) == total

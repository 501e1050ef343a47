import dataclasses
import hashlib
import itertools
import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_engine.catalog.catalog import Catalog
from data_engine.cli import main
from data_engine.commands import shards as command
from data_engine.errors import UserError
from data_engine.rendering import poses, views
from data_engine.shards.splits import SplitShares
from jaxrelic.data import relics, schema
from jaxrelic.data.image_sets import locate

SIZE, RENDER_ID = 16, "0123456789ab"
POSES = poses.sphere(3).scaled(SIZE)
TITLES = ("Amphora", "青花瓷瓶", "Tête d’homme", "cup")


@pytest.fixture(scope="module")
def make(rendered_workspace):
    return lambda root, titles=TITLES: rendered_workspace(root, POSES, RENDER_ID, titles)


def build(workspace):
    command.run(command.Shards(workspace=workspace.root))
    return workspace.shards / "relic_views" / "v3_16" / "1.0.0"


def load(folder, key="uid"):
    """All records by uid, and the split of each, read without the builder's code."""
    builder = tfds.builder_from_directory(str(folder))
    records, split_of = {}, {}
    for split in builder.info.splits:
        for record in builder.as_data_source(split=split):
            uid = record[key].decode()
            records[uid], split_of[uid] = record, split
    return records, split_of


@pytest.fixture(scope="module")
def built(make, tmp_path_factory):
    workspace = make(tmp_path_factory.mktemp("built"))
    return workspace, build(workspace)


def test_images_come_back_bit_for_bit_and_cameras_as_float32(built):
    workspace, folder = built
    records, _ = load(folder)
    assert len(records) == len(TITLES)
    for uid, record in records.items():
        source = workspace.render_dir(RENDER_ID, uid)
        for index, name in enumerate(POSES.names):
            bgra = cv2.imread(str(source / views.image_name(name)), cv2.IMREAD_UNCHANGED)
            depth = cv2.imread(str(source / views.depth_name(name)), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(record["rgba"][index], bgra[..., [2, 1, 0, 3]])
            np.testing.assert_array_equal(record["depth_mm"][index][..., 0], depth)
        np.testing.assert_array_equal(
            record["cam_from_world"], POSES.cam_from_world().astype(np.float32)
        )
        np.testing.assert_array_equal(record["pixel_from_cam"][2], POSES.pixel_from_cam)
        assert [name.decode() for name in record["view_name"]] == list(POSES.names)


def promised(data_set):
    """The fields that the table under the data set's name lists in the contract."""
    section = schema.__doc__.partition(f"A `{data_set}` record")[2]
    table = section[section.index("| ") :].split("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    return {name.strip() for row in rows for name in row.split(",")}


def test_records_hold_exactly_the_fields_of_the_contract(built, images):
    records, _ = load(built[1])
    expected = promised("relic_shapes") | promised("relic_views")
    assert set(next(iter(records.values()))) == expected
    folders = {"relic_images": images["all_views"], "relic_shapes": images["shapes"]}
    for name, folder in folders.items():
        records, _ = load(folder)
        assert set(next(iter(records.values()))) == promised(name)


def test_words_and_classes_survive_in_any_script(built):
    records, _ = load(built[1])
    assert {record["title"].decode() for record in records.values()} == set(TITLES)
    record = next(iter(records.values()))
    assert record["caption"] == b"hollow"
    assert schema.CATEGORIES[record["category"]] == "vessel"
    assert record["watertight"]


def test_surface_samples_lie_on_the_framed_box_with_normals_outward(built):
    records, _ = load(built[1])
    record = next(record for record in records.values() if record["title"] == b"Amphora")
    half = np.array([1, 3, 2]) * 0.8 / 3 / 2  # glTF (1, 2, 3) stands as (1, 3, 2) in the world
    relative = record["points"] / half
    np.testing.assert_allclose(np.abs(relative).max(axis=-1), 1, atol=1e-5)
    assert ((relative * record["normals"]).sum(axis=-1) > 0.999).all()


def test_four_relics_fill_three_splits_and_the_catalog_knows_which(built):
    workspace, folder = built
    _, split_of = load(folder)
    assert set(split_of.values()) == {"train", "val", "test"}
    with Catalog(workspace.catalog_path) as catalog:
        relics = catalog.relics()
    assert {relic.uid: relic.split for relic in relics} == split_of
    assert {relic.state for relic in relics} == {"sharded"}


def test_a_pure_test_set_holds_every_relic_and_nothing_else(make, tmp_path, capsys):
    make(tmp_path)
    command.run(command.Shards(workspace=tmp_path, held_out=SplitShares(test_percent=100)))
    assert "1.0.0: 4 test\n" in capsys.readouterr().out
    folder = tmp_path / "shards" / "relic_views" / "v3_16" / "1.0.0"
    _, split_of = load(folder)
    assert list(split_of.values()) == ["test"] * 4
    assert len(relics.open_relics(str(folder), "test")) == 4
    with pytest.raises(UserError, match="train"):
        relics.open_relics(str(folder), "train")


def test_tensorflow_is_not_imported_to_write_or_read(built):
    load(built[1])
    assert "tensorflow" not in sys.modules


def digests(folder):
    files = sorted(path for path in folder.iterdir())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_another_process_and_another_order_of_entry_give_the_same_bytes(built, make, tmp_path):
    workspace = make(tmp_path, TITLES[::-1])
    words = [sys.executable, "-m", "data_engine.cli", "shards", "--workspace", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run(words, env=environment, check=True, capture_output=True, timeout=120)
    assert digests(workspace.shards / "relic_views" / "v3_16" / "1.0.0") == digests(built[1])


def test_exact_depth_comes_back_bit_for_bit(make, tmp_path, monkeypatch):
    workspace = make(tmp_path)
    depth = np.random.default_rng(0).normal(size=(SIZE, SIZE)).astype(np.float32)
    monkeypatch.setattr(views, "depth_metres", lambda folder, name: depth, raising=False)
    command.run(command.Shards(workspace=tmp_path, records="views_depth"))
    records, _ = load(workspace.shards / "relic_views" / "v3_16_depth" / "1.0.0")
    assert len(records) == len(TITLES)
    for record in records.values():
        np.testing.assert_array_equal(record["depth"], np.stack([depth] * 3)[..., None])


def test_the_rubbish_of_a_killed_build_is_swept_away(make, tmp_path):
    workspace = make(tmp_path)
    dead = subprocess.Popen(["true"])
    dead.wait()
    rubbish = workspace.shards / f".building-{dead.pid}-x"
    rubbish.mkdir()
    build(workspace)
    assert not rubbish.exists()


@pytest.fixture(scope="module")
def images(make, tmp_path_factory):
    """Directories of relic_images in both configurations, and of relic_shapes."""
    workspace = make(tmp_path_factory.mktemp("images"))
    for records in ("one_view", "all_views"):
        command.run(command.Shards(workspace=workspace.root, records=records))
    root = workspace.shards
    folders = {name: root / "relic_images" / name / "1.0.0" for name in ("one_view", "all_views")}
    return folders | {"shapes": root / "relic_shapes" / "points_10000" / "1.0.0"}


def test_all_views_holds_every_view_once_and_one_view_a_fixed_one_of_each(images):
    every, split_of = load(images["all_views"], key="image_id")
    uids = {image_id.partition("/")[0] for image_id in every}
    assert set(every) == {f"{uid}/{name}" for uid in uids for name in POSES.names}
    assert len(uids) == len(TITLES)
    chosen, split_of_chosen = load(images["one_view"], key="image_id")
    assert {image_id.partition("/")[0] for image_id in chosen} == uids
    assert len(chosen) == len(TITLES)
    assert split_of_chosen.items() <= split_of.items()
    for image_id, record in chosen.items():
        np.testing.assert_array_equal(record["image"], every[image_id]["image"])


def test_the_library_reads_the_photographs_of_both_configurations(images):
    for name in ("one_view", "all_views"):
        written, split_of = load(images[name], key="image_id")
        for split in set(split_of.values()):
            items = list(locate.open_images(images[name], split))
            ids = {image_id for image_id in written if split_of[image_id] == split}
            assert {item["image_id"] for item in items} == ids
            for item in items:
                record = written[item["image_id"]]
                np.testing.assert_array_equal(item["image"], record["image"])
                assert item["instance"] == record["uid"].decode()
                if name == "all_views":
                    assert POSES.names[item["view"]] == record["view_name"].decode()


def test_photographs_and_shapes_of_a_relic_are_in_the_same_split(images):
    _, of_image = load(images["all_views"], key="image_id")
    shapes, of_relic = load(images["shapes"])
    assert {(i.partition("/")[0], split) for i, split in of_image.items()} == set(of_relic.items())
    assert {record["license"] for record in shapes.values()} == {b"CC0-1.0"}


def test_building_again_leaves_the_data_set_in_place_and_no_rubbish(built):
    workspace, folder = built
    before = folder.stat().st_ino
    build(workspace)
    assert folder.stat().st_ino == before
    assert [path.name for path in workspace.shards.iterdir()] == ["relic_views"]


def test_a_data_set_that_changed_is_replaced_whole(make, tmp_path):
    workspace = make(tmp_path)
    folder = build(workspace)
    with Catalog(workspace.catalog_path) as catalog:
        dropped = catalog.relics()[0].uid
        catalog.reject(dropped, "review", "human_drop", "not a relic")
    records, _ = load(build(workspace))
    assert len(records) == len(TITLES) - 1
    assert dropped not in records
    assert folder.is_dir()


def test_an_unfinished_render_is_left_out(make, tmp_path):
    workspace = make(tmp_path)
    with Catalog(workspace.catalog_path) as catalog:
        unfinished = catalog.relics()[0].uid
    (workspace.render_dir(RENDER_ID, unfinished) / views.DONE).unlink()
    records, _ = load(build(workspace))
    assert unfinished not in records


def test_a_view_that_is_gone_is_named_with_the_remedy(make, tmp_path, capsys):
    workspace = make(tmp_path)
    (view,) = itertools.islice(workspace.renders.rglob("*.png"), 1)
    view.unlink()
    assert main(["shards", "--workspace", str(workspace.root)]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"data-engine: {view} is missing; delete the folder")


def test_relics_that_were_never_compared_are_not_split(make, tmp_path):
    workspace = make(tmp_path)
    with Catalog(workspace.catalog_path) as catalog:
        uid = catalog.relics()[0].uid
        catalog.change(uid, "test", "as a catalog of an earlier version has it", cluster="")
    with pytest.raises(UserError, match=rf"{uid} \(1 relics\) was not compared.*validate"):
        build(workspace)


def test_several_renders_ask_for_a_choice_and_none_for_a_render(make, tmp_path):
    workspace = make(tmp_path)
    (workspace.renders / "ffff").mkdir()
    poses.write_poses(workspace.renders / "ffff" / "poses.json", POSES)
    facts = {"engine": "raycast", "poses": "ring:4@20", "size": 64}
    (workspace.renders / "ffff" / "settings.json").write_text(json.dumps(facts))
    choice = rf"2 renders.*{RENDER_ID} \| ffff \(raycast, ring:4@20, 64 px\)"
    with pytest.raises(UserError, match=choice):
        build(workspace)
    settings = command.Shards(workspace=workspace.root, render_id="nonsense")
    with pytest.raises(UserError, match="no render nonsense"):
        command.run(settings)
    with pytest.raises(UserError, match="no relic is rendered"):
        command.run(dataclasses.replace(settings, render_id="ffff"))

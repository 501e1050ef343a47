import dataclasses
import hashlib
import sys
import uuid

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
import trimesh

from data_engine.catalog import Catalog
from data_engine.commands import shards as command
from data_engine.errors import UserError
from data_engine.rendering import poses, views
from data_engine.rendering.framing import Framing
from data_engine.workspace import Workspace
from jaxrelic.data import schema

SIZE, RENDER_ID = 16, "0123456789ab"
POSES = poses.sphere(3).scaled(SIZE)
TITLES = ("Amphora", "青花瓷瓶", "Tête d’homme", "cup")


def rendered_workspace(root):
    """Four relics as the render stage leaves them, with random pixels."""
    workspace = Workspace(root)
    folder = workspace.renders / RENDER_ID
    folder.mkdir()
    poses.write_poses(folder / "poses.json", POSES)
    with Catalog(workspace.catalog_path) as catalog:
        for number, title in enumerate(TITLES):
            render_one(workspace, catalog, number, title)
    return workspace


def render_one(workspace, catalog, number, title):
    uid = str(uuid.uuid5(uuid.NAMESPACE_URL, title))
    digest = workspace.store_blob(trimesh.creation.box((1, 2, 3 + number)).export(file_type="glb"))
    catalog.add(
        {
            "uid": uid,
            "title": title,
            "glb_sha256": digest,
            "watertight": True,
            "license_spdx": "CC0-1.0",
            "attribution": f"{title} by nobody",
            "category": "vessel",
            "description": "hollow",
            "render_id": RENDER_ID,
        }
    )
    catalog.finish(uid, "render", "rendered", render_id=RENDER_ID)
    folder = workspace.render_dir(RENDER_ID, uid)
    folder.mkdir(parents=True)
    rng, facts = np.random.default_rng(number), []
    for name in POSES.names:
        rgba = rng.integers(0, 256, (SIZE, SIZE, 4), np.uint8)
        depth = rng.integers(0, 65536, (SIZE, SIZE), np.uint16)
        cv2.imwrite(str(folder / views.image_name(name)), rgba[..., [2, 1, 0, 3]])
        cv2.imwrite(str(folder / views.depth_name(name)), depth)
        facts.append(views.describe(name, rgba))
    framing = Framing(scale=0.8 / (3 + number), center=(0.0, 0.0, 0.0))
    identity = {"uid": uid, "glb_sha256": digest, "up_axis": framing.up_axis}
    frame = {"normalize_scale": framing.scale, "normalize_center": list(framing.center)}
    views.write_meta(folder, POSES, facts, **identity, **frame)
    (folder / views.DONE).touch()


def build(workspace):
    command.run(command.Shards(workspace=workspace.root))
    return workspace.shards / "relic_views" / "v3_16" / "1.0.0"


def load(folder):
    """All records by uid, and the split of each, read without the builder's code."""
    builder = tfds.builder_from_directory(str(folder))
    records, split_of = {}, {}
    for split in builder.info.splits:
        for record in builder.as_data_source(split=split):
            uid = record["uid"].decode()
            records[uid], split_of[uid] = record, split
    return records, split_of


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    workspace = rendered_workspace(tmp_path_factory.mktemp("built"))
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


def test_records_hold_exactly_the_fields_of_the_contract(built):
    records, _ = load(built[1])
    rows = [line.split("|")[1] for line in schema.__doc__.splitlines() if line.startswith("| ")]
    promised = {name.strip() for row in rows[2:] for name in row.split(",")}
    assert set(next(iter(records.values()))) == promised


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


def test_tensorflow_is_not_imported_to_write_or_read(built):
    load(built[1])
    assert "tensorflow" not in sys.modules


def digests(folder):
    files = sorted(path for path in folder.iterdir())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_catalog_gives_the_same_bytes(built, tmp_path):
    twin = build(rendered_workspace(tmp_path))
    assert digests(twin) == digests(built[1])


def test_building_again_leaves_the_data_set_in_place_and_no_rubbish(built):
    workspace, folder = built
    before = folder.stat().st_ino
    build(workspace)
    assert folder.stat().st_ino == before
    assert [path.name for path in workspace.shards.iterdir()] == ["relic_views"]


def test_a_data_set_that_changed_is_replaced_whole(tmp_path):
    workspace = rendered_workspace(tmp_path)
    folder = build(workspace)
    with Catalog(workspace.catalog_path) as catalog:
        dropped = catalog.relics()[0].uid
        catalog.reject(dropped, "review", "human_drop", "not a relic")
    records, _ = load(build(workspace))
    assert len(records) == len(TITLES) - 1
    assert dropped not in records
    assert folder.is_dir()


def test_an_unfinished_render_is_left_out(tmp_path):
    workspace = rendered_workspace(tmp_path)
    with Catalog(workspace.catalog_path) as catalog:
        unfinished = catalog.relics()[0].uid
    (workspace.render_dir(RENDER_ID, unfinished) / views.DONE).unlink()
    records, _ = load(build(workspace))
    assert unfinished not in records


def test_several_renders_ask_for_a_choice_and_none_for_a_render(tmp_path):
    workspace = rendered_workspace(tmp_path)
    (workspace.renders / "ffff").mkdir()
    poses.write_poses(workspace.renders / "ffff" / "poses.json", POSES)
    with pytest.raises(UserError, match=rf"2 renders.*{RENDER_ID} \| ffff"):
        build(workspace)
    settings = command.Shards(workspace=workspace.root, render_id="nonsense")
    with pytest.raises(UserError, match="no render nonsense"):
        command.run(settings)
    with pytest.raises(UserError, match="no relic is rendered"):
        command.run(dataclasses.replace(settings, render_id="ffff"))

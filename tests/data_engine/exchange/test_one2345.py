"""The folder that One-2-3-45 trains on: read as its own loader reads it, and read back."""

import json
import shutil

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_engine.cli import main
from data_engine.errors import UserError
from data_engine.exchange.one2345 import layout, reader, writer
from data_engine.rendering import poses as pose_files
from data_engine.rendering import views
from jaxrelic.data.view_sets import one2345_folder

SIZE, RENDER_ID = 16, "0123456789ab"
POSES = pose_files.one2345().scaled(SIZE)


@pytest.fixture(scope="module")
def workspace(rendered_workspace, tmp_path_factory):
    """Four relics, sharded."""
    workspace = rendered_workspace(tmp_path_factory.mktemp("ws"), POSES, RENDER_ID)
    assert main(["shards", "--workspace", str(workspace.root)]) == 0
    return workspace


@pytest.fixture(scope="module", params=["official", "builder"])
def exported(request, workspace, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "one2345"
    words = ["--workspace", str(workspace.root), "-o", str(folder), "--names", request.param]
    assert main(["export-one2345", *words, "--folder-size", "3"]) == 0
    return folder


@pytest.fixture(scope="module")
def official(workspace, tmp_path_factory):
    folder = tmp_path_factory.mktemp("official")
    words = ["--workspace", str(workspace.root), "-o", str(folder)]
    assert main(["export-one2345", *words, "--folder-size", "3"]) == 0
    return folder


def records(folder):
    directory = next(folder.rglob("dataset_info.json")).parent
    builder = tfds.builder_from_directory(str(directory))
    sources = [builder.as_data_source(split) for split in builder.info.splits]
    return {record["uid"].decode(): record for source in sources for record in source}


def test_shards_exported_and_imported_are_the_same_views(workspace, exported, tmp_path):
    assert main(["import-one2345", str(exported), "-o", str(tmp_path / "shards")]) == 0
    before, after = records(workspace.shards), records(tmp_path / "shards")
    assert set(before) == set(after)
    for uid, record in after.items():
        for name in ("rgba", "depth_mm", "view_name", "anchor", "neighbour", "clipped"):
            np.testing.assert_array_equal(record[name], before[uid][name])
        for name in ("cam_from_world", "pixel_from_cam", "near_far"):
            np.testing.assert_allclose(record[name], before[uid][name], atol=1e-6)
        for name in ("title", "license", "attribution", "category"):
            assert record[name] == before[uid][name]
        assert not {"points", "normals", "watertight", "normalize_scale"} & set(record)


def published_item(root, split, n):
    """What the published loader makes of item n: view n mod 8 of object n div 8, and 32 sources.

    Written from the description of its reading: paths, depth / 1000, mask, white composite, and
    distance along the ray at pixel centres.
    """
    poses = json.loads((root / "One2345_training_pose.json").read_text())
    entry = json.loads((root / "lvis_split_cc_by.json").read_text())[split][n // 8]
    folder = root / "zero12345_narrow" / entry["folder_id"] / entry["uid"]
    names = list(poses["c2ws"])
    target = names[n % 8]
    sources = [over_white(folder / f"{names[8 + k]}.png") for k in range(32)]
    millimetres = cv2.imread(str(folder / f"{target}_depth_mm.png"), cv2.IMREAD_UNCHANGED)
    depth = millimetres.astype(np.float32) / 1000
    (fx, _, cx), (_, fy, cy), _ = poses["intrinsics"]
    v, u = np.indices(depth.shape) + 0.5
    distance = depth * np.sqrt(1 + ((u - cx) / fx) ** 2 + ((v - cy) / fy) ** 2)
    return {
        "uid": entry["uid"],
        "image": over_white(folder / f"{target}.png"),
        "sources": np.stack(sources),
        "mask": depth > 0,
        "distance": distance,
        "c2w": np.array(poses["c2ws"][target]) @ np.diag([1, -1, -1, 1]),
    }


def over_white(path):
    bgra = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float32) / 255
    return bgra[..., 2::-1] * bgra[..., 3:] + 1 - bgra[..., 3:]


def test_the_loader_of_one2345_finds_every_relic_with_its_own_views(workspace, official):
    shards = records(workspace.shards)
    splits = json.loads((official / layout.SPLITS).read_text())
    assert {entry["uid"] for entries in splits.values() for entry in entries} == set(shards)
    for split in ("train", "val"):
        for n in range(8 * len(splits[split])):
            item = published_item(official, split, n)
            record = shards[item["uid"]]
            rgba = np.stack(record["rgba"]).astype(np.float32) / 255
            white = rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:]
            np.testing.assert_allclose(item["image"], white[n % 8], atol=1e-6)
            np.testing.assert_allclose(item["sources"], white[8:], atol=1e-6)
            depth = record["depth_mm"][n % 8][..., 0]
            np.testing.assert_array_equal(item["mask"], depth > 0)
            assert (item["distance"] >= depth.astype(np.float32) / 1000).all()
            pose = np.linalg.inv(item["c2w"])
            np.testing.assert_allclose(pose, record["cam_from_world"][n % 8], atol=1e-6)


def test_the_library_reads_an_export_as_that_loader_does(official):
    splits = json.loads((official / layout.SPLITS).read_text())
    for split in filter(splits.get, splits):
        relics = one2345_folder.FolderViews(official, split, predicted=True)
        for n in range(8 * len(relics)):
            item, relic = published_item(official, split, n), relics[n // 8]
            target = relic.read(n % 8, with_depth=True)
            sources = [relic.read(8 + k, with_depth=False) for k in range(32)]
            assert relic.uid == item["uid"]
            for view, image in zip(
                [target, *sources], [item["image"], *item["sources"]], strict=True
            ):
                white = view.rgba[..., :3] + 1 - view.rgba[..., 3:]
                np.testing.assert_allclose(white, image, atol=1e-6)
            np.testing.assert_array_equal(target.depth > 0, item["mask"])
            np.testing.assert_allclose(target.cam_from_world, np.linalg.inv(item["c2w"]), atol=1e-6)


def test_relics_fill_folders_in_the_order_of_uids(workspace, official):
    folders = sorted((official / layout.VIEWS).iterdir())
    assert [folder.name for folder in folders] == ["000-000", "000-001"]
    uids = [sorted(path.name for path in folder.iterdir()) for folder in folders]
    assert [len(group) for group in uids] == [3, 1]
    assert uids[0] + uids[1] == sorted(records(workspace.shards))


def test_folder_ids_carry_over_after_a_thousand():
    assert layout.folder_id(49, 50) == "000-000"
    assert layout.folder_id(50, 50) == "000-001"
    assert layout.folder_id(50_000, 50) == "001-000"


def test_the_pose_file_keeps_the_order_that_carries_its_meaning(official):
    shared = json.loads((official / layout.POSES).read_text())
    assert list(shared["c2ws"]) == list(pose_files.one2345().names)
    assert shared["near_far"] == pytest.approx([0.5, 1.8])


def test_stretched_depth_spans_the_relic():
    depth = np.array([[0, 700, 900, 1100]], np.uint16)
    np.testing.assert_array_equal(writer.stretch(depth), [[0, 0, 32768, 65535]])
    np.testing.assert_array_equal(writer.stretch(np.zeros((2, 2), np.uint16)), 0)
    np.testing.assert_array_equal(writer.stretch(np.full((2, 2), 9, np.uint16)), 0)


def test_a_relic_with_a_view_missing_is_left_out_by_name(official, tmp_path, capsys):
    folder = tmp_path / "damaged"
    shutil.copytree(official, folder)
    relic = next((folder / layout.VIEWS).glob("*/*"))
    (relic / "view_3_1_10_gt.png").unlink()
    assert main(["import-one2345", str(folder), "-o", str(tmp_path / "shards")]) == 0
    assert f"skipped {relic.name}: view_3_1_10_gt.png is missing" in capsys.readouterr().out
    assert relic.name not in records(tmp_path / "shards")


def test_pictures_without_alpha_get_it_from_their_depth(official, tmp_path):
    folder = tmp_path / "rgb"
    shutil.copytree(official, folder)
    path = next((folder / layout.VIEWS).glob("*/*")) / "view_0.png"
    cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_COLOR))
    assert main(["import-one2345", str(folder), "-o", str(tmp_path / "shards")]) == 0
    record = records(tmp_path / "shards")[path.parent.name]
    alpha, depth = record["rgba"][0][..., 3], record["depth_mm"][0][..., 0]
    np.testing.assert_array_equal(alpha, np.where(depth > 0, 255, 0))


def test_a_folder_of_something_else_is_refused_in_one_line(workspace, tmp_path, capsys):
    def complaint(*words):
        assert main([str(word) for word in words]) == 2
        return capsys.readouterr().err

    out = tmp_path / "out"
    assert "is not a folder" in complaint("import-one2345", tmp_path / "none", "-o", out)
    assert "holds neither" in complaint("import-one2345", tmp_path, "-o", out)
    (tmp_path / "a").mkdir()
    assert "view_0_gt.png is missing" in complaint("import-one2345", tmp_path, "-o", out)
    words = ("export-one2345", "--workspace", workspace.root, "-o", out)
    assert "folder_size = 0" in complaint(*words, "--folder-size", 0)


def test_other_cameras_cannot_be_exported(rendered_workspace, tmp_path, capsys):
    ring = pose_files.ring(3, 20.0).scaled(SIZE)
    workspace = rendered_workspace(tmp_path / "ws", ring, RENDER_ID)
    words = ["--workspace", str(workspace.root), "-o", str(tmp_path / "out")]
    assert main(["export-one2345", *words]) == 2
    assert "render with `--poses one2345`" in capsys.readouterr().err


def test_relics_without_a_split_cannot_be_exported(rendered_workspace, tmp_path, capsys):
    workspace = rendered_workspace(tmp_path / "ws", POSES, RENDER_ID, ("cup",))
    words = ["--workspace", str(workspace.root), "-o", str(tmp_path / "out")]
    assert main(["export-one2345", *words]) == 2
    assert "run `data-engine shards` first" in capsys.readouterr().err


@pytest.mark.parametrize("names", ["official", "builder"])
def test_what_an_earlier_export_left_is_named(workspace, tmp_path, capsys, names):
    out = tmp_path / "out"
    words = ["export-one2345", "--workspace", str(workspace.root), "-o", str(out)]
    assert main([*words, "--names", names]) == 0
    assert "earlier export" not in capsys.readouterr().out
    place = out / "zero12345_narrow" / "000-000" if names == "official" else out
    (place / "forgotten").mkdir()
    assert main([*words, "--names", names]) == 0
    assert f"note: {place / 'forgotten'} is of an earlier export" in capsys.readouterr().out


def test_a_picture_that_cannot_be_decoded_is_named(official, tmp_path):
    folder = tmp_path / "broken"
    shutil.copytree(official, folder)
    path = next((folder / layout.VIEWS).glob("*/*")) / "view_2.png"
    path.write_bytes(path.read_bytes()[:64])
    source, complaints = reader.open_folder(folder)
    assert not complaints
    broken = next(relic for relic in source.relics if relic.uid == path.parent.name)
    with pytest.raises(UserError, match=r"view_2\.png cannot be decoded"):
        list(reader.views_layout(source).records(source, broken))


def test_views_of_another_size_are_refused_by_header(official, tmp_path):
    folder = tmp_path / "small"
    shutil.copytree(official, folder)
    for path in (folder / layout.VIEWS).glob("*/*/view_1.png"):
        cv2.imwrite(str(path), np.zeros((8, 8, 4), np.uint8))
    with pytest.raises(UserError, match=r"view_1\.png is 8 x 8, not 16 x 16 pixels"):
        reader.open_folder(folder)


def test_an_export_interrupted_and_repeated_leaves_no_half_relic(workspace, official, tmp_path):
    out = tmp_path / "out"
    relic = next((official / layout.VIEWS).glob("*/*"))
    partial = out / layout.VIEWS / relic.parent.name / f".{relic.name}.part"
    partial.mkdir(parents=True)
    (partial / "rubbish.png").touch()
    words = ["--workspace", str(workspace.root), "-o", str(out), "--folder-size", "3"]
    for _ in range(2):
        assert main(["export-one2345", *words]) == 0
    found = sorted(str(path.relative_to(out)) for path in out.rglob("*"))
    assert found == sorted(str(path.relative_to(official)) for path in official.rglob("*"))
    assert views.image_name("view_0") in {path.name for path in out.rglob("*")}

import uuid

import numpy as np
import pytest
import trimesh
from PIL import Image

from data_engine.catalog.catalog import Catalog
from data_engine.cli import main
from data_engine.commands import photograph
from data_engine.commands.photograph import BACKDROP, Photograph, before_backdrop, choose_relic
from data_engine.errors import UserError
from data_engine.workspace import Workspace


def enter(catalog, workspace, title, *, split, category):
    uid = str(uuid.uuid5(uuid.NAMESPACE_URL, title))
    glb = workspace.store_blob(trimesh.creation.box((1, 1, 2)).export(file_type="glb"))
    catalog.add({"uid": uid, "title": title, "category": category, "glb_sha256": glb})
    catalog.finish(uid, "shards", "sharded", split=split)
    return uid


@pytest.fixture
def stocked(tmp_path):
    """A workspace with one relic that trains and two that do not, and their uids by title."""
    workspace = Workspace(tmp_path / "workspace")
    with Catalog(workspace.catalog_path) as catalog:
        uids = {
            title: enter(catalog, workspace, title, split=split, category=category)
            for title, split, category in (
                ("jar", "train", "vessel"),
                ("sword", "test", "weapon"),
                ("bowl", "test", "vessel"),
            )
        }
    return workspace, uids


def request(workspace, **choice):
    return Photograph(workspace=workspace.root, output=workspace.root / "photo.png", **choice)


def test_a_held_out_relic_of_the_wanted_category_is_chosen(stocked):
    workspace, uids = stocked
    with Catalog(workspace.catalog_path) as catalog:
        assert choose_relic(catalog, request(workspace, category="vessel")).uid == uids["bowl"]
        assert choose_relic(catalog, request(workspace, category="weapon")).uid == uids["sword"]
        named = request(workspace, relic=uids["jar"])
        assert choose_relic(catalog, named).uid == uids["jar"]


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"category": "mask"}, "no relic of category 'mask' in split 'test'"),
        ({"split": "val"}, "no relic in split 'val'"),
        ({"relic": "nobody"}, "no relic nobody"),
    ],
)
def test_a_choice_without_a_relic_is_named(stocked, choice, words):
    workspace, _ = stocked
    with Catalog(workspace.catalog_path) as catalog, pytest.raises(UserError, match=words):
        choose_relic(catalog, request(workspace, **choice))


def test_a_relic_without_a_file_is_named(stocked, capsys):
    workspace, _ = stocked
    with Catalog(workspace.catalog_path) as catalog:
        catalog.add({"uid": "out", "title": "torn", "state": "duplicate"})
    words = ["photograph", "--workspace", str(workspace.root), "-o", "x.png", "--relic", "out"]
    assert main(words) == 2
    assert "out (torn) is duplicate and has no GLB" in capsys.readouterr().err


def test_the_backdrop_fills_what_the_relic_leaves_open():
    rgba = np.zeros((3, 1, 4), np.uint8)
    rgba[1, 0] = 10, 20, 30, 255
    picture = before_backdrop(rgba)
    assert picture[:, 0].tolist() == [list(BACKDROP[0]), [10, 20, 30], list(BACKDROP[1])]


@pytest.mark.blender
def test_a_photograph_shows_the_relic_before_the_backdrop(stocked):
    pytest.importorskip("bpy", reason="bpy is not installed: pip install -e '.[engine]'")
    workspace, _ = stocked
    args = request(workspace, category="vessel", size=32, samples=1)
    photograph.run(args)
    with Image.open(args.output) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert pixels.shape == (32, 32, 3)
    assert np.abs(pixels[0, 0] - BACKDROP[0]).max() <= 1
    assert np.abs(pixels[16, 16] - BACKDROP[0]).max() > 20

"""Folders and workspaces, empty or as the render stage leaves them, without rendering."""

import pathlib
import sys
import uuid

import cv2
import numpy as np
import pytest
import trimesh

from data_engine.catalog.catalog import Catalog
from data_engine.rendering import poses as pose_files
from data_engine.rendering import views
from data_engine.rendering.framing import Framing
from data_engine.workspace import Workspace

# pytest's importlib mode leaves the folder of the tests out.
sys.path.append(str(pathlib.Path(__file__).parent))

TITLES = ("Amphora", "青花瓷瓶", "Tête d’homme", "cup")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    return folder


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "ws")


@pytest.fixture(scope="session")
def rendered_workspace():
    """A function (root, poses, render_id, titles) that makes relics with random pixels."""

    def make(root, poses, render_id, titles=TITLES):
        workspace = Workspace(root)
        folder = workspace.renders / render_id
        folder.mkdir()
        pose_files.write_poses(folder / "poses.json", poses)
        with Catalog(workspace.catalog_path) as catalog:
            for title in titles:
                uid, digest = enter(workspace, catalog, title, TITLES.index(title), render_id)
                draw(workspace.render_dir(render_id, uid), uid, digest, poses)
        return workspace

    return make


def enter(workspace, catalog, title, number, render_id):
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
            "render_id": render_id,
        }
    )
    catalog.finish(uid, "render", "rendered", render_id=render_id, cluster=uid)
    return uid, digest


def draw(folder, uid, digest, poses):
    """Random pixels from the uid: the same whatever else is in the workspace."""
    folder.mkdir(parents=True)
    rng, facts = np.random.default_rng(uuid.UUID(uid).int), []
    size = (poses.size, poses.size)
    for name in poses.names:
        rgba = rng.integers(0, 256, (*size, 4), np.uint8)
        depth = rng.integers(0, 65536, size, np.uint16)
        cv2.imwrite(str(folder / views.image_name(name)), rgba[..., [2, 1, 0, 3]])
        cv2.imwrite(str(folder / views.depth_name(name)), depth)
        facts.append(views.describe(name, rgba))
    framing = Framing(scale=0.8 / 3, centre=(0.0, 0.0, 0.0))
    identity = {"uid": uid, "glb_sha256": digest, "up_axis": framing.up_axis}
    frame = {"normalize_scale": framing.scale, "normalize_center": list(framing.centre)}
    views.write_meta(folder, poses, facts, **identity, **frame)
    (folder / views.DONE).touch()

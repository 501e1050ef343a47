"""The raycast engine: the render stage without Blender, and its z-buffer against formulas."""

import dataclasses
import json
import shutil
import uuid

import numpy as np
import pytest
import trimesh

from data_engine import cli
from data_engine.catalog.catalog import Catalog
from data_engine.catalog.reader import CatalogReader
from data_engine.catalog.schema import COLUMNS
from data_engine.catalog.stages import count_stages
from data_engine.commands import render as command
from data_engine.errors import UserError
from data_engine.rendering import raycast_worker, views
from data_engine.rendering.child import RenderLimits
from data_engine.rendering.queue import RECORDED
from data_engine.rendering.settings import RenderSettings
from data_engine.workspace import Workspace
from jaxrelic.geometry import z_buffer

SETTINGS = RenderSettings(engine="raycast", poses="sphere:3", size=32, depth_m=True)
UPRIGHT = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
K = np.array([[40.0, 0, 15], [0, 36, 17], [0, 0, 1]])


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path / "workspace")
    with Catalog(workspace.catalog_path) as catalog:
        for number in range(2):
            uid = str(uuid.UUID(int=number))
            mesh = trimesh.creation.box((1, 2, 3 + number))
            digest = workspace.store_blob(mesh.export(file_type="glb"))
            catalog.add({"uid": uid, "title": "box", "glb_sha256": digest})
            catalog.finish(uid, "validate", "validated")
    return workspace


def run(workspace, settings=SETTINGS, *, retry=False, timeout_s=300.0):
    limits = RenderLimits(memory_gib=2, timeout_s=timeout_s)
    command.run(
        command.Render(
            workspace=workspace.root, settings=settings, limits=limits, workers=1, retry=retry
        )
    )
    return settings.render_id()


def test_the_stage_renders_without_blender_and_records_what_it_did(workspace, capsys):
    render_id = run(workspace)
    assert capsys.readouterr().out.endswith("2 rendered\n")
    with Catalog(workspace.catalog_path) as catalog:
        relics = catalog.relics("rendered")
    assert [relic.render_id for relic in relics] == [render_id] * 2
    folder = workspace.render_dir(render_id, relics[0].uid)
    meta = views.read_meta(folder)
    assert meta["renderer"].startswith("raycast")
    poses = SETTINGS.pose_set()
    assert meta["render_sha256"] == views.check_files(folder, poses, depth_m=True)
    assert views.depth_metres(folder, poses.names[0]).max() > 0.7
    for relic in relics:
        meta = views.read_meta(workspace.render_dir(render_id, relic.uid))
        for name in set(RECORDED) & set(COLUMNS):
            value = getattr(relic, name)
            assert (list(value) if isinstance(value, tuple) else value) == meta[name]
    settings = json.loads((workspace.renders / render_id / "settings.json").read_text())
    assert (settings["engine"], settings["depth_m"]) == ("raycast", True)


def test_views_that_were_deleted_are_rendered_again(workspace, capsys):
    render_id = run(workspace)
    folder = workspace.render_dir(render_id, str(uuid.UUID(int=1)))
    digest = views.read_meta(folder)["render_sha256"]
    shutil.rmtree(folder)
    capsys.readouterr()
    run(workspace)
    assert capsys.readouterr().out.endswith(": 1 rendered\n")
    assert views.read_meta(folder)["render_sha256"] == digest


def test_a_refusal_under_one_setting_leaves_the_views_of_another_in_the_data_set(workspace, capsys):
    render_id = run(workspace)
    other = dataclasses.replace(SETTINGS, size=40)
    run(workspace, other, timeout_s=1e-3)
    out = capsys.readouterr().out
    assert out.count("left out ") == 2
    assert "timeout: no result after 0.001 s" in out
    with Catalog(workspace.catalog_path) as catalog:
        assert [relic.render_id for relic in catalog.relics("rendered")] == [render_id] * 2
    run(workspace, other)
    assert "left out" not in capsys.readouterr().out
    run(workspace, other, retry=True)
    with Catalog(workspace.catalog_path) as catalog:
        assert [relic.render_id for relic in catalog.relics("rendered")] == [other.render_id()] * 2


def test_a_refusal_under_the_first_setting_keeps_no_relic_from_the_second(workspace, capsys):
    strict = dataclasses.replace(SETTINGS, size=40)
    run(workspace, strict, timeout_s=1e-3)
    with CatalogReader(workspace.catalog_path) as catalog:
        assert {relic.state for relic in catalog.relics()} == {"validated"}
        assert {(out.key, out.reason) for out in catalog.left_out()} == {
            (strict.render_id(), "timeout")
        }
        (stage,) = [entry for entry in count_stages(catalog.tallies()) if entry.stage == "render"]
        assert (stage.done, stage.out, stage.waiting) == (0, 2, 0)
    assert cli.main(["status", "--workspace", str(workspace.root), "--rejected"]) == 0
    out = capsys.readouterr().out
    assert f"{strict.render_id()} timeout" in out
    assert f"raise --timeout-s (in render {strict.render_id()} alone)" in out
    render_id = run(workspace)
    with CatalogReader(workspace.catalog_path) as catalog:
        assert {relic.render_id for relic in catalog.relics("rendered")} == {render_id}
        (stage,) = [entry for entry in count_stages(catalog.tallies()) if entry.stage == "render"]
        assert (stage.done, stage.out, stage.waiting) == (2, 0, 0)


def test_what_an_earlier_version_rejected_is_left_out_of_that_render_alone(workspace):
    uid, former = str(uuid.UUID(int=0)), SETTINGS.render_id()
    with Catalog(workspace.catalog_path) as catalog:
        assert catalog.claim("render", "validated", former).uid == uid
        catalog.reject(uid, "render", "crash", "it died")
    run(workspace)
    with CatalogReader(workspace.catalog_path) as catalog:
        assert catalog.get(uid).state == "validated"
        assert [(out.uid, out.reason) for out in catalog.left_out()] == [(uid, "crash")]
    other = run(workspace, dataclasses.replace(SETTINGS, size=40))
    with Catalog(workspace.catalog_path) as catalog:
        assert (catalog.get(uid).state, catalog.get(uid).render_id) == ("rendered", other)


def test_a_relic_whose_file_is_gone_waits_for_its_return(workspace, capsys):
    with Catalog(workspace.catalog_path) as catalog:
        blob = workspace.blob_path(catalog.get(str(uuid.UUID(int=0))).glb_sha256)
        catalog.change(str(uuid.UUID(int=0)), "ingest", "named", source_file="scans/box.glb")
    away = blob.rename(workspace.root / "away.glb")
    run(workspace)
    assert f"rejected scans/box.glb: gone: {blob} is not there" in capsys.readouterr().out
    away.rename(blob)
    run(workspace, retry=True)
    assert capsys.readouterr().out.endswith(": 1 rendered\n")


def test_a_vase_without_texture_has_views_that_look_alike(tmp_path):
    workspace = Workspace(tmp_path / "workspace")
    vase = trimesh.creation.cylinder(radius=1, height=3, sections=64)
    with Catalog(workspace.catalog_path) as catalog:
        digest = workspace.store_blob(vase.apply_transform(UPRIGHT).export(file_type="glb"))
        uid = str(uuid.UUID(int=5))
        catalog.add({"uid": uid, "title": "vase", "glb_sha256": digest})
        catalog.finish(uid, "validate", "validated")
    run(workspace, RenderSettings(engine="raycast", poses="ring:4@20", size=32))
    with Catalog(workspace.catalog_path) as catalog:
        assert catalog.get(uid).state == "rendered"


def test_what_was_rendered_twice_has_the_same_digest(workspace, tmp_path):
    digests = []
    for _ in range(2):
        render_id = run(workspace)
        with Catalog(workspace.catalog_path) as catalog:
            (uid, _) = [relic.uid for relic in catalog.relics("rendered")]
            folder = workspace.render_dir(render_id, uid)
            digests.append(views.read_meta(folder)["render_sha256"])
            (folder / views.DONE).unlink()
            catalog.finish(uid, "validate", "validated", render_id="")
            catalog._db.execute("DELETE FROM stage WHERE stage = 'render'")
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    "change",
    [
        {"engine": "blender"},
        {"size": 33},
        {"samples": 5},
        {"seed": 1},
        {"lighting": "three_point"},
        {"framing": "box"},
        {"depth_m": False},
        {"poses": "sphere:4"},
    ],
)
def test_every_setting_names_another_render(change):
    values = {**vars(SETTINGS), **change}
    assert RenderSettings(**values).render_id() != SETTINGS.render_id()


def test_a_panorama_counts_by_its_content_and_not_by_its_path(tmp_path):
    ids = []
    for folder, content in (("a", b"light"), ("b", b"light"), ("c", b"dark")):
        path = tmp_path / folder / "sky.hdr"
        path.parent.mkdir()
        path.write_bytes(content)
        settings = RenderSettings(lighting="hdri", hdri=str(path), poses="sphere:2")
        assert str(tmp_path) not in json.dumps(settings.facts())
        assert settings.lights()["hdri"] == str(path)
        ids.append(settings.render_id())
    assert ids[0] == ids[1] != ids[2]


def test_a_panorama_and_its_preset_go_together(tmp_path):
    for values in ({"lighting": "hdri"}, {"hdri": "sky.hdr"}):
        with pytest.raises(UserError, match="--hdri"):
            RenderSettings(**values)
    settings = RenderSettings(lighting="hdri", hdri=str(tmp_path / "absent.hdr"))
    with pytest.raises(UserError, match=r"absent\.hdr"):
        settings.render_id()


def brute_force(corners, size):
    """Every pixel's ray against every triangle (Moeller and Trumbore 1997), one by one."""
    depth = np.zeros((size, size))
    for row in range(size):
        for column in range(size):
            ray = np.linalg.solve(K, [column + 0.5, row + 0.5, 1])
            for a, b, c in corners:
                matrix = np.stack([ray, a - b, a - c], axis=-1)
                if abs(np.linalg.det(matrix)) < 1e-12:
                    continue
                t, u, v = np.linalg.solve(matrix, a)
                inside = min(u, v, 1 - u - v) >= 0 and t > 0
                if inside and not 0 < depth[row, column] <= t:
                    depth[row, column] = t
    return depth


def test_the_nearest_of_any_triangles_is_seen_at_its_depth(monkeypatch):
    rng = np.random.default_rng(5)
    centre = np.array([0.1, -0.1, 1.5]) + rng.uniform(-0.4, 0.4, (24, 1, 3))
    corners = centre + rng.uniform(-0.4, 0.4, (24, 3, 3))
    corners[3] = corners[3, :1]  # No area
    corners[4, :, 0] += 9  # Outside the image
    wanted = brute_force(corners, 20)
    for candidates in (z_buffer.MAX_CANDIDATES, 50):  # In one group, and in many
        monkeypatch.setattr(z_buffer, "MAX_CANDIDATES", candidates)
        triangle, depth = raycast_worker.look(corners, K, 20)
        np.testing.assert_allclose(depth, wanted, atol=1e-9)
        np.testing.assert_array_equal(triangle >= 0, wanted > 0)


def test_two_triangles_that_share_an_edge_leave_no_crack():
    wall = np.array([[-3, -3, 2], [3, -3, 2.5], [3, 3, 3], [-3, 3, 2.5]])  # Wider than the view
    triangle, _ = raycast_worker.look(wall[[[0, 1, 2], [0, 2, 3]]], K, 24)
    assert set(np.unique(triangle)) == {0, 1}


def test_a_triangle_behind_the_camera_is_an_error_that_names_the_remedy():
    with pytest.raises(ValueError, match="--engine blender"):
        raycast_worker.look(np.array([[[0, 0, 1], [1, 0, 1], [0, 1, -0.5]]]), K, 8)

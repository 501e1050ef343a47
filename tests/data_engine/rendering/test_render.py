import _thread
import os
import re
import signal
import sys
import uuid

import cv2
import numpy as np
import pytest
import trimesh

from data_engine.catalog.catalog import Catalog
from data_engine.errors import Refusal, UserError
from data_engine.rendering import queue as render_queue
from data_engine.rendering import views
from data_engine.rendering.child import RenderChild, RenderLimits
from data_engine.rendering.framing import Framing
from data_engine.rendering.queue import RenderQueue
from data_engine.rendering.settings import RenderSettings
from data_engine.workspace import Workspace
from jaxrelic.geometry import cameras

pytestmark = pytest.mark.blender
pytest.importorskip("bpy", reason="bpy is not installed: pip install -e '.[engine]'")

SETTINGS = RenderSettings(poses="sphere:3", size=48, samples=2)
LIMITS = RenderLimits(timeout_s=60)
# Low and high corners of two boxes before framing, in the world's axes; no symmetry may hide a
# wrong axis.
BOXES = np.array([[[7.0, -5, 2], [10, -3, 3]], [[9, -4, 3], [10, -3, 6]]])


def boxes_mesh(up_axis):
    """The two boxes in the axes of a file with that axis up."""
    parts = [trimesh.creation.box(bounds=bounds) for bounds in BOXES]
    mesh = trimesh.util.concatenate(parts)
    if up_axis == "Y":
        x, y, z = mesh.vertices.T
        mesh = trimesh.Trimesh(np.stack([x, z, -y], axis=-1), mesh.faces, process=False)
    return mesh


def red_mesh():
    mesh = trimesh.creation.box((1, 1, 1))
    mesh.visual.vertex_colors = np.tile(np.uint8([255, 0, 0, 255]), (8, 1))
    return mesh


def enter(workspace, catalog, name, mesh, up_axis="Y"):
    uid = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    digest = workspace.store_blob(mesh.export(file_type="glb"))
    catalog.add({"uid": uid, "title": name, "up_axis": up_axis, "glb_sha256": digest})
    catalog.finish(uid, "validate", "validated")
    return uid


def make_workspace(root, meshes):
    workspace = Workspace(root)
    with Catalog(workspace.catalog_path) as catalog:
        uids = {name: enter(workspace, catalog, name, *mesh) for name, mesh in meshes.items()}
    return workspace, uids


def run_queue(workspace, *, limits=LIMITS, workers=1):
    return RenderQueue(workspace, SETTINGS, limits, workers=workers).run()


def states(workspace, uids):
    with Catalog(workspace.catalog_path) as catalog:
        return {name: catalog.get(uid).state for name, uid in uids.items()}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    meshes = {
        "y-up": (boxes_mesh("Y"), "Y"),
        "z-up": (boxes_mesh("Z"), "Z"),
        "red": (red_mesh(), "Y"),
    }
    workspace, uids = make_workspace(tmp_path_factory.mktemp("rendered"), meshes)
    outcomes = run_queue(workspace)
    assert [outcome.what for outcome in outcomes] == ["rendered"] * 3
    return workspace, uids


def load_view(workspace, uid, name):
    folder = workspace.render_dir(SETTINGS.render_id(), uid)
    rgba = cv2.imread(str(folder / views.image_name(name)), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]]
    depth = cv2.imread(str(folder / views.depth_name(name)), cv2.IMREAD_UNCHANGED)
    return rgba, depth / 1000


def world_boxes(workspace, uid):
    meta = views.read_meta(workspace.render_dir(SETTINGS.render_id(), uid))
    framing = Framing(scale=meta["normalize_scale"], centre=tuple(meta["normalize_center"]))
    return framing.scale * (BOXES - framing.centre)


def view_cameras():
    pose_set = SETTINGS.pose_set()
    k = pose_set.pixel_from_cam.astype(np.float32)
    for name, pose in zip(pose_set.names, pose_set.cam_from_world(), strict=True):
        yield name, cameras.Camera(cam_from_world=pose.astype(np.float32), pixel_from_cam=k)


def corners_of(boxes):
    choose = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    return np.concatenate([box[choose, [0, 1, 2]] for box in boxes]).astype(np.float32)


def silhouette_error_px(rgba, camera, corners):
    """Largest distance between the box around the projected corners and that of the image."""
    uv = np.asarray(cameras.project(camera, corners)[0])
    rows, columns = np.nonzero(rgba[..., 3] > 127)
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    return np.abs(np.concatenate([uv.min(axis=0), uv.max(axis=0)]) - seen).max()


def test_relics_appear_where_the_recorded_camera_projects_them(rendered):
    workspace, uids = rendered
    corners = corners_of(world_boxes(workspace, uids["y-up"]))
    for name, camera in view_cameras():
        rgba, _ = load_view(workspace, uids["y-up"], name)
        assert silhouette_error_px(rgba, camera, corners) < 1


def test_a_28_mm_lens_on_the_default_sensor_would_not_pass_the_projection_test(rendered):
    workspace, uids = rendered
    corners = corners_of(world_boxes(workspace, uids["y-up"]))
    for name, camera in view_cameras():
        rgba, _ = load_view(workspace, uids["y-up"], name)
        fx = 28 / 36 * SETTINGS.size
        wrong = camera.replace(pixel_from_cam=cameras.intrinsics(fx, SETTINGS.size, SETTINGS.size))
        assert silhouette_error_px(rgba, wrong, corners) > 3


def test_depth_puts_every_pixel_on_the_surface(rendered):
    workspace, uids = rendered
    boxes = world_boxes(workspace, uids["y-up"])
    centre, half = boxes.mean(axis=1), np.ptp(boxes, axis=1) / 2
    for name, camera in view_cameras():
        rgba, depth = load_view(workspace, uids["y-up"], name)
        rows, columns = np.nonzero(depth)
        uv = np.stack([columns, rows], axis=-1).astype(np.float32) + 0.5
        points = np.asarray(cameras.unproject(camera, uv, depth[rows, columns].astype(np.float32)))
        distance = np.abs((np.abs(points[:, None] - centre) - half).max(axis=-1)).min(axis=-1)
        assert distance.max() < 1e-3  # Half a millimetre step, along the ray
        assert (rgba[rows, columns, 3] > 0).all()
        assert len(rows) > 0.9 * (rgba[..., 3] > 127).sum()


def test_a_z_up_file_renders_like_its_y_up_twin(rendered):
    workspace, uids = rendered
    for name in SETTINGS.pose_set().names:
        depths = [load_view(workspace, uids[twin], name)[1] for twin in ("y-up", "z-up")]
        np.testing.assert_allclose(*depths, atol=0.0011)


def test_a_relic_gives_the_same_bytes_alone_and_with_another_number_of_threads(rendered, tmp_path):
    workspace, uids = rendered
    other, other_uids = make_workspace(tmp_path, {"red": (red_mesh(), "Y")})
    run_queue(other, limits=RenderLimits(timeout_s=60, threads=1))
    digests = [
        views.read_meta(place.render_dir(SETTINGS.render_id(), uid))["render_sha256"]
        for place, uid in ((workspace, uids["red"]), (other, other_uids["red"]))
    ]
    assert digests[0] == digests[1]


def test_vertex_colours_show_and_a_missing_material_is_neutral(rendered):
    workspace, uids = rendered
    name = SETTINGS.pose_set().names[0]
    for relic, check in (
        ("red", lambda r, g, b: r > 3 * max(g, b)),
        ("y-up", lambda r, g, b: max(r, g, b) - min(r, g, b) < 3),
    ):
        rgba, _ = load_view(workspace, uids[relic], name)
        assert check(*rgba[rgba[..., 3] == 255][:, :3].mean(axis=0))


def test_faces_turned_differently_are_shaded_differently(rendered):
    workspace, uids = rendered
    top_view = SETTINGS.pose_set().names[-1]  # The highest: it sees the top and two sides
    rgba, _ = load_view(workspace, uids["y-up"], top_view)
    solid = rgba[rgba[..., 3] == 255][:, 0].astype(int)
    assert np.ptp(np.percentile(solid, [5, 95])) > 20


def test_running_again_renders_nothing_that_is_done(rendered, monkeypatch):
    workspace, uids = rendered
    monkeypatch.setattr(render_queue, "RenderChild", None)  # Starting Blender would raise
    assert run_queue(workspace) == []
    with Catalog(workspace.catalog_path) as catalog:
        for uid in uids.values():
            catalog.finish(uid, "validate", "validated", render_id="")
    assert [outcome.what for outcome in run_queue(workspace)] == ["kept"] * 3
    assert set(states(workspace, uids).values()) == {"rendered"}


def three_relics(tmp_path):
    meshes = {name: (trimesh.creation.box((1, 2, 3 + i)),) for i, name in enumerate("abc")}
    return make_workspace(tmp_path, meshes)


def strike(monkeypatch, uid, blow):
    """Makes something happen to the child whenever it gets one relic."""
    render = RenderChild.render

    def struck(child, job, on_view):
        if job["uid"] == uid:
            blow(child)
        return render(child, job, on_view)

    monkeypatch.setattr(RenderChild, "render", struck)


@pytest.mark.parametrize(
    ("number", "limits", "words"),
    [
        (signal.SIGKILL, LIMITS, "crash: .*SIGKILL"),
        (signal.SIGSTOP, RenderLimits(timeout_s=1.5), "timeout: no result after 1.5 s"),
    ],
)
def test_a_relic_that_kills_or_hangs_blender_fails_alone(
    tmp_path, monkeypatch, number, limits, words
):
    workspace, uids = three_relics(tmp_path)
    strike(monkeypatch, uids["b"], lambda child: os.kill(child.pid, number))
    outcomes = run_queue(workspace, limits=limits)
    assert states(workspace, uids) == {"a": "rendered", "b": "validated", "c": "rendered"}
    assert re.match(words, next(o.detail for o in outcomes if o.what == "left out"))
    assert not list(workspace.renders.rglob("*.part"))


def test_a_file_blender_refuses_fails_and_the_same_child_serves_the_next(tmp_path):
    broken, good = tmp_path / "broken.glb", tmp_path / "good.glb"
    data = trimesh.creation.box((1, 1, 1)).export(file_type="glb")
    broken.write_bytes(data[: len(data) // 2])
    good.write_bytes(data)
    child = RenderChild(SETTINGS, SETTINGS.pose_set(), LIMITS)
    upright = Framing(scale=1.0, centre=(0.0, 0.0, 0.0)).world_from_gltf()
    job = {"world_from_gltf": upright.tolist(), "out": str(tmp_path), "uid": "x"}
    job["log"] = str(tmp_path / "log.txt")
    seen = []
    try:
        with pytest.raises(Refusal, match=r"bad_glb: its header promises"):
            child.render({**job, "glb": str(broken)}, seen.append)
        bounds = child.render({**job, "glb": str(good)}, seen.append)
    finally:
        child.close()
    assert seen == [0, 1, 2]
    np.testing.assert_allclose(bounds, [[-0.5] * 3, [0.5] * 3], atol=1e-6)


def test_control_c_finishes_the_relic_at_hand_and_the_next_run_does_the_rest(
    tmp_path, monkeypatch, request
):
    workspace, uids = three_relics(tmp_path)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell's `&` ignores it
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, handler))
    with monkeypatch.context() as patch:
        strike(patch, min(uids.values()), lambda child: _thread.interrupt_main())
        with pytest.raises(KeyboardInterrupt):
            run_queue(workspace)
    assert sorted(states(workspace, uids).values()) == ["rendered", "validated", "validated"]
    assert not list(workspace.renders.rglob("*.part"))
    run_queue(workspace)
    assert set(states(workspace, uids).values()) == {"rendered"}


def test_an_interpreter_without_blender_is_named_with_the_remedy(tmp_path):
    workspace, uids = three_relics(tmp_path)
    python = tmp_path / "python"
    # -S leaves out site-packages, and with them bpy.
    python.write_text(f'#!/bin/sh\nexec {sys._base_executable} -S "$@"\n')
    python.chmod(0o755)
    with pytest.raises(UserError, match=r"No module named.*--blender-python"):
        run_queue(workspace, limits=RenderLimits(blender_python=str(python)))
    assert set(states(workspace, uids).values()) == {"validated"}

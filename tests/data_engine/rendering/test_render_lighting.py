"""Light and textures in a real Blender: the presets, a panorama, and files that do not decode."""

import contextlib

import cv2
import numpy as np
import pytest
import trimesh

from data_engine.errors import Refusal, UserError
from data_engine.gltf import textured
from data_engine.rendering import exr
from data_engine.rendering.child import RenderChild, RenderLimits
from data_engine.rendering.framing import Framing
from data_engine.rendering.settings import LIGHTING, RenderSettings

pytestmark = pytest.mark.blender
pytest.importorskip("bpy", reason="bpy is not installed: pip install -e '.[engine]'")

FRAMING = Framing(scale=1.0, centre=(0.0, 0.0, 0.0))


@contextlib.contextmanager
def photographer(folder, **values):
    """A Blender with these settings: from a GLB to linear RGBA and depth per view."""
    settings = RenderSettings(**{"size": 32, "samples": 16, **values})
    poses = settings.pose_set()
    child = RenderChild(settings, poses, RenderLimits(timeout_s=60))

    def shoot(glb):
        (folder / "relic.glb").write_bytes(glb)
        job = {
            "uid": "relic",
            "glb": str(folder / "relic.glb"),
            "out": str(folder),
            "log": str(folder / "log.txt"),
            "world_from_gltf": FRAMING.world_from_gltf().tolist(),
        }
        child.render(job, lambda index: None)
        return [exr.read_exr(folder / f"{index}.exr") for index in range(len(poses))]

    with contextlib.closing(child):
        yield shoot


def ball():
    return trimesh.creation.icosphere(subdivisions=4, radius=0.4).export(file_type="glb")


def centre_colours(shots):
    """Mean linear colour around the middle of each view, [n, 3]."""
    return np.array([rgba[14:18, 14:18, :3].mean(axis=(0, 1)) for rgba, _ in shots])


def test_the_dome_lights_each_side_as_its_formula_says(tmp_path):
    with photographer(tmp_path, poses="ring:8@35") as shoot:
        seen = centre_colours(shoot(ball())).mean(axis=-1)
    dome = LIGHTING["studio"]["dome"]
    towards = RenderSettings(poses="ring:8@35").pose_set().world_from_cam[:, :3, 2]
    cosine = towards @ np.array(dome["brightest"])
    # Irradiance of a + b cos over the hemisphere about n: pi (a + 2/3 b cos(n, brightest)).
    wanted = LIGHTING["studio"]["world"] + 2 / 3 * dome["slope"] * cosine
    np.testing.assert_allclose(seen / seen.mean(), wanted / wanted.mean(), rtol=0.03)


def test_three_points_leave_the_back_darker_than_the_front(tmp_path):
    with photographer(tmp_path, poses="ring:2@20", lighting="three_point") as shoot:
        shots = shoot(ball())
    levels = [np.percentile(rgba[rgba[..., 3] == 1][:, 0], [5, 95]) for rgba, _ in shots]
    assert all(bright > 2 * dark for dark, bright in levels)


def test_a_panorama_lights_each_side_with_its_own_colour(tmp_path):
    panorama = np.zeros((16, 32, 3), np.float32)
    panorama[:, :16] = 0.1, 0.1, 2  # BGR: one half red
    panorama[:, 16:] = 2, 0.1, 0.1  # the other blue
    assert cv2.imwrite(str(tmp_path / "sky.hdr"), panorama)
    values = {"lighting": "hdri", "hdri": str(tmp_path / "sky.hdr")}
    with photographer(tmp_path, poses="ring:4@0", **values) as shoot:
        colours = centre_colours(shoot(ball()))
    reddest, bluest = colours[:, 0] / colours[:, 2], colours[:, 2] / colours[:, 0]
    assert reddest.max() > 4
    assert bluest.max() > 4
    assert (reddest.argmax() - bluest.argmax()) % 4 == 2  # Seen from opposite sides


def test_a_panorama_that_is_no_image_stops_the_run_and_not_its_relics(tmp_path):
    (tmp_path / "sky.hdr").write_text("not an image")
    values = {"lighting": "hdri", "hdri": str(tmp_path / "sky.hdr"), "poses": "ring:2@0"}
    with pytest.raises(UserError, match=r"sky\.hdr"), photographer(tmp_path, **values):
        pass


def test_a_texture_blender_cannot_decode_is_refused_before_it_is_painted_magenta(tmp_path):
    mesh = trimesh.creation.box((0.4, 0.4, 0.4))
    picture = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    png = cv2.imencode(".png", picture)[1].tobytes()
    with photographer(tmp_path, poses="ring:2@0", samples=1) as shoot:
        for data in (png[:300], b"no picture at all", png):
            glb = textured.write_glb(
                vertices=mesh.vertices,
                normals=mesh.vertex_normals,
                faces=mesh.faces,
                uvs=mesh.vertices[:, :2] + 0.5,
                texture_png=data,
                name="box",
            )
            if data is png:
                assert len(shoot(glb)) == 2
            else:
                words = "bad_glb: (Blender cannot decode its texture|image 0 is not a PNG)"
                with pytest.raises(Refusal, match=words):
                    shoot(glb)

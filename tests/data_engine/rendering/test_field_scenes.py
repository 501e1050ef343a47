"""What validation calls sound is what both engines show, in its colours."""

import cv2
import numpy as np
import pytest
from field_folders import FOLDERS, cases, enter, needs_field

from data_engine.catalog.catalog import Catalog
from data_engine.rendering import views
from data_engine.rendering.child import RenderLimits
from data_engine.rendering.queue import RenderQueue
from data_engine.rendering.settings import RenderSettings
from data_engine.workspace import Workspace

SETTINGS = {"poses": "ring:2@20", "size": 64, "framing": "box"}
TEXTURED = (185, 66, 66)
SHOWN = [*cases("K6"), *(n for n in cases("K8") if n in ("g_basisu_optional", "g_uri_case"))]


def render(root, names, engine, **settings):
    """Mean colour of view 0 of field folders, or why there is none."""
    workspace, uid_of = Workspace(root), {}
    for name in names:  # One by one: they are one shape, and repeats are not rendered.
        (relic,) = enter(FOLDERS / name, Workspace(root / name)).values()
        data = Workspace(root / name).blob_path(relic.glb_sha256).read_bytes()
        digest = workspace.store_blob(data)
        with Catalog(workspace.catalog_path) as catalog:
            uid_of[name] = catalog.add({"uid": relic.uid, "glb_sha256": digest})
            catalog.finish(relic.uid, "validate", "validated")
    queue = RenderQueue(
        workspace, RenderSettings(engine=engine, **SETTINGS | settings), RenderLimits(), workers=1
    )
    details = {outcome.uid: outcome.detail for outcome in queue.run()}
    return {
        name: details[uid] or mean_colour(workspace.render_dir(queue.render_id, uid))
        for name, uid in uid_of.items()
    }


def mean_colour(folder):
    pixels = cv2.imread(str(folder / views.image_name("view_000")), cv2.IMREAD_UNCHANGED)
    return pixels[pixels[..., 3] > 250][:, [2, 1, 0]].mean(axis=0)


@needs_field
def test_the_quick_engine_renders_every_scene_of_the_field(tmp_path):
    found = render(tmp_path, SHOWN, "raycast")
    assert not [detail for detail in found.values() if isinstance(detail, str)]


@needs_field
@pytest.mark.blender
def test_blender_shows_the_scene_that_was_validated_in_its_colours(tmp_path):
    pytest.importorskip("bpy", reason="bpy is not installed: pip install -e '.[engine]'")
    found = render(tmp_path, SHOWN, "blender", samples=24, noise=0)
    for name, colour in found.items():
        assert not isinstance(colour, str), (name, colour)
        np.testing.assert_allclose(colour, TEXTURED, atol=4, err_msg=name)

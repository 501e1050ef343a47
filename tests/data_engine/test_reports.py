import json

import numpy as np
import pytest
from PIL import Image, ImageFont

from data_engine import reports
from data_engine.catalog import Catalog
from data_engine.catalog_schema import Relic
from data_engine.rendering import poses, views
from data_engine.workspace import Workspace

POSES = poses.one2345().scaled(16)
FONT = ImageFont.load_default(reports.FONT_PX)


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path)
    with Catalog(workspace.catalog_path) as catalog:
        for uid, title in (("aaaa", "Vase"), ("bbbb", "青花瓷"), ("cccc", "Coin")):
            catalog.add({"uid": uid, "title": title, "license_spdx": "CC-BY-4.0"})
        catalog.reject("cccc", "validate", "no_mesh", "points only")
        for uid in ("aaaa", "bbbb"):
            catalog.finish(uid, "render", "rendered", category="vessel")
            add_view(workspace.render_dir("0", uid))
    return workspace


def add_view(folder):
    """One half-transparent red picture, in the view that represents the relic."""
    folder.mkdir(parents=True)
    pixels = np.full((16, 16, 4), [255, 0, 0, 128], np.uint8)
    Image.fromarray(pixels).save(folder / views.image_name(reports.shown_view(POSES)))
    (folder / "meta.json").write_text("{}")
    (folder / views.DONE).touch()


def test_every_relic_is_listed_and_only_rendered_ones_have_a_picture(workspace):
    reports.write_reports(workspace, "0", POSES)
    listed = json.loads((workspace.reports / "relics.json").read_text("utf-8"))
    assert [entry["title"] for entry in listed] == ["Vase", "青花瓷", "Coin"]
    assert [entry["thumbnail"] is None for entry in listed] == [False, False, True]
    assert listed[2]["reason"] == "no_mesh"
    thumbnail = np.asarray(Image.open(workspace.reports / listed[0]["thumbnail"]).convert("RGB"))
    np.testing.assert_allclose(thumbnail[0, 0], [255, 127, 127], atol=1)  # Half red over white


def test_overview_counts_what_is_kept_and_says_why_the_rest_is_not(workspace):
    reports.write_reports(workspace, "0", POSES)
    found = json.loads((workspace.reports / "overview.json").read_text("utf-8"))
    assert found["relics"] == 3
    assert found["states"] == {"rejected": 1, "rendered": 2}
    assert found["categories"] == {"vessel": 2}
    assert found["licenses"] == {"CC-BY-4.0": 2}
    assert found["left_out"] == [{"stage": "validate", "reason": "no_mesh", "count": 1}]


def test_titles_the_font_lacks_cost_one_log_line_and_no_crash(workspace, caplog):
    sheet = reports.write_reports(workspace, "0", POSES)[0]
    width, height = Image.open(sheet).size
    assert (width, height) == (2 * reports.TILE_PX, reports.TILE_PX + reports.CAPTION_PX)
    assert [record.getMessage()[:8] for record in caplog.records] == ["1 titles"]


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Bronze ding", "Bronze ding"),
        ("Hà Nội 香 drum", "Ha Noi drum"),
        ("青花瓷", "0badcafe"),
        ("", "0badcafe"),
    ],
)
def test_a_title_is_shown_as_far_as_the_font_allows(title, shown):
    relic = Relic(uid="0badcafe-0000", title=title)
    assert " ".join(reports.caption(relic, FONT).split()) == shown


def test_a_long_title_is_cut_to_the_width_of_its_tile():
    text = reports.shorten("an inscribed clay tablet " * 9, FONT, 150)
    assert text.endswith("...")
    assert FONT.getlength(text) <= 150


def test_the_shown_view_is_the_anchor_nearest_to_the_front():
    assert reports.shown_view(poses.one2345()) == "view_0"  # Neighbour view_0_2_10 is nearer
    assert reports.shown_view(poses.ring(4, 10.0)) == "view_003"


def test_a_workspace_without_renders_still_gets_its_lists(workspace):
    paths = reports.write_reports(workspace, "1", POSES)
    assert [path.name for path in paths if path.exists()] == ["relics.json", "overview.json"]

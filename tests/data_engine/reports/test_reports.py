"""What the reports show is what the catalog holds, and nothing in it is taken for markup."""

import dataclasses
import itertools
import json
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from data_engine.catalog.catalog import Catalog
from data_engine.catalog.schema import Relic
from data_engine.cli import main
from data_engine.rendering import poses, views
from data_engine.reports import figures, lettering, listing, page, sheets, word_cloud
from data_engine.reports.census import take
from data_engine.reports.write import write_reports
from data_engine.workspace import Workspace

POSES = poses.one2345().scaled(16)
FACE = lettering.font(sheets.FONT_PX)
HOSTILE = "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>"


@pytest.fixture
def workspace(tmp_path):
    """Two rendered relics, one of them with a Chinese title, and one that was refused."""
    workspace = Workspace(tmp_path)
    with Catalog(workspace.catalog_path) as catalog:
        for uid, title in (("aaaa", "Vase"), ("bbbb", "青花瓷"), ("cccc", "Coin")):
            catalog.add({"uid": uid, "title": title, "license_spdx": "CC-BY-4.0"})
        catalog.add({"uid": "aaaa", "caption_en": "A bronze vase with a dragon, 5th century BC"})
        catalog.reject("cccc", "validate", "no_mesh", "points only")
        for uid in ("aaaa", "bbbb"):
            facts = {"triangles": 120, "glb_bytes": 10_000}
            catalog.finish(uid, "render", "rendered", category="vessel", **facts)
            add_views(workspace.render_dir("0", uid))
    return workspace


def add_views(folder):
    """Half-transparent red pictures, and a slope in depth with background on its left."""
    folder.mkdir(parents=True)
    pixels = np.full((16, 16, 4), [255, 0, 0, 128], np.uint8)
    depth = np.tile(np.r_[0, 0, np.linspace(1000, 2000, 14)].astype(np.uint16), (16, 1))
    for name in {sheets.shown_view(POSES), *sheets.sheet_views(POSES)}:
        Image.fromarray(pixels).save(folder / views.image_name(name))
        Image.fromarray(depth).save(folder / views.depth_name(name))
    (folder / "meta.json").write_text("{}")
    (folder / views.DONE).touch()


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*") if path.is_file()}  # fmt: skip


def load(workspace, name):
    return json.loads((workspace.reports / name).read_text("utf-8"))


def test_every_relic_is_listed_and_only_rendered_ones_have_a_picture(workspace):
    write_reports(workspace, "0", POSES)
    listed = load(workspace, "relics.json")
    assert [entry["title"] for entry in listed] == ["Vase", "青花瓷", "Coin"]
    assert [entry["thumbnail"] is None for entry in listed] == [False, False, True]
    assert listed[2]["reason"] == "no_mesh"
    thumbnail = np.asarray(Image.open(workspace.reports / listed[0]["thumbnail"]).convert("RGB"))
    np.testing.assert_allclose(thumbnail[0, 0], [255, 127, 127], atol=1)  # Half red over white


def test_overview_counts_what_is_kept_and_says_why_the_rest_is_not(workspace):
    write_reports(workspace, "0", POSES)
    found = load(workspace, "overview.json")
    assert found["relics"] == 3
    assert found["states"] == {"rendered": 2, "rejected": 1}
    assert found["categories"] == {"vessel": 2}
    assert found["licenses"] == {"CC-BY-4.0": 2}
    assert found["centuries"] == {"5th c. BC": 1, "unknown": 1}
    assert found["left_out"] == [{"stage": "validate", "reason": "no_mesh", "count": 1}]


def test_writing_again_changes_no_byte_and_draws_nothing_anew(workspace):
    write_reports(workspace, "0", POSES)
    before = tree(workspace.reports)
    pictures = [*workspace.reports.glob("[ts]h*/*"), *workspace.reports.glob("*.jpg")]
    drawn = {path: path.stat().st_ino for path in pictures}
    assert len(drawn) == 5
    write_reports(workspace, "0", POSES)
    assert tree(workspace.reports) == before
    assert {path: path.stat().st_ino for path in drawn} == drawn


def test_another_title_gives_another_sheet_and_a_broken_picture_is_mended(workspace):
    write_reports(workspace, "0", POSES)
    before = tree(workspace.reports)
    with Catalog(workspace.catalog_path) as catalog:
        catalog.add({"uid": "aaaa", "title": "Krater"})
    (workspace.reports / "sheets" / "bbbb.jpg").write_bytes(b"half")
    write_reports(workspace, "0", POSES)
    after = tree(workspace.reports)
    for name in ("sheets/aaaa.jpg", "contact-sheet-001.jpg", "index.html"):
        assert after[name] != before[name]
    assert after["sheets/bbbb.jpg"] == before["sheets/bbbb.jpg"]


def test_nothing_remains_of_a_relic_that_left(workspace):
    write_reports(workspace, "0", POSES)
    assert any("bbbb" in name for name in tree(workspace.reports))
    shutil.rmtree(workspace.render_dir("0", "bbbb"))
    with Catalog(workspace.catalog_path) as catalog:
        catalog.reject("bbbb", "review", "human_drop", "removed on request")
    write_reports(workspace, "0", POSES)
    after = tree(workspace.reports)
    assert not [name for name in after if "bbbb" in name]
    assert b"bbbb" not in after["index.html"] + after["relics-001.html"]


def test_a_workspace_without_renders_still_gets_its_page_and_lists(workspace):
    paths = write_reports(workspace, "1", POSES)
    assert [path.name for path in paths] == ["index.html", "relics.json", "overview.json"]
    assert all(path.is_file() for path in paths)
    assert not list(workspace.reports.glob("contact-sheet*"))


def test_the_command_writes_the_page_of_the_only_render(workspace, capsys):
    poses.write_poses(workspace.renders / "0" / "poses.json", POSES)
    assert main(["report", "--workspace", str(workspace.root)]) == 0
    assert str(workspace.reports / "index.html") in capsys.readouterr().out
    assert main(["report", "--workspace", str(workspace.root), "--render-id", "7"]) == 2
    assert "--render-id 0" in capsys.readouterr().err


def test_titles_the_font_lacks_cost_one_log_line_and_no_crash(workspace, caplog):
    write_reports(workspace, "0", POSES)
    width, height = Image.open(workspace.reports / "contact-sheet-001.jpg").size
    assert (width, height) == (2 * sheets.TILE_PX, sheets.TILE_PX + sheets.CAPTION_PX)
    assert [record.getMessage()[:8] for record in caplog.records] == ["1 titles"]


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Bronze ding", "Bronze ding"),
        ("Κρατήρ", "Κρατήρ"),
        ("Hà Nội 香 drum", "Ha Noi drum"),
        ("青花瓷", "0badcafe"),
        ("", "0badcafe"),
    ],
)
def test_a_title_is_shown_as_far_as_the_font_allows(title, shown):
    relic = Relic(uid="0badcafe-0000", title=title)
    assert " ".join(lettering.caption(relic, FACE).split()) == shown


def test_a_long_title_is_cut_to_the_width_of_its_tile():
    text = lettering.shorten("an inscribed clay tablet " * 9, FACE, 150)
    assert text.endswith("...")
    assert FACE.getlength(text) <= 150


def test_the_shown_view_is_the_anchor_nearest_to_the_front():
    assert sheets.shown_view(poses.one2345()) == "view_0"  # Neighbour view_0_2_10 is nearer
    assert sheets.shown_view(poses.ring(4, 10.0)) == "view_003"


def test_a_sheet_shows_eight_anchors_or_as_many_as_there_are():
    assert sheets.sheet_views(poses.one2345()) == [f"view_{n}" for n in range(8)]
    assert len(sheets.sheet_views(poses.ring(4, 10.0))) == 4
    many = poses.ring(30, 10.0)
    chosen = sheets.sheet_views(many)
    assert len(set(chosen)) == 8
    assert (chosen[0], chosen[-1]) == (many.names[0], many.names[-1])


def test_a_sheet_has_a_row_of_colour_above_a_row_of_depth(workspace):
    source = workspace.render_dir("0", "aaaa")
    sheet = sheets.relic_sheet(source, ["view_0", "view_1"], Relic(uid="aaaa", title="Vase"))
    assert sheet.size == (2 * sheets.TILE_PX, sheets.HEAD_PX + 2 * sheets.TILE_PX)
    pixels = np.asarray(sheet, int)
    assert (pixels[: sheets.HEAD_PX] < 100).any()  # The title
    middle = sheets.HEAD_PX + sheets.TILE_PX // 2
    np.testing.assert_allclose(pixels[middle, 80], [255, 127, 127], atol=1)
    depth = pixels[middle + sheets.TILE_PX, : sheets.TILE_PX].sum(axis=-1)
    assert depth[2] == 3 * 255
    assert depth[40] > depth[80] > depth[150]  # Near is light


def test_depth_is_lighter_the_nearer_it_is_and_nothing_is_white():
    shaded = sheets.shade_depth(np.array([[0.0, 1000, 1500, 2000]]), 1000, 2000)[0].sum(axis=-1)
    assert shaded[0] == 3 * 255
    assert (np.diff(shaded[1:].astype(int)) < 0).all()
    flat = sheets.shade_depth(np.array([[1000.0]]), 1000, 1000)
    assert np.isfinite(flat).all()


def test_words_are_counted_once_per_relic_and_only_where_they_are_english():
    relics = [
        Relic(uid="a", caption_en="The bronze, bronze vase of the emperor"),
        Relic(uid="b", description="A BRONZE coin; 3D scan", language="en-GB"),
        Relic(uid="c", description="Une coupe en bronze", language="fr"),
        Relic(uid="d", description="陶瓷刀", language="zh"),
        Relic(uid="e", title="Tablet", language="en"),
    ]
    counts = word_cloud.count_words(relics)
    assert counts == {"bronze": 2, "coin": 1, "emperor": 1, "tablet": 1, "vase": 1}
    assert list(counts) == ["bronze", "coin", "emperor", "tablet", "vase"]


def test_the_cloud_has_one_layout():
    counts = {"bronze": 5, "vase": 3, "dragon": 1}
    first, second = word_cloud.word_cloud(counts), word_cloud.word_cloud(dict(counts))
    assert first.tobytes() == second.tobytes()
    assert first.size == word_cloud.SIZE_PX
    assert (np.asarray(first) < 128).any()
    assert word_cloud.word_cloud({}) is None


def test_a_figure_is_the_same_each_time_and_absent_without_data():
    counts = {"LicenseRef-$a_b$": 3, "<b>": 2, "unknown": 1}
    assert figures.bars(counts, "relics") == figures.bars(counts, "relics")
    assert b"<b>" not in figures.bars(counts, "relics")
    assert figures.bars({"unknown": 0}, "relics") is None
    assert figures.histogram([], "x") is None
    assert figures.histogram([0, 0], "x") is None


@pytest.mark.parametrize("values", [[1], [1000], [10, 1000], [0.001, 7e7], list(range(1, 99))])
def test_a_histogram_loses_no_relic(values):
    edges = figures.thirds_of_decades(np.array(values, float))
    assert (np.diff(edges) > 0).all()
    assert np.histogram(values, edges)[0].sum() == len(values)


def content(relics, shown=None):
    census = take(relics, [relic for relic in relics if relic.state == "sharded"])
    facts = listing.overview(census, {}, [], "0")
    shown = relics if shown is None else shown
    return page.Content(census=census, relics=relics, shown=shown, facts=facts, figures=())


class Page(HTMLParser):
    """Tags, attributes and text of a page, as a browser reads them."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_data(self, data):
        self.text += data

    def values(self, *wanted):
        return [value for tag, name, value in self.attributes if (tag, name) == wanted]


def test_text_of_strangers_is_never_markup():
    bad = {field.name: HOSTILE for field in dataclasses.fields(Relic) if field.type is str}
    bad |= {"uid": "a", "source_url": "javascript:alert(1)", "license_url": "file:///etc/passwd"}
    relics = [Relic(**bad | {"state": state}) for state in ("sharded", "rejected", "duplicate")]
    for source in page.build(content(relics)).values():
        found = Page(source)
        assert "script" not in found.tags
        assert HOSTILE in found.text
        assert not [name for _, name, _ in found.attributes if name.startswith("on")]
        assert not [a for a in found.values("a", "href") if ":" in a]


def test_the_page_loads_pictures_beside_it_and_nothing_else(workspace):
    write_reports(workspace, "0", POSES)
    for path in workspace.reports.glob("*.html"):
        found = Page(path.read_text("utf-8"))
        assert not set(found.tags) & {"script", "link", "iframe", "object", "embed", "form"}
        for source in found.values("img", "src"):
            assert (workspace.reports / source).is_file()
        for address in found.values("a", "href"):
            assert (workspace.reports / address).is_file()
        (policy,) = [c for c in found.values("meta", "content") if "default-src" in c]
        assert "default-src 'none'" in policy


def test_galleries_hold_a_hundred_relics_each_and_link_one_another():
    relics = [Relic(uid=f"{n:03}", title=f"t{n}", state="sharded") for n in range(201)]
    pages = page.build(content(relics))
    assert sorted(pages) == ["index.html", *(f"relics-00{n}.html" for n in (1, 2, 3))]
    shown = [Page(pages[f"relics-00{n}.html"]).values("img", "alt") for n in (1, 2, 3)]
    assert [len(titles) for titles in shown] == [100, 100, 1]
    assert list(itertools.chain(*shown)) == [relic.title for relic in relics]
    assert {f"relics-00{n}.html" for n in (1, 3)} < set(
        Page(pages["relics-002.html"]).values("a", "href")
    )


def test_the_overview_shows_every_category_first():
    relics = [Relic(uid=f"{n:03}", category="coin", state="sharded") for n in range(90)]
    relics.append(Relic(uid="zzz", title="the only mask", category="mask", state="sharded"))
    assert "the only mask" in Page(page.build(content(relics))["index.html"]).values("img", "alt")


def test_the_road_says_what_ended_where():
    relics = [
        Relic(uid="a", state="sharded"),
        Relic(uid="b", state="rejected", reason="no_mesh", reason_stage="validate"),
        Relic(uid="c", state="duplicate", dup_kind="geometry"),
        Relic(uid="d", state="validated"),
    ]
    text = Page(page.build(content(relics, shown=[]))["index.html"]).text
    assert "1 no_mesh, 1 repeated" in text
    assert "1 waiting" in text


@pytest.mark.browser
@pytest.mark.parametrize("width_px", [420, 1280])
def test_a_real_browser_shows_the_pages_whole(browser, workspace, width_px):
    with Catalog(workspace.catalog_path) as catalog:
        catalog.add({"uid": "bbbb", "title": HOSTILE, "author_name": "W" * 200})
    write_reports(workspace, "0", POSES)
    browser.set_window_size(width_px, 900)
    for name, pictures in (("index.html", 10), ("relics-001.html", 2)):
        browser.get((workspace.reports / name).as_uri())
        browser.execute_script("for (const i of document.images) i.loading = 'eager'")
        # `decode` waits for a picture and fails for a broken one.
        broken = browser.execute_async_script(
            "const done = arguments[0], all = [...document.images].map(i => i.decode());"
            "Promise.allSettled(all).then(r => done(r.map(x => x.status != 'fulfilled')))"
        )
        assert broken == pictures * [False]
        assert "owned" not in browser.title
        sizes = "const d = document.documentElement; return d.scrollWidth - d.clientWidth"
        assert browser.execute_script(sizes) == 0
        assert browser.get_log("browser") == []


def test_words_that_are_no_known_licence_are_listed_for_a_human(workspace):
    with Catalog(workspace.catalog_path) as catalog:
        for uid, label in (("aaaa", "Ask <us>"), ("bbbb", "CC BY 4.0")):
            spdx = "CC-BY-4.0" if label.startswith("CC") else "LicenseRef-ask-us"
            words = {"license_label": label, "license_evidence": "README", "license_spdx": spdx}
            catalog.add({"uid": uid, **words})
    write_reports(workspace, "0", POSES)
    text = (workspace.reports / "index.html").read_text()
    assert "has no SPDX identifier: 1." in text
    assert "Ask &lt;us&gt;</td>" in text

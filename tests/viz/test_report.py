"""The report says everything it was given, says what is missing, and runs nothing."""

import json
from html.parser import HTMLParser

import numpy as np
import pytest

from jaxrelic.viz import grids, html, report

HOSTILE = "<script>alert('amphora')</script>"
SECTIONS = ["reconstruction", "metrics", "curves", "dataset", "relics", "costs", "commands"]


class Page(HTMLParser):
    """Tags, attributes and text of a page, as a browser reads them."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(self.words)

    @property
    def sections(self):
        return [v for tag, k, v in self.attributes if (tag, k) == ("section", "id")]


@pytest.fixture
def inputs(tmp_path):
    """Every input, small, with markup wherever text is shown."""
    reports = tmp_path / "workspace" / "reports"
    (reports / "thumbnails").mkdir(parents=True)
    picture = grids.png_bytes(np.zeros((4, 4, 3)))
    (reports / "thumbnails" / "a.png").write_bytes(picture)
    relic = {
        "uid": "a",
        "title": HOSTILE,
        "license": "CC-BY-4.0",
        "attribution": "Museum & Sons",
        "source_url": "javascript:alert(1)",
        "thumbnail": "thumbnails/a.png",
        "state": "sharded",
    }
    broken = {
        "uid": "b",
        "title": "b",
        "state": "rejected",
        "reason": "truncated",
        "detail": "ends early",
        "source_file": "b.glb",
        "thumbnail": None,
    }
    (reports / "relics.json").write_text(json.dumps([relic, broken]))
    overview = {"states": {"sharded": 1, "rejected": 1}, "splits": {"test": 1}}
    (reports / "overview.json").write_text(json.dumps(overview))
    run = tmp_path / "run"
    run.mkdir()
    (run / "metrics.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0}\n')
    line = {"protocol": "unicorn", "category": "all", "method": "model", "relics": 4, "points": 9}
    line |= {"chamfer": 1.234, "f@0.05": 0.5, "silhouette_iou": 0.75}
    metrics = {
        "protocols": {"unicorn": {"alignment": "gradient_icp", "unit": "CD in hundredths"}},
        "summary": [line],
        "split": "test",
        "held_out": True,
        "shards": "shards",
        "gallery": "Two views and a vase",
        "image_summary": [
            {"category": "all", "method": "drawn", "relics": 4, "psnr": 21.456, "mask_iou": None}
        ],
    }
    (run / "metrics.json").write_text(json.dumps(metrics))
    (run / "gallery.png").write_bytes(picture)
    previews = tmp_path / "previews"
    previews.mkdir()
    for name in report.HEADLINE:
        (previews / name).write_bytes(picture)
    more = tmp_path / "more"
    more.mkdir()
    (more / report.STRIP).write_bytes(picture)
    (more / "reconstruction.json").write_text(json.dumps({"photo": f"owl {HOSTILE}.jpg"}))
    stages = tmp_path / "stages.jsonl"
    stage = {"stage": "train", "command": "jaxrelic train <x>", "seconds": 61.25}
    stage |= {"cpu_seconds": 100, "peak_rss_bytes": 5e8, "exit_code": 0}
    stages.write_text(json.dumps(stage) + "\n")
    return report.ReportInputs(
        workspace=tmp_path / "workspace",
        run=run,
        evaluation=run,
        reconstructions=(previews, more),
        stages=stages,
    )


def test_every_section_is_there_with_or_without_its_input(inputs):
    assert Page(report.build(inputs)).sections == SECTIONS
    assert Page(report.build(report.ReportInputs())).sections == SECTIONS


def test_a_gallery_without_words_of_its_own_is_that_of_one_photograph(inputs):
    path = inputs.evaluation / "metrics.json"
    metrics = json.loads(path.read_text())
    del metrics["gallery"]
    path.write_text(json.dumps(metrics))
    assert "what the network saw" in Page(report.build(inputs)).text


def test_everything_that_was_given_is_said(inputs):
    text = Page(report.build(inputs)).text
    for words in (
        *("CC-BY-4.0", "Museum & Sons", "b.glb", "truncated", "ends early"),
        *("Protocol unicorn, alignment gradient_icp", "CD in hundredths", "1.23", "0.750"),
        *("Two views and a vase", "Views that were not shown", "21.46", "unknown"),
        *("61.2", "500", "jaxrelic train <x>", "held out"),
        *("More photographs", "owl"),
    ):
        assert words in text


def test_text_is_never_markup(inputs):
    source = report.build(inputs)
    page = Page(source)
    assert "script" not in page.tags
    assert HOSTILE in page.text
    assert not any("javascript:" in (value or "") for _, _, value in page.attributes)


def test_the_page_needs_no_network_and_no_file(inputs):
    for tag, name, value in Page(report.build(inputs)).attributes:
        if name in ("src", "srcset", "data", "poster"):
            assert value.startswith("data:image/"), (tag, name)
        assert tag not in ("link", "iframe", "object", "embed")
        assert not name.startswith("on")


def test_each_missing_input_is_said():
    text = Page(report.build(report.ReportInputs())).text
    for option in ("--workspace", "--run", "--evaluation", "--reconstruction", "--stages"):
        assert option in text


def test_broken_inputs_are_said_rather_than_raised(inputs):
    (inputs.run / "metrics.json").write_text("{")
    (inputs.run / "metrics.jsonl").write_text("")
    (inputs.workspace / "reports" / "relics.json").write_text("{")
    (inputs.reconstructions[0] / "depth.png").unlink()
    (inputs.reconstructions[1] / report.STRIP).unlink()
    text = Page(report.build(inputs)).text
    for words in (
        "No metrics.json",
        "no losses",
        "No reports/relics.json",
        "depth.png",
        "strip.png",
    ):
        assert words in text


def test_only_web_pages_become_links():
    assert "<a " in html.link("https://example.org/?a=1&b=2", "x")
    for address in ("javascript:alert(1)", "data:text/html,x", "//evil", "file:///etc/passwd", ""):
        assert "<a" not in html.link(address, "x")


@pytest.mark.browser
@pytest.mark.parametrize("width_px", [420, 1280])
def test_a_real_browser_shows_the_page_whole(browser, inputs, tmp_path, width_px):
    page = tmp_path / "report.html"
    page.write_text(report.build(inputs))
    browser.set_window_size(width_px, 900)
    browser.get(page.as_uri())
    # `decode` waits for a picture and fails for a broken one.
    broken = browser.execute_async_script(
        "const done = arguments[0], all = [...document.images].map(i => i.decode());"
        "Promise.allSettled(all).then(r => done(r.map(x => x.status != 'fulfilled')))"
    )
    # The six headline pictures, the second photograph, the gallery, the loss curves, and the one
    # relic with a thumbnail.
    assert broken == 10 * [False]
    overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(overflow) == 0
    assert browser.get_log("browser") == []

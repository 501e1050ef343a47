"""What strangers write about their files becomes bounded plain text, licences among it."""

import json

import pytest
from scans import ingest, relics, wedge

from data_engine.errors import UserError
from data_engine.ingest.manifest import CATEGORY_OF, MAX_LINE, describe
from data_engine.rights.licenses import credit_line, deed_url, spdx_of
from jaxrelic.data.schema import CATEGORIES


def test_a_manifest_describes_its_files(folder, workspace):
    (folder / "sub").mkdir()
    wedge().export(folder / "sub" / "v.ply")
    entry = {
        "id": "relic-1",
        "file": "v.ply",
        "name": "Vase",
        "description": "青花",
        "description_lang": "zh",
        "category": "sculpture",
        "license": "CC-BY-4.0",
        "license_evidence": "page of the museum",
        "author": "A. Potter (https://example.org/potter)",
        "source": {"repo": "github.com/potter/vases"},
        "sha256": "0" * 64,
        "surprise": [1],
    }
    content = {"objects": [entry, {"file": "lost.glb"}, "noise", {"file": 3}]}
    (folder / "sub" / "manifest.json").write_text(json.dumps(content))
    report = ingest(folder, workspace)
    relic = relics(workspace)["sub/v.ply"]
    expected = {
        "source_id": "relic-1",
        "title": "Vase",
        "description": "青花",
        "language": "zh",
        "category": "figure",
        "license_spdx": "CC-BY-4.0",
        "license_url": "https://creativecommons.org/licenses/by/4.0/",
        "license_evidence": "page of the museum",
        "author_name": "A. Potter",
        "author_url": "https://example.org/potter",
        "source_url": "https://github.com/potter/vases",
        "attribution": '"Vase" by A. Potter, https://github.com/potter/vases, licensed CC-BY-4.0',
    }
    assert {name: getattr(relic, name) for name in expected} == expected
    assert any("lost.glb" in words for words in report.warnings)
    assert any("sha256" in words for words in report.warnings)


def test_a_file_without_an_entry_has_an_unknown_licence_and_its_name_as_title(folder, workspace):
    wedge().export(folder / "blue vase.stl")
    ingest(folder, workspace)
    relic = relics(workspace)["blue vase.stl"]
    assert (relic.title, relic.license_spdx) == ("blue vase", "LicenseRef-unknown")


@pytest.mark.parametrize(
    ("words", "spdx"),
    [
        ("CC0-1.0", "CC0-1.0"),
        ("CC BY-SA 4.0", "CC-BY-SA-4.0"),
        ("cc-by-nc-nd-3.0", "CC-BY-NC-ND-3.0"),
        ("public domain", "LicenseRef-public-domain"),
        ("CC-BY", "LicenseRef-cc-by"),
        ("Free to use!", "LicenseRef-free-to-use"),
        ("LicenseRef-Sketchfab-Standard", "LicenseRef-Sketchfab-Standard"),
        ("", "LicenseRef-unknown"),
        ("许可", "LicenseRef-unknown"),
    ],
)
def test_only_clear_words_become_an_spdx_licence(words, spdx):
    assert spdx_of(words) == spdx


def test_a_deed_and_a_credit_line_are_complete():
    assert deed_url("CC-BY-NC-SA-4.0") == "https://creativecommons.org/licenses/by-nc-sa/4.0/"
    assert deed_url("LicenseRef-x") == ""
    line = credit_line(title="Owl", author="", url="", spdx="CC0-1.0")
    assert line == '"Owl" by an unnamed author, licensed CC0-1.0'


def test_every_category_word_maps_to_a_category_of_the_shards():
    assert set(CATEGORY_OF.values()) <= set(CATEGORIES)
    assert describe({"category": "spaceship"}, "x")["category"] == "other"


@pytest.mark.parametrize(
    "value",
    [
        "a\0b\x1b[31m",
        "\u202egnp.evil\u2066",
        "\ud800 half",
        "x" * 100_000,
        7,
        None,
        ["list"],
        {"a": 1},
        1e400,
    ],
)
def test_hostile_words_become_bounded_plain_text(folder, workspace, value):
    wedge().export(folder / "a.glb")
    keys = ("name", "description", "license", "author", "category", "description_lang", "id")
    entry = {"file": "a.glb", "source": value} | dict.fromkeys(keys, value)
    (folder / "manifest.json").write_text(json.dumps({"objects": [entry]}))
    ingest(folder, workspace)
    relic = relics(workspace)["a.glb"]
    for words in (relic.title, relic.license_label, relic.author_name, relic.source_id):
        assert len(words) <= MAX_LINE
        assert words.isprintable()


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "file:///etc/passwd", 'https://x" onclick="y', "//x", "a b"]
)
def test_only_web_addresses_become_source_urls(url):
    assert describe({"source": {"origin": url}}, "x")["source_url"] == ""


def test_a_manifest_with_a_slip_stops_the_run_and_a_foreign_one_does_not(folder, workspace):
    wedge().export(folder / "a.glb")
    (folder / "manifest.json").write_text('{"objects": [')
    with pytest.raises(UserError, match="not JSON"):
        ingest(folder, workspace)
    (folder / "manifest.json").write_text('{"name": "a web app"}')
    assert any("left alone" in words for words in ingest(folder, workspace).warnings)

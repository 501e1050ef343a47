"""Title, maker and licence are read where they stand, and the place of the licence is named."""

import json
import zipfile

import pytest
from field_folders import FOLDERS, cases, needs_field
from gltf_documents import BINARY, tetrahedron
from scans import ingest, relics, wedge

from data_engine.gltf.pack import write_glb
from data_engine.ingest.statements import is_notice

SKETCHFAB = """Model Information:
* title:\tRed vase
* source:\thttps://example.org/3d-models/red-vase
* author:\tA. Potter (https://example.org/apotter)

Model License:
* license type:\tCC-BY-4.0 (http://creativecommons.org/licenses/by/4.0/)
* requirements:\tAuthor must be credited. Commercial use is allowed.
"""
EXTRAS = {
    "title": "Red vase",
    "author": "A. Potter (https://example.org/apotter)",
    "license": "CC-BY-4.0 (http://creativecommons.org/licenses/by/4.0/)",
    "source": "https://example.org/3d-models/red-vase",
}
WORDS = {
    "title": "Red vase",
    "author_name": "A. Potter",
    "author_url": "https://example.org/apotter",
    "license_spdx": "CC-BY-4.0",
    "source_url": "https://example.org/3d-models/red-vase",
}


def glb(**asset) -> bytes:
    return write_glb(tetrahedron() | {"asset": {"version": "2.0", **asset}}, BINARY)


def one(folder, workspace, file="a.glb"):
    ingest(folder, workspace)
    return relics(workspace)[file]


def words_of(relic) -> dict:
    return {name: getattr(relic, name) for name in WORDS}


@needs_field
@pytest.mark.parametrize("name", [n for n in cases("K7") if n != "m_manifest_licence"])
def test_a_download_of_the_field_names_its_maker_and_licence(name, workspace):
    ingest(FOLDERS / name, workspace)
    (relic,) = relics(workspace).values()
    assert words_of(relic) == WORDS
    assert relic.license_evidence in ("license.txt", "asset.extras")


@needs_field
def test_a_manifest_of_the_field_in_other_words_is_understood(workspace):
    relic = one(FOLDERS / "m_manifest_licence", workspace)
    assert (relic.title, relic.license_spdx) == ("Vase", "CC-BY-4.0")
    assert relic.license_evidence == "manifest.json"


@pytest.mark.parametrize("layout", ["a.glb", "source/a.glb"])
def test_the_notice_of_a_download_speaks_of_its_model(folder, workspace, layout):
    with zipfile.ZipFile(folder / "vase.zip", "w") as archive:
        archive.writestr(layout, glb())
        archive.writestr("license.txt", SKETCHFAB)
    relic = one(folder, workspace, f"vase.zip/{layout}")
    assert words_of(relic) == WORDS
    assert relic.license_evidence == "license.txt"


def test_the_file_itself_is_read_and_again_when_it_is_known(folder, workspace):
    (folder / "a.glb").write_bytes(glb(extras=EXTRAS))
    relic = one(folder, workspace)
    assert (words_of(relic), relic.license_evidence) == (WORDS, "asset.extras")
    assert one(folder, workspace) == relic


INFO = {
    "name": "Red vase",
    "user": {"displayName": "A. Potter", "profileUrl": "https://example.org/apotter"},
    "license": {"label": "CC Attribution", "url": "http://creativecommons.org/licenses/by/4.0/"},
    "viewerUrl": "https://example.org/3d-models/red-vase",
}
README = """# Red vase

**Title:** Red vase
- Author: A. Potter (https://example.org/apotter)
Source = https://example.org/3d-models/red-vase

You may use it under [this](https://creativecommons.org/licenses/by/4.0/deed.en).
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("info.json", json.dumps(INFO)),
        ("README.md", README),
        ("readme.txt", README),
        ("LICENCE.txt", SKETCHFAB),
        ("license.txt", "\ufeff" + SKETCHFAB.replace("\n", "\r\n")),
    ],
)
def test_a_notice_beside_is_read(folder, workspace, name, text):
    wedge().export(folder / "a.stl")
    (folder / name).write_text(text)
    relic = one(folder, workspace, "a.stl")
    assert (words_of(relic), relic.license_evidence) == (WORDS, name)


@pytest.mark.parametrize(
    ("copyright_", "author", "spdx"),
    [
        ("2021 (c) A. Potter, CC BY 4.0", "A. Potter", "CC-BY-4.0"),
        ("© 2019-2021 A. Potter", "A. Potter", "LicenseRef-unknown"),
        ("CC0 1.0 Universal", "", "CC0-1.0"),
        ("All rights reserved", "", "LicenseRef-all-rights-reserved"),
    ],
)
def test_the_copyright_of_a_file_gives_its_maker_or_its_licence(
    folder, workspace, copyright_, author, spdx
):
    (folder / "a.glb").write_bytes(glb(copyright=copyright_))
    relic = one(folder, workspace)
    assert (relic.author_name, relic.license_spdx) == (author, spdx)


def test_of_two_licences_the_stricter_holds_and_both_places_are_named(folder, workspace):
    (folder / "a.glb").write_bytes(glb(extras={"license": "CC0 1.0"}))
    (folder / "README").write_text("License: CC BY-NC 4.0")
    relic = one(folder, workspace)
    assert relic.license_spdx == "CC-BY-NC-4.0"
    assert relic.license_evidence == "README, stricter than asset.extras (CC0-1.0)"


def test_vague_words_do_not_stand_against_a_clear_licence(folder, workspace):
    (folder / "a.glb").write_bytes(glb(extras={"license": "CC BY 4.0"}))
    (folder / "README").write_text("License: see our page")
    assert one(folder, workspace).license_spdx == "CC-BY-4.0"


def test_a_licence_that_nobody_knows_stays_unknown_in_its_own_words(folder, workspace):
    (folder / "a.glb").write_bytes(glb(extras={"license": "Museum terms of 1998"}))
    relic = one(folder, workspace)
    assert relic.license_spdx == "LicenseRef-museum-terms-of-1998"
    assert relic.license_label == "Museum terms of 1998"


def test_the_manifest_stands_above_all_and_a_stricter_word_is_told(folder, workspace):
    (folder / "a.glb").write_bytes(glb(extras=EXTRAS | {"license": "CC BY-NC 4.0"}))
    entry = {"file": "a.glb", "title": "Blue vase", "licence": "CC0", "creator": "B. Glazer"}
    (folder / "manifest.json").write_text(json.dumps({"objects": [entry]}))
    report = ingest(folder, workspace)
    relic = relics(workspace)["a.glb"]
    assert (relic.title, relic.author_name) == ("Blue vase", "B. Glazer")
    assert (relic.license_spdx, relic.license_evidence) == ("CC0-1.0", "manifest.json")
    assert relic.source_url == WORDS["source_url"]  # Of which the manifest says nothing.
    assert any("asset.extras says CC-BY-NC-4.0; the manifest" in words for words in report.warnings)


def test_a_title_beside_two_models_is_of_neither_and_the_licence_of_both(folder, workspace):
    for name, height in (("a.stl", 2.0), ("b.stl", 3.0)):
        wedge(height).export(folder / name)
    (folder / "license.txt").write_text(SKETCHFAB)
    ingest(folder, workspace)
    for name, relic in relics(workspace).items():
        assert (relic.title, relic.license_spdx) == (name[0], "CC-BY-4.0")


def test_a_notice_elsewhere_says_nothing_of_a_model(folder, workspace):
    (folder / "other").mkdir()
    (folder / "other" / "license.txt").write_text(SKETCHFAB)
    (folder / "inner").mkdir()
    (folder / "license.txt").write_text(SKETCHFAB)
    wedge().export(folder / "inner" / "a.stl")
    assert one(folder, workspace, "inner/a.stl").license_spdx == "LicenseRef-unknown"


@pytest.mark.parametrize(
    "asset",
    [{"extras": "x"}, {"extras": [1]}, {"copyright": 7}, {"extras": {"license": {"a": []}}}],
)
def test_words_of_another_kind_say_nothing(folder, workspace, asset):
    (folder / "a.glb").write_bytes(glb(**asset))
    for name, text in (("info.json", "[" * 9000), ("README.md", "\0" * 9), ("license.txt", "")):
        (folder / name).write_text(text)
    assert one(folder, workspace).license_spdx == "LicenseRef-unknown"


def test_a_notice_that_leads_out_of_the_folder_is_not_followed(folder, workspace, tmp_path):
    (tmp_path / "secret").write_text(SKETCHFAB)
    (folder / "license.txt").symlink_to(tmp_path / "secret")
    wedge().export(folder / "a.stl")
    assert one(folder, workspace, "a.stl").license_spdx == "LicenseRef-unknown"


def test_what_is_a_notice_is_told_by_its_name():
    assert all(map(is_notice, ("license.txt", "LICENSE", "Licence.md", "README", "info.json")))
    assert not any(map(is_notice, ("license.png", "readme.html", "my-info.json", "relicense.txt")))

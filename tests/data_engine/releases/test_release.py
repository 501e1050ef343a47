"""The published folder says what the catalog says, whatever strangers wrote into it."""

import csv
import dataclasses
import hashlib
import io
import json
import os
import pathlib
import re
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from array_record.python.array_record_module import ArrayRecordWriter
from tensorflow_datasets.proto import tf_example_pb2

from data_engine.catalog.catalog import Catalog
from data_engine.catalog.schema import VERDICT_COLUMNS, Relic
from data_engine.cli import main
from data_engine.releases import build, manifest
from data_engine.text.escaping import one_line
from data_engine.workspace import Workspace

HOSTILE = [
    "<script>alert('amphora')</script>",
    "=cmd|' /C calc'!A0",
    "a | b\nc\u202egnp.evil",
    "---\nlicense: mit\n---",
    "[x](javascript:alert(1)) `{{7*7}}`",
]
SPLITS = ("train", "train", "train", "val", "test")


def relic(n: int, words: str) -> dict:
    return {
        "uid": f"relic-{n}",
        "title": words,
        "description": f"{words}, 5th century BC" if n == 0 else words,
        "author_name": words,
        "author_url": "javascript:alert(1)",
        "language": "en" if n else "zh-Hans",
        "source_url": f"https://museum.example/{n}",
        "license_spdx": "CC-BY-SA-4.0" if n == 1 else "CC-BY-4.0",
        "license_url": "https://creativecommons.org/licenses/by/4.0/",
        "attribution": f'"{words}" by {words}',
        "category": "vessel" if n < 3 else "coin",
    }


@pytest.fixture
def workspace(tmp_path):
    """Five packed relics with hostile words, one refused and one repeated."""
    workspace = Workspace(tmp_path / "ws")
    with Catalog(workspace.catalog_path) as catalog:
        for n, (words, split) in enumerate(zip(HOSTILE, SPLITS, strict=True)):
            uid = catalog.add(relic(n, words))
            facts = {"triangles": 12 * n, "glb_bytes": 100, "watertight": n % 2 == 0}
            box = {"bbox_min": (-1, -1, -n), "bbox_max": (1, 1, n)} if n else {}
            catalog.finish(uid, "validate", "validated", cluster=uid, **facts, **box)
            catalog.finish(uid, "render", "rendered", render_id="abc123")
            catalog.finish(uid, "shards", "sharded", split=split)
        catalog.add(relic(7, "out") | {"uid": "out"})
        catalog.reject("out", "validate", "no_mesh", "points only")
        catalog.add({"uid": "twin", "state": "duplicate", "dup_of": "relic-0", "dup_kind": "exact"})
    add_data_set(workspace)
    settings = workspace.renders / "abc123" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"samples": 8, "lighting": "studio"}))
    return workspace


def add_data_set(workspace, splits=SPLITS, name="relic_views/v12_64/1.0.0", *, views=1, **words):
    """A data set of ours, reduced to what a release looks at: the n-th relic in the n-th split."""
    folder = workspace.shards / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    counts = {split: splits.count(split) * views for split in splits}
    listed = [{"name": split, "shardLengths": [str(n)]} for split, n in counts.items()]
    (folder / "dataset_info.json").write_text(json.dumps({"splits": listed}))
    metadata = {"render_id": "abc123", "split_rule": "hash(cluster)", "split_moved": {"x": "val"}}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    for split in counts:
        path = folder / f"x-{split}.array_record-00000-of-00001"
        writer = ArrayRecordWriter(str(path), "group_size:1")
        for n in [n for n, other in enumerate(splits) if other == split]:
            for _ in range(views):
                writer.write(record(uid=f"relic-{n}", **words))
        writer.close()


def record(**texts: str) -> bytes:
    example = tf_example_pb2.Example()
    for name, text in texts.items():
        example.features.feature[name].bytes_list.value.append(text.encode())
    return example.SerializeToString()


def release(workspace, folder, *more):
    return main(["release", "--workspace", str(workspace.root), "-o", str(folder), *more])


@pytest.fixture
def released(workspace, tmp_path):
    assert release(workspace, tmp_path / "out", "--contact", "a|b <x@museum.example>") == 0
    return tmp_path / "out"


def tree(folder: pathlib.Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes()
            for p in folder.rglob("*") if p.is_file()}  # fmt: skip


def test_the_listing_names_every_file_with_its_digest(released):
    listing = json.loads((released / "release.json").read_text())
    files = tree(released)
    files.pop("release.json")
    assert {name: hashlib.sha256(data).hexdigest() for name, data in files.items()} == {
        name: facts["sha256"] for name, facts in listing["files"].items()
    }
    assert {"README.md", "ATTRIBUTION.md", "ATTRIBUTION.csv", "NOTICE"} < files.keys()
    path = "relic_views/v12_64/1.0.0/x-val.array_record-00000-of-00001"
    assert files[path] == (released / "../ws/shards" / path).read_bytes()


def test_a_contested_licence_is_published_as_the_stricter_everywhere(workspace, tmp_path):
    with Catalog(workspace.catalog_path) as catalog:
        claim = {"license_contested": "CC-BY-NC-SA-3.0", "license_contested_by": "twin"}
        catalog.change("relic-3", "test", "contested", **claim, attribution="")
    assert release(workspace, tmp_path / "out") == 0
    files = {name: data.decode("utf-8", "replace") for name, data in tree(tmp_path / "out").items()}
    row = list(csv.DictReader(io.StringIO(files["ATTRIBUTION.csv"])))[3]
    assert row["license"] == "CC-BY-NC-SA-3.0"
    assert row["license_url"].endswith("/by-nc-sa/3.0/")
    said = "its source says CC-BY-4.0, but twin, a record of the same object, bears CC-BY-NC-SA-3.0"
    assert said in row["credit"]
    assert said in files["NOTICE"]
    assert "1 relics are under a stricter licence than their source names" in files["README.md"]
    cells = pq.read_table(tmp_path / "out" / manifest.NAME).to_pylist()[3]
    assert (cells["license_spdx"], cells["license_contested_by"]) == ("CC-BY-NC-SA-3.0", "twin")


def test_a_release_is_the_same_whenever_and_wherever_it_is_made(workspace, released, tmp_path):
    again = ("--contact", "a|b <x@museum.example>")
    elsewhere = Workspace(shutil.copytree(workspace.root, tmp_path / "moved"))
    assert release(elsewhere, tmp_path / "out2", *again) == 0
    assert tree(tmp_path / "out2") == tree(released)
    inode = (released / "README.md").stat().st_ino
    assert release(workspace, released, *again) == 0
    assert (released / "README.md").stat().st_ino == inode  # Left untouched
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_date_is_that_of_the_data_or_of_the_environment(workspace, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert release(workspace, tmp_path / "out") == 0
    assert json.loads((tmp_path / "out/croissant.json").read_text())["datePublished"] == (
        "1970-01-02"
    )
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert release(workspace, tmp_path / "out") == 2


def test_the_manifest_gives_back_every_published_field(workspace, released):
    with Catalog(workspace.catalog_path) as catalog:
        kept = catalog.relics("sharded")
    rows = pq.read_table(released / manifest.NAME).to_pylist()
    back = [
        Relic(
            state="sharded", **{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
        )
        for row in rows
    ]
    assert back == kept
    names = {field.name for field in dataclasses.fields(Relic)} - set(VERDICT_COLUMNS)
    assert set(rows[0]) == names


def test_columns_are_typed_even_where_nothing_is_known():
    table = pq.read_table(pa.BufferReader(manifest.encode([Relic(uid="a")])))
    assert table.schema.field("triangles").type == pa.int64()
    assert table.schema.field("watertight").type == pa.bool_()
    assert table.schema.field("bbox_min").type == pa.list_(pa.float64())
    assert not table.schema.field("uid").nullable


@dataclasses.dataclass(frozen=True, kw_only=True)
class LaterRelic(Relic):
    """With the kinds of column that later stages bring."""

    extensions: tuple[str, ...] | None = None
    llm_confidence: float | None = None


def test_columns_of_later_stages_appear_by_themselves(monkeypatch):
    monkeypatch.setattr(manifest, "Relic", LaterRelic)
    known = LaterRelic(uid="a", extensions=("KHR_x", "EXT_y"), llm_confidence=0.5)
    rows = pq.read_table(pa.BufferReader(manifest.encode([known, LaterRelic(uid="b")]))).to_pylist()
    assert [row["extensions"] for row in rows] == [["KHR_x", "EXT_y"], None]
    assert [row["llm_confidence"] for row in rows] == [0.5, None]


def test_croissant_validates_and_reads_the_manifest(released, monkeypatch):
    mlcroissant = pytest.importorskip("mlcroissant")
    monkeypatch.setattr("socket.socket.connect", None, raising=False)  # Nothing outside is needed
    data_set = mlcroissant.Dataset(jsonld=released / "croissant.json")
    issues = data_set.metadata.issues
    assert not issues.errors
    assert not issues.warnings
    rows = list(data_set.records("relics"))
    assert [row["relics/uid"].decode() for row in rows] == [f"relic-{n}" for n in range(5)]
    assert [row["relics/title"].decode() for row in rows] == HOSTILE
    assert [row["relics/triangles"] for row in rows] == [0, 12, 24, 36, 48]
    assert rows[0]["relics/bbox_min"] is None
    assert list(rows[2]["relics/bbox_min"]) == [-1.0, -1.0, -2.0]
    assert data_set.metadata.data_biases
    assert data_set.metadata.personal_sensitive_information


def test_croissant_describes_the_files_that_are_there(released):
    page = json.loads((released / "croissant.json").read_text())
    assert page["conformsTo"][0] == "http://mlcommons.org/croissant/1.1"
    table, shards = page["distribution"]
    data = (released / table["contentUrl"]).read_bytes()
    assert table["sha256"] == hashlib.sha256(data).hexdigest()
    assert table["contentSize"] == f"{len(data)} B"
    assert len(list(released.glob(shards["includes"]))) == 3
    columns = [field["source"]["extract"]["column"] for field in page["recordSet"][0]["field"]]
    assert columns == pq.read_schema(released / manifest.NAME).names


def front_matter(card):
    head, body = re.fullmatch(r"---\n(.*?)\n---\n(.*)", card, re.DOTALL).groups()
    return yaml.safe_load(head), body


def test_the_card_counts_what_the_catalog_holds(released):
    head, body = front_matter((released / "README.md").read_text())
    assert head["license"] == ["cc-by-4.0", "cc-by-sa-4.0"]
    assert head["language"] == ["en", "zh"]
    assert head["size_categories"] == ["n<1K"]
    for line in (
        "| CC-BY-4.0 | 4 |",
        "| vessel | 3 |",
        "| 5th c. BC | 1 |",
        "| validate: no\\_mesh | 1 |",
        "| exact | 1 |",
        "| ingest | 6 | 1 | 0 |",
        "| samples | 8 |",
        "| train | 3 |",
        "Rule: `hash(cluster)`.",
        "The most frequent category is vessel: 3 of 5 relics (60%)",
        "Contact: a\\|b &lt;x@museum.example&gt;.",
        "data-engine forget UID",
    ):
        assert line in body


def test_a_name_cannot_break_out_of_the_head(workspace, tmp_path):
    assert release(workspace, tmp_path / "o", "--name", '"\n---\nlicense: mit # {{x}} <b>') == 0
    head, body = front_matter((tmp_path / "o/README.md").read_text())
    assert head["pretty_name"] == '" --- license: mit # {{x}} <b>'
    assert "mit" not in head["license"]
    assert "<b>" not in body


def test_licences_a_hub_does_not_know_are_other(workspace, tmp_path):
    with Catalog(workspace.catalog_path) as catalog:
        catalog.add({"uid": "relic-3", "license_spdx": "LicenseRef-museum-terms"})
    assert release(workspace, tmp_path / "o") == 0
    head, body = front_matter((tmp_path / "o/README.md").read_text())
    assert head["license"] == "other"
    assert head["license_link"] == "ATTRIBUTION.md"
    assert "1 relics have a licence without an SPDX identifier" in body


def test_every_kept_relic_is_credited_on_one_line(released):
    text = (released / "ATTRIBUTION.md").read_text()
    rows = text.partition("| --- |")[2].splitlines()[1:]
    assert len(rows) == 5
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 6
    assert "<script" not in text
    assert "](<javascript" not in text
    assert text.count("](<https://museum.example/") == 5
    with (released / "ATTRIBUTION.csv").open(newline="") as file:
        header, *cells = csv.reader(file)
    assert header == ["uid", "title", "author", "source_url", "license", "license_url", "credit"]
    assert [row[1].removeprefix("'") for row in cells] == [one_line(words) for words in HOSTILE]
    assert not [cell for row in cells for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_only_share_alike_works_are_in_the_notice(workspace, released, tmp_path):
    notice = (released / "NOTICE").read_text()
    assert "CC-BY-SA-4.0" in notice
    assert notice.count("licenses/by/4.0") == 1
    with Catalog(workspace.catalog_path) as catalog:
        catalog.add({"uid": "relic-1", "license_spdx": "CC0-1.0"})
    assert release(workspace, tmp_path / "out") == 0
    assert not (tmp_path / "out/NOTICE").exists()


@pytest.mark.parametrize("foreign", ["thesis.txt", "relic_views/notes.md", "a file"])
def test_a_folder_of_someone_else_is_left_alone(workspace, tmp_path, capsys, foreign):
    folder = tmp_path / "out"
    if foreign == "a file":
        folder.write_text("mine")
    else:
        assert release(workspace, folder) == 0
        (folder / foreign).write_text("mine")
    before = tree(tmp_path)
    assert release(workspace, folder, "--name", "another") == 2
    assert "-o" in capsys.readouterr().err
    assert tree(tmp_path) == before


def test_an_empty_folder_and_a_damaged_release_are_filled(workspace, released, tmp_path):
    good = tree(released)
    (released / "README.md").unlink()
    (released / "manifest.parquet").write_bytes(b"")
    assert release(workspace, released, "--contact", "a|b <x@museum.example>") == 0
    assert tree(released) == good
    (tmp_path / "empty").mkdir()
    assert release(workspace, tmp_path / "empty", "--contact", "a|b <x@museum.example>") == 0
    assert tree(tmp_path / "empty") == good


def test_what_a_killed_run_left_is_swept_away(workspace, tmp_path):
    for name in (".out.building-4194999", ".out.building-4194999.retired"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").touch()
    mine = tmp_path / f".out.building-{os.getppid()}"
    mine.mkdir()
    assert release(workspace, tmp_path / "out") == 0
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == [mine]


@pytest.mark.parametrize(
    ("packed", "problem"),
    [
        ({"splits": (*SPLITS, "train")}, "holds relic-5"),
        ({"splits": SPLITS[:4]}, "lacks relic-4 (1 relics)"),
        (
            {"splits": ("val", "train", "train", "train", "test")},
            "has relic-3 in train, the catalog in val",
        ),
        ({"license": "CC0-1.0"}, "gives relic-4 another license"),
    ],
)
def test_shards_that_say_other_than_the_catalog_are_not_published(
    workspace, tmp_path, capsys, packed, problem
):
    add_data_set(workspace, **packed)
    assert release(workspace, tmp_path / "out") == 2
    line = capsys.readouterr().err
    assert problem in line
    assert "data-engine shards" in line
    assert not (tmp_path / "out").exists()


def test_a_data_set_may_hold_several_records_of_each_relic(workspace, tmp_path):
    add_data_set(workspace, name="relic_images/all_views/1.0.0", views=12)
    assert release(workspace, tmp_path / "out") == 0


def test_a_workspace_without_shards_is_told_what_to_do(tmp_path, capsys):
    workspace = Workspace(tmp_path / "ws")
    with Catalog(workspace.catalog_path) as catalog:
        catalog.add({"uid": "a"})
    assert release(workspace, tmp_path / "out") == 2
    assert "run `data-engine shards` first" in capsys.readouterr().err


def test_a_disk_without_links_gets_copies(workspace, tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError("no links here")

    monkeypatch.setattr(build.os, "link", refuse)
    assert release(workspace, tmp_path / "out") == 0
    path = "relic_views/v12_64/1.0.0/x-test.array_record-00000-of-00001"
    assert (tmp_path / "out" / path).read_bytes() == (workspace.shards / path).read_bytes()


def test_the_default_place_is_in_the_workspace(workspace):
    assert main(["release", "--workspace", str(workspace.root)]) == 0
    assert (workspace.root / "release" / "croissant.json").is_file()


def test_csv_is_read_back_whole():
    from data_engine.releases import credits

    text = credits.table([Relic(uid="u", title='say "hi", you', attribution="a\nb")])
    assert list(csv.reader(io.StringIO(text)))[1][1::5] == ['say "hi", you', "a b"]

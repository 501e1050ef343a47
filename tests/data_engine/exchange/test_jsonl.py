"""Records out and in: nothing lost, nothing believed, nothing entered twice."""

import dataclasses
import json
import uuid

import pytest
from places import SHARED_DATA

from data_engine.catalog.catalog import Catalog
from data_engine.catalog.schema import COLUMNS, Relic
from data_engine.cli import main
from data_engine.errors import UserError
from data_engine.exchange import jsonl
from data_engine.ingest.manifest import describe
from data_engine.rights import removal

SHARED = SHARED_DATA
DIGEST = "0123456789abcdef" * 4


def uid_of(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"test:{number}"))


@pytest.fixture
def catalog(tmp_path):
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        yield catalog


def full_record(number: int) -> dict:
    """Every field away from its default."""
    relic = Relic(uid=uid_of(number))
    kinds = {str: "Krug – 青花瓷 \u202e{x}", int: 7, float: 1 / 3, bool: False}
    record = {}
    for name in COLUMNS:
        text = str(Relic.__annotations__[name])
        kind = next((k for k in (bool, int, float) if k.__name__ in text), str)
        record[name] = kinds[kind] if "None" in text else kinds[str]
        if name.endswith("_sha256"):
            record[name] = DIGEST
        elif name.endswith("_url"):
            record[name] = "https://museum.example/a?b=c#d"
    triples = dict.fromkeys(("bbox_min", "bbox_max", "normalize_center"), (-1e-9, 1 / 3, 2.0))
    words = {"uid": relic.uid, "source": "sketchfab", "category": "vessel", "up_axis": "Z"}
    words |= {"state": "validated", "split": "val", "dup_kind": "human", "verdict": "keep"}
    words |= {"render_id": "0123456789ab"}
    words |= {"dup_of": uid_of(8), "cluster": uid_of(9), "extensions": ("KHR_a", "KHR_b")}
    words |= {"license_contested_by": uid_of(8)}
    words |= {"appearance_hash": 2 * DIGEST, "license_dismissed": ("CC-BY-4.0 of me",)}
    return {**record, **triples, **words}


def read_back(catalog, path, text: str, *, theirs: bool = False) -> jsonl.ImportReport:
    path.write_text(text, encoding="utf-8")
    return jsonl.import_jsonl(catalog, path, theirs=theirs)


def test_export_import_export_gives_the_same_bytes(tmp_path, catalog):
    for number in (2, 0, 1):
        catalog.insert(full_record(number), "test")
    catalog.add({"uid": uid_of(3), "title": "plain"})
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    assert jsonl.export_jsonl(catalog, one) == 4
    with Catalog(tmp_path / "other.sqlite") as other:
        report = jsonl.import_jsonl(other, one, theirs=False)
        assert (report.added, report.bad, report.conflicts) == (4, [], [])
        jsonl.export_jsonl(other, two)
        again = jsonl.import_jsonl(other, one, theirs=False)
        assert (again.added, again.updated, again.same) == (0, 0, 4)
        assert other.relics() == catalog.relics()
    assert one.read_bytes() == two.read_bytes()
    uids = [json.loads(line)["uid"] for line in one.read_text().splitlines()]
    assert uids == sorted(uids)


@pytest.mark.parametrize("page", ["o'neil", 'say"x', "<b>", "back\\slash", "(1)", "plain"])
def test_whatever_a_manifest_says_can_be_exported_and_imported(tmp_path, catalog, page):
    address = f"https://museum.example/{page}"
    entry = {"author": f"A. Potter ({address})", "source": {"url": address}, "name": page}
    catalog.add({"uid": uid_of(0), "source_file": "a.zip/in/b.glb", **describe(entry, "b")})
    path = tmp_path / "x.jsonl"
    jsonl.export_jsonl(catalog, path)
    with Catalog(tmp_path / "other.sqlite") as other:
        assert jsonl.import_jsonl(other, path, theirs=False).bad == []
        assert other.relics() == catalog.relics()


@pytest.mark.parametrize(
    "text",
    [
        "{a}\n{b}\n",
        "[{a}, {b}]",
        "[\n {a},\n {b},\n]\n",
        "{a}{b}",
        "\ufeff{a},\n{b},",
        "{a}\n\n\n  {b}",
    ],
)
def test_lists_lines_and_loose_objects_are_all_read(tmp_path, catalog, text):
    a, b = ({"uid": uid_of(n), "title": 'braces } { and "quotes"'} for n in (0, 1))
    text = text.replace("{a}", json.dumps(a)).replace("{b}", json.dumps(b, indent=1))
    assert read_back(catalog, tmp_path / "x.json", text).added == 2


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ('{"uid": "../../etc/passwd"}', "uid is '../../etc/passwd'"),
        ('{"title": "no uid"}', "uid is None"),
        ('{"uid": "U", "titel": "x"}', "no field is named 'titel'"),
        ('{"uid": "U", "title": 7}', "title is 7, not text"),
        ('{"uid": "U", "title": "a\\u0000b"}', "control character U+0000"),
        ('{"uid": "U", "title": "\\ud800"}', "control character U+D800"),
        ('{"uid": "U", "state": "stolen"}', "state is 'stolen'"),
        ('{"uid": "U", "source_url": "javascript:alert(1)"}', "not an http(s) address"),
        ('{"uid": "U", "glb_sha256": "../x"}', "not a digest"),
        ('{"uid": "U", "appearance_hash": "abc"}', "not the hash"),
        ('{"uid": "U", "render_id": "../../etc"}', "not twelve hexadecimal digits"),
        ('{"uid": "U", "triangles": true}', "triangles is True"),
        ('{"uid": "U", "bbox_min": [0, 1]}', "bbox_min is [0, 1]"),
        ('{"uid": "U", "normalize_scale": NaN}', "NaN is not a number"),
        ('{"uid": "U", "normalize_scale": 1e999}', "normalize_scale is inf"),
        ('{"uid": "U", "uid": "U"}', "names a key twice"),
        ('"just text"', "it is str, not an object"),
        ('{"uid": "U", ', "it is not JSON"),
        ("[" * 3 + '{"uid":' + "[" * 100_000, "it is not JSON"),
    ],
)
def test_a_bad_record_is_one_line_with_its_place_and_the_others_enter(
    tmp_path, catalog, record, words
):
    sound = [json.dumps({"uid": uid_of(n)}) for n in (0, 1)]
    text = "\n".join([sound[0], record.replace('"U"', f'"{uid_of(2)}"'), sound[1]])
    report = read_back(catalog, tmp_path / "x.jsonl", text)
    (line,) = report.bad
    assert line.startswith("x.jsonl, line 2: ")
    assert words in line
    assert "\n" not in line
    assert [relic.uid for relic in catalog.relics()] == sorted([uid_of(0), uid_of(1)])


def test_what_both_sides_know_differently_is_reported_field_by_field(tmp_path, catalog):
    catalog.add({"uid": uid_of(0), "title": "Vase", "author_name": "A. Potter"})
    text = json.dumps({"uid": uid_of(0), "title": "Bowl", "language": "en", "author_name": ""})
    path = tmp_path / "x.jsonl"
    report = read_back(catalog, path, text)
    assert report.conflicts == [f"{uid_of(0)} title: here 'Vase', there 'Bowl'"]
    relic = catalog.get(uid_of(0))
    assert (relic.title, relic.language, relic.author_name) == ("Vase", "en", "A. Potter")
    read_back(catalog, path, text, theirs=True)
    assert catalog.get(uid_of(0)).title == "Bowl"
    assert read_back(catalog, path, text).same == 1


@pytest.mark.parametrize("theirs", [False, True])
def test_a_reason_stays_with_its_state(tmp_path, catalog, theirs):
    catalog.insert({"uid": uid_of(0), "state": "sharded", "license_date": "here"}, "test")
    catalog.insert({"uid": uid_of(1), "state": "rejected", "reason": "bomb"}, "test")
    others = [
        {"uid": uid_of(0), "state": "rejected", "reason": "crash", "license_date": "there"},
        {"uid": uid_of(1), "state": "validated", "reason": ""},
    ]
    text = "\n".join(map(json.dumps, others))
    report = read_back(catalog, tmp_path / "x.jsonl", text, theirs=theirs)
    assert ["state: here" in line for line in report.conflicts] == [True, True]
    found = {relic.uid: (relic.state, relic.reason) for relic in catalog.relics()}
    ours = {uid_of(0): ("sharded", ""), uid_of(1): ("rejected", "bomb")}
    assert found == (
        {uid_of(0): ("rejected", "crash"), uid_of(1): ("validated", "")} if theirs else ours
    )
    assert catalog.get(uid_of(0)).license_date == "here"


def test_a_list_of_the_first_builder_is_understood(tmp_path, catalog):
    page = "https://sketchfab.com/3d-models/vase-0123"
    record = {"model name": "Vase", "description": "A {vase}.", "download_link": f"{page}#download"}
    record |= {"uid": "5d9e", "pic_path": "C:\\pics\\vase.png"}
    assert read_back(catalog, tmp_path / "x.json", f"{json.dumps(record)},\n").added == 1
    (relic,) = catalog.relics()
    assert relic.uid == str(uuid.uuid5(uuid.NAMESPACE_URL, page))
    assert (relic.legacy_uid, relic.source, relic.source_url) == ("5d9e", "sketchfab", page)
    assert (relic.title, relic.description, relic.state) == ("Vase", "A {vase}.", "found")


def test_a_forgotten_relic_does_not_come_back_by_a_list(tmp_path, catalog):
    catalog.add({"uid": uid_of(0), "title": "Vase"})
    path = tmp_path / "x.jsonl"
    jsonl.export_jsonl(catalog, path)
    removal.bury(catalog, catalog.relics(), reason="asked")
    report = jsonl.import_jsonl(catalog, path, theirs=False)
    assert "at somebody's request" in report.bad[0]
    assert catalog.relics() == []


def test_the_command_tells_what_happened_and_fails_when_records_were_refused(tmp_path, capsys):
    path, ws = tmp_path / "x.jsonl", tmp_path / "ws"
    path.write_text(json.dumps({"uid": uid_of(0)}) + "\n{}\n")
    assert main(["import-jsonl", str(path), "--workspace", str(ws)]) == 2
    captured = capsys.readouterr()
    assert "refused x.jsonl, line 2: uid is None" in captured.out
    assert "1 new" in captured.out
    assert captured.err.count("\n") == 1
    assert main(["export-jsonl", "--workspace", str(ws), "-o", str(tmp_path / "y.jsonl")]) == 0
    assert json.loads((tmp_path / "y.jsonl").read_text())["uid"] == uid_of(0)


def test_a_file_over_the_limit_or_of_other_bytes_is_refused(tmp_path, catalog, monkeypatch):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(UserError, match="not UTF-8"):
        jsonl.import_jsonl(catalog, path, theirs=False)
    monkeypatch.setattr(jsonl, "MAX_IMPORT_BYTES", 3)
    with pytest.raises(UserError, match="split it"):
        jsonl.import_jsonl(catalog, path, theirs=False)


@pytest.mark.skipif(not (SHARED / "hostile").is_dir(), reason="needs ../shared/data/hostile")
def test_hostile_strings_survive_as_plain_text_or_are_refused(tmp_path, catalog):
    entries = json.loads((SHARED / "hostile" / "metadata-strings.json").read_text())
    records = [
        {"uid": uid_of(number), name: entry["value"]}
        for number, entry in enumerate(entries)
        for name in ("title",)
    ]
    text = "\n".join(map(json.dumps, records))
    report = read_back(catalog, tmp_path / "x.jsonl", text)
    assert report.added + len(report.bad) == len(records)
    assert report.added > len(records) / 2
    given = {record["uid"]: record["title"] for record in records}
    assert all(relic.title == given[relic.uid] for relic in catalog.relics())
    jsonl.export_jsonl(catalog, tmp_path / "y.jsonl")
    assert jsonl.import_jsonl(catalog, tmp_path / "y.jsonl", theirs=False).same == report.added
    assert dataclasses.asdict(catalog.relics()[0])  # The table that strings tried to drop

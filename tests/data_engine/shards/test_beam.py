"""The DirectRunner of Apache Beam writes what a build without Beam writes."""

import hashlib
import json
import sys

import pytest

pytest.importorskip("apache_beam", reason="pip install -e '.[beam]'")

import tensorflow_datasets as tfds

import data_engine.shards
from data_engine.catalog.catalog import Catalog
from data_engine.cli import main
from data_engine.rendering import poses, views

RENDER_ID = "0123456789ab"


@pytest.fixture
def workspace(rendered_workspace, tmp_path):
    return rendered_workspace(tmp_path, poses.sphere(2).scaled(8), RENDER_ID)


def digests(workspace):
    files = [path for path in workspace.shards.rglob("*") if path.is_file()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def uids(workspace):
    builder = tfds.builder_from_directory(str(workspace.shards / "relic_views/v2_8/1.0.0"))
    sources = [builder.as_data_source(split) for split in builder.info.splits]
    return {record["uid"].decode() for source in sources for record in source}


def test_the_pipeline_writes_the_same_bytes(workspace, capsys):
    words = ["shards", "--workspace", str(workspace.root)]
    assert main(words) == 0
    alone = digests(workspace)
    inode = next(workspace.shards.rglob("dataset_info.json")).stat().st_ino
    assert main([*words, "--beam"]) == 0
    assert digests(workspace) == alone
    assert next(workspace.shards.rglob("dataset_info.json")).stat().st_ino == inode
    assert "left out" not in capsys.readouterr().out


def test_a_relic_that_cannot_be_packed_is_a_dead_letter_and_the_others_are_packed(
    workspace, capsys
):
    words = ["shards", "--workspace", str(workspace.root), "--beam"]
    with Catalog(workspace.catalog_path) as catalog:
        relics = catalog.relics()
    victim = relics[1].uid
    folder = workspace.render_dir(RENDER_ID, victim)
    (folder / views.image_name("view_001")).unlink()
    with Catalog(workspace.catalog_path) as catalog:
        catalog.finish(victim, "shards", "sharded", split="train")  # As if packed earlier
    assert main([*words, "--val-percent", "0", "--test-percent", "0"]) == 0
    told = capsys.readouterr()
    assert f"left out {victim}: FileNotFoundError" in told.out
    assert "view_001.png is missing, so its relic has no pictures" in told.err
    assert uids(workspace) == {relic.uid for relic in relics} - {victim}
    letters = (workspace.reports / "relic_views-left-out.jsonl").read_text().splitlines()
    assert [json.loads(line)["uid"] for line in letters] == [victim]
    with Catalog(workspace.catalog_path) as catalog:
        states = {relic.uid: relic.state for relic in catalog.relics()}
    assert states == {relic.uid: "sharded" for relic in relics} | {victim: "rendered"}


def test_without_beam_one_line_says_what_to_install(workspace, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.delitem(sys.modules, "data_engine.shards.beam", raising=False)
    monkeypatch.delattr(data_engine.shards, "beam", raising=False)
    assert main(["shards", "--workspace", str(workspace.root), "--beam"]) == 2
    assert "pip install 'jaxrelic[beam]'" in capsys.readouterr().err

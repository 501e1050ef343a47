"""Clusters and repeats: found whatever the order, named for good, open to a human's word."""

import itertools
import shutil
import uuid

import numpy as np
import pytest
import trimesh
from places import SHARED_DATA

from data_engine.catalog.catalog import Catalog
from data_engine.cli import main
from data_engine.errors import UserError
from data_engine.identity import duplicates
from data_engine.identity.clusters import NEAR, judge, settle
from data_engine.identity.groups import Groups
from data_engine.ingest.folder import ingest_folder
from data_engine.processes.pool import ChildLimits
from data_engine.validate import validate_all
from data_engine.workspace import Workspace

SHARED = SHARED_DATA
LIMITS = ChildLimits(seconds=120)


def uid_of(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"test:{number}"))


@pytest.fixture
def catalog(tmp_path):
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        yield catalog


def add(catalog: Catalog, *numbers: int) -> list[str]:
    return [catalog.add({"uid": uid_of(number), "state": "validated"}) for number in numbers]


def store(catalog: Catalog, a: str, b: str, distance: float, moved: bool = False) -> None:
    outcome = {"distance": distance, "moved": moved}
    duplicates._store_pair(catalog, tuple(sorted((a, b))), outcome)


def clusters(catalog: Catalog) -> dict[str, str]:
    return {relic.uid: relic.cluster for relic in catalog.relics()}


def test_the_order_of_pairs_does_not_change_the_clusters(tmp_path):
    pairs = [(0, 1, 0.0), (1, 2, 0.9), (3, 4, 0.5), (4, 5, 1.1), (2, 3, 1.5)]
    outcomes = []
    for number, order in enumerate(itertools.permutations(pairs)):
        if number % 13:
            continue
        with Catalog(tmp_path / f"{number}.sqlite") as catalog:
            uids = add(catalog, *range(7))
            for a, b, share in order:
                store(catalog, uids[a], uids[b], share * NEAR, moved=share == 0)
            settle(catalog)
            outcomes.append([(r.uid, r.cluster, r.state, r.dup_of) for r in catalog.relics()])
    assert all(outcome == outcomes[0] for outcome in outcomes)
    found = {uid: (cluster, state) for uid, cluster, state, _ in outcomes[0]}
    # 0 and 1 are one moved mesh; 4-5 and 2-3 are too far apart; 1 takes its link to 2 with it.
    assert found[uid_of(1)] == (uid_of(0), "duplicate")
    assert found[uid_of(3)][0] == found[uid_of(4)][0] == uid_of(3)
    assert found[uid_of(2)][0] == uid_of(2)
    assert found[uid_of(5)][0] == uid_of(5)


def test_a_relic_that_comes_later_never_renames_a_cluster(catalog):
    first, *later = add(catalog, *range(5))
    settle(catalog)
    for uid in later:
        store(catalog, first, uid, NEAR / 2)
        settle(catalog)
        assert clusters(catalog)[uid] == clusters(catalog)[first] == first


def test_joining_two_clusters_renames_the_younger_alone(catalog):
    a, b, c, d = add(catalog, *range(4))
    store(catalog, a, b, NEAR / 2)
    store(catalog, c, d, NEAR / 2)
    settle(catalog)
    assert clusters(catalog) == {a: a, b: a, c: c, d: c}
    store(catalog, b, d, NEAR / 2)
    settle(catalog)
    assert set(clusters(catalog).values()) == {a}


def test_settling_again_writes_nothing(catalog):
    a, b, c = add(catalog, *range(3))
    store(catalog, a, b, NEAR / 2)
    store(catalog, b, c, 0.0, moved=True)
    assert settle(catalog) == [(c, b)]
    history = [catalog.events(uid) for uid in (a, b, c)]
    assert settle(catalog) == []
    assert [catalog.events(uid) for uid in (a, b, c)] == history


def test_a_human_takes_a_repeat_back_and_later_runs_respect_it(catalog):
    a, b = add(catalog, 0, 1)
    store(catalog, a, b, 0.0, moved=True)
    settle(catalog)
    assert (catalog.get(b).state, catalog.get(b).dup_of) == ("duplicate", a)
    judge(catalog, b, a, "separate")
    store(catalog, a, b, 0.0, moved=True)  # As a new version of the comparison would
    settle(catalog)
    assert (catalog.get(b).state, catalog.get(b).dup_of, catalog.get(b).cluster) == (
        "validated",
        "",
        b,
    )
    judge(catalog, a, b, "join")
    assert (catalog.get(b).cluster, catalog.get(b).dup_kind) == (a, "human")


def test_what_a_human_separated_is_not_joined_through_a_third(catalog):
    a, b, c = add(catalog, *range(3))
    for pair in ((a, b), (b, c)):
        store(catalog, *pair, NEAR / 2)
    judge(catalog, a, c, "separate")
    assert clusters(catalog)[a] != clusters(catalog)[c]
    groups = Groups("abc", [("a", "c")])
    assert groups.join("a", "b")
    assert not groups.join("b", "c")


def test_a_byte_copy_cannot_be_separated(catalog):
    (a,) = add(catalog, 0)
    copy = {"uid": uid_of(1), "state": "duplicate", "dup_of": a, "dup_kind": "exact"}
    catalog.add(copy)
    with pytest.raises(UserError, match="byte copy"):
        judge(catalog, a, uid_of(1), "separate")
    with pytest.raises(UserError, match="no relic"):
        judge(catalog, a, "unheard-of", "join")


def test_proposals_are_the_same_one_by_one_and_all_at_once(catalog, monkeypatch):
    monkeypatch.setattr(duplicates, "CHUNK", 7)
    rng = np.random.default_rng(0)
    seeds = rng.normal(size=(12, 8))
    rows = np.repeat(seeds, 3, axis=0) + 1e-3 * rng.normal(size=(36, 8))
    rows = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
    seen = set()
    for uid, row in zip(add(catalog, *range(36)), rows, strict=True):
        duplicates.store_descriptor(catalog, uid, row.tobytes().hex())
        seen |= set(duplicates.propose(catalog))
        catalog.execute("UPDATE shape SET proposed = 1")
    assert duplicates.propose(catalog) == []
    catalog.execute("UPDATE shape SET proposed = 0")
    at_once = duplicates.propose(catalog)
    assert sorted(seen) == at_once
    assert len(at_once) == 12 * 3


def shape(level: int) -> trimesh.Trimesh:
    ball = trimesh.creation.icosphere(level)
    x, y, z = ball.vertices.T
    dents = 1 + 0.2 * np.sin(3 * x + 1) * np.cos(2 * y + 0.6) + 0.2 * np.sin(4 * z + x)
    ball.vertices = ball.vertices * dents[:, None] * [1.0, 0.8, 0.65]
    return ball


def test_validate_finds_what_was_moved_and_what_was_meshed_anew(tmp_path, capsys):
    folder, workspace = tmp_path / "scans", Workspace(tmp_path / "ws")
    folder.mkdir()
    shape(4).export(folder / "a.ply")
    trimesh.creation.box((1, 2, 3)).export(folder / "box.ply")
    ingest_folder(folder, workspace, up="auto", workers=2, limits=LIMITS)
    validate_all(workspace, workers=2, limits=LIMITS)
    moved = shape(4)
    turn = trimesh.transformations.rotation_matrix(1.1, [1, 2, 3])
    moved.apply_transform(turn)
    moved.apply_scale(2.5)
    moved.export(folder / "moved.ply")
    shape(5).export(folder / "finer.ply")
    ingest_folder(folder, workspace, up="auto", workers=2, limits=LIMITS)
    report = validate_all(workspace, workers=2, limits=LIMITS)
    with Catalog(workspace.catalog_path) as catalog:
        found = {relic.source_file: relic for relic in catalog.relics()}
    a, finer = found["a.ply"], found["finer.ply"]
    assert report.compared.moved == [(found["moved.ply"].uid, a.uid)]
    assert (found["moved.ply"].state, found["moved.ply"].dup_kind) == ("duplicate", "geometry")
    assert (finer.state, finer.cluster) == ("validated", a.uid)
    assert found["box.ply"].cluster == found["box.ply"].uid
    assert validate_all(workspace, workers=2, limits=LIMITS).compared.compared == 0
    words = ["duplicates", "--workspace", str(workspace.root)]
    assert main([*words, "--separate", a.uid, finer.uid]) == 0
    assert "0 clusters of several scans, 1 repeats" in capsys.readouterr().out


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_the_planted_duplicates_are_found(tmp_path):
    folder, workspace = tmp_path / "scans", Workspace(tmp_path / "ws")
    folder.mkdir()
    for name in (
        "relics/ggg-black-vase.ply",
        "relics/ggg-plastic-vase.ply",
        "relics/lucy.ply",
        "hostile/duplicate-moved.ply",
        "hostile/duplicate-permuted.ply",
        "hostile/near-duplicate-lucy.glb",
    ):
        shutil.copy(SHARED / name, folder)
    ingest_folder(folder, workspace, up="auto", workers=2, limits=LIMITS)
    validate_all(workspace, workers=2, limits=LIMITS)
    with Catalog(workspace.catalog_path) as catalog:
        found = {relic.source_file: relic for relic in catalog.relics()}
    vases = [found[f"{name}.ply"] for name in ("ggg-black-vase", "duplicate-moved")]
    vases.append(found["duplicate-permuted.ply"])
    assert sorted(relic.state for relic in vases) == ["duplicate", "duplicate", "validated"]
    assert len({relic.cluster for relic in vases}) == 1
    lucys = [found["lucy.ply"], found["near-duplicate-lucy.glb"]]
    assert [relic.state for relic in lucys] == ["validated", "validated"]
    assert lucys[0].cluster == lucys[1].cluster
    plastic = found["ggg-plastic-vase.ply"]
    assert plastic.cluster == plastic.uid

"""Of one shape the best stays whatever came first, and what is refused gives way to the next."""

import itertools
import uuid

import pytest
from field_folders import FOLDERS, enter, needs_field

from data_engine.catalog.catalog import Catalog
from data_engine.identity import duplicates
from data_engine.identity.clusters import NEAR, judge, settle
from data_engine.identity.originals import elect
from data_engine.rights import removal
from data_engine.rights.contests import published

PLAIN, COLOURED, TEXTURED = {}, {"vertex_colors": True}, {"textures": 1}


@pytest.fixture
def catalog(tmp_path):
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        yield catalog


def add(catalog, name, **facts):
    """A validated relic; those of one `geometry_sha256` are one shape."""
    uid = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    return catalog.add({"uid": uid, "title": name, "state": "validated", "triangles": 12, **facts})


def one_shape(catalog, *facts):
    return [add(catalog, str(n), geometry_sha256="f" * 64, **f) for n, f in enumerate(facts)]


def standing(catalog):
    """uid to what it repeats, empty for what stays."""
    return {relic.uid: relic.dup_of for relic in catalog.relics() if relic.state != "rejected"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_textured_stays_before_the_coloured_before_the_plain(catalog, order):
    kinds = [(PLAIN, COLOURED, TEXTURED)[number] for number in order]
    uids = one_shape(catalog, *kinds)
    settle(catalog)
    best = uids[kinds.index(TEXTURED)]
    assert standing(catalog) == {uid: "" if uid == best else best for uid in uids}


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ({"triangles": 12}, {"triangles": 4000}),
        ({"textures": 1, "max_texture_px": 64}, {"textures": 1, "max_texture_px": 4096}),
        ({"triangles": 4000}, {"textures": 1, "triangles": 12}),
        ({"textures": 1}, {"verdict": "keep"}),
    ],
)
def test_what_is_better_takes_the_place_when_it_comes_later(catalog, worse, better):
    (a,) = one_shape(catalog, worse)
    settle(catalog)
    catalog.finish(a, "render", "sharded", split="test")
    b = add(catalog, "later", geometry_sha256="f" * 64, **better)
    assert settle(catalog) == [(a, b)]
    assert catalog.get(a).state == "duplicate"
    assert (catalog.get(b).state, catalog.get(b).cluster) == ("validated", a)  # The split stays.


def test_of_equals_the_one_that_is_there_stays(catalog):
    a, b = one_shape(catalog, TEXTURED, TEXTURED)
    settle(catalog)
    assert standing(catalog) == {a: "", b: a}
    history = catalog.events(a) + catalog.events(b)
    assert settle(catalog) == []
    assert catalog.events(a) + catalog.events(b) == history


def test_what_is_refused_later_gives_its_place_to_the_next_best(catalog):
    a, b, c = one_shape(catalog, PLAIN, TEXTURED, COLOURED)
    settle(catalog)
    assert standing(catalog) == {a: b, b: "", c: b}
    catalog.reject(b, "review", "human_drop", "its texture is of another vase")
    assert elect(catalog).restored == [c]
    assert standing(catalog) == {a: c, c: ""}
    assert catalog.get(c).cluster == catalog.get(b).cluster != ""
    catalog.reject(c, "review", "human_drop", "not a relic")
    assert elect(catalog).restored == [a]
    assert elect(catalog).restored == []


def test_turned_copies_are_weighed_like_equal_ones(catalog):
    a, b = add(catalog, "print"), add(catalog, "scan", **TEXTURED)
    duplicates._store_pair(catalog, tuple(sorted((a, b))), {"distance": 0.0, "moved": True})
    settle(catalog)
    assert standing(catalog) == {a: b, b: ""}


def test_the_strictest_licence_of_them_all_holds_whichever_stays(catalog):
    facts = {"license_spdx": "CC-BY-NC-4.0"}, {"license_spdx": "CC0-1.0", **TEXTURED}
    a, b = one_shape(catalog, *facts)
    settle(catalog)
    assert standing(catalog) == {a: b, b: ""}
    assert published(catalog.get(b)).license_spdx == "CC-BY-NC-4.0"


def test_the_repeat_of_a_forgotten_relic_stays_out(catalog):
    a, b = one_shape(catalog, TEXTURED, PLAIN)
    settle(catalog)
    removal.bury(catalog, [catalog.get(a)], reason="asked")
    assert elect(catalog).restored == []
    assert catalog.get(b).state == "duplicate"


def test_what_a_human_separated_stays_beside_the_better_one(catalog):
    a, b = one_shape(catalog, PLAIN, TEXTURED)
    settle(catalog)
    judge(catalog, a, b, "separate")
    assert standing(catalog) == {a: "", b: ""}


def test_a_human_join_holds_for_what_takes_the_place_of_the_joined(catalog):
    a, other = one_shape(catalog, PLAIN)[0], add(catalog, "other")
    settle(catalog)
    judge(catalog, a, other, "join")
    b = add(catalog, "later", geometry_sha256="f" * 64, **TEXTURED)
    settle(catalog)
    assert standing(catalog)[a] == b
    assert catalog.get(b).cluster == catalog.get(other).cluster


def test_a_near_shape_that_is_no_repeat_stays_beside_it(catalog):
    a, b = add(catalog, "scan", **TEXTURED), add(catalog, "decimated")
    duplicates._store_pair(catalog, tuple(sorted((a, b))), {"distance": NEAR / 2, "moved": False})
    settle(catalog)
    assert standing(catalog) == {a: "", b: ""}
    assert catalog.get(a).cluster == catalog.get(b).cluster


@needs_field
def test_the_textured_scan_of_the_field_stays_and_its_print_is_the_repeat(workspace):
    found = enter(FOLDERS / "d_texture_and_print", workspace)
    scan, print_ = found["vase-textured.glb"], found["vase-print.stl"]
    assert (scan.state, print_.state) == ("validated", "duplicate")
    assert print_.dup_of == scan.uid
    assert print_.cluster == scan.cluster != ""

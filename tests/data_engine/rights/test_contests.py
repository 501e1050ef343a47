"""Of two licences of one object the stricter holds where it is published, until a human speaks."""

import itertools
import uuid

import pytest

from data_engine.catalog.catalog import Catalog
from data_engine.cli import main
from data_engine.commands.shards import rendered_relics
from data_engine.errors import UserError
from data_engine.identity.clusters import NEAR, settle
from data_engine.rendering.poses import sphere
from data_engine.rights.contests import keep_license, published
from data_engine.rights.licenses import UNKNOWN, strictness
from data_engine.shards import relic_shapes
from data_engine.shards.source import Source

CC0, BY, NC = "CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0"


def uid_of(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"licence:{number}"))


def add(catalog, number, spdx, **more) -> str:
    fields = {"license_spdx": spdx, "attribution": "Cup by A", "state": "validated"}
    return catalog.add({"uid": uid_of(number), **fields, **more})


def near(catalog, a, b) -> None:
    catalog.execute(
        "INSERT INTO pair (a, b, distance) VALUES (?, ?, ?)", [*sorted((a, b)), NEAR / 2]
    )


def terms(catalog) -> list[str]:
    """What each relic is published under, in the order they were entered."""
    relics = {relic.uid: published(relic).license_spdx for relic in catalog.relics()}
    return [relics[uid_of(number)] for number in range(len(relics))]


@pytest.fixture
def catalog(workspace):
    with Catalog(workspace.catalog_path) as catalog:
        yield catalog


def test_every_licence_is_stricter_than_those_before_it_whatever_its_version():
    steps = [
        ("CC0-1.0",),
        ("CC-BY-4.0", "CC-BY-2.0"),
        ("CC-BY-SA-4.0",),
        ("CC-BY-ND-4.0",),
        ("CC-BY-NC-3.0", "CC-BY-NC-4.0"),
        ("CC-BY-NC-SA-4.0",),
        ("CC-BY-NC-ND-4.0",),
        ("LicenseRef-unknown", "LicenseRef-museum-terms", "", "CC-BY-4.0 or so"),
    ]
    ranks = [{strictness(spdx) for spdx in step} for step in steps]
    assert all(len(rank) == 1 for rank in ranks)
    assert all(max(a) < min(b) for a, b in itertools.pairwise(ranks))
    assert strictness("LicenseRef-public-domain") < strictness("CC0-1.0")


@pytest.mark.parametrize(("first", "second"), [(CC0, NC), (NC, CC0)])
def test_scans_of_one_object_are_published_under_the_stricter_licence(catalog, first, second):
    a, b = add(catalog, 0, first), add(catalog, 1, second)
    add(catalog, 2, CC0)
    near(catalog, a, b)
    settle(catalog)
    assert terms(catalog) == [NC, NC, CC0]
    freer = published(catalog.get(a if first == CC0 else b))
    assert freer.license_url == "https://creativecommons.org/licenses/by-nc/4.0/"
    assert freer.attribution.startswith("Cup by A (its source says CC0-1.0, but ")
    assert published(freer) == freer
    assert catalog.get(freer.uid).license_spdx == CC0  # The source's word stays
    history = [catalog.events(uid) for uid in (a, b)]
    settle(catalog)
    assert [catalog.events(uid) for uid in (a, b)] == history


def test_of_several_stricter_licences_the_strictest_holds_for_all_records(catalog):
    a, b, c = (add(catalog, number, spdx) for number, spdx in enumerate((CC0, BY, NC)))
    for pair in itertools.combinations((a, b, c), 2):
        near(catalog, *pair)
    settle(catalog)
    assert terms(catalog) == [NC, NC, NC]
    assert [catalog.get(uid).license_contested_by for uid in (a, b, c)] == [c, c, ""]


def test_a_repeat_that_is_not_published_contests_the_relic_it_repeats(catalog):
    a = add(catalog, 0, BY)
    add(catalog, 1, NC, state="duplicate", dup_of=a, dup_kind="exact")
    b = add(catalog, 2, CC0, state="duplicate", dup_of=a, dup_kind="geometry")
    settle(catalog)
    assert (catalog.get(a).license_contested, catalog.get(a).license_contested_by) == (
        NC,
        uid_of(1),
    )
    assert catalog.get(b).license_contested == ""


def test_a_copy_without_a_licence_contests_nothing(catalog):
    a, b = add(catalog, 0, CC0), add(catalog, 1, UNKNOWN)
    near(catalog, a, b)
    settle(catalog)
    assert terms(catalog) == [CC0, UNKNOWN]


def test_a_dismissed_claim_stays_dismissed_and_a_new_one_does_not(catalog):
    a, b = add(catalog, 0, CC0), add(catalog, 1, BY)
    near(catalog, a, b)
    settle(catalog)
    keep_license(catalog, a)
    settle(catalog)
    assert terms(catalog) == [CC0, BY]
    with pytest.raises(UserError, match="not contested"):
        keep_license(catalog, a)
    with pytest.raises(UserError, match="no relic"):
        keep_license(catalog, "unheard-of")
    catalog.add({"uid": b, "license_spdx": NC})  # Its source changed its mind
    settle(catalog)
    assert terms(catalog) == [NC, NC]


def test_a_claim_ends_with_its_cause_but_not_by_having_it_forgotten(catalog):
    a, b, c, d = (add(catalog, n, spdx) for n, spdx in enumerate((CC0, NC, CC0, NC)))
    near(catalog, a, b)
    near(catalog, c, d)
    settle(catalog)
    catalog.add({"uid": b, "license_spdx": CC0})
    catalog.execute("DELETE FROM pair WHERE ? IN (a, b)", [d])
    catalog.remove(d)
    settle(catalog)
    assert terms(catalog)[:3] == [CC0, CC0, NC]
    keep_license(catalog, c)
    assert terms(catalog)[:3] == [CC0, CC0, CC0]


def test_shards_and_release_tell_the_stricter_licence(tmp_path, rendered_workspace, capsys):
    poses = sphere(2).scaled(8)
    workspace = rendered_workspace(tmp_path / "ws", poses, "abc", ("Amphora", "cup"))
    with Catalog(workspace.catalog_path) as catalog:
        a, b = (relic.uid for relic in catalog.relics())
        catalog.add({"uid": b, "license_spdx": "CC-BY-SA-4.0"})
        near(catalog, a, b)
        settle(catalog)
    source = Source(
        render_id="abc",
        poses=poses,
        relics=tuple(rendered_relics(workspace, "abc")),
        split_of={},
        split_rule="",
        has_shapes=False,
    )
    records = [relic_shapes.make_record(source, relic) for relic in source.relics]
    assert [record["license"] for record in records] == ["CC-BY-SA-4.0"] * 2
    assert "its source says CC0-1.0" in records[0]["attribution"]
    words = ["--workspace", str(workspace.root)]
    assert main(["duplicates", *words]) == 0
    line = f"licence of {a}: CC0-1.0 by its source, but CC-BY-SA-4.0 of {b} holds"
    assert line in capsys.readouterr().out.splitlines()

"""`data-engine duplicates`: which relics are one object, and a human's word on it."""

import dataclasses
import json
import pathlib
from typing import Any

from data_engine.catalog.catalog import Catalog
from data_engine.identity.clusters import judge, near_pairs
from data_engine.identity.groups import LIVE
from data_engine.identity.look_alikes import appearance_between, find_look_alikes
from data_engine.rights.contests import keep_license
from data_engine.workspace import Workspace


@dataclasses.dataclass(frozen=True, kw_only=True)
class Duplicates:
    """List scans of the same object and duplicates; join or separate two relics.

    Of relics that are one shape the best stays: textured before coloured before plain, more faces
    before fewer; the others are repeats, and the next takes its place if it is refused. All relics
    of a cluster are in the same split. Decisions made here are kept by every later
    `validate`. Relics of different shape that look alike in their renders are listed, and stay
    apart unless you join them; a pair that you separate is not listed again.
    """

    workspace: pathlib.Path
    """Folder made by `data-engine ingest`."""
    join: tuple[str, str] | None = None
    """Two relics, given by their uids, that show one object: both stay, in one cluster."""
    separate: tuple[str, str] | None = None
    """Two relics, given by their uids, that show different objects; one that was out as a duplicate
    comes back."""
    keep_license: str = ""
    """Relic, given by its uid, that keeps its own licence although another record of the same
    object has a stricter one; otherwise the stricter one applies. Then run `shards` again."""
    json: bool = False
    """Print one JSON object instead of the table."""


def run(args: Duplicates) -> None:
    """Records a decision if there is one, then lists what belongs together."""
    workspace = Workspace(args.workspace, create=False)
    with Catalog(workspace.catalog_path) as catalog:
        for pair, human in ((args.join, "join"), (args.separate, "separate")):
            if pair is not None:
                judge(catalog, *pair, human)
        if args.keep_license:
            keep_license(catalog, args.keep_license)
        summary = describe(catalog)
    print(json.dumps(summary, indent=2, ensure_ascii=False) if args.json else table(summary))


def describe(catalog: Catalog) -> dict[str, Any]:
    """Clusters of several relics, the pairs that made them, and the relics that are repeats."""
    members: dict[str, list[dict[str, str]]] = {}
    for row in catalog.query(
        f"SELECT cluster, uid, title FROM relic WHERE state IN ({LIVE}) AND cluster IN"
        f" (SELECT cluster FROM relic WHERE state IN ({LIVE}) GROUP BY cluster HAVING COUNT(*) > 1)"
        " ORDER BY cluster, uid"
    ):
        members.setdefault(row["cluster"], []).append({"uid": row["uid"], "title": row["title"]})
    looks = find_look_alikes(catalog)
    return {
        "clusters": [{"cluster": name, "relics": relics} for name, relics in members.items()],
        "pairs": [
            {**pair, "appearance": appearance_between(catalog, pair["a"], pair["b"])}
            for pair in map(dict, near_pairs(catalog))
        ],
        "look_alikes": looks.pairs,
        "look_alikes_unlisted": looks.unlisted,
        "separated": [
            dict(row) for row in catalog.query("SELECT a, b FROM pair WHERE human = 'separate'")
        ],
        "licenses": [
            dict(row)
            for row in catalog.query(
                "SELECT uid, license_spdx, license_contested, license_contested_by FROM relic"
                " WHERE license_contested != '' ORDER BY uid"
            )
        ],
        "repeats": [
            dict(row)
            for row in catalog.query(
                "SELECT uid, title, dup_of, dup_kind FROM relic WHERE state = 'duplicate'"
                " ORDER BY dup_of, uid"
            )
        ],
    }


def table(summary: dict[str, Any]) -> str:
    """The summary as lines of text."""
    lines = []
    for cluster in summary["clusters"]:
        lines.append(f"cluster {cluster['cluster']}")
        lines += [f"  {relic['uid']}  {relic['title']}" for relic in cluster["relics"]]
    for pair in summary["pairs"]:
        said = "by a human" if pair["human"] else f"{100 * pair['distance']:.2f} % of the diagonal"
        if pair["appearance"] is not None:
            said += f", {_looks(pair)}"
        lines.append(f"pair {pair['a']} {pair['b']}: {said}")
    lines += [
        f"look alike {pair['a']} {pair['b']}: {_looks(pair)}" for pair in summary["look_alikes"]
    ]
    if more := summary["look_alikes_unlisted"]:
        lines.append(f"and {more} more pairs that look alike")
    lines += [f"separated {pair['a']} {pair['b']}" for pair in summary["separated"]]
    lines += [
        f"repeat {relic['uid']} of {relic['dup_of']} ({relic['dup_kind']})  {relic['title']}"
        for relic in summary["repeats"]
    ]
    lines += [
        f"licence of {relic['uid']}: {relic['license_spdx']} by its source, but "
        f"{relic['license_contested']} of {relic['license_contested_by']} holds"
        for relic in summary["licenses"]
    ]
    lines.append(
        f"duplicates: {len(summary['clusters'])} clusters of several scans, "
        f"{len(summary['repeats'])} repeats, "
        f"{len(summary['look_alikes']) + summary['look_alikes_unlisted']} pairs that look alike"
    )
    return "\n".join(lines)


def _looks(pair: dict[str, Any]) -> str:
    return f"{100 * pair['appearance']:.2f} % of the looks differ"

"""Of relics that are one shape the best stays, and the others are its repeats.

Textured before coloured before plain, more faces before fewer, larger pictures before smaller; a
human's `keep` stands above all that, and of equal ones the one that is there stays, or the oldest.
The choice is made anew whenever relics come or go: what is refused later gives its place to the
next, and what came first keeps nothing from what is better. The strictest licence of them all holds
whichever stays (`rights.contests`).
"""

import collections
import dataclasses
import sqlite3
from collections.abc import Mapping

from data_engine.catalog.catalog import Catalog
from data_engine.identity.groups import LIVE, STAGE, Groups, ages, separated

_REFUSED = ("rejected", "failed")
_ROWS = f"""
SELECT relic.uid, relic.state IN ({LIVE}) AS live, relic.geometry_sha256, relic.dup_of,
    relic.cluster, relic.verdict, relic.textures, relic.vertex_colors, relic.triangles,
    relic.max_texture_px, original.state AS original_state
FROM relic LEFT JOIN relic AS original ON original.uid = relic.dup_of
WHERE (relic.state IN ({LIVE}) AND (
        relic.geometry_sha256 IN (SELECT geometry_sha256 FROM relic WHERE geometry_sha256 != ''
            GROUP BY geometry_sha256 HAVING COUNT(*) > 1)
        OR relic.uid IN (SELECT a FROM pair WHERE moved AND human = ''
            UNION SELECT b FROM pair WHERE moved AND human = '')
        OR relic.uid IN (SELECT dup_of FROM relic WHERE dup_kind = 'geometry')))
    OR (relic.state = 'duplicate' AND relic.dup_kind = 'geometry')
ORDER BY relic.uid
"""
"""Everything that may stay or repeat: relics on the road that have company, and repeats."""


@dataclasses.dataclass(kw_only=True)
class Elected:
    """What changed."""

    repeats: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """(uid, uid of the relic it repeats) of relics that left the road now."""
    restored: list[str] = dataclasses.field(default_factory=list)
    """Repeats that are on the road now: the best of their kind, or the next after one refused."""


def elect(catalog: Catalog) -> Elected:
    """Chooses who stays of each shape; in one transaction, and nothing is written twice."""
    found = Elected()
    with catalog.transaction():
        rows = {row["uid"]: row for row in catalog.query(_ROWS)}
        if not rows:
            return found
        age = ages(catalog)
        for group in _groups(catalog, rows).sets():
            _settle_group(catalog, [rows[uid] for uid in sorted(group)], age, found)
    found.repeats.sort()
    found.restored.sort()
    return found


def _groups(catalog: Catalog, rows: Mapping[str, sqlite3.Row]) -> Groups:
    """Relics of one shape: by its hash, by alignment, or because it was decided before."""
    groups = Groups(rows, separated(catalog))
    of_shape: dict[str, list[str]] = collections.defaultdict(list)
    for uid, row in rows.items():
        if row["geometry_sha256"]:
            of_shape[row["geometry_sha256"]].append(uid)
        if row["dup_of"] in rows and not row["live"]:
            groups.join(uid, row["dup_of"])
    for first, *others in of_shape.values():
        for other in others:
            groups.join(first, other)
    for a, b in catalog.query("SELECT a, b FROM pair WHERE moved AND human = '' ORDER BY a, b"):
        if a in rows and b in rows:
            groups.join(a, b)
    return groups


def _settle_group(
    catalog: Catalog, group: list[sqlite3.Row], age: Mapping[str, int], found: Elected
) -> None:
    uids = {row["uid"] for row in group}
    # A repeat of what was forgotten stays out, and so does one whose original is being read anew.
    able = [
        row
        for row in group
        if row["live"] or row["dup_of"] in uids or row["original_state"] in _REFUSED
    ]
    if not able:
        return
    best = max(able, key=lambda row: _worth(row, age))
    if not best["live"]:
        _restore(catalog, best, group, found)
    for row in group:
        if row["uid"] != best["uid"] and (row["live"] or row["dup_of"] != best["uid"]):
            if row["live"]:
                found.repeats.append((row["uid"], best["uid"]))
            verdict = {"state": "duplicate", "dup_of": best["uid"], "dup_kind": "geometry"}
            catalog.change(row["uid"], STAGE, "repeats another", **verdict)


def _worth(row: sqlite3.Row, age: Mapping[str, int]) -> tuple:
    """What is compared, the weightiest first."""
    return (
        row["verdict"] == "keep",
        bool(row["textures"]),
        bool(row["vertex_colors"]),
        row["triangles"] or 0,
        row["max_texture_px"] or 0,
        row["live"],
        -age.get(row["uid"], 0),
    )


def _restore(catalog: Catalog, best: sqlite3.Row, group: list[sqlite3.Row], found: Elected) -> None:
    """Puts a repeat on the road; it keeps the cluster, and so the split, of the shape."""
    clusters = sorted({row["cluster"] for row in group if row["live"]} - {""})
    fields = {"state": "validated", "dup_of": "", "dup_kind": ""}
    if clusters or best["cluster"]:
        fields["cluster"] = clusters[0] if clusters else best["cluster"]
    catalog.change(best["uid"], STAGE, "takes the place of its original", **fields)
    found.restored.append(best["uid"])

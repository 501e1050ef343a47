"""Relics of different shape that look alike in their renders: for a human to judge.

They are reported and never joined: two plain pots look alike and are two pots, while two scans of
one pot may differ in shape. `data-engine duplicates --join` makes them one cluster.
"""

import dataclasses
from typing import Any

from data_engine.catalog.catalog import Catalog
from data_engine.identity.groups import LIVE
from data_engine.rendering import appearance

MOST = 1000
"""Pairs that are listed, of one render."""


@dataclasses.dataclass(kw_only=True)
class LookAlikes:
    """What there is to look at."""

    pairs: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """a, b (uids, sorted), render_id and appearance (share of differing bits), nearest first."""
    unlisted: int = 0
    """Pairs beyond `MOST`."""


def find_look_alikes(catalog: Catalog) -> LookAlikes:
    """Pairs of rendered relics of two clusters; those that a human separated are left out."""
    rows = catalog.query(
        "SELECT render_id, LENGTH(appearance_hash) AS length, uid, cluster, appearance_hash"
        f" FROM relic WHERE state IN ({LIVE}) AND appearance_hash != '' ORDER BY 1, 2, 3"
    )
    renders: dict[tuple[str, int], list] = {}
    for row in rows:
        renders.setdefault((row["render_id"], row["length"]), []).append(row)
    judged = set(map(tuple, catalog.query("SELECT a, b FROM pair WHERE human = 'separate'")))
    found = LookAlikes()
    for (render_id, _), group in renders.items():
        pairs, count = appearance.alike(
            [row["appearance_hash"] for row in group],
            [row["cluster"] or row["uid"] for row in group],
            most=MOST + len(judged),
        )
        listed = [(group[i]["uid"], group[j]["uid"], share) for i, j, share in pairs]
        listed = [pair for pair in listed if pair[:2] not in judged]
        found.unlisted += count - len(pairs) + len(listed[MOST:])
        found.pairs += [
            {"a": a, "b": b, "render_id": render_id, "appearance": share}
            for a, b, share in listed[:MOST]
        ]
    found.pairs.sort(key=lambda pair: (pair["appearance"], pair["a"], pair["b"]))
    return found


def appearance_between(catalog: Catalog, a: str, b: str) -> float | None:
    """Share of differing bits of two relics; None unless one render shows both."""
    one, other = (catalog.get(uid) for uid in (a, b))
    if one.render_id != other.render_id:
        return None
    return appearance.distance(one.appearance_hash, other.appearance_hash)

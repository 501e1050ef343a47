"""Which relics belong together, and which of them repeats which: pairs become clusters."""

import collections
from collections.abc import Iterable

from data_engine.catalog.catalog import Catalog
from data_engine.errors import UserError
from data_engine.rights.contests import contest

STAGE = "duplicates"
LIVE = "'validated', 'classified', 'reviewed', 'captioned', 'rendered', 'sharded'"
"""States, as SQL, of the relics that are or may come to be in a data set."""
NEAR = 0.0012
"""Root mean square distance of two surfaces, relative to the diagonal, below which they are one
object. Measured: 0.0003 for the two Lucys, at most 0.001 for scans decimated to a fifth, 0.002 for
a jug with a handle 15 % smaller, 0.0029 for the most alike of 216 procedural relics, 0.02 for the
most alike of 59 real ones."""


class Groups:
    """Union-find over uids that keeps apart what must be kept apart."""

    def __init__(self, uids: Iterable[str], separated: Iterable[tuple[str, str]] = ()):
        """Starts with each uid alone."""
        self._members = {uid: {uid} for uid in uids}
        self._apart: dict[str, set[str]] = collections.defaultdict(set)
        for a, b in separated:
            self._apart[a].add(b)
            self._apart[b].add(a)

    def join(self, a: str, b: str) -> bool:
        """Unites the groups of two uids; False when a member of one must stay out of the other."""
        one, other = self._members[a], self._members[b]
        if one is other:
            return True
        if any(self._apart[uid] & other for uid in one):
            return False
        small, large = sorted((one, other), key=len)
        large |= small
        for uid in small:
            self._members[uid] = large
        return True

    def sets(self) -> list[set[str]]:
        """The groups."""
        return list({id(group): group for group in self._members.values()}.values())


def settle(catalog: Catalog) -> list[tuple[str, str]]:
    """Takes moved repeats off the road, names the cluster of every relic and contests licences.

    All in one transaction.

    The order in which relics were compared does not matter. A cluster is named after the relic of
    it that entered the catalog first, and keeps its name, so relics that come later never move
    older ones to another split. The one exception: a relic (or a human) that joins two clusters,
    or a human who takes the first member out, renames one of them.

    Returns:
        (uid, uid of the relic it repeats) of the repeats that are new.
    """
    with catalog.transaction():
        age = _ages(catalog)
        repeats = _retire_repeats(catalog, age)
        _name_clusters(catalog, age)
        contest(catalog)
    return repeats


def _ages(catalog: Catalog) -> dict[str, int]:
    """The number of the event with which each uid entered; lower is older."""
    return dict(map(tuple, catalog.query("SELECT uid, MIN(id) FROM event GROUP BY uid")))


def _retire_repeats(catalog: Catalog, age: dict[str, int]) -> list[tuple[str, str]]:
    """The oldest of relics that are one another moved stays; the others become duplicates."""
    pairs = catalog.query(
        "SELECT a, b FROM pair"
        " JOIN relic AS one ON one.uid = a JOIN relic AS other ON other.uid = b"
        f" WHERE moved AND human = '' AND one.state IN ({LIVE})"
        f" AND other.state IN ({LIVE})"
    )
    groups = Groups({uid for pair in pairs for uid in pair}, _separated(catalog))
    for a, b in sorted(map(tuple, pairs)):
        groups.join(a, b)
    repeats = []
    for group in groups.sets():
        kept, *others = sorted(group, key=lambda uid: (age[uid], uid))
        for uid in others:
            verdict = {"state": "duplicate", "dup_of": kept, "dup_kind": "geometry"}
            catalog.change(uid, STAGE, "repeats another, moved", **verdict)
            repeats.append((uid, kept))
    return sorted(repeats)


def _name_clusters(catalog: Catalog, age: dict[str, int]) -> None:
    rows = catalog.query(f"SELECT uid, cluster FROM relic WHERE state IN ({LIVE})")
    named = dict(map(tuple, rows))
    groups = Groups(named, _separated(catalog))
    for pair in near_pairs(catalog):
        groups.join(pair["a"], pair["b"])
    taken: set[str] = set()
    for group in sorted(groups.sets(), key=lambda group: min(age[uid] for uid in group)):
        # A name in use that is no living relic outside; a forgotten relic still names its cluster.
        used = {named[uid] for uid in group} - (named.keys() - group) - taken - {""}
        cluster = min(used or group, key=lambda uid: (age.get(uid, 0), uid))
        taken.add(cluster)
        for uid in sorted(group):
            if named[uid] != cluster:
                catalog.change(uid, STAGE, "clustered", cluster=cluster)
                named[uid] = cluster
    _follow_originals(catalog)


def judge(catalog: Catalog, a: str, b: str, human: str) -> None:
    """Records that two relics are one object (`join`) or two (`separate`), and acts on it.

    The later word on a pair counts. A relic that was a repeat of the other goes back to
    `validated`; one that is joined is marked as repeating the older, and stays.
    """
    if a == b:
        raise UserError(f"{a} is named twice; name two relics")
    for uid in (a, b):
        if uid not in catalog:
            raise UserError(f"no relic {uid} in {catalog.path}; `duplicates` lists them")
    one, other = (catalog.get(uid) for uid in sorted((a, b)))
    for copy, original in ((one, other), (other, one)):
        if copy.dup_of == original.uid and copy.dup_kind == "exact":
            raise UserError(f"{copy.uid} is a byte copy of {original.uid}; they are one file")
    with catalog.transaction():
        catalog.execute(
            "INSERT INTO pair (a, b, human) VALUES (?, ?, ?)"
            " ON CONFLICT (a, b) DO UPDATE SET human = excluded.human",
            [one.uid, other.uid, human],
        )
        if human == "join":
            older, younger = sorted((one, other), key=lambda relic: _ages(catalog)[relic.uid])
            if not younger.dup_of:
                fields = {"dup_of": older.uid, "dup_kind": "human"}
                catalog.change(younger.uid, STAGE, "joined", **fields)
        else:
            for copy, original in ((one, other), (other, one)):
                if copy.dup_of == original.uid:
                    back = {"state": "validated"} if copy.state == "duplicate" else {}
                    catalog.change(copy.uid, STAGE, "separated", dup_of="", dup_kind="", **back)
        settle(catalog)


def near_pairs(catalog: Catalog) -> list:
    """Rows (a, b, distance, moved, human) of live relics that belong together, surest first."""
    return catalog.query(
        "SELECT a, b, distance, moved, human FROM pair"
        " JOIN relic AS one ON one.uid = a JOIN relic AS other ON other.uid = b"
        f" WHERE one.state IN ({LIVE}) AND other.state IN ({LIVE})"
        " AND (human = 'join' OR (human = '' AND distance < ?))"
        " ORDER BY human != 'join', distance, a, b",
        [NEAR],
    )


def _separated(catalog: Catalog) -> list[tuple[str, str]]:
    return [(a, b) for a, b in catalog.query("SELECT a, b FROM pair WHERE human = 'separate'")]


def _follow_originals(catalog: Catalog) -> None:
    """Duplicates share the cluster of the relic they repeat, which may itself repeat another."""
    while rows := catalog.query(
        "SELECT copy.uid, original.cluster FROM relic AS copy"
        " JOIN relic AS original ON original.uid = copy.dup_of"
        " WHERE copy.state = 'duplicate' AND copy.cluster != original.cluster ORDER BY copy.uid"
    ):
        for uid, cluster in rows:
            catalog.change(uid, STAGE, "clustered", cluster=cluster)

"""Which relics belong together: pairs become clusters."""

from data_engine.catalog.catalog import Catalog
from data_engine.errors import UserError
from data_engine.identity.groups import LIVE, STAGE, Groups, ages, separated
from data_engine.identity.originals import elect
from data_engine.rights.contests import contest

NEAR = 0.0012
"""Root mean square distance of two surfaces, relative to the diagonal, below which they are one
object. Measured: 0.0003 for the two Lucys, at most 0.001 for scans decimated to a fifth, 0.002 for
a jug with a handle 15 % smaller, 0.0029 for the most alike of 216 procedural relics, 0.02 for the
most alike of 59 real ones."""


def settle(catalog: Catalog) -> list[tuple[str, str]]:
    """Elects who stays of each shape, names the cluster of every relic and contests licences.

    All in one transaction.

    The order in which relics were compared does not matter. A cluster is named after the relic of
    it that entered the catalog first, and keeps its name, so relics that come later never move
    older ones to another split. The one exception: a relic (or a human) that joins two clusters,
    or a human who takes the first member out, renames one of them.

    Returns:
        (uid, uid of the relic it repeats) of the repeats that are new.
    """
    with catalog.transaction():
        repeats = elect(catalog).repeats
        _name_clusters(catalog, ages(catalog))
        contest(catalog)
    return repeats


def _name_clusters(catalog: Catalog, age: dict[str, int]) -> None:
    """Names the clusters; what a human joined to a repeat is joined to the relic it repeats."""
    rows = catalog.query(
        f"SELECT uid, cluster, dup_of, state IN ({LIVE}) AS live FROM relic"
        f" WHERE state IN ({LIVE}, 'duplicate') ORDER BY uid"
    )
    named = {row["uid"]: row["cluster"] for row in rows}
    live = {row["uid"] for row in rows if row["live"]}
    groups = Groups(named, separated(catalog))
    for row in rows:
        if not row["live"] and row["dup_of"] in named:
            groups.join(row["uid"], row["dup_of"])
    joined = catalog.query("SELECT a, b FROM pair WHERE human = 'join' ORDER BY a, b")
    for pair in (*joined, *near_pairs(catalog)):
        if pair["a"] in named and pair["b"] in named:
            groups.join(pair["a"], pair["b"])
    shown = [(group, group & live) for group in groups.sets() if group & live]
    taken: set[str] = set()
    for group, alive in sorted(shown, key=lambda pair: min(age[uid] for uid in pair[1])):
        # A name in use that is no living relic outside; a forgotten relic still names its cluster.
        used = {named[uid] for uid in group} - (live - group) - taken - {""}
        cluster = min(used or alive, key=lambda uid: (age.get(uid, 0), uid))
        taken.add(cluster)
        for uid in sorted(alive):
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
            older, younger = sorted((one, other), key=lambda relic: ages(catalog)[relic.uid])
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


def _follow_originals(catalog: Catalog) -> None:
    """Duplicates share the cluster of the relic they repeat, which may itself repeat another."""
    while rows := catalog.query(
        "SELECT copy.uid, original.cluster FROM relic AS copy"
        " JOIN relic AS original ON original.uid = copy.dup_of"
        " WHERE copy.state = 'duplicate' AND copy.cluster != original.cluster ORDER BY copy.uid"
    ):
        for uid, cluster in rows:
            catalog.change(uid, STAGE, "clustered", cluster=cluster)

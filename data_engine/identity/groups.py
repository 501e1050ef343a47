"""Groups of relics that grow pair by pair, and keep apart what a human has separated."""

import collections
from collections.abc import Iterable

from data_engine.catalog.catalog import Catalog

STAGE = "duplicates"
LIVE = "'validated', 'classified', 'reviewed', 'captioned', 'rendered', 'sharded'"
"""States, as SQL, of the relics that are or may come to be in a data set."""


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


def ages(catalog: Catalog) -> dict[str, int]:
    """The number of the event with which each uid entered; lower is older."""
    return dict(map(tuple, catalog.query("SELECT uid, MIN(id) FROM event GROUP BY uid")))


def separated(catalog: Catalog) -> list[tuple[str, str]]:
    """Pairs that a human keeps apart."""
    return [(a, b) for a, b in catalog.query("SELECT a, b FROM pair WHERE human = 'separate'")]

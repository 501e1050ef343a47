"""Which relic trains and which is held out: a function of the duplicate cluster alone."""

import collections
import dataclasses
import hashlib
from collections.abc import Mapping

from data_engine.errors import UserError

SALT = "jaxrelic"
SPLITS = ("train", "val", "test")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitShares:
    """Shares of a data set that are held out; the rest trains."""

    val_percent: int | None = None
    """Relics held out for choosing settings, in percent; by default 10, or what --test-percent
    leaves if that is less."""
    test_percent: int = 10
    """Relics held out for the final numbers, in percent; 100 makes a pure test set."""

    def __post_init__(self):
        if self.val_percent is None:
            object.__setattr__(self, "val_percent", min(10, max(0, 100 - self.test_percent)))
        if min(self.val_percent, self.test_percent) < 0 or self.train_percent < 0:
            raise UserError(
                f"{self.val_percent} % for val and {self.test_percent} % for test leave "
                f"{self.train_percent} % to train on; lower --val-percent or --test-percent"
            )

    @property
    def train_percent(self) -> int:
        """What is left."""
        return 100 - self.val_percent - self.test_percent

    def rule(self) -> str:
        """The rule in words, for the data set's metadata."""
        shares = f"{self.train_percent}/{self.val_percent}/{self.test_percent}"
        return f"sha256('{SALT}:' + cluster) mod 1000: {shares} percent"


def assign_splits(
    cluster_of: Mapping[str, str], shares: SplitShares
) -> tuple[dict[str, str], dict[str, str]]:
    """Splits relics by cluster, so that no scan leaks into another split through a second upload.

    Adding relics moves none, with one exception: where chance leaves a split empty and there are
    at least three clusters, the cluster with the smallest hash of the fullest split is moved into
    it, because a data set without held-out relics cannot be evaluated.

    Args:
        cluster_of: uid to cluster.
        shares: How much is held out.

    Returns:
        split_of: uid to split.
        moved: cluster to split, for the clusters that were moved; usually empty.
    """
    members = collections.defaultdict(set)
    for cluster in set(cluster_of.values()):
        members[split_by_hash(cluster, shares)].add(cluster)
    moved = {}
    wanted = [name for name in SPLITS if getattr(shares, f"{name}_percent")]
    if sum(map(len, members.values())) >= len(wanted):
        for split in wanted:
            if not members[split]:
                fullest = max(SPLITS, key=lambda name: len(members[name]))
                cluster = min(members[fullest], key=_hash)
                members[fullest].remove(cluster)
                members[split].add(cluster)
                moved[cluster] = split
    split_of_cluster = {c: split for split, clusters in members.items() for c in clusters}
    return {uid: split_of_cluster[cluster] for uid, cluster in cluster_of.items()}, moved


def split_by_hash(cluster: str, shares: SplitShares) -> str:
    """The split of a cluster in a data set large enough to fill all three."""
    value = int(_hash(cluster), 16) % 1000
    if value < 10 * shares.train_percent:
        return "train"
    return "val" if value < 10 * (100 - shares.test_percent) else "test"


def _hash(cluster: str) -> str:
    return hashlib.sha256(f"{SALT}:{cluster}".encode()).hexdigest()

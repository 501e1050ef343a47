"""Which relic trains and which is held out: a function of the duplicate cluster alone."""

import collections
import hashlib
from collections.abc import Mapping

SALT = "jaxrelic"
SPLITS = ("train", "val", "test")
_UPPER = (800, 900, 1000)
"""Exclusive upper bounds of hash mod 1000: 80, 10 and 10 percent."""


def assign_splits(cluster_of: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Splits relics by cluster, so that no scan leaks into another split through a second upload.

    Adding relics moves none, with one exception: where chance leaves a split empty and there are
    at least three clusters, the cluster with the smallest hash of the fullest split is moved into
    it, because a data set without held-out relics cannot be evaluated.

    Args:
        cluster_of: uid to cluster.

    Returns:
        split_of: uid to split.
        moved: cluster to split, for the clusters that were moved; usually empty.
    """
    members = collections.defaultdict(set)
    for cluster in set(cluster_of.values()):
        members[split_by_hash(cluster)].add(cluster)
    moved = {}
    if sum(map(len, members.values())) >= len(SPLITS):
        for split in SPLITS:
            if not members[split]:
                fullest = max(SPLITS, key=lambda name: len(members[name]))
                cluster = min(members[fullest], key=_hash)
                members[fullest].remove(cluster)
                members[split].add(cluster)
                moved[cluster] = split
    split_of_cluster = {c: split for split, clusters in members.items() for c in clusters}
    return {uid: split_of_cluster[cluster] for uid, cluster in cluster_of.items()}, moved


def split_by_hash(cluster: str) -> str:
    """The split of a cluster in a data set large enough to fill all three."""
    value = int(_hash(cluster), 16) % 1000
    return next(split for split, upper in zip(SPLITS, _UPPER, strict=True) if value < upper)


def _hash(cluster: str) -> str:
    return hashlib.sha256(f"{SALT}:{cluster}".encode()).hexdigest()

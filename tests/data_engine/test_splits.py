import collections

import pytest

from data_engine import splits


def clusters(count):
    return {f"uid-{i}": f"cluster-{i}" for i in range(count)}


def test_split_shares_are_eighty_ten_ten():
    split_of, moved = splits.assign_splits(clusters(4000))
    shares = collections.Counter(split_of.values())
    assert not moved
    assert shares["train"] / 4000 == pytest.approx(0.8, abs=0.02)
    assert shares["val"] / 4000 == pytest.approx(0.1, abs=0.02)


def test_uploads_of_one_scan_share_a_split():
    cluster_of = {f"uid-{i}": f"cluster-{i % 50}" for i in range(200)}
    split_of, _ = splits.assign_splits(cluster_of)
    assert len({(cluster_of[uid], split) for uid, split in split_of.items()}) == 50


def test_adding_relics_moves_none_once_every_split_is_filled():
    few, moved = splits.assign_splits(clusters(100))
    many, _ = splits.assign_splits(clusters(1000))
    assert not moved
    assert all(many[uid] == split for uid, split in few.items())


@pytest.mark.parametrize("count", [3, 4, 5, 8])
def test_three_relics_are_enough_to_fill_three_splits(count):
    split_of, moved = splits.assign_splits(clusters(count))
    assert set(split_of.values()) == set(splits.SPLITS)
    for uid, split in split_of.items():
        cluster = f"cluster-{uid.removeprefix('uid-')}"
        assert split == moved.get(cluster, splits.split_by_hash(cluster))


def test_two_relics_stay_where_their_hash_puts_them():
    split_of, moved = splits.assign_splits(clusters(2))
    assert not moved
    assert set(split_of) == {"uid-0", "uid-1"}


def test_order_of_the_relics_does_not_matter():
    forward = clusters(5)
    assert splits.assign_splits(forward) == splits.assign_splits(dict(reversed(forward.items())))

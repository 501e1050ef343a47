import collections

import pytest

from data_engine.errors import UserError
from data_engine.shards import splits

USUAL = splits.SplitShares()


def clusters(count):
    return {f"uid-{i}": f"cluster-{i}" for i in range(count)}


def test_split_shares_are_eighty_ten_ten():
    split_of, moved = splits.assign_splits(clusters(4000), USUAL)
    shares = collections.Counter(split_of.values())
    assert not moved
    assert shares["train"] / 4000 == pytest.approx(0.8, abs=0.02)
    assert shares["val"] / 4000 == pytest.approx(0.1, abs=0.02)


def test_uploads_of_one_scan_share_a_split():
    cluster_of = {f"uid-{i}": f"cluster-{i % 50}" for i in range(200)}
    split_of, _ = splits.assign_splits(cluster_of, USUAL)
    assert len({(cluster_of[uid], split) for uid, split in split_of.items()}) == 50


def test_adding_relics_moves_none_once_every_split_is_filled():
    few, moved = splits.assign_splits(clusters(100), USUAL)
    many, _ = splits.assign_splits(clusters(1000), USUAL)
    assert not moved
    assert all(many[uid] == split for uid, split in few.items())


@pytest.mark.parametrize("count", [3, 4, 5, 8])
def test_three_relics_are_enough_to_fill_three_splits(count):
    split_of, moved = splits.assign_splits(clusters(count), USUAL)
    assert set(split_of.values()) == set(splits.SPLITS)
    for uid, split in split_of.items():
        cluster = f"cluster-{uid.removeprefix('uid-')}"
        assert split == moved.get(cluster, splits.split_by_hash(cluster, USUAL))


def test_two_relics_stay_where_their_hash_puts_them():
    split_of, moved = splits.assign_splits(clusters(2), USUAL)
    assert not moved
    assert set(split_of) == {"uid-0", "uid-1"}


def test_order_of_the_relics_does_not_matter():
    forward = clusters(5)
    assert splits.assign_splits(forward, USUAL) == splits.assign_splits(
        dict(reversed(forward.items())), USUAL
    )


def test_shares_are_what_was_asked_for_and_zero_stays_empty():
    shares = splits.SplitShares(val_percent=0, test_percent=25)
    split_of, moved = splits.assign_splits(clusters(4000), shares)
    counted = collections.Counter(split_of.values())
    assert not moved
    assert set(counted) == {"train", "test"}
    assert counted["test"] / 4000 == pytest.approx(0.25, abs=0.02)


def test_a_larger_test_split_keeps_the_relics_of_the_smaller_one():
    small, _ = splits.assign_splits(clusters(1000), USUAL)
    large, _ = splits.assign_splits(clusters(1000), splits.SplitShares(test_percent=20))
    assert all(large[uid] == "test" for uid, split in small.items() if split == "test")


@pytest.mark.parametrize(("val", "test"), [(60, 50), (None, 101), (0, -1), (-1, 10)])
def test_shares_of_more_than_there_is_are_refused(val, test):
    with pytest.raises(UserError, match="lower --val-percent"):
        splits.SplitShares(val_percent=val, test_percent=test)


@pytest.mark.parametrize("count", [1, 2, 3, 500])
def test_a_hundred_percent_for_test_makes_a_pure_test_set(count):
    shares = splits.SplitShares(test_percent=100)
    split_of, moved = splits.assign_splits(clusters(count), shares)
    assert (set(split_of.values()), moved) == ({"test"}, {})
    assert shares.rule().endswith("0/0/100 percent")


def test_validation_takes_what_a_large_test_set_leaves():
    shares = splits.SplitShares(test_percent=95)
    assert (shares.train_percent, shares.val_percent) == (0, 5)

"""Views on disk and batches of them."""

import numpy as np
import pytest

from jaxrelic.data.relief_batches import example, jittered, random_batch
from jaxrelic.data.relief_records import VIEW, ViewSet, shard_path, write_shard
from jaxrelic.errors import UserError


def view(number):
    row = np.zeros((), VIEW)
    rng = np.random.default_rng(number)
    row["photo"] = rng.integers(0, 255, (128, 128, 3))
    row["mask"][40:90, 30:80] = 255
    row["covered"][20:45, 15:40] = True
    row["front"] = rng.normal(size=(64, 64))
    row["back"] = row["front"] + 1
    row["elevation"], row["relic"] = 0.3, number
    return row.item()


@pytest.fixture
def folder(tmp_path):
    write_shard(shard_path(tmp_path, "a", 0), [view(0), view(1), view(2)])
    write_shard(shard_path(tmp_path, "a", 1), [view(3)])
    write_shard(shard_path(tmp_path, "a_other", 0), [view(9)])
    return tmp_path


def test_rows_come_back_from_their_shards_in_order(folder):
    views = ViewSet(folder, ["a"])
    assert len(views) == 4
    assert views[np.array([3, 0, 2])]["relic"].tolist() == [3, 0, 2]
    np.testing.assert_array_equal(views[np.array([1])][0]["photo"], view(1)[0])


def test_a_set_that_is_not_there_is_named(folder):
    with pytest.raises(UserError, match="no shards of b"):
        ViewSet(folder, ["b"])


def test_a_mirrored_example_is_mirrored_throughout(folder):
    row = ViewSet(folder, ["a"])[np.array([0])][0]
    plain = example(row)
    for seed in range(20):
        varied = example(row, np.random.default_rng(seed))
        mirrored = not np.array_equal(varied["front"], plain["front"])
        expected = plain["front"][:, ::-1] if mirrored else plain["front"]
        np.testing.assert_array_equal(varied["front"], expected)
        column = (varied["mask"].sum(axis=0) * np.arange(128)).sum() / varied["mask"].sum()
        assert (column > 64) == mirrored


def test_a_jittered_mask_stays_near_the_mask():
    mask = np.float32(view(0)[1]) / 255
    for seed in range(30):
        found = jittered(mask, np.random.default_rng(seed)) > 0.5
        union = np.logical_or(found, mask > 0.5).sum()
        assert np.logical_and(found, mask > 0.5).sum() / union > 0.85


def test_batches_repeat_with_their_generator_and_draw_from_every_set(folder):
    sets = {name: ViewSet(folder, [name]) for name in ("a", "a_other")}
    shares = {"a": 0.5, "a_other": 0.5}
    one, same = (random_batch(sets, shares, 6, np.random.default_rng(2)) for _ in range(2))
    for name, values in one.items():
        np.testing.assert_array_equal(values, same[name])
        assert len(values) == 6

import csv
import tracemalloc

import numpy as np
import pytest

from jaxrelic.data.image_sets import candidates as c
from jaxrelic.data.image_sets import candidates_csv, pixel_features
from jaxrelic.data.image_sets.locate import SyntheticImages
from jaxrelic.data.synthetic import SyntheticRelics
from jaxrelic.errors import UserError


class Listed:
    """An image set of nothing but facts."""

    def __init__(self, instances):
        self._instances = list(instances)

    def __len__(self):
        return len(self._instances)

    def image_ids(self):
        return [f"{name}/{row}" for row, name in enumerate(self._instances)]

    def instances(self):
        return self._instances


def many():
    """Whole-number embeddings, so that similarities are exact and ties are frequent."""
    rng = np.random.default_rng(0)
    embeddings = rng.integers(-2, 3, (97, 3)).astype(np.float32)
    instances = [f"relic-{i}" for i in rng.integers(0, 30, 97)]
    categories = np.array([int(name[6:]) % 4 for name in instances])
    return embeddings, categories, instances


def brute_force(embeddings, categories, instances, count, same_instance):
    indices = np.full((len(embeddings), count), -1)
    similarities = np.zeros((len(embeddings), count))
    for q in range(len(embeddings)):
        pool = [
            (-float(embeddings[q] @ embeddings[i]), i)
            for i in range(len(embeddings))
            if i != q
            and categories[i] == categories[q]
            and (same_instance or instances[i] != instances[q])
        ]
        for rank, (score, i) in enumerate(sorted(pool)[:count]):
            indices[q, rank], similarities[q, rank] = i, -score
    return indices, similarities


@pytest.mark.parametrize("same_instance", [True, False])
@pytest.mark.parametrize(("count", "block"), [(6, 5), (3, 1000), (40, 7)])
def test_blocked_search_agrees_with_sorting_all_pairs_and_breaks_ties_by_index(
    same_instance, count, block
):
    indices, similarities = c.nearest_candidates(
        *many(), count=count, same_instance=same_instance, block=block
    )
    expected, scores = brute_force(*many(), count, same_instance)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(similarities, scores)
    assert indices.dtype == np.int32
    assert np.any(indices[:, -1] == -1) == (count == 40)


def test_memory_is_that_of_a_block_and_not_of_all_pairs():
    embeddings = np.random.default_rng(0).normal(size=(6000, 2)).astype(np.float32)
    instances = [str(i) for i in range(len(embeddings))]
    categories = np.zeros(len(embeddings), int)
    tracemalloc.start()
    c.nearest_candidates(embeddings, categories, instances, same_instance=False, block=256)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6000 * 6000 * 4 / 10


def test_of_each_object_only_so_many_views_are_offered_evenly_spread():
    instances = ["a", "b"] * 6
    embeddings = np.ones((12, 1), np.float32)
    indices, _ = c.nearest_candidates(
        embeddings, np.zeros(12), instances, count=12, same_instance=True, views_per_object=2
    )
    assert set(indices.ravel()) == {-1, 0, 6, 1, 7}
    np.testing.assert_array_equal(indices[0, :4], [1, 6, 7, -1])
    with pytest.raises(UserError, match="views per object is 0"):
        c.nearest_candidates(
            embeddings, np.zeros(12), instances, same_instance=True, views_per_object=0
        )


def test_an_embedding_that_is_not_finite_is_named():
    embeddings = np.ones((3, 2))
    embeddings[1, 1] = np.nan
    with pytest.raises(UserError, match="embedding of image 1 is not finite"):
        c.nearest_candidates(embeddings, np.zeros(3), ["a", "b", "c"], same_instance=True)


def found(images, **changes):
    count = 2
    indices = np.full((len(images), count), -1, np.int32)
    indices[:, 0] = np.roll(np.arange(len(images)), 1)
    similarities = np.where(indices < 0, 0, np.float32(1) / 3).astype(np.float32)
    fields = {
        "indices": indices,
        "similarities": similarities,
        "image_ids": images.image_ids(),
        "features": "clip-vit-l-14",
        "same_instance": False,
        "weights": "ab" * 32,
    } | changes
    return c.Candidates(**fields)


IMAGES = Listed(["b", "a", "ü", "c"])


def test_what_is_stored_is_read_back_with_its_provenance(tmp_path):
    path = c.candidates_path(tmp_path, "train", "run:x", same_instance=True)
    assert path == tmp_path / "neighbours" / "train-run-x-same.npz"
    stored = found(IMAGES, features="run:x", same_instance=True)
    c.write_candidates(path, stored)
    read = c.read_candidates(path, IMAGES)
    np.testing.assert_array_equal(read.indices, stored.indices)
    np.testing.assert_array_equal(read.similarities, stored.similarities)
    for name in ("image_ids", "features", "same_instance", "weights"):
        assert getattr(read, name) == getattr(stored, name)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_failed_write_leaves_the_former_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    c.write_candidates(path, found(IMAGES))
    before = path.read_bytes()

    def full(file, **arrays):
        file.write(b"half")
        raise OSError("disk is full")

    monkeypatch.setattr(c.np, "savez_compressed", full)
    with pytest.raises(OSError, match="disk is full"):
        c.write_candidates(path, found(IMAGES))
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.npz"]


def test_candidates_of_other_images_damaged_and_absent_files_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(UserError, match=r"no candidates at .*a\.npz; compute them"):
        c.read_candidates(path, IMAGES)
    c.write_candidates(path, found(IMAGES))
    with pytest.raises(UserError, match="lists 4 of which 3 are among these 3"):
        c.read_candidates(path, Listed(["b", "a", "ü"]))
    outside = np.full((4, 2), 4, np.int32)
    c.write_candidates(path, found(IMAGES, indices=outside))
    with pytest.raises(UserError, match="points at images that do not exist"):
        c.read_candidates(path, IMAGES)
    for content in (b"PK\x03\x04", b"", b"no archive", path.read_bytes()[:-30]):
        path.write_bytes(content)
        with pytest.raises(UserError, match="is no candidates file"):
            c.read_candidates(path, IMAGES)


def test_a_table_has_shapeclippers_header_sorted_queries_and_comes_back_whole(tmp_path):
    path = tmp_path / "neighbours.csv"
    candidates_csv.export_csv(path, found(IMAGES))
    header, *rows = list(csv.reader(path.open(encoding="utf-8")))
    assert header == ["Query", "Top_1", "Top_2", "Top_1_score", "Top_2_score"]
    assert [row[0] for row in rows] == ["a/1", "b/0", "c/3", "ü/2"]
    assert rows[0][1:3] == ["b/0", ""]
    read = candidates_csv.import_csv(path, IMAGES)
    np.testing.assert_array_equal(read.indices, found(IMAGES).indices)
    np.testing.assert_array_equal(read.similarities, found(IMAGES).similarities)
    assert read.features == "csv:neighbours"


def test_foreign_tables_have_file_names_the_query_itself_and_missing_rows(tmp_path):
    path = tmp_path / "sc.csv"
    path.write_text("Query,Top_1,Top_2,Top_1_score,Top_2_score\na/1.png,a/1.png,b/0.png,1.0,0.5\n")
    read = candidates_csv.import_csv(path, Listed(["b", "a", "a"]))
    np.testing.assert_array_equal(read.indices, [[-1, -1], [0, -1], [-1, -1]])
    np.testing.assert_array_equal(read.similarities[1], [0.5, 0])
    assert not read.same_instance


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "its header must be Query"),
        ("Query,Top_1\n", "its header must be"),
        ("Query,Top_1,Top_1_score\na/1,b/0\n", "line 2 has 2 cells, its header 3"),
        ("Query,Top_1,Top_1_score\na/1,x/9,1\n", "line 2 names 'x/9', which is no image"),
        ("Query,Top_1,Top_1_score\n,b/0,1\n", "line 2 has no query"),
        ("Query,Top_1,Top_1_score\na/1,b/0,high\n", "line 2 has the score 'high'"),
    ],
)
def test_mistakes_in_a_table_are_named_by_line(tmp_path, table, message):
    path = tmp_path / "sc.csv"
    path.write_text(table)
    with pytest.raises(UserError, match=message):
        candidates_csv.import_csv(path, IMAGES)


def test_pixel_features_are_of_length_one_and_know_shape_and_shading_alone():
    images = SyntheticImages(SyntheticRelics(num_relics=2, num_views=3))
    features = pixel_features.embed_pixels(images)
    assert features.shape == (6, 2 * 16 * 16)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    item = dict(images[0])
    swapped = {**item, "image": item["image"][:, ::-1], "mask": item["mask"][:, ::-1]}
    assert features[0] @ pixel_features.pixel_features(swapped) < 1 - 1e-4
    empty = {**item, "image": np.full_like(item["image"], 255), "mask": 0 * item["mask"]}
    assert not np.any(pixel_features.pixel_features(empty))

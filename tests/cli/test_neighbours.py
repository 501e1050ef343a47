import cv2
import numpy as np
import pytest

from jaxrelic.cli import main as cli
from jaxrelic.cli import neighbours
from jaxrelic.data import candidates, image_sets
from jaxrelic.errors import UserError

COUNT = 3


@pytest.fixture(scope="module")
def images():
    return image_sets.open_images("synthetic", "train")


def arguments(tmp_path, *options):
    return ["neighbours", "synthetic", "--count", str(COUNT), "-o", f"{tmp_path}/n.npz", *options]


def run(tmp_path, *options):
    return neighbours.run(cli.parse("neighbours", arguments(tmp_path, *options)[1:]))


def test_the_file_written_is_what_the_loader_reads_and_the_summary_counts_it(
    tmp_path, capsys, images
):
    assert run(tmp_path, "--sheet", f"{tmp_path}/s.png", "--csv", f"{tmp_path}/n.csv") == 0
    found = candidates.read_candidates(tmp_path / "n.npz", images)
    assert found.indices.shape == (len(images), COUNT)
    assert found.features == "pixels"
    instances, categories = np.array(images.instances()), images.category_indices()
    assert np.all(categories[found.indices] == categories[:, None])
    assert not np.any(instances[found.indices] == instances[:, None])
    out = capsys.readouterr().out
    assert "128 images, 3 neighbours each by pixels" in out
    assert "0 images (0.0%) have fewer than 3" in out
    assert "0.0% of the neighbours show the same object" in out
    sheet = cv2.imread(f"{tmp_path}/s.png", cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(sheet[:64, :64], images[0]["image"])
    np.testing.assert_array_equal(sheet[:64, 68:132], images[found.indices[0, 0]]["image"])


def test_a_table_written_is_a_table_read(tmp_path, images):
    run(tmp_path, "--csv", f"{tmp_path}/n.csv", "--same-instance")
    first = candidates.read_candidates(tmp_path / "n.npz", images)
    run(tmp_path, "--from-csv", f"{tmp_path}/n.csv")
    second = candidates.read_candidates(tmp_path / "n.npz", images)
    np.testing.assert_array_equal(first.indices, second.indices)
    np.testing.assert_array_equal(first.similarities, second.similarities)
    assert second.same_instance
    assert second.features == "csv:n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--features", "run"], "needs --run DIR"),
        (["--count", "0"], "--count is 0"),
        (["-o", "neighbours.txt"], r"neighbours\.txt is no \.npz file"),
        (["--from-csv", "absent.csv"], r"cannot read absent\.csv"),
    ],
)
def test_mistakes_are_one_line(tmp_path, options, message):
    with pytest.raises(UserError, match=message) as error:
        run(tmp_path, *options)
    assert "\n" not in str(error.value)


def test_what_is_stored_nowhere_needs_a_file_to_write():
    with pytest.raises(UserError, match="name the file to write with -o"):
        neighbours.run(cli.parse("neighbours", ["synthetic", "--count", "2"]))

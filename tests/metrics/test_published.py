"""The quoted numbers agree with one another as specification msrn F.1 says they do."""

import math

import numpy as np
import pytest

from jaxrelic.metrics.published import CD, LOST, TABLES, TEST_OBJECTS, F


def row(table, name):
    (found,) = (each for each in TABLES[table].rows if each.name == name)
    return found.cells


def test_all_tables_of_the_paper_are_there():
    assert list(TABLES) == [f"T{number}" for number in range(2, 13)]
    assert sum(TEST_OBJECTS.values()) == 8769


def test_f_scores_follow_from_distances_in_all_21_pairs():
    pairs = {
        (each.cells[CD], each.cells[F])
        for table in TABLES.values()
        for each in table.rows
        if each.cells.get(CD) is not None and each.cells.get(F) is not None
    }
    assert len(pairs) == 21
    for chamfer, f_score in pairs:
        # Half-normal distances of that mean; the threshold is 0.01 of the same unit.
        spread = chamfer / 100 * math.sqrt(math.pi / 2)
        assert f_score == pytest.approx(math.erf(0.01 / (math.sqrt(2) * spread)), abs=0.021)


@pytest.mark.parametrize(("name", "mean"), [("Unicorn", 2.01), ("M-SRN", 1.70)])
def test_means_over_categories_are_those_of_t5(name, mean):
    assert np.mean(list(row("T5", name).values())) == pytest.approx(mean, abs=0.005)


def test_the_full_model_has_one_number_wherever_it_is_printed():
    assert row("T8", "full") == row("T2", "M-SRN")
    assert row("T7", "full") == row("T9", "full") == row("T4", "M-SRN")
    f_score = row("T4", "M-SRN")[F]
    assert row("T11", "5")[F] == row("T12", "6")[F] == f_score
    assert row("T10", "10")[F] == row("T2", "M-SRN")[F]


def test_numbers_that_were_lost_are_not_filled_in():
    assert row("T12", "3")[F] == row("T12", "8")[F] == LOST

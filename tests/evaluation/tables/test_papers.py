"""Tables quote the paper, take our numbers from evaluation files, and invent nothing."""

import json

import pytest

from jaxrelic.cli import main as cli
from jaxrelic.errors import UserError
from jaxrelic.evaluation.tables import papers as paper_tables
from jaxrelic.metrics.published import CD, IOU, TABLES, TEST_OBJECTS, F


def evaluation(folder, lines, **facts):
    """A metrics.json with these (protocol, category, figures)."""
    folder.mkdir(parents=True, exist_ok=True)
    summary = [
        {"protocol": protocol, "category": category, "method": method, "relics": 7, **figures}
        for method, worse in (("template", 10), ("model", 1))
        for protocol, category, values in lines
        for figures in [{name: worse * value for name, value in values.items()}]
    ]
    page = {"summary": summary, "split": "test", "held_out": True, "shards": "shards/x", **facts}
    (folder / "metrics.json").write_text(json.dumps(page))
    return folder


@pytest.fixture
def measured(tmp_path):
    return evaluation(
        tmp_path / "run" / "evaluation",
        [
            ("unicorn", "all", {"chamfer": 2.5, "f@0.01": 0.25}),
            ("none", "all", {"chamfer": 5.0, "f@0.01": 0.125}),
            ("ucmr", "all", {"chamfer": 4.0, "f@0.01": 0.2, "iou_3d": 0.625}),
        ],
        supervision="latent",
    )


def rows(name, results, protocol="unicorn"):
    return {row.name: row for row in paper_tables.fill(TABLES[name], results, protocol)}


def test_our_row_stands_under_the_quoted_one_with_the_models_numbers(measured):
    result = paper_tables.read_result(f"T8:w/o FC={measured.parent}")
    table = rows("T8", [result])
    assert list(table) == [
        *("w/o FC", "w/o FC (ours)", "w/o NC", "w/o NC (ours)", "full", "full (ours)")
    ]
    assert table["w/o FC"].cells == {CD: 1.84, F: 0.352}
    assert table["w/o FC"].source.startswith("quoted: Guo et al.")
    assert table["w/o FC (ours)"].cells == {CD: 2.5, F: 0.25}
    assert table["w/o FC (ours)"].supervision == "latent"
    assert "7 objects of shards/x, split test, protocol unicorn" in table["w/o FC (ours)"].source
    assert rows("T8", [result], "none")["w/o FC (ours)"].cells[CD] == 5.0


def test_what_nobody_measured_is_not_obtained():
    table = rows("T2", [])
    assert set(table["M-SRN (ours)"].cells.values()) == {"not obtained"}
    # Other people's models are quoted, and no row of ours is promised for them.
    assert "Splatter (ours)" not in table


def test_3d_iou_is_that_of_ucmr_in_percent(measured):
    table = rows("T6", [paper_tables.read_result(f"T6:M-SRN={measured / 'metrics.json'}")])
    assert table["M-SRN (ours)"].cells == {IOU: 62.5, CD: 2.5}


def test_categories_come_from_a_file_each_and_means_need_all_of_them(tmp_path):
    results = []
    for index, category in enumerate(TEST_OBJECTS):
        lines = [("unicorn", category, {"chamfer": 1.0 + index})]
        folder = evaluation(tmp_path / category, lines)
        results.append(paper_tables.read_result(f"T5:M-SRN={folder}"))
    ours = rows("T5", results)["M-SRN (ours)"].cells
    assert ours["airplane"] == 1.0
    assert ours["mean"] == pytest.approx(7.0)
    assert ours["weighted mean"] == pytest.approx(
        sum((1 + i) * n for i, n in enumerate(TEST_OBJECTS.values())) / 8769
    )
    partial = rows("T5", results[1:])["M-SRN (ours)"].cells
    assert (partial["airplane"], partial["bench"], partial["mean"]) == ("not obtained", 2.0, None)


def test_quoted_means_are_computed_from_the_quoted_cells():
    table = rows("T5", [])
    assert table["Unicorn"].cells["mean"] == pytest.approx(2.01, abs=0.005)
    assert table["M-SRN"].cells["mean"] == pytest.approx(1.70, abs=0.005)
    assert table["M-SRN"].cells["weighted mean"] == pytest.approx(1.71, abs=0.005)
    assert table["TARS"].cells["mean"] is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("T8=x", "does not say TABLE:ROW=PATH"),
        ("T1:full=x", "no table 'T1'; choose one of T2, .*T12, or own"),
        ("T8:w/o XY=x", "table T8 has no row 'w/o XY'; it has w/o FC, w/o NC, full"),
        ("T8:full=absent", "absent.* cannot be read .*; run `jaxrelic evaluate`"),
    ],
)
def test_a_mistake_is_one_line(text, message):
    with pytest.raises(UserError, match=message):
        paper_tables.read_result(text)


def test_the_command_writes_all_tables_and_says_what_is_missing(measured, tmp_path, capsys):
    arguments = ["tables", f"T9:full={measured}", f"own:posed={measured}", "-o", str(tmp_path)]
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    assert "| M-SRN [q] | S | 1.61 | 0.365 | quoted" in out
    assert "| full (ours) | latent | 2.50 | 0.250 |" in out
    assert "| posed (ours) | latent | 2.50 | 0.250 | 62.5 |" in out
    assert "| 3 [q] | S | lost |" in out
    assert "not obtained" in out
    page = json.loads((tmp_path / "tables.json").read_text())
    assert list(page) == [*TABLES, "own"]
    latex = (tmp_path / "tables.tex").read_text()
    assert latex.count(r"\end{tabular}") == 12
    assert r"K'' for neighbours" in latex
    assert cli.main(["tables", "--table", "T8", "-o", str(tmp_path)]) == 0
    assert list(json.loads((tmp_path / "tables.json").read_text())) == ["T8"]

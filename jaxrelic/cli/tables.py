"""Write the papers' tables: their numbers, marked as quoted, beside those of our evaluations."""

import dataclasses
import pathlib
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True, kw_only=True)
class TablesArguments:
    """The evaluations that fill the rows."""

    results: tyro.conf.Positional[tuple[str, ...]] = ()
    """Rows, each as TABLE:ROW=PATH, such as `T8:full=runs/a/evaluation` or `"T8:w/o FC=runs/b"`;
    PATH is a metrics.json, or a folder that holds one. T5 takes several files for one row, each
    with its categories. `own:NAME=PATH` makes a table of rows that no paper has."""
    output: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])]
    """Folder for tables.md, tables.tex and tables.json."""
    table: tuple[str, ...] = ()
    """Tables to write, T2 to T12 or own; all of them by default."""
    protocol: str = "unicorn"
    """Protocol of our CD and F-scores; 3D IoU is always that of `ucmr`."""


def run(args: TablesArguments) -> int:
    """Writes the tables and prints them."""
    from jaxrelic.evaluation.tables import papers as paper_tables
    from jaxrelic.metrics import protocols, published

    (protocol,) = protocols.named((args.protocol,))
    results = [paper_tables.read_result(text) for text in args.results]
    filled = []
    for name in args.table or (*published.TABLES, paper_tables.OWN):
        if name != paper_tables.OWN:
            table = paper_tables.find_table(name)
            filled.append((table, paper_tables.fill(table, results, protocol.name)))
        elif any(result.table == paper_tables.OWN for result in results):
            filled.append(paper_tables.own_table(results, protocol.name))
    print(paper_tables.write(args.output, filled, protocol.name))
    return 0

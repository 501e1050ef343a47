"""Candidates as the tables that ShapeClipper reads and writes (specification msrn D.1).

Header `Query, Top_1 ... Top_k, Top_1_score ... Top_k_score`; names are image paths relative to the
data set, rows are sorted by query, and a cell is empty where there is no candidate.
"""

import csv
import os
import pathlib

import numpy as np

from jaxrelic.data.image_sets.candidates import NONE, Candidates
from jaxrelic.data.image_sets.image_set import ImageSet
from jaxrelic.errors import UserError

QUERY = "Query"


def export_csv(path: pathlib.Path, candidates: Candidates) -> None:
    """Writes the table, whole or not at all."""
    ids, count = candidates.image_ids, candidates.indices.shape[1]
    tops = [f"Top_{rank}" for rank in range(1, count + 1)]
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([QUERY, *tops, *(f"{top}_score" for top in tops)])
            for row in sorted(range(len(ids)), key=ids.__getitem__):
                found = candidates.indices[row]
                scores = candidates.similarities[row]
                names = ["" if index == NONE else ids[index] for index in found]
                texts = [
                    "" if index == NONE else repr(float(score))
                    for index, score in zip(found, scores, strict=True)
                ]
                writer.writerow([ids[row], *names, *texts])
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def import_csv(path: pathlib.Path, images: ImageSet) -> Candidates:
    """Reads a table for these images; those that it lacks have no candidates.

    A name may have the extension of a file where the id of our image has none. A query among its
    own candidates, which ShapeClipper's search yields, is dropped.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = list(csv.reader(file)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    count = (len(header) - 1) // 2
    tops = [f"Top_{rank}" for rank in range(1, count + 1)]
    if not tops or header != [QUERY, *tops, *(f"{top}_score" for top in tops)]:
        raise UserError(
            f"{path} is no table of neighbours: its header must be {QUERY}, Top_1, ..., Top_1_score"
        )
    ids = images.image_ids()
    row_of = {name: row for row, name in enumerate(ids)}
    indices = np.full((len(ids), count), NONE, np.int32)
    similarities = np.zeros((len(ids), count), np.float32)
    for line, cells in enumerate(rows, start=2):
        if len(cells) != len(header):
            raise UserError(f"{path} line {line} has {len(cells)} cells, its header {len(header)}")
        query, *found = (_row(name, row_of, path, line) for name in cells[: count + 1])
        if query == NONE:
            raise UserError(f"{path} line {line} has no query")
        kept = [rank for rank, row in enumerate(found) if row not in (NONE, query)]
        indices[query, : len(kept)] = [found[rank] for rank in kept]
        similarities[query, : len(kept)] = [
            _score(cells[1 + count + rank], path, line) for rank in kept
        ]
    return Candidates(
        indices=indices,
        similarities=similarities,
        image_ids=ids,
        features=f"csv:{path.stem}",
        same_instance=bool(np.any(shows_same_instance(indices, images.instances()))),
    )


def _row(name: str, row_of: dict[str, int], path: pathlib.Path, line: int) -> int:
    if not name:
        return NONE
    for known in (name, str(pathlib.PurePosixPath(name).with_suffix(""))):
        if known in row_of:
            return row_of[known]
    raise UserError(
        f"{path} line {line} names {name!r}, which is no image of this split; such as "
        f"{next(iter(row_of), 'none')!r} are"
    )


def _score(text: str, path: pathlib.Path, line: int) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UserError(f"{path} line {line} has the score {text!r}, not a number") from error


def shows_same_instance(indices: np.ndarray, instances: list[str]) -> np.ndarray:
    """Which candidates show the object of their query, [N, k] bool."""
    objects = np.unique(instances, return_inverse=True)[1]
    return (indices != NONE) & (objects[indices] == objects[:, None])

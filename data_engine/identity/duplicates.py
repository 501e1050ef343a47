"""The last act of validation: which relics are one object, so that no scan leaks between splits.

A descriptor per relic proposes pairs, an alignment of the two meshes in a limited child decides,
and what was decided is kept: a later run compares new relics only. A human's word stands above
both (`data-engine duplicates`).
"""

import dataclasses
import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from data_engine.catalog.catalog import Catalog
from data_engine.errors import Refusal
from data_engine.gltf.reader import Geometry, load_geometry
from data_engine.identity.clusters import NEAR, settle
from data_engine.identity.groups import LIVE
from data_engine.identity.originals import elect
from data_engine.identity.shape_samples import DESCRIPTOR_POINTS, descriptor, sample
from data_engine.processes.pool import ChildLimits, ChildPool
from data_engine.text.progress import progress
from data_engine.workspace import Workspace

STAGE = "duplicates"
KEY = hashlib.sha256(b"duplicates/1").hexdigest()
"""Version of descriptor and alignment: a new one compares everything again."""

PROPOSED = 0.999
"""Cosine of two descriptors from which a pair is aligned; decimated to a fifth: 0.9997."""
MOST_PROPOSALS = 32
"""Pairs per new relic: of many discs or boxes, only those most alike are compared."""
CHUNK = 1024
"""Rows of the product of descriptors at a time."""


@dataclasses.dataclass(kw_only=True)
class DuplicatesReport:
    """What this run found."""

    compared: int = 0
    """Pairs that were aligned."""
    moved: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """(uid, uid of the relic it repeats, turned, scaled or moved)."""
    unreadable: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """(uid, why): relics that could not be described or compared."""


def describe_geometry(geometry: Geometry) -> str:
    """The descriptor as hex, which travels as JSON between processes."""
    return descriptor(sample(geometry, DESCRIPTOR_POINTS)).tobytes().hex()


def describe_blob(task: dict[str, Any]) -> dict[str, Any]:
    """Child function: the descriptor of one relic."""
    return {"descriptor": describe_geometry(load_geometry(task["path"]))}


def compare_blobs(task: dict[str, Any]) -> dict[str, Any]:
    """Child function: how far the GLBs at `paths` are apart, and whether one is the other moved."""
    from data_engine.identity import shape_match

    one, other = (load_geometry(path) for path in task["paths"])
    match = shape_match.align(*(sample(mesh, shape_match.FINE_POINTS) for mesh in (one, other)))
    return {
        "distance": match.distance,
        "moved": match.distance < NEAR and shape_match.is_moved(one, other, match.pose[1]),
    }


def store_descriptor(catalog: Catalog, uid: str, text: str) -> None:
    """Keeps what `describe_geometry` gave; its pairs are still to be proposed."""
    catalog.execute(
        "INSERT OR REPLACE INTO shape (uid, key, proposed, descriptor) VALUES (?, ?, 0, ?)",
        [uid, KEY, bytes.fromhex(text)],
    )


def find_duplicates(
    workspace: Workspace, catalog: Catalog, *, workers: int, limits: ChildLimits
) -> DuplicatesReport:
    """Compares relics that are new, then names the cluster of every relic."""
    report = DuplicatesReport()
    elect(catalog)  # What takes another's place now is compared as well.
    _describe(workspace, catalog, workers, limits, report)
    _compare(workspace, catalog, workers, limits, report)
    with catalog.transaction():
        report.moved = settle(catalog)
        catalog.execute("UPDATE shape SET proposed = 1 WHERE NOT proposed")
    return report


def _describe(workspace, catalog, workers, limits, report) -> None:
    """Describes the relics that an older version validated."""
    rows = catalog.query(
        "SELECT uid, glb_sha256 FROM relic LEFT JOIN shape USING (uid)"
        f" WHERE state IN ({LIVE}) AND glb_sha256 != '' AND (shape.key IS NULL OR shape.key != ?)"
        " ORDER BY uid",
        [KEY],
    )
    tasks = [{"uid": uid, "path": str(workspace.blob_path(sha))} for uid, sha in rows]
    with _pool("describe_blob", workers, limits) as pool:
        for task, outcome in pool.run(tasks):
            if isinstance(outcome, Refusal):
                report.unreadable.append((task["uid"], str(outcome)))
            else:
                store_descriptor(catalog, task["uid"], outcome["descriptor"])


def _compare(workspace, catalog, workers, limits, report) -> None:
    pairs = propose(catalog)
    known = {(a, b) for a, b in catalog.query("SELECT a, b FROM pair WHERE key = ?", [KEY])}
    blobs = dict(map(tuple, catalog.query("SELECT uid, glb_sha256 FROM relic")))
    tasks = [
        {"pair": pair, "paths": [str(workspace.blob_path(blobs[uid])) for uid in pair]}
        for pair in pairs
        if pair not in known
    ]
    if not tasks:
        return
    with (
        _pool("compare_blobs", workers, limits) as pool,
        progress(len(tasks), stage=STAGE, unit="pair") as bar,
    ):
        for task, outcome in pool.run(tasks):
            if isinstance(outcome, Refusal):
                report.unreadable.append((" and ".join(task["pair"]), str(outcome)))
            else:
                _store_pair(catalog, task["pair"], outcome)
                report.compared += 1
            bar.update()


def _pool(function: str, workers: int, limits: ChildLimits) -> ChildPool:
    return ChildPool(f"data_engine.identity.duplicates:{function}", workers=workers, limits=limits)


def _store_pair(catalog: Catalog, pair: tuple[str, str], outcome: dict[str, Any]) -> None:
    catalog.execute(
        "INSERT INTO pair (a, b, key, distance, moved) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (a, b) DO UPDATE SET"
        " key = excluded.key, distance = excluded.distance, moved = excluded.moved",
        [*pair, KEY, outcome["distance"], outcome["moved"]],
    )


def propose(catalog: Catalog) -> list[tuple[str, str]]:
    """Pairs of relics whose descriptors are alike, at least one of them new; sorted."""
    rows = catalog.query(
        "SELECT uid, proposed, descriptor FROM shape JOIN relic USING (uid)"
        f" WHERE key = ? AND state IN ({LIVE}) ORDER BY uid",
        [KEY],
    )
    if all(row["proposed"] for row in rows):
        return []
    uids = [row["uid"] for row in rows]
    table = np.stack([np.frombuffer(row["descriptor"], np.float32) for row in rows])
    fresh = np.flatnonzero([not row["proposed"] for row in rows])
    found = {tuple(sorted((i, j))) for i, j in _alike(table.astype(np.float64), fresh)}
    return sorted((uids[i], uids[j]) for i, j in found)


def _alike(table: np.ndarray, fresh: np.ndarray) -> Iterator[tuple[int, int]]:
    """Rows of `table` [n, d] most like each fresh row, in memory of a few chunks."""
    for start in range(0, len(fresh), CHUNK):
        rows = fresh[start : start + CHUNK]
        cosines = table[rows] @ table.T
        cosines[np.arange(len(rows)), rows] = -1.0
        for row, line in zip(rows, cosines, strict=True):
            near = np.flatnonzero(line > PROPOSED)
            near = near[np.argsort(-line[near], kind="stable")][:MOST_PROPOSALS]
            yield from ((int(row), int(other)) for other in near)

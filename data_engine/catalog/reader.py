"""The catalog for those who only look: status, reports and releases."""

import collections
import dataclasses
import json
import os
import pathlib
import sqlite3
import time
import typing
import urllib.parse

from data_engine.catalog.catalog import Catalog
from data_engine.catalog.notes import code_of
from data_engine.catalog.schema import Relic

TIMEOUT_S = 10.0
"""How long to wait for a catalog that is being recovered; readers wait for nothing else."""


_LEFT_OUT = """stage.stage = 'render' AND stage.state = 'failed'
AND relic.state NOT IN ('rejected', 'failed', 'duplicate')"""
_UNSEEN = f"""SELECT DISTINCT uid FROM relic JOIN stage USING (uid) WHERE {_LEFT_OUT}
AND relic.state NOT IN ('rendered', 'sharded')"""


class LeftOut(typing.NamedTuple):
    """A relic that one render is without."""

    uid: str
    file: str
    key: str
    """`render_id` of the render."""
    reason: str
    detail: str


class CatalogReader(Catalog):
    """A catalog that is opened without writing anything, not even beside the file.

    So one on a locked disk can be read, one of an older version stays as it is, and one that other
    processes are writing to is not held up. Methods that write raise `sqlite3.OperationalError`.
    """

    def __init__(self, path: str | os.PathLike):
        """Opens the file; `sqlite3.OperationalError` if there is none."""
        self.path = pathlib.Path(path)
        self._leases: dict[tuple[str, str], tuple[str, str]] = {}
        self._db = _open(self.path)

    def tallies(self) -> dict[tuple[str, str, str], int]:
        """How many relics there are per (state, reason_stage, dup_kind).

        Those without views that were left out of a render count as out there, not as waiting.
        """
        rows = self._db.execute(
            "SELECT state, reason_stage, dup_kind, COUNT(*) FROM relic"
            f" WHERE uid NOT IN ({_UNSEEN}) GROUP BY 1, 2, 3"
        )
        counts = {(state, stage, kind): count for state, stage, kind, count in rows}
        unseen = self._db.execute(f"SELECT COUNT(*) FROM ({_UNSEEN})").fetchone()[0]
        return counts | ({("rejected", "render", ""): unseen} if unseen else {})

    def left_out(self) -> list[LeftOut]:
        """The relics that are in the catalog and not in some render, by file."""
        rows = self._db.execute(
            "SELECT uid, source_file, stage.key, stage.error FROM stage JOIN relic USING (uid)"
            f" WHERE {_LEFT_OUT} ORDER BY source_file, uid, stage.key"
        )
        return [LeftOut(uid, file, key, *error.split(": ", 1)) for uid, file, key, error in rows]

    def notes(self) -> dict[str, int]:
        """How many relics that are not out have a note of each code, the most frequent first."""
        rows = self._db.execute(
            "SELECT notes FROM relic WHERE notes IS NOT NULL"
            " AND state NOT IN ('rejected', 'failed', 'duplicate')"
        )
        codes: collections.Counter[str] = collections.Counter()
        for (text,) in rows:
            codes.update({code_of(note) for note in json.loads(text)})
        return dict(sorted(codes.items(), key=lambda item: (-item[1], item[0])))

    def blob_bytes(self) -> int:
        """Bytes of the distinct GLB files."""
        row = self._db.execute(
            "SELECT COALESCE(SUM(size), 0) FROM"
            " (SELECT MAX(glb_bytes) AS size FROM relic WHERE glb_sha256 != '' GROUP BY glb_sha256)"
        ).fetchone()
        return row[0]

    def running(self) -> dict[str, int]:
        """Relics under a lease that has not run out, per stage."""
        rows = self._db.execute(
            "SELECT stage, COUNT(*) FROM stage WHERE state = 'running' AND lease_until > ?"
            " GROUP BY stage",
            [time.time()],
        )
        return dict(map(tuple, rows))

    def endings(self) -> dict[str, list[str]]:
        """Per stage, when it was done with a relic, whatever came of it; oldest first."""
        rows = self._db.execute(
            "SELECT stage, at FROM event"
            " WHERE what IN ('finished', 'rejected', 'left out', 'failed') ORDER BY id"
        )
        ended: dict[str, list[str]] = {}
        for stage, at in rows:
            ended.setdefault(stage, []).append(at)
        return ended


def _open(path: pathlib.Path) -> sqlite3.Connection:
    name = urllib.parse.quote(str(path.absolute()))
    try:
        connection = _connect(f"file:{name}?mode=ro")
    except sqlite3.OperationalError:
        # A catalog in WAL mode needs its `-shm` file. After an orderly end there is none, and on a
        # locked disk none can be made; nobody can be writing there, either.
        connection = _connect(f"file:{name}?immutable=1")
    _add_missing_columns(connection)
    return connection


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=TIMEOUT_S, isolation_level=None)
    try:
        connection.execute("SELECT 1 FROM relic LIMIT 1")
    except BaseException:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    return connection


def _add_missing_columns(connection: sqlite3.Connection) -> None:
    """Hides the table of an older catalog behind a temporary view that has every column."""
    present = {row[1] for row in connection.execute("PRAGMA main.table_info(relic)")}
    missing = [field for field in dataclasses.fields(Relic) if field.name not in present]
    if missing:
        values = ", ".join(
            f"{'NULL' if field.default is None else repr(field.default)} AS {field.name}"
            for field in missing
        )
        connection.execute(f"CREATE TEMP VIEW relic AS SELECT *, {values} FROM main.relic")

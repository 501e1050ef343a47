"""What is known about the relics: their records and their history, in one SQLite file."""

import contextlib
import datetime
import json
import os
import pathlib
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from data_engine.catalog import tables as catalog_tables
from data_engine.catalog.schema import STATES, VERDICT_COLUMNS, Event, Relic

BUSY_TIMEOUT_S = 60.0


class Records:
    """The records of one workspace, for any number of processes on one host.

    Each change is one transaction with its event, so a killed process leaves either both or
    neither.
    """

    def __init__(self, path: str | os.PathLike):
        """Opens the file, and makes it when it is missing."""
        self.path = pathlib.Path(path)
        self._db = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        # NORMAL under WAL survives a killed process; only a power cut may undo the last moments.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        # What is deleted at somebody's request must not stay in free pages of the file.
        self._db.execute("PRAGMA secure_delete = ON")
        if not catalog_tables.is_current(self._db):
            with self.transaction():
                catalog_tables.create_tables(self._db)

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    # Reading

    def get(self, uid: str) -> Relic:
        """The relic with this uid; KeyError if there is none."""
        if (row := self._row(uid)) is None:
            raise KeyError(f"no relic {uid} in {self.path}")
        return catalog_tables.from_row(row)

    def __contains__(self, uid: str) -> bool:
        return self._row(uid) is not None

    def relics(self, state: str | Collection[str] | None = None) -> list[Relic]:
        """Relics in one state, in one of several, or all; sorted by uid."""
        states = state_names(STATES if state is None else state)
        rows = self._db.execute(
            "SELECT * FROM relic WHERE state IN (SELECT value FROM json_each(?)) ORDER BY uid",
            [json.dumps(states)],
        )
        return [catalog_tables.from_row(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Relics per state, in the order of `STATES`; states without relics are left out."""
        found = dict(
            map(tuple, self._db.execute("SELECT state, COUNT(*) FROM relic GROUP BY state"))
        )
        return {state: found[state] for state in STATES if state in found}

    def reasons(self) -> dict[tuple[str, str], int]:
        """How many relics were rejected or failed, per (stage, reason)."""
        rows = self._db.execute(
            "SELECT reason_stage, reason, COUNT(*) FROM relic WHERE state IN ('rejected', 'failed')"
            " GROUP BY reason_stage, reason ORDER BY reason_stage, reason"
        )
        return {(stage, reason): count for stage, reason, count in rows}

    def events(self, uid: str) -> list[Event]:
        """The history of one relic, oldest first."""
        rows = self._db.execute(
            "SELECT at, stage, what, json FROM event WHERE uid = ? ORDER BY id", [uid]
        )
        return [
            Event(at=at, stage=stage, what=what, fields=json.loads(text))
            for at, stage, what, text in rows
        ]

    def same_geometry(self, uid: str, geometry_sha256: str) -> str | None:
        """Another relic with this geometry that is itself neither rejected nor a duplicate."""
        row = self._db.execute(
            "SELECT uid FROM relic WHERE geometry_sha256 = ? AND uid != ?"
            " AND state NOT IN ('rejected', 'duplicate') ORDER BY uid LIMIT 1",
            [geometry_sha256, uid],
        ).fetchone()
        return None if row is None else row["uid"]

    def query(self, statement: str, values: Collection[Any] | Mapping[str, Any] = ()) -> list:
        """Rows of any SELECT over the tables of `catalog_tables`."""
        return self._db.execute(statement, values).fetchall()

    # Writing

    def add(self, record: Mapping[str, Any]) -> str:
        """Enters a relic, or updates what its source says about it; idempotent.

        The fields of `VERDICT_COLUMNS` count only when the relic is new: what stages decided stays.

        Returns:
            The uid.
        """
        row = catalog_tables.to_row(record)
        uid = row["uid"]
        with self.transaction():
            before = self._row(uid)
            if before is None:
                now = utc_now()
                self._insert({"retrieved_at": now, "license_date": now, **row})
                self.log(uid, "ingest", "added", record)
                return uid
            kept = VERDICT_COLUMNS
            news = {k: v for k, v in row.items() if k not in kept and before[k] != v}
            if news:
                license_date = {"license_date": utc_now()} if "license_spdx" in news else {}
                self._update(uid, license_date | news)
                self.log(uid, "ingest", "updated", {name: record[name] for name in news})
        return uid

    def insert(self, record: Mapping[str, Any], stage: str) -> None:
        """Enters a record as it is, with whatever stages decided about it elsewhere."""
        with self.transaction():
            self._insert(catalog_tables.to_row(record))
            self.log(record["uid"], stage, "added", record)

    def change(self, uid: str, stage: str, what: str, **fields: Any) -> None:
        """Sets fields outside a lease, with the event that says why."""
        with self.transaction():
            self._update(uid, catalog_tables.to_row(fields))
            self.log(uid, stage, what, fields)

    def execute(self, statement: str, values: Collection[Any] | Mapping[str, Any] = ()) -> int:
        """Runs one statement that changes the tables; the number of rows it changed."""
        with self.transaction():
            return self._db.execute(statement, values).rowcount

    def log(self, uid: str, stage: str, what: str, fields: Mapping[str, Any]) -> None:
        """Adds a line to the history of a relic."""
        text = json.dumps(dict(fields), sort_keys=True, default=str)
        with self.transaction():
            self._db.execute(
                "INSERT INTO event (at, uid, stage, what, json) VALUES (?, ?, ?, ?, ?)",
                [utc_now(), uid, stage, what, text],
            )

    def compact(self) -> None:
        """Empties the write-ahead log, which holds old pages until then."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    # Inside a transaction

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Takes the write lock at once, so that what was read is still true when written.

        Inside another transaction it is part of that one.
        """
        if self._db.in_transaction:  # Methods build on one another.
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # SQLite itself rolls back when the disk is full.
                self._db.execute("ROLLBACK")
            raise

    def _row(self, uid: str) -> sqlite3.Row | None:
        return self._db.execute("SELECT * FROM relic WHERE uid = ?", [uid]).fetchone()

    def _insert(self, row: Mapping[str, Any]) -> None:
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        self._db.execute(f"INSERT INTO relic ({names}) VALUES ({marks})", list(row.values()))

    def _update(self, uid: str, row: Mapping[str, Any]) -> None:
        if not row:
            return
        assignments = ", ".join(f"{name} = ?" for name in row)
        self._db.execute(f"UPDATE relic SET {assignments} WHERE uid = ?", [*row.values(), uid])


def state_names(states: str | Collection[str]) -> list[str]:
    names = [states] if isinstance(states, str) else sorted(states)
    if unknown := set(names) - set(STATES):
        raise ValueError(f"no state named {sorted(unknown)}; there are {STATES}")
    return names


def utc_now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")

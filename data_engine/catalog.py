"""The record of every relic and its state: SQLite, shared by processes, safe to kill."""

import contextlib
import datetime
import json
import os
import pathlib
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from data_engine import catalog_schema
from data_engine.catalog_schema import STATES, Event, Relic
from data_engine.errors import REASONS
from data_engine.owners import is_dead, this_process

MAX_ATTEMPTS = 3
"""Leases a relic may use up in one stage before it is `failed`."""
DEFAULT_LEASE_S = 900.0
BUSY_TIMEOUT_S = 60.0

__all__ = ["MAX_ATTEMPTS", "STATES", "Catalog", "Event", "Relic"]

_CLAIM = """
INSERT INTO stage (uid, stage, key, state, attempts, owner, lease_until, started)
SELECT relic.uid, :stage, :key, 'running', 1, :owner, :now + :lease_s, :at
FROM relic LEFT JOIN stage AS mine
    ON mine.uid = relic.uid AND mine.stage = :stage AND mine.key = :key
WHERE relic.state IN (SELECT value FROM json_each(:states))
    AND (mine.uid IS NULL OR mine.state IN ('running', 'retry'))
    AND NOT EXISTS (
        SELECT 1 FROM stage AS other WHERE other.uid = relic.uid AND other.stage = :stage
        AND other.state = 'running' AND other.lease_until > :now)
ORDER BY relic.uid LIMIT 1
ON CONFLICT (uid, stage, key) DO UPDATE SET
    state = 'running', attempts = attempts + 1, owner = excluded.owner,
    lease_until = excluded.lease_until, started = excluded.started, error = NULL
RETURNING uid
"""
"""One statement finds and leases. A relic is worked on by one owner per stage, whatever the key,
so two settings never race for the same relic."""


class Catalog:
    """The relics of one workspace, for any number of processes on one host.

    Each change is one transaction with its event, so a killed process leaves either both or
    neither. A stage works through the catalog by `claim`, then exactly one of `finish`,
    `reject`, `fail` or `release`. Open one `Catalog` per process and per thread.
    """

    def __init__(self, path: str | os.PathLike):
        """Opens the file, and makes it when it is missing."""
        self.path = pathlib.Path(path)
        self._leases: dict[tuple[str, str], tuple[str, str]] = {}  # (uid, stage) -> (key, owner)
        self._db = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        # NORMAL under WAL survives a killed process; only a power cut may undo the last moments.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        with self._transaction():
            catalog_schema.create_tables(self._db)

    def __enter__(self) -> "Catalog":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives back the leases that are still held, then closes the file."""
        try:
            for uid, stage in list(self._leases):
                self.release(uid, stage)
        finally:
            self._db.close()

    # Reading

    def get(self, uid: str) -> Relic:
        """The relic with this uid; KeyError if there is none."""
        if (row := self._row(uid)) is None:
            raise KeyError(f"no relic {uid} in {self.path}")
        return catalog_schema.from_row(row)

    def __contains__(self, uid: str) -> bool:
        return self._row(uid) is not None

    def relics(self, state: str | Collection[str] | None = None) -> list[Relic]:
        """Relics in one state, in one of several, or all; sorted by uid."""
        states = _names(STATES if state is None else state)
        rows = self._db.execute(
            "SELECT * FROM relic WHERE state IN (SELECT value FROM json_each(?)) ORDER BY uid",
            [json.dumps(states)],
        )
        return [catalog_schema.from_row(row) for row in rows]

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

    # Writing

    def add(self, record: Mapping[str, Any]) -> str:
        """Enters a relic, or updates what its source says about it; idempotent.

        The fields of `VERDICT_COLUMNS` count only when the relic is new: what stages decided stays.

        Returns:
            The uid.
        """
        row = catalog_schema.to_row(record)
        uid = row["uid"]
        with self._transaction():
            before = self._row(uid)
            if before is None:
                self._insert(row)
                self._log(uid, "ingest", "added", record)
                return uid
            kept = catalog_schema.VERDICT_COLUMNS
            news = {k: v for k, v in row.items() if k not in kept and before[k] != v}
            if news:
                self._update(uid, news)
                self._log(uid, "ingest", "updated", {name: record[name] for name in news})
        return uid

    def remove(self, uid: str) -> None:
        """Takes out a record that turned out to stand for no relic, its copies and its history."""
        with self._transaction():
            copies = self._db.execute("SELECT uid FROM relic WHERE dup_of = ?", [uid]).fetchall()
            for name in (uid, *(copy for (copy,) in copies)):
                for table in ("event", "stage", "relic"):
                    self._db.execute(f"DELETE FROM {table} WHERE uid = ?", [name])

    def claim(
        self,
        stage: str,
        from_state: str | Collection[str],
        key: str,
        *,
        owner: str | None = None,
        lease_s: float = DEFAULT_LEASE_S,
    ) -> Relic | None:
        """Leases the next relic to one worker; None when there is nothing (more) to do.

        A lease ends with `finish`, `reject`, `fail` or `release`, when its time is over, or when
        its owner was a process of this host (`this_process()`) that no longer lives. A relic whose
        lease ran out `MAX_ATTEMPTS` times is `failed`.

        Args:
            stage: The stage's name.
            from_state: State, or states, a relic must be in.
            key: Hash of code version, settings and inputs. A relic finished under this key is
                skipped; a new key makes it claimable again.
            owner: Who works on it; this process when not given.
            lease_s: Seconds after which the relic may be claimed by another.
        """
        owner = owner or this_process()
        with self._transaction():
            self._free_dead_leases(stage)
            self._fail_exhausted(stage)
            values = {
                "stage": stage,
                "key": key,
                "owner": owner,
                "lease_s": lease_s,
                "now": time.time(),
                "at": _utc(),
                "states": json.dumps(_names(from_state)),
            }
            claimed = self._db.execute(_CLAIM, values).fetchall()
            if not claimed:
                return None
            uid = claimed[0]["uid"]
            # A lease of another key that ran out is over for good: one owner per relic and stage.
            self._db.execute(
                "UPDATE stage SET state = 'retry' WHERE uid = ? AND stage = ? AND key != ?"
                " AND state = 'running'",
                [uid, stage, key],
            )
            self._log(uid, stage, "claimed", {"owner": owner, "key": key})
            self._leases[uid, stage] = (key, owner)
            return self.get(uid)

    def finish(self, uid: str, stage: str, to_state: str, **fields: Any) -> bool:
        """Ends a stage well: fields, state and event in one transaction.

        Returns:
            Whether it counted. It does not when the lease ran out and another worker has the relic.
        """
        return self._end(uid, stage, "done", "finished", {**fields, "state": to_state})

    def reject(self, uid: str, stage: str, reason: str, detail: str) -> bool:
        """Ends a relic's road with one of `errors.REASONS` and a sentence; see `finish`."""
        if reason not in REASONS:
            raise ValueError(f"reason {reason!r} is not one of {REASONS}")
        verdict = {"state": "rejected", "reason": reason, "detail": detail, "reason_stage": stage}
        return self._end(uid, stage, "done", "rejected", verdict)

    def fail(self, uid: str, stage: str, error: str) -> bool:
        """Ends an attempt badly: claimable again, `failed` after `MAX_ATTEMPTS`; see `finish`."""
        with self._transaction():
            key, owner = self._leases.get((uid, stage), (None, None))
            row = self._lease_row(uid, stage, key, owner)
            if row is None:
                self._leases.pop((uid, stage), None)
                return False
            if row["attempts"] < MAX_ATTEMPTS:
                return self._end(uid, stage, "retry", "attempt failed", {}, error)
            verdict = {"state": "failed", "reason": "failed", "detail": error}
            return self._end(
                uid, stage, "failed", "failed", {**verdict, "reason_stage": stage}, error
            )

    def release(self, uid: str, stage: str) -> None:
        """Gives a lease back as if it had not been taken: the attempt does not count."""
        key, owner = self._leases.pop((uid, stage), (None, None))
        with self._transaction():
            row = self._lease_row(uid, stage, key, owner)
            if row is not None:
                self._free(row)

    def retry_failed(self, stage: str) -> int:
        """Puts the relics that failed in a stage back before it, attempts at zero; how many.

        So it does with those refused for want of time or memory, since limits can be raised.
        """
        before = catalog_schema.STATE_BEFORE[stage]
        cleared = {"state": before, "reason": "", "detail": "", "reason_stage": ""}
        with self._transaction():
            rows = self._db.execute(
                "SELECT uid FROM relic WHERE state IN ('failed', 'rejected') AND reason_stage = ?"
                " AND reason IN ('failed', 'timeout', 'bomb', 'crash')",
                [stage],
            ).fetchall()
            for (uid,) in rows:
                self._db.execute(
                    "UPDATE stage SET state = 'retry', attempts = 0 WHERE uid = ? AND stage = ?",
                    [uid, stage],
                )
                self._update(uid, cleared)
                self._log(uid, stage, "retried", cleared)
        return len(rows)

    # Inside a transaction

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Takes the write lock at once, so that what was read is still true when written."""
        if self._db.in_transaction:  # `fail` and `claim` build on the other methods.
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

    def _end(
        self, uid: str, stage: str, stage_state: str, what: str, fields: dict, error: str = ""
    ) -> bool:
        row = catalog_schema.to_row(fields)
        key, owner = self._leases.get((uid, stage), (None, None))
        with self._transaction():
            if self._row(uid) is None:
                raise KeyError(f"no relic {uid} in {self.path}")
            lease = self._lease_row(uid, stage, key, owner)
            counted = lease is not None or key is None
            if counted:
                self._update(uid, row)
                self._log(uid, stage, what, {**fields, "error": error} if error else fields)
            if lease is not None:
                self._db.execute(
                    "UPDATE stage SET state = ?, finished = ?, error = ?"
                    " WHERE uid = ? AND stage = ? AND key = ?",
                    [stage_state, _utc(), error or None, uid, stage, lease["key"]],
                )
        self._leases.pop((uid, stage), None)
        return counted

    def _lease_row(
        self, uid: str, stage: str, key: str | None, owner: str | None
    ) -> sqlite3.Row | None:
        """The running lease of a relic in a stage, if it is ours (or of anyone: key None)."""
        return self._db.execute(
            "SELECT * FROM stage WHERE uid = :uid AND stage = :stage AND state = 'running'"
            " AND (:key IS NULL OR (key = :key AND owner = :owner))",
            {"uid": uid, "stage": stage, "key": key, "owner": owner},
        ).fetchone()

    def _free_dead_leases(self, stage: str) -> None:
        """Frees what killed processes of this host held, so that a restart need not wait."""
        rows = self._db.execute(
            "SELECT * FROM stage WHERE stage = ? AND state = 'running'", [stage]
        ).fetchall()
        for row in rows:
            if is_dead(row["owner"]):
                self._free(row)

    def _free(self, row: sqlite3.Row) -> None:
        self._db.execute(
            "UPDATE stage SET state = 'retry', attempts = attempts - 1"
            " WHERE uid = ? AND stage = ? AND key = ?",
            [row["uid"], row["stage"], row["key"]],
        )
        self._log(row["uid"], row["stage"], "released", {"owner": row["owner"]})

    def _fail_exhausted(self, stage: str) -> None:
        rows = self._db.execute(
            "SELECT uid, key, attempts FROM stage WHERE stage = ? AND state = 'running'"
            " AND lease_until <= ? AND attempts >= ?",
            [stage, time.time(), MAX_ATTEMPTS],
        ).fetchall()
        for uid, key, attempts in rows:
            detail = f"{attempts} workers took it and none reported back in time"
            self._db.execute(
                "UPDATE stage SET state = 'failed', finished = ?, error = ?"
                " WHERE uid = ? AND stage = ? AND key = ?",
                [_utc(), detail, uid, stage, key],
            )
            verdict = {"state": "failed", "reason": "failed", "detail": detail}
            self._update(uid, {**verdict, "reason_stage": stage})
            self._log(uid, stage, "failed", verdict)

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

    def _log(self, uid: str, stage: str, what: str, fields: Mapping[str, Any]) -> None:
        text = json.dumps(dict(fields), sort_keys=True, default=str)
        self._db.execute(
            "INSERT INTO event (at, uid, stage, what, json) VALUES (?, ?, ?, ?, ?)",
            [_utc(), uid, stage, what, text],
        )


def _names(states: str | Collection[str]) -> list[str]:
    names = [states] if isinstance(states, str) else sorted(states)
    if unknown := set(names) - set(STATES):
        raise ValueError(f"no state named {sorted(unknown)}; there are {STATES}")
    return names


def _utc() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")

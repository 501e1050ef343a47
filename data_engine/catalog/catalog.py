"""The work on the relics: leases on them, shared by processes, safe to kill."""

import json
import os
import sqlite3
import time
from collections.abc import Collection, Mapping
from typing import Any

from data_engine.catalog import schema as catalog_schema
from data_engine.catalog import tables as catalog_tables
from data_engine.catalog.owners import is_dead, this_process
from data_engine.catalog.records import Records, state_names, utc_now
from data_engine.catalog.schema import STATES, Event, Relic
from data_engine.errors import REASONS

MAX_ATTEMPTS = 3
"""Leases a relic may use up in one stage before it is `failed`."""
DEFAULT_LEASE_S = 900.0
RETRIED = (
    *("failed", "timeout", "bomb", "crash", "gone", "unsupported_extension"),
    *("not_glb", "bad_glb", "bad_mesh", "bad_archive", "external_uri", "no_mesh", "too_large"),
)
"""Reasons that a second try may overcome; the others are verdicts about the relic itself."""

__all__ = ["MAX_ATTEMPTS", "STATES", "Catalog", "Event", "Relic"]

_CLAIM = """
INSERT INTO stage (uid, stage, key, state, attempts, owner, lease_until, started)
SELECT relic.uid, :stage, :key, 'running', 1, :owner, :now + :lease_s, :at
FROM relic LEFT JOIN stage AS mine
    ON mine.uid = relic.uid AND mine.stage = :stage AND mine.key = :key
WHERE relic.uid > :after AND +relic.state IN (SELECT value FROM json_each(:states))
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
so two settings never race for the same relic. It walks the uids from where the process claimed last
(hence no index on the state), so a run over n relics looks at n rows and not at n squared."""


class Catalog(Records):
    """The records with their leases.

    A stage works through the catalog by `claim`, then exactly one of `finish`, `reject`, `fail` or
    `release`. Open one `Catalog` per process and per thread.
    """

    def __init__(self, path: str | os.PathLike):
        """Opens the file, and makes it when it is missing."""
        super().__init__(path)
        self._leases: dict[tuple[str, str], tuple[str, str]] = {}  # (uid, stage) -> (key, owner)
        self._claimed: dict[tuple[str, str], str] = {}  # (stage, key) -> uid, where to look on

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
            super().close()

    def remove(self, uid: str) -> None:
        """Takes out a record that turned out to stand for no relic, its copies and its history."""
        with self.transaction():
            copies = self._db.execute("SELECT uid FROM relic WHERE dup_of = ?", [uid]).fetchall()
            for name in (uid, *(copy for (copy,) in copies)):
                for table in ("event", "stage", "relic"):
                    self._db.execute(f"DELETE FROM {table} WHERE uid = ?", [name])

    def renew(self, uid: str, stage: str, record: Mapping[str, Any]) -> None:
        """Puts a relic whose files have changed back to the start; every stage has it anew.

        Its uid and what humans decided stay. The digest of its blob stays until there is another,
        so that the old one can be found.
        """
        cleared = {
            "state": "found", "reason": "", "detail": "", "reason_stage": "", "notes": None,
            "dup_of": "", "dup_kind": "", "geometry_sha256": "", "appearance_hash": "",
            "render_id": "", "render_sha256": "",
        }  # fmt: skip
        with self.transaction():
            # A worker that still has the old version finds its lease gone.
            self.execute("UPDATE stage SET state = 'retry', attempts = 0 WHERE uid = ?", [uid])
            self.change(uid, stage, "renewed", **{**record, **cleared})

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
        with self.transaction():
            self._free_dead_leases(stage)
            self._fail_exhausted(stage)
            values = {
                "stage": stage,
                "key": key,
                "owner": owner,
                "lease_s": lease_s,
                "now": time.time(),
                "at": utc_now(),
                "states": json.dumps(state_names(from_state)),
            }
            for after in sorted({self._claimed.get((stage, key), ""), ""}, reverse=True):
                claimed = self._db.execute(_CLAIM, {**values, "after": after}).fetchall()
                if claimed:
                    break
            else:
                return None
            uid = self._claimed[stage, key] = claimed[0]["uid"]
            # A lease of another key that ran out is over for good: one owner per relic and stage.
            self._db.execute(
                "UPDATE stage SET state = 'retry' WHERE uid = ? AND stage = ? AND key != ?"
                " AND state = 'running'",
                [uid, stage, key],
            )
            self.log(uid, stage, "claimed", {"owner": owner, "key": key})
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

    def leave_out(self, uid: str, stage: str, reason: str, detail: str) -> bool:
        """Ends a stage without a result, and the relic stays where it is; see `finish`.

        What ended it under this key need not under another. `retry_failed` tries it again.
        """
        if reason not in REASONS:
            raise ValueError(f"reason {reason!r} is not one of {REASONS}")
        return self._end(uid, stage, "failed", "left out", {}, f"{reason}: {detail}")

    def fail(self, uid: str, stage: str, error: str) -> bool:
        """Ends an attempt badly: claimable again, `failed` after `MAX_ATTEMPTS`; see `finish`."""
        with self.transaction():
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
        with self.transaction():
            row = self._lease_row(uid, stage, key, owner)
            if row is not None:
                self._free(row)

    def retry_failed(self, stage: str) -> int:
        """Puts the relics that failed in a stage back before it, attempts at zero; how many.

        So it does with those refused for want of time, memory, their file or a decoder: that can
        be helped; and with those whose file was refused, since a newer version may read it. Relics
        that were left out are tried again too.
        """
        before = catalog_schema.STATE_BEFORE[stage]
        cleared = {"state": before, "reason": "", "detail": "", "reason_stage": ""}
        with self.transaction():
            left_out = self._db.execute(
                "UPDATE stage SET state = 'retry', attempts = 0"
                " WHERE stage = ? AND state = 'failed' AND uid IN"
                " (SELECT uid FROM relic WHERE state NOT IN ('failed', 'rejected'))",
                [stage],
            ).rowcount
            rows = self._db.execute(
                "SELECT uid FROM relic WHERE state IN ('failed', 'rejected') AND reason_stage = ?"
                " AND reason IN (SELECT value FROM json_each(?))",
                [stage, json.dumps(RETRIED)],
            ).fetchall()
            for (uid,) in rows:
                self._db.execute(
                    "UPDATE stage SET state = 'retry', attempts = 0 WHERE uid = ? AND stage = ?",
                    [uid, stage],
                )
                self._update(uid, cleared)
                self.log(uid, stage, "retried", cleared)
        return len(rows) + left_out

    def readmit(self, stage: str) -> int:
        """Leaves out of this stage what earlier versions rejected there, but for missing files."""
        before = catalog_schema.STATE_BEFORE[stage]
        with self.transaction():
            rows = self._db.execute(
                "SELECT uid, reason, detail FROM relic WHERE state = 'rejected'"
                " AND reason_stage = ? AND reason != 'gone'",
                [stage],
            ).fetchall()
            for uid, reason, detail in rows:
                self._db.execute(
                    "UPDATE stage SET state = 'failed', error = ?"
                    " WHERE uid = ? AND stage = ? AND state = 'done'",
                    [f"{reason}: {detail}", uid, stage],
                )
                cleared = {"state": before, "reason": "", "detail": "", "reason_stage": ""}
                self._update(uid, cleared)
                self.log(uid, stage, "left out", {**cleared, "error": f"{reason}: {detail}"})
        return len(rows)

    def reopen(self, uid: str, stage: str, key: str) -> None:
        """Makes a relic claimable under a key it was finished under: what was made is gone."""
        self.execute(
            "UPDATE stage SET state = 'retry', attempts = 0"
            " WHERE uid = ? AND stage = ? AND key = ? AND state = 'done'",
            [uid, stage, key],
        )

    # Inside a transaction

    def _end(
        self, uid: str, stage: str, stage_state: str, what: str, fields: dict, error: str = ""
    ) -> bool:
        row = catalog_tables.to_row(fields)
        key, owner = self._leases.get((uid, stage), (None, None))
        with self.transaction():
            if self._row(uid) is None:
                raise KeyError(f"no relic {uid} in {self.path}")
            lease = self._lease_row(uid, stage, key, owner)
            counted = lease is not None or key is None
            if counted:
                self._update(uid, row)
                self.log(uid, stage, what, {**fields, "error": error} if error else fields)
            if lease is not None:
                self._db.execute(
                    "UPDATE stage SET state = ?, finished = ?, error = ?"
                    " WHERE uid = ? AND stage = ? AND key = ?",
                    [stage_state, utc_now(), error or None, uid, stage, lease["key"]],
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
        self.log(row["uid"], row["stage"], "released", {"owner": row["owner"]})

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
                [utc_now(), detail, uid, stage, key],
            )
            verdict = {"state": "failed", "reason": "failed", "detail": detail}
            self._update(uid, {**verdict, "reason_stage": stage})
            self.log(uid, stage, "failed", verdict)

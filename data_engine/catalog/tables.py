"""The tables behind the catalog, and how a record becomes a row and comes back."""

import dataclasses
import json
import sqlite3
import typing
import zlib
from collections.abc import Mapping

from data_engine.catalog.schema import COLUMNS, STATES, Names, Relic, Triple

_TYPES = typing.get_type_hints(Relic)
_TRIPLES = frozenset(name for name in COLUMNS if _TYPES[name] == Triple | None)
_FLAGS = frozenset(name for name in COLUMNS if _TYPES[name] == bool | None)
_INTEGERS = frozenset(name for name in COLUMNS if _TYPES[name] == int | None) | _FLAGS
_REALS = frozenset(name for name in COLUMNS if _TYPES[name] == float | None)
_NAMES = frozenset(name for name in COLUMNS if _TYPES[name] == Names | None)

_TABLES = """
CREATE TABLE IF NOT EXISTS relic (uid TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stage (
    uid TEXT NOT NULL REFERENCES relic(uid),
    stage TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'retry', 'failed')),
    attempts INTEGER NOT NULL,
    owner TEXT NOT NULL,
    lease_until REAL NOT NULL,
    started TEXT NOT NULL,
    finished TEXT,
    error TEXT,
    PRIMARY KEY (uid, stage, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    uid TEXT NOT NULL,
    stage TEXT NOT NULL,
    what TEXT NOT NULL,
    json TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS shape (
    uid TEXT PRIMARY KEY NOT NULL REFERENCES relic(uid),
    key TEXT NOT NULL,
    proposed INTEGER NOT NULL,
    descriptor BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pair (
    a TEXT NOT NULL REFERENCES relic(uid),
    b TEXT NOT NULL REFERENCES relic(uid),
    key TEXT NOT NULL DEFAULT '',
    distance REAL,
    moved INTEGER NOT NULL DEFAULT 0,
    human TEXT NOT NULL DEFAULT '' CHECK (human IN ('', 'join', 'separate')),
    PRIMARY KEY (a, b),
    CHECK (a < b)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tombstone (
    uid TEXT PRIMARY KEY NOT NULL,
    at TEXT NOT NULL,
    reason TEXT NOT NULL,
    source_url TEXT NOT NULL,
    whole_page INTEGER NOT NULL,
    source_sha256 TEXT NOT NULL,
    glb_sha256 TEXT NOT NULL,
    swept INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS stage_running ON stage (stage) WHERE state = 'running';
CREATE INDEX IF NOT EXISTS pair_by_b ON pair (b);
CREATE INDEX IF NOT EXISTS event_by_uid ON event (uid, id);
"""
_INDEXES = """
CREATE INDEX IF NOT EXISTS relic_by_state ON relic (state, uid);
CREATE INDEX IF NOT EXISTS relic_by_reason ON relic (state, reason_stage, reason);
CREATE INDEX IF NOT EXISTS relic_by_geometry ON relic (geometry_sha256);
CREATE INDEX IF NOT EXISTS relic_by_source_sha256 ON relic (source_sha256);
CREATE INDEX IF NOT EXISTS relic_by_source_file ON relic (source_file);
CREATE INDEX IF NOT EXISTS relic_by_glb_sha256 ON relic (glb_sha256);
CREATE INDEX IF NOT EXISTS relic_by_cluster ON relic (cluster);
CREATE INDEX IF NOT EXISTS relic_by_dup_of ON relic (dup_of);
"""

VERSION = zlib.crc32(json.dumps([COLUMNS, _TABLES, _INDEXES]).encode()) >> 1
"""Kept in the file, so that opening a catalog that is up to date takes no lock."""


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether the file has the tables, columns and indexes of this version."""
    return connection.execute("PRAGMA user_version").fetchone()[0] == VERSION


def create_tables(connection: sqlite3.Connection) -> None:
    """Makes the tables, and adds the columns that a catalog of an older version lacks."""
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    present = {row[1] for row in connection.execute("PRAGMA table_info(relic)")}
    for field in dataclasses.fields(Relic):
        if field.name not in present:
            kind = _affinity(field.name)
            default = "" if field.default is None else f" NOT NULL DEFAULT '{field.default}'"
            connection.execute(f"ALTER TABLE relic ADD COLUMN {field.name} {kind}{default}")
    for statement in _INDEXES.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _affinity(name: str) -> str:
    if name in _INTEGERS:
        return "INTEGER"
    return "REAL" if name in _REALS else "TEXT"


def to_row(fields: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """Record fields as SQLite values; an unknown name is an error."""
    if unknown := fields.keys() - set(COLUMNS):
        raise ValueError(f"no catalog field named {sorted(unknown)}; Relic lists them")
    if fields.get("state", "found") not in STATES:
        raise ValueError(f"state {fields['state']!r} is not one of {STATES}")
    return {name: _encode(name, value) for name, value in fields.items()}


def _encode(name: str, value: typing.Any) -> typing.Any:
    if value is None:
        return None
    if name in _TRIPLES:
        return json.dumps([float(component) for component in value])
    if name in _NAMES:
        return json.dumps(list(value))
    if name in _REALS:
        return float(value)
    return int(value) if name in _INTEGERS else str(value)


def from_row(row: sqlite3.Row) -> Relic:
    """A row of the relic table as a record."""
    values = {name: row[name] for name in COLUMNS}
    for name in _TRIPLES | _NAMES:
        values[name] = None if values[name] is None else tuple(json.loads(values[name]))
    for name in _FLAGS:
        values[name] = None if values[name] is None else bool(values[name])
    return Relic(**values)

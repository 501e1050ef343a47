"""Removal at somebody's request: what is forgotten goes from disk and does not come back.

A tombstone (`catalog.tombstones`) is written in the transaction that deletes the rows, so files
that a killed run left are found by the next one.
"""

import pathlib
import shutil
import time
from collections.abc import Collection, Iterable, Iterator

from data_engine.catalog.catalog import Catalog
from data_engine.catalog.owners import is_dead
from data_engine.catalog.records import utc_now
from data_engine.catalog.schema import Relic
from data_engine.catalog.tombstones import STAGE
from data_engine.errors import UserError
from data_engine.workspace import Workspace


def select(catalog: Catalog, what: str, author: str) -> list[Relic]:
    """The relics with this uid or page, or by this author, and the byte copies of each."""
    if author:
        rows = catalog.query("SELECT uid FROM relic WHERE author_name = ?", [author])
    else:
        rows = catalog.query("SELECT uid FROM relic WHERE uid = :w OR source_url = :w", {"w": what})
    uids = {uid for (uid,) in rows}
    for uid in list(uids):
        copies = catalog.query(
            "SELECT copy.uid FROM relic JOIN relic AS copy USING (source_sha256)"
            " WHERE relic.uid = ? AND source_sha256 != ''",
            [uid],
        )
        uids |= {copy for (copy,) in copies}
    return [catalog.get(uid) for uid in sorted(uids)]


def repeats_of(catalog: Catalog, relics: Collection[Relic]) -> list[str]:
    """Duplicates of the relics that are not among them: they stay, out of the data set."""
    uids = {relic.uid for relic in relics}
    rows = catalog.query("SELECT uid, dup_of FROM relic WHERE state = 'duplicate' ORDER BY uid")
    return [uid for uid, original in rows if original in uids and uid not in uids]


def bury(catalog: Catalog, relics: Collection[Relic], *, reason: str, page: str = "") -> None:
    """Deletes all rows about the relics and leaves their tombstones, in one transaction.

    Args:
        catalog: Where they are.
        relics: To be forgotten.
        reason: Kept with the tombstone.
        page: The source_url that was named, if it was: then nothing from that page comes back.
    """
    with catalog.transaction():
        for relic in relics:
            _check_idle(catalog, relic.uid)
            catalog.execute(
                "INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
                [
                    *(relic.uid, utc_now(), reason, relic.source_url),
                    *(bool(page) and relic.source_url == page,),
                    *(relic.source_sha256, relic.glb_sha256),
                ],
            )
            for table in ("stage", "event", "shape"):
                catalog.execute(f"DELETE FROM {table} WHERE uid = ?", [relic.uid])
            catalog.execute("DELETE FROM pair WHERE ? IN (a, b)", [relic.uid])
            catalog.execute("DELETE FROM relic WHERE uid = ?", [relic.uid])
            catalog.log(relic.uid, STAGE, "forgotten", {"reason": reason})


def _check_idle(catalog: Catalog, uid: str) -> None:
    for stage, owner in catalog.query(
        "SELECT stage, owner FROM stage WHERE uid = ? AND state = 'running' AND lease_until > ?",
        [uid, time.time()],
    ):
        if not is_dead(owner):
            raise UserError(
                f"{uid} is being worked on ({stage}, {owner}); stop that, then run again"
            )


def sweep(workspace: Workspace, catalog: Catalog) -> list[str]:
    """Deletes the files of everything that was forgotten and not yet swept; the uids."""
    pending = catalog.query("SELECT uid, glb_sha256 FROM tombstone WHERE NOT swept ORDER BY uid")
    for uid, glb_sha256 in pending:
        for path in list(files_of(workspace, catalog, uid, glb_sha256)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        catalog.execute("UPDATE tombstone SET swept = 1 WHERE uid = ?", [uid])
    if pending:
        catalog.compact()  # Words of deleted rows are in the write-ahead log until then.
    return [uid for uid, _ in pending]


def files_of(
    workspace: Workspace, catalog: Catalog, uid: str, glb_sha256: str
) -> Iterator[pathlib.Path]:
    """Files and folders that are about one relic alone, and reports that name or show it."""
    for folder in workspace.renders.glob("*/"):
        render = workspace.render_dir(folder.name, uid)
        yield from (path for path in render.parent.glob(f"*{uid}*"))
    yield from workspace.logs.glob(f"*/{uid}.log")
    yield from workspace.reports.rglob(f"*{uid}*")
    pages = [path for path in workspace.reports.glob("*.*") if _is_page(path)]
    if any(uid.encode() in path.read_bytes() for path in pages):
        yield from (*pages, *workspace.reports.glob("contact-sheet*"))
        yield from workspace.reports.glob("figures/*")
    users = "SELECT COUNT(*) FROM relic WHERE glb_sha256 = ? AND uid != ?"
    if glb_sha256 and not catalog.query(users, [glb_sha256, uid])[0][0]:
        blob = workspace.blob_path(glb_sha256)
        if blob.exists():
            yield blob


def _is_page(path: pathlib.Path) -> bool:
    return path.suffix in (".html", ".json", ".jsonl")


def holders(workspace: Workspace, uids: Iterable[str]) -> list[pathlib.Path]:
    """Data sets (folders with a dataset_info.json) whose records hold one of the uids.

    The records themselves are searched, since a data set may have been built long ago. Those of a
    release are seen where `data-engine release` puts it by default.
    """
    from data_engine.shards.contents import raw_records  # Few commands need array_record.

    wanted = [uid.encode() for uid in uids]
    folders = [
        info.parent
        for root in (workspace.shards, workspace.release)
        for info in sorted(root.rglob("dataset_info.json"))
    ]
    return [
        folder
        for folder in folders
        if any(uid in record for _, record in raw_records(folder) for uid in wanted)
    ]

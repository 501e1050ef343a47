"""What stays of a relic that was forgotten, and whether a relic may come in.

A tombstone keeps the uid, the digests and the day, and no words about the relic.
"""

import dataclasses

from data_engine.catalog.catalog import Catalog
from data_engine.errors import UserError

STAGE = "forget"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tombstone:
    """What is kept of a forgotten relic."""

    uid: str
    at: str
    """RFC 3339, UTC."""
    reason: str

    def words(self) -> str:
        """Words for the person who offers it again."""
        return (
            f"forgotten on {self.at[:10]} at somebody's request; "
            f"`data-engine forget --lift {self.uid}` lets it back in"
        )


def lift(catalog: Catalog, uid: str) -> None:
    """Lets a forgotten relic back in when it is next offered."""
    if not catalog.execute("DELETE FROM tombstone WHERE uid = ?", [uid]):
        raise UserError(f"no relic {uid} was forgotten in {catalog.path}")
    catalog.log(uid, STAGE, "lifted", {})


def find_tombstone(
    catalog: Catalog,
    *,
    uid: str = "",
    source_url: str = "",
    source_sha256: str = "",
    glb_sha256: str = "",
) -> Tombstone | None:
    """The tombstone that forbids a relic with these marks, if any."""
    rows = catalog.query(
        "SELECT uid, at, reason FROM tombstone WHERE uid = :uid"
        " OR (whole_page AND source_url = :source_url AND source_url != '')"
        " OR (source_sha256 = :source_sha256 AND source_sha256 != '')"
        " OR (glb_sha256 = :glb_sha256 AND glb_sha256 != '') ORDER BY uid LIMIT 1",
        {
            "uid": uid,
            "source_url": source_url,
            "source_sha256": source_sha256,
            "glb_sha256": glb_sha256,
        },
    )
    return Tombstone(**dict(rows[0])) if rows else None

"""Two records of one object under two licences: the stricter one holds until a human decides.

Whoever uploads somebody else's scan again may put a freer licence on it. So a relic is published
under the strictest licence that any record of its duplicate cluster bears, whatever became of that
record; having a record forgotten does not make the licence of its copies freer. What a relic's own
source says stays in the catalog; `published` is what data sets, releases and reports show.
"""

import collections
import dataclasses
import json

from data_engine.catalog.records import Records
from data_engine.catalog.schema import Relic
from data_engine.errors import UserError
from data_engine.rights.licenses import UNKNOWN, deed_url, strictness

STAGE = "duplicates"

_ROWS = """
SELECT uid, cluster, state, license_spdx, license_contested, license_contested_by,
    license_dismissed, license_contested_by NOT IN (SELECT uid FROM relic) AS orphaned
FROM relic WHERE license_contested != '' OR cluster IN
    (SELECT cluster FROM relic WHERE cluster != '' GROUP BY cluster HAVING COUNT(*) > 1)
ORDER BY uid
"""


def published(relic: Relic) -> Relic:
    """The relic with the licence it is published under, and a credit line that says why."""
    stricter = relic.license_contested
    if not stricter or strictness(stricter) <= strictness(relic.license_spdx):
        return relic
    remark = (
        f"its source says {relic.license_spdx}, but {relic.license_contested_by}, a record of the "
        f"same object, bears {stricter}, which holds here"
    )
    return dataclasses.replace(
        relic,
        license_spdx=stricter,
        license_url=deed_url(stricter),
        attribution=f"{relic.attribution or relic.title} ({remark})",
    )


def contest(catalog: Records) -> None:
    """Enters for every relic the strictest claim against its licence, or that there is none."""
    rows = catalog.query(_ROWS)
    claims = _claims(rows)
    for row in rows:
        dismissed = set(json.loads(row["license_dismissed"] or "[]"))
        open_ = [claim for claim in claims[row["uid"]] if _words(*claim) not in dismissed]
        by, spdx = max(open_, key=lambda claim: strictness(claim[1]), default=("", ""))
        if (spdx, by) != (row["license_contested"], row["license_contested_by"]):
            what = "license contested" if spdx else "license settled"
            fields = {"license_contested": spdx, "license_contested_by": by}
            catalog.change(row["uid"], STAGE, what, **fields)


def _claims(rows: list) -> dict[str, list[tuple[str, str]]]:
    """The (uid, licence) of the records with a stricter licence in the cluster of each uid.

    A claim whose record is gone stays. A record without a licence claims nothing: a copy in some
    folder is no objection to the museum's word. What repeats another is not published, so nothing
    is claimed against it.
    """
    clusters, claims = collections.defaultdict(list), {}
    for row in rows:
        clusters[row["cluster"] or row["uid"]].append((row["uid"], row["license_spdx"]))
    for row in rows:
        others = list(clusters[row["cluster"] or row["uid"]])
        if row["license_contested"] and row["orphaned"]:
            others.append((row["license_contested_by"], row["license_contested"]))
        own = strictness(row["license_spdx"])
        stricter = [
            (uid, spdx) for uid, spdx in others if spdx != UNKNOWN and strictness(spdx) > own
        ]
        claims[row["uid"]] = [] if row["state"] == "duplicate" else stricter
    return claims


def keep_license(catalog: Records, uid: str) -> None:
    """A human's word that a relic's own licence holds, whatever the present claims say.

    A claim that comes later, or changes, is contested anew.
    """
    if uid not in catalog:
        raise UserError(f"no relic {uid} in {catalog.path}; `duplicates` lists them")
    with catalog.transaction():
        relic = catalog.get(uid)
        if not relic.license_contested:
            raise UserError(
                f"the licence of {uid} is not contested; `duplicates` lists those that are"
            )
        claims = {_words(*claim) for claim in _claims(catalog.query(_ROWS))[uid]}
        dismissed = sorted(claims.union(relic.license_dismissed or ()))
        catalog.change(uid, STAGE, "license kept", license_dismissed=dismissed)
        contest(catalog)


def _words(uid: str, spdx: str) -> str:
    return f"{spdx} of {uid}"

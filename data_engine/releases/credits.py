"""Who made the relics and on which terms: ATTRIBUTION.md, ATTRIBUTION.csv and NOTICE."""

import csv
import io
from collections.abc import Sequence

from data_engine.catalog.schema import Relic
from data_engine.text.escaping import in_csv, in_markdown, one_line, web_address

_COLUMNS = ("uid", "title", "author", "source_url", "license", "license_url", "credit")

_HEAD = """# Attribution

One line per relic of this data set. The relics were rendered from known cameras and their surfaces
sampled; the meshes themselves were not changed. Whoever passes a relic or its pictures on gives its
credit line and keeps to its licence.

| title | author | source | licence | credit line |
| --- | --- | --- | --- | --- |
"""

_NOTICE_HEAD = """NOTICE

The works below are under share-alike licences. What is made from them, such as the pictures, depth
maps and surface samples in this data set, may be passed on under the same licence only.

"""


def markdown(relics: Sequence[Relic]) -> str:
    """A table, with links to pages and deeds."""
    rows = [
        (
            in_markdown(relic.title),
            _link(relic.author_url, relic.author_name or "unnamed"),
            _link(relic.source_url, "source") if web_address(relic.source_url) else "",
            _link(relic.license_url, relic.license_spdx),
            in_markdown(relic.attribution),
        )
        for relic in relics
    ]
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def table(relics: Sequence[Relic]) -> str:
    """The same as CSV."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(_COLUMNS)
    for relic in relics:
        cells = (relic.uid, relic.title, relic.author_name, web_address(relic.source_url))
        cells += (relic.license_spdx, web_address(relic.license_url), relic.attribution)
        writer.writerow([in_csv(cell) for cell in cells])
    return file.getvalue()


def notice(relics: Sequence[Relic]) -> str | None:
    """The works under share-alike terms; None if there are none."""
    works = [relic for relic in relics if is_share_alike(relic.license_spdx)]
    if not works:
        return None
    return _NOTICE_HEAD + "".join(
        f"{one_line(relic.attribution or relic.title)} ({relic.license_spdx}"
        f"{', ' if web_address(relic.license_url) else ''}{web_address(relic.license_url)})\n"
        for relic in works
    )


def is_share_alike(spdx: str) -> bool:
    """Whether what is made from a work must be passed on under the same terms."""
    return "-SA-" in f"{spdx}-" or spdx.startswith(("GPL-", "AGPL-", "GFDL-", "ODbL-"))


def _link(address: str, words: str) -> str:
    label = in_markdown(words)
    return f"[{label}](<{web_address(address)}>)" if web_address(address) else label

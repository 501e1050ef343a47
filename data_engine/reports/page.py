"""The overview page and its galleries: HTML without scripts, text of strangers escaped."""

import collections
import dataclasses
import importlib.resources
import itertools
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data_engine.catalog.notes import NOTES
from data_engine.catalog.schema import Relic
from data_engine.catalog.stages import OUT
from data_engine.reports.census import UNKNOWN, Census
from data_engine.reports.sheets import PAGE_RELICS, contact_page_name
from data_engine.text.escaping import in_html, web_address
from data_engine.text.quantities import size

GALLERY_RELICS, BANNER_RELICS, LISTED_OUT = 60, 9, 200
WHAT_STAGES_DO = {
    "ingest": "entered as GLB",
    "validate": "sound and not repeated",
    "render": "rendered from every camera",
    "shards": "packed for training",
}
FIGURES = {
    "categories.svg": "Category",
    "centuries.svg": "Century, where the words of the source name one",
    "faces.svg": "Triangles per relic",
    "sizes.svg": "Size of the files",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Content:
    """What the pages show."""

    census: Census
    relics: Sequence[Relic]
    """All of the catalog."""
    shown: Sequence[Relic]
    """Those with pictures, sorted by uid."""
    facts: Mapping[str, Any]
    """overview.json."""
    figures: Sequence[str]
    """Names of the files in `figures/`."""


def build(content: Content) -> dict[str, str]:
    """File name to HTML of index.html and the galleries."""
    pages = {"index.html": _overview(content)}
    numbers = range(1, _gallery_pages(content) + 1)
    for number in numbers:
        part = content.shown[(number - 1) * PAGE_RELICS : number * PAGE_RELICS]
        links = " ".join(_page_link(other, number) for other in numbers)
        picture = f'<a href="{contact_page_name(number)}">as one picture</a>'
        body = f'<nav><a href="index.html">Overview</a> {links} {picture}</nav>{_gallery(part)}'
        first = (number - 1) * PAGE_RELICS + 1
        title = f"Relics {first} to {first + len(part) - 1}"
        pages[_page_name(number)] = _page(title, f"of {len(content.shown)}", "", body)
    return pages


def _page(title: str, lead: str, banner: str, body: str) -> str:
    templates = importlib.resources.files("data_engine.reports") / "templates"
    return string.Template((templates / "page.html").read_text()).substitute(
        title=in_html(title),
        lead=lead,
        banner=banner,
        style=(templates / "page.css").read_text(),
        body=body,
    )


def _overview(content: Content) -> str:
    census = content.census
    sections = [
        ("numbers", "", _numbers(content)),
        ("relics", "The relics", _relics(content)),
        ("road", "From found to packed", _road(census)),
        ("figures", "What they are", _figures(content)),
        ("licences", "Licences", _licences(content)),
        ("datasets", "Data sets", _data_sets(content.facts["datasets"])),
        ("notes", "Missing or assumed", _noted(content)),
        ("out", "Left out", _left_out(content)),
    ]
    body = "".join(
        f'<section id="{anchor}">{f"<h2>{title}</h2>" if title else ""}{html}</section>'
        for anchor, title, html in sections
    )
    lead = (
        f"{census.kept} objects with their provenance, licence and credit line, rendered "
        "from known cameras with depth."
    )
    banner = "".join(_image(relic, lazy=False) for relic in _mixed(content.shown, BANNER_RELICS))
    return _page("The collection", lead, f'<div class="banner">{banner}</div>', body)


def _numbers(content: Content) -> str:
    census, sets = content.census, content.facts["datasets"]
    cells = [
        (f"{census.kept:,}", "relics kept"),
        (f"{census.relics:,}", "found"),
        (f"{len(_known(census.categories))}", "categories"),
        (
            f"{len(_known(census.authors))}",
            "author" if len(_known(census.authors)) == 1 else "authors",
        ),
        (f"{sum(census.triangles):,}", "triangles"),
        (size(sum(entry["bytes"] for entry in sets)), "of data sets"),
    ]
    items = "".join(f"<div><dd>{value}</dd><dt>{what}</dt></div>" for value, what in cells)
    return f"<dl>{items}</dl>"


def _relics(content: Content) -> str:
    if not content.shown:
        return _note("Nothing is rendered yet; run data-engine render.")
    part = _mixed(content.shown, GALLERY_RELICS)
    pages = " ".join(_page_link(n, 0) for n in range(1, _gallery_pages(content) + 1))
    return (
        f'<p class="small">{len(part)} of {len(content.shown)}; all of them, a hundred to a page: '
        f"{pages}. A picture leads to its contact sheet.</p>{_gallery(part)}"
    )


def _gallery(relics: Iterable[Relic]) -> str:
    return f'<div class="gallery">{"".join(map(_figure, relics))}</div>'


def _figure(relic: Relic) -> str:
    title = in_html(relic.title) or in_html(relic.uid)
    named = f"<cite>{_link(relic.source_url, title)}</cite>"
    by = f"{in_html(relic.author_name)}<br>" if relic.author_name else ""
    return (
        f'<figure id="{in_html(relic.uid)}"><a href="sheets/{in_html(relic.uid)}.jpg">'
        f"{_image(relic)}</a><figcaption>{named}{by}"
        f"{_link(relic.license_url, in_html(_short_license(relic.license_spdx)))}</figcaption>"
        "</figure>"
    )


def _image(relic: Relic, *, lazy: bool = True) -> str:
    waits = ' loading="lazy"' if lazy else ""
    alt = in_html(relic.title or relic.uid)
    return f'<img src="thumbnails/{in_html(relic.uid)}.png" alt="{alt}"{waits}>'


def _mixed(relics: Sequence[Relic], count: int) -> list[Relic]:
    """Some relics, of every category in turn, so that a page shows the breadth of the data."""
    by_category: dict[str, list[Relic]] = {}
    for relic in relics:
        by_category.setdefault(relic.category, []).append(relic)
    turns = itertools.zip_longest(*(by_category[name] for name in sorted(by_category)))
    mixed = (relic for turn in turns for relic in turn if relic is not None)
    return list(itertools.islice(mixed, count))


def _road(census: Census) -> str:
    """One bar per stage, with what ended there."""
    if not census.relics:
        return _note("The catalog is empty.")
    bars = [("found", census.relics, "")]
    for entry in census.stages:
        reasons = [
            f"{count} {reason.partition(': ')[2]}"
            for reason, count in census.reasons.items()
            if reason.startswith(f"{entry.stage}: ")
        ]
        named = sum(int(reason.split()[0]) for reason in reasons)
        if entry.out > named:
            reasons.append(f"{entry.out - named} repeated")
        if entry.waiting:
            reasons.append(f"{entry.waiting} waiting")
        bars.append((WHAT_STAGES_DO[entry.stage], entry.done, ", ".join(reasons)))
    explained = any(why for *_, why in bars)
    rows = "".join(
        f"<tr><th>{in_html(what)}</th><td class=bar><span "
        f'style="width:{100 * count / census.relics:.2f}%"></span></td><td class=n>{count:,}</td>'
        + (f"<td class=why>{in_html(why)}</td></tr>" if explained else "</tr>")
        for what, count, why in bars
    )
    return f'<table class="road"><tbody>{rows}</tbody></table>'


def _figures(content: Content) -> str:
    parts = [_drawing(name, title) for name, title in FIGURES.items() if name in content.figures]
    html = f'<div class="drawings">{"".join(parts)}</div>'
    if "words.png" in content.figures:
        html += _drawing("words.png", "Words of the English captions")
    else:
        html += _note("No relic has an English caption, so there is no cloud of words.")
    return html


def _drawing(name: str, title: str) -> str:
    return (
        f'<figure class="drawing"><figcaption>{in_html(title)}</figcaption>'
        f'<img src="figures/{name}" alt="{in_html(title)}"></figure>'
    )


def _licences(content: Content) -> str:
    deeds = {relic.license_spdx: relic.license_url for relic in content.relics}
    rows = [
        (_link(deeds.get(spdx, ""), in_html(spdx)), count)
        for spdx, count in content.census.licenses.items()
    ]
    drawn = _drawing("licenses.svg", "Relics per licence")
    figure = drawn if "licenses.svg" in content.figures else ""
    table = _table(("licence", "relics"), rows)
    return f'<div class="two">{figure}{table}</div>{_unknown_licences(content)}'


def _unknown_licences(content: Content) -> str:
    """Licences that have no SPDX identifier, in their words: for somebody to read."""
    words = collections.Counter(
        (relic.license_label or UNKNOWN, relic.license_evidence or "said nowhere")
        for relic in content.shown
        if relic.license_spdx.startswith("LicenseRef-")
    )
    if not words:
        return ""
    rows = [
        (in_html(label), in_html(place), count)
        for (label, place), count in words.most_common(LISTED_OUT)
    ]
    note = f"Relics whose licence is unknown or has no SPDX identifier: {words.total()}."
    table = _table(("words", "where", "relics"), rows, numbers=False)
    return f"{_note(note)}<details><summary>their words</summary>{table}</details>"


def _data_sets(sets: Sequence[Mapping[str, Any]]) -> str:
    if not sets:
        return _note("Nothing is packed yet; run data-engine shards.")
    names = ("train", "val", "test")
    rows = [
        (
            f"<code>{in_html(entry['name'])}</code>",
            size(entry["bytes"]),
            *(entry["splits"].get(split, 0) for split in names),
        )
        for entry in sets
    ]
    return _table(("data set", "size", *names), rows)


def _noted(content: Content) -> str:
    """Relics of the data set whose files were not complete, or not clear."""
    counts = content.census.notes
    if not counts:
        return _note("Every file had all that it names.")
    kinds = [(in_html(NOTES.get(code, code)), count) for code, count in counts.items()]
    rows = [
        (in_html(relic.source_file or relic.title), in_html(note.partition(": ")[2]))
        for relic in content.relics
        if relic.state not in OUT
        for note in relic.notes or ()
    ]
    more = len(rows) - LISTED_OUT
    rest = _note(f"{more} more are in relics.json.") if more > 0 else ""
    table = _table(("file", "note"), rows[:LISTED_OUT], numbers=False)
    listed = f"<details><summary>{len(rows)} notes</summary>{table}{rest}</details>"
    return _table(("what", "relics"), kinds) + listed


def _left_out(content: Content) -> str:
    out = [relic for relic in content.relics if relic.state in OUT]
    if not out:
        return _note("No file was left out.")
    rows = [
        (
            in_html(relic.source_file or relic.title),
            in_html(relic.reason or relic.dup_kind),
            in_html(relic.detail or (relic.dup_of and f"repeats {relic.dup_of}")),
        )
        for relic in out[:LISTED_OUT]
    ]
    more = len(out) - len(rows)
    rest = _note(f"{more} more are in relics.json.") if more else ""
    table = _table(("file", "reason", "detail"), rows, numbers=False)
    return f"<details><summary>{len(out)} files</summary>{table}{rest}</details>"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: bool = True) -> str:
    """A table of HTML cells; all columns but the first are numbers unless told otherwise."""

    def line(cells: Sequence[object], tag: str) -> str:
        kinds = [""] + [" class=n" if numbers else ""] * (len(cells) - 1)
        return "".join(
            f"<{tag}{kind}>{cell}</{tag}>" for kind, cell in zip(kinds, cells, strict=True)
        )

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    head = f"<thead><tr>{line(header, 'th')}</tr></thead>"
    return f'<div class="scroll"><table>{head}<tbody>{body}</tbody></table></div>'


def _link(address: str, label: str) -> str:
    """A link around HTML if the address is a web page."""
    if not web_address(address):
        return label
    return f'<a href="{in_html(address)}" rel="noreferrer noopener">{label}</a>'


def _note(words: str) -> str:
    return f'<p class="small">{in_html(words)}</p>'


def _known(counts: Mapping[str, int]) -> list[str]:
    return [name for name in counts if name != UNKNOWN]


def _short_license(spdx: str) -> str:
    plain = spdx.removeprefix("LicenseRef-")
    return plain if len(plain) <= 40 else plain[:39] + "…"


def _gallery_pages(content: Content) -> int:
    return -(-len(content.shown) // PAGE_RELICS)


def _page_name(number: int) -> str:
    return f"relics-{number:03}.html"


def _page_link(number: int, present: int) -> str:
    if number == present:
        return f"<b>{number}</b>"
    return f'<a href="{_page_name(number)}">{number}</a>'

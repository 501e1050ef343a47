"""`README.md` of a release: the dataset card, every number of it counted from the catalog."""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from data_engine.releases import manifest
from data_engine.releases.credits import is_share_alike
from data_engine.reports.census import UNKNOWN, Census
from data_engine.text.escaping import in_markdown, one_line
from data_engine.text.quantities import size

_HUB_LICENSES = re.compile(
    r"cc0-1\.0|cc-by-(?:[1-4]\.0)|cc-by-(?:nc|sa|nd|nc-sa|nc-nd)-[34]\.0|mit"
)
"""Licence names that dataset hubs know; everything else is `other` there."""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1e6, "100K<n<1M"))
SHOWN = 20
"""Rows of a table; the rest is summed up."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CardFacts:
    """What a card tells besides the census."""

    name: str
    version: str
    published: str
    url: str
    contact: str
    """Whom to ask for a removal; empty: not given."""
    datasets: Sequence[Mapping[str, Any]]
    """Data sets as `status.data_sets` lists them, with their `metadata`."""
    renders: Mapping[str, Mapping[str, Any]]
    """render_id to its settings."""


def write(facts: CardFacts, census: Census) -> str:
    """The card as Markdown with a YAML head."""
    sections = (
        _contents(facts),
        _counts(census),
        _funnel(census),
        _making(facts),
        _splits(facts, census),
        "## Known biases and gaps\n\nAll of this is computed from the data.\n\n"
        + "".join(f"- {words}\n" for words in biases(census)),
        _terms(census),
        _removal(facts),
    )
    return "\n".join([_head(facts, census), *sections])


def _head(facts: CardFacts, census: Census) -> str:
    spdx = [name.lower() for name in census.licenses]
    known = len(spdx) > 0 and all(_HUB_LICENSES.fullmatch(name) for name in spdx)
    fields = {
        "pretty_name": one_line(facts.name),
        "license": (spdx if len(spdx) > 1 else spdx[0]) if known else "other",
        "language": _languages(census),
        "task_categories": ["image-to-3d"],
        "size_categories": [_size_class(census.kept)],
        "tags": ["3d", "cultural-heritage", "multi-view", "single-view-reconstruction"],
        "configs": [{"config_name": "manifest", "data_files": manifest.NAME}],
    }
    if not known:
        fields |= {"license_name": "several", "license_link": "ATTRIBUTION.md"}
    # JSON values are YAML values, and leave no room for a title to break out.
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    home = f" Its page is {facts.url}." if facts.url else ""
    return (
        "---\n" + "\n".join(lines) + f"\n---\n\n# {in_markdown(facts.name)}\n\n"
        f"{census.kept} relics, each seen by posed cameras with depth, made by "
        f"jaxrelic's data engine. Version {facts.version}, {facts.published}.{home}\n"
    )


def _languages(census: Census) -> list[str]:
    tags = {tag.split("-")[0].lower() for tag in census.languages if tag != UNKNOWN}
    return sorted(tags) or ["und"]


def _size_class(count: int) -> str:
    return next((name for limit, name in _SIZES if count < limit), "1M<n<10M")


def _contents(facts: CardFacts) -> str:
    rows = [
        (f"`{manifest.NAME}`", "one typed row per relic: provenance, licence, split, digests"),
        ("`ATTRIBUTION.md`, `ATTRIBUTION.csv`", "author, source, licence and credit line of each"),
        ("`NOTICE`", "works under share-alike terms, if there are any"),
        ("`croissant.json`", "this data set for machines (Croissant 1.1)"),
        *((f"`{d['name']}/`", f"TFDS data set, {size(d['bytes'])}") for d in facts.datasets),
    ]
    example = next((d["name"] for d in facts.datasets), "relic_views/CONFIG/VERSION")
    return (
        f"## Contents\n\n{_table(('file', 'what it is'), rows)}\n"
        "The data sets open without TensorFlow and without code of ours:\n\n```python\n"
        "import tensorflow_datasets as tfds\n\n"
        f'train = tfds.builder_from_directory("{example}").as_data_source("train")\n```\n'
    )


def _counts(census: Census) -> str:
    parts = [
        ("Source", census.sources),
        ("Licence", census.licenses),
        ("Category", census.categories),
        ("Cleaning label", census.labels),
        ("Language of title and description", census.languages),
        ("Century", census.centuries),
        ("Surface", census.watertight),
    ]
    tables = [_tally(title, counts) for title, counts in parts]
    return "## What is in it\n\n" + "\n".join([*tables, _sizes(census)])


def _sizes(census: Census) -> str:
    rows = [
        (name, *(f"{quantile(values, share):,}" for share in (0, 0.25, 0.5, 0.75, 1)))
        for name, values in (("triangles", census.triangles), ("bytes of GLB", census.blob_bytes))
        if values
    ]
    return _table(("per relic", "least", "quarter", "median", "three quarters", "most"), rows)


def quantile(values: Sequence[int], share: float) -> int:
    """The value that `share` of the others do not exceed."""
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]


def _funnel(census: Census) -> str:
    rows = [(s.stage, s.done, s.out, s.waiting) for s in census.stages]
    parts = [
        f"## From what was found to what is here\n\n{census.relics} relics were found.\n",
        _table(("stage", "came through", "out here", "waiting"), rows),
        _tally("State", census.states),
    ]
    if census.reasons:
        parts.append(_tally("Reason for leaving out", census.reasons))
    if census.repeated:
        parts.append(_tally("Repeated, by kind", census.repeated))
    return "\n".join(parts)


def _making(facts: CardFacts) -> str:
    text = "## How it was made\n\nEvery relic was rendered with Blender under fixed settings.\n\n"
    for render_id, settings in sorted(facts.renders.items()):
        rows = [(name, json.dumps(value)) for name, value in sorted(settings.items())]
        text += _table((f"render {render_id}", "value"), rows) + "\n"
    return text + "Titles and descriptions are as published; captions, where there are any, are "\
        "in fields of their own (`caption_by` says by whom).\n"  # fmt: skip


def _splits(facts: CardFacts, census: Census) -> str:
    rules = sorted({d["metadata"].get("split_rule", "") for d in facts.datasets} - {""})
    rule = "; ".join(f"`{rule}`" for rule in rules) or "not recorded"
    moved = {c: s for d in facts.datasets for c, s in d["metadata"].get("split_moved", {}).items()}
    text = (
        f"## Splits\n\n{_tally('Split', census.splits)}\nRule: {rule}. The {census.kept} relics "
        f"form {census.clusters} clusters of duplicates; a cluster is never divided, so no scan "
        "is in two splits.\n"
    )
    if moved:
        text += f"To fill an empty split, {len(moved)} clusters were moved against this rule.\n"
    return text


def biases(census: Census) -> list[str]:
    """Sentences about what is frequent, missing or uneven."""
    found = []
    for what, counts in (
        ("category", census.categories),
        ("source", census.sources),
        ("author", census.authors),
        ("language of the words", census.languages),
    ):
        known = {name: count for name, count in counts.items() if name != UNKNOWN}
        if len(known) == 1 and sum(known.values()) == census.kept:
            found.append(f"There is one {what} only: {in_markdown(next(iter(known)))}.")
        elif known:
            name = next(iter(known))
            found.append(
                f"The most frequent {what} is {in_markdown(name)}: {known[name]} of {census.kept} "
                f"relics ({known[name] / census.kept:.0%}); {len(known)} different ones occur."
            )
    for what, missing in (
        ("language", census.languages.get(UNKNOWN, 0)),
        ("century", census.centuries.get(UNKNOWN, 0)),
        ("author", census.authors.get(UNKNOWN, 0)),
        ("licence", census.licenses.get("LicenseRef-unknown", 0)),
    ):
        if missing:
            found.append(
                f"The {what} of {missing} relics ({missing / census.kept:.0%}) is unknown."
            )
    if open_ := census.watertight.get("open", 0):
        found.append(
            f"{open_} meshes ({open_ / census.kept:.0%}) are not watertight; volumes and inside "
            "tests mean little for them."
        )
    if out := census.relics - census.kept:
        found.append(f"{out} of {census.relics} relics that were found are not here; see above.")
    return found


def _terms(census: Census) -> str:
    shares = {
        "allow no commercial use": sum("-NC" in name for name in _each(census.licenses)),
        "allow no derivatives": sum("-ND" in name for name in _each(census.licenses)),
        "are share-alike": sum(map(is_share_alike, _each(census.licenses))),
        "have a licence without an SPDX identifier": sum(
            name.startswith("LicenseRef-") for name in _each(census.licenses)
        ),
        "are under a stricter licence than their source names, since another record of the same "
        "object bears it (`license_contested`)": census.contested,
    }
    lines = "".join(f"- {count} relics {what}.\n" for what, count in shares.items() if count)
    return (
        "## Licences and credits\n\nEach relic keeps its own licence (`license_spdx`, "
        "`license_url`, `license_evidence` in the manifest); the data set as a whole has none. "
        "`ATTRIBUTION.md` holds the credit lines, which go with every copy.\n" + lines
    )


def _each(counts: Mapping[str, int]) -> list[str]:
    return [name for name, count in counts.items() for _ in range(count)]


def _removal(facts: CardFacts) -> str:
    contact = in_markdown(facts.contact) if facts.contact else "none was given for this release"
    return (
        f"## Removal\n\nContact: {contact}. Name the relic by its uid, its page or its author.\n"
        "The maintainer runs `data-engine forget UID`, which deletes its mesh, its pictures and "
        "its record and keeps it from coming back, then `data-engine shards` and "
        "`data-engine release`, and publishes the result as a new version.\n"
    )


def _tally(title: str, counts: Mapping[str, int]) -> str:
    rows = list(counts.items())
    if len(rows) > SHOWN:
        rest = rows[SHOWN - 1 :]
        rows = [*rows[: SHOWN - 1], (f"{len(rest)} more", sum(count for _, count in rest))]
    return _table((title, "relics"), rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; texts in backquotes are ours and stay."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    if header[-1] in ("what it is", "value"):
        lines[1] = ["---"] * len(header)
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(value: object) -> str:
    words = str(value)
    ours = re.fullmatch(r"(`[A-Za-z0-9_./]+`(, )?)+|-+:?", words)
    return words if ours else in_markdown(words)

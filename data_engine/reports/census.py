"""What a data set consists of, counted: the numbers of its card and its overview page."""

import collections
import dataclasses
from collections.abc import Iterable, Sequence

from data_engine.catalog.notes import code_of
from data_engine.catalog.schema import Relic
from data_engine.catalog.stages import StageCount, count_stages
from data_engine.reports.centuries import century_of, count_centuries
from jaxrelic.data.schema import LABELS

UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Census:
    """Counts over all relics of a catalog and over those of the data set, largest first."""

    relics: int
    """All there are."""
    kept: int
    """Relics in the data set."""
    stages: tuple[StageCount, ...]
    states: dict[str, int]
    reasons: dict[str, int]
    """`stage: reason` of what is out."""
    repeated: dict[str, int]
    """Duplicates by kind."""
    clusters: int
    """Duplicate clusters among the kept."""
    sources: dict[str, int]
    licenses: dict[str, int]
    contested: int
    """Kept relics under a stricter licence than their own source names."""
    categories: dict[str, int]
    labels: dict[str, int]
    """Cleaning classes."""
    languages: dict[str, int]
    authors: dict[str, int]
    splits: dict[str, int]
    centuries: dict[str, int]
    watertight: dict[str, int]
    notes: dict[str, int]
    """Kept relics with a note of each code: what was missing or assumed in their files."""
    triangles: tuple[int, ...]
    """Triangles of each kept relic that was measured."""
    blob_bytes: tuple[int, ...]


def take(relics: Sequence[Relic], kept: Sequence[Relic]) -> Census:
    """Counts.

    Args:
        relics: The whole catalog.
        kept: The data set.
    """
    place = collections.Counter((r.state, r.reason_stage, r.dup_kind) for r in relics)
    out = [relic for relic in relics if relic.state in ("rejected", "failed")]
    return Census(
        relics=len(relics),
        kept=len(kept),
        stages=tuple(count_stages(place)),
        states=tally(relic.state for relic in relics),
        reasons=tally(f"{relic.reason_stage}: {relic.reason}" for relic in out),
        repeated=tally(relic.dup_kind for relic in relics if relic.state == "duplicate"),
        clusters=len({relic.cluster or relic.uid for relic in kept}),
        sources=tally(relic.source for relic in kept),
        licenses=tally(relic.license_spdx for relic in kept),
        contested=sum(bool(relic.license_contested) for relic in kept),
        categories=tally(relic.category for relic in kept),
        labels=tally(_label(relic) for relic in kept),
        languages=tally(relic.language for relic in kept),
        authors=tally(relic.author_name for relic in kept),
        splits=tally(relic.split for relic in kept),
        centuries=count_centuries(
            century_of(relic.title, relic.description, relic.caption_en) for relic in kept
        ),
        watertight=tally(_watertight(relic) for relic in kept),
        notes=tally(
            code for relic in kept for code in sorted({code_of(note) for note in relic.notes or ()})
        ),
        triangles=tuple(relic.triangles for relic in kept if relic.triangles is not None),
        blob_bytes=tuple(relic.glb_bytes for relic in kept if relic.glb_bytes is not None),
    )


def tally(values: Iterable[str]) -> dict[str, int]:
    """How often each value occurs, the most frequent first; an empty one is `unknown`."""
    counts = collections.Counter(value or UNKNOWN for value in values)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _label(relic: Relic) -> str:
    number = getattr(relic, "llm_label", None)  # Set by the cleaning stage, where it is used
    return LABELS[number - 1] if number in range(1, len(LABELS) + 1) else "not classified"


def _watertight(relic: Relic) -> str:
    return {None: UNKNOWN, True: "watertight", False: "open"}[relic.watertight]

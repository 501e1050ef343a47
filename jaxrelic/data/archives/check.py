"""What an archive holds, what it lacks, and which of its files are broken."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from jaxrelic.data.archives.archive import Archive, BrokenFileError, Entry, Gap

MAX_NAMED = 20
"""Broken files that a report names; the others are counted."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """One category of one split."""

    category: str
    split: str
    objects: int
    images: int
    published: int | None
    """What there should be, None where nobody said."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """The answer of `jaxrelic data check`."""

    layout: str
    root: str
    counted: str
    """What `published` counts: objects or images."""
    parts: Sequence[Part]
    gaps: Sequence[Gap]
    opened: int
    """Photographs, and surfaces of their objects, that were read."""
    readable: int
    broken: int
    broken_named: Sequence[str]
    """The first of them, with the reason."""

    @property
    def usable(self) -> bool:
        """Whether anything can be read."""
        return self.readable > 0


def check(archive: Archive, *, per_part: int) -> Report:
    """Counts everything and opens some photographs of each category and split.

    Args:
        archive: What is looked at.
        per_part: Photographs that are opened, evenly spread; -1 for all.
    """
    parts, broken, opened, readable = [], {}, 0, 0
    gaps = _gaps(archive, broken)
    for split in archive.splits:
        for category in archive.categories:
            entries = _entries(archive, split, category, broken)
            objects = {entry.instance for entry in entries}
            parts.append(
                Part(
                    category=category,
                    split=split,
                    objects=len(objects),
                    images=len(entries),
                    published=archive.published.get((category, split)),
                )
            )
            for entry in _some(entries, per_part):
                opened += 1
                readable += _opens(archive, entry, broken)
    named = [f"{path}: {reason}" for path, reason in list(broken.items())[:MAX_NAMED]]
    return Report(
        layout=archive.layout,
        root=str(archive.root),
        counted=archive.counted,
        parts=parts,
        gaps=gaps,
        opened=opened,
        readable=readable,
        broken=len(broken),
        broken_named=named,
    )


def _gaps(archive: Archive, broken: dict[str, str]) -> Sequence[Gap]:
    try:
        return archive.gaps()
    except BrokenFileError as error:
        _add(archive, error, broken)
        return ()


def _entries(archive: Archive, split: str, category: str, broken: dict[str, str]) -> list[Entry]:
    try:
        return archive.entries(split, category)
    except BrokenFileError as error:
        _add(archive, error, broken)
        return []


def _some(entries: list[Entry], count: int) -> Iterator[Entry]:
    """The first, the last, and others evenly between them."""
    chosen = range(len(entries))
    if 0 <= count < len(entries):
        chosen = np.linspace(0, len(entries) - 1, count).round().astype(int)
    for row in chosen:
        yield entries[row]


def _opens(archive: Archive, entry: Entry, broken: dict[str, str]) -> bool:
    """Whether a photograph can be read; its surface is looked at, too."""
    try:
        archive.read(entry)
    except BrokenFileError as error:
        _add(archive, error, broken)
        return False
    try:
        archive.surface(entry, 1)
    except BrokenFileError as error:
        _add(archive, error, broken)
    return True


def _add(archive: Archive, error: BrokenFileError, broken: dict[str, str]) -> None:
    broken.setdefault(str(error.path.relative_to(archive.root)), error.reason)


def as_text(report: Report) -> str:
    """The report for a person."""
    lines = [f"{report.layout} at {report.root}", ""]
    lines.append(f"{'category':<14}{'split':<7}{'objects':>9}{'images':>9}  published")
    for part in report.parts:
        count = part.objects if report.counted == "objects" else part.images
        said = "" if part.published is None else f"{part.published} {report.counted}"
        differs = part.published not in (None, count)
        row = f"{part.category:<14}{part.split:<7}{part.objects:>9}{part.images:>9}  {said}"
        lines.append(row.rstrip() + (", differs" if differs else ""))
    lines += ["", *(f"missing: {gap.missing}; prevents {gap.prevents}" for gap in report.gaps)]
    lines.append(f"opened {report.opened} photographs, {report.readable} can be used")
    lines += [f"broken: {name}" for name in report.broken_named]
    if report.broken > len(report.broken_named):
        lines.append(f"broken: {report.broken - len(report.broken_named)} more files")
    return "\n".join(lines)

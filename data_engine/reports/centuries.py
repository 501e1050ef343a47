"""When a relic was made, as far as its words say so in numbers."""

import collections
import re
from collections.abc import Iterable

FIRST_YEAR, LAST_YEAR = 1000, 1949
"""Bare years outside this range are more often a count, a scan's date or an inventory number."""

_BEFORE = r"(?:B\.?C\.?(?:E\.?)?)(?![a-z])"
_AFTER = r"(?:A\.?D\.?|C\.?E\.?)(?![a-z])"
_RANGE = r"(?:\s*(?:-|–|—|/|to|or|and)\s*"
_CENTURY = re.compile(
    rf"\b(?P<n>\d{{1,2}})(?:st|nd|rd|th){_RANGE}\d{{1,2}}(?:st|nd|rd|th))?"
    rf"[\s-]*(?:century|centuries|cent\.|c\.)(?:\s*(?P<bc>{_BEFORE}))?",
    re.IGNORECASE,
)
_YEAR_BC = re.compile(rf"\b(?P<n>\d{{1,4}}){_RANGE}\d{{1,4}})?\s*{_BEFORE}", re.IGNORECASE)
_YEAR_AD = re.compile(
    rf"\b(?:{_AFTER}\s*(?P<a>\d{{1,4}})|(?P<b>\d{{1,4}}){_RANGE}\d{{1,4}})?\s*{_AFTER})(?!\d)",
    re.IGNORECASE,
)
_NUMBERED = r"(?:no|nr|inv|cat|lot|acc|id|model)\.?\s*|#|№|[\d.,:;/_-]"
_YEAR = re.compile(rf"(?P<before>{_NUMBERED})?\b(?P<n>1\d{{3}})(?!\d|[.,]\d|[a-z%])", re.IGNORECASE)


def century_of(*texts: str) -> int | None:
    """The century that the first telling text names; -5 is the 5th BC, 18 is 1701 to 1800.

    Read are, in this order: "5th century BC", "500 BC" and "AD 120", then a bare year such as
    "1780" or "Ming dynasty (1368-1644)". Of a range its beginning counts. Names of periods and
    dynasties without numbers stay unknown, and so do decades: their dates are a scholar's matter.
    """
    return next((found for text in texts if (found := _century_in(text)) is not None), None)


def _century_in(text: str) -> int | None:
    if (match := _CENTURY.search(text)) and 1 <= int(match["n"]) <= 40:
        return -int(match["n"]) if match["bc"] else _until_now(int(match["n"]))
    if match := _YEAR_BC.search(text):
        return -_ordinal(int(match["n"]))
    if match := _YEAR_AD.search(text):
        return _until_now(_ordinal(int(match["a"] or match["b"])))
    for match in _YEAR.finditer(text):
        if not match["before"] and FIRST_YEAR <= int(match["n"]) <= LAST_YEAR:
            return _ordinal(int(match["n"]))
    return None


def _ordinal(year: int) -> int:
    return max(1, (year + 99) // 100)


def _until_now(century: int) -> int | None:
    return century if century <= 21 else None


def century_name(century: int) -> str:
    """Name of a century, as in `5th c. BC` and `18th c.`."""
    number = abs(century)
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number // 10 != 1 else "th"
    return f"{number}{ending} c.{' BC' if century < 0 else ''}"


def count_centuries(centuries: Iterable[int | None]) -> dict[str, int]:
    """Relics per century in the order of time, then `unknown`."""
    counts = collections.Counter(centuries)
    unknown = counts.pop(None, 0)
    return {century_name(c): counts[c] for c in sorted(counts)} | {"unknown": unknown}

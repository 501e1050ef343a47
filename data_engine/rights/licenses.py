"""What a relic may be used for, in SPDX words, and how its maker is credited."""

import re

from data_engine.rights.license_words import known_spdx

UNKNOWN = "LicenseRef-unknown"

_RANKS = (
    ("LicenseRef-public-domain", "CC-PDM", "CC-PDDC"),
    ("CC0", "Unlicense", "PDDL"),
    ("CC-BY", "MIT", "Apache", "BSD-2-Clause", "BSD-3-Clause", "ODC-By", "etalab", "OGL-UK"),
    ("CC-BY-SA", "ODbL", "GPL", "LAL"),
    ("CC-BY-ND",),
    ("CC-BY-NC",),
    ("CC-BY-NC-SA",),
    ("CC-BY-NC-ND",),
)
"""Families of licences, the freest first."""
_PAGES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-PDM-1.0": "https://creativecommons.org/publicdomain/mark/1.0/",
    "MIT": "https://opensource.org/license/mit",
    "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "ODbL-1.0": "https://opendatacommons.org/licenses/odbl/1-0/",
    "ODC-By-1.0": "https://opendatacommons.org/licenses/by/1-0/",
    "PDDL-1.0": "https://opendatacommons.org/licenses/pddl/1-0/",
}
_DEED = "https://creativecommons.org/"


def spdx_of(words: str) -> str:
    """The SPDX identifier that a licence text clearly means, else a `LicenseRef-` of its words.

    "CC-BY" without a version stays a LicenseRef: which deed it means is not ours to decide.

    Example:
        >>> [spdx_of(words) for words in ("CC BY 4.0", "cc0", "CC-BY", "ask us")]
        ['CC-BY-4.0', 'CC0-1.0', 'LicenseRef-cc-by', 'LicenseRef-ask-us']
    """
    plain = " ".join(words.lower().replace("_", "-").split())
    if plain in ("", "unknown"):
        return UNKNOWN
    if spdx := known_spdx(words):
        return spdx
    if re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", words):
        return words
    slug = re.sub(r"[^a-z0-9.]+", "-", plain).strip("-.")[:60].rstrip("-.")
    return f"LicenseRef-{slug}" if slug else UNKNOWN


def strictness(spdx: str) -> int:
    """How much a licence forbids, to tell the stricter of two; the version does not matter.

    The order is a policy: no-derivatives before non-commercial is a choice, and what we do not
    know counts as the strictest.

    Example:
        >>> max(["CC0-1.0", "CC-BY-NC-4.0", "CC-BY-4.0"], key=strictness)
        'CC-BY-NC-4.0'
    """
    family = re.sub(r"^LicenseRef-(?=CC-)", "", spdx)
    family = re.sub(r"-[0-9]\.[0-9](?:-(?:[A-Z]{2,3}|only|or-later))?$", "", family)
    ranks = [rank for rank, families in enumerate(_RANKS) if family in families]
    return ranks[0] if ranks else len(_RANKS)


def deed_url(spdx: str) -> str:
    """Where the licence can be read; empty if we do not know."""
    if match := re.fullmatch(
        r"(?:LicenseRef-)?CC-(BY(?:-[A-Z]{2})*)-([0-9]\.[0-9])(?:-([A-Z]+))?", spdx
    ):
        port = f"{match[3].lower()}/" if match[3] else ""
        return f"{_DEED}licenses/{match[1].lower()}/{match[2]}/{port}"
    return _PAGES.get(spdx, "")


def credit_line(*, title: str, author: str, url: str, spdx: str) -> str:
    """A complete credit line: `"Vase" by A. Potter, https://..., licensed CC-BY-4.0`.

    Example:
        >>> credit_line(title="Vase", author="A. Potter", url="", spdx="CC-BY-4.0")
        '"Vase" by A. Potter, licensed CC-BY-4.0'
    """
    by = f" by {author}" if author else " by an unnamed author"
    return f'"{title}"{by}{f", {url}" if url else ""}, licensed {spdx}'

"""What a relic may be used for, in SPDX words, and how its maker is credited."""

import re

UNKNOWN = "LicenseRef-unknown"

_SPDX = {
    "cc0": "CC0-1.0",
    "cc0-1.0": "CC0-1.0",
    "cc0 1.0": "CC0-1.0",
    "cc0 public domain": "CC0-1.0",
    "public domain": "LicenseRef-public-domain",
    "public domain mark 1.0": "LicenseRef-public-domain",
}
_CREATIVE_COMMONS = re.compile(r"cc[ -](by(?:-(?:nc-sa|nc-nd|nc|sa|nd))?)[ -]([1-4]\.0)")
_STRICTER = (
    "LicenseRef-public-domain",
    "CC0",
    "CC-BY",
    "CC-BY-SA",
    "CC-BY-ND",
    "CC-BY-NC",
    "CC-BY-NC-SA",
    "CC-BY-NC-ND",
)
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
    if plain in _SPDX:
        return _SPDX[plain]
    if match := _CREATIVE_COMMONS.fullmatch(plain):
        return f"CC-{match[1].upper()}-{match[2]}"
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
    family = re.sub(r"-[0-9.]+$", "", spdx)
    return _STRICTER.index(family) if family in _STRICTER else len(_STRICTER)


def deed_url(spdx: str) -> str:
    """Where the licence can be read; empty if we do not know."""
    if spdx == "CC0-1.0":
        return _DEED + "publicdomain/zero/1.0/"
    if match := re.fullmatch(r"CC-(BY[A-Z-]*)-([1-4]\.0)", spdx):
        return f"{_DEED}licenses/{match[1].lower()}/{match[2]}/"
    return ""


def credit_line(*, title: str, author: str, url: str, spdx: str) -> str:
    """A complete credit line: `"Vase" by A. Potter, https://..., licensed CC-BY-4.0`.

    Example:
        >>> credit_line(title="Vase", author="A. Potter", url="", spdx="CC-BY-4.0")
        '"Vase" by A. Potter, licensed CC-BY-4.0'
    """
    by = f" by {author}" if author else " by an unnamed author"
    return f'"{title}"{by}{f", {url}" if url else ""}, licensed {spdx}'

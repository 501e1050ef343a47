"""Words and addresses that people write for a licence, to SPDX identifiers (list 3.27).

A text counts when it names one licence and little else; "CC BY 4.0, but not for adverts" does not.
Creative Commons is understood in letters, in words and as an address, in any version and port.
"""

import re

_VERSIONS = ("1.0", "2.0", "2.1", "2.5", "3.0", "4.0")
_LISTED = {
    "CC-BY-2.5-AU",
    "CC-BY-3.0-AT",
    "CC-BY-3.0-AU",
    "CC-BY-3.0-DE",
    "CC-BY-3.0-IGO",
    "CC-BY-3.0-NL",
    "CC-BY-3.0-US",
    "CC-BY-NC-3.0-DE",
    "CC-BY-NC-ND-3.0-DE",
    "CC-BY-NC-ND-3.0-IGO",
    "CC-BY-NC-SA-2.0-DE",
    "CC-BY-NC-SA-2.0-FR",
    "CC-BY-NC-SA-2.0-UK",
    "CC-BY-NC-SA-3.0-DE",
    "CC-BY-NC-SA-3.0-IGO",
    "CC-BY-ND-3.0-DE",
    "CC-BY-SA-2.0-UK",
    "CC-BY-SA-2.1-JP",
    "CC-BY-SA-3.0-AT",
    "CC-BY-SA-3.0-DE",
    "CC-BY-SA-3.0-IGO",
}
"""Ports that SPDX lists."""
_COUNTRIES = {
    "australia": "AU",
    "austria": "AT",
    "deutschland": "DE",
    "france": "FR",
    "germany": "DE",
    "igo": "IGO",
    "japan": "JP",
    "netherlands": "NL",
    "united states": "US",
    "uk": "UK",
}

_ADDRESS = r"(?:https?://)?(?:www\.)?"
_CC_ADDRESS = re.compile(
    _ADDRESS + r"creativecommons\.org/(?:licenses|publicdomain)/(?P<family>[a-z-]+)"
    r"/(?P<version>[0-9.]+)(?:/(?P<port>igo|[a-z]{2})(?![a-z]))?(?:/(?:deed|legalcode)[\w.-]*)?/?"
)
_ELEMENT = r"(?:nc|sa|nd|non-?commercial|share[ -]?alike|no-?deriv(?:ative)?s?(?: works)?)"
_CC_WORDS = re.compile(
    r"(?:(?:creative commons|cc)[ :-]*)?\b(?:attribution|by)(?P<family>(?:[ /-]+"
    + _ELEMENT
    + r")*)"
    r"(?![a-z])(?:[ ,-]*(?:version |v\.? ?)?(?P<version>[1-9](?:\.[0-9])?)(?![0-9.]*[0-9]))?"
    r"(?:[ -]*(?:international|unported|generic|universal))?"
    r"(?:[ -]*(?P<port>" + "|".join(_COUNTRIES) + r"|at|au|de|fr|jp|nl|us)\b)?"
)
_CC_ZERO = re.compile(
    r"(?:(?:creative commons|cc)[ :-]*)?\b(?:cc[ -]?0|cc[ -]zero|creative commons (?:zero|0)|zero"
    r"(?= v?1\.0))(?:[ -]*(?:v\.? ?)?1\.0)?(?: universal)?(?:,? public domain(?: dedication)?)?"
)
_CC_MARK = re.compile(
    r"(?:(?:creative commons|cc)[ :-]*)?\b(?:public domain mark|pdm)(?:[ -]*1\.0)?(?: universal)?"
)

NAMES = {
    "MIT": r"mit(?: license)?|" + _ADDRESS + r"opensource\.org/licenses?/mit/?",
    "Apache-2.0": r"apache(?: software)?(?: license)?[ ,-]*(?:version |v\.? ?)?2(?:\.0)?|"
    + _ADDRESS + r"apache\.org/licenses/license-2\.0(?:\.html|\.txt)?",
    "BSD-2-Clause": r"bsd[ -]2[ -]clause(?: license)?",
    "BSD-3-Clause": r"bsd[ -]3[ -]clause(?: license)?",
    "Unlicense": r"(?:the )?unlicense",
    "ODbL-1.0": r"(?:open data commons )?(?:open database license|odbl)(?: \(odbl\))?"
    r"[ -]*v?(?:1\.0)?|"
    + _ADDRESS + r"opendatacommons\.org/licenses/odbl/?(?:1[.-]0/?)?",
    "ODC-By-1.0": r"odc[ -]by(?:[ -]*v?1\.0)?|open data commons attribution license(?: v?1\.0)?|"
    + _ADDRESS + r"opendatacommons\.org/licenses/by/?(?:1[.-]0/?)?",
    "PDDL-1.0": r"pddl(?:[ -]*v?1\.0)?|" + _ADDRESS
    + r"opendatacommons\.org/licenses/pddl/?(?:1[.-]0/?)?",
    "GPL-2.0-only": r"gpl[ -]2\.0[ -]only",
    "GPL-2.0-or-later": r"gpl[ -]2\.0[ -]or[ -]later",
    "GPL-3.0-only": r"gpl[ -]3\.0[ -]only",
    "GPL-3.0-or-later": r"gpl[ -]3\.0[ -]or[ -]later",
    "LAL-1.3": r"lal[ -]1\.3|free art license 1\.3|license art libre 1\.3",
    "etalab-2.0": r"etalab[ -]2\.0|license ouverte(?: /? ?open license)?[ -]*(?:version |v)?2\.0",
    "OGL-UK-3.0": r"ogl[ -]uk[ -]3\.0|open government license (?:version |v)?3\.0|"
    + _ADDRESS + r"nationalarchives\.gov\.uk/doc/open-government-licen[cs]e/version/3/?",
    "CC-PDDC": r"cc[ -]pddc",
    "LicenseRef-public-domain": r"(?:cc )?public domain|no copyright|pd|gemeinfrei",
    "LicenseRef-no-known-copyright": r"no known copyright(?: restrictions)?|"
    + _ADDRESS + r"rightsstatements\.org/(?:vocab|page)/nkc/1\.0/?",
    "LicenseRef-all-rights-reserved": r"all rights reserved|in copyright|copyrighted|"
    + _ADDRESS + r"rightsstatements\.org/(?:vocab|page)/inc/1\.0/?",
    "LicenseRef-no-copyright-us": r"no copyright - united states|"
    + _ADDRESS + r"rightsstatements\.org/(?:vocab|page)/noc-us/1\.0/?",
    "LicenseRef-usage-conditions-apply": r"usage conditions apply",
    "LicenseRef-sketchfab-standard": r"(?:sketchfab )?(?:free )?standard(?: \("
    + _ADDRESS + r"sketchfab\.com/licenses\))?",
    "LicenseRef-sketchfab-editorial": r"(?:sketchfab )?editorial(?: \("
    + _ADDRESS + r"sketchfab\.com/licenses\))?",
}  # fmt: skip
"""Licences and terms of museums and portals other than Creative Commons, as patterns."""

_NAMED = {spdx: re.compile(pattern) for spdx, pattern in NAMES.items()}
_NOISE = re.compile(
    r"\b(?:public domain dedication|creative commons|public|licen[cs]ed?|licensing|is|are|under|"
    r"the|a|an|this|work|model|terms|of|deed|see|version|international|universal|unported|generic|"
    r"cc)\b|[\s()\[\]<>,;:.\"'|/-]"
)
"""What may stand beside the name of a licence and changes nothing."""
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212_", "-"))


def known_spdx(words: str) -> str | None:
    """The identifier of the one licence that a text names; None if it names none, or more.

    Licences and terms that SPDX has no identifier for give a `LicenseRef-` of a fixed name.

    Example:
        >>> known_spdx("Creative Commons Attribution-NonCommercial 4.0 International")
        'CC-BY-NC-4.0'
        >>> known_spdx("http://creativecommons.org/licenses/by/3.0/igo/")
        'CC-BY-3.0-IGO'
        >>> known_spdx("CC BY 4.0, but ask us before")
    """
    plain = " ".join(words.lower().translate(_DASHES).replace("licence", "license").split())
    for spdx, pattern in _NAMED.items():
        if pattern.fullmatch(plain.strip(" .")):
            return spdx
    found, rest = _mentions(plain)
    if _NOISE.sub("", rest):
        return None
    whole = {spdx for spdx in found if re.search(r"[0-9]", spdx)}
    # Letters without a version beside an address must mean the same family.
    families = {re.sub(r"-[0-9].*", "", spdx) for spdx in whole}
    return whole.pop() if len(whole) == 1 and found - whole <= families else None


def addressed_spdx(text: str) -> str | None:
    """The one Creative Commons licence whose address stands anywhere in a text."""
    found = {_from_address(match) for match in _CC_ADDRESS.finditer(text.lower())} - {""}
    return found.pop() if len(found) == 1 else None


def _mentions(plain: str) -> tuple[set[str], str]:
    """Creative Commons licences that a text names, and the text without them."""
    found: set[str] = set()
    for pattern, read in _READERS:
        for match in pattern.finditer(plain):
            found.add(read(match))
        plain = pattern.sub(" ", plain)
    return found, plain


def _from_address(match: re.Match) -> str:
    family, version = match["family"], match["version"].rstrip(".")
    if family in ("zero", "mark"):
        return {"zero": "CC0-1.0", "mark": "CC-PDM-1.0"}[family] if version == "1.0" else ""
    if family.split("-")[0] != "by":
        return ""
    return _assembled(family.split("-")[1:], version, (match["port"] or "").upper())


def _from_words(match: re.Match) -> str:
    elements = [_element(word) for word in re.findall(_ELEMENT, match["family"])]
    version = match["version"] or ""
    if version and "." not in version:
        version += ".0"
    port = match["port"] or ""
    return _assembled(elements, version, _COUNTRIES.get(port, port.upper()))


def _element(word: str) -> str:
    if word.startswith(("nc", "non")):
        return "nc"
    return "sa" if word.startswith("s") else "nd"


def _assembled(elements: list[str], version: str, port: str) -> str:
    """The identifier of a Creative Commons licence; empty if there is no such licence."""
    order = [name for name in ("nc", "nd", "sa") if name in elements]
    if len(order) != len(elements) or {"nd", "sa"} <= set(order):
        return ""
    family = "-".join(["CC-BY", *map(str.upper, order)])
    if not version:
        return family
    if version not in _VERSIONS:
        return ""
    spdx = f"{family}-{version}" + (f"-{port}" if port else "")
    return spdx if not port or spdx in _LISTED else f"LicenseRef-{spdx}"


_READERS = (
    (_CC_ADDRESS, _from_address),
    (_CC_ZERO, lambda match: "CC0-1.0"),
    (_CC_MARK, lambda match: "CC-PDM-1.0"),
    (_CC_WORDS, _from_words),
)

"""Licences as people and portals write them, each to the identifier that it clearly means."""

import pytest

from data_engine.rights.license_words import NAMES, addressed_spdx, known_spdx
from data_engine.rights.licenses import deed_url, spdx_of, strictness

CC = "creativecommons.org"
TABLE = {
    "CC-BY-4.0": (
        "CC-BY-4.0",
        "cc by 4.0",
        "CC BY 4.0 International",
        "CC_BY_4.0",
        "CC\u2011BY\u20114.0",
        "CC BY 4",
        "CC-BY-4.0 (http://creativecommons.org/licenses/by/4.0/)",
        "CC BY v4.0",
        "CC:BY 4.0",
        f"http://{CC}/licenses/by/4.0/",
        f"https://{CC}/licenses/by/4.0",
        f"{CC}/licenses/by/4.0/deed.de",
        f"https://www.{CC}/licenses/by/4.0/legalcode",
        f"CC-BY (https://{CC}/licenses/by/4.0/)",
        "Creative Commons Attribution 4.0 International",
        "Creative Commons - Attribution 4.0",
        "Creative Commons Attribution 4.0 International License.",
        "Attribution 4.0 International (CC BY 4.0)",
        "Licensed under CC BY 4.0",
        "This work is licensed under a Creative Commons Attribution 4.0 licence",
    ),
    "CC-BY-3.0": ("CC-BY 3.0", "Creative Commons Attribution 3.0 Unported", "CC-BY-3.0"),
    "CC-BY-3.0-DE": (
        "CC BY 3.0 DE",
        f"http://{CC}/licenses/by/3.0/de/",
        "Creative Commons Attribution 3.0 Germany",
    ),
    "CC-BY-3.0-IGO": ("CC BY 3.0 IGO", f"https://{CC}/licenses/by/3.0/igo/"),
    "CC-BY-SA-2.1-JP": (f"http://{CC}/licenses/by-sa/2.1/jp/", "CC-BY-SA-2.1-JP"),
    "LicenseRef-CC-BY-3.0-FR": (f"http://{CC}/licenses/by/3.0/fr/", "CC BY 3.0 France"),
    "CC-BY-SA-4.0": (
        "CC BY-SA 4.0",
        "CC-BY-SA-4.0",
        "Creative Commons Attribution-ShareAlike 4.0",
        "CC Attribution Share Alike 4.0 International",
    ),
    "CC-BY-NC-2.5": ("CC BY-NC 2.5", f"{CC}/licenses/by-nc/2.5/"),
    "CC-BY-NC-SA-4.0": (
        "CC BY-NC-SA 4.0",
        "CC BY-SA-NC 4.0",
        "cc by nc sa 4.0",
        "Attribution-NonCommercial-ShareAlike 4.0 International (CC BY-NC-SA 4.0)",
    ),
    "CC-BY-NC-ND-4.0": (
        "CC BY-NC-ND 4.0",
        "Creative Commons Attribution-NonCommercial-NoDerivatives 4.0 International",
    ),
    "CC-BY-ND-3.0": ("CC BY-ND 3.0", "Creative Commons Attribution-NoDerivs 3.0 Unported"),
    "CC0-1.0": (
        "CC0",
        "cc0 1.0",
        "CC0-1.0",
        "CC-0",
        "CC Zero",
        "CC0 1.0 Universal",
        "Creative Commons Zero",
        "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication",
        "Creative Commons 0",
        "CC0 Public Domain",
        "cc0 public domain",
        f"http://{CC}/publicdomain/zero/1.0/",
        "Creative Commons CC0 1.0",
        "Creative Commons Zero v1.0 Universal",
    ),
    "CC-PDM-1.0": (
        "Public Domain Mark 1.0",
        "public domain mark",
        "PDM 1.0",
        "CC PDM 1.0",
        f"https://{CC}/publicdomain/mark/1.0/",
        "Public Domain Mark 1.0 Universal",
    ),
    "LicenseRef-public-domain": ("Public Domain", "public domain", "No copyright"),
    "MIT": ("MIT", "mit", "MIT License", "MIT Licence", "https://opensource.org/licenses/MIT"),
    "Apache-2.0": (
        "Apache-2.0",
        "Apache 2.0",
        "Apache License, Version 2.0",
        "Apache License 2.0",
        "http://www.apache.org/licenses/LICENSE-2.0",
    ),
    "ODbL-1.0": (
        "ODbL-1.0",
        "ODbL",
        "Open Database License",
        "ODbL 1.0",
        "Open Data Commons Open Database License v1.0",
        "https://opendatacommons.org/licenses/odbl/1-0/",
    ),
    "ODC-By-1.0": ("ODC-By-1.0", "ODC-BY"),
    "OGL-UK-3.0": ("Open Government Licence v3.0", "OGL-UK-3.0"),
    "etalab-2.0": ("Licence Ouverte 2.0", "etalab-2.0"),
    "LicenseRef-no-known-copyright": (
        "No known copyright restrictions",
        "http://rightsstatements.org/vocab/NKC/1.0/",
    ),
    "LicenseRef-all-rights-reserved": (
        "All Rights Reserved",
        "all rights reserved.",
        "http://rightsstatements.org/vocab/InC/1.0/",
    ),
    "LicenseRef-usage-conditions-apply": ("Usage conditions apply",),
    "LicenseRef-sketchfab-standard": ("Standard (https://sketchfab.com/licenses)", "Free Standard"),
    "LicenseRef-sketchfab-editorial": ("Editorial",),
}
UNKNOWN = (
    "CC-BY",
    "CC BY-NC",
    "Creative Commons",
    "Creative Commons Attribution",
    "CC BY 4.0 or MIT",
    "CC BY 4.0, CC0 1.0",
    "CC BY 5.0",
    "CC BY-SA-ND 4.0",
    "CC BY 4.0 but ask us before any sale",
    "not CC0",
    "ask us",
    "Apache",
    "public domain in Spain",
    "free for non-commercial use",
    f"http://{CC}/licenses/",
    f"http://{CC}.example.org/licenses/by/4.0/x",
    "CC BY 4.0.1",
    "by 4.0 men",
    f"CC BY-NC ({CC}/licenses/by/4.0/)",
    "permit",
    "MITRE",
    "standards apply",
)


@pytest.mark.parametrize(("spdx", "words"), [(s, w) for s, all_ in TABLE.items() for w in all_])
def test_words_that_name_one_licence_give_its_identifier(spdx, words):
    assert spdx_of(words) == spdx
    assert spdx_of(f"  {words.upper()}\n") == spdx


@pytest.mark.parametrize("words", UNKNOWN)
def test_words_that_name_none_or_two_or_more_than_a_licence_stay_unknown(words):
    assert known_spdx(words) is None
    assert spdx_of(words).startswith("LicenseRef-")
    assert spdx_of(words) not in TABLE


def test_an_identifier_of_the_table_is_understood_as_itself():
    for spdx in (*TABLE, *NAMES):
        assert spdx_of(spdx) == spdx


def test_an_address_is_found_in_a_page_of_text():
    page = (
        f"Our scans\n\nUse them under [this](https://{CC}/licenses/by-sa/4.0/deed.en). Thank you."
    )
    assert addressed_spdx(page) == "CC-BY-SA-4.0"
    assert addressed_spdx(page + f" Texts: https://{CC}/publicdomain/zero/1.0/") is None
    assert addressed_spdx("no address") is None


def test_a_port_or_an_old_version_is_as_strict_as_its_family():
    for one, other in (
        ("CC-BY-3.0-DE", "CC-BY-4.0"),
        ("CC-BY-NC-SA-2.0-FR", "CC-BY-NC-SA-4.0"),
        ("LicenseRef-CC-BY-3.0-FR", "CC-BY-4.0"),
        ("MIT", "CC-BY-4.0"),
        ("ODbL-1.0", "CC-BY-SA-4.0"),
    ):
        assert strictness(one) == strictness(other)
    assert strictness("LicenseRef-all-rights-reserved") > strictness("CC-BY-NC-ND-4.0")


def test_deeds_have_their_address():
    assert deed_url("CC-BY-3.0-IGO") == f"https://{CC}/licenses/by/3.0/igo/"
    assert deed_url("CC-BY-NC-2.5") == f"https://{CC}/licenses/by-nc/2.5/"
    assert deed_url("CC-PDM-1.0") == f"https://{CC}/publicdomain/mark/1.0/"
    assert deed_url("LicenseRef-ask-us") == ""

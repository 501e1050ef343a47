"""What the code cites can be looked up, and links of the documentation lead somewhere.

A citation is `specification msrn B.3` (a file of docs/specification and one of its items), `M-SRN
eq. 38` (an equation of the paper, in msrn.md) or the path of a page, `docs/style.md`. Lists and
ranges work: "msrn B.1-B.3", "one2345 C.5, C.6", "M-SRN eq. 37-38".
"""

import pathlib
import re

import pytest
from places import ROOT

DOCS = ROOT / "docs"
SPECIFICATION = DOCS / "specification"
CODE = ("jaxrelic", "data_engine", "tests", "benchmarks", "configs")
SUFFIXES = (".py", ".h", ".cc")

ITEM = r"H-[A-H]\d?|[A-H]\.\d+|[A-H](?![\w.-])|O\d+|\d+"
CITATION = re.compile(
    rf"[Ss]pecification (msrn|one2345|data_engine) ((?:{ITEM})(?:(?:, | and | to |-)(?:{ITEM}))*)"
)
EQUATION = re.compile(r"M-SRN eq\. (\d+)(?:-(\d+))?")
PAGE = re.compile(r"\bdocs/[\w/]+\.md\b")
VAGUE = [
    re.compile(r"[Ss]pecification,? (?:H: |H-|section )?[A-H][.\d]"),
    re.compile(r"\(C\.\d+"),
    re.compile(r"\b(?:STYLE|DESIGN|HOUSE) \d"),
    re.compile(r"(?<![\w.] )\([Ee]qs?\.? \d"),
]
"""Citations that do not say of what."""

ANCHOR = re.compile(r'<a id="([^"]+)">')
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)|!\[[^\]]*\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def flowing(text: str) -> str:
    """Text whose lines are joined, with the signs of comments left out."""
    return re.sub(r"\s*\n\s*(?://|#)?\s*", " ", text)


def anchors(page: str) -> set[str]:
    """Places of a page that a link may name: explicit ones and headings as Git forges name them."""
    headings = (re.sub(r"[^\w\- ]", "", title.lower()) for title in HEADING.findall(page))
    return set(ANCHOR.findall(page)) | {title.strip().replace(" ", "-") for title in headings}


def items(cited: str) -> set[str]:
    """Items of a list such as "B.1-B.3", "H-E1 to H-E4" or "B.2 and B.3"."""
    found = set(re.findall(ITEM, cited))
    for first, last in re.findall(rf"({ITEM})(?: to |-)({ITEM})", cited):
        stem, number = re.fullmatch(r"(.*?)(\d+)", first).groups()
        end = int(re.search(r"\d+$", last)[0])
        found |= {f"{stem}{n}" for n in range(int(number), end + 1)}
    return found


def citations(text: str) -> set[tuple[str, str]]:
    """Pairs of a specification and an item that some code cites."""
    text = flowing(text)
    found = {(name, item) for name, cited in CITATION.findall(text) for item in items(cited)}
    for first, last in EQUATION.findall(text):
        found |= {("msrn", f"eq-{n}") for n in range(int(first), int(last or first) + 1)}
    return found


def dangling(text: str, known: dict[str, set[str]]) -> list[str]:
    """What a text cites in vain."""
    lost = [f"{name} {item}" for name, item in citations(text) if item not in known.get(name, ())]
    lost += [page for page in PAGE.findall(text) if not (ROOT / page).is_file()]
    lost += [found[0] for vague in VAGUE for found in vague.finditer(flowing(text))]
    return sorted(lost)


def broken_links(page: pathlib.Path) -> list[str]:
    """Relative links of a page without a file, an anchor, or the function they name."""
    text = page.read_text("utf-8")
    broken = []
    for words, link, picture in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        target = link or picture
        if re.match(r"[a-z]+:", target):
            continue
        path, _, place = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (place and place not in anchors(file.read_text("utf-8"))):
            broken.append(target)
        elif file.suffix == ".py":
            source = file.read_text("utf-8")
            names = re.findall(r"`(\w+)`", words)
            broken += [f"{name} of {target}" for name in names if not defines(source, name)]
    return broken


def defines(source: str, name: str) -> bool:
    return bool(re.search(rf"^\s*(?:(?:def|class) {name}\b|{name}(?::|\s=))", source, re.MULTILINE))


@pytest.fixture(scope="module")
def known():
    pages = SPECIFICATION.glob("*.md")
    return {page.stem: set(ANCHOR.findall(page.read_text("utf-8"))) for page in pages}


@pytest.mark.parametrize("package", CODE)
def test_what_the_code_cites_stands_in_the_documentation(package, known):
    here = pathlib.Path(__file__)
    lost = {
        str(path.relative_to(ROOT)): found
        for path in sorted((ROOT / package).rglob("*"))
        if path.suffix in SUFFIXES and path != here
        if (found := dangling(path.read_text("utf-8"), known))
    }
    assert not lost


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_links_of_a_page_lead_somewhere(page):
    if "_build" in page.parts:
        pytest.skip("built")
    assert broken_links(page) == []


def test_no_specification_names_an_item_twice():
    for page in SPECIFICATION.glob("*.md"):
        found = ANCHOR.findall(page.read_text("utf-8"))
        assert len(found) == len(set(found)), page


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("(specification msrn B.1-B.3)", ["msrn B.2"]),
        ("(specification msrn\n    # B.1 and B.2)", ["msrn B.2"]),
        ("Specification msrn H-E1 to H-E3.", ["msrn H-E2"]),
        ("M-SRN eq. 37-38", ["msrn eq-38"]),
        ("(specification one2345 C.2)", ["one2345 C.2"]),
        ("(specification B.3)", ["specification B."]),
        ("Specification H: C6.", ["Specification H: C6"]),
        ("softmax (eq. 24)", []),
        ("by depth\n(C.7)", ["(C.7"]),
        ("see STYLE 5", ["STYLE 5"]),
        ("see docs/nothing_like_it.md", ["docs/nothing_like_it.md"]),
        ("(specification msrn H-E1, H-E3) and M-SRN eq. 37", []),
    ],
)
def test_a_citation_that_leads_nowhere_is_found(text, lost):
    known = {"msrn": {"B.1", "B.3", "H-E1", "H-E3", "eq-37"}}
    assert dangling(text, known) == lost


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    (tmp_path / "code.py").write_text("def kept():\n    pass\n")
    (tmp_path / "other.md").write_text('# A heading, of two\n<a id="x.1"></a>\n')
    page = tmp_path / "page.md"
    page.write_text(
        "[fine](other.md) [fine](other.md#x.1) [fine](other.md#a-heading-of-two) [`kept`](code.py)"
        " [far](https://example.org/nothing) [lost](missing.md) [lost](other.md#x.2)"
        " [`kept`, `gone`](code.py) ![lost](missing.png)"
    )
    wanted = ["missing.md", "other.md#x.2", "gone of code.py", "missing.png"]
    assert broken_links(page) == wanted

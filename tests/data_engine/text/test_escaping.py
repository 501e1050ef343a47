"""Words of strangers stay words: in Markdown, in a spreadsheet and on a page."""

import csv
import html
import io
import json
import re

import pytest
from places import SHARED_DATA

from data_engine.text import escaping

HOSTILE = [
    "<script>alert(1)</script>",
    "a | b | c",
    "two\nlines\r\nthree\u2028four\u0085five",
    "[click](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "`code` **bold** __u__ ~~s~~ $m$",
    "\u202egnp.evil\u2066 \u200f\ufeff",
    "&lt;b&gt; &amp;",
    "\\| \\",
    "</td><td>",
    "nul\0 \x1b[31mred",
    "\U000e0041tag",
    "emoji \U0001f3fa and 青花瓷 and हिन्दी",
    "".join(map(chr, range(32, 127))),
]
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    " =1",
    "\u200b=1",
    "\ufeff@x",
    "\uff1d1",
    "\n=1",
]


def shared_strings():
    path = SHARED_DATA / "hostile/metadata-strings.json"
    if not path.is_file():
        return [pytest.param("", marks=pytest.mark.skip(reason="no shared/data/hostile here"))]
    entries = enumerate(json.loads(path.read_text()))
    return [pytest.param(entry["value"], id=f"shared-{number}") for number, entry in entries]


EVERY = [*HOSTILE, *FORMULAS, *shared_strings()]


@pytest.mark.parametrize("words", EVERY)
def test_markdown_has_no_markup_left(words):
    shown = escaping.in_markdown(words)
    bare = re.sub(r"\\[\\`*_{}\[\]|~$]", "", shown)  # Without what is escaped
    assert not set(bare) & set("`*_{}[]|~$<>\\\n\r")
    assert html.unescape(re.sub(r"\\([\\`*_{}\[\]|~$])", r"\1", shown)) == escaping.one_line(words)


@pytest.mark.parametrize("words", EVERY)
def test_a_cell_is_one_line_that_starts_no_formula(words):
    file = io.StringIO()
    csv.writer(file).writerow([escaping.in_csv(words)])
    ((cell,),) = csv.reader(io.StringIO(file.getvalue()))
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))
    assert cell in (escaping.one_line(words), f"'{escaping.one_line(words)}")
    assert "\n" not in cell


@pytest.mark.parametrize("words", EVERY)
def test_html_has_no_tag_and_no_attribute_left(words):
    shown = escaping.in_html(words)
    assert not set(shown) & set("<>\"'\n")
    assert html.unescape(shown) == escaping.one_line(words)


@pytest.mark.parametrize("words", EVERY)
def test_no_line_holds_a_character_that_hides_or_turns(words):
    line = escaping.one_line(words)
    assert not re.search(
        "[\0-\x1f\x7f\u0085\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]", line
    )
    assert line == line.strip()


def test_scripts_that_need_joiners_keep_them():
    assert escaping.one_line("می\u200cخواهم") == "می\u200cخواهم"


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "data:text/html,x", "//evil", "file:///etc/passwd", "https://a b",
     "https://a/>x", "https://a/)x", "https://a/|x", "http://", "", "https://a/\u202ex"],
)  # fmt: skip
def test_only_web_pages_become_links(address):
    assert escaping.web_address(address) == ""
    assert escaping.web_address("https://example.org/a?b=c&d=é#e") != ""

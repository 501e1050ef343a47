"""Words of strangers in documents of ours: text stays text in Markdown, CSV and HTML."""

import html
import re
import unicodedata

_INVISIBLE = frozenset(
    [0x061C, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)
"""Marks that turn the reading direction or hide; joiners, which some scripts need, are kept."""
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for a formula, also in full width."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]|~$])")
_ADDRESS = re.compile(r"https?://[^\s<>\"'\\`|(){}\[\]^]+")


def one_line(words: str) -> str:
    """Text without control characters, line ends, direction marks and repeated spaces."""
    letters = (
        " " if unicodedata.category(letter) in ("Cc", "Zl", "Zp", "Cs") else letter
        for letter in words
        if not (ord(letter) in _INVISIBLE or 0xE0000 <= ord(letter) <= 0xE007F)
    )
    return " ".join("".join(letters).split())


def in_markdown(words: str) -> str:
    """A line of text that Markdown shows as it is, in a table too."""
    return html.escape(_MARKDOWN.sub(r"\\\1", one_line(words)), quote=False)


def in_csv(words: str) -> str:
    """A cell that no spreadsheet runs; quoting of commas and quotes is left to `csv`."""
    line = one_line(words)
    return f"'{line}" if line.startswith(_FORMULA) else line


def in_html(words: object) -> str:
    """Text for an element or an attribute."""
    return html.escape(one_line(str(words)), quote=True)


def web_address(words: str) -> str:
    """The address if it is a plain http(s) one, else nothing: never a script, never a file."""
    return words if _ADDRESS.fullmatch(words) and words.isprintable() else ""

"""Text of a mesh file as lines and numbers, without a Python object per line.

A million lines are one array of bytes; what a line is for is told from its first letters, and all
numbers of one kind are read at once.
"""

import re
import warnings

import numpy as np

from data_engine.errors import Refusal

_INDENTED = re.compile(rb"(?m)^[ \t\v\f]+")
_COMMENT = re.compile(rb"#[^\n]*")
_MSVC = re.compile(rb"[-+]?(?:1\.#(?:QNAN|SNAN|IND|INF)\w*|nan\([^)\s]*\))", re.IGNORECASE)
"""Numbers that are none, as the C library of Windows prints them."""
_NEWLINE, _SPACE = 10, 32
"""Whatever is not above a space in ASCII divides words."""
_DEEP = 64
"""Indents up to this many bytes are stepped over; deeper ones are removed."""


def plain_text(data: bytes, *, continued: bool = True) -> bytes:
    r"""Text in UTF-8 or an older code, lines ended by \n, without a mark or continuations.

    Args:
        data: The file.
        continued: Whether a backslash at the end of a line continues it, as in OBJ and MTL.

    Raises:
        Refusal: It begins like UTF-16 and is none.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            data = data.decode("utf-16").encode()
        except UnicodeError as error:
            raise Refusal("bad_mesh", f"it begins like UTF-16 and is none: {error}") from error
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if continued and b"\\\n" in data:
        data = _joined(data)
    return data if data.endswith(b"\n") else data + b"\n"


def _joined(text: bytes) -> bytes:
    """Continued lines as one; a comment is not continued, though it may end in a backslash."""
    pieces, begin, at = [], 0, -1
    while (at := text.find(b"\\\n", at + 1)) >= 0:
        if text.find(b"#", text.rfind(b"\n", 0, at) + 1, at) < 0:
            pieces.append(text[begin:at])
            begin = at + 2
    return b" ".join([*pieces, text[begin:]])


class Lines:
    """The lines of a text that `plain_text` made."""

    def __init__(self, text: bytes):
        """Finds where they begin, where their first word begins, and where they end."""
        self._text, self._buffer = text, np.frombuffer(text, np.uint8)
        self._find()
        for _ in range(_DEEP):
            indented = self._buffer[self._words] <= _SPACE
            indented &= self._buffer[self._words] != _NEWLINE
            if not indented.any():
                return
            self._words += indented
        self._text = _INDENTED.sub(b"", text)
        self._buffer = np.frombuffer(self._text, np.uint8)
        self._find()

    def _find(self) -> None:
        ends = np.flatnonzero(self._buffer == _NEWLINE) + 1
        self._starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
        self._lengths = ends - self._starts
        self._words = self._starts.copy()

    def starting_with(self, word: bytes) -> np.ndarray:
        """Whether each line [n] begins with a word and a space, in either case of letters."""
        lines = np.flatnonzero(self._buffer[self._words] | 0x20 == word.lower()[0])
        room = self._starts[lines] + self._lengths[lines] - self._words[lines]
        lines = lines[room > len(word)]
        for offset, letter in enumerate(word.lower()):
            lines = lines[self._buffer[self._words[lines] + offset] | 0x20 == letter]
        lines = lines[self._buffer[self._words[lines] + len(word)] <= _SPACE]
        found = np.zeros(len(self._starts), bool)
        found[lines] = True
        return found

    def block(self, wanted: np.ndarray, width: int) -> bytes:
        """The wanted lines one after the other, without their first `width` letters and comments.

        What is left are numbers.
        """
        block = self._buffer[np.repeat(wanted, self._lengths)]
        lengths = self._lengths[wanted]
        words = np.cumsum(lengths) - lengths + (self._words - self._starts)[wanted]
        for offset in range(width):
            block[words + offset] = _SPACE
        text = without_msvc(block.tobytes())
        return _COMMENT.sub(b"", text) if b"#" in text else text

    def texts(self, wanted: np.ndarray) -> list[bytes]:
        """The wanted lines without their ends, as objects: for the few that are words."""
        numbers = np.flatnonzero(wanted)
        places = zip(self._starts[numbers], self._lengths[numbers], strict=True)
        return [self._text[start : start + length].strip() for start, length in places]


def without_msvc(text: bytes) -> bytes:
    """Text in which what is no number is `nan`, also where the C library of Windows wrote it."""
    return _MSVC.sub(b"nan", text) if b"#" in text or b"(" in text else text


def tokens_per_line(block: bytes) -> np.ndarray:
    r"""How many words each line [n] of a block has that ends in \n."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == _NEWLINE)
    return np.diff(np.searchsorted(word_places(block), ends), prepend=0)


def word_places(block: bytes) -> np.ndarray:
    """Where the words of a block begin, [n]."""
    letter = np.frombuffer(block, np.uint8) > _SPACE
    begins = letter.copy()
    begins[1:] &= ~letter[:-1]
    return np.flatnonzero(begins)


def numbers(block: bytes, what: str, kind: type = np.float64) -> np.ndarray:
    """All numbers [n] of a block.

    Args:
        block: Numbers with white space between them.
        what: What they are, for the sentence of the refusal.
        kind: NumPy type.
    """
    if not block.strip():
        return np.zeros(0, kind)  # NumPy would read -1.
    with warnings.catch_warnings():
        # NumPy stops at the first word that is no number, with a warning that is no category.
        warnings.simplefilter("error")
        try:
            return np.fromstring(block, dtype=kind, sep=" ")
        except (ValueError, DeprecationWarning) as error:
            word = _first_wrong(block, kind)
            raise Refusal("bad_mesh", f"{word!r} among {what} is no number") from error


def _first_wrong(block: bytes, kind: type) -> str:
    reads = int if kind is np.int64 else float
    for match in re.finditer(rb"\S+", block):
        try:
            if abs(reads(match[0])) < 1 << 62 or reads is float:
                continue
        except ValueError:
            pass
        return match[0][:40].decode("utf-8", "replace")
    return "a word"

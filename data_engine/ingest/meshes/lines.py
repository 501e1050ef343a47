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
_SPACE = np.zeros(256, bool)
_SPACE[list(b" \t\v\f\r\n")] = True
_NEWLINE = 10


def plain_text(data: bytes) -> bytes:
    r"""Text in UTF-8 or an older code, lines ended by \n, without a mark, indents or continuations.

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
    if b"\\\n" in data:
        data = data.replace(b"\\\n", b" ")
    if b"\n " in data or b"\n\t" in data or data[:1] in (b" ", b"\t"):
        data = _INDENTED.sub(b"", data)
    return data if data.endswith(b"\n") else data + b"\n"


class Lines:
    """The lines of a text that `plain_text` made."""

    def __init__(self, text: bytes):
        """Finds where they begin and end."""
        self._buffer = np.frombuffer(text, np.uint8)
        self._text = text
        ends = np.flatnonzero(self._buffer == _NEWLINE) + 1
        self._starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
        self._lengths = ends - self._starts

    def __len__(self) -> int:
        return len(self._starts)

    def starting_with(self, word: bytes) -> np.ndarray:
        """Whether each line [n] begins with a word and a space, in either case of letters."""
        found = self._lengths > len(word)
        for offset, letter in enumerate(word.lower()):
            here = self._buffer[np.where(found, self._starts + offset, 0)]
            found &= (here | 0x20) == letter
        after = self._buffer[np.where(found, self._starts + len(word), 0)]
        return found & _SPACE[after]

    def take(self, wanted: np.ndarray) -> bytes:
        """The wanted lines, one after the other."""
        return self._buffer[np.repeat(wanted, self._lengths)].tobytes()

    def texts(self, wanted: np.ndarray) -> list[bytes]:
        """The wanted lines without their ends, as objects: for the few that are words."""
        numbers = np.flatnonzero(wanted)
        places = zip(self._starts[numbers], self._lengths[numbers], strict=True)
        return [self._text[start : start + length].strip() for start, length in places]


def without_words(block: bytes, width: int) -> bytes:
    """Lines of numbers without their first word of `width` letters, and without comments."""
    block = (b"\n" + block).replace(b"\r", b"\n")
    buffer = np.frombuffer(block, np.uint8).copy()
    starts = np.flatnonzero(buffer == _NEWLINE)[:-1] + 1
    for offset in range(width):
        buffer[starts + offset] = ord(" ")
    block = buffer[1:].tobytes()
    if b"#" in block or b"(" in block:
        block = _COMMENT.sub(b"", _MSVC.sub(b"nan", block))
    return block


def tokens_per_line(block: bytes) -> np.ndarray:
    r"""How many words each line [n] of a block has that ends in \n."""
    buffer = np.frombuffer(block, np.uint8)
    space = _SPACE[buffer]
    begins = ~space
    begins[1:] &= space[:-1]
    ends = np.flatnonzero(buffer == _NEWLINE)
    total = np.cumsum(begins, dtype=np.int64)[ends]
    return np.diff(total, prepend=0)


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

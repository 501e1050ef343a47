"""The few pieces of HTML that reports are made of; all text is escaped here."""

import base64
import html
import json
import mimetypes
import pathlib
from collections.abc import Sequence
from typing import Any


def text(value: object) -> str:
    """Any value as text that no browser takes for markup."""
    return html.escape(str(value), quote=True)


def data_uri(data: bytes, name: str) -> str:
    """Bytes as an address that needs no file beside the page."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def image(data: bytes, name: str, description: str) -> str:
    """An embedded picture; `name` gives its type."""
    source = data_uri(data, name)
    return f'<img src="{source}" alt="{text(description)}">'


def figure(picture: str, caption: str) -> str:
    """A picture with a caption; both are HTML already."""
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def link(address: str, label: str) -> str:
    """A link where the address is a web page, else plain text: never a script."""
    if not address.startswith(("https://", "http://")):
        return text(label)
    return f'<a href="{text(address)}" rel="noopener noreferrer">{text(label)}</a>'


def table(header: Sequence[str], rows: Sequence[Sequence[object]], *, numbers_from: int = 1) -> str:
    """A table; columns from `numbers_from` on are aligned as numbers."""

    def cells(values: Sequence[object], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=n' if column >= numbers_from else ''}>{text(value)}</{tag}>"
            for column, value in enumerate(values)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{cells(header, "th")}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def note(message: str) -> str:
    """A sentence about something that is not there."""
    return f'<p class="missing">{text(message)}</p>'


def read_or_none(path: pathlib.Path) -> bytes | None:
    """A file's bytes, None when there is no such file."""
    return path.read_bytes() if path.is_file() else None


def number(value: Any, style: str, factor: float = 1.0) -> str:
    """A number times a factor in a format, or `unknown`."""
    return format(value * factor, style) if isinstance(value, int | float) else "unknown"


def read_json(path: pathlib.Path) -> Any:
    """A JSON file, None when it is missing or broken: the page then says so."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None

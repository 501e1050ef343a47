"""Typed access to a glTF document that nobody vouches for."""

import base64
import binascii
import re
from collections.abc import Container
from typing import Any

from data_engine.errors import Refusal

_DATA_URI = re.compile(r"data:[\w.+/-]*(;[\w=.+-]+)*,")

Document = dict[str, Any]


def bad(sentence: str) -> Refusal:
    """The refusal of a document that breaks a rule of glTF."""
    return Refusal("bad_glb", sentence)


def table(document: Document, name: str) -> list[dict[str, Any]]:
    """A top-level array of objects such as `nodes`; empty when absent."""
    return objects(document, name, "the document")


def objects(parent: dict[str, Any], name: str, where: str) -> list[dict[str, Any]]:
    """An array of objects; empty when absent."""
    entries = parent.get(name, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise bad(f"{name} of {where} is not an array of objects")
    return entries


def mapping(parent: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    """An object; empty when absent."""
    value = parent.get(name, {})
    if not isinstance(value, dict):
        raise bad(f"{name} of {where} is not an object")
    return value


def scene_nodes(document: Document) -> list[dict[str, Any]]:
    """Nodes of the default scene, roots and what hangs below them; the graph must be a forest.

    Without a scene all nodes count.
    """
    nodes, level, found = table(document, "nodes"), scene_roots(document), []
    while level:
        found += [nodes[number] for number in level]
        level = [
            child
            for number in level
            for child in indices(nodes[number], "children", "a node", len(nodes))
        ]
    return found


def scene_roots(document: Document) -> list[int]:
    """Roots of the default scene: scene 0 where none is named; every root where there is none."""
    nodes, scenes = table(document, "nodes"), table(document, "scenes")
    if scenes:
        scene = scenes[index(document, "scene", "the document", len(scenes)) or 0]
        return indices(scene, "nodes", "a scene", len(nodes))
    children = {
        child for node in nodes for child in indices(node, "children", "a node", len(nodes))
    }
    return [number for number in range(len(nodes)) if number not in children]


def choice(parent: dict[str, Any], name: str, where: str, allowed: Container) -> Any:
    """A required value, out of those that are allowed."""
    value = parent.get(name)
    if not isinstance(value, (int, str)) or isinstance(value, bool) or value not in allowed:
        raise bad(f"{name} of {where} is {_brief(value)}")
    return value


def names(document: Document, name: str) -> list[str]:
    """A top-level array of strings; empty when absent."""
    entries = document.get(name, [])
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise bad(f"{name} is not an array of strings")
    return entries


def integer(
    parent: dict[str, Any],
    name: str,
    where: str,
    *,
    default: int | None = None,
    low: int = 0,
    high: int = 1 << 53,
) -> int:
    """An integer in [low, high]; required unless there is a default."""
    value = parent.get(name, default)
    if type(value) is not int or not low <= value <= high:  # bool is an int; refuse it.
        raise bad(f"{name} of {where} is {_brief(value)}, not an integer in [{low}, {high}]")
    return value


def index(parent: dict[str, Any], name: str, where: str, length: int) -> int | None:
    """An optional index into a table of `length` entries."""
    return None if name not in parent else integer(parent, name, where, high=length - 1)


def indices(parent: dict[str, Any], name: str, where: str, length: int) -> list[int]:
    """An array of indices into a table of `length` entries; empty when absent."""
    entries = parent.get(name, [])
    if not isinstance(entries, list):
        raise bad(f"{name} of {where} is not an array")
    return [integer({name: entry}, name, where, high=length - 1) for entry in entries]


def numbers(parent: dict[str, Any], name: str, where: str, default: list[float]) -> list[float]:
    """A list of as many numbers as the default has."""
    entries = parent.get(name, default)
    right = isinstance(entries, list) and len(entries) == len(default)
    if not right or not all(type(entry) in (int, float) for entry in entries):
        raise bad(f"{name} of {where} is {_brief(entries)}, not {len(default)} numbers")
    return [float(entry) for entry in entries]


def embedded_bytes(entry: dict[str, Any], where: str) -> bytes | None:
    """What the `data:` URI of a buffer or image holds; None without a URI.

    Any other URI is refused: a file that points elsewhere must not make us read elsewhere. The
    media type is not looked at, which many exporters leave out: content decides.
    """
    if "uri" not in entry:
        return None
    uri = entry["uri"]
    if not isinstance(uri, str) or not uri[:5].lower() == "data:":
        raise Refusal("external_uri", f"{where} refers to {_brief(uri)}; only data: URIs are read")
    header = _DATA_URI.match(uri)
    if header is None or not header[0].lower().endswith(";base64,"):
        raise bad(f"{where} has the data URI {_brief(uri)}, which is not base64")
    try:
        return base64.b64decode(uri[header.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad(f"the data URI of {where} is not base64") from error


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."

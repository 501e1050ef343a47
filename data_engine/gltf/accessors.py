"""Accessors: the windows of a glTF through which numbers are read (glTF 2.0, section 3.6.2)."""

from typing import Any

from data_engine.errors import Refusal
from data_engine.gltf.document import Document, bad, choice, index, integer, mapping, table

MAX_DECODED_BYTES = 2 << 30
"""Limit for all accessors of a file together, once their numbers are laid out."""

COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
"""NumPy type of each component type."""
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
"""Numbers per element."""
_COLUMNS = {"MAT2": 2, "MAT3": 3, "MAT4": 4}
_SPARSE_INDICES = (5121, 5123, 5125)


def component_bytes(accessor: dict[str, Any]) -> int:
    """Bytes of one number."""
    return int(COMPONENTS[accessor["componentType"]][-1])


def element_bytes(accessor: dict[str, Any]) -> int:
    """Bytes of one element; columns of small matrices are padded to four bytes."""
    size, kind = component_bytes(accessor), accessor["type"]
    columns = _COLUMNS.get(kind, 0)
    if not columns:
        return size * WIDTHS[kind]
    return columns * (-(-size * columns // 4) * 4)


def check_accessors(document: Document) -> None:
    """Refuses accessors that leave their view, or that together decode to too much.

    One without a view means zeros, which costs a file nothing and its reader everything: it counts
    against the same budget.
    """
    views = table(document, "bufferViews")
    total = 0
    for number, accessor in enumerate(table(document, "accessors")):
        where = f"accessor {number}"
        choice(accessor, "componentType", where, COMPONENTS)
        choice(accessor, "type", where, WIDTHS)
        count = integer(accessor, "count", where, low=1)
        total += count * element_bytes(accessor)
        if total > MAX_DECODED_BYTES:
            raise Refusal("bomb", f"with {where} of {count} elements its data exceed 2 GiB")
        view = index(accessor, "bufferView", where, len(views))
        if view is not None:
            _check_window(accessor, views[view], where)
        if "sparse" in accessor:
            _check_sparse(accessor, views, where)


def _check_window(accessor: dict[str, Any], view: dict[str, Any], where: str) -> None:
    offset = integer(accessor, "byteOffset", where, default=0)
    size = element_bytes(accessor)
    stride = view.get("byteStride", size)
    if stride < size:
        raise bad(f"{where} reads {size} bytes every {stride}")
    component = component_bytes(accessor)
    if (view.get("byteOffset", 0) + offset) % component or stride % component:
        raise bad(f"{where} is not aligned to its {component} byte components")
    end = offset + stride * (accessor["count"] - 1) + size
    if end > view["byteLength"]:
        raise bad(f"{where} ends at byte {end} of a view of {view['byteLength']}")


def _check_sparse(accessor: dict[str, Any], views: list[dict[str, Any]], where: str) -> None:
    sparse = mapping(accessor, "sparse", where)
    count = integer(sparse, "count", f"sparse {where}", low=1, high=accessor["count"])
    parts = {name: mapping(sparse, name, f"sparse {where}") for name in ("indices", "values")}
    choice(parts["indices"], "componentType", f"the sparse indices of {where}", _SPARSE_INDICES)
    shapes = {
        "indices": {"componentType": parts["indices"]["componentType"], "type": "SCALAR"},
        "values": {"componentType": accessor["componentType"], "type": accessor["type"]},
    }
    for name, part in parts.items():
        view = views[integer(part, "bufferView", f"sparse {where}", high=len(views) - 1)]
        _check_window({**shapes[name], **part, "count": count}, view, f"sparse {where}")

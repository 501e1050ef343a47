"""A soup of triangles becomes parts: one per material and per kind of corner."""

import numpy as np

from data_engine.errors import Refusal
from data_engine.ingest.meshes.model import Part, Soup

MAX_PARTS = 4096


def split(soup: Soup) -> list[Part]:
    """Parts of one material each; faces without texture coordinates keep to themselves.

    Raises:
        Refusal: It has no face, a face names what is not there, or a used vertex is not finite.
    """
    if len(soup.faces) == 0:
        raise Refusal("no_mesh", "it holds no triangle")
    _check(soup)
    count = len(soup.faces)
    materials = soup.face_materials if soup.face_materials is not None else np.full(count, -1)
    kind = 4 * (materials + 1) + 2 * _complete(soup.uv_faces, count)
    kind += _complete(soup.normal_faces, count)
    order = np.argsort(kind, kind="stable")
    ends = np.flatnonzero(np.diff(kind[order], append=-1)) + 1
    if len(ends) > MAX_PARTS:
        raise Refusal(
            "too_large", f"it has {len(ends)} materials in use; at most {MAX_PARTS} are read"
        )
    starts = [0, *ends[:-1]]
    return [_part(soup, order[a:b], kind[order[a]]) for a, b in zip(starts, ends, strict=True)]


def _complete(faces: np.ndarray | None, count: int) -> np.ndarray:
    """1 for each face [f] all of whose corners have something, else 0."""
    return np.zeros(count, np.int64) if faces is None else (faces >= 0).all(axis=-1).astype(int)


def _check(soup: Soup) -> None:
    tables = (
        ("vertex", soup.faces, soup.positions, 0),
        ("texture coordinate", soup.uv_faces, soup.uvs, -1),
        ("normal", soup.normal_faces, soup.normals, -1),
    )
    for what, faces, table, low in tables:
        if faces is None:
            continue
        size = 0 if table is None else len(table)
        if faces.min() < low or faces.max() >= size:
            raise Refusal("bad_mesh", f"a face names a {what} beyond its {size}")
    used = np.zeros(len(soup.positions), bool)
    used[soup.faces.ravel()] = True
    broken = int((~np.isfinite(soup.positions[used]).all(axis=-1)).sum())
    if broken:
        raise Refusal("degenerate", f"{broken} of {int(used.sum())} vertices are not finite")


def _part(soup: Soup, rows: np.ndarray, kind: int) -> Part:
    """The faces `rows` of one kind, with a vertex for each different corner."""
    has_uvs, has_normals = bool(kind & 2), bool(kind & 1)
    by_face = soup.vertex_colours is None and soup.face_colours is not None
    corners = [soup.faces[rows].ravel()]
    sizes = [len(soup.positions)]
    for has, faces, table in (
        (has_uvs, soup.uv_faces, soup.uvs),
        (has_normals, soup.normal_faces, soup.normals),
    ):
        if has:
            corners.append(faces[rows].ravel())
            sizes.append(len(table))
    if by_face:
        # Faces of one colour share their vertices, so that the surface stays in one piece.
        codes = np.rint(soup.face_colours[rows] * 65535).astype(np.int64) @ [1 << 32, 1 << 16, 1]
        corners.append(np.repeat(np.unique(codes, return_inverse=True)[1], 3))
        sizes.append(len(rows))
    chosen, faces = _distinct(corners, sizes)
    vertices = corners[0][chosen]
    part = Part(
        positions=soup.positions[vertices], faces=faces.reshape(-1, 3), material=int(kind // 4 - 1)
    )
    if has_uvs:
        part.uvs = soup.uvs[corners[1][chosen]]
    if has_normals:
        part.normals = _unit(soup.normals[corners[1 + has_uvs][chosen]])
    if by_face:
        part.colours = soup.face_colours[rows[chosen // 3]]
    elif soup.vertex_colours is not None:
        part.colours = soup.vertex_colours[vertices]
    return part


def _distinct(corners: list[np.ndarray], sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """A corner [n] for each different tuple of numbers, and the tuple [c] that each corner is.

    Tuples are in the order of their first number.
    """
    labels = corners[0]
    for column, size in zip(corners[1:], sizes[1:], strict=True):
        if np.array_equal(column, corners[0]):
            continue  # The usual case of one table: a vertex has one of everything.
        labels = _unique(labels)[2] * size + column
    _, chosen, faces = _unique(labels)
    return chosen, faces


def _unique(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `np.unique`, without sorting where the labels are few enough to count."""
    top = int(labels.max()) + 1
    if top > 4 * len(labels) + 1024:
        return np.unique(labels, return_index=True, return_inverse=True)
    first = np.full(top, -1)
    first[labels[::-1]] = np.arange(len(labels))[::-1]
    values = np.flatnonzero(first >= 0)
    place = np.zeros(top, np.int64)
    place[values] = np.arange(len(values))
    return values, first[values], place[labels]


def _unit(normals: np.ndarray) -> np.ndarray:
    """Normals of length one; where there is none, along z."""
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.linalg.norm(normals, axis=-1, keepdims=True)
        return np.where(
            np.isfinite(length) & (length > 0), normals / length, np.array([0.0, 0.0, 1.0])
        )

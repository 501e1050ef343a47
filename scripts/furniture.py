#!/usr/bin/env python
"""The furniture of Debian's package sweethome3d-furniture, as a folder that `ingest` takes.

    apt-get download sweethome3d-furniture && dpkg-deb -x sweethome3d-furniture_*.deb extracted
    python scripts/furniture.py extracted -o models --category Kitchen --limit 20
    data-engine ingest models --workspace workspace

A catalogue of Sweet Home 3D (`.sh3f`) is a ZIP archive of models with one file of properties, in
which the pieces are numbered: `name#7`, `model#7`, `width#7`. What it says of a piece becomes an
entry of our `manifest.json`; files of a model are written as they are. Of the licences that a
piece's own notice, the catalogue's LICENSE.TXT and its properties state, the strictest holds.
"""

import argparse
import collections
import dataclasses
import functools
import html
import io
import itertools
import json
import pathlib
import re
import sys
import urllib.parse
import zipfile
from collections.abc import Iterable
from typing import Any

from data_engine.errors import Refusal
from data_engine.ingest.archives import checked_members
from data_engine.ingest.suffixes import COMPANIONS, MANIFEST, SUFFIXES, ZIP
from data_engine.rights.license_words import addressed_spdx, known_spdx
from data_engine.rights.licenses import strictness

SUFFIX = ".sh3f"
PROPERTIES = "PluginFurnitureCatalog.properties"
NOTICE = "LICENSE.TXT"
MAX_NOTICE_BYTES = 64 << 10

_LINE_END = re.compile(r"\r\n|\r|\n")
_PAIR = re.compile(r"((?:[^\\=: \t\f]|\\.)*)[ \t\f]*[=:]?[ \t\f]*(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)")
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_NUMBERED = re.compile(r"(\w+)#(\d+)")
_MARKUP = re.compile(r"(?is)<(style|script)\b.*?</\1>|<[^>]*>")
_CREATIVE_COMMONS = re.compile(
    r"Creative Commons (?:Zero|Attribution)"
    r"(?:[ -](?:Non-?Commercial|Share-?Alike|No-?Deriv(?:ative)?s?))*"
    r"(?: \d\.\d)?(?: (?:United States|Unported))?"
)
_HOLDER = re.compile(r"(?:Copyright\s*)?©\s*(?:[\d -]+ )?(?P<holder>\S.*)")
_PAGE = re.compile(r"https?://(?:www\.)?blendswap\.com/blends/view/\d+")


def parse_properties(data: bytes) -> dict[str, str]:
    """Pairs of a `.properties` file, by the rules of `java.util.Properties.load`."""
    pairs, logical = {}, ""
    for line in [*_LINE_END.split(data.decode("latin-1")), ""]:
        line = line.lstrip(" \t\f")
        if not logical and line.startswith(("#", "!")):
            continue
        backslashes = len(line) - len(line.rstrip("\\"))
        if backslashes % 2:
            logical += line[:-1]
            continue
        key, value = map(_unescaped, _PAIR.fullmatch(logical + line).groups())
        if key:
            pairs[key] = value
        logical = ""
    return pairs


def _unescaped(text: str) -> str:
    def meant(match: re.Match) -> str:
        word = match[1]
        return chr(int(word[1:], 16)) if len(word) > 1 else _ESCAPED.get(word, word)

    halves = _ESCAPE.sub(meant, text)
    return halves.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@dataclasses.dataclass(frozen=True)
class Claim:
    """A licence that is stated somewhere."""

    spdx: str
    place: str
    """Which text says so."""

    def rank(self) -> tuple[int, bool]:
        """How strict it is, and whether it says which version it means."""
        return strictness(self.spdx), bool(re.search(r"\d", self.spdx))


Piece = dict[str, str]
"""What the properties say of a piece, without its number."""


class Catalogue:
    """One open `.sh3f` file. Nothing is inflated before it is asked for."""

    def __init__(self, path: pathlib.Path):
        """Reads the names and the properties; `Refusal` if an entry is not plain."""
        self.name = path.name
        self.archive = zipfile.ZipFile(path)
        self._members = {member.filename: member for member in checked_members(self.archive)}
        if PROPERTIES not in self._members:
            raise Refusal("no_catalogue", f"{path.name} has no {PROPERTIES}")
        self.about = parse_properties(self.archive.read(PROPERTIES))
        self.missing: list[str] = []
        """Pieces whose model is not in the archive."""

    def models(self) -> dict[str, list[Piece]]:
        """Main files of models, and the pieces that show each, the first of which names it."""
        pieces: dict[int, Piece] = collections.defaultdict(dict)
        for key, value in self.about.items():
            if match := _NUMBERED.fullmatch(key):
                pieces[int(match[2])][match[1]] = value.strip()
        shown: dict[str, list[Piece]] = {}
        for number, piece in sorted(pieces.items()):
            if member := self._member(piece.get("model", "")):
                shown.setdefault(member, []).append(piece)
            else:
                self.missing.append(f"{piece.get('name')} ({number}): {piece.get('model')}")
        return shown

    def _member(self, address: str) -> str | None:
        names = (address.lstrip("/"), urllib.parse.unquote(address).lstrip("/"))
        return next((name for name in names if name in self._members), None)

    def files(self, model: str) -> list[str]:
        """What belongs to a model: itself, its materials and pictures in and below its folder."""
        inside = [name for name in self._members if name.startswith(_folder(model) or model)]
        beside = (name for name in inside if name.lower().endswith(COMPANIONS))
        return [model, *(name for name in beside if not _is_notice(name))]

    def notices(self, model: str) -> list[str]:
        """Texts about the licence that lie beside a model."""
        folder = _folder(model)
        return [name for name in self._members if _folder(name) == folder and _is_notice(name)]

    @functools.cached_property
    def claim(self) -> Claim:
        """What the catalogue as a whole says of its licence."""
        inside = self._claims(NOTICE) if NOTICE in self._members else []
        words = claims_of(self.about.get("license", ""), f"{PROPERTIES} of {self.name}")
        return strictest([*inside, *words])

    def license(self, model: str) -> tuple[str, str]:
        """SPDX identifier and where it was read; both empty if nothing is clearly stated."""
        own = [claim for name in self.notices(model) for claim in self._claims(name)]
        best = strictest([*own, self.claim])
        freer = [c for c in (self.claim, *own) if strictness(c.spdx) < strictness(best.spdx)]
        words = [f"{claim.place} ({claim.spdx})" for claim in freer if claim.place != best.place]
        return best.spdx, ", stricter than ".join([best.place, *words[:1]])

    def text(self, member: str) -> str:
        """The beginning of a text in the archive."""
        with self.archive.open(member) as file:
            return file.read(MAX_NOTICE_BYTES).decode("utf-8", "replace")

    def _claims(self, member: str) -> list[Claim]:
        return claims_of(self.text(member), f"{member} of {self.name}")


def _folder(member: str) -> str:
    return member[: member.rfind("/") + 1]


def _is_notice(member: str) -> bool:
    """A text about the licence: it is read here, and is no part of the model."""
    name = member.rpartition("/")[2].lower()
    return "license" in name and name.endswith((".txt", ".html"))


def claims_of(text: str, place: str) -> list[Claim]:
    """The licences that a text names, in words and by the address of a deed."""
    plain = " ".join(html.unescape(_MARKUP.sub(" ", text)).split())
    words = [known_spdx(match[0]) for match in _CREATIVE_COMMONS.finditer(plain)]
    # Blend Swap's older pages link "Creative Commons Zero" to the public domain mark: both count.
    found = dict.fromkeys([addressed_spdx(text), *words, known_spdx(plain)])
    return [Claim(spdx, place) for spdx in found if spdx]


def strictest(claims: Iterable[Claim]) -> Claim:
    """The strictest claim; of equals one that names a version, and then the first."""
    stated = [claim for claim in claims if claim.spdx]
    return max(stated, key=Claim.rank, default=Claim("", ""))


def describe(catalogue: Catalogue, model: str, pieces: list[Piece]) -> dict[str, Any]:
    """The manifest's entry for a model, but for the path of its file."""
    first, *others = pieces
    spdx, evidence = catalogue.license(model)
    # Who must be credited, where the catalogue says it; a creator may be short for several.
    holder = _HOLDER.search(catalogue.about.get("license", ""))
    notices = map(catalogue.text, catalogue.notices(model))
    pages = [match[0] for match in map(_PAGE.search, notices) if match]
    also = [f"Also: {piece.get('name')}. {_words(piece)}" for piece in others]
    entry = {
        "name": first.get("name"),
        "description": " ".join([_words(first), *also]).strip(),
        "description_lang": "en",
        "category": first.get("category"),
        "license": spdx,
        "license_evidence": evidence,
        "author": holder["holder"] if holder else first.get("creator"),
        "source": {"origin": pages[0]} if pages else None,
        "up_axis": up_axis(first.get("modelRotation", "")),
        "size_cm": _size_cm(first),
    }
    return {key: value for key, value in entry.items() if value}


def _words(piece: Piece) -> str:
    tags = f"Tags: {piece['tags']}." if piece.get("tags") else ""
    size = _size_cm(piece)
    size_words = "{:g} cm wide, {:g} cm deep, {:g} cm high.".format(*size) if size else ""
    return " ".join(filter(None, [piece.get("description"), tags, size_words]))


def _size_cm(piece: Piece) -> list[float] | None:
    """Width, depth and height of a piece as it stands in a room."""
    sides = [piece.get(key) for key in ("width", "depth", "height")]
    return [float(side) for side in sides] if all(sides) else None


def up_axis(rotation: str) -> str:
    """The axis of a model's own coordinates that its catalogue turns upright; empty if neither.

    Args:
        rotation: The nine numbers of `modelRotation`, row by row; none is no rotation.
    """
    if not rotation:
        return "Y"
    _, y, z = map(float, rotation.split()[3:6])  # The row that gives the height.
    return "Y" if y > 0.9 else "Z" if z > 0.9 else ""


def write_model(
    catalogue: Catalogue, model: str, pieces: list[Piece], folder: pathlib.Path
) -> list[dict[str, Any]]:
    """Writes the files of a model below a folder; returns its entries of the manifest."""
    inside = pathlib.PurePosixPath(catalogue.name).stem
    for name in catalogue.files(model):
        target = folder / inside / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(catalogue.archive.read(name))
    words = describe(catalogue, model, pieces)
    return [{"file": f"{inside}/{file}", **words} for file in _meshes(catalogue, model)]


def _meshes(catalogue: Catalogue, model: str) -> list[str]:
    """The mesh itself, or those in an archive that stands for it."""
    if not model.lower().endswith(ZIP):
        return [model]
    with zipfile.ZipFile(io.BytesIO(catalogue.archive.read(model))) as inner:
        return [f"{model}/{name}" for name in inner.namelist() if name.lower().endswith(SUFFIXES)]


def main(argv: list[str] | None = None) -> int:
    """Writes the models of all catalogues below a folder, and says what was odd."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("extracted", type=pathlib.Path, help="the folder of the package's files")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, help="a new folder")
    parser.add_argument("--category", action="append", help="only this one; may be repeated")
    parser.add_argument("--limit", type=int, help="of models from each catalogue")
    args = parser.parse_args(argv)
    paths = sorted(args.extracted.rglob(f"*{SUFFIX}"))
    if not paths:
        sys.exit(f"furniture: no {SUFFIX} file below {args.extracted}")
    if args.output.exists() and any(args.output.iterdir()):
        sys.exit(f"furniture: {args.output} is not empty; remove it or name another folder")
    entries = []
    for path in paths:
        try:
            entries += _take(Catalogue(path), args)
        except (Refusal, zipfile.BadZipFile) as error:
            print(f"furniture: {path.name} is left out: {error}", file=sys.stderr)
    if not entries:
        sys.exit("furniture: no model was written; is the category spelled as in the catalogue?")
    manifest = json.dumps({"objects": entries}, ensure_ascii=False, indent=1)
    (args.output / MANIFEST).write_text(manifest + "\n", encoding="utf-8")
    print(f"{len(entries)} models in {args.output}")
    return 0


def _take(catalogue: Catalogue, args: argparse.Namespace) -> list[dict[str, Any]]:
    """The chosen models of one catalogue, and one line for each thing that is odd."""
    chosen = [
        (model, pieces)
        for model, pieces in catalogue.models().items()
        if not args.category or pieces[0].get("category") in args.category
    ]
    written = (write_model(catalogue, *one, args.output) for one in chosen[: args.limit])
    entries = list(itertools.chain.from_iterable(written))
    counts = collections.Counter(entry.get("license", "no licence") for entry in entries)
    print(f"{catalogue.name}: {', '.join(f'{n} {name}' for name, n in counts.items()) or 'none'}")
    for piece in catalogue.missing:
        print(f"  no such file: {piece}")
    for entry in entries:
        if "stricter than" in entry.get("license_evidence", ""):
            print(f"  {entry['file']}: {entry['license']}, {entry['license_evidence']}")
        if "up_axis" not in entry:
            print(f"  {entry['file']}: its catalogue turns it upright from neither y nor z")
    return entries


if __name__ == "__main__":
    sys.exit(main())

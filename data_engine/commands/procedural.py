"""`data-engine procedural`: relics made from formulas, as a folder that `ingest` reads."""

import dataclasses
import pathlib

import tyro

from data_engine.errors import UserError
from data_engine.text.progress import progress


@dataclasses.dataclass(frozen=True, kw_only=True)
class Procedural:
    """Write relics made from formulas (CC0) to a folder: GLB files and their manifest."""

    folder: tyro.conf.Positional[pathlib.Path]
    """Folder to write; made when missing."""
    count: int = 16
    """Number of relics."""
    seed: int = 0
    """Random seed; the same seed, count and families give the same files."""
    families: tuple[str, ...] = ()
    """Kinds of relic to make, in turn. When empty, all kinds but abstract, statue, head, beast and
    jug, which are made only when named."""


def run(args: Procedural) -> None:
    """Writes the relics and says what to do with them."""
    from data_engine.procedural import write_relics

    if args.count < 1:
        raise UserError(f"--count {args.count}: at least 1 is needed")
    with progress(args.count, stage="procedural", unit="relic") as bar:
        write_relics(args.folder, args.count, args.seed, args.families, progress=bar.update)
    print(f"{args.count} relics in {args.folder}; next: data-engine ingest {args.folder}")

"""Writes procedural relics to a folder: a GLB each and the manifest `data-engine ingest` reads."""

import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from data_engine.errors import UserError
from data_engine.procedural.relic import (
    ALL_FAMILIES,
    AUTHOR,
    FAMILIES,
    LICENSE,
    ProceduralRelic,
    make_relic,
)

MANIFEST = "manifest.json"


def write_relics(
    folder: str | os.PathLike,
    count: int,
    seed: int,
    families: Sequence[str] | None = None,
    *,
    progress: Callable[[int], object] = lambda done: None,
) -> pathlib.Path:
    """Writes `count` relics, families in turn, and the manifest last; returns the manifest's path.

    Every file appears whole or not at all, and the manifest only after all of them. The same
    arguments write the same bytes, so a run that was cut short may simply be repeated.

    Args:
        folder: Created if need be; relics already there under the same names are replaced.
        count: How many relics; family k of n makes relics k, k + n, k + 2n, ...
        seed: Non-negative. Relic i is drawn from (seed, i): a larger count keeps the first ones.
        families: Names from `families()` or `abstract`; all of the former unless given.
        progress: Called with the number of new relics after each one.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_relics(folder, 2, 0, families=["coin"]).name
        ...     sorted(path.name for path in pathlib.Path(folder).iterdir())
        'manifest.json'
        ['coin-0000.glb', 'coin-0001.glb', 'manifest.json']
    """
    folder, chosen = pathlib.Path(folder), list(families or FAMILIES)
    if count < 1:
        raise UserError(f"cannot write {count} relics; ask for at least one")
    if seed < 0:
        raise UserError(f"seed {seed} is negative; give 0 or more")
    if unknown := sorted(set(chosen) - ALL_FAMILIES.keys()):
        raise UserError(f"no procedural family {unknown}; choose from {', '.join(ALL_FAMILIES)}")
    entries = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(count):
            family, number = chosen[index % len(chosen)], index // len(chosen)
            relic = make_relic(family, _relic_seed(seed, index))
            slug, data = f"{family}-{number:04d}", relic.glb()
            _replace(folder / f"{slug}.glb", data)
            entries.append(_entry(relic, slug, data))
            progress(1)
        manifest = {"count": count, "seed": seed, "objects": entries}
        text = json.dumps(manifest, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        return _replace(folder / MANIFEST, text.encode())
    except OSError as error:
        raise UserError(
            f"cannot write relics to {folder}: {error.strerror}; give a writable folder with space"
        ) from error


def _relic_seed(seed: int, index: int) -> int:
    """A 32-bit seed for each relic of a run, unrelated between neighbouring runs."""
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0])


def _replace(path: pathlib.Path, data: bytes) -> pathlib.Path:
    """Writes under a temporary name beside the target, then renames."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _entry(relic: ProceduralRelic, slug: str, data: bytes) -> dict:
    """The manifest's record of one relic."""
    return {
        "id": slug,
        "slug": slug,
        "file": f"{slug}.glb",
        "format": "glb",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "name": relic.names["en"],
        "names": relic.names,
        "description": relic.descriptions["en"],
        "description_lang": "en",
        "description_by": "put together from the relic's parameters",
        "descriptions": relic.descriptions,
        "category": relic.category,
        "source": {"generator": AUTHOR, "family": relic.family, "seed": relic.seed},
        "license": LICENSE,
        "license_evidence": "made from a formula by this project, dedicated to the public domain",
        "author": AUTHOR,
        "modifications": [],
        "up_axis": "Y",
        "vertices": len(relic.vertices),
        "faces": len(relic.faces),
        "components": 1,
        "watertight": True,
        "textured": True,
        "vertex_colors": False,
        "material": relic.material,
        "volume_m3": relic.volume_m3,
        "volume_by": relic.volume_by,
        "parameters": relic.parameters,
    }

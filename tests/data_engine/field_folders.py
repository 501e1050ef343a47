"""Folders as people have them: their right values, and the way into a catalog."""

import json
import shutil

import pytest
from places import FIELD
from scans import ingest, relics

from data_engine.processes.pool import ChildLimits
from data_engine.validate import validate_all
from data_engine.workspace import Workspace

FOLDERS = FIELD / "data_engine"

needs_field = pytest.mark.skipif(not FOLDERS.is_dir(), reason="needs ../shared/field")


def cases(*kinds: str) -> dict[str, dict]:
    """The cases of some kinds by folder; nothing where the folders are not here."""
    if not FOLDERS.is_dir():
        return {}
    found = json.loads((FOLDERS / "manifest.json").read_text())["cases"]
    return {name: case for name, case in found.items() if case["kind"] in kinds}


def enter_all(names, root) -> dict:
    """Ingests and validates field folders together, as subfolders of one; records by their name."""
    for name in names:
        shutil.copytree(FOLDERS / name, root / "found" / name)
    found = enter(root / "found", Workspace(root / "workspace"))
    return {file.partition("/")[0]: relic for file, relic in found.items()}


def enter(folder, workspace):
    """Ingests and validates a folder; the records by file."""
    ingest(folder, workspace)
    validate_all(workspace, workers=1, limits=ChildLimits())
    return relics(workspace)


def size_of(relic) -> list[float]:
    """Sides of its bounding box."""
    pairs = zip(relic.bbox_min, relic.bbox_max, strict=True)
    return [round(high - low, 4) for low, high in pairs]

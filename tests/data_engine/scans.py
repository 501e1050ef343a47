"""Small meshes as files, and the short way through ingest to the catalog."""

import dataclasses
import pathlib

import pytest
import trimesh
from places import SHARED_DATA

from data_engine.catalog.catalog import Catalog
from data_engine.gltf.reader import Geometry, load_geometry
from data_engine.ingest.convert import convert_file
from data_engine.ingest.folder import ingest_folder
from data_engine.processes.pool import ChildLimits

SHARED = SHARED_DATA

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")


def wedge(height: float = 3.0) -> trimesh.Trimesh:
    """An asymmetric solid, so that a lost axis or face shows."""
    points = [[0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, height], [2, 0.5, 0.5]]
    return trimesh.Trimesh(points, trimesh.convex.convex_hull(points).faces)


def write_gltf(folder: pathlib.Path, name: str, mesh: trimesh.Trimesh) -> None:
    """A glTF with its buffer beside it."""
    folder.mkdir(exist_ok=True)
    for file, data in trimesh.Scene({"m": mesh}).export(file_type="gltf").items():
        (folder / (name if file == "model.gltf" else file)).write_bytes(data)


def ingest(folder, workspace, *, up="auto", seconds=60.0):
    limits = ChildLimits(seconds=seconds)
    return ingest_folder(folder, workspace, up=up, workers=1, limits=limits)


def relics(workspace) -> dict:
    """Records by file, without the moments at which they were entered."""
    with Catalog(workspace.catalog_path) as catalog:
        return {
            relic.source_file: dataclasses.replace(relic, retrieved_at="", license_date="")
            for relic in catalog.relics()
        }


def read_any(name: str, tmp_path: pathlib.Path) -> Geometry:
    """What ingest and validate do to one file, without the children."""
    path, target = SHARED / name, tmp_path / "out.glb"
    answer = convert_file({"path": str(path), "target": str(target)})
    return load_geometry(target if answer["converted"] else path)

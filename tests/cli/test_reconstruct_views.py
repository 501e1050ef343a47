"""`jaxrelic reconstruct --views`: from a folder to a mesh in the photographer's world."""

import dataclasses
import json
import types

import numpy as np
import posed_folders
import pytest
import trimesh

from jaxrelic.cli import main
from jaxrelic.geometry.registration import alignment
from jaxrelic.models.one2345 import frame
from jaxrelic.saved import load

SHOTS = posed_folders.shots(count=6, size=96)


@pytest.fixture(autouse=True)
def compiled_programs_stay_where_the_tests_keep_them(monkeypatch):
    monkeypatch.setattr(main, "_keep_compiled_programs", lambda: None)


@dataclasses.dataclass(frozen=True)
class BoxField:
    """The relic of the photographs where the cameras say that it is in our world."""

    views: object
    half_sides: np.ndarray
    ours_from_record: np.ndarray

    @property
    def cube(self):
        return frame.object_cube()

    def distances(self, points):
        half_side = float(self.cube.half_side)
        inside = alignment.apply(np.linalg.inv(self.ours_from_record), half_side * points)
        q = np.abs(inside) - self.half_sides
        outside = np.linalg.norm(np.maximum(q, 0), axis=-1)
        scale = np.cbrt(np.linalg.det(self.ours_from_record[:3, :3])) / half_side
        return np.float32(scale * (outside + np.minimum(q.max(axis=-1), 0)))

    def known(self, points):
        return np.ones(len(points), bool)

    def normals(self, points):
        return points / np.linalg.norm(points, axis=-1, keepdims=True)

    def colours(self, points, normals, *, hidden=None):
        rgb = np.full((len(points), 3), [0.8, 0.5, 0.2], np.float32)
        return rgb, np.ones((len(self.views), len(points)), bool)


RECORD = posed_folders.synthetic.SyntheticRelics(1, 6, 96, first=1)[0]


def places(cam_from_world):
    return np.linalg.inv(np.asarray(cam_from_world, np.float64))[:, :3, 3]


@pytest.fixture
def seen(monkeypatch):
    """A model that knows the relic; returns the views it was given."""
    given = []
    half_sides = np.abs(RECORD["points"]).max(axis=0).astype(np.float64)

    def read(views):
        given.append(views)
        there = places(views.camera.cam_from_world)
        moved = alignment.umeyama(places(RECORD["cam_from_world"]), there)
        return BoxField(views, half_sides, moved)

    model = types.SimpleNamespace(image_size=48, read=read)
    monkeypatch.setattr(load, "load", lambda path, role: model)
    return given


@pytest.fixture
def arguments(tmp_path):
    folder = posed_folders.write_photographs(tmp_path / "views", SHOTS)
    poses = posed_folders.write_schema(tmp_path / "poses.json", SHOTS)
    return ["--views", str(folder), "--poses", str(poses), "--model", "run", "--resolution", "48"]


@pytest.mark.parametrize("suffix", ["glb", "ply", "obj"])
def test_the_mesh_lies_where_the_relic_was_photographed(suffix, seen, arguments, tmp_path, capsys):
    path = tmp_path / f"relic.{suffix}"
    assert main.main(["reconstruct", *arguments, "-o", str(path)]) == 0
    (views,) = seen
    assert views.rgb.shape == (6, 48, 48, 3)
    found = trimesh.load(path, force="mesh").bounds
    true = posed_folders.to_world(RECORD["points"])
    # Half a cell of the grid, and what the samples of the box leave out at its corners.
    slack = 0.02 * np.ptp(true, axis=0).max()
    np.testing.assert_allclose(found, [true.min(axis=0), true.max(axis=0)], atol=slack)
    name, poses, place, surface = capsys.readouterr().out.splitlines()
    assert name == str(path)
    assert poses.startswith("6 views, overlap with their visual hull 1.000 or more (worst: ")
    assert f"has the coordinates of {tmp_path / 'poses.json'}; up is z (the rule of " in place
    assert "closed, 1 piece, silhouette overlap 0.9" in surface
    assert "shot_" in surface
    page = json.loads((tmp_path / "relic.placement.json").read_text())
    np.testing.assert_allclose(page["poses_from_mesh"], np.eye(4), atol=1e-12)
    assert page["up"] == [0, 0, 1]
    assert (page["mesh"], page["poses"]) == (path.name, "poses.json")


@pytest.mark.parametrize("how", [["--upright"], ["--front", "shot_2.png"]])
def test_an_upright_mesh_says_how_it_comes_back(how, seen, arguments, tmp_path, capsys):
    """COLMAP's world has no up of its own, and this one lies on its side."""
    tilted = np.eye(4)
    tilted[:3, :3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    taken = [
        dataclasses.replace(shot, cam_from_world=shot.cam_from_world @ tilted.T) for shot in SHOTS
    ]
    sparse = posed_folders.write_colmap(tmp_path / "sparse", taken)
    arguments[arguments.index("--poses") + 1] = str(sparse)
    path = tmp_path / "relic.ply"
    assert main.main(["reconstruct", *arguments, *how, "--up", "y", "-o", str(path)]) == 0
    assert "stands upright, y up; up is y (as --up says)" in capsys.readouterr().out
    page = json.loads((tmp_path / "relic.placement.json").read_text())
    matrix = np.array(page["poses_from_mesh"])
    vertices = np.asarray(trimesh.load(path, force="mesh").vertices)
    back = alignment.apply(matrix, vertices)
    true = posed_folders.to_world(RECORD["points"]) @ tilted[:3, :3].T
    slack = 0.02 * np.ptp(true, axis=0).max()
    np.testing.assert_allclose(back.min(axis=0), true.min(axis=0), atol=slack)
    np.testing.assert_allclose(back.max(axis=0), true.max(axis=0), atol=slack)
    np.testing.assert_allclose(matrix[:3, :3] @ [0, 1, 0], page["up"], atol=1e-9)
    assert abs(np.linalg.det(matrix) - 1) < 1e-9


def refused(capsys, *command):
    assert main.main(["reconstruct", *map(str, command)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_mistakes_end_in_one_line(seen, arguments, tmp_path, capsys):
    out = ["-o", tmp_path / "x.glb"]
    neither = refused(capsys, "--model", "run", *out)
    assert "give one photograph, or a folder of them with --views and --poses" in neither
    assert "give one photograph, or" in refused(capsys, "photo.png", *arguments, *out)
    assert "--poses is an option of --views" in refused(
        capsys, "photo.png", "--poses", "p.json", "--model", "run", *out
    )
    assert "--mask is an option of one photograph" in refused(
        capsys, *arguments, *out, "--mask", "m.png"
    )
    assert "give --poses FILE" in refused(capsys, "--views", tmp_path, "--model", "run", *out)
    assert "name the mesh with one of them" in refused(capsys, *arguments, "-o", tmp_path / "x.stl")
    assert "two views or more" in refused(capsys, *arguments, *out, "--max-views", 1)
    assert "--resolution 4: a grid of fewer than 8" in refused(capsys, *arguments[:-1], "4", *out)
    assert "no such file" in refused(
        capsys, *arguments[:3], tmp_path / "none.json", *arguments[4:], *out
    )
    assert not seen
    assert not (tmp_path / "x.glb").exists()


def test_what_is_wrong_with_the_views_is_said_in_one_line(seen, arguments, tmp_path, capsys):
    taken = [dataclasses.replace(SHOTS[n], bgra=SHOTS[(2 * n + 1) % 6].bgra) for n in range(6)]
    posed_folders.write_photographs(tmp_path / "views", taken)
    line = refused(capsys, *arguments, "-o", tmp_path / "x.glb")
    assert f"{tmp_path / 'poses.json'}: poses do not match the images" in line
    assert not seen

"""Procedural relics: closed surfaces, honest volumes, the same bytes for the same seed."""

import hashlib
import io
import json
import subprocess
import sys

import numpy as np
import pytest
import trimesh
from places import ROOT

from data_engine.errors import UserError
from data_engine.procedural import families, make_relic, write_relics
from data_engine.procedural.words import LANGUAGES
from jaxrelic.data.schema import CATEGORIES

REPOSITORY = ROOT
SEEDS = (0, 1, 2)


def closed(relic) -> trimesh.Trimesh:
    """The relic's mesh with texture seams welded."""
    mesh = trimesh.Trimesh(relic.vertices, relic.faces, process=False)
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    return mesh


def test_there_are_at_least_ten_families_and_most_categories():
    kinds = families()
    assert len(kinds) >= 10
    assert {family.category for family in kinds.values()} <= set(CATEGORIES)
    assert len({family.category for family in kinds.values()}) >= 8


@pytest.mark.parametrize("family", families())
def test_every_relic_is_one_closed_surface_of_the_volume_it_claims(family):
    for seed in SEEDS:
        relic = make_relic(family, seed)
        mesh = closed(relic)
        assert mesh.is_watertight
        assert mesh.is_winding_consistent
        assert len(mesh.split(only_watertight=False)) == 1
        # A lathe of n columns encloses sin(2 pi / n) / (2 pi / n) of its solid, lobed a bit less.
        loss = 0.003 if relic.volume_by == "profile" else 1e-3
        assert mesh.volume == pytest.approx(relic.volume_m3, rel=loss)
        assert 1_000 <= len(mesh.faces) <= 16_000


@pytest.mark.parametrize("family", families())
def test_every_relic_stands_on_the_ground_at_the_size_its_description_gives(family):
    relic = make_relic(family, 3)
    low, high = relic.vertices.min(0), relic.vertices.max(0)
    assert low[2] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose((low + high)[:2] / 2, 0, atol=1e-6)
    longest_cm = 100 * (high - low).max()
    assert longest_cm == pytest.approx(relic.parameters["longest_cm"], rel=1e-4)
    assert f"{relic.parameters['longest_cm']:.1f} cm" in relic.descriptions["en"]


@pytest.mark.parametrize("family", families())
def test_normals_point_away_from_the_faces_insides(family):
    relic = make_relic(family, 4)
    a, b, c = relic.vertices[relic.faces].transpose(1, 0, 2).astype(float)
    area = np.cross(b - a, c - a)
    agree = np.einsum("fc,fkc->fk", area, relic.normals[relic.faces]) > 0
    weight = np.linalg.norm(area, axis=-1)
    assert np.average(agree.mean(axis=1), weights=weight) > 0.97
    np.testing.assert_allclose(np.linalg.norm(relic.normals, axis=-1), 1, atol=1e-4)


@pytest.mark.parametrize("family", families())
def test_textures_have_colour_and_coordinates_stay_inside_them(family):
    relic = make_relic(family, 5)
    assert relic.texture.dtype == np.uint8
    assert relic.texture.shape == (256, 256, 3)
    assert relic.texture.astype(float).std(axis=(0, 1)).min() > 1.0
    assert relic.uvs.min() >= 0
    assert relic.uvs.max() <= 1


@pytest.mark.parametrize("family", families())
def test_no_face_runs_across_the_border_of_the_texture(family):
    relic = make_relic(family, 6)
    u = relic.uvs[relic.faces][..., 0]
    a, b, c = relic.vertices[relic.faces].transpose(1, 0, 2).astype(float)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=-1)
    assert np.average(np.ptp(u, axis=1) > 0.5, weights=area) < 1e-3


def test_seeds_differ_in_shape_and_in_colour():
    for family in families():
        one, other = make_relic(family, 0), make_relic(family, 1)
        assert one.glb() != other.glb()
        assert one.parameters != other.parameters
        assert not np.array_equal(one.texture, other.texture)


@pytest.mark.parametrize("family", families())
def test_trimesh_reads_the_glb_back_textured_and_y_up(family):
    relic = make_relic(family, 7)
    scene = trimesh.load(io.BytesIO(relic.glb()), file_type="glb")
    (mesh,) = scene.geometry.values()
    image = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"))
    np.testing.assert_array_equal(image, relic.texture)
    x, y, z = relic.vertices.T
    np.testing.assert_array_equal(mesh.vertices.astype(np.float32), np.stack([x, z, -y], axis=-1))
    np.testing.assert_allclose(mesh.visual.uv, relic.uvs, atol=1e-6)


def test_a_second_process_writes_the_same_bytes():
    code = (
        "import hashlib; from data_engine.procedural import families, make_relic\n"
        "for f in families(): print(hashlib.sha256(make_relic(f, 11).glb()).hexdigest())"
    )
    environment = {"PYTHONPATH": str(REPOSITORY), "PYTHONHASHSEED": "7", "PATH": ""}
    other = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    here = [hashlib.sha256(make_relic(f, 11).glb()).hexdigest() for f in families()]
    assert other.stdout.split() == here


def test_an_unknown_family_is_refused_by_name():
    with pytest.raises(UserError, match=r"'spaceship'.*amphora"):
        make_relic("spaceship", 0)


def test_the_manifest_describes_every_file_it_lists(tmp_path):
    done = []
    path = write_relics(tmp_path / "relics", 4, 5, ["bowl", "coin"], progress=done.append)
    manifest = json.loads(path.read_text(encoding="utf-8"))
    assert done == [1, 1, 1, 1]
    assert [entry["category"] for entry in manifest["objects"]] == ["vessel", "coin"] * 2
    assert len(list(path.parent.iterdir())) == 5
    for entry in manifest["objects"]:
        data = (path.parent / entry["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        assert (entry["license"], entry["up_axis"]) == ("CC0-1.0", "Y")
        assert set(entry["names"]) == set(entry["descriptions"]) == set(LANGUAGES)
        assert len(set(entry["descriptions"].values())) == len(LANGUAGES)


def test_a_longer_run_keeps_the_relics_of_a_shorter_one(tmp_path):
    chosen = ["disc", "coin"]
    short = json.loads(write_relics(tmp_path / "short", 2, 9, chosen).read_text())["objects"]
    longer = json.loads(write_relics(tmp_path / "longer", 3, 9, chosen).read_text())["objects"]
    other = json.loads(write_relics(tmp_path / "other", 2, 10, chosen).read_text())["objects"]
    assert longer[:2] == short
    assert {entry["sha256"] for entry in short}.isdisjoint(entry["sha256"] for entry in other)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(UserError, match=str(blocked / "relics")):
        write_relics(blocked / "relics", 1, 0)


def test_a_failed_write_leaves_neither_halves_nor_a_manifest(tmp_path):
    (tmp_path / "disc-0000.glb").mkdir()
    with pytest.raises(UserError, match="writable"):
        write_relics(tmp_path, 1, 0, ["disc"])
    assert [path.name for path in tmp_path.iterdir()] == ["disc-0000.glb"]


@pytest.mark.parametrize(
    ("count", "seed", "chosen", "said"),
    [(0, 0, None, "0 relics"), (1, -1, None, "seed -1"), (1, 0, ["cup"], "'cup'")],
)
def test_impossible_requests_are_refused_before_anything_is_written(
    tmp_path, count, seed, chosen, said
):
    with pytest.raises(UserError, match=said):
        write_relics(tmp_path / "relics", count, seed, chosen)
    assert not (tmp_path / "relics").exists()

"""`jaxrelic reconstruct PHOTO -o GLB` without a model."""

import json

import numpy as np
import PIL.Image
import pytest
import trimesh

from jaxrelic.cli import main


@pytest.fixture
def photo(tmp_path):
    rows, columns = np.mgrid[:80, :60]
    rgba = np.zeros((80, 60, 4), np.uint8)
    rgba[(np.abs(columns - 30) < 18) & (np.abs(rows - 40) < 30)] = [200, 90, 20, 255]
    PIL.Image.fromarray(rgba).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize("method", ["network", "inflation"])
def test_a_photograph_becomes_a_closed_textured_mesh(method, photo, tmp_path, capsys):
    glb = tmp_path / "relic.glb"
    assert main.main(["reconstruct", str(photo), "-o", str(glb), "--method", method]) == 0
    assert str(glb) in capsys.readouterr().out
    mesh = trimesh.load(glb, force="mesh")
    assert mesh.visual.material.baseColorTexture is not None
    merged = trimesh.Trimesh(mesh.vertices, mesh.faces)
    merged.merge_vertices(merge_tex=True, merge_norm=True)
    assert merged.is_watertight


def test_the_overlay_is_a_picture_of_the_photographs_shape(photo, tmp_path, capsys):
    over = tmp_path / "new" / "over.png"
    command = ["reconstruct", str(photo), "-o", str(tmp_path / "r.glb"), "--overlay", str(over)]
    assert main.main(command) == 0
    assert PIL.Image.open(over).size == (60, 80)
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith(f"{over}: the mesh covers the mask with IoU 0.9")


def test_a_file_has_the_height_the_credit_and_the_name_it_is_given(photo, tmp_path):
    glb = tmp_path / "red-box.glb"
    options = ["--method", "inflation", "--height-cm", "23", "--credit", "A. Potter, CC BY 4.0"]
    assert main.main(["reconstruct", str(photo), "-o", str(glb), *options]) == 0
    low, high = trimesh.load(glb, force="mesh").bounds
    assert high[1] - low[1] == pytest.approx(0.23, abs=1e-4)  # glTF: metres, y up.
    data = glb.read_bytes()
    page = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    assert page["asset"]["copyright"] == "A. Potter, CC BY 4.0"
    assert page["meshes"][0]["name"] == "red-box"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--icosphere-level", "3"], "--icosphere-level is an option of M-SRN (--model)"),
        (["--model", "run", "--method", "inflation"], "option of photographs without --model"),
        (["--height-cm", "0"], "--height-cm 0.0; give the object's height, above 0"),
        (["--elevation-deg", "75"], "elevation 75.0 is not in -60 to 60 degrees"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(options, message, photo, tmp_path, capsys):
    command = ["reconstruct", str(photo), "-o", str(tmp_path / "relic.glb"), *options]
    assert main.main(command) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "relic.glb").exists()


def test_posed_photographs_need_a_network(tmp_path, capsys):
    command = ["reconstruct", "--views", str(tmp_path), "-o", str(tmp_path / "relic.glb")]
    assert main.main(command) == 2
    assert "posed photographs need a network: give --model" in capsys.readouterr().err


def test_a_result_never_takes_the_place_of_an_input(photo, tmp_path, capsys):
    before = photo.read_bytes()
    command = ["reconstruct", str(photo), "-o", str(tmp_path / "relic.glb")]
    assert main.main([*command, "--overlay", str(photo)]) == 2
    assert "photo.png is an input; give the result another name" in capsys.readouterr().err
    assert photo.read_bytes() == before

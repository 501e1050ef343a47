import hashlib
import json

import cv2
import jax
import numpy as np
import pytest

from jaxrelic.cli import main as cli
from jaxrelic.cli import neighbours
from jaxrelic.data.image_sets import candidates, locate, tower_inputs
from jaxrelic.errors import UserError
from jaxrelic.models.clip import convert
from jaxrelic.nn.vit import VisionTransformer
from jaxrelic.weights import read_weights

COUNT = 3


@pytest.fixture(scope="module")
def images():
    return locate.open_images("synthetic", "train")


def arguments(tmp_path, *options):
    return ["neighbours", "synthetic", "--count", str(COUNT), "-o", f"{tmp_path}/n.npz", *options]


def run(tmp_path, *options):
    return neighbours.run(cli.parse("neighbours", arguments(tmp_path, *options)[1:]))


def test_the_file_written_is_what_the_loader_reads_and_the_summary_counts_it(
    tmp_path, capsys, images
):
    assert run(tmp_path, "--sheet", f"{tmp_path}/s.png", "--csv", f"{tmp_path}/n.csv") == 0
    found = candidates.read_candidates(tmp_path / "n.npz", images)
    assert found.indices.shape == (len(images), COUNT)
    assert found.features == "pixels"
    instances, categories = np.array(images.instances()), images.category_indices()
    assert np.all(categories[found.indices] == categories[:, None])
    assert not np.any(instances[found.indices] == instances[:, None])
    out = capsys.readouterr().out
    assert "128 images, 3 neighbours each by pixels" in out
    assert "0 images (0.0%) have fewer than 3" in out
    assert "0.0% of the neighbours show the same object" in out
    sheet = cv2.imread(f"{tmp_path}/s.png", cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(sheet[:64, :64], images[0]["image"])
    np.testing.assert_array_equal(sheet[:64, 68:132], images[found.indices[0, 0]]["image"])


def test_a_table_written_is_a_table_read(tmp_path, images):
    run(tmp_path, "--csv", f"{tmp_path}/n.csv", "--same-instance")
    first = candidates.read_candidates(tmp_path / "n.npz", images)
    run(tmp_path, "--from-csv", f"{tmp_path}/n.csv")
    second = candidates.read_candidates(tmp_path / "n.npz", images)
    np.testing.assert_array_equal(first.indices, second.indices)
    np.testing.assert_array_equal(first.similarities, second.similarities)
    assert second.same_instance
    assert second.features == "csv:n"


@pytest.fixture(scope="module")
def tower(tmp_path_factory):
    """A random CLIP tower of one block, in Hugging Face's layout."""
    block = "vision_model.encoder.layers.0"
    shapes = {
        "vision_model.embeddings.class_embedding": (64,),
        "vision_model.embeddings.patch_embedding.weight": (64, 3, 8, 8),
        "vision_model.embeddings.position_embedding.weight": (5, 64),
        "visual_projection.weight": (6, 64),
        f"{block}.mlp.fc1.weight": (64, 64),
        f"{block}.mlp.fc1.bias": (64,),
        f"{block}.mlp.fc2.weight": (64, 64),
        f"{block}.mlp.fc2.bias": (64,),
    }
    for name in ("q", "k", "v", "out"):
        shapes[f"{block}.self_attn.{name}_proj.weight"] = (64, 64)
        shapes[f"{block}.self_attn.{name}_proj.bias"] = (64,)
    norms = [f"vision_model.{name}" for name in ("pre_layrnorm", "post_layernorm")]
    for name in (*norms, f"{block}.layer_norm1", f"{block}.layer_norm2"):
        shapes |= {f"{name}.weight": (64,), f"{name}.bias": (64,)}
    rng = np.random.default_rng(0)
    data, header = b"", {}
    for name, shape in shapes.items():
        array = rng.normal(size=shape).astype(np.float32).tobytes()
        offsets = [len(data), len(data) + len(array)]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
        data += array
    text = json.dumps(header).encode()
    path = tmp_path_factory.mktemp("weights") / "tower.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def test_neighbours_by_clip_are_those_of_its_embeddings_and_name_the_weights(
    tmp_path, images, tower
):
    run(tmp_path, "--features", "clip", "--weights", str(tower))
    found = candidates.read_candidates(tmp_path / "n.npz", images)
    assert found.features == "clip-vit-64-8-16"
    assert found.weights == hashlib.sha256(tower.read_bytes()).hexdigest()
    config, variables = convert.convert(read_weights(tower))
    prepare = tower_inputs.clip_input(16).prepare
    inputs = np.stack([prepare(images[i]["image"]) for i in range(len(images))])
    features = np.asarray(jax.jit(VisionTransformer(config).apply)(variables, inputs))
    features = features / np.linalg.norm(features, axis=1, keepdims=True)
    query = 77
    score = features @ features[query]
    others = np.array(images.instances()) != images.instances()[query]
    same_category = images.category_indices() == images.category_indices()[query]
    best = np.sort(np.where(others & same_category, score, -1))[::-1][:COUNT]
    np.testing.assert_allclose(found.similarities[query], best, rtol=1e-4)
    np.testing.assert_allclose(score[found.indices[query]], best, rtol=1e-4)


def test_weights_of_another_network_are_refused_by_name(tmp_path, tower):
    with pytest.raises(UserError, match=r"tower\.safetensors hold no DINOv2 tower"):
        run(tmp_path, "--features", "dino", "--weights", str(tower))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--features", "run"], "needs --run DIR"),
        (["--features", "clip"], "needs --weights FILE"),
        (["--features", "clip", "--weights", "absent.bin"], r"absent\.bin: No such file"),
        (["--count", "0"], "--count is 0"),
        (["-o", "neighbours.txt"], r"neighbours\.txt is no \.npz file"),
        (["--from-csv", "absent.csv"], r"cannot read absent\.csv"),
    ],
)
def test_mistakes_are_one_line(tmp_path, options, message):
    with pytest.raises(UserError, match=message) as error:
        run(tmp_path, *options)
    assert "\n" not in str(error.value)


def test_what_is_stored_nowhere_needs_a_file_to_write():
    with pytest.raises(UserError, match="name the file to write with -o"):
        neighbours.run(cli.parse("neighbours", ["synthetic", "--count", "2"]))

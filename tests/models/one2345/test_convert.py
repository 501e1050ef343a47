"""The converter on a checkpoint of exactly the released layout, filled by a rule."""

import json
import struct

import jax
import numpy as np
import one2345_specification as specification
import pytest

from jaxrelic.cli import main as cli
from jaxrelic.errors import UserError
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.models.one2345.convert import convert
from jaxrelic.saved import load


@pytest.fixture(scope="module")
def released():
    """What reading a released file gives: parameters, buffers, and the optimizer's state."""
    tensors = {name: np.float32(x) for name, x in specification.checkpoint().items()}
    for name in list(tensors):
        if name.endswith(("bn.weight", "net.1.weight")):
            norm = name.removesuffix("weight")
            tensors[f"{norm}running_mean"] = np.full_like(tensors[name], np.nan)
            tensors[f"{norm}running_var"] = np.full_like(tensors[name], np.nan)
            tensors[f"{norm}num_batches_tracked"] = np.asarray(215_000)
    tensors["optimizer.state.0.exp_avg"] = np.zeros((8, 3, 3, 3), np.float32)
    tensors["optimizer.state.0.step"] = np.float32(215_000)
    return tensors


def test_the_layout_has_as_many_entries_as_the_released_file(released):
    counts = {"pyramid_feature": 58, "sdf": 75, "rendering": 23, "variance": 1}
    for network, count in counts.items():
        assert sum(name.startswith(network) for name in released) == count


@pytest.mark.parametrize("preset", ["compat", "modern"])
def test_every_parameter_finds_its_place(released, preset):
    ours = convert(released, getattr(One2345Config, preset)())
    leaves = jax.tree.leaves(ours)
    assert sum(leaf.size for leaf in leaves) == 430_912
    assert all(leaf.dtype == np.float32 and np.all(np.isfinite(leaf)) for leaf in leaves)


def test_layouts_are_turned_and_scales_are_magnitudes(released):
    theirs = dict(released)
    scale = theirs["pyramid_feature_network.conv1.2.bn.weight"] = np.linspace(-1, 1, 16)
    ours = convert(theirs, One2345Config.compat())["params"]
    norm = ours["pyramid"]["level_1_unit_2"]["norm"]
    np.testing.assert_allclose(norm["scale"], np.abs(scale) + 1e-5, rtol=1e-6)
    kernel = theirs["sdf_network_lod0.sparse_costreg_net.conv3.net.0.kernel"]
    # x varies fastest in the original's numbering of the window.
    dense = ours["regularization"]["conv_3"]["kernel"]
    np.testing.assert_array_equal(dense[2, 0, 1], kernel[9 * 1 + 3 * 0 + 2])
    linear = theirs["rendering_network_lod0.rgb_fc.2.weight"]
    np.testing.assert_array_equal(ours["blending"]["rgb_1"]["kernel"], linear.T)
    rows = theirs["sdf_network_lod0.sdf_layer.lin1.weight_g"]
    np.testing.assert_array_equal(ours["sdf_network"]["layer_1"]["scale"], rows[:, 0])


def test_all_that_does_not_fit_is_named_at_once(released):
    theirs = dict(released)
    del theirs["variance_network_lod0.variance"]
    theirs["sdf_network_lod0.extra"] = np.zeros(3)
    theirs["rendering_network_lod0.vis_fc.0.bias"] = np.zeros(31, np.float32)
    with pytest.raises(UserError) as error:
        convert(theirs, One2345Config.compat(), source="ckpt_215000.pth")
    for part in ("ckpt_215000.pth", "sdf_network_lod0.extra", "params/log_sharpness", "[31]"):
        assert part in str(error.value)


def write_safetensors(path, tensors):
    """Eight bytes of length, a JSON header, and the arrays."""
    header, end = {}, 0
    for name, array in tensors.items():
        start, end = end, end + array.nbytes
        kind = {"f": "F32", "i": "I64"}[array.dtype.kind]
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    arrays = b"".join(array.tobytes() for array in tensors.values())
    path.write_bytes(struct.pack("<Q", len(text)) + text + arrays)


def test_released_weights_become_an_export_that_opens_as_a_model(released, tmp_path, capsys):
    file, folder = tmp_path / "released.safetensors", tmp_path / "export"
    write_safetensors(file, {name: np.asarray(x) for name, x in released.items()})
    assert cli.main(["export", str(file), "-o", str(folder), "--no-stable-hlo"]) == 0
    model = load.load(folder, role="posed views into a mesh")
    assert (model.image_size, model.num_sources) == (256, 32)
    assert model.config == One2345Config.compat()
    wanted = convert(released, One2345Config.compat())
    jax.tree.map(np.testing.assert_array_equal, model.variables, wanted)
    assert cli.main(["evaluate", str(folder)]) == 2
    assert "does not say on what it was trained; give --shards" in capsys.readouterr().err

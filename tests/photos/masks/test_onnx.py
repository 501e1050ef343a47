"""ONNX files with U2-Net's interface; the tests write their own."""

import numpy as np
import pytest

from jaxrelic.errors import UserError
from jaxrelic.photos.masks import onnx as onnx_masks

onnx = pytest.importorskip("onnx", reason="the extra `segment` and onnx are not installed")
pytest.importorskip("onnxruntime", reason="the extra `segment` is not installed")


def redness(path, side=320):
    """A network whose first output is the red channel of its input and second one is noise."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    kernels = {"red": [1.0, 0.0, 0.0], "other": [0.3, -2.0, 1.0]}
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["picture", name], [f"out_{name}"], kernel_shape=[1, 1])
            for name in kernels
        ],
        "redness",
        [helper.make_tensor_value_info("picture", kind, ["n", 3, side, side])],
        [
            helper.make_tensor_value_info(f"out_{name}", kind, ["n", 1, side, side])
            for name in kernels
        ],
        [helper.make_tensor(name, kind, [1, 3, 1, 1], row) for name, row in kernels.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(helper.make_model(graph, opset_imports=model.opset_import, ir_version=9), path)
    return path


def photograph():
    """A red disc on grey-blue, 48 x 64."""
    rows, columns = np.mgrid[:48, :64]
    disc = (rows - 20) ** 2 + (columns - 40) ** 2 < 12**2
    rgb = np.where(disc[..., None], [0.8, 0.2, 0.2], [0.2, 0.3, 0.4])
    return rgb.astype(np.float32), disc


@pytest.mark.parametrize("side", [320, "s", 16])
def test_the_first_output_is_the_mask_stretched_to_the_photograph(tmp_path, side):
    rgb, disc = photograph()
    mask = onnx_masks.OnnxSegmenter(redness(tmp_path / "net.onnx", side)).find(rgb)
    assert mask.shape == disc.shape
    assert mask.min() == 0
    assert mask.max() == 1
    wrong = np.mean((mask > 0.5) != disc)
    assert wrong < (0.03 if side == 16 else 0.005)


def test_inputs_are_normalised_as_u2_net_s(tmp_path):
    segmenter = onnx_masks.OnnxSegmenter(redness(tmp_path / "net.onnx"))
    rgb = np.full((30, 20, 3), [0.5, 0.25, 0.125], np.float32)
    prepared = segmenter._prepare(rgb)
    assert prepared.shape == (1, 3, 320, 320)
    # Divided by the brightest value, 0.5, before mean and spread of ImageNet.
    expected = (np.array([1, 0.5, 0.25]) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(prepared[0, :, 160, 160], expected, rtol=1e-5)


def test_a_photograph_without_contrast_has_no_object(tmp_path):
    segmenter = onnx_masks.OnnxSegmenter(redness(tmp_path / "net.onnx", 16))
    assert not segmenter.find(np.zeros((20, 20, 3), np.float32)).any()


def test_files_that_are_no_such_network_are_named(tmp_path):
    with pytest.raises(UserError, match=r"no ONNX file .*absent\.onnx"):
        onnx_masks.OnnxSegmenter(tmp_path / "absent.onnx")
    (tmp_path / "page.onnx").write_text("<html>")
    with pytest.raises(UserError, match=r"page\.onnx is no ONNX network"):
        onnx_masks.OnnxSegmenter(tmp_path / "page.onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    flat = [helper.make_tensor_value_info(name, kind, [1, 5]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", flat[:1], flat[1:])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), tmp_path / "flat.onnx")
    with pytest.raises(UserError, match=r"flat\.onnx takes x \[1, 5\]"):
        onnx_masks.OnnxSegmenter(tmp_path / "flat.onnx")

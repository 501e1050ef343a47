import json

import ml_dtypes
import numpy as np
import pytest

from jaxrelic.errors import UserError
from jaxrelic.weights import digest, read_weights


def write(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_arrays_come_back_with_their_names_types_and_shapes(tmp_path):
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    b = np.array([1.5, -2], ml_dtypes.bfloat16)
    header = {
        "__metadata__": {"format": "pt"},
        "half": entry("BF16", [2], 1, 5),  # Not aligned, which the format allows.
        "flag": entry("BOOL", [], 0, 1),
        "layer.weight": entry("F32", [2, 3], 5, 29),
        "empty": entry("F32", [0, 4], 29, 29),
    }
    read = read_weights(
        write(tmp_path / "m.safetensors", header, b"\x01" + b.tobytes() + a.tobytes())
    )
    assert set(read) == {"half", "flag", "layer.weight", "empty"}
    np.testing.assert_array_equal(read["layer.weight"], a)
    np.testing.assert_array_equal(read["half"], b)
    assert read["half"].dtype == ml_dtypes.bfloat16
    assert read["flag"].shape == ()
    assert read["flag"]
    assert read["empty"].shape == (0, 4)


@pytest.mark.parametrize(
    "header",
    [
        {"a": entry("F32", [2], 0, 9)},
        {"a": entry("F32", [3], 0, 12)},
        {"a": entry("F32", [2**40, 2**40], 0, 8)},
        {"a": entry("F32", [-2, -1], 0, 8)},
        {"a": entry("F32", [2], -8, 0)},
        {"a": entry("X99", [2], 0, 8)},
        {"a": {"dtype": "F32", "shape": [2]}},
        {"a": 7},
        [1],
        b"{'a'",
        b"{" + b'"a":{' * 100_000,
    ],
)
def test_headers_that_do_not_fit_the_file_are_damage(tmp_path, header):
    path = write(tmp_path / "bad.safetensors", header, bytes(8))
    with pytest.raises(UserError, match=r"bad\.safetensors is"):
        read_weights(path)


def test_a_header_longer_than_the_file_is_damage(tmp_path):
    path = tmp_path / "bad.safetensors"
    path.write_bytes((2**62).to_bytes(8, "little") + b"{}")
    with pytest.raises(UserError, match="its header should have"):
        read_weights(path)


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"version https://git-lfs"])
def test_other_files_are_named_by_how_they_start(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="neither a safetensors file nor a torch checkpoint"):
        read_weights(path)


def test_an_absent_file_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"absent\.pt: No such file"):
        read_weights(tmp_path / "absent.pt")


def test_the_digest_is_that_of_sha256sum(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert digest(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223")

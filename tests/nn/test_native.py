"""Native bfloat16 convolutions against sums in double precision of the same rounded numbers."""

import os
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.nn import convolution, native
from jaxrelic.nn.convolution import Conv
from jaxrelic.nn.native.build import LIBRARY, has_tiles

SHAPES = [
    (2, 8, 8, 32, 32),
    (1, 5, 7, 3, 17),
    (3, 2, 2, 33, 1),
    (1, 1, 1, 1, 1),
    (2, 32, 4, 70, 40),
]
"""Batch, height, width, channels in and out."""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if not has_tiles():
        pytest.skip("no AMX on this processor: native convolutions are NOT tested")
    if shutil.which(os.environ.get("CXX") or "c++") is None:
        pytest.skip("no C++ compiler: native convolutions are NOT tested")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAXRELIC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield LIBRARY.build()


def rounded(x):
    return np.asarray(jnp.asarray(x, jnp.bfloat16), np.float64)


def slow_convolution(x, kernel):
    """The definition, in double precision."""
    b, h, w, _ = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = np.zeros((b, h, w, kernel.shape[3]))
    for i in range(3):
        for j in range(3):
            y += padded[:, i : i + h, j : j + w] @ kernel[i, j]
    return y


def slow_kernel_gradient(x, by_y):
    h, w = x.shape[1:3]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    taps = [padded[:, i : i + h, j : j + w] for i in range(3) for j in range(3)]
    return np.stack([np.einsum("bhwc,bhwd->cd", tap, by_y) for tap in taps]).reshape(
        3, 3, x.shape[3], by_y.shape[3]
    )


def numbers(shape):
    b, h, w, c, d = shape
    rng = np.random.default_rng(sum(shape))
    sizes = ((b, h, w, c), (3, 3, c, d), (b, h, w, d))
    return [rng.normal(size=size).astype(np.float32) for size in sizes]


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_sum_of_products_of_rounded_numbers_and_so_are_its_gradients(library, shape):
    x, kernel, by_y = numbers(shape)
    y, pull_back = jax.vjp(native.convolve_tiles, x, kernel)
    by_x, by_kernel = pull_back(by_y)
    x, kernel, by_y = rounded(x), rounded(kernel), rounded(by_y)
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    np.testing.assert_allclose(y, slow_convolution(x, kernel), atol=2e-5)
    np.testing.assert_allclose(by_x, slow_convolution(by_y, turned), atol=2e-5)
    np.testing.assert_allclose(by_kernel, slow_kernel_gradient(x, by_y), atol=2e-5)


def test_bfloat16_convolutions_take_it_where_it_is_and_agree_with_xla(library, monkeypatch):
    x, kernel, _ = numbers((2, 8, 8, 20, 12))
    conv = Conv(12, padding=1, precision="bfloat16")
    variables = {"params": {"kernel": kernel, "bias": np.zeros(12, np.float32)}}
    calls = []
    monkeypatch.setattr(
        convolution.native, "convolve_tiles", lambda *a: calls.append(a) or jnp.zeros((2, 8, 8, 12))
    )
    conv.apply(variables, x)
    assert len(calls) == 1
    monkeypatch.undo()
    ours = conv.apply(variables, x)
    monkeypatch.setattr(convolution.native, "available", lambda: False)
    theirs = conv.apply(variables, x)
    assert ours.dtype == theirs.dtype == jnp.float32
    # XLA rounds its sums to bfloat16.
    np.testing.assert_allclose(ours, theirs, rtol=1 / 128, atol=0.01)


def test_without_a_compiler_the_command_says_so_and_exits_2(tmp_path):
    environment = os.environ | {"JAXRELIC_CACHE": str(tmp_path), "CXX": "no-such-compiler"}
    command = [sys.executable, "-m", "jaxrelic.nn.native"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("jaxrelic: ")
    assert "no-such-compiler" in result.stderr or "no AMX" in result.stderr

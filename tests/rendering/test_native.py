"""The native path: equal to the reference in float64, and built, found and refused as it says."""

import dataclasses
import functools
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic import native_library
from jaxrelic.errors import UserError
from jaxrelic.rendering import native, soft_rasterizer
from jaxrelic.rendering.native import build
from jaxrelic.rendering.native.build import LIBRARY
from jaxrelic.rendering.soft_rasterizer import CornerColours, RasterSettings, soft_rasterize


def sibling(name):
    """A test module beside this one, for its scenes."""
    spec = importlib.util.spec_from_file_location(name, pathlib.Path(__file__).with_name(name))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


paths, golden = sibling("test_paths.py"), sibling("test_golden_scenes.py")
FLOAT32 = np.dtype("float32")


@pytest.fixture(scope="module", autouse=True)
def library(tmp_path_factory):
    if shutil.which(os.environ.get("CXX") or "c++") is None:
        pytest.skip("no C++ compiler: the native rasterizer is NOT tested")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAXRELIC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield LIBRARY.build()


def in_float64(draw, *scene, path="dense", **options):
    """What `draw` makes of a float32 scene, computed in double precision."""
    with jax.enable_x64(True):
        return jax.tree.map(
            np.asarray, draw(*(x.astype(float) for x in scene), path=path, **options)
        )


def assert_close(ours, reference):
    """The tolerances of this path in float32; gradients relative to the largest."""
    (image, gradient), (expected, expected_gradient) = ours, reference
    np.testing.assert_allclose(image.alpha, expected.alpha, atol=1e-6)
    np.testing.assert_allclose(image.rgb, expected.rgb, atol=2e-5)
    assert np.abs(image.rgb - expected.rgb).mean() < 1e-6
    np.testing.assert_allclose(image.depth, expected.depth, atol=2e-5)
    for x, y in zip(gradient, expected_gradient, strict=True):
        np.testing.assert_allclose(x, y, atol=1e-4 * np.abs(y).max())


@pytest.fixture(scope="module")
def plain():
    """A scene in a non-square image with two batch axes, and what the reference makes of it."""
    scene = paths.random_faces(0, *paths.BATCH), paths.random_colours(*paths.BATCH)
    return *scene, in_float64(paths.draw, *scene)


def test_corner_colours_are_drawn_and_differentiated_like_the_reference(plain):
    *scene, expected = plain
    assert_close(paths.draw(*scene, "native"), expected)


def test_in_float64_it_is_the_reference_up_to_rounding(plain):
    *scene, (expected, expected_gradient) = plain
    image, gradient = in_float64(paths.draw, *scene, path="native")
    for x, y in zip((*gradient, image.rgb), (*expected_gradient, expected.rgb), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11 * np.abs(y).max())
    np.testing.assert_allclose(image.alpha, expected.alpha, rtol=1e-11)
    np.testing.assert_allclose(image.depth, expected.depth, rtol=1e-11)


def test_textures_shared_or_not_are_drawn_and_differentiated_like_the_reference():
    scene = paths.random_faces(4, 3), *paths.random_texture(3)
    drawn = paths.draw_textured(*scene, path="native", settings=paths.SOFT)
    assert_close(drawn, in_float64(paths.draw_textured, *scene, settings=paths.SOFT))


@pytest.mark.parametrize("sigma", [0.01, 0.1])
def test_one_triangle_is_scene_b1(sigma):
    settings = golden.paper(sigma=sigma, gamma=1e-2)

    def alpha(faces, colours):
        image = soft_rasterize(
            faces, CornerColours(colours), image_size=4, settings=settings, path="native"
        )
        return image.alpha.sum(), image

    with jax.enable_x64(True):
        gradient, image = jax.grad(alpha, has_aux=True)(golden.ONE, np.eye(3)[None])
    expected = golden.mirrored(np.array(golden.ONE_ALPHA[sigma]))
    np.testing.assert_allclose(image.alpha, expected, atol=1e-6)
    np.testing.assert_allclose(image.rgb[..., 0], golden.ONE_RED[sigma], atol=1e-6)
    np.testing.assert_allclose(gradient[0], golden.ONE_GRADIENT[sigma], atol=1e-5)


def test_two_overlapping_triangles_are_scene_b2():
    settings = golden.paper(sigma=1e-2, gamma=5e-2, far=10)

    def loss(faces, colours):
        image = soft_rasterize(
            faces,
            CornerColours(colours),
            image_size=4,
            settings=settings,
            background=(0.0, 0.0, 1.0),
            path="native",
        )
        return image.alpha.sum() + image.rgb[..., 0].sum(), image

    with jax.enable_x64(True):
        gradient, image = jax.grad(loss, (0, 1), has_aux=True)(golden.TWO, golden.TWO_COLOURS)
    np.testing.assert_allclose(image.alpha, golden.TWO_ALPHA, atol=1e-6)
    np.testing.assert_allclose(np.moveaxis(image.rgb, -1, 0), golden.TWO_RGB, atol=1e-6)
    np.testing.assert_allclose(gradient[0], golden.TWO_GRADIENT, atol=1e-5)
    np.testing.assert_allclose(gradient[1][..., 0], golden.TWO_RED_GRADIENT, atol=1e-5)


@pytest.mark.parametrize("sigma", [1e-4, 1e-5])
def test_faces_smaller_than_a_pixel_draw_a_sphere_like_the_reference(sigma):
    """Many faces at few pixels each, and large ones at many: all ways through the walk."""
    sphere = golden.ellipsoid(np.array([0.4, 0.3, 0.35]), 20, 30)
    faces = np.concatenate([sphere, golden.half_plane(-0.2)]).astype(np.float32)
    draw = functools.partial(
        soft_rasterize,
        appearance=CornerColours(np.full_like(faces, 0.5)),
        image_size=(40, 70),
        settings=golden.paper(sigma=sigma),
    )
    with jax.enable_x64(True):
        expected = draw(faces.astype(float), path="dense")
    image = draw(faces, path="native")
    np.testing.assert_allclose(image.alpha, expected.alpha, atol=1e-5)  # Sigma magnifies rounding.
    np.testing.assert_allclose(image.depth, expected.depth, atol=1e-4)


@pytest.fixture(scope="module")
def hostile():
    """Images and gradients of every hostile face, alone (0) and beside a sound triangle (1)."""
    faces = np.array(list(paths.HOSTILE.values()), np.float32)[:, None]
    alone = np.repeat(faces, paths.NUM_FACES, axis=1)
    beside = alone.copy()
    beside[:, 3] = paths.TRIANGLE
    return paths.draw(np.stack([alone, beside]), paths.random_colours(*paths.BATCH), "native")


@pytest.mark.parametrize("case", paths.HOSTILE)
def test_images_and_gradients_stay_finite(case, hostile):
    for x in jax.tree.leaves(hostile):
        assert np.isfinite(x[:, list(paths.HOSTILE).index(case)]).all()


@pytest.mark.parametrize("case", paths.ABSENT)
def test_faces_that_cannot_be_drawn_leave_no_trace(case, hostile):
    image, gradient = jax.tree.map(lambda x: x[0, list(paths.HOSTILE).index(case)], hostile)
    for x in (image.alpha, image.depth, image.rgb - 1, *gradient):
        np.testing.assert_array_equal(x, 0)


def test_no_faces_at_all_show_the_background():
    empty = np.zeros((2, 0, 3, 3), np.float32)
    image = soft_rasterize(empty, CornerColours(empty), image_size=3, path="native")
    np.testing.assert_array_equal(image.rgb, np.ones((2, 3, 3, 3)))


def test_a_texture_of_one_texel_colours_everything_alike():
    texture = np.full((1, 1, 3), 0.25, np.float32)
    uvs = np.random.default_rng(0).uniform(-1, 2, (1, 3, 2)).astype(np.float32)
    image = soft_rasterize(
        golden.half_plane(-9.0).astype(np.float32),
        soft_rasterizer.UvTexture(uvs, texture),
        image_size=3,
        path="native",
    )
    np.testing.assert_allclose(image.rgb, 0.25, rtol=1e-6)


@jax.jit
def draw_alike(faces, colours):
    """Images, and gradients of a score that treats every image alike."""

    def loss(faces, colours):
        image = soft_rasterize(
            faces, CornerColours(colours), image_size=8, settings=paths.SOFT, path="native"
        )
        return sum(jnp.sum(x**2) for x in (image.rgb, image.alpha, image.depth)), image

    gradient, image = jax.grad(loss, (0, 1), has_aux=True)(faces, colours)
    return image, gradient


def test_which_thread_draws_an_image_does_not_change_a_bit(plain):
    scene = [x.reshape(-1, paths.NUM_FACES, 3, 3) for x in plain[:2]]
    first = draw_alike(*scene)
    for shift in range(5):  # Threads take images as they come: run and place make a difference.
        again = draw_alike(*(np.roll(x, shift, axis=0) for x in scene))
        for x, y in zip(jax.tree.leaves(first), jax.tree.leaves(again), strict=True):
            np.testing.assert_array_equal(np.roll(x, shift, axis=0), y)


def test_it_maps_over_batches_and_devices_it_does_not_know_of(plain):
    faces, colours, _ = plain
    expected = jax.tree.leaves(draw_alike(faces, colours))
    # Replication over devices is the trainer's: this is how it maps its step (`parallel.py`).
    for mapped in (jax.vmap(draw_alike), jax.vmap(jax.vmap(draw_alike)), jax.pmap(draw_alike)):  # noqa: TID251
        for x, y in zip(jax.tree.leaves(mapped(faces, colours)), expected, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-6)


def choose(path="auto", *, settings=paths.SOFT, dtype=FLOAT32):
    return soft_rasterizer._choose(path, settings, dtype)


def test_auto_takes_it_once_built_and_the_pure_path_for_what_it_does_not_serve(
    monkeypatch, tmp_path
):
    assert choose() == "native"
    assert choose(dtype=np.dtype("float16")) == "fast"
    assert choose(settings=paths.FULL) == "fast"
    with pytest.raises(ValueError, match="bary_grad must be False"):
        choose("native", settings=paths.FULL)
    with monkeypatch.context() as patch:
        patch.setattr(jax, "default_backend", lambda: "gpu")
        assert choose() == "fast"
    monkeypatch.setenv("JAXRELIC_CACHE", str(tmp_path))
    assert choose() == "fast"
    with pytest.raises(ValueError, match=f"not built on this machine; run `{build.COMMAND}`"):
        choose("native")


def compiler(folder, script):
    """A stand-in for the compiler that runs a shell script; $library is what it should make."""
    path = folder / "fake-c++"
    path.write_text(f'#!/bin/bash\nlibrary="${{@: -1}}"\n{script}\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("changed", ["sources", "jaxlib", "processor", "flags"])
def test_a_library_of_other_sources_or_another_machine_is_not_taken(changed, monkeypatch, library):
    other = LIBRARY
    native_library._digest.cache_clear()
    with monkeypatch.context() as patch:
        if changed == "sources":
            other = dataclasses.replace(LIBRARY, sources=("targets.cc", "kernel.h"))
        elif changed == "jaxlib":
            patch.setattr("importlib.metadata.version", lambda name: "0.0.1")
        elif changed == "processor":
            patch.setattr(native_library, "processor", lambda: "another")
        else:
            patch.setattr(native_library, "FLAGS", (*native_library.FLAGS, "-O2"))
        assert other.path().parent == library.parent
        assert other.path() != library
        assert other.registered() is None
    native_library._digest.cache_clear()
    assert LIBRARY.path() == library


def test_a_library_that_does_not_load_is_built_again(monkeypatch, tmp_path, library):
    monkeypatch.setenv("JAXRELIC_CACHE", str(tmp_path))
    monkeypatch.setenv("CXX", compiler(tmp_path, f'cp "{library}" "$library"'))
    LIBRARY.path().parent.mkdir()
    LIBRARY.path().write_text("half a library")
    assert LIBRARY.registered() is None
    path = LIBRARY.build()
    assert path.read_bytes() == library.read_bytes()
    assert [x.name for x in path.parent.iterdir()] == [path.name]


def test_what_the_compiler_complains_of_is_said_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXRELIC_CACHE", str(tmp_path))
    monkeypatch.setenv("CXX", compiler(tmp_path, "echo 'x.cc:1: error: no memory' >&2; exit 1"))
    with pytest.raises(UserError, match=r"cannot compile the native rasterizer: .*no memory"):
        LIBRARY.build()
    assert not list((tmp_path / "native").iterdir())


def test_without_a_compiler_the_command_says_so_and_exits_2(tmp_path):
    environment = os.environ | {"JAXRELIC_CACHE": str(tmp_path), "CXX": "no-such-compiler"}
    command = [sys.executable, "-m", "jaxrelic.rendering.native"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr == (
        "jaxrelic: no C++ compiler 'no-such-compiler' here; install g++, or set CXX to one\n"
    )


def test_importing_the_rasterizer_does_not_load_the_library(library):
    code = (
        "import jaxrelic.rendering.soft_rasterizer, pathlib\n"
        f"assert {library.name!r} not in pathlib.Path('/proc/self/maps').read_text()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_default_settings_are_served():
    assert native.unavailable(RasterSettings(), FLOAT32) is None

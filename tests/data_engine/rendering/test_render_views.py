"""What a render must be before it counts as done, and what is kept of it."""

import dataclasses
import hashlib

import cv2
import numpy as np
import pytest

from data_engine.errors import Refusal, UserError
from data_engine.rendering import exr, poses, views

POSES = poses.one2345().scaled(16)


def picture(number=0, colour=None, alpha=255):
    """A square relic on nothing, in random colours or one; its raw form is [16, 16, 4] uint8."""
    rgba = np.zeros((16, 16, 4), np.uint8)
    rng = np.random.default_rng(number)
    shown = rng.integers(40, 200, (8, 8, 3)) if colour is None else np.tile(colour, (8, 8, 1))
    rgba[4:12, 4:12, :3], rgba[4:12, 4:12, 3] = shown, alpha
    return rgba


def facts_of(pictures):
    return [views.describe(name, rgba) for name, rgba in zip(POSES.names, pictures, strict=True)]


def sound():
    return [picture(number) for number in range(len(POSES))]


def test_sound_views_pass():
    views.check_views(facts_of(sound()), POSES)


def spoilt(change, count=40):
    pictures = sound()
    pictures[:count] = [change(number) for number in range(count)]
    return pictures


@pytest.mark.parametrize(
    ("pictures", "complaint"),
    [
        (spoilt(lambda n: picture(n, alpha=0), 5), "only 35 of 40 views"),
        (spoilt(lambda n: np.full((16, 16, 4), 255 - n, np.uint8), 5), "only 35 of 40 views"),
        (spoilt(lambda n: picture(n, colour=(3, 2, 1))), "black"),
        (spoilt(lambda n: picture(n, colour=(90, 80, 70))), "flat colour"),
        (spoilt(lambda n: picture(n, colour=(200 - n, 20, 200 - n)), 30), "missing texture"),
        (spoilt(lambda n: picture(7), 8), "8 anchor views"),
    ],
)
def test_a_render_that_cannot_be_right_is_refused_with_its_fault(pictures, complaint):
    with pytest.raises(Refusal, match=complaint):
        views.check_views(facts_of(pictures), POSES)


def test_a_plain_vase_may_look_alike_from_all_sides_if_the_light_turns_with_the_camera():
    alike = facts_of([picture(7)] * len(POSES))
    views.check_views(alike, POSES, headlight=True)
    with pytest.raises(Refusal, match="one and the same image"):
        views.check_views(alike, POSES)


def test_a_few_poor_views_and_a_purple_relic_are_let_through():
    views.check_views(facts_of(spoilt(lambda n: picture(n, alpha=0), 4)), POSES)
    purple = spoilt(lambda n: picture(n, colour=(140 - n, 70, 150)), 30)
    views.check_views(facts_of(purple), POSES)


def test_a_relic_that_touches_the_border_is_marked_clipped():
    rgba = picture()
    assert not views.describe("view", rgba).clipped
    rgba[15, 8, 3] = 1
    assert views.describe("view", rgba).clipped


@pytest.fixture
def folder(tmp_path):
    """Files of two views, as the queue writes them."""
    rng = np.random.default_rng(0)
    for name in TWO.names:
        rgba, depth = rng.random((16, 16, 4)), rng.uniform(0.7, 1.7, (16, 16))
        depth[:4] = 0
        exr.write_exr(tmp_path / "raw.exr", rgba, depth)
        views.convert_view(tmp_path / "raw.exr", tmp_path, name, depth_m=True)
    return tmp_path


TWO = poses.sphere(2).scaled(16)


def test_exact_depth_reads_back_exactly_and_the_uint16_file_is_half_a_step_off(folder):
    _, raw = exr.read_exr(folder / "raw.exr")
    exact = views.depth_metres(folder, TWO.names[1])
    np.testing.assert_array_equal(exact, raw)
    assert exact.dtype == np.float32
    millimetres = cv2.imread(str(folder / views.depth_name(TWO.names[1])), cv2.IMREAD_UNCHANGED)
    assert np.abs(millimetres / 1000 - exact).max() <= 0.0005 + 1e-7
    np.testing.assert_array_equal(millimetres == 0, exact == 0)


def test_exact_depth_that_was_not_rendered_is_asked_for_by_its_option(tmp_path):
    with pytest.raises(UserError, match="--depth-m"):
        views.depth_metres(tmp_path, "view_000")


def test_the_digest_of_a_render_is_that_of_its_file_names_and_contents(folder):
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for view in TWO.names
        for name in views.file_names(view, depth_m=True)
    ]
    wanted = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
    assert views.check_files(folder, TWO, depth_m=True) == wanted
    assert views.check_files(folder, TWO, depth_m=False) != wanted


def remove(path):
    path.unlink()


def truncate(path):
    path.write_bytes(path.read_bytes()[:40])


def write_other_size(path):
    cv2.imwrite(str(path), np.ones((8, 8, 4), np.uint8))


def write_without_alpha(path):
    cv2.imwrite(str(path), np.ones((16, 16, 3), np.uint8))


def write_bytes_for_depth(path):
    cv2.imwrite(str(path), np.ones((16, 16), np.uint8))


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        (views.image_name, remove),
        (views.image_name, truncate),
        (views.image_name, write_other_size),
        (views.image_name, write_without_alpha),
        (views.depth_name, write_bytes_for_depth),
        (views.depth_metres_name, truncate),
        (views.depth_metres_name, remove),
    ],
)
def test_a_file_that_is_missing_or_damaged_or_of_another_kind_is_found(folder, file, damage):
    name = file(TWO.names[1])
    damage(folder / name)
    with pytest.raises(OSError, match=name):
        views.check_files(folder, TWO, depth_m=True)


def test_the_facts_of_a_view_are_plain_values():
    values = dataclasses.asdict(views.describe("view", picture()))
    assert {type(value) for value in values.values()} <= {str, float, int, bool}

"""Pictures for people: what is drawn, how grids are laid out, what a turntable shows."""

import io

import cv2
import numpy as np
import PIL.Image
import pytest

from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, meshes
from jaxrelic.viz import curves, grids, pictures, turntable

SPHERE = meshes.icosphere(3)


def camera(size=64, distance=2.0):
    cam_from_world = cameras.orbit(
        *(np.float32([x])[0, ...] for x in (0.4, 0.3, 0.0)), np.float32([0, 0, distance])
    )
    return cameras.Camera(
        cam_from_world=cam_from_world, pixel_from_cam=cameras.intrinsics(1.1 * size, size, size)
    )


def ball(**colours):
    return meshes.Mesh(vertices=0.4 * SPHERE[0], faces=SPHERE[1], **colours)


def test_plain_colours_are_shown_as_they_are():
    colours = np.tile(np.float32([0.2, 0.5, 0.9]), (len(SPHERE[0]), 1))
    drawn = pictures.draw(ball(vertex_colours=colours), camera(), size=64, shaded=False)
    np.testing.assert_allclose(drawn.rgb[32, 32], [0.2, 0.5, 0.9], atol=1e-6)
    np.testing.assert_allclose(drawn.rgb[0, 0], 1.0)
    assert drawn.depth[32, 32] == pytest.approx(1.6, abs=0.01)
    assert drawn.depth[0, 0] == 0


def test_a_texture_lands_where_its_coordinates_say():
    # Left half red, right half blue; u grows with longitude.
    texture = np.zeros((2, 8, 3), np.float32)
    texture[:, :4, 0], texture[:, 4:, 2] = 1.0, 1.0
    mesh = ball(face_uvs=meshes.sphere_uv(SPHERE[0])[SPHERE[1]], texture=texture)
    front = cameras.orbit(
        *(np.float32([x])[0, ...] for x in (-np.pi / 2, 0, 0)), np.float32([0, 0, 2])
    )
    view = cameras.Camera(cam_from_world=front, pixel_from_cam=cameras.intrinsics(70, 64, 64))
    drawn = pictures.draw(mesh, view, size=64, shaded=False)
    np.testing.assert_allclose(drawn.rgb[32, 22], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(drawn.rgb[32, 42], [0, 0, 1], atol=1e-6)


def test_light_comes_from_the_upper_left_and_shows_form_without_colour():
    drawn = pictures.draw(ball(), camera(), size=64)
    assert drawn.rgb[22, 24].sum() > 1.3 * drawn.rgb[42, 40].sum()


def test_turning_faces_inside_out_changes_nothing():
    inside_out = meshes.Mesh(vertices=0.4 * SPHERE[0], faces=SPHERE[1][:, ::-1])
    one, other = (pictures.draw(m, camera(32), size=32).rgb for m in (ball(), inside_out))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_near_is_brighter_than_far_and_the_background_white():
    depth = np.array([[0.0, 1.0], [1.5, 2.0]])
    colours = pictures.depth_colours(depth)
    np.testing.assert_array_equal(colours[0, 0], 1.0)
    brightness = colours.sum(axis=-1)
    assert brightness[0, 1] > brightness[1, 0] > brightness[1, 1]
    np.testing.assert_array_equal(pictures.depth_colours(np.zeros((2, 2))), 1.0)


def test_a_turntable_goes_around_and_keeps_the_mesh_in_the_frame():
    block = meshes.Mesh(vertices=SPHERE[0] * [0.4, 0.1, 0.2] + [5.0, 0, 0], faces=SPHERE[1])
    frames = turntable.frames(block, size=48, num_frames=4)
    covered = (frames < 1).any(axis=-1)
    edges = np.concatenate([covered[:, 0], covered[:, -1], covered[:, :, 0], covered[:, :, -1]])
    assert not edges.any()
    widths = covered.any(axis=1).sum(axis=-1)
    # Broad side, narrow side, broad, narrow: it turns by a quarter each time.
    assert abs(widths[0] - widths[2]) <= 1
    assert max(widths) > 1.5 * min(widths)


def test_a_turntable_shows_next_the_side_that_was_on_the_right():
    """The camera goes counter-clockwise seen from above, so the object turns to the left."""
    red, blue = [0.9, 0.1, 0.1], [0.1, 0.1, 0.9]
    colours = np.where(SPHERE[0][:, 1:2] > 0, [red], [blue]).astype(np.float32)
    first, second, _, last = turntable.frames(ball(vertex_colours=colours), size=32, num_frames=4)
    reddish = [frame[..., 0] > 1.5 * frame[..., 2] for frame in (first, second, last)]
    assert reddish[0][16, 22]
    assert not reddish[0][16, 10]
    assert reddish[1][16, 16]
    assert not reddish[2][16, 16]


def test_a_gif_keeps_its_frames_and_repeats_for_ever():
    frames = turntable.frames(ball(), size=24, num_frames=4)
    frames[1] *= 0.5
    with PIL.Image.open(io.BytesIO(turntable.gif_bytes(frames))) as image:
        assert image.n_frames >= 3
        assert image.info["loop"] == 0
        assert image.size == (24, 24)


def test_an_mp4_gives_back_every_frame(tmp_path):
    turntable.write_turntable(tmp_path / "ball.mp4", two_coloured(), size=48, num_frames=5)
    expected = turntable.frames(two_coloured(), size=48, num_frames=5)
    film = cv2.VideoCapture(str(tmp_path / "ball.mp4"))
    for frame in expected:
        found, read = film.read()
        assert found
        # The codec blurs edges; white stays within 3 % of white.
        difference = np.abs(read[..., ::-1] / 255 - frame)
        assert difference.mean() < 0.03
        assert np.abs(read[..., ::-1] / 255 - frame[::-1]).mean() > 2 * difference.mean()
    assert not film.read()[0]
    assert film.get(cv2.CAP_PROP_FPS) == pytest.approx(5 / (24 * 0.11), rel=0.01)
    assert [path.name for path in tmp_path.iterdir()] == ["ball.mp4"]


def two_coloured():
    """Red above, blue below: neither mirrored nor with channels exchanged the same."""
    red, blue = np.float32([0.9, 0.1, 0.1]), np.float32([0.1, 0.1, 0.9])
    return ball(vertex_colours=np.where(SPHERE[0][:, 2:] > 0, red, blue))


def test_a_gif_turns_once_in_the_time_asked_for(tmp_path):
    path = tmp_path / "ball.GIF"
    turntable.write_turntable(path, two_coloured(), size=24, num_frames=4, seconds=2.0)
    with PIL.Image.open(path) as image:
        # Frames that are the same as before are merged into longer ones.
        durations = []
        for number in range(image.n_frames):
            image.seek(number)
            durations.append(image.info["duration"])
    assert sum(durations) == 2000


@pytest.mark.parametrize(
    ("name", "size", "reason"),
    [
        ("x.webm", 24, "a turntable is one of .gif, .mp4"),
        ("x.mp4", 25, "25 px is odd, take 26"),
        ("x.gif", 0, "give positive numbers"),
    ],
)
def test_a_film_that_cannot_be_written_is_refused_with_the_remedy(name, size, reason, tmp_path):
    with pytest.raises(UserError, match=reason):
        turntable.write_turntable(tmp_path / name, ball(), size=size)
    assert not list(tmp_path.iterdir())


def test_a_grid_places_pictures_row_by_row():
    images = [np.full((2, 3, 3), value) for value in (0.0, 0.25, 0.5)]
    sheet = grids.grid(images, columns=2)
    assert sheet.shape == (4 + grids.GAP_PX, 6 + grids.GAP_PX, 3)
    assert sheet[0, 0, 0] == 0.0
    assert sheet[0, -1, 0] == 0.25
    assert sheet[-1, 0, 0] == 0.5
    assert sheet[-1, -1, 0] == 1.0


def test_png_bytes_survive_a_round_trip():
    image = np.random.default_rng(0).uniform(size=(5, 7, 3))
    read = np.asarray(PIL.Image.open(io.BytesIO(grids.png_bytes(image))))
    np.testing.assert_allclose(read / 255, image, atol=0.5 / 255)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"old")
    with pytest.raises(TypeError):
        grids.write_bytes(tmp_path / "a.txt", None)
    assert (tmp_path / "a.txt").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_curves_skip_settings_and_put_the_total_first(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        '{"step": 1, "rgb": 0.5, "loss": 2.0, "sigma": 0.1}\n'
        '{"step": 2, "loss": 0.1, "rgb": 0.4, "learning_rate": 1}\n{"step": 3, "lo'
    )
    rows = curves.read_metrics(path)
    assert [row["step"] for row in rows] == [1, 2]
    assert curves.loss_names(rows) == ["loss", "rgb"]
    assert curves.plot(rows, "png").startswith(b"\x89PNG")
    assert b"<svg" in curves.plot(rows, "svg")


def test_no_rows_are_no_curves():
    with pytest.raises(ValueError, match="no losses"):
        curves.plot([])

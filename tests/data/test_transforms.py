import cv2
import numpy as np
import pytest

from jaxrelic.data import posed_view, synthetic, transforms
from jaxrelic.geometry import cameras, image_crops

RELIC = synthetic.SyntheticRelics(num_relics=2, num_views=4, image_size=96)


@pytest.fixture(params=[0, 1], ids=["ellipsoid", "box"])
def record(request):
    return RELIC[request.param]


def project(view, point):
    camera = cameras.Camera(view.cam_from_world, view.pixel_from_cam)
    uv, depth = cameras.project(camera, np.float32(point)[None])
    return np.asarray(uv[0]), float(depth[0])


def test_the_camera_follows_crop_and_resize(record):
    """A known world point moves by exactly the crop's shift and scale."""
    view = posed_view.decode_view(record, 1)
    before, _ = project(view, [0.1, -0.05, 0.2])
    after, _ = project(posed_view.resize(posed_view.crop(view, -7, 11, 60), 32), [0.1, -0.05, 0.2])
    np.testing.assert_allclose(after, (before - [-7, 11]) * 32 / 60, atol=1e-4)


def test_pixels_follow_the_camera_through_crop_and_resize(record):
    """Surface points seen by the camera lie inside the cropped mask, at the depth stored there."""
    view = posed_view.decode_view(record, 2)
    square = image_crops.object_square(view.rgba[..., 3], 1.2)
    cut = posed_view.crop(view, *image_crops.whole_square(*square))
    small = posed_view.resize(cut, 40)
    rays = np.linalg.inv(view.cam_from_world)[:3, 3] - record["points"]
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    facing = np.sum(record["normals"] * rays, axis=-1) > 0.3  # Both shapes are convex.
    camera = cameras.Camera(small.cam_from_world, small.pixel_from_cam)
    uv, depth = cameras.project(camera, record["points"][facing])
    columns, rows = np.floor(np.asarray(uv)).astype(int).T
    assert np.mean(small.rgba[rows, columns, 3] > 0.3) > 0.99
    assert np.median(np.abs(small.depth[rows, columns] - depth)) < 0.005


def test_a_crop_beyond_the_image_is_transparent_there():
    view = posed_view.decode_view(RELIC[0], 0)
    cut = posed_view.crop(view, -10, -20, 140)
    assert cut.rgba.shape == (140, 140, 4)
    np.testing.assert_array_equal(cut.rgba[20:116, 10:106], view.rgba)
    assert cut.rgba.sum() == pytest.approx(view.rgba.sum())


def test_transparent_colour_does_not_bleed_into_a_smaller_image():
    """Straight alpha hides colours under alpha 0; averaging must not bring them back."""
    bgra = np.zeros((8, 8, 4), np.uint8)
    bgra[..., 2] = 255  # Red everywhere, hidden on the left half but for three columns.
    bgra[:, :3, :3] = [255, 0, 0]
    bgra[:, 3:, 3] = 255
    png = cv2.imencode(".png", bgra)[1].tobytes()
    depth = cv2.imencode(".png", np.zeros((8, 8), np.uint16))[1].tobytes()
    record = {"rgba": [png], "depth_mm": [depth], "cam_from_world": [np.eye(4)]}
    view = posed_view.decode_view(record | {"pixel_from_cam": [np.eye(3)]}, 0)
    small = posed_view.resize(view, 2).rgba
    np.testing.assert_allclose(small[0, 0], [0.25, 0, 0, 0.25], atol=1e-6)


def test_depth_is_picked_not_averaged():
    view = posed_view.View(
        rgba=np.ones((4, 4, 4), np.float32),
        depth=np.float32([[0, 0, 1, 1], [0, 0, 1, 1], [1, 2, 1, 2], [2, 1, 2, 1]]),
        cam_from_world=np.eye(4, dtype=np.float32),
        pixel_from_cam=np.eye(3, dtype=np.float32),
    )
    assert set(np.unique(posed_view.resize(view, 2).depth)) <= {0, 1, 2}


def test_every_alpha_multiplies_its_colour_and_hides_it_when_zero():
    rng = np.random.default_rng(0)
    rgba = rng.integers(0, 256, (16, 16, 4), np.uint8)
    rgba[..., 3] = np.arange(256).reshape(16, 16)
    png = cv2.imencode(".png", rgba[..., [2, 1, 0, 3]])[1].tobytes()
    depth = cv2.imencode(".png", np.zeros((16, 16), np.uint16))[1].tobytes()
    poses = {"cam_from_world": np.eye(4)[None], "pixel_from_cam": np.eye(3)[None]}
    view = posed_view.decode_view({"rgba": [png], "depth_mm": [depth], **poses}, 0)
    floats = rgba.astype(np.float32) / 255
    np.testing.assert_array_equal(view.rgba[..., 3], floats[..., 3])
    np.testing.assert_array_equal(view.rgba[..., :3], floats[..., :3] * floats[..., 3:])


def test_jitter_moves_a_crop_as_far_across_as_down_and_each_by_itself():
    alpha = np.zeros((200, 200, 4), np.float32)
    alpha[60:140, 60:140] = 1
    view = posed_view.View(
        rgba=alpha,
        depth=np.zeros((200, 200), np.float32),
        cam_from_world=np.eye(4, dtype=np.float32),
        pixel_from_cam=np.eye(3, dtype=np.float32),
    )
    rng = np.random.default_rng(0)
    shifted = transforms.CropInput(margin=1.2, jitter=0.2)
    middles = []
    for _ in range(200):
        cut = shifted.random_map({"input": view}, rng)["input"]
        # Where the crop's own middle is in the photograph.
        middles.append(0.5 * len(cut.rgba) - cut.pixel_from_cam[:2, 2])
    across, down = np.transpose(middles)
    assert abs(np.corrcoef(across, down)[0, 1]) < 0.2
    np.testing.assert_allclose([across.std(), down.std()], 0.2 * 96 / np.sqrt(3), rtol=0.15)
    np.testing.assert_allclose([across.mean(), down.mean()], 100, atol=2.5)

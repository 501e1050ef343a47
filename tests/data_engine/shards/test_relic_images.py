"""How a render becomes a small photograph; the data set itself is tested in test_shards."""

import numpy as np
import pytest

from data_engine.rendering.poses import ring
from data_engine.shards import relic_images
from jaxrelic.geometry import cameras, image_crops


def reduced(rgba, size):
    """Of straight alpha."""
    return relic_images.reduce_view(image_crops.premultiplied(rgba[..., [2, 1, 0, 3]]), size)


def test_black_and_white_average_to_half_the_light_not_half_the_code():
    board = np.indices((128, 128)).sum(axis=0) % 2 * 255
    rgba = np.stack([board, board, board, np.full_like(board, 255)], axis=-1).astype(np.uint8)
    image, mask = reduced(rgba, 64)
    np.testing.assert_array_equal(image, 188)  # 0.5 of the light
    np.testing.assert_array_equal(mask, 255)


@pytest.mark.parametrize("size", [64, 16])
def test_an_even_tone_keeps_its_code(size):
    rgba = np.full((64, 64, 4), 255, np.uint8)
    rgba[..., :3] = (128, 60, 200)
    image, _ = reduced(rgba, size)
    np.testing.assert_array_equal(image, np.broadcast_to((128, 60, 200), image.shape))


def test_colour_counts_by_its_alpha_and_the_rest_is_white():
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = (255, 0, 0, 255)
    rgba[0, 1] = (0, 255, 0, 0)  # transparent green must not show
    image, mask = reduced(rgba, 1)
    assert mask[0, 0] == round(255 / 4)
    # A quarter red, three quarters white, mixed as a drawing is laid over its background.
    np.testing.assert_array_equal(image[0, 0], (255, 191, 191))


def test_a_transparent_view_is_white_and_keeps_its_frame():
    empty = np.zeros((40, 40, 4), np.uint8)
    square = image_crops.object_square(empty[..., 3], relic_images.CROP_MARGIN)
    assert image_crops.whole_square(*square) == (0, 0, 40)
    image, mask = reduced(empty, 8)
    assert (image == 255).all()
    assert not mask.any()


@pytest.mark.parametrize(("rows", "columns"), [((10, 30), (12, 22)), ((0, 9), (30, 40))])
def test_the_square_holds_the_relic_in_its_middle(rows, columns):
    alpha = np.zeros((40, 40), np.float32)
    alpha[slice(*rows), slice(*columns)] = 1
    square = image_crops.object_square(alpha, relic_images.CROP_MARGIN)
    left, top, side = image_crops.whole_square(*square)
    assert left < columns[0] < columns[1] < left + side
    assert top < rows[0] < rows[1] < top + side
    assert side == round(1.2 * max(rows[1] - rows[0], columns[1] - columns[0]))
    np.testing.assert_allclose((2 * left + side, 2 * top + side), (sum(columns), sum(rows)), atol=1)


def test_a_point_seen_in_the_render_is_at_the_same_spot_of_the_photograph(
    rendered_workspace, tmp_path
):
    poses = ring(3, 20.0).scaled(96)
    workspace = rendered_workspace(tmp_path, poses, "0123456789ab", ("cup",))
    source = source_of(workspace, poses)
    for _, record in relic_images.all_views(source, source.relics[0]):
        index = poses.names.index(record["view_name"])
        left, top, right, bottom = record["crop"]
        point = np.array([[0.05, -0.1, 0.2]], np.float32)
        pose = record["cam_from_world"]
        whole, _ = cameras.project(
            cameras.Camera(cam_from_world=pose, pixel_from_cam=np.float32(poses.pixel_from_cam)),
            point,
        )
        small, _ = cameras.project(
            cameras.Camera(cam_from_world=pose, pixel_from_cam=record["pixel_from_cam"]), point
        )
        assert right - left == bottom - top
        expected = (np.asarray(whole[0]) - (left, top)) * 64 / (right - left)
        np.testing.assert_allclose(small[0], expected, atol=1e-3)
        np.testing.assert_allclose(pose, poses.cam_from_world()[index], atol=1e-6)


def source_of(workspace, poses):
    from data_engine.catalog.catalog import Catalog
    from data_engine.shards.source import ShardSource

    with Catalog(workspace.catalog_path) as catalog:
        relics = tuple(catalog.relics())
    return ShardSource(
        workspace=workspace,
        render_id="0123456789ab",
        poses=poses,
        relics=relics,
        split_of={relic.uid: "train" for relic in relics},
        split_rule="all train",
    )


def test_the_view_that_stands_for_a_relic_is_useful_and_follows_from_the_uid():
    facts = [{"coverage": c} for c in (0.0, 0.3, 0.99, 0.4, 0.0)]
    chosen = {relic_images.chosen_view(f"uid-{i}", facts) for i in range(50)}
    assert chosen == {1, 3}
    assert relic_images.chosen_view("a", [{"coverage": 0.0}] * 3) in range(3)

"""A tiny network with random weights: enough to be saved, loaded and applied."""

import jax
import numpy as np
import pytest

from jaxrelic.inference.msrn import MsrnPredictor
from jaxrelic.models.msrn.model import MsrnConfig, abstract_variables
from jaxrelic.photos.photo import Preprocessing

TINY = MsrnConfig(
    shared_encoder=True,
    encoder_widths=(4, 8),
    encoder_blocks=1,
    shape_code=4,
    texture_code=8,
    shape_milestones=((0, 2), (10, 4)),
    texture_milestones=((0, 8),),
    icosphere_level=1,
    field_units=8,
    texture_size=8,
    texture_min_channels=4,
)
PREPROCESSING = Preprocessing(image_size=32, crop_margin=1.2, background=(1.0, 1.0, 1.0))


def random_variables(config, side):
    """Small weights without compiling an initialiser; batch norm starts as the identity."""
    rng = np.random.default_rng(0)

    def draw(path, shape):
        if path[0].key == "batch_stats":
            return np.full(shape.shape, float(path[-1].key == "var"), shape.dtype)
        return rng.normal(scale=0.1, size=shape.shape).astype(shape.dtype)

    return jax.tree_util.tree_map_with_path(draw, dict(abstract_variables(config, side)))


@pytest.fixture(scope="session")
def predictor():
    return MsrnPredictor(
        config=TINY,
        preprocessing=PREPROCESSING,
        variables=random_variables(TINY, PREPROCESSING.image_size),
        shape_size=2,
        texture_size=8,
    )


@pytest.fixture
def disc_photo(tmp_path):
    """A red disc on a transparent ground, off centre."""
    import PIL.Image

    rows, columns = np.mgrid[:60, :80]
    inside = (rows - 25) ** 2 + (columns - 50) ** 2 < 15**2
    rgba = np.zeros((60, 80, 4), np.uint8)
    rgba[inside] = [200, 30, 20, 255]
    path = tmp_path / "disc.png"
    PIL.Image.fromarray(rgba).save(path)
    return path


class ClosedField:
    """A field of distance and colour with a formula instead of a network, in the default cube."""

    def __init__(self, distances, *, views=None, view_colours=None, cube=None, known=None):
        from jaxrelic.models.one2345 import frame

        self.distances = distances
        self.views = views
        self.view_colours = view_colours
        self.cube = frame.object_cube() if cube is None else cube
        self._known = known or (lambda points: np.ones(len(points), bool))

    def known(self, points):
        return self._known(points)

    def normals(self, points):
        step = 1e-3 * np.eye(3)
        slopes = [self.distances(points + d) - self.distances(points - d) for d in step]
        slope = np.stack(slopes, axis=-1)
        return np.float32(slope / np.linalg.norm(slope, axis=-1, keepdims=True))

    def colours(self, points, normals, *, hidden=None):
        """The mean of the views' colours; of the point's position, if views have none."""
        count = len(self.views)
        visible = np.ones((count, len(points)), bool) if hidden is None else ~hidden
        if self.view_colours is None:
            return np.float32((points + 1) / 2), visible
        weight = visible / np.maximum(visible.sum(axis=0), 1)
        return np.float32(weight.T @ self.view_colours), visible


@pytest.fixture(scope="session")
def closed_field():
    return ClosedField


@pytest.fixture(scope="session")
def ring_of_views():
    """Makes cameras around a mesh (vertices, faces) and its exact masks in them."""
    from jaxrelic.data.view_sets.posed_views import PosedViews
    from jaxrelic.geometry import cameras, z_buffer

    def make(vertices, faces, *, azimuths_deg, elevation_deg=0.0, size=64):
        count = len(azimuths_deg)
        camera = cameras.Camera(
            cam_from_world=np.asarray(
                cameras.orbit(
                    np.float32(np.deg2rad(azimuths_deg)),
                    np.full(count, np.deg2rad(elevation_deg), np.float32),
                    np.zeros(count, np.float32),
                    np.tile(np.float32([0, 0, 1.2]), (count, 1)),
                )
            ),
            pixel_from_cam=np.tile(cameras.intrinsics(1.1 * size, size, size), (count, 1, 1)),
        )
        uv, depth = cameras.project(camera, np.float32(vertices)[None])
        masks = [
            z_buffer.rasterize(np.asarray(a), np.asarray(b), faces, height=size, width=size).mask
            for a, b in zip(uv, depth, strict=True)
        ]
        mask = np.float32(masks)
        return PosedViews(
            rgb=np.repeat(1 - mask[..., None], 3, axis=-1),
            mask=mask,
            camera=camera,
            names=tuple(f"view_{k}.png" for k in range(count)),
        )

    return make


@pytest.fixture(scope="session")
def one2345_predictor():
    """A tiny One-2-3-45 with random weights whose zero set is somewhere in the cube."""
    from jaxrelic.inference.one2345 import One2345Predictor
    from jaxrelic.models.one2345 import convert
    from jaxrelic.models.one2345.config import One2345Config

    config = One2345Config(
        volume_size=8,
        hidden=16,
        coarse_samples=8,
        fine_samples=8,
        fine_rounds=1,
        min_ray_samples=2,
        smooth_volume=False,  # Of random weights it would leave next to nothing to look at.
    )
    rng = np.random.default_rng(0)
    shapes = convert.abstract_variables(config)
    variables = jax.tree.map(lambda x: 0.2 * rng.normal(size=x.shape).astype(x.dtype), shapes)
    variables["params"]["sdf_network"]["layer_2"]["bias"][0] = -0.1
    variables["params"]["log_sharpness"] = np.float32(0.3)
    return One2345Predictor(
        config=config, image_size=24, num_sources=4, variables=variables, points_per_block=1000
    )

"""Where pixels are, in closed form."""

import numpy as np

from jaxrelic.rendering.soft import fragments


def test_pixel_centres_are_the_middles_of_equal_squares_that_fill_the_image():
    centres = fragments.pixel_centres(2, 4)
    assert centres.shape == (2, 4, 2)
    np.testing.assert_allclose(centres[0, :, 0], [-0.75, -0.25, 0.25, 0.75])
    np.testing.assert_allclose(centres[:, 1, 1], [0.25, -0.25])  # Rows from the top, y up

"""Every reconstruction number of specification one2345 F, in float64 and in float32."""

import numpy as np
import pytest

TOLERANCE = {np.float64: 1e-6, np.float32: 1e-3}

# Mean, population standard deviation, first three, last.
SUMMARIES = {
    "images": (0.500058838, 0.353526622, (0.5, 0.599334665, 0.694709171), 0.121453655),
    "f2": (0.002401514, 0.271761877, (0.23076899, 0.244566374, 0.343108995), -0.444207562),
    "f1": (-0.000087717, 0.086212917, (0.019051819, 0.054275032, -0.037242374), -0.035454639),
    "f0": (0.009064133, 0.081438672, (-0.12535364, -0.003690125, -0.012363001), 0.032981848),
    "fused": (0.002666011, 0.211945992, (0.23076899, 0.233884529, 0.237000067), 0.032981848),
    "compressed": (0.347758602, 0.544238147, (0.525581741, -0.003104276, 0.05362541), 0.473941437),
    "samples": (0.291307201, 0.439887111, (-0.01492594, 1.028467378, 0.782094848), 0.674292910),
    "cost": (0.240123752, 0.293207562, (0.282617435, 0.272421317, 0.010262418), 0.347236600),
    "volume": (0.146521803, 0.473838932, (0, 0, 0), 0),
    "feature": (0.000707964, 0.331743587, (0.288714619, 0.343111091, 0.239726012), None),
    "latent": (0.368547974, 0.367882882, (0.771333554, 0.803161439, 1.062107326), None),
    "view features": (0.018692070, 0.213738631, (0.607559994, 0.750510428, 0.022990375), None),
    "angles": (-0.088663894, 0.584215661, (-0.707106781, -0.707106781, 0), 0.710377240),
}
VALUES = {
    "sdf": (0.007933861, -0.122271026, 0.034652868, -0.005327344),
    "colour": (
        (0.836275237, 0.362181889, 0.366977181),
        (0.579548651, 0.486591902, 0.417002148),
        (0.127081626, 0.494067846, 0.857084713),
        (0.20496144, 0.139428776, 0.182817479),
    ),
}
RAYS = {
    0.0: {
        "depth": (0.7863941, 0.92421519, 0.7638084, 1.24172384),
        "opacity": (0.73534817, 0.84271002, 0.99125634, 0.90534658),
        "first": (0.61704889, 0.46897997, 0.68330251),
        "last": (0.46756042, 0.53514492, 0.66810621),
    },
    1.0: {
        "depth": (0.88858663, 1.0919877, 0.75046722, 1.15389469),
        "opacity": (0.81405113, 0.83920212, 0.99607219, 0.85771619),
        "first": (0.59030035, 0.41723978, 0.65343104),
        "last": (0.51026759, 0.5272473, 0.71983457),
    },
}


def in_torch_order(name, found):
    """The array as the specification flattens it."""
    active = found["scene"].active
    if name == "cost":
        return found["cost"][active]
    if name == "samples":
        return np.swapaxes(found["samples"][:, active.reshape(-1)], 0, 1)
    if name == "volume":
        return np.moveaxis(found["scene"].volume, -1, 0)
    if name in ("images", "f2", "f1", "f0", "fused", "compressed"):
        return np.moveaxis(found[name], -1, 1)
    return found[name]


@pytest.mark.parametrize("name", SUMMARIES)
def test_arrays_agree_with_the_original(conformance, name):
    dtype, found = conformance
    mean, deviation, first, last = SUMMARIES[name]
    array = in_torch_order(name, found)
    assert array.dtype == dtype
    got = [array.mean(), array.std(), *array.reshape(-1)[:3]]
    np.testing.assert_allclose(got, [mean, deviation, *first], atol=TOLERANCE[dtype])
    if last is not None:
        np.testing.assert_allclose(array.reshape(-1)[-1], last, atol=TOLERANCE[dtype])


def test_active_voxels_are_those_two_views_see(conformance):
    _, found = conformance
    index = np.argwhere(found["scene"].active)
    assert len(index) == 95
    assert index.min(axis=0).tolist() == [0, 1, 0]
    assert index.max(axis=0).tolist() == [6, 6, 5]


@pytest.mark.parametrize("name", VALUES)
def test_points_agree_with_the_original(conformance, name):
    dtype, found = conformance
    np.testing.assert_allclose(found[name], VALUES[name], atol=TOLERANCE[dtype])


def test_normals_and_vertex_colours_agree_with_the_original(conformance):
    dtype, found = conformance
    expected = (-1.927526731, -0.897595168, -2.2174792)
    np.testing.assert_allclose(found["gradient"][1], expected, rtol=TOLERANCE[dtype])
    expected = [
        (0.836203633, 0.362274647, 0.366911986),
        (0.579785238, 0.48641492, 0.41691424),
    ]
    np.testing.assert_allclose(found["vertex colour"][:2], expected, atol=TOLERANCE[dtype])
    assert found["visible"].astype(int).tolist() == [[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 0, 0]]


@pytest.mark.parametrize("anneal", RAYS)
def test_rendered_rays_agree_with_the_original(conformance, anneal):
    dtype, found = conformance
    drawn, expected = found[f"rays at anneal {anneal}"], RAYS[anneal]
    for name in ("depth", "opacity"):
        np.testing.assert_allclose(getattr(drawn, name), expected[name], atol=TOLERANCE[dtype])
    np.testing.assert_allclose(drawn.rgb[0], expected["first"], atol=TOLERANCE[dtype])
    np.testing.assert_allclose(drawn.rgb[3], expected["last"], atol=TOLERANCE[dtype])
    assert drawn.valid.all()
    eikonal = drawn.gradient_error.sum() / (drawn.inside.sum() + 1e-5)
    np.testing.assert_allclose(eikonal, 3.60757, rtol=max(TOLERANCE[dtype], 2e-6))

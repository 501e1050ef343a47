"""The dense form against the sparse rules of specification one2345 C.8, site by site."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrelic.models.one2345 import regularization

OFFSETS = list(itertools.product((-1, 0, 1), repeat=3))


def sparse_sites(rng, size):
    """About two thirds of the voxels; the first plane, and two along another axis, are empty."""
    sites = rng.random((size, size, size)) < 0.65
    sites[0] = False
    sites[:, :2] = False
    return sites


def literal_coarse(fine):
    """Coordinates of the next level by the rule of torchsparse, from a list of coordinates."""
    least = np.min(fine, axis=0)
    found = set()
    for site, offset in itertools.product(fine, OFFSETS):
        q = np.add(site, offset)
        if np.all(q % 2 == 0) and np.all(q >= least):
            found.add(tuple(q // 2))
    return found


@pytest.mark.parametrize("size", [6, 7])
def test_coarse_sites_follow_the_rule_of_the_sparse_library(size):
    sites = sparse_sites(np.random.default_rng(size), size)
    for _ in range(2):
        coarse = regularization.coarser_sites(sites, bounded_below=True)
        literal = literal_coarse(np.argwhere(sites))
        assert coarse.shape == (sites.shape[0] // 2 + 1,) * 3
        assert {tuple(site) for site in np.argwhere(coarse)} == literal
        free = regularization.coarser_sites(sites, bounded_below=False)
        assert np.all(free | ~coarse)
        sites = np.asarray(coarse)


def test_a_full_volume_halves_to_one_site_more_than_its_half():
    sites = jnp.ones((96, 96, 96), bool)
    sizes = []
    for _ in range(3):
        sites = regularization.coarser_sites(sites, bounded_below=True)
        assert jnp.all(sites)
        sizes.append(sites.shape[0])
    assert sizes == [49, 25, 13]


@pytest.mark.parametrize("size", [6, 7])
@pytest.mark.parametrize("rows_from", [0, 99], ids=["rows", "direct"])
def test_convolutions_sum_over_the_neighbours_that_exist(size, rows_from, monkeypatch):
    monkeypatch.setattr(regularization, "LARGE_GRID", rows_from)
    rng = np.random.default_rng(size)
    sites = sparse_sites(rng, size)
    coarse = np.asarray(regularization.coarser_sites(sites, bounded_below=True))
    x = rng.normal(size=(size, size, size, 2)).astype(np.float32) * sites[..., None]
    y = rng.normal(size=(*coarse.shape, 2)).astype(np.float32) * coarse[..., None]
    kernel = rng.normal(size=(3, 3, 3, 2, 3)).astype(np.float32)
    found = {
        "same": regularization.convolve_same(x, kernel, sites.shape),
        "down": regularization.convolve_down(x, kernel, coarse.shape),
        "up": regularization.convolve_up(y, kernel, sites.shape),
    }
    same, down, up = (np.zeros(array.shape) for array in found.values())
    for offset in OFFSETS:
        weight = kernel[tuple(np.add(offset, 1))]
        for p in map(tuple, np.argwhere(sites)):
            site = tuple(np.subtract(p, offset))
            if min(site) >= 0 and max(site) < size:
                same[site] += x[p] @ weight
            if min(site) >= 0 and not np.any(np.mod(site, 2)):
                down[tuple(np.floor_divide(site, 2))] += x[p] @ weight
        for q in map(tuple, np.argwhere(coarse)):
            site = tuple(np.add(np.multiply(q, 2), offset))
            if min(site) >= 0 and max(site) < size:
                up[site] += y[q] @ weight
    for name, expected in {"same": same, "down": down, "up": up}.items():
        np.testing.assert_allclose(found[name], expected, atol=1e-4, err_msg=name)


def test_inactive_voxels_do_not_reach_the_result(quick_jit):
    rng = np.random.default_rng(0)
    sites = sparse_sites(rng, 6)
    cost = rng.normal(size=(6, 6, 6, 4)).astype(np.float32) * sites[..., None]
    network = regularization.Regularization("batch", True)
    variables = quick_jit(network.init)(jax.random.key(0), cost, sites)
    found = quick_jit(network.apply)(variables, cost, sites)
    assert not np.any(np.asarray(found)[~sites])
    assert np.any(np.asarray(found)[sites])

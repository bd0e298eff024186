"""The Matérn-5/2 kernel against other implementations, and its slope against differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tuneplug.surrogate.kernels import matern52, squared_distances

RNG = np.random.default_rng(0)
A, B = RNG.random((13, 4)), RNG.random((7, 4))


def test_squared_distances_are_scipys():
    # the expansion |a|² + |b|² - 2ab loses one rounding of numbers of size 4
    np.testing.assert_allclose(squared_distances(A, B), cdist(A, B, "sqeuclidean"), atol=1e-14)


def test_squared_distances_are_never_negative():
    near = A + 1e-9 * RNG.standard_normal(A.shape)
    assert squared_distances(1e3 * A, 1e3 * near).min() >= 0.0


def test_squared_distances_without_columns_are_zero():
    assert squared_distances(np.empty((3, 0)), np.empty((2, 0))).tolist() == [[0.0, 0.0]] * 3


@pytest.mark.parametrize("lengthscale", [0.1, 1.0, 10.0])
def test_kernel_is_the_matern_formula(lengthscale):
    r = math.sqrt(5.0) * cdist(A, B) / lengthscale
    k, _ = matern52(squared_distances(A / lengthscale, B / lengthscale), 1.0)
    # The expansion of r² keeps twelve digits.
    np.testing.assert_allclose(k, (1.0 + r + r**2 / 3.0) * np.exp(-r), rtol=1e-10)


@pytest.mark.parametrize("amplitude", [0.01, 1.0, 100.0])
def test_at_distance_zero_the_kernel_is_the_amplitude(amplitude):
    k, slope = matern52(np.zeros(1), amplitude)
    assert k.tolist() == [amplitude]
    assert slope == pytest.approx(-5.0 / 6.0 * amplitude, rel=1e-15)


def test_far_away_the_kernel_is_zero():
    k, slope = matern52(np.array([1e6]), 1.0)
    assert k.tolist() == slope.tolist() == [0.0]


def test_slope_matches_central_differences():
    r2 = np.logspace(-2, 1.5, 30)
    h = 1e-5 * r2
    _, slope = matern52(r2, 2.0)
    difference = (matern52(r2 + h, 2.0)[0] - matern52(r2 - h, 2.0)[0]) / (2 * h)
    # truncation (1e-5)², and k's rounding divided by h
    np.testing.assert_allclose(slope, difference, rtol=1e-7)


def test_kernel_falls_with_distance_and_is_linear_in_the_amplitude():
    r2 = np.linspace(0, 9, 100)
    k, slope = matern52(r2, 3.0)
    assert np.all(np.diff(k) < 0)
    assert np.all(slope < 0)
    np.testing.assert_allclose(k, 3.0 * matern52(r2, 1.0)[0], rtol=1e-15)


def test_kernel_matrices_are_positive_definite():
    k, _ = matern52(squared_distances(A, A), 1.0)
    assert np.linalg.eigvalsh(k).min() > 0


def test_matches_the_formula_at_one_lengthscale():
    expected = (1 + math.sqrt(5) + 5 / 3) * math.exp(-math.sqrt(5))
    assert matern52(np.ones(1), 1.0)[0][0] == pytest.approx(expected, rel=1e-15)

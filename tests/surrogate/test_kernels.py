"""The Matérn-5/2 kernel agrees with other implementations, its derivative with differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tuneplug.surrogate.kernels import (
    ColumnLayout,
    CubeKernel,
    Hyperparameters,
    matern52,
    squared_distances,
)

RNG = np.random.default_rng(0)
A, B = RNG.random((13, 4)), RNG.random((7, 4))


def test_squared_distances_equal_those_of_scipy():
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


def test_derivative_matches_central_differences():
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


# ------------------------------------------------------------------------------------ cube kernel


def cube_kernel(*, a=1.0, b=1.0):
    """Return a kernel of three ordered columns and a categorical one of two categories."""
    layout = ColumnLayout(np.array([0, 1, 3]), ((2, 2),))
    lengthscales = np.array([0.3, 0.5, 2.0, 0.7])
    return CubeKernel(
        layout, Hyperparameters(lengthscales, 1.7, 1e-3, 0.0, np.full(3, a), np.full(3, b))
    )


def test_shapes_of_one_leave_the_ordered_columns_exactly_as_they_are():
    U = np.random.default_rng(0).random((9, 4))
    Z = cube_kernel().embed(U)
    np.testing.assert_array_equal(Z[:, :3], U[:, [0, 1, 3]] / np.array([0.3, 0.5, 2.0]))


def test_points_that_differ_in_a_category_alone_are_one_lengthscale_apart():
    Z = cube_kernel().embed(np.array([[0.1, 0.2, 0.25, 0.4], [0.1, 0.2, 0.75, 0.4]]))
    assert squared_distances(Z, Z)[0, 1] == pytest.approx(1.0 / 0.7**2, rel=1e-12)


def test_the_matrix_of_points_with_themselves_has_an_exact_diagonal():
    kernel = cube_kernel(a=0.5, b=2.0)
    Z = kernel.embed(np.random.default_rng(0).random((20, 4)))
    k, dk_dr2 = kernel.matrix(Z, Z)
    assert np.diag(k).tolist() == [1.7] * 20
    np.testing.assert_allclose(np.diag(dk_dr2), -5.0 / 6.0 * 1.7, rtol=1e-15)
    # the diagonal is set to 0 exactly, and the rest differs by the rounding of r² at most
    np.testing.assert_allclose(k, kernel.matrix(Z, Z.copy())[0], atol=1e-13)


def test_the_derivative_of_the_embedding_matches_central_differences():
    kernel, h = cube_kernel(a=0.5, b=2.0), 1e-6
    U = np.random.default_rng(0).uniform(0.1, 0.9, (9, 4))
    for i, column in enumerate(kernel.layout.ordered):
        step = h * np.eye(4)[column]
        difference = (kernel.embed(U + step) - kernel.embed(U - step))[:, i] / (2 * h)
        # rounding over h
        np.testing.assert_allclose(kernel.embedding_derivative(U)[:, i], difference, rtol=1e-8)

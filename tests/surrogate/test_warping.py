"""The Kumaraswamy warp keeps both ends, inverts, and is the identity at a = b = 1."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneplug.surrogate.warping import (
    BOUNDS,
    EDGE,
    kumaraswamy,
    kumaraswamy_derivative,
    kumaraswamy_inverse,
    kumaraswamy_shape_gradients,
)

SETTINGS = settings(deadline=None, derandomize=True)
shapes = st.floats(*BOUNDS)
CORNERS = [(a, b) for a in (*BOUNDS, 1.0) for b in (*BOUNDS, 1.0)]
EPS = np.finfo(float).eps


def warp(u, a, b):
    return kumaraswamy(np.asarray(u, dtype=float), np.asarray(a), np.asarray(b))


def unwarp(w, a, b):
    return kumaraswamy_inverse(np.asarray(w, dtype=float), np.asarray(a), np.asarray(b))


@SETTINGS
@given(u=st.floats(0.0, 1.0), a=shapes, b=shapes)
def test_round_trip(u, a, b):
    # w is known to one part in 2**53 of 1, which the inverse magnifies by 1 / (dw/du).
    slope = kumaraswamy_derivative(np.array(u), np.array(a), np.array(b))
    # Inside the last 1e-3 a flat end is worse than its slope says; the next test has the ends.
    if 1e-3 <= u <= 1.0 - 1e-3:
        back = unwarp(warp(u, a, b), a, b)
        assert back == pytest.approx(u, abs=4.0 * EPS * (1.0 + 1.0 / slope))


@pytest.mark.parametrize(("a", "b"), CORNERS)
def test_both_ends_are_exact_both_ways(a, b):
    assert warp([0.0, 1.0], a, b).tolist() == [0.0, 1.0]
    assert unwarp([0.0, 1.0], a, b).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(("a", "b"), CORNERS)
def test_small_values_keep_their_digits(a, b):
    u = 10.0 ** np.arange(-15.0, -1.0)
    # Relative, not absolute: u**a and expm1 lose nothing near 0.
    np.testing.assert_allclose(unwarp(warp(u, a, b), a, b), u, rtol=1e-13)


def test_unit_shape_is_no_warp():
    u = np.linspace(0.0, 1.0, 1001)
    np.testing.assert_allclose(warp(u, 1.0, 1.0), u, atol=2 * EPS)
    slope = kumaraswamy_derivative(u, np.array(1.0), np.array(1.0))
    np.testing.assert_array_equal(slope, 1.0)


@pytest.mark.parametrize(("a", "b"), CORNERS)
def test_matches_the_formula(a, b):
    u = np.linspace(0.0, 1.0, 101)
    # Where 1 - u**a is small, its fourth root magnifies one rounding of 1.
    np.testing.assert_allclose(warp(u, a, b), 1.0 - (1.0 - u**a) ** b, atol=1e-12)


@pytest.mark.parametrize(("a", "b"), CORNERS)
def test_strictly_increasing(a, b):
    assert np.all(np.diff(warp(np.linspace(0.0, 1.0, 201), a, b)) > 0)


def test_shapes_below_one_stretch_their_end():
    # More than half of the warped axis for the first, or the last, tenth of the range.
    assert warp(0.1, 0.25, 1.0) > 0.5
    assert warp(0.9, 1.0, 0.25) < 0.5


@pytest.mark.parametrize(("a", "b"), CORNERS)
def test_gradients_match_central_differences(a, b):
    u = np.linspace(0.02, 0.98, 49)
    h = 1e-5
    d_u = kumaraswamy_derivative(u, np.array(a), np.array(b))
    d_ln_a, d_ln_b = kumaraswamy_shape_gradients(u, np.array(a), np.array(b))
    up, down = math.exp(h), math.exp(-h)
    # Truncation is h² times a third derivative of at most 1e4 here.
    tolerance = {"rtol": 1e-6, "atol": 1e-9}
    np.testing.assert_allclose(d_u, (warp(u + h, a, b) - warp(u - h, a, b)) / (2 * h), **tolerance)
    by_a = (warp(u, a * up, b) - warp(u, a * down, b)) / (2 * h)
    np.testing.assert_allclose(d_ln_a, by_a, **tolerance)
    by_b = (warp(u, a, b * up) - warp(u, a, b * down)) / (2 * h)
    np.testing.assert_allclose(d_ln_b, by_b, **tolerance)


@pytest.mark.parametrize(("a", "b"), CORNERS)
def test_no_shape_moves_the_ends(a, b):
    ends = np.array([0.0, 1.0])
    d_ln_a, d_ln_b = kumaraswamy_shape_gradients(ends, np.array(a), np.array(b))
    assert np.all(np.isfinite(kumaraswamy_derivative(ends, np.array(a), np.array(b))))
    assert d_ln_a.tolist() == [0.0, 0.0]
    assert d_ln_b.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("a", "b"), CORNERS)
def test_gradients_of_the_shape_hold_close_to_the_ends(a, b):
    def exact(u, a, b):
        with mpmath.workdps(50):
            u, a, b = map(mpmath.mpf, (u, a, b))
            by_a = mpmath.diff(lambda t: 1 - (1 - u ** (a * mpmath.exp(t))) ** b, 0)
            by_b = mpmath.diff(lambda t: 1 - (1 - u**a) ** (b * mpmath.exp(t)), 0)
            return float(by_a), float(by_b)

    u = np.array([1e-12, EDGE / 2, 1 - EDGE / 2, 1 - 1e-12])
    d_ln_a, d_ln_b = kumaraswamy_shape_gradients(u, np.array(a), np.array(b))
    expected = np.array([exact(x, a, b) for x in u.tolist()])
    # ten digits: powers and a logarithm of 1 - u^a, which is itself known to one rounding of 1
    actual = np.stack([d_ln_a, d_ln_b], axis=1)
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=4 * EPS)


def test_one_warp_per_column():
    U = np.random.default_rng(0).random((7, 3))
    a, b = np.array([0.5, 1.0, 2.0]), np.array([1.0, 3.0, 0.25])
    columns = [warp(U[:, j], a[j], b[j]) for j in range(3)]
    # powers of whole arrays and of columns may round differently
    np.testing.assert_allclose(kumaraswamy(U, a, b), np.stack(columns, axis=1), rtol=1e-14)

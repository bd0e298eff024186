"""Targets have mean 0 and standard deviation 1, keep the order, and survive a divergent loss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tuneplug.surrogate.outputs import standardise


def scaled(losses):
    """Return the targets alone."""
    return standardise(losses)[0]


SETTINGS = settings(deadline=None, derandomize=True)
finite = st.floats(-1e12, 1e12, allow_subnormal=False)
LOSSES = st.lists(finite, min_size=2, max_size=40).map(np.array)


@SETTINGS
@given(losses=LOSSES)
def test_mean_0_and_sd_1(losses):
    assume(losses.min() < losses.max())
    targets = scaled(losses)
    assert targets.shape == losses.shape
    # sums of at most 40 numbers of size at most √40
    assert targets.mean() == pytest.approx(0.0, abs=1e-13)
    assert targets.std() == pytest.approx(1.0, abs=1e-13)


@SETTINGS
@given(losses=LOSSES)
def test_order_is_kept(losses):
    targets = scaled(losses)[np.argsort(losses, kind="stable")]
    assert np.all(np.diff(targets) >= -1e-13)  # a logarithm may round a tie the wrong way


@SETTINGS
@given(losses=LOSSES)
def test_the_best_stays_the_best(losses):
    assert scaled(losses)[np.argmin(losses)] == scaled(losses).min()


@SETTINGS
@given(losses=LOSSES, shift=st.sampled_from([-1.0, 0.5, 4.0]), scale=st.sampled_from([0.5, 8.0]))
def test_units_do_not_matter(losses, shift, scale):
    losses = np.round(losses / 1e6)  # whole numbers, so that shift and scale are exact
    moved = scaled(scale * losses + shift)
    np.testing.assert_allclose(moved, scaled(losses), atol=1e-9)


@pytest.mark.parametrize("size", [1e-250, 1e-9, 1.0, 1e9, 1e250])
def test_any_size_of_losses_gives_the_same_targets(size):
    losses = np.array([1.0, 4.0, 2.0, 3.0])
    np.testing.assert_allclose(scaled(size * losses), scaled(losses), rtol=1e-12)


def test_losses_without_outliers_are_only_moved_and_scaled():
    losses = np.random.default_rng(0).random(30)
    expected = (losses - losses.mean()) / losses.std()
    np.testing.assert_allclose(scaled(losses), expected, atol=1e-13)


@pytest.mark.parametrize("outlier", [1e3, 1e6, 1e12])
def test_an_outlier_does_not_flatten_the_rest(outlier):
    rest = np.random.default_rng(0).standard_normal(20)
    targets = scaled(np.append(rest, outlier))
    assert np.argmax(targets) == 20
    # Left as it is, 1e12 would press the others into 1e-11; its logarithm leaves a few percent.
    assert np.ptp(targets[:20]) > 0.05
    np.testing.assert_array_equal(np.argsort(targets[:20]), np.argsort(rest))


def test_the_larger_of_two_outliers_stays_the_larger():
    targets = scaled(np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1e6, 1e12]))
    assert targets[7] > targets[6] > targets[5]


def test_a_very_good_loss_is_never_drawn_in():
    losses = np.array([-1e12, 0.1, 0.2, 0.3, 0.4])
    targets = scaled(losses)
    np.testing.assert_allclose(targets, (losses - losses.mean()) / losses.std(), atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, -1 / 3, 1e-300, 1e12])
@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000])
def test_constant_losses_give_zeros(value, n):
    assert scaled(np.full(n, value)).tolist() == [0.0] * n


@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (-3.0, 1e12), (0.0, 1e200), (1.0, 1 + 2**-52)])
def test_two_losses_are_minus_one_and_one(a, b):
    np.testing.assert_allclose(scaled(np.array([b, a])), [1.0, -1.0], rtol=1e-15)


def test_losses_that_differ_in_the_last_digit_are_told_apart():
    step = 2.0**-52
    targets = scaled(1.0 + step * np.array([0.0, 1.0, 2.0, 3.0, 1.0]))
    assert targets[0] < targets[1] == targets[4] < targets[2] < targets[3]


def test_the_losses_given_are_left_alone():
    losses = np.array([1.0, 2.0, 1e9])
    scaled(losses)
    assert losses.tolist() == [1.0, 2.0, 1e9]

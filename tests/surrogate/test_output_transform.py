"""The output transform keeps the order and the good end, and is robust to a divergent loss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tuneplug.surrogate import priors
from tuneplug.surrogate.output_transform import (
    MAX_LOSS,
    LossScaling,
    OutputTransform,
    Targets,
    psi,
)

SETTINGS = settings(deadline=None, derandomize=True)
moderate = st.floats(-1e12, 1e12, allow_subnormal=False)
LOSSES = st.lists(moderate, min_size=2, max_size=40).map(np.array)
#: Losses as large as there are, with many ties.
EXTREME = st.sampled_from([1e300, -1e300, 1e155, -1e155, 1e30, -1e30, 1.0, 2.0, 0.0])
ANY_LOSSES = st.lists(
    st.one_of(EXTREME, st.integers(-(10**9), 10**9).map(float)), min_size=1, max_size=40
).map(np.array)
FLAT, STEEP = np.exp([priors.curvature.low, priors.curvature.high])
CURVATURES = st.sampled_from([0.0, FLAT, 1.0, STEEP])
curvatures = pytest.mark.parametrize(
    "c", [0.0, float(FLAT), 1.0, float(STEEP)], ids=["linear", "least", "one", "most"]
)


def in_units(losses):
    return LossScaling.from_losses(losses)(losses)


def transformed(losses, c=0.0):
    """Return the targets alone."""
    return Targets.from_scaled(in_units(losses), c).t


# ---------------------------------------------------------------------------------------- scaling


def test_the_best_is_at_0_and_the_median_at_1():
    losses = np.array([7.0, 3.0, 4.0, 5.0, 19.0])
    scaling = LossScaling.from_losses(losses)
    assert (scaling.best, scaling.scale) == (3.0, 2.0)
    np.testing.assert_array_equal(scaling(losses)[:4], [2.0, 0.0, 0.5, 1.0])


@SETTINGS
@given(losses=LOSSES)
def test_the_best_is_at_0_and_the_median_at_1_for_any_losses(losses):
    assume(losses.min() < np.median(losses))
    v = in_units(losses)
    assert v.min() == v[np.argmin(losses)] == 0.0
    # The median of an even number lies between two losses, one of which may be clipped.
    middle = np.sort(v)[[(len(v) - 1) // 2, len(v) // 2]]
    assert middle[0] <= 1.0 + 1e-12
    assert middle[1] >= 1.0 - 1e-12
    if len(v) % 2 == 1:
        assert np.median(v) == pytest.approx(1.0, rel=1e-12)


@SETTINGS
@given(losses=ANY_LOSSES)
def test_the_order_is_never_inverted(losses):
    v = in_units(losses)
    assert np.all(np.isfinite(v))
    assert np.all(np.diff(v[np.argsort(losses, kind="stable")]) >= 0.0)
    assert v[np.argmin(losses)] == 0.0


@SETTINGS
@given(losses=ANY_LOSSES, c=CURVATURES)
def test_the_order_is_never_inverted_by_a_curvature(losses, c):
    t = transformed(losses, c)
    assert np.all(np.isfinite(t))
    # v is exactly in order and so are its logarithms, but for a rounding of |t| <= √40
    assert np.all(np.diff(t[np.argsort(losses, kind="stable")]) >= -1e-14)
    assert t[np.argmin(losses)] == t.min()


def test_losses_below_clip_start_are_scaled_affinely():
    losses = np.random.default_rng(0).random(31)
    expected = (losses - losses.min()) / (np.median(losses) - losses.min())
    np.testing.assert_allclose(in_units(losses), expected, rtol=1e-14)


def test_losses_above_clip_start_are_soft_clipped_below_clip_start_plus_tail():
    scaling = LossScaling.from_losses(np.arange(21.0))
    at_clip_start = scaling.best + scaling.scale * scaling.clip_start
    h = 1e-6 * scaling.scale
    below, at, above = scaling(at_clip_start + h * np.array([-1.0, 0.0, 1.0]))
    # The derivative is continuous at clip_start; the second derivative times h remains.
    assert (above - at) == pytest.approx(at - below, rel=1e-5)
    far = scaling(np.array([1e3, 1e6, 1e300]))
    assert np.all(far > scaling.clip_start)
    assert np.all(far <= scaling.clip_start + scaling.tail)
    assert far[0] < far[1] < far[2]


def test_a_scaling_of_early_losses_accepts_better_ones():
    scaling = LossScaling.from_losses(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(scaling(np.array([0.0, -9.0])), [-1.0, -10.0])


@pytest.mark.parametrize("better", [1.0, 2.5])
def test_many_equal_losses_have_a_scaling(better):
    losses = np.array([better] * 9 + [3.0, 4.0])
    v = in_units(losses)
    assert v[:9].tolist() == [0.0] * 9
    assert 0.0 < v[9] < v[10]


# -------------------------------------------------------------------------------------- targets


@SETTINGS
@given(losses=LOSSES, c=CURVATURES)
def test_mean_0_and_sd_1(losses, c):
    assume(losses.min() < losses.max())
    t = transformed(losses, c)
    assert t.shape == losses.shape
    # sums of at most 40 numbers of size at most √40
    assert t.mean() == pytest.approx(0.0, abs=1e-13)
    assert t.std() == pytest.approx(1.0, abs=1e-13)


@curvatures
@pytest.mark.parametrize("value", [0.0, 0.1, -1 / 3, 1e-300, 1e12, -1e300])
@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000])
def test_constant_losses_give_zeros(value, n, c):
    out = Targets.from_scaled(in_units(np.full(n, value)), c)
    dt, d_dt_dv = out.curvature_gradient()
    assert out.t.tolist() == dt.tolist() == d_dt_dv.tolist() == [0.0] * n
    assert out.dt_dv.tolist() == [1.0] * n
    assert out.sd == 1.0


@curvatures
@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (-3.0, 1e12), (0.0, 1e200), (1.0, 1 + 2**-52)])
def test_two_losses_are_minus_one_and_one(a, b, c):
    np.testing.assert_allclose(transformed(np.array([b, a]), c), [1.0, -1.0], rtol=1e-13)


@curvatures
def test_losses_that_differ_in_the_last_digit_have_different_targets(c):
    step = 2.0**-52
    t = transformed(1.0 + step * np.array([0.0, 1.0, 2.0, 3.0, 1.0]), c)
    assert t[0] < t[1] == t[4] < t[2] < t[3]


@SETTINGS
@given(losses=LOSSES, shift=st.sampled_from([-1.0, 0.5, 4.0]), scale=st.sampled_from([0.5, 8.0]))
def test_units_do_not_matter(losses, shift, scale):
    losses = np.round(losses / 1e6)  # whole numbers, so that shift and scale are exact
    # three quantiles are interpolated: some roundings, of numbers as large as 1e6 next to 1
    np.testing.assert_allclose(in_units(scale * losses + shift), in_units(losses), rtol=1e-9)


@curvatures
@pytest.mark.parametrize("size", [1e-250, 1e-9, 1.0, 1e9, 1e140])
def test_any_size_of_losses_gives_the_same_targets(size, c):
    losses = np.array([1.0, 4.0, 2.0, 3.0])
    np.testing.assert_allclose(transformed(size * losses, c), transformed(losses, c), rtol=1e-12)


def test_losses_too_large_to_subtract_are_clipped():
    v = in_units(np.array([0.0, 1.0, 1e200, 1e300]))
    assert v[2] == v[3] == in_units(np.array([0.0, 1.0, MAX_LOSS, MAX_LOSS]))[2]


@pytest.mark.parametrize(
    "losses",
    [
        [1e-5, 2e-5, 1e300],
        [0.0, 1e-9, 1e300],
        [0.0, 1e-200, 1e-200, 1e200],
        [0.0, 1e-200, 2e-200, 3e-200, 1e30, 1e155],
        [0.0, 5e-324, 1e-323, 1.0],
    ],
)
def test_losses_of_very_different_sizes_stay_finite_and_in_order(losses):
    t = transformed(np.array(losses))
    assert np.all(np.isfinite(t))
    assert np.all(np.diff(t) >= 0.0)
    assert t[0] < t[-1]


# ------------------------------------------------------------------------------------ curvature


@SETTINGS
@given(v=st.lists(st.floats(-50.0, 50.0, allow_subnormal=False), min_size=1).map(np.array))
def test_without_curvature_the_transform_is_linear(v):
    np.testing.assert_array_equal(psi(v, 0.0), v)
    # ln(1 + c v) / c = v - c v² / 2 + ...
    np.testing.assert_allclose(psi(v, 1e-9), v, rtol=1e-7, atol=0)


def test_a_large_curvature_gives_the_logarithm():
    v = np.logspace(-2, 2, 9)
    steps = np.diff(psi(v, 1e9) * 1e9)
    np.testing.assert_allclose(steps, np.log(10.0) / 2, rtol=1e-6)  # ln(1 + cv) - ln(cv) < 1e-7


@curvatures
def test_losses_below_the_best_are_linear_for_every_curvature(c):
    v = np.array([-20.0, -1.0, -1e-9, 0.0])
    np.testing.assert_array_equal(psi(v, c), v)


def test_the_good_end_is_never_flattened():
    """The best tenth's share of the spread grows with the curvature."""
    losses = np.random.default_rng(0).random(101) ** 2
    near = np.argsort(losses)[[0, 10]]
    shares = []
    for c in (0.0, FLAT, 0.3, 1.0, 3.0, 10.0, STEEP):
        t = transformed(losses, c)
        shares.append(np.diff(t[near])[0] / np.ptp(t))
    assert shares == sorted(shares)
    assert shares[-1] > 3 * shares[0]


@SETTINGS
@given(losses=LOSSES)
def test_no_gap_at_the_best_shrinks_against_the_spread(losses):
    v = np.unique(in_units(losses))
    assume(len(v) > 1)
    shares = [(psi(v, c)[1] - psi(v, c)[0]) / np.ptp(psi(v, c)) for c in (0.0, FLAT, 1.0, STEEP)]
    # concave functions through 0: exactly so but for rounding
    assert np.all(np.diff(shares) >= -1e-12 * np.array(shares[:-1]))


LOSSES_TO_DIFFERENTIATE = {
    "even": np.linspace(0.0, 1.0, 9),
    "skewed": np.exp(np.linspace(-3.0, 4.0, 12)),
    "outlier": np.append(np.linspace(0.0, 1.0, 9), 1e30),
    "ties": np.array([0.0, 0.0, 1.0, 1.0, 2.0, 5.0]),
}
cases = pytest.mark.parametrize("case", list(LOSSES_TO_DIFFERENTIATE))


@cases
@pytest.mark.parametrize(
    "c", [float(FLAT), 0.4, 3.0, float(STEEP)], ids=["least", "0.4", "3", "most"]
)
def test_derivatives_by_the_curvature_match_central_differences(case, c):
    v, h = in_units(LOSSES_TO_DIFFERENTIATE[case]), 1e-5
    out, up, down = (Targets.from_scaled(v, c * np.exp(step)) for step in (0.0, h, -h))
    # h² times third derivatives of order one, and rounding over h
    dt, d_dt_dv = out.curvature_gradient()
    np.testing.assert_allclose(dt, (up.t - down.t) / (2 * h), atol=1e-8)
    np.testing.assert_allclose(d_dt_dv, (up.dt_dv - down.dt_dv) / (2 * h), atol=1e-8)


@cases
@curvatures
def test_dt_dv_is_the_derivative_with_mean_and_sd_fixed(case, c):
    v, h = in_units(LOSSES_TO_DIFFERENTIATE[case]), 1e-6
    out = Targets.from_scaled(v, c)
    away = np.maximum(v, h)  # both pieces have one derivative at 0, but two curvatures
    difference = (psi(away + h, c) - psi(away - h, c)) / (2 * h) / out.sd
    # At the best, the derivative is taken at 0 instead of h: a relative difference of c h.
    np.testing.assert_allclose(out.dt_dv, difference, rtol=1e-4)
    assert out.dt_dv.max() == pytest.approx(1.0 / out.sd)


@curvatures
def test_mean_and_sd_lead_from_psi_to_the_targets(c):
    v = in_units(LOSSES_TO_DIFFERENTIATE["skewed"])
    out = Targets.from_scaled(v, c)
    np.testing.assert_allclose((psi(v, c) - out.mean) / out.sd, out.t, rtol=1e-14, atol=1e-14)


# ------------------------------------------------------------------------------------- outliers


@curvatures
@pytest.mark.parametrize("outlier", [1e3, 1e6, 1e30, 1e300])
def test_an_outlier_does_not_flatten_the_rest(outlier, c):
    rest = np.random.default_rng(0).standard_normal(20)
    t = transformed(np.append(rest, outlier), c)
    assert np.argmax(t) == 20
    # Left as it is, 1e30 would press the others into 1e-29.
    assert np.ptp(t[:20]) > 0.3
    np.testing.assert_array_equal(np.argsort(t[:20]), np.argsort(rest))


def test_the_larger_of_two_outliers_stays_the_larger():
    t = transformed(np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1e6, 1e12]))
    assert t[7] > t[6] > t[5]


def test_a_very_good_loss_is_never_clipped():
    losses = np.array([-1e12, 0.1, 0.2, 0.3, 0.4])
    t = transformed(losses)
    np.testing.assert_allclose(t, (losses - losses.mean()) / losses.std(), atol=1e-12)


def test_the_given_losses_are_not_changed():
    losses = np.array([1.0, 2.0, 1e9])
    transformed(losses, 1.0)
    assert losses.tolist() == [1.0, 2.0, 1e9]


@curvatures
def test_the_inverse_of_targets_is_the_losses(c):
    losses = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 3.0])
    transform = OutputTransform.fit(LossScaling.from_losses(losses), c, losses)
    targets, _ = transform(losses, np.zeros(7))
    np.testing.assert_allclose(transform.inverse(targets), losses, rtol=1e-9)
    assert np.isfinite(transform.inverse(np.array([-1e3, 1e3, 1e30]))).all()

"""The Gaussian process agrees with textbook algebra, its limits, and finite differences."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tuneplug import Categorical, Float, Int, SearchSpace
from tuneplug.surrogate import priors
from tuneplug.surrogate.gp import GaussianProcess
from tuneplug.surrogate.kernels import ColumnLayout, CubeKernel, Hyperparameters

pytestmark = pytest.mark.usefixtures("one_thread")


NUMERIC = {"x": Float(0, 1), "n": Int(1, 50), "t": Float(1e-4, 1)}
LABELS = {"c": Categorical(["p", "q", "r"]), "d": Categorical([True, False])}
SPACES = {
    "numeric": SearchSpace(NUMERIC),
    "categorical": SearchSpace(LABELS),
    "mixed": SearchSpace({"x": Float(0, 1), **LABELS, "n": Int(1, 50)}),
    "one": SearchSpace({"x": Float(0, 1)}),
    "sub-spaces": SearchSpace([NUMERIC, {**LABELS, "x": Float(0, 1)}, {"c": LABELS["c"]}]),
}


def data(space, n=14, seed=0):
    """Return points, some on the faces of the cube, and targets that depend on them."""
    rng = np.random.default_rng(seed)
    U = rng.random((n, space.n_dimensions))
    U[0], U[1] = 0.0, 1.0
    U[2, ::2], U[3, 1::2] = 0.0, 1.0
    U = space.snap(U)
    y = np.sin(5.0 * U.sum(axis=1)) + U[:, 0] + 0.3 * rng.standard_normal(n)
    return U, (y - y.mean()) / y.std()


def hyperparameters(layout, *, noise=1e-2, seed=0, warped=True):
    rng = np.random.default_rng(seed)
    p, c = len(layout.ordered), len(layout.categorical)
    a, b = np.exp(rng.uniform(-1, 1, (2, p))) if warped else np.ones((2, p))
    return Hyperparameters(rng.uniform(0.3, 1.5, p + c), 1.7, noise, 0.4, a, b)


def make_gp(name, *, noise=1e-2, seed=0, n=14):
    space = SPACES[name]
    layout = ColumnLayout.from_space(space)
    return GaussianProcess(
        CubeKernel(layout, hyperparameters(layout, noise=noise)), *data(space, n, seed)
    )


@pytest.fixture(params=list(SPACES))
def name(request):
    return request.param


# ------------------------------------------------------------------------------------- layout


def test_layout_separates_ordered_from_categorical_columns():
    layout = ColumnLayout.from_space(SPACES["mixed"])
    assert layout.ordered.tolist() == [0, 3]
    assert layout.categorical == ((1, 3), (2, 2))
    assert layout.category_of.tolist() == [0, 0, 0, 1, 1]


def test_one_hot_has_one_one_per_categorical_column():
    space = SPACES["categorical"]
    configurations = [{"c": c, "d": d} for c in "pqr" for d in (True, False)]
    points = np.array([space.encode(params) for params in configurations])
    hot = ColumnLayout.from_space(space).one_hot(points)
    assert hot[0].tolist() == [1, 0, 0, 1, 0]
    assert hot[5].tolist() == [0, 0, 1, 0, 1]
    assert np.all(hot.sum(axis=1) == 2)


def test_the_number_of_the_sub_space_is_a_categorical_column():
    assert ColumnLayout.from_space(SPACES["sub-spaces"]).categorical[0] == (0, 3)


# ----------------------------------------------------------------------- posterior as on paper


def textbook_kernel(layout, h, u, v):
    """Return k(u, v) of two points, by the definitions in the package docstring."""
    p, r2 = len(layout.ordered), 0.0
    for i, j in enumerate(layout.ordered):
        warped = [1.0 - (1.0 - row[j] ** h.a[i]) ** h.b[i] for row in (u, v)]
        r2 += ((warped[0] - warped[1]) / h.lengthscales[i]) ** 2
    for i, (j, count) in enumerate(layout.categorical):
        if int(u[j] * count) != int(v[j] * count):
            r2 += 1.0 / h.lengthscales[p + i] ** 2
    r = np.sqrt(5.0 * r2)
    return h.amplitude * (1.0 + r + r * r / 3.0) * np.exp(-r)


def test_posterior_equals_direct_computation(name):
    gp = make_gp(name)
    h = gp.hyper
    at = SPACES[name].snap(np.random.default_rng(7).random((6, SPACES[name].n_dimensions)))
    K = np.array([[textbook_kernel(gp.layout, h, u, v) for v in gp.U] for u in gp.U])
    k = np.array([[textbook_kernel(gp.layout, h, u, v) for v in gp.U] for u in at])
    inverse = np.linalg.inv(K + h.noise * np.eye(len(gp.U)))
    mean, variance = gp.predict(at)
    # K's condition number is below 1e4: twelve digits remain
    np.testing.assert_allclose(mean, h.mean + k @ inverse @ (gp.y - h.mean), atol=1e-10)
    expected = h.amplitude - np.einsum("ij,jk,ik->i", k, inverse, k)
    np.testing.assert_allclose(variance, expected, atol=1e-10)


def test_without_noise_the_process_interpolates():
    gp = make_gp("mixed", noise=1e-10)
    mean, variance = gp.predict(gp.U)
    # mean - y = noise alpha, and |alpha| stays below 1e4 here
    np.testing.assert_allclose(mean, gp.y, atol=1e-6)
    assert variance.max() < 1e-8


def test_misfit_falls_with_the_noise():
    misfits = []
    for noise in (1.0, 1e-1, 1e-2, 1e-4, 1e-8):
        gp = make_gp("numeric", noise=noise)
        misfits.append(np.abs(gp.predict(gp.U)[0] - gp.y).max())
    assert misfits == sorted(misfits, reverse=True)
    assert misfits[-1] < 1e-4  # 1e-8 times an alpha of about 1e3


def test_with_infinite_noise_nothing_is_learned():
    gp = make_gp("mixed", noise=1e12)
    mean, variance = gp.predict(gp.U)
    np.testing.assert_allclose(mean, gp.hyper.mean, atol=1e-9)
    np.testing.assert_allclose(variance, gp.hyper.amplitude, rtol=1e-9)


def test_far_from_data_the_posterior_is_the_prior():
    layout = ColumnLayout.from_space(SPACES["one"])
    hyper = Hyperparameters(np.array([0.004]), 1.7, 1e-4, 0.4, np.ones(1), np.ones(1))
    gp = GaussianProcess(CubeKernel(layout, hyper), np.array([[0.0], [0.1]]), np.array([5.0, -5.0]))
    mean, variance = gp.predict(np.array([[0.3], [1.0]]))  # 50 lengthscales away: e^-112
    np.testing.assert_allclose(mean, 0.4, rtol=1e-14)
    np.testing.assert_allclose(variance, 1.7, rtol=1e-14)


def test_variance_never_exceeds_the_prior_nor_falls_to_zero(name):
    gp = make_gp(name)
    at = SPACES[name].snap(np.random.default_rng(3).random((200, SPACES[name].n_dimensions)))
    variance = gp.predict(np.vstack([at, gp.U]))[1]
    assert variance.max() <= gp.hyper.amplitude
    assert variance.min() > 0.0


def test_repeated_points_are_accepted_without_noise():
    gp = make_gp("mixed")
    hyper = dataclasses.replace(gp.hyper, noise=0.0)
    twice = GaussianProcess(
        CubeKernel(gp.layout, hyper), np.vstack([gp.U, gp.U]), np.concatenate([gp.y, gp.y])
    )
    # a jitter of 1e-10 to 1e-4 of the amplitude makes it work
    np.testing.assert_allclose(twice.predict(gp.U)[0], gp.y, atol=1e-2)


def test_the_order_of_the_observations_does_not_matter():
    gp = make_gp("mixed")
    order = np.random.default_rng(0).permutation(len(gp.y))
    other = GaussianProcess(gp.kernel, gp.U[order], gp.y[order])
    at = np.random.default_rng(1).random((9, 4))
    np.testing.assert_allclose(other.predict(at), gp.predict(at), atol=1e-10)


# ------------------------------------------------------------------------------ sets of targets


def with_sets(gp, s=3, seed=1):
    """Return a process with s sets of targets, the first of which is that of ``gp``."""
    others = np.random.default_rng(seed).standard_normal((len(gp.y), s - 1))
    y = np.column_stack([gp.y, others])
    return GaussianProcess(gp.kernel, gp.U, y, gp.noise_variances)


def somewhere(name, n, seed=5, *, inside=False):
    """Return snapped points; with ``inside``, off the ends, where dw/du may be infinite."""
    space = SPACES[name]
    U = space.snap(np.random.default_rng(seed).random((n, space.n_dimensions)))
    if inside:
        columns = ColumnLayout.from_space(space).ordered
        U[:, columns] = 0.02 + 0.96 * U[:, columns]
    return U


def test_sets_of_targets_equal_separate_processes(name):
    gp = with_sets(make_gp(name))
    at = somewhere(name, 6)
    mean, variance = gp.predict(at)
    assert mean.shape == (6, 3)
    for i in range(3):
        alone = GaussianProcess(gp.kernel, gp.U, gp.y[:, i])
        np.testing.assert_allclose(mean[:, i], alone.predict(at)[0], atol=1e-12)
        np.testing.assert_allclose(variance, alone.predict(at)[1], atol=1e-12)


# --------------------------------------------------------------------------------------- pullback


def central_differences(f, U, columns, h=1e-5):
    """Return the derivatives of a function of each point, (m,), by the columns: (m, p)."""
    parts = []
    for column in columns:
        step = h * np.eye(U.shape[1])[column]
        parts.append((f(U + step) - f(U - step)) / (2 * h))
    return np.array(parts).reshape(len(columns), len(U)).T


# rounding of K⁻¹ over h, and h² times a third derivative of a warp near its ends
DIFFERENCES = {"rtol": 1e-5, "atol": 1e-6}


def test_predict_with_pullback_predicts_the_same(name):
    for gp in (make_gp(name), with_sets(make_gp(name))):
        U = somewhere(name, 8)
        mean, variance, _ = gp.predict_with_pullback(U)
        np.testing.assert_allclose(mean, gp.predict(U)[0], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(variance, gp.predict(U)[1], rtol=1e-12, atol=1e-12)


def test_gradients_match_central_differences(name):
    gp, U = make_gp(name), somewhere(name, 8, inside=True)
    columns, one, none = gp.layout.ordered, np.ones(8), np.zeros(8)
    pullback = gp.predict_with_pullback(U)[2]
    by_mean, by_variance = pullback(one, none), pullback(none, one)
    assert by_mean.shape == by_variance.shape == (8, len(columns))
    expected = central_differences(lambda V: gp.predict(V)[0], U, columns)
    np.testing.assert_allclose(by_mean, expected, **DIFFERENCES)
    expected = central_differences(lambda V: gp.predict(V)[1], U, columns)
    np.testing.assert_allclose(by_variance, expected, **DIFFERENCES)


def test_the_gradient_of_any_function_of_several_means_and_the_variance(name):
    gp, U = with_sets(make_gp(name)), somewhere(name, 8, inside=True)

    def function(V):
        mean, variance = gp.predict(V)
        return np.sin(mean).sum(axis=1) * variance

    mean, variance, pullback = gp.predict_with_pullback(U)
    gradient = pullback(np.cos(mean) * variance[:, None], np.sin(mean).sum(axis=1))
    expected = central_differences(function, U, gp.layout.ordered)
    np.testing.assert_allclose(gradient, expected, **DIFFERENCES)


def test_the_pullback_is_linear_and_may_be_used_twice():
    gp, U = make_gp("mixed"), somewhere("mixed", 5)
    pullback = gp.predict_with_pullback(U)[2]
    rng = np.random.default_rng(0)
    by_mean, by_variance = rng.standard_normal((2, 5))
    parts = pullback(by_mean, np.zeros(5)) + pullback(np.zeros(5), by_variance)
    np.testing.assert_allclose(pullback(by_mean, by_variance), parts, rtol=1e-10, atol=1e-12)


def test_gradients_are_finite_at_the_ends():
    gp = make_gp("numeric")
    pullback = gp.predict_with_pullback(gp.U[:5])[2]
    assert np.all(np.isfinite(pullback(np.ones(5), np.ones(5))))


# ----------------------------------------------------------------------------------- condition_on


@pytest.mark.parametrize("first", [1, 7, 13])
def test_conditioning_in_two_steps_equals_conditioning_at_once(name, first):
    whole = make_gp(name)
    noise_variances = np.random.default_rng(4).uniform(0.0, 0.5, len(whole.y))
    whole = GaussianProcess(whole.kernel, whole.U, whole.y, noise_variances)
    part = GaussianProcess(whole.kernel, whole.U[:first], whole.y[:first], noise_variances[:first])
    grown = part.condition_on(whole.U[first:], whole.y[first:], noise_variances[first:])
    at = somewhere(name, 6)
    np.testing.assert_allclose(grown.predict(at), whole.predict(at), atol=1e-10)
    np.testing.assert_allclose(
        grown.posterior_mean_at_data(), whole.posterior_mean_at_data(), atol=1e-10
    )
    np.testing.assert_array_equal(grown.U, whole.U)
    np.testing.assert_array_equal(grown.noise_variances, noise_variances)


def test_conditioning_point_by_point_equals_conditioning_at_once():
    whole = make_gp("mixed")
    grown = GaussianProcess(whole.kernel, whole.U[:4], whole.y[:4])
    for i in range(4, len(whole.y)):
        grown = grown.condition_on(whole.U[[i]], whole.y[[i]])
    np.testing.assert_allclose(grown.predict(whole.U), whole.predict(whole.U), atol=1e-10)


def test_conditioning_does_not_change_the_process():
    gp, at = make_gp("mixed"), somewhere("mixed", 5)
    before = gp.predict(at)
    gp.condition_on(at, np.ones(5))
    np.testing.assert_array_equal(gp.predict(at), before)
    assert len(gp.U) == 14


def test_conditioning_on_nothing_returns_the_process():
    gp = make_gp("mixed")
    assert gp.condition_on(np.empty((0, 4)), np.empty(0), np.empty(0)) is gp


def test_conditioning_on_observed_points_is_accepted_with_the_smallest_noise():
    gp = make_gp("mixed")
    least, most = np.exp([priors.noise.low, priors.amplitude.high])
    hyper = dataclasses.replace(gp.hyper, noise=float(least), amplitude=float(most))
    once = GaussianProcess(CubeKernel(gp.layout, hyper), gp.U, gp.y)
    twice = once.condition_on(gp.U, gp.y).condition_on(gp.U, gp.y)
    # Three equal observations: mean - y = noise alpha, with |alpha| below 10.
    np.testing.assert_allclose(twice.predict(gp.U)[0], gp.y, atol=1e-5)


def test_a_known_variance_is_noise_of_its_observation_only():
    gp = make_gp("numeric")
    noise_variances = np.full(len(gp.y), 0.3)
    noisy = dataclasses.replace(gp.hyper, noise=gp.hyper.noise + 0.3)
    at = somewhere("numeric", 9)
    same = GaussianProcess(CubeKernel(gp.layout, noisy), gp.U, gp.y).predict(at)
    np.testing.assert_allclose(
        GaussianProcess(gp.kernel, gp.U, gp.y, noise_variances).predict(at),
        same,
        atol=1e-12,
    )
    noise_variances = np.zeros(len(gp.y))
    noise_variances[4] = 1e12  # so large that the observation does not count
    rest = np.arange(len(gp.y)) != 4
    without = GaussianProcess(gp.kernel, gp.U[rest], gp.y[rest])
    blind = GaussianProcess(gp.kernel, gp.U, gp.y, noise_variances)
    np.testing.assert_allclose(blind.predict(at), without.predict(at), atol=1e-9)


def test_posterior_mean_at_data_equals_the_prediction(name):
    gp = make_gp(name)
    noise_variances = np.random.default_rng(4).uniform(0.0, 0.5, len(gp.y))
    gp = GaussianProcess(gp.kernel, gp.U, gp.y, noise_variances)
    # y - (noise + noise_variances) alpha, with |alpha| below 1e3
    np.testing.assert_allclose(gp.posterior_mean_at_data(), gp.predict(gp.U)[0], atol=1e-11)
    gp = with_sets(gp)
    assert gp.posterior_mean_at_data().shape == gp.y.shape
    np.testing.assert_allclose(gp.posterior_mean_at_data(), gp.predict(gp.U)[0], atol=1e-11)


# ------------------------------------------------------------------------------------ fantasies


def test_fantasies_at_the_mean_keep_it_and_reduce_the_variance(name):
    gp = make_gp(name)
    pending, at = somewhere(name, 3, seed=2), somewhere(name, 20, seed=3)
    fantasized = gp.fantasize(pending, np.zeros((3, 2)))
    for points in (pending, at):  # an observation at the mean changes no mean
        mean = gp.predict(points)[0]
        np.testing.assert_allclose(
            fantasized.predict(points)[0], np.column_stack([mean, mean]), atol=1e-9
        )
    assert np.all(fantasized.predict(pending)[1] < gp.predict(pending)[1])
    assert np.all(fantasized.predict(at)[1] <= gp.predict(at)[1] + 1e-12)


def test_fantasies_are_observations_like_any_other(name):
    gp, pending, at = make_gp(name), somewhere(name, 3, seed=2), somewhere(name, 9)
    there = gp.fantasize(pending, np.random.default_rng(0).standard_normal((3, 4)))
    assert there.y.shape == (17, 4)
    np.testing.assert_array_equal(there.U, np.vstack([gp.U, pending]))
    np.testing.assert_array_equal(there.y[:14], np.repeat(gp.y[:, None], 4, axis=1))
    for i in range(4):
        alone = GaussianProcess(gp.kernel, there.U, there.y[:, i])
        np.testing.assert_allclose(there.predict(at)[0][:, i], alone.predict(at)[0], atol=1e-10)
        np.testing.assert_allclose(there.predict(at)[1], alone.predict(at)[1], atol=1e-10)


def test_fantasies_have_the_joint_posterior_covariance_of_noisy_observations():
    gp = make_gp("mixed", noise=0.05)
    pending = somewhere("mixed", 2, seed=8)
    pending[1] = pending[0]
    pending[1, 0] += 0.1 if pending[0, 0] < 0.5 else -0.1  # close by: they go together
    h, points = gp.hyper, np.vstack([gp.U, pending])
    K = np.array([[textbook_kernel(gp.layout, h, u, v) for v in points] for u in points])
    K += h.noise * np.eye(16)
    expected = K[14:, 14:] - K[14:, :14] @ np.linalg.solve(K[:14, :14], K[:14, 14:])
    base_samples = np.random.default_rng(0).standard_normal((2, 40_000))
    seen = gp.fantasize(pending, base_samples).y[14:]
    scale = np.sqrt(np.outer(*[np.diag(expected)] * 2))
    assert expected[0, 1] > 0.2 * scale[0, 1]
    # 40 000 draws: a standard error of at most √2 / 200 of the variance, and of 1 / 200 of the sd
    assert np.abs(np.cov(seen) - expected).max() < 0.03 * scale.max()
    sd = np.sqrt(np.diag(expected))
    assert np.all(np.abs(seen.mean(axis=1) - gp.predict(pending)[0]) < 0.02 * sd)


def test_fantasies_of_no_points_return_the_process():
    gp = make_gp("mixed")
    assert gp.fantasize(np.empty((0, 4)), np.empty((0, 16))) is gp


# ------------------------------------------------------------------------------------- means


def test_leave_one_out_means_are_those_of_processes_without_the_observation(name):
    gp = make_gp(name)
    for i, mean in enumerate(gp.leave_one_out_means()):
        rest = np.arange(len(gp.U)) != i
        without = GaussianProcess(gp.kernel, gp.U[rest], gp.y[rest])
        assert without.predict(gp.U[[i]])[0][0] == pytest.approx(mean, abs=1e-8)


def test_the_mean_alone_equals_the_mean_with_a_variance(name):
    gp, new = make_gp(name), data(SPACES[name], 6, seed=3)[0]
    mean, _, pullback = gp.predict_with_pullback(new)
    np.testing.assert_array_equal(gp.predict_mean(new), gp.predict(new)[0])
    alone, gradient = gp.predict_mean_with_gradient(new)
    np.testing.assert_array_equal(alone, mean)
    np.testing.assert_allclose(gradient, pullback(np.ones(6), np.zeros(6)), rtol=1e-10)

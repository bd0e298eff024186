"""The posterior of the hyperparameters agrees with textbook algebra and known distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize

from tuneplug import Categorical, Float, Int, SearchSpace
from tuneplug.surrogate import priors
from tuneplug.surrogate.hyperparameters import INFEASIBLE_VALUE, HyperparameterPosterior
from tuneplug.surrogate.kernels import ColumnLayout
from tuneplug.surrogate.output_transform import psi

pytestmark = pytest.mark.usefixtures("one_thread")


NUMERIC = {"x": Float(0, 1), "n": Int(1, 50), "t": Float(1e-4, 1)}
LABELS = {"c": Categorical(["p", "q", "r"]), "d": Categorical([True, False])}
SPACES = {
    "numeric": SearchSpace(NUMERIC),
    "categorical": SearchSpace(LABELS),
    "mixed": SearchSpace({"x": Float(0, 1), **LABELS, "n": Int(1, 50)}),
    "one": SearchSpace({"x": Float(0, 1)}),
}
spaces = pytest.mark.parametrize("name", list(SPACES))
warped = pytest.mark.parametrize("warping", [True, False], ids=["warped", "not warped"])
curved = pytest.mark.parametrize("curve", [True, False], ids=["curved", "straight"])
noisy = pytest.mark.parametrize("known", [True, False], ids=["known noise", "no known noise"])
ONE = ColumnLayout.from_space(SPACES["one"])


def posterior_of(name, *, warping=True, curve=True, known=False, n=14, seed=0):
    """Return a posterior and its points, some of which lie on the faces of the cube."""
    space, rng = SPACES[name], np.random.default_rng(seed)
    U = rng.random((n, space.n_dimensions))
    U[0], U[1] = 0.0, 1.0
    U[2, ::2], U[3, 1::2] = 0.0, 1.0
    U = space.snap(U)
    v = np.sin(5.0 * U.sum(axis=1)) + U[:, 0] + 0.3 * rng.standard_normal(n)
    v -= v.min()  # as a frame gives them
    variances = rng.uniform(0.0, 0.2, n) if known else 0.0
    layout = ColumnLayout.from_space(space)
    return HyperparameterPosterior(
        U, v, layout, noise_variances=variances, warping=warping, learn_curvature=curve
    ), U


def theta_near(posterior, seed):
    """Return a theta in the bounds, with enough noise for differences to be accurate."""
    rng = np.random.default_rng(seed)
    theta = posterior.mean + 0.4 * posterior.sd * rng.standard_normal(len(posterior.mean))
    scales = posterior.layout.n_lengthscales
    theta[:scales] = rng.uniform(-1.0, 1.0, scales)
    theta[scales + 1] = np.log(1e-2)
    return np.clip(theta, posterior.low, posterior.high)


# ------------------------------------------------------------------------------------- its value


@spaces
@warped
@curved
@noisy
def test_the_value_equals_direct_computation(name, warping, curve, known):
    posterior, U = posterior_of(name, warping=warping, curve=curve, known=known)
    theta, layout = theta_near(posterior, seed=1), posterior.layout
    p, scales, n = len(layout.ordered), posterior.layout.n_lengthscales, len(U)
    ln_l, (ln_s, ln_v, m), rest = theta[:scales], theta[scales : scales + 3], theta[scales + 3 :]
    a, b = np.exp(rest[: 2 * p]).reshape(2, p) if warping else np.ones((2, p))
    c = math.exp(theta[-1]) if curve else 0.0
    # targets, and their slopes by v with mean and standard deviation held
    out = psi(posterior.v, c)
    t = (out - out.mean()) / out.std()
    slope = 1.0 / ((1.0 + c * posterior.v) * out.std())
    # the kernel, one pair of points at a time
    K = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            r2 = 0.0
            for k, column in enumerate(layout.ordered):
                w = [1.0 - (1.0 - U[at, column] ** a[k]) ** b[k] for at in (i, j)]
                r2 += ((w[0] - w[1]) / math.exp(ln_l[k])) ** 2
            for k, (column, count) in enumerate(layout.categorical):
                if int(U[i, column] * count) != int(U[j, column] * count):
                    r2 += math.exp(-2.0 * ln_l[p + k])
            r = math.sqrt(5.0 * r2)
            K[i, j] = math.exp(ln_s) * (1.0 + r + r * r / 3.0) * math.exp(-r)
    K += np.diag(math.exp(ln_v) + posterior.noise_variances * slope**2)
    density = stats.multivariate_normal(np.full(n, m), K).logpdf(t)
    density += np.log(slope).sum()  # of v, not of t
    prior = stats.norm(posterior.mean, posterior.sd).logpdf(theta)
    prior -= stats.norm(0.0, posterior.sd).logpdf(0.0)  # which is left out, as it is constant
    assert posterior.value_and_gradient(theta)[0] == pytest.approx(-density - prior.sum(), rel=1e-9)


@spaces
@warped
@curved
@noisy
def test_value_equals_that_of_value_and_gradient(name, warping, curve, known):
    posterior, _ = posterior_of(name, warping=warping, curve=curve, known=known)
    theta = theta_near(posterior, seed=3)
    value, gradient = posterior.value_and_gradient(theta)
    assert posterior.value(theta) == value
    assert gradient.shape == theta.shape


@warped
def test_the_value_is_infinite_outside_the_bounds(warping):
    posterior, _ = posterior_of("mixed", warping=warping)
    theta = theta_near(posterior, seed=3)
    for i in range(len(theta)):
        for bound, side in ((posterior.low, -1.0), (posterior.high, 1.0)):
            moved = theta.copy()
            moved[i] = bound[i]
            assert math.isfinite(posterior.value(moved))
            moved[i] += 1e-9 * side
            assert posterior.value(moved) == math.inf


def test_the_value_is_large_and_finite_if_the_factorization_fails():
    U = np.repeat([[0.25], [0.75]], 6, axis=0)
    posterior = HyperparameterPosterior(
        U, np.arange(12.0), ONE, warping=False, learn_curvature=False
    )
    theta = np.array([0.0, 0.0, -90.0, 0.0])  # noise e^-90: repeated points make K singular
    value, gradient = posterior.value_and_gradient(theta)
    assert value == INFEASIBLE_VALUE
    assert not gradient.any()


@spaces
@warped
@curved
@noisy
@pytest.mark.parametrize("seed", range(2))
def test_the_gradient_matches_central_differences(name, warping, curve, known, seed):
    posterior, _ = posterior_of(name, warping=warping, curve=curve, known=known, seed=seed)
    theta, h = theta_near(posterior, seed), 1e-5
    steps = h * np.eye(len(theta))
    numeric = [
        (posterior.value_and_gradient(theta + s)[0] - posterior.value_and_gradient(theta - s)[0])
        / (2 * h)
        for s in steps
    ]
    _, gradient = posterior.value_and_gradient(theta)
    # truncation h² times third derivatives of at most 1e3, and the value's rounding over h
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-6 * np.abs(gradient).max())


def test_the_observations_and_theta_are_not_changed():
    posterior, U = posterior_of("mixed", known=True)
    theta = theta_near(posterior, seed=0)
    kept = [array.copy() for array in (theta, U, posterior.v, posterior.noise_variances)]
    posterior.value_and_gradient(theta)
    posterior.fit_map([theta], 5)
    posterior.slice_sample(theta, np.random.default_rng(0), n=3, burn_in=0, thin=1)
    for array, before in zip((theta, U, posterior.v, posterior.noise_variances), kept, strict=True):
        np.testing.assert_array_equal(array, before)


# -------------------------------------------------------------------------------------- its shape


@spaces
@warped
@curved
def test_theta_has_a_component_for_every_learned_quantity(name, warping, curve):
    posterior, _ = posterior_of(name, warping=warping, curve=curve)
    p, scales = len(posterior.layout.ordered), posterior.layout.n_lengthscales
    assert len(posterior.mean) == scales + 3 + 2 * p * warping + curve
    theta = np.arange(len(posterior.mean)) / 10.0
    hyper = posterior.unpack(theta)
    assert np.log(hyper.lengthscales).tolist() == pytest.approx(theta[:scales].tolist())
    numbers = [math.log(hyper.amplitude), math.log(hyper.noise), hyper.mean]
    assert numbers == pytest.approx(theta[scales : scales + 3].tolist())
    shapes = np.log([hyper.a, hyper.b]).ravel()
    expected = theta[scales + 3 : scales + 3 + 2 * p] if warping else np.zeros(2 * p)
    np.testing.assert_allclose(shapes, expected, atol=1e-12)
    assert hyper.curvature == (pytest.approx(math.exp(theta[-1])) if curve else 0.0)


def test_every_prior_has_its_component():
    posterior, _ = posterior_of("mixed")
    learned = [priors.lengthscale(4)] * 4 + [priors.amplitude, priors.noise, priors.mean]
    learned += [priors.warp_shape] * 4 + [priors.curvature]
    assert posterior.mean.tolist() == [prior.mean for prior in learned]
    assert posterior.sd.tolist() == [prior.sd for prior in learned]
    assert posterior.low.tolist() == [prior.low for prior in learned]
    assert posterior.high.tolist() == [prior.high for prior in learned]


# ---------------------------------------------------------------------------------------- its mode


@spaces
@warped
@curved
def test_the_mode_stays_in_bounds_and_improves_on_all_starts(name, warping, curve):
    posterior, _ = posterior_of(name, warping=warping, curve=curve)
    starts = posterior.initial_thetas()
    theta = posterior.fit_map(starts, 60)
    assert np.all((theta >= posterior.low) & (theta <= posterior.high))
    assert math.isfinite(posterior.value(theta))
    assert posterior.value(theta) <= min(posterior.value(start) for start in starts)


def test_starts_outside_the_bounds_are_clipped():
    posterior, _ = posterior_of("mixed")
    theta = posterior.fit_map([posterior.high + 5.0, posterior.low - 5.0], 5)
    assert np.all((theta >= posterior.low) & (theta <= posterior.high))


@pytest.mark.parametrize("order", [1, -1])
def test_the_mode_keeps_the_best_of_its_starts(order):
    posterior, _ = posterior_of("numeric", seed=7)
    starts = [*posterior.initial_thetas(), theta_near(posterior, 0), posterior.high.copy()]
    bounds = np.column_stack([posterior.low, posterior.high])
    options = {"jac": True, "method": "L-BFGS-B", "bounds": bounds, "options": {"maxiter": 8}}
    ends = [float(minimize(posterior.value_and_gradient, start, **options).fun) for start in starts]
    assert max(ends) > min(ends) + 0.5
    theta = posterior.fit_map(starts[::order], 8)
    assert posterior.value(theta) == pytest.approx(min(ends), rel=1e-12)


def test_at_the_mode_the_gradient_is_zero_or_points_out_of_the_bounds():
    posterior, _ = posterior_of("mixed")
    theta = posterior.fit_map(posterior.initial_thetas(), 1000)
    gradient = posterior.value_and_gradient(theta)[1]
    stopped = np.where(gradient > 0, theta - posterior.low, posterior.high - theta)
    # L-BFGS-B stops where a step gains 2e-9 of the value
    assert np.abs(np.where(stopped > 1e-9, gradient, 0.0)).max() < 1e-2


@pytest.mark.parametrize(
    ("U", "v"),
    [
        ([[0.0], [1.0]], [0.0, 2.0]),
        ([[0.3], [0.6], [0.9]], [0.0, 0.0, 0.0]),
        ([[0.5]] * 6, [0.0, 2.0] * 3),
        ([[0.0]] * 3, [0.0] * 3),
        ([[0.7]], [0.0]),
    ],
    ids=["two", "flat", "repeated", "one corner", "single"],
)
@curved
def test_mode_and_samples_of_few_or_degenerate_data_are_finite(U, v, curve):
    posterior = HyperparameterPosterior(np.array(U), np.array(v), ONE, learn_curvature=curve)
    theta = posterior.fit_map(posterior.initial_thetas(), 60)
    assert math.isfinite(posterior.value(theta))
    draws = posterior.slice_sample(theta, np.random.default_rng(0), n=20, burn_in=0, thin=1)
    assert all(math.isfinite(posterior.value(draw)) for draw in draws)


# ----------------------------------------------------------------------------------- slice sampling


class Known(HyperparameterPosterior):
    """Posterior with a given negative log density inside given bounds."""

    def __init__(self, negative_log, d, low=-50.0, high=50.0):
        self.negative_log = negative_log
        self.mean, self.sd = np.zeros(d), np.ones(d)
        self.low, self.high = np.full(d, low), np.full(d, high)

    def _factorize(self, theta):
        return theta

    def _value(self, theta, at):
        return self.negative_log(theta)


def test_samples_have_the_moments_of_a_correlated_normal():
    covariance = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.3], [0.0, 0.3, 4.0]])
    inverse, center = np.linalg.inv(covariance), np.array([1.0, -2.0, 0.5])
    posterior = Known(lambda x: 0.5 * (x - center) @ inverse @ (x - center), 3)
    draws = posterior.slice_sample(
        np.zeros(3), np.random.default_rng(0), n=8000, burn_in=200, thin=2
    )
    # The autocorrelation time is about 20 steps: 400 effective samples, and 4 standard errors.
    scale = np.sqrt(np.diag(covariance))
    assert np.all(np.abs(draws.mean(axis=0) - center) < 4 * scale / np.sqrt(400))
    error = (np.cov(draws.T) - covariance) / np.outer(scale, scale)
    assert np.abs(error).max() < 4 * np.sqrt(2 / 400)


def test_samples_follow_a_truncated_exponential():
    posterior = Known(lambda x: float(x[0]), 1, low=0.0, high=2.0)  # exponential, up to 2
    draws = posterior.slice_sample(
        np.ones(1), np.random.default_rng(0), n=4000, burn_in=100, thin=4
    )
    # In one dimension, successive samples are nearly independent.
    assert stats.kstest(draws[:, 0], stats.truncexpon(2.0).cdf).pvalue > 0.01  # one fixed seed


def test_samples_given_one_observation_are_those_of_the_prior():
    """One loss holds no information on lengthscale, warp and curvature."""
    posterior = HyperparameterPosterior(np.array([[0.4]]), np.zeros(1), ONE)
    draws = posterior.slice_sample(
        posterior.mean, np.random.default_rng(0), n=3000, burn_in=100, thin=2
    )
    for i in (0, 4, 5, 6):  # ln l, ln a, ln b, ln c
        mean, sd = posterior.mean[i], posterior.sd[i]
        cut = ((posterior.low[i] - mean) / sd, (posterior.high[i] - mean) / sd)
        law = stats.truncnorm(*cut, loc=mean, scale=sd)
        # The autocorrelation time is about 40 steps: 75 effective samples, and 3 standard errors.
        assert abs(draws[:, i].mean() - law.mean()) < 3 * law.std() / np.sqrt(75)
        assert draws[:, i].std() == pytest.approx(law.std(), rel=3 / np.sqrt(2 * 75))


@warped
@curved
def test_samples_lie_in_the_bounds(warping, curve):
    posterior, _ = posterior_of("mixed", warping=warping, curve=curve, n=5)
    draws = posterior.slice_sample(
        posterior.high, np.random.default_rng(0), n=100, burn_in=0, thin=1
    )
    assert np.all((draws >= posterior.low) & (draws <= posterior.high))


@pytest.mark.parametrize(
    ("n", "burn_in", "thin", "count"),
    [(20, 0, 1, 20), (20, 10, 5, 2), (19, 10, 5, 1), (4, 4, 1, 0)],
)
def test_the_number_of_samples(n, burn_in, thin, count):
    posterior = Known(lambda x: 0.5 * float(x @ x), 2)
    draws = posterior.slice_sample(
        np.zeros(2), np.random.default_rng(0), n=n, burn_in=burn_in, thin=thin
    )
    assert len(draws) == count


def test_thinning_keeps_the_last_step_of_each_block():
    posterior = Known(lambda x: 0.5 * float(x @ x), 2)
    every, some = (
        posterior.slice_sample(
            np.zeros(2), np.random.default_rng(0), n=20, burn_in=burn_in, thin=thin
        )
        for burn_in, thin in ((0, 1), (10, 5))
    )
    np.testing.assert_array_equal(some, every[[14, 19]])


def test_the_same_seed_gives_the_same_samples():
    posterior, _ = posterior_of("mixed")
    first, again, other = (
        posterior.slice_sample(posterior.mean, np.random.default_rng(seed), n=12, burn_in=2, thin=5)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.all(first != other)


def test_hardly_any_sample_is_more_probable_than_the_mode():
    posterior, _ = posterior_of("numeric", n=30)
    mode = posterior.fit_map(posterior.initial_thetas(), 200)
    draws = posterior.slice_sample(mode, np.random.default_rng(0), n=120, burn_in=20, thin=5)
    values = np.array([posterior.value(draw) for draw in draws])
    assert len(np.unique(values)) == 20
    # all, but that another mode may be the higher one
    assert np.mean(values >= posterior.value(mode)) >= 0.9
    # of a normal density in d dimensions, draws lie d/2 below the mode
    assert 1.0 < np.median(values - posterior.value(mode)) < 2.0 * len(mode)

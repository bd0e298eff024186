"""Log EI agrees with 60-digit arithmetic, gradients with differences, and maxima with grids."""

from __future__ import annotations

import functools
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tuneplug import Categorical, Float, Int, SearchSpace, Study
from tuneplug.surrogate.acquisition import (
    TAIL,
    Acquisition,
    log_expected_improvement,
    log_h,
    log_noise_discount,
)
from tuneplug.surrogate.acquisition_optimizer import (
    _candidates,
    _coordinate_search,
    _optimize_continuous,
    maximize,
)
from tuneplug.surrogate.feasibility import MIN_FEASIBILITY, FeasibilityModel
from tuneplug.surrogate.fitting import TrainingData, fit_surrogate, sample_hyperparameters
from tuneplug.surrogate.gp import GaussianProcess
from tuneplug.surrogate.kernels import ColumnLayout, CubeKernel, Hyperparameters

SETTINGS = settings(deadline=None, derandomize=True)


pytestmark = pytest.mark.usefixtures("one_thread")


def exact_log_h(z):
    with mpmath.workdps(60):
        z = mpmath.mpf(z)
        return float(mpmath.log(mpmath.npdf(z) + z * mpmath.ncdf(z)))


def assert_log_h_is_exact(z):
    # some roundings; 1e-13 absolute, as 1 + z Phi(z) / phi(z) cancels two digits up to the tail
    assert log_h(np.array([z]))[0] == pytest.approx(exact_log_h(z), rel=1e-14, abs=1e-13)


GRID = [
    *(-np.logspace(8, -8, 65)).tolist(),
    *np.logspace(-8, math.log10(40), 40).tolist(),
    *(edge + side * 1e-9 for edge in (TAIL, -1.0, 0.0) for side in (-1, 0, 1)),
]


@pytest.mark.parametrize("z", GRID)
def test_log_h_on_a_grid(z):
    assert_log_h_is_exact(z)


@SETTINGS
@given(z=st.floats(-1e8, 40.0))
def test_log_h_anywhere(z):
    assert_log_h_is_exact(z)


@SETTINGS
@given(z=st.floats(-40.0, 10.0))
def test_log_h_at_the_edges_of_its_branches(z):
    assert_log_h_is_exact(z)


def test_log_h_increases():
    z = np.concatenate([-np.logspace(8, -3, 2000), np.logspace(-3, 1.5, 500)])
    assert np.all(np.diff(log_h(z)) > 0)


def test_log_h_keeps_the_array_shape():
    assert log_h(np.zeros((2, 3))).shape == (2, 3)


def test_log_ei_is_the_logarithm_of_expected_improvement():
    mean, sd, best = 0.3, 0.7, 0.1
    draws = stats.norm(mean, sd).rvs(1_000_000, random_state=0)
    improvement = np.maximum(best - draws, 0.0).mean()
    value = log_expected_improvement(np.array([mean]), np.array([sd**2]), best)[0]
    assert value == pytest.approx(math.log(improvement), abs=5e-3)  # 1e6 draws give 3 digits


def test_log_ei_of_a_certain_improvement_is_its_logarithm():
    value = log_expected_improvement(np.array([-2.0]), np.array([1e-12]), 1.0)
    assert value[0] == pytest.approx(math.log(3.0), rel=1e-12)


def test_log_ei_scales_with_the_losses():
    mean, variance = np.array([0.2, 5.0, -1.0]), np.array([0.5, 0.01, 2.0])
    scaled = log_expected_improvement(8.0 * mean, 64.0 * variance, 8.0 * -0.4)
    expected = math.log(8.0) + log_expected_improvement(mean, variance, -0.4)
    np.testing.assert_allclose(scaled, expected, rtol=1e-14)


# ----------------------------------------------------------------------------- Gaussian processes

SPACES = {
    "floats": {"x": Float(0, 1), "y": Float(1e-4, 1)},
    "one float": {"x": Float(0, 1)},
    "ints": {"a": Int(1, 4000), "b": Int(0, 99)},
    "categorical": {f"c{i}": list("abcdef") for i in range(5)},
    "finite": {"a": Int(1, 9), "c": Categorical(["p", "q", None])},
    "mixed": {"x": Float(0, 1), "c": ["p", "q", "r"], "n": Int(1, 500), "o": [1, 2, 4, 8]},
    "conditional": {
        "kind": ["line", "tree"],
        "depth": Int(1, 30, when={"kind": ["tree"]}),
        "slope": Float(0, 1, when={"kind": ["line"]}),
        "leaf": Float(0, 1, when={"depth": [3, 4, 5]}),
        "rate": Float(1e-3, 1),
    },
    "sub-spaces": [
        {"x": Float(0, 1), "n": Int(1, 2000)},
        {"x": Float(0, 1), "c": ["p", "q"]},
        {"z": stats.expon(), "k": Int(3, 3)},
    ],
    "quantiles": {"g": stats.norm(), "k": stats.poisson(4), "b": stats.binom(9, 0.3)},
    "conditional on quantiles": {"k": stats.poisson(2), "x": Float(0, 1, when={"k": [1, 2]})},
}
ALL = pytest.mark.parametrize("name", list(SPACES))
UNENDING = pytest.mark.parametrize("name", [name for name in SPACES if name != "finite"])


EXTENSION_POINTS = ["one gp", "several", "fantasies", "failures", "all at once"]


def fit_points(space, U, losses):
    return fit_surrogate(TrainingData(ColumnLayout.from_space(space), U, losses, np.zeros(len(U))))


@functools.cache
def observed(name, kind="one gp", n=12, seed=0):
    """Return a space, and the acquisition fitted to n of its points."""
    space = SearchSpace(SPACES[name])
    rng = np.random.default_rng(seed)
    U = space.snap(rng.random((n, space.n_dimensions)))
    losses = np.sin(4.0 * U.sum(axis=1)) + U[:, -1] + 0.1 * rng.standard_normal(n)
    gps = fit_points(space, U, losses)
    if kind in ("several", "all at once"):
        data = TrainingData(ColumnLayout.from_space(space), U, losses, np.zeros(n))
        draws = sample_hyperparameters(data, n=30, burn_in=0, thin=10)
        gps = [
            GaussianProcess(CubeKernel(ColumnLayout.from_space(space), h), U, gps[0].y)
            for h in draws
        ]
    if kind in ("fantasies", "all at once"):
        pending = space.snap(rng.random((2, space.n_dimensions)))
        gps = [gp.fantasize(pending, rng.standard_normal((2, 4))) for gp in gps]
    feasibility = None
    if kind in ("failures", "all at once"):
        failed = losses > np.quantile(losses, 0.7)
        feasibility = FeasibilityModel(ColumnLayout.from_space(space), U, failed)
    return space, Acquisition(gps, feasibility)


def best_of(name, tried=(), seed=0):
    space, acquisition = observed(name)
    return maximize(acquisition, space, tried, np.random.default_rng(seed))


# ---------------------------------------------------------------------------------- acquisition


@UNENDING
@pytest.mark.parametrize("kind", EXTENSION_POINTS)
def test_the_gradient_matches_central_differences(name, kind):
    (space, acquisition), h = observed(name, kind), 1e-6
    U = space.snap(np.random.default_rng(1).random((12, space.n_dimensions)))
    columns = acquisition.gps[0].layout.ordered
    U[:, columns] = 0.02 + 0.96 * U[:, columns]
    value, gradient = acquisition.with_gradient(U)
    assert value.shape == (12,)
    # two ways to one product: a variance of 1e-5 of the amplitude keeps some ten digits
    np.testing.assert_allclose(value, acquisition(U), rtol=1e-9)
    assert gradient.shape == (12, len(columns))
    for i, column in enumerate(columns):
        step = h * np.eye(U.shape[1])[column]
        difference = (acquisition(U + step) - acquisition(U - step)) / (2 * h)
        # rounding of the posterior over h
        scale = 1.0 + np.abs(difference).max()
        np.testing.assert_allclose(gradient[:, i], difference, rtol=1e-4, atol=1e-5 * scale)


def test_the_gradient_survives_where_expected_improvement_underflows():
    layout = ColumnLayout(np.array([0]), ())
    hyper = Hyperparameters(np.array([0.5]), 1e-4, 1e-8, 0.0, np.ones(1), np.ones(1))
    U, y = np.array([[0.1], [0.9], [0.95]]), np.array([0.0, 0.01, -2.0])
    acquisition, u, h = (
        Acquisition([GaussianProcess(CubeKernel(layout, hyper), U, y)]),
        np.array([[0.4]]),
        1e-6,
    )
    acquisition.best = [np.float64(-2.0)]
    value, gradient = acquisition.with_gradient(u)
    assert np.exp(value) == 0.0
    difference = (acquisition(u + h) - acquisition(u - h)) / (2 * h)
    assert gradient[0] == pytest.approx(difference, rel=1e-4)
    assert gradient[0, 0] != 0.0


def test_where_every_term_underflows_the_average_does_not():
    layout = ColumnLayout(np.array([0]), ())
    hyper = Hyperparameters(np.array([0.5]), 1e-4, 1e-8, 0.0, np.ones(1), np.ones(1))
    gp = GaussianProcess(CubeKernel(layout, hyper), np.array([[0.1], [0.9]]), np.array([0.0, 0.01]))
    acquisition, u = Acquisition([gp, gp, gp]), np.array([[0.4]])
    acquisition.best = [np.float64(-2.0), np.float64(-3.0), np.float64(-4.0)]
    value, gradient = acquisition.with_gradient(u)
    alone = Acquisition([gp])
    alone.best = acquisition.best[:1]
    # The first term exceeds the others by thousands, so the mean is a third of it.
    assert value[0] == pytest.approx(alone(u)[0] - math.log(3.0), rel=1e-12)
    np.testing.assert_allclose(gradient, alone.with_gradient(u)[1], rtol=1e-10)


def expected_improvement(mean, sd, best):
    z = (best - mean) / sd
    return sd * (stats.norm.pdf(z) + z * stats.norm.cdf(z))


@pytest.mark.parametrize("kind", ["one gp", "several", "fantasies"])
@pytest.mark.parametrize("name", ["floats", "mixed"])
def test_the_acquisition_is_the_logarithm_of_the_mean_discounted_improvement(name, kind):
    space, acquisition = observed(name, kind)
    U = space.snap(np.random.default_rng(2).random((40, space.n_dimensions)))
    improvements = []
    for gp in acquisition.gps:
        mean, variance = gp.predict(U)
        seen = gp.predict(gp.U)[0].reshape(len(gp.U), -1)
        worth = 1.0 - np.sqrt(gp.hyper.noise / (variance + gp.hyper.noise))
        for i, column in enumerate(mean.reshape(40, -1).T):
            improvement = expected_improvement(column, np.sqrt(variance), seen[:, i].min())
            improvements.append(improvement * worth)
    assert len(improvements) == {"one gp": 1, "several": 3, "fantasies": 4}[kind]
    mean = np.mean(improvements, axis=0)
    far = mean > 1e-6 * mean.max()  # elsewhere h(z) loses digits without its logarithm
    assert far.sum() > 3
    np.testing.assert_allclose(acquisition(U)[far], np.log(mean[far]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("noise", [1e-9, 1e-3, 1.0])
def test_the_noise_discount_and_its_derivative_match_60_digits(noise):
    variance = 10.0 ** np.arange(-12.0, 3.0)
    value, slope = log_noise_discount(variance, noise)
    with mpmath.workdps(60):
        v, n = [mpmath.mpf(x) for x in variance], mpmath.mpf(noise)
        exact = [mpmath.log(1 - mpmath.sqrt(n) / mpmath.sqrt(x + n)) for x in v]
        slopes = [mpmath.diff(lambda x: mpmath.log(1 - mpmath.sqrt(n / (x + n))), x) for x in v]
    np.testing.assert_allclose(value, np.array(exact, dtype=float), rtol=1e-12, atol=1e-15)
    # both fall to differences of nearly equal numbers where hardly anything is discounted
    np.testing.assert_allclose(slope, np.array(slopes, dtype=float), rtol=1e-6)


def test_the_noise_discount_vanishes_without_noise_and_grows_as_the_variance_falls():
    variance = np.array([1e-6, 1e-2, 1.0])
    assert np.abs(log_noise_discount(variance, 1e-20)[0]).max() < 1e-6
    assert (np.diff(log_noise_discount(variance, 0.1)[0]) > 0.0).all()
    assert log_noise_discount(variance[:1], 0.1)[0][0] < math.log(1e-5)


def test_a_search_does_not_settle_on_one_step_of_a_step_function():
    """A process takes steps for noise; the search must try other points than the best one."""
    study = Study({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}, seed=0, n_trials=40)
    for _ in range(40):
        trial = study.ask()
        x, y = trial.params["x"], trial.params["y"]
        study.tell(
            trial, round(10.0 * ((x - 0.7) ** 2 + (y - 0.2) ** 2) + 0.3 * math.sin(40.0 * x))
        )
    late = np.array([trial.point for trial in study.trials[20:]])
    gaps = np.abs(late[:, None] - late[None, :]).max(axis=2)
    close = (gaps < 1e-3).sum() - len(late)
    assert close / 2 < len(late) / 2


def test_the_acquisition_is_low_at_a_pending_trial():
    """Only noise is unknown there, so hardly any improvement is expected."""
    space, acquisition = observed("floats")
    point = maximize(acquisition, space, set(), np.random.default_rng(0))[None, :]
    base_samples = np.random.default_rng(0).standard_normal((1, 16))
    pending = Acquisition([gp.fantasize(point, base_samples) for gp in acquisition.gps])
    assert pending(point)[0] < acquisition(point)[0] - 2.0
    again = maximize(pending, space, set(), np.random.default_rng(0))
    assert np.abs(again - point[0]).max() > 0.02


# ---------------------------------------------------------------------------------- feasibility


@ALL
def test_failures_only_ever_lower_the_acquisition_and_never_below_the_floor(name):
    space, acquisition = observed(name, "failures")
    without = Acquisition(acquisition.gps)
    U = space.snap(np.random.default_rng(3).random((200, space.n_dimensions)))
    lowered = acquisition(U) - without(U)
    slack = 1e-9 * np.abs(without(U))  # the difference of two large numbers
    assert np.all(lowered < slack)
    assert np.all(lowered >= math.log(MIN_FEASIBILITY) - slack)


def test_the_acquisition_is_lower_near_failures_than_near_successes():
    space = SearchSpace(SPACES["floats"])
    U = np.random.default_rng(0).random((40, 2))
    failed = U[:, 0] > 0.5
    gps = fit_points(space, U[~failed], U[~failed].sum(axis=1))
    acquisition, without = (
        Acquisition(gps, feasibility)
        for feasibility in (FeasibilityModel(ColumnLayout.from_space(space), U, failed), None)
    )
    lowered = acquisition(U) - without(U)
    assert lowered[failed].max() < lowered[~failed].min()
    far = np.abs(U[:, 0] - 0.5) > 0.25
    assert lowered[failed & far].max() < math.log(0.25)
    assert lowered[~failed & far].min() > math.log(0.75)


def test_a_certain_failure_has_the_smallest_feasibility():
    failed = np.arange(100) % 2 == 1
    feasibility = FeasibilityModel(
        ColumnLayout(np.array([0]), ()), np.where(failed, 0.9, 0.1)[:, None], failed
    )
    # Phi is about 1e-8, to which the floor of 1e-4 is added.
    assert feasibility.log_probability(np.array([[0.9]]))[0] == pytest.approx(
        math.log(MIN_FEASIBILITY), abs=1e-3
    )


# ------------------------------------------------------------------------------------- maximize


@ALL
def test_the_maximum_is_the_point_of_a_configuration(name):
    space, point = SearchSpace(SPACES[name]), best_of(name)
    assert point.shape == (space.n_dimensions,)
    np.testing.assert_array_equal(space.snap(point[None, :])[0], point)
    # nothing lost in the user's units: the digits of a logarithm or quantile function and back
    np.testing.assert_allclose(space.encode(space.decode(point)), point, atol=1e-9)


@ALL
def test_the_maximum_is_deterministic(name):
    np.testing.assert_array_equal(best_of(name, seed=5), best_of(name, seed=5))


@ALL
def test_a_tried_point_is_never_returned(name):
    space, acquisition = observed(name)
    tried = set(space.keys(acquisition.gps[0].U))
    for _ in range(6):
        point = maximize(acquisition, space, tried, np.random.default_rng(0))
        key = space.keys(point[None, :])[0]
        assert key not in tried
        tried.add(key)


def test_suggestions_lie_in_the_bounds_if_observations_lie_outside():
    space = SearchSpace({"g": stats.norm(), "e": stats.expon(), "c": ["p", "q"]})
    U = np.array([[1e-9, 1 - 1e-9, 0.25], [1 - 1e-9, 1e-9, 0.25], [0.5, 0.5, 0.75]])
    acquisition = Acquisition(fit_points(space, U, np.array([-1.2, 0.0, 1.2])))
    low, high = space.bounds.T
    for seed in range(5):
        point = maximize(acquisition, space, set(), np.random.default_rng(seed))
        assert np.all((point >= low) & (point <= high))
        candidates = _candidates(acquisition, space, np.random.default_rng(seed))
        assert np.all((candidates >= low) & (candidates <= high))


@UNENDING
@pytest.mark.parametrize("kind", ["one gp", "all at once"])
def test_the_maximum_beats_random_search(name, kind):
    space, acquisition = observed(name, kind)
    point = maximize(acquisition, space, set(), np.random.default_rng(0))
    low, high = space.bounds.T
    U = low + (high - low) * np.random.default_rng(9).random((5000, space.n_dimensions))
    assert acquisition(point[None, :])[0] >= acquisition(space.snap(U)).max() - 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_the_maximum_of_one_float_is_that_of_a_fine_grid(seed):
    space, acquisition = observed("one float", n=6, seed=seed)
    point = maximize(acquisition, space, set(), np.random.default_rng(0))
    grid = np.linspace(0.0, 1.0, 20_001)[:, None]
    assert acquisition(point[None, :])[0] >= acquisition(grid).max() - 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_small_finite_spaces_are_searched_exhaustively(seed):
    space, acquisition = observed("finite", seed=seed)
    tried = set(space.keys(acquisition.gps[0].U))
    all_params = [{"a": a, "c": c} for a in range(1, 10) for c in ("p", "q", None)]
    points = np.array([space.encode(params) for params in all_params])
    free = np.array([key not in tried for key in space.keys(points)])
    expected = points[free][np.argmax(acquisition(points[free]))]
    point = maximize(acquisition, space, tried, np.random.default_rng(0))
    np.testing.assert_array_equal(point, expected)


def test_a_finite_space_is_searched_to_the_last_configuration():
    space, acquisition = observed("finite")
    tried: set[bytes] = set()
    found = []
    while (point := maximize(acquisition, space, tried, np.random.default_rng(0))) is not None:
        found.append(space.decode(point))
        tried.add(space.keys(point[None, :])[0])
        assert len(found) <= 27
    assert len(found) == 27
    assert {(s["a"], s["c"]) for s in found} == {
        (a, c) for a in range(1, 10) for c in ("p", "q", None)
    }


def test_nothing_is_returned_if_everything_was_tried():
    space, acquisition = observed("finite")
    tried = set(space.keys(np.array(list(space.rows()))))
    assert maximize(acquisition, space, tried, np.random.default_rng(0)) is None


def test_configurations_in_two_sub_spaces_are_proposed_once():
    space = SearchSpace([{"a": [1, 2]}, {"a": [2, 3]}])
    U = np.array(list(space.rows()))
    acquisition = Acquisition(fit_points(space, U, np.array([0.0, 1.0, -1.0])))
    assert maximize(acquisition, space, set(space.keys(U)), np.random.default_rng(0)) is None


# ---------------------------------------------------------------------------------- local search


@pytest.mark.parametrize("scaling", ["linear", "log"])
@pytest.mark.parametrize("value", [1, 2, 10, 63, 500, 3999, 4000])
@pytest.mark.parametrize("toward", [-1, 1])
def test_the_coordinate_search_reaches_the_neighbors(scaling, value, toward):
    space = SearchSpace({"n": Int(1, 4000, scaling)})
    target = min(max(value + toward, 1), 4000)
    goal = space.encode({"n": target})[0]
    points = space.encode({"n": value})[None, :]

    def nearness(U):
        return -np.abs(U[:, 0] - goal)

    (point,), (reached,) = _coordinate_search(nearness, space, (points, nearness(points)))
    assert space.decode(point)["n"] == target
    assert reached == 0.0


def optimized(name, all_params):
    """Return the columns that the optimization changes, and its gain, for each configuration."""
    space, acquisition = observed(name)
    at = np.array([space.encode(params) for params in all_params])
    moved, reached = _optimize_continuous(acquisition, space, (at, acquisition(at)))
    np.testing.assert_allclose(reached, acquisition(moved), rtol=1e-9)
    changed = [
        {space.column_names[j] for j in np.flatnonzero(m != a)}
        for m, a in zip(moved, at, strict=True)
    ]
    return changed, reached - acquisition(at)


def test_continuous_optimization_keeps_inactive_coordinates():
    tree, line = {"kind": "tree", "depth": 9, "rate": 0.1}, {"kind": "line", "slope": 0.4}
    changed, gained = optimized("conditional", [tree, {**line, "rate": 0.1}])
    assert changed == [{"rate"}, {"slope", "rate"}]
    assert np.all(gained > 0.0)


def test_continuous_optimization_stays_in_its_sub_space():
    changed, _ = optimized("sub-spaces", [{"x": 0.3, "n": 70}, {"z": 0.5, "k": 3}])
    assert changed == [{"x"}, {"z"}]


def test_continuous_optimization_never_lowers_the_acquisition():
    space, acquisition = observed("mixed")
    points = space.snap(np.random.default_rng(4).random((9, space.n_dimensions)))
    values = acquisition(points)
    moved, reached = _optimize_continuous(acquisition, space, (points, values))
    assert np.all(reached >= values)
    assert np.any(reached > values)
    np.testing.assert_allclose(acquisition(moved), reached, rtol=1e-9)
    np.testing.assert_array_equal(space.snap(moved), moved)


def test_continuous_optimization_without_continuous_coordinates_changes_nothing():
    space, acquisition = observed("ints")
    at = space.encode({"a": 70, "b": 7})[None, :]
    moved, reached = _optimize_continuous(acquisition, space, (at, acquisition(at)))
    assert moved is at
    np.testing.assert_array_equal(reached, acquisition(at))

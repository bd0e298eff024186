"""log EI against 60-digit arithmetic and differences; its maximum over every kind of space."""

from __future__ import annotations

import functools
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from threadpoolctl import threadpool_limits

from tuneplug import Categorical, Float, Int, SearchSpace
from tuneplug.acquisition import (
    TAIL,
    _candidates,
    _climb_continuous,
    _climb_discrete,
    _LogEI,
    log_expected_improvement,
    log_h,
    maximise,
)
from tuneplug.surrogate.gp import GaussianProcess, Hyperparameters, Layout, fit_map

SETTINGS = settings(deadline=None, derandomize=True)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Matrices this small only make the threads of a BLAS wait for each other."""
    with threadpool_limits(1):
        yield


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
def test_log_h_where_it_bends(z):
    assert_log_h_is_exact(z)


def test_log_h_rises():
    z = np.concatenate([-np.logspace(8, -3, 2000), np.logspace(-3, 1.5, 500)])
    assert np.all(np.diff(log_h(z)) > 0)


def test_log_h_keeps_the_shape():
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


# ------------------------------------------------------------------------------------ processes

SPACES = {
    "floats": {"x": Float(0, 1), "y": Float(1e-4, 1)},
    "one float": {"x": Float(0, 1)},
    "ints": {"a": Int(1, 4000), "b": Int(0, 99)},
    "labels": {f"c{i}": list("abcdef") for i in range(5)},
    "finite": {"a": Int(1, 9), "c": Categorical(["p", "q", None])},
    "mixed": {"x": Float(0, 1), "c": ["p", "q", "r"], "n": Int(1, 500), "o": [1, 2, 4, 8]},
    "conditional": {
        "kind": ["line", "tree"],
        "depth": Int(1, 30, when={"kind": ["tree"]}),
        "slope": Float(0, 1, when={"kind": ["line"]}),
        "leaf": Float(0, 1, when={"depth": [3, 4, 5]}),
        "rate": Float(1e-3, 1),
    },
    "branches": [
        {"x": Float(0, 1), "n": Int(1, 2000)},
        {"x": Float(0, 1), "c": ["p", "q"]},
        {"z": stats.expon(), "k": Int(3, 3)},
    ],
    "quantiles": {"g": stats.norm(), "k": stats.poisson(4), "b": stats.binom(9, 0.3)},
    "conditional on quantiles": {"k": stats.poisson(2), "x": Float(0, 1, when={"k": [1, 2]})},
}
ALL = pytest.mark.parametrize("name", list(SPACES))
UNENDING = pytest.mark.parametrize("name", [name for name in SPACES if name != "finite"])


@functools.cache
def observed(name, n=12, seed=0):
    """Return a space, a process learned from n settings of it, and the incumbent."""
    space = SearchSpace(SPACES[name])
    rng = np.random.default_rng(seed)
    U = space.snap(rng.random((n, space.n_dimensions)))
    y = np.sin(4.0 * U.sum(axis=1)) + U[:, -1] + 0.1 * rng.standard_normal(n)
    gp = fit_map(U, (y - y.mean()) / y.std(), Layout.of(space), max_iter=20)
    return space, gp, float(gp.predict(gp.U)[0].min())


def best_of(name, taken=(), seed=0):
    space, gp, best = observed(name)
    return maximise(gp, space, best, taken, np.random.default_rng(seed))


@UNENDING
def test_log_ei_gradient_matches_central_differences(name):
    space, gp, best = observed(name)
    score, h = _LogEI(gp, best), 1e-6
    U = space.snap(np.random.default_rng(1).random((12, space.n_dimensions)))
    columns = gp.layout.numeric
    U[:, columns] = 0.02 + 0.96 * U[:, columns]
    value, gradient = score.with_gradient(U)
    np.testing.assert_allclose(value, score(U), rtol=1e-12)
    assert gradient.shape == (12, len(columns))
    for i, column in enumerate(columns):
        step = h * np.eye(U.shape[1])[column]
        difference = (score(U + step) - score(U - step)) / (2 * h)
        # rounding of the posterior over h
        scale = 1.0 + np.abs(difference).max()
        np.testing.assert_allclose(gradient[:, i], difference, rtol=1e-4, atol=1e-5 * scale)


def test_log_ei_gradient_survives_where_ei_underflows():
    layout = Layout(np.array([0]), ())
    hyper = Hyperparameters(np.array([0.5]), 1e-4, 1e-8, 0.0, np.ones(1), np.ones(1))
    gp = GaussianProcess(layout, hyper, np.array([[0.1], [0.9]]), np.array([0.0, 0.01]))
    score, u, h = _LogEI(gp, -2.0), np.array([[0.4]]), 1e-6
    value, gradient = score.with_gradient(u)
    assert np.exp(value) == 0.0
    difference = (score(u + h) - score(u - h)) / (2 * h)
    assert gradient[0] == pytest.approx(difference, rel=1e-4)
    assert gradient[0, 0] != 0.0


# ------------------------------------------------------------------------------------- maximise


@ALL
def test_the_maximum_is_a_place_of_a_setting(name):
    space, row = SearchSpace(SPACES[name]), best_of(name)
    assert row.shape == (space.n_dimensions,)
    np.testing.assert_array_equal(space.snap(row[None, :])[0], row)
    # nothing lost in the user's units: the digits of a logarithm or quantile function and back
    np.testing.assert_allclose(space.encode(space.decode(row)), row, atol=1e-9)


@ALL
def test_the_maximum_is_deterministic(name):
    np.testing.assert_array_equal(best_of(name, seed=5), best_of(name, seed=5))


@ALL
def test_a_taken_row_is_never_returned(name):
    space, gp, best = observed(name)
    taken = set(space.keys(gp.U))
    for _ in range(6):
        row = maximise(gp, space, best, taken, np.random.default_rng(0))
        key = space.keys(row[None, :])[0]
        assert key not in taken
        taken.add(key)


def test_models_keep_inside_the_bounds_though_observations_lie_outside():
    space = SearchSpace({"g": stats.norm(), "e": stats.expon(), "c": ["p", "q"]})
    U = np.array([[1e-9, 1 - 1e-9, 0.25], [1 - 1e-9, 1e-9, 0.25], [0.5, 0.5, 0.75]])
    gp = fit_map(U, np.array([-1.2, 0.0, 1.2]), Layout.of(space))
    low, high = space.bounds.T
    for seed in range(5):
        row = maximise(gp, space, -1.2, set(), np.random.default_rng(seed))
        assert np.all((row >= low) & (row <= high))
        candidates = _candidates(gp, space, np.random.default_rng(seed))
        assert np.all((candidates >= low) & (candidates <= high))


@UNENDING
def test_the_maximum_beats_random_search(name):
    space, gp, best = observed(name)
    score = _LogEI(gp, best)
    row = maximise(gp, space, best, set(), np.random.default_rng(0))
    low, high = space.bounds.T
    U = low + (high - low) * np.random.default_rng(9).random((5000, space.n_dimensions))
    assert score(row[None, :])[0] >= score(space.snap(U)).max() - 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_the_maximum_of_one_float_is_that_of_a_fine_grid(seed):
    space, gp, best = observed("one float", n=6, seed=seed)
    score = _LogEI(gp, best)
    row = maximise(gp, space, best, set(), np.random.default_rng(0))
    grid = np.linspace(0.0, 1.0, 20_001)[:, None]
    assert score(row[None, :])[0] >= score(grid).max() - 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_small_finite_spaces_are_searched_exhaustively(seed):
    space, gp, best = observed("finite", seed=seed)
    score, taken = _LogEI(gp, best), set(space.keys(gp.U))
    settings_ = [{"a": a, "c": c} for a in range(1, 10) for c in ("p", "q", None)]
    rows = np.array([space.encode(setting) for setting in settings_])
    free = np.array([key not in taken for key in space.keys(rows)])
    expected = rows[free][np.argmax(score(rows[free]))]
    row = maximise(gp, space, best, taken, np.random.default_rng(0))
    np.testing.assert_array_equal(row, expected)


def test_a_finite_space_is_gone_through_to_the_last_setting():
    space, gp, best = observed("finite")
    taken: set[bytes] = set()
    found = []
    while (row := maximise(gp, space, best, taken, np.random.default_rng(0))) is not None:
        found.append(space.decode(row))
        taken.add(space.keys(row[None, :])[0])
        assert len(found) <= 27
    assert len(found) == 27
    assert {(s["a"], s["c"]) for s in found} == {
        (a, c) for a in range(1, 10) for c in ("p", "q", None)
    }


def test_when_everything_is_taken_there_is_nothing():
    space, gp, best = observed("finite")
    taken = set(space.keys(np.array(list(space.rows()))))
    assert maximise(gp, space, best, taken, np.random.default_rng(0)) is None


def test_settings_in_two_branches_are_proposed_once():
    space = SearchSpace([{"a": [1, 2]}, {"a": [2, 3]}])
    U = np.array(list(space.rows()))
    gp = fit_map(U, np.array([0.0, 1.0, -1.0]), Layout.of(space))
    assert maximise(gp, space, -1.0, set(space.keys(U)), np.random.default_rng(0)) is None


# ----------------------------------------------------------------------------------- line search


@pytest.mark.parametrize("scaling", ["linear", "log"])
@pytest.mark.parametrize("value", [1, 2, 10, 63, 500, 3999, 4000])
@pytest.mark.parametrize("towards", [-1, 1])
def test_the_discrete_search_reaches_the_neighbours(scaling, value, towards):
    space = SearchSpace({"n": Int(1, 4000, scaling)})
    target = min(max(value + towards, 1), 4000)
    goal = space.encode({"n": target})[0]
    row, _ = _climb_discrete(lambda U: -np.abs(U[:, 0] - goal), space, space.encode({"n": value}))
    assert space.decode(row)["n"] == target


def test_the_continuous_search_leaves_inactive_coordinates_alone():
    space, gp, best = observed("conditional")
    at = space.encode({"kind": "tree", "depth": 9, "rate": 0.1})
    moved, reached = _climb_continuous(_LogEI(gp, best), space, at)
    changed = {space.labels[j] for j in np.flatnonzero(moved != at)}
    assert changed == {"rate"}
    assert reached > _LogEI(gp, best)(at[None, :])[0]


def test_the_continuous_search_stays_in_its_branch():
    space, gp, best = observed("branches")
    at = space.encode({"x": 0.3, "n": 70})
    moved, _ = _climb_continuous(_LogEI(gp, best), space, at)
    assert {space.labels[j] for j in np.flatnonzero(moved != at)} == {"x"}


def test_without_continuous_coordinates_there_is_nothing_to_climb():
    space, gp, best = observed("ints")
    at = space.encode({"a": 70, "b": 7})
    moved, reached = _climb_continuous(_LogEI(gp, best), space, at)
    assert moved is at
    assert reached == -math.inf

"""Learned warps recover the best scaling of a parameter, in the user's units."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from scipy import stats

from tuneplug import Categorical, Float, Int, Study
from tuneplug.strategies import BayesianSearch
from tuneplug.strategies.learned_warps import MIN_BEND, MIN_EFFECT, N_CURVE_POINTS
from tuneplug.surrogate.warping import kumaraswamy

pytestmark = pytest.mark.usefixtures("one_thread")


def log_like(x):
    return (np.log10(x) + 2.0) ** 2


def study_of(parameter, f, n=26, **options):
    """Return a study of n trials spread over the range of p; q is irrelevant."""
    study = Study({"p": parameter, "q": Float(0, 1)}, seed=0, **options)
    rng = np.random.default_rng(0)
    units = (rng.permutation(n) + 0.5) / n
    for p, q in zip(parameter.from_unit(units), rng.random(n), strict=True):
        study.enqueue({"p": p, "q": float(q)})
        trial = study.ask()
        study.tell(trial, float(f(trial.params["p"])))
    return study


CASES = {
    "log, declared linear": (Float(1e-3, 1, "linear"), log_like),
    "log, declared log": (Float(1e-3, 1, "log"), log_like),
    "log, from 0": (Float(0, 1, "linear"), lambda x: log_like(x + 1e-3)),
    "log, of integers": (Int(1, 1000, "linear"), lambda n: (np.log10(n) - 1.0) ** 2),
    "reverse, declared linear": (Float(0, 0.999, "linear"), lambda x: log_like(1.0 - x)),
    "reverse, declared reverse": (Float(0, 0.999, "reverse_log"), lambda x: log_like(1.0 - x)),
    "reverse, of integers": (Int(1, 1000, "linear"), lambda n: log_like((1001 - n) / 1000)),
    "linear, declared linear": (Float(0, 1, "linear"), lambda x: np.sin(9.0 * x)),
    "linear, declared log": (Float(1e-3, 1, "log"), lambda x: np.sin(9.0 * x)),
    "log, on a range where log is nearly linear": (
        Float(1, 2, "linear"),
        lambda x: np.sin(9.0 * np.log2(x)),
    ),
    "far steeper, on a range where log is nearly linear": (
        Float(1, 2, "linear"),
        lambda x: log_like(x - 0.999),
    ),
    "steeper than log, declared log": (
        Float(1e-3, 1, "log"),
        lambda x: np.sin(6.0 * np.log(0.02 + np.log10(x) / 3.0 + 1.0)),
    ),
    "without effect": (Float(1e-3, 1, "linear"), lambda x: 1.0),
    "steep in the middle": (
        Float(0, 1, "linear"),
        lambda x: np.sin(4.0 * np.tanh(8.0 * (x - 0.5))),
    ),
}
cases = pytest.mark.parametrize("case", list(CASES))


@functools.cache
def curve_of(case):
    parameter, f = CASES[case]
    return parameter, study_of(parameter, f).learned_warps()["p"]


@pytest.mark.parametrize(
    ("case", "shape", "advice"),
    [
        ("log, declared linear", "log-like", "scaling='log'"),
        ("log, declared log", None, None),
        ("log, from 0", "log-like", "low above 0"),
        ("log, of integers", "log-like", "scaling='log'"),
        ("reverse, declared linear", "reverse-log-like", "scaling='reverse_log'"),
        ("reverse, declared reverse", None, None),
        ("reverse, of integers", "reverse-log-like", None),
        ("linear, declared linear", None, None),
        ("linear, declared log", "linear-like", "scaling='linear'"),
        ("log, on a range where log is nearly linear", None, None),
        ("far steeper, on a range where log is nearly linear", None, None),
        ("steeper than log, declared log", None, None),
        ("without effect", None, None),
        ("steep in the middle", "S-shaped", "narrow its range"),
    ],
)
def test_curve_has_the_expected_shape_and_advice(case, shape, advice):
    _, curve = curve_of(case)
    assert curve.shape == shape
    if advice is None:
        assert curve.advice is None
    else:
        assert advice in curve.advice
        assert " p" in curve.advice


@cases
def test_curve_and_band_increase_from_0_to_1(case):
    _, curve = curve_of(case)
    for line in (curve.unit, curve.lower, curve.warped, curve.upper):
        assert line.shape == (N_CURVE_POINTS,)
        assert (line[0], line[-1]) == (0.0, 1.0)
        assert np.all(np.diff(line) >= 0.0)
    assert np.all(curve.lower <= curve.upper)
    assert np.all(curve.lower[1:-1] < curve.upper[1:-1])


@cases
def test_curve_lies_inside_its_band(case):
    _, curve = curve_of(case)
    assert np.all(curve.lower <= curve.warped)
    assert np.all(curve.warped <= curve.upper)


@cases
def test_shape_is_stated_only_if_the_band_excludes_the_declared_scaling(case):
    _, curve = curve_of(case)
    excluded = (curve.lower > curve.unit + MIN_BEND) | (curve.upper < curve.unit - MIN_BEND)
    assert curve.shape is None or (np.any(excluded) and curve.effect > MIN_EFFECT)
    assert curve.advice is None or curve.shape is not None


@cases
def test_curve_is_close_to_the_warp_of_the_median_shape_parameters(case):
    _, curve = curve_of(case)
    expected = kumaraswamy(curve.unit, np.array(curve.a), np.array(curve.b))
    np.testing.assert_allclose(curve.warped, expected, atol=0.1)


@cases
def test_points_are_in_the_users_units(case):
    parameter, curve = curve_of(case)
    assert curve.parameter == "p"
    assert curve.values == parameter.from_unit(curve.unit)
    assert curve.values[0] == pytest.approx(parameter.low)
    assert curve.values[-1] == pytest.approx(parameter.high)


def test_curves_that_bend_opposite_ways_have_different_shapes():
    """One parameter is logarithmic at its low end, the other at its high end."""
    study = Study({"p": Float(0, 1, "linear"), "q": Float(0, 1, "linear")}, seed=0)
    for p, q in np.random.default_rng(0).random((40, 2)).tolist():
        study.enqueue({"p": p, "q": q})
        study.tell(study.ask(), float(log_like(p + 1e-3) + log_like(1.001 - q)))
    curves = study.learned_warps()
    middle = N_CURVE_POINTS // 2
    assert curves["p"].lower[middle] > 0.5 > curves["q"].upper[middle]
    assert [curves[name].shape for name in "pq"] == ["log-like", "reverse-log-like"]


def test_declaring_the_advised_scaling_removes_the_advice():
    """With the advised scaling the learned warp is also weaker."""
    _, before = curve_of("log, declared linear")
    _, after = curve_of("log, declared log")
    assert before.advice is not None
    assert after.advice is None
    bends = [np.abs(curve.warped - curve.unit).max() for curve in (before, after)]
    assert bends[1] < 0.3 * bends[0]


@pytest.mark.parametrize("case", ["log, declared linear", "linear, declared linear"])
def test_irrelevant_parameter_has_no_shape_and_no_advice(case):
    """All scalings of q fit equally well."""
    curve = study_of(*CASES[case]).learned_warps()["q"]
    assert curve.effect <= MIN_EFFECT
    assert (curve.shape, curve.advice) == (None, None)


@pytest.mark.parametrize("seed", range(4))
def test_noise_has_no_shape(seed):
    """No parameter has effect, but the losses differ."""
    noise = np.random.default_rng(seed)
    curves = study_of(Float(1e-3, 1, "linear"), lambda x: noise.normal()).learned_warps()
    assert [(curve.shape, curve.advice) for curve in curves.values()] == [(None, None)] * 2


def test_learned_warps_are_deterministic():
    first, again = (study_of(*CASES["log, declared linear"]).learned_warps()["p"] for _ in "ab")
    for line in ("warped", "lower", "upper"):
        np.testing.assert_array_equal(getattr(first, line), getattr(again, line))
    assert first.advice == again.advice


@pytest.mark.parametrize("inference", ["map", "mcmc"])
def test_each_inference_method_returns_curves(inference):
    strategy = BayesianSearch(inference=inference)
    study = study_of(*CASES["log, declared linear"], n=12, strategy=strategy)
    assert study.learned_warps()["p"].shape == "log-like"


ORDERED = {
    "rising categories": Categorical([1, 2, 4, 8, 16]),
    "falling categories": Categorical([16, 8, 4, 2]),
    "falling to 0": Categorical([4, 2, 1, 0]),
    "falling below 0": Categorical([1.0, 0.5, 0.25, -0.5]),
    "falling from 1": Categorical([1.0, 0.75, 0.5]),
    "rising to 1": Categorical([0.5, 0.75, 1.0]),
    "normal": stats.norm(),
    "poisson": stats.poisson(4),
    "three integers": Int(1, 3),
    "both signs": Float(-5, 5),
    "not in the unit interval": Float(0.5, 2, "linear"),
}


@pytest.mark.parametrize("name", list(ORDERED))
def test_each_ordered_parameter_has_a_curve(name):
    study = Study({"p": ORDERED[name]}, seed=0)
    for _ in range(3):
        trial = study.ask()
        study.tell(trial, float(trial.params["p"]))
    curve = study.learned_warps()["p"]
    assert (curve.shape, curve.advice) == (None, None)  # three trials are too few
    assert np.all(np.isfinite(curve.warped))


def test_categorical_parameters_have_no_curve():
    study = Study({"c": ["p", "q"], "x": Float(0, 1)}, seed=0)
    study.optimize(lambda trial: trial.params["x"], 3)
    assert list(study.learned_warps()) == ["x"]


@pytest.mark.parametrize(
    ("strategy", "n"), [(BayesianSearch(warping=False), 6), (BayesianSearch(), 1)]
)
def test_no_curve_without_a_fit(strategy, n):
    study = Study({"x": Float(0, 1)}, strategy=strategy, seed=0)
    study.optimize(lambda trial: trial.params["x"], n)
    assert study.learned_warps() == {}

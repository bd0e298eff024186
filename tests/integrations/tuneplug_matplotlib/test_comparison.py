"""Comparison: means over replications with their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from tuneplug import Comparison, Float, Study
from tuneplug_matplotlib import ComparisonDisplay, Results

pytest.importorskip("matplotlib")


def runs(n, seed=0, length=12):
    rng = np.random.default_rng(seed)
    return [Results(values=rng.random(length)) for _ in range(n)]


def test_the_line_is_the_mean_of_the_best_so_far_within_its_band():
    group = runs(6)
    curve = ComparisonDisplay({"random": group}).curves[0]
    best = [np.maximum.accumulate(run.y) for run in group]
    np.testing.assert_allclose(curve.mean, np.mean(best, axis=0))
    assert np.all((curve.lower <= curve.mean) & (curve.mean <= curve.upper))
    assert np.any(curve.lower < curve.upper)


def test_lines_differ_in_color_and_dashes_and_the_band_is_in_the_legend():
    drawn = ComparisonDisplay({"a": runs(3), "b_$": runs(3, 1)}).plot()
    assert len({line.get_color() for line in drawn.lines_}) == 2
    assert len({line.get_linestyle() for line in drawn.lines_}) == 2
    texts = [text.get_text() for text in drawn.ax_.get_legend().get_texts()]
    assert texts == ["a, mean of 3", r"b_\$, mean of 3", "90 % interval of the mean"]


def test_shorter_replications_keep_their_last_value():
    short, long = Results(values=[0.5]), Results(values=[0.1, 0.9])
    np.testing.assert_allclose(ComparisonDisplay({"a": [short, long]}).curves[0].mean, [0.3, 0.7])


def test_studies_are_compared():
    def study(strategy, seed):
        made = Study({"x": Float(0, 1)}, strategy=strategy, seed=seed)
        made.optimize(lambda trial: trial.params["x"], 6)
        return made

    groups = {name: [study(name, seed) for seed in range(2)] for name in ("bayesian", "random")}
    drawn = ComparisonDisplay.from_studies(groups)
    drawn.figure_.canvas.draw()
    assert [len(curve.mean) for curve in drawn.curves] == [6, 6]
    assert drawn.ax_.get_ylabel() == "best value so far"


def test_a_comparison_is_drawn_with_its_mean_curves():
    fast, slow = [[3.0, 1.0, 0.0], [4.0, 1.0, 0.5]], [[np.nan, 3.0, 1.0], [4.0, 2.0, 1.0]]
    comparison = Comparison({"fast": fast, "slow": slow})
    drawn = ComparisonDisplay.from_comparison(comparison)
    for line, mean in zip(drawn.lines_, comparison.mean.values(), strict=True):
        np.testing.assert_allclose(line.get_ydata(), mean)
    assert drawn.curves[0].n_replications == 2


def test_the_band_is_that_of_the_comparison():
    rng = np.random.default_rng(0)
    curves = {name: np.minimum.accumulate(rng.random((5, 8)), axis=1) for name in "ab"}
    comparison = Comparison(curves, seed=3)
    drawn = ComparisonDisplay.from_comparison(comparison)
    for curve in drawn.curves:
        lower, upper = comparison.band(0.9)[curve.name]
        np.testing.assert_array_equal(curve.lower, lower)
        np.testing.assert_array_equal(curve.upper, upper)


def test_one_replication_has_no_band():
    curve = ComparisonDisplay({"a": runs(1)}).curves[0]
    np.testing.assert_array_equal(curve.lower, curve.mean)
    np.testing.assert_array_equal(curve.upper, curve.mean)


def test_fitted_searches_are_compared(search, with_failures):
    drawn = ComparisonDisplay.from_estimators({"ours": [search], "grid": [with_failures]})
    assert np.isnan(drawn.curves[1].mean[0])
    assert drawn.curves[0].mean[-1] == search.best_score_


@pytest.mark.parametrize("results", [{}, {"a": []}])
def test_nothing_to_compare_is_an_error(results):
    with pytest.raises(ValueError, match="at least one replication"):
        ComparisonDisplay(results)


def test_directions_must_agree():
    other = Results(values=[1.0], direction="minimize")
    with pytest.raises(ValueError, match="must have one direction"):
        ComparisonDisplay({"a": runs(1), "b": [other]})

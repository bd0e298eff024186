"""Regret, intervals and tables of finished runs."""

from __future__ import annotations

import _report
import numpy as np
import pytest
from _runs import Cell, Record
from _tasks import Baseline, Task

from tuneplug import Float, SearchSpace

SPACE = SearchSpace({"x": Float(0.0, 1.0, scaling="linear")})


def task(name: str, baseline=None) -> Task:
    return Task(name, "test", SPACE, lambda configuration: configuration["x"], baseline)


def records(runs):
    cells = [Cell(*key, jobs=3) for key in runs]
    return {
        cell: Record(cell, losses, [0.1] * 3)
        for cell, losses in zip(cells, runs.values(), strict=True)
    }


def test_the_bootstrap_interval_covers_a_known_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(200):
        groups = rng.normal(size=(20, 1)) + rng.normal(size=(20, 5))
        low, high = _report.interval(groups)
        covered.append(low < 0 < high)
    assert 0.88 <= np.mean(covered) <= 1.0


def test_differences_are_paired():
    rng = np.random.default_rng(1)
    base = rng.random((6, 3))
    other = base + 0.1
    assert _report.resampled(other) - _report.resampled(base) == pytest.approx(0.1)
    low, high = _report.interval(other - base)
    assert low == pytest.approx(0.1)
    assert high == pytest.approx(0.1)


def test_runs_that_are_missing_do_not_count():
    values = np.array([[1.0, np.nan], [3.0, 3.0]])
    means = _report.resampled(values)
    assert not np.isnan(means).any()
    assert means.min() >= 1.0
    assert means.max() <= 3.0


def test_regret_is_zero_at_the_optimum_and_one_at_the_random_median():
    rule = Baseline(1.0, np.array([2.0, 3.0, 9.0]))
    assert rule.regret(np.array([1.0, 2.0, 3.0, 7.0])).tolist() == [0.0, 0.5, 1.0, 1.0]
    assert rule.random_equivalents(2.5) == pytest.approx(3.0)
    assert rule.random_equivalents(0.0) == pytest.approx(3.0)


def test_a_task_without_a_known_optimum_is_judged_by_its_runs():
    found = records({("t", "random", 0): [5.0, 3.0, 4.0], ("t", "a", 0): [4.0, 2.0, 9.0]})
    rule = _report.baseline(task("t"), found)
    assert (rule.optimum, np.median(rule.random)) == (2.0, 4.0)
    with pytest.raises(ValueError, match="random search"):
        _report.baseline(task("other"), found)


def test_only_runs_that_all_have_made_are_compared():
    found = records(
        {
            ("t", "a", 0): [3.0, 2.0, 2.5],
            ("t", "a", 1): [1.0, 1.0, 1.0],
            ("t", "b", 0): [2.0, 2.0, 1.0],
        }
    )
    known = task("t", lambda: Baseline(1.0, np.array([3.0])))
    regret_arrays = _report.collect(found, [known], ["a", "b", "absent"], found)
    assert list(regret_arrays) == ["a", "b"]
    assert regret_arrays["a"][0, 0].tolist() == [1.0, 0.5, 0.5]  # the best so far
    assert np.isnan(regret_arrays["a"][0, 1]).all()
    assert _report.order(regret_arrays) == ["b", "a"]
    assert _report.won_and_lost(regret_arrays["b"], regret_arrays["a"]) == "1 / 0"
    assert _report.jobs_to_match(regret_arrays["a"], 0.5) == "2"
    assert _report.jobs_to_match(regret_arrays["a"], 0.1) == "-"
    table = _report.by_task(regret_arrays, [known])
    assert "| t | 0.5000 | **0.0000** |" in table

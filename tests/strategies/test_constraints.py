"""Bayesian search with constraints finds the best feasible point."""

from __future__ import annotations

import numpy as np
import pytest

from tuneplug import Float, Int, Study, TrialResult, TrialState
from tuneplug.strategies import BayesianSearch, MultiFidelitySearch

SPACE = {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}
#: Best feasible value of ``toy`` (Gramacy et al., "Modeling an Augmented Lagrangian", 2016).
OPTIMUM = 0.5998


def toy(params):
    x, y = params["x"], params["y"]
    wave = 1.5 - x - 2.0 * y - 0.5 * np.sin(2.0 * np.pi * (x * x - 2.0 * y))
    return x + y, [wave, x * x + y * y - 1.5]


def run(strategy, n, *, seed=0, function=toy, space=SPACE, lag=0, **options):
    study = Study(space, strategy=strategy, seed=seed, **options)
    for _ in range(n):
        trial = study.ask(lag=lag)
        value, constraints = function(trial.params)
        study.tell(trial, value, constraints=constraints)
    return study


@pytest.mark.parametrize("seed", range(3))
def test_search_ends_at_the_border_of_the_feasible_region(seed):
    study = run("bayesian", 35, seed=seed)
    assert study.best_value == pytest.approx(OPTIMUM, abs=0.005)
    assert study.best_value >= OPTIMUM - 1e-3


def test_search_finds_a_small_feasible_region():
    def far(params):
        away = (params["x"] - 0.83) ** 2 + (params["y"] - 0.17) ** 2
        return params["x"], [away - 0.01]  # 3 % of the square

    best = [run("bayesian", 30, seed=seed, function=far).best_value for seed in range(3)]
    assert max(best) < 0.74  # the optimum is 0.73


def test_same_seed_gives_the_same_trials_and_a_history_the_same_suggestion():
    first, second = run("bayesian", 15), run("bayesian", 15)
    assert [t.params for t in first.trials] == [t.params for t in second.trials]
    assert first.ask().params == second.ask().params


def test_integers_and_equal_constraints_are_searched():
    def stairs(params):
        return params["n"] + params["x"], [float(params["n"] < 3), -1.0]

    space = {"n": Int(0, 9), "x": Float(0.0, 1.0)}
    study = run("bayesian", 25, function=stairs, space=space)
    assert study.best_params["n"] == 3
    assert study.best_value < 3.2


def test_suggestion_has_no_expected_improvement_before_the_first_feasible_trial():
    study = run("bayesian", 10, function=lambda p: (p["x"], [1.0 + p["y"]]))
    by_model = [t for t in study.trials if t.origin == "model"]
    assert by_model
    assert all(t.expected_improvement is None for t in by_model)


@pytest.mark.parametrize("inference", ["map", "mcmc"])
def test_pending_trials_and_both_inferences(inference):
    study = run(BayesianSearch(inference=inference), 10, lag=2)
    assert len({tuple(t.params.values()) for t in study.trials}) == 10


def test_multi_fidelity_search_has_a_feasible_best():
    strategy = MultiFidelitySearch(1, 27, cost_aware=False)
    study = run(strategy, 40)
    assert study.best_trial.is_feasible
    assert study.best_value < 0.9


def test_constraints_of_an_identical_parent_are_learned():
    parent = run("random", 25)
    assert parent.best_value > OPTIMUM + 0.05
    study = run("bayesian", 6, seed=1, warm_start_from=[parent])
    assert study.best_value < OPTIMUM + 0.02
    assert study.overall_best.parent is None


def test_constraints_of_a_parent_are_not_those_of_a_study_without_constraints():
    parent = run("bayesian", 15)

    def plain(params):
        return toy(params)[0], None

    study = run("bayesian", 8, seed=1, function=plain, warm_start_from=[parent])
    assert study.best_value < 0.1  # the smallest sum of the square, which is infeasible


def test_stopped_trials_with_other_constraints_are_not_learned_from():
    study = run("bayesian", 8)
    trial = study.ask()
    stopped = TrialResult(TrialState.STOPPED, value=1.0, constraints=[1.0], stop_reason="rule")
    study.finish(trial.number, stopped)
    assert study.ask().origin == "model"

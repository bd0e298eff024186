"""Suggestions by predicted cost, and what a history says about costs."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

from tuneplug import Float, Study, TrialResult, TrialState
from tuneplug.execution import INTERRUPTED_MESSAGE
from tuneplug.strategies import BayesianSearch
from tuneplug.strategies.base import Context
from tuneplug.strategies.costs import cost_weight, observed_costs
from tuneplug.trial.learning_curves import Report

SPACE = {"x": Float(0.0, 1.0), "slow": Float(0.0, 1.0)}


def loss_of(params):
    return (params["x"] - 0.6) ** 2 + 0.1 * (params["slow"] - 0.5) ** 2


def seconds_of(params):
    """Cost 1 to 1000."""
    return 10.0 ** (3.0 * params["slow"])


def run(n, cost, *, cost_aware=True, seed=0, n_trials=None, **more):
    """Return a study of n trials whose costs are ``cost(params)``."""
    strategy = BayesianSearch(cost_aware=cost_aware, **more)
    study = Study(SPACE, strategy=strategy, seed=seed, n_trials=n_trials)
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, loss_of(trial.params), cost=cost(trial.params))
    return study


def params_of(study):
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("cost", [1.0, 0.0, 1e300, 5e-324])
def test_equal_costs_change_no_suggestion(cost):
    assert params_of(run(12, lambda _: cost)) == params_of(
        run(12, lambda _: cost, cost_aware=False)
    )


def test_costs_are_ignored_without_cost_aware():
    plain = run(12, seconds_of, cost_aware=False)
    assert params_of(plain) == params_of(run(12, lambda _: 1.0, cost_aware=False))


def test_the_initial_design_does_not_depend_on_costs():
    aware, plain = (
        run(8, seconds_of, n_initial=6),
        run(8, seconds_of, cost_aware=False, n_initial=6),
    )
    assert params_of(aware)[:6] == params_of(plain)[:6]
    assert params_of(aware) != params_of(plain)


@pytest.mark.parametrize("seed", range(3))
def test_cheap_configurations_are_preferred(seed):
    def spent(study):
        return sum(trial.cost for trial in study.trials[5:])

    aware, plain = run(20, seconds_of, seed=seed), run(20, seconds_of, cost_aware=False, seed=seed)
    assert spent(aware) < 0.8 * spent(plain)
    assert aware.best_value < 0.03


def test_the_same_costs_give_the_same_suggestions_and_a_copy_continues_alike():
    study = run(12, seconds_of)
    assert params_of(study) == params_of(run(12, seconds_of))
    twin = copy.deepcopy(study)
    assert twin.ask().params == study.ask().params


@pytest.mark.parametrize("unit", [1e-9, 60.0, 2.0**500])
def test_the_unit_of_costs_hardly_matters(unit):
    seconds, others = run(8, seconds_of), run(8, lambda params: unit * seconds_of(params))
    for one, other in zip(params_of(seconds), params_of(others), strict=True):
        assert one == pytest.approx(other, abs=0.02)


@pytest.mark.parametrize(
    "extreme",
    [
        lambda p: 0.0 if p["slow"] < 0.5 else 1.0,
        lambda p: 1e-300 if p["slow"] < 0.5 else 1e300,
        lambda p: 0.0,
        lambda p: 1e308 * p["slow"],
    ],
)
def test_extreme_costs_give_suggestions(extreme):
    study = run(10, extreme)
    assert [t.origin for t in study.trials[5:]] == ["model"] * 5
    assert all(math.isfinite(t.expected_improvement) for t in study.trials[5:])


def test_a_free_corner_does_not_hold_the_search():
    """Costs of zero at bad configurations: the best one is found all the same."""
    study = run(25, lambda p: 0.0 if p["x"] < 0.2 else 1.0 + p["slow"])
    assert sum(t.params["x"] < 0.2 for t in study.trials[5:]) <= 6
    assert study.best_value < 0.01


def test_running_trials_without_costs_are_pending():
    study = run(8, seconds_of)
    first, second = study.ask(), study.ask()
    assert first.params != second.params
    assert observed_costs(study._context()).costs.shape == (8,)


def test_the_expected_improvement_of_a_trial_does_not_count_its_cost():
    study = run(8, lambda _: 1.0)
    dear = run(8, seconds_of)
    assert study.ask().expected_improvement > 0.0
    assert 0.0 <= dear.ask().expected_improvement < 10.0


def test_costs_of_earlier_searches_count_from_the_first_model():
    def after(cost):
        study = Study(SPACE, strategy=BayesianSearch(cost_aware=True), seed=0)
        for x in np.linspace(0.05, 0.95, 4):
            for slow in np.linspace(0.1, 0.9, 3):
                params = {"x": float(x), "slow": float(slow)}
                known = cost(params) if cost else None
                study.add_observation(params, loss_of(params), cost=known)
        return study.ask().params

    assert after(seconds_of) != after(None)
    assert after(seconds_of)["slow"] < after(None)["slow"]


# ------------------------------------------------------------------ what a history says


def history_of(*results):
    study = Study(SPACE, strategy="random", seed=0)
    for result in results:
        study.finish(study.ask().number, result)
    return study


def curve(n):
    return [Report(step, 1.0) for step in range(n)]


def test_failed_trials_cost_what_they_took_and_interrupted_ones_are_left_out():
    study = history_of(
        TrialResult(TrialState.FAILED, cost=3.0),
        TrialResult(TrialState.FAILED, started=2.0, finished=1.0),
    )
    observed = observed_costs(study._context())
    assert observed.costs.tolist() == [3.0]
    assert observed.is_bound.tolist() == [False]


def test_stopped_trials_are_scaled_to_the_steps_of_complete_trials():
    study = history_of(
        TrialResult(TrialState.COMPLETE, 1.0, reports=curve(100), cost=50.0),
        TrialResult(TrialState.STOPPED, 1.0, reports=curve(10), stop_reason="median", cost=6.0),
        TrialResult(TrialState.STOPPED, 1.0, reports=curve(200), stop_reason="median", cost=90.0),
        TrialResult(TrialState.STOPPED, stop_reason="racing", cost=7.0),
    )
    observed = observed_costs(study._context())
    assert observed.costs.tolist() == [50.0, 60.0, 90.0, 7.0]
    assert not observed.is_bound.any()


def test_steps_are_counted_over_all_folds():
    two_folds = [Report(step, 1.0, fold) for fold in (0, 1) for step in range(10)]
    study = history_of(
        TrialResult(TrialState.COMPLETE, 1.0, reports=two_folds, cost=4.0),
        TrialResult(
            TrialState.STOPPED, 1.0, reports=two_folds[:10], stop_reason="racing", cost=3.0
        ),
    )
    assert observed_costs(study._context()).costs.tolist() == [4.0, 6.0]


def test_stopped_trials_cost_what_they_took_if_the_steps_of_complete_ones_are_unknown():
    stopped = TrialResult(TrialState.STOPPED, 1.0, reports=curve(10), stop_reason="x", cost=6.0)
    study = history_of(TrialResult(TrialState.COMPLETE, 1.0, cost=50.0), stopped)
    assert observed_costs(study._context()).costs.tolist() == [50.0, 6.0]


@pytest.mark.parametrize("reason", ["timeout", "trial_timeout"])
def test_the_cost_of_a_trial_that_ran_out_of_time_is_a_lower_bound(reason):
    study = history_of(
        TrialResult(TrialState.COMPLETE, 1.0, reports=curve(100), cost=50.0),
        TrialResult(TrialState.STOPPED, 1.0, reports=curve(10), stop_reason=reason, cost=6.0),
    )
    observed = observed_costs(study._context())
    assert observed.costs.tolist() == [50.0, 6.0]
    assert observed.is_bound.tolist() == [False, True]


def test_the_cost_of_an_interrupted_trial_is_a_lower_bound():
    error = f"{INTERRUPTED_MESSAGE}: KeyboardInterrupt()"
    study = history_of(TrialResult(TrialState.FAILED, error=error, cost=2.0))
    assert observed_costs(study._context()).is_bound.tolist() == [True]


def test_the_weight_is_one_without_a_budget_and_falls_to_zero_with_one():
    def weight(n, n_trials):
        study = run(n, lambda _: 1.0, cost_aware=False)
        context = Context(study.space, study.history, n_trials, 0)
        return cost_weight(context, 5)

    assert weight(7, None) == 1.0
    assert [weight(n, 15) for n in (5, 10, 15, 17)] == [1.0, 0.5, 0.0, 0.0]
    assert weight(5, 5) == 0.0

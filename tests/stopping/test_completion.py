"""Completion rules: target, patience, convergence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tuneplug import Float, Study, TrialState
from tuneplug.stopping import CompletionRule, Convergence, Patience, Target
from tuneplug.trial import History, Trial

COMPLETE, STOPPED = TrialState.COMPLETE, TrialState.STOPPED
FAILED, RUNNING = TrialState.FAILED, TrialState.RUNNING
#: How a test writes trials down: a number is one that completed with this value.
STATES = {"s": STOPPED, "f": FAILED, "r": RUNNING}


def history(*results, sign=1.0, gains=()):
    """Return a history of trials with these results and expected gains."""
    told = History(sign=sign)
    for number, result in enumerate(results):
        trial = Trial(number, {}, np.zeros(1), state=STATES.get(result, COMPLETE))
        trial.value = result if trial.state is COMPLETE else None
        trial.expected_improvement = gains[number] if gains else None
        told.append(trial)
    return told


@pytest.mark.parametrize("rule", [Target(1.0), Patience(1), Convergence()])
@pytest.mark.parametrize("results", [(), ("r", "r"), ("f", "f", "f", "f"), ("s", "r")])
def test_no_rule_ends_a_search_without_a_completed_trial(rule, results):
    assert isinstance(rule, CompletionRule)
    assert rule.reason(history(*results)) is None


# --------------------------------------------------------------------- target


@pytest.mark.parametrize(
    ("sign", "value", "reached"),
    [
        (1.0, 0.51, False),
        (1.0, 0.5, True),
        (1.0, 0.49, True),
        (-1.0, 0.49, False),
        (-1.0, 0.5, True),
        (-1.0, 0.51, True),
    ],
)
def test_a_target_is_reached_by_what_is_equal_or_better(sign, value, reached):
    worse = value + sign
    reason = Target(0.5).reason(history(worse, value, "f", "r", sign=sign))
    assert (reason is not None) == reached
    if reached:
        assert reason == f"target: trial 1 reached {value:g}, asked for 0.5"


def test_a_stopped_trial_reaches_no_target():
    told = history(2.0, "s")
    told[1].value = 0.0
    assert Target(1.0).reason(told) is None


@pytest.mark.parametrize("value", [math.nan, "0.5", None, 1j])
def test_a_target_must_be_a_number(value):
    with pytest.raises(ValueError, match="target must be a number, but got"):
        Target(value)


@pytest.mark.parametrize("value", [3, np.float32(0.5), math.inf])
def test_a_target_may_be_any_real_number(value):
    assert Target(value).reason(history(-1.0)) is not None


# --------------------------------------------------------------------- patience


@pytest.mark.parametrize(
    ("results", "since"),
    [
        ((1.0,), 0),
        ((1.0, 2.0, 3.0), 2),
        ((1.0, "f", "s", 2.0), 3),
        ((1.0, "r", 2.0, "r"), 1),
        ((1.0, 1.0, 1.0), 2),
        ((1.0, 2.0, 2.0, 0.5), 0),
        (("f", "f", 1.0, "f"), 1),
    ],
    ids=["first", "worse", "failed and stopped", "running", "ties", "better", "failed before"],
)
def test_patience_counts_what_ended_after_the_best(results, since):
    told = history(*results)
    assert Patience(since + 1).reason(told) is None
    if since:
        assert f"none of {since} trials" in Patience(since).reason(told)


def test_patience_looks_for_larger_values_where_they_are_better():
    assert Patience(2).reason(history(1.0, 2.0, 3.0, sign=-1.0)) is None
    assert Patience(2).reason(history(3.0, 2.0, 1.0, sign=-1.0)) is not None


@pytest.mark.parametrize("n_trials", [0, -1, 1.5, True, None])
def test_patience_must_be_a_count(n_trials):
    with pytest.raises(ValueError, match="patience must be an integer of at least 1"):
        Patience(n_trials)


# --------------------------------------------------------------------- convergence

SMALL, LARGE = 0.001, 0.5


@pytest.mark.parametrize(
    ("results", "gains", "converged"),
    [
        ((1.0, 1.0, 1.0), (SMALL, SMALL, SMALL), True),
        ((1.0, 1.0, 1.0), (SMALL, SMALL, 0.01), False),
        ((1.0, 1.0), (SMALL, SMALL), False),
        ((1.0, 1.0, "r"), (SMALL, SMALL, SMALL), False),
        ((1.0, 1.0, 1.0, "r"), (SMALL, SMALL, SMALL, LARGE), True),
        ((1.0, "f", "s"), (SMALL, SMALL, SMALL), True),
        ((1.0, 1.0, 1.0, 1.0), (SMALL, LARGE, SMALL, SMALL), False),
        ((1.0, 1.0, 1.0, 1.0), (LARGE, SMALL, SMALL, SMALL), True),
        ((1.0, 1.0, 1.0, 1.0, 1.0), (SMALL, None, SMALL, None, SMALL), True),
        ((1.0, 1.0, 1.0), (None, None, None), False),
    ],
    ids=[
        "three",
        "one on the limit",
        "two",
        "third runs",
        "what runs does not count",
        "failed and stopped count",
        "not in a row",
        "long ago",
        "others in between",
        "nothing expected",
    ],
)
def test_convergence_needs_three_in_a_row_that_promised_little(results, gains, converged):
    reason = Convergence().reason(history(*results, gains=gains))
    assert (reason is not None) == converged
    if converged:
        assert reason == "convergence: the last 3 suggestions promised at most 0.001"


def search(budget, strategy="bayesian", seed=0):
    """Search a parabola until it converges or the budget is spent."""
    study = Study({"x": Float(0.0, 1.0)}, strategy=strategy, seed=seed, n_trials=budget)
    while len(study.trials) < budget and Convergence().reason(study.history) is None:
        trial = study.ask()
        study.tell(trial, (trial.params["x"] - 0.3) ** 2)
    return study


@pytest.mark.parametrize("seed", range(3))
def test_a_search_of_a_smooth_function_converges_where_it_is_best(seed):
    study = search(60, seed=seed)
    assert len(study.trials) <= 30
    # Less than 1 % of the median's distance to the best is promised; the least value is 0.
    assert study.best_value < 0.01 * np.median([t.value for t in study.trials])


@pytest.mark.parametrize(("budget", "strategy"), [(6, "bayesian"), (60, "random")])
def test_a_small_budget_is_spent_and_random_search_never_converges(budget, strategy):
    assert len(search(budget, strategy).trials) == budget


# --------------------------------------------------------------------- views


@pytest.mark.parametrize("rule", [Target(0.3), Patience(2), Convergence()])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_rule_judges_a_view_as_it_judged_the_history_at_that_time(rule, sign):
    rng = np.random.default_rng(0)
    results = rng.uniform(size=20).tolist()
    results[3], results[8] = "f", "s"
    gains = rng.choice([SMALL, LARGE], size=20, p=[0.8, 0.2]).tolist()
    whole = history(*results, sign=sign, gains=gains)
    reasons = [rule.reason(whole.until(number)) for number in range(21)]
    assert reasons == [
        rule.reason(history(*results[:number], sign=sign, gains=gains)) for number in range(21)
    ]
    assert any(reasons)
    assert not all(reasons)

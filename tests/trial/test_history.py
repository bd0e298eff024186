"""The history as strategies see it: lagged views, and observations of earlier searches."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tuneplug import Float, Int, Study, TrialState
from tuneplug.strategies import BayesianSearch, Strategy, Suggestion
from tuneplug.trial import History, Trial

SPACE = {"x": Float(-2.0, 2.0), "n": Int(1, 100)}
LINE = {"x": Float(0.0, 1.0)}


def bowl(params):
    """Return a loss with its minimum at x = 1, n = 10."""
    return (params["x"] - 1.0) ** 2 + math.log(params["n"] / 10.0) ** 2


def parabola(params):
    """Return a loss with its minimum at x = 0.3."""
    return (params["x"] - 0.3) ** 2


def run(study, objective, n):
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, objective(trial.params))
    return study


# --------------------------------------------------------------------- views of a history


@pytest.fixture
def whole():
    trials = History(sign=-1.0)
    for number in range(4):
        trials.append(
            Trial(
                number,
                {"k": number},
                np.array([number / 4]),
                "model",
                TrialState.COMPLETE,
                value=float(number),
                variance=0.1,
                expected_improvement=0.5,
            )
        )
    trials[3].state, trials[3].value = TrialState.FAILED, None
    return trials


def test_until_shows_later_trials_as_running(whole):
    view = whole.until(2)
    assert [t.state for t in view] == [TrialState.COMPLETE] * 2 + [TrialState.RUNNING] * 2
    assert [(t.value, t.variance) for t in view[2:]] == [(None, None)] * 2
    assert [(t.value, t.variance) for t in view[:2]] == [(0.0, 0.1), (1.0, 0.1)]
    assert view.best().number == 1


def test_until_keeps_numbers_configurations_and_direction(whole):
    view = whole.until(2)
    assert view.sign == -1.0
    assert [(t.number, t.params, t.origin) for t in view] == [
        (t.number, t.params, t.origin) for t in whole
    ]
    assert all(np.array_equal(a.point, b.point) for a, b in zip(view, whole, strict=True))


def test_until_does_not_change_the_history(whole):
    before = [(t.state, t.value, t.variance) for t in whole]
    view = whole.until(1)
    view.append(Trial(4, {}, np.zeros(1)))
    view[2].value = 7.0
    assert [(t.state, t.value, t.variance) for t in whole] == before


@pytest.mark.parametrize(("number", "ended"), [(-3, 0), (0, 0), (3, 3), (4, 4), (9, 4)])
def test_until_accepts_any_integer(whole, number, ended):
    view = whole.until(number)
    assert len(view) == 4
    assert sum(t.state.ended for t in view) == ended


# --------------------------------------------------------------------- asking with a lag


def ask_with_lag(ends, *, n=12, lag=3, failing=False):
    """Return the trial after n trials, given the order in which the latest trials ended."""
    study = Study(SPACE, seed=2, n_trials=30)
    run(study, bowl, n - lag)
    latest = [study.ask(lag=k) for k in range(lag)]
    for k in ends:
        if failing:
            study.fail(latest[k], "no luck")
        else:
            study.tell(latest[k], bowl(latest[k].params), variance=0.5)
    return study.ask(lag=lag)


def test_ask_with_a_lag_is_independent_of_the_latest_results():
    asked = ask_with_lag([])
    assert asked.origin == "model"
    for ends in ([0], [2, 0], [0, 1, 2], [2, 1, 0]):
        assert ask_with_lag(ends).params == asked.params
        assert ask_with_lag(ends, failing=True).params == asked.params


def test_ask_with_a_lag_does_not_repeat_the_latest_trials():
    study = Study({"k": [1, 2, 3, 4]}, strategy="random", seed=0)
    asked = [study.ask(lag=k).params["k"] for k in range(4)]
    assert sorted(asked) == [1, 2, 3, 4]


def test_ask_without_a_lag_depends_on_the_latest_results():
    study, twin, late = (run(Study(SPACE, seed=2, n_trials=30), bowl, 12) for _ in range(3))
    assert study.ask(lag=0).params == twin.ask().params
    assert late.ask(lag=3).params != study.trials[-1].params


def test_lag_beyond_the_first_trial_hides_all_results():
    study = run(Study(SPACE, seed=2), bowl, 8)
    assert study.ask(lag=50).origin == "design"


def test_enqueued_configuration_comes_first_with_a_lag():
    study = run(Study(SPACE, seed=2), bowl, 3)
    study.enqueue({"x": 0.5, "n": 7})
    assert study.ask(lag=2).params == {"x": 0.5, "n": 7}


# --------------------------------------------------------------------- observations


def study_with_observations(n, direction="minimize", seed=0, n_trials=10):
    """Return a study with n observations of the bowl."""
    sign = 1.0 if direction == "minimize" else -1.0
    study = Study(SPACE, direction=direction, seed=seed, n_trials=n_trials)
    for trial in run(Study(SPACE, strategy="random", seed=9), bowl, n).trials:
        study.add_observation(trial.params, sign * trial.value)
    return study


def test_model_suggests_the_first_trial_with_enough_observations():
    assert study_with_observations(20).ask().origin == "model"
    assert study_with_observations(2).ask().origin == "design"


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_observations_improve_the_first_trials(direction):
    guided = [bowl(study_with_observations(30, direction, seed).ask().params) for seed in range(3)]
    plain = [bowl(Study(SPACE, seed=seed, n_trials=10).ask().params) for seed in range(3)]
    assert max(guided) < 0.5, "the first trial must be among the best few percent of the space"
    assert max(guided) < max(plain)


def test_observations_of_a_maximized_study_equal_negated_observations():
    down, up = study_with_observations(20), study_with_observations(20, "maximize")
    run(down, bowl, 3)
    run(up, lambda params: -bowl(params), 3)
    assert [t.params for t in up.trials] == [t.params for t in down.trials]


def test_observations_are_not_trials():
    study = study_with_observations(6, n_trials=2)
    assert study.trials == []
    assert study.history.best() is None
    study.add_observation({"x": 1.0, "n": 10}, -1e6)
    study.optimize(lambda trial: bowl(trial.params), 2)
    assert [t.number for t in study.trials] == [0, 1]
    assert study.best_value >= 0.0


def test_configurations_of_observations_may_be_tried_again():
    study = Study({"k": [1, 2, 3]}, seed=0)
    for k in (1, 2, 3):
        study.add_observation({"k": k}, float(k))
    asked = [study.ask() for _ in range(3)]
    assert sorted(t.params["k"] for t in asked) == [1, 2, 3]
    study = Study(SPACE, seed=0)
    study.add_observation({"x": 1.0, "n": 10}, 0.0)
    study.enqueue({"x": 1.0, "n": 10})
    assert study.ask().params == {"x": 1.0, "n": 10}


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_strategy_receives_observations_as_losses_at_points(direction):
    contexts = []

    class Spy(Strategy):
        name = "spy"

        def suggest(self, context, n):
            contexts.append(context)
            return [Suggestion({"x": 0.5})]

    study = Study(LINE, strategy=Spy(), direction=direction, seed=0)
    study.add_observation({"x": 0.25}, np.float32(3.0))
    study.ask(lag=1)
    (known,) = contexts[0].extra_observations
    assert known.loss == (3.0 if direction == "minimize" else -3.0)
    assert known.point == pytest.approx([0.25])


@pytest.mark.parametrize(
    ("params", "value", "error", "match"),
    [
        ({"x": 0.5}, math.nan, ValueError, "must be finite, but got nan"),
        ({"x": 0.5}, math.inf, ValueError, "must be finite, but got inf"),
        ({"x": 0.5}, "0.5", TypeError, "must be a real number"),
        ({"x": 0.5}, None, TypeError, "must be a real number"),
        ({"x": 1.5}, 0.5, ValueError, "x: "),
        ({"y": 0.5}, 0.5, ValueError, "y"),
        ({}, 0.5, ValueError, "x"),
    ],
)
def test_add_observation_refuses_an_invalid_result(params, value, error, match):
    study = Study(LINE, seed=0)
    with pytest.raises(error, match=match):
        study.add_observation(params, value)
    assert study.ask().params == Study(LINE, seed=0).ask().params


# --------------------------------------------------------------------- expected improvement


def test_only_trials_of_the_model_have_an_expected_improvement():
    study = Study(SPACE, seed=0, n_trials=15)
    study.enqueue({"x": 0.0, "n": 3})
    run(study, bowl, 15)
    assert {t.origin for t in study.trials} == {"user", "design", "model"}
    for trial in study.trials:
        assert (trial.expected_improvement is not None) == (trial.origin == "model")
        assert trial.expected_improvement is None or trial.expected_improvement > 0.0


@pytest.mark.parametrize("strategy", ["random", "grid"])
def test_strategies_without_a_model_have_no_expected_improvement(strategy):
    study = run(Study({"k": [1, 2, 3]}, strategy=strategy, seed=0), lambda params: params["k"], 3)
    assert [t.expected_improvement for t in study.trials] == [None] * 3


def test_expected_improvement_falls_during_a_search():
    searches = [run(Study(LINE, seed=seed, n_trials=16), parabola, 11) for seed in range(3)]
    gains = [[t.expected_improvement for t in s.trials if t.origin == "model"] for s in searches]
    # The expected improvement of a single suggestion may rise, so compare medians.
    assert np.median([g[-3:] for g in gains]) < 0.1 * np.median([g[0] for g in gains])


def test_mcmc_inference_has_an_expected_improvement():
    study = Study(LINE, strategy=BayesianSearch(inference="mcmc"), seed=0, n_trials=8)
    trial = run(study, parabola, 7).ask()
    assert trial.origin == "model"
    assert 0.0 < trial.expected_improvement < 1.0


def test_expected_improvement_is_independent_of_the_units_of_the_objective():
    plain = run(Study(SPACE, seed=0, n_trials=9), bowl, 9)
    scaled = Study(SPACE, seed=0, n_trials=9)
    for trial in plain.trials:
        scaled.enqueue(trial.params)
    run(scaled, lambda params: 1000.0 * bowl(params) + 5.0, 9)
    # The losses are standardized: equal up to rounding, which fitting may amplify.
    assert scaled.ask().expected_improvement == pytest.approx(
        plain.ask().expected_improvement, rel=0.01
    )


def test_to_frame_has_the_expected_improvement():
    pytest.importorskip("pandas")
    frame = run(Study(SPACE, seed=0, n_trials=8), bowl, 8).to_frame()
    guided = frame["origin"] == "model"
    assert guided.any()
    assert (frame["expected_improvement"].notna() == guided).all()

"""Completion rules, callbacks and progress of ``Study.optimize``."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from tuneplug import Float, Study, TrialState, UnknownNameError
from tuneplug.execution import Progress
from tuneplug.stopping import (
    CompletionRule,
    Convergence,
    Patience,
    Target,
    check_completion,
    completion_reason,
)
from tuneplug.trial import History, Trial

COMPLETE, STOPPED = TrialState.COMPLETE, TrialState.STOPPED
FAILED, RUNNING = TrialState.FAILED, TrialState.RUNNING
#: Abbreviations of trials in tests; a number is a trial that completed with this value.
STATES = {"s": STOPPED, "f": FAILED, "r": RUNNING}


def history(*results, sign=1.0, gains=()):
    """Return a history of trials with these results and expected improvements."""
    trials = History(sign=sign)
    for number, result in enumerate(results):
        trial = Trial(number, {}, np.zeros(1), state=STATES.get(result, COMPLETE))
        trial.value = result if trial.state is COMPLETE else None
        trial.expected_improvement = gains[number] if gains else None
        trials.append(trial)
    return trials


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
def test_target_is_reached_by_an_equal_or_better_value(sign, value, reached):
    worse = value + sign
    reason = Target(0.5).reason(history(worse, value, "f", "r", sign=sign))
    assert (reason is not None) == reached
    if reached:
        assert reason == f"target: trial 1 reached {value:g}, target 0.5"


def test_stopped_trial_does_not_reach_the_target():
    trials = history(2.0, "s")
    trials[1].value = 0.0
    assert Target(1.0).reason(trials) is None


@pytest.mark.parametrize("value", [math.nan, "0.5", None, 1j, True, np.ma.masked, 10**400])
def test_target_refuses_an_object_that_is_not_a_number(value):
    with pytest.raises((TypeError, ValueError), match=r"target must be a .*number.*, but got"):
        Target(value)


@pytest.mark.parametrize("value", [3, np.float32(0.5), math.inf])
def test_target_accepts_any_real_number(value):
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
def test_patience_counts_trials_that_ended_after_the_best(results, since):
    trials = history(*results)
    assert Patience(since + 1).reason(trials) is None
    if since:
        assert f"none of {since} trials" in Patience(since).reason(trials)


def test_patience_follows_the_direction_of_the_study():
    assert Patience(2).reason(history(1.0, 2.0, 3.0, sign=-1.0)) is None
    assert Patience(2).reason(history(3.0, 2.0, 1.0, sign=-1.0)) is not None


@pytest.mark.parametrize("n_trials", [0, -1, 1.5, True, None])
def test_patience_refuses_an_invalid_count(n_trials):
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
        "third is running",
        "running does not count",
        "failed and stopped count",
        "not in a row",
        "large before",
        "other origins in between",
        "no expected improvement",
    ],
)
def test_convergence_needs_three_small_expected_improvements_in_a_row(results, gains, converged):
    reason = Convergence().reason(history(*results, gains=gains))
    assert (reason is not None) == converged
    if converged:
        assert reason == "convergence: the last 3 suggestions had gains of at most 0.001"


def search(budget, strategy="bayesian", seed=0):
    """Search a parabola until it converges or the budget is spent."""
    study = Study({"x": Float(0.0, 1.0)}, strategy=strategy, seed=seed, n_trials=budget)
    while len(study.trials) < budget and Convergence().reason(study.history) is None:
        trial = study.ask()
        study.tell(trial, (trial.params["x"] - 0.3) ** 2)
    return study


@pytest.mark.parametrize("seed", range(3))
def test_search_of_a_smooth_function_converges_near_its_minimum(seed):
    study = search(60, seed=seed)
    assert len(study.trials) <= 30
    # The minimum is 0, and the expected improvement is at most 1 % of the median.
    assert study.best_value < 0.01 * np.median([t.value for t in study.trials])


@pytest.mark.parametrize(("budget", "strategy"), [(6, "bayesian"), (60, "random")])
def test_small_budgets_and_random_search_do_not_converge(budget, strategy):
    assert len(search(budget, strategy).trials) == budget


# --------------------------------------------------------------------- lagged views


@pytest.mark.parametrize("rule", [Target(0.3), Patience(2), Convergence()])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_rule_gives_the_same_reason_for_a_lagged_view(rule, sign):
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


# --------------------------------------------------------------------- in Study.optimize


def parabola(trial):
    return (trial.params["x"] - 0.3) ** 2


def run(objective=parabola, n_trials=40, *, strategy="random", **options):
    study = Study({"x": Float(0.0, 1.0)}, strategy=strategy, seed=0)
    study.optimize(objective, n_trials, **options)
    return study


def test_target_ends_optimize_at_the_trial_that_reaches_it():
    study = run(completion=[Target(0.01)])
    values = [trial.value for trial in study.trials]
    assert values[-1] <= 0.01 < min(values[:-1])
    assert study.completion_reason.startswith(f"target: trial {len(values) - 1} reached")


def test_patience_ends_optimize_on_threads_too():
    study = run(completion=[Patience(5)], n_jobs=3)
    assert study.best_trial.number + 1 + 5 <= len(study.trials) < 40
    assert study.completion_reason.startswith("patience")


def test_convergence_ends_optimize():
    study = run(completion=[Convergence()], strategy="bayesian")
    assert len(study.trials) < 40
    assert study.completion_reason.startswith("convergence")


def test_first_rule_that_applies_gives_the_reason():
    trials = history(1.0, 2.0)
    assert completion_reason([Target(0.0), Patience(1), Target(1.0)], trials).startswith("patience")
    assert completion_reason([], trials) is None


def test_search_that_spends_its_budget_has_no_completion_reason():
    study = run(n_trials=3, completion=[Target(-1.0)])
    assert study.completion_reason is None
    study.optimize(parabola, 40, completion=[Patience(1)])
    assert study.completion_reason.startswith("patience")
    study.optimize(parabola, 1)
    assert study.completion_reason is None, "the reason must be that of the latest call"


def test_target_reached_before_the_call_starts_no_trial():
    study = run(n_trials=3)
    study.optimize(parabola, 3, completion=[Target(study.best_value)])
    assert len(study.trials) == 3


@pytest.mark.usefixtures("ticking")
def test_timeout_is_a_completion_reason():
    def waits(trial):
        while not trial.should_stop():
            pass
        return 0.0

    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0)
    study.optimize(parabola, 1)
    study.optimize(waits, timeout=0.05)
    assert study.completion_reason == "timeout: 0.05 s have passed"


def test_complete_ends_optimize():
    def objective(trial):
        if trial.number == 2:
            study.complete("seen enough")
        return parabola(trial)

    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0)
    study.optimize(objective, 40)
    assert len(study.trials) == 3
    assert study.completion_reason == "seen enough"


@pytest.mark.parametrize("rules", [[0.9], 0.9, [Target], "patience", Patience(10)])
def test_completion_refuses_other_objects_before_a_trial_starts(rules):
    with pytest.raises(TypeError, match=r"must be a list of CompletionRule.*Patience\(10\)"):
        check_completion(rules)
    study = Study({"x": Float(0.0, 1.0)})
    with pytest.raises(TypeError, match="must be a list of CompletionRule"):
        study.optimize(parabola, 3, completion=rules)
    assert study.trials == []


# --------------------------------------------------------------------- callbacks and verbose


def test_callbacks_see_each_trial_and_the_best_so_far():
    seen = []
    study = run(n_trials=6, callbacks=[seen.append])
    assert all(isinstance(progress, Progress) for progress in seen)
    values = [trial.value for trial in study.trials]
    assert [p.score for p in seen] == values
    assert [p.best_score for p in seen] == list(itertools.accumulate(values, min))
    assert [(p.n_done, p.n_iter) for p in seen] == [(k, 6) for k in range(1, 7)]
    assert seen[-1].left == 0.0
    assert 0.0 < seen[-1].suggesting <= seen[-1].elapsed


def test_progress_counts_only_trials_of_its_call():
    seen = []
    study = run(n_trials=3)
    study.optimize(parabola, 2, callbacks=[seen.append])
    assert [(p.number, p.n_done, p.n_iter) for p in seen] == [(3, 1, 2), (4, 2, 2)]


def test_callback_that_returns_true_ends_optimize():
    study = run(callbacks=[lambda progress: progress.n_done == 4])
    assert len(study.trials) == 4
    assert study.completion_reason == "callback"


def test_callback_that_raises_causes_a_warning_only():
    def broken(progress):
        raise ConnectionError("no tracking server")

    with (
        pytest.warns(UserWarning, match="failed 2 times in 2 calls"),
        pytest.warns(UserWarning, match="no tracking server"),
    ):
        assert len(run(n_trials=2, callbacks=[broken]).trials) == 2


def test_callbacks_refuse_an_object_that_is_not_callable():
    study = Study({"x": Float(0.0, 1.0)})
    with pytest.raises(TypeError, match="callbacks must be callables that take a Progress"):
        study.optimize(parabola, 3, callbacks=["print"])
    assert study.trials == []


@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_verbose_prints_one_line_for_each_trial_on_stdout(capsys):
    def objective(trial):
        if trial.number == 1:
            raise ValueError("made to fail")
        return float(trial.number)

    run(objective, 3, verbose=1)
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert [line.split(" best")[0].strip() for line in lines] == [
        "[1/3] trial 0  value 0",
        "[2/3] trial 1  failed",
        "[3/3] trial 2  value 2",
    ]
    assert lines[1].endswith("s left; ValueError: made to fail")
    assert all("best 0 (trial 0) " in line and "s left" in line for line in lines)
    run(n_trials=2)
    assert capsys.readouterr() == ("", "")


def test_verbose_marks_the_predictions_of_stopped_trials(capsys):
    def objective(trial):
        for step in range(30):
            trial.report(float(trial.number), step)
            if trial.should_stop():
                break
        return float(trial.number)

    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0, stopping="median")
    study.optimize(objective, 12, verbose=1)
    stopped = [trial.state is STOPPED for trial in study.trials]
    assert any(stopped)
    lines = capsys.readouterr().out.splitlines()
    assert ["value ~" in line for line in lines] == stopped
    assert ["; stopped by median" in line for line in lines] == stopped


def test_verbose_2_prints_the_configuration_below_each_trial(capsys):
    study = Study({"x": Float(0.0, 1.0), "k": ["a\x1b[2J"]}, strategy="random", seed=0)
    study.optimize(parabola, 2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1::2] == [f"  x={t.params['x']!r}, k='a\\x1b[2J'" for t in study.trials]


def test_verbose_says_how_many_workers_start(capsys):
    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0)
    study.optimize(parabola, 2, verbose=1, n_jobs=2)
    study.optimize(parabola, 1, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "worker" in line] == [lines[0]] == ["Starting 2 workers"]


def test_verbose_escapes_control_characters_of_errors(capsys):
    def objective(trial):
        if trial.number:
            raise ValueError("\x1b[31mred\a")
        return 0.0

    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0)
    with pytest.warns(RuntimeWarning, match="failed"):
        study.optimize(objective, 2, verbose=2)
    out = capsys.readouterr().out
    assert "; ValueError: \\x1b[31mred\\x07" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("verbose", [None, 1.5, [1]])
def test_verbose_that_is_no_integer_and_no_name_is_an_error(verbose):
    study = Study({"x": Float(0.0, 1.0)})
    with pytest.raises(TypeError, match="verbose must be an integer or the name of an observer"):
        study.optimize(parabola, 2, verbose=verbose)
    assert study.trials == []


def test_verbose_that_names_no_observer_is_an_error():
    study = Study({"x": Float(0.0, 1.0)})
    with pytest.raises(UnknownNameError, match=r"observer must be one of .*, but got 'bra'"):
        study.optimize(parabola, 2, verbose="bra")
    assert study.trials == []


def test_verbose_estimates_no_remaining_time_without_n_trials(capsys):
    study = Study({"k": list(range(3))}, strategy="grid")
    with pytest.warns(UserWarning, match="exhausted"):
        study.optimize(lambda trial: trial.params["k"], timeout=60, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("]")[0] for line in lines] == ["[1", "[2", "[3"]
    assert not any("left" in line for line in lines)


def test_progress_shows_the_metric_of_the_rule_with_the_score():
    trials = Progress(
        number=3,
        params={},
        score=0.9,
        state="stopped",
        stop_reason="median: 0.5 at step 4 is worse than 0.4",
        n_done=4,
        n_iter=10,
        best_number=0,
        best_params={},
        best_score=0.95,
        elapsed=8.0,
        suggesting=0.5,
        metric="roc_auc",
        stop_metric="logloss",
    )
    assert str(trials) == (
        "[ 4/10] trial 3   roc_auc ~0.9           best 0.95 (trial 0)           "
        "   8 s (0.5 s suggesting), 12 s left; stopped by median on logloss"
    )


def test_columns_of_progress_stay_in_place_whatever_ended_the_trial():
    first = Progress(
        number=3,
        params={},
        score=-0.123456789,
        state="complete",
        stop_reason=None,
        n_done=4,
        n_iter=100,
        best_number=99,
        best_params={},
        best_score=-1.23456e-05,
        elapsed=8.0,
        suggesting=0.5,
        metric="neg_mean_squared_log_error",
    )
    failed = {"score": None, "state": "failed", "error": "Traceback\nValueError: made to fail\n"}
    others = [
        {"score": -1.23456e-05, "state": "stopped", "stop_reason": "asha: 2 of 3", "number": 11},
        {**failed, "number": 100, "best_number": None, "best_score": None},
        {"fidelity": 1 / 3, "feasible": False},
    ]
    lines = [str(first), *(str(replace(first, **other)) for other in others)]
    for column in (" best ", " s ("):
        assert len({line.index(column) for line in lines}) == 1
    assert [line.partition(" s left")[2] for line in lines] == [
        "",
        "; stopped by asha",
        "; ValueError: made to fail",
        "; fidelity 0.333; infeasible",
    ]

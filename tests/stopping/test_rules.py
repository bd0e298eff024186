"""Stopping rules: thresholds, warm-up, and stopped trials of a study."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tuneplug import Float, Int, NoCompletedTrialError, Study, TrialState
from tuneplug.monitoring import TrialReporter
from tuneplug.stopping import AsynchronousHalving, HyperbandRule, MedianRule
from tuneplug.stopping.base import early_stop_variance
from tuneplug.stopping.halving import bracket_of, bracket_sizes
from tuneplug.strategies import BayesianSearch, HyperbandSearch
from tuneplug.trial.learning_curves import LearningCurve, Report

RULES = {
    "median": MedianRule(),
    "asha": AsynchronousHalving(),
    "hyperband": HyperbandRule(1, 9),
}


def curve(values, *, complete=True):
    return LearningCurve.from_reports(
        [Report(i, v) for i, v in enumerate(values)], 1.0, complete=complete
    )


def flat(*losses, length=20):
    return {number: curve([loss] * length) for number, loss in enumerate(losses)}


def eager(cls, **more):
    first = {MedianRule: "n_warmup_steps", AsynchronousHalving: "min_resource"}[cls]
    return cls(**{first: 1, "n_min_trials": 1, "n_startup_trials": 0} | more)


# ---------------------------------------------------------------- the median rule


def test_median_compares_the_value_with_the_median_of_running_averages():
    earlier = {0: curve([4.0, 2.0]), 1: curve([2.0, 2.0]), 2: curve([8.0, 0.0])}
    test = eager(MedianRule).make_threshold(3, earlier, 1.0)
    assert test.steps.tolist() == [1]  # the first step is warm-up
    assert test.limits.tolist() == [3.0]  # of 3, 2 and 4
    assert test.reason(0, 1, 3.0) is None
    assert "median running average of 3 fits" in test.reason(0, 1, 3.1)


def test_median_without_grace_stops_as_published():
    """As SageMaker AMT: compare each value with the median running average at the same epoch."""
    rng, earlier = np.random.default_rng(0), []
    rule = MedianRule(n_warmup_steps=0, n_min_trials=1, n_startup_trials=0, n_protected=0)
    study = Study({"x": Float(0, 1)}, direction="maximize", stopping=rule, seed=0)
    for _ in range(30):
        trial, reported = study.ask(), []
        for step, value in enumerate(np.cumsum(rng.normal(size=rng.integers(5, 15)))):
            reported.append(value)
            trial.report(value, step)
            averages = [np.mean(values[: step + 1]) for values in earlier]
            assert trial.should_stop() == bool(averages and value < np.median(averages))
            if trial.should_stop():
                break
        study.tell(trial, reported[-1])
        earlier.append(reported)
    assert Counter(trial.state.value for trial in study.trials)["stopped"] > 10


def test_median_uses_the_mean_of_all_losses_of_a_shorter_fit():
    earlier = {0: curve([9.0, 7.0], complete=False), 1: curve([1.0] * 4), 2: curve([2.0] * 4)}
    test = eager(MedianRule).make_threshold(3, earlier, 1.0)
    assert test.limits.tolist() == [2.0, 2.0, 2.0]
    assert test.counts.tolist() == [3, 3, 3]


def test_median_waits_for_enough_curves_at_a_step():
    earlier = flat(1.0, 1.0, length=10) | {2: curve([1.0] * 5, complete=False)}
    test = eager(MedianRule, n_min_trials=3).make_threshold(9, earlier, 1.0)
    assert test.steps.tolist() == [1, 2, 3, 4]
    assert eager(MedianRule, n_min_trials=4).make_threshold(9, earlier, 1.0) is None


def test_default_warmup_is_a_quarter_of_the_longest_fit():
    assert MedianRule().make_threshold(9, flat(*range(5), length=40), 1.0).steps[0] == 10
    assert AsynchronousHalving().make_threshold(9, flat(*range(5), length=40), 1.0).steps[0] == 9
    assert (
        MedianRule(n_warmup_steps=30).make_threshold(9, flat(*range(5), length=50), 1.0).steps[0]
        == 30
    )


@pytest.mark.parametrize("cls", [MedianRule, AsynchronousHalving])
def test_startup_trials_are_never_stopped(cls):
    earlier = flat(*range(9))
    assert eager(cls, n_startup_trials=10).make_threshold(9, earlier, 1.0) is None
    assert eager(cls, n_startup_trials=9).make_threshold(9, earlier, 1.0) is not None


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_rule_without_learning_curves_has_no_threshold(rule):
    assert rule.make_threshold(50, {}, 1.0) is None


@pytest.mark.parametrize("rule", [eager(MedianRule), eager(AsynchronousHalving, min_resource=2)])
def test_threshold_is_not_stricter_than_the_losses_of_protected_trials(rule):
    def with_outcome(values, outcome):
        return replace(curve(values), outcome=outcome)

    fast, slow = [2.0, 1.9, 1.9], [9.0, 5.0, 1.0]
    earlier = {n: with_outcome(fast, 1.9 + n) for n in range(5)} | {5: with_outcome(slow, 1.0)}
    curves = {(None, None): earlier}
    (strict,) = replace(rule, n_protected=0).make_thresholds(9, curves).values()
    (lax,) = replace(rule, n_protected=1).make_thresholds(9, curves).values()
    at = strict.steps.tolist().index(1)
    assert strict.reason(0, 1, 5.0) is not None
    assert lax.reason(0, 1, 5.0) is None
    assert lax.limits[at] == 5.0
    assert lax.reason(0, 1, 5.1).endswith("worse than 5, the worst there of the best 1 of 6 fits")


def test_at_most_the_better_half_is_protected():
    earlier = {n: replace(curve([float(n)] * 4), outcome=float(n)) for n in range(4)}
    (test,) = eager(MedianRule, n_protected=9).make_thresholds(9, {(None, None): earlier}).values()
    assert test.limits.tolist() == [1.5] * 3  # the median: only 0 and 1 are in the better half


# ---------------------------------------------------------------- halving


def test_halving_promotes_the_best_trials_of_a_rung():
    test = eager(AsynchronousHalving, min_resource=2).make_threshold(9, flat(1, 2, 3, 4, 5), 1.0)
    assert (test.steps + 1).tolist() == [2, 6, 18]
    # Of 6 fits, including the new one, two pass: it must be at least as good as the second.
    assert test.limits.tolist() == [2.0, 2.0, 2.0]
    assert test.reason(0, 1, 2.0) is None
    assert test.reason(0, 1, 2.5) is not None
    assert test.reason(1, 4, 99.0) is None  # no trial is stopped between rungs


def test_halving_promotes_all_trials_below_the_reduction_factor():
    assert eager(AsynchronousHalving).make_threshold(9, flat(1), 1.0) is None
    assert eager(AsynchronousHalving).make_threshold(9, flat(1, 2), 1.0) is not None


def test_halving_compares_the_trials_that_reached_a_rung():
    earlier = flat(1, 2, 3) | {n: curve([0.0] * 5, complete=False) for n in range(3, 6)}
    test = eager(AsynchronousHalving, min_resource=5).make_threshold(9, earlier, 1.0)
    assert test.counts.tolist() == [6, 3]
    assert test.limits.tolist() == [0.0, 1.0]


# ---------------------------------------------------------------- Hyperband


def test_brackets_equal_those_of_the_paper():
    """Table 1 of Li et al. 2018: R = 81, eta = 3."""
    sizes = bracket_sizes(1, 81, 3)
    assert sizes == [81, 34, 15, 8, 5]
    assert Counter(bracket_of(number, sizes) for number in range(143)) == dict(enumerate(sizes))


def test_the_bracket_of_a_trial_is_found_among_any_number_of_trials():
    rule = HyperbandRule(1, 10**18, 10**9)
    assert [rule.bracket(number) for number in (0, 10**18 - 1, 10**18)] == [0, 0, 1]


def test_hyperband_compares_within_a_bracket():
    rule = HyperbandRule(1, 9)
    turn = [rule.bracket(n) for n in range(18)]
    assert turn[:17] == [0] * 9 + [1] * 5 + [2] * 3
    assert turn[17] == 0
    earlier = flat(*range(17), length=9)
    assert (rule.make_threshold(17, earlier, 1.0).steps + 1).tolist() == [1, 3]
    assert rule.make_threshold(17, earlier, 1.0).counts.tolist() == [9, 9]
    assert (rule.make_threshold(17 + 9, earlier, 1.0).steps + 1).tolist() == [3]
    assert rule.make_threshold(17 + 14, earlier, 1.0) is None  # the last bracket stops no trial


def objective(trial):
    """Report a loss that falls toward the distance of x from 0.3."""
    for step in range(trial.resource or 27):
        value = abs(trial.params["x"] - 0.3) + 1.0 / (1.0 + step)
        trial.report(value, step)
        if trial.should_stop():
            break
    return value


@pytest.mark.parametrize("suggest_with", [None, BayesianSearch()], ids=["random", "bayesian"])
def test_hyperband_finds_the_minimum_with_fewer_steps(suggest_with):
    strategy = HyperbandSearch(1, 27, suggest_with=suggest_with)
    study = Study({"x": Float(0.0, 1.0)}, strategy=strategy, seed=0)
    study.optimize(objective, 60)
    assert {trial.resource for trial in study.trials} == {27}
    spent = sum(len(trial.reports) for trial in study.trials)
    assert spent < 0.6 * 60 * 27
    assert abs(study.best_params["x"] - 0.3) < 0.1


def test_hyperband_search_has_its_own_rule():
    assert isinstance(Study({"x": Float(0, 1)}, strategy="hyperband").stopping, HyperbandRule)
    with pytest.raises(ValueError, match="must be None with strategy 'hyperband'"):
        Study({"x": Float(0, 1)}, strategy="hyperband", stopping="median")


# ---------------------------------------------------------------- in a study


@pytest.mark.parametrize("rule", ["median", "asha"])
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["minimize", "maximize"])
def test_poor_trials_are_stopped_with_a_reason(rule, sign):
    direction = "minimize" if sign > 0 else "maximize"
    study = Study(
        {"x": Float(0.0, 1.0)}, strategy="random", stopping=rule, direction=direction, seed=0
    )

    def signed(trial):
        for step in range(30):
            trial.report(sign * (trial.params["x"] + 1.0 / (1 + step)), step)
            if trial.should_stop():
                return None
        return sign * trial.params["x"]

    study.optimize(signed, 30)
    stopped = [t for t in study.trials if t.state is TrialState.STOPPED]
    assert len(stopped) >= 8
    assert study.best_trial.state is TrialState.COMPLETE
    assert {t.state for t in study.trials[:4]} == {TrialState.COMPLETE}
    for trial in stopped:
        step = trial.reports[-1].step
        assert trial.stop_reason.startswith(f"{rule}: ")
        assert f"at step {step} " in trial.stop_reason
        assert trial.stop_reason.endswith(" fits")
        assert trial.value == trial.reports[-1].value
        assert trial.variance > 0
        assert 2 <= step < 29
    mean_stopped = np.mean([t.params["x"] for t in stopped])
    assert mean_stopped > np.mean([t.params["x"] for t in study.trials])


@pytest.mark.parametrize("returned", [None, float("nan"), 5.0])
def test_trial_that_should_stop_ends_stopped_with_any_value(returned):
    study = Study({"x": Float(0, 1)}, stopping=eager(MedianRule), strategy="random", seed=0)
    for value in (1.0, 2.0):
        trial = study.ask()
        for step in range(3):
            trial.report(value, step)
        if value == 2.0:
            assert trial.should_stop()
        study.tell(trial, returned if value == 2.0 else value)
    assert study.trials[1].state is TrialState.STOPPED
    assert study.trials[1].value == (5.0 if returned == 5.0 else 2.0)
    assert study.best_trial.number == 0


@pytest.mark.parametrize("strategy", ["random", "bayesian"])
def test_stopped_trial_without_a_finite_report_has_no_value(strategy):
    study = Study({"x": Float(0, 1)}, stopping=eager(MedianRule), strategy=strategy, seed=0)
    for number in range(14):
        trial, diverges = study.ask(), number % 3 == 2
        for step in range(2):
            trial.report(float("nan") if diverges else 1.0, step)
        assert trial.should_stop() == diverges
        study.tell(trial, None if diverges else 1.0)
    stopped = study.trials[2::3]
    assert {t.state for t in stopped} == {TrialState.STOPPED}
    assert {t.value for t in stopped} == {None}
    assert study.best_trial.number == 0


def test_variance_of_a_stopped_trial_is_the_later_change_of_complete_trials():
    study = Study({"x": Float(0, 1)}, strategy="random", seed=0)
    for values in ([5.0, 3.0, 1.0], [6.0, 5.0, 5.0]):
        trial = study.ask()
        for step, value in enumerate(values):
            trial.report(value, step)
        study.tell(trial, 10 * values[-1])
        cut = study.ask()
        cut.report(9.0, 0)
        cut.report(8.0, 1)
        cut.reporter.stop_reason = "poor"
        study.tell(cut, None)
    # The last reports, 1 and 5, have variance 4.  After step 1 the reports changed by 2 and 0, with
    # mean square 2: half of the variance.
    assert study.trials[3].variance == pytest.approx(0.5 * np.var([10.0, 50.0]))
    assert early_stop_variance(study.trials[1], study.history.until(1)) == 0.0


@pytest.mark.parametrize("cls", [MedianRule, AsynchronousHalving])
@pytest.mark.parametrize("n_protected", [0, 3])
def test_trial_is_not_stopped_if_all_reports_are_nan(cls, n_protected):
    rule = eager(cls, n_protected=n_protected)
    study = Study({"x": Float(0.0, 1.0)}, strategy="random", stopping=rule, seed=0)
    for _ in range(6):
        trial = study.ask()
        for step in range(4):
            trial.report(float("nan"), step)
        assert not trial.should_stop()
        stop_thresholds = trial.reporter.stop_thresholds
        study.tell(trial, trial.params["x"])
    assert stop_thresholds


def test_report_refuses_a_step_that_does_not_increase():
    trial = Study({"x": Float(0, 1)}).ask()
    trial.report(1.0, 3)
    with pytest.raises(ValueError, match="steps must increase, but got step 3 after step 3"):
        trial.report(1.0, 3)


@pytest.mark.usefixtures("ticking")
def test_timeout_stops_a_trial_during_its_warmup():
    study = Study({"x": Float(0, 1)}, stopping=MedianRule(n_warmup_steps=10**6), seed=0)

    def endless(trial):
        step = 0
        while not trial.should_stop():
            trial.report(1.0, step)
            step += 1
        return 1.0

    with pytest.raises(NoCompletedTrialError, match="must complete before the timeout"):
        study.optimize(endless, 3, timeout=0.05)
    assert study.trials[0].stop_reason == "timeout"
    assert study.trials[0].reports


@pytest.mark.parametrize(
    ("stopping", "error"),
    [
        ("medain", "must be one of \\['asha', 'median'\\]"),
        (3, "must be a name"),
        (MedianRule, "a name"),
    ],
)
def test_study_refuses_an_invalid_rule(stopping, error):
    with pytest.raises((ValueError, TypeError), match=error):
        Study({"x": Float(0, 1)}, stopping=stopping)


@pytest.mark.parametrize(
    ("cls", "wrong"),
    [
        (MedianRule, {"n_warmup_steps": -1}),
        (AsynchronousHalving, {"min_resource": 0}),  # the first rung needs a step
        *((cls, {"n_min_trials": 0}) for cls in (MedianRule, AsynchronousHalving)),
        *((cls, {"n_startup_trials": -1}) for cls in (MedianRule, AsynchronousHalving)),
        *((cls, {"n_protected": -1}) for cls in (MedianRule, AsynchronousHalving)),
    ],
)
def test_rule_refuses_an_invalid_option(cls, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        cls(**wrong)


def test_same_seed_stops_the_same_trials():
    def run():
        study = Study(
            {"n": Int(1, 50), "x": Float(0, 1)}, strategy="random", stopping="asha", seed=3
        )
        study.optimize(objective, 25)
        return [(t.state, len(t.reports), t.stop_reason) for t in study.trials]

    assert run() == run()


def test_reports_are_compared_within_a_fold():
    study = Study({"x": Float(0, 1)}, stopping=eager(MedianRule), strategy="random", seed=0)
    levels = {0: 1.0, 1: 9.0}
    first = study.ask()
    for fold, level in levels.items():
        for step in range(3):
            first.report(level, step, fold=fold)
    study.tell(first, 5.0)
    second = study.ask()
    for step in range(3):
        second.report(8.0, step, fold=1)
    assert not second.should_stop()
    second.report(2.0, 0, fold=0)
    second.report(2.0, 1, fold=0)
    assert second.should_stop()
    assert study.history.curves().keys() == {(None, 0), (None, 1)}
    study.tell(second, None)
    assert second.value == 2.0


def test_start_fold_continues_a_fold_or_opens_the_next():
    trial = Study({"x": Float(0, 1)}).ask()
    assert trial.start_fold() == 0
    trial.report(1.0, 4, fold=0)
    assert trial.start_fold(5) == 0
    assert trial.start_fold() == 1
    trial.report(1.0, 9, fold=1)
    assert trial.start_fold(5) == 2


def test_set_metric_refuses_a_metric_of_the_other_direction():
    trial = Study({"x": Float(0, 1)}, direction="maximize").ask()
    trial.set_metric("auc", "maximize")
    with pytest.raises(
        ValueError, match="'logloss' is minimized, but the study has direction='max"
    ):
        trial.set_metric("logloss", "minimize")
    free = TrialReporter()
    free.set_metric("logloss", "minimize")
    assert (free.metric, free.direction) == ("logloss", "minimize")


def test_reports_are_compared_within_a_metric():
    study = Study({"x": Float(0, 1)}, stopping=eager(MedianRule), strategy="random", seed=0)

    def run(metric, value):
        trial = study.ask()
        trial.set_metric(metric, "minimize")
        for step in range(3):
            trial.report(value, step)
        study.tell(trial, value)
        return trial.state

    assert run("rmse", 1.0) is TrialState.COMPLETE
    assert run("logloss", 9.0) is TrialState.COMPLETE
    assert run("logloss", 9.5) is TrialState.STOPPED


def test_reports_follow_the_direction_of_the_metric():
    study = Study({"x": Float(0, 1)}, stopping=eager(MedianRule), strategy="random", seed=0)
    study.history.sign = -1.0
    states = []
    for value in (1.0, 2.0, 0.5):
        trial = study.ask()
        trial.reporter.direction = "minimize"
        for step in range(3):
            trial.report(value, step)
        study.tell(trial, 0.0)
        states.append(trial.state)
    assert states == [TrialState.COMPLETE, TrialState.STOPPED, TrialState.COMPLETE]


def test_savings_extrapolate_the_steps_of_stopped_trials():
    study = Study({"x": Float(0, 1)}, strategy="random", seed=0)

    def run(lengths, seconds, stop=None):
        trial = study.ask()
        for fold, length in enumerate(lengths):
            for step in range(length):
                trial.report(1.0, step, fold=fold)
        trial.started, trial.finished, trial.reporter.stop_reason = 0.0, seconds, stop
        study.tell(trial, 1.0)

    run([10, 10, 10], 30.0)
    run([20, 20, 20], 60.0)
    run([5], 5.0, "poor")  # of 32 / 3 + 15 + 15, the mean lengths of all folds
    run([2, 1], 3.0, "poor")  # of 3 x 2, the length of its first fold
    saved = study.savings()
    assert (saved.n_trials, saved.n_stopped, saved.steps) == (4, 2, 98)
    left = (32 / 3 + 30 - 5) + (6 - 3)
    assert saved.steps_saved == round(left)
    assert saved.seconds_saved == pytest.approx(left)
    assert str(saved) == "2 of 4 trials were stopped: 28% of the steps saved, about 39 s"

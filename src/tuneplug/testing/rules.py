"""The contract of stopping rules."""

from __future__ import annotations

import pickle

import numpy as np

from tuneplug.space.parameters import Float
from tuneplug.stopping.base import StoppingRule
from tuneplug.study import Study
from tuneplug.trial import Trial, TrialState
from tuneplug.trial.learning_curves import LearningCurve, Report

__all__ = ["StoppingRuleContract"]


class StoppingRuleContract:
    """Tests of a stopping rule; define the fixture ``rule``."""

    n_steps = 20

    def objective(self, trial: Trial) -> float:
        """Report a loss that falls toward the returned value."""
        for step in range(self.n_steps):
            trial.report(trial.params["x"] + 1.0 / (1 + step), step)
            if trial.should_stop():
                break
        return float(trial.params["x"])

    def curves(self, n: int) -> dict[int, LearningCurve]:
        """Return constant learning curves of n completed trials, from best to worst."""
        reports = [[Report(step, float(k)) for step in range(self.n_steps)] for k in range(n)]
        return {
            k: LearningCurve.from_reports(r, 1.0, complete=True, outcome=float(k))
            for k, r in enumerate(reports)
        }

    def test_name_is_a_non_empty_string(self, rule: StoppingRule) -> None:
        assert isinstance(rule.name, str)
        assert rule.name

    def test_make_threshold_returns_none_without_learning_curves(self, rule: StoppingRule) -> None:
        assert rule.make_threshold(50, {}, 1.0) is None

    def test_best_trial_so_far_is_not_stopped(self, rule: StoppingRule) -> None:
        thresholds = rule.make_threshold(50, self.curves(20), 1.0)
        if thresholds is not None:
            assert all(
                thresholds.reason(step - 1, step, -1.0) is None for step in range(self.n_steps)
            )

    def test_thresholds_have_ascending_steps_with_one_limit_each(self, rule: StoppingRule) -> None:
        thresholds = rule.make_threshold(50, self.curves(20), 1.0)
        if thresholds is not None:
            assert np.all(np.diff(thresholds.steps) > 0)
            assert len(thresholds.steps) == len(thresholds.limits) == len(thresholds.counts)

    def test_maximizing_the_negative_objective_stops_the_same_trials(
        self, rule: StoppingRule
    ) -> None:
        def mirrored(trial: Trial) -> float:
            for step in range(self.n_steps):
                trial.report(-trial.params["x"] - 1.0 / (1 + step), step)
                if trial.should_stop():
                    break
            return -float(trial.params["x"])

        space = {"x": Float(0.0, 1.0)}
        one = Study(space, strategy="random", stopping=rule, seed=0)
        one.optimize(self.objective, 25)
        other = Study(space, strategy="random", stopping=rule, seed=0, direction="maximize")
        other.optimize(mirrored, 25)
        assert [len(t.reports) for t in one.trials] == [len(t.reports) for t in other.trials]

    def test_rule_and_thresholds_can_be_pickled(self, rule: StoppingRule) -> None:
        thresholds = pickle.loads(pickle.dumps(rule)).make_threshold(50, self.curves(20), 1.0)  # noqa: S301  pickled here
        copied = pickle.loads(pickle.dumps(thresholds))  # noqa: S301
        assert (copied is None) == (thresholds is None)
        if thresholds is not None:
            assert copied.limits.tolist() == thresholds.limits.tolist()

    def test_first_trial_completes_and_best_trial_is_complete(self, rule: StoppingRule) -> None:
        study = Study({"x": Float(0.0, 1.0)}, strategy="random", stopping=rule, seed=0)
        study.optimize(self.objective, 25)
        assert study.trials[0].state is TrialState.COMPLETE
        assert study.best_trial.state is TrialState.COMPLETE
        for trial in study.trials:
            assert (trial.state is TrialState.STOPPED) == (trial.stop_reason is not None)

    def test_same_seed_stops_the_same_trials(self, rule: StoppingRule) -> None:
        def run() -> list[tuple[TrialState, int, str | None]]:
            study = Study({"x": Float(0.0, 1.0)}, strategy="random", stopping=rule, seed=3)
            study.optimize(self.objective, 20)
            return [(t.state, len(t.reports), t.stop_reason) for t in study.trials]

        assert run() == run()

"""What a stopping rule promises."""

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
    """Tests of a stopping rule; give the fixture ``rule``."""

    n_steps = 20

    def objective(self, trial: Trial) -> float:
        """A loss that falls toward what the configuration is worth."""
        for step in range(self.n_steps):
            trial.report(trial.params["x"] + 1.0 / (1 + step), step)
            if trial.should_stop():
                break
        return float(trial.params["x"])

    def curves(self, n: int) -> dict[int, LearningCurve]:
        """Return flat curves of n complete fits, from best to worst."""
        reports = [[Report(step, float(k)) for step in range(self.n_steps)] for k in range(n)]
        return {
            k: LearningCurve.from_reports(r, 1.0, complete=True, outcome=float(k))
            for k, r in enumerate(reports)
        }

    def test_it_has_a_name(self, rule: StoppingRule) -> None:
        assert isinstance(rule.name, str)
        assert rule.name

    def test_nothing_is_stopped_that_nothing_is_known_about(self, rule: StoppingRule) -> None:
        assert rule.make_threshold(50, {}, 1.0) is None

    def test_the_best_so_far_goes_on(self, rule: StoppingRule) -> None:
        test = rule.make_threshold(50, self.curves(20), 1.0)
        if test is not None:
            assert all(test.reason(step - 1, step, -1.0) is None for step in range(self.n_steps))

    def test_steps_ascend_and_have_a_limit_each(self, rule: StoppingRule) -> None:
        test = rule.make_threshold(50, self.curves(20), 1.0)
        if test is not None:
            assert np.all(np.diff(test.steps) > 0)
            assert len(test.steps) == len(test.limits) == len(test.counts)

    def test_a_maximized_study_stops_what_the_mirrored_one_stops(self, rule: StoppingRule) -> None:
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

    def test_tests_and_rules_can_be_pickled(self, rule: StoppingRule) -> None:
        test = pickle.loads(pickle.dumps(rule)).make_threshold(50, self.curves(20), 1.0)  # noqa: S301  our own
        again = pickle.loads(pickle.dumps(test))  # noqa: S301
        assert (again is None) == (test is None)
        if test is not None:
            assert again.limits.tolist() == test.limits.tolist()

    def test_the_first_trial_runs_to_its_end_and_a_stopped_one_is_never_best(
        self, rule: StoppingRule
    ) -> None:
        study = Study({"x": Float(0.0, 1.0)}, strategy="random", stopping=rule, seed=0)
        study.optimize(self.objective, 25)
        assert study.trials[0].state is TrialState.COMPLETE
        assert study.best_trial.state is TrialState.COMPLETE
        for trial in study.trials:
            assert (trial.state is TrialState.STOPPED) == (trial.stop_reason is not None)

    def test_the_same_seed_stops_the_same_trials(self, rule: StoppingRule) -> None:
        def run() -> list[tuple[TrialState, int, str | None]]:
            study = Study({"x": Float(0.0, 1.0)}, strategy="random", stopping=rule, seed=3)
            study.optimize(self.objective, 20)
            return [(t.state, len(t.reports), t.stop_reason) for t in study.trials]

        assert run() == run()

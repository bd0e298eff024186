"""FitMonitorContract: tests of a fit monitor."""

from __future__ import annotations

import copy
import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np

from tuneplug.monitoring import FitMonitor, MonitoredFit, Scoring, TrialReporter
from tuneplug.trial.learning_curves import StopThresholds

__all__ = ["FitMonitorContract"]


class _StopAfter(dict[Any, Any]):
    """Thresholds that stop a fit at a step or later, whatever it reports."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def get(self, key: Any, default: Any = None) -> StopThresholds:
        at, limit, n_curves = np.array([self.step]), np.array([-math.inf]), np.array([1])
        return StopThresholds("contract", "always stopped", at, limit, n_curves, 1.0)


class FitMonitorContract:
    """Tests of a fit monitor, for subclasses with fixtures ``monitor``, ``estimator``, ``data``.

    The monitor must accept the estimator.  The estimator must be seeded and have at least 20 steps.
    ``data`` is ``(X, y, X_val, y_val)``.
    """

    #: Step, counted from 0, after which the tests stop a fit.
    stop_after = 4

    def make_fit(self, estimator: Any, data: Any, *, stop: bool = False) -> MonitoredFit:
        """Return a fit of a copy of the estimator; with ``stop`` it ends after ``stop_after``."""
        X, y, X_val, y_val = data
        reporter = TrialReporter(_StopAfter(self.stop_after) if stop else {})
        return MonitoredFit(copy.deepcopy(estimator), X, y, reporter, {}, X_val, y_val)

    def outputs(self, estimator: Any, X: Any) -> Any:
        """Return the predictions for X, as probabilities if the estimator has ``predict_proba``."""
        predict = getattr(estimator, "predict_proba", estimator.predict)
        return np.asarray(predict(X))

    def test_name_is_a_non_empty_string(self, monitor: FitMonitor) -> None:
        assert isinstance(monitor.name, str)
        assert monitor.name

    def test_it_accepts_only_its_estimators(self, monitor: FitMonitor, estimator: Any) -> None:
        assert monitor.accepts(estimator)
        assert not any(monitor.accepts(other) for other in (object(), None, "name", type))

    def test_a_fit_that_is_not_stopped_equals_the_estimators_own_fit(
        self, monitor: FitMonitor, estimator: Any, data: Any
    ) -> None:
        fit = self.make_fit(estimator, data)
        monitor.fit(fit)
        own = copy.deepcopy(estimator).fit(data[0], data[1])
        np.testing.assert_array_equal(
            self.outputs(fit.estimator, data[2]), self.outputs(own, data[2])
        )

    def test_fit_reports_every_step_once_with_a_finite_value(
        self, monitor: FitMonitor, estimator: Any, data: Any
    ) -> None:
        fit = self.make_fit(estimator, data)
        monitor.fit(fit)
        steps = [report.step for report in fit.reporter.reports]
        assert len(steps) > self.stop_after + 1
        assert steps == sorted(set(steps))
        assert all(math.isfinite(report.value) for report in fit.reporter.reports)
        assert fit.reporter.metric
        assert fit.reporter.direction in ("minimize", "maximize")

    def test_a_scoring_does_not_change_the_model_and_adds_no_steps(
        self, monitor: FitMonitor, estimator: Any, data: Any
    ) -> None:
        plain, calls = self.make_fit(estimator, data), 0

        def score() -> float:
            nonlocal calls
            calls += 1
            return float(np.mean(self.outputs(fit.estimator, data[2])))

        fit = self.make_fit(estimator, data)
        fit = replace(fit, scoring=Scoring("a score of one's own", None, score))
        for each in (plain, fit):
            monitor.fit(each)
        np.testing.assert_array_equal(
            self.outputs(fit.estimator, data[2]), self.outputs(plain.estimator, data[2])
        )
        steps = {report.step for report in fit.reporter.reports}
        assert steps <= {report.step for report in plain.reporter.reports}
        assert calls <= len(fit.reporter.reports)

    def test_a_fit_ends_when_the_reporter_says_so_and_the_model_predicts(
        self, monitor: FitMonitor, estimator: Any, data: Any
    ) -> None:
        whole, fit = self.make_fit(estimator, data), self.make_fit(estimator, data, stop=True)
        monitor.fit(whole)
        monitor.fit(fit)
        assert fit.reporter.stop_reason
        assert len(fit.reporter.reports) < len(whole.reporter.reports)
        assert fit.reporter.reports == whole.reporter.reports[: len(fit.reporter.reports)]
        assert len(self.outputs(fit.estimator, data[2])) == len(data[2])

    def test_the_parameters_of_the_estimator_are_restored(
        self, monitor: FitMonitor, estimator: Any, data: Any
    ) -> None:
        for stop in (False, True):
            fit = self.make_fit(estimator, data, stop=stop)
            before = repr(fit.estimator.get_params())
            monitor.fit(fit)
            assert repr(fit.estimator.get_params()) == before

    def test_one_monitor_and_its_copies_serve_many_fits(
        self, monitor: FitMonitor, estimator: Any, data: Any
    ) -> None:
        copied = pickle.loads(pickle.dumps(monitor))  # noqa: S301  our own
        fits = [self.make_fit(estimator, data) for _ in range(3)]
        for one, fit in zip((monitor, monitor, copied), fits, strict=True):
            one.fit(fit)
        assert fits[0].reporter.reports == fits[1].reporter.reports == fits[2].reporter.reports

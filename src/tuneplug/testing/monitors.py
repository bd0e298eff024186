"""What a fit monitor promises."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np

from tuneplug.monitoring import FitMonitor, MonitoredFit, TrialReporter
from tuneplug.trial.learning_curves import StopThresholds

__all__ = ["FitMonitorContract"]


class _StopAfter(dict[Any, Any]):
    """Stop tests, whatever the metric, that end a fit at the first report of a step or later."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def get(self, key: Any, default: Any = None) -> StopThresholds:
        at, limit, n_curves = np.array([self.step]), np.array([-math.inf]), np.array([1])
        return StopThresholds("contract", "made to stop", at, limit, n_curves, 1.0)


class FitMonitorContract:
    """Tests of a fit monitor; give the fixtures ``monitor``, ``estimator`` and ``data``.

    ``estimator`` is one that the monitor accepts, seeded, with 20 or more steps; ``data`` is
    ``(X, y, X_val, y_val)``.
    """

    #: The step, from 0, after which the tests end a fit.
    stop_after = 4

    def watched(self, estimator: Any, data: Any, *, stop: bool = False) -> MonitoredFit:
        """Return a fit of a copy of the estimator, which may be made to stop."""
        X, y, X_val, y_val = data
        reporter = TrialReporter(_StopAfter(self.stop_after) if stop else {})
        return MonitoredFit(copy.deepcopy(estimator), X, y, reporter, {}, X_val, y_val)

    def outputs(self, estimator: Any, X: Any) -> Any:
        """Return what the fitted estimator says of X; probabilities where it has them."""
        predict = getattr(estimator, "predict_proba", estimator.predict)
        return np.asarray(predict(X))

    def test_it_has_a_name(self, monitor: FitMonitor) -> None:
        assert isinstance(monitor.name, str)
        assert monitor.name

    def test_it_accepts_its_estimators_only(self, monitor: FitMonitor, estimator: Any) -> None:
        assert monitor.accepts(estimator)
        assert not any(monitor.accepts(other) for other in (object(), None, "name", type))

    def test_a_fit_that_goes_to_its_end_is_the_estimators_own(
        self, monitor: FitMonitor, estimator: Any, data: Any
    ) -> None:
        fit = self.watched(estimator, data)
        monitor.fit(fit)
        own = copy.deepcopy(estimator).fit(data[0], data[1])
        np.testing.assert_array_equal(
            self.outputs(fit.estimator, data[2]), self.outputs(own, data[2])
        )

    def test_every_step_is_reported_once_with_a_finite_value(
        self, monitor: FitMonitor, estimator: Any, data: Any
    ) -> None:
        fit = self.watched(estimator, data)
        monitor.fit(fit)
        steps = [report.step for report in fit.reporter.reports]
        assert len(steps) > self.stop_after + 1
        assert steps == sorted(set(steps))
        assert all(math.isfinite(report.value) for report in fit.reporter.reports)
        assert fit.reporter.metric
        assert fit.reporter.direction in ("minimize", "maximize")

    def test_a_fit_ends_where_the_reporter_says_so_with_a_model_that_predicts(
        self, monitor: FitMonitor, estimator: Any, data: Any
    ) -> None:
        whole, fit = self.watched(estimator, data), self.watched(estimator, data, stop=True)
        monitor.fit(whole)
        monitor.fit(fit)
        assert fit.reporter.stop_reason
        assert len(fit.reporter.reports) < len(whole.reporter.reports)
        assert fit.reporter.reports == whole.reporter.reports[: len(fit.reporter.reports)]
        assert len(self.outputs(fit.estimator, data[2])) == len(data[2])

    def test_the_parameters_of_the_estimator_are_as_they_were(
        self, monitor: FitMonitor, estimator: Any, data: Any
    ) -> None:
        for stop in (False, True):
            fit = self.watched(estimator, data, stop=stop)
            before = repr(fit.estimator.get_params())
            monitor.fit(fit)
            assert repr(fit.estimator.get_params()) == before

    def test_one_monitor_serves_many_fits_also_as_a_copy(
        self, monitor: FitMonitor, estimator: Any, data: Any
    ) -> None:
        copied = pickle.loads(pickle.dumps(monitor))  # noqa: S301  our own
        fits = [self.watched(estimator, data) for _ in range(3)]
        for one, fit in zip((monitor, monitor, copied), fits, strict=True):
            one.fit(fit)
        assert fits[0].reporter.reports == fits[1].reporter.reports == fits[2].reporter.reports

"""Monitored fits within scikit-learn's evaluation of a fold.

scikit-learn sets the parameters, splits the data, fits and scores as always.  Only ``fit`` of the
last step is intercepted: it is passed to the monitor that accepts the step, with evaluation data
that the fitted transformers before it have transformed.  The last step may also be the regressor of
a ``TransformedTargetRegressor``; the target of the evaluation data is then transformed, too.

The evaluation data are the test part of the fold, so that reports estimate the score of the fold.
If the estimator stops early by its own rule, they are a part of the training data instead: the data
that choose the number of rounds must not be the data that the candidate is scored on.

If monitoring raises an exception, the fit runs without a monitor, and its record has the cause.  A
fit that stops early by its own rule fails instead, because it needs evaluation data.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier

from tuneplug.monitoring import FitMonitor, MetricError, MonitoredFit, TrialReporter
from tuneplug.stopping import Report, StopThresholds
from tuneplug_sklearn._compat import check_method_params, safe_split
from tuneplug_sklearn.evaluation_data import EvaluationData, failure_text
from tuneplug_sklearn.pipelines import (
    call_fit,
    intercept_fit,
    intercept_last_fit,
    last_step,
    own_params,
)
from tuneplug_sklearn.scoring import FoldScoring
from tuneplug_sklearn.splitting import TimeOrder, inner_split
from tuneplug_sklearn.subsampling import TrainingPart

__all__ = ["FitLimits", "FitRecord", "FoldData", "MonitorConfig", "MonitoredFold"]


@dataclass(frozen=True)
class FitLimits:
    """Stop thresholds and deadline of one fit; pickled with its job.

    Attributes
    ----------
    stop_thresholds : dict of (str or None) to StopThresholds
        Thresholds of the fold, by metric.
    deadline : float or None
        Time at which the fit is interrupted, in seconds since the epoch.  If None, never.
    deadline_reason : {"timeout", "trial_timeout"}
        Stop reason of a fit that reaches the deadline.
    """

    stop_thresholds: Mapping[str | None, StopThresholds]
    deadline: float | None = None
    deadline_reason: str = "timeout"


@dataclass(frozen=True)
class FitRecord:
    """Result of one monitored fit.

    Attributes
    ----------
    reports : sequence of Report
    metric, direction : str or None
        Name and direction of the reported metric.
    stop_reason : str or None
        Why the fit was stopped early; None if it was not.
    n_rounds : int or None
        Number of rounds that the estimator's own early stopping chose; None if it did not stop.
    notes : sequence of str
        Warnings of the monitor.
    failure : str or None
        Why the fit was not monitored, or only for its deadline.  None if it was monitored.
    """

    reports: Sequence[Report] = ()
    metric: str | None = None
    direction: Any = None
    stop_reason: str | None = None
    n_rounds: int | None = None
    notes: Sequence[str] = ()
    failure: str | None = None


@dataclass(frozen=True)
class MonitorConfig:
    """Configuration that all monitored fits of a search share.

    Attributes
    ----------
    monitors : tuple of FitMonitor
    reporting : bool
        Whether a stopping rule compares the reports.  If True, every fit that a monitor accepts is
        monitored.  If False, only fits with a deadline or with early stopping of their own are.
    validation_fraction : float or None
        Share of the training part that is held out for early stopping.  If None, early stopping
        uses the test part of the fold.
    seed : int
        Seed of that split; all candidates share it.
    groups : array-like of shape (n_samples,) or None
        Groups that the split keeps together.
    time_order : TimeOrder or None
        If given, the rows are ordered by time, and early stopping uses the last rows.
    """

    monitors: tuple[FitMonitor, ...]
    reporting: bool
    validation_fraction: float | None
    seed: int
    groups: Any = None
    time_order: TimeOrder | None = None

    def monitor_of(self, estimator: Any) -> FitMonitor | None:
        """Return the first monitor that accepts an estimator."""
        return next((monitor for monitor in self.monitors if monitor.accepts(estimator)), None)


@dataclass(frozen=True)
class FoldData:
    """The data of one fold.

    Attributes
    ----------
    X, y : array-like
        All rows.
    train, test : ndarray of int
        Row numbers of the two parts.
    fit_params : mapping
        Arguments of ``fit``, for all rows.
    fold : int
        Number of the fold.
    part : TrainingPart or None
        Given if ``train`` is a subsample of the training part.  The rows that early stopping holds
        out are then of the whole part.
    """

    X: Any
    y: Any
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    fit_params: Mapping[str, Any]
    fold: int
    part: TrainingPart | None = None


@dataclass(frozen=True)
class _Setup:
    """Monitor and data of one fit; the evaluation data are not transformed yet."""

    monitor: FitMonitor
    X: Any
    y: Any
    params: Mapping[str, Any]
    evaluation: EvaluationData


class MonitoredFold:
    """Monitors the fit of one candidate on one fold.

    Parameters
    ----------
    config : MonitorConfig
    limits : FitLimits
    estimator : estimator
        The clone to be fitted; its parameters may still be set after this.
    data : FoldData
    scoring : FoldScoring or None
        Score that a stopping rule compares fits by.  If None, the monitor selects a metric.

    Attributes
    ----------
    record : FitRecord or None
        None unless a monitor has fitted the last step, or could not.
    """

    def __init__(
        self,
        config: MonitorConfig,
        limits: FitLimits,
        estimator: Any,
        data: FoldData,
        scoring: FoldScoring | None = None,
    ) -> None:
        self._config, self._limits = config, limits
        self._estimator, self._data, self._scoring = estimator, data, scoring
        self.record: FitRecord | None = None
        self._failure: str | None = None
        self._required = False  # whether the fit needs evaluation data: it fails if monitoring does

    @contextmanager
    def monitoring(self) -> Iterator[MonitoredFold]:
        """Context manager: intercept ``fit`` of the estimator and monitor it if needed."""
        with intercept_fit(self._estimator, self._fit):
            yield self

    def _fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        estimator = self._estimator
        setup = self._attempt(self._set_up, X, y, params)
        if setup is None:
            fitted = call_fit(estimator, X, y, params)
        else:
            with intercept_last_fit(estimator, functools.partial(self._fit_last, setup)):
                fitted = call_fit(estimator, setup.X, setup.y, setup.params)
        if self._failure is not None:
            self.record = replace(self.record or FitRecord(), failure=self._failure)
        return fitted

    def _attempt(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function of the monitoring; return None if it raises, and record the cause.

        Raises
        ------
        MetricError
            If the user has named a wrong metric or no direction.
        Exception
            The exception of the function, if the fit cannot run without evaluation data.
        """
        try:
            return function(*args)
        except MetricError:
            raise
        except Exception as error:
            if self._required:
                raise
            self._failure = self._failure or failure_text(self._estimator, error)
            return None

    def _set_up(self, X: Any, y: Any, params: Mapping[str, Any]) -> _Setup | None:
        """Return monitor and data of the fit; None if the fit needs no monitor."""
        estimator, config = self._estimator, self._config
        last, own = last_step(estimator), own_params(estimator, params)
        monitor = config.monitor_of(last)
        early = monitor is not None and monitor.has_early_stopping(last, own)
        timed = self._limits.deadline is not None
        if monitor is None or not (config.reporting or early or timed):
            return None
        if monitor.has_eval_set(own):
            return _Setup(monitor, X, y, params, EvaluationData())
        self._required = early
        if not early or config.validation_fraction is None:
            return _Setup(monitor, X, y, params, self._test_part())
        return self._with_inner_split(monitor, config.validation_fraction)

    def _with_inner_split(self, monitor: FitMonitor, fraction: float) -> _Setup:
        """Return the setup of a fit whose early stopping uses a part of the training part."""
        estimator, data = self._estimator, self._data
        inner, held_out = self._inner_split(fraction)
        own = own_params(estimator, data.fit_params)
        evaluation = EvaluationData.of_rows(estimator, (data.X, data.y, own), held_out, inner)
        params = check_method_params(data.X, params=data.fit_params, indices=inner)
        X, y = safe_split(estimator, data.X, data.y, inner)
        return _Setup(monitor, X, y, params, evaluation)

    def _inner_split(self, fraction: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the row numbers of the fit and of its early stopping.

        The whole training part is split; a subsample is then taken from what is left for the fit.
        """
        config, data = self._config, self._data
        train = np.asarray(data.train) if data.part is None else data.part.order.rows
        if config.time_order is not None:
            rest, held_out = config.time_order.inner_split(train, fraction)
        else:
            rest, held_out = inner_split(
                len(train),
                fraction,
                np.random.default_rng([config.seed, data.fold]),
                classes=np.asarray(data.y)[train] if is_classifier(self._estimator) else None,
                groups=None if config.groups is None else np.asarray(config.groups)[train],
            )
        if data.part is None:
            return train[rest], train[held_out]
        return data.part.order.subsample(data.part.share, rest), train[held_out]

    def _test_part(self) -> EvaluationData:
        data = self._data
        own = own_params(self._estimator, data.fit_params)
        rows = np.asarray(data.test), np.asarray(data.train)
        return EvaluationData.of_rows(self._estimator, (data.X, data.y, own), *rows)

    def _fit_last(self, setup: _Setup, last: Any, X: Any, y: Any = None, **params: Any) -> Any:
        """Fit the last step with the monitor if possible, and record the result."""
        evaluation, reporting = setup.evaluation, self._config.reporting
        if evaluation.X is not None:
            evaluation = self._attempt(evaluation.transformed, self._estimator, y)
        if evaluation is None and self._failure and self._limits.deadline is not None:
            evaluation, reporting = EvaluationData(), False  # the deadline needs no evaluation
        if evaluation is None:
            return call_fit(last, X, y, params)
        rows = dict(evaluation.params)
        weight = rows.pop("sample_weight", None)
        fit = MonitoredFit(
            last,
            X,
            y,
            self._reporter(),
            params,
            evaluation.X,
            evaluation.y,
            weight,
            reporting,
            params_val=rows,
        )
        if self._scoring is None or not fit.pruning:
            return self._run(setup.monitor, fit)
        scored = self._attempt(self._scoring.of_fit, fit, self._estimator)
        return call_fit(last, X, y, params) if scored is None else self._run(setup.monitor, scored)

    def _run(self, monitor: FitMonitor, fit: MonitoredFit) -> Any:
        """Fit the last step with the monitor; if that raises, without it from the same state."""
        last, before, n_rounds = fit.estimator, clone(fit.estimator), None
        failed = True

        def monitored() -> None:
            nonlocal n_rounds, failed
            n_rounds = monitor.fit(fit)
            failed = False

        try:
            self._attempt(monitored)
        finally:
            self.record = self._make_record(fit, n_rounds)
        if failed:
            last.set_params(**before.get_params(deep=False))
            call_fit(last, fit.X, fit.y, fit.params)
            self.record = None
        return last

    def _reporter(self) -> TrialReporter:
        # A callback reports to fold 0; other monitors may report without a fold.
        thresholds = self._limits.stop_thresholds.items()
        both = {(metric, fold): test for metric, test in thresholds for fold in (None, 0)}
        return TrialReporter(both, self._limits.deadline)

    def _make_record(self, fit: MonitoredFit, n_rounds: int | None) -> FitRecord:
        reporter, reason = fit.reporter, fit.reporter.stop_reason
        if reason == "timeout":
            reason = self._limits.deadline_reason
        reports = [Report(r.step, r.value, self._data.fold) for r in reporter.reports]
        n_rounds = n_rounds if reason is None else None
        return FitRecord(reports, reporter.metric, reporter.direction, reason, n_rounds, fit.notes)

"""Monitored fits within scikit-learn's evaluation of a fold.

scikit-learn sets the parameters, splits the data, fits and scores as always.  Only ``fit`` of the
last step is intercepted: it is passed to the monitor that accepts the step, with validation data
that the fitted transformers before it have transformed.

The validation data are the test part of the fold, so that reports estimate the score of the fold.
If the estimator stops early by its own rule, they are a part of the training data instead: the data
that choose the number of rounds must not be the data that the candidate is scored on.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from tuneplug.monitoring import FitMonitor, MonitoredFit, TrialReporter
from tuneplug.stopping import Report, StopThresholds
from tuneplug_sklearn._compat import check_method_params, safe_split
from tuneplug_sklearn.pipelines import call_fit, intercept_fit, last_step, own_params, transformed
from tuneplug_sklearn.splitting import inner_split, row_weights

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
    """

    reports: Sequence[Report]
    metric: str | None
    direction: Any
    stop_reason: str | None
    n_rounds: int | None
    notes: Sequence[str]


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
    in_order : bool
        Whether the rows are ordered by time: the test part of each fold follows its training part.
    """

    monitors: tuple[FitMonitor, ...]
    reporting: bool
    validation_fraction: float | None
    seed: int
    groups: Any = None
    in_order: bool = False

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
    """

    X: Any
    y: Any
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    fit_params: Mapping[str, Any]
    fold: int


class _Validation(NamedTuple):
    """Validation data of a fit; all None if the user passes evaluation sets."""

    X: Any = None
    y: Any = None
    sample_weight: Any = None

    def take(self, estimator: Any, mask: NDArray[np.bool_]) -> _Validation:
        """Return the rows of a mask."""
        X, y = safe_split(estimator, self.X, self.y, np.flatnonzero(mask))
        weight = self.sample_weight
        return _Validation(X, y, None if weight is None else np.asarray(weight)[mask])


class MonitoredFold:
    """Monitors the fit of one candidate on one fold.

    Parameters
    ----------
    config : MonitorConfig
    limits : FitLimits
    estimator : estimator
        The clone to be fitted; its parameters may still be set after this.
    data : FoldData

    Attributes
    ----------
    record : FitRecord or None
        None until a monitor has fitted the last step.
    """

    def __init__(
        self, config: MonitorConfig, limits: FitLimits, estimator: Any, data: FoldData
    ) -> None:
        self._config, self._limits = config, limits
        self._estimator, self._data = estimator, data
        self.record: FitRecord | None = None

    @contextmanager
    def monitoring(self) -> Iterator[MonitoredFold]:
        """Context manager: intercept ``fit`` of the estimator and monitor it if needed."""
        with intercept_fit(self._estimator, self._fit):
            yield self

    def _fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        estimator, config = self._estimator, self._config
        last, own = last_step(estimator), own_params(estimator, params)
        monitor = config.monitor_of(last)
        early = monitor is not None and monitor.has_early_stopping(last, own)
        timed = self._limits.deadline is not None
        if monitor is None or not (config.reporting or early or timed):
            return call_fit(estimator, X, y, params)
        if monitor.has_eval_set(own):
            validation = _Validation()
        elif early and config.validation_fraction is not None:
            inner, held_out = self._inner_split(y, config.validation_fraction)
            X_val, y_val = safe_split(estimator, X, y, held_out, inner)
            validation = _Validation(X_val, y_val, row_weights(own, X, held_out))
            params = check_method_params(X, params=params, indices=inner)
            X, y = safe_split(estimator, X, y, inner)
        else:
            validation = self._test_part()
        with intercept_fit(last, functools.partial(self._fit_last, monitor, validation)):
            return call_fit(estimator, X, y, params)

    def _inner_split(self, y: Any, fraction: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Split the training part for early stopping."""
        config, train = self._config, np.asarray(self._data.train)
        return inner_split(
            len(train),
            fraction,
            np.random.default_rng([config.seed, self._data.fold]),
            classes=y if is_classifier(self._estimator) else None,
            groups=None if config.groups is None else np.asarray(config.groups)[train],
            in_order=config.in_order,
        )

    def _test_part(self) -> _Validation:
        data, test = self._data, np.asarray(self._data.test)
        X, y = safe_split(self._estimator, data.X, data.y, test, np.asarray(data.train))
        own = own_params(self._estimator, data.fit_params)
        return _Validation(X, y, row_weights(own, data.X, test))

    def _fit_last(
        self, monitor: FitMonitor, validation: _Validation, X: Any, y: Any = None, **params: Any
    ) -> Any:
        """Fit the last step with the monitor and record the result."""
        last = last_step(self._estimator)
        if validation.X is not None:
            validation = validation._replace(X=transformed(self._estimator, validation.X))
            if is_classifier(last) and np.ndim(y) == 1:
                known = np.isin(validation.y, np.unique(y))
                if not known.any():  # no row to evaluate on, so there is nothing to monitor
                    return call_fit(last, X, y, params)
                if not known.all():
                    validation = validation.take(last, known)
        fit = MonitoredFit(
            last, X, y, self._reporter(), params, *validation, self._config.reporting
        )
        n_rounds = None
        try:
            n_rounds = monitor.fit(fit)
        finally:
            self.record = self._make_record(fit, n_rounds)
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

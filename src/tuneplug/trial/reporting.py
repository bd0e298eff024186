"""TrialReporter: record the reports of a worker, and decide when it stops.

A reporter belongs to one trial, or to one fit of a trial.  It is small, and is pickled to the
worker with its stop thresholds.  Its records are returned as a ``TrialResult``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tuneplug.trial.learning_curves import CurveKey, Report, StopThresholds
from tuneplug.trial.values import as_real, as_whole

__all__ = ["Direction", "ReportSink", "TrialReporter"]

Direction = Literal["minimize", "maximize"]

_COUNT_FOLDS = "count the folds of a trial from 0"


class ReportSink(Protocol):
    """Stores reports while their trial runs."""

    def written(self, reporter: TrialReporter) -> None:
        """Take note that a reporter has a new report.  Raise no error: the trial goes on."""


@dataclass(eq=False)
class TrialReporter:
    """Records the reports of a running trial and decides when the trial stops.

    Attributes
    ----------
    stop_thresholds : mapping of (str or None, int or None) to StopThresholds
        Thresholds that ``report`` applies, by metric and fold.
    deadline : float or None
        Seconds since the epoch at which ``should_stop`` becomes True.
    reports : list of Report
        Intermediate values, in the order reported: (step, value, fold).
    metric : str or None
        Name of the reported metric, if ``set_metric`` set one.
    direction : {"minimize", "maximize"} or None
        Direction of the reported metric.  If None, ``set_metric`` sets it.
    stop_reason : str or None
        Why the trial stops.  None while it continues.
    cost : float or None
        Cost of the trial, if the objective has set one.
    constraints : tuple of float or None
        Values of the constraints, if the objective has set them.
    sink : ReportSink or None
        Stores the reports while the trial runs.
    """

    stop_thresholds: Mapping[CurveKey, StopThresholds] = field(default_factory=dict)
    deadline: float | None = None
    reports: list[Report] = field(default_factory=list)
    metric: str | None = None
    direction: Direction | None = None
    stop_reason: str | None = None
    cost: float | None = None
    constraints: tuple[float, ...] | None = None
    sink: ReportSink | None = field(default=None, init=False, repr=False)

    def report(self, value: float, step: int, *, fold: int | None = None) -> None:
        """Record an intermediate value of the objective.

        Parameters
        ----------
        value : float
            A real number, or a scalar or tensor that ``float`` converts.
        step : int
            A boosting round or an epoch, from 0.  Steps of a fold increase.
        fold : int, optional
            Fold that the value belongs to.  If None, the trial has one learning curve.

        Raises
        ------
        TypeError
            If the value, the step or the fold is not a real number.
        ValueError
            If the step or the fold is not whole, if the fold is negative, if the step is not larger
            than the last one of its fold, or if the value cannot be converted to a float.
        """
        value, step = as_real(value, "a reported value"), as_whole(step, "a step")
        if fold is not None and (fold := as_whole(fold, "a fold", cure=_COUNT_FOLDS)) < 0:
            raise ValueError(f"a fold must be at least 0, but got {fold}: {_COUNT_FOLDS}")
        if step <= (before := self._last_step(fold)):
            of = "" if fold is None else f" of fold {fold}"
            if before < 0:
                raise ValueError(f"steps must be at least 0, but got step {step}{of}: count from 0")
            raise ValueError(
                f"steps must increase, but got step {step}{of} after step {before}: report "
                "several fits of one trial with fold=0, 1, ..."
            )
        thresholds = self.stop_thresholds.get((self.metric, fold))
        if self.stop_reason is None and thresholds is not None:
            self.stop_reason = thresholds.reason(before, step, value)
        self.reports.append(Report(step, value, fold))
        if self.sink is not None:
            self.sink.written(self)

    def should_stop(self) -> bool:
        """Return whether the objective should return now.  If True, the trial ends STOPPED."""
        if self.stop_reason is None and self.deadline is not None and time.time() >= self.deadline:
            self.stop_reason = "timeout"
        return self.stop_reason is not None

    def set_metric(self, metric: str, direction: Direction) -> None:
        """Set the metric of the reports.  Rules compare only reports of the same metric.

        Raises
        ------
        ValueError
            If the direction is not that of the study.
        """
        if self.direction is None:
            self.direction = direction
        elif direction != self.direction:
            raise ValueError(
                f"metric {metric!r} is {direction}d, but the study has "
                f"direction={self.direction!r}: report another metric, or create the study with "
                f"direction={direction!r}"
            )
        self.metric = metric

    def start_fold(self, step: int = 0) -> int:
        """Return the fold of a fit that starts at this step.

        The fold is the latest one if the step is larger than its last step, and a new one
        otherwise.  Callbacks use this method, as they do not know the fold of a fit.
        """
        folds = [report.fold for report in self.reports if report.fold is not None]
        latest = max(folds, default=-1)
        return latest if 0 <= self._last_step(latest) < step else latest + 1

    def _last_step(self, fold: int | None) -> int:
        return next((r.step for r in reversed(self.reports) if r.fold == fold), -1)

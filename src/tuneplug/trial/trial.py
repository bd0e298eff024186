"""Trials: one configuration each, and its result."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.trial.learning_curves import CurveKey, LearningCurve, Report
from tuneplug.trial.reporting import Direction, TrialReporter

__all__ = [
    "Direction",
    "Trial",
    "TrialResult",
    "TrialState",
    "as_real",
]


class TrialState(Enum):
    """What became of a trial."""

    RUNNING = "running"
    COMPLETE = "complete"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether nothing more can happen to the trial."""
        return self is not TrialState.RUNNING


@dataclass(frozen=True)
class TrialResult:
    """The result of a trial: what ``Study.finish`` records.

    Attributes
    ----------
    state : TrialState
        COMPLETE, STOPPED or FAILED.
    value : float or None
        The objective, in the user's units and direction; a complete trial has one.
    variance : float or None
        Variance of ``value`` around the true objective.  If None, it is unknown; of a stopped trial
        with reports the study then estimates it.
    reports : sequence of Report
        Intermediate values, in the order reported.
    metric : str or None
        Name of the reported metric, if known.
    direction : {"minimize", "maximize"} or None
        Direction of the reported metric.  If None, it is minimized.
    stop_reason : str or None
        Why the trial was stopped.
    error : str or None
        Why the trial failed: a traceback or a message.
    started, finished : float or None
        Seconds since the epoch.  If ``started`` is None, the trial started when it was asked for.
        If ``finished`` is None, it ends when the result is recorded.

    Raises
    ------
    ValueError
        If the state is RUNNING, a complete trial has no value, or a value or variance is not finite
        or a variance negative.
    """

    state: TrialState
    value: float | None = None
    variance: float | None = None
    reports: Sequence[Report] = ()
    metric: str | None = None
    direction: Direction | None = None
    stop_reason: str | None = None
    error: str | None = None
    started: float | None = None
    finished: float | None = None

    def __post_init__(self) -> None:
        if not self.state.ended:
            raise ValueError(
                f"a result must have the state of an ended trial, but got {self.state}"
            )
        known = self.value is not None and math.isfinite(self.value)
        if not known and (self.value is not None or self.state is TrialState.COMPLETE):
            raise ValueError(
                f"a {self.state.value} trial must have a finite value, but got {self.value!r}: "
                "record it as FAILED"
            )
        _check_variance(self.variance)

    def curves(self, sign: float = 1.0) -> dict[CurveKey, LearningCurve]:
        """Return the curves of the reports, by metric and fold; see ``Trial.curves``."""
        return _curves(self, sign)


@dataclass(eq=False)
class Trial:
    """One configuration under evaluation, or evaluated.

    Attributes
    ----------
    number : int
        Position in the history, from 0.
    params : dict
        The configuration, in the user's units.
    point : ndarray of shape (d,)
        Its place in the unit cube.
    origin : str
        Where the configuration came from: ``"user"``, ``"design"``, ``"model"``, ``"random"`` or
        ``"grid"``.
    state : TrialState
    value : float or None
        The objective, in the user's units and direction.
    variance : float or None
        Variance of ``value`` around the true objective, if told.
    error : str or None
        Why the trial failed: a traceback or a message.
    started, finished : float or None
        Seconds since the epoch.
    expected_improvement : float or None
        What the strategy expected of the configuration, if it says: see ``Suggestion``.
    resource : int or None
        Steps to spend on it at most, where the strategy says.
    reporter : TrialReporter
        Records the reports of the running trial; it holds the deadline and the stop tests.
    """

    number: int
    params: dict[str, Any]
    point: FloatArray
    origin: str = "user"
    state: TrialState = TrialState.RUNNING
    value: float | None = None
    variance: float | None = None
    error: str | None = None
    started: float | None = None
    finished: float | None = None
    expected_improvement: float | None = None
    resource: int | None = None
    reporter: TrialReporter = field(default_factory=TrialReporter)
    _curves: dict[CurveKey, LearningCurve] | None = field(default=None, init=False, repr=False)

    @property
    def reports(self) -> list[Report]:
        """Intermediate values, in the order reported: (step, value, fold)."""
        return self.reporter.reports

    @property
    def metric(self) -> str | None:
        """Name of the reported metric, if a callback set one."""
        return self.reporter.metric

    @property
    def direction(self) -> Direction | None:
        """Direction of the reported values; None if unknown."""
        return self.reporter.direction

    @property
    def stop_reason(self) -> str | None:
        """Why the trial was stopped; None if it was not."""
        return self.reporter.stop_reason

    @property
    def deadline(self) -> float | None:
        """Seconds since the epoch at which ``should_stop`` becomes True; None if there is none."""
        return self.reporter.deadline

    def report(self, value: float, step: int, *, fold: int | None = None) -> None:
        """Record an intermediate value of the objective, in the user's units.

        Parameters
        ----------
        value : float
        step : int
            A boosting round or an epoch, from 0.  Steps of a fold increase.
        fold : int, optional
            Fold that the value belongs to.  If None, the trial has one learning curve.

        Raises
        ------
        ValueError
            If the step is not larger than the last one of its fold.
        """
        self.reporter.report(value, step, fold=fold)

    def should_stop(self) -> bool:
        """Return whether the objective should return now; once True, the trial ends STOPPED."""
        return self.reporter.should_stop()

    def set_metric(self, metric: str, direction: Direction) -> None:
        """Set the metric of the reports; they are compared with reports of the same metric only.

        Raises
        ------
        ValueError
            If its direction is not that of the study.
        """
        self.reporter.set_metric(metric, direction)

    def start_fold(self, step: int = 0) -> int:
        """Return the fold to which a fit that begins at this step reports.

        See ``TrialReporter.start_fold``.
        """
        return self.reporter.start_fold(step)

    def resolve_value(self, returned: Any) -> float:
        """Return what an objective returned as the value of this trial.

        Of a stopped one that is its last finite report where nothing finite was returned, or NaN if
        there is none.

        Raises
        ------
        TypeError
            If it is not a real number; a stopped trial may return None.
        """
        if not self.stop_reason:
            return as_real(returned)
        number = math.nan if returned is None else as_real(returned)
        reported = [report.value for report in self.reports if math.isfinite(report.value)]
        return number if math.isfinite(number) or not reported else reported[-1]

    def resolve(self, returned: Any, variance: float | None = None) -> TrialResult:
        """Return the result that a returned value gives this trial.

        It is STOPPED if ``should_stop()`` has been True, with the value of ``resolve_value`` or
        none. Otherwise it is COMPLETE, or FAILED if the value is not finite.

        Raises
        ------
        TypeError
            If the value is not a real number.
        ValueError
            If the variance is negative or not finite.
        """
        value = self.resolve_value(returned)
        _check_variance(variance)
        if math.isfinite(value):
            state = TrialState.STOPPED if self.stop_reason else TrialState.COMPLETE
            return self.result(state, value=value, variance=variance)
        if self.stop_reason:
            return self.result(TrialState.STOPPED)
        error = f"the objective must be finite, but got {value!r}"
        return self.result(TrialState.FAILED, error=error)

    def result(
        self,
        state: TrialState,
        *,
        value: float | None = None,
        variance: float | None = None,
        error: str | None = None,
    ) -> TrialResult:
        """Return the result of this trial in a final state, with its reports so far."""
        return TrialResult(
            state,
            value,
            variance,
            tuple(self.reports),
            self.metric,
            self.direction,
            self.stop_reason,
            error,
            self.started,
            self.finished,
        )

    def curves(self, sign: float = 1.0) -> dict[CurveKey, LearningCurve]:
        """Return what it reported, by metric and fold; of a stopped trial, the last fit was cut.

        ``sign`` turns the value of the trial into a loss.
        """
        if self._curves is not None:
            return self._curves
        found = _curves(self, sign)
        if self.state.ended:
            self._curves = found
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the curves, which the reports give again."""
        return {**self.__dict__, "_curves": None}

    @property
    def duration(self) -> float | None:
        """Seconds from start to end, None while running."""
        if self.started is None or self.finished is None:
            return None
        return self.finished - self.started


def _curves(trial: Trial | TrialResult, sign: float) -> dict[CurveKey, LearningCurve]:
    complete = trial.state is TrialState.COMPLETE
    outcome = sign * trial.value if complete and trial.value is not None else None
    found = {}
    for fold in dict.fromkeys(report.fold for report in trial.reports):
        found[trial.metric, fold] = LearningCurve.from_reports(
            [report for report in trial.reports if report.fold == fold],
            -1.0 if trial.direction == "maximize" else 1.0,
            complete=complete or fold != trial.reports[-1].fold,
            outcome=outcome,
        )
    return found


def _check_variance(variance: float | None) -> None:
    if variance is not None and not (math.isfinite(variance) and variance >= 0):
        raise ValueError(f"variance must be finite and not negative, but got {variance!r}")


def as_real(value: Any) -> float:
    """Return a real number, of Python or NumPy, as a float.

    Raises
    ------
    TypeError
        If it is something else; a boolean is.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_)):
        return float(value)
    raise TypeError(f"the objective must be a real number, but got {value!r}")

"""Trials: one configuration each, what became of it, and the history of them all."""

from __future__ import annotations

import math
import numbers
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Literal, NamedTuple, overload

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.trial.learning_curves import CurveKey, LearningCurve, Report, StopThresholds

__all__ = [
    "Direction",
    "History",
    "Observation",
    "Trial",
    "TrialResult",
    "TrialState",
    "as_real",
]


Direction = Literal["minimize", "maximize"]


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
    reports : list of Report
        Intermediate values, in the order reported: (step, value, fold).
    error : str or None
        Why the trial failed: a traceback or a message.
    stop_reason : str or None
        Why the trial was stopped before its end.
    started, finished : float or None
        Seconds since the epoch.
    deadline : float or None
        Seconds since the epoch after which ``should_stop`` tells the objective to end.
    expected_improvement : float or None
        What the strategy expected of the configuration, if it says: see ``Suggestion``.
    resource : int or None
        Steps to spend on it at most, where the strategy says.
    stop_thresholds : dict of (str or None, int or None) to StopThresholds
        What ``should_stop`` decides by, besides the deadline, by metric and fold.
    direction : {"minimize", "maximize"} or None
        Of the reported values; None until the callback of a framework says (``set_metric``).
    metric : str or None
        What the reported values are, where the callback of a framework says.
    """

    number: int
    params: dict[str, Any]
    point: FloatArray
    origin: str = "user"
    state: TrialState = TrialState.RUNNING
    value: float | None = None
    variance: float | None = None
    reports: list[Report] = field(default_factory=list)
    error: str | None = None
    stop_reason: str | None = None
    started: float | None = None
    finished: float | None = None
    deadline: float | None = None
    expected_improvement: float | None = None
    resource: int | None = None
    stop_thresholds: dict[CurveKey, StopThresholds] = field(default_factory=dict)
    direction: Direction | None = None
    metric: str | None = None
    _curves: dict[CurveKey, LearningCurve] | None = field(default=None, init=False, repr=False)

    def report(self, value: float, step: int, *, fold: int | None = None) -> None:
        """Record an intermediate value of the objective, in the user's units.

        Parameters
        ----------
        value : float
        step : int
            A boosting round or an epoch, from 0; larger than that of the report before.
        fold : int, optional
            Which of several curves it belongs to: steps grow, and curves are compared, within one.

        Raises
        ------
        ValueError
            If the step is not larger.
        """
        if step <= (before := self._last_step(fold)):
            of = "" if fold is None else f" of fold {fold}"
            raise ValueError(
                f"steps must grow, but got a report of step {step}{of} after {before}: "
                "several fits in one trial report with fold=0, 1, ..."
            )
        test = self.stop_thresholds.get((self.metric, fold))
        if self.stop_reason is None and test is not None:
            self.stop_reason = test.reason(before, step, value)
        self.reports.append(Report(int(step), float(value), fold))

    def should_stop(self) -> bool:
        """Whether the objective should end now; once True, the trial ends STOPPED."""
        if self.stop_reason is None and self.deadline is not None and time.time() >= self.deadline:
            self.stop_reason = "timeout"
        return self.stop_reason is not None

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

    def start_fold(self, step: int = 0) -> int:
        """Return the fold that a fit which begins with this step reports to.

        The one after the last, or the last where the fit goes on from its end: for callbacks, which
        see one fit after the other and do not know of folds.
        """
        folds = [report.fold for report in self.reports if report.fold is not None]
        latest = max(folds, default=-1)
        return latest if 0 <= self._last_step(latest) < step else latest + 1

    def set_metric(self, metric: str, direction: Direction) -> None:
        """Take what is going to be reported; it is compared with reports of the same metric.

        Raises
        ------
        ValueError
            If its direction is not that of the study.
        """
        if self.direction is None:
            self.direction = direction
        elif direction != self.direction:
            raise ValueError(
                f"metric must go the way of the study, direction={self.direction!r}, but got "
                f"{metric!r}, to {direction}: report another metric, or create the study with "
                f"direction={direction!r}"
            )
        self.metric = metric

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
        """Leave out what can be made again, and the limits that an ended trial was held to."""
        tests = {} if self.state.ended else self.stop_thresholds
        return {**self.__dict__, "_curves": None, "stop_thresholds": tests}

    def _last_step(self, fold: int | None) -> int:
        return next((r.step for r in reversed(self.reports) if r.fold == fold), -1)

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


class Observation(NamedTuple):
    """A result of an earlier search: its place in the unit cube, and its loss."""

    point: FloatArray
    loss: float


class History(Sequence[Trial]):
    """The trials of a study in trial order, and their losses (the objective, minimized).

    ``sign`` is 1 where the objective is minimized and -1 where it is maximized.
    """

    def __init__(self, trials: Sequence[Trial] = (), sign: float = 1.0) -> None:
        self._trials = list(trials)
        self.sign = sign

    @overload
    def __getitem__(self, index: int) -> Trial: ...
    @overload
    def __getitem__(self, index: slice) -> list[Trial]: ...
    def __getitem__(self, index: int | slice) -> Trial | list[Trial]:
        return self._trials[index]

    def __len__(self) -> int:
        return len(self._trials)

    def __iter__(self) -> Iterator[Trial]:
        return iter(self._trials)

    def append(self, trial: Trial) -> None:
        """Add the next trial; its number must be the length of the history."""
        assert trial.number == len(self._trials)
        self._trials.append(trial)

    def until(self, number: int) -> History:
        """Return the history as it was before any trial from ``number`` on had ended."""
        later = [
            replace(
                trial,
                state=TrialState.RUNNING,
                value=None,
                variance=None,
                reports=[],
                error=None,
                stop_reason=None,
                finished=None,
            )
            for trial in self._trials[max(number, 0) :]
        ]
        return History([*self._trials[: max(number, 0)], *later], self.sign)

    def curves(self) -> dict[CurveKey, dict[int, LearningCurve]]:
        """Return what trials that have ended, but not failed, reported.

        By metric and fold, as only such curves compare; then by the trial's number.
        """
        found: dict[CurveKey, dict[int, LearningCurve]] = {}
        for trial in self.in_state(TrialState.COMPLETE, TrialState.STOPPED):
            for key, curve in trial.curves(self.sign).items():
                found.setdefault(key, {})[trial.number] = curve
        return found

    def in_state(self, *states: TrialState) -> list[Trial]:
        """Return the trials in any of the states, in trial order."""
        return [trial for trial in self._trials if trial.state in states]

    def losses(self, trials: Sequence[Trial]) -> FloatArray:
        """Return the minimized objective of trials that have a value, shape (n,)."""
        return self.sign * np.array([trial.value for trial in trials], dtype=np.float64)

    def best(self) -> Trial | None:
        """Return the completed trial with the smallest loss (the first of equals), or None."""
        complete = self.in_state(TrialState.COMPLETE)
        if not complete:
            return None
        return complete[int(np.argmin(self.losses(complete)))]

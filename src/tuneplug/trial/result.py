"""TrialResult: the result of the evaluation of a trial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from tuneplug.errors import safe_repr
from tuneplug.trial.learning_curves import CurveKey, LearningCurve, Report
from tuneplug.trial.reporting import Direction
from tuneplug.trial.values import as_constraints, as_cost, as_real, as_variance, as_whole

if TYPE_CHECKING:
    from tuneplug.trial.trial import Trial

__all__ = ["TrialResult", "TrialState", "curves_of"]

#: Types of the parts of a checked report.
REPORT_TYPES = ((int, float, int), (int, float, type(None)))


class TrialState(Enum):
    """State of a trial."""

    RUNNING = "running"
    COMPLETE = "complete"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self is not TrialState.RUNNING


@dataclass(frozen=True)
class TrialResult:
    """Result of a trial, which ``Study.finish`` records.

    Attributes
    ----------
    state : TrialState
        COMPLETE, STOPPED or FAILED.
    value : float or None
        Value of the objective, in its own units and direction.  Required if the state is COMPLETE.
    variance : float or None
        Variance of ``value`` around the true objective.  If None, it is unknown, but the study
        estimates it for a stopped trial with reports.
    reports : sequence of Report
        Intermediate values, in the order reported.
    metric : str or None
        Name of the reported metric, if known.
    direction : {"minimize", "maximize"} or None
        Direction of the reported metric.  If None, the metric is minimized.
    stop_reason : str or None
        Why the trial was stopped.
    error : str or None
        Why the trial failed: a traceback or a message.
    started, finished : float or None
        Seconds since the epoch.  If ``started`` is None, the start is the time of ``Study.ask``.
        If ``finished`` is None, the end is the time of ``Study.finish``.
    cost : float or None
        What the trial itself took, in seconds or in a unit of the user.  If None, it is the time
        from start to end.
    constraints : sequence of float or None
        Values of the constraints; each holds if it is at most 0.  None without constraints.

    Raises
    ------
    TypeError
        If the value, the variance, the cost or a constraint is not a real number, if a report is
        not a step, a value and a fold, or if a name or an error is not text.
    ValueError
        If the state is RUNNING, if a complete trial has no value, if a value or a constraint is not
        finite, or if a variance or a cost is negative or not finite.
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
    cost: float | None = None
    constraints: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if not self.state.ended:
            raise ValueError(
                f"state must be COMPLETE, STOPPED or FAILED, but got {self.state.name}"
            )
        if self.value is not None:
            object.__setattr__(self, "value", as_real(self.value, "a value"))
        known = self.value is not None and math.isfinite(self.value)
        if not known and (self.value is not None or self.state is TrialState.COMPLETE):
            raise ValueError(
                f"a {self.state.value} trial must have a finite value, but got {self.value!r}: "
                "record it as FAILED"
            )
        object.__setattr__(self, "variance", as_variance(self.variance))
        object.__setattr__(self, "cost", as_cost(self.cost))
        object.__setattr__(self, "constraints", as_constraints(self.constraints))
        object.__setattr__(self, "reports", _as_reports(self.reports))
        for name in ("metric", "direction", "stop_reason", "error"):
            text = getattr(self, name)
            if text is not None and not isinstance(text, str):
                raise TypeError(f"{name} must be text or None, but got {safe_repr(text)}")

    def curves(self, sign: float = 1.0) -> dict[CurveKey, LearningCurve]:
        """Return the learning curves of the reports, by metric and fold; see ``Trial.curves``."""
        return curves_of(self, sign)


def curves_of(trial: Trial | TrialResult, sign: float) -> dict[CurveKey, LearningCurve]:
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


def _as_reports(reports: Sequence[Any]) -> tuple[Report, ...]:
    """Return the reports, checked: an objective can change their list.

    Raises
    ------
    TypeError
        If a report is not a step, a value and a fold, or the steps of a fold do not increase.
    """
    checked = tuple(map(_as_report, reports))
    last: dict[int | None, int] = {}
    for report in checked:
        if report.step <= last.get(report.fold, -1):
            raise TypeError(
                f"steps of reports must be at least 0 and increase in each fold, but got {report} "
                f"after step {last.get(report.fold)}: call trial.report(value, step)"
            )
        last[report.fold] = report.step
    return checked


def _as_report(report: Any) -> Report:
    """Return a report with a whole step, a float and a whole fold or None."""
    if isinstance(report, Report) and tuple(map(type, report)) in REPORT_TYPES:
        return report
    try:
        step, value, fold = report
        fold = None if fold is None else as_whole(fold, "a fold")
        return Report(as_whole(step, "a step"), as_real(value, "a reported value"), fold)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"a report must be a step, a value and a fold, but got {safe_repr(report)}: call "
            "trial.report(value, step)"
        ) from error

"""Trial: a configuration, and the state of its evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tuneplug._typing import FloatArray
from tuneplug.errors import TrialError
from tuneplug.trial.learning_curves import CurveKey, LearningCurve, Report
from tuneplug.trial.reporting import Direction, TrialReporter
from tuneplug.trial.result import TrialResult, TrialState, curves_of
from tuneplug.trial.values import as_constraints, as_cost, as_real, as_variance, copied_on_access

__all__ = ["NOT_FINITE", "Claim", "Trial"]

#: Start of the error of a trial whose objective returned NaN or infinity.
NOT_FINITE = "the objective must be finite"


class Claim(NamedTuple):
    """Who runs a trial of a stored study: a session, which is a ``Study`` in a process.

    ``attempt`` counts the times that the trial was started, from 1.
    """

    session: str
    attempt: int


@copied_on_access("params")
@dataclass(eq=False)
class Trial:
    """One configuration, and the state and result of its evaluation.

    Attributes
    ----------
    number : int
        Position in the history, from 0.
    params : dict
        Configuration: values of the active parameters, in their own units.  Each access returns a
        new copy, so that an objective may change it.  Containers, estimators and other categories
        that equal their copy are copied too.
    point : ndarray of shape (d,)
        Point of the configuration in the unit cube.
    origin : str
        Source of the configuration: ``"user"``, ``"design"``, ``"model"``, ``"random"``,
        ``"exploration"`` or ``"grid"``.
    state : TrialState
    value : float or None
        Value of the objective, in its own units and direction.
    variance : float or None
        Variance of ``value`` around the true objective.  None if unknown.
    error : str or None
        Why the trial failed: a traceback or a message.
    started, finished : float or None
        Seconds since the epoch.
    cost : float or None
        What the trial itself took: the cost that the objective set or that the study was told, in
        the user's unit, or else the seconds of its evaluation on the worker.  None while the trial
        is running, and if unknown.
    constraints : tuple of float or None
        Values of the constraints; each holds if it is at most 0.  None while the trial is running,
        and if it has none.
    expected_improvement : float or None
        Expected improvement of the suggestion.  None if the strategy has none.  See
        ``Suggestion``.
    resource : int or None
        Maximum number of steps, or another amount that the objective spends.  None if the strategy
        sets none.
    fidelity : float
        Share of the full resource, in (0, 1].  The value of a trial below 1 is an approximation:
        such a trial is never the best one.
    claim : Claim or None
        Who runs the trial, or ran it last.  None without a storage that several processes can use.
    attributes : dict
        JSON values that are stored with the trial, by name; see ``Study.set_trial_attribute``.
    reporter : TrialReporter
        Records the reports of the running trial.  It holds the deadline and the stop thresholds.
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
    cost: float | None = None
    constraints: tuple[float, ...] | None = None
    expected_improvement: float | None = None
    resource: int | None = None
    fidelity: float = 1.0
    claim: Claim | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    reporter: TrialReporter = field(default_factory=TrialReporter)
    _curves: dict[CurveKey, LearningCurve] | None = field(default=None, init=False, repr=False)

    @property
    def is_full(self) -> bool:
        """Whether the trial has the full resource: its fidelity is 1."""
        return self.fidelity == 1.0

    @property
    def is_feasible(self) -> bool:
        """Whether all constraints of the trial hold, or it has none."""
        return self.violation <= 0.0

    @property
    def violation(self) -> float:
        """The largest value of a constraint that does not hold; 0 if all hold, or without one."""
        return max(0.0, *self.constraints) if self.constraints else 0.0

    @property
    def proposed_params(self) -> dict[str, Any]:
        """The configuration as it was proposed, in a new dict that holds the objects themselves.

        A change of one of the objects, such as a list among the categories, changes the space.
        """
        return dict(self.__dict__["params"])

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
        """Direction of the reported metric; None if unknown."""
        return self.reporter.direction

    @property
    def stop_reason(self) -> str | None:
        """Why the trial was stopped; None if it was not."""
        return self.reporter.stop_reason

    @property
    def deadline(self) -> float | None:
        """Seconds since the epoch at which ``should_stop`` becomes True; None for no limit."""
        return self.reporter.deadline

    def report(self, value: float, step: int, *, fold: int | None = None) -> None:
        """Record an intermediate value of the objective.

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
        TrialError
            If the trial has ended: its record is complete.
        """
        if self.state.ended:
            raise TrialError(
                f"a trial must report before it ends, but trial {self.number} is "
                f"{self.state.value}: report before tell(), or call ask() for a new trial"
            )
        self.reporter.report(value, step, fold=fold)

    def should_stop(self) -> bool:
        """Return whether the objective should return now.  If True, the trial ends STOPPED."""
        return self.reporter.should_stop()

    def set_metric(self, metric: str, direction: Direction) -> None:
        """Set the metric of the reports.  Rules compare only reports of the same metric.

        Raises
        ------
        ValueError
            If the direction is not that of the study.
        """
        self.reporter.set_metric(metric, direction)

    def set_cost(self, cost: float) -> None:
        """Set the cost of this trial, in place of the seconds that its evaluation takes.

        Parameters
        ----------
        cost : float
            At least 0, in seconds or in any other unit that all trials of the study share.

        Raises
        ------
        TypeError
            If the cost is not a real number.
        ValueError
            If the cost is negative or not finite.
        """
        self.reporter.cost = as_cost(cost)

    def set_constraints(self, constraints: Sequence[float]) -> None:
        """Set the values of the constraints of this trial; each holds if it is at most 0.

        A trial whose constraints do not hold is never the best one.  Every trial of a study must
        have the same constraints, in the same order.

        Parameters
        ----------
        constraints : sequence of float
            Such as ``[size - max_size, latency - max_latency]``, each in a unit of its own.

        Raises
        ------
        TypeError
            If they are not a sequence of real numbers.
        ValueError
            If there are none, or one is not finite.
        """
        self.reporter.constraints = as_constraints(constraints)

    def start_fold(self, step: int = 0) -> int:
        """Return the fold of a fit that starts at this step.

        See ``TrialReporter.start_fold``.
        """
        return self.reporter.start_fold(step)

    def resolve_value(self, returned: Any) -> float:
        """Return the value of this trial for a value that the objective returned.

        If the trial was stopped and the returned value is None or not finite, the result is the
        last finite report.  If there is no finite report, it is NaN.

        Raises
        ------
        TypeError
            If the returned value is not a real number, or is None and the trial was not stopped.
        ValueError
            If the returned value cannot be converted to a float and the trial was not stopped.
        """
        if not self.stop_reason:
            return as_real(returned)
        number = _as_real_or_nan(returned)
        reported = [report.value for report in self.reports if math.isfinite(report.value)]
        return number if math.isfinite(number) or not reported else reported[-1]

    def resolve(
        self, returned: Any, variance: float | None = None, cost: float | None = None
    ) -> TrialResult:
        """Return the result of this trial for a value that the objective returned.

        If ``should_stop()`` has been True, the state is STOPPED, with the value of
        ``resolve_value`` if that is finite.  Otherwise the state is COMPLETE, or FAILED if the
        value is not finite or cannot be converted to a float.

        Raises
        ------
        TypeError
            If the value, the variance or the cost is not a real number.
        ValueError
            If the variance or the cost is negative or not finite.
        """
        variance, cost = as_variance(variance), as_cost(cost)
        try:
            value = self.resolve_value(returned)
        except ValueError as error:
            return self.result(TrialState.FAILED, error=f"ValueError: {error}", cost=cost)
        if math.isfinite(value):
            state = TrialState.STOPPED if self.stop_reason else TrialState.COMPLETE
            return self.result(state, value=value, variance=variance, cost=cost)
        if self.stop_reason:
            return self.result(TrialState.STOPPED, cost=cost)
        message = f"{NOT_FINITE}, but got {value!r}"
        return self.result(TrialState.FAILED, error=message, cost=cost)

    def result(
        self,
        state: TrialState,
        *,
        value: float | None = None,
        variance: float | None = None,
        error: str | None = None,
        cost: float | None = None,
    ) -> TrialResult:
        """Return the result of this trial in a final state, with its reports."""
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
            self.reporter.cost if cost is None else cost,
            self.reporter.constraints,
        )

    def failure(self, error: str) -> TrialResult:
        """Return the result of this trial as failed, with its reports unless they are damaged."""
        try:
            return self.result(TrialState.FAILED, error=error)
        except Exception:  # noqa: BLE001  the objective may have replaced the reporter
            return TrialResult(TrialState.FAILED, error=error)

    def curves(self, sign: float = 1.0) -> dict[CurveKey, LearningCurve]:
        """Return the learning curves of the reports, by metric and fold.

        The last curve of a stopped trial is incomplete.

        Parameters
        ----------
        sign : float
            1 if the objective is minimized, -1 if it is maximized.
        """
        if self._curves is not None:
            return self._curves
        found = curves_of(self, sign)
        if self.state.ended:
            self._curves = found
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Omit the learning curves, which can be computed from the reports."""
        return {**self.__dict__, "_curves": None}

    @property
    def duration(self) -> float | None:
        """Seconds from start to end; None while the trial is running."""
        if self.started is None or self.finished is None:
            return None
        return self.finished - self.started


def _as_real_or_nan(returned: Any) -> float:
    """Return the value of a stopped trial; NaN if it is None or a float cannot represent it."""
    if returned is None:
        return math.nan
    try:
        return as_real(returned)
    except ValueError:
        return math.nan

"""Learning curves of fits, and the thresholds that stop a fit early.

A learning curve holds the values that one fit reported, by step.  A step is a boosting round or an
epoch, counted from 0.  Losses are minimized: loss = sign * value.  Stop thresholds are the largest
losses that a fit may have at certain steps.  A worker needs nothing else to stop a fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from tuneplug._typing import BoolArray, FloatArray, IndexArray

__all__ = ["CurveKey", "LearningCurve", "Report", "StopThresholds"]

#: Metric and fold.  Only learning curves with equal keys are compared.  The metric is None if it
#: has no name.  The fold is None if each trial has one curve.
CurveKey = tuple[str | None, int | None]


class Report(NamedTuple):
    """A value reported after a step; ``fold`` is None if the trial has one learning curve."""

    step: int
    value: float
    fold: int | None = None


@dataclass(frozen=True)
class LearningCurve:
    """Losses of one fit, by step.

    Attributes
    ----------
    steps : ndarray of shape (n,)
        Steps with a report, ascending.
    losses : ndarray of shape (n,)
        Losses after these steps.  A NaN is replaced by infinity.
    complete : bool
        Whether the fit was not stopped.  If True, its last loss holds for all later steps.
    sign : float
        1 if values are minimized, -1 if they are maximized.
    outcome : float or None
        Loss of the completed trial, over all folds.  None if the trial did not complete.
    """

    steps: IndexArray
    losses: FloatArray
    complete: bool
    sign: float = 1.0
    outcome: float | None = None

    @classmethod
    def from_reports(
        cls,
        reports: Sequence[Report],
        sign: float,
        *,
        complete: bool,
        outcome: float | None = None,
    ) -> LearningCurve:
        """Return the learning curve of the reports of one fit."""
        losses = sign * np.array([report.value for report in reports], dtype=np.float64)
        steps = np.array([report.step for report in reports], dtype=np.intp)
        losses = np.where(np.isnan(losses), np.inf, losses)
        return cls(steps, losses, complete, sign, outcome)

    def reaches(self, steps: IndexArray) -> BoolArray:
        """Return whether the fit reached each step, shape (m,)."""
        return np.asarray(self.complete | (steps <= self.steps[-1]))

    def value_at(self, steps: IndexArray) -> FloatArray:
        """Return the last loss up to each step, shape (m,); NaN before the first report."""
        return self._up_to(steps, self.losses)

    def running_mean(self, steps: IndexArray) -> FloatArray:
        """Return the mean of the losses up to each step, shape (m,); NaN before the first."""
        return self._up_to(steps, np.cumsum(self.losses) / np.arange(1, len(self.losses) + 1))

    def _up_to(self, steps: IndexArray, values: FloatArray) -> FloatArray:
        last = np.searchsorted(self.steps, steps, side="right") - 1
        return np.where(last < 0, np.nan, values[last])


@dataclass(frozen=True)
class StopThresholds:
    """Largest losses that a fit may have at certain steps; small, and picklable.

    Attributes
    ----------
    rule : str
        Name of the stopping rule.
    what : str
        Description of the thresholds, for ``reason``.
    steps : ndarray of shape (m,)
        Steps with a threshold, ascending.  If a fit does not report at each of them, a report is
        compared with the latest threshold since the previous report.
    limits : ndarray of shape (m,)
        Thresholds.  A larger loss stops the fit.  A NaN counts as an infinite loss.
    counts : ndarray of shape (m,)
        Number of earlier fits that each threshold is computed from.
    sign : float
        1 if values are minimized, -1 if they are maximized.
    lifted : ndarray of bool, shape (m,), or None
        Whether each threshold was raised by ``lift``.
    lifted_to : str
        Description of the raised thresholds.
    """

    rule: str
    what: str
    steps: IndexArray
    limits: FloatArray
    counts: IndexArray
    sign: float
    lifted: BoolArray | None = None
    lifted_to: str = ""

    def lift(self, limits: FloatArray, what: str) -> StopThresholds:
        """Return these thresholds, raised to other limits where those are larger."""
        larger = limits > self.limits
        raised = np.where(larger, limits, self.limits)
        return replace(self, limits=raised, lifted=larger, lifted_to=what)

    def reason(self, before: int, step: int, value: float) -> str | None:
        """Return why a fit stops after a step, or None if it continues.

        Parameters
        ----------
        before : int
            Step of the previous report; -1 for the first report.
        step : int
        value : float
            Value reported after the step.
        """
        at = int(np.searchsorted(self.steps, step, side="right")) - 1
        loss = np.inf if np.isnan(value) else self.sign * value
        if at < 0 or self.steps[at] <= before or loss <= self.limits[at]:
            return None
        what = self.what
        if self.lifted is not None and self.lifted[at]:
            what = self.lifted_to
        limit = f"{self.sign * self.limits[at]:.6g}, {what} of {self.counts[at]} fits"
        return f"{self.rule}: {value:.6g} at step {step} is worse than {limit}"

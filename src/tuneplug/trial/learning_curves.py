"""Curves: what trials report as they run, and the test that ends one early.

A curve is the course of one fit: a step (a boosting round, an epoch; 0 is the first) and the value
reported after it.  Losses are minimized: value x sign.  A stop test is all that a worker needs to
know to end a fit: losses that must not be exceeded, and where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from tuneplug._typing import BoolArray, FloatArray, IndexArray

__all__ = ["CurveKey", "LearningCurve", "Report", "StopThresholds"]

#: What makes curves comparable: the metric (None where nobody named it) and the fold (None where
#: there is one curve a trial).
CurveKey = tuple[str | None, int | None]


class Report(NamedTuple):
    """A value that a trial reported after a step; ``fold`` is None where there is one curve."""

    step: int
    value: float
    fold: int | None = None


@dataclass(frozen=True)
class LearningCurve:
    """The course of one fit.

    Attributes
    ----------
    steps : ndarray of shape (n,)
        Ascending.
    losses : ndarray of shape (n,)
        A NaN counts as infinitely bad.
    complete : bool
        Whether the fit came to its own end: its last loss then holds for all later steps.
    sign : float
        Losses are values times this: 1 where values are minimized, -1 where they are maximized.
    outcome : float or None
        What its trial came to in the end, over all folds, minimized; None unless that completed.
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
        """Return the curve of the reports of one fit."""
        losses = sign * np.array([report.value for report in reports], dtype=np.float64)
        steps = np.array([report.step for report in reports], dtype=np.intp)
        losses = np.where(np.isnan(losses), np.inf, losses)
        return cls(steps, losses, complete, sign, outcome)

    def reaches(self, steps: IndexArray) -> BoolArray:
        """Return whether the fit got as far as each of the steps, shape (m,)."""
        return np.asarray(self.complete | (steps <= self.steps[-1]))

    def value_at(self, steps: IndexArray) -> FloatArray:
        """Return the last loss up to each step, shape (m,); NaN before the first."""
        return self._up_to(steps, self.losses)

    def running_mean(self, steps: IndexArray) -> FloatArray:
        """Return the mean of all losses up to each step, shape (m,); NaN before the first."""
        return self._up_to(steps, np.cumsum(self.losses) / np.arange(1, len(self.losses) + 1))

    def _up_to(self, steps: IndexArray, values: FloatArray) -> FloatArray:
        last = np.searchsorted(self.steps, steps, side="right") - 1
        return np.where(last < 0, np.nan, values[last])


@dataclass(frozen=True)
class StopThresholds:
    """Decides between the steps of one fit whether it goes on; small, and picklable.

    Attributes
    ----------
    rule : str
        Name of the rule that made it.
    what : str
        What the limits are, for the reason.
    steps : ndarray of shape (m,)
        Where it tests, ascending.  A fit that reports more rarely is tested with the latest of
        those it has passed since its last report.
    limits : ndarray of shape (m,)
        Losses; a larger one ends the fit.  A NaN counts as infinitely bad.
    counts : ndarray of shape (m,)
        How many earlier fits each limit comes from.
    sign : float
        Losses are values times this.
    lifted : ndarray of bool, shape (m,), or None
        Where the rule would have set a smaller limit.
    lifted_to : str
        What the limits are there.
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
        """Return the test with other limits where those are larger."""
        larger = limits > self.limits
        most = np.where(larger, limits, self.limits)
        return replace(self, limits=most, lifted=larger, lifted_to=what)

    def reason(self, before: int, step: int, value: float) -> str | None:
        """Return why a fit ends after a step, None if it goes on.

        Parameters
        ----------
        before : int
            The step reported before this one; -1 if this is the first.
        step : int
        value : float
            As reported after it.
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

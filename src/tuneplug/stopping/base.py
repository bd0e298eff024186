"""StoppingRule: compute stop thresholds for a fit from the learning curves of earlier trials.

The search calls the rule when a fit starts, with the learning curves of the *same fold* of earlier
trials of the same fidelity.  The thresholds are pickled with the job of the fit.  The workers
therefore need no channel to other processes, and the same history always gives the same decisions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from tuneplug._typing import FloatArray, IndexArray
from tuneplug.errors import check_count
from tuneplug.trial import History, Trial, TrialResult, TrialState
from tuneplug.trial.learning_curves import CurveKey, LearningCurve, StopThresholds

__all__ = [
    "StoppingRule",
    "check_options",
    "early_stop_variance",
    "max_length",
    "n_reaching",
    "protected_losses",
    "warmup_steps",
]

#: Default warm-up, as a share of the number of steps of the longest curve.
GRACE = 0.25


class StoppingRule(ABC):
    """Computes the thresholds at which a fit stops."""

    name: ClassVar[str]
    #: Thresholds are never stricter than the losses of this number of best completed trials.
    n_protected: int = 0

    @abstractmethod
    def make_threshold(
        self, number: int, curves: Mapping[int, LearningCurve], sign: float
    ) -> StopThresholds | None:
        """Return the thresholds of a fit that starts now, or None if the fit must not stop.

        Parameters
        ----------
        number : int
            Number of the trial.
        curves : mapping of int to LearningCurve
            Learning curves of the same fold of ended trials, by trial number.  Trials without
            reports are left out.
        sign : float
            1 if the reported values are minimized, -1 if they are maximized.
        """

    def make_thresholds(
        self, number: int, curves: Mapping[CurveKey, Mapping[int, LearningCurve]]
    ) -> dict[CurveKey, StopThresholds]:
        """Return the thresholds of all fits of a trial.

        Each threshold is that of ``make_threshold``, raised to the worst loss at the same step
        among the ``n_protected`` best completed trials.

        Parameters
        ----------
        number : int
            Number of the trial.
        curves : mapping of (metric, fold) to mapping of int to LearningCurve
            Learning curves of ended trials, by trial number.
        """
        made = {}
        for key, known in curves.items():
            test = self.make_threshold(number, known, next(iter(known.values())).sign)
            if test is not None:
                what = f"the worst there of the best {self.n_protected}"
                made[key] = test.lift(protected_losses(known, test.steps, self.n_protected), what)
        return made


def check_options(n_min_trials: int, n_startup_trials: int, n_protected: int) -> None:
    """Check the options that all rules share.

    Raises
    ------
    TypeError
        If an option is not an integer.
    ValueError
        If an option is out of its range.
    """
    check_count("n_min_trials", n_min_trials, at_least=1)
    check_count("n_startup_trials", n_startup_trials, at_least=0)
    check_count("n_protected", n_protected, at_least=0)


def max_length(curves: Mapping[int, LearningCurve]) -> int:
    """Return the number of steps of the longest complete curve, or of any if none is complete."""
    lengths = {
        kind: [int(c.steps[-1]) + 1 for c in curves.values() if c.complete or not kind]
        for kind in (True, False)
    }
    return max(lengths[True] or lengths[False])


def warmup_steps(n_warmup_steps: int | None, curves: Mapping[int, LearningCurve]) -> int:
    """Return ``n_warmup_steps``.  If None, a quarter of the longest curve."""
    return max(1, int(GRACE * max_length(curves))) if n_warmup_steps is None else n_warmup_steps


def n_reaching(curves: Mapping[int, LearningCurve], steps: IndexArray) -> IndexArray:
    """Return the number of curves that reach each step, shape (m,)."""
    reached = np.array([curve.reaches(steps) for curve in curves.values()], dtype=np.intp)
    return np.asarray(reached.sum(axis=0))


def protected_losses(
    curves: Mapping[int, LearningCurve], steps: IndexArray, n_best: int
) -> FloatArray:
    """Return, per step, the worst loss among the ``n_best`` best completed trials, shape (m,).

    If fewer than ``2 * n_best`` trials completed, the better half of them counts.  Thresholds that
    are not stricter than this would have stopped none of these trials.  A new fit that is as bad as
    one of them, because it starts slowly or its fold is hard, may still become as good.
    """
    complete = [curve for curve in curves.values() if curve.outcome is not None]
    n_best = min(n_best, -(-len(complete) // 2))
    best = sorted(complete, key=lambda curve: curve.outcome or 0.0)[:n_best]
    if not best:
        return np.full(len(steps), -np.inf)
    losses = np.array([curve.value_at(steps) for curve in best])
    return np.asarray(np.where(np.isnan(losses), -np.inf, losses).max(axis=0))


def early_stop_variance(
    trial: Trial | TrialResult, history: History, fidelity: float = 1.0
) -> float:
    """Return the variance of the final value of a stopped trial, given its last report.

    The variance is a share of the variance of the values of all completed trials of the same
    fidelity.  The share is taken from their curves of the same metric and fold: it is the mean
    squared change of the metric after the step at which this trial stopped, divided by the variance
    of their final values.  The share is at most 1, and 1 if fewer than two such curves are
    complete.
    """
    ends = history.losses(history.in_state(TrialState.COMPLETE, fidelity=fidelity))
    if len(ends) < 2 or not trial.reports:
        return 0.0
    key, curve = list(trial.curves().items())[-1]
    return float(np.var(ends)) * _unresolved_share(curve, history.curves(fidelity).get(key, {}))


def _unresolved_share(curve: LearningCurve, others: Mapping[int, LearningCurve]) -> float:
    ends = [c for c in others.values() if c.complete and np.isfinite(c.losses[-1])]
    if len(ends) < 2:
        return 1.0
    last = np.array([c.losses[-1] for c in ends])
    there: FloatArray = np.array([c.value_at(curve.steps[-1:])[0] for c in ends])
    known = np.isfinite(there)
    spread = float(np.var(last))
    if spread == 0.0 or not known.any():
        return 1.0
    return min(1.0, float(np.mean((last - there)[known] ** 2)) / spread)

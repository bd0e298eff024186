"""What a stopping rule is: earlier curves in, a stop test out.

The rule sees the curves of the *same fold* of earlier trials, and only when a fit is about to
begin.  The stop test that it makes then travels with the fit: no channel between processes is
needed, and the same past gives the same decision, whatever runs meanwhile.
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

#: Where no number is given, fits are left alone for this share of the longest one.
GRACE = 0.25


class StoppingRule(ABC):
    """Says where a fit must end because earlier ones did better."""

    name: ClassVar[str]
    #: What is as good at a step as one of so many best complete trials was there is let through.
    n_protected: int = 0

    @abstractmethod
    def make_threshold(
        self, number: int, curves: Mapping[int, LearningCurve], sign: float
    ) -> StopThresholds | None:
        """Return the stop test of a fit that begins now, None if it is to run to its end.

        Parameters
        ----------
        number : int
            The trial's.
        curves : mapping of int to LearningCurve
            What is known of the same fold of other trials that have ended, by trial number; those
            that reported nothing are left out.
        sign : float
            1 where the reported values are minimized, -1 where they are maximized.
        """

    def make_thresholds(
        self, number: int, curves: Mapping[CurveKey, Mapping[int, LearningCurve]]
    ) -> dict[CurveKey, StopThresholds]:
        """Return the stop tests of the fits of a trial, from curves by metric, fold and number.

        These are the thresholds of ``make_threshold``, relaxed where one of the ``n_protected``
        best complete trials was worse at that step.
        """
        made = {}
        for key, known in curves.items():
            test = self.make_threshold(number, known, next(iter(known.values())).sign)
            if test is not None:
                what = f"the worst there of the best {self.n_protected}"
                made[key] = test.lift(protected_losses(known, test.steps, self.n_protected), what)
        return made


def check_options(n_min_trials: int, n_startup_trials: int, n_protected: int) -> None:
    """Check what rules have in common.

    Raises
    ------
    ValueError, TypeError
        If one is out of its range.
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
    """Return for how many steps a fit is left alone."""
    return max(1, int(GRACE * max_length(curves))) if n_warmup_steps is None else n_warmup_steps


def n_reaching(curves: Mapping[int, LearningCurve], steps: IndexArray) -> IndexArray:
    """Return how many fits got as far as each step, shape (m,)."""
    reached = np.array([curve.reaches(steps) for curve in curves.values()], dtype=np.intp)
    return np.asarray(reached.sum(axis=0))


def protected_losses(
    curves: Mapping[int, LearningCurve], steps: IndexArray, n_best: int
) -> FloatArray:
    """Return the losses at each step that the best complete trials had at most, shape (m,).

    Those are ``n_best`` of them, or the better half where they are few.  A rule that lets these
    pass would have ended none of them: what started as slowly as one of them, or had as hard a
    fold, may still be as good.
    """
    complete = [curve for curve in curves.values() if curve.outcome is not None]
    n_best = min(n_best, -(-len(complete) // 2))
    best = sorted(complete, key=lambda curve: curve.outcome or 0.0)[:n_best]
    if not best:
        return np.full(len(steps), -np.inf)
    losses = np.array([curve.value_at(steps) for curve in best])
    return np.asarray(np.where(np.isnan(losses), -np.inf, losses).max(axis=0))


def early_stop_variance(trial: Trial | TrialResult, history: History) -> float:
    """Return the variance that the value of a stopped trial has for the steps it did not run.

    That is a share of the variance of all complete trials: the mean squared way that complete fits
    of the same metric and fold still went from the step at which this one was cut, over the
    variance of their ends.  The share is 1, all there is to know, where fewer than two completed.
    """
    ends = history.losses(history.in_state(TrialState.COMPLETE))
    if len(ends) < 2 or not trial.reports:
        return 0.0
    key, curve = list(trial.curves().items())[-1]
    return float(np.var(ends)) * _unresolved_share(curve, history.curves().get(key, {}))


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

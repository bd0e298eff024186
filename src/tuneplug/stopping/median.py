"""The median rule of SageMaker Automatic Model Tuning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from tuneplug.errors import check_count
from tuneplug.stopping.base import StoppingRule, check_options, n_reaching, warmup_steps
from tuneplug.trial.learning_curves import LearningCurve, StopThresholds

__all__ = ["MedianRule"]


@final
@dataclass(frozen=True)
class MedianRule(StoppingRule):
    """Stop a fit whose value is worse than the median of the running averages of earlier ones.

    After each step the current value is compared with the median, over all earlier fits, of the
    mean of what they had reported up to the same step (D. Golovin et al., "Google Vizier", KDD
    2017, section 3.2.1; the rule of Automatic Model Tuning takes the current value where Vizier
    takes the best so far).  An earlier fit that ended before counts with the mean of all it had.

    The service gives no grace; slow starters then end too soon, so the rule here waits, and spares
    what is no worse at a step than one of the best complete trials was there.

    Parameters
    ----------
    n_warmup_steps : int or None, default None
        Steps that each fit is left alone for; None is a quarter of the longest one so far.
    n_min_trials : int, default 4
        Earlier fits that must have got as far, or be complete, for a step to be tested.
    n_startup_trials : int, default 4
        The first so many trials are never stopped.
    n_protected : int, default 3
        A fit goes on where one of so many best complete trials had been as bad.  The rule of the
        service is ``MedianRule(n_warmup_steps=0, n_min_trials=1, n_startup_trials=0,
        n_protected=0)``.

    Raises
    ------
    ValueError, TypeError
        If one of them is out of its range.
    """

    name: ClassVar[str] = "median"
    n_warmup_steps: int | None = None
    n_min_trials: int = 4
    n_startup_trials: int = 4
    n_protected: int = 3

    def __post_init__(self) -> None:
        if self.n_warmup_steps is not None:
            check_count("n_warmup_steps", self.n_warmup_steps, at_least=0)
        check_options(self.n_min_trials, self.n_startup_trials, self.n_protected)

    def make_threshold(
        self, number: int, curves: Mapping[int, LearningCurve], sign: float
    ) -> StopThresholds | None:
        if number < self.n_startup_trials or len(curves) < self.n_min_trials:
            return None
        steps = np.unique(np.concatenate([curve.steps for curve in curves.values()]))
        steps = steps[steps + 1 > warmup_steps(self.n_warmup_steps, curves)]
        steps = steps[n_reaching(curves, steps) >= self.n_min_trials]
        if len(steps) == 0:
            return None
        means = np.array([curve.running_mean(steps) for curve in curves.values()])
        counts = np.asarray((~np.isnan(means)).sum(axis=0))
        limits = np.nanmedian(means, axis=0)
        return StopThresholds(self.name, "the median running average", steps, limits, counts, sign)

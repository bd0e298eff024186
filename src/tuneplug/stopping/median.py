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
    """Stop a fit whose value is worse than the median of the running averages of earlier fits.

    After each step, the rule compares the current value with a median over all earlier fits: each
    contributes the mean of its reports up to the same step.  An earlier fit with fewer steps
    contributes the mean of all its reports.

    The median is that of D. Golovin et al., "Google Vizier", KDD 2017, section 3.2.1.  Vizier
    compares the best value so far with it, Automatic Model Tuning the current one.  The service has
    no warm-up, and therefore stops slow starters.  This rule has a warm-up, and also continues fits
    that are as good at a step as one of the best completed trials was.

    Parameters
    ----------
    n_warmup_steps : int or None, default None
        Number of steps before a fit can be stopped.  If None, a quarter of the longest fit so far.
    n_min_trials : int, default 4
        Number of earlier fits that must have reached a step or be complete before fits stop there.
    n_startup_trials : int, default 4
        Number of trials at the start of the study that are never stopped.
    n_protected : int, default 3
        A fit continues if one of this number of best completed trials was as bad at the same step.

    Raises
    ------
    TypeError
        If an argument is not an integer.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    The rule of the service is ``MedianRule(n_warmup_steps=0, n_min_trials=1, n_startup_trials=0,
    n_protected=0)``.
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

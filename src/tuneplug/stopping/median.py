"""The median rule of SageMaker Automatic Model Tuning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from tuneplug.curves import Curve, StopTest
from tuneplug.stopping.base import StoppingRule, check_grace, least_steps, reaching

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
    min_steps : int or None, default None
        Steps that each fit is left alone for; None is a quarter of the longest one so far.
    min_curves : int, default 4
        Earlier fits that must have got as far, or be complete, for a step to be tested.
    n_startup : int, default 4
        The first so many trials are never stopped.
    n_spared : int, default 3
        A fit goes on where one of so many best complete trials had been as bad.  The rule of the
        service is ``MedianRule(min_steps=0, min_curves=1, n_startup=0, n_spared=0)``.

    Raises
    ------
    ValueError, TypeError
        If one of them is out of its range.
    """

    name: ClassVar[str] = "median"
    min_steps: int | None = None
    min_curves: int = 4
    n_startup: int = 4
    n_spared: int = 3

    def __post_init__(self) -> None:
        check_grace(self.min_steps, self.min_curves, self.n_startup, self.n_spared)

    def test(self, number: int, curves: Mapping[int, Curve], sign: float) -> StopTest | None:
        if number < self.n_startup or len(curves) < self.min_curves:
            return None
        steps = np.unique(np.concatenate([curve.steps for curve in curves.values()]))
        steps = steps[steps + 1 > least_steps(self.min_steps, curves)]
        steps = steps[reaching(curves, steps) >= self.min_curves]
        if len(steps) == 0:
            return None
        means = np.array([curve.running_mean(steps) for curve in curves.values()])
        counts = np.asarray((~np.isnan(means)).sum(axis=0))
        limits = np.nanmedian(means, axis=0)
        return StopTest(self.name, "the median running average", steps, limits, counts, sign)

"""What a benchmark optimizes: a space, a loss to minimize, and the yardstick its regret is read on.

Regret is normalized: 0 is the best loss known, 1 is what a random configuration gives in the
median.  The yardstick of a function is known beforehand; that of a real model is read off the runs
themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneplug import SearchSpace

FloatArray = NDArray[np.float64]
#: Values in the user's units, by name.
Configuration = dict[str, Any]


@dataclass(frozen=True)
class Yardstick:
    """The best loss known, and the losses of random configurations."""

    optimum: float
    random: FloatArray

    def regret(self, losses: FloatArray) -> FloatArray:
        """Return losses as normalized regret, clipped to [0, 1]."""
        span = float(np.median(self.random)) - self.optimum
        return np.clip((losses - self.optimum) / max(span, np.finfo(float).tiny), 0.0, 1.0)

    def random_equivalents(self, loss: float) -> float:
        """Return how many random configurations it takes, on average, to find one this good."""
        better = float(np.mean(self.random < loss))
        return 1.0 / max(better, 1.0 / len(self.random))


def _as_told(losses: FloatArray) -> FloatArray:
    return losses


@dataclass(frozen=True)
class Task:
    """One thing to optimize.

    ``yardstick`` is None where it is read off the runs.  ``judged`` maps the losses that
    optimizers are told to those that the yardstick measures: they differ where a task is skewed.
    """

    name: str
    family: str
    space: SearchSpace
    loss: Callable[[Configuration], float]
    yardstick: Callable[[], Yardstick] | None = None
    judged: Callable[[FloatArray], FloatArray] = _as_told

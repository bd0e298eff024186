"""A task to optimize: a space, a loss to minimize, and the baseline that normalizes its regret.

Regret is 0 at the best known loss and 1 at the median loss of random configurations. The baseline
of a function is known beforehand; the baseline of a real model is computed from the runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneplug import SearchSpace

FloatArray = NDArray[np.float64]
#: Parameter values in the user's units, by name.
Configuration = dict[str, Any]


@dataclass(frozen=True)
class Baseline:
    """Best known loss, and losses of random configurations."""

    optimum: float
    random: FloatArray

    def regret(self, losses: FloatArray) -> FloatArray:
        """Return the normalized regret of losses, clipped to [0, 1]."""
        span = float(np.median(self.random)) - self.optimum
        return np.clip((losses - self.optimum) / max(span, np.finfo(float).tiny), 0.0, 1.0)

    def random_equivalents(self, loss: float) -> float:
        """Return the expected number of random configurations until one is better than a loss."""
        better = float(np.mean(self.random < loss))
        return 1.0 / max(better, 1.0 / len(self.random))


def _identity(losses: FloatArray) -> FloatArray:
    return losses


@dataclass(frozen=True)
class Task:
    """A space and a loss to minimize.

    If ``baseline`` is None, it is computed from the runs. ``rescaled`` maps the losses that
    optimizers receive to the scale of the baseline; the two differ for skewed tasks.
    """

    name: str
    family: str
    space: SearchSpace
    loss: Callable[[Configuration], float]
    baseline: Callable[[], Baseline] | None = None
    rescaled: Callable[[FloatArray], FloatArray] = _identity

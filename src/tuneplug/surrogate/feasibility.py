"""Feasibility model: a Gaussian process of whether trials fail, with fixed hyperparameters.

Symbols are those of the package.  The process is a least-squares classifier (Rasmussen & Williams,
section 6.5) of the two outcomes.  Its lengthscales are not learned: the border between the outcomes
is a step, which has no lengthscale, and learned ones shrink until every failure stands alone.  They
are the center of their prior.  The noise is large enough for a single failure among successes to
fade.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from tuneplug._typing import FloatArray
from tuneplug.surrogate import priors
from tuneplug.surrogate.gp import GaussianProcess
from tuneplug.surrogate.kernels import ColumnLayout, CubeKernel, Hyperparameters

__all__ = ["FeasibilityModel"]

SQRT_2PI = math.sqrt(2.0 * math.pi)
NOISE = 0.03
#: Number of trials to learn from: the latest half of it with each outcome.
MAX_TRIALS = 400
#: Lower bound of the probability of feasibility.  A region of failures is not excluded for good: it
#: is tried again when no other point is expected to improve.
MIN_FEASIBILITY = 1e-4


class FeasibilityModel:
    """Probability that a trial at a point of the cube does not fail.

    Parameters
    ----------
    layout : ColumnLayout
    U : ndarray of shape (n, d)
        Points of ended trials, in trial order.
    failed : bool ndarray of shape (n,)
        Whether each of them failed; must hold both outcomes.
    """

    def __init__(self, layout: ColumnLayout, U: FloatArray, failed: NDArray[np.bool_]) -> None:
        p, n_lengthscales = len(layout.ordered), layout.n_lengthscales
        lengthscale = math.exp(priors.lengthscale(n_lengthscales).mean)
        hyper = Hyperparameters(
            np.full(n_lengthscales, lengthscale), 1.0, NOISE, 0.0, np.ones(p), np.ones(p)
        )
        latest = [np.flatnonzero(outcome)[-MAX_TRIALS // 2 :] for outcome in (failed, ~failed)]
        kept = np.sort(np.concatenate(latest))
        y = failed[kept].astype(np.float64)
        #: Its targets lie above ``threshold`` where trials failed, and below elsewhere.
        self.gp = GaussianProcess(CubeKernel(layout, hyper), U[kept], (y - y.mean()) / y.std())
        self.threshold = 0.5 * float(self.gp.y.min() + self.gp.y.max())

    def log_feasibility(self, U: FloatArray) -> FloatArray:
        """Return ln P(no failure) at points of the cube, shape (m,)."""
        z, _ = self._margin(*self.gp.predict(U))
        return np.asarray(np.log(_probability(z)))

    def log_feasibility_with_gradient(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return ln P(no failure), (m,), and its gradient in the ordered columns, (m, p)."""
        mean, variance, pullback = self.gp.predict_with_pullback(U)
        z, sd = self._margin(mean, variance)
        probability = _probability(z)
        dz = (1.0 - MIN_FEASIBILITY) * np.exp(-0.5 * z * z) / (SQRT_2PI * probability)
        return np.log(probability), pullback(-dz / sd, -dz * z / (2.0 * sd * sd))

    def _margin(self, mean: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return z = (threshold - mean) / sd, and the predictive standard deviation sd."""
        sd = np.sqrt(variance + NOISE)
        return (self.threshold - mean) / sd, sd


def _probability(z: FloatArray) -> FloatArray:
    """Return Phi(z), raised to at least ``MIN_FEASIBILITY``."""
    return np.asarray(MIN_FEASIBILITY + (1.0 - MIN_FEASIBILITY) * ndtr(z))

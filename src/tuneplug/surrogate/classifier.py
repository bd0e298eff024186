"""Classifier of trials: a Gaussian process of whether they had an outcome.

Symbols are those of the package.  The process is a least-squares classifier (Rasmussen & Williams,
section 6.5) of the two outcomes.  Its lengthscales are given: the border between the outcomes is a
step, which has no lengthscale, and learned ones shrink until every trial stands alone.  The noise
is large enough for a single trial among others of the other outcome to fade.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from tuneplug._typing import FloatArray
from tuneplug.surrogate.gp import GaussianProcess
from tuneplug.surrogate.kernels import ColumnLayout, CubeKernel, Hyperparameters

__all__ = ["MAX_TRIALS", "OutcomeClassifier"]

SQRT_2PI = math.sqrt(2.0 * math.pi)
NOISE = 0.03
#: Number of trials to learn from: the latest half of it with each outcome.
MAX_TRIALS = 400


class OutcomeClassifier:
    """Probability that a trial at a point of the cube does not have an outcome.

    Parameters
    ----------
    layout : ColumnLayout
    U : ndarray of shape (n, d)
        Points of ended trials, in trial order.
    outcome : bool ndarray of shape (n,)
        Whether each of them had the outcome; must hold both values.
    lengthscales : ndarray of shape (layout.n_lengthscales,)
    floor : float
        Lower bound of the probability, above 0.  A region is thus not excluded for good: it is
        tried again when no other point is expected to improve.
    """

    def __init__(
        self,
        layout: ColumnLayout,
        U: FloatArray,
        outcome: NDArray[np.bool_],
        lengthscales: FloatArray,
        floor: float,
    ) -> None:
        p = len(layout.ordered)
        hyper = Hyperparameters(lengthscales, 1.0, NOISE, 0.0, np.ones(p), np.ones(p))
        latest = [np.flatnonzero(side)[-MAX_TRIALS // 2 :] for side in (outcome, ~outcome)]
        kept = np.sort(np.concatenate(latest))
        y = outcome[kept].astype(np.float64)
        #: Its targets lie above ``threshold`` for trials with the outcome, and below for others.
        self.gp = GaussianProcess(CubeKernel(layout, hyper), U[kept], (y - y.mean()) / y.std())
        self.threshold = 0.5 * float(self.gp.y.min() + self.gp.y.max())
        self._floor = floor

    def log_probability(self, U: FloatArray) -> FloatArray:
        """Return ln P(not the outcome) at points of the cube, shape (m,)."""
        z, _ = self._margin(*self.gp.predict(U))
        return np.asarray(np.log(self._probability(z)))

    def log_probability_with_gradient(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return ln P(not the outcome), (m,), and its gradient in the ordered columns, (m, p)."""
        mean, variance, pullback = self.gp.predict_with_pullback(U)
        z, sd = self._margin(mean, variance)
        probability = self._probability(z)
        dz = (1.0 - self._floor) * np.exp(-0.5 * z * z) / (SQRT_2PI * probability)
        return np.log(probability), pullback(-dz / sd, -dz * z / (2.0 * sd * sd))

    def _margin(self, mean: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return z = (threshold - mean) / sd, and the predictive standard deviation sd."""
        sd = np.sqrt(variance + NOISE)
        return (self.threshold - mean) / sd, sd

    def _probability(self, z: FloatArray) -> FloatArray:
        """Return Phi(z), raised to at least the lower bound."""
        return np.asarray(self._floor + (1.0 - self._floor) * ndtr(z))

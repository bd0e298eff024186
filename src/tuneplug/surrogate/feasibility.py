"""Where trials fail: a Gaussian process of a yes-or-no outcome, nothing about it learned.

A step has no lengthscale: learned ones shrink until every failure stands for itself.  They are
held at the centre of their prior instead, with noise enough to let single failures among successes
fade.  Least squares on the two outcomes is the simplest classifier with a Gaussian process
(Rasmussen & Williams, section 6.5).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from tuneplug._typing import FloatArray
from tuneplug.surrogate import priors
from tuneplug.surrogate.gp import ColumnLayout, GaussianProcess, Hyperparameters

__all__ = ["FeasibilityModel"]

SQRT_2PI = math.sqrt(2.0 * math.pi)
NOISE = 0.03
#: The latest trials that are looked at.
N_LATEST = 400
#: Chance of success that is granted even where trials failed.
MIN_FEASIBILITY = 1e-4


class FeasibilityModel:
    """The chance that a trial does not fail, learned from trials that did and did not.

    Parameters
    ----------
    layout : ColumnLayout
    U : ndarray of shape (n, d)
        Rows of ended trials, in trial order.
    failed : bool ndarray of shape (n,)
        Which of them failed; not all, and not none.
    """

    def __init__(self, layout: ColumnLayout, U: FloatArray, failed: NDArray[np.bool_]) -> None:
        p, scales = len(layout.ordered), len(layout.ordered) + len(layout.categorical)
        centre = math.exp(priors.lengthscale(scales).mean)
        hyper = Hyperparameters(np.full(scales, centre), 1.0, NOISE, 0.0, np.ones(p), np.ones(p))
        # The latest of both outcomes, so that neither is ever lost sight of.
        latest = [np.flatnonzero(outcome)[-N_LATEST // 2 :] for outcome in (failed, ~failed)]
        kept = np.sort(np.concatenate(latest))
        y = failed[kept].astype(np.float64)
        #: Its targets are larger where trials failed: above ``threshold``.
        self.gp = GaussianProcess(layout, hyper, U[kept], (y - y.mean()) / y.std())
        self.threshold = 0.5 * float(self.gp.y.min() + self.gp.y.max())

    def log_feasibility(self, U: FloatArray) -> FloatArray:
        """Return ln P(no failure) at rows of the cube, shape (m,)."""
        return self._log_feasibility(*self.gp.predict(U))[0]

    def log_feasibility_with_gradient(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return ln P(no failure), (m,), and its gradient in the numeric columns, (m, p)."""
        mean, variance, pullback = self.gp.predict_with_pullback(U)
        value, by_mean, by_variance = self._log_feasibility(mean, variance)
        return value, pullback(by_mean, by_variance)

    def _log_feasibility(
        self, mean: FloatArray, variance: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return ln P(no failure) and its derivatives by mean and variance, all (m,).

        A floor of ``MIN_FEASIBILITY`` keeps a region where trials failed from being ruled out for
        good: it is tried again when nothing else is worth trying.
        """
        sd = np.sqrt(variance + NOISE)
        q = (self.threshold - mean) / sd
        chance = MIN_FEASIBILITY + (1.0 - MIN_FEASIBILITY) * ndtr(q)
        density = (1.0 - MIN_FEASIBILITY) * np.exp(-0.5 * q * q) / (SQRT_2PI * chance)
        return np.log(chance), -density / sd, -density * q / (2.0 * sd * sd)

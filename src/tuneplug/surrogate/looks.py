"""Looks: what a trial at a share of the full resource tells about the full one, and its worth.

Symbols are those of the package; s < 1 is a fidelity, and f the loss at fidelity 1.  In units of
scaled losses v, a look observes

    v_s = a_s + b_s f + e,   e ~ N(0, tau_s²)

so (v_s - a_s) / b_s observes f with the variance (tau_s / b_s)².  With a_s and b_s known, this is
the autoregressive model of Kennedy & O'Hagan, "Predicting the output from a complex computer code
when fast approximations are available", Biometrika 2000, with a white discrepancy.  The three
numbers are learned from the configurations that were tried at s and at 1, given a prior: a_s near
0, b_s near 1, and a squared correlation s^(1/2) of looks and full losses.

The rate of an option is the largest price lambda of a unit of cost at which it is still worth its
cost (Weitzman, "Optimal Search for the Best Alternative", Econometrica 1979).  With EI the expected
improvement at fidelity 1, c_1 and c_s the costs, and ' the posterior after the look,

    a full trial:    EI = lambda c_1
    a look at s:     E[max(EI' - lambda c_1, 0)] = lambda c_s
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.surrogate.acquisition import (
    Acquisition,
    log_expected_improvement,
    log_noise_discount,
)
from tuneplug.surrogate.output_transform import LossScaling

__all__ = ["LookNoise", "Outlook", "fit_look_noise", "squared_correlation"]

#: Exponent of s in the prior squared correlation; number of pairs that the prior counts as.
PRIOR_EXPONENT, PRIOR_PAIRS = 0.5, 4.0
#: Standard deviations of a_s and b_s, and the smallest b_s.
SD_A, SD_B, MIN_B = 2.0, 0.3, 0.3
#: Largest prior variance of v: bad configurations say little about the noise among good ones.
MAX_SPREAD = 1.0
#: Number of nodes of Gauss-Hermite quadrature, and of halvings of an interval of ln lambda.
N_NODES, N_HALVINGS, LOG_RANGE = 16, 40, 40.0

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(N_NODES)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


@dataclass(frozen=True)
class LookNoise:
    """What looks of one fidelity observe of the full loss.

    Attributes
    ----------
    scaling : LossScaling
    intercept, slope, variance : float
        a_s, b_s and (tau_s / b_s)², in units of v.
    """

    scaling: LossScaling
    intercept: float
    slope: float
    variance: float

    def full_losses(self, losses: FloatArray) -> FloatArray:
        """Return what losses of looks say about the full losses, shape (n,)."""
        v = (self.scaling(losses) - self.intercept) / self.slope
        return np.asarray(self.scaling.best + self.scaling.scale * v)

    @property
    def loss_variance(self) -> float:
        """Variance of ``full_losses`` around the full losses."""
        return self.variance * self.scaling.scale**2


def squared_correlation(fidelity: float) -> float:
    """Return the squared correlation of looks and full losses before any evidence."""
    return float(fidelity**PRIOR_EXPONENT)


def fit_look_noise(
    fidelity: float, looks: FloatArray, pairs: FloatArray, scaling: LossScaling
) -> LookNoise:
    """Return what looks of a fidelity observe.

    Parameters
    ----------
    fidelity : float
    looks : ndarray of shape (n,)
        Losses of all looks of the fidelity, or of all trials if there is none.
    pairs : ndarray of shape (m, 2)
        Losses of the configurations tried at both fidelities: at ``fidelity``, and at 1.
    scaling : LossScaling
    """
    low, full = scaling(pairs[:, 0]), scaling(pairs[:, 1])
    spread = min(float(np.var(scaling(looks))), MAX_SPREAD) or MAX_SPREAD
    prior = (1.0 - squared_correlation(fidelity)) * spread
    A = np.column_stack([np.ones(len(full)), full])
    precision = np.diag([1.0 / SD_A**2, 1.0 / SD_B**2])
    right = precision @ [0.0, 1.0] + A.T @ low / prior
    a, b = np.linalg.solve(precision + A.T @ A / prior, right)
    b = max(float(b), MIN_B)
    rest = float(np.sum((low - a - b * full) ** 2))
    variance = (PRIOR_PAIRS * prior + rest) / (PRIOR_PAIRS + len(full))
    return LookNoise(scaling, float(a), b, variance / b**2)


@dataclass(frozen=True)
class Outlook:
    """Posterior of the full loss at k points, in s fantasies of pending trials.

    Attributes
    ----------
    mean, variance : ndarray of shape (k, s)
    best : ndarray of shape (s,)
        Incumbents.
    weight : ndarray of shape (k, s)
        Factor of the expected improvement: noise discount, feasibility and novelty.
    noise : float
        Mean noise variance of full trials.
    """

    mean: FloatArray
    variance: FloatArray
    best: FloatArray
    weight: FloatArray
    noise: float

    @classmethod
    def at(cls, acquisition: Acquisition, U: FloatArray) -> Outlook:
        """Return the outlook at points of the cube, shape (k, d)."""
        means, variances, weights = [], [], []
        for gp in acquisition.gps:
            mean, variance = gp.predict(U)
            mean = mean.reshape(len(U), -1)
            discount = np.exp(log_noise_discount(variance, gp.hyper.noise)[0])
            means.append(mean)
            variances.append(np.broadcast_to(variance[:, None], mean.shape))
            weights.append(np.broadcast_to(discount[:, None], mean.shape))
        weight = np.hstack(weights) * np.exp(acquisition.log_probability(U))[:, None]
        best = np.concatenate([np.atleast_1d(best) for best in acquisition.best])
        noise = float(np.mean([gp.hyper.noise for gp in acquisition.gps]))
        return cls(np.hstack(means), np.hstack(variances), best, weight, noise)

    def take(self, rows: Sequence[int]) -> Outlook:
        """Return the outlook at some of the points."""
        index = np.asarray(rows, dtype=np.intp)
        return Outlook(
            self.mean[index], self.variance[index], self.best, self.weight[index], self.noise
        )

    def full_rates(self, costs: FloatArray) -> FloatArray:
        """Return lambda of full trials of the given costs, shape (k,)."""
        gains = self.weight * np.exp(log_expected_improvement(self.mean, self.variance, self.best))
        return np.asarray(gains.mean(axis=1) / costs)

    def look_rates(
        self, variance: float, look_costs: FloatArray, full_costs: FloatArray
    ) -> FloatArray:
        """Return lambda of looks that observe the full loss with a variance, shape (k,)."""
        told = self.variance**2 / (self.variance + variance + self.noise)
        rest = np.maximum(self.variance - told, 1e-12)[..., None]
        means = self.mean[..., None] + np.sqrt(told)[..., None] * NODES
        gains = np.exp(log_expected_improvement(means, rest, self.best[:, None]))
        gains *= self.weight[..., None]  # (k, s, nodes)
        high = np.log(np.maximum(gains.max(axis=(1, 2)), 1e-300) / full_costs)
        low = high - LOG_RANGE
        for _ in range(N_HALVINGS):
            middle = 0.5 * (low + high)
            price = np.exp(middle)
            surplus = np.maximum(gains - (price * full_costs)[:, None, None], 0.0)
            worth = (surplus @ WEIGHTS).mean(axis=1) > price * look_costs
            low, high = np.where(worth, middle, low), np.where(worth, high, middle)
        return np.asarray(np.exp(low))

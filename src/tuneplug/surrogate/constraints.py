"""Constraints: the probability that all constraints of a trial hold.

Symbols are those of the package.  A constraint c holds where c(u) <= 0.  Each one has a Gaussian
process with hyperparameters of its own, and

    P(u) = prod_i Phi((b_i - mu_i(u)) / sd_i(u))      (Gardner et al., "Bayesian Optimization with
                                                       Inequality Constraints", ICML 2014, eq. 6)

where b_i is the target of c_i = 0.  The values are bent by

    sgn(c) ln(1 + |c| / s)                            (Eriksson & Poloczek, "Scalable Constrained
                                                       Bayesian Optimization", AISTATS 2021)

with s the median of |c|: this spreads the values near the border, and one that is far from it does
not set the scale of the others.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from tuneplug._typing import FloatArray
from tuneplug.surrogate.fitting import TrainingData, fit_with_transforms
from tuneplug.surrogate.gp import GaussianProcess

__all__ = ["ConstraintModel", "ConstraintObservations", "fit_constraints"]

LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)
#: Largest |z|, whose square can still be computed with.
MAX_Z = 1e6


@dataclass(frozen=True)
class ConstraintObservations:
    """Values of the constraints of complete trials, in trial order.

    Attributes
    ----------
    U : ndarray of shape (n, d)
        Points of the cube.
    values : ndarray of shape (n, k)
        A constraint holds where its value is at most 0.
    """

    U: FloatArray
    values: FloatArray


class ConstraintModel:
    """Probability that all constraints hold at a point of the cube.

    Parameters
    ----------
    borders : sequence of (list of GaussianProcess, list of float)
        For each constraint its processes (one, or samples of the hyperparameters' posterior), and
        the target of the value 0 in each of them.
    """

    def __init__(
        self, borders: Sequence[tuple[Sequence[GaussianProcess], Sequence[float]]]
    ) -> None:
        self.borders = borders

    def given_pending(self, points: FloatArray) -> ConstraintModel:
        """Return the model, given that pending points have the values that it predicts."""
        return ConstraintModel(
            [
                ([gp.condition_on(points, gp.predict(points)[0]) for gp in gps], zeros)
                for gps, zeros in self.borders
            ]
        )

    def log_probability(self, U: FloatArray) -> FloatArray:
        """Return ln P at points of the cube, shape (m,)."""
        found = np.zeros(len(U))
        for gps, zeros in self.borders:
            parts = []
            for gp, zero in zip(gps, zeros, strict=True):
                mean, variance = gp.predict(U)
                parts.append(log_ndtr(_margin(zero, mean, variance + gp.hyper.noise)))
            found += np.logaddexp.reduce(parts, axis=0) - math.log(len(gps))
        return found

    def log_probability_with_gradient(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return ln P, (m,), and its gradient in the ordered columns, (m, p)."""
        found, gradient = np.zeros(len(U)), np.zeros((len(U), self._n_ordered))
        for gps, zeros in self.borders:
            logs, slopes = [], []
            for gp, zero in zip(gps, zeros, strict=True):
                mean, variance, pullback = gp.predict_with_pullback(U)
                total = variance + gp.hyper.noise
                z = _margin(zero, mean, total)
                logs.append(log_ndtr(z))
                # d ln Phi(z) / dz = phi(z) / Phi(z), and z does not move beyond MAX_Z
                dz = np.exp(-0.5 * z * z - LOG_SQRT_2PI - logs[-1]) * (np.abs(z) < MAX_Z)
                slopes.append(pullback(-dz / np.sqrt(total), -0.5 * dz * z / total))
            log_mean = np.logaddexp.reduce(logs, axis=0)
            weights = np.exp(np.array(logs) - log_mean)
            found += log_mean - math.log(len(gps))
            gradient += np.einsum("gm,gmp->mp", weights, np.array(slopes))
        return found, gradient

    @property
    def _n_ordered(self) -> int:
        return len(self.borders[0][0][0].layout.ordered)


def fit_constraints(
    losses: TrainingData, observed: ConstraintObservations
) -> ConstraintModel | None:
    """Fit the constraints, with the options of the data of the losses.

    None if no two trials differ in any constraint: one with a single value tells nothing about
    points.
    """
    borders = []
    for values in observed.values.T:
        if np.ptp(values) == 0.0:
            continue
        data = dataclasses.replace(
            losses,
            U=observed.U,
            losses=_bent(values),
            noise_variances=np.zeros(len(values)),
            learn_curvature=False,
            robust=False,
        )
        fits = fit_with_transforms(data)
        none = np.zeros(1)
        zeros = [float(transform(none, none)[0][0]) for _, transform in fits]
        borders.append(([gp for gp, _ in fits], zeros))
    return ConstraintModel(borders) if borders else None


def _bent(values: FloatArray) -> FloatArray:
    """Return values of a constraint, spread near 0; shape (n,)."""
    sizes = np.abs(values)
    scale = float(np.median(sizes)) or float(sizes.max())
    with np.errstate(over="ignore"):
        ratios = np.minimum(sizes / scale, np.finfo(np.float64).max)
    return np.asarray(np.sign(values) * np.log1p(ratios))


def _margin(zero: float, mean: FloatArray, variance: FloatArray) -> FloatArray:
    """Return z = (zero - mean) / sd."""
    return np.asarray(np.clip((zero - mean) / np.sqrt(variance), -MAX_Z, MAX_Z))

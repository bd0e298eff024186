"""Price of a trial: the logarithm of its predicted cost, from a second Gaussian process.

Symbols are those of the package; c is the cost of a trial.  The acquisition subtracts

    price(u) = alpha ln(c(u) + c0)

from the log expected improvement.  With alpha = 1 and c0 = 0 that is the expected improvement for
each unit of cost (Snoek et al., "Practical Bayesian Optimization", NIPS 2012, section 3.2).  The
predicted ln c(u) is the posterior mean of a process on the logarithms of the costs, with
hyperparameters of its own and without an output curve, clipped to the range of the observed costs.
c0 is what a trial costs at least, the 5 % quantile of the costs: below it, cheaper trials are
hardly preferred.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_ndtr

from tuneplug._typing import FloatArray
from tuneplug.surrogate.fitting import TrainingData, fit_with_transforms
from tuneplug.surrogate.gp import GaussianProcess
from tuneplug.surrogate.kernels import ColumnLayout

__all__ = ["CostModel", "CostObservations", "fit_cost_model"]

LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)
#: Minimum number of known costs to learn from.
MIN_COSTS = 4
#: Costs count only if the standard deviation of their logarithms, and the share of its variance
#: that the process predicts of left-out trials, are at least this.
MIN_SD, MIN_R2 = 0.2, 0.2
#: Quantile of the costs that is c0, and the smallest cost in units of the median positive cost.
BASE_QUANTILE, MIN_COST = 0.05, 1e-3
#: Bounds of the share of its variance that a lower bound removes.
MIN_SHARE, MAX_SHARE = 1e-9, 1.0 - 1e-6


@dataclass(frozen=True)
class CostObservations:
    """Costs of ended trials, in trial order.

    Attributes
    ----------
    U : ndarray of shape (n, d)
        Points of the cube.
    costs : ndarray of shape (n,)
        At least 0, in any unit.
    is_bound : bool ndarray of shape (n,)
        Whether the cost is a lower bound only, because time ran out.
    """

    U: FloatArray
    costs: FloatArray
    is_bound: NDArray[np.bool_]


@dataclass(frozen=True)
class CostModel:
    """Price of points of the cube.

    Attributes
    ----------
    gp : GaussianProcess
        Process of the standardized logarithms of the costs.
    mean, sd : float
        Of the logarithms: ln c = mean + sd * target.
    low, high : float
        Smallest known and largest observed ln c.
    log_base : float
        ln c0.
    weight : float
        alpha.
    """

    gp: GaussianProcess
    mean: float
    sd: float
    low: float
    high: float
    log_base: float
    weight: float

    def predicted_cost(self, U: FloatArray) -> FloatArray:
        """Return c at points of the cube, shape (m,)."""
        return np.exp(self._log_cost(self.gp.predict_mean(U)))

    def log_price(self, U: FloatArray) -> FloatArray:
        """Return the price at points of the cube, shape (m,)."""
        return self.weight * np.logaddexp(self._log_cost(self.gp.predict_mean(U)), self.log_base)

    def log_price_with_gradient(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the price, (m,), and its gradient in the ordered columns, (m, p)."""
        target, d_target = self.gp.predict_mean_with_gradient(U)
        log_cost = self._log_cost(target)
        inside = (log_cost > self.low) & (log_cost < self.high)
        slope = self.weight * self.sd * inside * expit(log_cost - self.log_base)
        price = self.weight * np.logaddexp(log_cost, self.log_base)
        return price, slope[:, None] * d_target

    def _log_cost(self, target: FloatArray) -> FloatArray:
        return np.clip(self.mean + self.sd * target, self.low, self.high)


def fit_cost_model(
    layout: ColumnLayout, observed: CostObservations, *, weight: float
) -> CostModel | None:
    """Fit a cost model; None if costs are not to count.

    That is so if the weight is 0, if the costs are too few or too equal, or if the process predicts
    them too badly.
    """
    known = ~observed.is_bound
    positive = observed.costs[observed.costs > 0.0]
    if weight <= 0.0 or int(known.sum()) < MIN_COSTS or len(positive) == 0:
        return None
    costs = np.maximum(observed.costs, MIN_COST * float(np.median(positive)))
    log_costs = np.log(costs)
    if float(log_costs[known].std()) < MIN_SD:
        return None
    ((gp, transform),) = fit_with_transforms(_training_data(layout, observed.U, log_costs, known))
    if _predicted_share(gp) < MIN_R2:
        return None
    bounds = transform(log_costs[~known], np.zeros(int((~known).sum())))[0]
    return CostModel(
        _with_lower_bounds(gp, observed.U[~known], bounds),
        mean=transform.mean,  # without a scaling and a curve, the transform only standardizes
        sd=transform.sd,
        low=float(log_costs[known].min()),
        high=float(log_costs.max()),
        log_base=math.log(float(np.quantile(costs[known], BASE_QUANTILE))),
        weight=weight,
    )


def _training_data(
    layout: ColumnLayout, U: FloatArray, log_costs: FloatArray, known: NDArray[np.bool_]
) -> TrainingData:
    return TrainingData(
        layout,
        U[known],
        log_costs[known],
        np.zeros(int(known.sum())),
        warping=False,
        learn_curvature=False,
        robust=False,
    )


def _predicted_share(gp: GaussianProcess) -> float:
    """Return the share of the variance of the targets that left-out targets' means explain."""
    errors = gp.y - gp.leave_one_out_means()
    spread = gp.y - gp.y.mean()
    return 1.0 - float(errors @ errors) / float(spread @ spread)


def _with_lower_bounds(gp: GaussianProcess, U: FloatArray, bounds: FloatArray) -> GaussianProcess:
    """Return the process, given that the targets at some points are above bounds.

    Each bound becomes the normal observation after which mean and variance are those of the normal
    distribution above the bound (assumed-density filtering; Rasmussen & Williams, section 3.6,
    without its iterations):

        z = (bound - mu) / s,  lambda = phi(z) / Phi(-z),  r = lambda (lambda - z)
        target mu + s lambda / r,  variance s² (1 - r) / r
    """
    if len(U) == 0:
        return gp
    mean, variance = gp.predict(U)
    total = variance + gp.hyper.noise
    s = np.sqrt(total)
    z = (bounds - mean) / s
    hazard = np.exp(-0.5 * z * z - LOG_SQRT_2PI - log_ndtr(-z))
    share = np.clip(hazard * (hazard - z), MIN_SHARE, MAX_SHARE)
    target = mean + s * hazard / share
    return gp.condition_on(U, target, total * (1.0 - share) / share)

"""Log expected improvement, discounted for noise and infeasibility, less the price of a trial.

Symbols are those of the package; mu and sd are here the posterior mean and standard deviation at a
point, best is the incumbent, and z = (best - mu) / sd.  Losses are minimized.

    EI = sd h(z),  h(z) = phi(z) + z Phi(z)         (Jones et al. 1998, eq. 15)
    log EI = ln sd + ln h(z)                        (Ament et al., NeurIPS 2023, eq. 8 and 9)

EI and its gradient underflow to zero over most of a cube; their logarithms do not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr, ndtr

from tuneplug._typing import FloatArray
from tuneplug.surrogate.classifier import OutcomeClassifier
from tuneplug.surrogate.constraints import ConstraintModel
from tuneplug.surrogate.cost import CostModel
from tuneplug.surrogate.feasibility import FeasibilityModel
from tuneplug.surrogate.gp import GaussianProcess
from tuneplug.surrogate.novelty import NoveltyModel

__all__ = ["Acquisition", "log_expected_improvement", "log_h", "log_noise_discount"]

LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)
#: At and below this z the asymptotic series of h is exact to double precision.
TAIL = -25.0


def log_h(z: FloatArray) -> FloatArray:
    """Return ln(phi(z) + z Phi(z)), accurate for every z.

    >>> log_h(np.array([-1e6, 0.0]))
    array([-5.00000000e+11, -9.18938533e-01])
    """
    z = np.asarray(z, dtype=np.float64)
    result = np.empty_like(z)
    near, tail = z > -1.0, z <= TAIL
    x = z[near]
    result[near] = np.log(np.exp(-0.5 * x * x - LOG_SQRT_2PI) + x * ndtr(x))
    if near.all():
        return result
    far = ~near & ~tail
    x = z[far]  # 1 - |z| Phi(z) / phi(z), through the scaled complementary error function
    mills = math.sqrt(math.pi / 2.0) * erfcx(-x / math.sqrt(2.0))
    result[far] = -0.5 * x * x - LOG_SQRT_2PI + np.log1p(x * mills)
    if not tail.any():
        return result
    x = z[tail]
    q = 1.0 / (x * x)  # h = phi / z² (1 - 3/z² + 15/z⁴ - 105/z⁶ + 945/z⁸ - ...)
    series = q * (-3.0 + q * (15.0 + q * (-105.0 + q * (945.0 - 10395.0 * q))))
    result[tail] = -0.5 * x * x - LOG_SQRT_2PI - 2.0 * np.log(-x) + np.log1p(series)
    return result


def log_expected_improvement(
    mean: FloatArray, variance: FloatArray, best: FloatArray | float
) -> FloatArray:
    """Return log EI for posterior means and variances of one shape."""
    sd = np.sqrt(variance)
    return np.asarray(np.log(sd) + log_h((best - mean) / sd))


def log_noise_discount(variance: FloatArray, noise: float) -> tuple[FloatArray, FloatArray]:
    """Return the log augmented-EI noise discount and its derivative by the variance; both (m,).

        1 - sigma_n / sqrt(variance + sigma_n²)     (Huang et al., "Global optimization of
                                                    stochastic black-box systems", 2006)

    The discount is near 1 where the noise is small beside the posterior variance.  It is near 0
    where one more noisy observation would hardly reduce the posterior variance.
    """
    sigma_n = math.sqrt(noise)
    total = np.sqrt(variance + noise)
    value = np.log(variance) - np.log(total) - np.log(total + sigma_n)
    derivative = 1.0 / variance - 0.5 / total**2 - 0.5 / (total * (total + sigma_n))
    return value, derivative


class Acquisition:
    """Log of EI, discounted for noise, averaged over processes, times feasibility and novelty.

        ln 1/k sum_i EI_i(u) discount_i(u)  +  ln P(no failure at u)  -  price(u)

    P is also the probability of a new loss, and that all constraints hold.  Without an incumbent,
    as no trial has been feasible, the first term is left out (Gelbart, Snoek & Adams, "Bayesian
    Optimization with Unknown Constraints", UAI 2014, section 3.1).

    The k terms are the processes (one, or samples of the hyperparameters' posterior; Snoek et al.,
    "Practical Bayesian Optimization", NIPS 2012, section 3.1), and within each of them the
    fantasies of pending trials (ibid., eq. 7).  Each term has its own incumbent: the smallest
    posterior mean at an observed or pending point, because single observations may be lucky.

    The noise discount prevents repeated evaluations near one point if the losses have steps or
    noise.

    Parameters
    ----------
    gps : sequence of GaussianProcess
    feasibility : FeasibilityModel or None, default None
        If None, no trial is expected to fail.
    cost : CostModel or None, default None
        If None, all points have the price 0.
    eligible : bool ndarray or None, default None
        Whether each observed point can be the incumbent.  If None, all can.
    novelty : NoveltyModel or None, default None
        If None, all losses are expected to be new.
    constraints : ConstraintModel or None, default None
        If None, all points are feasible.
    """

    def __init__(
        self,
        gps: Sequence[GaussianProcess],
        feasibility: FeasibilityModel | None = None,
        cost: CostModel | None = None,
        eligible: NDArray[np.bool_] | None = None,
        novelty: NoveltyModel | None = None,
        constraints: ConstraintModel | None = None,
    ) -> None:
        self.gps, self.cost, self.constraints = gps, cost, constraints
        self._factors: list[OutcomeClassifier | ConstraintModel] = [
            model for model in (feasibility, novelty, constraints) if model is not None
        ]
        self._rows = np.ones(len(gps[0].U), dtype=bool) if eligible is None else eligible
        #: Whether there is an incumbent, which can be improved on.
        self.has_incumbent = bool(self._rows.any())
        known = gps if self.has_incumbent else ()
        self.best = [gp.posterior_mean_at_data()[self._rows].min(axis=0) for gp in known]

    def __call__(self, U: FloatArray) -> FloatArray:
        """Return the acquisition at points of the cube, shape (m,)."""
        value = self.log_improvement(U)
        return value if self.cost is None else value - self.cost.log_price(U)

    def log_improvement(self, U: FloatArray) -> FloatArray:
        """Return the acquisition without the price, shape (m,)."""
        if not self.has_incumbent:
            return self.log_probability(U)
        terms = self._log_terms([gp.predict(U) for gp in self.gps])
        value = _log_mean_exp(np.hstack([term.value for term in terms]))
        return value + self.log_probability(U)

    def log_probability(self, U: FloatArray) -> FloatArray:
        """Return ln P(no failure) + ln P(new loss) + ln P(constraints hold), shape (m,)."""
        found = np.zeros(len(U))
        for model in self._factors:
            found += model.log_probability(U)
        return found

    def with_gradient(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the acquisition, (m,), and its gradient in the ordered columns, (m, p)."""
        value, gradient = self._log_improvement_with_gradient(U)
        if self.cost is None:
            return value, gradient
        price, d_price = self.cost.log_price_with_gradient(U)
        return value - price, gradient - d_price

    def centers(self, n: int) -> FloatArray:
        """Return the n observed points with the best posterior means, shape (n, d).

        With constraints, those with feasible trials come first, then the most probable ones.
        """
        means = self.gps[0].posterior_mean_at_data().reshape(len(self.gps[0].U), -1)[:, 0]
        if self.constraints is not None:
            means = np.where(self._rows, means - means.max(), np.inf)
            missing = ~self._rows
            means[missing] = -self.constraints.log_probability(self.gps[0].U[missing])
        return self.gps[0].U[np.argsort(means, kind="stable")[:n]]

    def _log_improvement_with_gradient(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        value, gradient = np.zeros(len(U)), np.zeros((len(U), len(self.gps[0].layout.ordered)))
        if self.has_incumbent:
            value, gradient = self._log_mean_with_gradient(U)
        for model in self._factors:
            log_probability, d_log_probability = model.log_probability_with_gradient(U)
            value, gradient = value + log_probability, gradient + d_log_probability
        return value, gradient

    def _log_mean_with_gradient(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the log of the mean discounted EI, (m,), and its gradient, (m, p)."""
        predictions = [gp.predict_with_pullback(U) for gp in self.gps]
        terms = self._log_terms([(mean, variance) for mean, variance, _ in predictions])
        values = np.hstack([term.value for term in terms])
        value = _log_mean_exp(values)
        gradient = np.zeros((len(U), len(self.gps[0].layout.ordered)))
        for term, (_, _, pullback) in zip(terms, predictions, strict=True):
            weight = np.exp(term.value - value[:, None]) / values.shape[1]
            d_mean, d_variance = term.derivatives()
            gradient += pullback(weight * d_mean, (weight * d_variance).sum(axis=1))
        return value, gradient

    def _log_terms(self, predictions: Sequence[tuple[FloatArray, FloatArray]]) -> list[_LogTerm]:
        """Return the discounted log EI of each process, from its posterior means and variances."""
        return [
            _LogTerm(mean, variance, best, gp.hyper.noise)
            for (mean, variance), best, gp in zip(predictions, self.best, self.gps, strict=True)
        ]


class _LogTerm:
    """Log EI plus log noise discount of one process with s sets of targets, shape (m, s)."""

    def __init__(
        self, mean: FloatArray, variance: FloatArray, best: FloatArray, noise: float
    ) -> None:
        self._sd = np.sqrt(variance)[:, None]
        self._z = (best - mean.reshape(len(variance), -1)) / self._sd
        self._log_h = log_h(self._z)
        discount, self._d_discount = log_noise_discount(variance, noise)
        self.value: FloatArray = np.log(self._sd) + self._log_h + discount[:, None]

    def derivatives(self) -> tuple[FloatArray, FloatArray]:
        """Return the derivatives by the posterior mean and by the posterior variance."""
        dlog_h = np.exp(log_ndtr(self._z) - self._log_h)  # h'(z) / h(z) = Phi(z) / h(z)
        d_variance = (1.0 - self._z * dlog_h) / (2.0 * self._sd * self._sd)
        return -dlog_h / self._sd, d_variance + self._d_discount[:, None]


def _log_mean_exp(values: FloatArray) -> FloatArray:
    """Return the logarithm of the mean over the second axis of exp(values)."""
    if values.shape[1] == 1:
        return values[:, 0]
    top = values.max(axis=1)
    return np.asarray(top + np.log(np.exp(values - top[:, None]).mean(axis=1)))

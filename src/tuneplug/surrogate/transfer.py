"""Prior mean from processes of other searches, and how far to believe it.

Symbols are those of the package.  m_k(u) is the posterior mean of a process that was fitted to the
losses of parent k alone.  The process of this study's targets gets the prior mean

    mu + sum_k beta_k (m_k(u) - mean of m_k at this study's points)

so that it learns the difference only (Golovin et al., "Google Vizier", KDD 2017, section 3.3).
beta_k is the slope of the targets by m_k, a ridge regression with the mean 1, times the trust in
the parent.  The trust is Kendall's rank correlation of m_k with the targets, averaged with
``PRIOR_TRIALS`` trials that agree.  Ranks compare tasks of different scales (Feurer et al.,
"Scalable Meta-Learning for Bayesian Optimization", arXiv 1802.02219).

A parent whose process does not even rank its own trials is not believed at all: the predictions of
each quarter of them by processes that were fitted to the rest must correlate with the losses, by
ranks, by more than chance.  (Leave-one-out predictions with hyperparameters of all trials would
correlate with shuffled losses, too.)
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.surrogate.fitting import TrainingData, fit_with_transforms
from tuneplug.surrogate.gp import GaussianProcess
from tuneplug.surrogate.kernels import CubeKernel
from tuneplug.surrogate.output_transform import OutputTransform

__all__ = ["ParentModel", "PriorMean", "fit_parent", "rank_correlation", "with_parents"]

#: Coordinate of points in the columns that a parent did not have.
ABSENT_COORDINATE = 0.5
#: Minimum number of results of a parent to judge it by, number of folds to judge it with, and
#: standard deviations above chance at which it is believed: chance exceeds them once in 20 times.
MIN_RESULTS, N_FOLDS, MIN_SIGMAS = 5, 4, 1.64
#: Number of agreeing trials that the prior trust counts as.
PRIOR_TRIALS = 5.0
#: Number of results of unit slope that the prior of a slope counts as, and the largest slope.
PRIOR_SLOPES, MAX_SLOPE = 5.0, 3.0
#: Prior weight, in trials, of the amplitude without a parent.
PRIOR_AMPLITUDE = 2.0
#: Up to this number of trials, lengthscales and warps are those of the most trusted parent.
N_BORROWED = 10


@dataclass(frozen=True, eq=False)
class ParentModel:
    """Process of the losses of a parent, fitted without this study's trials.

    Attributes
    ----------
    data : TrainingData
        The results of the parent.
    gp : GaussianProcess
    transform : OutputTransform
        Map from losses to the targets of the process.
    absent : tuple of int
        Columns that the parent did not have.
    """

    data: TrainingData
    gp: GaussianProcess
    transform: OutputTransform
    absent: tuple[int, ...]

    @functools.cached_property
    def believable(self) -> bool:
        """Whether processes rank the parent's own held-out trials better than chance does."""
        n = len(self.data)
        if n < MIN_RESULTS:
            return False
        targets = self.targets(self.data.losses)
        chance = math.sqrt(2.0 * (2.0 * n + 5.0) / (9.0 * n * (n - 1.0)))
        linear = dataclasses.replace(self.data, losses=targets, robust=False, learn_curvature=False)
        return rank_correlation(_held_out_means(linear), targets) > MIN_SIGMAS * chance

    @property
    def loss_scale(self) -> float:
        """Loss difference of one unit of the targets, where they are linear in the losses."""
        return self.transform.sd * self.transform.scaling.scale

    def targets(self, losses: FloatArray) -> FloatArray:
        """Return losses as targets of the process, shape (n,)."""
        return self.transform(losses, np.zeros(len(losses)))[0]

    def predict_mean(self, U: FloatArray) -> FloatArray:
        """Return the posterior mean at points of the cube, shape (m,)."""
        return self.gp.predict_mean(self._known(U))

    def predict_mean_with_gradient(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the posterior mean, (m,), and its gradient in the ordered columns, (m, p)."""
        mean, gradient = self.gp.predict_mean_with_gradient(self._known(U))
        gradient[:, np.isin(self.gp.layout.ordered, self.absent)] = 0.0
        return mean, gradient

    def best_point(self) -> FloatArray:
        """Return the parent's point with the smallest posterior mean, shape (d,)."""
        return np.asarray(self.gp.U[int(np.argmin(self.gp.posterior_mean_at_data()))])

    def _known(self, U: FloatArray) -> FloatArray:
        if not self.absent:
            return U
        U = U.copy()
        U[:, list(self.absent)] = ABSENT_COORDINATE
        return U


@functools.lru_cache(maxsize=16)
def fit_parent(data: TrainingData, absent: tuple[int, ...] = ()) -> ParentModel:
    """Fit a process to the results of a parent."""
    gp, transform = fit_with_transforms(data)[0]
    return ParentModel(data, gp, transform, absent)


def _held_out_means(data: TrainingData) -> FloatArray:
    """Return predictions of each loss by a process that was fitted without its fold, shape (n,)."""
    fold = np.arange(len(data)) % N_FOLDS
    means = np.empty(len(data))
    for k in range(N_FOLDS):
        gp, transform = fit_with_transforms(data.take(np.flatnonzero(fold != k)))[0]
        means[fold == k] = transform.mean + transform.sd * gp.predict_mean(data.U[fold == k])
    return means


def rank_correlation(a: FloatArray, b: FloatArray) -> float:
    """Return Kendall's tau of two arrays of shape (n,); 0 if no pair differs in both.

    >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]))
    0.333...
    """
    signs = np.sign(a[:, None] - a) * np.sign(b[:, None] - b)
    n = np.count_nonzero(signs)
    return float(signs.sum() / n) if n else 0.0


@dataclass(frozen=True)
class PriorMean:
    """Weighted sum of the posterior means of parents, less a constant."""

    parents: tuple[ParentModel, ...]
    slopes: tuple[float, ...]
    offset: float

    def __call__(self, U: FloatArray) -> FloatArray:
        """Return the prior mean at points of the cube, shape (m,)."""
        value = np.full(len(U), -self.offset)
        for parent, slope in zip(self.parents, self.slopes, strict=True):
            value += slope * parent.predict_mean(U)
        return value

    def with_gradient(self, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the prior mean, (m,), and its gradient in the ordered columns, (m, p)."""
        p = len(self.parents[0].gp.layout.ordered)
        value, gradient = np.full(len(U), -self.offset), np.zeros((len(U), p))
        for parent, slope in zip(self.parents, self.slopes, strict=True):
            mean, slope_of_mean = parent.predict_mean_with_gradient(U)
            value += slope * mean
            gradient += slope * slope_of_mean
        return value, gradient


def with_parents(gp: GaussianProcess, parents: Sequence[ParentModel]) -> GaussianProcess:
    """Return the process of this study with the prior mean that its parents are trusted for.

    Without a trusted parent it is the given process.  With one, the amplitude shrinks by as much as
    the prior mean explains.
    """
    means = [parent.predict_mean(gp.U) for parent in parents]
    trust = np.array([_trust(mean, gp.y) for mean in means])
    if not trust.any():
        return gp
    shares = trust**2 / trust.sum()  # two parents that agree count as one
    slopes = [s * _slope(mean, gp.y) for s, mean in zip(shares, means, strict=True)]
    offset = sum(slope * float(mean.mean()) for slope, mean in zip(slopes, means, strict=True))
    prior = PriorMean(tuple(parents), tuple(slopes), offset)
    hyper = gp.hyper
    if len(gp.y) <= N_BORROWED:
        lent = parents[int(trust.argmax())].gp.hyper
        hyper = dataclasses.replace(hyper, lengthscales=lent.lengthscales, a=lent.a, b=lent.b)
    plain = GaussianProcess(CubeKernel(gp.layout, hyper), gp.U, gp.y, gp.noise_variances)
    ratio = _misfit(plain, prior(gp.U)) / _misfit(plain, np.zeros(len(gp.y)))
    hyper = dataclasses.replace(hyper, amplitude=hyper.amplitude * min(1.0, ratio))
    kernel = CubeKernel(gp.layout, hyper)
    return GaussianProcess(kernel, gp.U, gp.y, gp.noise_variances, prior=prior)


def _trust(mean: FloatArray, targets: FloatArray) -> float:
    """Return the rank correlation with the targets, averaged with trials that agree; at least 0."""
    n = len(targets)
    agreement = PRIOR_TRIALS + n * rank_correlation(mean, targets)
    return max(0.0, agreement / (PRIOR_TRIALS + n))


def _slope(mean: FloatArray, targets: FloatArray) -> float:
    """Return the slope of the targets by a parent's mean, shrunk to 1."""
    x, y = mean - mean.mean(), targets - targets.mean()
    slope = (PRIOR_SLOPES + float(x @ y)) / (PRIOR_SLOPES + float(x @ x))
    return min(max(slope, 0.0), MAX_SLOPE)


def _misfit(gp: GaussianProcess, prior: FloatArray) -> float:
    """Return rᵀ K⁻¹ r of the residuals r, plus the weight of the prior amplitude."""
    return PRIOR_AMPLITUDE + gp.squared_norm(gp.y - gp.hyper.mean - prior)

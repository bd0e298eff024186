"""Statistics of paired replications: bootstrap of the mean, jobs to a level, sign-flip test.

All functions take losses, which are minimized.  An array of curves has shape
(replications, jobs); row r of one strategy is paired with row r of every other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tuneplug._typing import FloatArray

__all__ = [
    "Interval",
    "JobsToMatch",
    "PairedTest",
    "interval_of",
    "jobs_to_level",
    "resampled_means",
    "sign_flip_p_value",
]

#: Number of bootstrap resamples of the replications.
N_RESAMPLES = 4_000
#: Maximum number of pairs whose sign flips are all enumerated, and the number of random flips.
N_EXACT, N_FLIPS = 14, 9_999
#: Relative difference up to which two means count as equal: sums differ in their rounding.
SAME = 1e-12

Interval = tuple[float, float]


@dataclass(frozen=True)
class JobsToMatch:
    """How many jobs one strategy needs for the level that another reaches at the end.

    Attributes
    ----------
    level : float
        Mean of the best values of the other strategy after all of its jobs.
    jobs : float
        First number of jobs after which the mean of the strategy is at least as good; inf if never.
    n_jobs : int
        Number of jobs of the other strategy.
    ratio : float
        ``jobs / n_jobs``.
    interval : tuple of float
        Bootstrap interval of the ratio over replications, resampled in pairs.  The upper end
        of a 95% interval is inf if more than 2.5% of the resamples never reach the level.
    confidence : float
        Confidence level of the interval.
    """

    level: float
    jobs: float
    n_jobs: int
    ratio: float
    interval: Interval
    confidence: float

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.jobs:g} of {self.n_jobs} jobs, ratio {self.ratio:.3g} [{low:.3g}, {high:.3g}]"
        )


@dataclass(frozen=True)
class PairedTest:
    """Two-sided sign-flip test of the final values of two strategies.

    Attributes
    ----------
    difference : float
        Mean over replications of the final value of the first strategy less that of the second.
    interval : tuple of float
        Bootstrap interval of the difference.
    confidence : float
        Confidence level of the interval.
    p_value : float
        Share of the sign flips whose mean difference is at least as far from 0.
    wins, ties, losses : int
        Number of replications in which the first strategy is better, equal or worse.
    """

    difference: float
    interval: Interval
    confidence: float
    p_value: float
    wins: int
    ties: int
    losses: int

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"difference {self.difference:.4g} [{low:.4g}, {high:.4g}], p = {self.p_value:.3g}; "
            f"{self.wins} won, {self.ties} tied, {self.losses} lost"
        )


def resampled_means(curves: FloatArray, seed: int) -> FloatArray:
    """Return the mean curves of bootstrap resamples of the replications, shape (resamples, jobs).

    With the same seed and number of replications, all strategies are resampled alike.
    """
    n = len(curves)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(n, np.full(n, 1.0 / n), size=N_RESAMPLES)
    means: FloatArray = counts @ curves / n
    return means


def interval_of(values: FloatArray, confidence: float) -> Interval:
    """Return the percentile interval of bootstrap values, some of which may be infinite."""
    ordered, tail = np.sort(values), (1.0 - confidence) / 2.0
    low = max(math.floor(tail * len(ordered)), 0)
    return float(ordered[low]), float(ordered[len(ordered) - 1 - low])


def jobs_to_level(means: FloatArray, level: FloatArray) -> FloatArray:
    """Return the first number of jobs at which each mean curve is at most its level; inf if never.

    Parameters
    ----------
    means : array of shape (curves, jobs)
    level : array of shape (curves,)
    """
    allowed = level + SAME * np.abs(level)
    reached = means <= allowed[:, None]
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, math.inf)


def sign_flip_p_value(differences: FloatArray, seed: int) -> float:
    """Return the two-sided p-value of a sign-flip permutation test of the mean difference.

    If both strategies are alike, exchanging them within a replication changes nothing, so that
    each difference has either sign with equal probability.  All flips are enumerated for up to 14
    replications; otherwise 9 999 are drawn, and the observed signs count as one more.
    """
    n = len(differences)
    observed = abs(differences.sum())
    least = observed - SAME * np.abs(differences).sum()
    if n <= N_EXACT:
        bits = np.arange(2**n)[:, None] >> np.arange(n)
        sums = (1.0 - 2.0 * (bits & 1)) @ differences
        return float(np.mean(np.abs(sums) >= least))
    flips = np.random.default_rng(seed).integers(0, 2, size=(N_FLIPS, n))
    sums = (1.0 - 2.0 * flips) @ differences
    return float((1 + np.sum(np.abs(sums) >= least)) / (1 + N_FLIPS))

"""Distribution and quantile functions of discrete distributions, at bounded cost.

scipy adds up the probabilities up to x in each call of ``cdf`` if a distribution defines only its
``pmf``, and searches in ``ppf`` step by step.  For zipf and other heavy tails this takes minutes or
all memory.  ``bounded`` replaces such functions:

- Few values: F is evaluated once for all of them.
- Many values: their probabilities are added up once, next to the mode and next to finite ends.
  Farther away, blocks that grow geometrically have the probability of Simpson's rule.

Notation: p is the probability mass function, F the distribution function, Q the quantile function.
"""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np

from tuneplug._typing import FloatArray

__all__ = ["RARE", "Summed", "Tabulated", "bounded"]

#: Probability at each end of a discrete distribution that is ignored.
RARE = 1e-11
#: Largest value of a distribution: the largest float below 2**63, where scipy's draws end.
MAX_VALUE = 2.0**63 - 1024.0
#: Number of values, next to the mode and to each end, whose probabilities are added up.
N_TABLE = 2**14
#: Number of blocks in each doubling of the distance to these values.
N_BLOCKS = 64
#: Size of the grids, and maximum number of them, in the search for the mode.
N_GRID, N_REFINED = 32, 16
#: Smallest probability of a group of values that u can tell from its neighbors.
MIN_MASS = 1e-14


def bounded(distribution: Any) -> Any:
    """Return a distribution with the same values, whose cdf and ppf have a bounded cost.

    Parameters
    ----------
    distribution : frozen discrete distribution of scipy, or any other distribution
    """
    dist = getattr(distribution, "dist", distribution)
    generic = next((base for base in type(dist).__mro__ if base.__name__ == "rv_discrete"), None)
    if generic is None or hasattr(dist, "xk"):  # a table of values has fast functions
        return distribution
    if getattr(type(dist), "_ppf", None) is getattr(generic, "_ppf", None):
        return Summed(distribution)
    with np.errstate(all="ignore"):
        first, last = np.clip(distribution.ppf([RARE, 1.0 - RARE]), *distribution.support())
    if last - first < N_TABLE:
        return Tabulated(distribution, float(first), float(last))
    return distribution if max(-first, last) > MAX_VALUE else Summed(distribution)


@final
class Tabulated:
    """A distribution with its own F and Q, given that its value is not next to impossible."""

    def __init__(self, distribution: Any, first: float, last: float) -> None:
        self.cdf, self.support = distribution.cdf, distribution.support
        self._first, self._last = first, last
        self._F = np.asarray(distribution.cdf(np.arange(first, last + 1.0)), dtype=np.float64)

    def ppf(self, u: FloatArray) -> FloatArray:
        """Return Q(u), the smallest x with F(x) >= u."""
        x = self._first + np.searchsorted(self._F, np.asarray(u, dtype=np.float64))
        return np.asarray(np.minimum(x, self._last), dtype=np.float64)


@final
class Summed:
    """A distribution with p only: F is linear inside of blocks of values.

    Values beyond ``MAX_VALUE`` are left out.
    """

    def __init__(self, distribution: Any) -> None:
        self._distribution = distribution
        low, high = (float(end) for end in distribution.support())
        #: Places next to which p may change fast.
        centers = [end for end in (low, high) if abs(end) <= MAX_VALUE] or [0.0]
        low, high = max(low, -MAX_VALUE), min(high, MAX_VALUE)
        centers.append(_mode(distribution, low, high, centers))
        ends = np.unique(np.concatenate([_block_ends(low, high, c) for c in centers]))
        #: Edges of the blocks: block i holds the values in (edges[i], edges[i + 1]].
        self._edges = np.concatenate([[low - 1.0], ends])
        mass = self._block_masses()
        self._F = np.concatenate([[0.0], np.minimum(np.cumsum(mass) / mass.sum(), 1.0)])

    def _pmf(self, x: FloatArray) -> FloatArray:
        return np.array(self._distribution.pmf(x), dtype=np.float64)

    def _block_masses(self) -> FloatArray:
        first, last = self._edges[:-1] + 1.0, self._edges[1:]
        with np.errstate(all="ignore"):
            mass = self._pmf(first)
            wide = np.flatnonzero(last > first)
            first, last = first[wide], last[wide]
            inner = 4.0 * self._pmf(np.floor(0.5 * (first + last))) + self._pmf(last)
            mass[wide] = (last - first + 1.0) * (mass[wide] + inner) / 6.0
        return np.asarray(np.nan_to_num(np.maximum(mass, 0.0)), dtype=np.float64)

    def support(self) -> tuple[float, float]:
        """Return the smallest and the largest value."""
        return float(self._edges[0]) + 1.0, float(self._edges[-1])

    def cdf(self, x: FloatArray) -> FloatArray:
        """Return F(x)."""
        return np.asarray(np.interp(np.floor(x), self._edges, self._F))

    def ppf(self, u: FloatArray) -> FloatArray:
        """Return Q(u); values that u cannot tell apart have one that stands for them."""
        wanted = np.asarray(u, dtype=np.float64)
        block = np.clip(np.searchsorted(self._F, wanted) - 1, 0, len(self._F) - 2)
        start, F = self._edges[block], self._F[block]
        n, mass = self._edges[block + 1] - start, self._F[block + 1] - F
        groups = np.clip(np.floor(mass / MIN_MASS), 1.0, n)
        share = (wanted - F) / np.maximum(mass, np.finfo(float).tiny)
        group = np.clip(np.ceil(share * groups), 1.0, groups) - 1.0
        return np.asarray(start + np.ceil((group + 0.5) * (n / groups)))


def _mode(distribution: Any, low: float, high: float, centers: list[float]) -> float:
    """Return the value with the largest probability, if the probabilities rise and then fall."""
    grid = np.unique(np.concatenate([_block_ends(low, high, c)[::N_GRID] for c in centers]))
    for _ in range(N_REFINED):
        with np.errstate(all="ignore"):
            best = int(np.argmax(np.nan_to_num(distribution.logpmf(grid), nan=-np.inf)))
        left, right = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
        if right - left <= N_GRID:
            break
        grid = np.unique(np.floor(np.linspace(left, right, N_GRID)))
    return float(grid[best])


def _block_ends(low: float, high: float, center: float) -> FloatArray:
    """Return the last value of each block: values, then blocks that grow with the distance."""
    right = center + _distances(high - center)
    left = center - 1.0 - _distances(center - 1.0 - low)
    return np.unique(np.concatenate([left[left >= low], right]))


def _distances(span: float) -> FloatArray:
    """Return 0, 1, 2, ..., then a geometric sequence, up to a span; empty below 0."""
    singles = np.arange(min(span + 1.0, float(N_TABLE)))
    if span < N_TABLE:
        return singles
    n = math.ceil(N_BLOCKS * math.log2((span + 1.0) / N_TABLE))
    grown = np.floor(N_TABLE * np.exp2(np.arange(1, n) / N_BLOCKS))
    return np.concatenate([singles, grown[grown < span], [span]])

"""Distribution and quantile functions of discrete distributions, at bounded cost.

scipy sums the probabilities up to x in each call of ``cdf`` if a distribution defines only its
``pmf``, and searches in ``ppf`` step by step.  For zipf and other heavy tails this takes minutes or
all memory.  ``bounded`` replaces such functions:

- A distribution with its own quantile function is left as it is.
- With its own distribution function, quantiles are found by bisection.
- With a ``pmf`` only, the probabilities of the values next to the mean are added up once.  Farther
  away, blocks that grow geometrically have the probability of Simpson's rule.

Notation: p is the probability mass function, F the distribution function, Q the quantile function.
"""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np

from tuneplug._typing import FloatArray

__all__ = ["bounded"]

#: Largest value of a bounded distribution: floats represent all integers up to it.
MAX_VALUE = 2.0**53
#: Number of values, next to the mean, whose probabilities are added up.
N_TABLE = 2**14
#: Number of blocks in each doubling of the distance to these values.
N_BLOCKS = 64
#: Maximum number of steps of a bisection: the digits of ``MAX_VALUE`` and a sign.
MAX_STEPS = 56
#: Smallest probability of a group of values that u can tell from its neighbors.
MIN_MASS = 1e-14


def bounded(distribution: Any) -> Any:
    """Return a distribution with the same values, whose cdf and ppf have a bounded cost.

    Parameters
    ----------
    distribution : frozen discrete distribution of scipy, or any other distribution
    """
    kind = type(getattr(distribution, "dist", distribution))
    generic = next((base for base in kind.__mro__ if base.__name__ == "rv_discrete"), None)
    if generic is None or _overrides(kind, generic, "_ppf"):
        return distribution
    if _overrides(kind, generic, "_cdf"):
        return Bisected(distribution)
    return Summed(distribution) if math.isfinite(distribution.support()[0]) else distribution


def _overrides(kind: type, generic: type, name: str) -> bool:
    return getattr(kind, name, None) is not getattr(generic, name, None)


class _Truncated:
    """A discrete distribution, given that its value is at most ``MAX_VALUE`` in size."""

    def __init__(self, distribution: Any) -> None:
        low, high = distribution.support()
        self._distribution = distribution
        self._support = (max(float(low), -MAX_VALUE), min(float(high), MAX_VALUE))

    def support(self) -> tuple[float, float]:
        """Return the smallest and the largest value."""
        return self._support

    @property
    def _center(self) -> float:
        """The mean, rounded; the smallest value if there is no finite mean."""
        low, high = self._support
        with np.errstate(all="ignore"):
            mean = float(self._distribution.mean())
        if not math.isfinite(mean):
            mean = low if low > -MAX_VALUE else 0.0
        return float(min(max(math.floor(mean), low), high))

    def pmf(self, x: FloatArray) -> FloatArray:
        """Return p(x), not divided by the probability of the truncated values."""
        return np.asarray(self._distribution.pmf(x), dtype=np.float64)


@final
class Bisected(_Truncated):
    """A distribution with its own F: quantiles are the smallest x with F(x) >= u."""

    def __init__(self, distribution: Any) -> None:
        super().__init__(distribution)
        low, high = self._support
        self._below, self._total = (float(F) for F in distribution.cdf([low - 1.0, high]))

    def cdf(self, x: FloatArray) -> FloatArray:
        """Return F(x)."""
        F = np.asarray(self._distribution.cdf(x), dtype=np.float64)
        return np.clip((F - self._below) / (self._total - self._below), 0.0, 1.0)

    def ppf(self, u: FloatArray) -> FloatArray:
        """Return Q(u)."""
        wanted = np.asarray(u, dtype=np.float64)
        below, above = self._bracket(wanted)
        for _ in range(MAX_STEPS):
            if np.all(above - below <= 1.0):
                break
            middle = np.floor(0.5 * (below + above))
            reached = self.cdf(middle) >= wanted
            below, above = np.where(reached, below, middle), np.where(reached, middle, above)
        return above

    def _bracket(self, wanted: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return x1 and x2, with F(x1) < u <= F(x2), in doubling distances from the center."""
        low, high = self._support
        start = self._center
        below, above = np.full(wanted.shape, start), np.full(wanted.shape, start)
        step = 1.0
        while step <= 4.0 * MAX_VALUE:
            too_high = (self.cdf(below) >= wanted) & (below >= low)
            too_low = (self.cdf(above) < wanted) & (above < high)
            if not np.any(too_high | too_low):
                break
            below = np.where(too_high, np.maximum(below - step, low - 1.0), below)
            above = np.where(too_low, np.minimum(above + step, high), above)
            step *= 2.0
        return below, above


@final
class Summed(_Truncated):
    """A distribution with p only: F is linear inside of blocks of values."""

    def __init__(self, distribution: Any) -> None:
        super().__init__(distribution)
        low, high = self._support
        ends = _block_ends(low, high, self._center)
        #: Edges of the blocks: block i holds the values in (edges[i], edges[i + 1]].
        self._edges = np.concatenate([[low - 1.0], ends])
        mass = self._block_masses()
        self._F = np.concatenate([[0.0], np.minimum(np.cumsum(mass) / mass.sum(), 1.0)])

    def _block_masses(self) -> FloatArray:
        first, last = self._edges[:-1] + 1.0, self._edges[1:]
        with np.errstate(all="ignore"):
            mass = self.pmf(first)
            wide = np.flatnonzero(last > first)
            first, last = first[wide], last[wide]
            inner = 4.0 * self.pmf(np.floor(0.5 * (first + last))) + self.pmf(last)
            mass[wide] = (last - first + 1.0) * (mass[wide] + inner) / 6.0
        return np.nan_to_num(np.maximum(mass, 0.0))

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

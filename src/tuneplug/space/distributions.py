"""Distributions as parameters, as ``RandomizedSearchCV`` accepts them.

``uniform``, ``loguniform`` and ``randint`` are converted to ranges with the same scaling.  Any
other frozen distribution defines its own scale: with cumulative distribution function F and
quantile function Q, a value x is at u = F(x), and u maps to Q(u).  A uniform u then samples the
distribution exactly, and a model-guided strategy searches its quantiles.  This module recognizes
distributions by their methods, and does not import scipy.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, final

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.space.categorical import Categorical, is_categories
from tuneplug.space.parameters import (
    Condition,
    Float,
    Int,
    Parameter,
    ScalingRecord,
    is_real,
    outside,
)

__all__ = ["Quantiles", "as_parameter"]

#: Share of u at each infinite end of a quantile function that models do not search.
OPEN_END = 0.001
#: Smallest distance of u to an infinite end in random samples.
TINY = 2.0**-53
#: Probability at each end of a discrete distribution that is ignored in the size of a space.
RARE = 1e-11
#: Number and seed of the draws that replace a distribution that has only ``rvs``.
EMPIRICAL_DRAWS = 1024
EMPIRICAL_SEED = 0
#: Number of draws that become categories if they are not numbers.
EMPIRICAL_CATEGORIES = 128


class _Empirical:
    """Empirical quantile and distribution functions of draws."""

    def __init__(self, draws: Sequence[float]) -> None:
        self._draws = np.sort(np.asarray(draws, dtype=np.float64))
        self.whole = all(isinstance(draw, (int, np.integer)) for draw in draws)

    def support(self) -> tuple[float, float]:
        return float(self._draws[0]), float(self._draws[-1])

    def ppf(self, u: FloatArray) -> FloatArray:
        if self.whole:
            return np.asarray(np.quantile(self._draws, u, method="inverted_cdf"))
        return np.asarray(np.quantile(self._draws, u))

    def cdf(self, x: FloatArray) -> FloatArray:
        if self.whole:
            return np.searchsorted(self._draws, x, side="right") / len(self._draws)
        return np.interp(x, self._draws, np.linspace(0.0, 1.0, len(self._draws)))


@final
@dataclass(frozen=True, eq=False)
class Quantiles(Parameter):
    """A parameter on the quantile scale of a distribution with ``ppf``, ``cdf`` and ``support``.

    Parameters
    ----------
    distribution : frozen scipy distribution
        Values of a discrete distribution, which has a ``pmf``, are Python ints.
    label : str
        Name of the scaling in ``explain_scaling()``.
    reason : str
        Reason for the scaling in ``explain_scaling()``.
    when : mapping of str to list, optional
        Condition: names of other parameters, with the values that activate this one.
    """

    distribution: Any
    label: str
    reason: str
    when: Condition | None = field(default=None)

    def errors(self) -> list[str]:
        low, high = self._support
        if math.isnan(low) or math.isnan(high):
            return [f"the distribution has no support: its parameters are invalid ({self.label})"]
        if self._discrete and not self._draws_whole_numbers:
            return [f"a discrete distribution must draw whole numbers, but {self.label} does not"]
        return []

    @property
    def _draws_whole_numbers(self) -> bool:
        table = getattr(getattr(self.distribution, "dist", self.distribution), "xk", ())
        known = [end for end in self._support if math.isfinite(end)] + list(table)
        return all(float(value).is_integer() for value in known)

    @cached_property
    def _support(self) -> tuple[float, float]:
        low, high = self.distribution.support()
        return float(low), float(high)

    @property
    def _discrete(self) -> bool:
        return hasattr(self.distribution, "pmf") or getattr(self.distribution, "whole", False)

    @property
    def distinct(self) -> bool:
        return self._discrete or self.size == 1

    def explain(self, name: str) -> ScalingRecord:
        return ScalingRecord(
            parameter=name, scaling=self.label, chosen_by="user", reason=self.reason, advice=""
        )

    @cached_property
    def unit_bounds(self) -> tuple[float, float]:
        low, high = self._support
        return (
            0.0 if math.isfinite(low) else OPEN_END,
            1.0 if math.isfinite(high) else 1.0 - OPEN_END,
        )

    @cached_property
    def size(self) -> float:
        low, high = self._support
        if low == high:
            return 1
        if not self._discrete:
            return math.inf
        first, last = self._likely
        return last - first + 1

    @cached_property
    def _likely(self) -> tuple[float, float]:
        """Range of a discrete distribution without values of negligible probability."""
        first, last = self._quantile(np.array([RARE, 1.0 - RARE]))
        return float(first), float(last)

    def _quantile(self, u: FloatArray) -> FloatArray:
        low, high = self._support
        inside = np.clip(
            u, 0.0 if math.isfinite(low) else TINY, 1.0 if math.isfinite(high) else 1.0 - TINY
        )
        # In scipy, ppf(0) of a discrete distribution is one below its support.
        return np.clip(np.asarray(self.distribution.ppf(inside), dtype=np.float64), low, high)

    def _at(self, x: FloatArray) -> FloatArray:
        upper = np.asarray(self.distribution.cdf(x), dtype=np.float64)
        if self._discrete:
            upper = 0.5 * (upper + np.asarray(self.distribution.cdf(x - 1.0), dtype=np.float64))
        return np.clip(upper, 0.0, 1.0)

    def to_unit(self, values: Sequence[Any]) -> FloatArray:
        low, high = self._support
        for value in values:
            inside = is_real(value) and low <= value <= high
            if not inside or (self._discrete and not float(value).is_integer()):
                raise outside(value, low, high)
        return self._at(np.asarray(values, dtype=np.float64))

    def from_unit(self, u: FloatArray) -> list[Any]:
        x = self._quantile(np.asarray(u, dtype=np.float64))
        return [int(value) for value in x] if self._discrete else [float(value) for value in x]

    def snap(self, u: FloatArray) -> FloatArray:
        return self._at(self._quantile(u)) if self._discrete else np.clip(u, 0.0, 1.0)

    def points(self) -> FloatArray:
        first, last = self._likely
        return np.unique(self._at(np.arange(first, last + 1.0)))

    def same_as(self, other: Parameter) -> bool:
        return isinstance(other, Quantiles) and self.distribution is other.distribution


def as_parameter(declared: Any) -> Parameter:
    """Convert a declaration in a search space to a parameter.

    Raises
    ------
    ValueError
        If it is neither a parameter, nor a list of categories, nor a distribution.
    """
    if isinstance(declared, Parameter):
        return declared
    if hasattr(declared, "rvs"):
        return _from_distribution(declared)
    if not is_categories(declared):
        raise ValueError(
            "a parameter must be a Float, Int or Categorical, a list of categories or a "
            f"distribution, but got {declared!r}"
        )
    return Categorical(declared)


def _from_distribution(distribution: Any) -> Parameter:
    if not (hasattr(distribution, "ppf") and hasattr(distribution, "cdf")):
        return _from_draws(distribution)
    name = getattr(getattr(distribution, "dist", None), "name", type(distribution).__name__)
    label = f"quantile({name})"
    reason = f"declared by a {name} distribution: searched in its quantiles"
    quantiles = Quantiles(distribution, label, reason)
    try:
        low, high = quantiles._support
    except TypeError as error:  # an unfrozen scipy distribution
        raise ValueError(f"a distribution must be given its parameters, but {error}") from None
    if math.isnan(low) or math.isnan(high):
        return quantiles
    if name == "randint":
        return Int(int(low), int(high), "linear")
    if name == "uniform":
        return Float(low, high, "linear")
    # A shifted loguniform has no log scale: its median is not the geometric mean of its ends.
    if name in ("loguniform", "reciprocal") and low > 0:
        median = float(distribution.ppf(0.5))
        if math.isclose(median, math.sqrt(low) * math.sqrt(high), rel_tol=1e-9):
            return Float(low, high, "log")
    return quantiles


def _from_draws(distribution: Any) -> Parameter:
    rng = np.random.RandomState(EMPIRICAL_SEED)
    draws = [distribution.rvs(random_state=rng) for _ in range(EMPIRICAL_DRAWS)]
    kind = type(distribution).__name__
    if all(map(is_real, draws)):
        reason = (
            f"{kind} has only rvs: searched in the empirical quantiles of {EMPIRICAL_DRAWS} draws"
        )
        return Quantiles(_Empirical(draws), f"empirical({kind})", reason)
    plain = [draw.item() if isinstance(draw, np.generic) else draw for draw in draws]
    categories = plain[:EMPIRICAL_CATEGORIES]
    warnings.warn(
        f"{kind} has only rvs, and does not draw numbers: its first {len(categories)} draws "
        "are used as categories",
        UserWarning,
        stacklevel=2,
    )
    return Categorical(categories)

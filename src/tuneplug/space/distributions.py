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
from numbers import Integral
from typing import Any, final

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.space.categorical import Categorical, is_categories
from tuneplug.space.discrete import RARE, bounded
from tuneplug.space.identity import COPIED
from tuneplug.space.parameters import (
    Condition,
    Float,
    Int,
    Parameter,
    ScalingRecord,
    is_finite,
    is_real,
    outside,
)
from tuneplug.space.scaling import scaling_of_prior

__all__ = ["Quantiles", "as_parameter"]

#: Share of u at each infinite end of a quantile function that models do not search.
OPEN_END = 0.001
#: Smallest distance of u to an end that a continuous distribution never draws.
TINY = 2.0**-53
#: Number of bisections for the largest u with a finite quantile.
N_BISECTIONS = 60
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
        if not np.isfinite(self._quantile(np.array([OPEN_END, 0.5, 1.0 - OPEN_END]))).all():
            return [f"the quantiles of a distribution must be numbers, but {self.label} has none"]
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
    def _bounded(self) -> Any:
        return bounded(self.distribution) if self._discrete else self.distribution

    @cached_property
    def unit_bounds(self) -> tuple[float, float]:
        low, high = self._drawn
        return (
            0.0 if low == 0.0 else max(low, OPEN_END),
            1.0 if high == 1.0 else min(high, 1.0 - OPEN_END),
        )

    @cached_property
    def _drawn(self) -> tuple[float, float]:
        """Part of the unit interval whose quantiles are finite and not next to impossible."""
        low, high = self._support
        if self._discrete:
            first, last = math.isfinite(low), math.isfinite(high)
            first = first and float(self._bounded.cdf(low)) >= RARE
            last = last and 1.0 - float(self._bounded.cdf(high - 1.0)) >= RARE
            return (0.0 if first else RARE, 1.0 if last else 1.0 - RARE)
        return (
            0.0 if self._draws_near(low) else self._finite(TINY),
            1.0 if self._draws_near(high) else self._finite(1.0 - TINY),
        )

    def _draws_near(self, end: float) -> bool:
        """Return whether an end of a continuous distribution is finite and has a density."""
        pdf = getattr(self.distribution, "pdf", None)
        if not math.isfinite(end) or pdf is None:
            return math.isfinite(end)
        with np.errstate(all="ignore"):
            return float(pdf(end)) != 0.0

    def _finite(self, u: float) -> float:
        """Return the u closest to an end of the unit interval that has a finite quantile."""
        inside, outside_ = 0.5, u
        if math.isfinite(float(self.distribution.ppf(u))):
            return u
        for _ in range(N_BISECTIONS):
            middle = 0.5 * (inside + outside_)
            if math.isfinite(float(self.distribution.ppf(middle))):
                inside = middle
            else:
                outside_ = middle
        return inside

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
        with np.errstate(all="ignore"):
            x = np.asarray(self._bounded.ppf(np.clip(u, *self._drawn)), dtype=np.float64)
        # In scipy, ppf(0) of a discrete distribution is one below its support.
        return np.clip(x, *self._support)

    def _cdf(self, x: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            return np.asarray(self._bounded.cdf(x), dtype=np.float64)

    def _at(self, x: FloatArray) -> FloatArray:
        u = 0.5 * (self._cdf(x) + self._cdf(x - 1.0)) if self._discrete else self._cdf(x)
        return np.clip(u, 0.0, 1.0)

    def contains(self, value: Any) -> bool:
        low, high = self._support
        if not (is_real(value) and low <= value <= high and is_finite(value)):
            return False
        return not self._discrete or float(value).is_integer()

    def to_unit(self, values: Sequence[Any]) -> FloatArray:
        for value in values:
            if not self.contains(value):
                raise outside(value, *self._support)
        return self._at(np.asarray(values, dtype=np.float64))

    def from_unit(self, u: FloatArray) -> list[Any]:
        x = self._quantile(np.asarray(u, dtype=np.float64))
        return [int(value) for value in x] if self._discrete else [float(value) for value in x]

    def snap(self, u: FloatArray) -> FloatArray:
        return self._at(self._quantile(u)) if self._discrete else np.clip(u, *self._drawn)

    def points(self) -> FloatArray:
        first, last = self._likely
        return np.unique(self._at(np.arange(first, last + 1.0)))

    def weights(self, points: FloatArray) -> FloatArray:
        if not self._discrete:
            return super().weights(points)
        x = self._quantile(points)
        return np.maximum(self._cdf(x) - self._cdf(x - 1.0), 0.0)

    def same_as(self, other: Parameter) -> bool:
        if not isinstance(other, Quantiles):
            return False
        return COPIED.key(_declared(self.distribution)) == COPIED.key(_declared(other.distribution))


def _declared(distribution: Any) -> Any:
    """Return what a frozen distribution of scipy was declared with; any other is returned."""
    dist = getattr(distribution, "dist", None)
    if not (hasattr(distribution, "args") and hasattr(distribution, "kwds")) or dist is None:
        return distribution
    table = [getattr(dist, name, None) for name in ("xk", "pk")]
    return type(dist), dist.name, distribution.args, distribution.kwds, table


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
            f"distribution, but got {declared!r}: declare, for example, Float(0, 1), Int(1, 9) or "
            "['a', 'b']"
        )
    if (range_ := _range_with_prior(declared)) is not None:
        raise ValueError(
            f"a range must be a Float or Int, but got the tuple {declared!r}: declare {range_}, or "
            "a list if these are categories"
        )
    return Categorical(declared)


def _range_with_prior(declared: Any) -> str | None:
    """Return what a tuple of two numbers and a prior's name means, as scikit-optimize has it."""
    if not isinstance(declared, tuple) or len(declared) not in (3, 4):
        return None
    low, high, prior = declared[:3]
    if not (is_real(low) and is_real(high) and isinstance(prior, str)):
        return None
    scaling = scaling_of_prior(prior)
    if scaling is None or not all(map(is_real, declared[3:])):
        return None
    whole = isinstance(low, Integral) and isinstance(high, Integral)
    ends = ", ".join(repr(v.item() if isinstance(v, np.generic) else v) for v in (low, high))
    return f"{'Int' if whole else 'Float'}({ends}, {scaling!r})".replace("'", '"')


def _from_distribution(distribution: Any) -> Parameter:
    if not (hasattr(distribution, "ppf") and hasattr(distribution, "cdf")):
        return _from_draws(distribution)
    name = getattr(getattr(distribution, "dist", None), "name", type(distribution).__name__)
    label = f"quantile({name})"
    reason = f"declared by a {name} distribution: searched in its quantiles"
    quantiles = Quantiles(distribution, label, reason)
    try:
        low, high = quantiles._support
    except TypeError:  # an unfrozen scipy distribution
        name = getattr(distribution, "name", name)
        shapes = getattr(distribution, "shapes", None) or "its parameters"
        values = ", ".join(f"{shape.strip()}=..." for shape in shapes.split(","))
        raise ValueError(
            f"a distribution must be given its parameters, but {name} got none of {shapes}: "
            f"declare scipy.stats.{name}({values})"
        ) from None
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

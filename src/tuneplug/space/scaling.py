"""Scalings map a numeric range to the unit interval; the Auto rule selects one.

Notation: x is a value in the user's units, t = f(x) the transformed value, and

    u = (f(x) - f(low)) / (f(high) - f(low))        in [0, 1].

A scaling acts from the first trial on.  The warp that the Bayesian strategy learns is applied to u.
The names and rules are those of Amazon SageMaker Automatic Model Tuning (``ScalingType``).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np
from numpy.typing import ArrayLike

from tuneplug._typing import FloatArray
from tuneplug.errors import did_you_mean

__all__ = [
    "Linear",
    "Log",
    "ReverseLog",
    "Scaling",
    "ScalingChoice",
    "choose_scaling",
    "resolve_scaling",
    "scaling_of_prior",
]


#: Smallest ratio of the ends of a range for which Auto selects a logarithmic scale.
AUTO_RATIO = 100.0
#: If both logarithmic scales qualify, one ratio must be this factor larger than the other.
AUTO_LEAD = 10.0
#: (1 - 0.9) / (1 - 0.999) is 99.99999999999991 in floating point and must count as 100.
AUTO_TOLERANCE = 1e-9


class Scaling(ABC):
    """A strictly increasing function f that maps a range to the unit interval.

    A subclass defines ``name``, ``forward`` (f) and ``inverse``.  If f is not defined for all real
    numbers, it also defines ``error``.  All functions take and return float arrays of equal shape.
    """

    name: ClassVar[str]

    @abstractmethod
    def forward(self, x: FloatArray) -> FloatArray:
        """Return f(x)."""

    @abstractmethod
    def inverse(self, t: FloatArray) -> FloatArray:
        """Return the x for which f(x) = t."""

    def error(self, low: float, high: float) -> str | None:
        """Return why this scaling is not defined on [low, high], or None if it is."""
        return None

    @final
    def to_unit(self, x: ArrayLike, low: float, high: float) -> FloatArray:
        """Map values in [low, high] to u in [0, 1]; both ends map exactly."""
        x = np.asarray(x, dtype=np.float64)
        start, stop = self.ends(low, high)
        u = (self.forward(np.clip(x, low, high)) - start) / (stop - start)
        u = np.where(x <= low, 0.0, np.where(x >= high, 1.0, u))
        return np.clip(u, 0.0, 1.0)

    @final
    def from_unit(self, u: ArrayLike, low: float, high: float) -> FloatArray:
        """Map u in [0, 1] to values in [low, high]; both ends map exactly."""
        u = np.clip(np.asarray(u, dtype=np.float64), 0.0, 1.0)
        start, stop = self.ends(low, high)
        x = np.clip(self.inverse(start * (1.0 - u) + stop * u), low, high)
        return np.where(u == 0.0, low, np.where(u == 1.0, high, x))

    @final
    def ends(self, low: float, high: float) -> tuple[float, float]:
        """Return f(low) and f(high)."""
        start, stop = self.forward(np.array([low, high], dtype=np.float64))
        return float(start), float(stop)


@final
@dataclass(frozen=True)
class Linear(Scaling):
    """f(x) = x: equal differences have equal length.

    >>> Linear().to_unit([0, 5, 10], 0, 10)
    array([0. , 0.5, 1. ])
    """

    name: ClassVar[str] = "linear"

    def forward(self, x: FloatArray) -> FloatArray:
        return x

    def inverse(self, t: FloatArray) -> FloatArray:
        return t


@final
@dataclass(frozen=True)
class Log(Scaling):
    """f(x) = ln(x) for x > 0: equal factors have equal length.

    >>> Log().from_unit([0, 0.5, 1], 0.01, 100)
    array([1.e-02, 1.e+00, 1.e+02])
    """

    name: ClassVar[str] = "log"

    def forward(self, x: FloatArray) -> FloatArray:
        return np.log(x)

    def inverse(self, t: FloatArray) -> FloatArray:
        return np.exp(t)

    def error(self, low: float, high: float) -> str | None:
        if low > 0:
            return None
        small = "use a small positive low such as 1e-8 (1 for an Int)"
        cure = small if low == 0 else "use a linear scaling"
        return f"log scaling needs `low > 0`, but got low={low!r}, high={high!r}: {cure}"


@final
@dataclass(frozen=True)
class ReverseLog(Scaling):
    """f(x) = -ln(1 - x) on [0, 1): for momentum-like ranges such as 0.9, 0.99, 0.999.

    This is ``ReverseLogarithmic`` of SageMaker and Syne Tune.  Vizier uses this name for another
    function, ln(low + high - x), which is defined on any positive range.

    >>> ReverseLog().from_unit([0, 0.5, 1], 0.9, 0.999).round(3)
    array([0.9  , 0.99 , 0.999])
    """

    name: ClassVar[str] = "reverse_log"

    def forward(self, x: FloatArray) -> FloatArray:
        return -np.log1p(-x)

    def inverse(self, t: FloatArray) -> FloatArray:
        return -np.expm1(-t)

    def error(self, low: float, high: float) -> str | None:
        if low >= 0 and high < 1:
            return None
        cure = "use a high just below 1 such as 0.9999" if high == 1 else "use a linear scaling"
        return (
            "reverse-log scaling needs `0 <= low` and `high < 1`, "
            f"but got low={low!r}, high={high!r}: {cure}"
        )


#: Names that ``scaling=`` accepts; the capitalized names are SageMaker's.
NAMED: Mapping[str, Scaling] = {
    "linear": Linear(),
    "log": Log(),
    "reverse_log": ReverseLog(),
    "Linear": Linear(),
    "Logarithmic": Log(),
    "ReverseLogarithmic": ReverseLog(),
}
AUTO_NAMES = ("auto", "Auto")
#: Scalings by the names of priors in other packages.
PRIORS: Mapping[str, str] = {
    "uniform": "linear",
    "linear": "linear",
    "log-uniform": "log",
    "loguniform": "log",
    "log": "log",
    "logarithmic": "log",
    "reverse-log": "reverse_log",
    "auto": "auto",
}


@dataclass(frozen=True)
class ScalingChoice:
    """Scaling of a range, and the reason for it.

    Attributes
    ----------
    scaling : Scaling
    chosen_by : {"user", "auto"}
    reason : str
    advice : str
        How to get a logarithmic scale if an end of the range prevents it; otherwise empty.
    log_ratio : float or None
        high / low.  None if undefined.
    reverse_ratio : float or None
        (1 - low) / (1 - high).  None if undefined.
    """

    scaling: Scaling
    chosen_by: Literal["user", "auto"]
    reason: str
    advice: str = ""
    log_ratio: float | None = None
    reverse_ratio: float | None = None


def _at_least(ratio: float | None, bar: float) -> bool:
    return ratio is not None and ratio >= bar * (1.0 - AUTO_TOLERANCE)


def choose_scaling(low: float, high: float, *, integer: bool = False) -> ScalingChoice:
    """Apply the Auto rule to a range.

    - If high / low is at least 100, the scaling is log.
    - If (1 - low) / (1 - high) is at least 100, the scaling is reverse-log; never for integers.
    - If both are, the scaling with the larger ratio is used, provided that its ratio is at least 10
      times the other.  Otherwise the scaling is linear.
    - If neither is, the scaling is linear.

    Ratios are compared with a relative tolerance of 1e-9.  The thresholds are those of tuneplug,
    as SageMaker has not published its thresholds.

    >>> choose_scaling(1e-4, 1.0).scaling.name
    'log'
    >>> choose_scaling(0.9, 0.999).reason
    'auto: (1 - low) / (1 - high) = 100 is at least 100'
    """
    log_ratio = _ratio(high, low) if low > 0 else None
    reversible = not integer and low >= 0 and high < 1
    reverse_ratio = _ratio(1.0 - low, 1.0 - high) if reversible else None
    log, reverse = _at_least(log_ratio, AUTO_RATIO), _at_least(reverse_ratio, AUTO_RATIO)
    by_log, by_reverse = (
        f"high / low = {_g(log_ratio)}",
        f"(1 - low) / (1 - high) = {_g(reverse_ratio)}",
    )
    scaling: Scaling = Linear()
    if log and reverse:
        assert log_ratio is not None
        assert reverse_ratio is not None
        if _at_least(log_ratio, AUTO_LEAD * reverse_ratio):
            scaling, verdict = Log(), f"{by_log} is at least 10 times {by_reverse}"
        elif _at_least(reverse_ratio, AUTO_LEAD * log_ratio):
            scaling, verdict = ReverseLog(), f"{by_reverse} is at least 10 times {by_log}"
        else:
            verdict = f"{by_log} and {by_reverse} are too close to prefer one"
    elif log:
        scaling, verdict = Log(), f"{by_log} is at least 100"
    elif reverse:
        scaling, verdict = ReverseLog(), f"{by_reverse} is at least 100"
    else:
        verdict = "the range spans no factor of 100"
    advice = _advice(low, high, integer) if scaling == Linear() else ""
    return ScalingChoice(scaling, "auto", f"auto: {verdict}", advice, log_ratio, reverse_ratio)


def _ratio(numerator: float, denominator: float) -> float:
    """Return the ratio of two positive numbers; infinity if it overflows."""
    try:
        return float(numerator) / float(denominator)
    except (OverflowError, ZeroDivisionError):
        return math.inf


def _g(ratio: float | None) -> str:
    return "undefined" if ratio is None else f"{ratio:.6g}"


def _advice(low: float, high: float, integer: bool) -> str:
    """Return how to declare the range for a logarithmic scale if an end prevents it."""
    advice = []
    if low == 0 and (not integer or _at_least(float(high), AUTO_RATIO)):
        positive = "1e-8" if high > 1e-4 else f"{high * 1e-4:.0e}"
        small = "low=1" if integer else f"a small positive low such as {positive}"
        advice.append(
            f"low=0 rules out a log scale; if orders of magnitude matter, declare {small}"
        )
    if high == 1 and low >= 0 and not integer:
        advice.append(
            "high=1 rules out a reverse-log scale; if the distance to 1 matters, "
            "declare a high just below 1 such as 0.9999"
        )
    return "; ".join(advice)


def scaling_of_prior(name: str) -> str | None:
    """Return the name of the scaling that other packages call by this name; None if unknown."""
    return PRIORS.get(name.lower().replace("_", "-"))


def resolve_scaling(
    declared: str | Scaling, low: float, high: float, *, integer: bool = False
) -> ScalingChoice:
    """Return the scaling for [low, high] that a user declared, or that the Auto rule selects.

    Raises
    ------
    ValueError
        If the name is unknown, or if the scaling is not defined on the range.
    """
    if isinstance(declared, str) and declared in AUTO_NAMES:
        return choose_scaling(low, high, integer=integer)
    scaling = NAMED.get(declared) if isinstance(declared, str) else declared
    if not isinstance(scaling, Scaling):
        names = ", ".join(map(repr, ["auto", "linear", "log", "reverse_log"]))
        prior = scaling_of_prior(declared) if isinstance(declared, str) else None
        hint = did_you_mean(declared, NAMED) if prior is None else f": did you mean {prior!r}?"
        raise ValueError(
            f"scaling must be one of {names}, SageMaker's spelling of one, or a Scaling, "
            f"but got {declared!r}{hint}"
        )
    if integer and isinstance(scaling, ReverseLog):
        raise ValueError("reverse-log scaling is for Float only: integers are linear or log")
    if error := scaling.error(low, high):
        raise ValueError(error)
    if scaling != Linear():
        _check_increasing(scaling, low, high, integer=integer)
    return ScalingChoice(scaling, "user", f"declared {scaling.name}")


def _check_increasing(scaling: Scaling, low: float, high: float, *, integer: bool) -> None:
    """Raise a ValueError unless the scaling increases from low to high."""
    if integer:  # each value owns the interval of 1/2 on either side
        low, high = low - 0.5, high + 0.5
    with np.errstate(all="ignore"):
        start, stop = scaling.ends(low, high)
    if not (math.isfinite(start) and math.isfinite(stop) and start < stop):
        raise ValueError(
            f"{scaling.name} scaling must increase from low to high"
            f"{' (of an Int: low - 1/2 to high + 1/2)' if integer else ''}, "
            f"but f({low!r}) = {start!r} and f({high!r}) = {stop!r}: use a linear scaling, or "
            "change the range"
        )

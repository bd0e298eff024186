"""Parameter, the base class of all parameters, and the numeric ranges Float and Int.

Notation: a parameter maps values to u in [0, 1] and back.  Each value of a discrete parameter owns
an interval of u, and has one point in this interval.  ``snap`` moves any u to the point of its
interval.

Constructors do not check their arguments.  ``SearchSpace`` calls ``errors`` and reports the errors
of all parameters at once.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from numbers import Integral, Real
from typing import Any, Literal, TypedDict, final

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.space.integer_cells import (
    MAX_EXACT,
    MAX_RESOLVED,
    Cells,
    ExactCells,
    RoundedCells,
)
from tuneplug.space.scaling import Linear, Scaling, ScalingChoice, resolve_scaling

__all__ = [
    "Condition",
    "Float",
    "Int",
    "Parameter",
    "ScalingRecord",
    "is_finite",
    "is_real",
    "outside",
]

#: A scaling that is not linear needs this many floats between the ends of a range.
MIN_RESOLUTION = 1000

#: Condition ``when=``: names of other parameters, with the values that activate the parameter.
Condition = Mapping[str, Sequence[Any]]


class ScalingRecord(TypedDict):
    """One line of ``Study.explain_scaling()``."""

    parameter: str
    scaling: str
    chosen_by: Literal["user", "auto"]
    reason: str
    advice: str


class Parameter(ABC):
    """A hyperparameter: its values, and their points on the unit interval."""

    when: Condition | None

    @property
    def ordered(self) -> bool:
        """Whether the values are ordered as u; False for categories without order."""
        return True

    @property
    def unit_bounds(self) -> tuple[float, float]:
        """Part of the unit interval that a model-guided strategy searches."""
        return (0.0, 1.0)

    @property
    def distinct(self) -> bool:
        """Whether the parameter is discrete, so that conditions can list its values."""
        return True

    def explain(self, name: str) -> ScalingRecord | None:
        """Return the scaling and the reason for it; None if the parameter has no scaling."""
        return None

    @abstractmethod
    def errors(self) -> list[str]:
        """Return a message for each rule that the declaration breaks."""

    @property
    @abstractmethod
    def size(self) -> float:
        """Number of distinct values; ``math.inf`` for a continuous parameter."""

    @abstractmethod
    def to_unit(self, values: Sequence[Any]) -> FloatArray:
        """Map n values to u, shape (n,); raise a ValueError for a value outside."""

    def contains(self, value: Any) -> bool:
        """Return whether the value is one of the parameter."""
        try:
            self.to_unit([value])
        except ValueError:
            return False
        return True

    @abstractmethod
    def from_unit(self, u: FloatArray) -> list[Any]:
        """Map u, shape (n,), to n values."""

    @abstractmethod
    def snap(self, u: FloatArray) -> FloatArray:
        """Move each u to the point of its value; the identity for a continuous parameter."""

    def same_as(self, other: Parameter) -> bool:
        """Return whether two declarations can share a dimension of the unit cube."""
        return self == other

    @abstractmethod
    def points(self) -> FloatArray:
        """Return the points of all values, ascending; for finite parameters only."""

    def weights(self, points: FloatArray) -> FloatArray:
        """Return the probabilities of the values at snapped points, up to a common factor.

        Values count as equally probable unless a distribution says otherwise.
        """
        return np.ones(len(points))

    def levels(self, n: int) -> FloatArray:
        """Return the points of all values, or of at most n evenly spaced ones if there are more."""
        if self.size <= n:
            return self.points()
        return np.unique(self.snap(np.linspace(*self.unit_bounds, n)))


def is_real(value: object) -> bool:
    """Return whether a value is a real number; booleans are not."""
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def _to_builtin(value: Any) -> float:
    """Convert a number to an int if it is an integer, otherwise to the nearest float."""
    return int(value) if _is_integer(value) else float(value)


def is_finite(value: Any) -> bool:
    """Return whether a number is finite as a float."""
    try:
        return math.isfinite(value)
    except (OverflowError, ValueError):  # an int beyond the largest float, a signaling NaN
        return False


def outside(value: object, low: object, high: object) -> ValueError:
    """Return the error for a value outside a range."""
    if isinstance(value, str):
        return ValueError(
            f"values must be numbers in [{low!r}, {high!r}], but got {value!r}: pass a number "
            "without quotes"
        )
    return ValueError(f"values must lie in [{low!r}, {high!r}], but got {value!r}")


class _Range(Parameter):
    """Base class of Float and Int: a range with a scaling."""

    low: float
    high: float
    scaling: str | Scaling

    def errors(self) -> list[str]:
        if errors := self._end_errors():
            return errors
        if self.low > self.high:
            got = f"low={self.low!r}, high={self.high!r}"
            return [f"`low <= high` must hold, but got {got}: exchange them"]
        if self.low == self.high:
            return []
        try:
            self._resolve_scaling()
        except ValueError as error:
            return [str(error)]
        return self._resolution_errors()

    def _resolve_scaling(self) -> ScalingChoice:
        ends = map(_to_builtin, (self.low, self.high))
        return resolve_scaling(self.scaling, *ends, integer=isinstance(self, Int))

    def _resolution_errors(self) -> list[str]:
        """Return the error of a range on whose scale floats cannot tell its values apart."""
        if isinstance(self._scale, Linear):
            return []
        start, stop = self._scale.ends(*self._scaled_ends())
        step = np.spacing(max(abs(start), abs(stop)))
        if stop - start >= MIN_RESOLUTION * step:
            return []
        error = (
            f"{self._scale.name} scaling must tell the values of a range apart, but has only "
            f"{(stop - start) / step:.0f} floats between low={self.low!r} and high={self.high!r}: "
            "use a linear scaling"
        )
        return [error]

    @abstractmethod
    def _scaled_ends(self) -> tuple[float, float]:
        """Return the ends of the scaled axis."""

    @abstractmethod
    def _end_errors(self) -> list[str]: ...

    @cached_property
    def choice(self) -> ScalingChoice:
        """Scaling of the range, and the reason for it."""
        return self._resolve_scaling()

    @property
    def _scale(self) -> Scaling:
        return self.choice.scaling

    def explain(self, name: str) -> ScalingRecord:
        choice = self.choice
        return ScalingRecord(
            parameter=name,
            scaling=choice.scaling.name,
            chosen_by=choice.chosen_by,
            reason=choice.reason,
            advice=choice.advice,
        )


@final
@dataclass(frozen=True)
class Float(_Range):
    """A real number in [low, high], both ends included.

    Parameters
    ----------
    low, high : float
        Ends of the range: real numbers or decimals, of which the nearest floats count.  A parameter
        with equal ends is a constant.
    scaling : str or Scaling, default "auto"
        ``"auto"``, ``"linear"``, ``"log"``, ``"reverse_log"``, or SageMaker's spelling of these.
    when : mapping of str to list, optional
        Condition: names of other parameters, with the values that activate this one.
    """

    low: float
    high: float
    scaling: str | Scaling = "auto"
    when: Condition | None = None

    def _end_errors(self) -> list[str]:
        got = f"got low={self.low!r}, high={self.high!r}"
        if not all(is_real(end) or isinstance(end, Decimal) for end in (self.low, self.high)):
            return [
                f"low and high must be numbers, but {got}: declare a list if these are categories"
            ]
        finite = all(map(is_finite, (self.low, self.high)))
        if not finite or not math.isfinite(self._ends[1] - self._ends[0]):
            error = (
                f"low, high and their distance must be finite, but {got}: for an unbounded range "
                "declare a scipy distribution, for orders of magnitude use a log scaling of a "
                "positive parameter"
            )
            return [error]
        if self.low < self.high and self._ends[0] == self._ends[1]:
            return [f"low and high must differ as floats, but {got}: widen the range"]
        return []

    @cached_property
    def _ends(self) -> tuple[float, float]:
        return float(self.low), float(self.high)

    def _scaled_ends(self) -> tuple[float, float]:
        return self._ends

    @property
    def size(self) -> float:
        return 1 if self.low == self.high else math.inf

    @property
    def distinct(self) -> bool:
        return self.low == self.high

    def contains(self, value: Any) -> bool:
        low, high = self._ends
        return is_real(value) and bool(low <= value <= high or self.low <= value <= self.high)

    def to_unit(self, values: Sequence[Any]) -> FloatArray:
        for value in values:
            if not self.contains(value):
                raise outside(value, self.low, self.high)
        return self._scale.to_unit(values, *self._ends)

    def from_unit(self, u: FloatArray) -> list[Any]:
        if self.low == self.high:
            return [self._ends[0]] * len(u)
        values: list[Any] = self._scale.from_unit(u, *self._ends).tolist()
        return values

    def snap(self, u: FloatArray) -> FloatArray:
        return np.clip(u, 0.0, 1.0)

    def points(self) -> FloatArray:
        assert self.low == self.high, "a continuous range has no list of values"
        return np.array([0.5])


@final
@dataclass(frozen=True)
class Int(_Range):
    """An integer in [low, high], both ends included.

    Value k owns the part of the scaled axis from k - 1/2 to k + 1/2.  This is SageMaker's rule: a
    continuous value in [low - 1/2, high + 1/2] is rounded.  With linear scaling, all values have
    equal probability.  With log scaling, the probability of k is proportional to
    ln((k + 1/2) / (k - 1/2)), which is close to 1/k.

    Beyond 2**53, where floats omit integers, a linear range still has all its values if it has at
    most 2**53 of them.  All other ranges have values spread over the whole range.

    Parameters
    ----------
    low, high : int
        Ends of the range, of any size up to 1.8e308.  A parameter with equal ends is a constant.
    scaling : str or Scaling, default "auto"
        ``"auto"``, ``"linear"``, ``"log"``, or SageMaker's spelling of these.
    when : mapping of str to list, optional
        Condition: names of other parameters, with the values that activate this one.
    """

    low: int
    high: int
    scaling: str | Scaling = "auto"
    when: Condition | None = None

    def _end_errors(self) -> list[str]:
        ends = (self.low, self.high)
        if not all(map(_is_integer, ends)):
            got = f"low={self.low!r}, high={self.high!r}"
            quoted = any(isinstance(end, str) for end in ends)
            cure = "write numbers without quotes" if quoted else "use a Float for real values"
            return [f"low and high must be integers, but got {got}: {cure}"]
        if not all(map(is_finite, ends)):
            return ["low and high must be finite as floats, but one is beyond 1.8e308"]
        if not is_finite(int(self.high) - int(self.low)):
            error = (
                "the distance of low and high must be finite as a float, but is beyond 1.8e308: "
                "declare a narrower range"
            )
            return [error]
        return []

    @cached_property
    def _ends(self) -> tuple[int, int]:
        return int(self.low), int(self.high)

    @property
    def size(self) -> float:
        low, high = self._ends
        return high - low + 1

    def _scaled_ends(self) -> tuple[float, float]:
        low, high = self._ends
        return float(low) - 0.5, float(high) + 0.5

    @cached_property
    def _axis(self) -> Cells | ExactCells | RoundedCells:
        """The cells of the values on the unit interval."""
        low, high = self._ends
        linear, largest = isinstance(self._scale, Linear), max(-low, high)
        if largest <= (MAX_EXACT if linear else MAX_RESOLVED):
            return Cells(self._ends, self._scale)
        return ExactCells(self._ends) if linear else RoundedCells(self._ends, self._scale)

    def contains(self, value: Any) -> bool:
        low, high = self._ends
        return is_real(value) and bool(low <= value <= high) and value == int(value)

    def to_unit(self, values: Sequence[Any]) -> FloatArray:
        for value in values:
            if not self.contains(value):
                raise outside(value, self.low, self.high)
        return self._axis.to_unit(list(map(int, values)))

    def from_unit(self, u: FloatArray) -> list[Any]:
        low, high = self._ends
        return [low] * len(u) if low == high else self._axis.from_unit(u)

    def snap(self, u: FloatArray) -> FloatArray:
        return self._axis.snap(u)

    def points(self) -> FloatArray:
        low, high = self._ends
        return self.to_unit(range(low, high + 1))

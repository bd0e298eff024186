"""Parameters: what a user declares, and how it lies on the unit interval; the numeric ranges.

Notation: a parameter maps values to u in [0, 1] and back.  A discrete parameter owns one interval
of u for each of its values; its values sit at one point inside, and ``snap`` moves any u to the
point of the interval it falls in.

Constructors only store what they are given; ``SearchSpace`` calls ``errors`` and reports all of
them at once.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real
from typing import Any, Literal, TypedDict, final

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.space.scaling import Scaling, ScalingChoice, resolve_scaling

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

#: ``when=``: parameter names, each with the values under which the conditional one is active.
Condition = Mapping[str, Sequence[Any]]


class ScalingRecord(TypedDict):
    """One line of ``Study.explain_scaling()``."""

    parameter: str
    scaling: str
    chosen_by: Literal["user", "auto"]
    reason: str
    advice: str


class Parameter(ABC):
    """One hyperparameter: its values, and their place on the unit interval."""

    when: Condition | None

    @property
    def ordered(self) -> bool:
        """Whether the order of u is an order of the values (else they are mere labels)."""
        return True

    @property
    def unit_bounds(self) -> tuple[float, float]:
        """The part of the unit interval that a model-guided strategy searches."""
        return (0.0, 1.0)

    @property
    def distinct(self) -> bool:
        """Whether the values are set apart, so that a condition can name some of them."""
        return True

    def explain(self, name: str) -> ScalingRecord | None:
        """Return how the values lie on u and who chose that; None where there is no scale."""
        return None

    @abstractmethod
    def errors(self) -> list[str]:
        """Return every rule that the declaration breaks, in words; empty if it is sound."""

    @property
    @abstractmethod
    def size(self) -> float:
        """The number of distinct values, ``math.inf`` for a continuous parameter."""

    @abstractmethod
    def to_unit(self, values: Sequence[Any]) -> FloatArray:
        """Map n values to u, shape (n,).  Raises ValueError for a value outside."""

    @abstractmethod
    def from_unit(self, u: FloatArray) -> list[Any]:
        """Map u, shape (n,), to n values in the user's units."""

    @abstractmethod
    def snap(self, u: FloatArray) -> FloatArray:
        """Move each u to the point at which its value sits; the identity where continuous."""

    def same_as(self, other: Parameter) -> bool:
        """Whether two declarations mean the same dimension of a space."""
        return self == other

    @abstractmethod
    def points(self) -> FloatArray:
        """Return the u of every value, rising; only asked of a finite parameter."""

    def levels(self, n: int) -> FloatArray:
        """Return the u of all values if there are at most n, else of up to n spread evenly."""
        if self.size <= n:
            return self.points()
        return np.unique(self.snap(np.linspace(*self.unit_bounds, n)))


def is_real(value: object) -> bool:
    """Whether a value is a real number; True and False are not."""
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def is_finite(value: Any) -> bool:
    """Whether a number is finite as a float."""
    try:
        return math.isfinite(value)
    except OverflowError:  # an int beyond the largest float
        return False


def outside(value: object, low: object, high: object) -> ValueError:
    """Return the error for a value that is not one of a range."""
    return ValueError(f"values must lie in [{low!r}, {high!r}], but got {value!r}")


class _Range(Parameter):
    """What Float and Int share: two ends and a scaling."""

    low: float
    high: float
    scaling: str | Scaling

    def errors(self) -> list[str]:
        errors = self._end_errors()
        if not errors and self.low > self.high:
            errors.append(f"`low <= high` must hold, but got low={self.low!r}, high={self.high!r}")
        elif not errors and self.low < self.high:
            try:
                resolve_scaling(self.scaling, self.low, self.high, integer=isinstance(self, Int))
            except ValueError as error:
                errors.append(str(error))
        return errors

    @abstractmethod
    def _end_errors(self) -> list[str]: ...

    @cached_property
    def choice(self) -> ScalingChoice:
        """The scaling that the range got, who chose it, and why."""
        return resolve_scaling(self.scaling, self.low, self.high, integer=isinstance(self, Int))

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
        Ends in the user's units; equal ends make a constant.
    scaling : str or Scaling, default "auto"
        ``"auto"``, ``"linear"``, ``"log"``, ``"reverse_log"``, or SageMaker's spelling of these.
    when : mapping of str to list, optional
        Other parameters and the values of theirs under which this one is active.
    """

    low: float
    high: float
    scaling: str | Scaling = "auto"
    when: Condition | None = None

    def _end_errors(self) -> list[str]:
        ends = (self.low, self.high)
        if not all(map(is_real, ends)):
            return [f"low and high must be numbers, but got low={self.low!r}, high={self.high!r}"]
        if not all(map(is_finite, ends)) or not is_finite(self.high - self.low):
            error = (
                f"low, high and their distance must be finite, but got low={self.low!r}, "
                f"high={self.high!r}: for an unbounded range give a scipy distribution"
            )
            return [error]
        return []

    @property
    def size(self) -> float:
        return 1 if self.low == self.high else math.inf

    @property
    def distinct(self) -> bool:
        return self.low == self.high

    def to_unit(self, values: Sequence[Any]) -> FloatArray:
        for value in values:
            if not (is_real(value) and self.low <= value <= self.high):
                raise outside(value, self.low, self.high)
        return self._scale.to_unit(values, float(self.low), float(self.high))

    def from_unit(self, u: FloatArray) -> list[Any]:
        if self.low == self.high:
            return [float(self.low)] * len(u)
        values: list[Any] = self._scale.from_unit(u, float(self.low), float(self.high)).tolist()
        return values

    def snap(self, u: FloatArray) -> FloatArray:
        return np.clip(u, 0.0, 1.0)

    def points(self) -> FloatArray:
        assert self.low == self.high, "a continuous range has no list of values"
        return np.array([0.5])


@final
@dataclass(frozen=True)
class Int(_Range):
    """A whole number in [low, high], both ends included and reachable.

    Value k owns the part of the scaled axis from k - 1/2 to k + 1/2 (Auto's and SageMaker's rule:
    continuous on [low - 1/2, high + 1/2], then rounded).  Under linear scaling every value has
    equal mass; under log scaling the mass of k is ln((k + 1/2) / (k - 1/2)), close to 1/k.

    Parameters
    ----------
    low, high : int
        Ends in the user's units; equal ends make a constant.
    scaling : str or Scaling, default "auto"
        ``"auto"``, ``"linear"``, ``"log"``, or SageMaker's spelling of these.
    when : mapping of str to list, optional
        Other parameters and the values of theirs under which this one is active.
    """

    low: int
    high: int
    scaling: str | Scaling = "auto"
    when: Condition | None = None

    def _end_errors(self) -> list[str]:
        ends = (self.low, self.high)
        if not all(map(_is_integer, ends)):
            return [f"low and high must be integers, but got low={self.low!r}, high={self.high!r}"]
        if not all(map(is_finite, ends)):
            return ["low and high must be finite as floats, but one is beyond 1.8e308"]
        return []

    @property
    def size(self) -> float:
        return int(self.high) - int(self.low) + 1

    def _cells(self) -> tuple[float, float]:
        return float(self.low) - 0.5, float(self.high) + 0.5

    def _whole(self, u: FloatArray) -> FloatArray:
        x = self._scale.from_unit(u, *self._cells())
        return np.clip(np.floor(x + 0.5), float(self.low), float(self.high))

    def to_unit(self, values: Sequence[Any]) -> FloatArray:
        for value in values:
            inside = is_real(value) and self.low <= value <= self.high
            if not (inside and float(value).is_integer()):
                raise outside(value, self.low, self.high)
        return self._scale.to_unit(values, *self._cells())

    def from_unit(self, u: FloatArray) -> list[Any]:
        low, high = int(self.low), int(self.high)
        if low == high:
            return [low] * len(u)
        # Ends beyond 2**53 are given as they are: the float next to them may lie outside.
        ends = {float(low): low, float(high): high}
        return [ends.get(x, int(x)) for x in self._whole(u).tolist()]

    def snap(self, u: FloatArray) -> FloatArray:
        return self._scale.to_unit(self._whole(u), *self._cells())

    def points(self) -> FloatArray:
        return self.to_unit(range(int(self.low), int(self.high) + 1))

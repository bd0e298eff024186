"""Parameters: what a user declares, and how it lies on the unit interval.

Notation: a parameter maps values to u in [0, 1] and back.  A discrete parameter owns one interval
of u for each of its values; its values sit at one point inside, and ``snap`` moves any u to the
point of the interval it falls in.

Constructors only store what they are given; ``SearchSpace`` calls ``faults`` and reports all of
them at once.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral, Real
from typing import Any, Literal, TypedDict, final

import numpy as np

from tuneplug.arrays import FloatArray, IndexArray
from tuneplug.scaling import Scaling, ScalingChoice, resolve_scaling

__all__ = [
    "Categorical",
    "Condition",
    "Float",
    "Int",
    "Parameter",
    "ScalingRecord",
    "is_choices",
    "is_real",
    "outside",
]

#: ``when=``: parameter names, each with the values under which the conditional one is active.
Condition = Mapping[str, Sequence[Any]]


#: Types whose values can be told apart by hashing type and value.
PLAIN = frozenset({bool, int, float, str, bytes, type(None)})


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
    def faults(self) -> list[str]:
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


def _is_finite(value: Any) -> bool:
    """Whether a number is finite as a float."""
    try:
        return math.isfinite(value)
    except OverflowError:  # an int beyond the largest float
        return False


def is_choices(declared: Any) -> bool:
    """Whether a declaration is a list of choices: it has a length and an order."""
    if isinstance(declared, (str, bytes, Mapping, set, frozenset)):
        return False
    try:
        return len(declared) >= 0
    except TypeError:  # no length: a number, a class, an array without dimensions
        return False


def outside(value: object, low: object, high: object) -> ValueError:
    """Return the error for a value that is not one of a range."""
    return ValueError(f"values must lie in [{low!r}, {high!r}], but got {value!r}")


class _Range(Parameter):
    """What Float and Int share: two ends and a scaling."""

    low: float
    high: float
    scaling: str | Scaling

    def faults(self) -> list[str]:
        faults = self._end_faults()
        if not faults and self.low > self.high:
            faults.append(f"`low <= high` must hold, but got low={self.low!r}, high={self.high!r}")
        elif not faults and self.low < self.high:
            try:
                resolve_scaling(self.scaling, self.low, self.high, integer=isinstance(self, Int))
            except ValueError as error:
                faults.append(str(error))
        return faults

    @abstractmethod
    def _end_faults(self) -> list[str]: ...

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

    def _end_faults(self) -> list[str]:
        ends = (self.low, self.high)
        if not all(map(is_real, ends)):
            return [f"low and high must be numbers, but got low={self.low!r}, high={self.high!r}"]
        if not all(map(_is_finite, ends)) or not _is_finite(self.high - self.low):
            fault = (
                f"low, high and their distance must be finite, but got low={self.low!r}, "
                f"high={self.high!r}: for an unbounded range give a scipy distribution"
            )
            return [fault]
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

    def _end_faults(self) -> list[str]:
        ends = (self.low, self.high)
        if not all(map(_is_integer, ends)):
            return [f"low and high must be integers, but got low={self.low!r}, high={self.high!r}"]
        if not all(map(_is_finite, ends)):
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


@final
@dataclass(frozen=True, eq=False)
class Categorical(Parameter):
    """One of several choices; the very object given comes back.

    Parameters
    ----------
    choices : sequence or one-dimensional array
        Any Python objects.  Elements of a NumPy array come back as Python scalars; repeated
        choices count once.
    when : mapping of str to list, optional
        Other parameters and the values of theirs under which this one is active.

    Notes
    -----
    Three or more choices that are all numbers in rising or falling order keep that order for the
    model, which sees them as equally spaced steps; all others are labels with no order.  Only the
    given choices are ever tried.
    """

    choices: Sequence[Any]
    when: Condition | None = field(default=None)

    def faults(self) -> list[str]:
        choices = self.choices
        if not is_choices(choices):
            return [f"choices must be a list, tuple or array, but got {choices!r}"]
        if len(choices) == 0:
            return ["choices must hold at least one value, but got none"]
        return []

    @cached_property
    def values(self) -> list[Any]:
        """The distinct choices, in the order given."""
        given = self.choices
        if isinstance(given, np.ndarray) and given.ndim == 1:
            given = given.tolist()
        distinct: list[Any] = []
        seen: set[tuple[type, Any]] = set()
        for value in given:
            if type(value) in PLAIN and value == value:  # NaN is not, even to itself
                if (key := (type(value), value)) not in seen:
                    seen.add(key)
                    distinct.append(value)
            elif not any(_same(known, value) for known in distinct):
                distinct.append(value)
        return distinct

    @cached_property
    def _plain_positions(self) -> dict[tuple[type, Any], int]:
        pairs = [(type(value), value) for value in self.values]
        return {pair: i for i, pair in enumerate(pairs) if pair[0] in PLAIN}

    def position(self, value: Any) -> int | None:
        """Return the place of a value among the choices, None if it is not one of them."""
        if (
            type(value) in PLAIN
            and (at := self._plain_positions.get((type(value), value))) is not None
        ):
            return at
        return _position(self.values, value)

    @property
    def size(self) -> float:
        return len(self.values)

    @cached_property
    def ordered(self) -> bool:
        numbers = self.values
        if len(numbers) < 3 or not all(is_real(v) and _is_finite(v) for v in numbers):
            return False
        pairs = list(itertools.pairwise(numbers))
        return all(a < b for a, b in pairs) or all(a > b for a, b in pairs)

    def to_unit(self, values: Sequence[Any]) -> FloatArray:
        at = [self.position(value) for value in values]
        if None in at:
            raise ValueError(
                f"values must be among the choices {self.values!r}, "
                f"but got {values[at.index(None)]!r}"
            )
        return (np.array(at, dtype=np.float64) + 0.5) / self.size

    def index(self, u: FloatArray) -> IndexArray:
        """Return the position of the choice that each u falls on."""
        return np.clip(np.floor(u * self.size), 0, self.size - 1).astype(np.intp)

    def from_unit(self, u: FloatArray) -> list[Any]:
        return [self.values[i] for i in self.index(np.asarray(u))]

    def snap(self, u: FloatArray) -> FloatArray:
        return np.asarray((self.index(u) + 0.5) / self.size, dtype=np.float64)

    def points(self) -> FloatArray:
        return np.asarray((np.arange(len(self.values)) + 0.5) / self.size, dtype=np.float64)

    def levels(self, n: int) -> FloatArray:
        return self.points()  # leaving choices out would be a decision of its own

    def holds(self, value: Any) -> bool:
        """Whether the value is one of the choices."""
        return self.position(value) is not None

    def same_as(self, other: Parameter) -> bool:
        if not isinstance(other, Categorical) or self.size != other.size:
            return False
        return all(_same(a, b) for a, b in zip(self.values, other.values, strict=True))


def _same(a: Any, b: Any) -> bool:
    """Whether two choices are one: identical, or equal and of one type (1, 1.0, True differ)."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, float) and math.isnan(a):
        return math.isnan(b)
    try:
        return bool(a == b)
    except (TypeError, ValueError):  # objects that refuse a truth value are told apart by identity
        return False


def _position(values: Sequence[Any], value: Any) -> int | None:
    for i, known in enumerate(values):
        if known is value:
            return i
    for i, known in enumerate(values):
        if _same(known, value):
            return i
    # A number that went through JSON, NumPy or a data frame keeps its value, not its type.
    if is_real(value):
        for i, known in enumerate(values):
            if is_real(known) and known == value:
                return i
    if isinstance(value, np.generic):
        return _position(values, value.item())
    return None

"""Categorical parameters: categories are any Python objects.

Notation: each of n categories owns an n-th of the unit interval, and its point is the middle of it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, final

import numpy as np

from tuneplug._typing import FloatArray, IndexArray
from tuneplug.space.parameters import Condition, Parameter, is_finite, is_real

__all__ = ["Categorical", "is_categories"]

#: Types whose values are compared by a hash of type and value.
PLAIN = frozenset({bool, int, float, str, bytes, type(None)})


def is_categories(declared: Any) -> bool:
    """Return whether a declaration is a list of categories: it has a length and an order."""
    if isinstance(declared, (str, bytes, Mapping, set, frozenset)):
        return False
    try:
        return len(declared) >= 0
    except TypeError:  # no length: a number, a class, an array without dimensions
        return False


@final
@dataclass(frozen=True, eq=False)
class Categorical(Parameter):
    """A parameter whose value is one of several categories.

    Configurations contain the category objects themselves.

    Parameters
    ----------
    choices : sequence or one-dimensional array
        Categories: any Python objects.  Elements of a NumPy array are converted to Python scalars.
        Repeated categories count once.
    when : mapping of str to list, optional
        Condition: names of other parameters, with the values that activate this one.

    Notes
    -----
    Categories are ordered for the model if there are at least three, and all are numbers in
    increasing or decreasing order.  They are then equally spaced.  All other categories have no
    order.  The search tries no values between categories.
    """

    choices: Sequence[Any]
    when: Condition | None = field(default=None)

    def errors(self) -> list[str]:
        choices = self.choices
        if not is_categories(choices):
            return [f"choices must be a list, tuple or array, but got {choices!r}"]
        if len(choices) == 0:
            return ["choices must hold at least one value, but got none"]
        return []

    @cached_property
    def values(self) -> list[Any]:
        """The distinct categories, in the order given."""
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
        """Return the index of a category; None if the value is not a category."""
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
        if len(numbers) < 3 or not all(is_real(v) and is_finite(v) for v in numbers):
            return False
        pairs = list(itertools.pairwise(numbers))
        return all(a < b for a, b in pairs) or all(a > b for a, b in pairs)

    def to_unit(self, values: Sequence[Any]) -> FloatArray:
        at = [self.position(value) for value in values]
        if None in at:
            raise ValueError(
                f"values must be among the categories {self.values!r}, "
                f"but got {values[at.index(None)]!r}"
            )
        return (np.array(at, dtype=np.float64) + 0.5) / self.size

    def index(self, u: FloatArray) -> IndexArray:
        """Return the index of the category that owns each u."""
        return np.clip(np.floor(u * self.size), 0, self.size - 1).astype(np.intp)

    def from_unit(self, u: FloatArray) -> list[Any]:
        return [self.values[i] for i in self.index(np.asarray(u))]

    def snap(self, u: FloatArray) -> FloatArray:
        return np.asarray((self.index(u) + 0.5) / self.size, dtype=np.float64)

    def points(self) -> FloatArray:
        return np.asarray((np.arange(len(self.values)) + 0.5) / self.size, dtype=np.float64)

    def levels(self, n: int) -> FloatArray:
        return self.points()  # categories are never omitted

    def contains(self, value: Any) -> bool:
        """Return whether the value is one of the categories."""
        return self.position(value) is not None

    def same_as(self, other: Parameter) -> bool:
        if not isinstance(other, Categorical) or self.size != other.size:
            return False
        return all(_same(a, b) for a, b in zip(self.values, other.values, strict=True))


def _same(a: Any, b: Any) -> bool:
    """Return whether two categories are identical, or equal and of one type (not 1 and 1.0)."""
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
    except (TypeError, ValueError):  # no truth value: compared by identity
        return False


def _tuples(value: Any) -> Any:
    """Return lists as tuples, also inside of lists and tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value


def _position(values: Sequence[Any], value: Any) -> int | None:
    for i, known in enumerate(values):
        if known is value:
            return i
    for i, known in enumerate(values):
        if _same(known, value):
            return i
    # A list that equals a tuple among the categories is that tuple: JSON has no tuples.
    if isinstance(value, list):
        given = _tuples(value)
        return next((i for i, known in enumerate(values) if _same(_tuples(known), given)), None)
    # A number from JSON, NumPy or a data frame may have another type.
    if is_real(value):
        for i, known in enumerate(values):
            if is_real(known) and known == value:
                return i
    if isinstance(value, np.generic):
        return _position(values, value.item())
    return None

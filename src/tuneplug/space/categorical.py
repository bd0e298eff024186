"""Categorical parameters: one of several choices, any Python objects.

Notation: n choices own one n-th of the unit interval each, and sit in the middle of it.
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

__all__ = ["Categorical", "is_choices"]

#: Types whose values can be told apart by hashing type and value.
PLAIN = frozenset({bool, int, float, str, bytes, type(None)})


def is_choices(declared: Any) -> bool:
    """Whether a declaration is a list of choices: it has a length and an order."""
    if isinstance(declared, (str, bytes, Mapping, set, frozenset)):
        return False
    try:
        return len(declared) >= 0
    except TypeError:  # no length: a number, a class, an array without dimensions
        return False


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

    def errors(self) -> list[str]:
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
        if len(numbers) < 3 or not all(is_real(v) and is_finite(v) for v in numbers):
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

    def contains(self, value: Any) -> bool:
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

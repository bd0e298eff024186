"""Categorical parameters: categories are any Python objects.

Notation: each of n categories owns an n-th of the unit interval, and its point is the middle of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, final

import numpy as np

from tuneplug._typing import FloatArray, IndexArray
from tuneplug.errors import did_you_mean
from tuneplug.space.identity import COPIED, IDENTITIES, PLAIN
from tuneplug.space.parameters import Condition, Parameter, is_finite, is_real

__all__ = ["Categorical", "is_categories"]

#: Number of categories that an error shows.
MAX_SHOWN = 20
#: NumPy's types of numbers with fewer digits than a float.
NARROW = (np.float32, np.float16)


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
        Repeated categories count once.  Two estimators of one class with equal parameters are the
        same category.
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
            got = f"got {choices!r}: declare, for example, Categorical(['a', 'b'])"
            return [f"choices must be a list, tuple or array, but {got}"]
        if len(choices) == 0:
            return [f"choices must hold at least one value, but got {choices!r}: add a value"]
        return [
            f"choices must be values, but got {choice!r}: declare it without the list"
            for choice in choices
            if isinstance(choice, Parameter)
        ]

    def __getstate__(self) -> dict[str, Any]:
        """Drop what is computed: copies of the categories have other identities."""
        return {"choices": self.choices, "when": self.when}

    @cached_property
    def values(self) -> list[Any]:
        """The distinct categories, in the order given."""
        given = self.choices
        if isinstance(given, np.ndarray) and given.ndim == 1:
            given = given.tolist()
        distinct: dict[Hashable, Any] = {}
        for value in given:
            distinct.setdefault(IDENTITIES[0].key(value), value)
        return list(distinct.values())

    @cached_property
    def _positions(self) -> _Positions:
        return _Positions(self.values)

    def position(self, value: Any) -> int | None:
        """Return the index of a category; None if the value is not a category.

        A category is found by identity, by its key, or by the key of a copy: an estimator with
        equal parameters, a list for a tuple (from JSON), a number of another type.
        """
        return self._positions.of(value)

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
            raise ValueError(self._not_among(values[at.index(None)]))
        return (np.array(at, dtype=np.float64) + 0.5) / self.size

    def _not_among(self, value: Any) -> str:
        shown = ", ".join(map(repr, self.values[:MAX_SHOWN]))
        if more := len(self.values[MAX_SHOWN:]):
            shown += f", ... ({more} more)"
        names = [name for name in self.values if isinstance(name, str)]
        hint = did_you_mean(value, names) if isinstance(value, str) else ""
        return f"values must be among the categories [{shown}], but got {value!r}{hint}"

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
        key = COPIED.key
        return all(key(a) == key(b) for a, b in zip(self.values, other.values, strict=True))


@final
class _Positions:
    """Index of each category, by the keys of ``IDENTITIES``; tables are made when needed."""

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values
        self._by_id = {id(value): i for i, value in enumerate(values)}
        self._tables: dict[Hashable, dict[Hashable, int]] = {}

    def of(self, value: Any) -> int | None:
        """Return the index of a category; None if the value is not a category."""
        if type(value) not in PLAIN:
            at = self._by_id.get(id(value))
            if at is not None and self._values[at] is value:
                return at
        for identity in IDENTITIES:
            at = self._table(identity, identity.key).get(identity.key(value))
            if at is not None:
                return at
        return self._rounded(value)

    def _table(self, name: Hashable, key: Callable[[Any], Hashable | None]) -> dict[Hashable, int]:
        if name not in self._tables:
            table: dict[Hashable, int] = {}
            for i, value in enumerate(self._values):
                if (found := key(value)) is not None:
                    table.setdefault(found, i)
            self._tables[name] = table
        return self._tables[name]

    def _rounded(self, value: Any) -> int | None:
        """Return the index of a number that equals the value in single or half precision."""
        for kind in NARROW:
            narrow = type(value) is kind  # if not, only categories of this precision are rounded

            def key(number: Any, kind: Any = kind, narrow: bool = narrow) -> Hashable | None:
                return _round(number, kind) if narrow or type(number) is kind else None

            at = self._table((kind, narrow), key).get(_round(value, kind))
            if at is not None:
                return at
        return None


def _round(number: Any, kind: Any) -> float | None:
    if not is_real(number) or not is_finite(number):
        return None
    with np.errstate(over="ignore"):
        return float(kind(number))

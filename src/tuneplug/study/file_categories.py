"""Recognize categories in values that went through a file, such as a CSV file."""

from __future__ import annotations

import math
from collections import Counter
from numbers import Real
from typing import Any

import numpy as np

from tuneplug.space import Categorical, SearchSpace

__all__ = ["FileCategories"]


class FileCategories:
    """The categories of a space that a file has as text, or that its reader takes for numbers.

    Parameters
    ----------
    space : SearchSpace
    """

    def __init__(self, space: SearchSpace) -> None:
        self._texts, self._numbers = _texts(space), _numbers(space)

    def of(self, name: str, value: Any) -> Any:
        """Return the category that a value of a parameter stands for; others unchanged."""
        if type(value) is str:
            return self._texts.get(name, {}).get(value, value)
        key = _number_key(value)
        return value if key is None else self._numbers.get(name, {}).get(key, value)


def _texts(space: SearchSpace) -> dict[str, dict[str, Any]]:
    """Return the categories that are no texts, by name and text; ambiguous texts are left out."""
    texts: dict[str, dict[str, Any]] = {}
    taken: dict[str, set[str]] = {}
    for subspace in space.subspaces:
        for name, parameter in subspace.items():
            if isinstance(parameter, Categorical):
                counts = Counter(map(str, parameter.values))
                taken.setdefault(name, set()).update(v for v in parameter.values if type(v) is str)
                once = {str(v): v for v in parameter.values if counts[str(v)] == 1}
                texts[name] = texts.get(name, {}) | once
    return {
        name: {text: v for text, v in found.items() if text not in taken[name]}
        for name, found in texts.items()
    }


def _numbers(space: SearchSpace) -> dict[str, dict[tuple[bool, float], str]]:
    """Return the categories that are texts of numbers, by name and number.

    Left out are ambiguous ones, such as those of ``["3", "3.0"]`` or ``["3", 3]``, and names that
    are numeric in another sub-space.
    """
    found: dict[str, list[tuple[tuple[bool, float], Any]]] = {}
    numeric: set[str] = set()
    for subspace in space.subspaces:
        for name, parameter in subspace.items():
            if not isinstance(parameter, Categorical):
                numeric.add(name)
                continue
            known = found.setdefault(name, [])
            for value in parameter.values:
                key = _number_key(_parsed(value) if type(value) is str else value)
                if key is not None and (key, value) not in known:
                    known.append((key, value))
    return {
        name: {k: v for k, v in known if type(v) is str and [key for key, _ in known].count(k) == 1}
        for name, known in found.items()
        if name not in numeric
    }


def _parsed(text: str) -> bool | float | None:
    """Return what a reader of files takes a text for; None for a text."""
    if text in ("True", "False"):
        return text == "True"
    try:
        return float(text)
    except ValueError:
        return None


def _number_key(value: Any) -> tuple[bool, float] | None:
    """Return a key that tells truth values from numbers; None for other values and NaN."""
    truth = isinstance(value, (bool, np.bool_))
    if not truth and not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:  # an integer that no file of numbers has
        return None
    return None if math.isnan(number) else (truth, number)

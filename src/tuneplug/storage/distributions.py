"""Frozen distributions of scipy as JSON values: a name in ``scipy.stats`` and plain arguments."""

from __future__ import annotations

import math
import reprlib
import sys
from typing import Any

import numpy as np

from tuneplug.storage.plain_values import plain_document, plain_value

__all__ = ["distribution_document", "distribution_of"]


def distribution_document(distribution: Any) -> dict[str, Any] | None:
    """Return the JSON values of a frozen distribution; None if it cannot be restored.

    Distributions that scipy has no name for, such as a table of values, cannot.
    """
    name = getattr(getattr(distribution, "dist", None), "name", None)
    if "scipy.stats" not in sys.modules or type(name) is not str:
        return None
    try:
        args, kwds = list(distribution.args), dict(distribution.kwds)
        document = {"name": name, "args": plain_document(args), "kwds": plain_document(kwds)}
        restored = distribution_of(document)
    except (AttributeError, TypeError, ValueError):
        return None
    return document if _same(distribution, restored) else None


def _same(a: Any, b: Any) -> bool:
    """Return whether frozen distributions with equal arguments are of the same family.

    Quantiles are not compared: those of some discrete distributions take minutes.
    """
    return type(a.dist) is type(b.dist) and _support(a) == _support(b)


def _support(distribution: Any) -> tuple[float, float]:
    with np.errstate(all="ignore"):
        low, high = distribution.support()
    return float(low), float(high)


def distribution_of(document: Any) -> Any:
    """Return the frozen distribution of JSON values.

    Raises
    ------
    ValueError
        If they are not those of a distribution of scipy.
    """
    if type(document) is not dict or document.keys() != {"name", "args", "kwds"}:
        raise _invalid(document)
    name, args, kwds = document["name"], plain_value(document["args"]), _kwds(document)
    numbers = [*args, *kwds.values()] if type(args) is list else [None]
    if type(name) is not str or not all(map(_is_number, numbers)):
        raise _invalid(document)
    from scipy import stats

    family = vars(stats).get(name)
    if not isinstance(family, (stats.rv_continuous, stats.rv_discrete)):
        raise _invalid(document)
    try:
        with np.errstate(all="ignore"):
            distribution = family(*args, **kwds)
        sound = not any(map(math.isnan, _support(distribution)))
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(f"{reprlib.repr(document)} is no distribution: {error}") from None
    if not sound:
        raise _invalid(document)
    return distribution


def _kwds(document: dict[str, Any]) -> dict[str, Any]:
    kwds = plain_value(document["kwds"])
    if type(kwds) is not dict or not all(type(name) is str for name in kwds):
        raise _invalid(document)
    return kwds


def _is_number(value: Any) -> bool:
    if type(value) is int:
        return abs(value) < 2**1023
    return isinstance(value, (float, np.number))


def _invalid(document: Any) -> ValueError:
    return ValueError(
        "a distribution must have a name of scipy.stats and valid numbers as arguments, but got "
        f"{reprlib.repr(document)}"
    )

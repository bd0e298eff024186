"""Floating-point errors in the computations of this package."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np

__all__ = ["default_errstate"]

P = ParamSpec("P")
T = TypeVar("T")


def default_errstate(function: Callable[P, T]) -> Callable[P, T]:
    """Decorator: compute with NumPy's default handling of floating-point errors.

    A user who has called ``np.seterr(all="raise")`` means their own computations: here, a
    probability that underflows to 0 is no error.
    """

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
            return function(*args, **kwargs)

    return wrapped

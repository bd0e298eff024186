"""Constraints of a search: what the user's function gets, and what it must return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneplug.trial import as_constraints

__all__ = ["Fold", "check_number", "measure"]


@dataclass(frozen=True)
class Fold:
    """The fold that an estimator was fitted on, as the function ``constraints`` gets it.

    Attributes
    ----------
    number : int
        Number of the fold, from 0.
    train, test : ndarray of int
        Row numbers of the two parts.  With ``resource="n_samples"``, ``train`` has the rows that
        the fit used.
    X_test, y_test : array-like
        The test part.  ``y_test`` is None without ``y``.
    """

    number: int
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    X_test: Any
    y_test: Any


def measure(
    constraints: Callable[[Any, Fold], Any], estimator: Any, fold: Fold
) -> tuple[float, ...]:
    """Return the values of the constraints of a fitted estimator.

    Raises
    ------
    Exception
        Whatever ``constraints`` raises.
    TypeError
        If it does not return a sequence of real numbers.
    ValueError
        If it returns none, or one is not finite.
    """
    found = as_constraints(constraints(estimator, fold))
    if found is None:
        raise TypeError(
            "constraints must return a list with a number for each constraint, which holds if the "
            "number is at most 0, but returned None"
        )
    return found


def check_number(n_first: int | None, values: tuple[float, ...], where: str) -> int:
    """Return the number of constraints; that of the first fold counts for all.

    Raises
    ------
    ValueError
        If another fold has another number of them.
    """
    if n_first is not None and n_first != len(values):
        raise ValueError(
            "constraints must return the same constraints in the same order for every fit, but "
            f"returned {n_first} before and {len(values)} for {where}: return a value for each "
            "constraint, also if it holds"
        )
    return len(values)

"""Hold out a part of the training data for an estimator's early stopping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import TimeSeriesSplit

__all__ = ["TimeOrder", "inner_split"]

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class TimeOrder:
    """Order of the rows by time, according to the splitter.

    Attributes
    ----------
    gap : int
        Number of rows that the splitter leaves out between the training part and the test part.
    """

    gap: int = 0

    @classmethod
    def of(cls, cv: Any, splits: Sequence[tuple[Any, Any]]) -> TimeOrder | None:
        """Return the time order of a splitter; None if it does not order the rows by time.

        ``TimeSeriesSplit`` does.  Other splitters do if they have at least two folds, each test
        part follows its training part, and the training parts grow or move forward in overlapping
        windows.

        Parameters
        ----------
        cv : object
            Splitter, number of folds, or iterable.
        splits : sequence of (train, test)
            Row numbers of its folds.
        """
        gaps = [int(np.min(test)) - int(np.max(train)) - 1 for train, test in splits]
        if min(gaps) < 0 or not (isinstance(cv, TimeSeriesSplit) or _move_forward(splits)):
            return None
        return cls(min(gaps))

    def inner_split(self, rows: Rows, fraction: float) -> tuple[Rows, Rows]:
        """Hold out the last rows of a training part, with the gap before them.

        Parameters
        ----------
        rows : ndarray of int
            Row numbers of the training part.
        fraction : float
            As in ``inner_split``.

        Returns
        -------
        rest, held_out : ndarray of int
            Positions in ``rows``.

        Raises
        ------
        ValueError
            If either would be empty.
        """
        n_held = _n_held(len(rows), fraction)
        held = np.zeros(len(rows), dtype=bool)
        held[np.argsort(rows, kind="stable")[len(rows) - n_held :]] = True
        rest = rows < rows[held].min() - self.gap
        if not rest.any():
            raise _split_error(len(rows), fraction, f" after a gap of {self.gap} rows")
        return np.flatnonzero(rest), np.flatnonzero(held)


def _move_forward(splits: Sequence[tuple[Any, Any]]) -> bool:
    """Whether several training parts each overlap the part before and end later."""
    parts = sorted((np.max(train), np.min(train)) for train, _ in splits)
    return len(parts) > 1 and all(
        end > end_before and start <= end_before and start >= start_before
        for (end_before, start_before), (end, start) in pairwise(parts)
    )


def inner_split(
    n_rows: int,
    fraction: float,
    rng: np.random.Generator,
    *,
    classes: Any = None,
    groups: NDArray[Any] | None = None,
) -> tuple[Rows, Rows]:
    """Hold out a part of a training set for early stopping.

    Parameters
    ----------
    n_rows : int
    fraction : float
        Share of the rows to hold out, in (0, 1); at least one row is held out.
    rng : Generator
    classes : array-like of shape (n_rows,) or None
        If given, the split is stratified.  A class with a single row is not held out.
    groups : ndarray of shape (n_rows,) or None
        If given, a group is held out as a whole.

    Returns
    -------
    rest, held_out : ndarray of int

    Raises
    ------
    ValueError
        If either would be empty.
    """
    n_held = _n_held(n_rows, fraction)
    if groups is not None:
        held = _held_groups(groups, n_held, rng)
    elif classes is not None and np.ndim(classes) == 1:
        held = _held_by_class(np.asarray(classes), fraction, rng)
    else:
        held = np.zeros(n_rows, dtype=bool)
        held[rng.permutation(n_rows)[:n_held]] = True
    if held.all() or not held.any():
        raise _split_error(n_rows, fraction, "" if groups is None else " into whole groups")
    return np.flatnonzero(~held), np.flatnonzero(held)


def _n_held(n_rows: int, fraction: float) -> int:
    return max(1, round(fraction * n_rows))


def _split_error(n_rows: int, fraction: float, detail: str = "") -> ValueError:
    return ValueError(
        "early stopping needs a part of the training data for validation, but "
        f"{n_rows} rows cannot be split with validation_fraction={fraction}{detail}: give more "
        "data, or validation_fraction=None to validate on the test part of each fold"
    )


def _held_groups(groups: NDArray[Any], n_held: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return a mask of whole groups, drawn until at least ``n_held`` rows are held out."""
    held = np.zeros(len(groups), dtype=bool)
    for group in rng.permutation(np.unique(groups)):
        if held.sum() < n_held:
            held |= groups == group
    return held


def _held_by_class(
    classes: NDArray[Any], fraction: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return a mask that holds out the same share of each class, and never all of its rows."""
    held = np.zeros(len(classes), dtype=bool)
    for label in np.unique(classes):
        rows = np.flatnonzero(classes == label)
        share = min(max(1, round(fraction * len(rows))), len(rows) - 1)
        held[rng.permutation(rows)[:share]] = True
    return held

"""Hold out a part of the training data for an estimator's early stopping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneplug_sklearn._compat import check_method_params

__all__ = ["inner_split", "row_weights"]

Rows = NDArray[np.intp]


def inner_split(
    n_rows: int,
    fraction: float,
    rng: np.random.Generator,
    *,
    classes: Any = None,
    groups: NDArray[Any] | None = None,
    in_order: bool = False,
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
    in_order : bool
        Whether the rows are ordered by time.  If True, the last rows are held out.

    Returns
    -------
    rest, held_out : ndarray of int

    Raises
    ------
    ValueError
        If either would be empty.
    """
    n_held = max(1, round(fraction * n_rows))
    if in_order:
        held = np.arange(n_rows) >= n_rows - n_held
    elif groups is not None:
        held = _held_groups(groups, n_held, rng)
    elif classes is not None and np.ndim(classes) == 1:
        held = _held_by_class(np.asarray(classes), fraction, rng)
    else:
        held = np.zeros(n_rows, dtype=bool)
        held[rng.permutation(n_rows)[:n_held]] = True
    if held.all() or not held.any():
        raise ValueError(
            "early stopping needs a part of the training data for validation, but "
            f"{n_rows} rows cannot be split with validation_fraction={fraction}: give more data, "
            "or validation_fraction=None to validate on the test part of each fold"
        )
    return np.flatnonzero(~held), np.flatnonzero(held)


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


def row_weights(params: Mapping[str, Any], X: Any, rows: Rows) -> Any:
    """Return the sample weights of some rows; None if ``params`` has no ``sample_weight``."""
    weight = params.get("sample_weight")
    if weight is None:
        return None
    return check_method_params(X, params={"sample_weight": weight}, indices=rows)["sample_weight"]

"""Checks of arguments that scikit-learn accepts at first, or whose errors it does not explain."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from inspect import isclass, isroutine
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import get_scorer_names

from tuneplug.plugins import did_you_mean
from tuneplug_sklearn._compat import InvalidParameterError, n_samples

if TYPE_CHECKING:
    from tuneplug_sklearn.search import WarpedBayesSearchCV

__all__ = ["check_folds", "check_no_flags", "check_scoring", "check_splitter", "check_weights"]

FOLD = "each fold of cv must be a pair (train, test) of row numbers or masks"


def check_no_flags(search: WarpedBayesSearchCV) -> None:
    """Raise ValueError if a number is a bool, which scikit-learn takes for an integer."""
    for name in ("n_iter", "min_resources", "max_resources"):
        value = getattr(search, name)
        if isinstance(value, bool):
            raise ValueError(
                f"{name} must be an integer of at least 1, but got {value}: give a number, such as "
                f"{name}=100"
            )


def check_scoring(scoring: Any) -> None:
    """Check that names in ``scoring`` are known scorers, and callables no metrics of scikit-learn.

    Raises
    ------
    InvalidParameterError
        If some names are unknown; the message lists them with the most similar names.
    ValueError
        If a callable is a metric, which is not called with an estimator.
    """
    names = list(scoring.values()) if isinstance(scoring, Mapping) else scoring
    names = names if isinstance(names, (list, tuple, set)) else [names]
    for given in names:
        if getattr(given, "__module__", "").startswith("sklearn.metrics.") and isroutine(given):
            raise ValueError(
                "scoring must be called with (estimator, X, y), but got the metric "
                f"{given.__name__}, which is called with (y_true, y_pred): pass the name of a "
                f"scorer, or sklearn.metrics.make_scorer({given.__name__})"
            )
    known = get_scorer_names()
    unknown = [name for name in names if isinstance(name, str) and name not in known]
    if not unknown:
        return
    got = "; ".join(f"{name!r}{did_you_mean(name, known)}" for name in unknown)
    raise InvalidParameterError(
        "The 'scoring' parameter of WarpedBayesSearchCV must be a str among "
        f"{known}, a callable, or a list or dict of them. Got {got}"
    )


def check_weights(X: Any, params: Mapping[str, Any]) -> None:
    """Check that weights of samples have one entry per row.

    scikit-learn passes arrays of another length to every fit, which then fails.

    Parameters
    ----------
    X : array-like
    params : mapping
        Arguments of ``fit``, also those of steps: ``clf__sample_weight``.

    Raises
    ------
    ValueError
        If weights have another number of entries; the message lists all of them.
    """
    n_rows = n_samples(X)
    weights = {name: value for name, value in params.items() if name.endswith("sample_weight")}
    lengths = {name: len(value) for name, value in weights.items() if np.ndim(value) > 0}
    if wrong := {name: n for name, n in lengths.items() if n != n_rows}:
        got = ", ".join(f"{n} for {name}" for name, n in wrong.items())
        raise ValueError(
            f"weights must have one entry for each of the {n_rows} rows of X, but got {got}: pass "
            "the weights of all rows, which are split with the folds"
        )


def check_splitter(cv: Any) -> None:
    """Check that ``cv`` is no class, and that a list of folds has pairs.

    Raises
    ------
    TypeError
        If it is a class, or a fold is no pair.
    """
    if isclass(cv):
        raise TypeError(f"cv must be an object, but got {cv!r}: pass an instance, {cv.__name__}()")
    for number, fold in enumerate(cv if isinstance(cv, (list, tuple)) else ()):
        if not isinstance(fold, (list, tuple, np.ndarray)) or len(fold) != 2:
            raise TypeError(
                f"{FOLD}, but fold {number} is {reprlib.repr(fold)}: pass, for example, a number "
                "of folds, or KFold().split(X)"
            )


def check_folds(folds: Sequence[tuple[Any, Any]], n_rows: int) -> None:
    """Check that folds have row numbers or masks of X.

    Raises
    ------
    ValueError
        If one has something else, a row number is not in X, or a mask has another length.
    """
    for number, fold in enumerate(folds):
        for rows in map(np.asarray, fold):
            if (got := _wrong_rows(rows, n_rows)) is not None:
                raise ValueError(
                    f"{FOLD} of the {n_rows} rows of X, but fold {number} has {got}: make the "
                    "folds from the X that fit gets"
                )


def _wrong_rows(rows: NDArray[Any], n_rows: int) -> str | None:
    """Return what is wrong with the rows of a fold; None if they are rows of X."""
    if rows.ndim != 1:
        return reprlib.repr(rows)
    if rows.dtype == bool:
        return None if len(rows) == n_rows else f"a mask of {len(rows)} rows"
    if len(rows) == 0 or rows.dtype.kind not in "iu":
        return None  # scikit-learn says what is wrong with other types
    low, high = rows.min(), rows.max()
    return None if -n_rows <= low <= high < n_rows else f"row numbers from {low} to {high}"

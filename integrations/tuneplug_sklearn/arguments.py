"""Checks of arguments that scikit-learn accepts at first, or whose errors it does not explain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer_names

from tuneplug.plugins import did_you_mean
from tuneplug_sklearn._compat import InvalidParameterError, n_samples

__all__ = ["check_scoring_names", "check_weights"]


def check_scoring_names(scoring: Any) -> None:
    """Check that all names in ``scoring`` are names of scorers of scikit-learn.

    Raises
    ------
    InvalidParameterError
        If some are not; the message lists them with the most similar names.
    """
    names = list(scoring.values()) if isinstance(scoring, Mapping) else scoring
    names = names if isinstance(names, (list, tuple, set)) else [names]
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

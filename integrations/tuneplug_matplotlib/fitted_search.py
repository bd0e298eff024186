"""The attributes of a fitted search: one of tuneplug, of scikit-learn or of its kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneplug import SearchSpace

__all__ = [
    "check_fitted",
    "column_of_trials",
    "feasible_rows",
    "full_rows",
    "metric_of",
    "space_of",
]


def check_fitted(search: Any) -> None:
    """Check that a search has been fitted.

    Raises
    ------
    TypeError
        If it is no search.
    NotFittedError
        If it has no ``cv_results_``.
    """
    if hasattr(search, "cv_results_"):
        return
    if not hasattr(search, "fit"):
        raise TypeError(
            f"search must be a fitted search, but got a {type(search).__name__}: pass a Study to "
            "from_study"
        )
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(search, "cv_results_")


def metric_of(search: Any, metric: str | None, *, missing_ok: bool = False) -> str:
    """Return ``metric``; if None, the only metric, or the one that ``refit`` names."""
    head = "mean_test_"
    names: list[str] = [
        key.removeprefix(head) for key in search.cv_results_ if key.startswith(head)
    ]
    refit = getattr(search, "refit", None)
    if metric is None and len(names) == 1:
        return names[0]
    if metric is None and isinstance(refit, str):
        metric = refit
    if metric is None and missing_ok:
        return ""
    if metric is None:
        raise ValueError(f"metric must be given if refit names none of several: one of {names}")
    if metric not in names:
        raise ValueError(f"metric must be one of {names}, but got {metric!r}")
    return metric


def full_rows(search: Any) -> NDArray[np.int_]:
    """Return the rows of candidates with the full resource; all rows without a resource."""
    results = search.cv_results_
    full = np.ones(len(results["params"]), dtype=bool)
    if getattr(search, "resource", None) is not None and hasattr(search, "study_"):
        amounts = np.asarray(results["n_resources"])
        full = amounts >= min(search.max_resources_, amounts.max())  # more with whole groups
    return np.flatnonzero(full)


def space_of(search: Any) -> SearchSpace:
    """Return the space of a search: that of its study, or what scikit-learn's declares."""
    study = getattr(search, "study_", None)
    if study is not None:
        space: SearchSpace = study.space
        return space
    for name in ("param_distributions", "param_grid"):
        if hasattr(search, name):
            return SearchSpace(getattr(search, name))
    raise ValueError(
        "the search must have a study_, param_distributions or param_grid, "
        f"but got a {type(search).__name__}"
    )


def column_of_trials(search: Any, name: str, rows: NDArray[np.int_]) -> list[str] | None:
    """Return the states or origins of candidates; None if the search does not know them."""
    results, study = search.cv_results_, getattr(search, "study_", None)
    if name in results:
        return [str(results[name][row]) for row in rows]
    if study is None or len(study.trials) != len(results["params"]):
        return None
    trials = [study.trials[row] for row in rows]
    return [t.state.value if name == "trial_state" else t.origin for t in trials]


def feasible_rows(search: Any, rows: NDArray[np.int_]) -> list[bool] | None:
    """Return whether each candidate is feasible; None if the search has no constraints."""
    if "mean_constraint_0" not in search.cv_results_:
        return None
    return [bool(search.cv_results_["feasible"][row]) for row in rows]

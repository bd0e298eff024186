"""Read results from a fitted search for the displays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from tuneplug import SearchSpace, Study
from tuneplug.strategies import BayesianSearch
from tuneplug_sklearn.displays._matplotlib import FloatArray

__all__ = ["Results", "finite", "metric_of", "pair_of", "space_of", "why_no_warps"]


@dataclass(frozen=True)
class Results:
    """Results of a search for one metric; of a search with a resource, those of full candidates.

    Attributes
    ----------
    configurations : list of n dicts
    scores : ndarray of shape (n,)
        Mean test scores, NaN if not finite.
    ranks : ndarray of int of shape (n,)
    fold_scores : ndarray of shape (n, k)
    score_name : str
    """

    configurations: list[dict[str, Any]]
    scores: FloatArray
    ranks: NDArray[np.int_]
    fold_scores: FloatArray
    score_name: str

    @classmethod
    def of(cls, search: Any, metric: str | None) -> Results:
        check_is_fitted(search, "cv_results_")
        results, metric = search.cv_results_, metric_of(search, metric)
        folds = [results[f"split{i}_test_{metric}"] for i in range(search.n_splits_)]
        scoring = getattr(search, "scoring", None)
        full = np.ones(len(results["params"]), dtype=bool)
        if getattr(search, "resource", None) is not None and hasattr(search, "study_"):
            amounts = np.asarray(results["n_resources"])
            full = amounts >= min(search.max_resources_, amounts.max())  # more with whole groups
        return cls(
            configurations=[results["params"][row] for row in np.flatnonzero(full)],
            scores=finite(results[f"mean_test_{metric}"])[full],
            ranks=np.asarray(results[f"rank_test_{metric}"])[full],
            fold_scores=finite(np.stack(folds, axis=1))[full],
            score_name=scoring if metric == "score" and isinstance(scoring, str) else metric,
        )


def metric_of(search: Any, metric: str | None) -> str:
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
    if metric is None:
        raise ValueError(f"metric must be given if refit names none of several: one of {names}")
    if metric not in names:
        raise ValueError(f"metric must be one of {names}, but got {metric!r}")
    return metric


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


def why_no_warps(study: Study) -> str:
    """Return why a study has no learned warps."""
    if not study.space.explain_scaling():
        return "the space has no numeric parameter"
    if not isinstance(study.strategy, BayesianSearch):
        return f"strategy {study.strategy.name!r} learns none; use strategy='bayesian'"
    if not study.strategy.warping:
        return "the strategy has warping=False"
    n_scored = sum(trial.value is not None for trial in study.trials)
    return f"only {n_scored} of {len(study.trials)} candidates have a score; try more"


def pair_of(params: Sequence[str] | None, names: list[str]) -> tuple[str, str]:
    """Return the two parameters to show; ``params`` may be None if the space has two."""
    if params is None and len(names) == 2:
        params = names
    chosen = [] if params is None or isinstance(params, str) else list(params)
    if len(chosen) != 2 or chosen[0] == chosen[1] or not set(chosen) <= set(names):
        raise ValueError(f"params must be two different parameters of {names}, but got {params!r}")
    return chosen[0], chosen[1]


def finite(scores: ArrayLike) -> FloatArray:
    """Return scores with NaN in place of infinite ones."""
    scores = np.asarray(scores, dtype=np.float64)
    return np.where(np.isfinite(scores), scores, np.nan)

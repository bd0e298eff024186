"""Cross-validation of candidates: the folds are made once and shared by all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.utils.parallel import delayed

from tuneplug_sklearn._compat import FitTask, fit_and_score

__all__ = ["Evaluator", "Scores"]

#: Fits that each worker is given in one go, at least: so many cover the wait for the slowest.
FITS_PER_WORKER = 4


class Scores:
    """What the folds of one candidate gave: one scikit-learn result dict a fold."""

    def __init__(self, folds: Sequence[dict[str, Any]]) -> None:
        self.folds = list(folds)

    @property
    def error(self) -> str | None:
        """The traceback of the first fold that failed to fit, None if all were fitted."""
        return next((f["fit_error"] for f in self.folds if f["fit_error"] is not None), None)

    @property
    def names(self) -> list[str]:
        """The metrics that were computed, empty where there is one without a name."""
        first = self.folds[0]["test_scores"]
        return list(first) if isinstance(first, Mapping) else []

    def mean(self, metric: str | None) -> float:
        """Return the mean test score over the folds.

        ``metric`` names it where there are several; None takes the first of several.

        Raises
        ------
        ValueError
            If there is no such metric.
        """
        scores = [fold["test_scores"] for fold in self.folds]
        if self.names:
            name = self.names[0] if metric is None else metric
            if name not in self.names:
                raise ValueError(f"optimize must be one of {self.names}, but got {name!r}")
            scores = [score[name] for score in scores]
        return float(np.mean(scores))


class Evaluator:
    """Fits and scores candidates on all folds.

    Parameters
    ----------
    estimator : estimator
        Cloned for each fit.
    X, y : array-like
    splits : list of (train, test)
        The folds, made once.
    parallel : sklearn.utils.parallel.Parallel
        An entered one; it is reused for every batch.
    task : FitTask
        What scikit-learn's callbacks are told the fits belong to.
    n_candidates : int
        How many are expected in all, for messages.
    options : dict
        Passed on to scikit-learn's ``_fit_and_score``.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        splits: Sequence[tuple[Any, Any]],
        *,
        parallel: Any,
        task: FitTask,
        n_candidates: int,
        options: Mapping[str, Any],
    ) -> None:
        self._estimator, self._X, self._y, self._splits = estimator, X, y, splits
        self._parallel, self._task, self._options = parallel, task, options
        self.n_candidates = n_candidates
        self.results: list[dict[str, Any]] = []
        self.params: list[dict[str, Any]] = []

    @property
    def batch_size(self) -> int:
        """How many candidates to give at once, where they do not depend on each other."""
        wanted = FITS_PER_WORKER * effective_n_jobs(self._parallel.n_jobs)
        return 1 if wanted == FITS_PER_WORKER else -(-wanted // len(self._splits))

    @property
    def any_fitted(self) -> bool:
        """Whether at least one fit of one candidate succeeded."""
        return any(result["fit_error"] is None for result in self.results)

    def __call__(self, candidates: Sequence[dict[str, Any]]) -> list[Scores]:
        """Return the scores of each candidate, in order; ``results`` and ``params`` keep them."""
        n_splits, first = len(self._splits), len(self.params)
        # Made ahead of the parallel loop: not while another thread pickles the search.
        tasks = [
            self._task.child("candidate-split-evaluation", task_id=first * n_splits + i)
            for i in range(len(candidates) * n_splits)
        ]
        out = self._parallel(
            delayed(fit_and_score)(
                clone(self._estimator),
                self._X,
                self._y,
                train=train,
                test=test,
                parameters=params,
                split_progress=(fold, n_splits),
                candidate_progress=(first + k, self.n_candidates),
                caller=self._task.search,
                callback_ctx=tasks[k * n_splits + fold].context,
                **self._options,
            )
            for k, params in enumerate(candidates)
            for fold, (train, test) in enumerate(self._splits)
        )
        self.params += candidates
        self.results += out
        return [Scores(out[k : k + n_splits]) for k in range(0, len(out), n_splits)]

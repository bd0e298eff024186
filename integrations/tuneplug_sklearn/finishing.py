"""What becomes of the results: ``cv_results_``, the best candidate, and its refit.

``search`` is the estimator in each of these functions, which set its fitted attributes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from sklearn.base import clone

from tuneplug import NoCompletedTrialError, TrialState
from tuneplug_sklearn._compat import FitTask, public_scorers
from tuneplug_sklearn.monitored_fit import Watcher, call_fit, in_place_of_fit, last_step, own_params
from tuneplug_sklearn.results import search_results
from tuneplug_sklearn.scheduler import Candidate, Schedule

__all__ = ["conclude", "refit"]

#: What not every fit sets: of an earlier one, it would not belong to the new ``cv_results_``.
OF_THE_LAST_FIT = (
    "best_estimator_",
    "best_index_",
    "best_params_",
    "best_score_",
    "feature_names_in_",
    "refit_time_",
)


def conclude(search: Any, schedule: Schedule, scorers: Any, refit_metric: Any) -> None:
    """Set ``cv_results_`` and ``best_*`` from all results."""
    rows = [candidate for candidate in schedule.candidates if candidate.scored]
    results = search_results(search, rows, with_states=schedule.limits.cut_short)
    for name in OF_THE_LAST_FIT:
        search.__dict__.pop(name, None)
    first = next(r for r in rows[0].results if r is not None)["test_scores"]
    search.multimetric_ = isinstance(first, Mapping)
    if callable(search.scoring) and search.multimetric_:
        search._check_refit_for_multimetric(first)
        refit_metric = search.refit
    search.scorer_ = public_scorers(scorers)
    search.cv_results_ = results
    _check_any_whole(rows)
    if search.refit or not search.multimetric_:
        failed = [candidate.error is not None for candidate in rows]
        search.best_index_ = _best_index(search, refit_metric, results, np.array(failed))
        if not callable(search.refit):
            search.best_score_ = results[f"mean_test_{refit_metric}"][search.best_index_]
        search.best_params_ = results["params"][search.best_index_]


def _best_index(search: Any, metric: Any, results: Mapping[str, Any], failed: Any) -> int:
    """Return the row that is best: whatever ``error_score`` is, no failed one if it can be."""
    if callable(search.refit) or failed.all():
        return int(search._select_best_index(search.refit, metric, results))
    return int(np.where(failed, len(failed) + 1, results[f"rank_test_{metric}"]).argmin())


def refit(
    search: Any,
    X: Any,
    y: Any,
    fit_params: Mapping[str, Any],
    root: FitTask,
    watcher: Watcher | None,
) -> None:
    # Configurations may hold estimators themselves: they are cloned like the estimator.
    search.best_estimator_ = clone(search.estimator).set_params(
        **clone(search.best_params_, safe=False)
    )
    task = root.child("refit-with-best-params", with_data=True)
    with _as_many_rounds(search, watcher, fit_params):
        start = time.time()
        task.fit(search.best_estimator_, X, *([] if y is None else [y]), **fit_params)
        search.refit_time_ = time.time() - start
    if hasattr(search.best_estimator_, "feature_names_in_"):
        search.feature_names_in_ = search.best_estimator_.feature_names_in_
    task.end()


def _as_many_rounds(
    search: Any, watcher: Watcher | None, fit_params: Mapping[str, Any]
) -> AbstractContextManager[None]:
    """Refit with the median of the rounds that early stopping chose, without evaluation data.

    Where it went by evaluation sets of the user's own, those go to the refit as well, and it
    stops early again.  Where it chose none, as under DART, there are as many as without it.
    """
    last = last_step(search.best_estimator_)
    monitor = None if watcher is None else watcher.monitor_of(last)
    own = own_params(search.best_estimator_, fit_params)
    if monitor is None or monitor.has_eval_set(own) or not monitor.has_early_stopping(last, own):
        return nullcontext()
    names = [f"split{fold}_best_round" for fold in range(search.n_splits_)]
    found = [search.cv_results_[n][search.best_index_] for n in names if n in search.cv_results_]
    rounds = np.array(found, dtype=np.float64)
    rounds = rounds[np.isfinite(rounds)]
    n_rounds = max(1, round(float(np.median(rounds)))) if len(rounds) else None

    def fit(X: Any, y: Any = None, **params: Any) -> Any:
        return call_fit(last, X, y, monitor.refit_params(last, params, n_rounds))

    return in_place_of_fit(last, fit)


def _check_any_whole(rows: Sequence[Candidate]) -> None:
    """Check that not every candidate that could be best was stopped."""
    states = Counter(candidate.trial.state for candidate in rows)
    if states[TrialState.STOPPED] and not states[TrialState.COMPLETE]:
        reasons = sorted({str(c.trial.stop_reason) for c in rows} - {"None"})
        raise NoCompletedTrialError(
            f"no candidate came to its end: {states[TrialState.STOPPED]} of {len(rows)} were "
            f"stopped ({', '.join(reasons)}), and what they scored and reported is in study_: "
            "allow a candidate more time, or have fewer folds"
        )

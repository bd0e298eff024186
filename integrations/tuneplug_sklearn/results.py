"""``cv_results_`` from the results of all folds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tuneplug_sklearn._compat import insert_error_scores, warn_or_raise_about_fit_failures
from tuneplug_sklearn.evaluation import blank
from tuneplug_sklearn.scheduler import Candidate

__all__ = ["search_results"]


def search_results(
    search: Any, candidates: Sequence[Candidate], *, with_states: bool
) -> dict[str, Any]:
    """Return ``cv_results_``: scikit-learn's, one row for each candidate.

    Folds that a candidate was stopped before, or in, are NaN, of which nothing is said; the times
    of such a candidate are means over the folds that were fitted.  ``with_states`` adds
    ``trial_state``, ``origin`` and ``stop_reason``.  Where estimators stopped early by
    themselves, ``split0_best_round``, ... are the numbers of rounds they chose.

    Raises
    ------
    ValueError
        If every fit failed.
    """
    counted = [candidate.counted for candidate in candidates]
    there = [result for row in counted for result in row if result is not None]
    warn_or_raise_about_fit_failures(there, search.error_score)
    if callable(search.scoring):
        insert_error_scores(there, search.error_score)
    finished = [result for candidate in candidates for result in candidate.finished]
    out = [blank(there[0]) if result is None else result for result in finished]
    trials = [candidate.trial for candidate in candidates]
    more: dict[str, Any] = {}
    if with_states:
        more = {
            "trial_state": [trial.state.value for trial in trials],
            "origin": [trial.origin for trial in trials],
            "stop_reason": np.array([trial.stop_reason for trial in trials], dtype=object),
        }
    more |= _best_rounds(candidates, search.n_splits_)
    params = [trial.params for trial in trials]
    stopped = np.array([None in candidate.finished for candidate in candidates])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        results: dict[str, Any] = search._format_results(params, search.n_splits_, out, more)
    for warning in said:
        if not _of_stopped_only(warning, results, stopped):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    _mean_times(results, counted, stopped)
    return results


def _best_rounds(candidates: Sequence[Candidate], n_folds: int) -> dict[str, Any]:
    """Return the numbers of rounds that early stopping chose, fold by fold; none if it did not."""
    rounds = np.full((len(candidates), n_folds), np.nan)
    for row, candidate in zip(rounds, candidates, strict=True):
        for fold, result in enumerate(candidate.finished):
            watched = candidate.watched.get(fold)
            if result is not None and watched is not None and watched.n_rounds is not None:
                row[fold] = watched.n_rounds
    if np.isnan(rounds).all():
        return {}
    return {f"split{fold}_best_round": rounds[:, fold] for fold in range(n_folds)}


def _of_stopped_only(warning: Any, results: Mapping[str, Any], stopped: Any) -> bool:
    """Whether scikit-learn warns of NaN scores that only candidates stopped early have."""
    if "non-finite" not in str(warning.message) or not stopped.any():
        return False
    means = [results[key] for key in results if key.startswith(("mean_test_", "mean_train_"))]
    return all(np.isfinite(mean[~stopped]).all() for mean in means)


def _mean_times(results: Mapping[str, Any], counted: Sequence[Any], stopped: Any) -> None:
    for key in ("fit_time", "score_time"):
        for row in np.flatnonzero(stopped).tolist():
            times = [result[key] for result in counted[row] if result is not None]
            results[f"mean_{key}"][row] = np.mean(times)
            results[f"std_{key}"][row] = np.std(times)

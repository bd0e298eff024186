"""Results of a search: ``cv_results_`` and the best candidate."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tuneplug import NoCompletedTrialError, TrialState
from tuneplug.plugins import warn_caller
from tuneplug_sklearn._compat import (
    public_scorers,
    select_best_index,
    warn_or_raise_about_fit_failures,
)
from tuneplug_sklearn.candidate import Candidate
from tuneplug_sklearn.evaluation import nan_result
from tuneplug_sklearn.feasibility import are_feasible, check_any_feasible, constraint_columns
from tuneplug_sklearn.plan import SearchPlan
from tuneplug_sklearn.scheduler import Scheduler

__all__ = ["ResultOptions", "SearchOutcome", "select_best", "summarize"]


@dataclass(frozen=True)
class ResultOptions:
    """Arguments of the search that decide what becomes of its results.

    Attributes
    ----------
    scorers : callable
        Made by scikit-learn from ``scoring``.
    scoring, refit : object
        Arguments of the search.
    refit_metric : str or bool
        Metric that ranks the candidates, as scikit-learn derives it from ``refit``.
    error_score : "raise" or float
    format_results : callable
        scikit-learn's function that makes ``cv_results_`` from the results of all folds.
    constrained : bool
        Whether candidates have constraints.
    """

    scorers: Any
    scoring: Any
    refit: Any
    refit_metric: Any
    error_score: Any
    format_results: Callable[..., dict[str, Any]]
    constrained: bool


@dataclass(frozen=True)
class SearchOutcome:
    """The fitted attributes that follow from the results of all folds.

    Attributes
    ----------
    cv_results : dict
    multimetric : bool
    scorer : callable or dict of callable
    best_index : int or None
        None if no candidate was selected, as without ``refit`` and with several metrics.
    best_params : dict or None
    best_score : float or None
        None also if ``refit`` is a callable.
    """

    cv_results: dict[str, Any]
    multimetric: bool
    scorer: Any
    best_index: int | None = None
    best_params: dict[str, Any] | None = None
    best_score: float | None = None

    @property
    def fitted(self) -> dict[str, Any]:
        """The fitted attributes of the search by name; unknown ones are left out."""
        return {f"{name}_": value for name, value in vars(self).items() if value is not None}

    @property
    def median_rounds(self) -> int | None:
        """Median number of rounds of the best candidate's folds; None without early stopping."""
        names = (name for name in self.cv_results if re.fullmatch(r"split\d+_best_round", name))
        found = [self.cv_results[name][self.best_index] for name in names]
        rounds = np.array(found, dtype=np.float64)
        rounds = rounds[np.isfinite(rounds)]
        return max(1, round(float(np.median(rounds)))) if len(rounds) else None


# ------------------------------------------------------------------ cv_results_


def summarize(scheduler: Scheduler, plan: SearchPlan, options: ResultOptions) -> SearchOutcome:
    """Return the outcome of a search without a best candidate, from the candidates with a score.

    Raises
    ------
    ValueError
        If every fit failed.
    """
    rows = [candidate for candidate in scheduler.candidates if candidate.scored]
    results = _cv_results(rows, plan, options)
    scores = next(result for result in rows[0].results if result is not None)["test_scores"]
    return SearchOutcome(results, isinstance(scores, Mapping), public_scorers(options.scorers))


def _cv_results(
    candidates: Sequence[Candidate], plan: SearchPlan, options: ResultOptions
) -> dict[str, Any]:
    """Return ``cv_results_``: scikit-learn's columns, one row for each candidate.

    Scores of folds that were left out or stopped early are NaN, without a warning.  The times of
    a candidate with such folds are means over the folds that were fitted.
    """
    counted = [candidate.counted for candidate in candidates]
    results = [result for row in counted for result in row if result is not None]
    warn_or_raise_about_fit_failures(results, options.error_score)
    _name_error_scores(results)
    finished = [candidate.finished for candidate in candidates]
    out = [nan_result(results[0]) if r is None else r for row in finished for r in row]
    stopped = np.array([None in row for row in finished])
    params = [plan.params(candidate.trial) for candidate in candidates]
    more = _more_columns(candidates, plan)
    if options.constrained:
        more |= constraint_columns(candidates)
    with np.errstate(invalid="warn", over="warn"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        columns = options.format_results(params, len(plan.splits), out, more)
    for warning in caught:
        if not _is_expected(warning, columns, stopped):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    _set_mean_times(columns, counted, stopped)
    _rank_infinite_last(columns)
    contenders = _contenders(candidates)
    feasible = are_feasible(candidates) if options.constrained else np.ones_like(contenders)
    _rank_in_order(columns, (contenders & feasible, contenders & ~feasible, ~contenders))
    return columns


def _name_error_scores(results: Sequence[dict[str, Any]]) -> None:
    """Give all fits the same metrics: those of a failed fit or scorer, and those that some lack.

    scikit-learn has one ``error_score`` for all of them if ``scoring`` is a function, and fails
    where the function raised or returned other metrics.
    """
    named = [scores for r in results if isinstance(scores := r["test_scores"], Mapping)]
    names = list(dict.fromkeys(name for scores in named for name in scores))
    if not names:
        return
    if lacking := [name for name in names if any(name not in scores for scores in named)]:
        warn_caller(
            f"scoring returned the metrics {lacking} for some of the fits only: the scores of the "
            "others are NaN; return float('nan') for a metric that has no value",
            UserWarning,
        )
    for result in results:
        for key in {"test_scores", "train_scores"} & result.keys():
            given = result[key]
            filled = np.nan if isinstance(given, Mapping) else given
            own = given if isinstance(given, Mapping) else {}
            result[key] = {**dict.fromkeys(names, filled), **own}


def _rank_infinite_last(columns: dict[str, Any]) -> None:
    """Rank infinite mean scores last, as scikit-learn ranks NaN."""
    for key in [key for key in columns if key.startswith("mean_test_")]:
        means = columns[key]
        finite = np.isfinite(means)
        if np.isinf(means).any():
            ranks = np.full(len(means), 1 + finite.sum(), dtype=np.int32)
            ranks[finite] = rankdata(-means[finite], method="min")
            columns[key.replace("mean_", "rank_", 1)] = ranks


def _rank_in_order(columns: dict[str, Any], groups: Sequence[NDArray[np.bool_]]) -> None:
    """Rank candidates of one group before those of the next; NaN is last within each group."""
    if groups[0].all():
        return
    for key in [key for key in columns if key.startswith("rank_test_")]:
        ranks, n_before = columns[key].copy(), 0
        for group in groups:
            if group.any():
                ranks[group] = n_before + rankdata(columns[key][group], method="min")
                n_before += int(group.sum())
        columns[key] = ranks


def _more_columns(candidates: Sequence[Candidate], plan: SearchPlan) -> dict[str, Any]:
    """Return the columns of ``cv_results_`` that scikit-learn does not have.

    These are ``iter`` and ``n_resources`` with a resource, ``trial_state``, ``origin`` and
    ``stop_reason`` if candidates may be stopped, or were before the search was resumed, and
    ``split0_best_round``, ... if estimators stopped early by their own rule.
    """
    trials = [candidate.trial for candidate in candidates]
    columns: dict[str, Any] = {}
    if plan.resources is not None:
        columns |= plan.resources.columns(trials, plan.subsampling)
    was_stopped = any(trial.state is TrialState.STOPPED for trial in trials)
    if plan.limits.may_stop_candidates or was_stopped:
        columns |= {
            "trial_state": [trial.state.value for trial in trials],
            "origin": [trial.origin for trial in trials],
            "stop_reason": np.array([trial.stop_reason for trial in trials], dtype=object),
        }
    rounds = np.array([_best_rounds(candidate) for candidate in candidates])
    if not np.isnan(rounds).all():
        columns |= {f"split{fold}_best_round": column for fold, column in enumerate(rounds.T)}
    return columns


def _best_rounds(candidate: Candidate) -> NDArray[np.float64]:
    """Return the number of rounds that early stopping chose in each fold, shape (F,), or NaN."""
    rounds = np.full(len(candidate.results), np.nan)
    for fold, result in enumerate(candidate.finished):
        record = candidate.records.get(fold)
        if result is not None and record is not None and record.n_rounds is not None:
            rounds[fold] = record.n_rounds
    return rounds


def _is_expected(warning: Any, columns: Mapping[str, Any], stopped: Any) -> bool:
    """Whether scikit-learn warns of NaN scores that only stopped candidates have."""
    if "non-finite" not in str(warning.message) or not stopped.any():
        return False
    means = [columns[key] for key in columns if key.startswith(("mean_test_", "mean_train_"))]
    return all(np.isfinite(mean[~stopped]).all() for mean in means)


def _set_mean_times(columns: Mapping[str, Any], counted: Sequence[Any], stopped: Any) -> None:
    """Set the times of stopped candidates to means over the folds that were fitted."""
    for key in ("fit_time", "score_time"):
        for row in np.flatnonzero(stopped).tolist():
            times = [result[key] for result in counted[row] if result is not None]
            columns[f"mean_{key}"][row] = np.mean(times)
            columns[f"std_{key}"][row] = np.std(times)


# ------------------------------------------------------------------ the best candidate


def select_best(
    outcome: SearchOutcome, scheduler: Scheduler, options: ResultOptions
) -> SearchOutcome:
    """Return the outcome with the best candidate, if ``refit`` asks for one.

    Raises
    ------
    NoCompletedTrialError
        If of the candidates that can be best there are stopped ones, but no complete one, or none
        with a finite score, or none that is feasible.
    """
    scored = [candidate for candidate in scheduler.candidates if candidate.scored]
    chosen = np.flatnonzero(_contenders(scored))
    _check_any_complete([scored[i] for i in chosen])
    if not options.refit and outcome.multimetric:
        return outcome
    custom = callable(options.scoring) and outcome.multimetric
    metric = options.refit if custom else options.refit_metric
    rows, results = _checked_rows(outcome, scored, chosen, options.refit, metric)
    if options.constrained:
        check_any_feasible(rows, chosen.tolist())
        chosen = chosen[are_feasible(rows)]
        rows, results = _checked_rows(outcome, scored, chosen, options.refit, metric)
    failed = np.array([candidate.error is not None for candidate in rows])
    index = _best_index(options.refit, metric, results, failed)
    _warn_if_not_full(rows[0], results)
    score = None if callable(options.refit) else results[f"mean_test_{metric}"][index]
    return replace(
        outcome,
        best_index=int(chosen[index]),
        best_params=results["params"][index],
        best_score=score,
    )


def _checked_rows(
    outcome: SearchOutcome,
    scored: Sequence[Candidate],
    chosen: NDArray[np.intp],
    refit: Any,
    metric: Any,
) -> tuple[list[Candidate], dict[str, Any]]:
    """Return the chosen candidates and their ``cv_results_``; raise if no score is finite."""
    rows, results = [scored[i] for i in chosen], _take(outcome.cv_results, chosen)
    _check_any_finite(results, refit, metric, [candidate.cause for candidate in rows])
    return rows, results


def _contenders(candidates: Sequence[Candidate]) -> NDArray[np.bool_]:
    """Return which candidates can be best: those with the maximum resource.

    A search that ended before a candidate with the maximum resource was complete takes those with
    the highest resource of a complete one, as scikit-learn's halving searches do.
    """
    fidelities = np.array([candidate.trial.fidelity for candidate in candidates])
    if (fidelities < 1.0).all():
        states = [candidate.trial.state for candidate in candidates]
        complete = fidelities[[state is TrialState.COMPLETE for state in states]]
        return np.asarray(fidelities == np.max(complete if len(complete) else fidelities))
    return np.asarray(fidelities == 1.0)


def _warn_if_not_full(best: Candidate, results: Mapping[str, Any]) -> None:
    """Warn if no candidate was tried with the maximum resource."""
    if not best.trial.is_full:
        warn_caller(
            "no candidate was tried with the maximum resource before the search ended: the best "
            f"one is the best of those with n_resources={results['n_resources'][0]}, and its score "
            "may change with more: give the search more time",
            UserWarning,
        )


def _take(results: dict[str, Any], rows: NDArray[np.intp]) -> dict[str, Any]:
    """Return some rows of ``cv_results_``; the object itself if they are all."""
    if len(rows) == len(results["params"]):
        return results
    return {
        name: column[rows] if isinstance(column, np.ndarray) else [column[i] for i in rows]
        for name, column in results.items()
    }


def _best_index(refit: Any, metric: Any, results: Mapping[str, Any], failed: Any) -> int:
    """Return the best row with a finite score.

    A row with a failed fold is the best one only if all such rows have one, whatever
    ``error_score`` is.
    """
    if callable(refit):
        return int(select_best_index(refit, metric, results))
    finite = np.isfinite(results[f"mean_test_{metric}"])
    eligible = finite & ~failed if (finite & ~failed).any() else finite
    return int(np.where(eligible, results[f"rank_test_{metric}"], len(failed) + 1).argmin())


def _check_any_finite(
    results: Mapping[str, Any], refit: Any, metric: Any, errors: Sequence[str | None]
) -> None:
    """Raise if no candidate has a finite mean score; a callable ``refit`` may use any metric."""
    names = [f"mean_test_{metric}"]
    if callable(refit):
        names = [name for name in results if name.startswith("mean_test_")]
    if not any(np.isfinite(results[name]).any() for name in names):
        error = next((error for error in errors if error is not None), None)
        cause = "" if error is None else f" (first error: {error.strip().splitlines()[-1]})"
        raise NoCompletedTrialError(
            f"the best candidate must have a finite mean score, but no candidate has a score: all "
            f"{len(errors)} values of {' and '.join(names)} are NaN or infinite{cause}: "
            "check scoring=, and set error_score='raise' to see errors of fits and scorers"
        )


def _check_any_complete(rows: Sequence[Candidate]) -> None:
    """Raise if some candidates were stopped and none was completed."""
    states = Counter(candidate.trial.state for candidate in rows)
    if states[TrialState.STOPPED] and not states[TrialState.COMPLETE]:
        reasons = sorted({str(c.trial.stop_reason) for c in rows} - {"None"})
        raise NoCompletedTrialError(
            f"no candidate was completed: {states[TrialState.STOPPED]} of {len(rows)} were stopped "
            f"({', '.join(reasons)}); their scores and reports are in study_: "
            "give candidates more time, or use fewer folds"
        )

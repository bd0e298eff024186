"""Candidates of a search: the state of their folds, their scores, and the limits of the search."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneplug import Trial, TrialResult, TrialState
from tuneplug.stopping import CompletionRule, Report, early_stop_variance
from tuneplug.trial import History
from tuneplug_sklearn.evaluation import test_scores
from tuneplug_sklearn.folds import FoldModel
from tuneplug_sklearn.monitored_fit import FitLimits, FitRecord

__all__ = ["Candidate", "Limits", "make_fold_model"]

#: scikit-learn's result of one fold; None until the fold has a result.
FoldResult = dict[str, Any] | None


@dataclass
class Candidate:
    """A trial of the search and the state of its folds.

    Three views of its fold results differ in what they leave out:

    ============  ==============================================================================
    ``results``   every result that has arrived
    ``counted``   those before ``stopped_after``: the score is computed from them
    ``finished``  those counted whose fit was not stopped early: ``cv_results_`` shows them
    ============  ==============================================================================

    Attributes
    ----------
    trial : Trial
    results : list of dict or None
        scikit-learn's result of each fold; None if it has not arrived.
    pending : list of int
        Folds whose fit has not been submitted, in order.
    running : set of int
        Folds whose fit is in flight.
    scores : ndarray of shape (F,) or None
        Test scores of the counted folds, NaN for the others.  None until the trial has ended.
    stopped_after : int or None
        Number of folds that count if racing or a stopping rule ended the candidate.  Results of
        later folds are ignored, even if they arrive.
    records : dict of int to FitRecord
        Record of each monitored fit, by fold.
    constraints : dict of int to tuple of float
        Values of the constraints, by fold.
    score_errors : dict of int to str
        Traceback of the scorer, by fold, if it raised and the score is not finite.
    started : float or None
        Time at which the first fit was submitted, in seconds since the epoch.
    stop_reason : str or None
        Why the candidate was stopped; None if it was not.
    """

    trial: Trial
    results: list[FoldResult]
    pending: list[int]
    running: set[int] = field(default_factory=set)
    scores: NDArray[np.float64] | None = None
    stopped_after: int | None = None
    records: dict[int, FitRecord] = field(default_factory=dict)
    constraints: dict[int, tuple[float, ...]] = field(default_factory=dict)
    score_errors: dict[int, str] = field(default_factory=dict)
    started: float | None = None
    stop_reason: str | None = None

    @classmethod
    def of(cls, trial: Trial, n_folds: int) -> Candidate:
        """Return the candidate of a trial that has just been suggested."""
        return cls(trial, [None] * n_folds, list(range(n_folds)))

    @classmethod
    def restored(cls, trial: Trial, folds: Collection[int], n_folds: int) -> Candidate:
        """Return the candidate of a stored trial, to which the results of folds are to be added.

        Those up to the last of the folds had been submitted, and count as running until ``resume``.
        """
        candidate = cls.of(trial, n_folds)
        if trial.state.ended:
            candidate.pending.clear()
            candidate.started, candidate.stop_reason = trial.started, trial.stop_reason
        else:
            n_submitted = max(folds, default=-1) + 1
            candidate.running.update(range(n_submitted))
            del candidate.pending[:n_submitted]
        return candidate

    def resume(self) -> None:
        """Submit again what was running, unless the trial has ended."""
        if not self.trial.state.ended:
            self.pending = sorted(self.running) + self.pending
        self.running.clear()

    @property
    def counted(self) -> list[FoldResult]:
        """The results that count toward the score; None for other folds."""
        last = self.stopped_after
        return [r if last is None or fold < last else None for fold, r in enumerate(self.results)]

    @property
    def finished(self) -> list[FoldResult]:
        """The counted results whose fit was not stopped early; None for other folds."""
        return [None if self.fit_stop_reason(f) else r for f, r in enumerate(self.counted)]

    @property
    def finished_constraints(self) -> dict[int, tuple[float, ...]]:
        """The constraints of the finished folds, by fold."""
        finished = [fold for fold, result in enumerate(self.finished) if result is not None]
        return {fold: self.constraints[fold] for fold in finished if fold in self.constraints}

    @property
    def mean_constraints(self) -> tuple[float, ...] | None:
        """The constraints, averaged over the finished folds; None if there are none."""
        values = np.array(list(self.finished_constraints.values()), dtype=np.float64)
        # The sum of finite values may be infinite.
        return tuple((values / len(values)).sum(axis=0).tolist()) if len(values) else None

    def fit_stop_reason(self, fold: int) -> str | None:
        """Return why the fit of a fold was stopped early; None if it was not."""
        record = self.records.get(fold)
        return None if record is None else record.stop_reason

    @property
    def scored(self) -> bool:
        """Whether the trial has ended with at least one counted result."""
        return self.scores is not None and any(result is not None for result in self.counted)

    @property
    def error(self) -> str | None:
        """The traceback of the first counted fold whose fit failed; None if none failed."""
        errors = (result["fit_error"] for result in self.counted if result is not None)
        return next((error for error in errors if error is not None), None)

    @property
    def cost(self) -> float | None:
        """Seconds of fits and scores, summed over the folds that have a result.

        None if there is no such fold, or if the time of one is unknown.
        """
        times = [r["fit_time"] + r["score_time"] for r in self.results if r is not None]
        total = float(sum(times))
        return total if times and 0.0 <= total < np.inf else None

    @property
    def cause(self) -> str | None:
        """The traceback of the first fold whose fit or scorer failed; None if none failed."""
        return self.error or next(iter(self.score_errors.values()), None)

    # ------------------------------------------------------------------ decisions and results

    def fit_limits(self, fold: int, deadline: tuple[float, str] | None) -> FitLimits:
        """Return the stop thresholds of a fold, with the deadline of its fit and the reason."""
        thresholds = self.trial.reporter.stop_thresholds.items()
        of_fold = {metric: threshold for (metric, f), threshold in thresholds if f == fold}
        return FitLimits(of_fold, *(deadline or ()))

    def stop_after_decisive_fold(self, metric: str | None, model: FoldModel | None) -> None:
        """Stop the candidate after the first fold that decides it, if there is one.

        A fold is decisive if its fit was stopped early, or if the scores up to it show that the
        candidate cannot win.  Folds are considered in their order, up to the first that has no
        result, so that the decision does not depend on the order in which results arrive.

        Parameters
        ----------
        metric : str or None
            Name of the score, as for ``test_scores``.
        model : FoldModel or None
            If None, there is no racing.
        """
        scores = test_scores(self.results, metric)
        for fold, result in enumerate(self.results):
            if result is None:
                return
            reason = self.fit_stop_reason(fold)
            if not np.isfinite(scores[fold]):
                model = None
            if reason is None and model is not None and fold + 1 < len(scores):
                first = np.where(np.arange(len(scores)) <= fold, scores, np.nan)
                reason = "racing" if model.cannot_win(first) else None
            if reason is not None:
                self.pending.clear()
                self.stopped_after, self.stop_reason = fold + 1, reason
                return

    def result(self, visible: Sequence[Candidate], history: History) -> TrialResult:
        """Return the trial's result from ``scores``.

        The value of a stopped candidate is a prediction of its mean score over all folds.

        Parameters
        ----------
        visible : sequence of Candidate
            Candidates that a prediction may use.
        history : History
            Their trials.
        """
        assert self.scores is not None
        result = self.unscored_result()
        if self.error is not None:
            return replace(result, state=TrialState.FAILED, error=self.error)
        if self.stop_reason is None:
            mean = self.trial.resolve(float(self.scores.mean()))
            error = None if mean.error is None else self.cause or mean.error
            known = self.mean_constraints if mean.state is TrialState.COMPLETE else None
            return replace(
                result, state=mean.state, value=mean.value, error=error, constraints=known
            )
        result = replace(result, constraints=self.mean_constraints)
        if not np.isfinite(self.scores).any():
            return result  # the last report is no substitute: it may be of another metric
        value, variance = make_fold_model(visible, len(self.scores)).predict_mean(self.scores)
        if self.stopped_after is not None and self.fit_stop_reason(self.stopped_after - 1):
            variance += early_stop_variance(result, history, self.trial.fidelity)
        return replace(result, value=value, variance=variance)

    def unscored_result(self) -> TrialResult:
        """Return the result of a stopped trial without a value: reports, reason and start."""
        metric, direction = None, self.trial.direction
        reports: list[Report] = []
        for fold, result in enumerate(self.counted):
            record = self.records.get(fold)
            if result is not None and record is not None and record.failure is None:
                metric, direction = record.metric, record.direction
                reports += record.reports
        return TrialResult(
            TrialState.STOPPED,
            reports=reports,
            metric=metric,
            direction=direction,
            stop_reason=self.stop_reason,
            started=self.started,
            cost=self.cost,
        )


def make_fold_model(candidates: Sequence[Candidate], n_folds: int) -> FoldModel:
    """Estimate fold effects from the better half of the complete candidates, at least three.

    Racing compares with good candidates, and the scores of poor ones vary more.  A candidate must
    beat the best feasible one.
    """
    complete = (c for c in candidates if c.trial.state is TrialState.COMPLETE)
    full = [c for c in complete if c.trial.is_full]
    rows = [c.scores for c in full]
    scores = np.array(rows, dtype=np.float64).reshape(len(rows), n_folds)
    better = np.argsort(-scores.mean(axis=1), kind="stable")[: max(3, -(-len(rows) // 2))]
    feasible = np.array([c.trial.is_feasible for c in full], dtype=bool)
    return FoldModel(scores[better], scores[feasible])


@dataclass(frozen=True)
class Limits:
    """Conditions that end a candidate or the search early.

    Attributes
    ----------
    n_iter : int
        Maximum number of candidates.
    timeout, trial_timeout : float or None
        Time budget of the search and of one candidate, in seconds.
    rules : sequence of CompletionRule
        The search ends when one of them applies.
    racing : bool
        Whether a candidate ends when its first folds show that it cannot win.
    stopping : bool
        Whether a stopping rule ends fits by their reports.
    fail_fast : bool
        Whether the search ends if its first candidates fail in every fold with the same exception.
    """

    n_iter: int
    timeout: float | None = None
    trial_timeout: float | None = None
    rules: Sequence[CompletionRule] = ()
    racing: bool = False
    stopping: bool = False
    fail_fast: bool = True

    @property
    def may_end_early(self) -> bool:
        """Whether there may be fewer fits than candidates times folds."""
        return bool(self.rules) or self.may_stop_candidates

    @property
    def may_stop_candidates(self) -> bool:
        """Whether a candidate may end before all of its folds."""
        return self.racing or self.stopping or self.timed

    @property
    def timed(self) -> bool:
        """Whether the search or a candidate has a time budget."""
        return self.timeout is not None or self.trial_timeout is not None

    @property
    def needs_results(self) -> bool:
        """Whether earlier results decide which fits run, even if no suggestion depends on them."""
        return bool(self.rules) or self.racing or self.stopping

    def deadline(self, search_start: float, trial_start: float) -> tuple[float, str] | None:
        """Return the deadline of a fit and its stop reason; None without a time budget.

        All times are in seconds since the epoch.
        """
        deadlines = []
        if self.timeout is not None:
            deadlines.append((search_start + self.timeout, "timeout"))
        if self.trial_timeout is not None:
            deadlines.append((trial_start + self.trial_timeout, "trial_timeout"))
        return min(deadlines, default=None)

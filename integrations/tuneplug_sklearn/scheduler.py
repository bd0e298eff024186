"""The scheduler of a search: suggests candidates, submits their folds, and finishes their trials.

With a lag, candidate k is suggested from the results of candidates up to k - 1 - lag and from
nothing else; racing and completion rules see the same results.  The candidates then do not depend
on the order in which results arrive.  Without a lag, a candidate is suggested when a worker is
free, from every result that has arrived.
"""

from __future__ import annotations

import reprlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import cloudpickle
import numpy as np

from tuneplug import (
    ConcurrentStudyError,
    NoCompletedTrialError,
    SpaceExhausted,
    Trial,
    TrialResult,
    TrialState,
)
from tuneplug.execution import Broadcast, Job, ProgressReporter, WorkerPool
from tuneplug.plugins import warn_caller
from tuneplug.stopping import completion_reason
from tuneplug_sklearn.candidate import Candidate, make_fold_model
from tuneplug_sklearn.constraints import check_number
from tuneplug_sklearn.evaluation import (
    Evaluation,
    FoldTask,
    RemoteError,
    run_fold,
    test_scores,
)
from tuneplug_sklearn.failures import FitFailures
from tuneplug_sklearn.folds import FoldModel
from tuneplug_sklearn.plan import SearchPlan
from tuneplug_sklearn.storing import (
    concurrent_search_error,
    keep_result,
    keep_stopped_after,
    kept_results,
    kept_stopped_after,
    restart_trial,
)

__all__ = ["Scheduler", "SearchHooks"]

#: One full trial, less a tolerance of sums of fidelities.
ONE_LEFT = 1.0 - 1e-9


@dataclass(frozen=True)
class SearchHooks:
    """Functions of the search that the scheduler calls.

    Attributes
    ----------
    check_scores : callable
        Called with each result; returns the result to record, in which scores that do not fit those
        of other fits are failed.  Raises if they do not fit the arguments of the search.
    callback_context : callable
        Called with the number of a candidate and of a fold; returns the context of scikit-learn's
        callbacks for the fit.
    progress : ProgressReporter
        Reports each trial that ends.
    """

    check_scores: Callable[[dict[str, Any]], dict[str, Any]]
    callback_context: Callable[[int, int], Any]
    progress: ProgressReporter


class Scheduler:
    """Decides which fit runs next and finishes trials; ``run_jobs`` calls its methods.

    Parameters
    ----------
    plan : SearchPlan
    pool : WorkerPool
    evaluation : Evaluation
        Runs each fit.
    hooks : SearchHooks

    Attributes
    ----------
    candidates : list of Candidate
        In the order of suggestion.
    exhausted : SpaceExhausted or None
        The error of the strategy if it had no further configuration.
    failures : FitFailures
    """

    def __init__(
        self, plan: SearchPlan, pool: WorkerPool, evaluation: Evaluation, hooks: SearchHooks
    ) -> None:
        self.candidates: list[Candidate] = []
        self.exhausted: SpaceExhausted | None = None
        self._plan, self._study, self._limits = plan, plan.study, plan.limits
        self._pool, self._hooks = pool, hooks
        self._evaluation = evaluation
        self._shared = None if pool.inline else Broadcast(evaluation, cloudpickle.dumps)
        self.failures = FitFailures(
            fail_fast=plan.limits.fail_fast,
            n_chosen=plan.n_chosen,
            has_looks=plan.resources is not None,
        )
        self._prepared = -1  # number of the candidate whose suggestion was prepared last
        self._n_folds = len(plan.splits)
        self._n_constraints: int | None = None  # of the first fold that has constraints
        self._n_independent = 0 if plan.limits.needs_results else plan.n_independent
        self._start = time.monotonic()
        self._start_epoch = time.time()

    # ------------------------------------------------------------------ what run_jobs calls

    def next_job(self) -> Job | None:
        """Return the next fit; None if no fit can start before another one ends.

        Candidates are served in order.  With racing, another result may make a further fold of a
        candidate unnecessary, so a candidate with a fit in flight comes last, even after a new one.
        """
        self._enforce_timeouts()
        if self.failures.all_alike:
            self._end_failing()
            return None
        while True:
            ready = [candidate for candidate in self._open() if candidate.pending]
            preferred = [c for c in ready if not (self._limits.racing and c.running)]
            if not preferred and self._ask():
                continue
            if not ready:
                return None
            candidate = (preferred or ready)[0]
            return self._job(candidate, candidate.pending.pop(0))

    def on_result(self, job: Job, result: dict[str, Any] | RemoteError) -> None:
        """Record the result of a fold fit.

        Raises
        ------
        Exception
            The exception of the fit, unless ``error_score`` replaced it.
        """
        if isinstance(result, RemoteError):
            raise result.error
        candidate, fold = self._of(job)
        self._keep(candidate, fold, result)
        self._record(candidate, fold, result)

    def _keep(self, candidate: Candidate, fold: int, result: dict[str, Any]) -> None:
        """Store the result of a fold; those of a candidate that has ended do not count."""
        if self._plan.stored is not None and not candidate.trial.state.ended:
            keep_result(self._study, candidate.trial, fold, result)

    def _record(self, candidate: Candidate, fold: int, result: dict[str, Any]) -> None:
        """Record the result of a fold, and finish its trial if it needs no more."""
        candidate.running.discard(fold)
        record = result.pop("fit_record", None)
        if record is not None:
            candidate.records[fold] = record
        self._record_constraints(candidate, fold, result.pop("constraints", None))
        result = self._hooks.check_scores(result)
        score_error = result.pop("score_error", None)
        if score_error is not None and np.isnan(self._evaluation.options["error_score"]):
            candidate.score_errors[fold] = score_error
        candidate.results[fold] = result
        self.failures.record_fit(candidate, fold)
        if not candidate.trial.state.ended:
            if candidate.fit_stop_reason(fold):
                candidate.pending.clear()
            candidate.stop_after_decisive_fold(self._plan.metric, self._race_model(candidate))
            self._finish_if_done(candidate)

    def _record_constraints(self, candidate: Candidate, fold: int, values: Any) -> None:
        if values is not None:
            candidate.constraints[fold] = tuple(values)
            where = f"candidate {candidate.trial.number}, fold {fold}"
            self._n_constraints = check_number(self._n_constraints, tuple(values), where)

    def on_failure(self, job: Job, error: str) -> None:
        """Record a fold fit whose worker died twice as failed."""
        candidate, fold = self._of(job)
        where = f"candidate {candidate.trial.number}, fold {fold}"
        result = self._evaluation.failed_result(
            f"{where}: the worker process died in two attempts\n{error}"
        )
        # The other folds would probably kill workers as well: record them as failed without a fit.
        skipped, candidate.pending = candidate.pending, []
        for other in skipped:
            self._keep(candidate, other, result)
            candidate.results[other] = dict(result)
        self.on_result(job, result)

    def prepare(self) -> None:
        """Prepare the suggestion of the next candidate while all workers are busy.

        Without a lag, a suggestion uses every result that has arrived, which is not known yet.
        """
        number = len(self._study.history)
        if self._plan.lag is None or number == self._prepared:
            return
        lag = self._lag_of_next()
        if lag is not None and self._completion_of_next(lag) is None:
            self._prepared = number
            with self._hooks.progress.suggesting():
                self._study.prepare(lag=lag)

    # ------------------------------------------------------------------ a resumed search

    def restore(self) -> None:
        """Take over the candidates of a stored search, and start those again that had not ended.

        Racing, rules and values of the latter depend on what they would have depended on.

        Raises
        ------
        ConcurrentStudyError
            If another process runs the search.
        StorageError
            If the storage cannot be written, or a stored result cannot be right.
        """
        n_ended = sum(trial.state.ended for trial in self._study.history)
        self._hooks.progress.resume(n_ended)
        for number in range(len(self._study.history)):
            trial = self._study.history[number]
            if not trial.state.ended:
                trial = restart_trial(self._study, trial, lag=number - self._n_visible(number))
            self._restore(trial)
        self._warn_of_others()
        if len(self._study.history) > len(self.candidates):  # by a process that runs
            raise concurrent_search_error(self._study.name)
        if self._study.completion_reason is not None:  # by a callback
            self._stop_all("callback")

    def _restore(self, trial: Trial) -> None:
        """Append the candidate of a stored trial, with its results."""
        ended = trial.state.ended
        results = kept_results(trial, self._n_folds)
        candidate = Candidate.restored(trial, results, self._n_folds)
        self.candidates.append(candidate)
        for fold, result in results.items():
            self._record(candidate, fold, result)
        if not ended:
            candidate.resume()
            return
        candidate.stopped_after = kept_stopped_after(trial, self._n_folds)
        self._fail_missing(candidate)
        candidate.scores = test_scores(candidate.counted, self._plan.metric)
        self.failures.record_candidate(candidate)

    def _warn_of_others(self) -> None:
        """Warn of stored trials that no search ran: ``cv_results_`` cannot have them."""
        others = [
            candidate.trial.number
            for candidate in self.candidates
            if candidate.trial.state is TrialState.COMPLETE and not any(candidate.results)
        ]
        if others:
            warn_caller(
                f"trials {reprlib.repr(others)} of study {self._study.name!r} have no scores of "
                "folds, as a Study ran them and not the search: they count toward n_iter, and are "
                "not in cv_results_",
                UserWarning,
            )

    def _fail_missing(self, candidate: Candidate) -> None:
        """Record the missing folds of a candidate whose process died too often as failed."""
        trial = candidate.trial
        lost = trial.state is TrialState.FAILED and trial.stop_reason is None
        if lost and self._evaluation.options["error_score"] != "raise":
            for fold, result in enumerate(candidate.results):
                if result is None:
                    candidate.results[fold] = self._evaluation.failed_result(str(trial.error))

    # ------------------------------------------------------------------ candidates and jobs

    def _of(self, job: Job) -> tuple[Candidate, int]:
        number, fold = cast("tuple[int, int]", job.key)
        return self.candidates[number], fold

    def _open(self) -> list[Candidate]:
        return [candidate for candidate in self.candidates if not candidate.trial.state.ended]

    def _ask(self) -> bool:
        """Ask the study for one more candidate; return whether there is one."""
        lag = self._lag_of_next()
        if lag is None:
            return False
        reason = self._completion_of_next(lag)
        if reason is not None:
            self._study.complete(reason)
            return False
        try:
            with self._hooks.progress.suggesting():
                trial = self._study.ask(lag=lag, number=len(self.candidates))
        except SpaceExhausted as error:
            self.exhausted = error
            return False
        except ConcurrentStudyError as error:
            raise concurrent_search_error(self._study.name) from error
        if trial.number != len(self.candidates):
            raise concurrent_search_error(self._study.name)
        self.candidates.append(Candidate.of(trial, self._n_folds))
        return True

    def _lag_of_next(self) -> int | None:
        """Return the lag of the next candidate; None if it cannot start, or not yet."""
        number = len(self._study.history)
        if self._study.completion_reason is not None or self.exhausted is not None:
            return None
        if sum(trial.fidelity for trial in self._study.history) > self._limits.n_iter - ONE_LEFT:
            return None  # no full trial is left
        visible = self._n_visible(number)
        needed = [] if self._plan.lag is None else self._study.history[:visible]
        return number - visible if all(trial.state.ended for trial in needed) else None

    def _completion_of_next(self, lag: int) -> str | None:
        """Return why a completion rule ends the search before the next candidate, or None."""
        number = len(self._study.history)
        if number == 0 or not self._limits.rules:
            return None
        return completion_reason(self._limits.rules, self._study.history.until(number - lag))

    def _n_visible(self, number: int) -> int:
        """Return how many of the first candidates' results a candidate may depend on."""
        lag = self._plan.lag
        if lag is None:
            return number
        return 0 if number < self._n_independent else max(0, number - lag)

    def _job(self, candidate: Candidate, fold: int) -> Job:
        number = candidate.trial.number
        if candidate.started is None:
            candidate.started = time.time()
        candidate.running.add(fold)
        context = self._hooks.callback_context(number, fold)
        limits = None
        if self._plan.monitoring is not None:
            deadline = self._limits.deadline(self._start_epoch, candidate.started)
            limits = candidate.fit_limits(fold, deadline)
        params, share = self._plan.params(candidate.trial), self._plan.share(candidate.trial)
        task = FoldTask(params, number, fold, limits, context, share)
        if self._shared is None:
            return Job((number, fold), self._evaluation, (task,))
        where = (self._pool.n_threads, self._pool.in_process)
        return Job((number, fold), run_fold, (self._shared, task, *where))

    # ------------------------------------------------------------------ ends

    def _enforce_timeouts(self) -> None:
        """Stop the candidates whose time budget, or that of the search, has expired.

        If fits cannot be interrupted, the timeout of the search stops no candidate until one is
        complete.
        """
        timeout, trial_timeout = self._limits.timeout, self._limits.trial_timeout
        expired = timeout is not None and time.monotonic() - self._start >= timeout
        if expired:
            self._study.complete(f"timeout: {timeout:g} s have passed")
            if self._plan.monitoring is not None or self._study.history.complete():
                self._stop_all("timeout")
        if trial_timeout is not None:
            for candidate in self._open():
                started = candidate.started
                if started is not None and time.time() - started >= trial_timeout:
                    self._stop(candidate, "trial_timeout")

    def _end_failing(self) -> None:
        """End the search when its last running fit has ended, which may still succeed."""
        if not any(candidate.running for candidate in self.candidates):
            self._study.complete("failures: the first candidates had the same error")
            self._stop_all("failures")

    def _stop_all(self, reason: str) -> None:
        for candidate in self._open():
            self._stop(candidate, reason)

    def _stop(self, candidate: Candidate, reason: str) -> None:
        """Submit no more folds of a candidate; its trial ends when its running fits have ended."""
        if candidate.pending:
            candidate.pending.clear()
            candidate.stop_reason = reason
        self._finish_if_done(candidate)

    def _race_model(self, candidate: Candidate) -> FoldModel | None:
        """Return the fold model that decides a race; None without racing."""
        if not self._limits.racing:
            return None
        visible = self._n_visible(candidate.trial.number)
        return make_fold_model(self._alike(candidate, visible), self._n_folds)

    def _alike(self, candidate: Candidate, n: int) -> list[Candidate]:
        """Return those of the first n candidates that have the same resource as a candidate."""
        fidelity = candidate.trial.fidelity
        return [other for other in self.candidates[:n] if other.trial.fidelity == fidelity]

    def _finish_if_done(self, candidate: Candidate) -> None:
        """Finish the trial unless it needs the results of more folds."""
        trial, decided = candidate.trial, candidate.stopped_after is not None
        if not decided and (candidate.pending or candidate.running):
            return
        candidate.scores = test_scores(candidate.counted, self._plan.metric)
        # A decision by racing or rules uses what the suggestion used; a timeout uses all results.
        visible = self._n_visible(trial.number) if decided else len(self.candidates)
        history = self._study.history.until(visible)
        result = candidate.result(self._alike(candidate, visible), history)
        if self._plan.stored is not None and candidate.stopped_after is not None:
            keep_stopped_after(self._study, trial, candidate.stopped_after)
        self._study.finish(trial.number, replace(result, finished=time.time()))
        self.failures.record_candidate(candidate)
        if self._hooks.progress.report(trial):
            self._study.complete("callback")
            self._stop_all("callback")

    def fail_open(self, error: str) -> None:
        """Record every candidate that has not ended as failed.

        In a storage they stay running, so that the search can be resumed with them.
        """
        if self._plan.stored is not None:
            self._study.release()
            return
        for candidate in self._open():
            result = TrialResult(
                TrialState.FAILED,
                direction=candidate.trial.direction,
                stop_reason=candidate.stop_reason,
                error=error,
                started=candidate.started,
                cost=candidate.cost,
            )
            self._study.finish(candidate.trial.number, result)

    # ------------------------------------------------------------------ after the search

    def raise_if_none_scored(self) -> None:
        """Raise NoCompletedTrialError if no candidate has ended with the result of a fit."""
        if any(candidate.scored for candidate in self.candidates):
            return
        reason = self._study.completion_reason or self.exhausted
        raise NoCompletedTrialError(
            f"at least one candidate must be completed, but of {len(self.candidates)} that were "
            f"started none has the result of a fit ({reason}): increase timeout or trial_timeout, "
            "or extend the space"
        )

    @property
    def any_fitted(self) -> bool:
        """Whether a candidate has ended with at least one successful fit."""
        results = (r for c in self.candidates if c.scored for r in c.counted)
        return any(result is not None and result["fit_error"] is None for result in results)

    @property
    def notes(self) -> list[str]:
        """The warnings of the monitors, without duplicates, and one if fits were not monitored."""
        records = [record for c in self.candidates for record in c.records.values()]
        failures = [record.failure for record in records if record.failure is not None]
        notes = dict.fromkeys(note for record in records for note in record.notes)
        return [*notes, *([_unmonitored(len(failures), failures[0])] if failures else [])]


def _unmonitored(count: int, cause: str) -> str:
    """Return the warning about fits that could not be monitored."""
    return (
        f"stopping rules and time limits need monitored fits, but {count} "
        f"{'fit' if count == 1 else 'fits'} ran to the end without a monitor, because {cause}.  "
        "The scores are not affected.  Correct the cause, or leave out stopping=, timeout= and "
        "trial_timeout="
    )

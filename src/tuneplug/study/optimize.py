"""The loop of ``Study.optimize``: run trials of an objective until the search ends."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tuneplug.errors import (
    NoCompletedTrialError,
    SpaceExhausted,
    StaleTrialError,
    safe_repr,
    warn_caller,
)
from tuneplug.execution import (
    INTERRUPTED_MESSAGE,
    Broadcast,
    Job,
    WorkerPool,
    run_jobs,
    run_objective,
)
from tuneplug.execution.pool import this_process
from tuneplug.execution.progress import ProgressReporter
from tuneplug.stopping.completion import CompletionRule, completion_reason
from tuneplug.study.failures import FailureMonitor
from tuneplug.trial import Trial, TrialResult

if TYPE_CHECKING:
    from tuneplug.study import Study

__all__ = ["Budget", "OptimizeLoop"]


class Budget(NamedTuple):
    """Maximum number of trials to start, and seconds after which none starts; None: no limit."""

    n_trials: int | None
    timeout: float | None

    @property
    def only_restarts(self) -> bool:
        """Whether no new trial starts, and those of dead processes start again."""
        return self.n_trials == 0


class OptimizeLoop:
    """One call of ``Study.optimize``: its budget, its completion rules and its trials.

    Parameters
    ----------
    study : Study
    objective : callable
    budget : Budget
    completion : sequence of CompletionRule
        Rules that can end the search before its budget is spent.
    progress : ProgressReporter
    failures : FailureMonitor

    Attributes
    ----------
    exhausted : str or None
        Message of the warning if the space was exhausted before the budget was spent.
    """

    def __init__(
        self,
        study: Study,
        objective: Callable[[Trial], Any],
        budget: Budget,
        completion: Sequence[CompletionRule],
        progress: ProgressReporter,
        failures: FailureMonitor,
    ) -> None:
        self._study, self._objective = study, Broadcast(objective)
        self._budget = budget
        self._started: list[int] = []  # numbers of the trials of this call
        self._deadline = None if budget.timeout is None else time.time() + budget.timeout
        self._timed_out = False
        self._completion, self._progress, self._failures = completion, progress, failures
        self.exhausted: str | None = None

    @property
    def _trials(self) -> list[Trial]:
        return [self._study.history[number] for number in self._started]

    @property
    def n_started(self) -> int:
        """Number of trials that this call has started for the first time."""
        return sum(trial.claim is None or trial.claim.attempt == 1 for trial in self._trials)

    def run(self, pool: WorkerPool) -> None:
        """Run the trials.  If an error ends the loop, the trials still running become FAILED."""
        try:
            pool.send(self._objective)  # an error of it comes before the first trial
        except BrokenExecutor as error:
            pool.replace(error)  # the first job sends it again
        try:
            run_jobs(pool, self._next_job, self._record, self._record_failure)
        except BaseException:
            for trial in self._trials:
                if not trial.state.ended:
                    with suppress(StaleTrialError):  # the trial runs elsewhere
                        self._study.fail(trial, INTERRUPTED_MESSAGE)
            raise

    def _next_job(self) -> Job | None:
        if self._is_spent() or self.exhausted is not None or self._failures.all_alike:
            return None
        if self._is_complete():
            return None
        trial = self._ask()
        if trial is None:
            return None
        self._started.append(trial.number)
        trial.reporter.deadline = self._deadline
        # An objective in this process must not change the record: it gets a copy of its own.
        return Job(trial.number, _run_broadcast, (self._objective, _copy_of(trial), this_process()))

    def _is_spent(self) -> bool:
        """Whether all trials have been started, other than those of dead processes."""
        most = self._budget.n_trials
        return not self._budget.only_restarts and most is not None and self.n_started >= most

    def _ask(self) -> Trial | None:
        """Return the next trial, started, or None if the space is exhausted."""
        if self._budget.only_restarts:
            return self._restart()
        try:
            with self._progress.suggesting():
                return self._study.ask()
        except SpaceExhausted as error:
            planned = "" if self._budget.n_trials is None else f" of {self._budget.n_trials}"
            self.exhausted = f"{error} The search ends after {self.n_started}{planned} trials."
            return None

    def _restart(self) -> Trial | None:
        """Return a trial of a dead process, started again, or None if none is left."""
        self._study.refresh()
        for number, trial in enumerate(self._study.history):
            if not trial.state.ended and number not in self._started:
                again = self._study.restart(number)
                if again is not None and not again.state.ended:
                    return again
        return None

    def _is_complete(self) -> bool:
        """Whether a completion rule, the timeout, a callback or the user has ended the search."""
        if self._study.completion_reason is not None:
            return True
        reason = completion_reason(self._completion, self._study.history)
        if reason is None and self._deadline is not None and time.time() >= self._deadline:
            reason, self._timed_out = f"timeout: {self._budget.timeout:g} s have passed", True
        if reason is not None:
            self._study.complete(reason)
        return reason is not None

    def _record(self, job: Job, result: TrialResult | _Interrupt) -> None:
        if isinstance(result, _Interrupt):
            raise result.kind(*result.args)
        self._end(job, lambda trial: self._study.finish(trial.number, result))

    def _record_failure(self, job: Job, error: str) -> None:
        self._end(job, lambda trial: self._study.fail(trial, error))

    def _end(self, job: Job, end: Callable[[Trial], None]) -> None:
        try:
            end(self._trial(job))
        except StaleTrialError as error:
            warn_caller(f"the result of a trial is not used: {error}", RuntimeWarning)
        else:
            self._report(self._trial(job))

    def _trial(self, job: Job) -> Trial:
        """Return the trial of the history: the job holds a copy, which the objective may change."""
        assert isinstance(job.key, int), "the key of a job is the number of its trial"
        return self._study.history[job.key]

    def _report(self, trial: Trial) -> None:
        self._failures.record(trial)
        ends = self._progress.report(trial)
        if ends and self._study.completion_reason is None:
            self._study.complete("callback")

    def raise_if_none_completed(self) -> None:
        """Raise if every trial failed, or if the search ended without a completed trial.

        Raises
        ------
        AllTrialsFailedError
            If every trial failed.
        NoCompletedTrialError
            If the timeout expired, or no trial could start, before any trial of the study
            completed.
        """
        if self._failures.all_alike:
            self._study.complete("failures: the first trials had the same error")
        self._failures.raise_if_all_failed(self._budget.n_trials)
        trials = self._trials
        timed_out = self._timed_out or any(trial.stop_reason == "timeout" for trial in trials)
        if self._study.history.complete() or (trials and not timed_out):
            return
        if self._budget.only_restarts:
            return
        if timed_out:
            raise NoCompletedTrialError(
                f"at least one trial must complete before the timeout, but none of the "
                f"{len(trials)} started trials did: increase the timeout or shorten the trials; "
                "their reports are in study.trials"
            )
        raise NoCompletedTrialError(
            "at least one trial of the study must complete, but the search started none: "
            f"{self.exhausted or self._study.completion_reason}"
        )


def _copy_of(trial: Trial) -> Trial:
    """Return a copy with a point of its own; each access to ``params`` gives new ones anyway."""
    own = copy.copy(trial)
    own.point = trial.point.copy()
    return own


@dataclass(frozen=True)
class _Interrupt:
    """An interrupt that an objective raised in another process; the search raises it."""

    kind: type[KeyboardInterrupt] | type[SystemExit]
    args: tuple[Any, ...]


def _run_broadcast(
    objective: Broadcast, trial: Trial, caller: tuple[str, int]
) -> TrialResult | _Interrupt:
    """Run a broadcast objective on a worker.

    An interrupt does not end a worker, which may belong to the cluster of the user.
    """
    try:
        return run_objective(objective.value, trial)
    except (KeyboardInterrupt, SystemExit) as error:
        if this_process() == caller:
            raise
        if isinstance(error, KeyboardInterrupt):
            return _Interrupt(KeyboardInterrupt, ())
        known = error.code is None or type(error.code) in (int, str)
        return _Interrupt(SystemExit, (error.code if known else safe_repr(error.code),))

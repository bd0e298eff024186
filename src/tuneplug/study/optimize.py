"""One call of ``Study.optimize``: trials of an objective, until a budget is spent."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tuneplug.errors import AllTrialsFailedError, NoCompletedTrialError, SpaceExhausted
from tuneplug.execution import (
    INTERRUPTED_MESSAGE,
    Broadcast,
    Job,
    WorkerPool,
    run_jobs,
    run_objective,
)
from tuneplug.trial import Trial, TrialResult, TrialState

if TYPE_CHECKING:
    from tuneplug.study import Study

__all__ = ["OptimizeLoop"]

#: Different tracebacks shown when every trial failed.
N_TRACEBACKS = 3


class OptimizeLoop:
    """Trials of an objective, and what is to be said of them in the end.

    Parameters
    ----------
    study : Study
    objective : callable
    n_trials : int or None
        Trials to start, at most.
    timeout : float or None
        Seconds after which none is started.

    Attributes
    ----------
    exhausted : str or None
        That the space was exhausted before the budget was spent.
    """

    def __init__(
        self,
        study: Study,
        objective: Callable[[Trial], Any],
        n_trials: int | None,
        timeout: float | None,
    ) -> None:
        self._study, self._objective, self._n_trials = study, Broadcast(objective), n_trials
        self._first = len(study.history)
        self._deadline = None if timeout is None else time.time() + timeout
        self.exhausted: str | None = None

    @property
    def _trials(self) -> list[Trial]:
        return self._study.history[self._first :]

    def run(self, pool: WorkerPool) -> None:
        """Run the trials; if an error ends the run, trials that are still running have failed."""
        try:
            run_jobs(pool, self._next_job, self._record, self._record_failure)
        except BaseException:
            for trial in self._trials:
                if not trial.state.ended:
                    self._study.fail(trial, INTERRUPTED_MESSAGE)
            raise

    def _next_job(self) -> Job | None:
        n_begun = len(self._study.history) - self._first
        spent = self._n_trials is not None and n_begun >= self._n_trials
        late = self._deadline is not None and time.time() >= self._deadline
        if spent or late or self.exhausted is not None:
            return None
        try:
            trial = self._study.ask()
        except SpaceExhausted as error:
            planned = "" if self._n_trials is None else f" of {self._n_trials}"
            self.exhausted = f"{error} The search ends after {n_begun}{planned} trials."
            return None
        trial.reporter.deadline = self._deadline
        return Job(trial.number, _run_broadcast, (self._objective, trial))

    def _record(self, job: Job, result: TrialResult) -> None:
        self._study.finish(job.args[1].number, result)

    def _record_failure(self, job: Job, why: str) -> None:
        self._study.fail(job.args[1], why)

    def raise_if_none_completed(self) -> None:
        """Raise, where there is no result to go on with.

        Raises
        ------
        AllTrialsFailedError
            If every trial failed.
        NoCompletedTrialError
            If the timeout passed before any trial of the study completed.
        """
        trials = self._trials
        stopped = any(trial.stop_reason == "timeout" for trial in trials)
        if stopped and self._study.history.best() is None:
            raise NoCompletedTrialError(
                f"no trial completed before the timeout, after {len(trials)} begun: "
                "their reports are in study.trials; give more time or shorter trials"
            )
        errors = Counter(t.error for t in trials if t.state is TrialState.FAILED)
        if trials and errors.total() == len(trials):
            shown = "\n".join(
                f"{count} trial(s) failed with:\n{error}"
                for error, count in errors.most_common(N_TRACEBACKS)
            )
            raise AllTrialsFailedError(f"all {len(trials)} trials failed.\n{shown}")


def _run_broadcast(objective: Broadcast, trial: Trial) -> TrialResult:
    """Run the objective on a worker."""
    return run_objective(objective.value, trial)

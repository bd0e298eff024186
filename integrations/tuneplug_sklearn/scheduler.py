"""What runs next: candidates, their folds, and when to end them.

With a lag, candidate k is suggested from the results of the candidates up to k - 1 - lag and from
nothing else; racing and completion rules see the same results.  The candidates then do not depend
on the order in which results arrive.  Without a lag, a candidate is suggested when a worker is
free, from every result that has arrived.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tuneplug import SpaceExhausted, Study, Trial, TrialResult, TrialState
from tuneplug.execution import Broadcast, Job, ProgressReporter, WorkerPool
from tuneplug.stopping import CompletionRule, Report, completion_reason, early_stop_variance
from tuneplug_sklearn.evaluation import Raised, run_fold, test_scores
from tuneplug_sklearn.folds import FoldModel
from tuneplug_sklearn.monitored_fit import Watch, Watched

__all__ = ["Candidate", "Limits", "Schedule"]


@dataclass
class Candidate:
    """A configuration on its way through the folds.

    Attributes
    ----------
    trial : Trial
    results : list of dict or None
        scikit-learn's result of each fold that has come back.
    todo : list of int
        Folds not yet begun, in order.
    running : set of int
        Folds on a worker.
    scores : ndarray of shape (F,) or None
        Test scores of the folds that count, once the search is done with it.
    cut : int or None
        Number of folds after which it was stopped, by racing or within a fit: what came back later
        is not counted.
    watched : dict of int to Watched
        What came of watching its fits, by fold.
    started : float or None
        Seconds since the epoch when its first fit was submitted.
    stop_reason : str or None
        Why it was stopped.
    """

    trial: Trial
    results: list[dict[str, Any] | None]
    todo: list[int]
    running: set[int] = field(default_factory=set)
    scores: NDArray[np.float64] | None = None
    cut: int | None = None
    watched: dict[int, Watched] = field(default_factory=dict)
    started: float | None = None
    stop_reason: str | None = None

    @property
    def counted(self) -> list[dict[str, Any] | None]:
        """The results that count."""
        return [
            result if self.cut is None or fold < self.cut else None
            for fold, result in enumerate(self.results)
        ]

    @property
    def finished(self) -> list[dict[str, Any] | None]:
        """The results that count, of fits that came to their own end."""
        return [
            None if self.ended_within(fold) else result for fold, result in enumerate(self.counted)
        ]

    def ended_within(self, fold: int) -> str | None:
        """Return why the fit of a fold was ended before its own end, None if it was not."""
        watched = self.watched.get(fold)
        return None if watched is None else watched.stop_reason

    @property
    def scored(self) -> bool:
        """Whether the candidate came to its end with at least one result that counts."""
        return self.scores is not None and any(result is not None for result in self.counted)

    @property
    def error(self) -> str | None:
        """The traceback of the first fold that failed to fit, None if none did."""
        errors = (result["fit_error"] for result in self.counted if result is not None)
        return next((error for error in errors if error is not None), None)


@dataclass(frozen=True)
class Limits:
    """When a search, or a candidate, ends early.

    Attributes
    ----------
    n_iter : int
        Candidates at most.
    timeout, trial_timeout : float or None
        Seconds of the search, and of one candidate, after which no more of its fits begin.
    rules : list of CompletionRule
    racing : bool
        Whether a candidate ends once its first folds say that it cannot win.
    stopping : bool
        Whether fits are stopped by what they report.
    """

    n_iter: int
    timeout: float | None = None
    trial_timeout: float | None = None
    rules: Sequence[CompletionRule] = ()
    racing: bool = False
    stopping: bool = False

    @property
    def may_end(self) -> bool:
        """Whether there may be fewer fits than candidates times folds."""
        return bool(self.rules) or self.cut_short

    @property
    def timed(self) -> bool:
        """Whether time is short."""
        return self.timeout is not None or self.trial_timeout is not None

    @property
    def cut_short(self) -> bool:
        """Whether candidates may end with folds left out."""
        return self.racing or self.stopping or self.timed


class Schedule:
    """One search: asks for candidates, hands out their folds, and tells the study what came back.

    Parameters
    ----------
    study : Study
    pool : WorkerPool
    evaluation : Broadcast
        Of the ``Evaluation`` that runs each fit.
    limits : Limits
    n_folds : int
    n_independent : int
        How many of the first candidates depend on no result.
    lag : int or None
        None if a candidate depends on every result that has arrived.
    metric : str or None
        The one that drives the search, where there are several.
    failed : callable
        Takes an error; returns the result of a fit that no worker could bring home.
    check : callable
        Takes each result; raises what is wrong with the scores in it.
    context : callable
        Takes the number of a candidate and of a fold; returns scikit-learn's context for the fit.
    progress : ProgressReporter
        Reports each candidate that ends.
    watched : bool
        Whether fits can be watched: they then end by themselves when time is up.
    """

    def __init__(
        self,
        study: Study,
        pool: WorkerPool,
        evaluation: Broadcast,
        limits: Limits,
        *,
        n_folds: int,
        n_independent: int,
        lag: int | None,
        metric: str | None,
        failed: Callable[[str], dict[str, Any]],
        check: Callable[[dict[str, Any]], None],
        context: Callable[[int, int], Any],
        progress: ProgressReporter,
        watched: bool,
    ) -> None:
        self.study, self.limits = study, limits
        self.candidates: list[Candidate] = []
        self.exhausted: SpaceExhausted | None = None
        self._pool, self._evaluation = pool, evaluation
        self._n_folds, self._metric = n_folds, metric
        self._lag, self._failed = lag, failed
        self._check, self._context, self._progress = check, context, progress
        self._watched = watched
        # What looks at results has to wait for them, also where the strategy does not.
        waits = bool(limits.rules) or limits.racing or limits.stopping
        self._n_independent = 0 if waits else n_independent
        self._start = time.monotonic()
        self._began = time.time()

    # ------------------------------------------------------------------ what run_jobs calls

    def next_job(self) -> Job | None:
        """Return the next fit, or None where there is none to begin before another ends.

        Candidates come in their order.  In a race, though, a fold of a candidate that waits for
        another of its folds may be in vain: anything else goes first, also a new candidate.
        """
        self._watch_the_clock()
        while True:
            ready = [candidate for candidate in self._open() if candidate.todo]
            sound = [c for c in ready if not (self.limits.racing and c.running)]
            if not sound and self._ask():
                continue
            if not ready:
                return None
            candidate = (sound or ready)[0]
            return self._job(candidate, candidate.todo.pop(0))

    def on_result(self, job: Job, result: dict[str, Any] | Raised) -> None:
        """Record the result of a fold fit.

        Raises
        ------
        Exception
            What the fit raised, if it did not end up as an error score.
        """
        if isinstance(result, Raised):
            raise result.error
        candidate, fold = self._of(job)
        candidate.running.discard(fold)
        watched = result.pop("watched", None)
        if watched is not None:
            candidate.watched[fold] = watched
        self._check(result)
        candidate.results[fold] = result
        if not candidate.trial.state.ended:
            if candidate.ended_within(fold):
                candidate.todo.clear()
            self._cut(candidate)
            self._end_if_over(candidate)

    def on_failure(self, job: Job, error: str) -> None:
        """Record a fold fit whose worker died twice as failed."""
        candidate, fold = self._of(job)
        text = f"candidate {candidate.trial.number}, fold {fold}: the worker died, twice.\n{error}"
        result = self._failed(text)
        # Each of the other folds would kill workers as well: they count as failed, like this one.
        left, candidate.todo = candidate.todo, []
        for other in left:
            candidate.results[other] = dict(result)
        self.on_result(job, result)

    # ------------------------------------------------------------------ candidates

    def _of(self, job: Job) -> tuple[Candidate, int]:
        number, fold = cast("tuple[int, int]", job.key)
        return self.candidates[number], fold

    def _open(self) -> list[Candidate]:
        return [candidate for candidate in self.candidates if not candidate.trial.state.ended]

    def _ask(self) -> bool:
        """Ask for one more candidate; return whether there is one."""
        number = len(self.study.history)
        if self.study.completion_reason is not None or self.exhausted is not None:
            return False
        if number >= self.limits.n_iter:
            return False
        seen = self._seen_by(number)
        waited_for = [] if self._lag is None else self.study.history[:seen]
        if not all(trial.state.ended for trial in waited_for):
            return False
        if number > 0 and self.limits.rules:
            history = self.study.history.until(seen)
            reason = completion_reason(self.limits.rules, history)
            if reason is not None:
                self.study.complete(reason)
                return False
        try:
            with self._progress.suggesting():
                trial = self.study.ask(lag=number - seen)
        except SpaceExhausted as error:
            self.exhausted = error
            return False
        folds = list(range(self._n_folds))
        self.candidates.append(Candidate(trial, [None] * self._n_folds, folds))
        return True

    def _seen_by(self, number: int) -> int:
        """Return how many of the first candidates' results count for a candidate."""
        if self._lag is None:
            return number
        return 0 if number < self._n_independent else max(0, number - self._lag)

    def _job(self, candidate: Candidate, fold: int) -> Job:
        trial = candidate.trial
        if candidate.started is None:
            candidate.started = time.time()
        candidate.running.add(fold)
        arguments = (
            self._evaluation,
            trial.params,
            trial.number,
            fold,
            self._context(trial.number, fold),
            self._watch(candidate, fold),
        )
        if self._pool.inline:
            return Job((trial.number, fold), _fit_here, arguments)
        where = (self._pool.n_threads, self._pool.in_process)
        return Job((trial.number, fold), run_fold, (*arguments, *where))

    def _watch(self, candidate: Candidate, fold: int) -> Watch | None:
        """Return what a fit is held to, None where nothing can watch it."""
        if not self._watched:
            return None
        stop_thresholds = candidate.trial.reporter.stop_thresholds
        tests = {metric: test for (metric, f), test in stop_thresholds.items() if f == fold}
        ends = []
        if self.limits.timeout is not None:
            ends.append((self._began + self.limits.timeout, "timeout"))
        if self.limits.trial_timeout is not None and candidate.started is not None:
            ends.append((candidate.started + self.limits.trial_timeout, "trial_timeout"))
        return Watch(tests, *min(ends, default=()))

    # ------------------------------------------------------------------ ends

    def _watch_the_clock(self) -> None:
        """Stop what has had its time, and begin no more.

        Where fits cannot be ended within, none is stopped until one candidate is complete.
        """
        timeout, trial_timeout = self.limits.timeout, self.limits.trial_timeout
        late = timeout is not None and time.monotonic() - self._start >= timeout
        if late and self.candidates:
            self.study.complete(f"timeout: {timeout:g} s have passed")
            if self._watched or self.study.history.best() is not None:
                for candidate in self._open():
                    self._stop(candidate, "timeout")
        if trial_timeout is not None:
            for candidate in self._open():
                started = candidate.started
                if started is not None and time.time() - started >= trial_timeout:
                    self._stop(candidate, "trial_timeout")

    def _stop(self, candidate: Candidate, reason: str) -> None:
        """Begin no more folds of a candidate; those that run are waited for."""
        if candidate.todo:
            candidate.todo.clear()
            candidate.stop_reason = reason
        self._end_if_over(candidate)

    def _cut(self, candidate: Candidate) -> None:
        """Stop a candidate after the first of its folds, in their order, that say so.

        That is one whose fit was ended within, or the last of those that say it cannot win.  Folds
        count in their order, whatever the order in which they came back.
        """
        scores = test_scores(candidate.results, self._metric)
        racing = self.limits.racing
        model = self._fold_model(self._seen_by(candidate.trial.number)) if racing else None
        for count, result in enumerate(candidate.results, start=1):
            if result is None:
                return
            reason = candidate.ended_within(count - 1)
            racing = racing and bool(np.isfinite(scores[count - 1]))
            if reason is None and racing and model is not None and count < self._n_folds:
                first = np.where(np.arange(self._n_folds) < count, scores, np.nan)
                reason = "racing" if model.hopeless(first) else None
            if reason is not None:
                candidate.cut = count
                candidate.todo.clear()
                candidate.stop_reason = reason
                return

    def _end_if_over(self, candidate: Candidate) -> None:
        trial = candidate.trial
        if candidate.cut is None and (candidate.todo or candidate.running):
            return
        candidate.scores = test_scores(candidate.counted, self._metric)
        self.study.finish(trial.number, self._result(candidate, candidate.scores))
        if self._progress.report(trial):
            self.study.complete("callback")
            for other in self._open():
                self._stop(other, "callback")

    def _result(self, candidate: Candidate, scores: NDArray[np.float64]) -> TrialResult:
        """Return the result of a candidate whose scores of the folds that count are known."""
        result = self._unscored(candidate)
        if candidate.error is not None:
            return replace(result, state=TrialState.FAILED, error=candidate.error)
        if candidate.stop_reason is None:
            mean = candidate.trial.resolve(float(scores.mean()))
            return replace(result, state=mean.state, value=mean.value, error=mean.error)
        if not np.isfinite(scores).any():
            return result  # the reports are of another metric: the last one is not its score
        # Racing and rules see no more than the suggestion did; the clock stops it as it is.
        seen = len(self.candidates)
        if candidate.cut is not None:
            seen = self._seen_by(candidate.trial.number)
        value, variance = self._fold_model(seen).whole(scores)
        if candidate.cut is not None and candidate.ended_within(candidate.cut - 1):
            variance += early_stop_variance(result, self.study.history.until(seen))
        return replace(result, value=value, variance=variance)

    def _unscored(self, candidate: Candidate) -> TrialResult:
        """Return the result of a stopped candidate without a score: reports, reason and times."""
        metric, direction = None, candidate.trial.direction
        reports: list[Report] = []
        for fold, result in enumerate(candidate.counted):
            watched = candidate.watched.get(fold)
            if result is not None and watched is not None:
                metric, direction = watched.metric, watched.direction
                reports += watched.reports
        return TrialResult(
            TrialState.STOPPED,
            reports=reports,
            metric=metric,
            direction=direction,
            stop_reason=candidate.stop_reason,
            started=candidate.started,
            finished=time.time(),
        )

    def _fold_model(self, seen: int) -> FoldModel:
        """Learn fold effects from the better half of the first so many candidates.

        Those are the ones to compare with; the scores of poor candidates vary more.
        """
        rows = [
            candidate.scores
            for candidate in self.candidates[:seen]
            if candidate.trial.state is TrialState.COMPLETE
        ]
        scores = np.array(rows, dtype=np.float64).reshape(len(rows), self._n_folds)
        better = np.argsort(-scores.mean(axis=1), kind="stable")[: max(3, -(-len(rows) // 2))]
        return FoldModel(scores[better])

    @property
    def any_fitted(self) -> bool:
        """Whether a fit succeeded of a candidate that came to its end."""
        results = (r for c in self.candidates if c.scored for r in c.counted)
        return any(result is not None and result["fit_error"] is None for result in results)

    @property
    def notes(self) -> list[str]:
        """What the monitors of the fits warn of, each once."""
        fits = (watched for c in self.candidates for watched in c.watched.values())
        return list(dict.fromkeys(note for watched in fits for note in watched.notes))

    def abandon(self, why: str) -> None:
        """Record every open candidate as failed."""
        for candidate in self._open():
            result = TrialResult(
                TrialState.FAILED,
                direction=candidate.trial.direction,
                stop_reason=candidate.stop_reason,
                error=why,
                started=candidate.started,
            )
            self.study.finish(candidate.trial.number, result)


def _fit_here(evaluation: Broadcast, *args: Any) -> Any:
    """Fit in the calling thread, with its configuration and warning filters."""
    return evaluation.value(*args)

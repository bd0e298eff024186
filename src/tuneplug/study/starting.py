"""The part of ``Study`` that starts trials: suggestions, and trials that start again."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tuneplug._numerics import default_errstate
from tuneplug.errors import ConcurrentStudyError, check_count
from tuneplug.stopping.base import StoppingRule
from tuneplug.strategies.base import Context, Strategy, Suggestion
from tuneplug.strategies.bayesian import BayesianSearch
from tuneplug.strategies.learned_model import LearnedModel
from tuneplug.strategies.learned_warps import WarpCurve
from tuneplug.study.prepared import PreparedSuggestion
from tuneplug.study.stored import StoredStudyMethods
from tuneplug.trial import (
    CurveKey,
    History,
    Observation,
    StopThresholds,
    Trial,
    TrialReporter,
    as_real,
)
from tuneplug.trial.values import as_cost

__all__ = ["StartingMethods"]

#: Number of suggestions for one trial, if other processes start the same ones at the same time.
N_SUGGESTIONS = 4
#: Number of suggestions of which one is drawn if they cost little, as those of a grid.
N_CHOICES = 32


class StartingMethods(StoredStudyMethods):
    """The methods of ``Study`` that start trials.

    Attributes
    ----------
    strategy : Strategy
    stopping : StoppingRule or None
    """

    strategy: Strategy
    stopping: StoppingRule | None
    _budget: int | None
    _enqueued: dict[bytes, dict[str, Any]]
    _observations: tuple[Observation, ...]
    _prepared: PreparedSuggestion | None

    def enqueue(self, params: Mapping[str, Any]) -> None:
        """Queue a configuration, which ``ask`` tries before it consults the strategy again.

        A configuration that was tried, is running or is queued already is ignored.

        Raises
        ------
        TypeError
            If ``params`` is not a mapping.
        ValueError
            If ``params`` is not a configuration of the space.
        """
        try:
            key = self.space.key(params)
        except ValueError as error:
            raise ValueError(f"{params!r} is not in the space: {error}") from None
        if key not in self._context().own_keys():
            self._enqueued.setdefault(key, self.space.canonical(params))

    @default_errstate
    def ask(self, *, lag: int = 0, number: int | None = None) -> Trial:
        """Start the next trial.

        Parameters
        ----------
        lag : int, default 0
            Treat the last ``lag`` trials as pending even if they have finished.  Once all earlier
            trials have finished, the suggestion no longer depends on completion order.
        number : int or None, default None
            The number that a new trial must have.  If another process takes it first, nothing is
            started.  If None, a new trial gets the next number.

        Raises
        ------
        ValueError
            If ``lag`` or ``number`` is not an integer of at least 0.
        SpaceExhausted
            If every configuration of a finite space has been tried or is running.
        ConcurrentStudyError
            If another process has added or changed a trial of the stored study, or if the new
            trial would have another number than ``number``.
        ReadOnlyStorageError
            If the storage cannot be written.
        StorageError
            If the storage of a new study can no longer be read.
        """
        check_count("lag", lag, at_least=0)
        if number is not None:
            check_count("number", number, at_least=0)
        if self._persistence is not None:
            ended, again = self._persistence.catch_up(self.history)
            for failed in ended:
                self.plugins.notify("tuneplug_trial_finished", study=self, trial=failed)
            if again is not None:
                return self._started_again(again, lag)
        trial, attempt = None, 0
        while trial is None:
            visible = self._visible(lag)
            suggestion = self._suggest(visible, attempt)
            attempt += 1
            insist = suggestion.origin == "user" or not self._can_avoid(attempt)
            trial = self._start(suggestion, visible, insist=insist, expected=number)
        self.plugins.notify("tuneplug_trial_asked", study=self, trial=trial)
        return trial

    def _suggest(self, visible: History, attempt: int) -> Suggestion:
        """Return the next suggestion; after the first attempt, not that of other processes."""
        prepared, self._prepared = self._prepared, None
        if self._enqueued:
            params = self._enqueued.pop(next(iter(self._enqueued)))
            return Suggestion(params, origin="user", resource=self.strategy.full_resource)
        context = self._context(visible)
        if attempt > 0:  # processes with one seed would go on to suggest the same
            rng = np.random.default_rng()
            context = replace(context, seed=int(rng.integers(2**32)))
            found = self.strategy.suggest(context, max(self._n_choices(), 1))
            return found[rng.integers(len(found))]
        if prepared is not None and prepared.answers(self.strategy, context):
            return prepared.take()
        return self.strategy.propose(context)

    def _can_avoid(self, attempt: int) -> bool:
        """Whether another suggestion replaces one that another process has just started."""
        if attempt < N_SUGGESTIONS:
            return True
        few = math.isfinite(self.space.size) or self._n_choices() > 0
        return few and not self.strategy.allow_repeats  # a configuration must not run twice

    def _n_choices(self) -> int:
        """Return how many distinct suggestions are drawn from, as none depends on a result."""
        n_left = self.strategy.n_independent(self.space, None) - len(self.history)
        return min(max(n_left, 0), N_CHOICES)

    @default_errstate
    def restart(self, number: int, *, lag: int = 0) -> Trial | None:
        """Start a running trial of the stored study again whose process has ended.

        ``ask`` does so by itself, in the order of the numbers, if the storage is a
        ``SharedStorage``.

        Parameters
        ----------
        number : int
        lag : int, default 0
            The lag with which the trial was asked for.

        Returns
        -------
        Trial or None
            The trial, with its old configuration and attributes.  It is FAILED if its process has
            died more than ``max_retries`` times.  None if the process runs, as far as is known:
            that of another machine counts as dead after ``grace_period``.

        Raises
        ------
        ValueError
            If ``lag`` is not an integer of at least 0.
        TrialError
            If the study has no running trial with that number.
        StorageError
            If the storage cannot be written.
        """
        check_count("lag", lag, at_least=0)
        self._running_trial(number)
        if self._persistence is None:
            return None
        trial = self._persistence.restart(self.history, number)
        if trial is None:
            return None
        if trial.state.ended:
            self.plugins.notify("tuneplug_trial_finished", study=self, trial=trial)
            return trial
        return self._started_again(trial, lag)

    def _started_again(self, trial: Trial, lag: int) -> Trial:
        trial.reporter.stop_thresholds = self._thresholds(trial, lag)
        self.plugins.notify("tuneplug_trial_asked", study=self, trial=trial)
        return trial

    def _thresholds(self, trial: Trial, lag: int) -> Mapping[CurveKey, StopThresholds]:
        """Return the stop thresholds that a trial had when it was first started with this lag."""
        if self.stopping is None:
            return {}
        visible = self.history.until(trial.number - lag)
        return self.stopping.make_thresholds(trial.number, visible.curves(trial.fidelity))

    @default_errstate
    def prepare(self, *, lag: int = 0) -> None:
        """Compute the suggestion of the next ``ask`` ahead of it, such as while workers are busy.

        The trials are the same with and without: no trial starts, nothing is stored, and the next
        ``ask`` uses the suggestion only if it would compute the same one, because nothing that the
        suggestion depends on has changed.  So prepare with the lag of that ``ask``, once the trials
        before the last ``lag`` have finished.  An exception of the strategy is raised by ``ask``.

        Parameters
        ----------
        lag : int, default 0
            The lag of the next ``ask``.

        Raises
        ------
        ValueError
            If ``lag`` is not an integer of at least 0.
        """
        check_count("lag", lag, at_least=0)
        if self._enqueued:
            return  # the next trial needs no suggestion
        context = self._context(self._visible(lag))
        if self._prepared is None or not self._prepared.answers(self.strategy, context):
            self._prepared = PreparedSuggestion.compute(self.strategy, context)

    def _visible(self, lag: int) -> History:
        """Return the history with the last ``lag`` trials still running."""
        return self.history.until(len(self.history) - lag) if lag else self.history

    def _start(
        self, suggestion: Suggestion, visible: History, *, insist: bool, expected: int | None
    ) -> Trial | None:
        """Start a trial; None if another process has just started the same, unless insisting.

        If it would not have the expected number, it does not start.
        """
        params = suggestion.params
        if not suggestion.decoded:
            params = self.space.canonical(params)

        def make(number: int) -> Trial:
            if expected not in (None, number):
                raise ConcurrentStudyError(
                    f"a new trial must have number {expected}, but would have {number}: end other "
                    "processes that run this study, or leave out number="
                )
            reporter = TrialReporter(direction=self.direction)
            if self.stopping is not None:
                curves = visible.curves(suggestion.fidelity)
                reporter.stop_thresholds = self.stopping.make_thresholds(number, curves)
            return Trial(
                number,
                params,
                self.space.locate(params),
                suggestion.origin,
                started=time.time(),
                expected_improvement=suggestion.expected_improvement,
                resource=suggestion.resource,
                fidelity=float(suggestion.fidelity),
                reporter=reporter,
            )

        if self._persistence is not None:
            return self._persistence.start(self.history, make, insist=insist)
        trial = make(len(self.history))
        self.history.append(trial)
        return trial

    def _context(self, history: History | None = None) -> Context:
        return Context(
            self.space,
            self.history if history is None else history,
            self._budget,
            self.seed,
            self._observations,
            self.parents,
        )

    def add_observation(
        self, params: Mapping[str, Any], value: float, *, cost: float | None = None
    ) -> None:
        """Give the strategy a result of an earlier search, in the units of this study's objective.

        An observation is not a trial of this study: it does not count toward ``n_trials``, is never
        the best trial, and its configuration may be tried again.  ``cost`` is what its evaluation
        took, in the unit of this study's costs, if known.

        Raises
        ------
        ValueError
            If ``params`` is not a configuration of the space, ``value`` is not finite, or ``cost``
            is negative or not finite.
        TypeError
            If ``value`` or ``cost`` is not a real number.
        """
        number = as_real(value, "the value of an observation")
        if not math.isfinite(number):
            raise ValueError(
                f"the value of an observation must be finite, but got {value!r}: leave it out"
            )
        loss = self.history.sign * number
        self._observations += (Observation(self.space.locate(params), loss, as_cost(cost)),)

    @property
    def n_trials(self) -> int | None:
        """Number of planned trials, or None if unknown; ``optimize`` increases it."""
        return self._budget

    @default_errstate
    def learned_warps(self) -> Mapping[str, WarpCurve]:
        """Return the warp that the strategy has learned for each numeric parameter, by name.

        The mapping is empty if the strategy learns no warps or has seen too few trials.
        """
        return self.strategy.learned_warps(self._context())

    @default_errstate
    def learned_model(self) -> LearnedModel | None:
        """Return the model of the objective; None with fewer than two results of full fidelity.

        If the strategy is not a ``BayesianSearch``, it is the model of a default one.
        """
        own = self.strategy
        strategy = own if isinstance(own, BayesianSearch) else BayesianSearch()
        return strategy.learned_model(self._context())

"""Study: the one object that changes; it asks a strategy and records what became of each trial."""

from __future__ import annotations

import math
import numbers
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, final

import numpy as np

from tuneplug.errors import (
    NoCompletedTrialError,
    TrialError,
    check_count,
)
from tuneplug.execution import Executor, make_pool
from tuneplug.execution.progress import Progress, ProgressReporter, check_callbacks
from tuneplug.plugins.manager import Plugins
from tuneplug.space import SearchSpace
from tuneplug.space.parameters import ScalingRecord
from tuneplug.stopping.base import StoppingRule, early_stop_variance
from tuneplug.stopping.completion import CompletionRule, check_completion
from tuneplug.stopping.savings import Savings
from tuneplug.storage.base import Storage
from tuneplug.storage.persistence import StudyPersistence, open_persistence
from tuneplug.strategies.base import Context, Strategy, Suggestion
from tuneplug.strategies.learned_warps import WarpCurve
from tuneplug.study.dataframe import to_frame
from tuneplug.study.optimize import OptimizeLoop
from tuneplug.trial import History, Observation, Trial, TrialResult, TrialState, as_real
from tuneplug.trial.reporting import Direction, TrialReporter

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Study"]


@final
class Study:
    """A search: a space, a strategy, and the history of its trials.

    ``optimize`` runs trials at once as it is told; threads of your own that ask and tell need a
    lock around each call.

    Parameters
    ----------
    space : SearchSpace, mapping or list of mappings
        What to search; a mapping is turned into a ``SearchSpace``.
    strategy : str or Strategy, default "bayesian"
        ``"bayesian"``, ``"random"``, ``"grid"``, the name of a plugin's strategy, or an instance.
    direction : {"minimize", "maximize"}, default "minimize"
        Whether smaller or larger values of the objective are better.
    stopping : str, StoppingRule or None, default None
        What ends a trial early, by what it reports: ``"median"``, ``"asha"`` or an instance of a
        rule of ``tuneplug.stopping``.  None stops none, except with a strategy that brings its
        own, such as ``"hyperband"``.
    seed : int or None, default None
        The same seed gives the same trials.  None draws one, kept in ``seed``.
    n_trials : int or None, default None
        Trials planned in all, if known: strategies size their initial design by it.
    plugins : Plugins, optional
        Where names are looked up, and what observes the study; all that is installed by default.
    storage : str, Storage or None, default None
        Where trials are kept beyond the life of the process, as they come and change:
        ``"sqlite:///study.db"``, the URL of a plugin's storage, or an instance.  If it has a study
        of that name, this one goes on with its trials (and seed, unless one is given); a trial that
        was running there has failed.  What was enqueued and earlier results are not kept.
    name : str, optional
        Of the study; a storage needs it.

    Raises
    ------
    SpaceError
        If the space has faults, all of which are listed, or lacks a trial of the storage, or has
        choices that a storage cannot tell apart.
    ValueError
        If another argument is wrong.
    UnknownNameError
        If no plugin has that name.
    StorageError
        If the storage cannot be opened.

    Examples
    --------
    >>> from tuneplug import Float, Study
    >>> study = Study({"x": Float(-2.0, 2.0)}, seed=0)
    >>> for _ in range(15):
    ...     trial = study.ask()
    ...     study.tell(trial, (trial.params["x"] - 1.0) ** 2)
    >>> round(study.best_params["x"], 1)
    1.0
    """

    def __init__(
        self,
        space: SearchSpace | Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        strategy: str | Strategy = "bayesian",
        direction: Direction = "minimize",
        stopping: str | StoppingRule | None = None,
        seed: int | None = None,
        n_trials: int | None = None,
        plugins: Plugins | None = None,
        storage: str | Storage | None = None,
        name: str | None = None,
    ) -> None:
        if direction not in ("minimize", "maximize"):
            raise ValueError(f"direction must be 'minimize' or 'maximize', but got {direction!r}")
        #: Where names are looked up, and what observes the study.
        self.plugins = Plugins() if plugins is None else plugins
        self.space: SearchSpace = (
            space
            if isinstance(space, SearchSpace)
            else SearchSpace(self.plugins.convert_space(space))
        )
        self.strategy: Strategy = (
            self.plugins.create("strategy", strategy) if isinstance(strategy, str) else strategy
        )
        if not isinstance(self.strategy, Strategy):
            raise TypeError(f"strategy must be a name or a Strategy, but got {strategy!r}")
        if n_trials is not None:
            check_count("n_trials", n_trials, at_least=1)
        #: The rule that ends trials early, None if there is none.
        self.stopping = self._checked_stopping(stopping)
        self.direction = direction
        self.seed = _checked_seed(seed)
        self.history = History(sign=1.0 if direction == "minimize" else -1.0)
        #: Why the search ended before its budget was spent; None if it did not.
        self.completion_reason: str | None = None
        self._budget = n_trials
        self._enqueued: dict[bytes, dict[str, Any]] = {}
        self._prior: tuple[Observation, ...] = ()
        self.name = name
        self._persistence = open_persistence(storage, name, partial(self.plugins.create, "storage"))
        if self._persistence is not None:
            self._resume(self._persistence, own_seed=seed is not None)

    def _resume(self, keeper: StudyPersistence, *, own_seed: bool) -> None:
        """Go on with what is kept of the study."""
        kept = keeper.begin({"direction": self.direction, "seed": self.seed}, self.space)
        if (direction := kept.settings["direction"]) != self.direction:
            raise ValueError(
                f"study {self.name!r} must go on as it began, with direction={direction!r}, but "
                f"got {self.direction!r}: give this one another name"
            )
        if not own_seed:
            self.seed = kept.settings["seed"]
        for trial in keeper.trials(kept, self.space):
            self.history.append(trial)

    def _checked_stopping(self, stopping: Any) -> StoppingRule | None:
        own = self.strategy.stopping
        if stopping is None:
            return own
        if own is not None:
            raise ValueError(
                f"stopping must be None with strategy {self.strategy.name!r}, which brings its "
                f"own, but got {stopping!r}"
            )
        rule = self.plugins.create("stopping", stopping) if isinstance(stopping, str) else stopping
        if not isinstance(rule, StoppingRule):
            raise TypeError(
                f"stopping must be a name, a StoppingRule or None, but got {stopping!r}"
            )
        return rule

    @contextmanager
    def running(self) -> Iterator[None]:
        """Within it the study runs trials; observers are told of its start and its end."""
        self.plugins.notify("tuneplug_study_started", study=self)
        error: BaseException | None = None
        try:
            yield
        except BaseException as raised:
            error = raised
            raise
        finally:
            try:
                if self._persistence is not None:
                    self._persistence.flush()
            finally:
                self.plugins.notify("tuneplug_study_finished", study=self, error=error)

    # ------------------------------------------------------------------ ask and tell

    def enqueue(self, params: Mapping[str, Any]) -> None:
        """Have a configuration tried before the strategy is asked again; one already known is left
        out.

        Raises
        ------
        TypeError
            If it is not a mapping.
        ValueError
            If it is not a configuration of the space.
        """
        try:
            key = self.space.key(params)
        except ValueError as error:
            raise ValueError(f"{params!r} is not in the space: {error}") from None
        if key not in self._context().tried_keys():
            self._enqueued.setdefault(key, dict(params))

    def ask(self, *, lag: int = 0) -> Trial:
        """Start the next trial.

        Parameters
        ----------
        lag : int, default 0
            How many of the latest trials count as running, whether or not they have ended: where
            the others have ended, the configuration does not depend on the order in which they did.

        Raises
        ------
        SpaceExhausted
            If every configuration of a finite space was tried or is running.
        """
        seen = self.history.until(len(self.history) - lag) if lag else self.history
        if self._enqueued:
            params = self._enqueued.pop(next(iter(self._enqueued)))
            return self._start(Suggestion(params, origin="user"), seen)
        return self._start(self.strategy.propose(self._context(seen)), seen)

    def _start(self, suggestion: Suggestion, seen: History) -> Trial:
        params = suggestion.params
        if not suggestion.decoded:
            params = self.space.canonical(params)
        number = len(self.history)
        reporter = TrialReporter(direction=self.direction)
        if self.stopping is not None:
            reporter.stop_thresholds = self.stopping.make_thresholds(number, seen.curves())
        trial = Trial(
            number,
            params,
            self.space.locate(params),
            suggestion.origin,
            started=time.time(),
            expected_improvement=suggestion.expected_improvement,
            resource=suggestion.resource,
            reporter=reporter,
        )
        self._keep(trial)
        self.history.append(trial)
        self.plugins.notify("tuneplug_trial_asked", study=self, trial=trial)
        return trial

    def _context(self, history: History | None = None) -> Context:
        return Context(
            self.space,
            self.history if history is None else history,
            self._budget,
            self.seed,
            self._prior,
        )

    def add_observation(self, params: Mapping[str, Any], value: float) -> None:
        """Have the strategy learn from a result of an earlier search, in the same units.

        It is no trial of this study: not counted, never best, and its configuration may be tried
        again.

        Raises
        ------
        ValueError
            If it is not a configuration of the space, or the value is not finite.
        TypeError
            If the value is not a real number.
        """
        number = as_real(value)
        if not math.isfinite(number):
            raise ValueError(f"the value of an earlier result must be finite, but got {value!r}")
        self._prior += (Observation(self.space.locate(params), self.history.sign * number),)

    def tell(self, trial: Trial, value: float, *, variance: float | None = None) -> None:
        """Record the value of the objective; the trial ends COMPLETE.

        It ends STOPPED if ``trial.should_stop()`` has been True: where the value is None or not
        finite, its last finite report counts, and without one it has no value.  Any other trial
        ends FAILED if the value is not finite.

        Parameters
        ----------
        trial : Trial
            A running trial of this study, or a copy of one that came back from a worker.
        value : float
            In the user's units and direction.
        variance : float, optional
            Variance of the value around the true objective, on top of the noise that the Bayesian
            strategy learns.  If None and the trial was stopped early, it is estimated from how much
            the metric of complete trials still changed after that step.

        Raises
        ------
        TypeError
            If the value is not a real number.
        TrialError
            If the trial is not of this study, or has ended.
        """
        self._check_running(trial)
        self.finish(trial.number, trial.resolve(value, variance))

    def fail(self, trial: Trial, error: str | BaseException) -> None:
        """Record that the trial failed, and why.

        Raises
        ------
        TrialError
            If the trial is not of this study, or has ended.
        """
        self._check_running(trial)
        text = error if isinstance(error, str) else repr(error)
        self.finish(trial.number, trial.result(TrialState.FAILED, error=text))

    def _check_running(self, trial: Trial) -> None:
        if not np.array_equal(self._known(trial.number).point, trial.point):
            raise TrialError(f"trial {trial.number} is not of this study")
        self._running(trial.number)

    def _known(self, number: int) -> Trial:
        if not 0 <= number < len(self.history):
            raise TrialError(f"trial {number} is not of this study")
        return self.history[number]

    def _running(self, number: int) -> Trial:
        mine = self._known(number)
        if mine.state.ended:
            raise TrialError(f"trial {number} has already ended: it is {mine.state.value}")
        return mine

    def finish(self, number: int, result: TrialResult) -> None:
        """Record the result of a running trial, store it and notify observers.

        ``tell`` and ``fail`` build the result from a trial; this method is for code that collects
        results itself.  It alone changes a trial of the history.

        Raises
        ------
        TrialError
            If the study has no trial of that number, or the trial has ended.
        """
        mine = self._running(number)
        mine.value, mine.variance = result.value, self._variance_of(result)
        mine.error = result.error
        mine.reporter = TrialReporter(
            reports=list(result.reports),
            metric=result.metric,
            direction=result.direction,
            stop_reason=result.stop_reason,
        )
        if result.started is not None:
            mine.started = result.started
        mine.finished = time.time() if result.finished is None else result.finished
        mine.state = result.state
        self._notify_of_end(mine)

    def _variance_of(self, result: TrialResult) -> float | None:
        stopped = result.state is TrialState.STOPPED and result.value is not None
        if result.variance is None and stopped and result.reports:
            return early_stop_variance(result, self.history)
        return result.variance

    def _notify_of_end(self, mine: Trial) -> None:
        self._keep(mine)
        if mine.reports:
            self.plugins.notify(
                "tuneplug_trial_reported", study=self, trial=mine, reports=mine.reports
            )
        self.plugins.notify("tuneplug_trial_finished", study=self, trial=mine)

    def _keep(self, trial: Trial) -> None:
        if self._persistence is not None:
            self._persistence.write(trial)

    def complete(self, reason: str) -> None:
        """Record why the search ended before its budget was spent; the first reason is kept."""
        self.completion_reason = self.completion_reason or reason

    # ------------------------------------------------------------------ running an objective

    def optimize(
        self,
        objective: Callable[[Trial], float],
        n_trials: int | None = None,
        *,
        n_jobs: int | None = None,
        executor: Executor | str | None = None,
        timeout: float | None = None,
        completion: Sequence[CompletionRule] = (),
        callbacks: Sequence[Callable[[Progress], Any]] = (),
        verbose: int = 0,
    ) -> None:
        """Run more trials of an objective, until a budget is spent or the search is complete.

        A trial whose objective raises is recorded as FAILED, with its traceback, and the search
        continues.  On an interrupt the trials that ended are kept, those running become FAILED, and
        the interrupt is raised.  ``completion_reason`` says why the call ended before it had
        started ``n_trials`` trials.

        Parameters
        ----------
        objective : callable
            ``objective(trial) -> float``; the configuration is in ``trial.params``.
        n_trials : int or None, default None
            Maximum number of trials to start.  If None, there must be a timeout.
        n_jobs : int or None, default None
            Number of trials at once, on threads unless there is an executor; -1 is one for each
            core.  If None, the number of workers of the executor, or 1.
        executor : str or object with ``submit``, optional
            Where to run trials.  A name such as ``"dask"`` or ``"ray"``, or an object that a plugin
            supports, such as a client of Dask, is made an executor for the time of the call.  An
            executor that is given stays open.  Process pools need a picklable objective and share
            the arrays that it refers to, which are read-only for the workers.
        timeout : float, optional
            Seconds after which no trial is started.  Afterwards ``trial.should_stop()`` returns
            True in running trials, and those that call it end STOPPED.
        completion : sequence of CompletionRule, default ()
            The call starts no more trials once one of the rules of ``tuneplug.stopping`` applies:
            ``completion=[Target(0.9), Patience(10)]``.
        callbacks : sequence of callable, default ()
            Each is called in this process as ``f(progress)`` after each trial, with a
            ``tuneplug.execution.Progress``.  The call starts no more trials once one returns True.
        verbose : int, default 0
            If at least 1, a line for each trial is printed on stdout.

        Raises
        ------
        ValueError
            If ``n_trials`` or ``timeout`` is not positive, or both are None.
        TypeError
            If ``completion`` has other objects than completion rules, or a callback is not
            callable.
        AllTrialsFailedError
            If none of the trials of this call completed or was stopped and at least one failed.
        NoCompletedTrialError
            If the timeout passed before any trial completed.
        """
        if n_trials is not None:
            check_count("n_trials", n_trials, at_least=1)
        elif timeout is None:
            raise ValueError("optimize needs n_trials, a timeout, or both, but got neither")
        if timeout is not None and not timeout > 0:
            raise ValueError(f"timeout must be positive seconds, but got {timeout!r}")
        rules = check_completion(completion)
        check_callbacks(callbacks)
        make = self.plugins.executor_factory(executor)
        progress = ProgressReporter(self.history, n_trials, "value", callbacks, verbose)
        run = OptimizeLoop(self, objective, n_trials, timeout, rules, progress)
        self.completion_reason = None
        if n_trials is not None:
            self._budget = max(self._budget or 0, len(self.history) + n_trials)
        with make_pool(executor, n_jobs, make) as pool, self.running():
            run.run(pool)
        if run.exhausted is not None:
            warnings.warn(run.exhausted, UserWarning, stacklevel=2)
        run.raise_if_none_completed()

    # ------------------------------------------------------------------ results

    @property
    def n_trials(self) -> int | None:
        """Trials planned in all, None if not known; ``optimize`` plans more where it runs more."""
        return self._budget

    @property
    def trials(self) -> list[Trial]:
        """All trials, in the order they were asked for."""
        return list(self.history)

    @property
    def best_trial(self) -> Trial:
        """The completed trial with the best value; stopped and failed ones are never best.

        Raises
        ------
        NoCompletedTrialError
            If no trial has completed.
        """
        best = self.history.best()
        if best is None:
            states = Counter(t.state.value for t in self.history)
            counts = ", ".join(f"{n} {state}" for state, n in states.items()) or "no trials"
            raise NoCompletedTrialError(f"no trial has completed yet: {counts}")
        return best

    @property
    def best_params(self) -> dict[str, Any]:
        """The configuration of the best trial."""
        return dict(self.best_trial.params)

    @property
    def best_value(self) -> float:
        """The objective of the best trial, in the user's units and direction."""
        value = self.best_trial.value
        assert value is not None, "a completed trial has a value"
        return value

    def to_frame(self) -> pd.DataFrame:
        """Return one row a trial: number, state, value, a column a parameter, origin and times.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        return to_frame(self.history, self.space)

    def explain_scaling(self) -> list[ScalingRecord]:
        """Return a record a numeric parameter: parameter, scaling, chosen_by, reason, advice."""
        return self.space.explain_scaling()

    def savings(self) -> Savings:
        """Return how many steps and seconds ending trials early has saved."""
        return Savings.of(self.history)

    def learned_warps(self) -> Mapping[str, WarpCurve]:
        """Return the warp that the strategy has learned for each numeric parameter.

        Empty where the strategy learns none, or has seen too few trials.
        """
        return self.strategy.learned_warps(self._context())

    def __repr__(self) -> str:
        best = self.history.best()
        at_best = "" if best is None else f", best_value={best.value!r}"
        return f"Study(strategy={self.strategy.name!r}, trials={len(self.history)}{at_best})"


def _checked_seed(seed: int | None) -> int:
    if seed is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if not isinstance(seed, numbers.Integral) or seed < 0:
        raise ValueError(f"seed must be None or an integer of at least 0, but got {seed!r}")
    return int(seed)

"""``Study``: asks a strategy for configurations and records the result of each trial."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, Literal, final

from tuneplug._html import html_table
from tuneplug._numerics import default_errstate
from tuneplug.errors import (
    ReadOnlyStorageError,
    StaleTrialError,
    StorageError,
    check_count,
    keep_warning_filters,
    safe_repr,
    warn_caller,
)
from tuneplug.execution import Executor, make_pool
from tuneplug.execution.progress import Progress, ProgressReporter, check_callbacks
from tuneplug.plugins.manager import Plugins
from tuneplug.space import SearchSpace
from tuneplug.stopping.base import StoppingRule, early_stop_variance
from tuneplug.stopping.completion import CompletionRule, check_completion
from tuneplug.storage.base import Storage
from tuneplug.storage.opening import open_persistence
from tuneplug.storage.sessions import ClaimOptions
from tuneplug.strategies.base import Strategy
from tuneplug.study.failures import FailureMonitor
from tuneplug.study.loading import StoredSettings
from tuneplug.study.optimize import Budget, OptimizeLoop
from tuneplug.study.options import (
    check_budget,
    check_direction,
    check_objective,
    check_trial,
    resolve_attributes,
    resolve_plugins,
    resolve_seed,
    resolve_space,
    resolve_stopping,
    resolve_strategy,
    resolve_timeout,
)
from tuneplug.study.prepared import PreparedSuggestion
from tuneplug.study.starting import StartingMethods
from tuneplug.study.warm_start import WarmStartType, read_parents
from tuneplug.trial import (
    History,
    Observation,
    Trial,
    TrialResult,
    TrialState,
)
from tuneplug.trial.reporting import Direction, TrialReporter
from tuneplug.trial.values import check_flag

__all__ = ["Study"]


@final
class Study(StartingMethods):
    """A search: a space, a strategy, and the history of the trials.

    A study is not thread-safe: guard ``ask`` and ``tell`` with a lock when calling them from
    several threads.  ``optimize`` handles concurrency itself.

    Parameters
    ----------
    space : SearchSpace, mapping or list of mappings
        The search space; a mapping or a list is converted to a ``SearchSpace``.
    strategy : str or Strategy, default "bayesian"
        ``"bayesian"``, ``"random"``, ``"grid"``, the name of a plugin's strategy, or an instance.
    direction : {"minimize", "maximize"}, default "minimize"
        Whether smaller or larger values of the objective are better.
    stopping : str, StoppingRule or None, default None
        Rule that stops trials early, based on their reports: ``"median"``, ``"asha"``, the name of
        a plugin's rule, or an instance of a rule of ``tuneplug.stopping``.  If None, the rule of
        the strategy is used: ``"hyperband"`` has one, the other strategies of tuneplug stop no
        trial.
    seed : int or None, default None
        Seed of all random numbers: the same seed gives the same trials.  If None, the study draws
        a seed and keeps it in ``seed``.
    n_trials : int or None, default None
        Number of planned trials, if known; strategies derive the size of their initial design from
        it.
    plugins : Plugins or list, optional
        Plugins that resolve names and observe the study: a ``Plugins``, or a list of plugins that
        are used beside all installed ones.  If None, all installed plugins.
    storage : str, Storage or None, default None
        Where to store every trial as it changes, so that the study outlives the process:
        ``"sqlite:///study.db"``, the URL of a plugin's storage, or an instance.  If the storage has
        a study of that name, this study resumes it: it takes over the trials and, if ``seed`` is
        None, the seed.  Nothing is written before the first ``ask``.  Several processes can run one
        study at the same time, if the storage is a ``SharedStorage``, as that of a SQLite file is.
        Enqueued configurations and added observations are not stored.
    name : str, optional
        Name of the study.  Required with a storage.
    heartbeat_interval : float, default 15
        Seconds between two heartbeats, by which other processes know that this one still runs its
        trials.  Only for a ``SharedStorage``, as are the following three.
    grace_period : float or None, default None
        Seconds after its last heartbeat at which a process counts as dead; None for four intervals.
        A process of the same machine counts as dead once it has ended.
    stale_trials : {"retry", "fail"}, default "retry"
        What ``ask`` does with a trial whose process has died: it returns the trial again, with the
        same number, or records it as FAILED.
    max_retries : int, default 1
        Number of times that a trial is started again before it becomes FAILED.
    attributes : mapping, optional
        JSON values to store with a new study, by name.
    warm_start_from : list or None, default None
        One to five earlier searches to start from, its parents: studies, fitted searches, their
        ``cv_results_``, or data frames of either.  Only complete results are used.  Results outside
        of the space are left out with one warning.  A data frame of ``to_frame`` that went through
        a file no longer tells its direction, and counts as having that of this study.  Parents are
        not stored: give them again to resume a study.
    warm_start_type : {"identical", "transfer"}, default "identical"
        ``"identical"``: the parents had the same data and algorithm; their ranges may differ.
        Their results are evidence, up to one offset for each parent, and no strategy tries their
        configurations again.  ``"transfer"``: the data, the algorithm or the parameters differ.
        Each parent is believed as far as it ranks the trials of this study.

    Attributes
    ----------
    history : History
        All trials, in the order in which they were started.
    completion_reason : str or None
        Why the search ended before its budget was spent; None if it did not.
    parents : tuple of Parent
        The results of the parents, as this study uses them.

    Raises
    ------
    SpaceError
        If the space has errors (the message lists all of them), does not contain a stored trial,
        or has categories that a storage cannot distinguish.
    ValueError, TypeError
        If another argument is invalid.
    UnknownNameError
        If no plugin has registered the name.
    StorageError
        If the storage cannot be read, or a stored trial cannot be right.

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
        plugins: Plugins | Sequence[Any] | None = None,
        storage: str | Storage | None = None,
        name: str | None = None,
        heartbeat_interval: float = 15.0,
        grace_period: float | None = None,
        stale_trials: Literal["retry", "fail"] = "retry",
        max_retries: int = 1,
        attributes: Mapping[str, Any] | None = None,
        warm_start_from: Sequence[Any] | None = None,
        warm_start_type: WarmStartType = "identical",
    ) -> None:
        check_direction(direction)
        if n_trials is not None:
            check_count("n_trials", n_trials, at_least=1)
        self.plugins = resolve_plugins(plugins)
        self.space = resolve_space(space, self.plugins)
        self.strategy = resolve_strategy(strategy, self.plugins)
        self.stopping = resolve_stopping(stopping, self.strategy, self.plugins)
        self.direction = direction
        self.seed = resolve_seed(seed)
        self.history = History(sign=1.0 if direction == "minimize" else -1.0)
        self.completion_reason: str | None = None
        self.name = name
        self._budget = n_trials
        self._enqueued: dict[bytes, dict[str, Any]] = {}
        self._observations: tuple[Observation, ...] = ()
        sign = self.history.sign
        self.parents = read_parents(warm_start_from, warm_start_type, self.space, sign)
        self._prepared: PreparedSuggestion | None = None
        self.attributes = resolve_attributes(attributes)
        options = ClaimOptions(heartbeat_interval, grace_period, stale_trials, max_retries)
        create = partial(self.plugins.create, "storage")
        self._persistence = open_persistence(storage, name, create, options)
        if self._persistence is not None:
            self._resume(self._persistence, own_seed=seed is not None)

    @classmethod
    def load(
        cls,
        storage: str | Storage,
        name: str,
        *,
        space: SearchSpace | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> Study:
        """Resume a stored study with its direction and the space of its latest run.

        Parameters
        ----------
        storage : str or Storage
            Storage, or its URL.
        name : str
            Name of the study.
        space : SearchSpace, mapping or list of mappings, optional
            The whole space, or a mapping of those parameters only that could not be stored: whose
            categories are other objects than numbers, text and containers of these.
        **options
            Other arguments of ``Study``, such as ``strategy`` and ``plugins``; these are not
            stored.

        Raises
        ------
        StorageError
            If the storage has no such study or cannot be read, or no space is stored, as in files
            of an earlier tuneplug.
        SpaceError
            If objects of the space could not be stored and are not given; they are named.

        Examples
        --------
        >>> from tuneplug import Float, Study
        >>> from tuneplug.storage import MemoryStorage
        >>> storage = MemoryStorage()
        >>> study = Study({"x": Float(-2.0, 2.0)}, storage=storage, name="a", seed=0)
        >>> study.optimize(lambda trial: trial.params["x"] ** 2, 3)
        >>> len(Study.load(storage, "a").trials)
        3
        """
        options["plugins"] = plugins = resolve_plugins(options.get("plugins"))
        stored = StoredSettings.read(storage, name, plugins)
        options.setdefault("direction", stored.settings["direction"])
        whole = stored.space(space, plugins)
        return cls(whole, storage=stored.storage, name=name, **options)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Context manager: notify observers when the study starts and stops running trials."""
        if self._persistence is not None:
            self._persistence.start_run()
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
                    self._persistence.finish_run()
            finally:
                self.plugins.notify("tuneplug_study_finished", study=self, error=error)

    def tell(
        self,
        trial: Trial,
        value: float,
        *,
        variance: float | None = None,
        cost: float | None = None,
        constraints: Sequence[float] | None = None,
    ) -> None:
        """Record the value of the objective for a running trial.

        The trial becomes COMPLETE, or FAILED if the value is not finite or a float cannot represent
        it.  A trial whose ``should_stop()`` has returned True becomes STOPPED instead.  If the
        value of a stopped trial is None or not finite, its last finite report becomes its value;
        without such a report it has no value.

        Parameters
        ----------
        trial : Trial
            A running trial of this study, or a copy of it that a worker returned.
        value : float
            Value of the objective, in the user's units and direction.
        variance : float, optional
            Variance of the value around the true objective, on top of the noise that the Bayesian
            strategy learns.  If None and the trial was stopped early, it is estimated from how much
            the metric of completed trials still changed after that step.
        cost : float, optional
            Cost of the trial itself, in seconds or in any other unit that all trials of the study
            share.  If None, the cost that ``trial.set_cost`` set, or else the seconds from start to
            end.
        constraints : sequence of float, optional
            Values of the constraints; each holds if it is at most 0.  If None, those that
            ``trial.set_constraints`` set.  All complete trials of a study have the same ones.

        Raises
        ------
        TypeError
            If ``trial`` is not a trial, or ``value``, ``variance``, ``cost`` or a constraint is not
            a real number.
        ValueError
            If ``variance`` or ``cost`` is negative or not finite, or a constraint is not finite, or
            if the number of constraints is not that of earlier trials.
        TrialError
            If the trial is not of this study, or has ended.
        ReadOnlyStorageError
            If the storage can no longer be written; the value is recorded in ``trials``.
        """
        check_trial(trial, "tell")
        self._running_trial(trial.number, trial.point)
        result = trial.resolve(value, variance, cost)
        if constraints is not None:
            result = replace(result, constraints=constraints)
        if (error := self.history.wrong_constraints(result)) is not None:
            raise ValueError(error)
        self.finish(trial.number, result)

    def fail(self, trial: Trial, error: str | BaseException, *, cost: float | None = None) -> None:
        """Record that a running trial failed, with the error and what it took, as for ``tell``.

        Raises
        ------
        TypeError
            If ``trial`` is not a trial, or ``cost`` is not a real number.
        ValueError
            If ``cost`` is negative or not finite.
        TrialError
            If the trial is not of this study, or has ended.
        """
        check_trial(trial, "fail")
        self._running_trial(trial.number, trial.point)
        text = error if isinstance(error, str) else safe_repr(error)
        result = trial.failure(text)
        self.finish(trial.number, result if cost is None else replace(result, cost=cost))

    @default_errstate
    def finish(self, number: int, result: TrialResult) -> None:
        """Record the result of a running trial, store it and notify observers.

        A complete trial whose number of constraints is not that of earlier ones becomes FAILED.

        ``tell`` and ``fail`` build the result from a trial and call this method; call it directly
        if you build results yourself.  No other code changes a trial of the history.

        Raises
        ------
        TrialError
            If the study has no trial with that number, or the trial has ended.
        ReadOnlyStorageError
            If the storage can no longer be written; the result is recorded in ``trials``.
        """
        trial = self._running_trial(number)
        if (error := self.history.wrong_constraints(result)) is not None:
            result = replace(
                result, state=TrialState.FAILED, value=None, constraints=None, error=error
            )
        trial.value, trial.variance = result.value, self._variance_of(result, trial.fidelity)
        trial.error = result.error
        trial.reporter = TrialReporter(
            reports=list(result.reports),
            metric=result.metric,
            direction=result.direction,
            stop_reason=result.stop_reason,
        )
        if result.started is not None:
            trial.started = result.started
        trial.finished = time.time() if result.finished is None else result.finished
        trial.cost = _measured_cost(trial) if result.cost is None else result.cost
        trial.constraints = None if result.constraints is None else tuple(result.constraints)
        trial.state = result.state
        unwritten: ReadOnlyStorageError | None = None
        try:
            self._store(trial, keep=True)
        except ReadOnlyStorageError as error:
            unwritten = error
        except StaleTrialError:
            with suppress(StorageError):  # the next ask reads it again
                self.refresh()
            raise
        if trial.reports:
            self.plugins.notify(
                "tuneplug_trial_reported", study=self, trial=trial, reports=trial.reports
            )
        self.plugins.notify("tuneplug_trial_finished", study=self, trial=trial)
        if unwritten is not None:
            raise unwritten

    def _variance_of(self, result: TrialResult, fidelity: float) -> float | None:
        stopped = result.state is TrialState.STOPPED and result.value is not None
        if result.variance is None and stopped and result.reports:
            return early_stop_variance(result, self.history, fidelity)
        return result.variance

    def complete(self, reason: str) -> None:
        """Set ``completion_reason``; if it is set already, keep the first reason."""
        self.completion_reason = self.completion_reason or reason

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
        verbose: int | str = 0,
        fail_fast: bool = True,
    ) -> None:
        """Run more trials of an objective, until a budget is spent or the search is complete.

        If the objective raises an exception, the trial becomes FAILED with the traceback as its
        error, and the search continues.  A warning shows the first failure at once, and another one
        counts the failures at the end.  On an interrupt, running trials become FAILED, finished
        trials stay, and the interrupt is raised again.  ``completion_reason`` says why the call
        ended before it had started ``n_trials`` trials.

        Parameters
        ----------
        objective : callable
            ``objective(trial) -> float``; the configuration is in ``trial.params``.
        n_trials : int or None, default None
            Maximum number of trials to start.  If None, ``timeout`` is required.  Trials of dead
            processes that are started again do not count; 0 runs only these, in a stored study.
        n_jobs : int or None, default None
            Number of trials to run at once; -1 means one per core.  Without an executor, trials run
            on threads.  If None, the number of workers of the executor, or 1 without an executor.
        executor : str or object with ``submit``, optional
            Where to run trials.  From a name such as ``"dask"`` or ``"ray"``, or from an object
            that a plugin supports, such as a Dask client, an executor is created and shut down
            after the call.  An executor that is given stays open.  Process pools need a picklable
            objective; its arrays are shared with the workers, where they are read-only.
        timeout : float, optional
            Time budget in seconds.  When it expires, no new trial starts, and
            ``trial.should_stop()`` returns True: running trials that call it become STOPPED.
        completion : sequence of CompletionRule, default ()
            Rules of ``tuneplug.stopping`` that end the search, such as
            ``completion=[Target(0.9), Patience(10)]``.  No new trial starts once one applies.
        callbacks : sequence of callable, default ()
            Functions ``callback(progress)`` that are called in this process after each trial, with
            a ``tuneplug.execution.Progress``.  No new trial starts once one returns True, of
            Python or of NumPy.  Other true values are ignored with a warning.
        verbose : int or str, default 0
            If at least 1, print a line on stdout for each trial, and after the last one each
            parameter whose best value is at an end of its range; if at least 2, the configurations,
            too.  ``"bar"`` shows a progress bar on stderr, which needs rich; other names are those
            of observers of plugins.
        fail_fast : bool, default True
            Whether to end the search if the first five trials that end all fail with the same
            exception type and message.  Enqueued trials and trials of a grid do not count: if one
            is among the first five, the search continues.

        Raises
        ------
        ValueError
            If ``n_trials`` or ``timeout`` is too small, or both are None.
        TypeError
            If ``objective`` or a callback is not callable, ``timeout`` is not a real number, or
            ``completion`` contains another object than a completion rule.
        AllTrialsFailedError
            If every trial of this call failed.
        NoCompletedTrialError
            If the timeout passed, or the space was exhausted, before any trial completed.
        """
        check_objective(objective)
        check_budget(n_trials, timeout, stored=self._persistence is not None)
        seconds = resolve_timeout(timeout)
        rules = check_completion(completion)
        check_callbacks(callbacks)
        check_flag("fail_fast", fail_fast)
        make = self.plugins.executor_factory(executor)
        progress = ProgressReporter(self.history, n_trials, "value", callbacks, verbose)
        budget = Budget(n_trials, seconds)
        failures = FailureMonitor(fail_fast=fail_fast)
        run = OptimizeLoop(self, objective, budget, rules, progress, failures)
        self.completion_reason, n_earlier = None, len(self.history)
        if n_trials is not None:
            self._budget = max(self._budget or 0, n_earlier + n_trials)
        with (
            keep_warning_filters(),
            self.plugins.observed_by(progress.observer),
            make_pool(executor, n_jobs, make) as pool,
            self.running(),
        ):
            progress.start(pool.n_workers)
            try:
                run.run(pool)
            finally:
                progress.warn_of_failures()
        if run.exhausted is not None:
            warn_caller(run.exhausted, UserWarning)
        run.raise_if_none_completed()
        progress.advise(self.ends_reached())
        failures.warn_of_count()

    def __repr__(self) -> str:
        best = self.history.best()
        value = "" if best is None else f", best_value={best.value!r}"
        return f"Study(strategy={self.strategy.name!r}, trials={len(self.history)}{value})"

    def _repr_html_(self) -> str:
        """Return a table of the state and the best trial, for notebooks."""
        states = Counter(trial.state.value for trial in self.history)
        counts = ", ".join(f"{n} {state}" for state, n in states.items()) or "none"
        rows: list[tuple[str, Any]] = [("strategy", self.strategy.name)]
        rows += [("direction", self.direction), ("trials", counts)]
        best = self.history.best()
        if best is not None:
            rows += [("best value", repr(best.value)), ("best trial", best.number)]
            rows += best.proposed_params.items()
        title = "Study" if self.name is None else f"Study {self.name}"
        return html_table(title, ("", ""), rows)


def _measured_cost(trial: Trial) -> float | None:
    """Return the seconds from start to end; None if the clock was set back in between."""
    seconds = trial.duration
    return seconds if seconds is not None and 0.0 <= seconds < math.inf else None

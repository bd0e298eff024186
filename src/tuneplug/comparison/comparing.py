"""``compare``: run strategies in paired replications."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tuneplug.comparison.plan import ComparisonArguments, ComparisonPlan, make_plan
from tuneplug.comparison.replications import Ended, Replication, run_replication
from tuneplug.comparison.result import Comparison
from tuneplug.errors import keep_warning_filters, safe_repr, warn_caller
from tuneplug.execution import Broadcast, Executor, Job, WorkerPool, make_pool, run_jobs
from tuneplug.execution.pool import this_process
from tuneplug.plugins.manager import Plugins
from tuneplug.space import SearchSpace
from tuneplug.storage.base import Storage
from tuneplug.storage.memory import MemoryStorage
from tuneplug.strategies.base import Strategy
from tuneplug.study.options import resolve_plugins
from tuneplug.trial import Trial
from tuneplug.trial.reporting import Direction

__all__ = ["compare"]


def compare(
    objective: Callable[[Trial], float],
    strategies: Mapping[str, str | Strategy | Mapping[str, Any]],
    *,
    space: SearchSpace | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    replications: int = 50,
    n_trials: int = 40,
    direction: Direction = "minimize",
    seed: int | None = None,
    n_jobs: int | None = None,
    executor: Executor | str | None = None,
    storage: str | Storage | None = None,
    name: str | None = None,
    verbose: int = 0,
) -> Comparison:
    """Compare strategies on an objective, in paired replications.

    A replication is a study of ``n_trials`` trials, one after the other.  Replication r of every
    strategy has the same seed.  Replications run in parallel, and the result depends neither on
    their number at once nor on interruptions.

    Parameters
    ----------
    objective : callable
        ``objective(trial) -> float``.
    strategies : mapping
        What to compare, by name: the name of a strategy, an instance, or a mapping of options of
        ``Study``, such as ``{"strategy": "random", "space": {...}}`` or ``{"stopping": "median"}``.
    space : SearchSpace, mapping or list of mappings, optional
        Space of all strategies that do not have their own.
    replications : int, default 50
        Number of replications of each strategy, at least 2.
    n_trials : int, default 40
        Number of trials of each replication.
    direction : {"minimize", "maximize"}, default "minimize"
        Whether smaller or larger values of the objective are better.
    seed : int or None, default None
        Seed of all replications.  If None, the stored one, or else a new one.
    n_jobs : int or None, default None
        Number of replications that run at once; see ``Study.optimize``.
    executor : str or object with ``submit``, optional
        Where to run replications; see ``Study.optimize``.  Process pools need a picklable
        objective, and are faster than threads if the objective takes less time than suggestions.
    storage : str, Storage or None, default None
        Where to keep the replications, each a study ``name/strategy/replication``.  The next call
        with the same arguments goes on with them, and repeats none that has ended; it may have more
        replications or further strategies.  The objective is not compared.  Only one process at a
        time may run a comparison.
    name : str, optional
        Name of the comparison.  Required with a storage.
    verbose : int, default 0
        If at least 1, print a line on stdout for each replication that ends.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If arguments are wrong, or differ from those of the stored replications; before any trial
        runs.  The message lists all mistakes.
    TypeError
        If ``verbose`` is not an integer.
    AllTrialsFailedError, NoCompletedTrialError
        If no trial of a replication completed.

    Examples
    --------
    >>> import tuneplug
    >>> comparison = tuneplug.compare(
    ...     lambda trial: (trial.params["x"] - 0.3) ** 2,
    ...     {"bayesian": "bayesian", "random": "random"},
    ...     space={"x": tuneplug.Float(0.0, 1.0)},
    ...     replications=3,
    ...     n_trials=8,
    ...     seed=0,
    ... )
    >>> comparison.curves["random"].shape
    (3, 8)
    """
    _check_verbose(verbose)
    plugins = resolve_plugins(None)
    given = ComparisonArguments(
        objective, strategies, space, replications, n_trials, direction, seed, storage, name
    )
    plan = make_plan(given, plugins)
    with keep_warning_filters(), _pool(plan, executor, n_jobs, plugins) as pool:
        found = _run_all(plan, pool, verbose)
    _warn_of_failures(found, plan)
    curves = {
        strategy: np.array([found[strategy, r].curve for r in range(plan.replications)])
        for strategy in plan.options
    }
    n_failed = {
        strategy: sum(found[strategy, r].n_failed for r in range(plan.replications))
        for strategy in plan.options
    }
    return Comparison(curves, plan.direction, seed=plan.seed, n_failed=n_failed)


def _check_verbose(verbose: Any) -> None:
    if not isinstance(verbose, (int, np.integer, np.bool_)):
        raise TypeError(
            f"verbose must be an integer, but got {safe_repr(verbose)}: pass verbose=1 for a line "
            "for each replication"
        )


def _pool(plan: ComparisonPlan, executor: Any, n_jobs: int | None, plugins: Plugins) -> WorkerPool:
    pool = make_pool(executor, n_jobs, plugins.executor_factory(executor))
    if isinstance(plan.storage, MemoryStorage) and not pool.in_process:
        with pool:
            raise ValueError(
                "storage must be one that the processes of the executor can reach, but got "
                f"{plan.storage!r}: give, for example, 'sqlite:///comparison.db'"
            )
    return pool


def _run_all(
    plan: ComparisonPlan, pool: WorkerPool, verbose: int
) -> dict[tuple[str, int], Replication]:
    """Run all replications; those of one seed follow each other."""
    found: dict[tuple[str, int], Replication] = {}
    shared, jobs = Broadcast(plan), _jobs(plan)

    def next_job() -> Job | None:
        key = next(jobs, None)
        return None if key is None else Job(key, run_replication, (shared, *key, this_process()))

    def on_result(job: Job, result: Replication | Ended) -> None:
        if isinstance(result, Ended):
            raise result.error
        strategy, replication = key = _key_of(job)
        found[key] = result
        if verbose:
            print(
                f"{strategy} {replication + 1}/{plan.replications}: best {result.curve[-1]:.6g} "
                f"({len(found)} of {len(plan.options) * plan.replications} replications)",
                flush=True,
            )

    def on_failure(job: Job, error: str) -> None:
        strategy, replication = _key_of(job)
        raise RuntimeError(
            f"strategy {strategy!r}, replication {replication} was lost twice by the executor:\n"
            f"{error}"
        )

    try:
        run_jobs(pool, next_job, on_result, on_failure)
    except BaseException:
        plan.stopped = True  # threads end after their current trial
        raise
    return found


def _jobs(plan: ComparisonPlan) -> Iterator[tuple[str, int]]:
    for replication in range(plan.replications):
        for strategy in plan.options:
            yield strategy, replication


def _key_of(job: Job) -> tuple[str, int]:
    assert isinstance(job.key, tuple), "the key of a job is its strategy and its replication"
    strategy, replication = job.key
    return strategy, replication


def _warn_of_failures(found: Mapping[tuple[str, int], Replication], plan: ComparisonPlan) -> None:
    n_failed = sum(result.n_failed for result in found.values())
    if not n_failed:
        return
    error = next(result.error for result in found.values() if result.error is not None)
    warn_caller(
        f"{n_failed} of {len(found) * plan.n_trials} trials of the comparison failed, and count as "
        f"jobs without a value: {error}",
        RuntimeWarning,
    )

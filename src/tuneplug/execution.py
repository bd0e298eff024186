"""The driver: keeps an executor busy with trials until the budget is spent.

An executor is anything with ``submit(fn, *args)`` whose futures have ``add_done_callback`` and
``result``.  No worker waits for another: as one trial ends, the next is asked for.
"""

from __future__ import annotations

import contextlib
import os
import queue
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Protocol

from tuneplug.trial import Trial

__all__ = ["Executor", "Future", "Outcome", "drive", "evaluate", "pool", "resolve_n_jobs"]


class Future(Protocol):
    """A result to come."""

    def add_done_callback(self, fn: Callable[[Any], object], /) -> object: ...
    def result(self) -> Any: ...


class Executor(Protocol):
    """Runs functions somewhere else: threads, processes, a cluster."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Any: ...


@dataclass(frozen=True)
class Outcome:
    """What running an objective on a trial gave; it travels back from the worker."""

    number: int
    value: Any
    reports: list[tuple[int, float]]
    stop_reason: str | None
    error: str | None
    started: float
    finished: float


def evaluate(objective: Callable[[Trial], Any], trial: Trial) -> Outcome:
    """Run the objective on one trial; an exception becomes the outcome's ``error``.

    ``KeyboardInterrupt`` and ``SystemExit`` pass through.
    """
    value, error, started = None, None, time.time()
    try:
        value = objective(trial)
    except Exception:  # noqa: BLE001  whatever a user's objective raises is the outcome
        error = traceback.format_exc()
    return Outcome(
        trial.number, value, trial.reports, trial.stop_reason, error, started, time.time()
    )


def resolve_n_jobs(n_jobs: int | None) -> int:
    """Return a number of workers; None is 1, and -1 is one for each core, -2 one fewer.

    Raises
    ------
    ValueError
        If it is 0 or not an integer.
    """
    if n_jobs is None:
        return 1
    if not isinstance(n_jobs, Integral) or n_jobs == 0:
        raise ValueError(
            "n_jobs must be an integer other than 0, a number of workers or -1 for every core, "
            f"but got {n_jobs!r}"
        )
    return n_jobs if n_jobs > 0 else max(1, (os.cpu_count() or 1) + 1 + n_jobs)


class _Inline:
    """Runs each call at once in the calling thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> _Done:
        return _Done(fn(*args))


@dataclass(frozen=True)
class _Done:
    value: Any

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None:
        fn(self)

    def result(self) -> Any:
        return self.value


@contextlib.contextmanager
def pool(executor: Executor | None, n_jobs: int | None) -> Iterator[tuple[Executor, int]]:
    """Yield an executor and how many trials to keep on it: the given one, threads, or none."""
    workers = resolve_n_jobs(n_jobs)
    if executor is not None:
        yield executor, workers
    elif workers == 1:
        yield _Inline(), 1
    else:
        threads = ThreadPoolExecutor(workers, thread_name_prefix="tuneplug")
        try:
            yield threads, workers
        finally:
            threads.shutdown(wait=True, cancel_futures=True)


def drive(
    executor: Executor,
    slots: int,
    objective: Callable[[Trial], Any],
    ask: Callable[[], Trial | None],
    tell: Callable[[Outcome], None],
    lose: Callable[[int, str], None],
) -> None:
    """Run trials until ``ask`` returns None and none is in flight.

    Parameters
    ----------
    executor : Executor
    slots : int
        Trials in flight at once.
    objective : callable
        Called with a Trial; shipped to the executor.
    ask : callable
        Returns the next trial, or None when there is none to start.
    tell : callable
        Takes the outcome of a trial that ran.
    lose : callable
        Takes the number of a trial that the executor lost, and why.
    """
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    running: dict[int, Any] = {}  # the future of each trial in flight, by number
    try:
        while True:
            while len(running) < slots and (trial := ask()) is not None:
                future = executor.submit(evaluate, objective, trial)
                running[trial.number] = future
                future.add_done_callback(lambda f, n=trial.number: done.put((n, f)))
            if not running:
                return
            number, future = done.get()
            del running[number]
            try:
                outcome = future.result()
            except Exception:  # noqa: BLE001  a dead worker, something that cannot be pickled
                lose(number, traceback.format_exc())
            else:
                tell(outcome)
    finally:
        for future in running.values():  # after an interrupt: what has not begun need not
            if hasattr(future, "cancel"):
                future.cancel()

"""Run jobs on a pool of workers until no job is left.

No worker waits for another: when a job ends, the next one is submitted.

A worker that dies (killed, out of memory) breaks a whole process pool.  The pool is then replaced,
and the jobs that were in flight run again, one at a time, to identify the job that killed its
worker.  A job that is lost again while it runs alone fails.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from tuneplug.errors import format_failure
from tuneplug.execution.forks import ForkGuard
from tuneplug.execution.pool import WorkerPool
from tuneplug.trial import Trial, TrialResult

__all__ = ["INTERRUPTED_MESSAGE", "Job", "run_jobs", "run_objective"]

#: Longest wait for a job in seconds, after which signals are handled.
WAIT_SECONDS = 1.0
#: Error of a trial that was running when its search was interrupted.
INTERRUPTED_MESSAGE = "interrupted: the search ended while this trial ran"


@dataclass(frozen=True)
class Job:
    """A function call to run on a worker; ``key`` identifies the job for the caller.

    The function must return its errors instead of raising them: an exception of the future counts
    as a failure of the executor.  A ``Broadcast`` in ``args`` is sent to each worker once.
    """

    key: Hashable
    call: Callable[..., Any]
    args: tuple[Any, ...] = ()


def run_jobs(
    pool: WorkerPool,
    next_job: Callable[[], Job | None],
    on_result: Callable[[Job, Any], None],
    on_failure: Callable[[Job, str], None],
    idle: Callable[[], None] | None = None,
) -> None:
    """Run jobs until ``next_job`` returns None and no job is in flight.

    Parameters
    ----------
    pool : WorkerPool
    next_job : callable
        Returns the next job, or None if no job can start before a running job ends.
    on_result : callable
        Called with a job and the result of its call.
    on_failure : callable
        Called with a job that the executor lost twice, the second time while the job ran alone, and
        with the traceback.  A job is lost if its worker dies or its result cannot be pickled.
    idle : callable, optional
        Called before each wait for a result while all slots are taken, unless jobs run in the
        calling thread: the time for work whose outcome the next job will need.
    """
    flight = _InFlight(pool)
    retry_alone: deque[Job] = deque()  # jobs that were lost once
    try:
        while True:
            while not retry_alone and len(flight.running) < pool.slots and (job := next_job()):
                flight.submit(job)
            if retry_alone and not flight.running:
                flight.submit(retry_alone.popleft(), alone=True)
            if not flight.running:
                return
            if idle is not None and flight.waits:
                idle()
            job, alone, future = flight.next_completed()
            try:
                result = future.result()
            except Exception as error:  # noqa: BLE001  any error of the executor
                flight.recover(error)
                if alone:
                    on_failure(job, format_failure(error))
                else:
                    retry_alone.append(job)
            else:
                on_result(job, result)
    finally:
        flight.cancel()


class _InFlight:
    """The jobs in flight, numbered in the order of submission."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self._completed: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._count = 0
        self._first = 0  # number of the first job on the current executor
        self._latest = 0  # number of the job that completed last
        self.running: dict[int, tuple[Job, bool, Any]] = {}

    def submit(self, job: Job, *, alone: bool = False) -> None:
        try:
            future = self._pool.submit(job)
        except BrokenExecutor as error:  # the pool broke while idle, or its futures still run
            self._replace(error)
            future = self._pool.submit(job)
        number, self._count = self._count, self._count + 1
        self.running[number] = (job, alone, future)
        future.add_done_callback(lambda _: self._completed.put(number))

    @property
    def waits(self) -> bool:
        """Whether all slots are taken by jobs of which none has ended yet."""
        full = len(self.running) >= self._pool.slots
        return full and not self._pool.inline and self._completed.empty()

    def next_completed(self) -> tuple[Job, bool, Any]:
        """Wait until a job ends; return the job, whether it ran alone, and its future."""
        while True:  # an endless wait misses a Ctrl-C that comes just before it
            with suppress(queue.Empty):
                self._latest = self._completed.get(timeout=WAIT_SECONDS)
                return self.running.pop(self._latest)
            self._pool.restore_workers()

    def recover(self, error: Exception) -> None:
        """Replace a broken executor, once for all of its jobs that report the error."""
        if isinstance(error, BrokenExecutor) and self._latest >= self._first:
            self._replace(error)

    def _replace(self, error: Exception) -> None:
        self._pool.replace(error)
        self._first = self._count

    def cancel(self) -> None:
        """Cancel the jobs in flight if the caller owns the executor; others are shut down."""
        for _, _, future in self.running.values():
            if self._pool.given and hasattr(future, "cancel"):
                future.cancel()


def run_objective(objective: Callable[[Trial], Any], trial: Trial) -> TrialResult:
    """Run the objective on one trial, on a worker, and return the result.

    The trial is FAILED if the objective raises an exception or does not return a finite number.
    ``KeyboardInterrupt`` and ``SystemExit`` propagate; any other exception is one of the trial,
    also if its class derives from ``BaseException``.  A process that the objective forks ends with
    the objective.
    """
    started = time.time()
    try:
        with ForkGuard():
            returned = objective(trial)
        result = _resolve(trial, returned)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  any other exception fails the trial
        result = trial.failure(format_failure(error))
    return replace(result, started=started, finished=time.time())


def _resolve(trial: Trial, returned: Any) -> TrialResult:
    try:
        return trial.resolve(returned)
    except TypeError as error:
        return trial.failure(f"TypeError: {error}")

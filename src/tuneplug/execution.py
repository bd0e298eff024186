"""The driver: keeps an executor busy until there is nothing left to run.

An executor is anything with ``submit(fn, *args)`` whose futures have ``add_done_callback`` and
``result``: concurrent.futures, loky, Dask, Ray, MPI, ipyparallel.  No worker waits for another: as
one job ends, the next is submitted.  An executor that was made for a name is the search's own: it
is shut down with it, and made anew where it breaks.

A worker that dies (killed, out of memory) takes a whole process pool with it.  The pool is then
made anew, and the jobs that were in flight run again, one at a time, so that the one at fault shows
itself: the job that the executor loses again while it runs alone is given up.
"""

from __future__ import annotations

import os
import queue
import time
import traceback
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any, Protocol

from tuneplug.trial import Trial

__all__ = [
    "BROKEN_OFF",
    "Executor",
    "Future",
    "Inline",
    "Job",
    "Outcome",
    "Workers",
    "drive",
    "evaluate",
    "n_workers",
    "resolve_n_jobs",
    "workers",
]


#: How the error of a trial begins that ran when its search was ended from outside.
BROKEN_OFF = "interrupted: the search ended while this trial ran"


class Future(Protocol):
    """A result to come."""

    def add_done_callback(self, fn: Callable[[Any], object], /) -> object: ...
    def result(self) -> Any: ...


class Executor(Protocol):
    """Runs functions somewhere else: threads, processes, a cluster.

    It may have more, which is used where it is there:

    - ``n_workers``, how many jobs it can run at once, for where ``n_jobs`` is None;
    - ``put(value)``, which returns what stands for a value among the arguments of ``submit``, so
      that it is sent to each worker once and not with each job;
    - ``shutdown(wait=True, *, cancel_futures=False)``, called on one that was made for a name.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Any: ...


@dataclass(frozen=True)
class Job:
    """A call to make on some worker; ``key`` says what it is for.

    The call must not raise, but return its errors: what a future raises counts as the executor's
    own failure.
    """

    key: Hashable
    call: Callable[..., Any]
    args: tuple[Any, ...] = ()


class Inline:
    """Runs each call at once in the calling thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> _Done:
        return _Done(fn(*args))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """There is nothing to wait for."""


@dataclass(frozen=True)
class _Done:
    value: Any

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None:
        fn(self)

    def result(self) -> Any:
        return self.value


class Workers:
    """An executor, how many jobs to keep on it, and how to come by another when it broke.

    Leaving the context shuts down an executor that was made here, never one that was given.

    Parameters
    ----------
    slots : int or None
        Jobs in flight at once; None is what the executor can run at once if it tells, else one for
        each core of this machine.
    make : callable
        Returns an executor.  Those that it made are shut down here, and replaced when they break.
    given : Executor, optional
        One that belongs to the caller, instead; the attribute says whether there is one.

    Attributes
    ----------
    executor : Executor
        The one in use.
    slots : int
    given : bool
    """

    def __init__(
        self, slots: int | None, make: Callable[[], Any] = Inline, *, given: Executor | None = None
    ) -> None:
        self.given = given is not None
        self._make = make
        self.executor: Any = make() if given is None else given
        self.slots = slots or n_workers(self.executor) or os.cpu_count() or 1

    def submit(self, job: Job) -> Any:
        """Return the future of a job."""
        return self.executor.submit(job.call, *job.args)

    def replace(self, error: BaseException) -> None:
        """Make a new executor in the place of a broken one.

        Raises
        ------
        BaseException
            The error, if the executor was given by the caller, who alone can make another.
        """
        if self.given:
            raise error
        self._close(cancel=True)
        self.executor = self._make()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if not self.given:
            self._close(cancel=kind is not None)

    def _close(self, *, cancel: bool) -> None:
        if cancel and hasattr(self.executor, "terminate"):
            self.executor.terminate()
        if hasattr(self.executor, "shutdown"):
            self.executor.shutdown(wait=True, cancel_futures=cancel)


def n_workers(executor: Any) -> int | None:
    """Return how many jobs an executor can run at once, None if it does not tell."""
    # concurrent.futures and loky know it under a private name.
    found = getattr(executor, "n_workers", None) or getattr(executor, "_max_workers", None)
    return int(found) if isinstance(found, Integral) else None


def drive(
    workers: Workers,
    next_job: Callable[[], Job | None],
    done: Callable[[Job, Any], None],
    lost: Callable[[Job, str], None],
) -> None:
    """Run jobs until ``next_job`` returns None and none is in flight.

    Parameters
    ----------
    workers : Workers
    next_job : callable
        Returns the next job, or None when there is none to start before another ends.
    done : callable
        Takes a job and what its call returned.
    lost : callable
        Takes a job that the executor lost twice, the second time while it ran alone, and the
        traceback: a dead worker, something that cannot be pickled.
    """
    flight = _Flight(workers)
    suspects: deque[Job] = deque()  # lost once
    try:
        while True:
            while not suspects and len(flight.running) < workers.slots and (job := next_job()):
                flight.submit(job)
            if suspects and not flight.running:
                flight.submit(suspects.popleft(), alone=True)
            if not flight.running:
                return
            job, alone, future = flight.landed()
            try:
                result = future.result()
            except Exception as error:  # noqa: BLE001  a dead worker, an unpicklable result
                flight.mend(error)
                if alone:
                    lost(job, traceback.format_exc())
                else:
                    suspects.append(job)
            else:
                done(job, result)
    finally:
        flight.cancel()


class _Flight:
    """Jobs in flight."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._landed: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._count = 0
        self._first = 0  # of those on the executor that is in use now
        self.running: dict[int, tuple[Job, bool, Any]] = {}
        self._at = 0

    def submit(self, job: Job, *, alone: bool = False) -> None:
        try:
            future = self._workers.submit(job)
        except BrokenExecutor as error:  # it broke while idle, or has not told its jobs yet
            self._replace(error)
            future = self._workers.submit(job)
        number, self._count = self._count, self._count + 1
        self.running[number] = (job, alone, future)
        future.add_done_callback(lambda _: self._landed.put(number))

    def landed(self) -> tuple[Job, bool, Any]:
        """Wait for the next job to end; return it, whether it ran alone, and its future."""
        self._at = self._landed.get()
        return self.running.pop(self._at)

    def mend(self, error: Exception) -> None:
        """Replace the executor if the job that landed last found it broken, once for all jobs."""
        if isinstance(error, BrokenExecutor) and self._at >= self._first:
            self._replace(error)

    def _replace(self, error: Exception) -> None:
        self._workers.replace(error)
        self._first = self._count

    def cancel(self) -> None:
        """Call off what has not begun; executors made here are shut down anyway."""
        for _, _, future in self.running.values():
            if self._workers.given and hasattr(future, "cancel"):
                future.cancel()


# ---------------------------------------------------------------- objectives of a study


@dataclass(frozen=True)
class Outcome:
    """What running an objective on a trial gave; it travels back from the worker.

    The trial is a copy where that is another process, with what was reported there.
    """

    trial: Trial
    value: Any
    error: str | None


def evaluate(objective: Callable[[Trial], Any], trial: Trial) -> Outcome:
    """Run the objective on one trial; an exception becomes the outcome's ``error``.

    ``KeyboardInterrupt`` and ``SystemExit`` pass through.
    """
    value, error = None, None
    trial.started = time.time()
    try:
        value = objective(trial)
    except Exception:  # noqa: BLE001  whatever a user's objective raises is the outcome
        error = traceback.format_exc()
    trial.finished = time.time()
    return Outcome(trial, value, error)


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


def workers(
    executor: Executor | str | None, n_jobs: int | None, named: Callable[[str], Executor]
) -> Workers:
    """Return workers on an executor, on threads, or with one job on the calling thread.

    Parameters
    ----------
    executor : Executor, str or None
        One that is given, the name of one, or none.
    n_jobs : int or None
        Jobs in flight; see ``Workers`` for None with an executor, which is 1 without.
    named : callable
        Makes the executor that has a name.
    """
    if executor is not None:
        slots = None if n_jobs is None else resolve_n_jobs(n_jobs)
        if isinstance(executor, str):
            return Workers(slots, partial(named, executor))
        return Workers(slots, given=executor)
    slots = resolve_n_jobs(n_jobs)
    if slots == 1:
        return Workers(1)
    return Workers(slots, lambda: ThreadPoolExecutor(slots, thread_name_prefix="tuneplug"))

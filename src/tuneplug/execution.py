"""The driver: keeps an executor busy until there is nothing left to run.

An executor is anything with ``submit(fn, *args)`` whose futures have ``add_done_callback`` and
``result``: concurrent.futures, loky, Dask, Ray, MPI, ipyparallel.  What else one may have is in
``Executor``.  No worker waits for another: as one job ends, the next is submitted.

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
    "Shared",
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

    Only ``submit`` is needed.  What an executor may have besides, and is used where it is there:

    ``n_workers``
        How many jobs it runs at once, an attribute or property: so many are kept in flight where
        ``n_jobs`` is None.
    ``n_threads``
        How many native threads each job may have, where it has a process of its own.
    ``put(value) -> reference``
        Sends a value to where the jobs run.  What is passed in a reference's place, as one of the
        ``args`` of ``submit``, arrives as the value, without being sent again.
    ``shutdown(wait=True, *, cancel_futures=False)``
        Ends it, as in concurrent.futures; more than one call does no harm.  Called at the end of a
        search for an executor that was made for it, from a name or something that was adopted.
    ``terminate()``
        Ends what is running as well, where that can be done; called before ``shutdown`` where a
        search was broken off.
    ``adopt(given) -> executor or None``
        A class method: an executor on something that belongs to a framework, such as a client of
        its cluster or its backend of joblib; None for anything else.  It must not import the
        framework to find that out.

    A future may have ``cancel()``, which is called for jobs in flight on an executor that goes on.
    An executor that can run nothing any more raises a ``concurrent.futures.BrokenExecutor``; a
    worker that was lost is any other error of a future.
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


@dataclass(frozen=True, eq=False)
class Shared:
    """A value that many jobs have among their ``args``: it is sent once where that can be done."""

    value: Any


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
    slots : int or callable
        Jobs in flight at once, or what returns that for the executor.
    make : callable
        Returns an executor.  Those that it made are shut down here, and replaced when they break.
    given : Executor, optional
        One that belongs to the caller, instead; the attribute says whether there is one.
    """

    def __init__(
        self,
        slots: int | Callable[[Any], int],
        make: Callable[[], Any] = Inline,
        *,
        given: Executor | None = None,
    ) -> None:
        self.given = given is not None
        self._make = make
        self._executor: Any = make() if given is None else given
        self._sent: dict[Shared, Any] = {}
        try:
            self.slots = slots if isinstance(slots, int) else slots(self._executor)
        except BaseException:
            self.__exit__(BaseException)
            raise

    @property
    def sends_once(self) -> bool:
        """Whether what is ``Shared`` travels once, and not with each job."""
        return hasattr(self._executor, "put")

    @property
    def n_threads(self) -> int | None:
        """Native threads that the executor lets each job have, None if it does not say."""
        told: int | None = getattr(self._executor, "n_threads", None)
        return told

    def submit(self, job: Job) -> Any:
        """Return the future of a job."""
        return self._executor.submit(job.call, *map(self._argument, job.args))

    def _argument(self, argument: Any) -> Any:
        if not isinstance(argument, Shared):
            return argument
        if not self.sends_once:
            return argument.value
        if argument not in self._sent:
            self._sent[argument] = self._executor.put(argument.value)
        return self._sent[argument]

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
        self._executor = self._make()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._sent.clear()
        if not self.given:
            self._close(cancel=kind is not None)

    def _close(self, *, cancel: bool) -> None:
        self._sent.clear()
        if cancel and hasattr(self._executor, "terminate"):
            self._executor.terminate()
        if hasattr(self._executor, "shutdown"):
            self._executor.shutdown(wait=True, cancel_futures=cancel)


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


def n_workers(executor: Any) -> int | None:
    """Return how many jobs an executor runs at once, None where it does not tell."""
    told = getattr(executor, "n_workers", None)
    # concurrent.futures, and those made after it, have no public name for it
    known: int | None = getattr(executor, "_max_workers", None) if told is None else told
    return known


def resolve_n_jobs(n_jobs: int | None, there_are: int | None = None) -> int:
    """Return a number of workers; None is all there are, -1 as well, -2 all but one.

    Parameters
    ----------
    n_jobs : int or None
    there_are : int or None, default None
        Workers of an executor; without one None is 1 worker, and -1 one for each core.

    Raises
    ------
    ValueError
        If it is 0 or not an integer.
    """
    if n_jobs is None:
        return there_are or 1
    if not isinstance(n_jobs, Integral) or n_jobs == 0:
        raise ValueError(
            "n_jobs must be an integer other than 0, a number of workers or -1 for every core, "
            f"but got {n_jobs!r}"
        )
    return n_jobs if n_jobs > 0 else max(1, (there_are or os.cpu_count() or 1) + 1 + n_jobs)


def workers(executor: Any, n_jobs: int | None, make: Callable[[], Any] | None = None) -> Workers:
    """Return workers on an executor, on threads, or with one job on the calling thread.

    Parameters
    ----------
    executor : Executor or None
        One that belongs to the caller; without a meaning where there is ``make``.
    n_jobs : int or None
        Jobs at once; see ``resolve_n_jobs``.
    make : callable, optional
        Returns an executor for the time of the search: ``Plugins.executor_factory``.

    Raises
    ------
    ValueError
        If ``n_jobs`` is 0 or not an integer.
    """
    slots = resolve_n_jobs(n_jobs)
    if executor is not None:
        given = executor if make is None else None
        return Workers(
            lambda there: resolve_n_jobs(n_jobs, n_workers(there)), make or Inline, given=given
        )
    if slots == 1:
        return Workers(1)
    return Workers(slots, lambda: ThreadPoolExecutor(slots, thread_name_prefix="tuneplug"))

"""The executor protocol, the serial executor, and the number of jobs that run at once.

An executor is any object with ``submit(fn, *args)`` whose futures have ``add_done_callback`` and
``result``: concurrent.futures, loky, Dask, Ray, MPI, ipyparallel.  ``Executor`` documents the
optional members.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Protocol

__all__ = ["Executor", "Future", "SerialExecutor", "n_workers", "resolve_n_jobs"]


class Future(Protocol):
    """The result of a job that may still be running."""

    def add_done_callback(self, fn: Callable[[Any], object], /) -> object: ...
    def result(self) -> Any: ...


class Executor(Protocol):
    """Runs functions in threads, in processes or on a cluster.

    Only ``submit`` is required.  Optional members:

    ``n_workers``
        Number of jobs that run at once, an attribute or a property.  If ``n_jobs`` is None, it is
        the number of jobs in flight.
    ``n_threads``
        Number of native threads that each job may use, if each job has its own process.
    ``put(value) -> reference``
        Sends a value to the workers once.  If the reference is passed to ``submit`` as an argument,
        the job receives the value.
    ``shutdown(wait=True, *, cancel_futures=False)``
        Ends the executor, as in concurrent.futures; repeated calls have no effect.  Called at the
        end of a search if the search created the executor, from a name or with
        ``from_framework``.
    ``restore_workers()``
        Starts workers again that the executor should have, and has lost for good.  Called about
        once a second while the search waits for a job.
    ``terminate()``
        Ends running jobs if possible.  Called before ``shutdown`` if the search ended with an
        exception.
    ``from_framework(obj) -> executor or None``
        Class method that creates an executor from an object of a framework, such as a client of a
        cluster or a joblib backend.  It returns None for any other object, and must not import the
        framework.

    If a search ends early and its executor stays open, ``cancel()`` is called on the futures in
    flight that have it.  An executor that can no longer run jobs raises
    ``concurrent.futures.BrokenExecutor``.  Any other exception of a future means that one job was
    lost.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Any: ...


class SerialExecutor:
    """Runs each call immediately in the calling thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> _Done:
        return _Done(fn(*args))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Do nothing: every call has already returned."""


@dataclass(frozen=True)
class _Done:
    value: Any

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None:
        fn(self)

    def result(self) -> Any:
        return self.value


def n_workers(executor: Any) -> int | None:
    """Return the number of jobs that an executor runs at once, or None if unknown."""
    stated = getattr(executor, "n_workers", None)
    # concurrent.futures, and executors modeled on it, have no public attribute for the number.
    known: int | None = getattr(executor, "_max_workers", None) if stated is None else stated
    return known


def resolve_n_jobs(n_jobs: int | None, n_available: int | None = None) -> int:
    """Return a positive number of workers: -1 means all of them, -2 all but one.

    Parameters
    ----------
    n_jobs : int or None
        If None, all workers of the executor, or 1 without an executor.
    n_available : int or None, default None
        Number of workers of the executor.  If None, -1 means the number of cores.

    Raises
    ------
    ValueError
        If ``n_jobs`` is 0 or not an integer.
    """
    if n_jobs is None:
        return n_available or 1
    if not isinstance(n_jobs, Integral) or n_jobs == 0:
        raise ValueError(
            f"n_jobs must be an integer other than 0, but got {n_jobs!r}: give a number of "
            "workers, or -1 for one per core"
        )
    return n_jobs if n_jobs > 0 else max(1, (n_available or os.cpu_count() or 1) + 1 + n_jobs)

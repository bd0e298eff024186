"""What an executor is, and how many jobs it runs at once.

An executor is anything with ``submit(fn, *args)`` whose futures have ``add_done_callback`` and
``result``: concurrent.futures, loky, Dask, Ray, MPI, ipyparallel.  ``Executor`` lists its optional
members.
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
        Number of jobs that run at once, an attribute or a property.  If ``n_jobs`` is None, that
        many jobs are kept in flight.
    ``n_threads``
        Number of native threads that each job may use, if each job has a process of its own.
    ``put(value) -> reference``
        Sends a value to the workers once.  A reference among the ``args`` of ``submit`` arrives as
        the value.
    ``shutdown(wait=True, *, cancel_futures=False)``
        Ends the executor, as in concurrent.futures; repeated calls have no effect.  Called at the
        end of a search if the executor was made for the search, from a name or by
        ``from_framework``.
    ``terminate()``
        Ends the jobs that are running, if possible.  Called before ``shutdown`` if the search ended
        with an exception.
    ``from_framework(obj) -> executor or None``
        A class method that makes an executor from an object of a framework, such as a client of a
        cluster or a joblib backend.  It returns None for any other object.  It must not import the
        framework.

    If a future has ``cancel()``, it is called for the jobs in flight on an executor that stays
    open.  An executor that cannot run anything any more raises a
    ``concurrent.futures.BrokenExecutor``; any other error of a future means that one job was lost.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Any: ...


class SerialExecutor:
    """Runs each call at once in the calling thread."""

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
    """Return the number of jobs that an executor runs at once, or None if it is unknown."""
    stated = getattr(executor, "n_workers", None)
    # concurrent.futures and the executors modeled on it have no public name for the number.
    known: int | None = getattr(executor, "_max_workers", None) if stated is None else stated
    return known


def resolve_n_jobs(n_jobs: int | None, n_available: int | None = None) -> int:
    """Return a positive number of workers: -1 stands for all of them, -2 for all but one.

    Parameters
    ----------
    n_jobs : int or None
        If None, all workers of the executor, or 1 worker without an executor.
    n_available : int or None, default None
        Number of workers of the executor.  If None, -1 stands for the number of cores.

    Raises
    ------
    ValueError
        If ``n_jobs`` is 0 or not an integer.
    """
    if n_jobs is None:
        return n_available or 1
    if not isinstance(n_jobs, Integral) or n_jobs == 0:
        raise ValueError(
            "n_jobs must be an integer other than 0, a number of workers or -1 for every core, "
            f"but got {n_jobs!r}"
        )
    return n_jobs if n_jobs > 0 else max(1, (n_available or os.cpu_count() or 1) + 1 + n_jobs)

"""Dask as an executor.

What the executor has of Dask is a client: one that was given, the one in scope, or that of a local
cluster of processes, which it starts when the first job comes and closes in ``shutdown``.
"""

from __future__ import annotations

import sys
from concurrent.futures import BrokenExecutor, CancelledError
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar
from uuid import uuid4
from weakref import WeakSet

from tuneplug_dask.clients import client_in_scope, kill

__all__ = ["DaskExecutor"]


class DaskExecutor:
    """Runs jobs on a Dask cluster.

    Parameters
    ----------
    client : distributed.Client, optional
        What to run on; it stays open.  None takes the client in scope: that of the task that this
        runs in, or the latest that was made.  Where there is none, a local cluster of processes is
        started, one for each core, and closed in ``shutdown``.

    Raises
    ------
    MissingDependencyError
        If there is no ``distributed``, when the first job is submitted.

    Notes
    -----
    Dask cannot end a job that runs: what is cancelled while it runs keeps its worker until it ends,
    except on a cluster that was started here, whose processes are killed.

    Examples
    --------
    >>> from distributed import Client  # doctest: +SKIP
    >>> from tuneplug_dask import DaskExecutor  # doctest: +SKIP
    >>> with Client("tcp://scheduler:8786") as client:  # doctest: +SKIP
    ...     study.optimize(objective, 100, executor=DaskExecutor(client))
    """

    name: ClassVar[str] = "dask"

    def __init__(self, client: Any = None) -> None:
        self._given = client
        self._cluster: Any = None  # one that was started here
        self._opened = ExitStack()
        self._futures: WeakSet[Any] = WeakSet()
        self._scattered: WeakSet[_Scattered] = WeakSet()

    @classmethod
    def from_framework(cls, obj: Any) -> DaskExecutor | None:
        """Return an executor on a client, on a client's executor, or on joblib's Dask backend.

        Returns None for any other object.
        """
        distributed = sys.modules.get("distributed")
        if distributed is None:
            return None
        if type(obj).__name__ == "DaskDistributedBackend":  # of joblib
            obj = obj.client
        if isinstance(obj, distributed.Client):
            return cls(obj)
        if isinstance(obj, distributed.cfexecutor.ClientExecutor):
            executor = cls(obj._client)  # there is no public name for it
            executor.__dict__["_pool"] = obj  # with its options
            return executor
        return None

    # ------------------------------------------------------------------ the cluster

    @cached_property
    def _client(self) -> Any:
        client = self._given
        if client is None:
            client, self._cluster = client_in_scope(self._opened)
        if client.asynchronous:
            raise TypeError("the client must be a synchronous one, but its asynchronous is True")
        return client

    @cached_property
    def _pool(self) -> Any:
        """Dask's own executor, whose futures are those of concurrent.futures."""
        return self._client.get_executor()

    @property
    def n_workers(self) -> int:
        """Threads of all workers there are now, and at least 1."""
        threads: int = sum(self._client.nthreads().values())
        return max(1, threads)

    # ------------------------------------------------------------------ jobs

    def put(self, value: Any) -> _Scattered:
        """Send a value to every worker; what is returned stands for it in ``submit``.

        Workers that come later fetch it from others; where all that had it died, it is sent again.
        """
        scattered = _Scattered(value)
        self._scattered.add(scattered)
        return scattered

    def submit(self, fn: Any, /, *args: Any) -> Any:
        """Return the future of a call.

        Raises
        ------
        BrokenExecutor
            If the client was closed.
        """
        if self._client.status in ("closing", "closed"):
            raise BrokenExecutor("the client of Dask was closed")
        sent = [arg.on(self._client) for arg in args if isinstance(arg, _Scattered)]
        call = _Call(fn, tuple(_Here if isinstance(arg, _Scattered) else arg for arg in args))
        # With a key of its own no call is taken for another one that is the same.
        key = f"{getattr(fn, '__name__', 'job')}-{uuid4().hex}"
        future = self._pool.submit(call, *sent, key=key)
        self._futures.add(future)
        future.add_done_callback(self._forget_if_lost)
        return future

    def _forget_if_lost(self, future: Any) -> None:
        """Scatter again after a job that was lost: a dead worker may have taken values along."""
        if future.cancelled() or future.exception() is not None:
            for scattered in list(self._scattered):
                scattered.forget()

    # ------------------------------------------------------------------ the end

    def terminate(self) -> None:
        """Kill the processes of a cluster that was started here, whatever they are doing."""
        if self._cluster is not None:
            self._cancel()
            kill(self._cluster)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Close a cluster that was started here.

        Parameters
        ----------
        wait : bool, default True
            Whether to wait for jobs in flight.  A cluster that was started here ends with them.
        cancel_futures : bool, default False
            Whether to call off what has not begun.
        """
        if cancel_futures:
            self._cancel()
        for future in list(self._futures) if wait else ():
            with suppress(CancelledError):
                future.exception()
        for name in ("_pool", "_client"):
            self.__dict__.pop(name, None)
        self._cluster = None
        self._opened.close()

    def _cancel(self) -> None:
        for future in list(self._futures):
            future.cancel()


class _Here:
    """Stands where a scattered value belongs among the arguments of a call."""


@dataclass(frozen=True)
class _Call:
    """A call into whose arguments Dask does not look."""

    fn: Any
    args: tuple[Any, ...]

    def __call__(self, *values: Any) -> Any:
        rest = iter(values)
        return self.fn(*(next(rest) if arg is _Here else arg for arg in self.args))


class _Scattered:
    """A value that the workers have, and its copy here, as they may lose it."""

    def __init__(self, value: Any) -> None:
        self._value, self._future = value, None

    def on(self, client: Any) -> Any:
        """Return the future that stands for the value."""
        if self._future is None:
            # A cluster that grows with its load starts workers for jobs, and not for data.
            client.submit(int, pure=False).result()
            (self._future,) = client.scatter([self._value], broadcast=True, hash=False)
        return self._future

    def forget(self) -> None:
        """Have it sent again when it is needed next."""
        self._future = None

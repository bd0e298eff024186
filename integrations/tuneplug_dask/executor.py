"""DaskExecutor: run jobs on a Dask cluster.

The executor uses a client: the given one, the one in scope, or that of a local cluster of
processes.  A local cluster is started by the first job and closed in ``shutdown``.
"""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, CancelledError
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar
from uuid import uuid4
from weakref import WeakSet

from tuneplug.optional import is_instance_of
from tuneplug_dask.clients import default_client, kill

__all__ = ["DaskExecutor"]


class DaskExecutor:
    """Run jobs on a Dask cluster.

    Parameters
    ----------
    client : distributed.Client, optional
        Client to use; it stays open.  If None, the client in scope: that of the Dask task in
        which the executor is used, or the current client.  If there is no client in scope, a local
        cluster of one process per core is started, and closed in ``shutdown``.

    Raises
    ------
    MissingDependencyError
        If ``distributed`` is not installed; raised when the first job is submitted.

    Notes
    -----
    Dask cannot stop a running job: a job that is cancelled while it runs occupies its worker until
    it ends.  The processes of a local cluster started by the executor are killed instead.

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
        self._cluster: Any = None  # the local cluster started by this executor
        self._opened = ExitStack()
        self._futures: WeakSet[Any] = WeakSet()

    @classmethod
    def from_framework(cls, given: Any) -> DaskExecutor | None:
        """Return an executor for a client, a client's executor, or joblib's Dask backend.

        Returns None for other objects.
        """
        if type(given).__name__ == "DaskDistributedBackend":  # joblib's backend
            given = given.client
        if is_instance_of(given, "distributed", "Client"):
            return cls(given)
        if is_instance_of(given, "distributed.cfexecutor", "ClientExecutor"):
            executor = cls(given._client)  # has no public name
            executor.__dict__["_pool"] = given  # keeps its options
            return executor
        return None

    # ------------------------------------------------------------------ the cluster

    @cached_property
    def _client(self) -> Any:
        client = self._given
        if client is None:
            client, self._cluster = default_client(self._opened)
        if client.asynchronous:
            raise TypeError(
                "client must be synchronous, but has asynchronous=True: use a "
                "Client(asynchronous=False)"
            )
        return client

    @cached_property
    def _pool(self) -> Any:
        """Dask's own executor; its futures are ``concurrent.futures`` futures."""
        return self._client.get_executor()

    @property
    def n_workers(self) -> int:
        """Number of threads of all current workers; at least 1."""
        threads: int = sum(self._client.nthreads().values())
        return max(1, threads)

    # ------------------------------------------------------------------ jobs

    def put(self, value: Any) -> _Shared:
        """Copy a value to all workers, and return a reference to pass to ``submit``.

        Workers that join later fetch the value from other workers.  If all workers that held the
        value have died, the scheduler sends it again.
        """
        return _Shared(value)

    def submit(self, fn: Any, /, *args: Any) -> Any:
        """Submit a call and return its future.

        Raises
        ------
        BrokenExecutor
            If the client is closed.
        """
        if self._client.status in ("closing", "closed"):
            raise BrokenExecutor("the Dask client was closed")
        self.restore_workers()  # copying a value to the workers waits for one
        shared = [arg.future(self._client) for arg in args if isinstance(arg, _Shared)]
        call = _Call(fn, tuple(_Placeholder if isinstance(arg, _Shared) else arg for arg in args))
        # Without a unique key, Dask would run equal calls only once.
        key = f"{getattr(fn, '__name__', 'job')}-{uuid4().hex}"
        future = self._pool.submit(call, *shared, key=key)
        self._futures.add(future)
        return future

    def restore_workers(self) -> None:
        """Start the workers of a local cluster again that it has given up.

        A worker that is killed while it starts is not started again by Dask.  A cluster that has
        lost all workers so would let its jobs wait forever.
        """
        cluster: Any = getattr(self._client, "cluster", None)
        if not is_instance_of(cluster, "distributed", "LocalCluster"):
            return
        if cluster.status.name == "running" and len(cluster.workers) < len(cluster.worker_spec):
            cluster.scale(len(cluster.worker_spec))

    # ------------------------------------------------------------------ shutdown

    def terminate(self) -> None:
        """Kill the processes of a local cluster started by this executor, with running jobs."""
        if self._cluster is not None:
            self._cancel()
            kill(self._cluster)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Close a local cluster started by this executor.

        Parameters
        ----------
        wait : bool, default True
            Whether to wait for pending jobs.  If False, closing a local cluster ends them.
        cancel_futures : bool, default False
            Whether to cancel jobs that have not started.
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


class _Placeholder:
    """Marks the position of a shared value among the arguments of a call."""


@dataclass(frozen=True)
class _Call:
    """A call whose arguments Dask does not inspect."""

    fn: Any
    args: tuple[Any, ...]

    def __call__(self, *values: Any) -> Any:
        shared = iter(values)
        return self.fn(*(next(shared) if arg is _Placeholder else arg for arg in self.args))


class _Shared:
    """A value that is copied to all workers."""

    def __init__(self, value: Any) -> None:
        self._value, self._future = value, None

    def future(self, client: Any) -> Any:
        """Return the future of the value; copy the value to all workers if necessary.

        The value is the result of a task, which Dask runs again if all copies are lost; jobs that
        wait for lost *scattered* data would wait forever.
        """
        if self._future is None or self._future.status not in ("pending", "finished"):
            import dask

            with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1PiB"}):
                self._future = client.submit(_Call(_identity, (self._value,)), pure=False)
            with suppress(ValueError):  # no worker is left: the first job brings each its value
                client.replicate([self._future])
        return self._future


def _identity(value: Any) -> Any:
    return value

"""A Dask cluster as an executor."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, final
from weakref import WeakSet

from tuneplug.optional import Framework

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["DaskExecutor"]


@final
class DaskExecutor:
    """Runs jobs on a Dask cluster: ``executor="dask"``, or an instance for a client of your own.

    Parameters
    ----------
    client : distributed.Client, optional
        Of the cluster.  By default the client in use (``Client.current()``); where there is none, a
        cluster of this machine is started, one process for each core, and closed by ``shutdown``.

    Attributes
    ----------
    client : distributed.Client

    Raises
    ------
    MissingDependencyError
        If Dask is not installed.

    Examples
    --------
    >>> from distributed import Client, LocalCluster
    >>> from tuneplug import Float, Study
    >>> with LocalCluster(n_workers=2, processes=False, dashboard_address=":0") as cluster:
    ...     with Client(cluster):
    ...         study = Study({"x": Float(0.0, 1.0)}, seed=0)
    ...         study.optimize(lambda trial: trial.params["x"], 8, executor="dask")
    >>> len(study.trials)
    8
    """

    name: ClassVar[str] = "dask"

    def __init__(self, client: Client | None = None) -> None:
        self._own: Any = None
        self.client = client or _in_use() or self._local()
        self._futures: WeakSet[Future] = WeakSet()

    def _local(self) -> Client:
        from distributed import Client, LocalCluster

        self._own = LocalCluster(
            n_workers=os.cpu_count(),
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            silence_logs=logging.ERROR,
        )
        return Client(self._own)

    @property
    def n_workers(self) -> int:
        """The number of jobs that the cluster, as it is now, runs at once."""
        return max(1, int(sum(self.client.nthreads().values())))

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future:
        """Return the future of a call.  What was ``put`` arrives as the value."""
        sent = [arg for arg in args if isinstance(arg, _Sent)]
        here = [arg.future() if isinstance(arg, _Sent) else arg for arg in args]
        future = self.client.submit(fn, *here, pure=False)  # or equal calls are made once
        self._futures.add(future)
        if sent:
            future.add_done_callback(partial(_forget_if_lost, sent))
        return future

    def put(self, value: Any) -> _Sent:
        """Send a value to every worker; what is returned stands for it in ``submit``."""
        return _Sent(self.client, value)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End what was begun here: a cluster, and on demand the jobs that have not ended."""
        if cancel_futures:
            self.client.cancel([future for future in self._futures if not future.done()])
        if self._own is not None:
            self.client.close()
            self._own.close()


class _Sent:
    """A value at the workers; sent again after those that had it were lost."""

    def __init__(self, client: Client, value: Any) -> None:
        self._client, self._value = client, value
        self._future: Any = None

    def future(self) -> Future:
        if self._future is None:  # in a list, or else a list would be taken apart
            (self._future,) = self._client.scatter([self._value], broadcast=True, hash=False)
        return self._future

    def forget(self) -> None:
        self._future = None


def _forget_if_lost(sent: list[_Sent], future: Future) -> None:
    if future.cancelled() or future.exception() is not None:
        for one in sent:
            one.forget()


def _in_use() -> Client | None:
    """Return the client in use, None if there is none.

    Raises
    ------
    MissingDependencyError
        If Dask is not installed.
    """
    with Framework("Dask", "distributed", "dask").needed_by("executor 'dask'"):
        from distributed import Client
    try:
        return Client.current()
    except ValueError:  # there is none
        return None

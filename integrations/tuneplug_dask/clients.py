"""Choose a default client: the client in scope, or one of a new local cluster."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from tuneplug.optional import OptionalDependency

__all__ = ["default_client", "kill"]

#: Time after which a local cluster gives up on a dead worker that has not restarted.
LOST_WORKER_TIMEOUT = "300s"
#: Environment variables that Dask sets in this process for its worker processes.
_MODIFIED_VARIABLES = frozenset(
    {
        "MALLOC_TRIM_THRESHOLD_",
        "MKL_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "PYTHONHASHSEED",
    }
)
#: Seconds for worker processes to exit before they are killed.
KILL_TIMEOUT = 1.0


def default_client(opened: ExitStack) -> tuple[Any, Any]:
    """Return a client, and the local cluster started for it (None if none was started).

    Parameters
    ----------
    opened : ExitStack
        Receives the contexts to close in ``shutdown``.

    Raises
    ------
    MissingDependencyError
        If Dask is not installed.
    """
    with OptionalDependency("Dask", "distributed", "dask").required_by("DaskExecutor"):
        import distributed
    with suppress(ValueError):  # raised outside of a Dask task
        distributed.get_worker()
        # frees the thread of the task for its jobs, which may have no other thread
        return opened.enter_context(distributed.worker_client()), None
    with suppress(ValueError):  # raised if there is no client in scope
        return distributed.Client.current(), None
    cluster = _local_cluster(opened)
    client = distributed.Client(cluster, set_as_default=False)
    return opened.enter_context(client), cluster


def _local_cluster(opened: ExitStack) -> Any:
    """Start a local cluster of single-threaded processes."""
    import dask
    from distributed import LocalCluster

    opened.enter_context(_restore_environment())
    opened.enter_context(
        dask.config.set({"distributed.deploy.lost-worker-timeout": LOST_WORKER_TIMEOUT})
    )
    cluster = LocalCluster(
        processes=True,
        threads_per_worker=1,
        dashboard_address=":0",  # any free port
        # The driver itself retries lost jobs, and needs fewer workers to find a fatal one.
        scheduler_kwargs={"allowed_failures": 0},
        preload=["tuneplug_dask.preload"],
    )
    return opened.enter_context(cluster)


@contextmanager
def _restore_environment() -> Iterator[None]:
    """Restore the environment variables that Dask changes, such as ``OMP_NUM_THREADS``."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in _MODIFIED_VARIABLES:
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


def kill(cluster: Any) -> None:
    """Kill the processes of a local cluster without waiting for their jobs."""

    async def close() -> None:
        nannies = cluster.workers.values()
        await asyncio.gather(*(nanny.close(timeout=KILL_TIMEOUT) for nanny in nannies))

    cluster.sync(close)

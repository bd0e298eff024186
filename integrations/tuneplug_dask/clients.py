"""Which cluster to run on where none was given: the one in scope, else one of this machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from tuneplug.optional import OptionalDependency

__all__ = ["client_in_scope", "kill"]

#: A local cluster forgets a worker that takes longer to come back from its death.
LOST_WORKER_TIMEOUT = "300s"
#: Variables that Dask's nannies set in this process for those that they start.
_LEFT_BEHIND = frozenset(
    {
        "MALLOC_TRIM_THRESHOLD_",
        "MKL_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "PYTHONHASHSEED",
    }
)
#: Seconds that processes get to end by themselves before they are killed.
KILL_TIMEOUT = 1.0


def client_in_scope(opened: ExitStack) -> tuple[Any, Any]:
    """Return a client, and the local cluster that was started for it, None if none was.

    Parameters
    ----------
    opened : ExitStack
        Gets what has to be undone in the end.

    Raises
    ------
    MissingDependencyError
        If Dask is not installed.
    """
    with OptionalDependency("Dask", "distributed", "dask").required_by("DaskExecutor"):
        import distributed
    with suppress(ValueError):  # this is no task of Dask
        distributed.get_worker()
        # gives the thread of the task to its jobs, which may have no other
        return opened.enter_context(distributed.worker_client()), None
    with suppress(ValueError):  # there is none
        return distributed.Client.current(), None
    cluster = _local_cluster(opened)
    client = distributed.Client(cluster, set_as_default=False)
    return opened.enter_context(client), cluster


def _local_cluster(opened: ExitStack) -> Any:
    """Start processes of one thread each on this machine."""
    import dask
    from distributed import LocalCluster

    opened.enter_context(_environment_kept())
    opened.enter_context(
        dask.config.set({"distributed.deploy.lost-worker-timeout": LOST_WORKER_TIMEOUT})
    )
    cluster = LocalCluster(
        processes=True,
        threads_per_worker=1,
        dashboard_address=":0",  # any port that is free
        # The driver finds out which job kills its workers, and with fewer of them.
        scheduler_kwargs={"allowed_failures": 0},
        preload=["tuneplug_dask.preload"],
    )
    return opened.enter_context(cluster)


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Undo what the start of Dask's processes leaves in the environment: one native thread, ..."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in _LEFT_BEHIND:
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


def kill(cluster: Any) -> None:
    """End the processes of a local cluster by force, in the place of waiting for their jobs."""

    async def close() -> None:
        nannies = cluster.workers.values()
        await asyncio.gather(*(nanny.close(timeout=KILL_TIMEOUT) for nanny in nannies))

    cluster.sync(close)

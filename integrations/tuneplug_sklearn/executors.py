"""From ``n_jobs``, ``joblib.parallel_config`` and ``executor=`` to workers for the driver."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import cloudpickle
import joblib
from threadpoolctl import threadpool_limits

from tuneplug.execution import Executor, Workers
from tuneplug_sklearn._compat import LokyExecutor, active_backend
from tuneplug_sklearn.shipping import Shipment

__all__ = ["Crew", "crew", "in_worker", "worker_context"]

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

#: How many cores joblib sees: of that, ``n_jobs=-1`` inside a fit makes jobs, and LightGBM threads.
CORES_VARIABLE = "LOKY_MAX_CPU_COUNT"

#: Processes that have had nothing to do for so long end themselves.
IDLE_SECONDS = 60

#: The longest wait for a pool to pass on a job to its workers, which takes milliseconds.
PASSING_ON_SECONDS = 5.0

_this_thread = threading.local()


def in_worker() -> bool:
    """Whether the caller runs inside a fit of another search, here or under joblib."""
    backend, _ = active_backend()
    return getattr(_this_thread, "busy", False) or (getattr(backend, "nesting_level", 0) or 0) > 0


@contextmanager
def worker_context(n_threads: int | None) -> Iterator[None]:
    """Within it, nested searches run sequentially and native threads are limited."""
    _this_thread.busy = True
    try:
        with ExitStack() as stack:
            stack.enter_context(joblib.parallel_config(backend="threading"))
            if n_threads is not None:
                # OpenMP keeps its limit for each thread, so that threads are in no one's way.
                stack.enter_context(threadpool_limits(n_threads, user_api="openmp"))
            yield
    finally:
        _this_thread.busy = False


@dataclass(frozen=True)
class Crew:
    """Workers, and how a job comes to them.

    Attributes
    ----------
    workers : Workers
    shipment : object
        Stands for what was shipped in the arguments of a job.
    n_threads : int or None
        Native threads that each job may use; None leaves them alone.
    inline, local : bool
        Whether jobs run in the calling thread, or in this process.
    """

    workers: Workers
    shipment: Any
    n_threads: int | None
    inline: bool
    local: bool


@contextmanager
def crew(
    shipment: Shipment, n_jobs: int | None, executor: Executor | None, n_tasks: int, ahead: int
) -> Iterator[Crew]:
    """Yield the workers that the arguments and the surroundings ask for.

    Parameters
    ----------
    shipment : Shipment
    n_jobs : int or None
    executor : Executor or None
    n_tasks : int
        Jobs there will be at most.
    ahead : int
        Jobs that wait at a pool of our own beyond those that run, so that a worker need not wait
        for the next candidate to be suggested.

    Raises
    ------
    ValueError
        If joblib's backend is one that is not known here.
    """
    with shipment, ExitStack() as stack:
        if executor is not None and not in_worker():
            yield stack.enter_context(_given(shipment, executor, n_jobs))
            return
        backend, _ = active_backend()
        slots = 1 if in_worker() else min(joblib.effective_n_jobs(n_jobs), n_tasks)
        name = type(backend).__name__
        if slots <= 1 or name == "SequentialBackend":
            yield Crew(stack.enter_context(Workers(1)), shipment, None, inline=True, local=True)
        elif name == "ThreadingBackend":
            threads = _n_threads(backend, slots)
            stack.enter_context(threadpool_limits(threads, user_api="blas"))
            workers = Workers(slots + ahead, lambda: ThreadPoolExecutor(slots))
            yield Crew(stack.enter_context(workers), shipment, threads, inline=False, local=True)
        elif name in ("LokyBackend", "MultiprocessingBackend"):
            shipment.write()
            threads = _n_threads(backend, slots)
            workers = Workers(slots + ahead, lambda: _Processes(slots, threads))
            yield Crew(stack.enter_context(workers), shipment, None, inline=False, local=False)
        elif name == "DaskDistributedBackend":
            given = backend.client.get_executor(pure=False)
            yield stack.enter_context(_given(shipment, given, slots))
        elif name == "RayBackend":
            yield stack.enter_context(_given(shipment, _Ray(), slots))
        else:
            raise ValueError(
                f"n_jobs={n_jobs} asks for workers of joblib's backend {name}, which is not known: "
                "pass executor=, anything with submit, instead"
            )


@contextmanager
def _given(shipment: Shipment, executor: Executor, n_jobs: int | None) -> Iterator[Crew]:
    """Find out where the jobs of an executor run, and ship accordingly."""
    known = getattr(executor, "_max_workers", None) or os.cpu_count() or 1
    slots = known if n_jobs is None else joblib.effective_n_jobs(n_jobs)
    threads = max(1, (os.cpu_count() or 1) // slots)
    with Workers(slots, given=executor) as workers:
        if executor.submit(os.getpid).result() == os.getpid():
            with threadpool_limits(threads, user_api="blas"):
                yield Crew(workers, shipment, threads, inline=False, local=True)
            return
        client: Any = getattr(executor, "_client", None)  # of Dask
        if hasattr(client, "scatter"):
            workers = Workers(slots, given=_Scattering(executor, client))
            yield Crew(workers, shipment, threads, inline=False, local=False)
            return
        path = shipment.write()
        if not executor.submit(os.path.exists, str(path)).result():
            shipment.path = None  # another machine: it goes with each job
        workers = Workers(slots, given=_Pickling(executor))
        yield Crew(workers, shipment, threads, inline=False, local=False)


class _Scattering:
    """Dask as an executor whose jobs have a shipment as their first argument: it is scattered.

    What was scattered is lost with the workers that have it: after a job that was lost, it is
    scattered again.
    """

    def __init__(self, executor: Executor, client: Any) -> None:
        self._executor, self._client = executor, client
        self._sent: Any = None

    def submit(self, fn: Any, shipment: Shipment, /, *args: Any) -> Any:
        if self._sent is None:
            self._sent = self._client.scatter(shipment, broadcast=True, hash=False)
        future = self._executor.submit(fn, self._sent, *args)
        future.add_done_callback(self._forget_if_lost)
        return future

    def _forget_if_lost(self, future: Any) -> None:
        if future.cancelled() or future.exception() is not None:
            self._sent = None


def _n_threads(backend: Any, slots: int) -> int:
    asked: int | None = backend.inner_max_num_threads
    return asked or max(1, joblib.cpu_count() // slots)


class _Pickling:
    """An executor whose jobs are pickled while they are submitted, whatever their functions."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, fn: Any, /, *args: Any) -> Any:
        return self._executor.submit(_unpacked, cloudpickle.dumps((fn, args)))


class _Processes(_Pickling):
    """A pool of processes.

    The processes outlive the search for a minute, as starting them and importing scikit-learn takes
    seconds: the next search of this process finds them ready.
    """

    #: By process, as a fork of it cannot use them, slots and threads.
    _idle: ClassVar[dict[tuple[int, int, int], LokyExecutor]] = {}

    def __init__(self, slots: int, n_threads: int) -> None:
        self._kind = (os.getpid(), slots, n_threads)
        self._latest: Any = None
        self._pool = self._idle.pop(self._kind, None) or LokyExecutor(
            max_workers=slots,
            timeout=IDLE_SECONDS,
            env={
                **{name: os.environ.get(name, str(n_threads)) for name in THREAD_VARIABLES},
                CORES_VARIABLE: str(n_threads),
            },
            initializer=_ignore_interrupts,
        )
        super().__init__(self._pool)

    def submit(self, fn: Any, /, *args: Any) -> Any:
        self._latest = super().submit(fn, *args)
        return self._latest

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the processes to the next search; those of another kind are ended."""
        for kind in [kind for kind in list(self._idle) if kind[0] == os.getpid()]:
            if pool := self._idle.pop(kind, None):  # a search in another thread may have taken it
                pool.shutdown(wait=False)
        if not cancel_futures:
            self._idle[self._kind] = self._pool

    @property
    def _waiting(self) -> bool:
        """Whether the latest job was not passed on yet."""
        return self._latest is not None and not (self._latest.running() or self._latest.done())

    def terminate(self) -> None:
        """Kill the workers, whatever they are doing."""
        # loky's manager thread fails with a KeyError on a job that it has not passed on when it is
        # told to kill.  It passes them on in order, at once, and nothing tells that it has.
        deadline = time.monotonic() + PASSING_ON_SECONDS
        while self._waiting and time.monotonic() < deadline:
            time.sleep(0.001)
        self._pool.shutdown(wait=True, kill_workers=True)


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the search hears it, and ends its workers


def _unpacked(job: bytes) -> Any:
    fn, args = cloudpickle.loads(job)
    return fn(*args)


class _Ray:
    """The running Ray as an executor."""

    def __init__(self) -> None:
        import ray

        self._call = ray.remote(lambda fn, args: fn(*args))

    def submit(self, fn: Any, /, *args: Any) -> Any:
        return self._call.remote(fn, args).future()

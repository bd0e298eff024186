"""From ``n_jobs``, ``joblib.parallel_config`` and ``executor=`` to workers for the driver."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import cloudpickle
import joblib
from threadpoolctl import threadpool_limits

from tuneplug.execution import Executor, Workers, n_workers
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

#: What this process has, and a fork of it.
_BIRTHMARK = os.urandom(16)

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
    shipment: Shipment,
    n_jobs: int | None,
    executor: Executor | str | None,
    named: Callable[..., Executor],
    n_tasks: int,
    ahead: int,
) -> Iterator[Crew]:
    """Yield the workers that the arguments and the surroundings ask for.

    Parameters
    ----------
    shipment : Shipment
    n_jobs : int or None
    executor : Executor, str or None
    named : callable
        Makes the executor that has a name.
    n_tasks : int
        Jobs there will be at most.
    ahead : int
        Jobs that wait at a pool of our own beyond those that run, so that a worker need not wait
        for the next candidate to be suggested.

    Raises
    ------
    ValueError
        If joblib's backend is one that is not known here.
    UnknownNameError
        If no plugin has the executor that is named.
    """
    with shipment, ExitStack() as stack:
        if executor is not None and not in_worker():
            yield stack.enter_context(_elsewhere(shipment, executor, n_jobs, named))
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
            given = named("dask", backend.client)
            yield stack.enter_context(_elsewhere(shipment, given, slots, named))
        elif name == "RayBackend":
            yield stack.enter_context(_elsewhere(shipment, "ray", slots, named))
        else:
            raise ValueError(
                f"n_jobs={n_jobs} asks for workers of joblib's backend {name}, which is not known: "
                "pass executor=, anything with submit, instead"
            )


@contextmanager
def _elsewhere(
    shipment: Shipment,
    executor: Executor | str,
    n_jobs: int | None,
    named: Callable[..., Executor],
) -> Iterator[Crew]:
    """Yield workers on an executor, which find the shipment by a way that suits it."""
    slots = None if n_jobs is None else joblib.effective_n_jobs(n_jobs)
    if isinstance(executor, str):
        team = Workers(slots, lambda: _around(named(executor), shipment))
    else:
        client = getattr(executor, "_client", executor)  # Dask's, behind its get_executor()
        dask = hasattr(client, "scatter")
        team = Workers(slots, given=_around(named("dask", client) if dask else executor, shipment))
    with team as workers, ExitStack() as stack:
        threads = max(1, (os.cpu_count() or 1) // workers.slots)
        local = isinstance(workers.executor, _Here)
        if local:
            stack.enter_context(threadpool_limits(threads, user_api="blas"))
        yield Crew(workers, shipment, threads, inline=False, local=local)


def _around(executor: Executor, shipment: Shipment) -> _Around:
    """Find out where the jobs of an executor run, and ship accordingly."""
    if executor.submit(_whereabouts).result() == _whereabouts():
        return _Here(executor)
    if hasattr(executor, "put"):
        return _Putting(executor)
    path = shipment.path or shipment.write()
    if not executor.submit(os.path.exists, str(path)).result():
        shipment.path = None  # another machine: it goes with each job
    return _Pickling(executor)


def _whereabouts() -> tuple[int, bytes]:
    """Return what no other process returns, be it a fork of this one or on another machine."""
    return os.getpid(), _BIRTHMARK


class _Around:
    """An executor around another, which it shuts down as its own."""

    def __init__(self, executor: Executor) -> None:
        self._executor: Any = executor

    @property
    def n_workers(self) -> int | None:
        return n_workers(self._executor)

    def submit(self, fn: Any, /, *args: Any) -> Any:
        return self._executor.submit(fn, *args)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if hasattr(self._executor, "shutdown"):
            self._executor.shutdown(wait=wait, cancel_futures=cancel_futures)


class _Here(_Around):
    """An executor whose jobs run in this process."""


class _Putting(_Around):
    """An executor whose jobs have a shipment as their first argument: it is put there once."""

    _sent: Any = None

    def submit(self, fn: Any, shipment: Shipment, /, *args: Any) -> Any:
        if self._sent is None:
            self._sent = self._executor.put(shipment)
        return self._executor.submit(fn, self._sent, *args)


def _n_threads(backend: Any, slots: int) -> int:
    asked: int | None = backend.inner_max_num_threads
    return asked or max(1, joblib.cpu_count() // slots)


class _Pickling(_Around):
    """An executor whose jobs are pickled while they are submitted, whatever their functions."""

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

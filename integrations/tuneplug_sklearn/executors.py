"""From ``n_jobs``, ``joblib.parallel_config`` and ``executor=`` to workers for the driver."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import cloudpickle
import joblib
from threadpoolctl import threadpool_limits

from tuneplug.execution import Job, Shared, Workers, n_workers, resolve_n_jobs
from tuneplug.plugins import Plugins
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

#: Backends of joblib for which there are workers here.
OURS = ("SequentialBackend", "ThreadingBackend", "LokyBackend", "MultiprocessingBackend")

#: Tells this process from one of the same number on another machine.
_TOKEN = secrets.token_hex(8)

_this_thread = threading.local()


def in_worker() -> bool:
    """Whether the caller runs inside a fit of another search, here or under joblib."""
    backend, _ = active_backend()
    return getattr(_this_thread, "busy", False) or (getattr(backend, "nesting_level", 0) or 0) > 0


@contextmanager
def worker_context(n_threads: int | None, *, local: bool = True) -> Iterator[None]:
    """Within it, nested searches run sequentially and native threads are limited."""
    _this_thread.busy = True
    try:
        with ExitStack() as stack:
            stack.enter_context(joblib.parallel_config(backend="threading"))
            if n_threads is not None:
                # OpenMP keeps its limit for each thread, so that threads are in no one's way.
                api = "openmp" if local else None
                stack.enter_context(threadpool_limits(n_threads, user_api=api))
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
    pack : callable
        Makes of a function and its arguments a job that the workers understand.
    """

    workers: Workers
    shipment: Any
    n_threads: int | None
    inline: bool
    local: bool
    pack: Callable[[Hashable, Any, tuple[Any, ...]], Job] = Job


@contextmanager
def crew(
    shipment: Shipment,
    n_jobs: int | None,
    executor: Any,
    plugins: Plugins,
    n_tasks: int,
    ahead: int,
) -> Iterator[Crew]:
    """Yield the workers that the arguments and the surroundings ask for.

    Parameters
    ----------
    shipment : Shipment
    n_jobs : int or None
    executor : str, object or None
        The name of an executor, an executor, or what a plugin makes one of.
    plugins : Plugins
    n_tasks : int
        Jobs there will be at most.
    ahead : int
        Jobs that wait at a pool of our own beyond those that run, so that a worker need not wait
        for the next candidate to be suggested.

    Raises
    ------
    ValueError
        If joblib's backend is one that neither we nor a plugin knows.
    """
    backend, _ = active_backend()
    name = type(backend).__name__
    with shipment, ExitStack() as stack:
        if in_worker():
            yield Crew(stack.enter_context(Workers(1)), shipment, None, inline=True, local=True)
        elif executor is not None:
            workers = _on(executor, plugins, lambda there: _fits_at_once(there, n_jobs))
            yield stack.enter_context(_elsewhere(shipment, workers))
        elif name in OURS:
            yield stack.enter_context(_pool(shipment, n_jobs, n_tasks, ahead))
        elif n_jobs != 1 and plugins.executor_factory(backend) is not None:
            workers = _on(backend, plugins, lambda there: _by_joblib(there, n_jobs))
            yield stack.enter_context(_elsewhere(shipment, workers))
        elif joblib.effective_n_jobs(n_jobs) == 1:
            yield Crew(stack.enter_context(Workers(1)), shipment, None, inline=True, local=True)
        else:
            raise ValueError(
                f"n_jobs={n_jobs} asks for workers of joblib's backend {name}, which is not known: "
                "pass executor=, anything with submit, instead"
            )


@contextmanager
def _pool(shipment: Shipment, n_jobs: int | None, n_tasks: int, ahead: int) -> Iterator[Crew]:
    """Run in the calling thread, on threads or on processes, as joblib would."""
    backend, _ = active_backend()
    slots = min(joblib.effective_n_jobs(n_jobs), n_tasks)
    threads = _n_threads(backend, slots)
    if slots <= 1 or type(backend).__name__ == "SequentialBackend":
        with Workers(1) as workers:
            yield Crew(workers, shipment, None, inline=True, local=True)
    elif type(backend).__name__ == "ThreadingBackend":
        with (
            threadpool_limits(threads, user_api="blas"),
            Workers(slots + ahead, lambda: ThreadPoolExecutor(slots)) as workers,
        ):
            yield Crew(workers, shipment, threads, inline=False, local=True)
    else:
        shipment.write()
        with Workers(slots + ahead, lambda: _Processes(slots, threads)) as workers:
            yield Crew(workers, shipment, None, inline=False, local=False)


def _on(executor: Any, plugins: Plugins, slots: Callable[[Any], int]) -> Workers:
    """Return workers on an executor that was given, or that is made for this search."""
    make = plugins.executor_factory(executor)
    return Workers(slots, given=executor) if make is None else Workers(slots, make)


def _fits_at_once(executor: Any, n_jobs: int | None) -> int:
    return resolve_n_jobs(n_jobs, n_workers(executor) or os.cpu_count())


def _by_joblib(executor: Any, n_jobs: int | None) -> int:
    """Ask joblib's backend, which counts the workers of a cluster once it is running."""
    n_workers(executor)
    slots: int = joblib.effective_n_jobs(n_jobs)
    return slots


@contextmanager
def _elsewhere(shipment: Shipment, workers: Workers) -> Iterator[Crew]:
    """Find out where the jobs of an executor run, and ship accordingly."""
    threads = max(1, (os.cpu_count() or 1) // workers.slots)
    with workers:
        if workers.submit(Job("where", _this_process)).result() == _this_process():
            with threadpool_limits(threads, user_api="blas"):
                yield Crew(workers, shipment, threads, inline=False, local=True)
        elif workers.sends_once:
            # A cluster knows its machines: if it says nothing, its environment limits threads.
            threads_there = workers.n_threads
            yield Crew(workers, Shared(shipment), threads_there, inline=False, local=False)
        else:
            path = str(shipment.write())
            if not workers.submit(Job("there", os.path.exists, (path,))).result():
                shipment.path = None  # another machine: it goes with each job
            yield Crew(workers, shipment, threads, inline=False, local=False, pack=_pickled)


def _this_process() -> tuple[str, int]:
    return _TOKEN, os.getpid()


def _n_threads(backend: Any, slots: int) -> int:
    asked: int | None = backend.inner_max_num_threads
    return asked or max(1, joblib.cpu_count() // slots)


def _pickled(key: Hashable, fn: Any, args: tuple[Any, ...]) -> Job:
    """Return a job that any pickle can send, whatever its function."""
    return Job(key, _unpacked, (cloudpickle.dumps((fn, args)),))


class _Processes:
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

    def submit(self, fn: Any, /, *args: Any) -> Any:
        job = _pickled(None, fn, args)  # now, and not when the pool comes to it
        self._latest = self._pool.submit(job.call, *job.args)
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

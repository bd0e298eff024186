"""Make the pool of workers for ``n_jobs``, ``joblib.parallel_config`` and ``executor=``."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any, ClassVar

import cloudpickle
import joblib
from threadpoolctl import threadpool_limits

from tuneplug.execution import (
    Job,
    WorkerPool,
    end_with_parent,
    n_workers,
    resolve_n_jobs,
    temporary_root,
)
from tuneplug.plugins import Plugins
from tuneplug_sklearn._compat import LokyExecutor, active_backend

__all__ = ["in_worker", "make_pool", "worker_context"]

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

#: Number of cores that joblib sees: jobs for ``n_jobs=-1`` inside a fit, and threads of LightGBM.
CORES_VARIABLE = "LOKY_MAX_CPU_COUNT"

#: Idle timeout of worker processes, in seconds.
IDLE_SECONDS = 60

#: Maximum wait for loky to dispatch a queued job before the pool is killed, in seconds.
DISPATCH_SECONDS = 5.0

#: joblib backends that this module has executors for.
SUPPORTED_BACKENDS = (
    "SequentialBackend",
    "ThreadingBackend",
    "LokyBackend",
    "MultiprocessingBackend",
)

_this_thread = threading.local()


def in_worker() -> bool:
    """Whether the caller runs inside a fit of another search, here or under joblib."""
    backend, _ = active_backend()
    return getattr(_this_thread, "busy", False) or (getattr(backend, "nesting_level", 0) or 0) > 0


@contextmanager
def worker_context(n_threads: int | None, *, in_process: bool = True) -> Iterator[None]:
    """Context manager: run nested searches sequentially and limit native threads."""
    _this_thread.busy = True
    try:
        with ExitStack() as stack:
            stack.enter_context(joblib.parallel_config(backend="threading"))
            if n_threads is not None:
                # OpenMP keeps its limit per thread, so that threads do not affect each other.
                api = "openmp" if in_process else None
                stack.enter_context(threadpool_limits(n_threads, user_api=api))
            yield
    finally:
        _this_thread.busy = False


@contextmanager
def make_pool(
    n_jobs: int | None, executor: Any, plugins: Plugins, n_tasks: int, prefetch: int
) -> Iterator[WorkerPool]:
    """Yield the pool of workers that the arguments and joblib's configuration ask for.

    Parameters
    ----------
    n_jobs : int or None
    executor : str, object or None
        The name of an executor, an executor, or an object that a plugin makes an executor of.
    plugins : Plugins
    n_tasks : int
        Maximum number of jobs.
    prefetch : int
        Number of jobs that wait at a local pool beyond those that run, so that no worker waits for
        the next suggestion.

    Raises
    ------
    ValueError
        If neither this package nor a plugin supports joblib's backend, or the executor accepts no
        jobs.
    """
    backend, _ = active_backend()
    name = type(backend).__name__
    with ExitStack() as stack:
        if in_worker():
            yield stack.enter_context(WorkerPool(1))
        elif executor is not None:
            pool = _pool_on(executor, plugins, lambda there: _fits_at_once(there, n_jobs))
            yield stack.enter_context(_remote_pool(pool))
        elif name in SUPPORTED_BACKENDS:
            yield stack.enter_context(_joblib_pool(n_jobs, n_tasks, prefetch))
        elif n_jobs != 1 and plugins.executor_factory(backend) is not None:
            pool = _pool_on(backend, plugins, lambda there: _by_joblib(there, n_jobs))
            yield stack.enter_context(_remote_pool(pool))
        elif joblib.effective_n_jobs(n_jobs) == 1:
            yield stack.enter_context(WorkerPool(1))
        else:
            raise ValueError(
                f"n_jobs={n_jobs} asks for workers of joblib's backend {name}, which is not known: "
                "pass executor=, anything with submit, instead"
            )


@contextmanager
def _joblib_pool(n_jobs: int | None, n_tasks: int, prefetch: int) -> Iterator[WorkerPool]:
    """Run in the calling thread, on threads or on processes, as joblib would."""
    backend, _ = active_backend()
    resolve_n_jobs(n_jobs)  # its message has a cure
    slots = min(joblib.effective_n_jobs(n_jobs), n_tasks)
    threads = _n_threads(backend, slots)
    if slots <= 1 or type(backend).__name__ == "SequentialBackend":
        with WorkerPool(1) as pool:
            yield pool
    elif type(backend).__name__ == "ThreadingBackend":
        with (
            threadpool_limits(threads, user_api="blas"),
            WorkerPool(slots, lambda: ThreadPoolExecutor(slots), prefetch=prefetch) as pool,
        ):
            pool.n_threads = threads
            yield pool
    else:
        with WorkerPool(
            slots, lambda: _Processes(slots, threads), in_process=False, prefetch=prefetch
        ) as pool:
            yield pool


def _pool_on(executor: Any, plugins: Plugins, slots: Callable[[Any], int]) -> WorkerPool:
    """Return a pool on the executor of the caller, or on one made for this search."""
    make = plugins.executor_factory(executor)
    if make is None:
        return WorkerPool(slots, given=executor, pack=_pack)
    return WorkerPool(slots, make, pack=_pack)


def _fits_at_once(executor: Any, n_jobs: int | None) -> int:
    return resolve_n_jobs(n_jobs, n_workers(executor) or os.cpu_count())


def _by_joblib(executor: Any, n_jobs: int | None) -> int:
    """Return joblib's number of workers, which counts those of a cluster once it is running."""
    n_workers(executor)
    slots: int = joblib.effective_n_jobs(n_jobs)
    return slots


@contextmanager
def _remote_pool(pool: WorkerPool) -> Iterator[WorkerPool]:
    """Limit the native threads of the jobs according to where they run."""
    threads = max(1, (os.cpu_count() or 1) // pool.slots)
    with pool, ExitStack() as stack:
        if pool.in_process:
            stack.enter_context(threadpool_limits(threads, user_api="blas"))
        # A cluster knows its machines: if it states no number, its environment limits threads.
        if pool.in_process or not pool.sends_once:
            pool.n_threads = threads
        yield pool


def _n_threads(backend: Any, slots: int) -> int:
    asked: int | None = backend.inner_max_num_threads
    return asked or max(1, joblib.cpu_count() // slots)


def _pack(job: Job) -> Job:
    """Return a job that any pickler can send, whatever its function."""
    return Job(job.key, _unpack, (cloudpickle.dumps((job.call, job.args)),))


@contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Context manager: a first SIGINT takes effect at the end; a second one interrupts at once.

    Without effect outside of the main thread, which alone receives signals.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    received: list[int] = []

    def note(number: int, frame: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if received:
            signal.raise_signal(signal.SIGINT)


class _Processes:
    """An executor on worker processes of loky.

    The processes outlive the search for a minute, because starting them and importing scikit-learn
    takes seconds.  The next search of this process uses them again.
    """

    #: By process number (a fork cannot use them), slots and threads.
    _idle: ClassVar[dict[tuple[int, int, int], LokyExecutor]] = {}

    def __init__(self, slots: int, n_threads: int) -> None:
        self._kind = (os.getpid(), slots, n_threads)
        self._latest: Any = None
        with _interrupts_deferred():
            self._pool = self._started(slots, n_threads)

    def _started(self, slots: int, n_threads: int) -> LokyExecutor:
        """Return an idle pool of this kind, or a new one, with its workers running."""
        pool = self._idle.pop(self._kind, None) or LokyExecutor(
            max_workers=slots,
            timeout=IDLE_SECONDS,
            env={
                **{name: os.environ.get(name, str(n_threads)) for name in THREAD_VARIABLES},
                CORES_VARIABLE: str(n_threads),
            },
            # A function of the core: a worker that imports scikit-learn first, for seconds, would
            # outlive a killed parent.
            initializer=partial(end_with_parent, ignore_interrupts=True),
            initargs=(os.getpid(), temporary_root()),
        )
        # The workers start now, so that they delete the data if this process is killed while it
        # writes them.
        with suppress(BrokenExecutor):  # idle workers were killed: raised again by the first job
            pool.submit(os.getpid)
        return pool

    def submit(self, fn: Any, /, *args: Any) -> Any:
        job = _pack(Job(None, fn, args))  # pickled now, not when the pool dispatches it
        with _interrupts_deferred():  # a job that is half submitted breaks the pool
            self._latest = self._pool.submit(job.call, *job.args)
        return self._latest

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Keep the processes for the next search; end idle ones with other slots or threads."""
        for kind in [kind for kind in list(self._idle) if kind[0] == os.getpid()]:
            if pool := self._idle.pop(kind, None):  # a search in another thread may have taken it
                pool.shutdown(wait=False)
        if not cancel_futures:
            self._idle[self._kind] = self._pool

    @property
    def _waiting(self) -> bool:
        """Whether the latest job was not dispatched yet."""
        return self._latest is not None and not (self._latest.running() or self._latest.done())

    def terminate(self) -> None:
        """Kill the workers, whatever they are doing."""
        # loky's manager thread raises a KeyError if it is asked to kill before it has dispatched
        # every job.  It dispatches jobs in order and at once, and does not signal that it has.
        deadline = time.monotonic() + DISPATCH_SECONDS
        while self._waiting and time.monotonic() < deadline:
            time.sleep(0.001)
        self._pool.shutdown(wait=True, kill_workers=True)


def _unpack(job: bytes) -> Any:
    fn, args = cloudpickle.loads(job)
    return fn(*args)

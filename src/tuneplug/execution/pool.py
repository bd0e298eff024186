"""A pool of workers on an executor, which is replaced if it breaks."""

from __future__ import annotations

import os
import pickle
import secrets
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tuneplug.errors import safe_repr
from tuneplug.execution.broadcast import Broadcast
from tuneplug.execution.executors import Executor, SerialExecutor, n_workers, resolve_n_jobs
from tuneplug.execution.orphans import end_with_owner
from tuneplug.execution.owned_folder import temporary_root

if TYPE_CHECKING:
    from tuneplug.execution.jobs import Job

__all__ = ["WorkerPool", "make_pool", "this_process"]

#: Cure for an executor that accepts no jobs.
NEW_EXECUTOR = "pass a new one, and keep it open until the search has ended"
#: Cure for an executor of the caller that breaks during a search.
OWN_EXECUTOR = (
    "tuneplug cannot replace an executor that it did not make: pass a new one to continue, or pass "
    "the name of an executor, so that a worker that dies costs one trial"
)

#: Distinguishes this process from a process with the same id on another machine.
_TOKEN = secrets.token_hex(8)


class WorkerPool:
    """An executor, the number of jobs in flight, and a factory to replace a broken executor.

    Leaving the context deletes the files of broadcasts, and shuts down the executor unless the
    caller owns it.

    Parameters
    ----------
    workers : int or callable
        Number of jobs that run at once, or a function that returns the number for the executor.
    make : callable
        Returns a new executor.  The pool replaces an executor that breaks, and shuts down every
        executor that it made.
    given : Executor, optional
        An executor of the caller, used instead of ``make``.
    in_process : bool, optional
        Whether jobs run in this process.  If False, jobs run in processes that can read files of
        this machine.  If None, the pool finds out by running a job when it first needs to know.
    prefetch : int, default 0
        Number of jobs that wait at the executor beyond those that run.
    pack : callable, optional
        Converts a job to one that the pickler of the executor can pickle.  Unused if jobs run in
        this process or the executor has ``put``.

    Attributes
    ----------
    given : bool
        Whether the executor belongs to the caller.
    n_workers : int
        Number of jobs that run at once.
    slots : int
        Number of jobs in flight: those that run, and those that wait.
    n_threads : int or None
        Number of native threads that each job may use; initially ``executor.n_threads``.  If None,
        jobs do not limit their threads.

    Raises
    ------
    ValueError
        If the executor accepts no jobs, since it is shut down or broken.
    TypeError
        If it is a class.
    """

    def __init__(
        self,
        workers: int | Callable[[Any], int],
        make: Callable[[], Any] = SerialExecutor,
        *,
        given: Executor | None = None,
        in_process: bool | None = None,
        prefetch: int = 0,
        pack: Callable[[Job], Job] | None = None,
    ) -> None:
        self.given = given is not None
        self._make, self._pack, self._in_process = make, pack, in_process
        self._executor: Any = make() if given is None else given
        self._sent: dict[Broadcast, Any] = {}
        self._files = ExitStack()
        try:
            if in_process is None:
                self._check_open()
            self.n_workers = workers if isinstance(workers, int) else workers(self._executor)
            self.slots = self.n_workers + prefetch
        except BaseException:
            self.__exit__(BaseException)
            raise
        self.n_threads: int | None = getattr(self._executor, "n_threads", None)

    @property
    def inline(self) -> bool:
        """Whether jobs run in the calling thread."""
        return isinstance(self._executor, SerialExecutor)

    @property
    def in_process(self) -> bool:
        """Whether jobs run in this process; the first access may run a job to find out."""
        if self._in_process is None:
            known = type(self._executor) in (SerialExecutor, ThreadPoolExecutor)
            self._in_process = known or self._probe(_worker_process, os.getpid()) == this_process()
        return self._in_process

    @property
    def sends_once(self) -> bool:
        """Whether the executor has ``put``, so that a broadcast is not sent with each job."""
        return hasattr(self._executor, "put")

    def submit(self, job: Job) -> Any:
        """Submit a job and return its future."""
        ready = replace(job, args=tuple(map(self.send, job.args)))
        if self._pack is not None and not (self.sends_once or self.in_process):
            ready = self._pack(ready)
        try:
            return self._executor.submit(ready.call, *ready.args)
        except BrokenExecutor:
            raise
        except RuntimeError as error:
            if not self.given:
                raise
            raise BrokenExecutor(self._refusal(error)) from error

    def _check_open(self) -> None:
        """Raise an error if the executor refuses a job without effect."""
        if isinstance(self._executor, SerialExecutor):
            return
        try:
            try:
                self._executor.submit(_do_nothing)
            except BrokenExecutor as error:
                self.replace(error)
                self._executor.submit(_do_nothing)
        except Exception as error:  # whatever an executor raises
            raise ValueError(self._refusal(error)) from error

    def _refusal(self, error: Exception) -> str:
        return (
            "executor must accept jobs until the search has ended, but "
            f"{safe_repr(self._executor)} refuses one, with {type(error).__name__}: "
            f"{safe_repr(error, str)}: {NEW_EXECUTOR}"
        )

    def send(self, argument: Any) -> Any:
        """Return an argument of a job in the form to submit; a broadcast is sent once.

        Raises
        ------
        TypeError
            If the executor cannot pickle a broadcast.
        """
        if not isinstance(argument, Broadcast):
            return argument
        if argument not in self._sent:
            self._sent[argument] = self._send(argument)
        return self._sent[argument]

    def _send(self, broadcast: Broadcast) -> Any:
        if self._in_process:
            return broadcast
        if self.sends_once:
            return self._executor.put(broadcast)
        workers_may_lack_file = self._in_process is None
        if self.in_process or broadcast.path is not None:
            return broadcast
        try:
            broadcast.write()
        except (pickle.PicklingError, AttributeError, TypeError):
            self._check_picklable(broadcast)
            return broadcast
        self._files.enter_context(broadcast)
        if workers_may_lack_file and not self._probe(_can_read, broadcast):
            broadcast.close()
        return broadcast

    def _check_picklable(self, broadcast: Broadcast) -> None:
        """Raise TypeError unless the executor can pickle a value that pickle cannot."""
        try:
            self._probe(_can_read, broadcast)
        except BrokenExecutor:
            raise
        except Exception as error:  # whatever a pickler raises
            raise TypeError(
                f"what runs in other processes must be picklable, but {safe_repr(broadcast.value)} "
                f"is not: {type(error).__name__}: {safe_repr(error, str)}: define it, and all that "
                "it refers to, at the top level of a module; or pass n_jobs= for threads, or an "
                "executor that pickles lambdas and closures, such as that of loky"
            ) from error

    def _probe(self, fn: Callable[..., Any], *args: Any) -> Any:
        try:
            return self._executor.submit(fn, *args).result()
        except BrokenExecutor as error:
            self._add_cure(error)
            raise

    def restore_workers(self) -> None:
        """Let the executor start workers again that it has lost for good, if it can."""
        if hasattr(self._executor, "restore_workers"):
            self._executor.restore_workers()

    def replace(self, error: BaseException) -> None:
        """Replace a broken executor by a new one.

        Raises
        ------
        BaseException
            ``error``, if the caller owns the executor: the pool cannot make another.  A note says
            what to do.
        """
        if self.given:
            self._add_cure(error)
            raise error
        self._close(cancel=True)
        self._executor = self._make()

    def _add_cure(self, error: BaseException) -> None:
        """Add once what the caller can do if an executor of the caller breaks."""
        if self.given and OWN_EXECUTOR not in getattr(error, "__notes__", ()):
            error.add_note(OWN_EXECUTOR)

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            self._sent.clear()
            if not self.given:
                self._close(cancel=kind is not None)
        finally:
            self._files.close()

    def _close(self, *, cancel: bool) -> None:
        self._sent.clear()
        if cancel and hasattr(self._executor, "terminate"):
            self._executor.terminate()
        if hasattr(self._executor, "shutdown"):
            self._executor.shutdown(wait=True, cancel_futures=cancel)


def _do_nothing() -> None:
    """Do nothing: the job that tells whether an executor accepts jobs."""


def this_process() -> tuple[str, int]:
    """Return what identifies this process among those of all machines."""
    return _TOKEN, os.getpid()


def _worker_process(owner: int) -> tuple[str, int]:
    """Return the process of the worker, which ends with the owner if the owner started it."""
    end_with_owner(owner, temporary_root())
    return this_process()


def _can_read(broadcast: Broadcast) -> bool:
    """Whether this worker can open the file and unpickle the value."""
    try:
        _ = broadcast.value
    except Exception:  # noqa: BLE001  unpickling may raise any exception
        return False
    return True


def make_pool(
    executor: Any, n_jobs: int | None, make: Callable[[], Any] | None = None
) -> WorkerPool:
    """Return a pool on an executor, on threads, or on the calling thread for one job at once.

    Parameters
    ----------
    executor : Executor or None
        An executor of the caller; ignored if ``make`` is given.
    n_jobs : int or None
        Number of jobs at once; see ``resolve_n_jobs``.
    make : callable, optional
        Returns an executor that the pool owns; see ``Plugins.executor_factory``.

    Raises
    ------
    ValueError
        If ``n_jobs`` is 0 or not an integer, or the executor accepts no jobs.
    TypeError
        If ``executor`` is a class or has no ``submit``, and ``make`` is None.
    """
    slots = resolve_n_jobs(n_jobs)
    if executor is not None:
        if make is None and not hasattr(executor, "submit"):
            raise TypeError(
                f"executor must be a name or an object with submit, but got {safe_repr(executor)}: "
                "pass, for example, a concurrent.futures.ProcessPoolExecutor"
            )
        given = executor if make is None else None
        return WorkerPool(
            lambda there: resolve_n_jobs(n_jobs, n_workers(there)),
            make or SerialExecutor,
            given=given,
        )
    if slots == 1:
        return WorkerPool(1)
    return WorkerPool(slots, lambda: ThreadPoolExecutor(slots, thread_name_prefix="tuneplug"))

"""RayExecutor: run each job as a Ray task."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from functools import cached_property
from typing import Any, ClassVar

from tuneplug.optional import OptionalDependency, is_instance_of

__all__ = ["RayExecutor"]


class RayExecutor:
    """Run jobs on Ray.

    Uses the Ray cluster that this process is connected to.  If the process is not connected, the
    first job calls ``ray.init()``.  That connects to the cluster of ``RAY_ADDRESS`` or to a cluster
    running on this machine, or starts one.  ``shutdown`` undoes this.

    Parameters
    ----------
    **options
        Options of ``ray.remote`` for each job, such as ``num_cpus`` (default 1), ``num_gpus``,
        ``resources``, ``memory`` and ``runtime_env``.  ``num_cpus`` is also the number of native
        threads per job.  ``max_retries`` is 0 by default, since the search itself retries lost jobs
        and detects jobs that kill their workers.

    Raises
    ------
    MissingDependencyError
        If Ray is not installed; raised when the first job is submitted.

    Examples
    --------
    >>> from tuneplug_ray import RayExecutor
    >>> executor = RayExecutor(num_cpus=4)  # four native threads per fit
    >>> search = WarpedBayesSearchCV(model, space, executor=executor)  # doctest: +SKIP
    """

    name: ClassVar[str] = "ray"

    def __init__(self, **options: Any) -> None:
        self._options = {"num_cpus": 1, "max_retries": 0, **options}
        self._initialized = False  # whether this executor called ray.init()
        self._futures: set[_Future] = set()

    @classmethod
    def from_framework(cls, given: Any) -> RayExecutor | None:
        """Return an executor with the options of joblib's Ray backend; None for other objects."""
        if not is_instance_of(given, "ray.util.joblib.ray_backend", "RayBackend"):
            return None
        return cls(**(given.ray_remote_args or {}))

    @cached_property
    def _ray(self) -> Any:
        with OptionalDependency("Ray", "ray", "ray").required_by("RayExecutor"):
            import ray
        if not ray.is_initialized():
            ray.init(include_dashboard=False, logging_level=logging.ERROR)
            self._initialized = True
        return ray

    @cached_property
    def _call(self) -> Any:
        return self._ray.remote(**self._options)(_call)

    @property
    def n_workers(self) -> int:
        """Number of jobs that the current resources of the cluster allow; at least 1."""
        available = self._ray.cluster_resources()
        required = {
            "CPU": self._options["num_cpus"],
            "GPU": self._options.get("num_gpus"),
            **(self._options.get("resources") or {}),
        }
        n_jobs = [available.get(name, 0) // amount for name, amount in required.items() if amount]
        return max(1, int(min(n_jobs, default=available.get("CPU", 1))))

    @property
    def n_threads(self) -> int:
        """Number of native threads of a job: its ``num_cpus``, rounded down, at least 1."""
        return max(1, int(self._options["num_cpus"]))

    # ------------------------------------------------------------------ jobs

    def put(self, value: Any) -> Any:
        """Put a value into Ray's object store; each machine fetches it once."""
        return self._ray.put(value)

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> _Future:
        """Submit a call and return its future.

        Raises
        ------
        BrokenExecutor
            If Ray was shut down.
        """
        call = self._call
        if not self._ray.is_initialized():
            raise BrokenExecutor("Ray was shut down")
        future = _Future(self._ray, call.remote(fn, *args))
        self._futures.add(future)
        future.add_done_callback(lambda _: self._futures.discard(future))
        return future

    # ------------------------------------------------------------------ shutdown

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Shut down Ray if this executor initialized it.

        Parameters
        ----------
        wait : bool, default True
            Whether to wait for pending jobs.
        cancel_futures : bool, default False
            Whether to cancel pending jobs, including running ones.
        """
        for future in list(self._futures):
            if cancel_futures:
                future.cancel()
            if wait:
                future.exception()
        if self._initialized:
            self._ray.shutdown()
        self._initialized = False
        for name in ("_ray", "_call"):
            self.__dict__.pop(name, None)


class _Future:
    """A ``concurrent.futures`` future whose ``cancel`` also cancels the Ray task."""

    def __init__(self, ray: Any, ref: Any) -> None:
        self._ray, self._ref, self._future = ray, ref, ref.future()
        self.add_done_callback = self._future.add_done_callback
        self.result, self.exception = self._future.result, self._future.exception

    def cancel(self) -> None:
        """Cancel the task.  If it is running, its worker is killed, and Ray starts a new one."""
        if not self._future.done():
            self._ray.cancel(self._ref, force=True)


def _call(fn: Callable[..., Any], *args: Any) -> Any:
    """Call ``fn``; Ray has replaced object references by their values."""
    return fn(*args)

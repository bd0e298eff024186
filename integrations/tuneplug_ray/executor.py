"""Ray as an executor: each job is a task of Ray's."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from functools import cached_property
from typing import Any, ClassVar

from tuneplug.optional import OptionalDependency

__all__ = ["RayExecutor"]


class RayExecutor:
    """Runs jobs on Ray.

    It runs on the Ray that this process is connected to.  Where there is none, ``ray.init()``
    connects to the cluster that ``RAY_ADDRESS`` names, to one that runs on this machine, or starts
    one, when the first job is submitted; ``shutdown`` undoes that.

    Parameters
    ----------
    **options
        Of ``ray.remote``, for each job: ``num_cpus`` (default 1), which is also the number of
        native threads that a fit may have, ``num_gpus``, ``resources``, ``memory``,
        ``runtime_env``, ...  ``max_retries`` is 0 by default: a job that was lost is run again by
        the search, which finds out the one that kills its workers.

    Raises
    ------
    MissingDependencyError
        If Ray is not installed, when the first job is submitted.

    Examples
    --------
    >>> from tuneplug_ray import RayExecutor
    >>> executor = RayExecutor(num_cpus=4)  # four native threads for each fit
    >>> search = WarpedBayesSearchCV(model, space, executor=executor)  # doctest: +SKIP
    """

    name: ClassVar[str] = "ray"

    def __init__(self, **options: Any) -> None:
        self._options = {"num_cpus": 1, "max_retries": 0, **options}
        self._begun = False  # whether Ray runs for this executor
        self._futures: set[_Future] = set()

    @classmethod
    def from_framework(cls, obj: Any) -> RayExecutor | None:
        """Return an executor with the options of joblib's Ray backend, None for other objects."""
        backends = sys.modules.get("ray.util.joblib.ray_backend")
        if backends is None or not isinstance(obj, backends.RayBackend):
            return None
        return cls(**(obj.ray_remote_args or {}))

    @cached_property
    def _ray(self) -> Any:
        with OptionalDependency("Ray", "ray", "ray").required_by("RayExecutor"):
            import ray
        if not ray.is_initialized():
            ray.init(include_dashboard=False, logging_level=logging.ERROR)
            self._begun = True
        return ray

    @cached_property
    def _call(self) -> Any:
        return self._ray.remote(**self._options)(_call)

    @property
    def n_workers(self) -> int:
        """Jobs that the cluster has the resources for now, and at least 1."""
        there_is = self._ray.cluster_resources()
        asked = {
            "CPU": self._options["num_cpus"],
            "GPU": self._options.get("num_gpus"),
            **(self._options.get("resources") or {}),
        }
        room = [there_is.get(name, 0) // needed for name, needed in asked.items() if needed]
        return max(1, int(min(room, default=there_is.get("CPU", 1))))

    @property
    def n_threads(self) -> int:
        """Native threads of a job: its cores, whichever job its process has had before."""
        return max(1, int(self._options["num_cpus"]))

    # ------------------------------------------------------------------ jobs

    def put(self, value: Any) -> Any:
        """Put a value into Ray's object store, from which each machine fetches it once."""
        return self._ray.put(value)

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> _Future:
        """Return the future of a call.

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

    # ------------------------------------------------------------------ the end

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End a Ray that was begun here.

        Parameters
        ----------
        wait : bool, default True
            Whether to wait for jobs in flight.
        cancel_futures : bool, default False
            Whether to call off jobs in flight, those that run as well.
        """
        for future in list(self._futures):
            if cancel_futures:
                future.cancel()
            if wait:
                future.exception()
        if self._begun:
            self._ray.shutdown()
        self._begun = False
        for name in ("_ray", "_call"):
            self.__dict__.pop(name, None)


class _Future:
    """A future of concurrent.futures whose ``cancel`` ends the job in Ray as well."""

    def __init__(self, ray: Any, ref: Any) -> None:
        self._ray, self._ref, self._future = ray, ref, ref.future()
        self.add_done_callback = self._future.add_done_callback
        self.result, self.exception = self._future.result, self._future.exception

    def cancel(self) -> None:
        """Call off the job; the worker that runs it is killed, and Ray starts another."""
        if not self._future.done():
            self._ray.cancel(self._ref, force=True)


def _call(fn: Callable[..., Any], *args: Any) -> Any:
    """Make a call; Ray has put values in the place of references."""
    return fn(*args)

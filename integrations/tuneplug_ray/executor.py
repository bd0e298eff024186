"""Ray as an executor."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future as LocalFuture
from typing import Any, ClassVar, final
from weakref import WeakSet

from tuneplug.optional import Framework

__all__ = ["RayExecutor"]


@final
class RayExecutor:
    """Runs jobs on Ray: ``executor="ray"``, or an instance with options of your own.

    The Ray that this process is connected to is used.  Where there is none, ``ray.init()`` connects
    to the one that ``RAY_ADDRESS`` names, or starts one on this machine; ``shutdown`` ends that.

    Parameters
    ----------
    **options
        Of each job, as ``ray.remote`` has them: ``num_cpus=4``, ``num_gpus=1``, ``resources=``,
        ``runtime_env=``.  By default ``num_cpus=1`` and ``max_retries=0``: the search itself runs
        the jobs of a dead worker again.

    Raises
    ------
    MissingDependencyError
        If Ray is not installed.

    Examples
    --------
    A model that trains on four cores::

        search = WarpedBayesSearchCV(model, space, executor=RayExecutor(num_cpus=4))
    """

    name: ClassVar[str] = "ray"

    def __init__(self, **options: Any) -> None:
        with Framework("Ray", "ray", "ray").needed_by("executor 'ray'"):
            import ray
        self._ray: Any = ray
        self._own = not ray.is_initialized()
        if self._own:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        self._options = {"num_cpus": 1, "max_retries": 0, **options}
        self._remote = self._ray.remote(**self._options)(_call)
        self._running: WeakSet[_Future] = WeakSet()

    @property
    def n_workers(self) -> int:
        """The number of jobs that the cluster, as it is now, runs at once."""
        there = self._ray.cluster_resources()
        asked = {
            "CPU": self._options["num_cpus"],
            "GPU": self._options.get("num_gpus", 0),
            **(self._options.get("resources") or {}),
        }
        room = [there.get(kind, 0.0) / share for kind, share in asked.items() if share]
        return max(1, int(min(room, default=there.get("CPU", 1.0))))

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> _Future:
        """Return the future of a call.  What was ``put`` arrives as the value."""
        future = _Future(self._ray, self._remote.remote(fn, *args))
        self._running.add(future)
        return future

    def put(self, value: Any) -> Any:
        """Store a value on the cluster; what is returned stands for it in ``submit``."""
        return self._ray.put(value)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End what was begun here: Ray itself, and on demand the jobs that have not ended."""
        if cancel_futures:
            for future in list(self._running):
                future.cancel()
        if self._own:
            self._ray.shutdown()


class _Future:
    """A job of Ray's as a future that can be cancelled where it runs."""

    def __init__(self, ray: Any, reference: Any) -> None:
        self._ray, self._reference = ray, reference
        self._local: LocalFuture[Any] = reference.future()

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None:
        self._local.add_done_callback(lambda _: fn(self))

    def result(self) -> Any:
        return self._local.result()

    def done(self) -> bool:
        return self._local.done()

    def cancel(self) -> None:
        """Call the job off; one that runs is interrupted."""
        if not self._local.done():
            self._ray.cancel(self._reference)


def _call(fn: Callable[..., Any], *args: Any) -> Any:
    return fn(*args)

"""Register the Ray executor through tuneplug's hooks."""

from __future__ import annotations

from tuneplug.execution import Executor
from tuneplug.plugins import hookimpl
from tuneplug_ray.executor import RayExecutor

__all__ = ["tuneplug_executors"]


@hookimpl
def tuneplug_executors() -> list[type[Executor]]:
    return [RayExecutor]

"""Register the Dask executor through tuneplug's hooks."""

from __future__ import annotations

from tuneplug.execution import Executor
from tuneplug.plugins import hookimpl
from tuneplug_dask.executor import DaskExecutor

__all__ = ["tuneplug_executors"]


@hookimpl
def tuneplug_executors() -> list[type[Executor]]:
    return [DaskExecutor]

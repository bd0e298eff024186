"""Searches on a Dask cluster; Dask is imported where an executor is made."""

from __future__ import annotations

from tuneplug_dask.executor import DaskExecutor

__all__ = ["DaskExecutor"]

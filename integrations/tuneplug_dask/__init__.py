"""Dask adapter: the executor named "dask" runs jobs on the workers of a cluster.

Dask is imported when the first job is submitted.
"""

from __future__ import annotations

from tuneplug_dask.executor import DaskExecutor

__all__ = ["DaskExecutor"]

"""tuneplug on Dask: searches run on a cluster's workers, by the executor named "dask".

Dask is imported when the first job is submitted.
"""

from __future__ import annotations

from tuneplug_dask.executor import DaskExecutor

__all__ = ["DaskExecutor"]

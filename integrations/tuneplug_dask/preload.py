"""Preload module for the workers of a local cluster started by ``DaskExecutor``."""

from __future__ import annotations

import signal
from typing import Any

__all__ = ["dask_setup"]


def dask_setup(worker: Any) -> None:
    """Ignore SIGINT: a terminal sends it to every process, and the search handles it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

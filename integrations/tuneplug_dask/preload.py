"""What the workers of a cluster of our own load before anything else."""

from __future__ import annotations

import signal
from typing import Any

__all__ = ["dask_setup"]


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C, which a terminal sends to every process, to the search."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

"""Modules that tests of several adapters share, and that worker processes import."""

import ctypes
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# Dask and Ray give up processes that are slow to start, as they are on a busy machine.
os.environ.setdefault("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "600s")
os.environ.setdefault("DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT", "600s")
os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "600")


def pytest_runtest_teardown():
    """Forget the exception of a callback, which CatBoost leaves as the one its thread handles."""
    ctypes.pythonapi.PyErr_SetExcInfo(None, None, None)

"""Fixtures that tests of several layers ask for."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

# Modules that tests of several layers share, and that worker processes import.
sys.path.insert(0, str(Path(__file__).parent / "shared"))

# Boosting libraries read this when they are loaded.  With a thread a core in each of several test
# processes, threads would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that starts the tests in the background may have Ctrl-C ignored in all their processes.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_itemcollected(item):
    if " at 0x" in item.nodeid:
        raise pytest.UsageError(
            f"names of tests must be the same in each run, but got {item.nodeid}: give ids="
        )


@pytest.fixture(scope="module")
def one_thread():
    """Matrices as small as those of tests only make the threads of a BLAS wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def ticking(monkeypatch):
    """Clocks that advance by a millisecond per reading, so that time limits count readings."""
    begun, ticks = time.time(), itertools.count(1)

    def read():
        return begun + next(ticks) / 1000

    monkeypatch.setattr(time, "time", read)
    monkeypatch.setattr(time, "monotonic", read)

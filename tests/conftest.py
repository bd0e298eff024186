"""Fixtures that tests of several layers ask for."""

from __future__ import annotations

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="module")
def one_thread():
    """Matrices as small as those of tests only make the threads of a BLAS wait for each other."""
    with threadpool_limits(1):
        yield

"""The servers of the tests.  With ``CI=true`` one that is not installed is a failure."""

from __future__ import annotations

import gc
import os
import warnings

import pytest
from database_servers import MariaDB, PostgreSQL


def started(kind):
    if kind.programs() is None:
        reason = f"{kind.__name__} is not installed: apt-get install postgresql mariadb-server"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return kind()


@pytest.fixture(scope="session")
def postgresql():
    server = started(PostgreSQL)
    yield server
    server.close()


@pytest.fixture(scope="session")
def mariadb():
    server = started(MariaDB)
    yield server
    server.close()


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def url(server):
    """URL of a new database."""
    return server.new_url()


@pytest.fixture
def unanswered():
    """For tests without a server: PyMySQL leaves the socket open that has found none."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()

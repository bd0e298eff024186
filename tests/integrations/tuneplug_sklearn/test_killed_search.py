"""A killed search: its workers end within seconds, and the copy of its data goes with them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="finds the processes of a session in /proc"
)

#: Time within which everything is gone even on a busy machine, in seconds.
LIMIT_SECONDS = 60

SEARCH = """
import sys, time
import joblib, numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from tuneplug import Float
from tuneplug_sklearn import WarpedBayesSearchCV

class Endless(ClassifierMixin, BaseEstimator):
    def __init__(self, a=1.0):
        self.a = a
    def fit(self, X, y):
        print("fits", flush=True)
        time.sleep(1000)

print("starts", flush=True)
X, y = np.ones((200, {n_columns})), np.arange(200) % 2
with joblib.parallel_config(backend="{backend}"):
    WarpedBayesSearchCV(Endless(), {{"a": Float(0, 1)}}, n_iter=8, n_jobs=2, cv=2).fit(X, y)
"""

POOL = """
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import numpy as np
from tuneplug import Float, Study

class Objective:
    def __init__(self):
        self.array = np.ones(100_000)
    def __call__(self, trial):
        print("fits", flush=True)
        time.sleep(1000)
        return 0.0

if __name__ == "__main__":
    with ProcessPoolExecutor(2, mp_context=get_context("{method}")) as processes:
        study = Study({{"x": Float(0, 1)}}, direction="minimize")
        study.optimize(Objective(), n_trials=4, executor=processes, n_jobs=2)
"""


def search_script(backend="loky", n_columns=500):
    return SEARCH.format(backend=backend, n_columns=n_columns)


class Killed:
    """A script that runs in a session of its own."""

    def __init__(self, script, folder):
        self.folder = folder / "temporary"
        self.folder.mkdir()
        (folder / "script.py").write_text(script)
        self.parent = subprocess.Popen(
            [sys.executable, str(folder / "script.py")],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"JOBLIB_TEMP_FOLDER": str(self.folder)},
            start_new_session=True,
        )

    def wait_for_lines(self, line, n):
        """Wait until the processes have printed a line n times."""
        while n:
            read = self.parent.stdout.readline()
            assert read, "the script has ended"
            n -= read == f"{line}\n"

    def wait_for_data(self):
        """Wait until a process begins to write the data."""
        while not any(self.folder.glob("*/broadcast")):
            assert self.parent.poll() is None, "the script has ended"
            time.sleep(0.001)

    def kill(self, number):
        self.parent.send_signal(number)
        assert self.parent.wait() == -number

    def files(self):
        return list(self.folder.iterdir())

    def processes(self):
        """Return the numbers of the processes of the session that run."""
        names = (path.name for path in Path("/proc").iterdir())
        return [pid for pid in map(int, filter(str.isdigit, names)) if self._has(pid)]

    def _has(self, pid):
        try:
            state, _, _, session, *_ = (
                Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            )
        except OSError:
            return False
        return state != "Z" and int(session) == self.parent.pid

    def assert_nothing_remains(self):
        deadline = time.monotonic() + LIMIT_SECONDS
        while (self.processes() or self.files()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.processes() == []
        assert self.files() == []


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a script; what is left of it ends with the test."""
    started = []

    def start(script):
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Killed(script, folder))
        return started[-1]

    yield start
    for killed in started:
        for pid in killed.processes():
            os.kill(pid, signal.SIGKILL)
        killed.parent.wait()
        killed.parent.stdout.close()


def test_workers_and_data_go_with_a_killed_search(start):
    search = start(search_script())
    search.wait_for_lines("fits", 1)
    assert len(search.processes()) > 2
    assert search.files()
    search.kill(signal.SIGKILL)
    search.assert_nothing_remains()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_workers_and_data_go_with_a_terminated_search(start, backend):
    search = start(search_script(backend))
    search.wait_for_lines("fits", 2)
    search.kill(signal.SIGTERM)
    search.assert_nothing_remains()


@pytest.mark.slow
def test_nothing_remains_whenever_a_search_is_killed(start):
    moments = random.Random(0)
    for _ in range(20):
        search = start(search_script())
        search.wait_for_lines("starts", 1)
        time.sleep(moments.uniform(0, 2))  # while workers start, data are written, or fits run
        search.kill(signal.SIGKILL)
        search.assert_nothing_remains()


@pytest.mark.slow
def test_nothing_remains_of_a_search_killed_while_it_writes_its_data(start):
    search = start(search_script(n_columns=100_000))
    search.wait_for_data()
    search.kill(signal.SIGKILL)
    search.assert_nothing_remains()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_processes_of_a_given_pool_go_with_a_killed_study(start, method, number):
    study = start(POOL.format(method=method))
    study.wait_for_lines("fits", 2)
    assert study.files()
    study.kill(number)
    study.assert_nothing_remains()

"""Searches on a real Dask cluster of processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cluster_cases
import dask
import pytest
from cluster_cases import ClusterCases, X, falling, outcome, search, y
from distributed import Client, LocalCluster

from tuneplug import MissingDependencyError, Study
from tuneplug.testing import ExecutorContract
from tuneplug_dask import DaskExecutor
from tuneplug_sklearn.executors import _whereabouts


@pytest.fixture(scope="module")
def client():
    with (
        # a worker that is long in coming back would be given up by its cluster
        dask.config.set({"distributed.deploy.lost-worker-timeout": "300s"}),
        LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def executor(client):
    client.wait_for_workers(2)
    return DaskExecutor()


class TestContract(ExecutorContract):
    @pytest.fixture
    def executor(self, executor):
        return executor


class TestSearches(ClusterCases):
    name = "dask"


def test_the_client_in_use_is_taken_and_left_open(client):
    executor = DaskExecutor()
    executor.shutdown(cancel_futures=True)
    assert executor.client is client
    assert client.status == "running"


def test_a_client_or_its_own_executor_may_be_given(client):
    one = outcome(search().fit(X, y))
    for given in (client, client.get_executor(pure=False)):
        assert outcome(search(executor=given, n_jobs=2).fit(X, y)) == one


def test_equal_calls_are_made_each_time(executor):
    assert executor.submit(_whereabouts).key != executor.submit(_whereabouts).key


def test_a_value_is_put_anew_after_a_job_was_lost(executor):
    sent = executor.put([1, 2])
    assert executor.submit(sum, sent).result() == 3
    before = sent.future()
    failed = executor.submit(int, sent)
    with pytest.raises(TypeError):
        failed.result()
    assert executor.submit(sum, sent).result() == 3
    assert sent.future() is not before


def test_without_a_cluster_one_is_started_and_ended(tmp_path):
    (tmp_path / "alone.py").write_text(
        "from distributed import Client\n"
        "from cluster_cases import falling, SPACE\n"
        "from tuneplug import Study\n"
        "if __name__ == '__main__':\n"
        "    study = Study(SPACE, strategy='random', seed=0)\n"
        "    study.optimize(falling, 4, executor='dask')\n"
        "    try: Client.current()\n"
        "    except ValueError: print(len(study.trials), 'and no client')\n"
    )
    here = str(Path(cluster_cases.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(tmp_path / "alone.py")],
        env={**os.environ, "PYTHONPATH": here},
        capture_output=True,
        text=True,
    )
    assert (done.stdout.strip(), done.stderr) == ("4 and no client", "")


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingDependencyError, match=r"needs Dask: pip install 'tuneplug\[dask\]'"):
        Study({"C": [1, 2]}).optimize(falling, 1, executor="dask")

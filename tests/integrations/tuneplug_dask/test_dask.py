"""Test ``DaskExecutor``: choice of client, local cluster, adopted objects and jobs."""

from __future__ import annotations

import os
import random
import secrets
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest
from interrupts import interrupted
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from tuneplug import Study
from tuneplug.execution import SerialExecutor, n_workers
from tuneplug.plugins import Plugins
from tuneplug_dask import DaskExecutor
from tuneplug_sklearn import WarpedBayesSearchCV

distributed = pytest.importorskip("distributed")
X, y = load_iris(return_X_y=True)
SECONDS = 60  # timeout; only a failing test waits this long
SPACE = {"max_depth": [1, 2, 3, 4], "min_samples_leaf": [1, 5, 9]}


@pytest.fixture
def client():
    """A client with two threads in this process; it is not the client in scope."""
    with (
        distributed.LocalCluster(
            1, threads_per_worker=2, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def tree(**options):
    options = {"n_iter": 6, "cv": 2, "random_state": 0, "refit": False} | options
    return WarpedBayesSearchCV(DecisionTreeClassifier(random_state=0), SPACE, **options)


def tried_params(search):
    return search.fit(X, y).cv_results_["params"]


def alive(pid):
    return Path(f"/proc/{pid}").exists()


# --------------------------------------------------------------------------- local cluster


@pytest.mark.skipif(not Path("/proc").exists(), reason="there is no list of processes")
def test_without_a_client_a_local_cluster_lives_as_long_as_the_search():
    environment = dict(os.environ)
    study = Study({"k": list(range(6))}, strategy="grid")
    study.optimize(lambda trial: float(os.getpid()), 6, executor="dask", n_jobs=2)
    pids = {int(trial.value) for trial in study.trials}
    assert os.getpid() not in pids
    assert not any(map(alive, pids))
    assert {name: os.environ.get(name) for name in environment} == environment
    assert "OMP_NUM_THREADS" in environment or "OMP_NUM_THREADS" not in os.environ
    with pytest.raises(ValueError, match="No clients found"):
        distributed.Client.current()


@pytest.mark.slow
def test_a_broken_local_cluster_is_replaced():
    class Breaking(DaskExecutor):
        name = "breaking"
        n_made = 0

        def submit(self, fn, /, *args):
            future = super().submit(fn, *args)
            if args and args[1].number == 2 and self.n_made == 1:
                future.result()
                self._client.close()
            return future

        def __init__(self):
            super().__init__()
            type(self).n_made += 1

    plugins = Plugins()
    plugins.register(type("Own", (), {"tuneplug_executors": hook(Breaking)})())
    study = Study({"k": list(range(6))}, strategy="grid", plugins=plugins)
    study.optimize(lambda trial: float(trial.number), 6, executor="breaking", n_jobs=1)
    assert [trial.value for trial in study.trials] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert Breaking.n_made == 2


def hook(cls):
    from tuneplug.plugins import hookimpl

    @hookimpl
    def tuneplug_executors(self):
        return cls

    return tuneplug_executors


SCRIPT = """
import signal, sys
import numpy as np
from sklearn.tree import DecisionTreeClassifier
from tuneplug import Int
from tuneplug_sklearn import WarpedBayesSearchCV

class Slow(DecisionTreeClassifier):
    def fit(self, X, y, sample_weight=None, check_input=True):
        import threading
        if self.max_depth > 50:
            threading.Event().wait()
        return super().fit(X, y, sample_weight, check_input)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    X = np.arange(60.0).reshape(-1, 2)
    space = {"max_depth": [*range(1, 7), *range(60, 80)]}
    search = WarpedBayesSearchCV(
        Slow(), space, n_iter=26, cv=2, strategy="grid", executor="dask", refit=False,
        callbacks=[lambda p: print(p.n_done, flush=True)],
    )
    try:
        search.fit(X, np.arange(30) % 2)
    except KeyboardInterrupt:
        print("kept", len(search.cv_results_["params"]))
        raise
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="there are no groups of processes")
def test_ctrl_c_kills_running_fits_on_a_local_cluster(tmp_path):
    """SIGINT goes to the process group, as from a terminal; the last fits never end."""
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    out, err, _ = interrupted(tmp_path / "script.py", "6")
    assert out == "kept 6\n", err
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert err.count("Traceback") == 1


@pytest.mark.slow
def test_the_example_runs():
    example = Path(__file__).parents[3] / "examples" / "cluster.py"
    command = [sys.executable, str(example), "--n-iter", "2"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "max_depth" in run.stdout


# --------------------------------------------------------------------------- clients


def test_the_client_in_scope_is_used_and_stays_open(client):
    with client.as_current():
        study = Study({"k": [1, 2, 3]}, strategy="grid")
        study.optimize(lambda trial: float(os.getpid()), 3, executor="dask")
    assert {trial.value for trial in study.trials} == {os.getpid()}
    assert client.submit(int).result() == 0


@pytest.mark.parametrize("kind", ["client", "pool", "pure pool", "executor"])
def test_dask_objects_are_accepted_as_executors(client, kind):
    given = {
        "client": client,
        "pool": client.get_executor(pure=False),
        "pure pool": client.get_executor(),
        "executor": DaskExecutor(client),
    }[kind]
    assert tried_params(tree(executor=given)) == tried_params(tree())
    study = Study({"k": list(range(8))}, strategy="grid")
    study.optimize(lambda trial: random.random(), 8, executor=given)
    assert len({trial.value for trial in study.trials}) == 8
    assert given.submit(int).result() == 0


def test_options_of_a_dask_executor_are_kept(client):
    pool = client.get_executor(workers=["nobody"], allow_other_workers=True)
    adopted = DaskExecutor.from_framework(pool)
    assert adopted._pool is pool
    assert adopted.submit(int).result() == 0


def test_objects_of_other_libraries_are_not_adopted():
    with ThreadPoolExecutor(1) as threads:
        for other in (threads, SerialExecutor(), "dask", None):
            assert DaskExecutor.from_framework(other) is None


def test_equal_calls_run_once_per_submission(client):
    executor = DaskExecutor(client)
    drawn = [executor.submit(secrets.token_hex) for _ in range(8)]
    assert len({job.result() for job in drawn}) == 8


def test_dask_does_not_inspect_arguments(client):
    """Some versions of Dask treat a tuple that begins with a function as a task."""
    executor = DaskExecutor(client)
    assert executor.submit(len, (len, [1, 2], 3)).result() == 3
    assert executor.submit(type, (abs, -1)).result() is tuple


def dies_with_one(trial):
    if trial.params["k"] == 1:
        os._exit(1)
    time.sleep(0.3)  # runs beside the trial that dies
    return float(trial.params["k"])


@pytest.mark.slow
@pytest.mark.parametrize("allowed_failures", [0, 3])  # 3: Dask's default
def test_jobs_beside_one_that_kills_their_only_worker_still_end(allowed_failures):
    with (
        distributed.LocalCluster(
            1,
            threads_per_worker=2,
            dashboard_address=":0",
            scheduler_kwargs={"allowed_failures": allowed_failures},
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        study = Study({"k": [0, 1, 2, 3]}, strategy="grid")
        with pytest.warns(RuntimeWarning, match="failed"):
            study.optimize(dies_with_one, 4, executor=client)
    values = {trial.params["k"]: trial.value for trial in study.trials}
    assert values == {0: 0.0, 1: None, 2: 2.0, 3: 3.0}
    (failed,) = (trial for trial in study.trials if trial.value is None)
    assert "KilledWorker" in failed.error


def number_of(trial):
    return float(trial.number)


def test_workers_that_a_local_cluster_gave_up_are_started_again():
    """A worker that is killed while it starts is not started again by Dask itself."""
    with (
        distributed.LocalCluster(1, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):

        async def give_up():
            for name in list(cluster.workers):
                await cluster.workers.pop(name).close()

        def lose_all(progress):
            if progress.number == 0:
                cluster.sync(give_up)
                assert not cluster.workers

        study = Study({"k": [0, 1, 2, 3]}, strategy="grid")
        study.optimize(number_of, 4, executor=client, callbacks=[lose_all])
    assert [trial.value for trial in study.trials] == [0.0, 1.0, 2.0, 3.0]


def test_a_shared_value_is_sent_again_after_the_cluster_has_restarted(client):
    executor = DaskExecutor(client)
    value = executor.put([1, 2, 3])
    assert executor.submit(sum, value).result() == 6
    client.cancel([value.future(client)], force=True)
    assert executor.submit(sum, value).result() == 6


def test_a_shared_value_that_no_worker_is_left_for_reaches_it_with_a_job(client, monkeypatch):
    def replicate(futures):
        raise ValueError("Can not use replicate to delete data")  # as Dask without a worker

    monkeypatch.setattr(client, "replicate", replicate)
    executor = DaskExecutor(client)
    assert executor.submit(sum, executor.put([1, 2, 3])).result() == 6


def test_a_large_value_is_shared_without_a_warning(client):
    executor = DaskExecutor(client)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert executor.submit(len, executor.put(secrets.token_bytes(20_000_000))).result() == 2e7


def test_a_closed_client_breaks_the_executor(client):
    executor = DaskExecutor(client)
    assert n_workers(executor) == 2
    client.close()
    with pytest.raises(BrokenExecutor, match="closed"):
        executor.submit(int)


def test_shutdown_waits_for_jobs_or_cancels_them(client):
    """Locks block the jobs: the workers are threads of this process."""
    begun, go_on = threading.Semaphore(0), threading.Event()

    def held():
        begun.release()
        return go_on.wait(SECONDS)

    executor = DaskExecutor(client)
    running = [executor.submit(_within(held)) for _ in range(2)]
    assert all(begun.acquire(timeout=SECONDS) for _ in running)
    waiting = executor.submit(_within(held))
    executor.shutdown(wait=False, cancel_futures=True)
    assert waiting.cancelled()
    go_on.set()
    job = executor.submit(_within(held))
    executor.shutdown()
    assert job.result(timeout=0) is True


class _within:  # noqa: N801
    """A function that is pickled as a number and looked up in this process."""

    known: ClassVar[dict] = {}

    def __init__(self, fn):
        self.fn = fn

    def __call__(self):
        return self.fn()

    def __reduce__(self):
        self.known[id(self)] = self
        return _recall, (id(self),)


def _recall(number):
    return _within.known[number]


def test_a_search_inside_a_task_frees_its_thread_for_its_fits():
    """The cluster has a single thread."""
    with (
        distributed.LocalCluster(
            1, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        here = tried_params(tree())
        assert client.submit(lambda: tried_params(tree(executor="dask"))).result() == here
        assert client.submit(lambda: tried_params(tree(executor="dask"))).result() == here


# --------------------------------------------------------------------------- without Dask


def test_nothing_is_adopted_if_dask_is_not_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert DaskExecutor.from_framework(object()) is None

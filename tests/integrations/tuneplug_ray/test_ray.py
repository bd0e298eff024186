"""Test ``RayExecutor``: start and end of Ray, options, and joblib's backend."""

from __future__ import annotations

import os
from concurrent.futures import BrokenExecutor

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from tuneplug import Study
from tuneplug.execution import n_workers
from tuneplug_ray import RayExecutor
from tuneplug_sklearn import WarpedBayesSearchCV

ray = pytest.importorskip("ray")

#: Ray limits its start to 30 s.  Dask covers what clusters have in common.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running():
    """A Ray cluster of two cores, shared by the tests."""
    ray.init(num_cpus=2, resources={"licence": 3}, include_dashboard=False, logging_level="ERROR")
    yield
    ray.shutdown()


def test_ray_is_started_and_shut_down_with_the_search():
    assert not ray.is_initialized()
    study = Study({"k": [1, 2, 3]}, strategy="grid")
    study.optimize(lambda trial: float(os.getpid()), 3, executor="ray", n_jobs=2)
    assert not ray.is_initialized()
    assert os.getpid() not in {trial.value for trial in study.trials}


@pytest.mark.usefixtures("running")
def test_options_determine_the_number_of_workers():
    assert n_workers(RayExecutor()) == 2
    assert n_workers(RayExecutor(num_cpus=2)) == 1
    assert n_workers(RayExecutor(num_cpus=0.5)) == 4
    assert n_workers(RayExecutor(num_cpus=0, resources={"licence": 1})) == 3
    assert n_workers(RayExecutor(num_cpus=8)) == 1  # a cluster may grow
    assert n_workers(RayExecutor(num_cpus=0)) == 2


@pytest.mark.usefixtures("running")
def test_a_fit_has_one_native_thread_per_core():
    """Also in a reused process, where libraries have already read the environment."""

    class Probe(ClassifierMixin, BaseEstimator):
        def __init__(self, k=0):
            self.k = k

        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self

        def score(self, X, y):
            from threadpoolctl import threadpool_info

            return float(max(pool["num_threads"] for pool in threadpool_info()))

    for num_cpus in (2, 1, 2):
        search = WarpedBayesSearchCV(Probe(), {"k": [1, 2]}, n_iter=2, cv=2, refit=False)
        search.set_params(executor=RayExecutor(num_cpus=num_cpus))
        search.fit(np.arange(20.0)[:, None], np.arange(20) % 2)
        assert {*search.cv_results_["mean_test_score"]} == {float(num_cpus)}


@pytest.mark.usefixtures("running")
def test_joblibs_backend_is_adopted_with_its_options():
    from ray.util.joblib.ray_backend import RayBackend

    adopted = RayExecutor.from_framework(RayBackend(ray_remote_args={"num_cpus": 2}))
    assert n_workers(adopted) == 1
    assert n_workers(RayExecutor.from_framework(RayBackend())) == 2
    assert RayExecutor.from_framework(object()) is None


@pytest.mark.usefixtures("running")
def test_a_cancelled_job_frees_its_worker(tmp_path):
    os.mkfifo(begun := tmp_path / "begun")

    def endless():
        import threading

        begun.write_text("x")
        threading.Event().wait()

    executor = RayExecutor(num_cpus=2)  # room for one worker only
    job, next_job = executor.submit(endless), executor.submit(os.getpid)
    assert begun.read_text() == "x"
    job.cancel()
    assert next_job.result(timeout=60) > 0
    assert job.exception(timeout=60) is not None


def test_shutting_down_ray_breaks_the_executor(running):
    executor = RayExecutor()
    assert executor.submit(int).result() == 0
    ray.shutdown()
    with pytest.raises(BrokenExecutor, match="shut down"):
        executor.submit(int)

"""What holds on every cluster: real local ones, of Dask and of Ray, with two worker processes.

What runs on workers is defined in functions, so that it travels by value.
"""

from __future__ import annotations

import os
import signal
import threading
import warnings
from contextlib import ExitStack
from functools import cache

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.svm import SVC

from tuneplug import Float, Int, Study, TrialState
from tuneplug.execution import Broadcast, n_workers
from tuneplug.plugins import Plugins
from tuneplug.testing import ExecutorContract
from tuneplug_sklearn import WarpedBayesSearchCV

X, y = load_iris(return_X_y=True)
ROWS, LABELS = np.arange(30.0).reshape(-1, 1), np.arange(30) % 2
SECONDS = 60  # nothing here waits so long unless it is wrong


def start_dask(stack):
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        2,
        threads_per_worker=1,
        dashboard_address=":0",
        scheduler_kwargs={"allowed_failures": 0},
    )
    stack.enter_context(cluster)
    stack.enter_context(distributed.Client(cluster))


def start_ray(stack):
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR")
    stack.callback(ray.shutdown)
    register_ray()


STARTS = {"dask": start_dask, "ray": start_ray}


@pytest.fixture(scope="module", params=["dask", pytest.param("ray", marks=pytest.mark.slow)])
def cluster(request):
    """The name of the executor on a cluster that runs."""
    with ExitStack() as stack:
        STARTS[request.param](stack)
        yield request.param


def svm(**options):
    space = {"C": Float(1e-2, 1e3), "gamma": Float(1e-4, 10.0)}
    return WarpedBayesSearchCV(
        SVC(), space, **({"n_iter": 9, "cv": 3, "random_state": 0} | options)
    )


@cache
def one():
    """The outcome on one worker, here."""
    return outcome(svm().fit(X, y))


def outcome(search):
    """Everything about a search that must not depend on its workers."""
    results = search.cv_results_.items()
    return {name: str(list(column)) for name, column in results if not name.endswith("_time")}


def model(score=lambda b: -float(abs(b - 7))):
    """An estimator whose score is a function of ``b`` and does not look at data."""

    class Model(ClassifierMixin, BaseEstimator):
        def __init__(self, b=1):
            self.b = b

        def fit(self, X, y=None):
            self.classes_ = np.unique(y)
            return self

        def score(self, X, y=None):
            return score(self.b)

    return Model()


def grid(estimator, values, **options):
    options = {"n_iter": len(values), "cv": 2, "strategy": "grid", "refit": False} | options
    return WarpedBayesSearchCV(estimator, {"b": list(values)}, **options)


def scores(search):
    return search.cv_results_["mean_test_score"].tolist()


class TestExecutors(ExecutorContract):
    @pytest.fixture
    def executor(self, cluster):
        return Plugins().create("executor", cluster)


# --------------------------------------------------------------------------- the same search


def test_a_search_is_the_same_on_a_cluster_which_stays_open(cluster):
    assert outcome(svm(executor=cluster).fit(X, y)) == one()
    executor = Plugins().create("executor", cluster)
    assert outcome(svm(executor=executor, n_jobs=3).fit(X, y)) == one()
    assert executor.submit(int).result() == 0


@pytest.mark.parametrize("n_jobs", [-1, None])
def test_joblibs_backend_is_taken_for_the_cluster(cluster, n_jobs):
    with joblib.parallel_config(cluster):
        assert outcome(svm(n_jobs=n_jobs).fit(X, y)) == one()
        pids = scores(grid(model(lambda b: os.getpid()), range(6), n_jobs=n_jobs).fit(ROWS, LABELS))
    assert os.getpid() not in pids


def test_a_study_runs_as_many_trials_at_once_as_there_are_workers(cluster, tmp_path):
    os.mkfifo(meeting := tmp_path / "meeting")

    def objective(trial):
        """Wait for the other one of the first two trials."""
        if trial.number == 0:
            assert meeting.read_text() == "both"
        elif trial.number == 1:
            meeting.write_text("both")
        return float(os.getpid())

    study = Study({"x": Float(-1.0, 1.0)}, strategy="random", seed=0)
    study.optimize(objective, 6, executor=cluster)
    assert study.trials[0].value != study.trials[1].value
    assert os.getpid() not in {trial.value for trial in study.trials}
    assert n_workers(Plugins().create("executor", cluster)) == 2


def test_fits_have_a_native_thread_each(cluster):
    def most_threads(b):
        from threadpoolctl import threadpool_info

        np.ones((2, 2)) @ np.ones((2, 2))
        return float(max(pool["num_threads"] for pool in threadpool_info()))

    search = grid(model(most_threads), range(4), executor=cluster).fit(ROWS, LABELS)
    assert set(scores(search)) == {1.0}


# --------------------------------------------------------------------------- what is sent


def test_the_data_of_a_search_are_sent_once(cluster, monkeypatch):
    sent = []
    reduce = Broadcast.__reduce_ex__

    def counted(self, protocol):
        sent.append(protocol)
        return reduce(self, protocol)

    monkeypatch.setattr(Broadcast, "__reduce_ex__", counted)
    grid(model(), range(12), executor=cluster).fit(ROWS, LABELS)
    assert 1 <= len(sent) <= 2  # Dask may try a second pickle for what the first cannot


def test_the_objective_of_a_study_is_sent_once(cluster):
    sent = []

    class Objective:
        def __call__(self, trial):
            return trial.params["k"]

        def __reduce__(self):
            sent.append(1)
            return eval, ("lambda trial: trial.params['k']",)

    study = Study({"k": list(range(12))}, strategy="grid")
    study.optimize(Objective(), 12, executor=cluster)
    assert study.best_value == 0
    assert 1 <= len(sent) <= 2


# --------------------------------------------------------------------------- workers that die


@pytest.mark.slow
def test_a_dead_worker_costs_the_candidate_that_kills_it_twice_and_no_other(cluster, tmp_path):
    marker = tmp_path / "died"

    def score(b):
        if b == 7 or (b == 9 and not marker.exists()):
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return float(b)

    with (
        pytest.warns(FitFailedWarning, match="the search continues"),
        pytest.warns(
            FitFailedWarning, match="candidate 2, fold 0: the worker process died in two attempts"
        ),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search = grid(model(score), [5, 9, 7, 3], executor=cluster).fit(ROWS, LABELS)
    assert marker.exists()
    assert [*map(str, scores(search))] == ["5.0", "9.0", "nan", "3.0"]


@pytest.mark.slow
def test_a_trial_that_kills_its_worker_fails(cluster):
    def objective(trial):
        if trial.params["k"] == 2:
            os._exit(1)
        return trial.params["k"]

    study = Study({"k": [0, 1, 2, 3]}, strategy="grid")
    with pytest.warns(RuntimeWarning, match="failed"):
        study.optimize(objective, 4, executor=cluster)
    failed = [trial for trial in study.trials if trial.state is TrialState.FAILED]
    assert [trial.params["k"] for trial in failed] == [2]


# --------------------------------------------------------------------------- interrupts


def test_an_interrupted_search_keeps_what_was_finished(cluster):
    def interrupt(progress):
        if progress.n_done == 5:
            raise KeyboardInterrupt

    search = grid(model(), range(12), executor=cluster, callbacks=[interrupt])
    with pytest.raises(KeyboardInterrupt):
        search.fit(ROWS, LABELS)
    assert len(search.cv_results_["params"]) == 5
    assert scores(grid(model(), [7], executor=cluster).fit(ROWS, LABELS)) == [0.0]


def test_the_signal_of_ctrl_c_ends_a_study_while_its_trials_run(cluster, tmp_path):
    """The first trials end; of the others one says that it runs, and ends when it is told to."""
    os.mkfifo(begun := tmp_path / "begun")
    os.mkfifo(end := tmp_path / "end")

    def objective(trial):
        if trial.number == 4:
            begun.write_text("x")
            end.read_text()
        return float(trial.number)

    def ctrl_c():
        begun.read_text()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    study = Study({"k": Int(0, 1000)}, strategy="random", seed=0)
    thread = threading.Thread(target=ctrl_c)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            study.optimize(
                objective, 2000, executor=Plugins().create("executor", cluster), n_jobs=1
            )
    finally:
        signal.signal(signal.SIGINT, handler)
        thread.join(SECONDS)
        if cluster == "dask":  # which cannot end a job that runs
            end.write_text("x")
    states = [trial.state for trial in study.trials]
    assert states == [TrialState.COMPLETE] * 4 + [TrialState.FAILED]
    assert "interrupted" in study.trials[4].error
    executor = Plugins().create("executor", cluster)
    meeting = tmp_path / "meeting"
    os.mkfifo(meeting)
    # both workers are free: one reads what the other writes
    jobs = [
        executor.submit(lambda: meeting.read_text()),
        executor.submit(lambda: meeting.write_text("both")),
    ]
    assert [job.result(timeout=SECONDS) for job in jobs] == ["both", 4]


def test_warnings_of_a_search_are_those_of_one_job(cluster):
    def score(b):
        warnings.warn("heard of", FutureWarning, stacklevel=2)
        return float(b)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        assert scores(grid(model(score), [1, 2], executor=cluster).fit(ROWS, LABELS)) == [1.0, 2.0]
    search = grid(model(score), [1, 2], executor=cluster, error_score="raise")
    with pytest.raises(FutureWarning, match="heard of"):
        search.fit(ROWS, LABELS)

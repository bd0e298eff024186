"""What every cluster must do for a search, whatever its framework: tests to inherit.

A subclass gives the fixture ``executor``, one on a running cluster of two processes, and the names
that stand for it.  Worker processes import this module as well.
"""

from __future__ import annotations

import os
import pickle
import signal

import cloudpickle
import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.svm import SVC

from tuneplug import Float, Study, TrialState
from tuneplug_sklearn import WarpedBayesSearchCV

X, y = load_iris(return_X_y=True)
SPACE = {"C": Float(1e-2, 1e3), "gamma": Float(1e-4, 10.0)}


class Deadly(ClassifierMixin, BaseEstimator):
    """Kills its process for one setting; its score is the setting."""

    def __init__(self, b=0):
        self.b = b

    def fit(self, X, y):
        if self.b == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        self.classes_ = np.unique(y)
        return self

    def score(self, X, y):
        return self.b / 10


def falling(trial):
    """Return a loss that falls in steps, unless it is told to stop."""
    for step in range(20):
        trial.report(trial.params["C"] + 1.0 / (1 + step), step)
        if trial.should_stop():
            break
    return trial.params["C"]


def search(**options):
    options = {"n_iter": 8, "cv": 3, "random_state": 0} | options
    return WarpedBayesSearchCV(SVC(), SPACE, **options)


def outcome(fitted):
    """Return everything about a search that must not depend on its workers."""
    results = fitted.cv_results_.items()
    return {name: str(list(column)) for name, column in results if not name.endswith("_time")}


class ClusterCases:
    """Tests of searches on a cluster."""

    name: str

    def test_a_search_is_the_one_of_a_single_process(self, executor):
        one = outcome(search().fit(X, y))
        assert outcome(search(executor=executor).fit(X, y)) == one
        assert outcome(search(executor=self.name, n_jobs=2).fit(X, y)) == one
        assert executor.submit(abs, -1).result() == 1  # it goes on running

    def test_joblibs_backend_will_do(self, executor):
        with joblib.parallel_config(self.name):
            assert outcome(search(n_jobs=2).fit(X, y)) == outcome(search().fit(X, y))
        assert executor.submit(abs, -1).result() == 1

    def test_a_study_names_it_and_reports_come_home(self, executor):
        study = Study(SPACE, strategy="random", stopping="median", seed=0)
        study.optimize(falling, 16, executor=self.name)
        assert {t.state for t in study.trials} == {TrialState.COMPLETE, TrialState.STOPPED}
        assert all(t.reports for t in study.trials)
        assert executor.submit(abs, -1).result() == 1

    def test_it_tells_how_many_jobs_it_runs_at_once(self, executor):
        assert executor.n_workers == 2

    def test_data_are_sent_once_and_not_with_the_jobs(self, executor, monkeypatch):
        put, sizes = [], []
        theirs, submit = type(executor).put, type(executor).submit

        def counted(self, value):
            put.append(len(cloudpickle.dumps(value)))
            return theirs(self, value)

        def measured(self, fn, *args):
            sizes.append(sum(len(pickle.dumps(arg)) for arg in args[1:]))
            return submit(self, fn, *args)

        monkeypatch.setattr(type(executor), "put", counted)
        monkeypatch.setattr(type(executor), "submit", measured)
        wide = np.random.default_rng(0).normal(size=(150, 4000))
        search(executor=executor, n_iter=3, refit=False).fit(wide, y)
        assert len(put) == 1
        assert put[0] > wide.nbytes
        assert len(sizes) >= 9
        assert max(sizes) < 20_000

    def test_a_worker_that_dies_costs_its_candidate_and_not_the_others(self, executor):
        options = {"n_iter": 3, "cv": 2, "strategy": "grid", "refit": False, "n_jobs": 1}
        deadly = WarpedBayesSearchCV(Deadly(), {"b": [5, 7, 9]}, executor=executor, **options)
        with (
            pytest.warns(FitFailedWarning, match="the worker died"),
            pytest.warns(UserWarning, match="non-finite"),
        ):
            deadly.fit(X, y)
        np.testing.assert_array_equal(deadly.cv_results_["mean_test_score"], [0.5, np.nan, 0.9])

    def test_an_interrupt_keeps_what_had_ended_and_leaves_the_cluster_free(self, executor):
        def interrupt(result):
            if result.n_done == 3:
                raise KeyboardInterrupt

        interrupted = search(executor=executor, n_iter=30, callbacks=[interrupt])
        with pytest.raises(KeyboardInterrupt):
            interrupted.fit(X, y)
        states = [trial.state for trial in interrupted.study_.trials]
        assert states.count(TrialState.COMPLETE) == 3
        assert len(interrupted.cv_results_["params"]) == 3
        assert outcome(search(executor=executor).fit(X, y)) == outcome(search().fit(X, y))

"""Estimators and objectives that misbehave: one bad candidate fails alone, on every backend.

``tests/execution/test_misbehavior.py`` has the executors that need no other package.
"""

from __future__ import annotations

from functools import cache

import joblib
import numpy as np
import pytest

from tuneplug import Study, TrialState
from tuneplug_sklearn import WarpedBayesSearchCV

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*failed:RuntimeWarning",
    "ignore::sklearn.exceptions.FitFailedWarning",
    "ignore::UserWarning",
)

X, y = np.arange(24.0).reshape(12, 2), np.arange(12) % 2
BAD = 1  # the category that misbehaves
CATEGORIES = [0, 1, 2, 3]


@cache
def behaviors():
    """Return what a fit or an objective does, by name; it travels to workers by value."""

    class Base(BaseException):
        pass

    class WordlessError(Exception):
        def __str__(self):
            raise RuntimeError("no str")

        __repr__ = __str__

    class UnpicklableError(Exception):
        def __init__(self, first, second):
            super().__init__(f"{first}, {second}")

    def throw(error):
        raise error

    def recurse():
        return recurse()

    return {
        "None": lambda: None,
        "text": lambda: "0.5",
        "NaN": lambda: float("nan"),
        "infinity": lambda: float("inf"),
        "large integer": lambda: 10**400,
        "complex": lambda: 1j,
        "two values": lambda: np.ones(2),
        "exception": lambda: throw(ValueError("own words")),
        "BaseException": lambda: throw(Base("own words")),
        "MemoryError": lambda: throw(MemoryError("own words")),
        "RecursionError": recurse,
        "exception without text": lambda: throw(WordlessError()),
        "unpicklable exception": lambda: throw(UnpicklableError("own words", 2)),
    }


@cache
def model_class():
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Model(ClassifierMixin, BaseEstimator):
        def __init__(self, k=0, behavior=None, place="fit"):
            self.k, self.behavior, self.place = k, behavior, place

        def fit(self, X, y):
            self.classes_ = np.array([0, 1])
            if self.place == "fit" and self.k == 1:
                self.behavior()
            return self

        def predict(self, X):
            return np.zeros(len(X), dtype=int)

        def score(self, X, y):
            return self.behavior() if self.place == "score" and self.k == 1 else self.k / 10

    return Model


BACKENDS = [
    "sequential",
    "threading",
    pytest.param("loky", marks=pytest.mark.slow),
    pytest.param("dask", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as connected,
    ):
        yield connected


def fitted(backend, request, behavior, place):
    model = model_class()(behavior=behaviors()[behavior], place=place)
    options = {"n_jobs": 1 if backend == "sequential" else 2, "strategy": "grid", "n_iter": 4}
    if backend == "dask":
        options["executor"] = request.getfixturevalue("client")
    search = WarpedBayesSearchCV(model, {"k": CATEGORIES}, cv=2, random_state=0, **options)
    with joblib.parallel_config(backend if backend in ("threading", "loky") else "loky"):
        return search.fit(X, y)


def assert_one_failed(search):
    scores = search.cv_results_["mean_test_score"]
    assert search.cv_results_["params"] == [{"k": k} for k in CATEGORIES]
    assert np.isnan(scores[BAD])
    np.testing.assert_allclose(np.delete(scores, BAD), [0, 0.2, 0.3])
    assert search.best_params_ == {"k": 3}
    states = [trial.state for trial in search.study_.trials]
    assert states.pop(BAD) is TrialState.FAILED
    assert set(states) == {TrialState.COMPLETE}


IN_FIT = [
    "exception",
    "BaseException",
    "MemoryError",
    "RecursionError",
    "exception without text",
    "unpicklable exception",
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("behavior", IN_FIT)
def test_fit_that_misbehaves_fails_one_candidate(behavior, backend, request):
    assert_one_failed(fitted(backend, request, behavior, "fit"))


NO_SCORES = ["None", "text", "two values", "large integer", "complex"]
IN_SCORE = [name for name in behaviors() if name not in NO_SCORES and name != "infinity"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("behavior", IN_SCORE)
def test_score_that_misbehaves_fails_one_candidate(behavior, backend, request):
    assert_one_failed(fitted(backend, request, behavior, "score"))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("behavior", NO_SCORES)
def test_score_that_is_no_number_ends_the_search_as_in_scikit_learn(behavior, backend, request):
    with pytest.raises(
        ValueError, match=r"scoring must return a number|scores must be real numbers"
    ):
        fitted(backend, request, behavior, "score")


@pytest.mark.slow
@pytest.mark.parametrize("behavior", behaviors())
def test_objective_that_misbehaves_on_dask_fails_one_trial(behavior, client):
    study = Study({"k": CATEGORIES}, strategy="grid")
    bad = behaviors()[behavior]

    def objective(trial):
        return bad() if trial.params["k"] == 1 else trial.params["k"]

    study.optimize(objective, 4, executor=client)
    states = [trial.state for trial in study.trials]
    assert states.pop(BAD) is TrialState.FAILED
    assert set(states) == {TrialState.COMPLETE}
    assert study.trials[BAD].error

"""Estimators and objectives that misbehave: one bad candidate fails alone, on every backend.

``tests/execution/test_misbehavior.py`` has the executors that need no other package.
"""

from __future__ import annotations

from functools import cache

import joblib
import numpy as np
import pytest
from misbehaviors import (
    BAD,
    DEATHS,
    FAILURES,
    HARMLESS,
    INTERRUPTS,
    N_TRIALS,
    NEED_TRIAL,
    WRONG_VALUES,
    Objective,
    assert_others_complete,
    bad_study,
    restored_process,
)
from sklearn.model_selection import GridSearchCV

from tuneplug import TrialState
from tuneplug_sklearn import WarpedBayesSearchCV

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*failed:RuntimeWarning",
    "ignore:coroutine:RuntimeWarning",
    "ignore::sklearn.exceptions.FitFailedWarning",
    "ignore::UserWarning",
    "ignore:invalid value:RuntimeWarning",  # scikit-learn's, for infinite scores
)

X, y = np.arange(24.0).reshape(12, 2), np.arange(12) % 2
CATEGORIES = [0, 1, 2, 3]

#: Behaviors of an estimator that the default run tries; the other ones are slow.
FAST = {
    "None",
    "NaN",
    "large integer",
    "complex",
    "hostile value",
    "exception",
    "BaseException",
    "RecursionError",
    "exception without text",
    "unpicklable exception",
    "warnings as errors from now on",
    "no stdout",
    "floating-point errors raised",
    "KeyboardInterrupt",
    "bool",
}
BACKENDS = [
    "sequential",
    "threading",
    pytest.param("loky", marks=pytest.mark.slow),
    pytest.param("dask", marks=pytest.mark.slow),
]


@pytest.fixture(autouse=True)
def _restored():
    with restored_process():
        yield


def some(behaviors):
    """Return the behaviors as parameters; those that are not ``FAST`` are slow."""
    slow = [pytest.mark.slow]
    return [pytest.param(name, marks=[] if name in FAST else slow) for name in behaviors]


def of_estimators(behaviors):
    return [name for name in behaviors if name not in NEED_TRIAL]


@cache
def model_class():
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Model(ClassifierMixin, BaseEstimator):
        """The estimator with ``k=1`` misbehaves in ``fit`` or in ``score``."""

        def __init__(self, k=0, behavior=None, place="fit"):
            self.k, self.behavior, self.place = k, behavior, place

        def _behave(self, place, otherwise):
            from misbehaviors import BEHAVIORS

            if (place, 1) != (self.place, self.k):
                return otherwise
            return BEHAVIORS[self.behavior](None)

        def fit(self, X, y):
            self.classes_ = np.array([0, 1])
            self._behave("fit", None)
            return self

        def predict(self, X):
            return np.zeros(len(X), dtype=int)

        def score(self, X, y):
            return self._behave("score", self.k / 10)

    return Model


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    failures = {"allowed_failures": 0}  # a job that kills its worker is not tried again by Dask
    with (
        distributed.LocalCluster(
            2, threads_per_worker=1, dashboard_address=":0", scheduler_kwargs=failures
        ) as local,
        distributed.Client(local) as connected,
    ):
        yield connected


@pytest.fixture
def client(cluster):
    """Return a client of two live workers: the one that died in the last test is restarted.

    On a single live worker, the job beside a fatal one would lose the data that it waits for.
    """
    cluster.wait_for_workers(2)
    return cluster


@pytest.fixture
def fitted(request):
    """Return a function that fits a search, one of whose candidates misbehaves."""
    searches = []

    def fit(backend, behavior, place):
        model = model_class()(behavior=behavior, place=place)
        options = {"n_jobs": 1 if backend == "sequential" else 2, "strategy": "grid", "n_iter": 4}
        if backend == "dask":
            options["executor"] = request.getfixturevalue("client")
        search = WarpedBayesSearchCV(model, {"k": CATEGORIES}, cv=2, random_state=0, **options)
        searches.append(search)
        with joblib.parallel_config(backend if backend in ("threading", "loky") else "loky"):
            return search.fit(X, y)

    fit.searches = searches
    return fit


def assert_one_failed(search):
    scores = search.cv_results_["mean_test_score"]
    assert search.cv_results_["params"] == [{"k": k} for k in CATEGORIES]
    assert np.isnan(scores[BAD])
    np.testing.assert_allclose(np.delete(scores, BAD), [0, 0.2, 0.3])
    assert search.best_params_ == {"k": 3}
    states = [trial.state for trial in search.study_.trials]
    assert states.pop(BAD) is TrialState.FAILED
    assert set(states) == {TrialState.COMPLETE}


def assert_none_failed(search, score):
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], [0, score, 0.2, 0.3])
    assert {trial.state for trial in search.study_.trials} == {TrialState.COMPLETE}


# ---------------------------------------------------------------- what a fit does

ERRORS = [name for name in of_estimators(FAILURES) if name not in WRONG_VALUES]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("behavior", some(ERRORS))
def test_fit_that_misbehaves_fails_one_candidate(behavior, backend, fitted):
    search = fitted(backend, behavior, "fit")
    assert_one_failed(search)
    assert search.study_.trials[BAD].error


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("behavior", some([*of_estimators(HARMLESS), *sorted(WRONG_VALUES)]))
def test_harmless_behavior_of_a_fit_costs_nothing(behavior, backend, fitted):
    assert_none_failed(fitted(backend, behavior, "fit"), 0.1)


# ---------------------------------------------------------------- what a score does

#: Numbers that scikit-learn takes as they are.
TAKEN = ["bool", "bool of NumPy", "infinity"]
NO_SCORES = sorted(WRONG_VALUES - {"NaN", "masked", *TAKEN})


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("behavior", some([*ERRORS, "NaN", "masked"]))
def test_score_that_misbehaves_fails_one_candidate(behavior, backend, fitted):
    assert_one_failed(fitted(backend, behavior, "score"))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("behavior", some(of_estimators(HARMLESS)))
def test_harmless_behavior_of_a_score_costs_nothing(behavior, backend, fitted):
    assert_none_failed(fitted(backend, behavior, "score"), 0.5)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("behavior", some(NO_SCORES))
def test_score_that_is_no_number_fails_one_candidate(behavior, backend, fitted):
    search = fitted(backend, behavior, "score")
    assert_one_failed(search)
    assert "a score must be a real number" in search.study_.trials[BAD].error


@pytest.mark.parametrize("behavior", some(TAKEN))
def test_score_that_scikit_learn_takes_is_taken(behavior, fitted):
    theirs = GridSearchCV(model_class()(behavior=behavior, place="score"), {"k": CATEGORIES}, cv=2)
    expected = theirs.fit(X, y).cv_results_["mean_test_score"]
    found = fitted("sequential", behavior, "score").cv_results_["mean_test_score"]
    np.testing.assert_array_equal(found, expected)


# ---------------------------------------------------------------- interrupts and deaths


@pytest.mark.parametrize("place", ["fit", "score"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("behavior", some(INTERRUPTS))
def test_interrupt_of_a_fit_ends_the_search_and_keeps_its_candidates(
    behavior, backend, place, fitted
):
    with pytest.raises(INTERRUPTS[behavior]):
        fitted(backend, behavior, place)
    (search,) = fitted.searches
    trials = search.study_.trials
    assert all(trial.state.ended for trial in trials)
    assert trials[BAD].state is TrialState.FAILED
    assert {t.value for t in trials if t.state is TrialState.COMPLETE} <= {0.0, 0.2, 0.3}


@pytest.mark.slow
@pytest.mark.parametrize("place", ["fit", "score"])
@pytest.mark.parametrize("backend", ["loky", "dask"])
@pytest.mark.parametrize("behavior", DEATHS)
def test_death_of_a_worker_of_a_search_fails_one_candidate(behavior, backend, place, fitted):
    search = fitted(backend, behavior, place)
    assert_one_failed(search)
    assert "the worker process died in two attempts" in search.study_.trials[BAD].error


# ---------------------------------------------------------------- objectives on a Dask cluster


@pytest.mark.slow
@pytest.mark.parametrize("behavior", FAILURES)
def test_objective_that_misbehaves_on_dask_fails_one_trial(behavior, client):
    study = bad_study()
    study.optimize(Objective(behavior), N_TRIALS, executor=client)
    assert_others_complete(study)
    assert study.trials[BAD].state is TrialState.FAILED
    assert FAILURES[behavior] in study.trials[BAD].error


@pytest.mark.slow
@pytest.mark.parametrize("behavior", HARMLESS)
def test_harmless_objective_on_dask_costs_nothing(behavior, client):
    study = bad_study()
    study.optimize(Objective(behavior), N_TRIALS, executor=client)
    assert_others_complete(study)
    assert (study.trials[BAD].state, study.trials[BAD].value) == (TrialState.COMPLETE, 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("behavior", INTERRUPTS)
def test_interrupt_of_an_objective_on_dask_ends_the_search_but_no_worker(behavior, client):
    workers = sorted(client.scheduler_info()["workers"])
    study = bad_study()
    with pytest.raises(INTERRUPTS[behavior]):
        study.optimize(Objective(behavior), N_TRIALS, executor=client)
    assert all(trial.state.ended for trial in study.trials)
    assert study.trials[BAD].state is TrialState.FAILED
    assert sorted(client.scheduler_info()["workers"]) == workers


@pytest.mark.slow
@pytest.mark.parametrize("behavior", DEATHS)
def test_death_of_a_dask_worker_fails_one_trial(behavior, client):
    study = bad_study()
    study.optimize(Objective(behavior), N_TRIALS, executor=client)
    assert_others_complete(study)
    assert study.trials[BAD].state is TrialState.FAILED
    assert "KilledWorker" in study.trials[BAD].error

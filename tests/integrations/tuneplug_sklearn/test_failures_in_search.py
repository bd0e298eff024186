"""Failed fits, time budgets and wrong names of a search: warnings, endings and messages."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from fractions import Fraction

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tuneplug import Float, NoCompletedTrialError
from tuneplug.plugins import Plugins, hookimpl
from tuneplug_sklearn import WarpedBayesSearchCV

ROWS = np.arange(24.0).reshape(-1, 1)
LABELS = np.arange(24) % 2
FIRST = "the search continues"


class Model(ClassifierMixin, BaseEstimator):
    """Fails unless ``a`` is below ``limit``; each message has ``a`` if ``talkative``."""

    def __init__(self, a=0.5, limit=-1.0, talkative=False):
        self.a, self.limit, self.talkative = a, limit, talkative

    def fit(self, X, y=None):
        self.classes_ = np.unique(y)
        if self.a >= self.limit:
            raise KeyError(f"lr{self.a}" if self.talkative else "lr")
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y=None):
        return -self.a


def search_of(model, space=None, **options):
    options = {"n_iter": 12, "cv": 3, "random_state": 0} | options
    return WarpedBayesSearchCV(model, space or {"a": Float(0.0, 1.0)}, **options)


def error_of(search):
    """Return the message of the ValueError that ``fit`` raises, and the first warning."""
    with pytest.warns(FitFailedWarning, match=FIRST) as warned, pytest.raises(ValueError) as caught:  # noqa: PT011
        search.fit(ROWS, LABELS)
    (first,) = warned
    return str(caught.value), first


class UnshownError(Exception):
    """An exception that the module traceback cannot format."""

    @property
    def __notes__(self):
        raise ValueError("no notes")


class Unshown(Model):
    """Above ``limit``, a method fails with an exception that cannot be formatted."""

    def __init__(self, a=0.5, limit=0.5, method="fit"):
        self.a, self.limit, self.method = a, limit, method

    def fit(self, X, y=None):
        self.classes_ = np.unique(y)
        return self._unless("fit", self)

    def predict(self, X):
        return self._unless("predict", np.full(len(X), self.classes_[0]))

    def score(self, X, y=None):
        return float(np.mean(self.predict(X) == y))

    def _unless(self, method, returned):
        if self.method == method and self.a > self.limit:
            raise UnshownError
        return returned


# ------------------------------------------------------------------ exceptions without a text


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("method", ["fit", "predict"])
@pytest.mark.parametrize("scoring", [None, ["accuracy", "f1"]])
def test_an_exception_that_cannot_be_formatted_fails_its_own_candidates(method, n_jobs, scoring):
    options = {"n_iter": 6, "n_jobs": n_jobs, "scoring": scoring, "refit": False}
    search = search_of(Unshown(method=method), **options)
    with pytest.warns((FitFailedWarning, UserWarning), match="UnshownError|fits failed|non-finite"):
        search.fit(ROWS, LABELS)
    states = {t.params["a"] > 0.5: t.state.value for t in search.study_.trials}
    assert states == {False: "complete", True: "failed"}
    assert all("UnshownError" in t.error for t in search.study_.trials if t.error is not None)


@pytest.mark.parametrize("method", ["fit", "predict"])
def test_an_exception_that_cannot_be_formatted_is_raised_if_asked_for(method):
    search = search_of(Unshown(limit=-1.0, method=method), error_score="raise")
    with pytest.raises(UnshownError):
        search.fit(ROWS, LABELS)
    with pytest.raises(RuntimeError, match="UnshownError"):
        search.set_params(n_jobs=2).fit(ROWS, LABELS)


# ------------------------------------------------------------------ all fits fail alike


@pytest.mark.parametrize("options", [{}, {"strategy": "random"}, {"lag": 0}, {"lag": None}])
def test_a_search_whose_first_five_candidates_fail_alike_ends(options):
    search = search_of(Model(), **options)
    message, first = error_of(search)
    assert "All the 15 fits failed" in message
    assert message.count("KeyError: 'lr'") == 1
    assert "fail_fast=False" in message
    assert "candidate 0, fold 0" in str(first.message)
    assert str(first.message).endswith("KeyError: 'lr'")
    assert first.filename == __file__
    assert search.study_.completion_reason.startswith("failures")
    assert not hasattr(search, "cv_results_")


def test_a_search_on_workers_ends_when_the_running_fits_have_ended():
    message, _ = error_of(search_of(Model(), n_iter=60, n_jobs=2))
    assert "fits failed" in message
    assert "of 60 candidates, because the first 5 had the same error" in message


class Patient(Model):
    """Takes a second and succeeds at a = 0.75; fails at once elsewhere."""

    def fit(self, X, y=None):
        if self.a != 0.75:
            return super().fit(X, y)
        time.sleep(1.0)
        self.classes_ = np.unique(y)
        return self


@pytest.mark.slow
def test_a_running_fit_that_succeeds_lets_the_search_continue():
    search = search_of(Patient(), initial_points=[{"a": 0.75}], n_jobs=2, lag=None)
    with joblib.parallel_config(backend="threading"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(ROWS, LABELS)
    assert search.best_params_ == {"a": 0.75}
    assert len(search.study_.trials) == 12


def test_candidates_that_are_sampled_from_lists_end_a_search():
    space = {"a": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]}
    assert "All the 15 fits failed" in error_of(search_of(Model(), space, n_iter=7))[0]


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (Model(), {"fail_fast": False}),
        (Model(talkative=True), {}),
        (Model(), {"initial_points": [{"a": 0.5}]}),
        (Model(), {"include_default": True}),
        (Model(), {"strategy": "grid"}),
    ],
    ids=["fail_fast", "messages differ", "initial point", "default", "grid"],
)
def test_other_failures_do_not_end_a_search(model, options):
    message, _ = error_of(search_of(model, n_iter=7, **options))
    assert "All the 21 fits failed" in message
    assert "fail_fast" not in message


def test_a_whole_grid_of_lists_does_not_end_a_search():
    space = {"a": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}
    assert "All the 18 fits failed" in error_of(search_of(Model(), space, n_iter=6))[0]


def test_some_failures_are_warned_of_at_once_and_counted_at_the_end():
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        search = search_of(Model(limit=0.5)).fit(ROWS, LABELS)
    n_failed = sum(trial.error is not None for trial in search.study_.trials)
    messages = [str(w.message) for w in warned if w.category is FitFailedWarning]
    assert 0 < n_failed < 12
    assert len(messages) == 2
    assert FIRST in messages[0]
    assert f"{3 * n_failed} fits failed out of a total of 36" in messages[1]


# ------------------------------------------------------------------ scorers that raise


def raising(model, X, y):
    raise KeyError("auc")


def spoilt(model, X, y):
    """Raise in the last folds only."""
    if X[0, 0] > 0:
        raise KeyError("auc")
    return -model.a


@pytest.mark.filterwarnings("ignore:Scoring failed:UserWarning", "ignore:One or more:UserWarning")
@pytest.mark.parametrize(
    "options",
    [
        {"scoring": raising},
        {"scoring": {"one": raising, "two": raising}, "refit": "one"},
        {"scoring": {"one": raising, "two": raising}, "refit": False, "objective_metric": "one"},
        {"scoring": raising, "n_jobs": 2},
        {"scoring": raising, "timeout": 600},
        {"scoring": raising, "racing": True},
    ],
    ids=["one", "several", "no refit", "workers", "timeout", "racing"],
)
def test_scorer_that_always_raises_ends_the_search_with_its_cause(options):
    search = search_of(Model(limit=2.0), n_iter=40, **options)
    with (
        joblib.parallel_config(backend="threading"),
        pytest.warns(FitFailedWarning, match=r"candidate \d, fold \d: scoring failed.*'auc'"),
        pytest.raises(NoCompletedTrialError, match=r"ended after \d of 40 candidates.*the scorer"),
    ):
        search.fit(ROWS, LABELS)
    assert search.study_.completion_reason.startswith("failures")
    assert "KeyError: 'auc'" in search.study_.trials[0].error
    assert np.isnan(
        search.cv_results_["split0_test_one" if "refit" in options else "split0_test_score"]
    ).all()


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("n_bad", [0, 1, 3])
def test_a_function_of_several_metrics_may_raise_for_some_candidates(n_bad):
    calls = []

    def scoring(model, X, y):
        calls.append(model.a)
        if len(calls) in (3 * n_bad + 1, 3 * n_bad + 2):
            raise KeyError("auc")
        return {"one": -model.a, "two": 0.5}

    search = search_of(Model(limit=2.0), n_iter=5, scoring=scoring, refit="one").fit(ROWS, LABELS)
    scores = search.cv_results_["mean_test_one"]
    np.testing.assert_array_equal(np.isnan(scores), np.arange(5) == n_bad)
    assert search.best_index_ == np.nanargmax(scores)
    assert search.multimetric_
    assert "KeyError: 'auc'" in search.study_.trials[n_bad].error


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("scoring", "options"),
    [
        (raising, {"error_score": 0.0}),
        (raising, {"fail_fast": False}),
        (spoilt, {}),
        ({"good": "accuracy", "bad": raising}, {"refit": "good"}),
        ({"good": "accuracy", "bad": raising}, {"refit": "good", "objective_metric": "bad"}),
        (lambda model, X, y: np.nan, {}),
    ],
    ids=["number", "fail_fast", "some folds", "other metric", "objective", "NaN"],
)
def test_other_scorers_do_not_end_a_search(scoring, options):
    search = search_of(Model(limit=2.0), n_iter=7, scoring=scoring, **options)
    with suppress(NoCompletedTrialError):
        search.fit(ROWS, LABELS)
    assert len(search.cv_results_["params"]) == 7
    assert search.study_.completion_reason is None


# ------------------------------------------------------------------ time budgets


@pytest.mark.parametrize("budget", ["timeout", "trial_timeout"])
@pytest.mark.parametrize("seconds", [np.float32(600), np.int64(600), Fraction(1200, 2)])
def test_a_time_budget_may_be_any_real_number(budget, seconds):
    search = search_of(Model(limit=2.0), n_iter=3, **{budget: seconds}).fit(ROWS, LABELS)
    assert len(search.cv_results_["params"]) == 3
    assert search.study_.completion_reason is None


def test_a_search_whose_timeout_has_passed_before_the_first_fit_says_so():
    with pytest.raises(NoCompletedTrialError, match="timeout: 1e-09 s have passed"):
        search_of(Model(limit=2.0), timeout=1e-9).fit(ROWS, LABELS)


# ------------------------------------------------------------------ names and values


def test_all_wrong_names_of_the_space_are_listed_with_the_valid_ones():
    steps = Pipeline([("scale", StandardScaler()), ("svc", SVC())])
    number = Float(1.0, 2.0)
    space = {"svm__C": number, "svc__gama": number, "svc__C": number}
    with pytest.raises(ValueError, match="Invalid parameters") as caught:
        search_of(steps, space).fit(ROWS, LABELS)
    message = str(caught.value)
    assert "'svm__C': did you mean 'svc__C'?" in message
    assert "'svc__gama': did you mean 'svc__gamma'?" in message
    assert "'scale'" in message.partition("Valid parameters are")[2]


def test_names_are_checked_after_the_steps_of_the_space_are_set():
    steps = Pipeline([("model", SVC())])
    space = [
        {"model": [LogisticRegression()], "model__gamma": [1, 2]},
        {"model": [SVC()], "model__gamma": Float(1.0, 2.0)},
    ]
    with pytest.raises(ValueError, match="Invalid parameter 'model__gamma' for"):
        search_of(steps, space).fit(ROWS, LABELS)


def test_all_wrong_initial_points_are_listed():
    points = [{"a": 3.0}, {"a": 0.5}, {"A": 0.5}]
    with pytest.raises(ValueError, match="initial_points must be") as caught:
        search_of(Model(limit=2.0), initial_points=points).fit(ROWS, LABELS)
    message = str(caught.value)
    assert "number 0, {'a': 3.0}" in message
    assert "number 1" not in message
    assert "'A': did you mean 'a'?" in message


def test_all_errors_of_parents_are_in_the_warning():
    rows = [{"a": 0.5}, {"aa": 0.2}, {"aa": 0.4}, {"a": 7.0}]
    earlier = {"params": rows, "mean_test_score": np.zeros(4)}
    with pytest.warns(UserWarning, match="3 of 4 earlier configurations") as warned:
        search_of(Model(limit=2.0), warm_start_from=[earlier], n_iter=3).fit(ROWS, LABELS)
    message = str(warned[0].message)
    assert "'aa': did you mean 'a'?" in message
    assert "7.0" in message


class Observer:
    """Counts the trials that ended."""

    n_ended = 0

    @hookimpl
    def tuneplug_trial_finished(self, trial):
        self.n_ended += 1


@pytest.mark.parametrize("as_list", [True, False])
def test_plugins_are_a_list_or_an_object(as_list):
    observer = Observer()
    plugins = [observer]
    if not as_list:
        plugins = Plugins.with_installed([observer])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search_of(Model(limit=2.0), n_iter=3, plugins=plugins).fit(ROWS, LABELS)
    assert observer.n_ended == 3


class Strict(Model):
    """Makes each later warning of its process an error."""

    def fit(self, X, y=None):
        warnings.simplefilter("error")
        return super().fit(X, y)


@pytest.mark.parametrize("backend", [None, "threading"])
def test_an_estimator_that_makes_warnings_errors_ends_no_search(backend):
    n_jobs = 1 if backend is None else 2
    search = search_of(Strict(limit=0.5), n_jobs=n_jobs)
    with joblib.parallel_config(backend or "loky"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        search.fit(ROWS, LABELS)
    assert len(search.cv_results_["params"]) == 12
    assert search.best_params_["a"] < 0.5
    assert any(FIRST in str(warning.message) for warning in caught)

"""Functions of scores that do not return the same metrics for each fit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import FitFailedWarning

from tuneplug import TrialState
from tuneplug_sklearn import WarpedBayesSearchCV

ROWS, LABELS = np.arange(24.0).reshape(-1, 1), np.arange(24) % 2


class Model(ClassifierMixin, BaseEstimator):
    """Its scores depend on ``a`` alone."""

    def __init__(self, a=0):
        self.a = a

    def fit(self, X, y=None):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


class ReturnsFor:
    """A function of two metrics that returns something else for some configurations."""

    def __init__(self, others):
        self.others = others

    def __call__(self, estimator, X, y):
        scores = {"one": float(estimator.a), "two": -float(estimator.a)}
        return self.others.get(estimator.a, scores)


def fitted(scoring, **options):
    options = {"refit": "one", "cv": 2, "strategy": "grid", "n_iter": 4} | options
    search = WarpedBayesSearchCV(Model(), {"a": [0, 1, 2, 3]}, scoring=scoring, **options)
    return search.fit(ROWS, LABELS)


@pytest.mark.filterwarnings("ignore:Scoring failed", "ignore:One or more")
@pytest.mark.parametrize("other", [{"two": 9.0}, {}, 9.0], ids=["lost", "none", "number"])
@pytest.mark.parametrize("options", [{}, {"return_train_score": True}, {"racing": True}], ids=str)
def test_candidate_without_the_metric_of_the_search_fails_and_the_search_goes_on(other, options):
    with pytest.warns(FitFailedWarning, match="candidate 3, fold 0: scoring failed.*without 'one'"):
        search = fitted(ReturnsFor({3: other}), **options)
    assert search.best_params_ == {"a": 2}
    assert np.isnan(search.cv_results_["mean_test_one"][3])
    assert search.study_.trials[3].state is TrialState.FAILED
    assert "return float('nan')" in search.study_.trials[3].error


@pytest.mark.filterwarnings("ignore:One or more")
def test_number_is_expected_if_the_first_fit_had_one():
    others = {0: 0.5, 1: 0.7, 2: 0.6}
    with pytest.warns(FitFailedWarning, match="must return a number for each fit"):
        search = fitted(ReturnsFor(others), refit=True)
    assert search.best_params_ == {"a": 1}
    assert search.study_.trials[3].state is TrialState.FAILED


@pytest.mark.filterwarnings("ignore:One or more")
@pytest.mark.parametrize("number", [0, 3])
@pytest.mark.parametrize("other", ["lacks", "adds"])
def test_metrics_that_only_some_fits_have_are_nan_for_the_others(number, other):
    scores = {"one": float(number)}
    if other == "adds":
        scores |= {"two": 0.0, "three": 0.0}
    name = "two" if other == "lacks" else "three"
    with pytest.warns(UserWarning, match=rf"the metrics \['{name}'\] for some of the fits only"):
        search = fitted(ReturnsFor({number: scores}))
    assert search.best_params_ == {"a": 3}
    present = [i for i in range(4) if (i == number) == (other == "adds")]
    assert np.flatnonzero(np.isfinite(search.cv_results_[f"mean_test_{name}"])).tolist() == present
    assert all(trial.state is TrialState.COMPLETE for trial in search.study_.trials)


def test_order_of_the_metrics_of_one_fit_does_not_matter():
    search = fitted(ReturnsFor({2: {"two": 50.0, "one": 2.0}}), refit=False)
    assert [trial.value for trial in search.study_.trials] == [0.0, 1.0, 2.0, 3.0]


def test_lost_metric_raises_if_error_score_says_so():
    with pytest.raises(ValueError, match=r"the metrics \['one', 'two'\] for each fit"):
        fitted(ReturnsFor({3: {"two": 9.0}}), error_score="raise")


def test_refit_that_the_first_fit_lacks_ends_the_search():
    with pytest.raises(ValueError, match="refit must be set to a scorer key"):
        fitted(ReturnsFor({}), refit="thre")


@pytest.mark.filterwarnings("ignore:invalid value", "ignore:divide by zero")
@pytest.mark.parametrize("options", [{"strategy": "bayesian"}, {"racing": True}], ids=str)
def test_search_of_a_user_whose_floating_point_errors_raise_keeps_its_results(options):
    values = {0: np.inf, 1: 0.5, 2: 0.6, 3: 0.7}
    with np.errstate(all="raise"), pytest.warns(UserWarning, match="non-finite"):
        search = fitted(ReturnsFor(values), refit=True, **options)
    assert search.best_params_ == {"a": 3}

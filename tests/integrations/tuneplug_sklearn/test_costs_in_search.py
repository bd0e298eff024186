"""Costs of candidates: sums over folds, cost-aware searches, and results of earlier searches."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import FitFailedWarning
from sklearn.tree import DecisionTreeClassifier

from tuneplug import Float, Int, TrialState
from tuneplug.strategies import BayesianSearch
from tuneplug_sklearn import WarpedBayesSearchCV

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
y = (X[:, 0] + 0.5 * RNG.normal(size=60) > 0).astype(int)
SPACE = {"max_depth": Int(1, 6)}
COST_AWARE = BayesianSearch(cost_aware=True)


def tree(**options):
    given = {"n_iter": 4, "cv": 3, "random_state": 0, "refit": False, **options}
    return WarpedBayesSearchCV(DecisionTreeClassifier(random_state=0), SPACE, **given)


class Breaking(ClassifierMixin, BaseEstimator):
    """Fails in each fit with a large x."""

    def __init__(self, x=0.0):
        self.x = x

    def fit(self, X, y):
        if self.x > 0.5:
            raise ArithmeticError("made to fail")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_the_cost_of_a_candidate_is_the_sum_over_folds_of_fit_and_score_time(n_jobs):
    search = tree(n_jobs=n_jobs).fit(X, y)
    results = search.cv_results_
    seconds = 3 * (results["mean_fit_time"] + results["mean_score_time"])
    np.testing.assert_allclose([t.cost for t in search.study_.trials], seconds, rtol=1e-6)


def test_a_failed_candidate_costs_the_time_of_its_fits():
    search = WarpedBayesSearchCV(
        Breaking(),
        {"x": Float(0.0, 1.0)},
        n_iter=4,
        cv=2,
        random_state=0,
        error_score=0.0,
        initial_points=[{"x": 0.1}, {"x": 0.9}],
    )
    with pytest.warns(FitFailedWarning):
        search.fit(X, y)
    failed = search.study_.trials[1]
    results = search.cv_results_
    seconds = 2 * (results["mean_fit_time"][1] + results["mean_score_time"][1])
    assert failed.state is TrialState.FAILED
    assert failed.cost == pytest.approx(seconds)


def test_a_raced_candidate_costs_the_time_of_the_folds_that_it_ran():
    search = tree(n_iter=6, cv=5, racing=True).fit(X, y)
    for row, trial in enumerate(search.study_.trials):
        folds = [search.cv_results_[f"split{fold}_test_score"][row] for fold in range(5)]
        n_folds = int(np.isfinite(folds).sum())
        mean = search.cv_results_["mean_fit_time"] + search.cv_results_["mean_score_time"]
        assert trial.cost == pytest.approx(n_folds * mean[row])


@pytest.mark.parametrize(
    "options",
    [{"random_state": 0}, {"random_state": 0, "lag": 1}, {"random_state": None, "lag": 0}],
)
def test_a_deterministic_cost_aware_search_is_refused_with_the_reason(options):
    with pytest.raises(ValueError, match=r"depend on measured seconds.*pass lag=None"):
        tree(strategy=COST_AWARE, **options).fit(X, y)


@pytest.mark.parametrize("options", [{"random_state": 0, "lag": None}, {"random_state": None}])
def test_a_cost_aware_search_runs_without_determinism(options):
    search = tree(strategy=COST_AWARE, n_iter=6, **options).fit(X, y)
    assert len(search.cv_results_["params"]) == 6
    assert all(trial.cost > 0.0 for trial in search.study_.trials)


def test_identical_parents_bring_their_costs():
    earlier = tree().fit(X, y)
    later = tree(warm_start_from=[earlier], n_iter=2).fit(X, y)
    known = later.study_.parents[0].observations
    costs = [trial.cost for trial in earlier.study_.trials]
    np.testing.assert_allclose([observation.cost for observation in known], costs, rtol=1e-6)


def test_identical_parents_without_times_have_no_costs():
    earlier = tree().fit(X, y).cv_results_
    few = {key: earlier[key] for key in ("params", "mean_test_score")}
    later = tree(warm_start_from=[few], n_iter=2).fit(X, y)
    assert [known.cost for known in later.study_.parents[0].observations] == [None] * 4

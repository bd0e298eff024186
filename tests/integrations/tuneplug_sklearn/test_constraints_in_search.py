"""Constraints of a search: who is best, what is kept, and what a wrong function does."""

from __future__ import annotations

import pickle
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from search_results import assert_same_results
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.tree import DecisionTreeClassifier

from tuneplug import Float, Int, NoCompletedTrialError
from tuneplug_sklearn import Fold, WarpedBayesSearchCV, compare_searches

X, y = make_classification(60, 5, flip_y=0.3, random_state=0)
N_ITER, N_FOLDS = 10, 3

#: Numbers of calls of fit and of constraints.
calls = Counter()


class Model(ClassifierMixin, BaseEstimator):
    """Scores ``a``, less in later folds."""

    def __init__(self, a=0.5, fails_above=2.0):
        self.a, self.fails_above = a, fails_above

    def fit(self, X, y):
        calls["fits"] += 1
        if calls["fits"] == calls["interrupted"]:
            raise KeyboardInterrupt
        if self.a > self.fails_above:
            raise ValueError("too large")
        self.classes_, self.size_ = np.unique(y), 10.0 * self.a
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y):
        return self.a + 0.01 * float(np.mean(X[:, 0]))


def at_most_6(estimator, fold):
    calls["constraints"] += 1
    return [estimator.size_ - 6.0, -1.0 - fold.number]


def too_large(estimator, fold):
    return [estimator.size_ + 1.0]


def latency(estimator, fold, limit):
    return np.array([len(estimator.predict(fold.X_test)) - limit])


def make(constraints=at_most_6, model=None, **options):
    options = {"n_iter": N_ITER, "random_state": 0, "cv": N_FOLDS} | options
    space = {"a": Float(0.0, 1.0)}
    return WarpedBayesSearchCV(model or Model(), space, constraints=constraints, **options)


@pytest.fixture(autouse=True)
def _count_from_zero():
    calls.clear()


# ------------------------------------------------------------------ the best candidate


def test_the_best_candidate_is_the_best_feasible_one():
    search = make(n_iter=20).fit(X, y)
    results = search.cv_results_
    assert 0.55 < search.best_params_["a"] <= 0.6  # it knows where the border is
    assert search.best_index_ == search.study_.best_trial.number
    assert results["rank_test_score"][search.best_index_] == 1
    feasible = results["feasible"]
    assert feasible.tolist() == (np.array(results["param_a"], dtype=float) <= 0.6).tolist()
    assert results["rank_test_score"][feasible].max() <= feasible.sum()
    assert results["rank_test_score"][~feasible].min() == feasible.sum() + 1
    assert search.best_estimator_.size_ <= 6.0


def test_values_are_columns_of_each_fold_and_their_mean():
    search = make().fit(X, y)
    results = search.cv_results_
    sizes = 10.0 * np.array(results["param_a"], dtype=float) - 6.0
    for fold in range(N_FOLDS):
        np.testing.assert_allclose(results[f"split{fold}_constraint_0"], sizes)
        assert results[f"split{fold}_constraint_1"].tolist() == [-1.0 - fold] * N_ITER
    np.testing.assert_allclose(results["mean_constraint_0"], sizes)
    np.testing.assert_allclose(results["mean_constraint_1"], -2.0)
    assert [t.constraints for t in search.study_.trials] == list(
        zip(results["mean_constraint_0"], results["mean_constraint_1"], strict=True)
    )


def test_a_search_without_constraints_has_no_columns_of_them():
    results = make(None).fit(X, y).cv_results_
    assert not [name for name in results if "constraint" in name or name == "feasible"]


def test_the_fold_has_its_number_its_rows_and_its_test_part():
    folds = []

    def recorded(estimator, fold):
        folds.append(fold)
        return [0.0]

    search = make(recorded, n_iter=1).fit(X, y)
    assert all(type(fold) is Fold for fold in folds)
    assert [fold.number for fold in folds] == list(range(N_FOLDS))
    for fold in folds:
        assert sorted([*fold.train, *fold.test]) == list(range(len(X)))
        np.testing.assert_array_equal(fold.X_test, X[fold.test])
        np.testing.assert_array_equal(fold.y_test, y[fold.test])
    assert search.n_splits_ == N_FOLDS


def test_the_fold_has_copies_of_its_row_numbers():
    def changing(estimator, fold):
        fold.train[:] = fold.test[:] = 0
        return [-1.0]

    changed, plain = make(changing, strategy="random"), make(None, strategy="random")
    np.testing.assert_array_equal(
        changed.fit(X, y).cv_results_["mean_test_score"],
        plain.fit(X, y).cv_results_["mean_test_score"],
    )


def test_without_a_feasible_candidate_the_error_names_the_least_violation_and_results_are_kept():
    search = make(too_large)
    with pytest.raises(NoCompletedTrialError, match="none of 10 completed candidates is") as caught:
        search.fit(X, y)
    least = int(np.argmin(search.cv_results_["mean_constraint_0"]))
    assert f"row {least} of cv_results_, whose constraint 0 is" in str(caught.value)
    assert len(search.study_.trials) == N_ITER
    assert not hasattr(search, "best_index_")
    assert not search.cv_results_["feasible"].any()


def test_a_callable_refit_chooses_among_feasible_candidates():
    seen = {}

    def first(results):
        seen.update(results)
        return 0

    search = make(refit=first).fit(X, y)
    assert seen["feasible"].all()
    assert search.best_index_ == int(np.flatnonzero(search.cv_results_["feasible"])[0])


def test_several_metrics_are_ranked_with_feasible_candidates_first():
    scoring = {"size": lambda e, X, y: e.a, "other": lambda e, X, y: -e.a}
    search = make(scoring=scoring, refit="size").fit(X, y)
    results = search.cv_results_
    for metric in scoring:
        feasible = results["feasible"]
        assert results[f"rank_test_{metric}"][feasible].max() <= feasible.sum()
    assert search.best_params_["a"] <= 0.6
    unselected = make(too_large, scoring=scoring, refit=False).fit(X, y)
    assert not hasattr(unselected, "best_index_")


# ------------------------------------------------------------------ failures


def test_a_candidate_that_failed_is_not_feasible():
    with pytest.warns(FitFailedWarning):
        search = make(model=Model(fails_above=0.3), error_score=0.9).fit(X, y)
    failed = np.array(search.cv_results_["param_a"], dtype=float) > 0.3
    assert failed.any()
    assert not search.cv_results_["feasible"][failed].any()
    assert np.isnan(search.cv_results_["mean_constraint_0"][failed]).all()
    assert search.best_params_["a"] <= 0.3


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "constraints must return a list with a number for each constraint"),
        (0.5, "constraints must be a sequence, but got 0.5"),
        (np.array(0.5), "constraints must be a sequence, but got array(0.5)"),
        ([], "constraints must be one or more finite numbers"),
        ([np.nan], "constraints must be one or more finite numbers"),
        (["small"], "a constraint must be"),
    ],
)
def test_a_wrong_return_value_fails_every_fit_and_the_search_says_why(returned, message):
    with (
        pytest.warns(FitFailedWarning, match="the search continues"),
        pytest.raises(ValueError, match="fits failed") as caught,
    ):
        make(lambda estimator, fold: returned).fit(X, y)
    assert message in str(caught.value)
    assert calls["fits"] < N_ITER * N_FOLDS  # the search ends after five candidates
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        make(lambda estimator, fold: returned, error_score="raise").fit(X, y)


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite:UserWarning")
def test_constraints_that_raise_for_some_candidates_fail_those():
    def sometimes(estimator, fold):
        if estimator.a > 0.4:
            raise KeyError("no size")
        return [-1.0]

    with pytest.warns(FitFailedWarning, match="no size"):
        search = make(sometimes).fit(X, y)
    failed = [t for t in search.study_.trials if t.error is not None]
    assert failed
    assert all(t.params["a"] > 0.4 and "no size" in t.error for t in failed)
    assert search.best_params_["a"] <= 0.4


def test_another_number_of_constraints_ends_the_search():
    def growing(estimator, fold):
        return [-1.0] * (1 + (calls["fits"] > 4))

    search = make(growing)
    with pytest.raises(ValueError, match="returned 1 before and 2 for candidate 1, fold 1"):
        search.fit(X, y)
    assert len(search.cv_results_["params"]) == 1


# ------------------------------------------------------------------ racing, workers, resources


def test_racing_averages_the_folds_that_were_fitted_and_compares_with_a_feasible_candidate():
    search = make(racing=True, n_iter=15, cv=5, strategy="random").fit(X, y)
    stopped = [t for t in search.study_.trials if t.stop_reason == "racing"]
    assert stopped
    for trial in stopped:
        row = [search.cv_results_[f"split{f}_constraint_1"][trial.number] for f in range(5)]
        assert np.isnan(row).any()
        assert trial.constraints[1] == pytest.approx(np.nanmean(row))
        assert trial.params["a"] < search.best_params_["a"]  # an infeasible one has more


@pytest.mark.parametrize("options", [{"n_jobs": 2}, {"executor": "threads"}])
def test_workers_give_the_same_search(options):
    function = partial(latency, limit=len(X) // N_FOLDS)
    one = make(function).fit(X, y)
    if "executor" in options:
        with ThreadPoolExecutor(2) as executor:
            other = make(function, executor=executor, n_jobs=2).fit(X, y)
    else:
        other = make(function, **options).fit(X, y)
    assert_same_results(one.cv_results_, other.cv_results_)


def test_constraints_of_subsamples_are_kept_with_their_trials():
    def leaves(estimator, fold):
        assert len(estimator.tree_.n_node_samples) == estimator.tree_.node_count
        return [estimator.get_n_leaves() - 12.0, len(fold.train) - 1000.0]

    space = {"max_depth": Int(1, 8), "min_samples_leaf": Int(1, 10)}
    search = WarpedBayesSearchCV(
        DecisionTreeClassifier(random_state=0),
        space,
        n_iter=4,
        cv=3,
        random_state=0,
        resource="n_samples",
        min_resources=30,
        constraints=leaves,
    ).fit(*make_classification(240, 5, flip_y=0.3, random_state=0))
    assert search.best_estimator_.get_n_leaves() <= 20
    assert search.cv_results_["feasible"][search.best_index_]
    means = search.cv_results_["mean_constraint_1"] + 1000.0
    np.testing.assert_allclose(means, search.cv_results_["n_resources"] * 2 / 3, atol=1.0)


def test_a_search_with_constraints_is_cloned_and_pickled():
    search = clone(make())
    assert search.constraints is at_most_6
    search.fit(X, y)
    again = pickle.loads(pickle.dumps(search))
    assert again.best_index_ == search.best_index_
    assert_same_results(search.cv_results_, again.cv_results_)


# ------------------------------------------------------------------ storage


def test_a_resumed_search_does_not_ask_again(tmp_path):
    options = {"storage": f"sqlite:///{tmp_path}/searches.db", "resume": True}
    whole = make().fit(X, y)
    calls.clear()
    calls["interrupted"] = 14
    with pytest.raises(KeyboardInterrupt):
        make(**options).fit(X, y)
    del calls["interrupted"]
    resumed = make(**options).fit(X, y)
    assert calls["constraints"] == N_ITER * N_FOLDS
    assert_same_results(whole.cv_results_, resumed.cv_results_)


def test_a_search_with_other_constraints_is_another_search(tmp_path):
    options = {"storage": f"sqlite:///{tmp_path}/searches.db", "resume": True, "study_name": "a"}
    make(n_iter=2, **options).fit(X, y)
    for other in (partial(latency, limit=20), None):
        with pytest.raises(ValueError, match=r"\n  constraints: "):
            make(other, **options).fit(X, y)


# ------------------------------------------------------------------ warm start


def test_a_search_learns_the_constraints_of_an_earlier_one():
    parent = make(strategy="random").fit(X, y)
    search = make(n_iter=5, warm_start_from=[parent]).fit(X, y)
    (known,) = search.study_.parents
    assert [o.constraints for o in known.observations] == [
        t.constraints for t in parent.study_.trials
    ]
    assert known.best.params == parent.best_params_
    assert 0.55 < search.best_params_["a"] <= 0.6


def test_a_comparison_of_searches_counts_feasible_candidates_only():
    searches = {"plain": make(None), "small": make()}
    curves = compare_searches(searches, X, y, replications=2).curves
    assert np.nanmax(curves["small"]) < 0.62 < np.nanmin(curves["plain"][:, -1])

"""What users of searches in scikit-learn run into: each docstring opens with its scenario.

Scores here often are made up from the configurations, so that the best configuration is known.
"""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys
import warnings
from collections import defaultdict
from typing import ClassVar

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import KFold, RandomizedSearchCV, cross_val_score
from sklearn.model_selection._search import BaseSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tuneplug import Float, Int, SearchSpace, SpaceError, TrialState
from tuneplug_sklearn import WarpedBayesSearchCV

X, y = load_iris(return_X_y=True)
#: The two classes that are hard to tell apart.
X2, y2 = X[50:], y[50:] - 1
#: Rows that tell which they are, for the recorders below.
ROWS = np.arange(30.0).reshape(-1, 1)
LABELS = np.arange(30) % 2


class Peak(ClassifierMixin, BaseEstimator):
    """Fits nothing; its score is best at a = 0.3, b = 7 and does not look at data."""

    def __init__(self, a=0.5, b=1, c=None):
        self.a, self.b, self.c = a, b, c

    def fit(self, X, y=None):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y=None):
        return -((self.a - 0.3) ** 2) - 0.01 * (self.b - 7) ** 2


class Recorder(Peak):
    """Remembers, configuration by configuration, which rows each fit and each score was given."""

    fitted: ClassVar[dict] = defaultdict(list)
    scored: ClassVar[dict] = defaultdict(list)

    def fit(self, X, y=None):
        self.fitted[self.a].append(tuple(X[:, 0]))
        return super().fit(X, y)

    def score(self, X, y=None):
        self.scored[self.a].append(tuple(X[:, 0]))
        return super().score(X, y)


class Fragile(Peak):
    """Scores better the larger a is, but above 0.6 cannot be fitted without row 0."""

    n_fits = 0

    def fit(self, X, y=None):
        type(self).n_fits += 1
        if self.a > 0.6 and 0.0 not in X[:, 0]:
            raise ArithmeticError(f"no fit for a={self.a!r}")
        return super().fit(X, y)

    def score(self, X, y=None):
        return self.a


class Hopeless(Peak):
    """Cannot be fitted: for one reason below a = 0.5, for another above."""

    n_fits = 0

    def fit(self, X, y=None):
        type(self).n_fits += 1
        if self.a < 0.5:
            raise ArithmeticError("the small ones fail")
        raise LookupError("the large ones fail")


@pytest.fixture(autouse=True)
def _forget_records():
    Recorder.fitted.clear()
    Recorder.scored.clear()
    Fragile.n_fits = Hopeless.n_fits = 0


# --------------------------------------------------------------------------- S1, S2, S3: failures


@pytest.mark.parametrize("strategy", ["bayesian", "random", "grid"])
def test_a_bad_configuration_is_a_nan_row_ranked_last_with_its_traceback(strategy):
    """S1: one of three listed configurations cannot be fitted, with the default ``error_score``."""
    search = WarpedBayesSearchCV(
        DecisionTreeClassifier(random_state=0),
        {"max_depth": [2, -5, 4]},
        n_iter=3,
        cv=3,
        random_state=0,
        strategy=strategy,
    )
    with (
        pytest.warns(FitFailedWarning, match="the search continues"),
        pytest.warns(FitFailedWarning, match="3 fits failed out of a total of 9"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(X, y)
    rows = pd.DataFrame(search.cv_results_).set_index("param_max_depth")
    assert math.isnan(rows.loc[-5, "mean_test_score"])
    assert rows.loc[-5, "rank_test_score"] == 3
    assert rows.loc[[2, 4], "mean_test_score"].notna().all()
    assert search.best_params_["max_depth"] in (2, 4)
    (bad,) = [t for t in search.study_.trials if t.state is TrialState.FAILED]
    assert bad.params == {"max_depth": -5}
    assert bad.error.startswith("Traceback")
    assert "max_depth" in bad.error.splitlines()[-1]
    assert search.predict(X).shape == y.shape


def test_a_model_goes_on_after_failures_and_keeps_off_the_part_of_a_range_that_fails():
    """S1: more than a quarter of a range cannot be fitted."""
    space = {"max_depth": Int(-5, 15), "min_impurity_decrease": Float(0.0, 0.1)}
    search = WarpedBayesSearchCV(
        DecisionTreeClassifier(random_state=0), space, n_iter=25, cv=3, random_state=0
    )
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        search.fit(X, y)
    trials = search.study_.trials
    assert len(trials) == 25
    failed = [t.params["max_depth"] < 1 for t in trials]
    assert [t.state is TrialState.FAILED for t in trials] == failed
    # 6 of 21 values fail: the model, once it has seen some, draws fewer of them than chance would.
    assert sum(failed[:5]) > 0
    assert np.mean(failed[5:]) < 6 / 21
    assert search.best_score_ > 0.9


def test_a_configuration_of_which_one_fold_fails_is_never_best_and_its_nan_stays_out_of_the_model():
    """S2: the configurations that would score best fail on one fold of three."""
    search = WarpedBayesSearchCV(
        Fragile(), {"a": Float(0.0, 1.0)}, n_iter=15, cv=KFold(3), random_state=0
    )
    with (
        pytest.warns(FitFailedWarning, match="ArithmeticError"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(ROWS, LABELS)
    results, trials = search.cv_results_, search.study_.trials
    bad = np.array([params["a"] > 0.6 for params in results["params"]])
    assert 0 < bad.sum() < 15
    assert np.isnan(results["mean_test_score"][bad]).all()
    assert np.isfinite(results["split1_test_score"][bad]).all()
    assert results["rank_test_score"][bad].min() > results["rank_test_score"][~bad].max()
    assert 0.5 < search.best_params_["a"] <= 0.6
    # The model went on suggesting after the failures, and was told no value of theirs.
    origins = [t.origin for t in trials]
    assert origins[7:] == ["model"] * 8
    assert [t.value is None for t in trials] == bad.tolist()
    assert "ArithmeticError: no fit for a=" in next(t.error for t in trials if t.error)


def test_a_configuration_that_fails_is_never_best_whatever_stands_for_its_score():
    """S2: its number is larger than every score."""
    space = {"a": [0.1, 0.6, 0.9]}
    search = WarpedBayesSearchCV(Fragile(), space, n_iter=3, cv=3, error_score=1.0)
    with pytest.warns(FitFailedWarning):
        search.fit(ROWS, LABELS)
    failed = [trial.error is not None for trial in search.study_.trials]
    assert any(failed)
    assert not failed[search.best_index_]
    assert search.best_params_ == search.study_.best_params
    assert search.best_score_ == search.cv_results_["mean_test_score"][search.best_index_]


def test_a_number_as_error_score_stands_in_the_results_but_is_not_learned_from():
    """S2: ``error_score=0.0`` fills the row; the trial is a failed one all the same."""
    search = WarpedBayesSearchCV(
        Fragile(), {"a": [0.1, 0.5, 0.9]}, n_iter=3, cv=KFold(3), error_score=0.0, random_state=0
    )
    with pytest.warns(FitFailedWarning):
        search.fit(ROWS, LABELS)
    assert search.cv_results_["split0_test_score"].tolist() == [0.1, 0.5, 0.0]
    assert [t.value for t in search.study_.trials] == [pytest.approx(0.1), 0.5, None]


@pytest.mark.parametrize(
    "space",
    [{"a": [0.1, 0.4, 0.8]}, {"a": Float(0.0, 1.0)}],
    ids=["list", "range"],
)
def test_a_search_of_which_every_fit_fails_ends_with_one_error_that_counts_them(space):
    """S3: the error comes at the end, shows each distinct traceback, and nothing is retried."""
    n_iter = 3 if isinstance(space["a"], list) else 8
    search = WarpedBayesSearchCV(Hopeless(), space, n_iter=n_iter, cv=2, random_state=0)
    with (
        pytest.warns(FitFailedWarning, match="the search continues"),
        pytest.raises(ValueError, match=f"All the {2 * n_iter} fits failed") as caught,
    ):
        search.fit(ROWS, LABELS)
    assert Hopeless.n_fits == 2 * n_iter
    message = str(caught.value)
    assert message.count("ArithmeticError: the small ones fail") == 1
    assert message.count("LookupError: the large ones fail") == 1
    assert not hasattr(search, "cv_results_")


# --------------------------------------------------------------------------- S4, S5, S6: contract


class CountingSplitter(KFold):
    """Shuffles without a seed, and counts how often it was asked for folds."""

    n_calls = 0

    def split(self, *args, **kwargs):
        self.n_calls += 1
        return super().split(*args, **kwargs)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_all_candidates_share_the_folds_of_a_splitter_that_shuffles_without_a_seed(n_jobs):
    """S4: the folds are made once, whatever the splitter would draw the next time."""
    cv = CountingSplitter(5, shuffle=True)
    assert [f[1].tolist() for f in cv.split(ROWS)] != [f[1].tolist() for f in cv.split(ROWS)]
    cv.n_calls = 0
    search = WarpedBayesSearchCV(
        Recorder(), {"a": Float(0.0, 1.0)}, n_iter=8, cv=cv, refit=False, n_jobs=n_jobs
    )
    with joblib.parallel_config(backend="threading"):
        search.fit(ROWS, LABELS)
    assert cv.n_calls == 1
    for seen in (Recorder.fitted, Recorder.scored):
        assert len(seen) == 8
        # Threads may take the folds of one candidate in any order.
        folds = [sorted(rows) for rows in seen.values()]
        assert len(folds[0]) == 5
        assert all(mine == folds[0] for mine in folds)


def test_a_second_fit_on_other_rows_is_a_search_of_its_own():
    """S5: it equals that of a fresh search, and the trial count restarts."""
    space = {"max_depth": Int(1, 8), "min_impurity_decrease": Float(0.0, 0.2)}
    search = WarpedBayesSearchCV(
        DecisionTreeClassifier(random_state=0), space, n_iter=8, cv=3, random_state=0
    )
    first = search.fit(X[::2], y[::2]).study_
    before = search.cv_results_["mean_test_score"]
    search.fit(X[1::2], y[1::2])
    fresh = clone(search).fit(X[1::2], y[1::2])
    assert search.cv_results_["params"] == fresh.cv_results_["params"]
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], fresh.cv_results_["mean_test_score"]
    )
    assert [t.number for t in search.study_.trials] == list(range(8))
    assert search.study_ is not first
    assert len(first.trials) == 8
    assert not np.array_equal(before, search.cv_results_["mean_test_score"])


def test_attributes_that_the_second_fit_does_not_set_are_not_those_of_the_first():
    """S5: with ``refit`` switched off, the model of the first fit is gone."""
    search = WarpedBayesSearchCV(Peak(), {"a": [0.1, 0.3]}, n_iter=2, cv=2).fit(ROWS, LABELS)
    assert hasattr(search, "best_estimator_")
    search.set_params(refit=False).fit(ROWS, LABELS)
    assert search.best_params_ == {"a": 0.3}
    assert not hasattr(search, "best_estimator_")
    assert not hasattr(search, "refit_time_")


def test_a_search_can_be_cloned_and_cross_validated_and_keeps_its_arguments():
    """S6: ``clone`` and ``cross_val_score`` work as for every search of scikit-learn."""
    search = WarpedBayesSearchCV(
        SVC(), {"C": Float(0.1, 100.0), "gamma": [0.01, 0.1, 1.0]}, n_iter=6, cv=3, random_state=0
    )
    before = search.get_params(deep=False)
    assert isinstance(search, BaseSearchCV)
    scores = cross_val_score(clone(search), X, y, cv=3)
    assert scores.shape == (3,)
    assert scores.min() > 0.9
    search.fit(X, y)
    after = search.get_params(deep=False)
    assert before.keys() == after.keys()
    assert all(after[name] is before[name] for name in before)
    assert not hasattr(clone(search), "cv_results_")


# --------------------------------------------------------------------------- S11 to S16: spaces


@pytest.mark.parametrize(
    ("values", "message"),
    [(Int(1, 3), "space exhausted"), ([1, 2, 3], "total space of parameters 3 is smaller")],
    ids=["range", "list"],
)
def test_a_space_of_three_configurations_ends_after_three_trials_with_one_message(values, message):
    """S11: ``n_iter=12`` on three configurations; none is tried twice, nothing is said per
    trial."""
    search = WarpedBayesSearchCV(Peak(), {"b": values}, n_iter=12, cv=2, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(ROWS, LABELS)
    assert sorted(params["b"] for params in search.cv_results_["params"]) == [1, 2, 3]
    assert len(search.study_.trials) == 3
    assert len(caught) == 1
    assert message in str(caught[0].message)


def test_a_list_of_two_numbers_is_two_choices_and_no_range():
    """S12: only the numbers of the list are tried, also where a model suggests."""
    space = {"n_estimators": [5, 25], "max_features": Float(0.2, 1.0)}
    search = WarpedBayesSearchCV(
        RandomForestClassifier(random_state=0), space, n_iter=8, cv=2, random_state=0
    ).fit(X, y)
    tried = [params["n_estimators"] for params in search.cv_results_["params"]]
    assert set(tried) == {5, 25}
    assert {type(n) for n in tried} == {int}
    assert "model" in {t.origin for t in search.study_.trials}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_tuples_are_choices_that_stay_tuples():
    """S13: ``[(5,), (5, 5)]`` for the layers of a network."""
    layers = [(5,), (5, 5)]
    search = WarpedBayesSearchCV(
        MLPClassifier(max_iter=20, random_state=0),
        {"hidden_layer_sizes": layers, "alpha": Float(1e-5, 1e-1)},
        n_iter=7,
        cv=2,
        random_state=0,
    ).fit(X, y)
    tried = [params["hidden_layer_sizes"] for params in search.cv_results_["params"]]
    assert all(any(value is choice for choice in layers) for value in tried)
    assert set(tried) == set(layers)
    assert type(search.best_estimator_.hidden_layer_sizes) is tuple


def test_none_strings_numbers_and_estimators_mix_as_choices():
    """S13: ``[None, "sqrt", 0.5]`` and ``[PCA(), "passthrough"]`` come back as they were given."""
    pca = PCA(n_components=2)
    space = {
        "reduce": [pca, "passthrough"],
        "tree__max_features": [None, "sqrt", 0.5],
        "tree__min_impurity_decrease": Float(0.0, 0.1),
    }
    pipeline = Pipeline(
        [("reduce", "passthrough"), ("tree", DecisionTreeClassifier(random_state=0))]
    )
    search = WarpedBayesSearchCV(pipeline, space, n_iter=14, cv=2, random_state=0).fit(X, y)
    params = search.cv_results_["params"]
    assert all(any(p["reduce"] is choice for choice in space["reduce"]) for p in params)
    assert {type(p["tree__max_features"]) for p in params} == {type(None), str, float}
    # Configurations are cloned before they are fitted: the object given stays as it was.
    assert not hasattr(pca, "components_")


def test_configurations_are_plain_python_values():
    """S14: ``json.dumps(best_params_)`` works, and types are exactly int, float, bool and str."""
    space = {
        "max_depth": Int(2, 9),
        "min_samples_split": stats.randint(2, 20),
        "min_impurity_decrease": Float(1e-6, 1e-1),
        "ccp_alpha": stats.loguniform(1e-6, 1e-2),
        "max_leaf_nodes": np.array([8, 16, 32]),
        "criterion": np.array(["gini", "entropy"]),
        "splitter": ["best", "random"],
    }
    types = [int, int, float, float, int, str, str]
    search = WarpedBayesSearchCV(
        DecisionTreeClassifier(random_state=0), space, n_iter=8, cv=2, random_state=0
    ).fit(X, y)
    for params in search.cv_results_["params"]:
        assert [type(params[name]) for name in space] == types
        assert json.loads(json.dumps(params)) == params
    assert json.loads(json.dumps(search.best_params_)) == search.best_params_


def test_xgboost_takes_the_configurations():
    """S14: an ``XGBClassifier`` is fitted with them, and the best go into ``xgboost.train``."""
    xgboost = pytest.importorskip("xgboost")
    space = {
        "max_depth": Int(2, 5),
        "learning_rate": Float(0.05, 0.5),
        "tree_method": ["hist", "exact"],
        "subsample": stats.uniform(0.5, 0.5),
    }
    model = xgboost.XGBClassifier(n_estimators=4, n_jobs=1, random_state=0)
    search = WarpedBayesSearchCV(model, space, n_iter=7, cv=2, random_state=0).fit(X2, y2)
    assert json.loads(json.dumps(search.best_params_)) == search.best_params_
    assert type(search.best_params_["max_depth"]) is int
    booster = xgboost.train(
        {**search.best_params_, "nthread": 1}, xgboost.DMatrix(X2, y2), num_boost_round=2
    )
    assert booster.num_boosted_rounds() == 2


def test_all_faults_of_a_space_are_named_in_one_error_before_any_fit():
    """S15: three faulty parameters are listed with the rule broken; a singleton is no fault."""
    space = {
        "first": Float(0, 1, "log"),
        "second": Float(0, 1, "reverse_log"),
        "third": Float(2, 1),
        "fine": Int(3, 3),
    }
    search = WarpedBayesSearchCV(Fragile(), space, cv=2)
    with pytest.raises(SpaceError) as caught:
        search.fit(ROWS, LABELS)
    assert Fragile.n_fits == 0
    lines = str(caught.value).splitlines()
    assert "3 errors" in lines[0]
    assert [line.split(":")[0].strip(" -") for line in lines[1:]] == ["first", "second", "third"]
    assert "low=0" in lines[1]
    assert "high=1" in lines[2]
    assert "`low <= high` must hold, but got low=2, high=1" in lines[3]


def test_a_range_of_one_value_is_a_constant():
    """S15: ``Int(3, 3)`` is accepted and part of every configuration."""
    space = {"a": Float(0.0, 1.0), "b": Int(3, 3)}
    search = WarpedBayesSearchCV(Peak(), space, n_iter=7, cv=2, random_state=0).fit(ROWS, LABELS)
    assert search.cv_results_["param_b"].tolist() == [3] * 7


def test_whole_numbers_are_drawn_evenly_up_to_both_ends():
    """S16: ``Int(0, 4)`` 10,000 times, and a log scale of which both ends come up."""
    space = SearchSpace({"even": Int(0, 4, "linear"), "log": Int(1, 50, "log")})
    drawn = pd.DataFrame(space.sample(10_000, np.random.default_rng(0)))
    counts = drawn["even"].value_counts()
    assert sorted(counts.index) == [0, 1, 2, 3, 4]
    assert stats.chisquare(counts).pvalue > 0.01
    assert (drawn["log"].min(), drawn["log"].max()) == (1, 50)
    k = np.arange(1, 51)
    mass = np.log((k + 0.5) / (k - 0.5)) / np.log(50.5 / 0.5)
    seen = drawn["log"].value_counts().reindex(k, fill_value=0)
    assert stats.chisquare(seen, 10_000 * mass).pvalue > 0.01


def test_random_search_over_a_range_of_whole_numbers_reaches_both_ends():
    """S16: the same through the search class."""
    space = {"b": Int(0, 4), "a": Float(0.0, 1.0)}
    search = WarpedBayesSearchCV(
        Peak(), space, n_iter=60, cv=2, strategy="random", random_state=0
    ).fit(ROWS, LABELS)
    assert set(search.cv_results_["param_b"]) == {0, 1, 2, 3, 4}


# --------------------------------------------------------------------------- S17, S18: drop-in

DISTRIBUTIONS = {
    "C": stats.loguniform(1e-2, 1e2),
    "degree": stats.randint(2, 5),
    "coef0": stats.expon(scale=0.5),
    "gamma": stats.uniform(0.1, 0.4),
    "kernel": ["rbf", "poly"],
}


@pytest.mark.parametrize("cls", [RandomizedSearchCV, WarpedBayesSearchCV])
def test_a_space_of_distributions_and_lists_runs_unchanged(cls):
    """S17: what is written for ``RandomizedSearchCV`` gives configurations within the same
    supports."""
    search = cls(SVC(), DISTRIBUTIONS, n_iter=12, cv=2, random_state=0).fit(X2, y2)
    for params in search.cv_results_["params"]:
        assert params.keys() == DISTRIBUTIONS.keys()
        assert 1e-2 <= params["C"] <= 1e2
        assert params["degree"] in (2, 3, 4)
        assert params["coef0"] >= 0
        assert 0.1 <= params["gamma"] <= 0.5
        assert params["kernel"] in ("rbf", "poly")
    assert search.best_score_ > 0.8


def test_the_scale_of_a_distribution_is_its_quantile_function():
    """S17: half of the unit interval is the median, of an exponential distribution as well."""
    search = WarpedBayesSearchCV(SVC(), DISTRIBUTIONS, n_iter=5, cv=2, random_state=0).fit(X2, y2)
    scaling = {record["parameter"]: record["scaling"] for record in search.study_.explain_scaling()}
    assert scaling == {
        "C": "log",
        "degree": "linear",
        "coef0": "quantile(expon)",
        "gamma": "linear",
    }
    (record,) = [r for r in search.study_.explain_scaling() if r["parameter"] == "coef0"]
    assert record["chosen_by"] == "user"
    space = search.study_.space
    middle = space.decode(np.full(space.n_dimensions, 0.5))
    assert middle["coef0"] == pytest.approx(stats.expon(scale=0.5).median())
    assert middle["C"] == pytest.approx(1.0)


def test_random_search_draws_from_the_distributions_that_were_given():
    """S17: 300 draws pass a Kolmogorov-Smirnov test; whole numbers are ints and all come up."""
    space = {"a": stats.expon(scale=2.0), "b": stats.randint(3, 9), "c": stats.loguniform(0.1, 10)}
    search = WarpedBayesSearchCV(
        Peak(), space, n_iter=300, cv=2, strategy="random", random_state=0, refit=False
    ).fit(ROWS, LABELS)
    drawn = pd.DataFrame(search.cv_results_["params"])
    assert stats.kstest(drawn["a"], stats.expon(scale=2.0).cdf).pvalue > 0.01
    assert stats.kstest(drawn["c"], stats.loguniform(0.1, 10).cdf).pvalue > 0.01
    assert {type(params["b"]) for params in search.cv_results_["params"]} == {int}
    counts = drawn["b"].value_counts()
    assert sorted(counts.index) == [3, 4, 5, 6, 7, 8]
    assert stats.chisquare(counts).pvalue > 0.01


def test_a_list_of_spaces_is_searched_within_one_budget_and_absent_values_are_masked():
    """S18: two kernels with different parameters; the results make a data frame."""
    spaces = [
        {"kernel": ["linear"], "C": Float(0.01, 10.0)},
        {"kernel": ["rbf"], "gamma": Float(1e-3, 1.0), "shrinking": [True, False]},
    ]
    search = WarpedBayesSearchCV(SVC(), spaces, n_iter=12, cv=2, random_state=0).fit(X2, y2)
    results = search.cv_results_
    frame = pd.DataFrame(results)
    assert len(frame) == 12
    assert set(frame["param_kernel"]) == {"linear", "rbf"}
    linear = np.array([params["kernel"] == "linear" for params in results["params"]])
    np.testing.assert_array_equal(results["param_C"].mask, ~linear)
    np.testing.assert_array_equal(results["param_gamma"].mask, linear)
    np.testing.assert_array_equal(results["param_shrinking"].mask, linear)
    assert "model" in {t.origin for t in search.study_.trials}
    for params in results["params"]:
        assert params.keys() == spaces[params["kernel"] == "rbf"].keys()


# --------------------------------------------------------------------------- S26: several metrics


def count_fits(search, data=(X2, y2)):
    """Fit with an estimator that counts; return the count and the error, if any."""
    search.set_params(estimator=CountingTree())
    CountingTree.n_fits = 0
    try:
        search.fit(*data)
    except ValueError as error:
        return CountingTree.n_fits, error
    return CountingTree.n_fits, None


class CountingTree(DecisionTreeClassifier):
    n_fits = 0

    def fit(self, X, y, sample_weight=None, check_input=True):
        type(self).n_fits += 1
        return super().fit(X, y, sample_weight, check_input)


def two_scores(estimator, X, y):
    predicted = estimator.predict(X)
    return {"accuracy": accuracy_score(y, predicted), "f1": f1_score(y, predicted)}


TREES = {"max_depth": Int(1, 6), "min_impurity_decrease": Float(0.0, 0.3)}


def least_deep(cv_results):
    """Return the least deep tree of those that are nearly as good as the best."""
    good = cv_results["mean_test_f1"] > cv_results["mean_test_f1"].max() - 0.05
    depth = np.where(good, cv_results["param_max_depth"].filled(99).astype(int), 99)
    return int(depth.argmin())


@pytest.mark.parametrize(
    ("options", "driver"),
    [
        ({"scoring": ["roc_auc", "f1"], "refit": "f1"}, "f1"),
        ({"scoring": ["roc_auc", "f1"], "refit": "roc_auc"}, "roc_auc"),
        ({"scoring": ["roc_auc", "f1"], "refit": False}, "roc_auc"),
        ({"scoring": ["roc_auc", "f1"], "refit": False, "objective_metric": "f1"}, "f1"),
        ({"scoring": ["roc_auc", "f1"], "refit": least_deep}, "roc_auc"),
        ({"scoring": ["roc_auc", "f1"], "refit": least_deep, "objective_metric": "f1"}, "f1"),
        ({"scoring": ["roc_auc", "f1"], "refit": "f1", "objective_metric": "roc_auc"}, "roc_auc"),
        ({"scoring": {"z": "f1", "a": "roc_auc"}, "refit": False}, "z"),
        ({"scoring": two_scores, "refit": "f1"}, "f1"),
        ({"scoring": two_scores, "refit": False}, "accuracy"),
        ({"scoring": two_scores, "refit": False, "objective_metric": "f1"}, "f1"),
    ],
)
def test_the_declared_metric_drives_the_search(options, driver):
    """S26: ``objective_metric``, else the name in ``refit``, else the first metric."""
    search = WarpedBayesSearchCV(
        DecisionTreeClassifier(random_state=0), TREES, n_iter=7, cv=2, random_state=0, **options
    ).fit(X2, y2)
    assert search.multimetric_
    told = [trial.value for trial in search.study_.trials]
    assert told == search.cv_results_[f"mean_test_{driver}"].tolist()
    assert hasattr(search, "best_estimator_") == bool(options["refit"])
    if isinstance(options["refit"], str):
        assert search.best_score_ == search.cv_results_[f"mean_test_{options['refit']}"].max()
    if callable(options["refit"]):
        assert search.best_index_ == least_deep(search.cv_results_)
        assert not hasattr(search, "best_score_")


def test_the_metrics_in_use_are_different_ones():
    """S26: else the test above could not tell which of them drives the search."""
    search = WarpedBayesSearchCV(
        DecisionTreeClassifier(random_state=0),
        TREES,
        n_iter=7,
        cv=2,
        scoring=["roc_auc", "f1", "accuracy"],
        refit=False,
        random_state=0,
    ).fit(X2, y2)
    means = {tuple(search.cv_results_[f"mean_test_{m}"]) for m in ("roc_auc", "f1", "accuracy")}
    assert len(means) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scoring": ["roc_auc", "f1"], "refit": "roc-auc"}, "refit"),
        ({"scoring": ["roc_auc", "f1"], "refit": True}, "refit"),
        ({"scoring": ["roc_auc", "f1"], "refit": False, "objective_metric": "F1"}, "'F1'"),
        ({"scoring": "f1", "objective_metric": "roc_auc"}, "objective_metric must be one of"),
        ({"objective_metric": "roc_auc"}, "objective_metric must be one of"),
        ({"scoring": ["roc_auc", "f2"], "refit": False}, "'f2'"),
    ],
)
def test_a_metric_that_is_misspelt_fails_before_the_first_fit(options, message):
    """S26: the names are known at once, so nothing is fitted in vain."""
    search = WarpedBayesSearchCV(CountingTree(), TREES, n_iter=3, cv=2, **options)
    n_fits, error = count_fits(search)
    assert message in str(error)
    assert n_fits == 0


@pytest.mark.parametrize(
    "options",
    [{"refit": True}, {"refit": "f2"}, {"refit": False, "objective_metric": "f2"}],
    ids=["refit=True", "refit misspelt", "optimize misspelt"],
)
def test_metrics_that_a_callable_names_are_checked_after_the_first_fit(options):
    """S26: what a callable returns is known only then; the other candidates are not fitted."""
    search = WarpedBayesSearchCV(CountingTree(), TREES, n_iter=6, cv=2, scoring=two_scores)
    n_fits, error = count_fits(search.set_params(**options))
    assert "refit" in str(error) or "'f2'" in str(error)
    assert n_fits == 1


def test_a_single_metric_may_be_named_by_optimize():
    """S26: naming the only metric is no mistake."""
    search = WarpedBayesSearchCV(
        CountingTree(), TREES, n_iter=3, cv=2, scoring="f1", objective_metric="f1"
    )
    n_fits, error = count_fits(search)
    assert error is None
    assert n_fits == 3 * 2 + 1


# --------------------------------------------------------------------------- S28: saving


def test_a_search_saved_after_fit_predicts_the_same_in_a_new_process(tmp_path):
    """S28: ``joblib.dump`` here, ``joblib.load`` there."""
    search = WarpedBayesSearchCV(
        SVC(), {"C": Float(0.1, 100.0), "gamma": Float(1e-3, 1.0)}, n_iter=8, cv=2, random_state=0
    ).fit(X, y)
    joblib.dump(search, tmp_path / "search.joblib")
    np.save(tmp_path / "rows.npy", X)
    code = (
        "import joblib, numpy as np\n"
        "search = joblib.load('search.joblib')\n"
        "np.save('out.npy', search.decision_function(np.load('rows.npy')))\n"
        "print(search.study_.best_params == search.best_params_, len(search.study_.trials))\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["True", "8"]
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), search.decision_function(X))


def pickled_size(n_iter, data):
    search = WarpedBayesSearchCV(
        Ridge(), {"alpha": Float(1e-3, 1e3)}, n_iter=n_iter, cv=2, random_state=0
    ).fit(*data)
    pickled = pickle.dumps(search)
    assert b"GaussianProcess" not in pickled
    return len(pickled)


def test_a_saved_search_grows_by_its_trial_records_only():
    """S28: no surrogate and no data are kept, so 50 trials are 20 and 30 more records."""
    rows = load_diabetes(return_X_y=True)
    small, large = pickled_size(20, rows), pickled_size(50, rows)
    # A row of cv_results_ and a trial are some 30 numbers and strings; one factor of a Gaussian
    # process of 50 trials alone would be 8 * 50**2 = 20,000 bytes.
    assert (large - small) / 30 < 500
    few_rows = tuple(array[::4] for array in rows)
    assert abs(pickled_size(20, few_rows) - small) < 200


def test_unfitted_searches_can_be_pickled():
    """S28: before ``fit`` as well, with every kind of parameter."""
    space = {"C": stats.loguniform(0.1, 10), "gamma": Float(1e-3, 1.0), "kernel": ["rbf", "poly"]}
    search = WarpedBayesSearchCV(SVC(), space, n_iter=4, cv=2, random_state=0)
    again = pickle.loads(pickle.dumps(search)).fit(X, y)
    assert again.cv_results_["params"] == search.fit(X, y).cv_results_["params"]

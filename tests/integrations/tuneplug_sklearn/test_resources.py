"""A search that tries candidates on few rows, or with little work, before it tries them in full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from tuneplug import Float, Int
from tuneplug.monitoring import FitMonitor
from tuneplug.stopping import MedianRule, Patience, Target
from tuneplug.strategies import (
    AsynchronousHyperband,
    BayesianSearch,
    HyperbandSearch,
    MultiFidelitySearch,
    RandomSearch,
)
from tuneplug_sklearn import WarpedBayesSearchCV

X, y = make_classification(900, 8, n_informative=5, weights=[0.8], flip_y=0.05, random_state=0)
SPACE = {"max_depth": Int(1, 12), "min_samples_leaf": Int(1, 60)}


class Recorder(ClassifierMixin, BaseEstimator):
    """Records the rows of each fit, whose numbers are its first column; the score is ``a``."""

    fits = ()

    def __init__(self, a=0.5, rounds=10):
        self.a, self.rounds = a, rounds

    def fit(self, X, y=None, sample_weight=None):
        rows = np.asarray(X)[:, 0].astype(int)
        self.classes_ = np.unique(y)
        type(self).fits += ((self.a, self.rounds, rows, sample_weight),)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y=None, sample_weight=None):
        return self.a


@dataclass(frozen=True)
class EarlyMonitor(FitMonitor):
    """Keeps the data of each fit, and says that the fit stops early by its own rule."""

    name: ClassVar[str] = "early"
    given: ClassVar[list[Any]] = []

    def accepts(self, estimator):
        return isinstance(estimator, Recorder)

    def has_early_stopping(self, estimator, params):
        return True

    def fit(self, monitored):
        self.given.append(monitored)
        monitored.estimator.fit(monitored.X, monitored.y, **monitored.params)
        return 3


@pytest.fixture(autouse=True)
def _start_recording():
    Recorder.fits = ()
    EarlyMonitor.given.clear()


def tree(**options):
    """Return a search over a decision tree with rows as the resource."""
    options = {
        "n_iter": 6,
        "cv": 3,
        "random_state": 0,
        "strategy": "hyperband",
        "resource": "n_samples",
    } | options
    return WarpedBayesSearchCV(DecisionTreeClassifier(random_state=0), SPACE, **options)


def recorded(data=(X, y), *, fit=None, **options):
    """Return a fitted search over ``Recorder`` on numbered rows."""
    options = {
        "n_iter": 5,
        "cv": 3,
        "random_state": 0,
        "strategy": "hyperband",
        "resource": "n_samples",
        "refit": False,
    } | options
    numbered = np.column_stack([np.arange(len(data[0])), data[0]])
    search = WarpedBayesSearchCV(Recorder(), {"a": Float(0.0, 1.0)}, **options)
    return search.fit(numbered, data[1], **(fit or {}))


def same(one, two):
    """Whether two searches have the same candidates and scores."""
    names = ("n_resources", "mean_test_score", "rank_test_score")
    return one.cv_results_["params"] == two.cv_results_["params"] and all(
        np.array_equal(one.cv_results_[name], two.cv_results_[name]) for name in names
    )


# --------------------------------------------------------------------------- results and budget


@pytest.mark.parametrize(
    "strategy", ["bayesian", "hyperband", "random", RandomSearch(), BayesianSearch(warping=False)]
)
@pytest.mark.parametrize("n_iter", [1, 2, 10])
def test_n_iter_is_the_budget_in_full_candidates(strategy, n_iter):
    search = tree(strategy=strategy, n_iter=n_iter).fit(X, y)
    spent = search.cv_results_["n_resources"] / search.max_resources_
    assert n_iter - 1 < spent.sum() <= n_iter + 1e-9
    assert spent.max() == 1.0
    assert len(spent) > n_iter or n_iter == 1


def test_rows_have_their_resource_and_level_and_full_rows_rank_first():
    search = tree().fit(X, y)
    results = pd.DataFrame(search.cv_results_)
    assert (search.min_resources_, search.max_resources_) == (60, 900)
    assert sorted(results.n_resources.unique()) == [60, 180, 900]
    assert dict(zip(results.n_resources, results["iter"], strict=True)) == {60: 0, 180: 1, 900: 2}
    full = results.n_resources == 900
    assert sorted(results.rank_test_score[full])[0] == 1
    assert results.rank_test_score[full].max() <= full.sum() < results.rank_test_score[~full].min()
    assert full[search.best_index_]
    assert search.best_score_ == results.mean_test_score[full].max()
    assert search.study_.best_params == search.best_params_


def test_a_model_chooses_candidates_and_their_resources():
    search = tree(strategy="bayesian", n_iter=8).fit(X, y)
    assert (search.min_resources_, search.max_resources_) == (100, 900)
    results = pd.DataFrame(search.cv_results_)
    assert {100, 900} <= set(results.n_resources) <= {100, 300, 900}
    assert [trial.origin for trial in search.study_.trials].count("model") > 0
    assert results.n_resources[search.best_index_] == 900


@pytest.mark.parametrize(
    ("options", "learns"),
    [
        ({"random_state": None}, True),
        ({"random_state": 0, "lag": None}, True),
        ({"random_state": 0}, False),
        ({"random_state": None, "lag": 1}, False),
        ({"random_state": None, "strategy": BayesianSearch()}, False),
    ],
)
def test_costs_are_learned_unless_the_search_is_deterministic(options, learns):
    search = tree(**{"strategy": "bayesian", "n_iter": 2} | options).fit(X, y)
    assert search.study_.strategy.cost_aware is learns


def test_the_minimum_is_the_smallest_resource_that_candidates_may_have():
    search = recorded(strategy="bayesian", min_resources=1, n_iter=4)
    assert search.min_resources_ == search.cv_results_["n_resources"].min() == 100
    assert search.cv_results_["iter"].min() == 0


def test_the_refit_uses_all_rows():
    search = recorded(refit=True, max_resources=300)
    *_, (_, _, rows, _) = Recorder.fits
    assert np.array_equal(rows, np.arange(900))
    assert search.max_resources_ == 300


@pytest.mark.parametrize(
    ("data", "cv", "minimum"),
    [
        ((X, y), 3, 60),
        ((X, np.arange(900) % 3), 3, 90),
        ((X, np.arange(900) % 3), 20, 120),
        ((X[:700], np.arange(700) % 2), 3, 60),
        ((np.zeros((2700, 2)), np.arange(2700) % 2), 3, 100),
    ],
)
def test_the_automatic_minimum_has_enough_rows_of_each_class_and_fold(data, cv, minimum):
    assert recorded(data, cv=cv, n_iter=1).min_resources_ == minimum


def test_the_automatic_minimum_of_a_regression_has_enough_rows_of_each_fold():
    data = make_regression(400, 4, random_state=0)
    search = WarpedBayesSearchCV(
        Ridge(), {"alpha": Float(1e-3, 1e3)}, n_iter=2, resource="n_samples", strategy="random"
    ).fit(*data)
    assert search.min_resources_ == 30


def test_a_callable_refit_chooses_among_the_full_rows():
    seen = []

    def worst(results):
        seen.append(set(results["n_resources"]))
        return int(np.argmin(results["mean_test_score"]))

    search = tree(refit=worst).fit(X, y)
    assert seen == [{900}]
    full = search.cv_results_["n_resources"] == 900
    assert (
        search.best_index_
        == np.flatnonzero(full)[np.argmin(search.cv_results_["mean_test_score"][full])]
    )


def test_attributes_of_the_resource_are_removed_by_a_fit_without_one():
    search = tree(n_iter=1).fit(X, y)
    search.set_params(resource=None, strategy="random").fit(X, y)
    assert not hasattr(search, "min_resources_")
    assert not hasattr(search, "max_resources_")
    assert "n_resources" not in search.cv_results_


def ending_after(n_done, **options):
    search = tree(n_iter=20, callbacks=[lambda progress: progress.n_done == n_done], **options)
    with pytest.warns(UserWarning, match="no candidate was tried with the maximum resource"):
        return search.fit(X, y)


def test_a_search_that_ends_before_a_full_candidate_takes_the_best_of_what_there_is():
    search = ending_after(2)
    assert set(search.cv_results_["n_resources"]) == {60}
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()
    assert search.cv_results_["rank_test_score"][search.best_index_] == 1
    assert search.score(X, y) > 0.5


def test_of_candidates_below_the_maximum_the_best_is_one_with_the_highest_resource():
    search = ending_after(12)
    results = pd.DataFrame(search.cv_results_)
    highest = results.n_resources == 180
    assert 0 < highest.sum() < len(results)
    assert not (results.n_resources == 900).any()
    assert highest[search.best_index_]
    assert results.rank_test_score[highest].max() < results.rank_test_score[~highest].min()


# --------------------------------------------------------------------------- subsamples


def test_a_training_part_gets_its_share_of_rows_and_the_validation_part_stays_whole():
    search = recorded(return_train_score=True)
    splits = list(StratifiedKFold(3).split(X, y))
    sizes = {60: 40, 180: 120, 900: 600}
    wanted = [sizes[n] for n in search.cv_results_["n_resources"] for _ in range(3)]
    assert [len(rows) for _, _, rows, _ in Recorder.fits] == wanted
    for i, (_, _, rows, _) in enumerate(Recorder.fits):
        train, _ = splits[i % 3]
        assert set(rows) <= set(train)
        assert np.bincount(y[rows])[1] == pytest.approx(y[train].mean() * len(rows), abs=2)


def test_all_candidates_share_the_subsamples_and_these_are_nested():
    recorded()
    found = {}
    for i, (_, _, rows, _) in enumerate(Recorder.fits):
        found.setdefault((i % 3, len(rows)), []).append(set(rows))
    for fold in range(3):
        small, middle, whole = (found[fold, size] for size in (40, 120, 600))
        assert all(rows == small[0] for rows in small)
        assert small[0] < middle[0] < whole[0]


def test_groups_stay_whole():
    groups = np.arange(900) % 90
    recorded(cv=GroupKFold(3), fit={"groups": groups})
    for _, _, rows, _ in Recorder.fits:
        assert len(rows) == 10 * len(set(groups[rows]))


def test_the_resource_is_the_number_of_rows_that_whole_groups_have():
    groups = np.arange(900) // 300 + 3 * (np.arange(900) % 3)  # groups of 100 rows
    with pytest.warns(UserWarning, match=r"n_resources=150 instead of 60.*give min_resources=150"):
        search = recorded(cv=GroupKFold(3), fit={"groups": groups}, min_resources=60)
    results = pd.DataFrame(search.cv_results_)
    assert dict(zip(results["iter"], results.n_resources, strict=True)) == {0: 150, 1: 300, 2: 900}
    used = np.array([len(rows) for _, _, rows, _ in Recorder.fits]).reshape(-1, 3)
    assert used.mean(axis=1) * 1.5 == pytest.approx(results.n_resources)
    assert search.max_resources_ == 900


def test_with_a_minimum_that_fits_large_groups_the_budget_holds():
    groups = np.arange(900) // 300 + 3 * (np.arange(900) % 3)  # groups of 100 rows
    search = recorded(cv=GroupKFold(3), fit={"groups": groups}, min_resources=150, n_iter=4)
    assert search.cv_results_["n_resources"].min() == 150
    assert search.cv_results_["n_resources"].sum() <= 4 * 900


def test_with_an_order_by_time_a_subsample_is_the_latest_rows():
    recorded(cv=TimeSeriesSplit(3, gap=10))
    ends = {train[-1] for train, _ in TimeSeriesSplit(3, gap=10).split(X)}
    assert {rows[-1] for _, _, rows, _ in Recorder.fits} == ends
    assert all((np.diff(rows) == 1).all() for _, _, rows, _ in Recorder.fits)


def test_weights_are_those_of_the_rows():
    weights = np.arange(900) + 0.5
    recorded(fit={"sample_weight": weights})
    for _, _, rows, own in Recorder.fits:
        assert np.array_equal(own, weights[rows])


def test_routed_metadata_are_those_of_the_rows():
    weights = np.arange(900) + 0.5
    with config_context(enable_metadata_routing=True):
        model = Recorder().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        numbered = np.column_stack([np.arange(900), X])
        search = WarpedBayesSearchCV(
            model, {"a": Float(0.0, 1.0)}, n_iter=3, strategy="random", resource="n_samples"
        )
        search.fit(numbered, y, sample_weight=weights)
    assert len({len(rows) for _, _, rows, _ in Recorder.fits}) > 1
    for _, _, rows, own in Recorder.fits:
        assert np.array_equal(own, weights[rows])


@pytest.mark.parametrize("make", [sparse.csr_matrix, pd.DataFrame, np.asarray])
def test_sparse_matrices_and_frames_give_the_same_search(make):
    assert same(tree(n_iter=3).fit(make(X), y), tree(n_iter=3).fit(X, y))


def test_a_pipeline_and_labels_of_text_are_searched():
    model = make_pipeline(StandardScaler(), LogisticRegression())
    search = WarpedBayesSearchCV(
        model,
        {"logisticregression__C": Float(1e-3, 1e3)},
        n_iter=3,
        strategy="hyperband",
        resource="n_samples",
    ).fit(pd.DataFrame(X), pd.Series(np.where(y == 1, "yes", "no")))
    assert search.best_estimator_.classes_.tolist() == ["no", "yes"]
    assert set(search.cv_results_["iter"]) == {0, 1, 2}


def test_folds_may_be_an_iterator():
    search = recorded(cv=KFold(3).split(X), n_iter=2)
    assert search.n_splits_ == 3
    assert len(Recorder.fits) == 3 * len(search.cv_results_["params"])


def test_precomputed_kernels_are_subsampled_on_both_axes():
    from sklearn.svm import SVC

    search = WarpedBayesSearchCV(
        SVC(kernel="precomputed"),
        {"C": Float(1e-2, 1e2)},
        n_iter=2,
        strategy="random",
        resource="n_samples",
        error_score="raise",
    ).fit(X @ X.T, y)
    assert search.cv_results_["n_resources"].min() == 60


@pytest.mark.parametrize("cv", [StratifiedKFold(3), TimeSeriesSplit(3, gap=10)])
def test_early_stopping_holds_out_the_same_rows_of_the_whole_part_for_every_candidate(cv):
    weights = np.arange(900) + 0.5
    recorded(cv=cv, monitor=EarlyMonitor(), fit={"sample_weight": weights}, n_iter=4)
    splits, seen = list(cv.split(X, y)), {}
    for i, fit in enumerate(EarlyMonitor.given):
        train, _ = splits[i % 3]
        rows, held = (np.asarray(part)[:, 0].astype(int) for part in (fit.X, fit.X_val))
        assert np.array_equal(fit.params["sample_weight"], weights[rows])
        assert np.array_equal(fit.y, y[rows])
        assert set(rows) <= set(train) - set(held)
        assert len(held) == pytest.approx(0.1 * len(train), abs=1)
        if isinstance(cv, TimeSeriesSplit):
            assert rows.max() == held.min() - 11
        seen.setdefault(i % 3, []).append((tuple(held), len(rows)))
    for of_fold in seen.values():
        held, sizes = zip(*of_fold, strict=True)
        assert len(set(held)) == 1
        assert len(set(sizes)) == 3


# --------------------------------------------------------------------------- a parameter


def test_a_parameter_is_set_to_the_resource_of_each_candidate():
    search = recorded(resource="rounds", max_resources=54, refit=True)
    assert (search.min_resources_, search.max_resources_) == (2, 54)
    results = search.cv_results_
    assert [p["rounds"] for p in results["params"]] == results["n_resources"].tolist()
    assert results["param_rounds"].tolist() == results["n_resources"].tolist()
    assert {rounds for _, rounds, _, _ in Recorder.fits} == {2, 6, 18, 54}
    assert {len(rows) for _, _, rows, _ in Recorder.fits} == {600, 900}
    assert search.best_params_["rounds"] == search.best_estimator_.rounds == 54


def test_a_parameter_of_a_step_is_a_resource():
    model = make_pipeline(StandardScaler(), RandomForestClassifier(random_state=0))
    search = WarpedBayesSearchCV(
        model,
        {"randomforestclassifier__max_depth": Int(1, 9)},
        n_iter=2,
        cv=2,
        strategy="random",
        resource="randomforestclassifier__n_estimators",
        min_resources=2,
        max_resources=8,
        factor=2,
    ).fit(X[:200], y[:200])
    assert set(search.cv_results_["n_resources"]) <= {2, 4, 8}
    assert len(search.best_estimator_[-1].estimators_) == 8


# --------------------------------------------------------------------------- beside other options


@pytest.mark.parametrize(
    "options",
    [
        {"racing": True},
        *(
            pytest.param(options, marks=pytest.mark.slow)
            for options in ({}, {"completion": [Patience(3)]}, {"strategy": "bayesian"})
        ),
    ],
)
def test_any_number_of_workers_gives_the_same_search(options):
    assert same(tree(**options).fit(X, y), tree(**options, n_jobs=2).fit(X, y))


def test_racing_compares_candidates_of_the_same_resource():
    search = tree(racing=True, n_iter=12, cv=KFold(5)).fit(X, y)
    results = pd.DataFrame(search.cv_results_)
    stopped = results[results.trial_state == "stopped"]
    assert len(stopped) > 0
    for number in stopped.index:
        fellows = results[results.n_resources == results.n_resources[number]]
        assert (fellows.trial_state == "complete").sum() >= 2
    assert results.trial_state[search.best_index_] == "complete"


def test_a_stopping_rule_compares_fits_of_the_same_resource():
    model = HistGradientBoostingClassifier(max_iter=15, random_state=0)
    rule = MedianRule(n_warmup_steps=1, n_min_trials=2, n_startup_trials=3, n_protected=0)
    search = WarpedBayesSearchCV(
        model,
        {"learning_rate": Float(1e-3, 1.0)},
        n_iter=5,
        cv=2,
        random_state=0,
        strategy="hyperband",
        resource="n_samples",
        stopping=rule,
        scoring="neg_log_loss",
    ).fit(X, y)
    results = pd.DataFrame(search.cv_results_)
    assert (results.trial_state == "stopped").any()
    first = results[results.n_resources > 60].index[0]
    assert results.trial_state[first] == "complete"  # nothing to compare it with
    assert results.trial_state[search.best_index_] == "complete"


def test_completion_rules_look_at_full_candidates():
    search = recorded(n_iter=12, completion=[Target(0.5)])
    assert search.study_.completion_reason.startswith("target")
    reached = search.study_.history.best()
    assert reached.is_full
    assert reached.value >= 0.5


def test_initial_points_and_the_default_are_tried_in_full():
    search = recorded(n_iter=6, initial_points=[{"a": 0.1}], include_default=True)
    results = search.cv_results_
    assert [p["a"] for p in results["params"][:2]] == [0.5, 0.1]
    assert results["n_resources"][:2].tolist() == [900, 900]
    assert results["n_resources"].sum() <= 6 * 900


def test_only_full_rows_of_parents_are_learned_from():
    first = recorded(resource="rounds", max_resources=54)
    full = first.cv_results_["n_resources"] == 54
    again = {"n_iter": 1, "warm_start_from": [first]}
    then = recorded(resource="rounds", max_resources=54, **again)
    assert len(then.study_.parents[0].observations) == full.sum() > 0
    with pytest.raises(ValueError, match="'rounds'"):
        recorded(resource=None, **again | {"strategy": "random"})


def test_a_list_of_values_is_searched_at_each_level_and_ends_when_it_is_exhausted():
    search = tree(n_iter=9)
    search.set_params(param_distributions={"max_depth": [1, 2, 3, 4]})
    with pytest.warns(UserWarning, match="space exhausted"):
        search.fit(X, y)
    full = search.cv_results_["n_resources"] == 900
    depths = [
        p["max_depth"]
        for p, is_full in zip(search.cv_results_["params"], full, strict=True)
        if is_full
    ]
    assert sorted(depths) == [1, 2, 3, 4]


def test_verbose_counts_candidates_without_a_total(capsys):
    tree(verbose=1, n_iter=2).fit(X, y)
    out = capsys.readouterr().out
    assert "at most" in out
    assert "; fidelity 0.0667" in out


def test_a_clone_has_the_resource():
    search = clone(tree(min_resources=70, max_resources=800, factor=2))
    assert (search.resource, search.min_resources) == ("n_samples", 70)
    assert (search.max_resources, search.factor) == (800, 2)


# --------------------------------------------------------------------------- wrong arguments


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resource": "a", "max_resources": 9}, "which is one of them"),
        ({"resource": "runds", "max_resources": 9}, "did you mean 'rounds'"),
        ({"resource": "rounds"}, "max_resources must be an integer"),
        ({"max_resources": 901}, "at most the number of rows, 900"),
        ({"min_resources": 500, "max_resources": 400}, "at most max_resources"),
        ({"min_resources": 0}, "min_resources"),
        ({"min_resources": True}, "min_resources must be an integer of at least 1, but got True"),
        ({"max_resources": True}, "max_resources must be an integer of at least 1, but got True"),
        ({"n_iter": True}, "n_iter must be an integer of at least 1, but got True"),
        ({"factor": 1}, "factor"),
        ({"resource": None, "factor": 2}, "factor=2 must be left out"),
        ({"resource": None, "min_resources": 20}, "min_resources=20 must be left out"),
        ({"strategy": "grid"}, "strategy='grid'"),
        ({"strategy": RandomSearch(allow_repeats=True)}, "chooses the resource"),
        ({"strategy": HyperbandSearch()}, "chooses the resource"),
        ({"strategy": AsynchronousHyperband(1, 9), "resource": None}, "with strategy='hyperband'"),
        (
            {"strategy": MultiFidelitySearch(1, 9, cost_aware=False), "resource": None},
            "with strategy='bayesian'",
        ),
        ({"strategy": BayesianSearch(allow_repeats=True)}, "chooses the resource"),
        ({"strategy": BayesianSearch(cost_aware=True)}, "cannot be deterministic"),
    ],
)
def test_wrong_arguments_are_refused_before_any_fit(options, message):
    with pytest.raises(ValueError, match=message):
        recorded(**options)
    assert Recorder.fits == ()


class Hungry(DecisionTreeClassifier):
    """A tree that needs 500 rows."""

    def fit(self, X, y):
        if len(X) < 500:
            raise ValueError("too few rows")
        return super().fit(X, y)


def test_looks_that_all_fail_name_the_resource_as_a_cause():
    search = WarpedBayesSearchCV(
        Hungry(), {"max_depth": Int(1, 99)}, strategy="random", resource="n_samples", random_state=0
    )
    with (
        pytest.warns(FitFailedWarning, match="too few rows"),
        pytest.raises(ValueError, match="give a larger min_resources"),
    ):
        search.fit(X, y)


@pytest.mark.parametrize("seed", [0, 3])
def test_the_last_full_fit_is_of_a_candidate_that_holds_the_constraints(seed):
    search = WarpedBayesSearchCV(
        DecisionTreeClassifier(random_state=0),
        {"max_depth": Int(1, 12)},
        strategy="hyperband",
        resource="n_samples",
        min_resources=100,
        constraints=at_most_four_levels,
        n_iter=2,
        cv=3,
        random_state=seed,
    ).fit(X, y)
    assert search.best_params_["max_depth"] <= 4


def at_most_four_levels(tree, fold):
    return [tree.max_depth - 4]


def test_a_resource_without_integer_values_is_refused():
    with pytest.raises(ValueError, match=r"integer values, but 'C' is 1\.0"):
        WarpedBayesSearchCV(
            LogisticRegression(),
            {"tol": Float(1e-5, 1e-1)},
            strategy="random",
            resource="C",
            max_resources=10,
        ).fit(X, y)


def test_a_minimum_that_saves_nothing_is_warned_of():
    with pytest.warns(UserWarning, match="every candidate is tried in full"):
        search = recorded((X[:50], y[:50]), n_iter=2)
    assert search.cv_results_["n_resources"].tolist() == [50, 50]

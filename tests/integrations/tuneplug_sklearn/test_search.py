"""The contract of WarpedBayesSearchCV: what it shares with RandomizedSearchCV, and what it adds."""

from __future__ import annotations

import inspect
import json
import threading
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse, stats
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier, is_regressor
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    ParameterGrid,
    ParameterSampler,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import check_random_state
from sklearn.utils.fixes import parse_version

from tuneplug import Categorical, Float, Int, SearchSpace, TrialState, UnknownNameError
from tuneplug.strategies import BayesianSearch, RandomSearch
from tuneplug_sklearn import WarpedBayesSearchCV
from tuneplug_sklearn.initial_points import start_study

SKLEARN = parse_version(sklearn.__version__).release
X, y = load_iris(return_X_y=True)
X2, y2 = X[50:], y[50:] - 1
ROWS = np.arange(30.0).reshape(-1, 1)
LABELS = np.arange(30) % 2
#: Ranges, lists, and both, for the decision tree.
RANGES = {"max_depth": Int(1, 8), "min_impurity_decrease": Float(0.0, 0.2)}
LISTS = {"max_depth": [1, 2, 3, 4, 5], "criterion": ["gini", "entropy"], "max_features": [1, 2, 3]}


class Peak(ClassifierMixin, BaseEstimator):
    """Fits nothing; its score is best at a = 0.3, b = 7 and does not look at data."""

    n_fits = 0

    def __init__(self, a=0.5, b=1):
        self.a, self.b = a, b

    def fit(self, X, y=None):
        type(self).n_fits += 1
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y=None):
        return -((self.a - 0.3) ** 2) - 0.01 * (self.b - 7) ** 2


class Impatient(Peak):
    """Ctrl-C is pressed during its k-th fit; where a > 2, a fit fails."""

    interrupt_at = 0
    counting = threading.Lock()

    def fit(self, X, y=None):
        with self.counting:
            super().fit(X, y)
            number = self.n_fits
        if number == self.interrupt_at:
            raise KeyboardInterrupt
        if self.a > 2:
            raise ArithmeticError("a is too large")
        return self


@pytest.fixture(autouse=True)
def _start_counting():
    Peak.n_fits = Impatient.n_fits = 0


def tree(space=None, **options):
    """Return a search over a decision tree: 6 candidates on 2 folds, seed 0."""
    options = {"n_iter": 6, "cv": 2, "random_state": 0} | options
    model = DecisionTreeClassifier(random_state=0)
    return WarpedBayesSearchCV(model, RANGES if space is None else space, **options)


def peak(space=None, model=None, **options):
    """Return a search over a made-up score: 8 candidates on 2 folds, seed 0."""
    options = {"n_iter": 8, "cv": 2, "random_state": 0} | options
    space = {"a": Float(0.0, 1.0), "b": Int(0, 12)} if space is None else space
    return WarpedBayesSearchCV(Peak() if model is None else model, space, **options)


def tried(search):
    return search.cv_results_["params"]


# --------------------------------------------------------------------------- signature, results


def test_the_signature_is_that_of_randomized_search_with_keyword_only_extras():
    ours = inspect.signature(WarpedBayesSearchCV).parameters
    theirs = inspect.signature(RandomizedSearchCV).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    for name, parameter in theirs.items():
        assert ours[name].kind is parameter.kind
        assert repr(ours[name].default) == repr(parameter.default)  # nan equals nan by its name
    extras = [ours[name] for name in list(ours)[len(theirs) :]]
    assert {extra.kind for extra in extras} == {inspect.Parameter.KEYWORD_ONLY}
    assert {extra.name: extra.default for extra in extras} == {
        "strategy": "bayesian",
        "objective_metric": None,
        "initial_points": None,
        "include_default": False,
        "warm_start_from": None,
        "warm_start_type": "identical",
        "executor": None,
        "lag": "auto",
        "racing": False,
        "stopping": None,
        "monitor": None,
        "validation_fraction": 0.1,
        "timeout": None,
        "trial_timeout": None,
        "completion": (),
        "callbacks": None,
        "plugins": None,
        "fail_fast": True,
        "resource": None,
        "min_resources": "auto",
        "max_resources": "auto",
        "factor": 3,
        "storage": None,
        "study_name": None,
        "resume": False,
        "constraints": None,
    }
    fit = inspect.signature(WarpedBayesSearchCV.fit).parameters
    assert list(fit) == list(inspect.signature(RandomizedSearchCV.fit).parameters)


@pytest.mark.parametrize("return_train_score", [False, True])
@pytest.mark.parametrize(
    "scoring", [None, "accuracy", ["accuracy", "f1_macro"], {"mine": "accuracy"}]
)
def test_results_have_the_columns_of_randomized_search_and_no_others(scoring, return_train_score):
    options = {
        "n_iter": 4,
        "cv": 3,
        "random_state": 0,
        "scoring": scoring,
        "refit": False,
        "return_train_score": return_train_score,
    }
    model = DecisionTreeClassifier(random_state=0)
    ours = WarpedBayesSearchCV(model, LISTS, **options).fit(X, y).cv_results_
    theirs = RandomizedSearchCV(model, LISTS, **options).fit(X, y).cv_results_
    assert set(ours) == set(theirs)
    for name, column in theirs.items():
        assert type(ours[name]) is type(column)
        if name != "params":
            assert ours[name].shape == column.shape
            assert ours[name].dtype == column.dtype


@pytest.mark.parametrize("refit", [True, False])
def test_fitted_attributes_are_those_of_randomized_search_and_the_study(refit):
    options = {"n_iter": 4, "cv": 3, "random_state": 0, "refit": refit}
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = DecisionTreeClassifier(random_state=0)
    ours = WarpedBayesSearchCV(model, LISTS, **options).fit(frame, y)
    theirs = RandomizedSearchCV(model, LISTS, **options).fit(frame, y)
    fitted = [name for name in vars(theirs) if name.endswith("_")]
    assert {name for name in vars(ours) if name.endswith("_")} == {*fitted, "study_"}
    assert ours.n_splits_ == 3
    assert ours.multimetric_ is False
    assert ours.best_params_ == tried(ours)[ours.best_index_]
    assert ours.best_score_ == ours.cv_results_["mean_test_score"].max()
    if refit:
        assert ours.n_features_in_ == 4
        assert ours.classes_.tolist() == [0, 1, 2]
        assert ours.refit_time_ > 0
        assert ours.best_estimator_.get_params().items() >= ours.best_params_.items()
    else:
        assert not hasattr(ours, "best_estimator_")
        assert not hasattr(ours, "predict")


def test_rows_are_in_the_order_of_suggestion():
    search = tree(n_iter=9).fit(X, y)
    trials = search.study_.trials
    assert [trial.number for trial in trials] == list(range(9))
    assert [trial.params for trial in trials] == tried(search)
    assert [trial.value for trial in trials] == search.cv_results_["mean_test_score"].tolist()
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert search.study_.best_params == search.best_params_
    assert search.study_.best_value == search.best_score_


def test_nothing_is_checked_or_changed_in_the_constructor():
    wrong = {"n_iter": -1, "strategy": 3, "objective_metric": 5, "initial_points": "x", "refit": 7}
    search = WarpedBayesSearchCV(None, "no space", **wrong)
    assert search.get_params(deep=False).items() >= wrong.items()


@pytest.mark.parametrize(
    "wrong", [{"n_iter": 0}, {"strategy": 3}, {"objective_metric": 5}, {"initial_points": {"a": 1}}]
)
def test_arguments_of_a_wrong_type_are_named_before_any_fit(wrong):
    search = peak(**wrong)
    with pytest.raises(ValueError, match=f"The '{next(iter(wrong))}' parameter"):
        search.fit(ROWS, LABELS)
    assert Peak.n_fits == 0


# --------------------------------------------------------------------------- what it is fitted to


def test_it_works_as_a_step_of_a_pipeline_and_around_one():
    space = {"svc__C": Float(1e-1, 1e2), "standardscaler__with_mean": [True, False]}
    inner = make_pipeline(StandardScaler(), SVC())
    search = WarpedBayesSearchCV(inner, space, n_iter=6, cv=2, random_state=0)
    outer = make_pipeline(StandardScaler(), search).fit(X, y)
    assert outer.score(X, y) > 0.9
    assert outer[-1].best_params_.keys() == space.keys()
    assert cross_val_score(outer, X, y, cv=2).min() > 0.9


def test_it_is_what_the_estimator_inside_is():
    assert is_classifier(tree())
    assert is_regressor(WarpedBayesSearchCV(Ridge(), {"alpha": Float(0.1, 1.0)}))
    assert not hasattr(WarpedBayesSearchCV(Ridge(), {}), "predict_proba")
    assert hasattr(tree(), "predict_proba")


def test_data_frames_keep_the_names_of_their_columns():
    names = ["long", "wide", "other", "last"]
    frame = pd.DataFrame(X, columns=names)
    search = tree().fit(frame, pd.Series(y))
    assert search.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(search.predict(frame), tree().fit(X, y).predict(X))


def test_sparse_matrices_and_plain_lists_give_the_same_search():
    dense = tree().fit(X, y)
    for data in (sparse.csr_array(X), X.tolist()):
        search = tree().fit(data, y.tolist())
        assert tried(search) == tried(dense)
        np.testing.assert_array_equal(search.predict(data), dense.predict(X))


def test_estimators_without_a_target_are_searched_as_well():
    space = {"n_clusters": Int(2, 6), "tol": Float(1e-5, 1e-2)}
    model = KMeans(n_init=1, random_state=0)
    search = WarpedBayesSearchCV(model, space, n_iter=7, cv=2, random_state=0).fit(X)
    assert search.predict(X).shape == (150,)
    # More clusters lie closer to the rows, which is what KMeans scores.
    assert search.best_params_["n_clusters"] >= 5


def test_groups_go_to_the_splitter_and_weights_are_split_with_the_folds():
    seen = []

    class Weighted(Peak):
        def fit(self, X, y=None, sample_weight=None):
            seen.append(("fit", X[:, 0], sample_weight))
            return super().fit(X, y)

        def score(self, X, y=None, sample_weight=None):
            seen.append(("score", X[:, 0], sample_weight))
            return super().score(X, y)

    groups = np.repeat([0, 1, 2], 10)
    search = peak(model=Weighted(), cv=GroupKFold(3), n_iter=6)
    search.fit(ROWS, LABELS, groups=groups, sample_weight=ROWS[:, 0] + 100.0)
    assert len(seen) == 6 * 3 * 2 + 1
    for what, rows, weight in seen:
        if what == "fit" or SKLEARN >= (1, 7):  # before, scorers were given no weights
            np.testing.assert_array_equal(weight, rows + 100.0)
    for (_, trained, _), (_, tested, _) in zip(seen[0:-1:2], seen[1:-1:2], strict=True):
        assert set(groups[trained.astype(int)]).isdisjoint(groups[tested.astype(int)])
    assert seen[-1][0] == "fit"
    assert len(seen[-1][1]) == 30


def test_metadata_is_routed_where_routing_is_enabled():
    rng = np.random.default_rng(0)
    groups = np.arange(len(X2)) % 4
    weight = rng.uniform(0.5, 2.0, len(X2))
    with config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        space = {"C": Float(1e-2, 1e2)}
        search = WarpedBayesSearchCV(model, space, n_iter=6, cv=GroupKFold(4), random_state=0)
        search.fit(X2, y2, sample_weight=weight, groups=groups)
        assert search.n_splits_ == 4
        unweighted = clone(search).fit(X2, y2, groups=groups)
        with pytest.raises(TypeError, match="unknown"):
            clone(search).fit(X2, y2, groups=groups, unknown=weight)
    assert not np.array_equal(search.best_estimator_.coef_, unweighted.best_estimator_.coef_)
    # The weights reached the scores: those are what scoring by hand gives.
    train, test = next(GroupKFold(4).split(X2, y2, groups))
    by_hand = clone(model).set_params(**tried(search)[0])
    by_hand.fit(X2[train], y2[train], sample_weight=weight[train])
    assert search.cv_results_["split0_test_score"][0] == pytest.approx(
        by_hand.score(X2[test], y2[test], sample_weight=weight[test])
    )


def test_a_splitter_that_contradicts_itself_is_refused():
    class Liar(KFold):
        def get_n_splits(self, X=None, y=None, groups=None):
            return 4

    with pytest.raises(ValueError, match="Expected 4 splits, got 2"):
        peak(cv=Liar(2)).fit(ROWS, LABELS)
    assert Peak.n_fits == 0


# --------------------------------------------------------------------------- seeds and jobs


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strategy": "random"},
        {"param_distributions": LISTS},
        {"initial_points": [{"max_depth": 3, "min_impurity_decrease": 0.1}] * 7},
    ],
    ids=["ranges", "random", "lists", "the same initial point again and again"],
)
def test_candidates_and_scores_do_not_depend_on_the_number_of_jobs(options):
    one, two = (tree(n_iter=9, n_jobs=n_jobs).set_params(**options).fit(X, y) for n_jobs in (1, 2))
    assert tried(one) == tried(two)
    np.testing.assert_array_equal(
        one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"]
    )
    assert one.best_params_ == two.best_params_


def test_the_seed_decides_the_candidates():
    assert tried(tree().fit(X, y)) == tried(tree().fit(X, y))
    assert tried(tree().fit(X, y)) != tried(tree(random_state=1).fit(X, y))
    drawn = [tree(random_state=np.random.RandomState(5)).fit(X, y) for _ in range(2)]
    assert tried(drawn[0]) == tried(drawn[1])
    generator = np.random.RandomState(5)
    drawn = [tree(random_state=generator).fit(X, y) for _ in range(2)]
    assert tried(drawn[0]) != tried(drawn[1])


def test_a_seeded_search_leaves_numpys_global_generator_alone():
    before = check_random_state(None).get_state()
    tree().fit(X, y)
    after = check_random_state(None).get_state()
    assert before[2] == after[2]
    np.testing.assert_array_equal(before[1], after[1])


# --------------------------------------------------------------------------- lists of choices


def test_lists_are_gone_through_in_grid_order_where_the_budget_covers_them():
    search = tree(LISTS, n_iter=30).fit(X, y)
    assert tried(search) == list(ParameterGrid(LISTS))


def test_a_list_of_spaces_of_lists_is_gone_through_in_grid_order():
    spaces = [{"max_depth": [1, 2], "criterion": ["gini"]}, {"max_features": [1, 2, 3]}]
    search = tree(spaces, n_iter=5).fit(X, y)
    assert tried(search) == list(ParameterGrid(spaces))


@pytest.mark.parametrize("make_state", [lambda: 3, lambda: np.random.RandomState(3)])
def test_a_search_over_lists_starts_with_the_configurations_of_randomized_search(make_state):
    search = tree(LISTS, n_iter=12, random_state=make_state()).fit(X, y)
    sampled = list(ParameterSampler(LISTS, 12, random_state=make_state()))
    assert tried(search)[:5] == sampled[:5]
    origins = [trial.origin for trial in search.study_.trials[5:]]
    assert origins[0] == "model"
    assert set(origins) <= {"model", "exploration"}
    assert tried(search) != sampled


def test_random_search_over_lists_is_randomized_search():
    search = tree(LISTS, n_iter=12, strategy="random").fit(X, y)
    assert tried(search) == list(ParameterSampler(LISTS, 12, random_state=0))


@pytest.mark.parametrize("strategy", ["bayesian", "random", "grid"])
def test_more_candidates_than_lists_hold_are_warned_of_in_scikit_learns_own_words(strategy):
    space = {"max_depth": [1, 2, 3], "criterion": ["gini", "entropy"]}
    with warnings.catch_warnings(record=True) as theirs:
        warnings.simplefilter("always")
        expected = list(ParameterSampler(space, 9))
    with warnings.catch_warnings(record=True) as ours:
        warnings.simplefilter("always")
        search = tree(space, n_iter=9, strategy=strategy).fit(X, y)
    assert tried(search) == expected
    assert len(ours) == 1
    assert ours[0].category is UserWarning
    assert str(ours[0].message) == str(theirs[0].message)


def test_exactly_as_many_candidates_as_lists_hold_are_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = tree({"max_depth": [1, 2, 3]}, n_iter=3).fit(X, y)
    assert len(tried(search)) == 3


# --------------------------------------------------------------------------- ranges


@pytest.mark.parametrize("n_iter", [10, 15])
def test_at_least_half_of_the_candidates_come_from_the_model(n_iter):
    search = peak(n_iter=n_iter).fit(ROWS, LABELS)
    origins = [trial.origin for trial in search.study_.trials]
    assert origins == ["design"] * 5 + ["model"] * (n_iter - 5)
    assert origins.count("model") >= n_iter / 2


def test_the_model_finds_what_random_search_misses():
    found = peak(n_iter=25).fit(ROWS, LABELS)
    drawn = [peak(n_iter=25, strategy="random", random_state=i).fit(ROWS, LABELS) for i in range(5)]
    assert found.best_score_ > -1e-3
    assert found.best_score_ > np.median([search.best_score_ for search in drawn])


@pytest.mark.parametrize("seed", range(5))
def test_every_space_of_a_list_is_tried_in_the_start_up_design(seed):
    spaces = [
        {"kernel": ["linear"], "C": Float(0.01, 10.0)},
        {"kernel": ["rbf"], "C": Float(0.01, 10.0), "gamma": Float(0.01, 1.0)},
        {"kernel": ["poly"], "degree": Int(2, 3), "gamma": Float(0.01, 0.1)},
    ]
    search = WarpedBayesSearchCV(SVC(), spaces, n_iter=7, cv=2, lag=0, random_state=seed)
    search.fit(X, y)
    design = [trial for trial in search.study_.trials if trial.origin == "design"]
    assert len(design) == 3
    assert {trial.params["kernel"] for trial in design} == {"linear", "rbf", "poly"}


def test_a_finite_space_of_ranges_ends_with_one_warning_where_fit_was_called():
    search = peak({"b": Int(1, 3), "a": Categorical([0.25, 0.75])}, n_iter=20)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(ROWS, LABELS)
    assert len(tried(search)) == 6
    assert len(caught) == 1
    assert caught[0].category is UserWarning
    assert "space exhausted" in str(caught[0].message)
    assert "6 of n_iter=20 candidates" in str(caught[0].message)
    assert caught[0].filename == __file__


def test_a_finite_space_that_the_budget_just_covers_is_gone_through_without_a_warning():
    search = peak({"b": Int(1, 3), "a": Categorical([0.25, 0.75])}, n_iter=6).fit(ROWS, LABELS)
    configurations = {(params["b"], params["a"]) for params in tried(search)}
    assert configurations == {(b, a) for b in (1, 2, 3) for a in (0.25, 0.75)}


@pytest.mark.parametrize("strategy", ["bayesian", "random", "grid"])
@pytest.mark.parametrize(
    "space",
    [
        {"b": Int(1, 6), "a": [0.1, 0.3, 0.5]},
        {"b": stats.randint(1, 7), "a": [0.1, 0.3, 0.5]},
        [{"b": Int(1, 6)}, {"a": Categorical([0.1, 0.3, 0.5, 0.7]), "b": Int(4, 6)}],
    ],
    ids=["range and list", "distribution and list", "list of spaces"],
)
def test_no_configuration_is_tried_twice(space, strategy):
    search = peak(space, n_iter=17, strategy=strategy).fit(ROWS, LABELS)
    configurations = [json.dumps(params, sort_keys=True) for params in tried(search)]
    assert len(configurations) == 17
    assert len(set(configurations)) == 17


def test_a_search_space_may_be_given_in_place_of_a_dict():
    given = peak(SearchSpace({"a": Float(0.0, 1.0), "b": Int(0, 12)})).fit(ROWS, LABELS)
    assert tried(given) == tried(peak().fit(ROWS, LABELS))


def test_parameters_with_a_condition_are_masked_where_they_are_off():
    space = {"b": Int(0, 3), "a": Float(0.0, 1.0, when={"b": [2, 3]})}
    search = peak(space, n_iter=12).fit(ROWS, LABELS)
    off = [params["b"] < 2 for params in tried(search)]
    assert any(off)
    assert not all(off)
    np.testing.assert_array_equal(search.cv_results_["param_a"].mask, off)


# --------------------------------------------------------------------------- strategies, points


def test_an_unknown_strategy_is_refused_before_any_fit_with_the_names_there_are():
    with pytest.raises(UnknownNameError, match=r"bayesian.*grid.*random.*'baysian'"):
        peak(strategy="baysian").fit(ROWS, LABELS)
    assert Peak.n_fits == 0


def test_a_strategy_may_be_an_instance_with_arguments_of_its_own():
    search = peak(strategy=BayesianSearch(warping=False, n_initial=3), lag=0).fit(ROWS, LABELS)
    assert [t.origin for t in search.study_.trials] == ["design"] * 3 + ["model"] * 5
    assert search.study_.learned_warps() == {}
    assert clone(search).strategy == BayesianSearch(warping=False, n_initial=3)
    drawn = peak(strategy=RandomSearch()).fit(ROWS, LABELS)
    assert tried(drawn) == tried(peak(strategy="random").fit(ROWS, LABELS))


@pytest.mark.parametrize("space", [{"b": [1, 2, 3]}, {"b": Int(1, 3)}], ids=["list", "range"])
@pytest.mark.parametrize("cls", [BayesianSearch, RandomSearch])
def test_a_strategy_that_may_repeat_configurations_spends_the_whole_budget(cls, space, capsys):
    search = peak(space, n_iter=9, strategy=cls(allow_repeats=True), verbose=1)
    search.fit(ROWS, LABELS)
    assert len(tried(search)) == 9
    assert {params["b"] for params in tried(search)} == {1, 2, 3}
    out, err = capsys.readouterr()
    assert "9 candidates, totalling 18 fits" in out
    assert [line for line in out.splitlines() if line.startswith("[")][-1].startswith("[9/9]")
    assert err == ""


def test_initial_points_are_tried_first_and_count():
    points = [{"a": 0.3, "b": 7}, {"b": 2, "a": 0.9}]
    search = peak(initial_points=points).fit(ROWS, LABELS)
    assert tried(search)[:2] == points
    assert [list(params) for params in tried(search)] == [["a", "b"]] * 8
    origins = [trial.origin for trial in search.study_.trials]
    assert origins[:3] == ["user", "user", "design"]
    assert search.best_index_ == 0
    assert points == [{"a": 0.3, "b": 7}, {"b": 2, "a": 0.9}]


def test_initial_points_beyond_the_budget_are_warned_of():
    points = [{"a": a, "b": 5} for a in (0.1, 0.2, 0.3)]
    with pytest.warns(UserWarning, match="give 3 configurations, and only the first 2 of them"):
        search = peak(initial_points=points, n_iter=2).fit(ROWS, LABELS)
    assert search.cv_results_["params"] == points[:2]


def test_initial_points_come_before_the_start_up_configurations_of_lists():
    point = {"max_depth": 5, "criterion": "entropy", "max_features": 3}
    search = tree(LISTS, n_iter=12, initial_points=[point]).fit(X, y)
    sampled = list(ParameterSampler(LISTS, 12, random_state=0))
    assert point not in sampled[:5]
    assert tried(search)[:5] == [point, *sampled[:4]]


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"a": 0.5}, "'b'.* missing"),
        ({"a": 0.5, "b": 3, "c": 1}, "'c'.* not expected"),
        ({"a": 1.5, "b": 3}, r"a: values must lie in \[0.0, 1.0\], but got 1.5"),
        ({"a": 0.5, "b": 3.5}, r"b: values must lie in \[0, 12\], but got 3.5"),
    ],
)
def test_initial_points_outside_the_space_are_refused_before_any_fit(point, message):
    search = peak(initial_points=[{"a": 0.5, "b": 5}, point])
    with pytest.raises(ValueError, match=message):
        search.fit(ROWS, LABELS)
    assert Peak.n_fits == 0


# --------------------------------------------------------------------------- errors, interrupts


def test_error_score_raise_raises_what_the_fit_raised():
    search = tree({"max_depth": [2, -5, 4]}, n_iter=3, error_score="raise")
    with pytest.raises(ValueError, match="max_depth"):
        search.fit(X, y)
    states = [trial.state for trial in search.study_.trials]
    assert states == [TrialState.COMPLETE, TrialState.FAILED]


def test_after_an_interrupt_the_finished_candidates_are_kept_and_nothing_is_refitted():
    search = peak(model=Impatient())
    Impatient.interrupt_at = 2 * 5 + 2  # the second fold of the sixth candidate
    with pytest.raises(KeyboardInterrupt):
        search.fit(ROWS, LABELS)
    assert Impatient.n_fits == 12
    assert len(tried(search)) == 5
    assert tried(search) == tried(peak().fit(ROWS, LABELS))[:5]
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_params_ == tried(search)[search.best_index_]
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()
    assert not hasattr(search, "best_estimator_")
    trials = search.study_.trials
    assert [t.state for t in trials] == [TrialState.COMPLETE] * 5 + [TrialState.FAILED]
    assert "KeyboardInterrupt" in trials[-1].error
    assert search.study_.best_params == search.best_params_


def test_an_interrupt_on_threads_keeps_what_was_finished_before():
    search = peak(model=Impatient(), n_iter=9, n_jobs=2)
    Impatient.interrupt_at = 2 * 7 + 1
    with joblib.parallel_config(backend="threading"), pytest.raises(KeyboardInterrupt):
        search.fit(ROWS, LABELS)
    kept = tried(search)
    assert len(kept) in (6, 7)  # the other fold of candidate 6 may run on when the interrupt comes
    assert kept == tried(peak(n_iter=9).fit(ROWS, LABELS))[: len(kept)]
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()


def test_an_interrupt_before_any_candidate_is_finished_just_goes_on():
    search = peak(model=Impatient())
    Impatient.interrupt_at = 2
    with pytest.raises(KeyboardInterrupt):
        search.fit(ROWS, LABELS)
    assert not hasattr(search, "cv_results_")


def test_an_interrupt_after_failures_alone_is_not_hidden_by_their_error():
    search = peak({"a": [3.0, 4.0, 5.0]}, Impatient(), n_iter=3)
    Impatient.interrupt_at = 5
    with pytest.warns(FitFailedWarning, match="continues"), pytest.raises(KeyboardInterrupt):
        search.fit(ROWS, LABELS)
    assert not hasattr(search, "cv_results_")


def test_after_an_interrupt_the_model_of_an_earlier_fit_is_gone():
    search = peak(model=Impatient())
    Impatient.interrupt_at = 0
    search.fit(ROWS, LABELS)
    assert hasattr(search, "best_estimator_")
    Impatient.interrupt_at = Impatient.n_fits + 7
    with pytest.raises(KeyboardInterrupt):
        search.fit(ROWS, LABELS)
    assert len(tried(search)) == 3
    assert not hasattr(search, "best_estimator_")


# --------------------------------------------------------------------------- telling the user


def test_verbose_prints_one_line_for_each_candidate_on_stdout(capsys):
    search = peak({"a": [0.1, 0.3, 3.0]}, Impatient(), n_iter=3, cv=3, verbose=1)
    Impatient.interrupt_at = 0
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        search.fit(ROWS, LABELS)
    out, err = capsys.readouterr()
    heading, *lines = out.splitlines()
    assert (heading, err) == ("Fitting 3 folds for each of 3 candidates, totalling 9 fits", "")
    assert [line[:5] for line in lines] == ["[1/3]", "[2/3]", "[3/3]"]
    assert "score -0.4 " in lines[0]
    assert "best -0.4 " in lines[0]
    assert "best -0.36 " in lines[1]
    assert "  failed  " in lines[2]
    assert "best -0.36 " in lines[2]
    assert all("s left" in line for line in lines)


def test_progress_counts_to_the_size_of_a_space_that_is_smaller_than_the_budget(capsys):
    with pytest.warns(UserWarning, match="space exhausted"):
        peak({"b": Int(1, 3)}, n_iter=12, verbose=1).fit(ROWS, LABELS)
    out, err = capsys.readouterr()
    heading, *lines, end = out.splitlines()
    assert end == "b: best at the high end of [1, 3]: widen"
    assert "3 candidates, totalling 6 fits" in heading
    assert [line[:5] for line in lines] == ["[1/3]", "[2/3]", "[3/3]"]
    assert err == ""


@pytest.mark.parametrize("verbose", [0, 1])
def test_a_verbose_search_advises_once_to_widen_the_range_of_its_best_candidate(verbose, capsys):
    space = {"a": Float(0.5, 2.0), "b": Int(-5, 20)}
    best = {"a": 0.5, "b": 3}
    peak(space, n_iter=3, initial_points=[best], strategy="random", verbose=verbose).fit(
        ROWS, LABELS
    )
    out, _ = capsys.readouterr()
    said = [line for line in out.splitlines() if "widen" in line]
    assert said == ["a: best at the low end of [0.5, 2]: widen"] * verbose


def test_the_name_of_the_score_is_printed(capsys):
    search = WarpedBayesSearchCV(SVC(), {"C": [1, 2]}, n_iter=1, scoring="f1_macro", verbose=1)
    search.fit(ROWS, LABELS)
    assert "] trial 0  f1_macro " in capsys.readouterr().out
    search.set_params(scoring=["f1_macro", "accuracy"], refit="accuracy").fit(ROWS, LABELS)
    assert "] trial 0  accuracy " in capsys.readouterr().out


def test_a_quiet_search_writes_nothing(capsys):
    peak().fit(ROWS, LABELS)
    assert capsys.readouterr() == ("", "")


class RecordingCallback:
    """Remembers every hook that scikit-learn calls, with the task it is called for."""

    def __init__(self):
        self.calls = []

    def setup(self, estimator, context):
        self.calls.append(("setup", type(estimator).__name__))

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context):
        self.calls.append(("end", context.task_name))

    def teardown(self, estimator, context):
        self.calls.append(("teardown", type(estimator).__name__))


def recorded(cls, **options):
    recorder = RecordingCallback()
    search = cls(DecisionTreeClassifier(random_state=0), LISTS, n_iter=4, cv=3, random_state=0)
    search.set_params(**options).set_callbacks(recorder).fit(X, y)
    return [(hook, name.replace(cls.__name__, "search class")) for hook, name in recorder.calls]


@pytest.mark.parametrize("refit", [True, False])
def test_callbacks_see_the_tasks_that_they_see_of_randomized_search(refit):
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    ours = recorded(WarpedBayesSearchCV, refit=refit)
    assert ours == recorded(RandomizedSearchCV, refit=refit)
    assert ours[0] == ("setup", "search class")
    assert ours[-1] == ("teardown", "search class")
    assert ours.count(("begin", "candidate-split-evaluation")) == 4 * 3
    assert ours.count(("end", "refit-with-best-params")) == int(refit)


def test_scikit_learns_progress_bar_shows_the_search(capsys):
    callback = pytest.importorskip(
        "sklearn.callback", reason="scikit-learn has callbacks from 1.9 on"
    )
    pytest.importorskip("rich", reason="scikit-learn's progress bar is drawn by rich")
    model = make_pipeline(StandardScaler(), LogisticRegression())
    search = WarpedBayesSearchCV(model, {"logisticregression__C": [0.1, 1.0]}, n_iter=2, cv=2)
    search.set_callbacks(callback.ProgressBar()).fit(X, y)
    shown = capsys.readouterr().out
    assert "WarpedBayesSearchCV - search" in shown
    assert "refit-with-best-params" in shown
    assert "100%" in shown


def test_scalings_can_be_explained_after_a_search():
    space = {"alpha": stats.loguniform(1e-3, 1e3), "tol": Float(1e-6, 1e-2)}
    data = load_diabetes(return_X_y=True)
    search = WarpedBayesSearchCV(Ridge(), space, n_iter=6, cv=2, random_state=0).fit(*data)
    records = {record["parameter"]: record for record in search.study_.explain_scaling()}
    assert records["alpha"]["scaling"] == "log"
    assert records["tol"]["chosen_by"] == "auto"
    frame = search.study_.to_frame()
    assert frame["value"].tolist() == search.cv_results_["mean_test_score"].tolist()
    assert set(search.study_.learned_warps()) == {"alpha", "tol"}


@pytest.mark.parametrize("seed", range(8))
def test_every_sub_space_of_lists_alone_is_in_the_start_up_design(seed):
    subspaces = [
        {"max_depth": list(range(1, 10))},
        {"min_samples_leaf": list(range(1, 8))},
        {"criterion": ["gini", "entropy"]},
    ]
    search = WarpedBayesSearchCV(DecisionTreeClassifier(), subspaces, n_iter=10, random_state=seed)
    search.fit(*load_iris(return_X_y=True))
    startup = search.cv_results_["params"][:5]
    assert {next(iter(params)) for params in startup} == {name for b in subspaces for name in b}
    assert len({str(p) for p in search.cv_results_["params"]}) == 10


def test_initial_points_take_the_place_of_start_up_trials():
    points = [{"max_depth": depth} for depth in (2, 3, 4)]
    search = WarpedBayesSearchCV(
        DecisionTreeClassifier(),
        {"max_depth": list(range(1, 40))},
        n_iter=10,
        initial_points=points,
        random_state=0,
    ).fit(*load_iris(return_X_y=True))
    origins = [t.origin for t in search.study_.trials]
    assert origins == ["user"] * 5 + ["model"] * 5
    assert search.cv_results_["params"][:3] == points


def test_candidates_of_a_grid_are_evaluated_several_at_a_time():
    search = WarpedBayesSearchCV(
        DecisionTreeClassifier(), {"max_depth": [1, 2, 3]}, strategy="grid", n_iter=3
    )
    assert start_study(search, None)[1] == 3

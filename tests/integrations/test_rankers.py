"""Rankers in the search: queries are split with the folds, and fits are monitored."""

from __future__ import annotations

import warnings

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn import config_context
from sklearn.metrics import ndcg_score
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tuneplug import Float, TrialState
from tuneplug.stopping import MedianRule
from tuneplug_catboost import CatBoostMonitor
from tuneplug_lightgbm import LightGBMMonitor
from tuneplug_sklearn import WarpedBayesSearchCV
from tuneplug_sklearn.queries import QuerySizes
from tuneplug_xgboost import XGBoostMonitor

catboost = pytest.importorskip("catboost")
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")

rng = np.random.default_rng(0)
SIZES = rng.integers(4, 12, size=24)
QUERY = np.repeat(np.arange(len(SIZES)), SIZES)
X = pd.DataFrame(rng.normal(size=(len(QUERY), 4)), columns=list("abcd"))
Y = np.clip((X["a"] * 1.5 + 0.5 * rng.normal(size=len(QUERY)) + 1).round(), 0, 3).astype(int)
CV = GroupKFold(3)
EAGER = MedianRule(n_warmup_steps=0, n_min_trials=1, n_startup_trials=2, n_protected=0)
NEVER = MedianRule(n_warmup_steps=10**6)
SPACE = {"learning_rate": Float(0.05, 0.5)}


def ndcg(model, X, y):
    """Mean over the queries of the rows; the index of X tells which these are."""
    predicted, query, y = model.predict(X), QUERY[X.index], np.asarray(y)
    return np.mean([ndcg_score([y[query == q]], [predicted[query == q]]) for q in np.unique(query)])


def xgb(**params):
    return xgboost.XGBRanker(**{"n_estimators": 8, "n_jobs": 1, "max_depth": 3} | params)


def lgb(**params):
    fixed = {"n_estimators": 8, "n_jobs": 1, "verbose": -1, "min_child_samples": 2}
    return lightgbm.LGBMRanker(**fixed | params)


def cat(**params):
    fixed = {"iterations": 8, "verbose": False, "allow_writing_files": False, "thread_count": 1}
    return catboost.CatBoostRanker(**fixed | params)


def sizes_of(rows):
    return np.unique(QUERY[rows], return_counts=True)[1]


EVERY = slice(None)
KINDS = {
    "xgboost, qid": (xgb, "qid", lambda rows: QUERY[rows], XGBoostMonitor("ndcg")),
    "xgboost, group": (xgb, "group", sizes_of, XGBoostMonitor("ndcg")),
    "lightgbm, group": (lgb, "group", sizes_of, LightGBMMonitor("ndcg@5")),
    "catboost, group_id": (
        cat,
        "group_id",
        lambda rows: QUERY[rows],
        CatBoostMonitor("NDCG:type=Base"),
    ),
}
EACH = pytest.mark.parametrize("kind", KINDS)
BY_SIZES = pytest.mark.parametrize("kind", ["xgboost, group", "lightgbm, group"])


def monitor_of(kind):
    """Return a monitor of the NDCG, and parameters of a model that evaluates it."""
    make, _, _, monitor = KINDS[kind]
    return monitor, {xgb: {"eval_metric": "ndcg"}, cat: {"eval_metric": "NDCG:type=Base"}}.get(
        make, {}
    )


def searched(kind, fit_params=None, model=None, **options):
    make, name, select, _ = KINDS[kind]
    options = {"n_iter": 2, "cv": CV, "random_state": 0, "scoring": ndcg, "lag": 0} | options
    options = {"strategy": "random"} | options
    search = WarpedBayesSearchCV(model or make(), options.pop("space", SPACE), **options)
    given = {name: select(EVERY)} if fit_params is None else fit_params
    return search.fit(X, Y, groups=QUERY, **given)


def fitted_by_hand(kind, params, rows):
    make, name, select, _ = KINDS[kind]
    return make(**params).fit(X.iloc[rows], Y.iloc[rows], **{name: select(rows)})


@pytest.mark.parametrize("stopping", [None, NEVER], ids=["plain", "monitored"])
@EACH
def test_the_fit_of_a_fold_and_the_refit_are_those_by_hand(kind, stopping):
    monitor, params = monitor_of(kind)
    model = KINDS[kind][0](**params)
    search = searched(kind, model=model, stopping=stopping, monitor=monitor)
    for number, trial in enumerate(search.study_.trials):
        assert len(trial.reports) == (0 if stopping is None else 24)
        for fold, (train, test) in enumerate(CV.split(X, Y, QUERY)):
            by_hand = fitted_by_hand(kind, trial.params | params, train)
            expected = ndcg(by_hand, X.iloc[test], Y.iloc[test])
            assert search.cv_results_[f"split{fold}_test_score"][number] == expected
    refitted = fitted_by_hand(kind, search.best_params_ | params, np.arange(len(Y)))
    np.testing.assert_array_equal(search.predict(X), refitted.predict(X))


def curve_by_hand(kind, params, train, test):
    """Return the mean NDCG on the test part after each round, as the library evaluates it."""
    make, name, select, _ = KINDS[kind]
    model, fold = make(**params), {name: select(train)}
    parts = X.iloc[train], Y.iloc[train]
    if make is xgb:
        given = {f"eval_{name}": [select(test)], "eval_set": [(X.iloc[test], Y.iloc[test])]}
        return model.fit(*parts, **fold, **given).evals_result()["validation_0"]["ndcg"]
    if make is lgb:
        given = {"eval_group": [select(test)], "eval_at": [5]}
        if "eval_X" in lightgbm.LGBMModel.fit.__code__.co_varnames:
            given |= {"eval_X": (X.iloc[test],), "eval_y": (Y.iloc[test],)}
        else:
            given |= {"eval_set": [(X.iloc[test], Y.iloc[test])]}
        return model.fit(*parts, **fold, **given).evals_result_["valid_0"]["ndcg@5"]
    pool = catboost.Pool(X.iloc[test], Y.iloc[test], group_id=select(test))
    model.fit(*parts, **fold, eval_set=pool, use_best_model=False)
    return model.evals_result_["validation"]["NDCG:type=Base"]


@pytest.mark.filterwarnings("error")
@EACH
def test_a_named_metric_is_reported_for_the_queries_of_the_test_part(kind):
    monitor, params = monitor_of(kind)
    params["learning_rate"] = 0.2  # CatBoost's automatic one depends on evaluation data
    space = {"random_state": [0, 1]}
    search = searched(
        kind, model=KINDS[kind][0](**params), stopping=NEVER, monitor=monitor, space=space
    )
    for trial in search.study_.trials:
        for fold, (train, test) in enumerate(CV.split(X, Y, QUERY)):
            reported = [report.value for report in trial.reports if report.fold == fold]
            assert reported == curve_by_hand(kind, params | trial.params, train, test)


@EACH
def test_poor_rankers_are_stopped(kind):
    monitor, params = monitor_of(kind)
    model = KINDS[kind][0](**params)
    space = {"learning_rate": Float(1e-6, 0.5, "log")}
    search = searched(
        kind, model=model, stopping=EAGER, monitor=monitor, n_iter=10, space=space, n_jobs=2
    )
    assert TrialState.STOPPED in {trial.state for trial in search.study_.trials}
    assert {trial.direction for trial in search.study_.trials} == {"maximize"}


@EACH
def test_a_score_of_ones_own_has_no_metric_and_a_warning_names_the_one_that_decides(kind):
    with pytest.warns(UserWarning, match=r"scoring='ndcg', but no metric .* decides which"):
        searched(kind, stopping=NEVER, n_iter=1)


@pytest.mark.filterwarnings("error")
def test_the_own_score_of_xgboost_is_its_last_metric():
    frame = X.assign(qid=QUERY)
    search = WarpedBayesSearchCV(
        xgb(), SPACE, n_iter=2, cv=CV, stopping=NEVER, random_state=0, strategy="random"
    ).fit(frame, Y, groups=QUERY)
    for number, trial in enumerate(search.study_.trials):
        for fold in range(3):
            last = [report.value for report in trial.reports if report.fold == fold][-1]
            score = search.cv_results_[f"split{fold}_test_score"][number]
            assert last == pytest.approx(score, abs=1e-6)


EARLY = {
    xgb: {"n_estimators": 300, "early_stopping_rounds": 3},
    lgb: {"n_estimators": 300, "early_stopping_round": 3},
    cat: {"iterations": 300, "early_stopping_rounds": 3, "learning_rate": 0.3},
}


@EACH
def test_early_stopping_holds_out_whole_queries(kind):
    make = KINDS[kind][0]
    search = searched(kind, model=make(**EARLY[make]), n_iter=1)
    rounds = [search.cv_results_[f"split{fold}_best_round"][0] for fold in range(3)]
    assert max(rounds) < 300
    assert search.score(X, Y) > 0.5


@BY_SIZES
@pytest.mark.parametrize("routing", [False, True], ids=["names", "routing"])
def test_sizes_reach_the_last_step_of_a_pipeline(kind, routing):
    make, name, select, _ = KINDS[kind]
    with config_context(enable_metadata_routing=routing):
        model = make()
        if routing:
            model.set_fit_request(group=True)
        scale = StandardScaler().set_output(transform="pandas")
        pipeline = Pipeline([("scale", scale), ("model", model)])
        given = {name if routing else f"model__{name}": select(EVERY)}
        space = {f"model__{key}": value for key, value in SPACE.items()}
        options = {"model": pipeline, "space": space, "stopping": NEVER}
        with pytest.warns(UserWarning, match="decides which fits"):
            search = searched(kind, given, **options)
    assert [len(trial.reports) for trial in search.study_.trials] == [24, 24]


@BY_SIZES
@pytest.mark.filterwarnings("ignore:The groups parameter is ignored")
def test_folds_that_separate_queries_are_refused_with_the_cure(kind):
    with pytest.raises(ValueError, match=r"separated: pass cv=GroupKFold\(\) and groups=np.repeat"):
        searched(kind, cv=KFold(3))


@pytest.mark.parametrize("kind", ["xgboost, qid", "catboost, group_id"])
def test_folds_that_separate_named_queries_are_warned_of_once_with_the_cure(kind):
    name = KINDS[kind][1]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        searched(kind, cv=KFold(3), scoring=lambda *_: 0.0)
        searched(kind, scoring=lambda *_: 0.0)
    (warning,) = [w for w in caught if "both parts" in str(w.message)]
    assert f"pass cv=GroupKFold() and groups={name}" in str(warning.message)
    assert warning.filename == __file__


@BY_SIZES
def test_whole_floats_are_sizes(kind):
    search, expected = searched(kind, {"group": SIZES.astype(float)}), searched(kind)
    assert search.best_score_ == expected.best_score_


@BY_SIZES
def test_sizes_of_other_rows_are_refused(kind):
    with pytest.raises(ValueError, match=rf"group must have .* {len(Y)} in all, but got 23 numb"):
        searched(kind, {"group": SIZES[1:]})


@BY_SIZES
def test_a_subsample_has_whole_queries(kind):
    options = {"resource": "n_samples", "min_resources": 40, "n_iter": 6, "stopping": None}
    search = searched(kind, **options)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_rows_select_the_sizes_of_their_queries():
    sizes = QuerySizes([2, 3, 1])
    assert len(sizes) == 6
    assert sizes[np.array([0, 1, 5])].tolist() == [2, 1]
    assert sizes[np.array([5, 0, 1])].tolist() == [1, 2]
    for rows in ([0, 1, 2], [0, 5, 1], [0]):
        with pytest.raises(ValueError, match="the rows of some are separated"):
            _ = sizes[np.array(rows)]


def test_an_argument_with_one_entry_per_row_is_split_as_any_other():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = WarpedBayesSearchCV(lgb(), SPACE, n_iter=1, cv=3, scoring=lambda *_: 0.0)
        search.fit(X, Y, group=np.ones(len(Y), dtype=int))
    assert search.best_score_ == 0.0


@pytest.mark.parametrize("placeholder", [None, "passthrough"])
def test_a_last_step_that_candidates_choose_may_be_a_placeholder(placeholder):
    pipeline = Pipeline([("scale", StandardScaler()), ("model", placeholder)])
    space = {"model": [DecisionTreeRegressor(max_depth=d) for d in (1, 2)]}
    X, y = np.arange(40.0).reshape(20, 2), np.arange(20.0)
    search = WarpedBayesSearchCV(pipeline, space, n_iter=2, cv=2, scoring="r2", random_state=0)
    search.fit(X, y)
    assert search.best_estimator_["model"].max_depth == 2

"""The boosting libraries inside the search: evaluation sets of the fold, early endings, refits."""

from __future__ import annotations

import inspect
from collections import Counter

import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tuneplug import Float, Int
from tuneplug.stopping import MedianRule
from tuneplug_catboost import CatBoostMonitor
from tuneplug_lightgbm import LightGBMMonitor
from tuneplug_sklearn import WarpedBayesSearchCV
from tuneplug_xgboost import XGBoostMonitor

X, Y = load_breast_cancer(return_X_y=True)
NAMES = np.array(["malignant", "benign"])[Y]
SPACE = {"learning_rate": Float(0.001, 1.0), "reg_lambda": Float(1e-3, 1e3)}
EAGER = MedianRule(n_warmup_steps=2, n_min_trials=3, n_startup_trials=4)


def xgb(**params):
    return xgboost.XGBClassifier(**{"n_estimators": 20, "n_jobs": 1, "max_depth": 3} | params)


def lgb(**params):
    defaults = {"n_estimators": 20, "n_jobs": 1, "num_leaves": 7, "verbosity": -1}
    return lightgbm.LGBMClassifier(**defaults | params)


def cat(**params):
    catboost = pytest.importorskip("catboost", reason="CatBoost is not installed")
    defaults = {"n_estimators": 20, "thread_count": 1, "depth": 3, "learning_rate": 0.1}
    quiet = {"verbose": False, "allow_writing_files": False}
    return catboost.CatBoostClassifier(**defaults | quiet | params)


#: LightGBM before 4.7 gives itself names of features, which scikit-learn then misses in an array.
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")

BOTH = pytest.mark.parametrize("model", [xgb, lgb, cat])


def lightgbm_evaluation(rows, labels):
    """Return the arguments of ``fit``, which have other names since LightGBM 4.7."""
    if "eval_X" in inspect.signature(lightgbm.LGBMClassifier.fit).parameters:
        return {"eval_X": (rows,), "eval_y": (labels,)}
    return {"eval_set": [(rows, labels)]}


def searched(estimator, data=(X, Y), fit_params=None, space=SPACE, **options):
    defaults = {"n_iter": 12, "cv": 3, "random_state": 0, "strategy": "random", "lag": 0}
    defaults |= {"scoring": "neg_log_loss"}
    return WarpedBayesSearchCV(estimator, space, **defaults | options).fit(
        *data, **fit_params or {}
    )


def results_of(search):
    rows = [(t.params, t.state, t.stop_reason, t.reports) for t in search.study_.trials]
    return rows, search.best_params_


# ------------------------------------------------------------------------------------ reports


@pytest.mark.parametrize("n_jobs", [None, 2])
@BOTH
def test_every_round_of_every_fold_is_reported_to_the_parent(model, n_jobs):
    """S32: 3 folds x 50 rounds, on two workers."""
    search = searched(
        model(n_estimators=50),
        n_iter=3,
        stopping="median",
        n_jobs=n_jobs,
        return_train_score=True,
    )
    for trial in search.study_.trials:
        keys = [(report.fold, report.step) for report in trial.reports]
        assert keys == [(fold, step) for fold in range(3) for step in range(50)]
        last = [report.value for report in trial.reports if report.step == 49]
        score = search.cv_results_["mean_test_score"][trial.number]
        assert np.mean(last) == pytest.approx(-score, rel=1e-5)
    metric = {
        xgb: "validation_0-logloss",
        lgb: "valid_0's binary_logloss",
        cat: "validation-Logloss",
    }[model]
    assert {trial.metric for trial in search.study_.trials} == {metric}


@BOTH
def test_poor_configurations_are_stopped_not_failed_and_the_time_saved_is_told(model):
    """S33: no warning, never best, rule and round stored, steps saved."""
    search = searched(model(), stopping=EAGER)
    states = Counter(search.cv_results_["trial_state"])
    assert states["stopped"] >= 2
    assert states["complete"] + states["stopped"] == 12
    assert search.cv_results_["trial_state"][search.best_index_] == "complete"
    for trial in search.study_.trials:
        if trial.state.value == "stopped":
            assert f"at step {trial.reports[-1].step} is worse" in trial.stop_reason
            assert np.isnan(search.cv_results_["mean_test_score"][trial.number])
    assert search.study_.savings().steps_saved > 0
    assert search.study_.savings().share > 0.1


@pytest.mark.slow
@BOTH
def test_stops_are_the_same_on_one_process_two_processes_and_threads(model):
    options = {"stopping": EAGER, "strategy": "bayesian", "lag": 2}
    alone = results_of(searched(model(), **options))
    assert results_of(searched(model(), **options, n_jobs=2)) == alone
    with joblib.parallel_config(backend="threading"):
        assert results_of(searched(model(), **options, n_jobs=3)) == alone


@BOTH
def test_with_nothing_to_stop_scores_and_predictions_are_those_of_plain_fits(model):
    monitored = searched(model(), n_iter=3, stopping=MedianRule(n_warmup_steps=10**6))
    plain = searched(model(), n_iter=3)
    for fold in range(3):
        name = f"split{fold}_test_score"
        np.testing.assert_array_equal(monitored.cv_results_[name], plain.cv_results_[name])
    np.testing.assert_array_equal(monitored.predict_proba(X), plain.predict_proba(X))
    assert monitored.best_estimator_.get_params() == plain.best_estimator_.get_params()


@BOTH
def test_a_slow_starter_is_left_alone_before_warm_up_and_without_enough_curves(model):
    """S34: the rates differ by 30, the best needs many rounds."""
    space = {"learning_rate": [0.3, 0.25, 0.2, 0.01, 0.02, 0.015]}
    rule = MedianRule(n_warmup_steps=15, n_min_trials=3, n_startup_trials=3)
    search = searched(model(), space=space, n_iter=6, strategy="grid", stopping=rule)
    trials = search.study_.trials
    assert {t.state.value for t in trials[:3]} == {"complete"}
    for trial in trials:
        assert all(sum(r.fold == fold for r in trial.reports) >= 15 for fold in {0})
    lonely = MedianRule(n_warmup_steps=1, n_min_trials=7, n_startup_trials=0)
    search = searched(model(), space=space, n_iter=6, strategy="grid", stopping=lonely)
    assert {t.state.value for t in search.study_.trials} == {"complete"}


# -------------------------------------------------------------------------------- pipelines, data


FRAME = pd.DataFrame(X).assign(kind=pd.Categorical(np.where(X[:, 0] > 14, "large", "small")))
FRAME.columns = FRAME.columns.astype(str)


def columns():
    numbers = [name for name in FRAME.columns if name != "kind"]
    return ColumnTransformer(
        [("n", StandardScaler(), numbers), ("k", OneHotEncoder(sparse_output=False), ["kind"])]
    )


@pytest.mark.parametrize("fraction", [0.1, None])
@pytest.mark.parametrize(
    ("model", "target"), [(xgb, Y), (lgb, Y), (lgb, NAMES)], ids=["xgb", "lgb", "lgb, words"]
)
def test_early_stopping_in_a_pipeline_needs_no_evaluation_set(model, target, fraction):
    """S29, S35: transformers of the fold, best rounds recorded, refit with their median."""
    rounds = {"early_stopping_rounds": 3} if model is xgb else {"early_stopping_round": 3}
    pipe = Pipeline([("columns", columns()), ("model", model(n_estimators=200, **rounds))])
    space = {"model__learning_rate": [0.3, 0.5]}
    search = searched(pipe, (FRAME, target), space=space, n_iter=2, validation_fraction=fraction)
    best = np.array([search.cv_results_[f"split{fold}_best_round"] for fold in range(3)])
    assert best.shape == (3, 2)
    assert ((best >= 1) & (best < 200)).all()
    fitted = search.best_estimator_[-1]
    assert fitted.n_estimators == round(np.median(best[:, search.best_index_]))
    n_trees = (
        fitted.get_booster().num_boosted_rounds() if model is xgb else fitted.booster_.num_trees()
    )
    assert n_trees == fitted.n_estimators
    assert set(search.predict(FRAME)) == set(target)


@BOTH
def test_recorded_best_rounds_are_those_of_the_same_fits_by_hand(model):
    rounds = {"early_stopping_round" if model is lgb else "early_stopping_rounds": 2}
    folds = list(StratifiedKFold(3).split(X, Y))
    space = {"learning_rate": [0.4]}
    search = searched(
        model(n_estimators=100, **rounds), space=space, n_iter=1, cv=folds, validation_fraction=None
    )
    for fold, (train, test) in enumerate(folds):
        estimator = model(n_estimators=100, learning_rate=0.4, **rounds)
        if model is xgb:
            estimator.fit(X[train], Y[train], eval_set=[(X[test], Y[test])], verbose=False)
            best = estimator.best_iteration + 1
        elif model is cat:
            estimator.fit(X[train], Y[train], eval_set=(X[test], Y[test]))
            best = estimator.best_iteration_ + 1
        else:
            estimator.fit(X[train], Y[train], **lightgbm_evaluation(X[test], Y[test]))
            best = estimator.best_iteration_
        assert search.cv_results_[f"split{fold}_best_round"][0] == best


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_one_early_stopping_object_serves_every_fit_and_stays_as_it_was(backend):
    """S37: 4 workers, 5 folds; best rounds are those of one fit after the other."""
    callback = lightgbm.early_stopping(3, verbose=False)
    before = vars(callback).copy()
    options = {"n_iter": 4, "cv": 5, "fit_params": {"callbacks": [callback]}}
    names = [f"split{fold}_best_round" for fold in range(5)]
    with joblib.parallel_config(backend=backend):
        search = searched(lgb(n_estimators=80), **options, n_jobs=4)
    alone = searched(lgb(n_estimators=80), **options)
    for name in names:
        np.testing.assert_array_equal(search.cv_results_[name], alone.cv_results_[name])
    assert vars(callback) == before
    assert search.best_estimator_.n_estimators < 80


def test_an_early_stopping_callback_of_xgboost_works_in_the_folds_and_not_in_the_refit():
    callback = xgboost.callback.EarlyStopping(rounds=3)
    search = searched(
        xgb(n_estimators=80, callbacks=[callback]), n_iter=2, space={"learning_rate": [0.5, 0.9]}
    )
    assert (search.cv_results_["split0_best_round"] < 80).any()
    assert search.best_estimator_.callbacks is None
    assert search.estimator.callbacks == [callback]


@BOTH
def test_evaluation_sets_of_ones_own_are_used_in_folds_and_refit_alike(model):
    if model is xgb:
        estimator = xgb(early_stopping_rounds=3)
        given = {"eval_set": [(X[:99], Y[:99])], "verbose": False}
    else:
        estimator = lgb(early_stopping_round=3)
        given = lightgbm_evaluation(X[:99], Y[:99])
    search = searched(estimator, n_iter=2, fit_params=given)
    last = search.best_estimator_
    assert last.n_estimators == 20
    best = last.best_iteration + 1 if model is xgb else last.best_iteration_
    assert 1 <= best <= 20


@pytest.mark.parametrize("regressor", [xgboost.XGBRegressor, lightgbm.LGBMRegressor])
def test_regressors_with_weights_are_monitored(regressor):
    data = load_diabetes(return_X_y=True)
    quiet = {"verbosity": -1} if regressor is lightgbm.LGBMRegressor else {}
    model = make_pipeline(StandardScaler(), regressor(n_estimators=15, n_jobs=1, **quiet))
    name = model.steps[-1][0]
    weight = {f"{name}__sample_weight": np.linspace(0.1, 1.0, len(data[0]))}
    space = {f"{name}__learning_rate": Float(1e-3, 1.0)}
    search = searched(model, data, weight, space, scoring=None, stopping=EAGER, n_iter=10)
    assert "stopped" in search.cv_results_["trial_state"]


# --------------------------------------------------------------------------- metrics and directions


@pytest.mark.parametrize(
    ("estimator", "monitor"),
    [
        (xgb(eval_metric=["logloss", "auc"]), XGBoostMonitor(maximize=True)),
        (xgb(eval_metric=["auc", "logloss"]), XGBoostMonitor("auc")),
        (lgb(metric="auc"), LightGBMMonitor(maximize=True)),
        (lgb(metric=["binary_logloss", "auc"]), LightGBMMonitor("auc")),
    ],
)
def test_a_metric_that_is_maximized_stops_low_values(estimator, monitor):
    search = searched(estimator, stopping=EAGER, monitor=monitor)
    assert {trial.direction for trial in search.study_.trials} == {"maximize"}
    stopped = [t for t in search.study_.trials if t.state.value == "stopped"]
    for trial in stopped:
        value, limit = trial.stop_reason.split()[1], trial.stop_reason.split(" than ")[1]
        assert float(value) < float(limit.split(",")[0])


def half_error(y_true, y_score):
    return float(np.mean((y_score > 0.5) != y_true)) / 2


def test_a_metric_of_ones_own_demands_its_direction():
    """S31, inside the search."""
    estimator = xgb(eval_metric=half_error)
    with pytest.raises(ValueError, match=r"maximize must be given .*'half_error'"):
        searched(estimator, stopping=EAGER, n_iter=2, error_score="raise", scoring="f1")
    monitor = XGBoostMonitor(maximize=False)
    search = searched(estimator, stopping=EAGER, monitor=monitor, n_iter=6)
    assert {trial.metric for trial in search.study_.trials} == {"validation_0-half_error"}


@pytest.mark.parametrize(
    ("estimator", "monitor", "name"),
    [
        (xgb(), XGBoostMonitor("validation-logloss"), "validation_0-logloss"),
        (lgb(), LightGBMMonitor("logloss"), "valid_0's binary_logloss"),
    ],
)
def test_a_wrong_name_lists_what_there_is_in_round_one(estimator, monitor, name):
    """S30, inside the search."""
    with pytest.raises(ValueError, match=name):
        searched(estimator, stopping=EAGER, monitor=monitor, n_iter=2, error_score="raise")


@BOTH
def test_a_wrong_name_of_a_metric_ends_the_search_with_the_first_candidate(model):
    monitors = {xgb: XGBoostMonitor, lgb: LightGBMMonitor, cat: CatBoostMonitor}
    monitor = monitors[model]("no_metric")
    with (
        pytest.warns(FitFailedWarning, match="candidate 0, fold 0"),
        pytest.raises(ValueError, match="after 1 of 9 candidates, because the metric of the mon"),
    ):
        searched(model(), stopping=EAGER, monitor=monitor, n_iter=9)


@pytest.mark.parametrize(
    "estimator", [xgb(eval_metric=half_error), xgb(eval_metric=half_error, early_stopping_rounds=5)]
)
def test_a_metric_of_ones_own_needs_no_direction_where_nothing_is_compared(estimator):
    search = searched(estimator, n_iter=2, timeout=1e6)
    assert list(search.cv_results_["trial_state"]) == ["complete"] * 2


# ------------------------------------------------------------------------------------ time, DART


@BOTH
@pytest.mark.usefixtures("ticking")
def test_a_timeout_ends_a_fit_between_two_rounds(model):
    """S20: the second configuration alone would train for hours."""
    space = {"n_estimators": [20, 10**7], "learning_rate": [0.1]}
    search = searched(model(), space=space, n_iter=2, strategy="grid", timeout=0.3)
    assert search.study_.completion_reason.startswith("timeout")
    assert list(search.cv_results_["stop_reason"]) == [None, "timeout"]
    assert search.best_params_["n_estimators"] == 20


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "estimator", [xgb(booster="dart", rate_drop=0.3), lgb(boosting_type="dart")]
)
def test_dart_is_stopped_with_one_warning_and_scored_by_the_model_kept(estimator, n_jobs, capfd):
    """S36, inside the search."""
    with pytest.warns(UserWarning, match="under DART") as seen:
        search = searched(estimator, stopping=EAGER, n_jobs=n_jobs)
    assert [warning.filename for warning in seen] == [__file__]
    assert "Warning" not in capfd.readouterr().err  # nor does a worker print one
    cut = [
        t for t in search.study_.trials if t.state.value == "stopped" and t.reports[-1].fold == 0
    ]
    assert cut
    complete = [t for t in search.study_.trials if t.state.value == "complete"]
    for trial in complete:
        last = {r.fold: r.value for r in trial.reports}
        score = search.cv_results_["mean_test_score"][trial.number]
        assert np.mean(list(last.values())) == pytest.approx(-score, rel=1e-4)


@pytest.mark.filterwarnings("ignore:Early stopping is not available in dart mode")
def test_a_refit_under_dart_has_all_rounds_as_its_folds_have():
    """LightGBM switches its early stopping off there, but asks for an evaluation set first."""
    model = lgb(boosting_type="dart", early_stopping_rounds=3)
    search = searched(model, n_iter=2)
    assert not [name for name in search.cv_results_ if name.endswith("best_round")]
    assert search.best_estimator_.booster_.num_trees() == 20
    assert search.best_estimator_.get_params()["n_estimators"] == 20


def test_integer_and_real_parameters_of_both_libraries_are_searched_by_the_model():
    space = {"learning_rate": Float(0.01, 0.5), "max_depth": Int(2, 6), "subsample": Float(0.5, 1)}
    folds = KFold(3, shuffle=True, random_state=0)
    for model in (xgb, lgb):
        search = searched(
            model(), space=space, strategy="bayesian", stopping="median", cv=folds, n_iter=14
        )
        assert search.best_score_ > -0.25

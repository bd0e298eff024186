"""A stopping rule in a search compares fits by the score that the user asked for."""

from __future__ import annotations

import warnings

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn import config_context
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import f1_score, fbeta_score, make_scorer, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tuneplug import Float, TrialState
from tuneplug.stopping import MedianRule
from tuneplug_lightgbm import LightGBMMonitor
from tuneplug_sklearn import WarpedBayesSearchCV
from tuneplug_xgboost import XGBoostMonitor

CANCER = tuple(part[:200] for part in load_breast_cancer(return_X_y=True))
DIABETES = load_diabetes(return_X_y=True)
EAGER = MedianRule(n_warmup_steps=1, n_min_trials=2, n_startup_trials=3)
#: LightGBM before 4.7 gives itself names of features, which scikit-learn then misses in an array.
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")


def xgb(**params):
    return xgboost.XGBClassifier(**{"n_estimators": 20, "n_jobs": 1, "max_depth": 3} | params)


def lgb(**params):
    defaults = {"n_estimators": 20, "n_jobs": 1, "num_leaves": 7, "verbosity": -1}
    return lightgbm.LGBMClassifier(**defaults | params)


def hgb(**params):
    return HistGradientBoostingClassifier(random_state=0, **{"max_iter": 20} | params)


def searched(estimator, data=CANCER, fit_params=None, prefix="", **options):
    """Return a search and its warnings of what decides."""
    defaults = {"n_iter": 4, "cv": 3, "random_state": 0, "strategy": "random", "lag": 0}
    defaults |= {"stopping": EAGER}
    space = {f"{prefix}learning_rate": Float(0.01, 1.0)}
    search = WarpedBayesSearchCV(estimator, space, **defaults | options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(*data, **fit_params or {})
    return search, [str(w.message) for w in caught if "compared" in str(w.message)]


def metrics_of(search):
    return {trial.metric for trial in search.study_.trials}


# ------------------------------------------------------------------ the slow starter


@pytest.mark.parametrize(
    "scoring", ["roc_auc", pytest.param("average_precision", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("estimator", [xgb(), lgb(), hgb()])
def test_a_slow_learner_that_ranks_well_is_stopped_only_where_log_loss_is_the_score(
    estimator, scoring
):
    """With one binary feature, all learning rates rank the rows alike after each round."""
    rng = np.random.default_rng(0)
    X = rng.integers(2, size=(400, 1)).astype(float)
    y = (rng.random(400) < np.where(X[:, 0] > 0, 0.75, 0.25)).astype(int)
    points = [{"learning_rate": rate} for rate in (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.01)]
    ends = {}
    for name in (scoring, "neg_log_loss"):
        search, _ = searched(
            estimator, (X, y), scoring=name, n_iter=7, initial_points=points, refit=False
        )
        ends[name] = search.study_.trials[-1].state
    assert ends == {scoring: TrialState.COMPLETE, "neg_log_loss": TrialState.STOPPED}


# ------------------------------------------------------------------ the score itself


def amount(estimator, X, y):
    """A score of a business: it reads a column that a transformer drops."""
    return float(np.sum(X["amount"] * (estimator.predict(X) == y)))


def frame(data):
    X, y = data
    return pd.DataFrame({"amount": np.arange(len(y)), **dict(enumerate(X.T[:5]))}).rename(
        columns=str
    ), y


def without_amount():
    return FunctionTransformer(lambda X: X.drop(columns="amount"))


@pytest.mark.parametrize(
    ("scoring", "name"),
    [
        ("roc_auc", "roc_auc"),
        ("f1", "f1"),
        (None, "accuracy"),
        (make_scorer(fbeta_score, beta=2), "fbeta_score"),
        (amount, "amount"),
    ],
)
def test_histogram_boosting_reports_the_score_of_the_fold(scoring, name):
    estimator = make_pipeline(without_amount(), StandardScaler(), hgb())
    search, caught = searched(
        estimator, frame(CANCER), scoring=scoring, prefix="histgradientboostingclassifier__"
    )
    assert caught == []
    assert metrics_of(search) == {name}
    for trial in search.study_.trials:
        if trial.state is TrialState.COMPLETE:
            assert trial.direction == "maximize"
            last = [r.value for r in trial.reports if r.step == 19]
            folds = [search.cv_results_[f"split{f}_test_score"][trial.number] for f in range(3)]
            assert last == folds


def test_histogram_boosting_passes_the_weights_of_the_scorer():
    weight = np.linspace(0.1, 2.0, len(CANCER[1]))
    with config_context(enable_metadata_routing=True):
        model = hgb().set_fit_request(sample_weight=True)
        scorer = make_scorer(f1_score).set_score_request(sample_weight=True)
        search, _ = searched(
            model, fit_params={"sample_weight": weight}, scoring=scorer, stopping="median"
        )
    for trial in search.study_.trials:
        last = [r.value for r in trial.reports if r.step == 19]
        assert last == [search.cv_results_[f"split{f}_test_score"][trial.number] for f in range(3)]


def test_histogram_boosting_calls_the_scorer_ten_times_a_fit():
    calls = []

    def counted(estimator, X, y):
        calls.append(len(X))
        return estimator.score(X, y)

    searched(hgb(max_iter=200), scoring=counted, stopping="median", n_iter=2, refit=False)
    assert len(calls) == 2 * 3 * (10 + 1)


def test_a_scorer_that_raises_for_a_part_of_a_fit_leaves_the_fit_alone():
    def whole(estimator, X, y):
        if estimator.n_iter_ < 20:
            raise KeyError("too early")
        return estimator.score(X, y)

    search, caught = searched(hgb(), scoring=whole)
    assert list(search.cv_results_["trial_state"]) == ["complete"] * 4
    (message,) = caught
    assert "scoring='whole' raised KeyError" in message


# ------------------------------------------------------------------ metrics of the libraries


@pytest.mark.parametrize(
    ("estimator", "data", "scoring", "metric"),
    [
        (xgb(), CANCER, "roc_auc", "validation_0-auc"),
        (lgb(), CANCER, "roc_auc", "valid_0's auc"),
        (xgb(), CANCER, None, "validation_0-error"),
        (lgb(), CANCER, None, "valid_0's binary_error"),
        (xgb(), CANCER, make_scorer(roc_auc_score, response_method="predict_proba"),
         "validation_0-auc"),
        (xgboost.XGBRegressor(n_estimators=20), DIABETES, None, "validation_0-rmse"),
        (lightgbm.LGBMRegressor(n_estimators=20, verbosity=-1), DIABETES, None, "valid_0's l2"),
        (HistGradientBoostingRegressor(max_iter=20), DIABETES, None, "r2"),
    ],
)  # fmt: skip
def test_the_metric_of_the_score_decides(estimator, data, scoring, metric):
    search, caught = searched(estimator, data, scoring=scoring)
    assert caught == []
    assert metrics_of(search) == {metric}


@pytest.mark.parametrize(
    ("estimator", "monitor", "metric", "name"),
    [
        (xgb(), XGBoostMonitor, "logloss", "validation_0-logloss"),
        (lgb(), LightGBMMonitor, "binary_logloss", "valid_0's binary_logloss"),
    ],
)
@pytest.mark.parametrize("scoring", ["f1", make_scorer(f1_score, pos_label=0)])
def test_one_warning_names_score_metric_and_cure(estimator, monitor, metric, name, scoring):
    search, caught = searched(estimator, scoring=scoring)
    (message,) = caught
    shown = scoring if isinstance(scoring, str) else "f1_score"
    assert f"scoring={shown!r}" in message
    assert f"{metric!r} decides" in message
    assert f"monitor={monitor.__name__}(metric=...)" in message
    assert "stopping=None" in message
    assert metrics_of(search) == {name}
    search, caught = searched(estimator, scoring=scoring, monitor=monitor(metric))
    assert caught == []
    assert metrics_of(search) == {name}


@pytest.mark.parametrize(
    ("estimator", "monitor"), [(xgb(), XGBoostMonitor), (lgb(), LightGBMMonitor)]
)
def test_the_metric_of_an_explicit_monitor_wins(estimator, monitor):
    name = "eval_metric" if monitor is XGBoostMonitor else "metric"
    estimator.set_params(**{name: ["auc", "average_precision"]}) if name == "metric" else (
        estimator.set_params(eval_metric=["auc", "aucpr"])
    )
    search, caught = searched(estimator, scoring="neg_log_loss", monitor=monitor("auc"))
    assert caught == []
    assert {metric[-3:] for metric in metrics_of(search)} == {"auc"}


@pytest.mark.parametrize(
    ("options", "metric", "score"),
    [
        ({"refit": "area"}, "validation_0-auc", "area"),
        ({"refit": False, "objective_metric": "loss"}, "validation_0-logloss", "loss"),
        ({"refit": False}, "validation_0-auc", "area"),
    ],
)
def test_of_several_scores_the_one_that_drives_the_search_decides(options, metric, score):
    scoring = {"area": "roc_auc", "loss": "neg_log_loss", "f": "f1"}
    search, caught = searched(xgb(), scoring=scoring, **options)
    assert caught == []
    assert metrics_of(search) == {metric}
    search, _ = searched(hgb(), scoring=scoring, **options)
    assert metrics_of(search) == {score}
    for trial in search.study_.trials:
        if trial.state is TrialState.COMPLETE:
            last = [r.value for r in trial.reports if r.step == 19]
            assert np.mean(last) == search.cv_results_[f"mean_test_{score}"][trial.number]


def both(estimator, X, y):
    return {"accuracy": estimator.score(X, y), "errors": float((estimator.predict(X) != y).sum())}


def test_a_function_of_several_scores_is_asked_for_the_one_that_drives_the_search():
    search, _ = searched(hgb(), scoring=both, refit="accuracy")
    assert metrics_of(search) == {"accuracy"}
    trial = next(t for t in search.study_.trials if t.state is TrialState.COMPLETE)
    last = [r.value for r in trial.reports if r.step == 19]
    assert np.mean(last) == search.cv_results_["mean_test_accuracy"][trial.number]


@pytest.mark.parametrize("estimator", [xgb(), lgb(), hgb()])
def test_without_a_stopping_rule_no_score_is_computed_and_nothing_is_said(estimator):
    search, caught = searched(estimator, scoring="f1", stopping=None, timeout=600)
    assert caught == []
    assert not {"f1", "validation_0-auc"} & metrics_of(search)

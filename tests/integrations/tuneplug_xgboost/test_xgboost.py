"""Tests of XGBoost only: directions, rankers, random forests, best rounds under DART.

Scenario: S31.
"""

from __future__ import annotations

import numpy as np
import pytest
import xgboost
from booster_libraries import X_TRAIN, X_VALID, XGBOOST_METRICS, Y_TRAIN, Y_VALID, XGBoost, auc_of
from sklearn.metrics import log_loss

from tuneplug import Float, Int, Study
from tuneplug.monitoring import MonitoredFit, TrialReporter
from tuneplug.stopping import StopThresholds
from tuneplug_xgboost import TrialCallback, XGBoostMonitor, recommended_space
from tuneplug_xgboost.directions import known_direction


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread):
    return one_thread


def new_trial(direction="minimize"):
    return Study({"x": Float(0.0, 1.0)}, direction=direction, seed=0).ask()


# ---------------------------------------------------------------- directions


@pytest.mark.parametrize(("asked", "maximized"), XGBOOST_METRICS.items())
def test_the_direction_of_every_metric_that_xgboost_prints_is_known(asked, maximized):
    """XGBoost evaluates the metric, and its printed name is looked up."""
    ranking = asked.split("@")[0].strip("-") in ("ndcg", "map", "pre")
    params = {
        "eval_metric": asked,
        "objective": "rank:ndcg" if ranking else "binary:logistic",
        "max_depth": 2,
        "nthread": 1,
    }
    data = xgboost.DMatrix(X_TRAIN, Y_TRAIN)
    if ranking:
        data.set_group([50] * 4)
    if asked in ("merror", "mlogloss"):
        params |= {"objective": "multi:softprob", "num_class": 2}
    if asked == "quantile":
        params |= {"objective": "reg:quantileerror", "quantile_alpha": 0.5}
    if asked in ("aft-nloglik", "interval-regression-accuracy"):
        params["objective"] = "survival:aft"
        data.set_float_info("label_lower_bound", 1.0 + Y_TRAIN)
        data.set_float_info("label_upper_bound", 2.0 + Y_TRAIN)
    trial = new_trial("maximize" if maximized else "minimize")
    xgboost.train(
        params,
        data,
        2,
        evals=[(data, "own")],
        callbacks=[TrialCallback(trial)],
        verbose_eval=False,
    )
    assert trial.metric == f"own-{asked}"
    assert len(trial.reports) == 2


@pytest.mark.parametrize(
    "name",
    [
        "mapped",
        "map@x",
        "map@",
        "auc_of",
        "auc-",
        "aucs",
        "ndcg@5+",
        "ndcg5",
        "pretty",
        "errors",
        "",
    ],
)
def test_a_name_with_only_the_prefix_of_a_metric_is_unknown(name):
    assert known_direction(name) is None


def test_mape_is_not_a_variant_of_map():
    assert (known_direction("mape"), known_direction("map")) == ("minimize", "maximize")


def test_a_custom_metric_requires_maximize():
    with pytest.raises(ValueError, match=r"maximize must be given.*'auc_of'"):
        XGBoost.train(TrialCallback(new_trial("maximize")), custom=auc_of)
    with pytest.raises(ValueError, match=r"but the study has direction="):
        XGBoost.train(TrialCallback(new_trial(), maximize=True), custom=auc_of)


def test_a_custom_metric_of_the_wrapper_has_the_name_of_its_function():
    trial = new_trial("maximize")
    model = XGBoost.classifier(eval_metric=auc_of)
    XGBoost.fit(model, TrialCallback(trial, "validation_0-auc_of", maximize=True))
    assert trial.metric == "validation_0-auc_of"


# ---------------------------------------------------------------- the wrappers


def test_a_ranker_reports():
    trial = new_trial("maximize")
    ranker = xgboost.XGBRanker(
        n_estimators=4, eval_metric="ndcg@5-", n_jobs=1, callbacks=[TrialCallback(trial)]
    )
    groups = np.repeat(np.arange(4), 50), np.repeat(np.arange(2), 50)
    ranker.fit(X_TRAIN, Y_TRAIN, qid=groups[0], eval_set=[(X_VALID, Y_VALID)], eval_qid=[groups[1]])
    assert trial.metric == "validation_0-ndcg@5-"
    assert len(trial.reports) == 4


def test_forests_are_not_accepted():
    monitor = XGBoostMonitor()
    for model in (xgboost.XGBRFClassifier, xgboost.XGBRFRegressor):
        assert not monitor.accepts(model())


def test_the_callbacks_of_the_estimator_are_restored_after_a_failure():
    mine = [xgboost.callback.EarlyStopping(rounds=3)]
    model = XGBoost.classifier(callbacks=mine)
    with pytest.raises(ValueError, match="choose from 'validation_0-logloss'"):
        XGBoostMonitor("auc").fit(
            MonitoredFit(
                model, X_TRAIN, Y_TRAIN, new_trial("maximize").reporter, {}, X_VALID, Y_VALID
            )
        )
    assert model.callbacks is mine


def test_evaluations_are_printed_if_the_user_asks(capfd):
    XGBoostMonitor().fit(
        MonitoredFit(
            XGBoost.classifier(),
            X_TRAIN,
            Y_TRAIN,
            TrialReporter(),
            {"verbose": True},
            X_VALID,
            Y_VALID,
        )
    )
    assert "validation_0-logloss" in capfd.readouterr().out


# ---------------------------------------------------------------- DART and best rounds


DART = {"booster": "dart", "rate_drop": 0.5, "learning_rate": 0.3, "random_state": 1}


def test_a_stopped_dart_model_predicts_with_all_trees_despite_early_stopping():
    trial = new_trial()
    trial.reporter.stop_thresholds = {
        ("validation_0-logloss", 0): StopThresholds(
            "test", "x", np.array([9]), np.array([-np.inf]), np.array([1]), 1.0
        )
    }
    for save_best in (False, True):
        own = new_trial()
        own.reporter.stop_thresholds = trial.reporter.stop_thresholds
        early = xgboost.callback.EarlyStopping(rounds=50, save_best=save_best)
        model = XGBoost.classifier(n_estimators=30, **DART)
        with pytest.warns(UserWarning, match="the stopped model keeps all its rounds") as seen:
            XGBoost.fit(model, TrialCallback(own), early)
        assert len(seen) == 1
        assert XGBoost.rounds(model) == 10
        score = log_loss(Y_VALID, model.predict_proba(X_VALID)[:, 1].astype(float))
        assert score == pytest.approx(own.reports[-1].value, rel=1e-5)


def test_native_early_stopping_under_dart_is_unchanged_and_warns():
    model = XGBoost.classifier(n_estimators=60, early_stopping_rounds=3, **DART)
    alone = XGBoost.fit(XGBoost.classifier(**model.get_params()))
    with pytest.warns(UserWarning, match="train again .* without early stopping") as seen:
        XGBoost.fit(model, TrialCallback(new_trial()))
    assert len(seen) == 1
    assert XGBoost.raw(model) == XGBoost.raw(alone)


def test_a_stopped_model_has_no_best_round():
    trial = new_trial()
    trial.reporter.deadline = 0.0
    model = XGBoost.train(TrialCallback(trial))
    with pytest.raises(AttributeError, match="best_iteration"):
        _ = model.best_iteration


# ---------------------------------------------------------------- search spaces


def test_the_ranges_are_those_of_aws():
    """ "Tune an XGBoost Model", Amazon SageMaker AI developer guide."""
    assert recommended_space("native") == {
        "alpha": Float(0.0, 1000.0),
        "colsample_bylevel": Float(0.1, 1.0),
        "colsample_bynode": Float(0.1, 1.0),
        "colsample_bytree": Float(0.5, 1.0),
        "eta": Float(0.1, 0.5),
        "gamma": Float(0.0, 5.0),
        "lambda": Float(0.0, 1000.0),
        "max_delta_step": Int(0, 10),
        "max_depth": Int(0, 10),
        "min_child_weight": Float(0.0, 120.0),
        "num_boost_round": Int(1, 4000),
        "subsample": Float(0.5, 1.0),
    }

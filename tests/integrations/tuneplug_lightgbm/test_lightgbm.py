"""Tests of LightGBM only: direction flags, aliases, class labels, rankers.

Scenario: S31.
"""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from booster_libraries import ROUNDS, X_TRAIN, X_VALID, Y_TRAIN, Y_VALID, LightGBM, auc_of

from tuneplug import Float, Int, Study
from tuneplug.monitoring import MonitoredFit, TrialReporter
from tuneplug_lightgbm import LightGBMMonitor, TrialCallback, recommended_space
from tuneplug_lightgbm._compat import encodes_eval_y, results, takes_eval_x


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread):
    return one_thread


def new_trial(direction="minimize"):
    return Study({"x": Float(0.0, 1.0)}, direction=direction, seed=0).ask()


def watched(model, y=Y_TRAIN, y_val=Y_VALID, **params):
    return MonitoredFit(model, X_TRAIN, y, TrialReporter(), params, X_VALID, y_val)


@pytest.mark.parametrize(("metric", "direction"), [("mape", "minimize"), ("auc", "maximize")])
def test_the_direction_is_lightgbms_own_flag(metric, direction):
    trial = new_trial(direction)
    LightGBM.train(TrialCallback(trial), metrics=metric)
    assert trial.metric == f"valid's {metric}"


def test_a_custom_metric_defines_its_direction():
    LightGBM.train(TrialCallback(trial := new_trial("maximize"), "auc_of"), custom=auc_of)
    assert trial.metric == "valid's auc_of"
    with pytest.raises(ValueError, match="but the study has direction="):
        LightGBM.train(TrialCallback(new_trial(), "auc_of"), custom=auc_of)
    with pytest.raises(ValueError, match="maximize must be True"):
        LightGBM.train(
            TrialCallback(new_trial("maximize"), "auc_of", maximize=False), custom=auc_of
        )


def test_training_data_is_recognized_under_any_name():
    train = lightgbm.Dataset(X_TRAIN, Y_TRAIN)
    valid = lightgbm.Dataset(X_VALID, Y_VALID, reference=train)
    trial = new_trial()
    lightgbm.train(
        {"objective": "binary", "verbose": -1},
        train,
        3,
        valid_sets=[valid, train],
        valid_names=["held out", "seen"],
        callbacks=[TrialCallback(trial)],
    )
    assert trial.metric == "held out's binary_logloss"


def test_results_of_cv_are_the_same_before_4_7():
    old = [("cv_agg", "valid auc", 0.7, True, 0.1), ("cv_agg", "train auc", 0.9, True, 0.1)]
    assert [result.entry for result in results(old)] == [("valid", "auc"), ("train", "auc")]


def test_callbacks_differ_and_run_between_recording_and_early_stopping():
    one, two = TrialCallback(new_trial()), TrialCallback(new_trial())
    assert len({one, two}) == 2
    record = lightgbm.record_evaluation({})
    assert record.order < one.order < lightgbm.early_stopping(1).order


def test_the_best_round_of_a_stopped_model_is_the_last():
    trial = new_trial()
    trial.reporter.deadline = 0.0
    history = {}
    model = LightGBM.fit(
        LightGBM.classifier(), lightgbm.record_evaluation(history), TrialCallback(trial)
    )
    assert model.best_iteration_ == model.booster_.num_trees() == 1
    assert history["valid_0"]["binary_logloss"] == [trial.reports[0].value]


def test_a_ranker_reports_and_is_accepted():
    trial = new_trial("maximize")
    ranker = lightgbm.LGBMRanker(n_estimators=4, verbose=-1, n_jobs=1)
    data = {"eval_group": [[50, 50]], "eval_at": [5]}
    if "eval_X" in lightgbm.LGBMModel.fit.__code__.co_varnames:
        data |= {"eval_X": (X_VALID,), "eval_y": (Y_VALID,)}
    else:
        data |= {"eval_set": [(X_VALID, Y_VALID)]}
    ranker.fit(X_TRAIN, Y_TRAIN, group=[50] * 4, callbacks=[TrialCallback(trial)], **data)
    assert trial.metric == "valid_0's ndcg@5"
    assert len(trial.reports) == 4
    assert LightGBMMonitor().accepts(ranker)


def test_models_on_dask_are_not_accepted():
    pytest.importorskip("dask.dataframe")
    assert not LightGBMMonitor().accepts(lightgbm.DaskLGBMClassifier())


@pytest.mark.skipif(not takes_eval_x(), reason="LightGBM before 4.7 encodes eval_set")
def test_evaluation_labels_are_not_encoded_twice_once_lightgbm_encodes_them(monkeypatch):
    """Its #7400."""
    seen = []

    def fit(self, X, y, *, eval_y, **_):
        seen.extend(eval_y)

    monkeypatch.setattr(lightgbm.LGBMClassifier, "fit", fit)
    encodes_eval_y.cache_clear()
    try:
        LightGBMMonitor().fit(watched(LightGBM.classifier(), Y_TRAIN + 1, Y_VALID + 1))
    finally:
        encodes_eval_y.cache_clear()
    assert np.array_equal(seen[-1], Y_VALID + 1)


@pytest.mark.parametrize("labels", [["no", "yes"], [1, 2], [-1, 1], [False, True]])
def test_class_labels_of_any_type_are_encoded_for_evaluation(labels):
    plain, fit = watched(LightGBM.classifier()), None
    LightGBMMonitor().fit(plain)
    fit = watched(LightGBM.classifier(), np.array(labels)[Y_TRAIN], np.array(labels)[Y_VALID])
    LightGBMMonitor().fit(fit)
    assert fit.reporter.reports == plain.reporter.reports
    assert fit.estimator.classes_.tolist() == labels


EARLY = ["early_stopping_round", "early_stopping_rounds", "early_stopping", "n_iter_no_change"]


@pytest.mark.parametrize("alias", EARLY)
def test_early_stopping_is_recognized_under_all_aliases(alias):
    monitor, model = LightGBMMonitor(), LightGBM.classifier(n_estimators=60, learning_rate=0.5)
    model.set_params(**{alias: 3})
    assert monitor.has_early_stopping(model, {})
    fit = watched(model)
    assert len(fit.reporter.reports) == 0
    assert monitor.fit(fit) == len(fit.reporter.reports) - 3
    monitor.refit_params(model, {}, 4)
    assert not monitor.has_early_stopping(model, {})
    assert LightGBM.rounds(model.fit(X_TRAIN, Y_TRAIN)) == 4
    assert not monitor.has_early_stopping(LightGBM.classifier(**{alias: 0}), {})


@pytest.mark.filterwarnings("ignore:Found .* in params")  # LightGBM before 4.7
@pytest.mark.parametrize("alias", ["num_iterations", "num_boost_round", "n_iter", "max_iter"])
def test_a_refit_sets_the_rounds_under_the_alias_in_use(alias):
    model = LightGBM.classifier(**{alias: 20})
    LightGBMMonitor().refit_params(model, {}, 4)
    assert LightGBM.rounds(model.fit(X_TRAIN, Y_TRAIN)) == 4


@pytest.mark.filterwarnings("ignore:Early stopping is not available in dart mode")
def test_a_fit_under_dart_returns_no_selected_round():
    model = LightGBM.classifier(boosting_type="dart", early_stopping_round=2)
    fit = watched(model)
    assert LightGBMMonitor().fit(fit) is None
    assert len(fit.reporter.reports) == ROUNDS


def test_the_ranges_are_those_of_aws():
    """ "Tune a LightGBM model", Amazon SageMaker AI developer guide."""
    assert recommended_space("native") == {
        "learning_rate": Float(0.001, 0.01),
        "num_leaves": Int(10, 100),
        "feature_fraction": Float(0.1, 1.0),
        "bagging_fraction": Float(0.1, 1.0),
        "bagging_freq": Int(0, 10),
        "max_depth": Int(15, 100),
        "min_data_in_leaf": Int(10, 200),
    }

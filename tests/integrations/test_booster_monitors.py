"""Tests that hold for the fit monitors of XGBoost, LightGBM and CatBoost.

Scenarios: S35 and S37 as far as the monitors go.
"""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import entry_points

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from booster_libraries import (
    LIBRARIES,
    NAMES,
    ROUNDS,
    X_TRAIN,
    X_VALID,
    Y_TRAIN,
    Y_VALID,
    library_of,
)
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from tuneplug.monitoring import MonitoredFit, TrialReporter
from tuneplug.stopping import StopThresholds
from tuneplug_sklearn import WarpedBayesSearchCV

MANY = 60
# LightGBM 4.6 warns for every model fitted on an array.
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")


@pytest.fixture(params=NAMES)
def library(request):
    return library_of(request.param)


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread):
    return one_thread


def watched(
    model, y=Y_TRAIN, y_val=Y_VALID, X=X_TRAIN, X_val=X_VALID, sample_weight_val=None, **params
):
    return MonitoredFit(model, X, y, TrialReporter(), params, X_val, y_val, sample_weight_val)


def stopping(fit, step):
    """Make a fit stop after a step, whatever it reports."""

    class AnyMetric(dict):
        def get(self, key):
            limits = np.array([step]), np.array([-np.inf]), np.array([1])
            return StopThresholds("test", "x", *limits, 1.0) if key[1] is None else None

    fit.reporter.stop_thresholds = AnyMetric()
    return fit


def early_stopping(library, rounds=3):
    """Return an early-stopping callback, and the parameters of estimator and fit that pass it."""
    if not hasattr(library, "early_stopping"):
        pytest.skip(f"{library.name} has no callback that stops early")
    callback = library.early_stopping(rounds)
    if library.name == "xgboost":
        return callback, {"callbacks": [callback]}, {}
    return callback, {}, {"callbacks": [callback]}


# ---------------------------------------------------------------- fitting


def test_a_fit_that_is_not_stopped_equals_the_models_own_fit(library):
    fit = watched(library.classifier())
    assert library.Monitor().fit(fit) is None
    alone = library.fit(library.classifier())
    assert library.raw(fit.estimator) == library.raw(alone)
    assert fit.estimator.get_params() == library.classifier().get_params()
    assert [(r.step, r.fold) for r in fit.reporter.reports] == [(s, None) for s in range(ROUNDS)]
    assert pickle.loads(pickle.dumps(fit.estimator)).predict(X_VALID).shape == Y_VALID.shape
    assert np.array_equal(
        clone(fit.estimator).fit(X_TRAIN, Y_TRAIN).predict(X_VALID), fit.estimator.predict(X_VALID)
    )


def test_a_stopped_fit_returns_no_selected_round(library):
    fit = stopping(watched(library.classifier(early_stopping_rounds=50)), 3)
    assert library.Monitor().fit(fit) is None
    assert library.rounds(fit.estimator) == len(fit.reporter.reports) == 4
    assert fit.reporter.stop_reason.startswith("test: ")


def test_nothing_is_printed_by_default(library, capfd):
    library.Monitor().fit(watched(library.classifier(early_stopping_rounds=3, n_estimators=MANY)))
    assert capfd.readouterr() == ("", "")


def test_the_metric_can_be_selected(library):
    metric = {
        "xgboost": {"eval_metric": ["auc", "logloss"]},
        "lightgbm": {"metric": ["auc", "l2"]},
        "catboost": {"custom_metric": "AUC"},
    }
    fit = watched(library.classifier(**metric[library.name]))
    library.Monitor(library.auc).fit(fit)
    assert library.auc in fit.reporter.metric
    assert fit.reporter.direction == "maximize"
    with pytest.raises(ValueError, match="maximize must be True"):
        library.Monitor(library.auc, maximize=False).fit(watched(clone(fit.estimator)))


def test_evaluation_sets_of_the_user_are_used_unchanged(library):
    own = {"eval_set": [(X_VALID[:50], Y_VALID[:50]), (X_VALID[50:], Y_VALID[50:])]}
    if library.name == "lightgbm" and sys.modules["lightgbm"].__version__ >= "4.7":
        own = {"eval_X": (X_VALID[:50], X_VALID[50:]), "eval_y": (Y_VALID[:50], Y_VALID[50:])}
    assert library.Monitor().has_eval_set(own)
    assert not library.Monitor().has_eval_set({"sample_weight": None})
    fit = watched(library.classifier(), **own)
    library.Monitor().fit(fit)
    assert fit.reporter.metric.startswith(("validation_1", "valid_1"))


def test_weights_of_the_validation_data_are_used(library):
    weight = np.linspace(0.1, 2.0, len(Y_VALID))
    fits = [
        watched(
            library.classifier(), sample_weight=np.ones(len(Y_TRAIN)), sample_weight_val=weight
        ),
        watched(library.classifier(), sample_weight=np.ones(len(Y_TRAIN))),
    ]
    for fit in fits:
        library.Monitor().fit(fit)
    proba = fits[0].estimator.predict_proba(X_VALID)[np.arange(len(Y_VALID)), Y_VALID]
    expected = np.average(-np.log(proba), weights=weight)
    assert fits[0].reporter.reports[-1].value == pytest.approx(expected, rel=1e-5)
    assert fits[1].reporter.reports[-1].value == pytest.approx(-np.log(proba).mean(), rel=1e-5)


def test_margins_of_the_validation_data_are_used(library):
    name = {"xgboost": "base_margin", "lightgbm": "init_score", "catboost": "baseline"}[
        library.name
    ]
    offset, offset_val = 100 * X_TRAIN[:, 2], 100 * X_VALID[:, 2]
    model = library.Regressor(n_estimators=20, n_jobs=1)
    if library.name == "lightgbm":
        model.set_params(verbose=-1)
    fit = watched(model, y=Y_TRAIN + offset, y_val=Y_VALID + offset_val, **{name: offset})
    library.Monitor().fit(replace(fit, params_val={name: offset_val}))
    assert fit.reporter.reports[-1].value < 0.5  # about 100, or its square, without the margin


def test_the_refit_keeps_as_many_values_of_a_schedule_as_rounds():
    library = LIBRARIES["lightgbm"]
    decay = sys.modules["lightgbm"].reset_parameter(
        learning_rate=[0.5, 0.4, 0.3, 0.2, 0.1], bagging_fraction=lambda step: 1.0
    )
    model = library.classifier(n_estimators=5, early_stopping_rounds=2)
    (kept,) = library.Monitor().refit_params(model, {"callbacks": [decay]}, 3)["callbacks"]
    assert kept.kwargs["learning_rate"] == [0.5, 0.4, 0.3]
    assert callable(kept.kwargs["bagging_fraction"])
    assert len(decay.kwargs["learning_rate"]) == 5
    (kept,) = library.Monitor().refit_params(model, {"callbacks": [decay]}, None)["callbacks"]
    assert len(kept.kwargs["learning_rate"]) == 5


def test_regressors_sparse_matrices_and_pandas_categories(library):
    monitor = library.Monitor()
    model = library.Regressor(n_estimators=3, n_jobs=1)
    if library.name == "lightgbm":
        model.set_params(verbose=-1)
    sparse = watched(
        model, X=scipy.sparse.csr_matrix(X_TRAIN), X_val=scipy.sparse.csr_matrix(X_VALID)
    )
    monitor.fit(sparse)
    assert sparse.reporter.metric.endswith(("rmse", "l2", "RMSE"))

    def frame(X):
        colors = pd.Categorical(np.where(X[:, 0] > 0, "red", "blue"), ["blue", "red"])
        return pd.DataFrame({"color": colors, "size": X[:, 1]})

    categorical = {
        "xgboost": {"enable_categorical": True},
        "catboost": {"cat_features": ["color"]},
    }
    extra = categorical.get(library.name, {})
    fit = watched(library.classifier(**extra), X=frame(X_TRAIN), X_val=frame(X_VALID))
    monitor.fit(fit)
    proba = fit.estimator.predict_proba(frame(X_VALID))[np.arange(len(Y_VALID)), Y_VALID]
    assert fit.reporter.reports[-1].value == pytest.approx(-np.log(proba).mean(), rel=1e-5)


@pytest.mark.parametrize("deadline", [None, 0.0])
def test_a_fit_with_only_a_deadline_needs_no_metric(library, deadline):
    if library.name == "catboost":
        pytest.skip("CatBoost evaluates at least its loss")
    off = {"xgboost": {"disable_default_eval_metric": True}, "lightgbm": {"metric": "None"}}
    model = library.classifier(**off[library.name])
    with pytest.raises(ValueError, match="nothing is evaluated"):
        library.Monitor().fit(watched(clone(model)))
    fit = replace(watched(model), pruning=False)
    fit.reporter.deadline = deadline
    assert library.Monitor().fit(fit) is None
    assert library.rounds(model) == (ROUNDS if deadline is None else 1)
    assert fit.reporter.reports == []


def test_lists_are_evaluated_like_arrays(library):
    fit, of_arrays = (
        watched(library.classifier(), X=X, X_val=X_val, y=list(Y_TRAIN), y_val=list(Y_VALID))
        for X, X_val in [(X_TRAIN.tolist(), X_VALID.tolist()), (X_TRAIN, X_VALID)]
    )
    for each in (fit, of_arrays):
        library.Monitor().fit(each)
    assert fit.reporter.reports == of_arrays.reporter.reports


# ---------------------------------------------------------------- native early stopping


@pytest.mark.parametrize("how", ["parameter", "callback"])
def test_native_early_stopping_selects_the_best_round(library, how):
    monitor, configurations = library.Monitor(), {"n_estimators": MANY, "learning_rate": 0.5}
    if how == "parameter":
        of_model, of_fit = {"early_stopping_rounds": 3}, {}
    else:
        _, of_model, of_fit = early_stopping(library)
    model = library.classifier(**configurations, **of_model)
    fit = watched(model, **of_fit)
    assert monitor.has_early_stopping(model, of_fit)
    assert not monitor.has_early_stopping(library.classifier(), {})
    chosen = monitor.fit(fit)
    assert fit.reporter.reports[-1].step + 1 == chosen + 3 < MANY
    best = min(fit.reporter.reports, key=lambda report: report.value)
    assert best.step + 1 == chosen


def test_a_users_callback_is_copied_for_each_fit_and_does_not_change(library):
    """S37: one object, five fits on four threads."""
    callback, of_model, of_fit = early_stopping(library)
    before = pickle.dumps(callback)
    configurations = {"n_estimators": MANY, "learning_rate": 0.5, **of_model}
    parts = [np.arange(len(Y_TRAIN)) % 5 != k for k in range(5)]

    def fits():
        return [
            watched(
                library.classifier(**configurations),
                X=X_TRAIN[p],
                y=Y_TRAIN[p],
                X_val=X_TRAIN[~p],
                y_val=Y_TRAIN[~p],
                **of_fit,
            )
            for p in parts
        ]

    alone = [library.Monitor().fit(fit) for fit in fits()]
    ready = threading.Barrier(4)

    def one(fit, wait):
        if wait:
            ready.wait(60)
        return library.Monitor().fit(fit)

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(one, fits(), [True] * 4 + [False]))
    assert together == alone
    assert len(set(alone)) > 1
    assert pickle.dumps(callback) == before


def test_a_refit_trains_the_given_rounds_without_early_stopping(library):
    has_callback = hasattr(library, "early_stopping")
    for configurations in [{"early_stopping_rounds": 3}, *["callback"] * has_callback]:
        of_fit = {}
        if configurations == "callback":
            _, configurations, of_fit = early_stopping(library)
        model = library.classifier(**configurations)
        kept = library.Monitor().refit_params(model, of_fit, 5)
        assert not library.Monitor().has_early_stopping(model, kept)
        model.fit(X_TRAIN, Y_TRAIN, **kept)
        assert library.rounds(model) == 5
        assert model.get_params()["n_estimators"] == 5


def test_a_refit_keeps_callbacks_that_do_not_stop(library):
    seen = []
    recorder, (stop, of_model, of_fit) = library.recorder(seen), early_stopping(library)
    for place in (of_model, of_fit):
        if place:
            place["callbacks"] = [recorder, stop]
    model = library.classifier(**of_model)
    model.fit(X_TRAIN, Y_TRAIN, **library.Monitor().refit_params(model, of_fit, 4))
    assert seen == [0, 1, 2, 3]


def test_the_selected_rounds_of_a_continued_model_are_those_of_this_fit(library):
    base = library.classifier(n_estimators=4).fit(X_TRAIN, Y_TRAIN)
    name, booster = {
        "xgboost": lambda: ("xgb_model", base.get_booster()),
        "lightgbm": lambda: ("init_model", base.booster_),
        "catboost": lambda: ("init_model", base),
    }[library.name]()
    model = library.classifier(n_estimators=MANY, learning_rate=0.5, early_stopping_rounds=3)
    fit = watched(model, **{name: booster})
    chosen = library.Monitor().fit(fit)
    assert fit.reporter.reports[0].step == 4
    assert len(fit.reporter.reports) == chosen + 3


# ---------------------------------------------------------------- which estimators


def test_a_monitor_is_registered_and_accepts_only_its_own_models(library):
    (entry,) = entry_points(group="tuneplug", name=library.name)
    assert entry.load().tuneplug_fit_monitors() == [library.Monitor]
    monitor = library.Monitor()
    assert pickle.loads(pickle.dumps(monitor)).accepts(library.classifier())
    assert monitor.accepts(library.Regressor())
    assert not monitor.accepts(LogisticRegression())
    others = [other for other in LIBRARIES.values() if other is not library]
    assert not any(monitor.accepts(other.classifier()) for other in others)


def test_accepts_imports_no_framework():
    code = (
        "import sys, tuneplug_xgboost.plugin as x, tuneplug_lightgbm.plugin as l, \\\n"
        "    tuneplug_catboost.plugin as c\n"
        "monitors = [cls() for p in (x, l, c) for cls in p.tuneplug_fit_monitors()]\n"
        "assert not any(monitor.accepts(object()) for monitor in monitors)\n"
        "assert not {'xgboost', 'lightgbm', 'catboost', 'sklearn'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---------------------------------------------------------------- search spaces


def test_a_search_runs_on_a_recommended_space(library):
    search = WarpedBayesSearchCV(
        library.classifier(), library.recommended_space(), n_iter=2, cv=2, random_state=0
    )
    search.fit(X_TRAIN[:60], Y_TRAIN[:60])
    assert set(search.best_params_) == set(library.recommended_space())
    if library.name == "catboost":  # its get_params returns those that are given
        return
    own = library.classifier().get_params()
    assert set(library.recommended_space()) <= set(own)


def test_native_names_are_parameters_of_train(library):
    if library.name == "catboost":
        pytest.skip("CatBoost has the same names everywhere")
    params = {name: p.high for name, p in library.recommended_space("native").items()}
    rounds = params.pop("num_boost_round", 3)
    library.train(rounds=min(rounds, 3), **params)
    assert len(library.recommended_space("native")) == len(library.recommended_space())
    with pytest.raises(ValueError, match="style must be"):
        library.recommended_space("caret")


def test_copies_of_a_monitor_keep_its_arguments(library):
    monitor = copy.deepcopy(library.Monitor(library.logloss))
    assert (monitor.metric, monitor.maximize) == (library.logloss, None)

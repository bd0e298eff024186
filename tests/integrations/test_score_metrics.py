"""The metrics of the boosting libraries that stand for scikit-learn's scorers, on real data."""

from __future__ import annotations

import pickle
from itertools import combinations

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import (
    f1_score,
    get_scorer,
    get_scorer_names,
    log_loss,
    make_scorer,
    roc_auc_score,
)
from sklearn.model_selection import train_test_split

from tuneplug.monitoring import MonitoredFit, Scoring, TrialReporter
from tuneplug_catboost import CatBoostMonitor
from tuneplug_catboost import score_metrics as of_catboost
from tuneplug_lightgbm import LightGBMMonitor
from tuneplug_lightgbm import score_metrics as of_lightgbm
from tuneplug_sklearn._compat import standard_scorer_name
from tuneplug_xgboost import XGBoostMonitor
from tuneplug_xgboost import score_metrics as of_xgboost

ROUNDS = (1, 2, 4, 8, 16, 30)
#: LightGBM before 4.7 gives itself names of features, which scikit-learn then misses in an array.
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread):
    return one_thread


def split(data):
    X, y = data
    X, X_val, y, y_val = train_test_split(X, y, test_size=0.4, random_state=0)
    return X, y, X_val, y_val


def many_classes():
    X = load_breast_cancer().data
    return X[:, 1:], np.digitize(X[:, 0], np.quantile(X[:, 0], [0.3, 0.7]))


DATA = {
    "binary": split(load_breast_cancer(return_X_y=True)),
    "multiclass": split(many_classes()),
    "regression": split(load_diabetes(return_X_y=True)),
}


def xgb(kind, **params):
    cls = xgboost.XGBRegressor if kind == "regression" else xgboost.XGBClassifier
    return cls(**{"n_estimators": 30, "max_depth": 2, "learning_rate": 0.2, "n_jobs": 1} | params)


def lgb(kind, **params):
    cls = lightgbm.LGBMRegressor if kind == "regression" else lightgbm.LGBMClassifier
    defaults = {"n_estimators": 30, "num_leaves": 4, "learning_rate": 0.2, "n_jobs": 1}
    return cls(**defaults | {"verbosity": -1} | params)


def cat(kind, **params):
    catboost = pytest.importorskip("catboost", reason="CatBoost is not installed")
    cls = catboost.CatBoostRegressor if kind == "regression" else catboost.CatBoostClassifier
    defaults = {"n_estimators": 30, "depth": 2, "learning_rate": 0.2, "thread_count": 1}
    return cls(**defaults | {"verbose": False, "allow_writing_files": False} | params)


LIBRARIES = {
    "xgboost": (xgb, XGBoostMonitor, of_xgboost),
    "lightgbm": (lgb, LightGBMMonitor, of_lightgbm),
}
ALL = {**LIBRARIES, "catboost": (cat, CatBoostMonitor, of_catboost)}
CASES = [
    (library, kind, scorer)
    for library, (_, _, tables) in ALL.items()
    for kind in DATA
    for scorer in getattr(tables.SCORE_METRICS, kind)
    if scorer in get_scorer_names()
]


def scored(model, data, scorer, **params):
    """Return a fit that is to be judged by a scorer of scikit-learn."""
    X, y, X_val, y_val = data

    def unused():
        raise AssertionError("the library's own metric is cheaper")

    scoring = Scoring(scorer, scorer, unused)
    return MonitoredFit(model, X, y, TrialReporter(), params, X_val, y_val, scoring=scoring)


def make(library, kind, scorer):
    model, params = ALL[library][0], {}
    positive = kind == "regression" and any(
        word in scorer for word in ("gamma", "poisson", "squared_log", "mean_log")
    )
    if positive:
        names = {"xgboost": "count:poisson", "lightgbm": "poisson"}
        if library == "catboost":  # it has no link function in the errors of logarithms
            params["loss_function"] = "Poisson" if "poisson" in scorer else "RMSE"
        else:
            params["objective"] = names[library]
    return model(kind, **params)


@pytest.mark.parametrize(("library", "kind", "scorer"), CASES)
def test_the_metric_orders_rounds_as_the_scorer_does(library, kind, scorer):
    """Single precision is the only difference: pairs closer than 1e-5 may be ordered either way.

    ``aucpr`` and ``PRAUC`` join points of the curve otherwise than scikit-learn does: up to 0.005
    on this data.
    """
    fit, data = scored(make(library, kind, scorer), DATA[kind], scorer), DATA[kind]
    ALL[library][1]().fit(fit)
    sign = 1.0 if fit.reporter.direction == "maximize" else -1.0
    reported = {report.step + 1: sign * report.value for report in fit.reporter.reports}
    wanted = {
        n: get_scorer(scorer)(
            clone(fit.estimator).set_params(n_estimators=n).fit(*data[:2]), *data[2:]
        )
        for n in ROUNDS
    }
    tolerance = (
        0.005 if reports(fit) in ("aucpr", "PRAUC") else 1e-5 * max(map(abs, wanted.values()))
    )
    apart = [pair for pair in combinations(ROUNDS, 2) if differ(wanted, pair, tolerance)]
    assert len(apart) > 3
    for first, second in apart:
        assert (wanted[first] < wanted[second]) == (reported[first] < reported[second])


def differ(values, pair, tolerance):
    return abs(values[pair[0]] - values[pair[1]]) > tolerance


def reports(fit):
    return (
        fit.reporter.metric.removeprefix("validation_0-")
        .removeprefix("valid_0's ")
        .removeprefix("validation-")
    )


#: Scores whose metric has the same value, as a function of the metric.
EQUAL = {
    "accuracy": lambda m: 1 - m,
    "average_precision": lambda m: m,
    "neg_log_loss": lambda m: -m,
    "neg_mean_absolute_error": lambda m: -m,
    "neg_mean_absolute_percentage_error": lambda m: -m,
    "neg_root_mean_squared_error": lambda m: -m,
    "balanced_accuracy": lambda m: m,
    "matthews_corrcoef": lambda m: m,
    "neg_root_mean_squared_log_error": lambda m: -m,
    "roc_auc": lambda m: m,
    "roc_auc_ovr_weighted": lambda m: m,
}
#: CatBoost reports the share of correct classes, and no root of the squared logarithmic error.
CATBOOST = EQUAL | {
    "accuracy": lambda m: m,
    "neg_root_mean_squared_log_error": lambda m: -np.sqrt(m),
}


@pytest.mark.parametrize(("library", "kind", "scorer"), [c for c in CASES if c[2] in EQUAL])
def test_the_metric_equals_the_scorer(library, kind, scorer):
    """XGBoost sums in single precision, hence 1e-5; two metrics interpolate, hence 0.005."""
    fit, data = scored(make(library, kind, scorer), DATA[kind], scorer), DATA[kind]
    ALL[library][1]().fit(fit)
    value = (CATBOOST if library == "catboost" else EQUAL)[scorer](fit.reporter.reports[-1].value)
    tolerance = {"abs": 0.005} if reports(fit) in ("aucpr", "PRAUC") else {"rel": 1e-5, "abs": 1e-7}
    assert value == pytest.approx(get_scorer(scorer)(fit.estimator, *data[2:]), **tolerance)


def test_a_percentage_error_near_zero_has_no_metric():
    X, y, X_val, y_val = DATA["regression"]
    near = (X, y, X_val, y_val / 1000.0)
    zero = (X, y, X_val, np.where(y_val > 200, 0.0, y_val))
    name = "neg_mean_absolute_percentage_error"
    assert of_lightgbm.score_metric(scored(lgb("regression"), near, name)) is None
    assert of_xgboost.score_metric(scored(xgb("regression"), near, name)) == "mape"
    assert of_xgboost.score_metric(scored(xgb("regression"), zero, name)) is None


@pytest.mark.parametrize("library", ["lightgbm", "catboost"])
@pytest.mark.parametrize("first", [0, 1, -1])
def test_average_precision_has_a_metric_only_if_class_1_is_the_last(library, first):
    make_model, _, tables = ALL[library]
    X, y, X_val, y_val = DATA["binary"]
    labels = np.array([first, 1 if first < 0 else first + 1])
    fit = scored(make_model("binary"), (X, labels[y], X_val, labels[y_val]), "average_precision")
    assert (tables.score_metric(fit) is None) == (first == 1)
    fit = scored(make_model("binary"), (X, labels[y], X_val, labels[y_val]), "roc_auc")
    assert tables.score_metric(fit) is not None


def test_a_score_of_several_targets_has_a_metric_only_where_it_averages_all_values():
    X, y, X_val, y_val = DATA["regression"]
    both = (X, np.stack([y, y], 1), X_val, np.stack([y_val, y_val], 1))
    metrics = {
        name: of_xgboost.score_metric(scored(xgb("regression"), both, name))
        for name in ("neg_mean_squared_error", "neg_root_mean_squared_error", "r2")
    }
    assert metrics == {
        "neg_mean_squared_error": "rmse",
        "neg_root_mean_squared_error": None,
        "r2": None,
    }


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_objective_of_ones_own_has_only_metrics_of_ranks(library):
    def objective(y_true, y_pred):
        p = 1 / (1 + np.exp(-y_pred))
        return p - y_true, p * (1 - p)

    make_model, monitor, tables = LIBRARIES[library]
    model = make_model("binary", objective=objective)
    assert tables.score_metric(scored(model, DATA["binary"], "neg_log_loss")) is None
    fit = scored(model, DATA["binary"], "roc_auc")
    monitor().fit(fit)
    assert reports(fit) == "auc"


@pytest.mark.parametrize("library", LIBRARIES)
def test_two_classes_under_an_objective_for_many(library):
    objective = {"xgboost": "multi:softprob", "lightgbm": "multiclass"}[library]
    classes = {"num_class": 2}
    make_model, monitor, tables = LIBRARIES[library]
    model = make_model("binary", objective=objective, **classes)
    assert tables.score_metric(scored(clone(model), DATA["binary"], "roc_auc")) is None
    fit = scored(model, DATA["binary"], "accuracy")
    monitor().fit(fit)
    assert reports(fit) in ("merror", "multi_error")


# ------------------------------------------------------------------ what the metric must not change


def half(y_true, y_score):
    return float(np.mean((y_score > 0.5) != y_true)) / 2


def half_lgb(y_true, y_score):
    return "half", half(y_true, y_score), False


OWN = [
    ("xgboost", {}, {}),
    ("xgboost", {"eval_metric": "error"}, {}),
    ("xgboost", {"eval_metric": ["auc", "error"]}, {}),
    ("xgboost", {"eval_metric": half}, {}),
    ("xgboost", {"booster": "dart", "early_stopping_rounds": None}, {}),
    ("lightgbm", {}, {}),
    ("lightgbm", {"metric": "binary_error"}, {}),
    ("lightgbm", {"metrics": "binary_error,auc"}, {}),
    ("lightgbm", {"first_metric_only": True}, {"eval_metric": ["average_precision", "error"]}),
    ("lightgbm", {}, {"eval_metric": half_lgb}),
]


@pytest.mark.parametrize("early", [None, 3])
@pytest.mark.parametrize("scorer", ["roc_auc", "neg_log_loss", "average_precision", "accuracy"])
@pytest.mark.parametrize(("library", "of_model", "of_fit"), OWN)
def test_the_metric_changes_neither_model_nor_early_stopping_nor_results(
    library, of_model, of_fit, scorer, early
):
    make_model, monitor, _ = LIBRARIES[library]
    X, y, X_val, y_val = DATA["binary"]
    options = {"n_estimators": 40, "early_stopping_rounds": early} | of_model
    fits = [scored(make_model("binary", **options), DATA["binary"], scorer, **of_fit)]
    explicit = MonitoredFit(clone(fits[0].estimator), X, y, TrialReporter(), of_fit, X_val, y_val)
    fits.append(explicit)
    direction = {"maximize": False} if half in of_model.values() else {}
    chosen = [monitor().fit(fits[0]), monitor(**direction).fit(fits[1])]
    assert chosen[0] == chosen[1]
    with_metric, without = (fit.estimator for fit in fits)
    np.testing.assert_array_equal(with_metric.predict_proba(X_val), without.predict_proba(X_val))
    assert results_of(with_metric) == results_of(without)
    if library == "xgboost":
        assert with_metric.get_booster().save_raw() == without.get_booster().save_raw()
    assert with_metric.get_params() == without.get_params()
    wanted = get_scorer(scorer)
    last = fits[0].reporter.reports[-1]
    whole = clone(with_metric).set_params(n_estimators=last.step + 1, early_stopping_rounds=None)
    value = EQUAL[scorer](last.value)
    if options.get("booster") != "dart":
        assert value == pytest.approx(wanted(whole.fit(X, y), X_val, y_val), abs=0.005)


def results_of(model):
    return model.evals_result() if hasattr(model, "evals_result") else model.evals_result_


def test_callbacks_of_the_user_do_not_see_the_metric():
    seen = []

    class Seen(xgboost.callback.TrainingCallback):
        def after_iteration(self, model, epoch, evals_log):
            seen.append({name for metrics in evals_log.values() for name in metrics})
            return False

    def see(env):
        seen.append({item[1] for item in env.evaluation_result_list})

    see.order = -1000
    see.before_iteration = False
    LIBRARIES["xgboost"][1]().fit(
        scored(xgb("binary", callbacks=[Seen()]), DATA["binary"], "roc_auc")
    )
    assert seen == [{"logloss"}] * 30
    seen.clear()
    fit = scored(lgb("binary"), DATA["binary"], "roc_auc", callbacks=[see])
    LIBRARIES["lightgbm"][1]().fit(fit)
    assert len(fit.reporter.reports) == 30


def test_a_metric_of_the_user_with_the_same_name_stays():
    def auc(y_true, y_score):
        return 0.25

    def auc_lgb(y_true, y_score):
        return "auc", 0.25, True

    X_val, y_val = DATA["binary"][2:]
    for model, of_fit in (
        (xgb("binary", eval_metric=auc), {}),
        (lgb("binary"), {"eval_metric": auc_lgb}),
    ):
        fit = scored(model, DATA["binary"], "roc_auc", **of_fit)
        next(m() for _, m, _ in LIBRARIES.values() if m().accepts(model)).fit(fit)
        (results,) = results_of(fit.estimator).values()
        assert results["auc"] == [0.25] * 30
        assert len(fit.reporter.reports) == 30
        wanted = roc_auc_score(y_val, fit.estimator.predict_proba(X_val)[:, 1])
        assert fit.reporter.reports[-1].value == pytest.approx(wanted)


def test_a_fit_without_metrics_of_its_own_gets_the_metric():
    for model in (
        xgb("binary", disable_default_eval_metric=True),
        lgb("binary", metric="None"),
    ):
        fit = scored(model, DATA["binary"], "roc_auc")
        next(m() for _, m, _ in LIBRARIES.values() if m().accepts(model)).fit(fit)
        assert reports(fit) == "auc"
        assert not any(results_of(model).values())


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_score_without_weights_is_reported_without_weights(library):
    make_model, monitor, _ = LIBRARIES[library]
    X, y, X_val, y_val = DATA["binary"]
    weights = {"sample_weight": np.linspace(0.1, 2.0, len(y))}
    proba = []
    for weighted in (False, True):
        scoring = Scoring("neg_log_loss", "neg_log_loss", lambda: 0.0, weighted)
        weight = np.linspace(0.1, 2.0, len(y_val))
        fit = MonitoredFit(
            make_model("binary"),
            X,
            y,
            TrialReporter(),
            weights,
            X_val,
            y_val,
            weight,
            scoring=scoring,
        )
        monitor().fit(fit)
        of_class = fit.estimator.predict_proba(X_val)[np.arange(len(y_val)), y_val]
        proba.append(of_class)
        expected = np.average(-np.log(of_class), weights=weight if weighted else None)
        assert fit.reporter.reports[-1].value == pytest.approx(expected, rel=1e-5)
    np.testing.assert_array_equal(*proba)


# ------------------------------------------------------------------ names of scorers


@pytest.mark.parametrize("name", get_scorer_names())
def test_a_scorer_of_scikit_learn_is_recognized_after_a_pickle(name):
    scorer = pickle.loads(pickle.dumps(get_scorer(name)))
    twin = get_scorer(standard_scorer_name(scorer))
    assert twin._score_func is scorer._score_func
    assert (twin._sign, twin._kwargs) == (scorer._sign, scorer._kwargs)


def test_a_scorer_of_ones_own_has_the_name_of_what_it_computes():
    name = standard_scorer_name(make_scorer(roc_auc_score, response_method="predict_proba"))
    assert name == "roc_auc"
    explicit = make_scorer(f1_score, average="binary", pos_label=1)
    assert standard_scorer_name(explicit) == standard_scorer_name(make_scorer(f1_score)) == "f1"
    assert standard_scorer_name(make_scorer(f1_score, pos_label=0)) is None
    assert standard_scorer_name(make_scorer(f1_score, labels=[0, 1])) is None
    assert standard_scorer_name(make_scorer(roc_auc_score)) is None
    assert standard_scorer_name(make_scorer(roc_auc_score, max_fpr=0.1)) is None
    assert standard_scorer_name(lambda estimator, X, y: 0.0) is None


def test_labels_of_probabilities_do_not_change_the_name_of_a_scorer():
    scorer = make_scorer(
        log_loss, greater_is_better=False, response_method="predict_proba", labels=[0, 1]
    )
    assert standard_scorer_name(scorer) == "neg_log_loss"

"""What is particular to CatBoost: rounds that it selects, its weights, errors and categories."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

catboost = pytest.importorskip("catboost", reason="CatBoost is not installed")

from booster_libraries import ROUNDS, X_TRAIN, X_VALID, Y_TRAIN, Y_VALID  # noqa: E402
from catboost_library import CatBoost  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.metrics import log_loss  # noqa: E402

from tuneplug import Float, Int, Study  # noqa: E402
from tuneplug.monitoring import MetricError, MonitoredFit, Scoring, TrialReporter  # noqa: E402
from tuneplug.stopping import MedianRule  # noqa: E402
from tuneplug_catboost import CatBoostMonitor, TrialCallback, recommended_space  # noqa: E402
from tuneplug_catboost.score_metrics import score_metric  # noqa: E402
from tuneplug_sklearn import WarpedBayesSearchCV  # noqa: E402

EAGER = MedianRule(n_warmup_steps=2, n_min_trials=3, n_startup_trials=4)
SPACE = {"learning_rate": Float(0.001, 1.0), "l2_leaf_reg": Float(1e-2, 1e2)}


def watched(model, scorer=None, weighted=False, **params):
    scoring = scorer and Scoring(scorer, scorer, lambda: 0.0, weighted)
    weight = np.linspace(0.1, 2.0, len(Y_VALID)) if "sample_weight" in params else None
    data = (X_TRAIN, Y_TRAIN, TrialReporter(), params, X_VALID, Y_VALID, weight)
    return MonitoredFit(model, *data, scoring=scoring)


# ---------------------------------------------------------------- models


@pytest.mark.parametrize("scorer", [None, "roc_auc", "neg_log_loss", "average_precision"])
def test_a_monitored_model_equals_the_one_that_is_fitted_without_evaluation_data(scorer):
    """The automatic learning rate depends on whether the best round is selected."""
    fit = watched(CatBoost.classifier(n_estimators=40), scorer)
    before = fit.estimator.get_params()
    CatBoostMonitor().fit(fit)
    alone = CatBoost.classifier(n_estimators=40).fit(X_TRAIN, Y_TRAIN)
    assert CatBoost.raw(fit.estimator) == CatBoost.raw(alone)
    assert fit.estimator.get_params() == before
    assert fit.estimator.tree_count_ == 40


def test_the_best_round_is_selected_if_the_user_says_so():
    model = CatBoost.classifier(n_estimators=60, learning_rate=0.8, use_best_model=True)
    fit = watched(model)
    assert CatBoostMonitor().has_early_stopping(model, {})
    chosen = CatBoostMonitor().fit(fit)
    best = min(fit.reporter.reports, key=lambda report: report.value)
    assert chosen == best.step + 1 == fit.estimator.tree_count_ < len(fit.reporter.reports) == 60
    kept = clone(model)
    assert CatBoostMonitor().refit_params(kept, {"early_stopping_rounds": 3}, chosen) == {}
    assert kept.fit(X_TRAIN, Y_TRAIN).tree_count_ == chosen


@pytest.mark.parametrize(
    "params", [{"od_wait": 3}, {"od_type": "Iter", "od_wait": 3}, {"early_stopping_rounds": 3}]
)
def test_early_stopping_is_recognized_under_all_names(params):
    monitor = CatBoostMonitor()
    model = CatBoost.classifier(n_estimators=150, learning_rate=0.8, **params)
    fit = watched(model)
    assert monitor.has_early_stopping(model, {})
    chosen = monitor.fit(fit)
    assert len(fit.reporter.reports) == chosen + 3 < 150
    twin = clone(model)
    monitor.refit_params(twin, {}, chosen)
    assert not monitor.has_early_stopping(clone(twin), {})
    assert twin.fit(X_TRAIN, Y_TRAIN).tree_count_ == chosen


def test_an_argument_of_fit_stops_early_and_the_detector_without_a_threshold_does_not():
    monitor, model = CatBoostMonitor(), CatBoost.classifier()
    assert monitor.has_early_stopping(model, {"early_stopping_rounds": 3})
    assert not monitor.has_early_stopping(model, {"early_stopping_rounds": None})
    assert not monitor.has_early_stopping(CatBoost.classifier(od_type="IncToDec", od_wait=3), {})
    assert monitor.has_early_stopping(CatBoost.classifier(od_type="IncToDec", od_pval=0.1), {})


@pytest.mark.parametrize("alias", ["iterations", "n_estimators", "num_boost_round", "num_trees"])
def test_a_refit_sets_the_rounds_under_the_name_in_use(alias):
    model = catboost.CatBoostClassifier(**{alias: 9}, verbose=False, allow_writing_files=False)
    CatBoostMonitor().refit_params(model, {}, 4)
    assert model.get_params()[alias] == 4
    assert model.fit(X_TRAIN, Y_TRAIN).tree_count_ == 4


def test_a_note_names_the_learning_rate_that_depends_on_the_rounds():
    fits = [
        watched(CatBoost.classifier(early_stopping_rounds=3, **rate))
        for rate in ({}, {"learning_rate": 0.1})
    ]
    for fit in fits:
        CatBoostMonitor().fit(fit)
    assert ["set learning_rate" in "".join(fit.notes) for fit in fits] == [True, False]


# ---------------------------------------------------------------- reports


def test_rounds_that_metric_period_skips_are_not_reported():
    fit = watched(CatBoost.classifier(metric_period=3))
    CatBoostMonitor().fit(fit)
    assert [report.step for report in fit.reporter.reports] == [0, 3, 6, ROUNDS - 1]


def test_the_error_of_a_report_keeps_its_type_in_a_monitored_fit():
    with pytest.raises(MetricError, match=r"choose from .*validation-Logloss"):
        CatBoostMonitor("no_metric").fit(watched(CatBoost.classifier()))


def test_callbacks_of_the_user_are_copied_and_do_not_see_the_metric_of_the_score():
    class Seen:
        names = []  # noqa: RUF012  # shared by the copies

        def __init__(self):
            self.rounds = 0

        def after_iteration(self, info):
            self.rounds += 1
            self.names.append(set(info.metrics["validation"]))
            return self.rounds < 5

    own = Seen()
    fit = watched(CatBoost.classifier(), "roc_auc", callbacks=[own])
    CatBoostMonitor().fit(fit)
    assert own.rounds == 0
    assert Seen.names == [{"Logloss"}] * 5
    assert fit.reporter.metric == "validation-AUC"
    assert len(fit.reporter.reports) == 5


def test_the_number_of_earlier_rounds_must_be_an_int():
    with pytest.raises(TypeError, match=r"n_previous must be an int, but got 2\.5"):
        TrialCallback(Study(SPACE, seed=0).ask(), n_previous=2.5)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_metric_has_weights_if_the_score_has(weighted):
    weight = {"sample_weight": np.ones(len(Y_TRAIN))}
    fit = watched(CatBoost.classifier(), "neg_log_loss", weighted, **weight)
    CatBoostMonitor().fit(fit)
    proba = fit.estimator.predict_proba(X_VALID)
    wanted = log_loss(Y_VALID, proba, sample_weight=fit.sample_weight_val if weighted else None)
    assert fit.reporter.reports[-1].value == pytest.approx(wanted, rel=1e-5)


def test_weights_of_classes_do_not_change_the_metric_of_a_score():
    model = CatBoost.classifier(auto_class_weights="Balanced")
    fit = watched(model, "neg_log_loss")
    CatBoostMonitor().fit(fit)
    wanted = log_loss(Y_VALID, fit.estimator.predict_proba(X_VALID))
    assert fit.reporter.reports[-1].value == pytest.approx(wanted, rel=1e-5)
    both = watched(clone(model), "roc_auc", weighted=True, sample_weight=np.ones(len(Y_TRAIN)))
    assert score_metric(both) is None


@pytest.mark.parametrize(
    ("loss", "scorer"),
    [
        ("Poisson", "r2"),
        ("Tweedie:variance_power=1.5", "r2"),
        ("RMSE", "neg_mean_poisson_deviance"),
    ],
)
def test_a_loss_with_a_link_function_has_no_metric_of_another_one(loss, scorer):
    assert score_metric(watched(catboost.CatBoostRegressor(loss_function=loss), scorer)) is None


# ---------------------------------------------------------------- in the search


def searched(model, X=X_TRAIN, y=Y_TRAIN, params=None, **options):
    options = {"scoring": "neg_log_loss", "stopping": EAGER, "n_iter": 12, "cv": 2} | options
    return WarpedBayesSearchCV(model, SPACE, random_state=0, **options).fit(X, y, **params or {})


def test_a_search_stops_poor_fits_and_refits_all_rounds_without_stopping():
    search = searched(CatBoost.classifier(n_estimators=20))
    states = [trial.state.value for trial in search.study_.trials]
    assert states.count("stopped") > 1
    assert {trial.metric for trial in search.study_.trials} == {"validation-Logloss"}
    model = CatBoost.classifier(n_estimators=20, **search.best_params_).fit(X_TRAIN, Y_TRAIN)
    assert CatBoost.raw(search.best_estimator_) == CatBoost.raw(model)


def test_a_search_whose_rule_stops_nothing_equals_the_search_without_a_rule():
    never = MedianRule(n_warmup_steps=2, n_min_trials=3, n_startup_trials=1000)
    scores = [
        searched(CatBoost.classifier(), stopping=rule, n_iter=4).cv_results_["mean_test_score"]
        for rule in (never, None)
    ]
    np.testing.assert_array_equal(*scores)


def test_early_stopping_in_a_search_refits_the_median_of_its_rounds():
    model = CatBoost.classifier(n_estimators=100, early_stopping_rounds=3)
    search = searched(model, n_iter=4, cv=3, stopping=None)
    rounds = [search.cv_results_[f"split{k}_best_round"][search.best_index_] for k in range(3)]
    assert search.best_estimator_.tree_count_ == np.median(rounds)


@pytest.mark.parametrize("place", ["model", "fit"])
def test_categories_are_evaluated_as_they_are_trained_also_with_weights(place):
    def frame(X):
        return pd.DataFrame({"color": np.where(X[:, 0] > 0, "red", "blue"), "size": X[:, 1]})

    own = {"cat_features": ("color",)}  # scikit-learn cannot clone a model with a list
    model = CatBoost.classifier(**own if place == "model" else {})
    params = {"sample_weight": np.ones(len(Y_TRAIN)), **(own if place == "fit" else {})}
    search = searched(model, frame(X_TRAIN), n_iter=3, params=params)
    assert all(len(trial.reports) == 2 * ROUNDS for trial in search.study_.trials)
    assert search.best_estimator_.get_cat_feature_indices() == [0]


def test_the_ranges_are_those_of_aws():
    """ "Tune a CatBoost model", Amazon SageMaker AI developer guide."""
    assert recommended_space() == {
        "learning_rate": Float(0.001, 0.01),
        "depth": Int(4, 10),
        "l2_leaf_reg": Int(2, 10),
        "random_strength": Float(0.0, 10.0),
    }


@pytest.mark.parametrize(
    ("kind", "target", "metric"),
    [
        (catboost.CatBoostClassifier, Y_TRAIN, "validation-Accuracy"),
        (catboost.CatBoostRegressor, X_TRAIN[:, 0], "validation-RMSE"),
    ],
)
def test_the_metric_of_its_own_score_decides_without_scoring(kind, target, metric):
    model = kind(n_estimators=5, verbose=False, allow_writing_files=False, thread_count=1)
    options = {"n_iter": 2, "cv": 2, "strategy": "random", "random_state": 0}
    search = WarpedBayesSearchCV(model, SPACE, stopping="median", **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.fit(X_TRAIN, target)
    assert {trial.metric for trial in search.study_.trials} == {metric}

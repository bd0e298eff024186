"""Gradient boosting that is monitored through the argument ``monitor`` of its ``fit``."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from stopped_searches import check_last_reports, check_stopped

from tuneplug import Float
from tuneplug.monitoring import MonitoredFit, Scoring, TrialReporter
from tuneplug.stopping import MedianRule
from tuneplug_sklearn import WarpedBayesSearchCV
from tuneplug_sklearn.gradient_boosting import GradientBoostingMonitor

DIGITS = tuple(part[:150] for part in load_digits(n_class=3, return_X_y=True))
NAMED = (DIGITS[0], np.array(["zero", "one", "two"])[DIGITS[1]])
DIABETES = tuple(part[:150] for part in load_diabetes(return_X_y=True))
NEVER = MedianRule(n_warmup_steps=10**6)
EAGER = MedianRule(n_warmup_steps=1, n_min_trials=2, n_startup_trials=2, n_protected=0)
RATES = {"learning_rate": Float(1e-4, 1.0, "log")}


def boosted(kind=GradientBoostingClassifier, **params):
    return kind(**{"n_estimators": 20, "max_depth": 2, "random_state": 0} | params)


def watched(model, data, params=None, *, by_score=False, **reporter):
    scoring = Scoring("score", None, lambda: model.score(*data)) if by_score else None
    reporting = TrialReporter(**reporter)
    return MonitoredFit(model, *data, reporting, params or {}, *data, scoring=scoring, notes=[])


KINDS = {
    "three classes": (boosted(), NAMED),
    "two classes": (boosted(), (DIGITS[0], DIGITS[1] == 1)),
    "subsample": (boosted(subsample=0.5, max_features=0.3), DIGITS),
    "early stopping": (boosted(n_iter_no_change=2, tol=0.05, n_estimators=100), DIGITS),
    "regressor": (boosted(GradientBoostingRegressor, loss="huber", subsample=0.7), DIABETES),
    "init": (boosted(GradientBoostingRegressor, init="zero"), DIABETES),
    "warm start": (boosted(warm_start=True), DIGITS),
    "fewer trees than portions": (boosted(n_estimators=3), DIGITS),
}


@pytest.mark.parametrize("by_score", [False, True], ids=["loss", "score"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_that_is_not_stopped_is_the_one_without_a_monitor(kind, by_score):
    given, data = KINDS[kind]
    weights = {"sample_weight": np.linspace(0.5, 2.0, len(data[1]))}
    plain, model = clone(given).fit(*data, **weights), clone(given)
    fit = watched(model, data, weights, by_score=by_score)
    assert GradientBoostingMonitor().fit(fit) is None
    np.testing.assert_array_equal(model.predict(data[0]), plain.predict(data[0]))
    np.testing.assert_array_equal(model.train_score_, plain.train_score_)
    np.testing.assert_array_equal(model.feature_importances_, plain.feature_importances_)
    assert model.estimators_.shape == plain.estimators_.shape
    assert vars(model).keys() == vars(plain).keys()
    reports = fit.reporter.reports
    assert reports[-1].step == plain.n_estimators_ - 1
    assert len(reports) <= 10
    if by_score:
        assert reports[-1].value == plain.score(*data)
    else:
        losses = plain.train_score_[[report.step for report in reports]]
        assert [report.value for report in reports] == losses.tolist()


def test_a_report_is_the_score_of_a_fit_with_as_many_trees():
    model = boosted(n_estimators=40)
    fit = watched(model, NAMED, by_score=True)
    GradientBoostingMonitor().fit(fit)
    assert [report.step + 1 for report in fit.reporter.reports] == list(range(4, 41, 4))
    for report in fit.reporter.reports:
        alone = boosted(n_estimators=report.step + 1).fit(*NAMED)
        assert report.value == alone.score(*NAMED)


@pytest.mark.parametrize("by_score", [False, True], ids=["loss", "score"])
def test_a_stopped_fit_ends_after_the_tree_and_can_predict(by_score):
    model = boosted()
    fit = watched(model, NAMED, by_score=by_score, deadline=0.0)
    GradientBoostingMonitor().fit(fit)
    assert (model.n_estimators_, fit.reporter.stop_reason) == (1, "timeout")
    alone = boosted(n_estimators=1).fit(*NAMED)
    np.testing.assert_array_equal(model.predict_proba(NAMED[0]), alone.predict_proba(NAMED[0]))


def test_a_monitor_of_the_user_is_called_too_and_may_end_the_fit():
    seen = []

    def mine(iteration, model, variables):
        seen.append((iteration, len(model.estimators_), "raw_predictions" in variables))
        return iteration == 4

    model = boosted()
    fit = watched(model, DIGITS, {"monitor": mine}, by_score=True)
    GradientBoostingMonitor().fit(fit)
    assert seen == [(i, 20, True) for i in range(5)]
    assert (model.n_estimators_, fit.reporter.stop_reason) == (5, None)
    assert [report.step for report in fit.reporter.reports] == [1, 3, 4]


def searched(model, data, space=RATES, **options):
    defaults = {"n_iter": 10, "cv": 2, "random_state": 0, "strategy": "random", "lag": 0}
    return WarpedBayesSearchCV(model, space, **defaults | options).fit(*data)


def test_a_search_stops_poor_models_and_keeps_the_scores_of_the_others():
    options = {"scoring": "neg_log_loss"}
    search = searched(boosted(), NAMED, stopping=EAGER, **options)
    plain = searched(boosted(), NAMED, **options)
    check_stopped(search, plain, at_least=2)
    assert {trial.metric for trial in search.study_.trials} == {"neg_log_loss"}


def test_the_last_report_of_a_fold_is_its_score_also_with_a_transformed_target():
    inner = make_pipeline(StandardScaler(), boosted(GradientBoostingRegressor))
    model = TransformedTargetRegressor(inner, func=np.log1p, inverse_func=np.expm1)
    space = {f"regressor__gradientboostingregressor__{name}": p for name, p in RATES.items()}
    search = searched(model, DIABETES, space, stopping=NEVER, n_iter=2)
    check_last_reports(search, n_folds=2)

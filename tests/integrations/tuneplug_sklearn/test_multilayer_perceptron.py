"""Multilayer perceptrons that are monitored by epochs, and estimators that cannot be."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    PassiveAggressiveClassifier,
    PassiveAggressiveRegressor,
    Perceptron,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from stopped_searches import check_last_reports, check_stopped

from tuneplug import Categorical, Float, NoCompletedTrialError
from tuneplug.monitoring import MonitoredFit, Scoring, TrialReporter
from tuneplug.stopping import MedianRule
from tuneplug_sklearn import WarpedBayesSearchCV
from tuneplug_sklearn.multilayer_perceptron import MultilayerPerceptronMonitor

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Class Passive:FutureWarning"),
]

DIGITS = tuple(part[:200] for part in load_digits(n_class=3, return_X_y=True))
DIGITS = (DIGITS[0] / 16, DIGITS[1])
DIABETES = tuple(part[:200] for part in load_diabetes(return_X_y=True))
DIABETES = (DIABETES[0], DIABETES[1] / 100)
NEVER = MedianRule(n_warmup_steps=10**6)
EAGER = MedianRule(n_warmup_steps=1, n_min_trials=2, n_startup_trials=2, n_protected=0)


def mlp(kind=MLPClassifier, **params):
    return kind(**{"hidden_layer_sizes": (5,), "random_state": 0, "max_iter": 30} | params)


def watched(model, data, scoring=None, **reporter):
    return MonitoredFit(
        model, *data, TrialReporter(**reporter), {}, *data, scoring=scoring, notes=[]
    )


def scored(model, data):
    return Scoring("score", None, lambda: model.score(*data))


KINDS = {
    "adam": (mlp(), DIGITS),
    "sgd": (mlp(solver="sgd", learning_rate_init=0.1), DIGITS),
    "invscaling": (mlp(solver="sgd", learning_rate="invscaling"), DIGITS),
    "adaptive": (
        mlp(solver="sgd", learning_rate="adaptive", n_iter_no_change=2, tol=0.05, max_iter=60),
        DIGITS,
    ),
    "converges": (mlp(n_iter_no_change=2, tol=0.05, max_iter=200), DIGITS),
    "early stopping": (mlp(early_stopping=True, n_iter_no_change=3, max_iter=200), DIGITS),
    "regressor": (mlp(MLPRegressor, batch_size=32), DIABETES),
    "two targets": (mlp(MLPRegressor), (DIABETES[0], np.c_[DIABETES[1], -DIABETES[1]])),
    "no shuffle": (mlp(shuffle=False), DIGITS),
    "fewer epochs than portions": (mlp(max_iter=3), DIGITS),
}


@pytest.mark.parametrize("by_score", [False, True], ids=["loss", "score"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_that_is_not_stopped_is_the_one_without_a_monitor(kind, by_score):
    given, data = KINDS[kind]
    plain, model = clone(given).fit(*data), clone(given)
    fit = watched(model, data, scored(model, data) if by_score else None)
    assert MultilayerPerceptronMonitor().fit(fit) is None
    for mine, theirs in zip(
        model.coefs_ + model.intercepts_, plain.coefs_ + plain.intercepts_, strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)
    assert (model.n_iter_, model.loss_curve_) == (plain.n_iter_, plain.loss_curve_)
    assert vars(model).keys() == vars(plain).keys()
    reports = fit.reporter.reports
    assert reports[-1].step == plain.n_iter_ - 1
    if by_score:
        assert len(reports) <= 10
        assert kind == "early stopping" or reports[-1].value == plain.score(*data)
    else:
        assert [report.value for report in reports] == plain.loss_curve_


def test_a_report_is_the_score_of_a_fit_with_as_many_epochs():
    model = mlp(max_iter=40)
    fit = watched(model, DIGITS, scored(model, DIGITS))
    MultilayerPerceptronMonitor().fit(fit)
    reports = {report.step + 1: report.value for report in fit.reporter.reports}
    assert list(reports) == [4, 8, 12, 16, 20, 24, 28, 32, 36, 40]
    for n_epochs in (4, 20):
        assert reports[n_epochs] == clone(model).set_params(max_iter=n_epochs).fit(*DIGITS).score(
            *DIGITS
        )


def test_a_stopped_fit_ends_after_the_epoch_and_can_predict():
    model = mlp()
    fit = watched(model, DIGITS, deadline=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        MultilayerPerceptronMonitor().fit(fit)
    assert (model.n_iter_, fit.reporter.stop_reason) == (1, "timeout")
    expected = clone(model).set_params(max_iter=1).fit(*DIGITS)
    np.testing.assert_array_equal(model.predict_proba(DIGITS[0]), expected.predict_proba(DIGITS[0]))
    model.fit(*DIGITS)
    assert model.n_iter_ == 30


def test_a_scorer_that_raises_leaves_the_fit_without_reports():
    model = mlp()

    def raising():
        raise RuntimeError("no")

    fit = watched(model, DIGITS, Scoring("mine", None, raising))
    MultilayerPerceptronMonitor().fit(fit)
    assert (model.n_iter_, fit.reporter.reports) == (30, [])
    assert len(fit.notes) == 1
    assert "scoring='mine' raised RuntimeError" in fit.notes[0]


def searched(model, space, **options):
    defaults = {"n_iter": 8, "cv": 2, "random_state": 0, "strategy": "random", "lag": 0}
    search = WarpedBayesSearchCV(
        make_pipeline(StandardScaler(), model),
        {f"{type(model).__name__.lower()}__{name}": given for name, given in space.items()},
        **defaults | options,
    )
    return search.fit(*DIGITS)


RATES = {"learning_rate_init": Float(1e-6, 1.0, "log")}


def test_a_search_stops_poor_perceptrons_and_keeps_the_scores_of_the_others():
    search = searched(mlp(), RATES, stopping=EAGER, n_iter=12)
    plain = searched(mlp(), RATES, n_iter=12)
    check_stopped(search, plain, at_least=2)
    assert {trial.metric for trial in search.study_.trials} == {"accuracy"}


def test_the_last_report_of_a_fold_is_its_score():
    search = searched(mlp(), RATES, stopping=NEVER, n_iter=3)
    check_last_reports(search, n_folds=2)


def test_a_timeout_ends_perceptrons_between_epochs():
    model = mlp(max_iter=10**7, n_iter_no_change=10**7)
    searching = {"trial_timeout": 0.3, "n_iter": 2, "error_score": np.nan, "refit": False}
    with pytest.raises(NoCompletedTrialError, match="trial_timeout"):
        searched(model, RATES, **searching)


def test_a_solver_without_epochs_is_fitted_without_a_monitor():
    space = {"solver": Categorical(["adam", "lbfgs"])}
    with pytest.warns(UserWarning, match="trains in epochs, but got solver='lbfgs"):
        search = searched(mlp(), space, stopping=NEVER, n_iter=2, strategy="grid")
    assert sorted(len(trial.reports) for trial in search.study_.trials) == [0, 20]
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# ------------------------------------------------------------------ estimators without a monitor

ONLINE = [
    SGDClassifier,
    SGDRegressor,
    Perceptron,
    PassiveAggressiveClassifier,
    PassiveAggressiveRegressor,
]


@pytest.mark.parametrize("kind", ONLINE)
def test_epochs_of_partial_fit_of_linear_models_are_not_fit(kind):
    model = kind(random_state=0, max_iter=5, tol=None)
    classes = {"classes": np.unique(DIGITS[1])} if hasattr(kind, "decision_function") else {}
    by_epochs = clone(model)
    for _ in range(model.max_iter):
        by_epochs.partial_fit(*DIGITS, **classes)
    assert not np.allclose(by_epochs.coef_, clone(model).fit(*DIGITS).coef_)


@pytest.mark.parametrize("kind", ONLINE)
def test_stopping_refuses_linear_models_with_the_reason(kind):
    model = kind(random_state=0)
    with pytest.raises(ValueError, match=r"epochs of partial_fit do not train the model that fit"):
        searched(model, {"tol": Float(1e-5, 1e-2)}, stopping="median")


def test_epochs_of_partial_fit_of_a_perceptron_are_not_fit():
    by_epochs = mlp(max_iter=5, batch_size=20)
    for _ in range(5):
        by_epochs.partial_fit(*DIGITS, classes=np.unique(DIGITS[1]))
    plain = mlp(max_iter=5, batch_size=20).fit(*DIGITS)
    assert not np.allclose(by_epochs.coefs_[0], plain.coefs_[0])

"""Fits that are monitored inside the search: what is reported, stopped, and left alone."""

from __future__ import annotations

import io
import pickle
import warnings
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    TimeSeriesSplit,
    cross_val_score,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from tuneplug import Float, Int, NoCompletedTrialError, TrialState
from tuneplug.monitoring import FitMonitor, MonitoredFit, TrialReporter
from tuneplug.plugins import Plugins, hookimpl
from tuneplug.stopping import MedianRule, StoppingRule
from tuneplug.strategies import BayesianSearch, HyperbandSearch
from tuneplug_sklearn import WarpedBayesSearchCV
from tuneplug_sklearn.hist_gradient_boosting import HistGradientBoostingMonitor
from tuneplug_sklearn.pipelines import intercept_fit
from tuneplug_sklearn.splitting import TimeOrder, inner_split

CANCER = tuple(part[:150] for part in load_breast_cancer(return_X_y=True))
SPACE = {"learning_rate": Float(1e-3, 1.0), "max_leaf_nodes": Int(2, 32)}
slow = partial(pytest.param, marks=pytest.mark.slow)
EAGER = MedianRule(n_warmup_steps=1, n_min_trials=2, n_startup_trials=3)


def hgb(**params):
    return HistGradientBoostingClassifier(random_state=0, **{"max_iter": 20} | params)


def searched(estimator=None, space=SPACE, data=CANCER, fit_params=None, **options):
    defaults = {"n_iter": 12, "cv": 3, "random_state": 0, "scoring": "neg_log_loss", "lag": 0}
    defaults |= {"strategy": "random", "stopping": EAGER}
    search = WarpedBayesSearchCV(estimator or hgb(), space, **defaults | options)
    return search.fit(*data, **fit_params or {})


@pytest.fixture(scope="module")
def stopped():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return searched()


def seen(search):
    return [(t.params, t.state, t.value, t.stop_reason, t.reports) for t in search.study_.trials]


# ------------------------------------------------------------------------- a model of one's own


class Descent(ClassifierMixin, BaseEstimator):
    """Predicts ones; its loss at step s is floor + 1 / (1 + s)."""

    def __init__(self, floor=0.0, n_steps=20, endless=False):
        self.floor, self.n_steps, self.endless = floor, n_steps, endless

    def fit(self, X, y):
        self.classes_, self.done_ = np.unique(y), self.n_steps
        float(self.floor)
        return self

    def predict(self, X):
        return np.ones(len(X), dtype=int)

    def score(self, X, y):
        return -self.floor - 1.0 / self.done_


@dataclass(frozen=True)
class DescentMonitor(FitMonitor):
    """A third party's."""

    name: ClassVar[str] = "descent"
    metric: str = "loss"

    def accepts(self, estimator):
        return isinstance(estimator, Descent)

    def fit(self, monitored):
        model = monitored.estimator.fit(monitored.X, monitored.y)
        monitored.reporter.set_metric(self.metric, "minimize")
        step = 0
        while step < model.n_steps or model.endless:
            monitored.reporter.report(model.floor + 1.0 / (1 + step), step)
            step += 1
            if monitored.reporter.should_stop():
                break
        model.done_ = step
        return


ROWS, LABELS = np.zeros((30, 1)), np.arange(30) % 2


def descended(space=None, **options):
    space = space or {"floor": Float(0.0, 1.0)}
    options = {"monitor": DescentMonitor(), "scoring": None} | options
    return searched(Descent(), space, (ROWS, LABELS), **options)


# --------------------------------------------------------------------------------- what is stopped


def test_a_stopped_candidate_is_not_failed_and_never_best(stopped):
    results = stopped.cv_results_
    states = Counter(results["trial_state"])
    assert states["stopped"] >= 3
    assert states["complete"] >= 3
    assert "failed" not in states
    cut = np.array(results["trial_state"]) == "stopped"
    assert np.isnan(results["mean_test_score"][cut]).all()
    assert np.isfinite(results["mean_test_score"][~cut]).all()
    assert not cut[stopped.best_index_]
    assert results["rank_test_score"][cut].min() > results["rank_test_score"][~cut].max()


def test_rule_evidence_and_round_are_stored(stopped):
    for trial in stopped.study_.trials:
        if trial.state.value == "stopped":
            last = trial.reports[-1]
            assert trial.stop_reason.startswith("median: ")
            assert f"at step {last.step} is worse than" in trial.stop_reason
            assert trial.stop_reason.endswith(" fits")
    reasons = stopped.cv_results_["stop_reason"]
    assert [t.stop_reason for t in stopped.study_.trials] == list(reasons)


def test_reports_of_all_folds_are_in_the_parent_keyed_by_trial_fold_and_round(stopped):
    complete = [t for t in stopped.study_.trials if t.state.value == "complete"]
    for trial in complete:
        steps = [(report.fold, report.step) for report in trial.reports]
        assert steps == [(fold, step) for fold in range(3) for step in range(1, 20, 2)]
        assert trial.metric == "neg_log_loss"
        last = [r.value for r in trial.reports if r.step == 19]
        score = stopped.cv_results_["mean_test_score"][trial.number]
        assert np.mean(last) == pytest.approx(score, rel=1e-12)


def test_the_surrogate_gets_the_last_score_of_a_stopped_candidate_with_more_noise(stopped):
    trials = stopped.study_.trials
    cut = [t for t in trials if t.state.value == "stopped"]
    worst = min(t.value for t in trials if t.state.value == "complete")
    for trial in cut:
        assert trial.value is not None
        assert trial.value <= worst + 0.5
        assert trial.variance > 0
    assert {t.variance for t in trials if t.state.value == "complete"} == {None}


def score_of_whole_fits(model, X, y):
    return model.score(X, y) if model.done_ == model.n_steps else np.nan


def test_observers_get_the_reports_of_a_stopped_candidate_without_a_score():
    finished, reported = {}, {}

    class Observer:
        @hookimpl
        def tuneplug_trial_finished(self, trial):
            finished[trial.number] = (trial.state, trial.value, list(trial.reports))

        @hookimpl
        def tuneplug_trial_reported(self, trial, reports):
            reported[trial.number] = list(reports)

    plugins = Plugins()
    plugins.register(Observer())
    search = descended(scoring=score_of_whole_fits, plugins=plugins)
    trials = search.study_.trials
    cut = [trial for trial in trials if trial.state is TrialState.STOPPED]
    assert len(cut) >= 3
    assert {trial.value for trial in cut} == {None}
    assert all(trial.reports for trial in cut)
    assert finished == {t.number: (t.state, t.value, t.reports) for t in trials}
    assert reported == {t.number: t.reports for t in trials}


def test_savings_are_printed(stopped, capsys):
    saved = stopped.study_.savings()
    assert saved.n_stopped == sum(t.state.value == "stopped" for t in stopped.study_.trials)
    assert 0.1 < saved.share < 0.9
    assert saved.steps == sum(len(t.reports) for t in stopped.study_.trials)
    assert saved.steps + saved.steps_saved == pytest.approx(12 * 3 * 10, abs=1)
    searched(n_iter=4, verbose=1)
    assert "0 of 4 trials were stopped: 0% of the steps saved" in capsys.readouterr().out


def test_without_a_stop_scores_and_models_are_those_of_plain_fits():
    monitored = searched(stopping=MedianRule(n_warmup_steps=10**6))
    plain = searched(stopping=None)
    assert monitored.cv_results_["params"] == plain.cv_results_["params"]
    for fold in range(3):
        name = f"split{fold}_test_score"
        np.testing.assert_array_equal(monitored.cv_results_[name], plain.cv_results_[name])
    X = CANCER[0]
    np.testing.assert_array_equal(monitored.predict_proba(X), plain.predict_proba(X))
    assert monitored.best_estimator_.get_params() == plain.best_estimator_.get_params()


@pytest.mark.parametrize(
    ("strategy", "rule", "racing"),
    [
        ("bayesian", EAGER, True),
        slow("bayesian", EAGER, False),
        *(slow("random", "median", racing) for racing in (False, True)),
        *(slow("bayesian", "asha", racing) for racing in (False, True)),
    ],
)
def test_the_same_candidates_are_stopped_at_the_same_rounds_for_any_number_of_workers(
    strategy, rule, racing
):
    options = {"strategy": strategy, "stopping": rule, "racing": racing, "n_iter": 16, "lag": 2}
    alone = seen(descended(**options))
    assert "stopped" in {state.value for _, state, *_ in alone}
    for n_jobs in (2, 5):
        with joblib.parallel_config(backend="threading"):
            assert seen(descended(**options, n_jobs=n_jobs)) == alone


def test_stops_on_processes_are_those_of_one_process(stopped):
    assert seen(searched(n_jobs=2)) == seen(stopped)


def test_folds_after_a_stopped_one_are_left_out():
    search = descended()
    for trial in search.study_.trials:
        folds = {report.fold for report in trial.reports}
        assert folds == ({0} if trial.state.value == "stopped" else {0, 1, 2})


def test_a_stopped_fit_of_a_later_fold_stops_the_candidate():
    class Third(StoppingRule):
        name = "third"

        def make_threshold(self, number, curves, sign):
            return None

        def make_thresholds(self, number, curves):
            known = {key: curve for key, curve in curves.items() if key[1] == 2}
            return EAGER.make_thresholds(number, known)

    search = descended(stopping=Third())
    cut = [t for t in search.study_.trials if t.state.value == "stopped"]
    assert cut
    for trial in cut:
        row = [search.cv_results_[f"split{fold}_test_score"][trial.number] for fold in range(3)]
        assert np.isfinite(row).tolist() == [True, True, False]
        assert [r.fold for r in trial.reports].count(0) == 20
        assert [r.fold for r in trial.reports].count(2) < 20


def test_hyperband_drives_a_search():
    strategy = HyperbandSearch(1, 20, suggest_with=BayesianSearch())
    search = descended(strategy=strategy, stopping=None, n_iter=25)
    spent = search.study_.savings()
    assert spent.n_stopped >= 5
    assert search.best_params_["floor"] < 0.2


def test_a_failing_fold_is_a_failure_whatever_is_stopped():
    space = {"floor": [0.1, 0.2, 0.3, 0.4, "no number", 0.9]}
    with (
        pytest.warns(FitFailedWarning, match="the search continues"),
        pytest.warns(FitFailedWarning, match="3 fits failed out of a total of"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search = descended(space, n_iter=6)
    row = [params["floor"] for params in search.cv_results_["params"]].index("no number")
    assert search.cv_results_["trial_state"][row] == "failed"
    assert np.isnan(search.cv_results_["mean_test_score"][row])


# ------------------------------------------------------------------------------------ time limits


@pytest.mark.usefixtures("ticking")
def test_a_timeout_interrupts_an_endless_fit_and_keeps_the_best_candidate():
    space = {"endless": [False, True], "floor": [0.5]}
    search = descended(space, n_iter=2, strategy="grid", stopping=None, timeout=0.5)
    assert search.study_.completion_reason.startswith("timeout")
    assert search.best_params_ == {"endless": False, "floor": 0.5}
    assert list(search.cv_results_["trial_state"]) == ["complete", "stopped"]
    assert search.cv_results_["stop_reason"][1] == "timeout"


@pytest.mark.usefixtures("ticking")
def test_a_timeout_wins_over_grace():
    space = {"endless": [False, True], "floor": [0.5]}
    rule = MedianRule(n_warmup_steps=10**9, n_startup_trials=10**6)
    search = descended(space, n_iter=2, strategy="grid", stopping=rule, timeout=0.5)
    assert search.cv_results_["stop_reason"][1] == "timeout"


@pytest.mark.usefixtures("ticking")
def test_fit_raises_if_no_candidate_completes_in_time():
    search = WarpedBayesSearchCV(
        Descent(endless=True),
        {"floor": [0.1, 0.2]},
        n_iter=2,
        cv=3,
        timeout=0.3,
        monitor=DescentMonitor(),
        random_state=0,
    )
    with pytest.raises(NoCompletedTrialError, match=r"no candidate .* \(timeout\)"):
        search.fit(ROWS, LABELS)
    assert list(search.cv_results_["stop_reason"]) == ["timeout"]
    assert not hasattr(search, "best_params_")
    assert search.study_.trials[0].reports


@pytest.mark.usefixtures("ticking")
def test_a_trial_timeout_ends_the_fit_of_one_candidate():
    space = {"endless": [True, False], "floor": [0.5]}
    search = descended(space, n_iter=2, strategy="grid", stopping=None, trial_timeout=0.3)
    assert list(search.cv_results_["trial_state"]) == ["stopped", "complete"]
    assert search.cv_results_["stop_reason"][0] == "trial_timeout"


# ------------------------------------------------------------------------- what the last step sees


@dataclass(frozen=True)
class Recording(FitMonitor):
    """Keeps what it was given, and fits."""

    name: ClassVar[str] = "recording"
    early: bool = False
    given: ClassVar[list[Any]] = []

    def accepts(self, estimator):
        return isinstance(estimator, HistGradientBoostingClassifier)

    def has_early_stopping(self, estimator, params):
        return self.early

    def fit(self, monitored):
        self.given.append(monitored)
        monitored.reporter.set_metric("loss", "minimize")
        monitored.reporter.report(1.0, 0)
        monitored.estimator.fit(monitored.X, monitored.y, **monitored.params)
        return 7 if self.early else None

    def refit_params(self, estimator, params, n_steps):
        estimator.set_params(max_iter=n_steps)
        return dict(params)


@pytest.fixture
def given():
    Recording.given.clear()
    return Recording.given


FRAME = pd.DataFrame({"a": np.arange(60.0), "b": list("xyz") * 20})
TARGET = np.array(["no", "yes"] * 30)


def columns():
    return ColumnTransformer([("a", StandardScaler(), ["a"]), ("b", OneHotEncoder(), ["b"])])


@pytest.mark.parametrize("depth", [0, 1])
def test_the_validation_part_comes_through_the_transformers_of_its_fold(given, depth):
    steps = [("columns", columns()), ("model", hgb(max_iter=2))]
    prefix = "model__"
    if depth:
        steps = [("columns", columns()), ("inner", Pipeline([("s", StandardScaler()), steps[1]]))]
        prefix = "inner__model__"
    folds = list(KFold(3, shuffle=True, random_state=1).split(FRAME))
    searched(
        Pipeline(steps),
        {prefix + "max_leaf_nodes": [2]},
        (FRAME, TARGET),
        cv=folds,
        n_iter=1,
        monitor=Recording(),
        refit=False,
    )
    for monitored, (train, test) in zip(given, folds, strict=True):
        transformer = columns().fit(FRAME.iloc[train], TARGET[train])
        X, X_val = transformer.transform(FRAME.iloc[train]), transformer.transform(FRAME.iloc[test])
        if depth:
            scaler = StandardScaler().fit(X)
            X, X_val = scaler.transform(X), scaler.transform(X_val)
        np.testing.assert_array_equal(monitored.X, X)
        np.testing.assert_array_equal(monitored.X_val, X_val)
        np.testing.assert_array_equal(monitored.y_val, TARGET[test])


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("early", [False, True])
def test_sample_weights_follow_their_rows(given, routing, early):
    weight = np.arange(60.0) + 1
    X = np.arange(60.0)[:, None]
    with config_context(enable_metadata_routing=routing):
        model = hgb(max_iter=2)
        if routing:
            model.set_fit_request(sample_weight=True)
        pipe = Pipeline([("keep", "passthrough"), ("model", model)])
        name = "sample_weight" if routing else "model__sample_weight"
        scorer = get_scorer("accuracy")
        if routing:
            scorer.set_score_request(sample_weight=False)
        options = {"monitor": Recording(early=early), "n_iter": 1, "scoring": scorer}
        searched(
            pipe, {"model__max_leaf_nodes": [2]}, (X, TARGET), fit_params={name: weight}, **options
        )
    assert len(given) == 3
    for monitored in given:
        np.testing.assert_array_equal(monitored.params["sample_weight"], monitored.X[:, 0] + 1)
        np.testing.assert_array_equal(monitored.sample_weight_val, monitored.X_val[:, 0] + 1)


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize(("asked", "name"), [("of_rows", "of_rows"), (False, "sample_weight")])
def test_sample_weights_are_those_that_the_last_step_requests(given, early, depth, asked, name):
    weight, X = np.arange(60.0) + 1, np.arange(60.0)[:, None]
    with config_context(enable_metadata_routing=True):
        last = hgb(max_iter=2).set_fit_request(sample_weight=asked)
        scaler = StandardScaler(with_mean=False, with_std=False)
        scaler.set_fit_request(sample_weight=not asked)
        pipe = Pipeline([("scale", scaler), ("model", last)])
        pipe = Pipeline([("outer", pipe)]) if depth else pipe
        scorer = get_scorer("accuracy").set_score_request(sample_weight=False)
        options = {"monitor": Recording(early=early), "n_iter": 1, "scoring": scorer}
        space = {"outer__" * depth + "model__max_leaf_nodes": [2]}
        searched(pipe, space, (X, TARGET), fit_params={name: weight}, **options)
    assert len(given) == 3
    for monitored in given:
        if asked:
            np.testing.assert_array_equal(monitored.params["sample_weight"], monitored.X[:, 0] + 1)
            np.testing.assert_array_equal(monitored.sample_weight_val, monitored.X_val[:, 0] + 1)
        else:
            assert "sample_weight" not in monitored.params
            assert monitored.sample_weight_val is None


def test_rows_of_unknown_classes_are_left_out_of_the_validation_data(given):
    labels = np.array([0, 1] * 29 + [2, 2])
    folds = [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]
    X = np.arange(60.0)[:, None]
    searched(
        hgb(max_iter=2),
        {"max_leaf_nodes": [2]},
        (X, labels),
        cv=folds,
        n_iter=1,
        monitor=Recording(),
        scoring="accuracy",
    )
    assert set(given[0].y_val) == {0, 1}
    assert len(given[0].X_val) == len(given[0].y_val) == 18


def test_a_fold_with_unknown_classes_only_is_fitted_without_a_monitor():
    labels = np.array([0, 1] * 20 + [2] * 20)
    folds = [(np.arange(10, 60), np.arange(10)), (np.arange(40), np.arange(40, 60))]
    data = (np.arange(60.0)[:, None], labels)
    options = {"cv": folds, "n_iter": 1, "scoring": "accuracy"}
    search = searched(hgb(max_iter=10), {"max_leaf_nodes": [2]}, data, **options)
    assert search.cv_results_["split1_test_score"] == [0.0]
    assert search.cv_results_["trial_state"] == ["complete"]
    assert {report.fold for report in search.study_.trials[0].reports} == {0}


# ------------------------------------------------------------------------- native early stopping


def test_early_stopping_uses_a_part_of_the_training_data(given):
    X = np.arange(60.0)[:, None]
    folds = list(KFold(3).split(X))
    space = {"max_leaf_nodes": [2, 3]}
    options = {"monitor": Recording(early=True), "stopping": None, "scoring": "accuracy"}
    search = searched(
        make_pipeline(StandardScaler(), hgb()),
        {f"histgradientboostingclassifier__{k}": v for k, v in space.items()},
        (X, TARGET),
        cv=folds,
        n_iter=2,
        **options,
    )
    first, second = given[:3], given[3:6]
    for monitored, again, (train, _) in zip(first, second, folds, strict=True):
        assert len(monitored.X) == 36
        assert len(monitored.X_val) == 4
        assert sorted(monitored.y_val) == ["no", "no", "yes", "yes"]
        np.testing.assert_array_equal(monitored.X_val, again.X_val)  # the same for all candidates
        inside = np.concatenate([monitored.X[:, 0], monitored.X_val[:, 0]])
        assert len(set(inside.round(9))) == len(train)
        assert abs(monitored.X[:, 0].mean()) < 1e-9  # the scaler has not seen the rest either
    assert [search.cv_results_[f"split{f}_best_round"].tolist() for f in range(3)] == [[7, 7]] * 3
    assert search.best_estimator_[-1].max_iter == 7
    assert search.best_estimator_[-1].n_iter_ == 7
    assert search.best_estimator_.get_params()["histgradientboostingclassifier"].max_iter == 7


def test_without_validation_fraction_early_stopping_uses_the_test_part(given):
    X = np.arange(60.0)[:, None]
    options = {"monitor": Recording(early=True), "stopping": None, "scoring": "accuracy"}
    searched(
        hgb(), {"max_leaf_nodes": [2]}, (X, TARGET), n_iter=1, validation_fraction=None, **options
    )
    assert [len(monitored.X_val) for monitored in given] == [20, 20, 20]


@pytest.mark.parametrize(
    ("cv", "groups", "n_held"),
    [(GroupKFold(3), np.arange(60) // 4, 4), (TimeSeriesSplit(3), None, None)],
    ids=["groups", "time"],
)
def test_the_inner_split_keeps_groups_and_the_order_of_time(given, cv, groups, n_held):
    X = np.arange(60.0)[:, None]
    monitor = Recording(early=True)
    fit_params = {} if groups is None else {"groups": groups}
    options = {"stopping": None, "cv": cv, "scoring": "accuracy", "n_iter": 1}
    searched(
        hgb(max_iter=2),
        {"max_leaf_nodes": [2]},
        (X, TARGET),
        fit_params,
        monitor=monitor,
        **options,
    )
    for monitored in given:
        held = monitored.X_val[:, 0].astype(int)
        if groups is None:
            assert held.min() > monitored.X[:, 0].max()
        else:
            assert len(held) == n_held
            assert not set(groups[held]) & set(groups[monitored.X[:, 0].astype(int)])


def test_folds_may_be_masks_of_rows(given):
    X, first = np.arange(60.0)[:, None], np.arange(60) < 40
    for folds in [(first, ~first)], [(np.flatnonzero(first), np.flatnonzero(~first))]:
        options = {"cv": folds, "scoring": "accuracy", "n_iter": 1, "refit": False}
        searched(
            hgb(max_iter=2),
            {"max_leaf_nodes": [2]},
            (X, TARGET),
            monitor=Recording(early=True),
            **options,
        )
    by_mask, by_number = given
    np.testing.assert_array_equal(by_mask.X, by_number.X)
    np.testing.assert_array_equal(by_mask.X_val, by_number.X_val)
    assert Counter(by_mask.y_val) == {"no": 2, "yes": 2}


def blocks(*ends):
    """Return folds whose training parts are (start, end) and whose test parts are (start, end)."""
    return [(np.arange(a, b), np.arange(c, d)) for a, b, c, d in ends]


@pytest.mark.parametrize(
    ("cv", "ordered", "gap"),
    [
        (TimeSeriesSplit(3), True, 0),
        (TimeSeriesSplit(3, gap=5), True, 5),
        (TimeSeriesSplit(3, gap=2, max_train_size=10), True, 2),
        (blocks((0, 20, 20, 30), (0, 30, 30, 40)), True, 0),
        (blocks((0, 30, 34, 40), (0, 20, 23, 30)), True, 3),
        (blocks((0, 20, 20, 30), (10, 30, 30, 40)), True, 0),
        (blocks((0, 48, 48, 60)), False, 0),
        (PredefinedSplit(np.r_[-np.ones(48), np.zeros(12)]), False, 0),
        (blocks((0, 48, 48, 54), (0, 48, 54, 60)), False, 0),
        (blocks((0, 20, 20, 30), (30, 50, 50, 60)), False, 0),
        (KFold(3), False, 0),
        (KFold(2), False, 0),
        (ShuffleSplit(3, random_state=0), False, 0),
    ],
)
def test_rows_are_ordered_by_time_only_if_the_splitter_says_so(cv, ordered, gap):
    splits = cv if isinstance(cv, list) else list(cv.split(np.zeros((60, 1))))
    assert TimeOrder.of(cv, splits) == (TimeOrder(gap) if ordered else None)


@pytest.mark.parametrize("n_folds", [1, 2])
def test_early_stopping_on_rows_held_out_last_is_stratified(given, n_folds):
    """One fold tests the last rows, sorted by class before: no time series."""
    labels = np.r_[np.repeat([0, 1], 20), np.tile([0, 1], 10)]
    cv = PredefinedSplit(np.r_[-np.ones(40), np.arange(20) % n_folds])
    searched(
        hgb(max_iter=2),
        {"max_leaf_nodes": [2]},
        (np.arange(60.0)[:, None], labels),
        cv=cv,
        n_iter=1,
        monitor=Recording(early=True),
        scoring="accuracy",
        stopping=None,
    )
    assert Counter(given[0].y_val) in ({0: 2, 1: 2}, {0: 2, 1: 3}, {0: 3, 1: 2})


@pytest.mark.parametrize("gap", [0, 4])
def test_the_inner_split_keeps_the_gap_of_the_splitter(given, gap):
    X, cv = np.arange(60.0)[:, None], TimeSeriesSplit(3, gap=gap)
    options = {"cv": cv, "n_iter": 1, "scoring": "accuracy", "stopping": None}
    searched(
        hgb(max_iter=2),
        {"max_leaf_nodes": [2]},
        (X, TARGET),
        monitor=Recording(early=True),
        **options,
    )
    for monitored, (train, _) in zip(given, cv.split(X), strict=True):
        assert monitored.X_val.min() - monitored.X.max() == gap + 1
        assert monitored.X_val.max() == train.max()
        assert monitored.X.min() == 0


def test_the_inner_split_by_time_takes_the_last_rows_in_any_order_of_the_training_part():
    rows = np.array([5, 3, 9, 1, 7, 11, 13, 15, 17, 19])
    rest, held = TimeOrder(gap=3).inner_split(rows, 0.2)
    assert sorted(rows[held]) == [17, 19]
    assert sorted(rows[rest]) == [1, 3, 5, 7, 9, 11, 13]
    with pytest.raises(ValueError, match="after a gap of 30 rows: give more data"):
        TimeOrder(gap=30).inner_split(rows, 0.2)


def test_unshuffled_folds_are_not_ordered_by_time(given):
    X, labels = np.arange(60.0)[:, None], np.repeat([0, 1, 2], 20)
    monitor = Recording(early=True)
    folds = [(np.r_[:40], np.r_[40:60]), (np.r_[20:60], np.r_[:20])]
    options = {"stopping": None, "cv": folds, "scoring": "accuracy", "n_iter": 1}
    searched(hgb(max_iter=2), {"max_leaf_nodes": [2]}, (X, labels), monitor=monitor, **options)
    assert Counter(given[0].y_val) == {0: 2, 1: 2}
    assert Counter(given[1].y_val) == {1: 2, 2: 2}


def test_the_inner_split_is_stratified_and_keeps_a_class_with_one_row():
    labels = np.array([0] * 50 + [1] * 20 + [2])
    rest, held = inner_split(71, 0.1, np.random.default_rng(0), classes=labels)
    assert Counter(labels[held]) == {0: 5, 1: 2}
    assert sorted([*rest, *held]) == list(range(71))


def test_too_few_rows_for_the_inner_split_raise():
    with pytest.raises(ValueError, match=r"validation_fraction=0\.1: give more data"):
        inner_split(2, 0.1, np.random.default_rng(0), classes=np.array([0, 1]))


def test_rows_of_one_group_cannot_be_split():
    with pytest.raises(ValueError, match=r"60 rows cannot be split .*=0\.1 into whole groups"):
        inner_split(60, 0.1, np.random.default_rng(0), groups=np.zeros(60))


# ------------------------------------------------------------------------- histogram boosting


@pytest.mark.parametrize(
    ("model", "data", "metric"),
    [
        (hgb(), CANCER, "log_loss"),
        (hgb(max_features=0.5), CANCER, "log_loss"),
        (hgb(early_stopping=True, n_iter_no_change=2, max_iter=60), CANCER, "log_loss"),
        *(
            (
                HistGradientBoostingRegressor(loss=loss, max_iter=20, random_state=0, **more),
                load_diabetes(return_X_y=True),
                loss,
            )
            for loss, more in [
                ("squared_error", {}),
                ("absolute_error", {}),
                ("poisson", {}),
                ("gamma", {}),
                ("quantile", {"quantile": 0.8}),
            ]
        ),
    ],
)
def test_histogram_boosting_in_portions_gives_the_same_model(model, data, metric):
    space = {"max_leaf_nodes": [4, 8]}
    options = {"n_iter": 2, "scoring": None, "return_train_score": True}
    monitored = searched(model, space, data, **options)
    plain = searched(model, space, data, stopping=None, **options)
    for name in ("split0_test_score", "split2_test_score", "split1_train_score"):
        np.testing.assert_array_equal(monitored.cv_results_[name], plain.cv_results_[name])
    assert {trial.metric for trial in monitored.study_.trials} == {
        "r2" if metric != "log_loss" else "accuracy"
    }
    X, y = data
    fit = MonitoredFit(clone(model), X, y, TrialReporter(), {}, X, y)
    HistGradientBoostingMonitor().fit(fit)
    assert fit.reporter.metric == metric


@pytest.mark.parametrize("scoring", ["loss", get_scorer("accuracy")])
@pytest.mark.parametrize("fraction", [0.1, None])
def test_histogram_boosting_ends_where_it_stops_early_also_at_the_end_of_a_portion(
    scoring, fraction
):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 4)), rng.integers(2, size=200)
    options = {"max_iter": 30, "learning_rate": 0.6, "tol": 0.02, "early_stopping": True}
    ends = set()
    for patience in range(1, 9):
        model = hgb(
            n_iter_no_change=patience, scoring=scoring, validation_fraction=fraction, **options
        )
        alone, reporter = clone(model).fit(X, y), TrialReporter()
        HistGradientBoostingMonitor().fit(MonitoredFit(model, X, y, reporter, {}, X, y))
        assert model.n_iter_ == alone.n_iter_
        np.testing.assert_array_equal(model.predict_proba(X), alone.predict_proba(X))
        ends.add(alone.n_iter_)
    assert any(end % 3 == 0 and end < 30 for end in ends)  # portions have 3 iterations


def test_histogram_boosting_keeps_its_warm_start():
    monitor = HistGradientBoostingMonitor()
    X, y = np.arange(80.0)[:, None], np.arange(80) % 2
    for warm_start in (False, True):
        model = hgb(warm_start=warm_start)
        assert monitor.accepts(model)
        monitor.fit(MonitoredFit(model, X, y, TrialReporter(), {}, X, y))
        assert model.warm_start is warm_start
        expected = clone(model).fit(X, y).predict_proba(X)
        np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert not monitor.accepts(SVC())


def test_a_fitted_model_with_warm_start_is_searched_from_the_start():
    model = hgb(warm_start=True).fit(*CANCER)
    search = searched(model, {"max_leaf_nodes": [4, 8]}, n_iter=2)
    assert {trial.metric for trial in search.study_.trials} == {"neg_log_loss"}


# --------------------------------------------------------------------------- where it does not fit


def test_an_estimator_that_no_monitor_accepts_is_refused_before_any_fit():
    with pytest.raises(ValueError, match=r"stopping needs an estimator .* but got SVC, which none"):
        searched(make_pipeline(StandardScaler(), SVC()), {"svc__C": [1.0, 2.0]}, n_iter=2)


def test_a_monitor_that_does_not_accept_the_estimator_is_warned_of():
    options = {"stopping": None, "monitor": DescentMonitor(), "n_iter": 2, "scoring": "accuracy"}
    with pytest.warns(UserWarning, match=r"monitor='\w+' has no effect: it does not accept SVC"):
        searched(SVC(), {"C": [1.0, 2.0]}, **options)


def test_the_error_names_a_strategy_that_brings_a_stopping_rule():
    options = {"strategy": "hyperband", "stopping": None, "n_iter": 2}
    with pytest.raises(ValueError, match=r"strategy 'hyperband' needs .*: take another strategy"):
        searched(SVC(), {"C": [1.0, 2.0]}, **options)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"stopping": "medain"}, "must be one of"),
        ({"stopping": 3}, "'stopping' parameter"),
        ({"monitor": "xgboost"}, "'monitor' parameter"),
        ({"validation_fraction": 1.0}, "'validation_fraction' parameter"),
    ],
)
def test_wrong_arguments_are_refused_before_any_fit(wrong, error):
    with pytest.raises(ValueError, match=error):
        searched(**wrong)


def test_an_estimator_among_the_categories_can_be_monitored():
    pipe = Pipeline([("scale", StandardScaler()), ("model", SVC(probability=False))])
    space = {"model": [hgb(max_iter=k) for k in (10, 12, 14)] + [SVC()]}
    search = searched(pipe, space, n_iter=4, scoring="accuracy", strategy="grid")
    counts = [len(trial.reports) for trial in search.study_.trials]
    assert counts == [30, 30, 30, 0]


def test_a_monitored_search_is_cloned_pickled_and_nested():
    search = WarpedBayesSearchCV(
        Descent(), {"floor": Float(0, 1)}, monitor=DescentMonitor(), stopping="median", cv=3
    )
    assert clone(search).get_params()["stopping"] == "median"
    assert np.isfinite(cross_val_score(search, ROWS, LABELS, cv=2, n_jobs=2)).all()
    search.fit(ROWS, LABELS)
    again = pickle.load(io.BytesIO(pickle.dumps(search)))
    assert len(again.study_.trials) == 10
    assert "fit" not in vars(again.best_estimator_)


def test_intercept_fit_restores_fit_and_keeps_its_signature():
    import inspect

    model = Descent()
    before = inspect.signature(model.fit)
    with intercept_fit(model, lambda *args: "instead"):
        assert inspect.signature(model.fit) == before
        assert model.fit(ROWS, LABELS) == "instead"
        assert model.fit(ROWS, LABELS) is model
    with intercept_fit(model, lambda *args: "instead"):
        pass
    assert "fit" not in vars(model)

"""Tests that hold for the callbacks of XGBoost, LightGBM and CatBoost, on real trainings.

Scenarios: S30, S31, S33, S36.
"""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import booster_libraries
import numpy as np
import pytest
from booster_libraries import NAMES, OBJECTIVES, ROUNDS, auc_of, library_of, nothing
from sklearn.base import clone

from tuneplug import Float, Study, TrialState
from tuneplug.stopping import MedianRule, StopThresholds
from tuneplug.strategies import HyperbandSearch

#: CatBoost recommends numba for metrics of one's own.
pytestmark = pytest.mark.filterwarnings("ignore:Failed to import numba")
SPACE = {"learning_rate": Float(1e-4, 1.0)}


@pytest.fixture(params=NAMES)
def library(request):
    return library_of(request.param)


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread):
    return one_thread


def new_trial(direction="minimize"):
    return Study(SPACE, direction=direction, seed=0).ask()


def stopping_after(step, library, fold=0, dataset="valid"):
    """Return a trial that stops after a step."""
    trial, key = new_trial(), (library.display_name(dataset, library.logloss), fold)
    trial.reporter.stop_thresholds = {
        key: StopThresholds("test", "x", np.array([step]), np.array([-np.inf]), np.array([1]), 1.0)
    }
    return trial


def needs(library, name):
    """Skip a test of what CatBoost does not have."""
    if not hasattr(library, name):
        pytest.skip(f"{library.name} has no {name} with callbacks")


def steps(trial, fold=0):
    return [report.step for report in trial.reports if report.fold == fold]


# ---------------------------------------------------------------- reports


def test_every_round_of_train_is_reported(library):
    trial = new_trial()
    model = library.train(library.Callback(trial))
    assert steps(trial) == list(range(ROUNDS))
    assert trial.metric == library.display_name("valid", library.logloss)
    assert trial.direction == "minimize"
    expected = [library.loss(model, rounds) for rounds in range(1, ROUNDS + 1)]
    # XGBoost evaluates in single precision
    np.testing.assert_allclose([r.value for r in trial.reports], expected, rtol=1e-5)


def test_cv_reports_the_means_over_its_folds(library):
    needs(library, "cv")
    trial = new_trial()
    means = library.cv(library.Callback(trial))
    np.testing.assert_array_equal([r.value for r in trial.reports], means)
    assert trial.metric in ("test-logloss", "valid's binary_logloss")


def test_the_wrappers_report_under_their_own_names(library):
    trial = new_trial()
    library.fit(library.classifier(), library.Callback(trial))
    dataset = {"xgboost": "validation_0", "lightgbm": "valid_0", "catboost": "validation"}[
        library.name
    ]
    assert trial.metric == library.display_name(dataset, library.logloss)
    assert steps(trial) == list(range(ROUNDS))


def test_a_model_that_is_not_stopped_equals_the_one_without_the_callback(library):
    assert library.raw(library.train(library.Callback(new_trial()))) == library.raw(library.train())
    ours = library.fit(library.classifier(), library.Callback(new_trial()))
    assert library.raw(ours) == library.raw(library.fit(library.classifier()))


def test_a_training_that_continues_a_model_continues_its_fold_and_round_numbers(library):
    trial = new_trial()
    base = library.train(library.Callback(trial), rounds=3)
    library.train(library.Callback(trial, **library.continuing(3)), rounds=4, base=base)
    assert steps(trial) == list(range(7))


def test_each_training_opens_a_fold_even_if_they_share_a_callback(library):
    trial = new_trial()
    callback = library.Callback(trial)
    for rounds in (2, 3):
        library.train(callback, rounds=rounds)
    library.train(library.Callback(trial), rounds=4)
    assert [steps(trial, fold) for fold in range(3)] == [[0, 1], [0, 1, 2], [0, 1, 2, 3]]


def test_one_callback_serves_trainings_on_several_threads(library):
    trial = new_trial()
    callback, ready = library.Callback(trial), threading.Barrier(3)

    def train(rounds):
        ready.wait(60)
        return library.train(callback, rounds=rounds)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(train, [5, 6, 7]))
    assert sorted(steps(trial, fold)[-1] + 1 for fold in range(3)) == [5, 6, 7]
    assert all(steps(trial, f) == list(range(len(steps(trial, f)))) for f in range(3))


def test_copies_report_to_the_same_trial_and_a_callback_can_be_pickled(library):
    trial = new_trial()
    callback = library.Callback(trial, library.logloss)
    for twin in (copy.deepcopy(callback), copy.copy(callback), clone(callback, safe=False)):
        assert twin is not callback
        assert twin.trial is trial
        library.train(twin, rounds=2)
    library.train(callback, rounds=2)
    assert len(trial.reports) == 8
    carried = pickle.loads(pickle.dumps(callback))
    library.train(carried, rounds=3)
    assert (len(carried.trial.reports), len(trial.reports)) == (11, 8)


def test_a_metric_that_is_nan_is_reported_and_is_worse_than_any_threshold(library):
    if library.name == "catboost":
        pytest.skip("CatBoost raises an error")
    trial, judged = new_trial("maximize"), new_trial("maximize")
    library.train(library.Callback(trial, "nothing", maximize=True), custom=nothing)
    assert np.isnan([report.value for report in trial.reports]).tolist() == [True] * ROUNDS
    judged.reporter.stop_thresholds = {
        (library.display_name("valid", "nothing"), 0): StopThresholds(
            "test", "x", np.array([2]), np.array([1e9]), np.array([1]), -1.0
        )
    }
    model = library.train(library.Callback(judged, "nothing", maximize=True), custom=nothing)
    assert library.rounds(model) == 3


# ---------------------------------------------------------------- names and directions


def test_a_wrong_name_fails_in_the_first_round_and_lists_all_names(library):
    trial = new_trial()
    own = {
        "xgboost": "validation_0-logloss",
        "lightgbm": "valid_0's binary_logloss",
        "catboost": "validation-Logloss",
    }[library.name]
    with pytest.raises(library.Error, match=f"metric='validation-logloss'.*{own}"):
        library.fit(library.classifier(), library.Callback(trial, "validation-logloss"))
    with pytest.raises(library.Error, match=f"dataset='valid_7'.*{own}"):
        library.fit(library.classifier(), library.Callback(trial, dataset="valid_7"))
    assert trial.reports == []
    library.fit(library.classifier(), library.Callback(trial, own))
    assert trial.metric == own


def test_a_training_without_an_evaluation_set_raises_an_error(library):
    for train in (
        lambda callback: library.train(callback, sets=()),
        lambda callback: library.fit(library.classifier(), callback, evaluate=False),
    ):
        with pytest.raises(library.Error, match=library.no_evaluation):
            train(library.Callback(new_trial()))


def test_training_data_is_reported_only_if_it_is_named(library):
    trials = [new_trial() for _ in range(4)]
    library.train(library.Callback(trials[0]), sets=("valid", "train"))
    library.train(library.Callback(trials[1], library.logloss), sets=("valid", "train"))
    library.train(
        library.Callback(trials[2], dataset=library.dataset("train")), sets=("valid", "train")
    )
    name = library.display_name("train", library.logloss)
    library.train(library.Callback(trials[3], name), sets=("valid", "train"))
    valid = library.display_name("valid", library.logloss)
    assert [trial.metric for trial in trials] == [valid, valid, name, name]
    with pytest.raises(library.Error, match="reported only if dataset= names it"):
        library.train(library.Callback(new_trial()), sets=("train",))


def test_the_default_is_the_last_metric_of_the_last_set_and_any_can_be_named(library):
    metrics = [library.logloss, library.auc]
    trials = [new_trial("maximize"), new_trial(), new_trial()]
    train = {"metrics": metrics, "sets": ("first", "second")}
    library.train(library.Callback(trials[0], library.auc), **train)
    library.train(
        library.Callback(trials[1], library.logloss, dataset=library.dataset("first")), **train
    )
    library.train(library.Callback(trials[2], library.logloss), **train)
    assert [trial.metric for trial in trials] == [
        library.display_name("second", library.auc),
        library.display_name("first", library.logloss),
        library.display_name("second", library.logloss),
    ]


def test_a_direction_other_than_that_of_the_study_is_refused(library):
    with pytest.raises(
        library.Error,
        match=f"{library.auc}.* is maximized, but the study has direction='minimize'",
    ):
        library.train(library.Callback(new_trial(), library.auc), metrics=library.auc)


def test_a_given_direction_that_contradicts_the_library_is_refused(library):
    with pytest.raises(library.Error, match=f"maximize must be True for .*{library.auc}"):
        library.train(library.Callback(new_trial("maximize"), maximize=False), metrics=library.auc)


def test_a_custom_metric_is_reported(library):
    trial = new_trial("maximize")
    model = library.train(library.Callback(trial, "auc_of", maximize=True), custom=auc_of)
    assert trial.metric == library.display_name("valid", "auc_of")
    assert trial.direction == "maximize"
    assert library.rounds(model) == ROUNDS


@pytest.mark.parametrize("name", ["metric", "dataset", "maximize"])
def test_arguments_of_the_wrong_type_are_refused_at_once(library, name):
    with pytest.raises(TypeError, match=f"{name} must be .* but got 3"):
        library.Callback(new_trial(), **{name: 3})


# ---------------------------------------------------------------- stopping


def test_a_stopped_training_keeps_all_rounds_and_other_callbacks_see_each(library):
    trial, seen = stopping_after(3, library), []
    model = library.train(library.Callback(trial), library.recorder(seen))
    assert library.rounds(model) == len(trial.reports) == 4
    assert seen == [0, 1, 2, 3]
    assert trial.stop_reason.startswith("test: ")
    assert library.loss(model) == pytest.approx(trial.reports[-1].value, rel=1e-5)


def test_a_stopped_cv_returns_the_rows_of_its_rounds(library):
    needs(library, "cv")
    name = {"xgboost": "test", "lightgbm": "valid"}[library.name]
    trial = stopping_after(2, library, dataset=name)
    assert len(library.cv(library.Callback(trial))) == len(trial.reports) == 3


def test_a_deadline_ends_a_training_between_rounds(library):
    trial = new_trial()
    trial.reporter.deadline = time.time() - 1
    model = library.fit(library.classifier(), library.Callback(trial))
    assert library.rounds(model) == 1
    assert trial.stop_reason == "timeout"


def test_native_early_stopping_is_the_same_as_without_the_callback(library):
    configurations = {"rounds": 60, "early_stopping": 3, "learning_rate": 0.5}
    trial = new_trial()
    ours = library.train(library.Callback(trial), **configurations)
    alone = library.train(**configurations)
    assert library.best(ours) == library.best(alone)
    assert library.raw(ours) == library.raw(alone)
    assert 3 < len(trial.reports) < 60
    assert trial.stop_reason is None


def test_native_early_stopping_before_the_callback_does_not_hide_a_round(library):
    needs(library, "early_stopping")
    first, second = new_trial(), new_trial()
    configurations = {"rounds": 60, "learning_rate": 0.5}
    library.train(library.early_stopping(3), library.Callback(first), **configurations)
    library.train(library.Callback(second), library.early_stopping(3), **configurations)
    assert len(first.reports) < 60
    assert first.reports == second.reports


def test_a_stopped_dart_model_keeps_all_trees_and_scores_what_was_reported(library):
    if library.name == "catboost":
        pytest.skip("CatBoost has no DART")
    dart = {"booster": "dart", "rate_drop": 0.5, "skip_drop": 0.0, "learning_rate": 0.3}
    trial = stopping_after(5, library)
    with pytest.warns(UserWarning, match="under DART.*keeps all its rounds") as seen:
        model = library.train(library.Callback(trial), rounds=20, seed=1, **dart)
    assert len(seen) == 1
    assert library.rounds(model) == len(trial.reports) == 6
    assert library.loss(model) == pytest.approx(trial.reports[-1].value, rel=1e-5)
    whole = new_trial()
    model = library.train(library.Callback(whole), seed=1, **dart)  # no warning
    assert library.loss(model) == pytest.approx(whole.reports[-1].value, rel=1e-5)


# ---------------------------------------------------------------- studies


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_a_study_on_threads_stops_poor_trials_and_its_best_trial_is_complete(objective):
    study = Study(SPACE, strategy="random", stopping=MedianRule(1, 3, 3), seed=0)
    study.optimize(objective, n_trials=12, n_jobs=2)
    stopped = [trial for trial in study.trials if trial.state is TrialState.STOPPED]
    assert stopped
    for trial in study.trials:
        complete = trial.state is TrialState.COMPLETE
        assert steps(trial) == list(range(ROUNDS if complete else len(trial.reports)))
        assert complete or trial.stop_reason.startswith("median: ")
    assert study.best_trial.state is TrialState.COMPLETE
    # the value of a stopped trial is that of its last round
    assert stopped[0].value == pytest.approx(stopped[0].reports[-1].value, rel=1e-5)


def test_reports_from_worker_processes_are_returned_to_the_parent():
    study = Study(SPACE, strategy="random", stopping=MedianRule(1, 3, 3), seed=0)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as processes:
        for objective in (booster_libraries.train_xgboost, booster_libraries.cv_lightgbm):
            study.optimize(objective, n_trials=8, executor=processes, n_jobs=2)
    assert {trial.metric for trial in study.trials} == {"valid-logloss", "valid's binary_logloss"}
    assert all(steps(trial) == list(range(len(trial.reports))) for trial in study.trials)
    states = {trial.state for trial in study.trials}
    assert states == {TrialState.COMPLETE, TrialState.STOPPED}


@pytest.mark.parametrize("objective", ["train_xgboost", "train_lightgbm"])
def test_hyperband_stops_at_its_rungs(objective):
    study = Study(SPACE, strategy=HyperbandSearch(min_resource=1, max_resource=ROUNDS), seed=0)
    study.optimize(OBJECTIVES[objective], n_trials=14)
    stopped = [trial for trial in study.trials if trial.state is TrialState.STOPPED]
    assert stopped
    assert {trial.reports[-1].step for trial in stopped} <= {0, 2}
    assert all(trial.stop_reason.startswith("hyperband: ") for trial in stopped)


# ---------------------------------------------------------------- distributed


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    pytest.importorskip("dask.dataframe", reason="XGBoost's Dask module needs it")
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Parameter .* will be ignored")  # by Dask LightGBM
def test_distributed_training_is_refused_on_all_workers(library, cluster):
    import dask.array

    X = dask.array.from_array(booster_libraries.X, chunks=(150, 4))
    y = dask.array.from_array(booster_libraries.y, chunks=(150,))
    trial = new_trial()
    callback = library.Callback(trial)
    with pytest.raises(RuntimeError, match="is distributed"):
        dask_fit(library, cluster, callback, X, y)
    assert trial.reports == []
    # the workers still work
    assert cluster.gather(cluster.map(abs, [-1, -2], pure=False)) == [1, 2]


@pytest.mark.slow
def test_trials_of_a_study_can_be_distributed_over_the_same_workers(library, cluster):
    study = Study(SPACE, strategy="random", stopping=MedianRule(1, 3, 3), seed=0)
    executor = cluster.get_executor(pure=False)
    objective = getattr(sys.modules[library.__module__], f"train_{library.name}")
    study.optimize(objective, 6, executor=executor, n_jobs=2)
    assert all(steps(trial) == list(range(len(trial.reports))) for trial in study.trials)
    assert all(trial.reports for trial in study.trials)
    assert {trial.state for trial in study.trials} <= {TrialState.COMPLETE, TrialState.STOPPED}


def dask_fit(library, client, callback, X, y):
    if library.name == "catboost":
        pytest.skip("CatBoost does not train on Dask")
    if library.name == "xgboost":
        import xgboost.dask

        data = xgboost.dask.DaskDMatrix(client, X, y)
        params = {"objective": "binary:logistic"}
        xgboost.dask.train(client, params, data, 5, evals=[(data, "v")], callbacks=[callback])
        return
    import lightgbm

    model = lightgbm.DaskLGBMClassifier(client=client, n_estimators=5, verbose=-1)
    model.set_params(num_threads=1)
    model.fit(X, y, callbacks=[callback])

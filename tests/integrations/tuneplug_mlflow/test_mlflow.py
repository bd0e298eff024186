"""Test ``MLflowObserver`` and ``log_study`` on local stores, read with MLflow's client."""

from __future__ import annotations

import copy
import json
import math
import pickle
import re
import sys
import threading
import warnings
from pathlib import Path

import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

from tuneplug import AllTrialsFailedError, Categorical, Float, Int, StorageError, Study
from tuneplug.plugins import Plugins, hookimpl
from tuneplug.storage.sqlite_file import SqliteFile
from tuneplug_mlflow import MLflowObserver, log_study
from tuneplug_sklearn import WarpedBayesSearchCV

pytestmark = pytest.mark.filterwarnings(
    # raised by SQLAlchemy 2.1 for MLflow 3.17
    "ignore:The ``noload`` loader strategy:DeprecationWarning",
)

SPACE = {"x": Float(1e-3, 1e3), "kind": ["a", "b"], "depth": Int(1, 5)}
X, Y = load_iris(return_X_y=True)


@pytest.fixture(scope="module", autouse=True)
def mlflow(tmp_path_factory):
    """Import MLflow with telemetry disabled; it reads the variable on import."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("here"))  # MLflow creates ./mlruns here
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("MLFLOW_TRACKING_URI", "nowhere://no.default")  # not ./mlflow.db
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # from MLflow's own imports
            import mlflow
        yield mlflow


class Store:
    """A tracking store with a new experiment for each test."""

    def __init__(self, mlflow, uri, folder):
        self.uri, self.client, self._folder = uri, mlflow.MlflowClient(uri), folder

    def use(self, name):
        self.name = name
        self.id = self.client.create_experiment(name, f"{self._folder.as_uri()}/{len(name)}")
        return self

    def runs(self):
        """Return the parent runs, and the child runs by trial number."""
        found = self.client.search_runs([self.id], order_by=["attributes.start_time ASC"])
        parents = [run for run in found if "trial" not in run.data.tags]
        children = {int(r.data.tags["trial"]): r for r in found if "trial" in r.data.tags}
        return parents, dict(sorted(children.items()))

    def history(self, run, metric):
        found = self.client.get_metric_history(run.info.run_id, metric)
        return {m.step: m.value for m in found}

    def study(self, space=SPACE, **options):
        plugins = Plugins(installed=False)
        observer = MLflowObserver(experiment=self.name, tracking_uri=self.uri)
        plugins.register(observer)
        return Study(space, seed=0, plugins=plugins, **options), observer


@pytest.fixture(scope="module")
def sqlite(mlflow, tmp_path_factory):
    """One database for all tests: MLflow takes seconds to create one."""
    folder = tmp_path_factory.mktemp("sqlite")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return Store(mlflow, f"sqlite:///{folder}/mlflow.db", folder)


@pytest.fixture
def store(sqlite, request):
    return sqlite.use(request.node.name)


def reporting(trial):
    """Report a curve in two folds; the second is shorter."""
    for fold, n_steps in enumerate((4, 3)):
        for step in range(n_steps):
            trial.report(trial.params["depth"] + step + 10 * fold, step, fold=fold)
    return float(trial.params["depth"])


# ------------------------------------------------------------------------- what is logged


def test_a_study_is_a_run_with_nested_runs_of_trials(store):
    study, observer = store.study(strategy="random", stopping="median")
    study.optimize(reporting, 4)
    (parent,), children = store.runs()
    assert parent.info.run_id == observer.run_id(study)
    assert (parent.info.run_name, parent.info.status) == ("tuneplug random", "FINISHED")
    params = parent.data.params
    assert (params["strategy"], params["seed"], params["direction"]) == ("random", "0", "minimize")
    assert params["space.x"].startswith("Float(low=0.001")
    assert params["scaling.x"].startswith("log (auto:")
    assert "MedianRule" in params["stopping"]
    assert parent.data.tags["n_trials"] == "4"
    assert list(children) == [0, 1, 2, 3]
    for number, child in children.items():
        trial = study.trials[number]
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.data.params == {name: str(value) for name, value in trial.params.items()}
        assert (child.info.status, child.data.tags["state"]) == ("FINISHED", "complete")
        assert child.data.tags["origin"] == trial.origin
        assert child.data.metrics["value"] == trial.value
        assert child.data.metrics["duration"] == pytest.approx(trial.duration)
        # asked and started after the run of the study was created
        assert parent.info.start_time <= child.info.start_time <= 1000 * trial.started
        assert child.info.end_time == int(1000 * trial.finished)


def test_reports_are_metrics_per_fold_and_their_mean_by_step(store):
    study, _ = store.study(strategy="random")
    study.optimize(reporting, 1)
    (child,) = store.runs()[1].values()
    depth = study.trials[0].params["depth"]
    assert store.history(child, "reported_fold0") == {s: depth + s for s in range(4)}
    assert store.history(child, "reported_fold1") == {s: depth + s + 10 for s in range(3)}
    assert store.history(child, "reported") == {s: depth + s + 5 for s in range(3)}


def test_the_best_trial_is_logged_to_the_run_of_the_study(store):
    study, _ = store.study(strategy="random", direction="maximize")
    values = iter([1.0, 3.0, 2.0, 4.0])
    study.optimize(lambda trial: next(values), 4)
    (parent,), children = store.runs()
    assert store.history(parent, "best_value") == {0: 1.0, 1: 3.0, 3: 4.0}
    assert parent.data.tags["best_trial"] == "3"
    assert parent.data.tags["best_run_id"] == children[3].info.run_id
    assert json.loads(parent.data.tags["best_params"]) == study.best_params


def test_status_and_tags_show_the_state_of_a_trial(store):
    study, _ = store.study(strategy="random")
    plain, stopped, failed = study.ask(), study.ask(), study.ask()
    study.tell(plain, 1.0)
    stopped.report(2.0, 0)
    stopped.reporter.stop_reason = "too slow"
    study.tell(stopped, math.nan)
    study.fail(failed, "Traceback\n" + 9000 * "x" + "\nZeroDivisionError: why")
    (parent,), children = store.runs()
    seen = [(c.info.status, c.data.tags["state"]) for c in children.values()]
    assert seen == [("FINISHED", "complete"), ("KILLED", "stopped"), ("FAILED", "failed")]
    assert children[1].data.tags["stop_reason"] == "too slow"
    assert children[1].data.metrics["value"] == 2.0
    error = children[2].data.tags["error"]
    assert len(error) == 8000
    assert error.endswith("ZeroDivisionError: why")
    assert "value" not in children[2].data.metrics
    counts = {n: v for n, v in parent.data.metrics.items() if n.startswith("n_")}
    assert counts == {"n_asked": 3, "n_running": 0, "n_complete": 1, "n_stopped": 1, "n_failed": 1}
    assert json.loads(parent.data.tags["best_params"]) == plain.params


def test_non_finite_values_are_logged_as_the_store_represents_them(store):
    study, _ = store.study(strategy="random")
    trial = study.ask()
    for step, value in enumerate([math.nan, math.inf, -math.inf, 1.0]):
        trial.report(value, step)
    study.tell(trial, 1.0)
    nan, high, low, one = store.history(store.runs()[1][0], "reported").values()
    assert math.isnan(nan)
    assert (high, low, one) == (sys.float_info.max, -sys.float_info.max, 1.0)


def test_invalid_names_and_values_are_replaced(store):
    odd = {"a/b": [1, 2], "a:b": [1, 2], "..": [1, 2], "é (µ)": [1, 2], "n" * 300: [1, 2]}
    space = {**odd, "long": Categorical(["z" * 7000])}
    study, _ = store.study(space, strategy="random")
    trial = study.ask()
    trial.reporter.metric = "valid: a/b"
    trial.report(0.5, 0)
    study.tell(trial, 1.0)
    (parent,), (child,) = store.runs()[0], store.runs()[1].values()
    assert set(child.data.params) == {"a_b", "a_b_2", "_.", "é _µ_", "n" * 250, "long"}
    assert child.data.params["long"] == "z" * 5996 + " ..."
    assert store.history(child, "valid_ a_b") == {0: 0.5}
    assert len([name for name in parent.data.params if name.startswith("space.")]) == 6


def test_parameters_and_reports_are_logged_in_batches(store):
    study, _ = store.study({f"p{k}": [0, 1, 2] for k in range(230)}, strategy="random")
    trial = study.ask()
    for step in range(2100):
        trial.report(float(step), step)
    study.tell(trial, 1.0)
    (child,) = store.runs()[1].values()
    assert len(child.data.params) == 230
    assert store.history(child, "reported") == {step: float(step) for step in range(2100)}


def test_the_user_sets_tags_run_name_and_metric(store):
    study, _ = store.study(strategy="random")
    observer = MLflowObserver(
        experiment=store.name,
        tracking_uri=store.uri,
        run_name="nightly",
        tags={"team": "blue", "version": 3},
        metric="accuracy",
    )
    study.plugins = Plugins(installed=False)
    study.plugins.register(observer)
    study.tell(study.ask(), 0.5)
    (parent,), (child,) = store.runs()[0], store.runs()[1].values()
    assert parent.info.run_name == "nightly"
    for run in (parent, child):
        assert (run.data.tags["team"], run.data.tags["version"]) == ("blue", "3")
        assert "mlflow.user" in run.data.tags
    assert child.data.metrics["accuracy"] == 0.5
    assert parent.data.metrics["best_accuracy"] == 0.5


def test_invalid_arguments_are_errors():
    with pytest.raises(ValueError, match=r"metric must consist of letters.*'a/b'"):
        MLflowObserver(metric="a/b")
    with pytest.raises(ValueError, match=r"none of .*'duration'"):
        MLflowObserver(metric="duration")
    with pytest.raises(
        ValueError, match=r"tags must not contain any of .*got \['mlflow.*', 'state'\]"
    ):
        MLflowObserver(tags={"state": "odd", "mlflow.runName": "mine", "team": "blue"})


# ------------------------------------------------------------------------- beginnings and ends


def test_a_second_optimize_continues_the_run(store):
    study, observer = store.study(strategy="random")
    study.optimize(reporting, 2)
    first = observer.run_id(study)
    study.optimize(reporting, 3)
    (parent,), children = store.runs()
    assert (parent.info.run_id, parent.info.status) == (first, "FINISHED")
    assert parent.data.tags["n_trials"] == "5"
    assert (len(children), parent.data.metrics["n_complete"]) == (5, 5)


def test_with_ask_and_tell_the_run_ends_whenever_no_trial_is_running(store):
    study, observer = store.study(strategy="random")
    assert observer.run_id(study) is None
    one, two = study.ask(), study.ask()

    def status():
        return store.runs()[0][0].info.status

    assert status() == "RUNNING"
    study.tell(one, 1.0)
    assert status() == "RUNNING"
    study.tell(two, 2.0)
    assert status() == "FINISHED"
    three = study.ask()
    assert status() == "RUNNING"
    study.fail(three, "why")
    assert status() == "FINISHED"
    assert len(store.runs()[0]) == 1


def test_an_interrupt_marks_the_runs_of_study_and_running_trials_as_killed(store):
    study, _ = store.study(strategy="random")

    def interrupted(trial):
        if trial.number == 1:
            raise KeyboardInterrupt
        return 1.0

    with pytest.raises(KeyboardInterrupt):
        study.optimize(interrupted, 3)
    (parent,), children = store.runs()
    assert (parent.info.status, parent.data.tags["error"]) == ("KILLED", "KeyboardInterrupt()")
    assert [child.info.status for child in children.values()] == ["FINISHED", "KILLED"]
    study.optimize(lambda trial: 1.0, 1)
    (parent,), _ = store.runs()
    assert parent.info.status == "FINISHED"
    assert "error" not in parent.data.tags


def test_an_interrupt_before_an_event_leaves_no_run_running(store):
    class Interrupt:
        @hookimpl
        def tuneplug_trial_finished(self, trial):
            if trial.number == 1:
                raise KeyboardInterrupt

    plugins = Plugins(installed=False)
    plugins.register(MLflowObserver(experiment=store.name, tracking_uri=store.uri))
    plugins.register(Interrupt())  # called first, as the last one registered
    study = Study(SPACE, strategy="random", seed=0, plugins=plugins)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(lambda trial: -float(trial.number), 4)
    (parent,), children = store.runs()
    assert [child.info.status for child in children.values()] == ["FINISHED", "FINISHED"]
    assert parent.data.tags["best_trial"] == "1"


@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_a_study_whose_trials_all_failed_has_status_failed(store):
    study, _ = store.study(strategy="random")
    with pytest.raises(AllTrialsFailedError):
        study.optimize(lambda trial: 1 / 0, 2)
    (parent,), children = store.runs()
    assert parent.info.status == "FAILED"
    assert "ZeroDivisionError" in children[1].data.tags["error"]


def test_a_resumed_study_keeps_its_best_trial(store, tmp_path):
    kept = {"storage": f"sqlite:///{tmp_path / 'kept.db'}", "name": "kept"}
    before = Study(SPACE, strategy="random", seed=0, plugins=Plugins(installed=False), **kept)
    before.optimize(lambda trial: 1.0 + trial.number, 2)
    study, _ = store.study(strategy="random", **kept)
    study.optimize(lambda trial: 5.0, 2)
    (parent,), _ = store.runs()
    assert parent.data.metrics["best_value"] == 1.0
    assert parent.data.tags["best_trial"] == "0"
    assert "best_run_id" not in parent.data.tags
    study.optimize(lambda trial: 0.5, 1)
    (parent,), children = store.runs()
    assert store.history(parent, "best_value") == {0: 1.0, 4: 0.5}
    assert parent.data.tags["best_run_id"] == children[4].info.run_id


def test_a_trial_asked_before_registration_is_logged_when_it_ends(store):
    study = Study(SPACE, seed=0, plugins=Plugins(installed=False))
    trial = study.ask()
    study.plugins.register(MLflowObserver(experiment=store.name, tracking_uri=store.uri))
    study.tell(trial, 1.0)
    assert store.runs()[1][0].data.params["x"] == str(trial.params["x"])


def test_the_observer_does_not_keep_a_study_alive(store):
    study, observer = store.study(strategy="random")
    study.optimize(lambda trial: 1.0, 1)
    assert len(observer._runs) == 1
    del study
    assert len(observer._runs) == 0


# ------------------------------------------------------------------------- the user's MLflow


def test_a_study_is_nested_under_the_active_run(store, mlflow, monkeypatch):
    study, _ = store.study(strategy="random")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    with mlflow.start_run(experiment_id=store.id) as mine:
        mlflow.log_param("x", "mine")
        study.optimize(reporting, 2, n_jobs=2)
        assert mlflow.active_run().info.run_id == mine.info.run_id
        other = Study(SPACE, plugins=Plugins(installed=False), seed=1)
        other.plugins.register(MLflowObserver())  # the experiment of the active run
        other.tell(other.ask(), 1.0)
    runs = {run.info.run_id: run for run in store.runs()[0]}
    assert runs[mine.info.run_id].data.params == {"x": "mine"}
    above = [
        r.data.tags.get("mlflow.parentRunId") for i, r in runs.items() if i != mine.info.run_id
    ]
    assert above == [mine.info.run_id] * 2


def test_a_missing_experiment_is_created_and_the_default_is_that_of_mlflow(sqlite, monkeypatch):
    study = Study(SPACE, seed=0, plugins=Plugins(installed=False))
    study.plugins.register(MLflowObserver(experiment="made here", tracking_uri=sqlite.uri))
    study.tell(study.ask(), 1.0)
    made = sqlite.client.get_experiment_by_name("made here")
    assert len(sqlite.client.search_runs([made.experiment_id])) == 2

    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "of the environment")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite.uri)
    log_study(study)
    named = sqlite.client.get_experiment_by_name("of the environment")
    assert len(sqlite.client.search_runs([named.experiment_id])) == 2


def test_the_file_store_works_if_mlflow_allows_it(mlflow, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    store = Store(mlflow, (tmp_path / "mlruns").as_uri(), tmp_path).use("files")
    study, _ = store.study({"a": [1, 2, 3], "..": [0.1, 0.2]}, strategy="random")
    trial = study.ask()
    trial.report(math.inf, 0, fold=0)
    study.tell(trial, 1.0)
    (parent,), (child,) = store.runs()[0], store.runs()[1].values()
    assert (parent.info.status, child.info.status) == ("FINISHED", "FINISHED")
    assert store.history(child, "reported_fold0") == {0: math.inf}


# ------------------------------------------------------------------------- afterwards


def content(store):
    """Return everything logged, except ids and times."""
    (parent,), children = store.runs()
    numbers = {child.info.run_id: number for number, child in children.items()}
    found = {}
    for number, run in {None: parent, **children}.items():
        tags = {k: v for k, v in run.data.tags.items() if k != "mlflow.parentRunId"}
        tags["best_run_id"] = numbers.get(tags.get("best_run_id"))
        metrics = {name: store.history(run, name) for name in run.data.metrics}
        found[number] = (run.info.run_name, run.info.status, run.data.params, tags, metrics)
    return found


@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_log_study_logs_the_same_as_the_observer(store):
    def sometimes(trial):
        if trial.number == 2:
            raise ValueError("no")
        value = reporting(trial)
        if trial.number == 3:
            trial.reporter.stop_reason = "enough"
        return value

    study, _ = store.study(strategy="random", direction="maximize")
    study.optimize(sometimes, 6)
    live = content(store)
    store.use("afterwards")
    run_id = log_study(study, experiment=store.name, tracking_uri=store.uri)
    again = content(store)
    assert store.runs()[0][0].info.run_id == run_id
    assert store.runs()[0][0].info.start_time == int(1000 * study.trials[0].started)
    assert set(live) == {None, *range(6)}
    assert again == live


# ------------------------------------------------------------------------- searches


def search_with(observer, n_jobs=None, **options):
    plugins = Plugins()
    plugins.register(observer)
    space = {"C": Float(1e-2, 1e2), "kernel": ["rbf", "linear"]}
    return WarpedBayesSearchCV(
        SVC(), space, n_iter=5, cv=3, n_jobs=n_jobs, random_state=0, plugins=plugins, **options
    )


def test_a_search_on_two_workers_is_logged_in_the_parent_process(store, capsys):
    observer = MLflowObserver(experiment=store.name, tracking_uri=store.uri, metric="accuracy")
    search = search_with(observer, n_jobs=2, verbose=1).fit(X, Y)
    assert len(capsys.readouterr().out.splitlines()) == 2 + 5
    (parent,), children = store.runs()
    scores = [child.data.metrics["accuracy"] for child in children.values()]
    assert scores == list(search.cv_results_["mean_test_score"])
    assert parent.data.metrics["best_accuracy"] == search.best_score_
    assert parent.info.run_id == observer.run_id(search.study_)
    assert children[0].data.params.keys() == {"C", "kernel"}


class Interrupting(SVC):
    n_fits = 0

    def fit(self, X, y, sample_weight=None):
        Interrupting.n_fits += 1
        if Interrupting.n_fits == 5:  # in the second of three folds of the second candidate
            raise KeyboardInterrupt
        return super().fit(X, y, sample_weight)


def test_an_interrupted_search_marks_running_candidates_as_killed(store):
    observer = MLflowObserver(experiment=store.name, tracking_uri=store.uri)
    search = search_with(observer, lag=0, strategy="random").set_params(estimator=Interrupting())
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    (parent,), children = store.runs()
    assert parent.info.status == "KILLED"
    assert [child.info.status for child in children.values()] == ["FINISHED", "KILLED"]
    assert "KeyboardInterrupt" in children[1].data.tags["error"]


def test_the_status_selects_trials_that_can_be_best(store, mlflow):
    study, _ = store.study(strategy="random")
    study.tell(study.ask(), 2.0)
    study.fail(study.ask(), "why")
    study.tell(study.ask(), 1.0)
    found = store.client.search_runs(
        [store.id],
        "attributes.status = 'FINISHED' and tags.trial != ''",
        order_by=["metrics.value"],
    )
    assert [run.data.metrics["value"] for run in found] == [1.0, 2.0]


def test_monitored_fits_are_logged_per_round(store):
    xgboost = pytest.importorskip("xgboost")
    plugins = Plugins()
    plugins.register(MLflowObserver(experiment=store.name, tracking_uri=store.uri))
    search = WarpedBayesSearchCV(
        xgboost.XGBClassifier(n_estimators=6, n_jobs=1),
        {"learning_rate": Float(1e-3, 1.0)},
        n_iter=3,
        cv=2,
        strategy="random",
        stopping="median",
        random_state=0,
        plugins=plugins,
    ).fit(X, Y)
    _, children = store.runs()
    (metric,) = {trial.metric for trial in search.study_.trials}
    for fold in (0, 1):
        assert list(store.history(children[0], f"{metric}_fold{fold}")) == list(range(6))
    assert list(store.history(children[0], metric)) == list(range(6))


def test_clones_share_the_observer_but_copies_and_pickles_do_not(store):
    observer = MLflowObserver(experiment=store.name, tracking_uri=store.uri)
    search = search_with(observer)
    scores = cross_val_score(search, X, Y, cv=2)
    assert len(scores) == 2
    assert len(store.runs()[0]) == 2
    clone(search).fit(X, Y)
    assert len(store.runs()[0]) == 3
    for copied in (copy.deepcopy(search), pickle.loads(pickle.dumps(search))):
        copied.fit(X, Y)
    assert len(store.runs()[0]) == 3


def test_studies_on_several_threads_have_separate_runs(store):
    observer = MLflowObserver(experiment=store.name, tracking_uri=store.uri)

    def run(seed):
        plugins = Plugins(installed=False)
        plugins.register(observer)
        study = Study(SPACE, strategy="random", seed=seed, plugins=plugins)
        study.optimize(lambda trial: float(seed), 3)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.client.search_runs([store.id])
    parents = {r.info.run_id: r for r in found if "trial" not in r.data.tags}
    assert len(parents) == 2
    for run in found:
        if "trial" in run.data.tags:
            seed = parents[run.data.tags["mlflow.parentRunId"]].data.params["seed"]
            assert run.data.metrics["value"] == float(seed)


# ------------------------------------------------------------------------- when it goes wrong


def test_a_failing_store_gives_one_warning_and_the_search_completes(store, monkeypatch):
    observer = MLflowObserver(experiment=store.name, tracking_uri=store.uri)
    search = search_with(observer, n_jobs=2, verbose=1)
    calls = []  # in this process
    client = type(store.client)
    log_batch = client.log_batch

    def failing(self, *args, **keywords):
        calls.append(args)
        if len(calls) == 5:
            raise ConnectionError("the store is gone")
        return log_batch(self, *args, **keywords)

    monkeypatch.setattr(client, "log_batch", failing)
    message = "plugin 'MLflowObserver' of this program is detached"
    with pytest.warns(RuntimeWarning, match=message) as seen:
        search.fit(X, Y)
    assert len(seen) == 1
    assert "the store is gone" in str(seen[0].message)
    assert len(calls) == 5
    assert len(search.cv_results_["params"]) == 5
    monkeypatch.undo()
    log_study(search.study_, experiment=store.name, tracking_uri=store.uri)  # the cure
    assert len(store.runs()[1]) == 5


def test_a_store_that_cannot_be_opened_gives_a_warning_and_the_study_runs(tmp_path):
    study = Study(SPACE, seed=0, strategy="random", plugins=Plugins(installed=False))
    study.plugins.register(MLflowObserver(tracking_uri="nowhere://at.all"))
    with pytest.warns(RuntimeWarning, match="is detached"):
        study.optimize(lambda trial: 1.0, 2)
    assert len(study.trials) == 2


PAGE = Path(__file__).parents[3] / "docs" / "tracking.md"


def test_the_file_of_another_program_is_refused_and_unchanged(mlflow, tmp_path):
    path = tmp_path / "study.db"
    url = f"sqlite:///{path}"
    study = Study({"x": Float(0, 1)}, strategy="random", seed=0, storage=url, name="a")
    study.optimize(lambda trial: trial.params["x"], 1)
    with pytest.raises(StorageError, match=r"study\.db is the database of another program"):
        log_study(study, tracking_uri=url)
    study.plugins.register(MLflowObserver(tracking_uri=url))
    with pytest.warns(RuntimeWarning, match="is the database of another program"):
        study.optimize(lambda trial: trial.params["x"], 1)
    assert len(study.trials) == 2
    assert "tuneplug_studies" in SqliteFile(path).table_names()


def test_the_examples_of_the_tracking_page_run(store, mlflow, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    namespace: dict[str, object] = {}
    examples = re.findall(r"^```py\n(.*?)^```", PAGE.read_text("utf-8"), re.S | re.M)
    assert examples
    for example in examples:
        exec(compile(example, "example of tracking.md", "exec"), namespace)
    assert store.client.get_experiment_by_name("churn") is not None


# ------------------------------------------------------------------------- constraints


def test_constraints_are_metrics_and_the_best_trial_is_feasible(store):
    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0)
    for value, constraint in [(1.0, 0.5), (3.0, -0.5), (2.0, 0.1)]:
        study.tell(study.ask(), value, constraints=[constraint])
    log_study(study, experiment=store.name, tracking_uri=store.uri)
    (parent,), children = store.runs()
    assert parent.data.tags["best_trial"] == "1"
    assert [run.data.metrics["constraint_0"] for run in children.values()] == [0.5, -0.5, 0.1]
    assert [run.info.status for run in children.values()] == ["KILLED", "FINISHED", "KILLED"]

"""Test ``mirror`` and ``OptunaMirror`` by reading Optuna storages and the dashboard."""

from __future__ import annotations

import io
import itertools
import json
import sqlite3
import time
from contextlib import closing
from wsgiref.util import setup_testing_defaults

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import InMemoryStorage, JournalStorage, RDBStorage
from optuna.trial import TrialState
from scipy.stats import norm

import tuneplug
from tuneplug import Float, Int, StorageError, Study
from tuneplug.plugins import Plugins, hookimpl
from tuneplug.strategies import RandomSearch, Strategy, Suggestion
from tuneplug_optuna import OptunaMirror, mirror


@pytest.fixture(autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


@pytest.fixture
def sqlite(tmp_path):
    storage = RDBStorage(f"sqlite:///{tmp_path / 'study.db'}")
    yield storage
    storage.remove_session()
    storage.engine.dispose()


@pytest.fixture
def journal(tmp_path):
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal.log"))
    return JournalStorage(backend)


SPACE = {
    "eta": Float(1e-4, 1.0),
    "depth": Int(2, 12),
    "booster": ["gbtree", "dart"],
    "rate_drop": Float(0.0, 1.0, when={"booster": ["dart"]}),
    "momentum": Float(0.5, 0.999, "reverse_log"),
    "shift": norm(),
    "size": [(10,), (10, 10)],
    "fixed": [7],
}


def objective(trial):
    if trial.number == 3:
        raise ArithmeticError("made to fail")
    for fold in range(2):
        for step in range(5):
            trial.report(trial.params["eta"] + fold + step, step, fold=fold)
    if trial.number == 4:
        trial.reporter.stop_reason = "made to stop"
    return trial.params["eta"]


def study_of(plugins=None, n_trials=8, **options):
    options = {"direction": "maximize", "strategy": "random", "seed": 5, **options}
    study = Study(SPACE, plugins=plugins, **options)
    study.optimize(objective, n_trials)
    return study


# ---------------------------------------------------------------------- copies


@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_a_finished_study_is_copied_to_a_file(sqlite):
    study = study_of()
    mirror(study, sqlite, study_name="churn")
    loaded = optuna.load_study(study_name="churn", storage=sqlite)
    assert loaded.direction.name == "MAXIMIZE"
    assert loaded.best_value == study.best_value
    assert loaded.best_trial.number == study.best_trial.number
    assert [t.number for t in loaded.trials] == list(range(8))
    states = ["COMPLETE"] * 3 + ["FAIL", "PRUNED"] + ["COMPLETE"] * 3
    assert [t.state.name for t in loaded.trials] == states
    assert [t.value for t in loaded.trials] == [t.value for t in study.trials]
    for trial, original in zip(loaded.trials, study.trials, strict=True):
        assert trial.datetime_start.timestamp() == pytest.approx(original.started, abs=1e-5)
        assert trial.datetime_complete.timestamp() == pytest.approx(original.finished, abs=1e-5)


@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_parameters_are_stored_in_the_users_units():
    study = study_of()
    loaded = mirror(study, InMemoryStorage())
    for trial, original in zip(loaded.trials, study.trials, strict=True):
        assert trial.params == {**original.params, "size": repr(original.params["size"])}
    kinds = {name: d for t in loaded.trials for name, d in t.distributions.items()}
    assert kinds["eta"] == FloatDistribution(1e-4, 1.0, log=True)
    assert kinds["depth"] == IntDistribution(2, 12)
    assert kinds["booster"] == CategoricalDistribution(["gbtree", "dart"])
    assert kinds["rate_drop"] == FloatDistribution(0.0, 1.0)
    assert kinds["momentum"] == FloatDistribution(0.5, 0.999)
    assert kinds["size"] == CategoricalDistribution(["(10,)", "(10, 10)"])
    assert kinds["fixed"] == CategoricalDistribution([7])
    assert all(t.distributions["shift"].low <= t.params["shift"] for t in loaded.trials)


@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_user_attributes_hold_the_other_results():
    study = study_of()
    loaded = mirror(study, InMemoryStorage())
    failed, stopped = loaded.trials[3], loaded.trials[4]
    assert "made to fail" in failed.user_attrs["error"]
    assert stopped.user_attrs["stop_reason"] == "made to stop"
    assert stopped.user_attrs["variance"] == study.trials[4].variance
    assert stopped.user_attrs["cost"] == study.trials[4].cost
    eta = stopped.params["eta"]
    assert stopped.user_attrs["folds"] == {"0": eta + 4, "1": eta + 5}
    assert stopped.intermediate_values == pytest.approx({s: eta + 0.5 + s for s in range(5)})
    assert {trial.user_attrs["origin"] for trial in loaded.trials} == {"random"}
    about = loaded.user_attrs
    assert about["tuneplug"] == tuneplug.__version__
    assert (about["strategy"], about["seed"]) == ("random", 5)
    assert about["scaling"] == study.explain_scaling()
    assert "stopping" not in about


def test_the_expected_gain_of_a_suggestion_is_stored():
    study = Study({"x": Float(0.0, 1.0)}, seed=0)
    study.optimize(lambda trial: trial.params["x"] ** 2, 8)
    gains = [
        t.user_attrs.get("expected_improvement") for t in mirror(study, InMemoryStorage()).trials
    ]
    assert gains == [trial.expected_improvement for trial in study.trials]
    assert gains[-1] is not None


def test_long_curves_are_thinned_to_even_steps_and_both_ends():
    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0)
    trial = study.ask()
    for step in range(1000):
        trial.report(float(step), step)
    study.tell(trial, 0.0)
    steps = list(mirror(study, InMemoryStorage()).trials[0].intermediate_values)
    assert (len(steps), steps[0], steps[-1]) == (100, 0, 999)
    assert {b - a for a, b in itertools.pairwise(steps)} <= {10, 11}


def test_sub_spaces_share_categories_or_store_separate_names():
    space = [
        {"kernel": ["rbf"], "gamma": Float(0.1, 1.0)},
        {"kernel": ["poly", "linear"], "gamma": ["scale", "auto"]},
    ]
    study = Study(space, strategy="random", seed=0)
    study.optimize(lambda trial: 0.0, 12)
    trials = mirror(study, InMemoryStorage()).trials
    union = CategoricalDistribution(["rbf", "poly", "linear"])
    assert {trial.distributions["kernel"] for trial in trials} == {union}
    assert {tuple(trial.params) for trial in trials} == {
        ("kernel", "gamma[0]"),
        ("kernel", "gamma[1]"),
    }
    for trial, original in zip(trials, study.trials, strict=True):
        assert list(trial.params.values()) == list(original.params.values())


def test_running_trials_are_copied_as_running():
    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0)
    study.ask()
    trial = mirror(study, InMemoryStorage()).trials[0]
    assert trial.state is TrialState.RUNNING
    assert trial.params == study.trials[0].params
    assert trial.datetime_complete is None


# ---------------------------------------------------------------------- live mirrors


def content(loaded):
    """Return the content of a loaded study, without times."""
    trials = [
        [
            t.number,
            t.state,
            t.values,
            t.params,
            t.distributions,
            t.user_attrs,
            t.intermediate_values,
        ]
        for t in loaded.trials
    ]
    return loaded.direction, loaded.user_attrs, trials


@pytest.mark.parametrize(
    "kind", [pytest.param("sqlite", marks=pytest.mark.slow), "journal", "memory"]
)
@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_a_mirrored_study_equals_a_copy(request, kind):
    storage = InMemoryStorage() if kind == "memory" else request.getfixturevalue(kind)
    plugins = Plugins()
    plugins.register(OptunaMirror(storage, "live"))
    begin = time.time()
    study = study_of(plugins)
    copied = mirror(study, storage, study_name="copied")
    live = optuna.load_study(study_name="live", storage=storage)
    assert content(live) == content(copied)
    for one, two in zip(live.trials, copied.trials, strict=True):
        assert begin - 1 <= one.datetime_start.timestamp() <= two.datetime_complete.timestamp()
        # Optuna sets the completion time when the state is written.
        assert one.datetime_complete >= two.datetime_complete


def test_a_trial_is_written_when_it_starts_and_when_it_ends(sqlite):
    plugins = Plugins()
    plugins.register(OptunaMirror(sqlite, "live"))
    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0, plugins=plugins)
    trial = study.ask()
    seen = optuna.load_study(study_name="live", storage=sqlite).trials
    assert [(t.state, t.params) for t in seen] == [(TrialState.RUNNING, trial.params)]
    study.tell(trial, 2.0)
    seen = optuna.load_study(study_name="live", storage=sqlite).trials
    assert [(t.state, t.value) for t in seen] == [(TrialState.COMPLETE, 2.0)]


@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_trials_older_than_the_mirror_are_written(sqlite):
    study = study_of(Plugins())
    study.plugins.register(OptunaMirror(sqlite, "late"))
    study.optimize(objective, 2)
    assert content(optuna.load_study(study_name="late", storage=sqlite)) == content(
        mirror(study, sqlite)
    )


def test_a_trial_started_before_the_mirror_is_finished_in_it(sqlite):
    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0, plugins=Plugins())
    one, two = study.ask(), study.ask()
    study.plugins.register(OptunaMirror(sqlite, "late"))
    study.tell(one, 1.0)
    study.tell(two, 2.0)
    assert [t.value for t in optuna.load_study(study_name="late", storage=sqlite).trials] == [1, 2]


def test_an_interrupt_before_an_event_leaves_no_trial_running(sqlite):
    class Interrupt:
        @hookimpl
        def tuneplug_trial_finished(self, trial):
            if trial.number == 1:
                raise KeyboardInterrupt

    plugins = Plugins()
    plugins.register(OptunaMirror(sqlite, "interrupted"))
    plugins.register(Interrupt())  # called first, as the last one registered
    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0, plugins=plugins)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(lambda trial: trial.params["x"], 4)
    seen = optuna.load_study(study_name="interrupted", storage=sqlite).trials
    assert [t.value for t in seen] == [trial.value for trial in study.trials]


def test_a_search_is_mirrored(sqlite):
    from sklearn.datasets import load_iris
    from sklearn.svm import SVC

    from tuneplug_sklearn import WarpedBayesSearchCV

    X, y = load_iris(return_X_y=True)
    plugins = Plugins()
    plugins.register(OptunaMirror(sqlite, "iris"))
    search = WarpedBayesSearchCV(
        SVC(), {"C": Float(1e-3, 1e3)}, n_iter=6, cv=3, random_state=0, plugins=plugins
    ).fit(X, y)
    loaded = optuna.load_study(study_name="iris", storage=sqlite)
    assert [t.value for t in loaded.trials] == list(search.cv_results_["mean_test_score"])
    assert loaded.best_params == search.best_params_


def test_a_mirror_without_a_study_name_serves_several_studies():
    storage, plugins = InMemoryStorage(), Plugins()
    plugins.register(OptunaMirror(storage))
    for _ in range(2):
        study_of(plugins, 2)
    assert len(optuna.get_all_study_names(storage)) == 2


def test_the_completion_reason_is_stored():
    study = Study({"x": [1, 2]}, strategy=RandomSearch(), seed=0)
    study.completion_reason = "target reached"
    about = mirror(study, InMemoryStorage()).user_attrs
    assert about["completion_reason"] == "target reached"


# ---------------------------------------------------------------------- errors


@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_an_existing_study_name_is_an_error(sqlite):
    study = study_of()
    mirror(study, sqlite, study_name="taken")
    with pytest.raises(ValueError, match="study_name must be new to the storage, but 'taken'"):
        mirror(study, sqlite, study_name="taken")
    with pytest.raises(ValueError, match="but 'taken' exists: use another name, or delete it"):
        OptunaMirror(sqlite, "taken")


def test_a_failing_storage_detaches_the_mirror_but_not_the_study(tmp_path, sqlite):
    plugins = Plugins()
    plugins.register(OptunaMirror(sqlite, "live"), name="mirror")

    def objective(trial):
        if trial.number == 2:
            sqlite.remove_session()  # its open transaction locks the file
            with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
                connection.execute("DROP TABLE trial_values")
        return trial.params["x"]

    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0, plugins=plugins)
    with pytest.warns(
        RuntimeWarning, match="'mirror' of .* is detached.*StorageInternalError"
    ) as warned:
        study.optimize(objective, 6)
    assert len(warned) == 1
    assert [trial.state.value for trial in study.trials] == ["complete"] * 6


def test_a_value_that_is_not_a_storage_is_an_error():
    with pytest.raises(TypeError, match="storage must be a URL or an Optuna storage, but got 3"):
        OptunaMirror(3)


# ---------------------------------------------------------------------- the dashboard


def get(app, path):
    """Return the JSON response of a WSGI application."""
    environ = {"PATH_INFO": path, "REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO()}
    setup_testing_defaults(environ)
    status = []
    body = b"".join(app(environ, lambda line, headers, *_: status.append(line)))
    assert status == ["200 OK"], body
    return json.loads(body)


@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_the_dashboard_shows_the_study_and_its_trials(sqlite):
    dashboard = pytest.importorskip("optuna_dashboard")
    study = study_of()
    study.ask()
    mirror(study, sqlite, study_name="churn")
    app = dashboard.wsgi(sqlite)
    (listed,) = get(app, "/api/studies")["study_summaries"]
    assert listed["study_name"] == "churn"
    shown = get(app, f"/api/studies/{listed['study_id']}")
    assert shown["directions"] == ["maximize"]
    states = ["Complete"] * 3 + ["Fail", "Pruned"] + ["Complete"] * 3 + ["Running"]
    assert [trial["state"] for trial in shown["trials"]] == states
    assert [t.get("values") for t in shown["trials"][:3]] == [[t.value] for t in study.trials[:3]]
    params = {p["name"]: p["param_external_value"] for p in shown["trials"][0]["params"]}
    assert params["booster"] == study.trials[0].params["booster"]
    assert float(params["eta"]) == pytest.approx(study.trials[0].params["eta"])
    assert len(shown["trials"][0]["intermediate_values"]) == 5
    attributes = {a["key"]: a["value"] for a in shown["trials"][4]["user_attrs"]}
    assert attributes["stop_reason"] == "made to stop"


@pytest.mark.parametrize("owner", ["tuneplug", "another program"])
def test_the_file_of_another_program_is_refused_and_unchanged(owner, tmp_path):
    path = tmp_path / "study.db"
    url = f"sqlite:///{path}"
    if owner == "tuneplug":
        Study({"x": Float(0.0, 1.0)}, storage=url, name="a").ask()
    else:
        with closing(sqlite3.connect(path)) as db:
            db.execute("create table bookmarks (a)")
    before = path.read_bytes()
    study = Study({"x": Float(0.0, 1.0)}, seed=0)
    for call in (lambda: mirror(study, url), lambda: OptunaMirror(url)):
        with pytest.raises(StorageError, match=r"study\.db is the database of another program"):
            call()
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["study.db"]


def test_a_database_of_optuna_is_used_again(tmp_path):
    study = Study({"x": Float(0.0, 1.0)}, seed=0)
    for name in ("one", "two"):
        copied = mirror(study, f"sqlite:///{tmp_path / 'optuna.db'}", study_name=name)
    assert optuna.get_all_study_names(copied._storage) == ["one", "two"]


def test_a_database_that_optuna_cannot_open_is_a_storage_error(tmp_path):
    path = tmp_path / "notes.db"
    path.write_text("notes of mine, not a database" * 100)
    study = Study({"x": Float(0.0, 1.0)}, seed=0)
    for url in (f"sqlite:///{path}", "no URL", "nothing://x"):
        for call in (lambda url=url: mirror(study, url), lambda url=url: OptunaMirror(url)):
            with pytest.raises(StorageError, match="a database that Optuna can open, but"):
                call()
    assert path.read_text().startswith("notes of mine")


def test_trial_below_full_fidelity_is_pruned_and_keeps_its_fidelity():
    study = tuneplug.Study({"x": tuneplug.Float(0.0, 1.0)}, strategy=_Low(), seed=0)
    for value in (-5.0, 3.0):
        study.tell(study.ask(), value)
    copied = mirror(study, optuna.storages.InMemoryStorage())
    assert [trial.state.name for trial in copied.trials] == ["PRUNED", "COMPLETE"]
    assert [trial.user_attrs.get("fidelity") for trial in copied.trials] == [0.5, None]
    assert copied.best_value == study.best_value == 3.0


class _Low(Strategy):
    """Suggest x = 0.5, first at half of the full resource."""

    name = "low"

    def suggest(self, context, n):
        return [Suggestion({"x": 0.5}, fidelity=1.0 if len(context.history) else 0.5)]


@pytest.mark.parametrize("live", [True, False])
def test_constraints_are_mirrored_and_optunas_best_trial_is_feasible(live):
    storage, plugins = optuna.storages.InMemoryStorage(), Plugins()
    if live:
        plugins.register(OptunaMirror(storage, "size"))

    def objective(trial):
        trial.set_constraints([0.5 - trial.params["x"]])
        return trial.params["x"]

    study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0, plugins=plugins)
    study.optimize(objective, 8)
    if not live:
        mirror(study, storage, study_name="size")
    copied = optuna.load_study(study_name="size", storage=storage)
    assert copied.best_params == study.best_params
    assert [t.system_attrs["constraints"] for t in copied.trials] == [
        list(t.constraints) for t in study.trials
    ]

"""Plugins of a study: built-in and registered classes, and the events of observers."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from functools import partial

import pytest

from tuneplug import (
    Categorical,
    Float,
    PluginError,
    SearchSpace,
    SpaceError,
    Study,
    UnknownNameError,
)
from tuneplug.monitoring import FitMonitor
from tuneplug.plugins import Command, Converter, Plugins, hookimpl
from tuneplug.space.scaling import Linear, Log, ReverseLog
from tuneplug.stopping import AsynchronousHalving, MedianRule
from tuneplug.storage import MemoryStorage, SqliteStorage, Storage
from tuneplug.storage.urls import as_storage
from tuneplug.strategies import BayesianSearch, GridSearch, HyperbandSearch, RandomSearch, Strategy


@pytest.fixture
def plugins():
    return Plugins(installed=False)


class Last(Strategy):
    name = "last"

    def suggest(self, context, n):
        return RandomSearch().suggest(context, n)


def plugin_of(hook, *classes):
    """Return a plugin that registers classes through one hook."""

    def register(self):
        return list(classes)

    return type("Offering", (), {hook: hookimpl(register)})()


# ------------------------------------------------------------------- hooks that register classes


def test_hook_tuneplug_strategies(plugins):
    ours = {cls.name: cls for cls in (BayesianSearch, GridSearch, HyperbandSearch, RandomSearch)}
    assert plugins.classes("strategy") == ours
    plugins.register(plugin_of("tuneplug_strategies", Last))
    study = Study({"k": [1, 2, 3]}, strategy="last", plugins=plugins)
    assert isinstance(study.strategy, Last)


def test_hook_tuneplug_scalings(plugins):
    class Square(Linear.__base__):
        name = "square"

        def forward(self, x):
            return x**2

        def inverse(self, t):
            return t**0.5

    assert plugins.classes("scaling") == {cls.name: cls for cls in (Linear, Log, ReverseLog)}
    plugins.register(plugin_of("tuneplug_scalings", Square))
    study = Study({"x": Float(0.0, 2.0, "square")}, plugins=plugins)
    assert study.space.decode([0.25]) == {"x": 1.0}
    assert study.explain_scaling()[0]["scaling"] == "square"
    with pytest.raises(SpaceError, match=r"'auto', .*'square'\], but got 'cube'"):
        Study({"x": Float(0.0, 2.0, "cube")}, plugins=plugins)


def test_hook_tuneplug_stopping_rules(plugins):
    assert set(plugins.classes("stopping").values()) == {AsynchronousHalving, MedianRule}

    class Mine(MedianRule.__base__):
        name = "mine"

        def make_threshold(self, number, curves, sign):
            return None

    plugins.register(plugin_of("tuneplug_stopping_rules", Mine))
    assert isinstance(Study({"k": [1]}, stopping="mine", plugins=plugins).stopping, Mine)


def test_hook_tuneplug_executors(plugins):
    class Here:
        name = "here"

        def submit(self, fn, *args):
            future = Done()
            future.value = fn(*args)
            return future

    class Done:
        def add_done_callback(self, fn):
            fn(self)

        def result(self):
            return self.value

    plugins.register(plugin_of("tuneplug_executors", Here))
    study = Study({"k": [1, 2, 3]}, plugins=plugins)
    study.optimize(lambda trial: trial.params["k"], 3, executor="here")
    assert study.best_value == 1


def test_hook_tuneplug_storages(plugins):
    assert set(plugins.classes("storage").values()) == {MemoryStorage, SqliteStorage}
    places = []

    class Mine(Storage):
        name = "mine"

        def __init__(self, location=""):
            places.append(location)
            self.kept = MemoryStorage()

        def open(self, study, settings):
            return self.kept.open(study, settings)

        def add(self, study, record):
            self.kept.add(study, record)

        def update(self, study, record):
            self.kept.update(study, record)

        def studies(self):
            return self.kept.studies()

        def delete(self, study):
            self.kept.delete(study)

    plugins.register(plugin_of("tuneplug_storages", Mine))
    study = Study({"k": [1, 2]}, storage="mine:///some/where", name="a", plugins=plugins)
    study.optimize(lambda trial: trial.params["k"], 2)
    assert places == ["some/where"]
    again = Study({"k": [1, 2]}, storage=study._persistence.storage, name="a", plugins=plugins)
    assert again.best_params == study.best_params


def test_hook_tuneplug_fit_monitors(plugins):
    class Mine(FitMonitor):
        name = "mine"

        def accepts(self, estimator):
            return estimator == "mine"

        def fit(self, watched):
            return None

    plugins.register(plugin_of("tuneplug_fit_monitors", Mine))
    assert plugins.classes("fit monitor") == {"mine": Mine}


def test_hook_tuneplug_observers(plugins):
    class Mine:
        name = "mine"
        seen = ()

        @hookimpl
        def tuneplug_trial_finished(self, trial):
            Mine.seen += (trial.number,)

    plugins.register(plugin_of("tuneplug_observers", Mine))
    study = Study({"k": [1, 2, 3, 4]}, plugins=plugins)
    n_known = len(plugins.records())
    study.optimize(lambda trial: trial.params["k"], 2, verbose="mine")
    study.optimize(lambda trial: trial.params["k"], 1)
    assert Mine.seen == (0, 1)
    assert len(plugins.records()) == n_known


class Colors:
    """A declaration of another package."""


class ColorConverter(Converter):
    name = "colors"

    def accepts(self, declared):
        return isinstance(declared, Colors)

    def convert(self, declared):
        return Categorical(["red", "blue"])


def test_hook_tuneplug_converters(plugins):
    with pytest.raises(SpaceError):
        Study({"c": Colors()}, plugins=plugins)
    plugins.register(plugin_of("tuneplug_converters", ColorConverter))
    assert Study({"c": Colors()}, plugins=plugins).ask().params["c"] in {"red", "blue"}
    nested = Study([{"c": Colors()}, {"d": [1, 2]}], plugins=plugins)
    assert nested.space.n_subspaces == 2
    assert SearchSpace(plugins.convert_space({"c": Colors()})).size == 2


class Count(Command):
    name, about = "count", "how many studies there are"

    def run(self, arguments):
        return "2"


def test_hook_tuneplug_commands(plugins):
    plugins.register(plugin_of("tuneplug_commands", Count))
    assert plugins.classes("command") == {"count": Count}
    assert plugins.create("command", "count").run(None) == "2"


def test_command_that_tuneplug_has_itself_is_refused(plugins):
    plugins.register(plugin_of("tuneplug_commands", type("Show", (Count,), {"name": "show"})))
    with pytest.warns(RuntimeWarning, match="'show' of tuneplug_commands is tuneplug's own name"):
        assert plugins.classes("command") == {}


# ------------------------------------------------------------------- hooks of events


class Observer:
    """Records every event."""

    def __init__(self):
        self.seen = []

    @hookimpl
    def tuneplug_study_started(self, study):
        self.seen.append(("started", len(study.history)))

    @hookimpl
    def tuneplug_study_finished(self, study, error):
        self.seen.append(("finished", repr(error)))

    @hookimpl
    def tuneplug_trial_asked(self, trial):
        self.seen.append(("asked", trial.number, trial.state.value))

    @hookimpl
    def tuneplug_trial_reported(self, trial, reports):
        self.seen.append(("reported", trial.number, [report.value for report in reports]))

    @hookimpl
    def tuneplug_trial_finished(self, trial, study):
        self.seen.append(("ended", trial.number, trial.state.value))


@pytest.fixture
def observed(plugins):
    observer = Observer()
    plugins.register(observer)
    return Study({"k": [1, 2, 3]}, strategy="random", seed=0, plugins=plugins), observer.seen


def entries_of(seen, event):
    return [entry[1:] for entry in seen if entry[0] == event]


def test_hook_tuneplug_study_started(observed):
    study, seen = observed
    study.optimize(lambda trial: 1.0, 2)
    assert entries_of(seen, "started") == [(0,)]
    assert seen[0][0] == "started"


def test_hook_tuneplug_study_finished(observed):
    study, seen = observed
    study.optimize(lambda trial: 1.0, 1)
    assert seen[-1] == ("finished", "None")

    def interrupted(trial):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.optimize(interrupted, 1)
    assert seen[-1] == ("finished", "KeyboardInterrupt()")


def test_hook_tuneplug_trial_asked(observed):
    study, seen = observed
    study.ask()
    assert seen == [("asked", 0, "running")]


def test_hook_tuneplug_trial_reported(observed):
    study, seen = observed
    trial = study.ask()
    trial.report(2.0, 0)
    trial.report(1.0, 1)
    study.tell(trial, 1.0)
    assert entries_of(seen, "reported") == [(0, [2.0, 1.0])]
    study.tell(study.ask(), 1.0)
    assert len(entries_of(seen, "reported")) == 1


def test_hook_tuneplug_trial_finished(observed):
    study, seen = observed
    study.tell(study.ask(), 1.0)
    study.fail(study.ask(), "why")
    assert entries_of(seen, "ended") == [(0, "complete"), (1, "failed")]


def test_observer_that_raises_is_detached_with_a_warning(observed, plugins):
    class Broken:
        @hookimpl
        def tuneplug_trial_finished(self, trial):
            raise ConnectionError("no server")

    plugins.register(Broken(), name="broken")
    study, seen = observed
    with pytest.warns(
        RuntimeWarning, match=r"'broken' of this program is detached.*no server"
    ) as w:
        study.optimize(lambda trial: 1.0, 3)
    assert len(w) == 1
    assert len(entries_of(seen, "ended")) == 3
    record = {record.name: record for record in plugins.records()}["broken"]
    assert (record.status, "no server" in record.error) == ("detached", True)


# ------------------------------------------------------------------------- invalid plugins


@pytest.mark.parametrize(
    ("plugin", "cause"),
    [
        (plugin_of("tuneplug_stategies", Last), "tuneplug_stategies"),
        (type("Wrong", (), {"tuneplug_strategies": hookimpl(lambda self, color: [])})(), "color"),
        (type("Old", (), {"tuneplug_api_version": 0})(), "made for version 0 of the hooks"),
    ],
    ids=["misspelt", "signature", "version"],
)
def test_register_refuses_a_plugin_with_an_invalid_hook(plugins, plugin, cause):
    with pytest.raises(PluginError, match=cause):
        plugins.register(plugin)
    assert [record.name for record in plugins.records()] == ["tuneplug"]


@pytest.mark.parametrize(
    ("plugin", "cause"),
    [
        (plugin_of("tuneplug_strategies", Linear), "subclasses of Strategy"),
        (plugin_of("tuneplug_strategies", Last()), "must return classes"),
        (plugin_of("tuneplug_strategies", type("Nameless", (Last,), {"name": None})), "a name"),
        (plugin_of("tuneplug_executors", type("E", (), {"name": "e"})), "submit"),
        (plugin_of("tuneplug_strategies", type("B", (Last,), {"name": "random"})), "own name"),
    ],
    ids=["kind", "instance", "nameless", "no submit", "our name"],
)
def test_plugin_that_registers_an_invalid_class_is_skipped(plugins, plugin, cause):
    plugins.register(plugin, name="odd")
    with pytest.warns(RuntimeWarning, match=f"'odd' of this program is skipped.*{cause}") as seen:
        assert {record.name: record.status for record in plugins.records()}["odd"] == "skipped"
    assert len(seen) == 1
    assert isinstance(plugins.create("strategy", "random"), RandomSearch)


def test_name_of_two_plugins_is_refused_when_it_is_used(plugins):
    plugins.register(plugin_of("tuneplug_strategies", Last), name="one")
    plugins.register(plugin_of("tuneplug_strategies", type("L", (Last,), {})), name="two")
    with pytest.raises(PluginError, match=r"'last' is registered by 'one'.* and by 'two'"):
        plugins.create("strategy", "last")
    assert "last" not in plugins.classes("strategy")
    assert Study({"k": [1]}, strategy="grid", plugins=plugins).ask()


def test_error_for_an_unknown_name_lists_the_registered_names(plugins):
    for kind, text in {"strategy": "bayesian", "stopping": "median", "executor": r"\[\]"}.items():
        with pytest.raises(UnknownNameError, match=rf"{kind} must be one of .*{text}.*'typo'"):
            plugins.create(kind, "typo")


# ------------------------------------------------------------------------- names and copies


def test_installed_monitors_and_converters_load_no_framework():
    code = (
        "import sys; from tuneplug.plugins import Plugins; p = Plugins();"
        "found = p.classes('fit monitor'); [cls().accepts(object()) for cls in found.values()];"
        "frameworks = 'xgboost lightgbm catboost skorch torch sklearn optuna ConfigSpace'.split();"
        "print(sorted(found), sorted(p.classes('converter')), {*frameworks} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    monitors = (
        "['catboost', 'gradient_boosting', 'hist_gradient_boosting', 'lightgbm', "
        "'multilayer_perceptron', 'skorch', 'xgboost']"
    )
    converters = "['configspace', 'optuna', 'sagemaker', 'scipy', 'skopt']"
    assert done.stdout.strip() == f"{monitors} {converters} set()"


def test_copies_of_plugins_omit_registered_plugins(plugins):
    plugins.register(plugin_of("tuneplug_strategies", Last), name="mine")
    study = Study({"k": [1, 2]}, strategy="random", plugins=plugins)
    for again in (copy.deepcopy(study), pickle.loads(pickle.dumps(study))):
        assert [record.name for record in again.plugins.records()] == ["tuneplug"]
        assert again.ask().params


def test_register_refuses_a_name_twice(plugins):
    mine = plugin_of("tuneplug_strategies", Last)
    plugins.register(mine, name="mine")
    for again in (mine, Observer()):
        with pytest.raises(PluginError, match="mine"):
            plugins.register(again, name="mine")
    assert plugins.classes("strategy")["last"] is Last


def test_default_name_of_a_plugin_is_its_class_name(plugins):
    class Failing:
        @hookimpl
        def tuneplug_trial_asked(self):
            raise OSError("disk")

    one, two = Failing(), Failing()
    plugins.register(one)
    plugins.register(two)
    assert [record.name for record in plugins.records()] == ["tuneplug", "Failing", "Failing 2"]
    with pytest.raises(PluginError, match="already registered"):
        plugins.register(one)
    with pytest.warns(RuntimeWarning) as captured:
        Study({"k": [1]}, plugins=plugins).ask()
    assert {str(warning.message)[:40] for warning in captured} == {
        "plugin 'Failing' of this program is deta",
        "plugin 'Failing 2' of this program is de",
    }


def test_load_continues_after_an_error_in_strict_mode(monkeypatch):
    class Entry:
        dist = None

        def __init__(self, name, loaded):
            self.name, self.loaded = name, loaded

        def load(self):
            if isinstance(self.loaded, Exception):
                raise self.loaded
            return self.loaded

    entries = [
        Entry("good", plugin_of("tuneplug_strategies", Last)),
        Entry("bad", ImportError("x")),
    ]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: entries)
    monkeypatch.setenv("TUNEPLUG_STRICT_PLUGINS", "1")
    plugins = Plugins()
    for _ in range(2):
        with pytest.raises(PluginError, match=r"'bad' .* is skipped"):
            plugins.load()
    entries[1].loaded = Observer()
    assert {record.name for record in plugins.records()} == {"tuneplug", "good", "bad"}
    assert plugins.classes("strategy")["last"] is Last


class WholeUrl(MemoryStorage):
    name = "whole"
    url = ""

    @classmethod
    def from_url(cls, url):
        storage = cls()
        storage.url = url
        return storage


class WholeUrlPlugin:
    @hookimpl
    def tuneplug_storages(self):
        return WholeUrl


@pytest.mark.parametrize("url", ["whole://here", "whole+driver://me:pw@host/db?a=b"])
def test_storage_with_from_url_gets_the_whole_url(url):
    plugins = Plugins(installed=False)
    plugins.register(WholeUrlPlugin())
    storage = as_storage(url, partial(plugins.create, "storage"))
    assert type(storage) is WholeUrl
    assert storage.url == url


def test_storage_without_from_url_refuses_a_driver():
    with pytest.raises(ValueError, match=r"'sqlite://', but got 'sqlite\+driver://'"):
        as_storage("sqlite+driver:///study.db", partial(Plugins().create, "storage"))

"""An error of a plugin names the plugin and affects neither other plugins nor the search."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import warnings
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

import tuneplug
from tuneplug import Float, Linear, PluginError, SpaceError, Study
from tuneplug.cli import main
from tuneplug.monitoring import FitMonitor
from tuneplug.plugins import Converter, Plugins, hookimpl
from tuneplug.strategies import RandomSearch, Strategy


class Last(Strategy):
    name = "last"

    def suggest(self, context, n):
        return RandomSearch().suggest(context, n)


def plugin_of(hook, *classes):
    """Return a plugin that registers classes through one hook."""
    return SimpleNamespace(**{hook: hookimpl(lambda: list(classes))})


@pytest.fixture
def plugins():
    return Plugins(installed=False)


@pytest.fixture
def install(monkeypatch):
    """Return a function that installs plugins, given as (entry point, distribution, loader)."""

    def install_them(*plugins):
        entries = []
        for name, distribution, load in plugins:
            entry = SimpleEntry(name, "module", "tuneplug")
            dist = distribution
            if isinstance(distribution, str):
                dist = SimpleNamespace(name=distribution, version="1.0")
            vars(entry).update(dist=dist, load=load)
            entries.append(entry)
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: entries)
        return Plugins()

    return install_them


class SimpleEntry(EntryPoint):
    __hash__ = object.__hash__
    __eq__ = object.__eq__


def raising(error):
    def load():
        raise error

    return load


class PanicError(BaseException):
    """An exception like those of extensions written in Rust."""


# -------------------------------------------------------------------------------------- exceptions


@pytest.mark.parametrize(
    "error", [SystemExit("no licence"), PanicError("unwrap"), ImportError("x")]
)
def test_exception_of_an_import_skips_only_that_plugin(install, error):
    good = plugin_of("tuneplug_strategies", Last)
    plugins = install(("bad", "tuneplug-bad", raising(error)), ("good", "good", lambda: good))
    with pytest.warns(
        RuntimeWarning, match=r"'bad' of tuneplug-bad is skipped: \w+\('"
    ) as captured:
        study = Study({"k": [1, 2]}, strategy="last", plugins=plugins)
    study.optimize(lambda trial: 1.0, 2)
    assert len(captured) == 1


def test_interrupt_while_loading_plugins_propagates(install):
    plugins = install(("slow", "tuneplug-slow", raising(KeyboardInterrupt())))
    with pytest.raises(KeyboardInterrupt):
        plugins.records()


@pytest.mark.parametrize("error", [SystemExit(3), PanicError("unwrap"), OSError("disk")])
def test_observer_that_raises_is_detached_unless_it_is_an_interrupt(plugins, error):
    def observe():
        raise error

    plugins.register(SimpleNamespace(tuneplug_trial_finished=hookimpl(observe)), name="odd")
    study = Study({"k": [1, 2]}, strategy="random", plugins=plugins)
    with pytest.warns(RuntimeWarning, match="'odd' of this program is detached"):
        study.optimize(lambda trial: 1.0, 2)
    assert len(study.trials) == 2


def test_classes_of_a_detached_observer_remain_registered(plugins):
    class Both:
        @hookimpl
        def tuneplug_strategies(self):
            return Last

        @hookimpl
        def tuneplug_trial_asked(self):
            raise OSError("disk")

    plugins.register(Both())
    with pytest.warns(RuntimeWarning, match="'Both' of this program is detached"):
        Study({"k": [1]}, strategy="last", plugins=plugins).ask()
    assert Study({"k": [1]}, strategy="last", plugins=plugins).ask().params == {"k": 1}
    assert [record.status for record in plugins.records()] == ["active", "detached"]


def test_observer_that_raises_in_a_nested_event_is_detached_once(plugins):
    class Nested:
        @hookimpl
        def tuneplug_trial_finished(self, study, trial):
            if trial.number == 0:
                study.tell(study.trials[1], 1.0)
            raise OSError("disk")

    plugins.register(Nested())
    study = Study({"k": [1, 2]}, strategy="random", plugins=plugins)
    first, _ = study.ask(), study.ask()
    with pytest.warns(RuntimeWarning, match="'Nested' of this program is detached") as captured:
        study.tell(first, 1.0)
    assert len(captured) == 1
    assert [trial.state.value for trial in study.trials] == ["complete", "complete"]


class Foreign:
    """A declaration that no converter accepts."""


def test_converter_that_raises_in_accepts_is_skipped(plugins):
    class Nosy(Converter):
        name = "nosy"

        def accepts(self, declared):
            return declared.color == "red"

        def convert(self, declared):
            raise AssertionError

    plugins.register(plugin_of("tuneplug_converters", Nosy), name="nosy")
    with (
        pytest.warns(RuntimeWarning, match="'nosy' of this program is skipped: AttributeError"),
        pytest.raises(SpaceError, match="x: a parameter must be"),
    ):
        Study({"x": Foreign()}, plugins=plugins)


def test_monitor_that_raises_in_accepts_is_skipped(plugins):
    class Willing(FitMonitor):
        name = "willing"

        def accepts(self, estimator):
            return True

        def fit(self, watched):
            return None

    nosy = type("Nosy", (Willing,), {"name": "nosy", "accepts": lambda self, e: e.color})
    plugins.register(plugin_of("tuneplug_fit_monitors", nosy), name="nosy")
    plugins.register(plugin_of("tuneplug_fit_monitors", Willing))
    with pytest.warns(RuntimeWarning, match="'nosy' of this program is skipped"):
        found = plugins.matching("fit monitor", Foreign())
    assert [type(monitor) for monitor in found] == [Willing]


def test_converter_with_the_name_of_another_does_not_replace_it(install):
    class Claiming(Converter):
        name = "numbers"

        def accepts(self, declared):
            return True

        def convert(self, declared):
            raise AssertionError

    class Ours(Claiming):
        pass

    ours, theirs = (plugin_of("tuneplug_converters", cls) for cls in (Ours, Claiming))
    plugins = install(("claims", "other", lambda: theirs), ("c", "tuneplug", lambda: ours))
    found = plugins.matching("converter", object())
    assert [type(converter) for converter in found] == [Ours, Claiming]


def test_error_of_a_constructor_names_the_plugin(plugins):
    class Needy(Last):
        def __init__(self, color):
            self.color = color

    plugins.register(plugin_of("tuneplug_strategies", Needy), name="needy")
    with pytest.raises(TypeError, match="color") as raised:
        Study({"k": [1]}, strategy="last", plugins=plugins)
    assert raised.value.__notes__ == [
        "strategy 'last' is registered by plugin 'needy' of this program"
    ]


# ------------------------------------------------------------------------------ invalid plugins


@pytest.mark.parametrize(
    ("classes", "cause"),
    [
        ([type("Half", (Strategy,), {"name": "half"})], r"whole classes.* lacks \['suggest'\]"),
        ([type("No", (Last,), {"name": ""})], "a name that can be typed, but has ''"),
        ([type("Odd", (Last,), {"name": "two\nlines"})], r"a name that can be typed"),
        ([Last, type("Heir", (Last,), {})], "each class a name, but 'last' twice"),
        ([None], "must return classes, but returned None"),
    ],
    ids=["abstract", "empty", "two lines", "inherited", "none"],
)
def test_plugin_with_an_invalid_class_is_skipped(plugins, classes, cause):
    plugins.register(plugin_of("tuneplug_strategies", *classes), name="odd")
    with pytest.warns(RuntimeWarning, match=f"'odd' of this program is skipped: .*{cause}"):
        assert "random" in plugins.providers("strategy")
    assert set(plugins.classes("strategy")) == {"bayesian", "grid", "hyperband", "random"}


@pytest.mark.parametrize("name", ["auto", "Logarithmic"])
def test_scaling_cannot_have_a_reserved_name(plugins, name):
    scaling = type("Mine", (Linear.__base__,), {"name": name, "forward": abs, "inverse": abs})
    plugins.register(plugin_of("tuneplug_scalings", scaling))
    with pytest.warns(RuntimeWarning, match=f"'{name}' .* is tuneplug's own name"):
        assert name not in plugins.providers("scaling")


def test_scaling_of_two_plugins_is_refused_with_both_names(plugins):
    scaling = type("Mine", (Linear.__base__,), {"name": "mine", "forward": abs, "inverse": abs})
    for name in ("one", "two"):
        plugins.register(plugin_of("tuneplug_scalings", type("M", (scaling,), {})), name=name)
    with pytest.raises(PluginError, match=r"'mine' is registered by 'one'.* and by 'two'"):
        Study({"x": Float(0.0, 1.0, "mine")}, plugins=plugins)


@pytest.mark.parametrize(
    ("plugin", "cause"),
    [
        (SimpleNamespace(strategies=[Last]), "marked by hookimpl, but nothing is in"),
        (
            SimpleNamespace(tuneplug_strategies=lambda: Last),
            r"\['tuneplug_strategies'\] is not in",
        ),
        (hookimpl(lambda: Last), "marked by hookimpl, but nothing is in"),
    ],
    ids=["no hook", "unmarked", "function"],
)
def test_register_refuses_an_object_without_hooks(plugins, plugin, cause):
    with pytest.raises(PluginError, match=cause):
        plugins.register(plugin)
    assert [record.name for record in plugins.records()] == ["tuneplug"]


def test_register_refuses_a_hook_wrapper(plugins):
    class Wrapping:
        @hookimpl(wrapper=True)
        def tuneplug_trial_finished(self, trial):
            yield

    with pytest.raises(PluginError, match=r"hooks cannot be wrapped, but .*Wrapping"):
        plugins.register(Wrapping())


# ---------------------------------------------------------------------------- calls of hooks


def test_hook_can_have_another_function_name(plugins):
    class Renamed:
        @hookimpl(specname="tuneplug_strategies")
        def mine(self):
            return Last

    plugins.register(Renamed())
    assert plugins.classes("strategy")["last"] is Last


def test_optional_argument_is_passed_if_the_hook_has_it(plugins):
    seen = []

    class Careful:
        @hookimpl
        def tuneplug_study_finished(self, study, error="not given", color="red"):
            seen.append((error, color))

    plugins.register(Careful())
    Study({"k": [1]}, plugins=plugins).optimize(lambda trial: 1.0, 1)
    assert seen == [(None, "red")]


def test_observers_are_called_in_the_requested_order(plugins):
    seen = []

    def observer(name, **options):
        mark = hookimpl(**options)
        return SimpleNamespace(tuneplug_trial_asked=mark(lambda: seen.append(name)))

    plugins.register(observer("first", tryfirst=True), name="a")
    plugins.register(observer("between"), name="b")
    plugins.register(observer("last", trylast=True), name="c")
    Study({"k": [1]}, plugins=plugins).ask()
    assert seen == ["first", "between", "last"]


# ------------------------------------------------------------------------------ installed plugins


def test_distributions_can_use_the_same_entry_point_name(install):
    one, two = (
        plugin_of("tuneplug_strategies", type("S", (Last,), {"name": name})) for name in ("a", "b")
    )
    plugins = install(("plugin", "first", lambda: one), ("plugin", "second", lambda: two))
    assert {"a", "b"} <= set(plugins.classes("strategy"))
    assert [str(record) for record in plugins.records()[1:]] == [
        "'plugin' of first",
        "'plugin 2' of second",
    ]


@pytest.mark.parametrize(
    ("variable", "value", "active"),
    [
        ("TUNEPLUG_PLUGINS", " Tuneplug_Twin.A ", ["twin_a"]),
        ("TUNEPLUG_PLUGINS", "TWIN-B,", ["twin_b"]),
        ("TUNEPLUG_PLUGINS", "*", ["twin_a", "twin_b"]),
        ("TUNEPLUG_DISABLE_PLUGINS", "tuneplug_twin_a, other", ["twin_b"]),
    ],
)
def test_environment_variables_accept_any_spelling_of_a_distribution(
    install, monkeypatch, variable, value, active
):
    monkeypatch.setenv(variable, value)
    plugins = install(
        *(
            (f"twin_{k}", f"tuneplug-twin-{k}", lambda: plugin_of("tuneplug_strategies"))
            for k in "ab"
        )
    )
    found = {record.name: record.status for record in plugins.records()[1:]}
    assert [name for name, status in found.items() if status == "active"] == active
    assert {found[name] for name in set(found) - set(active)} <= {"blocked"}


def test_distribution_with_unreadable_metadata_is_skipped(install):
    class Torn:
        @property
        def name(self):
            raise FileNotFoundError("METADATA")

    plugins = install(("torn", Torn(), lambda: plugin_of("tuneplug_strategies", Last)))
    with pytest.warns(RuntimeWarning, match=r"'torn' .* is skipped: .*METADATA"):
        plugins.load()


def test_threads_load_each_shared_plugin_once(install):
    inside, go = threading.Event(), threading.Event()

    def load():
        inside.set()
        assert go.wait(30)
        return plugin_of("tuneplug_strategies", Last)

    plugins = install(("slow", "tuneplug-slow", load))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        threads = [threading.Thread(target=plugins.load) for _ in range(4)]
        threads[0].start()
        assert inside.wait(30)
        for thread in threads[1:]:
            thread.start()
        go.set()
        for thread in threads:
            thread.join()
    assert [record.status for record in plugins.records()] == ["active", "active"]


# ------------------------------------------------------------------------------ the command


def test_version_is_printed_without_loading_a_plugin(install, capsys):
    install(("loud", "tuneplug-loud", raising(ImportError("broken"))))
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr() == (f"tuneplug {tuneplug.__version__}\n", "")


def test_output_of_plugins_goes_to_stderr(install, capsys):
    def load():
        print("welcome")
        return plugin_of("tuneplug_strategies", Last)

    install(("loud", "tuneplug-loud", load))
    assert main(["plugins", "--json"]) == 0
    captured = capsys.readouterr()
    assert [record["name"] for record in json.loads(captured.out)] == ["tuneplug", "loud"]
    assert captured.err == "welcome\n"


def test_command_escapes_characters_that_the_terminal_cannot_encode(install, capsys, monkeypatch):
    install(("odd", "tuneplug-odd", raising(ImportError("no snow: ☃"))))
    monkeypatch.setattr(type(sys.stdout), "encoding", "ascii", raising=False)
    assert main(["plugins"]) == 0
    assert r"no snow: \u2603" in capsys.readouterr().out


def test_command_ignores_a_closed_pipe():
    code = (
        "import sys; sys.stdin.read(); from tuneplug.cli import main; sys.exit(main(['plugins']))"
    )
    pipes = dict.fromkeys(["stdin", "stdout", "stderr"], subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as command:
        command.stdout.close()
        command.stdin.close()
        assert command.stderr.read() == b""
    assert command.returncode == 0

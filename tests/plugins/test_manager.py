"""Plugins are found, loaded one by one, and a broken one breaks nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tuneplug import PluginError, Study, UnknownNameError
from tuneplug.plugins.manager import fit_monitors, load_plugins, strategies
from tuneplug.strategies import BayesianSearch, GridSearch, HyperbandSearch, RandomSearch

GOOD = """
from tuneplug.plugins import hookimpl
from tuneplug.strategies import Strategy, Suggestion

class Corner(Strategy):
    name = "corner"
    def suggest(self, context, n):
        return [Suggestion({"k": 1 + len(context.history)})]

@hookimpl
def tuneplug_strategies():
    return Corner
"""
CLASHING = GOOD.replace('"corner"', '"bayesian"')
MONITOR = """
from tuneplug.monitoring import FitMonitor
from tuneplug.plugins import hookimpl

class Mine(FitMonitor):
    name = "xgboost"
    def accepts(self, estimator):
        return False
    def fit(self, watched):
        return None

@hookimpl
def tuneplug_fit_monitors():
    return [Mine]
"""
RAISING = "raise ImportError('libfoo is missing')"
MISSPELT = GOOD.replace("def tuneplug_strategies", "def tuneplug_stategies")


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution with one module and one entry point where Python finds both."""
    monkeypatch.syspath_prepend(tmp_path)

    def put(name, source):
        (tmp_path / f"{name}_module.py").write_text(source, encoding="utf-8")
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[tuneplug]\n{name} = {name}_module\n")

    return put


def test_our_own_strategies_are_registered_through_the_hook():
    ours = {
        "bayesian": BayesianSearch,
        "grid": GridSearch,
        "hyperband": HyperbandSearch,
        "random": RandomSearch,
    }
    assert strategies(load_plugins()) == ours


def test_fit_monitors_of_all_installed_packages_are_found_without_their_frameworks():
    code = (
        "import sys; from tuneplug.plugins import fit_monitors, load_plugins;"
        "found = fit_monitors(load_plugins()); [cls().accepts(object()) for cls in found.values()];"
        "print(sorted(found), sorted({'xgboost', 'lightgbm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['hist_gradient_boosting', 'lightgbm', 'xgboost'] []"


def test_two_monitors_of_one_name_are_both_named(install):
    install("secondmonitor", MONITOR)
    with pytest.raises(PluginError, match=r"fit monitor .*'xgboost' is registered by"):
        fit_monitors(load_plugins())


def test_an_installed_plugins_strategy_can_be_named(install):
    install("goodplugin", GOOD)
    study = Study({"k": [1, 2, 3]}, strategy="corner")
    assert [study.ask().params["k"] for _ in range(2)] == [1, 2]


@pytest.mark.parametrize(
    ("source", "cause"),
    [(RAISING, "libfoo is missing"), (MISSPELT, "tuneplug_stategies")],
    ids=["raising", "misspelt"],
)
def test_a_broken_plugin_is_named_once_with_its_cause_and_the_rest_works(install, source, cause):
    install("badplugin", source)
    install("goodplugin", GOOD)
    with pytest.warns(
        RuntimeWarning, match=f"'badplugin' of badplugin is skipped.*{cause}"
    ) as seen:
        study = Study({"k": [1, 2, 3]}, strategy="corner")
    assert len(seen) == 1
    assert study.ask().params == {"k": 1}


def test_two_owners_of_one_name_are_both_named(install):
    install("clashing", CLASHING)
    with pytest.raises(PluginError, match=r"'bayesian' is registered by .*'(clashing|tuneplug)'"):
        strategies(load_plugins())


def test_an_unknown_name_lists_what_there_is(install):
    install("goodplugin", GOOD)
    with pytest.raises(
        UnknownNameError, match=r"'bayesian', 'corner', 'grid', 'hyperband', 'random'.*'typo'"
    ):
        Study({"k": [1]}, strategy="typo")

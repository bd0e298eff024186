"""Real distributions, installed by pip, good and broken: the good works, the others are named."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "tests" / "packages"
TEMPLATE = ROOT / "integrations" / "_template"
BROKEN = {
    "raises": "libfoo is missing",
    "signature": "color",
    "misspelt": "tuneplug_stategies",
    "version99": "version 99 of the hooks",
}
#: Adapters of this repository that register something.
OURS = {entry.name for entry in entry_points(group="tuneplug") if entry.dist.name == "tuneplug"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder into which pip has installed every package."""
    folder = tmp_path_factory.mktemp("site")
    options = "--quiet --no-deps --no-build-isolation --no-index --disable-pip-version-check"
    command = [sys.executable, "-m", "pip", "install", *options.split(), "--target", str(folder)]
    packages = [str(path.parent) for path in sorted(PACKAGES.glob("*/pyproject.toml"))]
    assert len(packages) == 7
    subprocess.run([*command, *packages, str(TEMPLATE)], check=True, capture_output=True, text=True)
    return folder


@pytest.fixture
def run(site):
    """Run a program where the packages are installed; return what it printed and what it warned."""

    def run_it(code, **variables):
        path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run(
            [sys.executable, "-W", "always::RuntimeWarning", "-c", code],
            env={**os.environ, "PYTHONPATH": path, **variables},
            capture_output=True,
            text=True,
        )
        return done.stdout, done.stderr, done.returncode

    return run_it


SEARCH = """
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier
from tuneplug import Float, Int
from tuneplug_sklearn import WarpedBayesSearchCV
space = {"max_depth": Int(1, 9), "min_impurity_decrease": Float(0.0, 0.5, "cubic")}
model = DecisionTreeClassifier(random_state=0)
search = WarpedBayesSearchCV(model, space, strategy="corner", n_iter=6, random_state=0, EXTRA)
search.fit(*load_iris(return_X_y=True))
import tuneplug_corner
print(set(t.origin for t in search.study_.trials), max(p["max_depth"] for p in
      search.cv_results_["params"]) <= 5, tuneplug_corner.finished)
"""


@pytest.mark.slow
@pytest.mark.parametrize("extra", ["n_jobs=None", "executor='pair'"])
def test_a_search_uses_a_plugin_and_names_each_broken_one_once(run, extra):
    out, warned, code = run(SEARCH.replace("EXTRA", extra))
    assert code == 0, warned
    assert out.startswith("{'corner'} True [")
    for name, cause in BROKEN.items():
        lines = [line for line in warned.splitlines() if f"'{name}' of tuneplug-{name}" in line]
        assert len(lines) == 1, warned
        assert "skipped" in lines[0]
        assert cause in lines[0]


def test_a_study_uses_a_plugin_and_the_others_by_name(run):
    out, warned, code = run(
        "from tuneplug import Float, Study\n"
        "space = {'x': Float(0, 1, 'cubic')}\n"
        "study = Study(space, strategy='corner', stopping='patient', seed=0)\n"
        "study.optimize(lambda trial: trial.params['x'], 5, executor='pair', n_jobs=2)\n"
        "import tuneplug_corner; print(sorted(tuneplug_corner.finished), study.stopping.name)"
    )
    assert code == 0, warned
    assert out == "[0, 1, 2, 3, 4] patient\n"


def test_two_that_claim_one_name_are_both_named_when_it_is_asked_for(run):
    out, error, code = run("from tuneplug import Study; Study({'x': [1]}, strategy='twin')")
    assert code == 1
    assert "'twin' is registered by" in error
    assert "tuneplug-twin-a" in error
    assert "tuneplug-twin-b" in error
    assert out == ""


def test_an_unknown_name_lists_what_there_is(run):
    _, error, _ = run("from tuneplug import Study; Study({'x': [1]}, strategy='typo')")
    names = ["bayesian", "corner", "grid", "hyperband", "middling", "optuna", "random", "twin"]
    assert f"strategy must be one of {names}, but got 'typo'" in error


def test_the_command_tells_of_every_plugin(run):
    out, _, code = run(
        "from tuneplug.cli import main; raise SystemExit(main(['plugins', '--json']))"
    )
    assert code == 0
    records = {record["name"]: record for record in json.loads(out)}
    assert records["corner"]["status"] == "active"
    assert records["corner"]["distribution"] == "tuneplug-corner"
    assert records["corner"]["version"] == "1.0"
    assert "tuneplug_trial_finished" in records["corner"]["hooks"]
    for name, cause in BROKEN.items():
        assert records[name]["status"] == "skipped"
        assert cause in records[name]["error"]


@pytest.mark.parametrize(
    ("variables", "active"),
    [
        ({"TUNEPLUG_PLUGINS": "corner"}, {"tuneplug", "corner"}),
        ({"TUNEPLUG_PLUGINS": "tuneplug-twin-a"}, {"tuneplug", "twin_a"}),
        ({"TUNEPLUG_PLUGINS": ""}, {"tuneplug"}),
        ({"TUNEPLUG_DISABLE_PLUGINS": "*"}, {"tuneplug"}),
        (
            {"TUNEPLUG_DISABLE_PLUGINS": "corner,tuneplug-twin-b"},
            {"tuneplug", "twin_a", "middling", *OURS},
        ),
    ],
)
def test_the_environment_allows_and_blocks(run, variables, active):
    code = "from tuneplug.cli import main; main(['plugins', '--json'])"
    out, _, _ = run(code, **variables)
    records = json.loads(out)
    assert {record["name"] for record in records if record["status"] == "active"} == active
    assert not {record["status"] for record in records} - {"active", "blocked", "skipped"}


def test_strict_mode_raises_where_a_plugin_would_be_skipped(run):
    code = "from tuneplug import Study; Study({'x': [1]}, strategy='corner')"
    _, error, returned = run(code, TUNEPLUG_STRICT_PLUGINS="1")
    assert returned == 1
    assert "PluginError: plugin '" in error
    allowed = {"TUNEPLUG_STRICT_PLUGINS": "1", "TUNEPLUG_PLUGINS": "corner"}
    assert run(code, **allowed)[2] == 0


def test_the_command_lists_what_can_be_named(run):
    listed = "from tuneplug.cli import main; main(['KIND'])"
    assert "cubic" in run(listed.replace("KIND", "scalings"))[0]
    assert "patient" in run(listed.replace("KIND", "stopping-rules"))[0]
    assert "pair" in run(listed.replace("KIND", "executors"))[0]
    assert "tuneplug-twin-b" in run(listed.replace("KIND", "strategies"))[0]


def test_the_template_is_what_the_page_shows_and_keeps_its_contract(site):
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    for name in ("pyproject.toml", "tuneplug_middling.py"):
        assert (TEMPLATE / name).read_text(encoding="utf-8") in page
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    options = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(site)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(TEMPLATE / "test_middling.py")],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    from tuneplug.testing import StrategyContract

    n_tests = sum(name.startswith("test_") for name in dir(StrategyContract))
    assert f"{n_tests} passed" in done.stdout


def test_every_hook_has_a_section_with_its_signature_and_a_test():
    from tuneplug.plugins import hookspecs

    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    tests = (ROOT / "tests" / "plugins" / "test_manager.py").read_text(encoding="utf-8")
    hooks = [name for name in hookspecs.__all__ if name.startswith("tuneplug_")]
    assert re.findall(r"^### `(\w+)`", page, re.M) == sorted(
        hooks, key=lambda hook: page.index(f"### `{hook}`")
    )
    assert len(hooks) == 14
    for name in hooks:
        signature = str(inspect.signature(getattr(hookspecs, name))).replace("'", "")
        assert f"### `{name}`\n\n`{name}{signature}`\n" in page
        assert f"def test_hook_{name}(" in tests

"""Test ``ProgressBar`` on a recorded terminal, a log and a pseudo-terminal."""

from __future__ import annotations

import copy
import io
import os
import pickle
import re
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from rich.console import Console
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from tuneplug import Float, Study
from tuneplug.plugins import Plugins, hookimpl
from tuneplug.strategies import RandomSearch
from tuneplug_rich import ProgressBar
from tuneplug_rich.renderers import can_redraw
from tuneplug_rich.summary import Summary, eta, format_duration
from tuneplug_sklearn import WarpedBayesSearchCV

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    return Console(file=io.StringIO(), force_terminal=True, force_jupyter=False, width=120)


@pytest.fixture
def log():
    return Console(file=io.StringIO(), force_terminal=False, force_jupyter=False, width=40)


def study_on(console, **options):
    plugins = Plugins(installed=False)
    plugins.register(ProgressBar(console=console))
    options = {"strategy": "random", "seed": 0, **options}
    return Study({"x": Float(0.0, 1.0)}, plugins=plugins, **options)


def written(console):
    """Return the output without escape sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue())


def last_line(console):
    return [line for line in re.split(r"[\r\n]+", written(console)) if line.strip()][-1]


def sometimes(trial):
    if trial.number == 1:
        raise ValueError("no")
    if trial.number == 2:
        trial.reporter.stop_reason = "enough"
    return [0.5, None, 0.75, 0.25][trial.number]


# ------------------------------------------------------------------------- a terminal


@pytest.mark.usefixtures("ticking")
@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_a_bar_shows_trials_best_value_and_states(terminal):
    study = study_on(terminal)
    study.optimize(sometimes, 4)
    assert re.fullmatch(
        r"random ━+ 4/4 best 0\.25 \(trial 3\) 0:00:0\d 2 complete, 1 stopped, 1 failed *",
        last_line(terminal),
    )


@pytest.mark.usefixtures("ticking")
def test_a_narrow_terminal_has_room_for_the_count_and_the_best_value(terminal):
    terminal.width = 60
    study_on(terminal).optimize(lambda trial: 0.374046 + trial.number, 25)
    assert re.match(r"random ━+ 25/25 best 0\.374046 \(trial 0\) 0:00:", last_line(terminal))
    assert "left" not in written(terminal)


def test_the_terminal_is_restored_however_the_study_ends(terminal):
    for error in (None, KeyboardInterrupt, SystemExit):
        terminal.file.truncate(0)
        study = study_on(terminal)

        def objective(trial, error=error):
            if error is not None and trial.number == 1:
                raise error
            return 1.0

        before = sys.stdout, sys.stderr
        if error is None:
            study.optimize(objective, 3)
        else:
            with pytest.raises(error):
                study.optimize(objective, 3)
            assert f"ended by {error.__name__}" in last_line(terminal)
        assert (sys.stdout, sys.stderr) == before
        shown = terminal.file.getvalue()
        assert shown.count(HIDE) == shown.count(SHOW) == 1


def named_bar(console):
    """Return a plugin whose observer "bar" writes to a console."""

    class Bar(ProgressBar):
        def __init__(self):
            super().__init__(console=console)

    return SimpleNamespace(tuneplug_observers=hookimpl(lambda: Bar))


@pytest.mark.parametrize("place", ["study", "search"])
def test_verbose_bar_shows_a_bar_and_nothing_else(terminal, capsys, place):
    plugins = Plugins(installed=False)
    plugins.register(named_bar(terminal), name="rich")
    if place == "study":
        study = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0, plugins=plugins)
        study.optimize(lambda trial: trial.params["x"], 3, verbose="bar")
    else:
        space = {"C": Float(0.1, 10.0)}
        options = {"strategy": "random", "random_state": 0, "plugins": plugins}
        search = WarpedBayesSearchCV(SVC(), space, n_iter=3, verbose="bar", **options)
        search.fit(*load_iris(return_X_y=True))
    assert "random ━" in last_line(terminal)
    assert "3/3" in last_line(terminal)
    assert capsys.readouterr() == ("", "")
    assert len(plugins.records()) == 2


@pytest.mark.usefixtures("ticking")
def test_the_remaining_time_is_shown_if_the_number_of_trials_is_known(terminal):
    study_on(terminal).optimize(lambda trial: 1.0, 3)
    assert "left" in written(terminal)
    terminal.file.truncate(0)
    study = study_on(terminal)
    study.optimize(lambda trial: 1.0, timeout=0.05)
    assert "left" not in written(terminal)
    assert f" {len(study.trials)} best 1 (trial 0)" in last_line(terminal)


@pytest.mark.usefixtures("ticking")
def test_a_second_optimize_shows_a_bar_that_continues_the_count(terminal):
    study = study_on(terminal)
    study.optimize(lambda trial: 1.0, 2)
    terminal.file.truncate(0)
    study.optimize(lambda trial: 1.0, 3)
    assert "2/5" in written(terminal)
    assert "5/5" in last_line(terminal)
    study.optimize(lambda trial: 1.0, timeout=0.05)
    assert re.search(rf" {len(study.trials)} best", last_line(terminal))


def test_concurrent_studies_have_one_bar_each_in_one_display(terminal):
    bar, both = ProgressBar(console=terminal), threading.Barrier(2, timeout=30)

    def run(strategy):
        plugins = Plugins(installed=False)
        plugins.register(bar)
        study = Study({"x": [1, 2, 3]}, strategy=strategy, plugins=plugins, seed=0)

        def objective(trial):
            both.wait()  # both have started, and neither has ended
            return 1.0

        study.optimize(objective, 2)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("random", "grid")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert terminal.file.getvalue().count(HIDE) == 1
    assert {"random", "grid"} <= set(re.findall(r"(random|grid) +━+ 2/2", written(terminal)))


def test_a_search_shows_its_candidates(terminal):
    plugins = Plugins()
    plugins.register(ProgressBar(console=terminal))
    X, y = load_iris(return_X_y=True)
    search = WarpedBayesSearchCV(
        SVC(), {"C": Float(0.1, 10)}, n_iter=4, cv=2, random_state=0, plugins=plugins
    ).fit(X, y)
    line = last_line(terminal)
    assert "bayesian" in line
    assert f"4/4 best {search.best_score_:.6g} (trial {search.best_index_})" in line
    for copied in (copy.deepcopy(search), pickle.loads(pickle.dumps(search))):
        terminal.file.truncate(0)
        copied.fit(X, y)
        assert written(terminal).strip("\0") == ""


def test_a_failing_renderer_gives_a_warning_and_leaves_no_bar(terminal, monkeypatch):
    study = study_on(terminal)

    def objective(trial):
        if trial.number == 1:
            monkeypatch.setattr(Summary, "of", classmethod(lambda cls, study: 1 / 0))
        return 1.0

    with pytest.warns(RuntimeWarning, match="is detached: ZeroDivisionError"):
        study.optimize(objective, 3)
    assert len(study.trials) == 3
    assert terminal.file.getvalue().count(SHOW) == 1


SCRIPT = """
import sys
from tuneplug import Study
from tuneplug.plugins import Plugins
from tuneplug_rich import ProgressBar
plugins = Plugins()
plugins.register(ProgressBar())
study = Study({"k": [1, 2, 3]}, strategy="grid", plugins=plugins)
def objective(trial):
    print("printed", trial.number)
    return trial.params["k"]
study.optimize(objective, 3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("to_file", [False, True])
def test_on_a_pseudo_terminal_prints_go_to_their_stream(to_file):
    parent_end, child_end = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE if to_file else child_end,
        stderr=child_end,
        env=environment,
        check=True,
        timeout=60,
    )
    os.close(child_end)
    shown = b""
    try:
        while part := os.read(parent_end, 65536):
            shown += part
    except OSError:  # Linux raises when the other end is closed
        pass
    os.close(parent_end)
    seen = shown.decode()
    assert "3/3" in seen
    assert seen.count(HIDE) == seen.count(SHOW) == 1
    printed = ["printed 0", "printed 1", "printed 2"]
    if to_file:
        assert done.stdout.decode().splitlines() == printed
        assert "printed" not in seen
    else:
        assert [line for line in printed if line in seen] == printed


# ------------------------------------------------------------------------- lines


@pytest.mark.usefixtures("ticking")
@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_a_log_has_a_line_per_new_best_and_one_at_the_end(log):
    study_on(log).optimize(sometimes, 4)
    assert log.file.getvalue().splitlines() == [
        "random  1/4  best 0.5 (trial 0)  1 complete",
        "random  4/4  best 0.25 (trial 3)  2 complete, 1 stopped, 1 failed",
        "random  4/4  best 0.25 (trial 3)  2 complete, 1 stopped, 1 failed  in 0:00:00",
    ]


@pytest.mark.usefixtures("ticking")
def test_a_log_names_the_error_that_ended_a_study(log):
    def interrupted(trial):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study_on(log).optimize(interrupted, 3)
    end = "random  1/3  1 failed  in 0:00:00, ended by KeyboardInterrupt"
    assert log.file.getvalue().splitlines() == [end]


def test_ask_and_tell_print_lines_without_a_bar(terminal):
    study = study_on(terminal, direction="maximize")
    for value in (1.0, 3.0, 2.0):
        study.tell(study.ask(), value)
    study.fail(study.ask(), "why")
    assert written(terminal).splitlines() == [
        "random  1  best 1 (trial 0)  1 complete",
        "random  2  best 3 (trial 1)  2 complete",
    ]
    assert HIDE not in terminal.file.getvalue()


def test_markup_in_a_name_is_printed_literally(log, terminal):
    class Odd(RandomSearch):
        name = "[red]odd[/]"

    for console in (log, terminal):
        study_on(console, strategy=Odd()).optimize(lambda trial: 1.0, 1)
        assert last_line(console).startswith("[red]odd[/] ")


def test_a_bar_in_a_notebook_needs_ipywidgets(monkeypatch):
    notebook = Console(file=io.StringIO(), force_jupyter=True, width=80)
    for found, redraws in ((None, False), (object(), True)):
        monkeypatch.setattr("tuneplug_rich.renderers.find_spec", {"ipywidgets": found}.get)
        assert can_redraw(notebook) is redraws


# ------------------------------------------------------------------------- durations


def test_eta_follows_the_pace_and_is_not_negative():
    assert eta(4, 2.0, 0.0) == 8.0
    assert eta(4, 2.0, 3.0) == 5.0
    assert eta(1, 2.0, 30.0) == 0.0
    assert eta(4, None, 3.0) is None
    assert [format_duration(s) for s in (None, 0.4, 3725.0)] == ["-:--:--", "0:00:00", "1:02:05"]

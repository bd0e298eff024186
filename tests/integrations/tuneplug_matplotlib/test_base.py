"""All displays: their sources, axes and errors, and texts that do not lie on each other."""

from __future__ import annotations

import importlib
import itertools
import os
import pkgutil
import subprocess
import sys

import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.svm import SVC

import tuneplug_matplotlib
from tuneplug import Categorical, Float, Int, MissingDependencyError, Study
from tuneplug_matplotlib import (
    BestSoFarDisplay,
    ContourDisplay,
    FoldScoresDisplay,
    LearnedWarpsDisplay,
    LearningCurvesDisplay,
    SliceDisplay,
    TimelineDisplay,
)
from tuneplug_matplotlib.base import Display
from tuneplug_sklearn import WarpedBayesSearchCV

plt = pytest.importorskip("matplotlib.pyplot")

X, y = load_iris(return_X_y=True)
EXPORTED = [getattr(tuneplug_matplotlib, name) for name in tuneplug_matplotlib.__all__]
DISPLAYS = [one for one in EXPORTED if issubclass(one, Display)]
NEED_A_STUDY = (LearnedWarpsDisplay, LearningCurvesDisplay, TimelineDisplay)
OF_SEARCHES = [display for display in DISPLAYS if display not in NEED_A_STUDY]
OF_STUDIES = [display for display in DISPLAYS if display is not FoldScoresDisplay]

DRAW_ALL = """
import sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name == "pandas":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NotInstalled())
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC
import tuneplug_matplotlib
from tuneplug import Float, Study

study = Study({"a": Float(0, 1), "b": Float(0, 1)}, seed=0)
for _ in range(7):
    trial = study.ask()
    trial.report(trial.params["a"], 0)
    study.tell(trial, trial.params["a"])
grid = {"C": [0.1, 1.0, 10.0], "gamma": [0.1, 1.0]}
search = GridSearchCV(SVC(), grid, cv=3).fit(*load_iris(return_X_y=True))
of_studies, of_searches = (names.split(",") for names in sys.argv[1:])
for name in of_studies:
    getattr(tuneplug_matplotlib, name).from_study(study).figure_.canvas.draw()
for name in of_searches:
    getattr(tuneplug_matplotlib, name).from_estimator(search).figure_.canvas.draw()
"""


def overlaps(first, second):
    """Return whether two boxes share more than a rim of one pixel."""
    return (
        min(first.x1, second.x1) - max(first.x0, second.x0) > 1.0
        and min(first.y1, second.y1) - max(first.y0, second.y0) > 1.0
    )


def corners_overlap(first, second):
    """Return whether two texts overlap; slanted ones are compared at their anchors."""
    if first.get_rotation() or second.get_rotation():
        return abs(first.get_window_extent().x1 - second.get_window_extent().x1) < 8.0
    return overlaps(first.get_window_extent(), second.get_window_extent())


@pytest.mark.parametrize("display", OF_STUDIES)
@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_a_hard_study_is_drawn_with_all_its_texts_apart_and_inside(display, style, hard_study):
    with plt.style.context(style):
        drawn = display.from_study(hard_study)
        drawn.figure_.canvas.draw()
        frame = drawn.figure_.bbox.padded(1.0)
        for ax in drawn.figure_.axes:
            for axis in (ax.xaxis, ax.yaxis):
                labels = [t for t in axis.get_ticklabels() if t.get_text() and t.get_visible()]
                ends = sorted(axis.get_view_interval())
                at = zip(labels, axis.get_ticklocs(), strict=False)
                shown = [t for t, place in at if ends[0] <= place <= ends[1]]
                pairs = itertools.combinations(shown, 2)
                assert not any(corners_overlap(*pair) for pair in pairs), display
                for text in [*shown, axis.label, ax.title]:
                    box = text.get_window_extent()
                    if text.get_text():
                        assert frame.x0 <= box.x0, text
                        assert box.x1 <= frame.x1, text
                        assert frame.y0 <= box.y0, text
                        assert box.y1 <= frame.y1, text


@pytest.mark.parametrize("display", OF_STUDIES)
def test_a_stored_study_is_drawn(display, tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = Study({"a": Float(0, 1), "b": Int(1, 9)}, seed=0, storage=url, name="stored")
    for _ in range(7):
        trial = study.ask()
        trial.report(trial.params["a"], 0)
        study.tell(trial, trial.params["a"])
    drawn = display.from_storage(url, "stored")
    drawn.figure_.canvas.draw()
    assert drawn.figure_.axes[0].has_data()


@pytest.mark.parametrize("display", OF_SEARCHES)
def test_fitted_searches_of_tuneplug_and_scikit_learn_are_drawn(display, search, with_failures):
    for fitted in (search, with_failures):
        if display is ContourDisplay and fitted is with_failures:
            continue  # it has one parameter that varies
        drawn = display.from_estimator(fitted)
        assert isinstance(drawn, display)
        drawn.figure_.canvas.draw()
        assert drawn.ax_.figure is drawn.figure_


@pytest.mark.parametrize("display", OF_SEARCHES)
def test_the_axes_given_are_drawn_on(display, search):
    figure, ax = plt.subplots()
    options = {"params": ["C"]} if display is SliceDisplay else {}
    drawn = display.from_estimator(search, ax=ax, **options)
    assert (drawn.ax_, drawn.figure_) == (ax, figure)
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize("display", OF_STUDIES)
def test_a_study_without_ended_trials_is_an_error_that_says_what_to_do(display):
    study = Study({"x": Float(0, 1)}, seed=0)
    with pytest.raises(ValueError, match=r"needs ended trials, .*run optimize"):
        display.from_study(study)
    study.ask()
    with pytest.raises(ValueError, match="needs ended trials"):
        display.from_study(study)


@pytest.mark.parametrize("display", [*OF_SEARCHES, LearnedWarpsDisplay])
def test_an_unfitted_search_is_not_fitted(display):
    with pytest.raises(NotFittedError):
        display.from_estimator(WarpedBayesSearchCV(SVC(), {"C": Float(1, 2)}))


def test_a_study_is_not_a_search(hard_study):
    with pytest.raises(TypeError, match=r"must be a fitted search, but got a Study.*from_study"):
        BestSoFarDisplay.from_estimator(hard_study)


@pytest.mark.parametrize("display", OF_STUDIES)
def test_hostile_names_and_categories_are_shown_as_they_are(display):
    space = {
        "cost_$/unit_$": Float(0, 1),
        "_private\n<b>": Int(1, 9),
        r"back\slash_{": Categorical(["$x$", "_", "$\\frac{", "\x1b[31m"]),
    }
    study = Study(space, seed=0)
    for _ in range(8):
        trial = study.ask()
        trial.report(trial.params["cost_$/unit_$"], 0)
        study.tell(trial, trial.params["cost_$/unit_$"])
    study.name = "$^$ <script>"
    drawn = display.from_study(study)
    drawn.figure_.canvas.draw()
    texts = [t.get_text() for t in drawn.figure_.findobj(plt.Text)]
    assert not any("\n<b>" in text or "\x1b" in text for text in texts)


@pytest.mark.parametrize("display", OF_STUDIES)
def test_without_matplotlib_the_error_names_the_extra(display, hard_study, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tuneplug\[plot\]'") as caught:
        display.from_study(hard_study)
    assert display.__name__ in str(caught.value)


def test_pandas_is_not_needed():
    names = [",".join(d.__name__ for d in group) for group in (OF_STUDIES, OF_SEARCHES)]
    command = [sys.executable, "-c", DRAW_ALL, *names]
    env = {**os.environ, "MPLBACKEND": "Agg"}
    subprocess.run(command, env=env, check=True)


def test_making_a_display_loads_neither_matplotlib_nor_scikit_learn():
    code = (
        "import sys, tuneplug_matplotlib as t; t.BestSoFarDisplay(t.Results(values=[1.0]));"
        "assert not {'matplotlib', 'sklearn'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_display_is_exported():
    for module in pkgutil.iter_modules(tuneplug_matplotlib.__path__):
        importlib.import_module(f"tuneplug_matplotlib.{module.name}")
    assert set(Display.__subclasses__()) == set(DISPLAYS)

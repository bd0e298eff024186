"""The charts of a report: displays as SVG in data URLs, for light and for dark pages."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tuneplug import Study
from tuneplug_matplotlib import (
    BestSoFarDisplay,
    ImportanceDisplay,
    LearnedWarpsDisplay,
    LearningCurvesDisplay,
    Results,
    SliceDisplay,
)
from tuneplug_report._compat import MATPLOTLIB
from tuneplug_report.texts import number, shown

__all__ = ["Chart", "charts_of"]

#: Styles of light and of dark pages; the backgrounds are those of the page.
LIGHT = {"figure.facecolor": "#ffffff", "axes.facecolor": "#ffffff"}
DARK = {"figure.facecolor": "#14171c", "axes.facecolor": "#14171c"}
STYLES: tuple[Sequence[Any], ...] = (("default", LIGHT), ("default", "dark_background", DARK))
#: The same chart always has the same bytes.
SAVING = {"svg.hashsalt": "tuneplug", "svg.fonttype": "path", "savefig.facecolor": "auto"}
#: Heading of each chart, and how it is read.
WORDS = {
    "curve": ("Best so far", "The value of each trial, and the best value so far as steps."),
    "importance": (
        "Importance",
        (
            "The share of the predicted variance that each parameter accounts for. The solid part "
            "is the share without interactions."
        ),
    ),
    "slices": (
        "Slices",
        (
            "The value against each parameter. The line is the prediction if only this parameter "
            "of the best trial changes."
        ),
    ),
    "warps": (
        "Learned warps",
        (
            "The scale on which the model sees each parameter, relative to the declared scaling. "
            "Small steps matter where a curve is steep."
        ),
    ),
    "learning": ("Learning curves", "What trials reported while they ran."),
}
#: Number of parameters that a text alternative names.
N_NAMED = 5


@dataclass(frozen=True)
class Chart:
    """A chart, or the reason why it cannot be drawn.

    Attributes
    ----------
    key, title, about : str
        The id of its section, its heading, and how it is read.
    alt : str
        Text alternative.
    light, dark : str
        The images as data URLs; empty without a chart.
    missing : str or None
        Why the chart cannot be drawn; None if it is drawn.
    """

    key: str
    title: str
    about: str
    alt: str = ""
    light: str = ""
    dark: str = ""
    missing: str | None = None


def charts_of(results: Results, study: Study | None) -> list[Chart]:
    """Return the charts of a search.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    charts = [
        _chart("curve", lambda: BestSoFarDisplay(results), _alt_of_curve),
        _chart("importance", lambda: ImportanceDisplay(results), _alt_of_importance),
        _chart("slices", lambda: SliceDisplay(results), _alt_of_slices),
        _chart("warps", lambda: _warps(study), _alt_of_warps),
    ]
    if study is not None and any(trial.reports for trial in study.trials):
        charts.append(_chart("learning", lambda: LearningCurvesDisplay(results), _alt_of_learning))
    return charts


def _chart(key: str, make: Callable[[], Any], alt: Callable[[Any], str]) -> Chart:
    """Return the chart of a display; one that cannot show the search says why."""
    try:
        display = make()
        light, dark = (_drawn(display, style) for style in STYLES)
    except ValueError as error:
        return Chart(key, *WORDS[key], missing=shown(error))
    return Chart(key, *WORDS[key], alt(display), light, dark)


def _drawn(display: Any, style: Sequence[Any]) -> str:
    """Return a display in a style as a data URL."""
    with _pyplot() as plt, plt.style.context(list(style)), plt.rc_context(SAVING):
        figure = display.plot().figure_
        stream = io.BytesIO()
        try:
            figure.savefig(stream, format="svg", metadata={"Date": None}, dpi=150)
        finally:
            plt.close(figure)
    return f"data:image/svg+xml;base64,{base64.b64encode(stream.getvalue()).decode()}"


@contextmanager
def _pyplot() -> Iterator[Any]:
    with MATPLOTLIB.required_by("write_report"):
        import matplotlib.pyplot as plt
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # the font lacks a character of a name
        yield plt


def _warps(study: Study | None) -> LearnedWarpsDisplay:
    curves = {} if study is None else study.learned_warps()
    if not curves:
        raise ValueError(
            "no warp was learned: the strategy learns none, or too few trials have a value"
        )
    return LearnedWarpsDisplay(curves=curves)


def _alt_of_curve(display: BestSoFarDisplay) -> str:
    known = display.best_so_far[np.isfinite(display.best_so_far)]
    n = len(display.best_so_far)
    if len(known) == 0:
        return f"{n} trials, none with a value."
    return f"The best value goes from {number(known[0])} to {number(known[-1])} in {n} trials."


def _alt_of_importance(display: ImportanceDisplay) -> str:
    shares = (f"{shown(s.parameter)} {s.total:.2f}" for s in display.importances[:N_NAMED])
    return f"Bars of the shares: {', '.join(shares)}."


def _alt_of_slices(display: SliceDisplay) -> str:
    names = ", ".join(shown(one.parameter) for one in display.slices)
    return f"The values and the prediction against {names}."


def _alt_of_warps(display: LearnedWarpsDisplay) -> str:
    curves = (f"{shown(name)}: {c.shape or 'as declared'}" for name, c in display.curves.items())
    return f"Curves with bands: {', '.join(curves)}."


def _alt_of_learning(display: LearningCurvesDisplay) -> str:
    return f"Learning curves of {len(display.results)} trials."

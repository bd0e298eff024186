"""What trials reported while they ran."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from tuneplug import Study, Trial, TrialState
from tuneplug_matplotlib.base import Display
from tuneplug_matplotlib.marks import add_colorbar, colors_of
from tuneplug_matplotlib.results import FloatArray, Results
from tuneplug_matplotlib.style import (
    GREY,
    Keywords,
    Window,
    add_legend,
    axes_of,
    foreground,
    plain,
    whole_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Curve", "LearningCurvesDisplay"]


@dataclass(frozen=True)
class Curve:
    """The reports of one trial; where folds report the same step, their mean.

    Attributes
    ----------
    trial : int
        Number of the trial.
    state : str
    steps : ndarray of shape (k,)
    values : ndarray of shape (k,)
    """

    trial: int
    state: str
    steps: FloatArray
    values: FloatArray


@final
class LearningCurvesDisplay(Display):
    """The values that each trial reported, colored by the value of the trial, the best on top.

    Curves of stopped trials are dashed and end in a diamond, those of failed trials are dotted and
    end in a cross.  Trials of every fidelity are shown.

    Parameters
    ----------
    results : Results
        Of a study.

    Attributes
    ----------
    curves : list of Curve
    window : Window
        The reported values shown.
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of Line2D
    ends_ : list of Line2D
        Marks of stopped and failed trials.
    arrows_ : Line2D or None
        Marks of reported values beyond the axis; None if there are none.
    colorbar_ : Colorbar or None
        None if no trial has a value.

    Raises
    ------
    ValueError
        If no trial has reported.
    """

    def __init__(self, results: Results) -> None:
        super().__init__(results)
        trials = [] if results.study is None else [t for t in results.study.trials if t.reports]
        if not trials:
            raise ValueError(
                "learning curves need reports, but no trial has any: call trial.report(value, "
                "step), or use a search with stopping= whose estimators report"
            )
        self.curves = [_curve(trial) for trial in trials]
        assert results.study is not None
        self._values = _values(results.study)
        self.metric = next((t.metric for t in trials if t.metric is not None), None)
        directions = [t.direction for t in trials if t.direction is not None]
        direction = directions[0] if directions else results.direction
        self.window = Window.of(np.concatenate([c.values for c in self.curves]), direction)

    def plot(
        self, ax: Axes | None = None, *, cmap: Any = None, line_kw: Keywords | None = None
    ) -> Self:
        """Draw the data and return the display.

        Parameters
        ----------
        ax : matplotlib Axes, default None
            If None, a new figure is made.
        cmap : str or Colormap, default None
            If None, viridis with the best values darkest on a light background.
        line_kw : dict, default None
            Passed to ``Axes.plot`` for the curves.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        ax = axes_of(ax, self, (7.2, 4.8))
        results = self.results
        window = Window.of(np.array(list(self._values.values())), results.direction)
        colors = colors_of(ax, results, window, cmap)
        self.lines_, self.ends_ = [], []
        for rank, curve in enumerate(self._worst_first()):
            value = self._values[curve.trial]
            known = np.isfinite(value)
            color: Any = colors.to_rgba(np.array(value)) if known else GREY
            dashes, end = _LOOKS.get(curve.state, ("-", None))
            options: dict[str, Any] = {
                "color": color,
                "linestyle": dashes,
                "zorder": 2.0 + rank / len(self.curves),
            }
            options |= {"marker": "." if len(curve.steps) == 1 else "", **(line_kw or {})}
            shown = self.window.clip(curve.values)
            self.lines_ += ax.plot(curve.steps, shown, **options)
            if end is not None:
                mark: dict[str, Any] = {
                    "color": color,
                    "zorder": 3.5,
                    "label": curve.state,
                    "linestyle": "none",
                }
                mark |= {"markeredgecolor": foreground(ax) if end != "x" else color}
                self.ends_ += ax.plot(curve.steps[-1:], shown[-1:], end, **mark)
        steps = np.concatenate([curve.steps for curve in self.curves])
        self.arrows_ = self.window.mark_beyond(ax, steps, GREY)
        self.window.limit(ax)
        ax.set(xlabel="step", ylabel=plain(self.metric or "reported value"))
        whole_ticks(ax, "x")
        valued = np.isfinite(list(self._values.values())).any()
        self.colorbar_ = add_colorbar(ax, colors, results, window) if valued else None
        add_legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _worst_first(self) -> list[Curve]:
        sign = self.results.sign
        losses = {n: np.inf if np.isnan(v) else sign * v for n, v in self._values.items()}
        return sorted(self.curves, key=lambda curve: -losses[curve.trial])


#: Dashes and mark at the end of the curves of trials that did not complete.
_LOOKS = {"stopped": ("--", "D"), "failed": (":", "x"), "running": ("-.", None)}


def _curve(trial: Trial) -> Curve:
    sums: dict[int, list[float]] = {}
    for report in trial.reports:
        sums.setdefault(report.step, []).append(report.value)
    steps = sorted(sums)
    values = np.array([np.mean(sums[step]) for step in steps])
    values = np.where(np.isfinite(values), values, np.nan)
    return Curve(trial.number, trial.state.value, np.array(steps, dtype=np.float64), values)


def _values(study: Study) -> dict[int, float]:
    """Return the value of each trial by its number; NaN for none and for running trials."""
    return {
        trial.number: np.nan
        if trial.value is None or trial.state is TrialState.RUNNING
        else trial.value
        for trial in study.trials
    }

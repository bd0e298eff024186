"""The value against each parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np

from tuneplug_matplotlib.axes import Axis, CategoryAxis, positions_of
from tuneplug_matplotlib.base import Display
from tuneplug_matplotlib.grids import axes_grid, legend_of_grid
from tuneplug_matplotlib.marks import mark_by_value, scale_of
from tuneplug_matplotlib.results import FloatArray, Results
from tuneplug_matplotlib.selection import base_point, ranked_names
from tuneplug_matplotlib.style import (
    GREY,
    Keywords,
    Window,
    color_of,
    plain,
    short_names,
)
from tuneplug_matplotlib.sweeps import sweep_of

__all__ = ["Slice", "SliceDisplay"]

#: Number of points of a curve, and default number of parameters.
N_POINTS, N_PARAMS = 101, 6


@dataclass(frozen=True)
class Slice:
    """The predicted values along one parameter; all others have the values of the best trial.

    Attributes
    ----------
    parameter : str
    axis : Axis
    positions, value, lower, upper : ndarray of shape (k,)
        Positions on the axis, and the predicted values there with their band of 90 %.
    """

    parameter: str
    axis: Axis
    positions: FloatArray
    value: FloatArray
    lower: FloatArray
    upper: FloatArray


@final
class SliceDisplay(Display):
    """The value against each parameter, with what the model predicts.

    The line is the model's prediction if only this parameter of the best trial changes.  The band
    contains the value with a posterior probability of 90 %.  The points are all trials, which
    differ in the other parameters too.

    Parameters
    ----------
    results : Results
    params : list of str, default None
        Parameters to show.  If None, the six most important ones.

    Attributes
    ----------
    slices : list of Slice
    window : Window
        The values shown.
    axes_ : ndarray of Axes
        One for each parameter.
    ax_, figure_ : matplotlib Axes and Figure
        The first axes, and the figure.

    Raises
    ------
    ValueError
        If fewer than two trials have a value, or one of ``params`` does not vary.
    """

    def __init__(self, results: Results, *, params: Sequence[str] | None = None) -> None:
        super().__init__(results)
        names = ranked_names(results)
        if params is not None and (isinstance(params, str) or not set(params) <= set(names)):
            raise ValueError(f"params must be some of {names}, but got {params!r}")
        shown = [
            name
            for name in (names if params is None else params)
            if any(name in configuration for configuration in results.configurations)
        ]
        if not shown:
            raise ValueError(f"params must be active in some trial, but got {params!r}")
        self.slices = [_slice(results, n) for n in (shown if params else shown[:N_PARAMS])]
        self.window = Window.of(results.y, results.direction)

    def plot(
        self,
        ax: Any = None,
        *,
        scatter_kw: Keywords | None = None,
        line_kw: Keywords | None = None,
    ) -> Self:
        """Draw the data and return the display.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default None
            One for each parameter.  If None, a new figure is made.
        scatter_kw, line_kw : dict, default None
            Passed to ``Axes.scatter``, and to ``Axes.plot`` for the model.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        new = ax is None
        self.axes_ = axes_grid(ax, len(self.slices), self)
        labels = short_names([one.parameter for one in self.slices])
        for ax, one in zip(self.axes_, self.slices, strict=True):
            one.axis.configure_axis(ax, "x")
            self._draw_model(ax, one, line_kw or {})
            x = positions_of(self.results, one.parameter, one.axis)
            dots = {"color": GREY, "s": 18 * scale_of(self.results), **(scatter_kw or {})}
            mark_by_value(ax, x, self.results, self.window, **dots)
            self.window.limit(ax)
            ax.set(xlabel=labels[one.parameter], ylabel=plain(self.results.value_name))
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        legend_of_grid(self.axes_, new=new)
        return self

    @staticmethod
    def _draw_model(ax: Any, one: Slice, line_kw: Keywords) -> None:
        band: dict[str, Any] = {"label": "90 % of the posterior", "zorder": 1.0}
        line: dict[str, Any] = {"color": color_of(ax, 0), "linewidth": 2.0, "label": "prediction"}
        line |= {"zorder": 3.5, **line_kw}
        if isinstance(one.axis, CategoryAxis):
            ends = [one.value - one.lower, one.upper - one.value]
            line |= {
                "marker": "_",
                "markersize": 18,
                "markeredgewidth": 3.0,
                "linestyle": "none",
                "capsize": 4,
            }
            ax.errorbar(one.positions, one.value, yerr=ends, elinewidth=1.5, **line)
            return
        ax.plot(one.positions, one.value, **line)
        band |= {"color": line["color"], "alpha": 0.2, "linewidth": 0.0}
        ax.fill_between(one.positions, one.lower, one.upper, **band)


def _slice(results: Results, name: str) -> Slice:
    base = base_point(results, [name])
    sweep = sweep_of(results, name, base, N_POINTS)
    points = np.tile(base, (len(sweep.units), 1))
    points[:, sweep.column] = sweep.units
    value, lower, upper = results.model.predict(points)
    return Slice(name, sweep.axis, sweep.positions, value, lower, upper)

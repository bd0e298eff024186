"""The best value as a function of the number of trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from tuneplug_matplotlib.base import Display
from tuneplug_matplotlib.marks import mark_by_value
from tuneplug_matplotlib.results import FloatArray, Results
from tuneplug_matplotlib.style import (
    Keywords,
    Window,
    add_legend,
    axes_of,
    line_look,
    plain,
    whole_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BestSoFarDisplay"]


@final
class BestSoFarDisplay(Display):
    """The value of each trial and the best value so far.

    Each kind of trial has its own marker.  Trials without a value are crosses at the bad end of the
    axis, and values that would flatten all others are arrows there.  Pass the ``ax_`` of a display
    as ``ax`` to compare searches.

    Parameters
    ----------
    results : Results
    name : str, default None
        Name in the legend.  If None, that of the results.

    Attributes
    ----------
    best_so_far : ndarray of shape (n,)
        NaN until a trial has completed.
    window : Window
        The values shown.
    ax_, figure_ : matplotlib Axes and Figure
    line_ : Line2D
        The best value so far, as a step function.
    marks_ : list of PathCollection
        One for each kind of trial.

    Examples
    --------
    >>> from tuneplug_matplotlib import Results
    >>> display = BestSoFarDisplay(Results(values=[0.7, 0.9, 0.8]), name="by hand").plot()
    >>> display.line_.get_ydata()
    array([0.7, 0.9, 0.9])
    """

    def __init__(self, results: Results, *, name: str | None = None) -> None:
        super().__init__(results)
        self.name = results.name if name is None else name
        best = np.fmin.accumulate(results.complete_losses)
        self.best_so_far: FloatArray = results.sign * best
        self.window = Window.of(results.y, results.direction)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        scatter_kw: Keywords | None = None,
        line_kw: Keywords | None = None,
    ) -> Self:
        """Draw the data and return the display.

        Parameters
        ----------
        ax : matplotlib Axes, default None
            If None, a new figure is made.
        scatter_kw, line_kw : dict, default None
            Passed to ``Axes.scatter`` and ``Axes.step``.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        ax = axes_of(ax, self)
        shared, n = ax.has_data(), len(ax.lines)
        label = plain("best so far" if self.name is None else self.name)
        options: dict[str, Any] = {
            "where": "post",
            "label": label,
            "linewidth": 2.0,
            **line_look(ax, n),
            **(line_kw or {}),
        }
        numbers = np.asarray(self.results.trials, dtype=np.float64)
        (self.line_,) = ax.step(numbers, self.best_so_far, **options)
        color = {"color": self.line_.get_color(), **(scatter_kw or {})}
        self.marks_ = mark_by_value(ax, numbers, self.results, self.window, **color)
        self.window.limit(ax, keep=shared)
        ax.set(xlabel="trial", ylabel=plain(self.results.value_name))
        whole_ticks(ax, "x")
        add_legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

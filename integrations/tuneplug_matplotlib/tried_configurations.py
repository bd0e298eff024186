"""The tried configurations in two parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from tuneplug_matplotlib.axes import configure_axes
from tuneplug_matplotlib.base import Display
from tuneplug_matplotlib.marks import add_colorbar, colors_of, mark_best, mark_by_color
from tuneplug_matplotlib.results import Results
from tuneplug_matplotlib.selection import pair_of
from tuneplug_matplotlib.style import (
    Keywords,
    Window,
    add_legend,
    axes_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TriedConfigurationsDisplay"]


@final
class TriedConfigurationsDisplay(Display):
    """Two parameters of the tried configurations, colored by value.

    Each axis has the scaling of its parameter.  Categories are at whole numbers, in the order of
    the space; points of one category are spread around it.  Configurations that lack one of the two
    parameters are left out.

    Parameters
    ----------
    results : Results
    params : pair of str, default None
        The parameters on the axes.  If None, the two most important ones that some trial has both.

    Attributes
    ----------
    params : pair of str
    window : Window
        The values that the colors show.
    ax_, figure_ : matplotlib Axes and Figure
    marks_ : list of PathCollection
        One for each kind of trial.
    best_ : PathCollection or None
        Ring around the best configuration shown; None if no configuration has a value.
    colorbar_ : Colorbar or None
        None if no configuration has a value.

    Raises
    ------
    ValueError
        If ``params`` are not two parameters of the space, or if no configuration has both.

    Examples
    --------
    >>> from tuneplug import Float, Int, SearchSpace
    >>> from tuneplug_matplotlib import Results
    >>> space = SearchSpace({"eta": Float(1e-3, 1.0), "depth": Int(1, 8)})
    >>> configurations = [{"eta": 0.1, "depth": 3}, {"eta": 0.01, "depth": 6}]
    >>> results = Results(values=[0.8, 0.9], configurations=configurations, space=space)
    >>> display = TriedConfigurationsDisplay(results).plot()
    >>> display.ax_.get_xscale(), display.ax_.get_yscale()
    ('log', 'linear')
    """

    def __init__(self, results: Results, *, params: Sequence[str] | None = None) -> None:
        super().__init__(results)
        self.params = pair_of(params, results)
        self.window = Window.of(results.y, results.direction)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        cmap: Any = None,
        scatter_kw: Keywords | None = None,
    ) -> Self:
        """Draw the data and return the display.

        Parameters
        ----------
        ax : matplotlib Axes, default None
            If None, a new figure is made.
        cmap : str or Colormap, default None
            If None, viridis with the best values darkest on a light background.
        scatter_kw : dict, default None
            Passed to ``Axes.scatter``.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        ax = axes_of(ax, self)
        results = self.results
        x, y = configure_axes(ax, results, self.params)
        colors = colors_of(ax, results, self.window, cmap)
        self.marks_ = mark_by_color(ax, x, y, results, colors=colors, **(scatter_kw or {}))
        self.best_, self.colorbar_ = mark_best(ax, x, y, results), None
        if np.isfinite(results.y).any():
            self.colorbar_ = add_colorbar(ax, colors, results, self.window)
        add_legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

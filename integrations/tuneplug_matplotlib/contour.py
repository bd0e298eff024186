"""The model's prediction over two parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from tuneplug_matplotlib.axes import CategoryAxis, configure_axes
from tuneplug_matplotlib.base import Display
from tuneplug_matplotlib.marks import colors_of, mark_best
from tuneplug_matplotlib.results import FloatArray, Results
from tuneplug_matplotlib.selection import base_point, pair_of
from tuneplug_matplotlib.style import ABOVE, KINDS, Window, add_legend, axes_of, plain
from tuneplug_matplotlib.sweeps import sweep_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ContourDisplay"]

#: Number of points along a numeric axis, and of contour lines.
N_POINTS, N_LINES = 61, 8


@final
class ContourDisplay(Display):
    """The value that the model predicts, as a function of two parameters.

    All other parameters have the values of the best trial that has both.  The marks are the trials
    that have both parameters; they differ in the other parameters too.  Colors span the values of
    trials only: a prediction beyond them lies where little was tried, and the color bar is pointed.

    Parameters
    ----------
    results : Results
    params : pair of str, default None
        The parameters on the axes.  If None, the two most important ones that vary and that some
        trial has both.

    Attributes
    ----------
    params : pair of str
    x, y : ndarray of shape (k,) and (m,)
        Positions on the axes.
    predicted : ndarray of shape (m, k)
        Predicted values.
    ax_, figure_ : matplotlib Axes and Figure
    mesh_ : QuadMesh
    lines_ : QuadContourSet or None
        None if an axis has categories, or the prediction is flat.
    marks_ : list of PathCollection
    best_ : PathCollection or None
    colorbar_ : Colorbar

    Raises
    ------
    ValueError
        If ``params`` are not two parameters that some trial has both, or one does not vary, or
        fewer than two trials have a value.
    """

    def __init__(self, results: Results, *, params: Sequence[str] | None = None) -> None:
        super().__init__(results)
        self.params = pair_of(params, results, varying=True)
        base = base_point(results, self.params)
        along_x, along_y = (sweep_of(results, name, base, N_POINTS) for name in self.params)
        self.x, self.y = along_x.positions, along_y.positions
        self._has_categories = any(isinstance(s.axis, CategoryAxis) for s in (along_x, along_y))
        shape = (len(self.y), len(self.x))
        points = np.tile(base, (len(self.y) * len(self.x), 1))
        points[:, along_x.column] = np.tile(along_x.units, len(self.y))
        points[:, along_y.column] = np.repeat(along_y.units, len(self.x))
        self.predicted: FloatArray = results.model.predict(points)[0].reshape(shape)

    def plot(self, ax: Axes | None = None, *, cmap: Any = None) -> Self:
        """Draw the data and return the display.

        Parameters
        ----------
        ax : matplotlib Axes, default None
            If None, a new figure is made.
        cmap : str or Colormap, default None
            If None, viridis with the best values darkest on a light background.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        ax = axes_of(ax, self)
        results = self.results
        x, y = configure_axes(ax, results, self.params)
        within = np.clip(self.predicted, np.nanmin(results.y), np.nanmax(results.y))
        window = Window.of(within.ravel(), results.direction)
        colors = colors_of(ax, results, window, cmap)
        shown = window.clip(within)
        look: dict[str, Any] = {"cmap": colors.cmap, "norm": colors.norm, "shading": "nearest"}
        self.mesh_ = ax.pcolormesh(self.x, self.y, shown, rasterized=True, zorder=0.5, **look)
        self.lines_ = None
        if not self._has_categories and np.ptp(shown) > 0.0 and min(shown.shape) > 1:
            thin: dict[str, Any] = {
                "colors": "white",
                "linestyles": "solid",
                "linewidths": 0.6,
                "zorder": 0.8,
            }
            self.lines_ = ax.contour(self.x, self.y, shown, levels=N_LINES, **thin)
        self.marks_ = [
            ax.scatter(x[rows], y[rows], label=kind, zorder=3.0, **_dots(marker))
            for kind, (marker, _) in KINDS.items()
            if len(rows := _rows(results, kind, x + y))
        ]
        self.best_ = mark_best(ax, x, y, results)
        if self.best_ is not None:
            self.best_.set_edgecolor("#D55E00")
        label = f"predicted {plain(results.value_name)}"
        extend = _beyond(self.predicted, window)
        self.colorbar_ = ax.figure.colorbar(colors, ax=ax, label=label, extend=extend)
        add_legend(ax, **ABOVE)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _beyond(predicted: FloatArray, window: Window) -> str:
    """Return the ends of the color bar that predictions exceed, in matplotlib's terms."""
    ends = bool(predicted.min() < window.low), bool(predicted.max() > window.high)
    names = {(True, True): "both", (True, False): "min", (False, True): "max"}
    return names.get(ends, "neither")


def _rows(results: Results, kind: str, at: FloatArray) -> list[int]:
    return [i for i, k in enumerate(results.kinds) if k == kind and np.isfinite(at[i])]


def _dots(marker: str) -> dict[str, Any]:
    """Return the look of marks that are seen on every color."""
    marker = "X" if marker == "x" else marker
    look = {"c": "white", "s": 34, "edgecolors": "black", "linewidths": 0.8, "marker": marker}
    return {**look, "clip_on": False}  # ranges end at the edge, where many trials are

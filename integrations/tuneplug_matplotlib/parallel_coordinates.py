"""Parallel coordinates of all trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from tuneplug_matplotlib.axes import SLANTED, labels_of
from tuneplug_matplotlib.base import Display
from tuneplug_matplotlib.marks import MANY, add_colorbar, colors_of, scale_of
from tuneplug_matplotlib.results import FloatArray, Results
from tuneplug_matplotlib.style import (
    GREY,
    Keywords,
    Window,
    add_legend,
    axes_of,
    foreground,
    plain,
    short_names,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ParallelCoordinatesDisplay"]

#: Number of tick labels on a numeric axis, maximum number on a categorical one, and their length.
N_TICKS, N_CATEGORIES, LABEL_LENGTH = 5, 12, 14
#: Distance of the labels from a vertical axis; vertical axes are 1 apart.
TEXT_GAP = 0.04
#: Height of the lane of inactive parameters, below the axes.
INACTIVE = -0.12
#: Width of the figure in inches: of the frame, of each axis, and its limits; and its height.
FRAME, PER_AXIS, NARROWEST, WIDEST, HEIGHT = 1.6, 1.15, 6.4, 24.0, 5.2


@final
class ParallelCoordinatesDisplay(Display):
    """Parallel coordinates of the tried configurations: one line per trial, colored by value.

    Each parameter has a vertical axis: its unit interval, labeled in the user's units.  The last
    axis is the value.  Where a parameter is inactive, a line passes through the lane below the
    axes.  The best lines are on top.  Lines of trials without a value are gray and dotted, and end
    before the last axis; those of stopped trials are dashed.

    Parameters
    ----------
    results : Results
        Of a space with d columns.

    Attributes
    ----------
    heights : ndarray of shape (n, d + 1)
        Heights of the lines on each axis, in [0, 1]; below 0 where a parameter is inactive, and
        NaN for a missing value.
    window : Window
        The values that the last axis shows.
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of n Line2D
    tick_labels_ : list of d + 1 lists of Text
    colorbar_ : Colorbar or None
        None if no trial has a value.

    Raises
    ------
    ValueError
        If a configuration is not in the space.

    Examples
    --------
    >>> from tuneplug import Float, SearchSpace
    >>> from tuneplug_matplotlib import Results
    >>> space = SearchSpace({"eta": Float(1e-3, 1.0), "booster": ["gbtree", "dart"]})
    >>> configurations = [{"eta": 1.0, "booster": "dart"}, {"eta": 0.001, "booster": "gbtree"}]
    >>> results = Results(values=[0.8, 0.9], configurations=configurations, space=space)
    >>> ParallelCoordinatesDisplay(results).plot().heights
    array([[1.  , 0.75, 0.  ],
           [0.  , 0.25, 1.  ]])
    """

    def __init__(self, results: Results) -> None:
        super().__init__(results)
        self.space = space = results.required_space()
        rows = [space.encode(configuration) for configuration in results.configurations]
        U = np.reshape(rows, (len(results), space.n_dimensions))
        U = np.where(space.active_mask(U), U, INACTIVE)
        self.window = Window.of(results.y, results.direction)
        shown = self._value_heights(self.window.clip(results.y))
        self.heights: FloatArray = np.column_stack([U, shown])

    def plot(
        self, ax: Axes | None = None, *, cmap: Any = None, line_kw: Keywords | None = None
    ) -> Self:
        """Draw the data and return the display.

        Parameters
        ----------
        ax : matplotlib Axes, default None
            If None, a new figure is made, whose width is that of its axes.
        cmap : str or Colormap, default None
            If None, viridis with the best values darkest on a light background.
        line_kw : dict, default None
            Passed to ``Axes.plot`` for all lines.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        width = FRAME + PER_AXIS * self.heights.shape[1]
        ax = axes_of(ax, self, (min(max(width, NARROWEST), WIDEST), HEIGHT))
        results, colors = self.results, colors_of(ax, self.results, self.window, cmap)
        losses = np.where(np.isnan(results.y), np.inf, results.losses)
        place = np.empty(len(results))
        place[np.argsort(-losses, kind="stable")] = np.linspace(0.0, 1.0, len(results))
        labels = {
            "infeasible": ("-.", "infeasible"),
            "stopped": ("--", "stopped"),
            "failed": (":", "no value"),
        }
        self.lines_, thin = [], scale_of(results)
        for i, row in enumerate(self.heights):
            dashes, label = labels.get(results.kinds[i], ("-", None))
            options: dict[str, Any] = {
                "color": colors.to_rgba(results.y[i]) if np.isfinite(results.y[i]) else GREY,
                "zorder": 2.0 + 0.8 * place[i],  # the best on top
                "linewidth": thin + place[i] ** (4.0 / thin),
                "linestyle": dashes,
                "marker": "." if thin == 1.0 else "",
                "rasterized": len(results) > MANY,
                **({} if label is None else {"label": label}),
                **(line_kw or {}),
            }
            self.lines_ += ax.plot(np.arange(len(row)), row, **options)
        self._draw_axes(ax)
        self.colorbar_ = None
        if np.isfinite(results.y).any():
            self.colorbar_ = add_colorbar(ax, colors, results, self.window)
        add_legend(ax, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_axes(self, ax: Axes) -> None:
        names = short_names(self.space.column_names)
        labels = [*names.values(), plain(self.results.value_name)]
        color = foreground(ax)
        ax.vlines(range(len(labels)), 0.0, 1.0, color=color, linewidth=0.8, zorder=1.5)
        at = [self._parameter_ticks(parameter) for parameter in self.space.dimensions]
        style: dict[str, Any] = {"ha": "right", "va": "center", "size": "x-small", "zorder": 3}
        style["bbox"] = {"facecolor": ax.get_facecolor(), "edgecolor": "none", "alpha": 0.75}
        style["bbox"]["pad"] = 0.6
        self.tick_labels_ = [
            [ax.text(j - TEXT_GAP, u, text, **style) for u, text in axis]
            for j, axis in enumerate([*at, self._value_ticks()])
        ]
        bottom = -0.05
        if (self.heights < 0.0).any():
            bottom = INACTIVE - 0.06
            ax.axhline(INACTIVE, color=GREY, linewidth=0.5, linestyle=":", zorder=1)
            ax.text(-0.5, INACTIVE, "inactive", **{**style, "style": "italic"})
        long = max(map(len, labels)) > 0.8 * LABEL_LENGTH
        ax.set_xticks(range(len(labels)), labels=labels, **(SLANTED if long else {}))
        ax.set(xlim=(-0.5, len(labels) - 0.5), ylim=(bottom, 1.05), yticks=[])
        for side in ("left", "right", "top"):
            ax.spines[side].set_visible(False)

    @staticmethod
    def _parameter_ticks(parameter: Any) -> list[tuple[float, str]]:
        u = parameter.levels(N_TICKS)
        u = u[:: 1 + len(u) // N_CATEGORIES]
        labels = labels_of(parameter.from_unit(u), LABEL_LENGTH)
        return list(zip(u.tolist(), labels, strict=True))

    def _value_ticks(self) -> list[tuple[float, str]]:
        if np.isnan(self.results.y).all():
            return []
        values = np.unique(np.linspace(self.window.low, self.window.high, N_TICKS))
        heights = self._value_heights(values).tolist()
        labels = labels_of(values.tolist())
        if self.window.beyond.any():
            end = 0 if self.results.direction == "maximize" else -1
            labels[end] = f"{labels[end]} or worse"
        return list(zip(heights, labels, strict=True))

    def _value_heights(self, values: FloatArray) -> FloatArray:
        """Return values scaled to [0, 1] from the lowest to the highest; 0.5 if all are equal."""
        low, high = self.window.low, self.window.high
        return (values - low) / (high - low) if low < high else values - low + 0.5

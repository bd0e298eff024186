"""Helpers for matplotlib, which is imported when a display is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tuneplug.optional import OptionalDependency

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["FloatArray", "Keywords", "add_legend", "axes_of", "pyplot_for", "whole_ticks"]

FloatArray = NDArray[np.float64]
Keywords = Mapping[str, Any]
#: Color of reference lines and of candidates without a score.
GREY = "0.6"


def pyplot_for(display: object) -> Any:
    """Import pyplot.  Raises MissingDependencyError if matplotlib is not installed."""
    package = OptionalDependency("matplotlib", "matplotlib", "plot")
    with package.required_by(f"{type(display).__name__}.plot()"):
        import matplotlib.pyplot as plt
    return plt


def axes_of(ax: Axes | None, display: object) -> Axes:
    """Return ``ax``, or the axes of a new figure if it is None."""
    if ax is None:
        _, ax = pyplot_for(display).subplots()
        assert ax is not None
    return ax


def whole_ticks(ax: Axes, which: str) -> None:
    """Put ticks of axis ``which``, "x" or "y", at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis = {"x": ax.xaxis, "y": ax.yaxis}[which]
    axis.set_major_locator(MaxNLocator(integer=True))


def add_legend(ax: Axes) -> None:
    """Draw the legend if an artist has a label."""
    labeled: Sequence[Artist] = ax.get_legend_handles_labels()[0]
    if labeled:
        ax.legend()

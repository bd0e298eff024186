"""Grids of small axes, one for each parameter."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneplug_matplotlib.style import add_figure_legend, add_legend, new_figure

__all__ = ["axes_grid", "legend_of_grid"]

#: Number of columns of axes, and their size in inches.
N_COLUMNS, SMALL_WIDTH, SMALL_HEIGHT = 3, 3.3, 3.0


def axes_grid(given: Any, n: int, display: object) -> NDArray[np.object_]:
    """Return n axes: those given, or those of a new figure if None is given.

    Raises
    ------
    ValueError
        If the number of axes given is not n.
    """
    if given is not None:
        found = np.ravel(np.array(given, dtype=object))
        if len(found) != n:
            raise ValueError(
                f"ax must be one axes for each of {n} parameters, but got {len(found)}"
            )
        return found
    columns = min(n, N_COLUMNS)
    rows = -(-n // columns)
    figure = new_figure(display, (max(columns * SMALL_WIDTH, 4.0), rows * SMALL_HEIGHT))
    return np.array([figure.add_subplot(rows, columns, i + 1) for i in range(n)])


def legend_of_grid(axes: NDArray[np.object_], *, new: bool) -> None:
    """Draw the legend: above all axes of a new figure, else on the first of the axes given."""
    if new:
        add_figure_legend(axes.tolist())
    else:
        add_legend(axes[0])

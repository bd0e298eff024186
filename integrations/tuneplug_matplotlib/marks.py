"""Marks of trials: one marker for each kind, the best last and so on top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tuneplug_matplotlib.results import FloatArray, Results
from tuneplug_matplotlib.style import GREY, KINDS, Window, foreground, plain, value_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

__all__ = ["add_colorbar", "colors_of", "mark_best", "mark_by_color", "mark_by_value", "scale_of"]

#: Number of trials from which on marks are drawn as pixels in vector formats, number from which on
#: they are smaller, and the smallest scale.
MANY, FEW, SMALLEST = 500, 200, 0.2


def scale_of(results: Results) -> float:
    """Return the scale of the areas of marks: smaller ones if there are many."""
    return float(max(SMALLEST, min(1.0, FEW / max(len(results), 1))))


def colors_of(ax: Axes, results: Results, window: Window, cmap: Any) -> ScalarMappable:
    """Return the map from values to colors; values beyond the window have its end."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    norm = Normalize(window.low, window.high, clip=True)
    return ScalarMappable(norm, value_colors(ax, cmap, results.direction))


def add_colorbar(ax: Axes, colors: ScalarMappable, results: Results, window: Window) -> Any:
    """Draw the color bar; it is pointed where values lie beyond it, and says how many."""
    label, extend = plain(results.value_name), "neither"
    if window.note is not None:
        label, extend = f"{label} ({window.note})", "max"
        if results.direction == "maximize":
            extend = "min"
    return ax.figure.colorbar(colors, ax=ax, label=label, extend=extend)


def mark_by_color(
    ax: Axes, x: FloatArray, y: FloatArray, results: Results, **style: Any
) -> list[Any]:
    """Mark trials at (x, y) by their values: a marker for each kind; return the artists.

    ``style`` has ``colors`` and may have keywords of ``Axes.scatter``.  Trials without a value are
    gray.  NaN positions are left out.
    """
    colors: ScalarMappable = style.pop("colors")
    order = np.argsort(-results.losses, kind="stable")  # the best last; NaN after them
    artists = []
    for kind, (marker, _) in KINDS.items():
        rows = [i for i in order if results.kinds[i] == kind and np.isfinite(x[i] + y[i])]
        if not rows:
            continue
        known = np.isfinite(results.y[rows])
        face = np.where(known[:, None], colors.to_rgba(results.y[rows]), _grey())
        edge = {} if marker == "x" else {"edgecolors": foreground(ax), "linewidths": 0.5}
        options: dict[str, Any] = {
            "s": 34 * scale_of(results),
            "rasterized": len(results) > MANY,
            "zorder": 3.0,
            "label": kind,
            **edge,
            **style,
        }
        artists.append(ax.scatter(x[rows], y[rows], c=face, marker=marker, **options))
    return artists


def mark_by_value(
    ax: Axes, x: FloatArray, results: Results, window: Window, **style: Any
) -> list[Any]:
    """Mark trials at their values: a marker for each kind; return the artists.

    Trials without a value are crosses at the end of the axis where the worst values are.  Values
    beyond the window are arrows at its end.
    """
    many = len(results) > MANY
    base = {"color": GREY, "s": 26 * scale_of(results), "zorder": 3.0, "rasterized": many, **style}
    at_end = ax.get_xaxis_transform()
    end = 0.98 if results.direction == "minimize" else 0.02
    artists = []
    for kind, (marker, filled) in KINDS.items():
        rows = np.array([k == kind for k in results.kinds]) & np.isfinite(x) & ~window.beyond
        has = rows & np.isfinite(results.y)
        if has.any():
            own = base if filled or marker == "x" else {**base, "facecolors": "none"}
            own = {**own, "edgecolors": own.pop("color")} if "facecolors" in own else own
            artists.append(ax.scatter(x[has], results.y[has], marker=marker, label=kind, **own))
        none = rows & np.isnan(results.y)
        if none.any():
            crosses = {**base, "marker": "x", "label": f"{kind}, no value", "clip_on": False}
            heights = np.full(int(none.sum()), end)
            artists.append(ax.scatter(x[none], heights, transform=at_end, **crosses))
    far = window.beyond & np.isfinite(x)
    if far.any():
        arrows = {**base, "marker": window.arrow, "s": 60, "label": window.note}
        heights = np.full(int(far.sum()), end)
        artists.append(ax.scatter(x[far], heights, transform=at_end, **arrows))
    return artists


def mark_best(ax: Axes, x: FloatArray, y: FloatArray, results: Results) -> Any:
    """Draw a ring around the best complete trial; return the ring, or None without such a trial.

    Trials at NaN positions are left out.
    """
    best = results.best_among(np.isfinite(x + y))
    if best is None:
        return None
    ring: dict[str, Any] = {"facecolors": "none", "edgecolors": foreground(ax), "linewidths": 1.8}
    return ax.scatter(x[[best]], y[[best]], s=150, label="best", zorder=4, **ring)


def _grey() -> FloatArray:
    return np.array([float(GREY)] * 3 + [1.0])

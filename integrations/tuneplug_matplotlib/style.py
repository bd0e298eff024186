"""What all displays share: figures, colors, markers, texts, and robust windows of values.

The colors are those of Okabe and Ito, which differ under every common color blindness.  No meaning
rests on color alone: kinds of trials differ in their markers, lines in their dashes, and values in
their lightness.  matplotlib is imported when a display is drawn.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tuneplug.optional import OptionalDependency
from tuneplug_matplotlib.results import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

__all__ = [
    "ABOVE",
    "COLORS",
    "GREY",
    "KINDS",
    "Keywords",
    "Window",
    "add_figure_legend",
    "add_legend",
    "axes_of",
    "color_of",
    "foreground",
    "is_dark",
    "line_look",
    "new_figure",
    "plain",
    "short_names",
    "value_colors",
    "whole_ticks",
    "wrapped",
]

Keywords = Mapping[str, Any]
#: Place of a legend that would cover data: above the axes.
ABOVE: Keywords = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "ncols": 5}
#: Color of reference lines; it is seen on white and on black.
GREY = "0.55"
#: Okabe and Ito's colors without black and yellow, and dashes, for lines that are compared.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
#: Marker of each kind of trial, and whether it is filled.
KINDS: dict[str, tuple[str, bool]] = {
    "trial": ("o", True),
    "startup": ("s", False),
    "model": ("o", True),
    "exploration": ("^", True),
    "infeasible": ("p", False),
    "stopped": ("D", False),
    "failed": ("x", True),
}
#: Values are clipped from this many robust spreads beyond the median on, if they are also this many
#: times as far from the best as all others, and at most this part of all values.
SPREADS, RATIO, MAX_CLIPPED = 6.0, 4.0, 0.25
#: Minimum number of values to clip, and margin of a window as a part of its height.
MIN_CLIPPING, MARGIN = 5, 0.06
#: Ends of the part of viridis that contrasts with a light and with a dark background, best first.
ON_LIGHT, ON_DARK = (0.0, 0.82), (1.0, 0.28)
#: Maximum length of a name and of any text, and width of titles in characters per inch.
NAME_LENGTH, TEXT_LENGTH, TITLE_DENSITY = 30, 60, 10.0


def new_figure(display: object, size: tuple[float, float]) -> Figure:
    """Return a new figure.  Raises MissingDependencyError if matplotlib is not installed."""
    package = OptionalDependency("matplotlib", "matplotlib", "plot")
    with package.required_by(f"{type(display).__name__}.plot()"):
        import matplotlib.pyplot as plt
    return plt.figure(figsize=size, layout="constrained")


def axes_of(ax: Axes | None, display: object, size: tuple[float, float] = (6.4, 4.8)) -> Axes:
    """Return ``ax``, or the axes of a new figure of that size if it is None."""
    return new_figure(display, size).add_subplot() if ax is None else ax


def is_dark(ax: Axes) -> bool:
    """Whether the background is dark."""
    from matplotlib.colors import to_rgb

    return float(np.dot(to_rgb(ax.get_facecolor()), (0.2126, 0.7152, 0.0722))) < 0.5


def foreground(ax: Axes) -> str:
    """Return the color that contrasts most with the background."""
    return "white" if is_dark(ax) else "black"


def color_of(ax: Axes, i: int) -> str:
    """Return the i-th color of lines; the first one is the lighter blue on a dark background."""
    colors = (COLORS[4], *COLORS[1:4], COLORS[0], COLORS[5]) if is_dark(ax) else COLORS
    return colors[i % len(colors)]


def line_look(ax: Axes, i: int) -> dict[str, Any]:
    """Return the color and the dashes of the i-th of several lines, as keywords."""
    return {"color": color_of(ax, i), "linestyle": DASHES[i % len(DASHES)]}


def value_colors(ax: Axes, cmap: Any, direction: str) -> Colormap:
    """Return a colormap from low to high values on which the best contrast most.

    If ``cmap`` is None, it is viridis without the end that cannot be told from the background.
    """
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap

    if cmap is not None:
        return mpl.colormaps.get_cmap(cmap)
    best, worst = ON_DARK if is_dark(ax) else ON_LIGHT
    ends = (best, worst) if direction == "minimize" else (worst, best)
    return ListedColormap(mpl.colormaps["viridis"](np.linspace(*ends, 256)))


def whole_ticks(ax: Axes, which: str) -> None:
    """Put ticks of axis ``which``, "x" or "y", at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis = {"x": ax.xaxis, "y": ax.yaxis}[which]
    axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def add_legend(ax: Axes, **options: Any) -> None:
    """Draw the legend if an artist has a label, each label once."""
    handles = _labeled([ax])
    if handles:
        look: dict[str, Any] = {"fontsize": "small", "framealpha": 0.85, **options}
        ax.legend(list(handles.values()), list(handles), **look).set_zorder(5)


def add_figure_legend(axes: Sequence[Axes]) -> None:
    """Draw one legend of all axes of a figure above them."""
    handles = _labeled(axes)
    look: dict[str, Any] = {"fontsize": "small", "loc": "outside upper center", "ncols": 4}
    if len(axes) < 3:
        look["ncols"] = len(axes) + 1
    if handles:
        axes[0].figure.legend(list(handles.values()), list(handles), **look)


def _labeled(axes: Sequence[Axes]) -> dict[str, Any]:
    """Return the first artist of each label."""
    found: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return found


def plain(text: object) -> str:
    """Return text that matplotlib shows as it is: one short line without mathematics.

    >>> print(plain("cost_$"))
    cost_\\$
    """
    shown = "".join(c if c.isprintable() else " " for c in str(text))
    shown = shown if len(shown) <= TEXT_LENGTH else f"{shown[: TEXT_LENGTH - 1]}…"
    shown = shown.replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown  # legends skip names that start with _


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Return names without the prefix that all share, as labels.

    Prefixes end at ``__``, as in pipelines.  A name that is still long loses first parts too, as
    long as no other name ends alike, and then characters.

    >>> short_names(["clf__svc__C", "clf__svc__gamma"])
    {'clf__svc__C': 'C', 'clf__svc__gamma': 'gamma'}
    """
    parts = [name.split("__") for name in names]
    n_shared = 0
    while len(names) > 1 and all(len(p) > n_shared + 1 for p in parts):
        if len({p[n_shared] for p in parts}) > 1:
            break
        n_shared += 1
    whole = ["__".join(p[n_shared:]) for p in parts]
    short = [_tail_of(p[n_shared:], whole) for p in parts]
    shown = short if len(set(short)) == len(set(whole)) else whole
    return {name: plain(label) for name, label in zip(names, shown, strict=True)}


def _tail_of(parts: Sequence[str], names: Sequence[str]) -> str:
    """Return a name in at most ``NAME_LENGTH`` characters: its last parts, whole if possible."""
    tail = "__".join(parts)
    if len(tail) <= NAME_LENGTH:
        return tail
    for first in range(1, len(parts)):
        shorter = "__".join(parts[first:])
        if sum(name.endswith(shorter) for name in set(names)) > 1:
            break
        tail = shorter
        if len(tail) < NAME_LENGTH:
            break
    return f"…{tail[1 - NAME_LENGTH :]}"


def wrapped(title: str, width: float) -> str:
    """Return a title in lines that fit in axes of that width in inches."""
    return "\n".join(textwrap.wrap(title, max(8, int(width * TITLE_DENSITY))))


@dataclass(frozen=True)
class Window:
    """The values that an axis shows, without those that would flatten the rest.

    Attributes
    ----------
    low, high : float
        Ends of the values shown.
    beyond : ndarray of bool of shape (n,)
        Whether each value is worse than all that are shown.
    worst : float
        The worst value of all.
    direction : {"minimize", "maximize"}
    """

    low: float
    high: float
    beyond: NDArray[np.bool_]
    worst: float
    direction: str

    @classmethod
    def of(cls, values: FloatArray, direction: str) -> Window:
        """Return the window of values, shape (n,), which may be NaN."""
        sign = 1.0 if direction == "minimize" else -1.0
        losses = sign * values
        known = losses[np.isfinite(losses)]
        if len(known) == 0:
            return cls(0.0, 1.0, np.zeros(len(values), dtype=bool), np.nan, direction)
        best, q25, median, q75, worst = np.quantile(known, [0.0, 0.25, 0.5, 0.75, 1.0])
        with np.errstate(over="ignore"):
            limit = median + SPREADS * (median - best + q75 - q25)
            inside = known[known <= limit]
            clip = (
                len(known) >= MIN_CLIPPING
                and 0 < len(known) - len(inside) <= MAX_CLIPPED * len(known)
                and worst - best > RATIO * (inside.max() - best) > 0.0
            )
        last = float(inside.max() if clip else worst)
        with np.errstate(invalid="ignore"):
            beyond = losses > last
        low, high = sorted((sign * float(best), sign * last))
        return cls(low, high, beyond, sign * float(worst), direction)

    def clip(self, values: FloatArray) -> FloatArray:
        """Return values moved to the nearest end of the window."""
        return np.clip(values, self.low, self.high)

    @property
    def note(self) -> str | None:
        """Text that says how many values are beyond the axis; None if there are none."""
        n = int(self.beyond.sum())
        if n == 0:
            return None
        return f"{n} beyond the axis, the worst {self.worst:.4g}"

    @property
    def arrow(self) -> str:
        """Marker of a value beyond the axis."""
        return "^" if self.direction == "minimize" else "v"

    def mark_beyond(self, ax: Axes, x: FloatArray, color: str) -> Any:
        """Draw arrows at the end of the axis for the values beyond it, with the note as label.

        ``x`` are the positions of all values, shape (n,).  Return the arrows; None if there are
        none.
        """
        if self.note is None:
            return None
        at = x[self.beyond]
        end = np.full(len(at), 0.98 if self.direction == "minimize" else 0.02)
        look: dict[str, Any] = {"color": color, "linestyle": "none", "zorder": 4.0}
        (arrows,) = ax.plot(
            at, end, self.arrow, transform=ax.get_xaxis_transform(), label=self.note, **look
        )
        return arrows

    def limit(self, ax: Axes, *, keep: bool = False) -> None:
        """Set the limits of the y axis with a margin; ``keep`` what the axes show already."""
        margin = MARGIN * (self.high - self.low) or MARGIN * max(abs(self.high), 1e-12)
        low, high = self.low - margin, self.high + margin
        if keep:
            before = sorted(ax.get_ylim())
            low, high = min(low, before[0]), max(high, before[1])
        ax.set_ylim(low, high)

"""Axes of a plot that show a parameter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from tuneplug import Categorical, Int
from tuneplug_matplotlib.results import FloatArray, Results
from tuneplug_matplotlib.style import plain, short_names, whole_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.scale import FuncScale

__all__ = [
    "Axis",
    "CategoryAxis",
    "NumberAxis",
    "axis_of",
    "configure_axes",
    "labels_of",
    "positions_of",
    "set_labels",
    "truncate",
]

#: Number of tick labels on a numeric axis.
N_TICKS = 5
#: Number of points from which a scale that matplotlib lacks is interpolated.
N_SCALE = 257
#: Maximum length of a label, and of one on an x axis, where it may be slanted; categories may be
#: estimators.
LABEL_LENGTH, LENGTH_ON_X = 24, 16
#: Width of a character of a tick label in inches, and how labels of an x axis that are too long for
#: one line are set.
CHARACTER = 0.085
SLANTED: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
#: Golden ratio: its multiples spread points of the same category evenly.
GOLDEN, JITTER = 0.6180339887498949, 0.3


class Axis(ABC):
    """Maps the values of one parameter to positions on an axis."""

    @abstractmethod
    def positions(self, values: Sequence[Any]) -> FloatArray:
        """Return the positions of values, in units of the axis."""

    @abstractmethod
    def configure_axis(self, ax: Axes, which: str) -> None:
        """Set scale, ticks and limits of axis ``which``: "x" or "y"."""

    def spread(self, positions: FloatArray, numbers: Sequence[int]) -> FloatArray:
        """Return positions at which trials of these numbers do not lie on each other."""
        return positions


@final
@dataclass(frozen=True)
class NumberAxis(Axis):
    """A numeric axis with the scaling of its parameter; positions are the values."""

    parameter: Any
    scaling: str

    def positions(self, values: Sequence[Any]) -> FloatArray:
        return np.asarray(values, dtype=np.float64)

    def configure_axis(self, ax: Axes, which: str) -> None:
        if self.scaling in ("linear", "log"):
            ax.set(**{f"{which}scale": self.scaling})
            if self.scaling == "linear" and isinstance(self.parameter, Int):
                whole_ticks(ax, which)
            return
        ticks = self.parameter.from_unit(self.parameter.levels(N_TICKS))
        ax.set(**{f"{which}scale": self._own_scale()})
        set_labels(ax, which, ticks, labels_of(ticks))

    def _own_scale(self) -> FuncScale:
        """Return the parameter's scaling as a scale of matplotlib."""
        from matplotlib.scale import FuncScale
        from scipy.interpolate import make_interp_spline

        low, high = self.parameter.unit_bounds
        x = np.unique(self.positions(self.parameter.from_unit(np.linspace(low, high, N_SCALE))))
        u = self.parameter.to_unit(x)
        # Linear splines extrapolate beyond the bounds, where matplotlib draws its margins.
        forward, inverse = make_interp_spline(x, u, k=1), make_interp_spline(u, x, k=1)
        return FuncScale(None, (forward, inverse))


@final
@dataclass(frozen=True)
class CategoryAxis(Axis):
    """An axis of categories; positions are whole numbers in the order of the space."""

    categories: Categorical

    def positions(self, values: Sequence[Any]) -> FloatArray:
        return np.array([self.categories.position(value) for value in values], dtype=np.float64)

    def configure_axis(self, ax: Axes, which: str) -> None:
        n = len(self.categories.values)
        labels = _category_labels(self.categories.values, which)
        set_labels(ax, which, list(range(n)), labels)
        ax.set(**{f"{which}lim": (-0.5, n - 0.5)})

    def spread(self, positions: FloatArray, numbers: Sequence[int]) -> FloatArray:
        turns = np.asarray(numbers) * GOLDEN % 1.0
        return positions + JITTER * (turns - 0.5)


def axis_of(results: Results, name: str) -> Axis:
    """Return the axis of a parameter.

    The axis is linear if sub-spaces scale the parameter differently.  If one sub-space has
    categories and another a range, the axis is categorical and includes the values tried.
    """
    space = results.required_space()
    declared = [subspace[name] for subspace in space.subspaces if name in subspace]
    scalings = {r["scaling"] for r in space.explain_scaling() if r["parameter"] == name}
    listed = [p for p in declared if isinstance(p, Categorical)]
    if scalings and not listed:
        parameter = next(p for p in declared if p.size > 1)
        return NumberAxis(parameter, scalings.pop() if len(scalings) == 1 else "linear")
    categories = Categorical([category for p in listed for category in p.values])
    values = [c[name] for c in results.configurations if name in c]
    others = [value for value in values if categories.position(value) is None]
    return CategoryAxis(Categorical([*categories.values, *others]))


def positions_of(results: Results, name: str, axis: Axis) -> FloatArray:
    """Return the positions of all trials on the axis of a parameter; NaN if they lack it."""
    rows = [i for i, c in enumerate(results.configurations) if name in c]
    positions = np.full(len(results), np.nan)
    at = axis.positions([results.configurations[i][name] for i in rows])
    positions[rows] = axis.spread(at, [results.trials[i] for i in rows])
    return positions


def configure_axes(
    ax: Axes, results: Results, params: tuple[str, str]
) -> tuple[FloatArray, FloatArray]:
    """Configure both axes for two parameters, and return the positions of all trials on each."""
    labels = short_names(params)
    found = []
    for which, name in zip("xy", params, strict=True):
        axis = axis_of(results, name)
        axis.configure_axis(ax, which)
        ax.set(**{f"{which}label": labels[name]})
        found.append(positions_of(results, name, axis))
    return found[0], found[1]


def set_labels(ax: Axes, which: str, positions: Sequence[float], labels: Sequence[str]) -> None:
    """Label positions of an axis; the labels of an x axis are slanted if they need it."""
    width = ax.get_window_extent().width / ax.figure.dpi
    longest = max(map(len, labels), default=0)
    slanted = which == "x" and CHARACTER * (longest + 1) * len(labels) > width
    set_ticks = ax.set_xticks if which == "x" else ax.set_yticks
    set_ticks(positions, labels=list(labels), **(SLANTED if slanted else {}))


def labels_of(values: Sequence[Any], length: int = LABEL_LENGTH) -> list[str]:
    """Return labels; floats get as many digits as distinguish them, at least three."""
    if not all(isinstance(value, float) for value in values):
        return [truncate(value, length) for value in values]
    digits = (d for d in range(3, 17) if len({f"{v:.{d}g}" for v in values}) == len(values))
    d = next(digits, 17)
    return [f"{value:.{d}g}" for value in values]


def _category_labels(categories: Sequence[Any], which: str) -> list[str]:
    """Return labels of categories; short ones on an x axis if they stay different."""
    labels = [truncate(category) for category in categories]
    short = [truncate(category, LENGTH_ON_X) for category in categories]
    return short if which == "x" and len(set(short)) == len(set(labels)) else labels


def truncate(category: object, length: int = LABEL_LENGTH) -> str:
    """Return the text of a category with at most ``length`` characters of it."""
    text = str(category)
    return plain(text if len(text) <= length else f"{text[: length - 1]}…")

"""Parameters on the axes of a plot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from tuneplug import Categorical, Int, SearchSpace
from tuneplug_sklearn.displays._matplotlib import FloatArray, whole_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.scale import FuncScale

__all__ = ["Axis", "ChoiceAxis", "NumberAxis", "axis_of", "labels_of", "shortened"]

#: Labels along a numeric axis; a small axes has room for fewer, a list of choices for more.
N_TICKS, N_TICKS_SMALL, N_CHOICES = 5, 3, 12
#: Points between which a scale that matplotlib does not have is interpolated.
N_SCALE = 257
#: Labels of choices, which may be whole estimators, are cut to this length.
LABEL_LENGTH = 24


class Axis(ABC):
    """How the values of one parameter lie along an axis of a plot."""

    @abstractmethod
    def positions(self, values: Sequence[Any]) -> FloatArray:
        """Return where values lie, in the axis's own units."""

    @abstractmethod
    def dress(self, ax: Axes, which: str) -> None:
        """Set scale, ticks and limits of x or y, whichever."""


@final
@dataclass(frozen=True)
class NumberAxis(Axis):
    """Values lie where they are, on an axis with the parameter's scaling."""

    parameter: Any
    scaling: str

    def positions(self, values: Sequence[Any]) -> FloatArray:
        return np.asarray(values, dtype=np.float64)

    def dress(self, ax: Axes, which: str) -> None:
        if self.scaling in ("linear", "log"):
            ax.set(**{f"{which}scale": self.scaling})
            if self.scaling == "linear" and isinstance(self.parameter, Int):
                whole_ticks(ax, which)
            return
        ticks = self.parameter.from_unit(self.parameter.levels(N_TICKS))
        ax.set(**{f"{which}scale": self._own_scale()})
        ax.set(**{f"{which}ticks": ticks, f"{which}ticklabels": labels_of(ticks)})

    def _own_scale(self) -> FuncScale:
        """Return the unit interval of the parameter as a scale of matplotlib."""
        from matplotlib.scale import FuncScale
        from scipy.interpolate import make_interp_spline

        low, high = self.parameter.unit_bounds
        x = np.unique(self.positions(self.parameter.from_unit(np.linspace(low, high, N_SCALE))))
        u = self.parameter.to_unit(x)
        # Lines between points go on beyond the ends: matplotlib looks there for its margins.
        forward, inverse = make_interp_spline(x, u, k=1), make_interp_spline(u, x, k=1)
        return FuncScale(None, (forward, inverse))


@final
@dataclass(frozen=True)
class ChoiceAxis(Axis):
    """Choices lie at whole numbers, in their order."""

    choices: Categorical

    def positions(self, values: Sequence[Any]) -> FloatArray:
        return np.array([self.choices.position(value) for value in values], dtype=np.float64)

    def dress(self, ax: Axes, which: str) -> None:
        n = len(self.choices.values)
        labels = [shortened(choice) for choice in self.choices.values]
        ax.set(**{f"{which}ticks": range(n), f"{which}ticklabels": labels})
        ax.set(**{f"{which}lim": (-0.5, n - 0.5)})


def axis_of(space: SearchSpace, name: str, values: Sequence[Any]) -> Axis:
    """Return the axis of a parameter; where sub-spaces scale it differently, a linear one.

    Where one sub-space has choices and another a range, the values tried are choices as well.
    """
    declared = [branch[name] for branch in space.subspaces if name in branch]
    scalings = {r["scaling"] for r in space.explain_scaling() if r["parameter"] == name}
    listed = [p for p in declared if isinstance(p, Categorical)]
    if scalings and not listed:
        parameter = next(p for p in declared if p.size > 1)
        return NumberAxis(parameter, scalings.pop() if len(scalings) == 1 else "linear")
    choices = Categorical([choice for p in listed for choice in p.values])
    others = [value for value in values if choices.position(value) is None]
    return ChoiceAxis(Categorical([*choices.values, *others]))


def labels_of(values: Sequence[Any]) -> list[str]:
    """Return labels of values: floats with as many digits, from three on, as tell them apart."""
    if not all(isinstance(value, float) for value in values):
        return [shortened(value) for value in values]
    digits = (d for d in range(3, 17) if len({f"{v:.{d}g}" for v in values}) == len(values))
    d = next(digits, 17)
    return [f"{value:.{d}g}" for value in values]


def shortened(choice: object) -> str:
    text = str(choice)
    return text if len(text) <= LABEL_LENGTH else f"{text[: LABEL_LENGTH - 1]}…"

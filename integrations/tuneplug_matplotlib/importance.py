"""Which parameters matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from tuneplug.strategies import ParameterImportance
from tuneplug_matplotlib.base import Display
from tuneplug_matplotlib.results import Results
from tuneplug_matplotlib.style import (
    ABOVE,
    Keywords,
    add_legend,
    axes_of,
    color_of,
    foreground,
    short_names,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ImportanceDisplay"]

#: Width of the figure in inches, and its height: of the frame and of each bar.
WIDTH, FRAME, PER_BAR = 6.4, 1.5, 0.32
#: Place of the label of a bar.
BESIDE: dict[str, Any] = {
    "xytext": (5, 0),
    "textcoords": "offset points",
    "va": "center",
    "size": "small",
}
#: Place of a legend above the axes that extends to the left, where the names leave room.
TO_THE_LEFT: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0)}


@final
class ImportanceDisplay(Display):
    """The importance of each parameter: its Sobol indices under the model.

    The length of a bar is the total index: the share of the variance of the prediction that is due
    to the parameter and its interactions.  The solid part is the main effect: the share without
    interactions.  The whisker is the interval that contains the total index with a posterior
    probability of 90 %.  The total indices add up to more than 1 if there are interactions.

    Parameters
    ----------
    results : Results
    n_params : int, default None
        Maximum number of parameters to show, the most important ones.  If None, all.

    Attributes
    ----------
    importances : list of ParameterImportance
        Most important first.
    ax_, figure_ : matplotlib Axes and Figure
    main_, interactions_ : BarContainer
    whiskers_ : ErrorbarContainer
    labels_ : list of Annotation
        The shares in percent.

    Raises
    ------
    ValueError
        If fewer than two trials have a value.
    """

    def __init__(self, results: Results, *, n_params: int | None = None) -> None:
        super().__init__(results)
        self.importances: list[ParameterImportance] = results.importances[:n_params]

    def plot(self, ax: Axes | None = None, *, bar_kw: Keywords | None = None) -> Self:
        """Draw the data and return the display.

        Parameters
        ----------
        ax : matplotlib Axes, default None
            If None, a new figure is made, whose height is that of its bars.
        bar_kw : dict, default None
            Passed to ``Axes.barh``.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        shares = self.importances
        ax = axes_of(ax, self, (WIDTH, FRAME + PER_BAR * max(len(shares), 3)))
        labels = short_names([share.parameter for share in shares])
        y = np.arange(len(shares))
        total = np.array([share.total for share in shares])
        main = np.minimum([share.main for share in shares], total)
        bar: dict[str, Any] = {
            "color": color_of(ax, 0),
            "height": 0.65,
            "label": "main effect",
            **(bar_kw or {}),
        }
        rest: dict[str, Any] = {
            **bar,
            "color": color_of(ax, 4),
            "hatch": "///",
            "label": "interactions",
        }
        rest |= {"edgecolor": color_of(ax, 0), "linewidth": 0.0}
        self.main_ = ax.barh(y, main, **bar)
        self.interactions_ = ax.barh(y, total - main, left=main, **rest)
        ends = [total - [s.lower for s in shares], [s.upper for s in shares] - total]
        whisker: dict[str, Any] = {
            "ecolor": foreground(ax),
            "capsize": 3.0,
            "label": "90 % of the posterior",
        }
        self.whiskers_ = ax.errorbar(total, y, xerr=ends, fmt="none", elinewidth=1.2, **whisker)
        self.labels_ = [
            ax.annotate(_percentage(share), (max(share.total, share.upper), i), **BESIDE)
            for i, share in enumerate(shares)
        ]
        ax.margins(x=0.12)  # room for the longest bar's label
        ax.set_yticks(y, labels=list(labels.values()))
        ax.invert_yaxis()
        ax.set(xlabel="share of the predicted variance", xlim=(0.0, None))
        add_legend(ax, **{**ABOVE, **TO_THE_LEFT})
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _percentage(share: ParameterImportance) -> str:
    return "< 1 %" if share.total < 0.01 else f"{100 * share.total:.0f} %"

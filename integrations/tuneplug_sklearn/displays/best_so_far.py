"""The best score as a function of the number of candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import ArrayLike

from tuneplug_sklearn.displays._matplotlib import (
    FloatArray,
    Keywords,
    add_legend,
    axes_of,
    whole_ticks,
)
from tuneplug_sklearn.displays._results import Results, finite

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BestSoFarDisplay"]

#: Height of the marks of candidates without a score, as a fraction of the axes.
BOTTOM = 0.02


@final
class BestSoFarDisplay:
    """The score of each candidate and the best score so far.

    Prefer ``from_estimator``.

    Parameters
    ----------
    scores : array-like of shape (n,)
        In the order of the candidates; larger is better; NaN for a missing score.
    score_name : str, default "score"
    name : str, default None
        Name of the search in the legend.

    Attributes
    ----------
    best_so_far : ndarray of shape (n,)
        NaN until a candidate has a score.
    ax_, figure_ : matplotlib Axes and Figure
    scatter_ : PathCollection
        One dot for each candidate with a score.
    line_ : Line2D
        The best score so far, as a step function.
    no_score_ : Line2D or None
        Crosses at the bottom for candidates without a score; None if all have a score.

    Examples
    --------
    >>> display = BestSoFarDisplay(scores=[0.7, 0.9, 0.8], name="by hand").plot()
    >>> display.line_.get_ydata()
    array([0.7, 0.9, 0.9])
    """

    def __init__(
        self, *, scores: ArrayLike, score_name: str = "score", name: str | None = None
    ) -> None:
        self.scores = finite(scores)
        self.score_name = score_name
        self.name = name
        self.best_so_far: FloatArray = np.fmax.accumulate(self.scores)

    @classmethod
    def from_estimator(
        cls,
        search: Any,
        *,
        metric: str | None = None,
        name: str | None = None,
        ax: Axes | None = None,
        scatter_kw: Keywords | None = None,
        line_kw: Keywords | None = None,
    ) -> BestSoFarDisplay:
        """Draw a fitted search; pass the ``ax_`` of a display as ``ax`` to compare searches.

        Parameters
        ----------
        search : fitted search
        metric : str, default None
            If None, the only metric, or the one that ``refit`` names.
        name : str, default None
            Name of the search in the legend.  If None, the name of its class.
        ax, scatter_kw, line_kw
            As in ``plot``.

        Raises
        ------
        NotFittedError
            If the search has no ``cv_results_``.
        ValueError
            If the search has no such metric, or if it has several and ``metric`` is None.
        MissingDependencyError
            If matplotlib is not installed.
        """
        found = Results.of(search, metric)
        name = type(search).__name__ if name is None else name
        display = cls(scores=found.scores, score_name=found.score_name, name=name)
        return display.plot(ax, scatter_kw=scatter_kw, line_kw=line_kw)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        name: str | None = None,
        scatter_kw: Keywords | None = None,
        line_kw: Keywords | None = None,
    ) -> BestSoFarDisplay:
        """Draw the data and return the display.

        Parameters
        ----------
        ax : matplotlib Axes, default None
            If None, a new figure is made.
        name : str, default None
            Name in the legend.  If None, that of the display.
        scatter_kw, line_kw : dict, default None
            Passed to ``Axes.scatter`` and ``Axes.step``.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        ax = axes_of(ax, self)
        name = self.name if name is None else name
        rows, lost = np.arange(len(self.scores)), np.isnan(self.scores)
        options = {"where": "post", "label": name, **(line_kw or {})}
        (self.line_,) = ax.step(rows, self.best_so_far, **options)
        color = self.line_.get_color()
        options = {"color": color, "s": 18, "alpha": 0.6, **(scatter_kw or {})}
        self.scatter_ = ax.scatter(rows[~lost], self.scores[~lost], **options)
        self.no_score_ = None
        if lost.any():
            (self.no_score_,) = ax.plot(
                rows[lost],
                np.full(lost.sum(), BOTTOM),
                "x",
                color=color,
                label="no score" if name is None else f"{name}: no score",
                transform=ax.get_xaxis_transform(),
                zorder=6,  # above the legend
            )
        ax.set(xlabel="candidate", ylabel=self.score_name)
        whole_ticks(ax, "x")
        add_legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

"""How a search came to its best score."""

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

#: Where candidates without a score are marked, as a part of the height of the axes.
BOTTOM = 0.02


@final
class BestSoFarDisplay:
    """The score of each candidate, and the best so far.

    It is recommended to use ``from_estimator``.

    Parameters
    ----------
    scores : array-like of shape (n,)
        In the order of the search; larger is better, NaN where there is none.
    score_name : str, default "score"
    name : str, default None
        What the legend calls the search.

    Attributes
    ----------
    best_so_far : ndarray of shape (n,)
        NaN until a candidate has a score.
    ax_, figure_ : matplotlib Axes and Figure
    scatter_ : PathCollection
        A dot for each candidate with a score.
    line_ : Line2D
        The best so far, in steps.
    no_score_ : Line2D or None
        Crosses at the bottom for candidates without a score; None where there are none.

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
        """Draw a fitted search; give the same ``ax`` again to compare searches.

        Parameters
        ----------
        search : fitted search
        metric : str, default None
            None: the only one, or the one that ``refit`` names.
        name : str, default None
            What the legend calls the search; None is the name of its class.
        ax, scatter_kw, line_kw
            As in ``plot``.

        Raises
        ------
        NotFittedError
            If the search has no ``cv_results_``.
        ValueError
            If ``metric`` is not one of the search's, or None where it has to be given.
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
        """Draw, and return the display.

        Parameters
        ----------
        ax : matplotlib Axes, default None
            None makes a new figure.
        name : str, default None
            In the place of the display's own name.
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

"""The fold scores of the best candidates."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import ArrayLike

from tuneplug_sklearn.displays._matplotlib import Keywords, add_legend, axes_of
from tuneplug_sklearn.displays._results import Results, finite

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FoldScoresDisplay"]


@final
class FoldScoresDisplay:
    """The scores of the best candidates: one line for each fold, and the mean.

    Parallel lines mean that the folds agree on which candidate is better.  A fold without a score
    leaves a gap in its line and in the mean.  Prefer ``from_estimator``.

    Parameters
    ----------
    fold_scores : array-like of shape (n, k)
        Candidates in order of rank, best first; NaN if a fold has no score.
    candidates : array-like of shape (n,), default None
        Numbers of the candidates.  If None, 0 to n - 1.
    score_name : str, default "score"

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of k Line2D
    mean_line_ : Line2D

    Examples
    --------
    >>> display = FoldScoresDisplay(fold_scores=[[0.8, 1.0], [0.6, 0.8]], candidates=[4, 1]).plot()
    >>> display.mean_line_.get_ydata()
    array([0.9, 0.7])
    """

    def __init__(
        self,
        *,
        fold_scores: ArrayLike,
        candidates: ArrayLike | None = None,
        score_name: str = "score",
    ) -> None:
        self.fold_scores = finite(fold_scores)
        n = len(self.fold_scores)
        self.candidates = np.arange(n) if candidates is None else np.asarray(candidates)
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls,
        search: Any,
        *,
        metric: str | None = None,
        n_candidates: int = 10,
        ax: Axes | None = None,
        line_kw: Keywords | None = None,
        mean_kw: Keywords | None = None,
    ) -> FoldScoresDisplay:
        """Draw the best candidates of a fitted search.

        Parameters
        ----------
        search : fitted search
        metric : str, default None
            If None, the only metric, or the one that ``refit`` names.
        n_candidates : int, default 10
            Maximum number of candidates to show, best first.
        ax, line_kw, mean_kw
            As in ``plot``.

        Raises
        ------
        NotFittedError
            If the search has no ``cv_results_``.
        ValueError
            If the search has no such metric, if it has several and ``metric`` is None, or if
            ``n_candidates`` is not a positive integer.
        MissingDependencyError
            If matplotlib is not installed.
        """
        found = Results.of(search, metric)
        if not isinstance(n_candidates, numbers.Integral) or n_candidates < 1:
            raise ValueError(
                f"n_candidates must be an integer of at least 1, but got {n_candidates!r}"
            )
        best = np.argsort(found.ranks, kind="stable")[:n_candidates]
        display = cls(
            fold_scores=found.fold_scores[best], candidates=best, score_name=found.score_name
        )
        return display.plot(ax, line_kw=line_kw, mean_kw=mean_kw)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        line_kw: Keywords | None = None,
        mean_kw: Keywords | None = None,
    ) -> FoldScoresDisplay:
        """Draw the data and return the display.

        Parameters
        ----------
        ax : matplotlib Axes, default None
            If None, a new figure is made.
        line_kw, mean_kw : dict, default None
            Passed to ``Axes.plot`` for the folds and for the mean.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        ax = axes_of(ax, self)
        places = np.arange(len(self.candidates))
        self.lines_ = []
        for number, scores in enumerate(self.fold_scores.T):
            options = {
                "marker": "o",
                "markersize": 4,
                "linewidth": 0.8,
                "label": f"fold {number}",
                **(line_kw or {}),
            }
            self.lines_ += ax.plot(places, scores, **options)
        options = {
            "marker": "D",
            "color": "black",
            "linewidth": 2.0,
            "label": "mean",
            **(mean_kw or {}),
        }
        (self.mean_line_,) = ax.plot(places, self.fold_scores.mean(axis=1), **options)
        ax.set_xticks(places, labels=[str(number) for number in self.candidates])
        ax.set(xlabel="candidate, best first", ylabel=self.score_name)
        add_legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

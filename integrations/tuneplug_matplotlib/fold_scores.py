"""The fold scores of the best candidates."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from tuneplug_matplotlib.base import Display
from tuneplug_matplotlib.results import FloatArray, Results, finite
from tuneplug_matplotlib.style import (
    ABOVE,
    Keywords,
    Window,
    add_legend,
    axes_of,
    foreground,
    line_look,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FoldScoresDisplay"]

#: Width of the figure in inches: of the axes' frame, and of each candidate; and its limits.
FRAME, PER_CANDIDATE, NARROWEST, WIDEST = 2.0, 0.55, 6.4, 16.0
#: Minimum distance of the numbers of two folds, as a part of the height.
GAP = 0.045


@final
class FoldScoresDisplay(Display):
    """The scores of the best candidates: one line for each fold, and the mean.

    Parallel lines mean that the folds agree on which candidate is better.  A fold without a score
    leaves a gap in its line and in the mean.  Each line ends at the number of its fold.

    Parameters
    ----------
    results : Results
        With ``fold_values``.
    n_candidates : int, default 10
        Maximum number of candidates to show, best first, and infeasible ones last.

    Attributes
    ----------
    candidates : list of int
        Numbers of the candidates shown.
    fold_scores : ndarray of shape (n, k)
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of k Line2D
    mean_line_ : Line2D
    fold_labels_ : list of Annotation
    arrows_ : Line2D or None
        Marks of fold scores beyond the axis; None if there are none.

    Raises
    ------
    ValueError
        If the results have no folds, or ``n_candidates`` is not a positive integer.

    Examples
    --------
    >>> from tuneplug_matplotlib import Results
    >>> folds = [[0.6, 0.8], [0.8, 1.0]]
    >>> display = FoldScoresDisplay(Results(values=[0.7, 0.9], fold_values=folds)).plot()
    >>> display.mean_line_.get_ydata()
    array([0.9, 0.7])
    """

    def __init__(self, results: Results, *, n_candidates: int = 10) -> None:
        super().__init__(results)
        if results.fold_values is None:
            raise ValueError(
                "results must have the values of folds, as those of a fitted search do: use "
                "from_estimator(search)"
            )
        if not isinstance(n_candidates, numbers.Integral) or n_candidates < 1:
            raise ValueError(
                f"n_candidates must be an integer of at least 1, but got {n_candidates!r}"
            )
        losses = np.where(np.isnan(results.y), np.inf, results.losses)
        infeasible = np.array([kind == "infeasible" for kind in results.kinds], dtype=bool)
        order = np.lexsort((losses, infeasible))
        best = order[:n_candidates]
        self.candidates: list[int] = [results.trials[i] for i in best]
        self.fold_scores: FloatArray = finite(results.fold_values)[best]

    def plot(
        self,
        ax: Axes | None = None,
        *,
        line_kw: Keywords | None = None,
        mean_kw: Keywords | None = None,
    ) -> Self:
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
        n = len(self.candidates)
        width = min(max(NARROWEST, FRAME + PER_CANDIDATE * n), WIDEST)
        ax = axes_of(ax, self, (width, 4.8))
        places = np.arange(n, dtype=np.float64)
        window = Window.of(self.fold_scores.ravel(), self.results.direction)
        self.lines_ = []
        for fold, scores in enumerate(self.fold_scores.T):
            n_folds = self.fold_scores.shape[1]
            label = {"label": f"{n_folds} folds, numbered"} if fold == 0 else {}
            options: dict[str, Any] = {
                "marker": ".",
                "linewidth": 1.0,
                **line_look(ax, fold),
                **label,
                **(line_kw or {}),
            }
            self.lines_ += ax.plot(places, window.clip(scores), **options)
        mean: dict[str, Any] = {
            "color": foreground(ax),
            "linewidth": 2.5,
            "marker": "D",
            "label": "mean",
        }
        means = self.fold_scores.mean(axis=1)
        (self.mean_line_,) = ax.plot(
            places, window.clip(means), **{**mean, "zorder": 3, **(mean_kw or {})}
        )
        places_of_all = np.repeat(places, self.fold_scores.shape[1])
        self.arrows_ = window.mark_beyond(ax, places_of_all, foreground(ax))
        window.limit(ax)
        ax.set_xticks(places, labels=[str(number) for number in self.candidates])
        ax.set(xlabel="candidate, best first", ylabel=plain(self.results.value_name))
        self.fold_labels_ = self._label_folds(ax, window)
        add_legend(ax, **ABOVE)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _label_folds(self, ax: Axes, window: Window) -> list[Any]:
        """Write the number of each fold at the end of its line, apart from each other."""
        low, high = ax.get_ylim()
        last = (window.clip(_last_known(self.fold_scores)) - low) / (high - low)
        folds = [fold for fold in np.argsort(last) if np.isfinite(last[fold])]
        found: list[Any] = []
        for fold, height in zip(folds, _apart(last[folds]), strict=True):
            color = self.lines_[fold].get_color()
            at: dict[str, Any] = {"xycoords": "axes fraction", "va": "center", "size": "small"}
            where = (1.01, height)
            found.append(ax.annotate(str(fold), where, color=color, annotation_clip=False, **at))
        return found


def _apart(heights: FloatArray) -> FloatArray:
    """Return ascending heights in [0, 1], moved apart by ``GAP`` or less."""
    gap = min(GAP, 1.0 / max(len(heights) - 1, 1))
    steps = gap * np.arange(len(heights))
    up = np.maximum.accumulate(heights - steps) + steps
    return np.asarray(np.minimum(up, 1.0 - (steps[-1:] - steps)))


def _last_known(scores: FloatArray) -> FloatArray:
    """Return the last known value of each column; NaN for a column of NaN."""
    rows = len(scores) - 1 - np.argmax(np.isfinite(scores[::-1]), axis=0)
    return np.asarray(scores[rows, np.arange(scores.shape[1])])

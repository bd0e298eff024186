"""Parallel coordinates of all candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import ArrayLike

from tuneplug import SearchSpace
from tuneplug_sklearn.displays._matplotlib import GREY, FloatArray, Keywords, axes_of
from tuneplug_sklearn.displays._results import Results, finite, space_of
from tuneplug_sklearn.displays.axes import labels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ParallelCoordinatesDisplay"]

#: Number of tick labels on a numeric axis, and maximum number on a categorical one.
N_TICKS, N_CATEGORIES = 5, 12
#: Distance of the labels from a vertical axis; vertical axes are 1 apart.
TEXT_GAP = 0.05


@final
class ParallelCoordinatesDisplay:
    """Parallel coordinates of the tried configurations: one line per candidate, colored by score.

    Each parameter has a vertical axis: its unit interval, labeled in the user's units.  The last
    axis is the score.  A line has a gap at a parameter that the configuration lacks.  Lines of
    candidates without a score are gray and end before the last axis.  Prefer ``from_estimator``.

    Parameters
    ----------
    configurations : list of dict
        n configurations of the space, as in ``cv_results_["params"]``.
    scores : array-like of shape (n,)
        Larger is better; NaN for a missing score.
    space : SearchSpace
        The space, with d columns.
    score_name : str, default "score"

    Attributes
    ----------
    heights : ndarray of shape (n, d + 1)
        Heights of the lines on each axis, in [0, 1]; NaN in gaps.
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of n Line2D
    tick_labels_ : list of d + 1 lists of Text
    colorbar_ : Colorbar or None
        None if no candidate has a score.

    Raises
    ------
    ValueError
        If a configuration is not in the space.

    Examples
    --------
    >>> from tuneplug import Float, SearchSpace
    >>> space = SearchSpace({"eta": Float(1e-3, 1.0), "booster": ["gbtree", "dart"]})
    >>> configurations = [{"eta": 1.0, "booster": "dart"}, {"eta": 0.001, "booster": "gbtree"}]
    >>> display = ParallelCoordinatesDisplay(
    ...     configurations=configurations, scores=[0.8, 0.9], space=space
    ... )
    >>> display.plot().heights
    array([[1.  , 0.75, 0.  ],
           [0.  , 0.25, 1.  ]])
    """

    def __init__(
        self,
        *,
        configurations: Sequence[Mapping[str, Any]],
        scores: ArrayLike,
        space: SearchSpace,
        score_name: str = "score",
    ) -> None:
        self.configurations = configurations
        self.scores = finite(scores)
        self.space = space
        self.score_name = score_name
        rows = [space.encode(configuration) for configuration in configurations]
        U = np.reshape(rows, (len(configurations), space.n_dimensions))
        U = np.where(space.active_mask(U), U, np.nan)
        self.heights: FloatArray = np.column_stack([U, self._score_heights(self.scores)])

    @classmethod
    def from_estimator(
        cls,
        search: Any,
        *,
        metric: str | None = None,
        ax: Axes | None = None,
        cmap: Any = None,
        line_kw: Keywords | None = None,
    ) -> ParallelCoordinatesDisplay:
        """Draw a fitted search.

        Parameters
        ----------
        search : fitted search
        metric : str, default None
            If None, the only metric, or the one that ``refit`` names.
        ax, cmap, line_kw
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
        space = space_of(search)
        names = set(space.names)  # scikit-learn's halving adds its resource to the configurations
        configurations = [{k: v for k, v in s.items() if k in names} for s in found.configurations]
        display = cls(
            configurations=configurations,
            scores=found.scores,
            space=space,
            score_name=found.score_name,
        )
        return display.plot(ax, cmap=cmap, line_kw=line_kw)

    def plot(
        self, ax: Axes | None = None, *, cmap: Any = None, line_kw: Keywords | None = None
    ) -> ParallelCoordinatesDisplay:
        """Draw the data and return the display.

        Parameters
        ----------
        ax : matplotlib Axes, default None
            If None, a new figure is made.
        cmap : str or Colormap, default None
            If None, matplotlib's default.
        line_kw : dict, default None
            Passed to ``Axes.plot`` for all lines.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        ax = axes_of(ax, self)
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        low, high = self._score_ends(self.scores)
        colors = ScalarMappable(Normalize(low, high), cmap)
        heights = self.heights[:, -1]
        self.lines_ = []
        for row, score, height in zip(self.heights, self.scores, heights, strict=True):
            lost = np.isnan(score)
            options = {
                "color": GREY if lost else colors.to_rgba(score),
                "zorder": 2.0 if lost else 2.1 + 0.8 * height,  # the best on top
                "marker": ".",
                "linewidth": 1.0,
                **(line_kw or {}),
            }
            self.lines_ += ax.plot(np.arange(len(row)), row, **options)
        self._draw_axes(ax)
        self.colorbar_ = None
        if not np.isnan(self.scores).all():
            self.colorbar_ = ax.figure.colorbar(colors, ax=ax, label=self.score_name)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_axes(self, ax: Axes) -> None:
        labels = [*self.space.column_names, self.score_name]
        ax.vlines(range(len(labels)), 0.0, 1.0, color="black", linewidth=0.8, zorder=1.5)
        at = [self._parameter_ticks(parameter) for parameter in self.space.dimensions]
        style: dict[str, Any] = {"ha": "right", "va": "center", "size": "x-small", "zorder": 3}
        style["bbox"] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5}
        self.tick_labels_ = [
            [ax.text(j - TEXT_GAP, u, text, **style) for u, text in axis]
            for j, axis in enumerate([*at, self._score_ticks()])
        ]
        ax.set_xticks(range(len(labels)), labels=labels)
        ax.set(xlim=(-0.5, len(labels) - 0.5), ylim=(-0.05, 1.05), yticks=[])
        for side in ("left", "right", "top"):
            ax.spines[side].set_visible(False)

    @staticmethod
    def _parameter_ticks(parameter: Any) -> list[tuple[float, str]]:
        u = parameter.levels(N_TICKS)
        u = u[:: 1 + len(u) // N_CATEGORIES]
        return list(zip(u.tolist(), labels_of(parameter.from_unit(u)), strict=True))

    def _score_ticks(self) -> list[tuple[float, str]]:
        if np.isnan(self.scores).all():
            return []
        scores = np.unique(np.linspace(*self._score_ends(self.scores), N_TICKS))
        heights = self._score_heights(scores)
        return list(zip(heights.tolist(), labels_of(scores.tolist()), strict=True))

    @staticmethod
    def _score_ends(scores: FloatArray) -> tuple[float, float]:
        known = scores[~np.isnan(scores)]
        return (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)

    @classmethod
    def _score_heights(cls, scores: FloatArray) -> FloatArray:
        """Return scores scaled to [0, 1] from worst to best; 0.5 if all are equal."""
        low, high = cls._score_ends(scores)
        return (scores - low) / (high - low) if low < high else scores - low + 0.5

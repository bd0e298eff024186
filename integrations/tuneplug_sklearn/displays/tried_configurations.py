"""The tried configurations in two parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import ArrayLike

from tuneplug import SearchSpace
from tuneplug_sklearn.displays._matplotlib import GREY, Keywords, add_legend, axes_of
from tuneplug_sklearn.displays._results import Results, finite, pair_of, space_of
from tuneplug_sklearn.displays.axes import axis_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TriedConfigurationsDisplay"]


@final
class TriedConfigurationsDisplay:
    """Two parameters of the tried configurations, colored by score.

    Each axis has the scaling of its parameter.  Categories are at whole numbers, in the order of
    the space.  Configurations that lack one of the two parameters are left out.  Prefer
    ``from_estimator``.

    Parameters
    ----------
    configurations : list of dict
        n configurations, as in ``cv_results_["params"]``.
    scores : array-like of shape (n,)
        Larger is better; NaN for a missing score.
    space : SearchSpace
    params : pair of str, default None
        The parameters on the axes.  May be None if the space has two.
    score_name : str, default "score"

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    scatter_ : PathCollection
        One dot for each configuration with a score.
    no_score_ : PathCollection or None
        Gray crosses for configurations without a score; None if all have a score.
    best_ : PathCollection or None
        Ring around the best configuration shown; None if no configuration has a score.
    colorbar_ : Colorbar or None
        None if no configuration has a score.

    Raises
    ------
    ValueError
        If ``params`` are not two parameters of the space, or if no configuration has both.

    Examples
    --------
    >>> from tuneplug import Float, Int, SearchSpace
    >>> space = SearchSpace({"eta": Float(1e-3, 1.0), "depth": Int(1, 8)})
    >>> configurations = [{"eta": 0.1, "depth": 3}, {"eta": 0.01, "depth": 6}]
    >>> display = TriedConfigurationsDisplay(
    ...     configurations=configurations, scores=[0.8, 0.9], space=space
    ... ).plot()
    >>> display.ax_.get_xscale(), display.ax_.get_yscale()
    ('log', 'linear')
    """

    def __init__(
        self,
        *,
        configurations: Sequence[Mapping[str, Any]],
        scores: ArrayLike,
        space: SearchSpace,
        params: Sequence[str] | None = None,
        score_name: str = "score",
    ) -> None:
        self.params = pair_of(params, space.names)
        self.configurations = configurations
        self.scores = finite(scores)
        self.space = space
        self.score_name = score_name
        first, second = self.params
        self._shown = [i for i, s in enumerate(configurations) if first in s and second in s]
        if not self._shown:
            raise ValueError(
                "params must be active together in some candidate, but none of "
                f"{len(configurations)} has both {first!r} and {second!r}"
            )

    @classmethod
    def from_estimator(
        cls,
        search: Any,
        *,
        params: Sequence[str] | None = None,
        metric: str | None = None,
        ax: Axes | None = None,
        scatter_kw: Keywords | None = None,
    ) -> TriedConfigurationsDisplay:
        """Draw a fitted search.

        Parameters
        ----------
        search : fitted search
        params : pair of str, default None
            The parameters on the axes.  May be None if the space has two.
        metric : str, default None
            If None, the only metric, or the one that ``refit`` names.
        ax, scatter_kw
            As in ``plot``.

        Raises
        ------
        NotFittedError
            If the search has no ``cv_results_``.
        ValueError
            If the search lacks ``params`` or ``metric``, or if one is None despite a choice.
        MissingDependencyError
            If matplotlib is not installed.
        """
        found = Results.of(search, metric)
        display = cls(
            configurations=found.configurations,
            scores=found.scores,
            space=space_of(search),
            params=params,
            score_name=found.score_name,
        )
        return display.plot(ax, scatter_kw=scatter_kw)

    def plot(
        self, ax: Axes | None = None, *, scatter_kw: Keywords | None = None
    ) -> TriedConfigurationsDisplay:
        """Draw the data and return the display.

        Parameters
        ----------
        ax : matplotlib Axes, default None
            If None, a new figure is made.
        scatter_kw : dict, default None
            Passed to ``Axes.scatter`` for the configurations with a score.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        ax = axes_of(ax, self)
        positions = []
        for which, name in zip("xy", self.params, strict=True):
            values = [self.configurations[i][name] for i in self._shown]
            axis = axis_of(self.space, name, values)
            axis.configure_axis(ax, which)
            positions.append(axis.positions(values))
        (x, y), scores = positions, self.scores[self._shown]
        has = ~np.isnan(scores)
        self.scatter_ = ax.scatter(x[has], y[has], c=scores[has], **(scatter_kw or {}))
        self.no_score_, self.best_, self.colorbar_ = None, None, None
        if not has.all():
            self.no_score_ = ax.scatter(x[~has], y[~has], marker="x", c=GREY, label="no score")
        if has.any():
            best = [int(np.nanargmax(scores))]
            ring = {"s": 120, "facecolors": "none", "edgecolors": "red", "label": "best"}
            self.best_ = ax.scatter(x[best], y[best], **ring)  # type: ignore[arg-type]
            self.colorbar_ = ax.figure.colorbar(self.scatter_, ax=ax, label=self.score_name)
        ax.set(xlabel=self.params[0], ylabel=self.params[1])
        add_legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

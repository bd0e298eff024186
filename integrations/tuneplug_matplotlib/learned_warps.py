"""The learned warps of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, final

from tuneplug import Study
from tuneplug.strategies import BayesianSearch, WarpCurve
from tuneplug_matplotlib.axes import labels_of
from tuneplug_matplotlib.base import Display
from tuneplug_matplotlib.grids import axes_grid, legend_of_grid
from tuneplug_matplotlib.results import Results
from tuneplug_matplotlib.style import (
    GREY,
    Keywords,
    color_of,
    plain,
    short_names,
    wrapped,
)

__all__ = ["LearnedWarpsDisplay"]

#: Number of tick labels on each axes.
N_TICKS = 3
#: Width of one axes in inches, for its title.
SMALL_WIDTH = 2.6


@final
class LearnedWarpsDisplay(Display):
    """The learned warp of each numeric parameter, one axes for each.

    The x axis is the unit interval of the declared scaling, labeled in the user's units.  The y
    axis is the median of the posterior's warps, in a band that contains 90 % of them.  If the band
    includes the dashed line, nothing speaks against the declared scaling.  Small steps matter where
    the curve is steep.  The title states the shape, if there is a clear one.

    Parameters
    ----------
    curves : mapping of str to WarpCurve
        Returned by ``Study.learned_warps()``.  ``from_study``, ``from_storage`` and
        ``from_estimator`` also take ``params``, a list of numeric parameters to show.

    Attributes
    ----------
    axes_ : ndarray of Axes
        One for each curve, in the order of the curves.
    figure_ : matplotlib Figure
    lines_, identities_ : list of Line2D
        The warps and the dashed lines.
    bands_ : list of PolyCollection

    Raises
    ------
    ValueError
        If there are no curves.

    Examples
    --------
    >>> from tuneplug import Float, Study
    >>> study = Study({"x": Float(0.1, 1.0)}, seed=0)
    >>> study.optimize(lambda trial: trial.params["x"] ** 2, 6)
    >>> display = LearnedWarpsDisplay(curves=study.learned_warps()).plot()
    >>> len(display.axes_), display.lines_[0].get_ydata()[[0, -1]]
    (1, array([0., 1.]))
    """

    def __init__(self, *, curves: Mapping[str, WarpCurve]) -> None:
        if not curves:
            raise ValueError("curves must hold at least one learned warp, but got none")
        self.curves = curves

    @classmethod
    def _of(cls, results: Results, *, params: Sequence[str] | None = None, **options: Any) -> Self:
        if results.study is None:
            raise ValueError(
                "learned warps need a Study, or a search with a study_ such as WarpedBayesSearchCV"
            )
        curves = results.study.learned_warps()
        if not curves:
            raise ValueError(f"no warp was learned: {_why_no_warps(results.study)}")
        names = list(curves) if params is None else list(params)
        if not names or not set(names) <= set(curves):
            raise ValueError(f"params must be some of {list(curves)}, but got {params!r}")
        return cls(curves={name: curves[name] for name in names}, **options)

    def plot(
        self,
        ax: Any = None,
        *,
        line_kw: Keywords | None = None,
        band_kw: Keywords | None = None,
    ) -> Self:
        """Draw the data and return the display.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default None
            One for each curve.  If None, a new figure is made.
        line_kw, band_kw : dict, default None
            Passed to ``Axes.plot`` for the warps and to ``Axes.fill_between`` for the bands.

        Raises
        ------
        ValueError
            If the number of axes is not that of the curves.
        MissingDependencyError
            If matplotlib is not installed.
        """
        new = ax is None
        self.axes_ = axes_grid(ax, len(self.curves), self)
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        self.lines_, self.bands_, self.identities_ = [], [], []
        labels = short_names(list(self.curves))
        for ax, (name, curve) in zip(self.axes_, self.curves.items(), strict=True):
            line: dict[str, Any] = {
                "color": color_of(ax, 0),
                "linewidth": 2.0,
                "label": "learned warp",
            }
            self.lines_ += ax.plot(curve.unit, curve.warped, **{**line, **(line_kw or {})})
            band: dict[str, Any] = {
                "color": self.lines_[-1].get_color(),
                "alpha": 0.25,
                "linewidth": 0.0,
            }
            band |= {"label": "90 % of the posterior", **(band_kw or {})}
            self.bands_.append(ax.fill_between(curve.unit, curve.lower, curve.upper, **band))
            declared: dict[str, Any] = {"color": GREY, "zorder": 1, "label": "declared scaling"}
            self.identities_ += ax.plot(curve.unit, curve.unit, "--", **declared)
            at = [round(i * (len(curve.unit) - 1) / (N_TICKS - 1)) for i in range(N_TICKS)]
            ax.set_xticks(curve.unit[at], labels=labels_of([curve.values[i] for i in at]))
            ax.set(xlabel=labels[name], ylabel="warped")
            if curve.shape is not None:
                ax.set_title(wrapped(plain(curve.shape), SMALL_WIDTH), fontsize="medium")
        legend_of_grid(self.axes_, new=new)
        return self


def _why_no_warps(study: Study) -> str:
    """Return why a study has no learned warps."""
    if not study.space.explain_scaling():
        return "the space has no numeric parameter"
    if not isinstance(study.strategy, BayesianSearch):
        return f"strategy {study.strategy.name!r} learns none; use strategy='bayesian'"
    if not study.strategy.warping:
        return "the strategy has warping=False"
    n_scored = sum(trial.value is not None for trial in study.trials)
    return f"only {n_scored} of {len(study.trials)} trials have a value; try more"

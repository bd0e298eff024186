"""The learned warps of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from tuneplug.strategies import WarpCurve
from tuneplug_sklearn.displays._matplotlib import GREY, Keywords, pyplot_for
from tuneplug_sklearn.displays._results import why_no_warps
from tuneplug_sklearn.displays.axes import labels_of

__all__ = ["LearnedWarpsDisplay"]

#: Number of tick labels on each axes.
N_TICKS = 3
#: Number of columns of axes, and their size in inches.
N_COLUMNS, SMALL_WIDTH, SMALL_HEIGHT = 3, 3.2, 3.0


@final
class LearnedWarpsDisplay:
    """The learned warp of each numeric parameter, one axes for each.

    The x axis is the unit interval of the declared scaling, labeled in the user's units.  The y
    axis is the median of the posterior's warps, in a band that contains 90 % of them.  If the band
    includes the dashed line, nothing speaks against the declared scaling.  Small steps matter where
    the curve is steep.  The title states the shape, if there is a clear one.  Prefer
    ``from_estimator``.

    Parameters
    ----------
    curves : mapping of str to WarpCurve
        Returned by ``Study.learned_warps()``.

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
    def from_estimator(
        cls,
        search: Any,
        *,
        params: Sequence[str] | None = None,
        axes: Any = None,
        line_kw: Keywords | None = None,
        band_kw: Keywords | None = None,
    ) -> LearnedWarpsDisplay:
        """Draw the learned warps of a fitted search.

        Parameters
        ----------
        search : fitted WarpedBayesSearchCV
        params : list of str, default None
            Numeric parameters to show.  If None, all.
        axes, line_kw, band_kw
            As in ``plot``.

        Raises
        ------
        NotFittedError
            If the search has no ``cv_results_``.
        ValueError
            If no warp was learned (the message says why), or if one of ``params`` has none.
        MissingDependencyError
            If matplotlib is not installed.
        """
        check_is_fitted(search, "cv_results_")
        study = getattr(search, "study_", None)
        if study is None:
            raise ValueError(
                "learned warps need a search with a study_, such as WarpedBayesSearchCV, "
                f"but got a {type(search).__name__}"
            )
        curves = study.learned_warps()
        if not curves:
            raise ValueError(f"no warp was learned: {why_no_warps(study)}")
        names = list(curves) if params is None else list(params)
        if not names or not set(names) <= set(curves):
            raise ValueError(f"params must be some of {list(curves)}, but got {params!r}")
        display = cls(curves={name: curves[name] for name in names})
        return display.plot(axes, line_kw=line_kw, band_kw=band_kw)

    def plot(
        self,
        axes: Any = None,
        *,
        line_kw: Keywords | None = None,
        band_kw: Keywords | None = None,
    ) -> LearnedWarpsDisplay:
        """Draw the data and return the display.

        Parameters
        ----------
        axes : Axes or array-like of Axes, default None
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
        given = self._grid() if axes is None else np.ravel(np.array(axes, dtype=object))
        if len(given) != len(self.curves):
            raise ValueError(
                f"axes must be one for each of the {len(self.curves)} curves, but got {len(given)}"
            )
        self.axes_, self.figure_ = given, given[0].figure
        self.lines_, self.bands_, self.identities_ = [], [], []
        for ax, (name, curve) in zip(given, self.curves.items(), strict=True):
            self.lines_ += ax.plot(curve.unit, curve.warped, **(line_kw or {}))
            options = {"color": self.lines_[-1].get_color(), "alpha": 0.25, **(band_kw or {})}
            self.bands_.append(ax.fill_between(curve.unit, curve.lower, curve.upper, **options))
            self.identities_ += ax.plot(curve.unit, curve.unit, "--", color=GREY, zorder=1)
            at = np.linspace(0, len(curve.unit) - 1, N_TICKS).astype(int)
            ax.set_xticks(curve.unit[at], labels=labels_of([curve.values[i] for i in at]))
            title = name if curve.shape is None else f"{name}: {curve.shape}"
            ax.set(title=title, xlabel=name, ylabel="warped")
        return self

    def _grid(self) -> NDArray[np.object_]:
        """Return a grid of new axes, one for each curve."""
        n = len(self.curves)
        columns = min(n, N_COLUMNS)
        rows = -(-n // columns)
        size = (columns * SMALL_WIDTH, rows * SMALL_HEIGHT)
        figure = pyplot_for(self).figure(figsize=size, layout="constrained")
        return np.array([figure.add_subplot(rows, columns, i + 1) for i in range(n)])

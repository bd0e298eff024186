"""Searches compared over replications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from tuneplug import Comparison, Study
from tuneplug_matplotlib.results import FloatArray, Results
from tuneplug_matplotlib.style import (
    Keywords,
    Window,
    add_legend,
    axes_of,
    line_look,
    plain,
    whole_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ComparisonDisplay", "MeanCurve"]

#: Confidence level of the bands.
LEVEL = 0.9


@dataclass(frozen=True)
class MeanCurve:
    """The best value so far, averaged over replications.

    Attributes
    ----------
    name : str
    n_replications : int
    mean, lower, upper : ndarray of shape (n,)
        The mean after 1 to n trials, and its bootstrap interval of 90 %.  NaN until every
        replication has a value.
    """

    name: str
    n_replications: int
    mean: FloatArray
    lower: FloatArray
    upper: FloatArray


@final
class ComparisonDisplay:
    """The best value so far of several searches, each averaged over its replications.

    The band is the bootstrap interval of 90 % of the mean.  One replication has no band: it proves
    nothing.  A search is shown as far as its longest replication; shorter ones keep their last
    value.

    Parameters
    ----------
    results : mapping of str to list of Results
        The replications of each search, by its name in the legend.
    seed : int, default 0
        Seed of the bootstrap.

    Attributes
    ----------
    curves : list of MeanCurve
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of Line2D
    bands_ : list of PolyCollection

    Raises
    ------
    ValueError
        If there is no search, a search has no replications, or their directions differ.

    Examples
    --------
    >>> from tuneplug_matplotlib import Results
    >>> runs = {"random": [Results(values=[0.1, 0.3]), Results(values=[0.3, 0.1])]}
    >>> ComparisonDisplay(runs).plot().lines_[0].get_ydata()
    array([0.2, 0.3])
    """

    def __init__(self, results: Mapping[str, Sequence[Results]], *, seed: int = 0) -> None:
        if not results or not all(results.values()):
            raise ValueError("results must hold at least one replication of each search")
        runs = [run for group in results.values() for run in group]
        directions = {run.direction for run in runs}
        if len(directions) > 1:
            raise ValueError(f"searches must have one direction, but got {sorted(directions)}")
        self.direction, self.value_name = runs[0].direction, runs[0].value_name
        self.curves = [_mean_curve(name, group, seed) for name, group in results.items()]

    @classmethod
    def from_comparison(
        cls,
        comparison: Comparison,
        *,
        ax: Axes | None = None,
        line_kw: Keywords | None = None,
        band_kw: Keywords | None = None,
    ) -> Self:
        """Draw what ``compare`` returns; other arguments are those of ``plot``."""
        groups = {
            name: [
                Results(values=row, direction=comparison.direction, value_name="value")
                for row in curves
            ]
            for name, curves in comparison.curves.items()
        }
        return cls(groups, seed=comparison.seed).plot(ax, line_kw=line_kw, band_kw=band_kw)

    @classmethod
    def from_studies(
        cls,
        studies: Mapping[str, Sequence[Study]],
        *,
        ax: Axes | None = None,
        line_kw: Keywords | None = None,
        band_kw: Keywords | None = None,
    ) -> Self:
        """Draw studies, by the name of their search; arguments are those of ``plot``."""
        groups = {name: [Results.from_study(s) for s in group] for name, group in studies.items()}
        return cls(groups).plot(ax, line_kw=line_kw, band_kw=band_kw)

    @classmethod
    def from_estimators(
        cls,
        searches: Mapping[str, Sequence[object]],
        *,
        metric: str | None = None,
        ax: Axes | None = None,
        line_kw: Keywords | None = None,
        band_kw: Keywords | None = None,
    ) -> Self:
        """Draw fitted searches, by their name; arguments are those of ``plot``."""
        groups = {
            name: [Results.from_estimator(search, metric) for search in group]
            for name, group in searches.items()
        }
        return cls(groups).plot(ax, line_kw=line_kw, band_kw=band_kw)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        line_kw: Keywords | None = None,
        band_kw: Keywords | None = None,
    ) -> Self:
        """Draw the data and return the display.

        Parameters
        ----------
        ax : matplotlib Axes, default None
            If None, a new figure is made.
        line_kw, band_kw : dict, default None
            Passed to ``Axes.plot`` and ``Axes.fill_between``.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        ax = axes_of(ax, self)
        ends = [e for c in self.curves for e in (c.mean, c.lower, c.upper)]
        window = Window.of(np.concatenate(ends), self.direction)
        self.lines_, self.bands_ = [], []
        for i, curve in enumerate(self.curves):
            n = np.arange(1, len(curve.mean) + 1)
            label = f"{plain(curve.name)}, mean of {curve.n_replications}"
            line: dict[str, Any] = {**line_look(ax, i), "label": label, **(line_kw or {})}
            self.lines_ += ax.plot(n, curve.mean, **line)
            color = self.lines_[-1].get_color()
            band: dict[str, Any] = {
                "color": color,
                "alpha": 0.2,
                "linewidth": 0.0,
                **(band_kw or {}),
            }
            self.bands_.append(ax.fill_between(n, curve.lower, curve.upper, **band))
        if any(curve.n_replications > 1 for curve in self.curves):
            ax.fill_between([], [], color="0.5", alpha=0.3, label="90 % interval of the mean")
        window.mark_beyond(ax, np.concatenate([np.arange(1, len(e) + 1) for e in ends]), "0.5")
        window.limit(ax)
        ax.set(xlabel="number of trials", ylabel=f"best {plain(self.value_name)} so far")
        whole_ticks(ax, "x")
        add_legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _mean_curve(name: str, group: Sequence[Results], seed: int) -> MeanCurve:
    losses = np.full((len(group), max(map(len, group))), np.nan)
    for row, run in zip(losses, group, strict=True):
        row[: len(run)] = run.complete_losses
    best = group[0].sign * np.fmin.accumulate(losses, axis=1)
    if len(group) == 1:
        return MeanCurve(name, 1, best[0], best[0], best[0])
    comparison = Comparison({name: best}, group[0].direction, seed=seed)
    return MeanCurve(name, len(group), comparison.mean[name], *comparison.band(LEVEL)[name])

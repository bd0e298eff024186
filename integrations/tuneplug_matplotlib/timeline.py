"""When trials ran, and on how many workers."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from tuneplug import Study
from tuneplug_matplotlib.base import Display
from tuneplug_matplotlib.results import Results
from tuneplug_matplotlib.style import (
    ABOVE,
    COLORS,
    GREY,
    Keywords,
    add_legend,
    axes_of,
    foreground,
    whole_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Bar", "TimelineDisplay"]

#: Width of the figure in inches, and its height: of the frame and of each worker.
WIDTH, FRAME, PER_LANE, TALLEST = 9.0, 1.6, 0.42, 14.0
#: Narrowest bar, as a part of the whole time.
NARROWEST = 0.002
#: Largest number of lanes that are all labeled.
MAX_LABELED = 16
#: Color and hatch of trials by their state.
STATES = {
    "complete": (COLORS[0], ""),
    "stopped": (COLORS[1], "///"),
    "failed": (COLORS[5], "xxx"),
}
#: Units of time: seconds, and from how many seconds on it is used.
UNITS = {"hours": (3600.0, 3.0 * 3600.0), "minutes": (60.0, 300.0), "seconds": (1.0, 0.0)}


@dataclass(frozen=True)
class Bar:
    """A trial in the timeline.

    Attributes
    ----------
    trial : int
        Number of the trial.
    lane : int
        The lane, from 0: trials of one lane do not overlap.
    start, end : float
        Seconds since the first trial started.
    state : str
    """

    trial: int
    lane: int
    start: float
    end: float
    state: str


@final
class TimelineDisplay(Display):
    """When each trial ran.

    Each trial is a bar in the first lane that is free, so that there are as many lanes as trials
    ran at once.  A gap between two bars is the time in which a worker waited for a suggestion, or
    for nothing.  Running trials are not shown.

    Parameters
    ----------
    results : Results
        Of a study.

    Attributes
    ----------
    bars : list of Bar
        In the order of their starts.
    busy : float
        Part of the time of all lanes in which trials ran.
    ax_, figure_ : matplotlib Axes and Figure
    bars_ : dict of str to BarContainer
        By state.

    Raises
    ------
    ValueError
        If no trial has a start and an end.
    """

    def __init__(self, results: Results) -> None:
        super().__init__(results)
        self.bars = [] if results.study is None else _bars(results.study)
        if not self.bars:
            raise ValueError("a timeline needs trials with a start and an end, but there are none")
        end = max(bar.end for bar in self.bars)
        n_lanes = 1 + max(bar.lane for bar in self.bars)
        spent = sum(bar.end - bar.start for bar in self.bars)
        self.busy = spent / (end * n_lanes) if end > 0.0 else 1.0

    def plot(self, ax: Axes | None = None, *, bar_kw: Keywords | None = None) -> Self:
        """Draw the data and return the display.

        Parameters
        ----------
        ax : matplotlib Axes, default None
            If None, a new figure is made, whose height is that of its lanes.
        bar_kw : dict, default None
            Passed to ``Axes.barh``.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        n_lanes, end = 1 + max(bar.lane for bar in self.bars), max(bar.end for bar in self.bars)
        height = min(FRAME + PER_LANE * n_lanes, TALLEST)
        ax = axes_of(ax, self, (WIDTH, max(height, 2.4)))
        unit, (scale, _) = next(item for item in UNITS.items() if end >= item[1][1])
        waiting: dict[str, Any] = {"color": GREY, "alpha": 0.25, "height": 0.25, "zorder": 1.0}
        ax.barh(range(n_lanes), end / scale, label="suggesting or waiting", **waiting)
        self.bars_ = {}
        for state, (color, hatch) in STATES.items():
            bars = [bar for bar in self.bars if bar.state == state]
            if not bars:
                continue
            look: dict[str, Any] = {"color": color, "hatch": hatch, "label": state, "height": 0.8}
            look |= {"edgecolor": foreground(ax), "linewidth": 0.0, **(bar_kw or {})}
            lengths = np.array([bar.end - bar.start for bar in bars]) / scale
            lengths = np.maximum(lengths, NARROWEST * end / scale)
            starts = np.array([bar.start for bar in bars]) / scale
            self.bars_[state] = ax.barh([b.lane for b in bars], lengths, left=starts, **look)
        ax.set(xlabel=f"{unit} since the first start", ylabel="worker")
        ax.set(xlim=(0.0, 1.01 * end / scale or 1.0), ylim=(n_lanes - 0.4, -0.6))
        whole_ticks(ax, "y")
        if n_lanes <= MAX_LABELED:
            ax.set_yticks(range(n_lanes))
        add_legend(ax, **ABOVE)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _bars(study: Study) -> list[Bar]:
    """Return the ended trials in lanes; each goes to the first lane that is free."""
    ended = [
        (trial.started, trial.finished, trial)
        for trial in study.trials
        if trial.state.ended and trial.started is not None and trial.finished is not None
    ]
    ended.sort(key=lambda item: (item[0], item[2].number))
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    bars: list[Bar] = []
    for start, finish, trial in ended:
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free) if free else len(busy)
        end = max(start, finish)  # the clock may have been set back
        heapq.heappush(busy, (end, lane))
        first = ended[0][0]
        bars.append(Bar(trial.number, lane, start - first, end - first, trial.state.value))
    return bars

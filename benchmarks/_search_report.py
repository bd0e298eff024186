"""Tables and picture of the finished runs of ``searches.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _clock import PENALTY, counted, time_to
from _report import interval, markdown, plt, save, shown
from _search_classes import RACING, RANDOM, TUNEPLUG
from _search_runs import N_JOBS, Cell, Run
from _tasks import FloatArray

#: Shares of random search's time at which the picture shows the regret.
SHARES = np.linspace(0.0, 2.0, 201)


class Results:
    """Finished runs as arrays of shape (tasks, seeds); missing and failed runs are NaN."""

    def __init__(self, runs: Mapping[Cell, Run], cells: Sequence[Cell]) -> None:
        self.tasks = list(dict.fromkeys(cell.task for cell in cells))
        self.seeds = sorted({cell.seed for cell in cells})
        self._runs = {
            (c.task, c.search, c.seed): runs[c]
            for c in cells
            if c in runs and runs[c].error is None
        }
        self.failed = [runs[c] for c in cells if c in runs and runs[c].error is not None]
        names = dict.fromkeys(cell.search for cell in cells)
        self.searches = [
            n for n in names if any(name == n for _, name, _ in self._runs)
        ]  # without searches that never finished

    def over_all(
        self, name: str, measure: Callable[[Run, Run, tuple[float, float]], float]
    ) -> FloatArray:
        """Return ``measure(run, random's run, (best, median of random))`` of all runs."""
        values = np.full((len(self.tasks), len(self.seeds)), np.nan)
        for i, task in enumerate(self.tasks):
            for j, seed in enumerate(self.seeds):
                run = self._runs.get((task, name, seed))
                random = self._runs.get((task, RANDOM, seed))
                if run is not None and random is not None:
                    values[i, j] = measure(run, random, self._ends(task, seed, random))
        return values

    def _ends(self, task: str, seed: int, random: Run) -> tuple[float, float]:
        """Return the best known score and the median score of random search."""
        every = [r for (t, _, s), r in self._runs.items() if (t, s) == (task, seed)]
        best = max(score for run in every for _, score in run.curve)
        return best, float(np.median([score for _, score in random.curve]))


def regret(score: float, ends: tuple[float, float]) -> float:
    """Return the normalized regret: 0 at the best known score, 1 at random search's median."""
    best, median = ends
    return float(np.clip((best - score) / max(best - median, np.finfo(float).tiny), 0.0, 1.0))


def final_regret(run: Run, _: Run, ends: tuple[float, float]) -> float:
    """Return the regret of a run at its end."""
    return regret(max((score for _, score in run.curve), default=-np.inf), ends)


def _target(random: Run) -> float:
    return max(score for _, score in random.curve)


def share_counted(run: Run, random: Run, _: Any = None) -> float:
    """Return the penalized time to target as a share of random search's time."""
    reached = time_to(run.curve, _target(random))
    return counted(reached, run.seconds, random.seconds) / random.seconds


def share_reached(run: Run, random: Run, _: Any = None) -> float:
    """Return the time to target as a share of random search's time, or NaN if it was missed."""
    reached = time_to(run.curve, _target(random))
    return np.nan if reached is None else reached / random.seconds


def candidates_reached(run: Run, random: Run, _: Any = None) -> float:
    """Return the number of candidates complete at the target, or NaN if it was missed."""
    reached = time_to(run.curve, _target(random))
    return np.nan if reached is None else sum(seconds <= reached for seconds, _ in run.curve)


def geometric(shares: FloatArray) -> str:
    """Format a geometric mean and its interval."""
    logs = np.log(shares)
    if np.isnan(logs).all():
        return "-"
    low, high = np.exp(interval(logs))
    return f"{np.exp(np.nanmean(logs)):.2f} [{low:.2f}, {high:.2f}]"


def time_table(results: Results) -> str:
    """Return the table of all searches, one a row."""
    header = ["search", "reached", "within random's time", "time to target [95 %]"]
    header += ["where reached", "candidates then", "whole search", "regret at the end [95 %]"]
    rows = []
    for name in results.searches:
        shares = results.over_all(name, share_reached)
        there = ~np.isnan(results.over_all(name, share_counted))
        n = int(there.sum())
        candidates = results.over_all(name, candidates_reached)
        whole = results.over_all(name, lambda run, random, _: run.seconds / random.seconds)
        rows.append(
            [
                name,
                f"{int((~np.isnan(shares)).sum())} / {n}",
                f"{int((shares <= 1).sum())} / {n}",
                geometric(results.over_all(name, share_counted)),
                geometric(shares).split(" ")[0],
                "-" if np.isnan(candidates).all() else f"{np.nanmedian(candidates):.0f}",
                geometric(whole).split(" ")[0],
                shown(results.over_all(name, final_regret)),
            ]
        )
    return markdown(header, rows)


def by_task(results: Results) -> str:
    """Return the time to target of each task: the geometric mean, and how many runs reached it."""
    table: dict[str, list[str]] = {task: [] for task in results.tasks}
    for name in results.searches:
        shares, reached = (results.over_all(name, m) for m in (share_counted, share_reached))
        for task, mine, theirs in zip(results.tasks, shares, reached, strict=True):
            n, of = int((~np.isnan(theirs)).sum()), int((~np.isnan(mine)).sum())
            mean = np.exp(np.nanmean(np.log(mine))) if of else np.nan
            table[task].append(f"{mean:.2f} ({n}/{of})" if of else "failed")
    rows = [[task, *cells] for task, cells in table.items()]
    return markdown(["task", *results.searches], rows)


def seconds_table(results: Results) -> str:
    """Return the seconds of whole searches, and of one fit of random search."""
    rows = []
    whole = {n: results.over_all(n, lambda run, *_: run.seconds) for n in results.searches}
    fit = results.over_all(RANDOM, lambda run, *_: N_JOBS * run.seconds / max(run.fits, 1))
    for i, task in enumerate(results.tasks):
        means = [np.nanmean(v[i]) if not np.isnan(v[i]).all() else np.nan for v in whole.values()]
        rows.append([task, f"{np.nanmean(fit[i]):.3f}", *(f"{mean:.1f}" for mean in means)])
    return markdown(["task", "s / fit of random", *results.searches], rows)


def racing_table(results: Results) -> str:
    """Return fits, seconds and regret with racing and without."""
    measures: dict[str, Callable[..., float]] = {
        "fits": lambda run, *_: run.fits,
        "seconds": lambda run, *_: run.seconds,
        "regret": final_regret,
    }
    plain, raced = (
        {key: results.over_all(name, measure) for key, measure in measures.items()}
        for name in (TUNEPLUG, RACING)
    )
    rows = [
        ["fits, without", shown(plain["fits"])],
        ["fits, with racing", shown(raced["fits"])],
        ["fits saved, share", shown(1 - raced["fits"] / plain["fits"])],
        ["seconds, ratio", geometric(raced["seconds"] / plain["seconds"])],
        ["regret at the end, without", shown(plain["regret"])],
        ["regret at the end, with racing", shown(raced["regret"])],
        ["difference in regret", shown(raced["regret"] - plain["regret"], sign=True)],
    ]
    rows = [[name, *_split(text)] for name, text in rows]
    return markdown(["racing", "mean", "95 %"], rows)


def _split(text: str) -> tuple[str, str]:
    mean, _, ends = text.partition(" ")
    return mean, ends


def racing_by_task(results: Results) -> str:
    """Return fits and best scores of each task, with racing and without."""

    def best(name: str) -> FloatArray:
        return results.over_all(name, lambda run, *_: max(score for _, score in run.curve))

    fits = results.over_all(RACING, lambda run, *_: run.fits)
    rows = [
        [task, f"{np.nanmean(n):.0f}", f"{np.nanmean(a):.5f}", f"{np.nanmean(b):.5f}"]
        for task, n, a, b in zip(results.tasks, fits, best(TUNEPLUG), best(RACING), strict=True)
    ]
    return markdown(["task", "fits with racing", "best score without", "with racing"], rows)


def regret_at(run: Run, random: Run, ends: tuple[float, float]) -> FloatArray:
    """Return the regret of a run after each of ``SHARES`` of random search's time."""
    if not run.curve:
        return np.ones(len(SHARES))
    times, scores = np.array(run.curve).T
    values = np.minimum.accumulate([1.0, *(regret(score, ends) for score in scores)])
    index = np.searchsorted(times, SHARES * random.seconds, side="right")
    return np.asarray(values[index])


def draw(results: Results, path: Path) -> None:
    """Draw mean regret against the share of random search's time, with 95 % bands."""
    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for number, name in enumerate(results.searches):
        columns = [
            results.over_all(name, lambda *run, k=k: float(regret_at(*run)[k]))
            for k in range(0, len(SHARES), 4)
        ]
        regrets, shares = np.stack(columns, axis=-1), SHARES[::4]
        low, high = interval(regrets)
        mean = np.nanmean(regrets, axis=(0, 1))
        axis.plot(shares, mean, color=f"C{number}", label=name)
        axis.fill_between(shares, low, high, color=f"C{number}", alpha=0.1, linewidth=0)
    axis.axvline(1.0, color="0.7", linewidth=1)
    axis.set(
        xlabel="wall-clock time, as a share of RandomizedSearchCV's",
        ylabel="mean normalized regret of the best so far",
        yscale="log",
    )
    axis.legend(fontsize="small")
    save(figure, path)


RULE = f"""Time is a share of what RandomizedSearchCV takes for all its candidates in the run of the
same task and seed. *Time to target* is the geometric mean, where a run that never reached the
target counts as {PENALTY:g} times the longer of its own whole time and RandomizedSearchCV's; *where
reached* is that of the others. The row of random search says when it had, unknown to its user,
found what it returns at its end.
"""

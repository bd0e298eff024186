"""Reports of finished runs: regret, bootstrap intervals, markdown tables, matplotlib figures.

Regret arrays have the shape (tasks, seeds, jobs) and hold the best so far after every job. A pair
of task and seed counts if every optimizer has finished it; it is NaN in all arrays otherwise, so
that all means are over the same runs. Intervals resample tasks, and seeds within tasks, alike for
all.
"""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from _runs import Cell, Record
from _tasks import Baseline, FloatArray, Task

RegretArrays = Mapping[str, FloatArray]
Records = Mapping[Cell, Record]

DRAWS = 2000
CHECKPOINTS = (10, 20, 30, 60)
#: Mean regrets that differ by less are a draw.
DRAW = 1e-3
#: Lower end of the logarithmic regret axis.
FLOOR = 1e-4
PACKAGES = (
    "tuneplug optuna torch scikit-optimize botorch smac numpy scipy scikit-learn xgboost lightgbm"
)


# ---------------------------------------------------------------- regret


def baseline(task: Task, records: Records) -> Baseline:
    """Return the baseline of a task.

    If the task has none, the optimum is the best loss of all runs on it, and the random losses are
    those of random search.
    """
    if task.baseline is not None:
        return task.baseline()
    runs = [record for cell, record in records.items() if cell.task == task.name]
    random = [loss for r in runs if r.cell.optimizer == "random" for loss in r.losses]
    if not random:
        raise ValueError(f"{task.name!r} has no known optimum: it needs runs of random search")
    return Baseline(min(min(r.losses) for r in runs), np.sort(np.array(random)))


def collect(
    records: Records, tasks: Sequence[Task], optimizers: Sequence[str], like: Iterable[Cell]
) -> dict[str, FloatArray]:
    """Return the regret array of each optimizer, over the tasks, seeds and jobs of ``like``."""
    cells = [cell for cell in like if cell in records]
    seeds = sorted({cell.seed for cell in cells})
    place = {task.name: i for i, task in enumerate(tasks)}
    rules = {task.name: baseline(task, records) for task in tasks}
    jobs = max((cell.jobs for cell in cells), default=0)
    regret_arrays = {name: np.full((len(tasks), len(seeds), jobs), np.nan) for name in optimizers}
    for cell in cells:
        if cell.task in place and cell.optimizer in regret_arrays:
            losses = tasks[place[cell.task]].rescaled(np.array(records[cell].losses))
            regret = np.minimum.accumulate(rules[cell.task].regret(losses))
            regret_arrays[cell.optimizer][place[cell.task], seeds.index(cell.seed)] = regret
    kept = {name: regrets for name, regrets in regret_arrays.items() if not np.isnan(regrets).all()}
    missing = np.any([np.isnan(regrets) for regrets in kept.values()], axis=0)
    return {name: np.where(missing, np.nan, regrets) for name, regrets in kept.items()}


def seconds(records: Records, cells: Iterable[Cell], optimizer: str) -> float:
    """Return the median over runs of the mean seconds of a run's last ten suggestions.

    The mean counts because some optimizers fit their model only every few suggestions.
    """
    mine = [records[c].seconds[-10:] for c in cells if c.optimizer == optimizer and c in records]
    return float(np.median([np.mean(run) for run in mine]))


# ---------------------------------------------------------------- bootstrap


def resampled(values: FloatArray, draws: int = DRAWS, seed: int = 0) -> FloatArray:
    """Return bootstrap means of values, shape (groups, members, ...), without NaN.

    Groups are drawn with replacement, and members with replacement within each group drawn.  Values
    of one shape with NaN in the same places are drawn alike, which pairs them.
    """
    groups, members = values.shape[:2]
    rng = np.random.default_rng(seed)
    group = rng.integers(groups, size=(draws, groups, 1))
    member = rng.integers(members, size=(draws, groups, members))
    counts = np.zeros((draws, groups, members))
    np.add.at(counts, (np.arange(draws)[:, None, None], group, member), 1.0)
    present = ~np.isnan(values.reshape(groups, members, -1)).any(axis=2)
    counts *= present
    total = counts.sum(axis=(1, 2))
    sums = np.tensordot(counts[total > 0], np.nan_to_num(values), 2)
    return np.asarray((sums.T / total[total > 0]).T)


def interval(values: FloatArray) -> FloatArray:
    """Return the ends of the 95 % bootstrap interval of a mean, shape (2, ...)."""
    return np.asarray(np.quantile(resampled(values), [0.025, 0.975], axis=0))


def shown(values: FloatArray, sign: bool = False) -> str:
    """Return a mean and its interval as text."""
    low, high = interval(values)
    form = "{:+.4f}" if sign else "{:.4f}"
    return f"{form} [{form}, {form}]".format(np.nanmean(values), low, high)


# ---------------------------------------------------------------- tables


def factor(logs: FloatArray) -> str:
    """Return a geometric mean and its interval as text."""
    low, high = np.exp(interval(logs))
    return f"{np.exp(np.nanmean(logs)):.3f} [{low:.3f}, {high:.3f}]"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; all columns but the first are aligned to the right."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def order(regret_arrays: RegretArrays) -> list[str]:
    """Return the optimizers by their mean regret at the end, the best first."""
    return sorted(regret_arrays, key=lambda name: float(np.nanmean(regret_arrays[name][..., -1])))


def checkpoints(jobs: int) -> list[int]:
    """Return the job counts at which tables show the regret."""
    return [*(n for n in CHECKPOINTS if n < jobs), jobs]


def jobs_to_match(regrets: FloatArray, target: float) -> str:
    """Return the first job count with a mean regret of at most the target."""
    reached = np.flatnonzero(np.nanmean(regrets, axis=(0, 1)) <= target)
    return str(reached[0] + 1) if len(reached) else "-"


def won_and_lost(regrets: FloatArray, against: FloatArray) -> str:
    """Return the number of tasks with a lower, and with a higher, mean final regret."""
    there = ~np.isnan(regrets[..., -1]).all(axis=1)
    ahead = np.nanmean((against - regrets)[there][..., -1], axis=1)
    return f"{np.sum(ahead > DRAW)} / {np.sum(ahead < -DRAW)}"


def summary(regret_arrays: RegretArrays, cost: Mapping[str, float], reference: str) -> str:
    """Return the table of all optimizers, one a row."""
    jobs = next(iter(regret_arrays.values())).shape[2]
    *early, last = checkpoints(jobs)
    header = ["optimizer", *(f"regret at {n}" for n in early), f"at {last} [95 %]"]
    header += ["jobs to match random", "s / suggestion"]
    header += [f"tasks better / worse than {reference}"] if reference in regret_arrays else []
    target = (
        float(np.nanmean(regret_arrays["random"][..., -1])) if "random" in regret_arrays else -1.0
    )
    rows = []
    for name in order(regret_arrays):
        regrets = regret_arrays[name]
        row = [
            name,
            *(f"{np.nanmean(regrets[..., n - 1]):.4f}" for n in early),
            shown(regrets[..., -1]),
        ]
        row += [jobs_to_match(regrets, target), f"{cost[name]:.3f}"]
        if reference in regret_arrays:
            row.append("" if name == reference else won_and_lost(regrets, regret_arrays[reference]))
        rows.append(row)
    return markdown(header, rows)


def by_task(regret_arrays: RegretArrays, tasks: Sequence[Task]) -> str:
    """Return the mean final regret of every optimizer on every task, the lowest in bold."""
    rows = []
    for i, task in enumerate(tasks):
        finals = {name: regrets[i, :, -1] for name, regrets in regret_arrays.items()}
        if all(np.isnan(values).all() for values in finals.values()):
            continue
        means = {name: float(np.nanmean(values)) for name, values in finals.items()}
        best = min(means.values())
        text = {name: f"{mean:.4f}" for name, mean in means.items()}
        bold = [f"**{text[n]}**" if m <= best + DRAW else text[n] for n, m in means.items()]
        rows.append([task.name, *bold])
    return markdown(["task", *regret_arrays], rows)


def provenance() -> str:
    """Return the command and the versions behind a result, in markdown."""
    versions = []
    for package in PACKAGES.split():
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    command = shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    system = f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"
    return f"    {command}\n\n{system}; {', '.join(versions)}.\n"


# ---------------------------------------------------------------- pictures


def save(figure: Any, path: Path) -> None:
    """Write a figure and close it."""
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_regret(panels: Mapping[str, RegretArrays], path: Path) -> None:
    """Draw mean regret against jobs, with 95 % bands, one panel for each group of tasks."""
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.5 * len(panels), 4), squeeze=False, layout="constrained"
    )
    for axis, (title, regret_arrays) in zip(axes[0], panels.items(), strict=True):
        for number, (name, regrets) in enumerate(regret_arrays.items()):
            steps = np.arange(1, regrets.shape[2] + 1)
            low, high = np.maximum(interval(regrets), FLOOR)
            mean = np.maximum(np.nanmean(regrets, axis=(0, 1)), FLOOR)
            axis.plot(steps, mean, color=f"C{number}", label=name)
            axis.fill_between(steps, low, high, color=f"C{number}", alpha=0.12, linewidth=0)
        axis.set(title=title, xlabel="jobs", ylabel="mean normalized regret", yscale="log")
    axes[0][0].legend(fontsize="small")
    save(figure, path)

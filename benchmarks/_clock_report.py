"""Report of runs on the clock: shares of time, regret, paired ratios with bootstrap intervals.

Arrays have the shape (tasks, seeds). A pair of task and seed counts if every search of the table
has finished it. Intervals resample tasks, and seeds within tasks, alike for all searches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from _clock import PENALTY
from _clock_runs import ClockRecord, Yardstick
from _clock_searches import SEARCHES
from _report import factor, markdown, provenance, shown
from _runs import Cell
from _tasks import Baseline, FloatArray
from _timed_tasks import TimedTask

Records = Mapping[Cell, ClockRecord]

#: Shares of T at which tables show the regret.
CHECKPOINTS = (0.1, 0.2, 0.5, 1.0)
#: A ninth of the resource is cheap if it costs less than this share of a full fit.
CHEAP = 0.3


@dataclass(frozen=True)
class Rules:
    """What runs are measured by: yardsticks, the search of the ratios, and the clock."""

    yardsticks: dict[TimedTask, Yardstick]
    against: str
    suggestions: bool


@dataclass(frozen=True)
class Scores:
    """Logarithm of the share of T until the target, and regret at the checkpoints (last axis)."""

    share: FloatArray
    regret: FloatArray


# ---------------------------------------------------------------- one run


def curve(record: ClockRecord, full: int, suggestions: bool) -> tuple[FloatArray, FloatArray]:
    """Return the times at which full fits ended, and the best full loss so far."""
    spent = np.cumsum(record.paid)
    if suggestions:
        spent = spent + np.cumsum(record.seconds)
    whole = np.array(record.resources, dtype=int) == full
    return spent[whole], np.minimum.accumulate(np.array(record.losses)[whole])


def score(record: ClockRecord, task: TimedTask, rules: Rules) -> tuple[float, FloatArray]:
    """Return the share of T until the target, and the regret at each checkpoint.

    A target that is not reached within T counts as the penalty. Regret is 1 before the first full
    fit.
    """
    rule = rules.yardsticks[task]
    if not np.isclose(record.budget, rule.budget):
        raise ValueError(
            f"{record.cell} was run with other recorded fits: pass their file, or another --out"
        )
    times, best = curve(record, task.full, rules.suggestions)
    shares = times / rule.budget
    found = shares[(best <= rule.target) & (shares <= 1.0)]
    least = 1.0 / record.cell.jobs
    share = max(float(found[0]), least) if len(found) else PENALTY
    baseline = Baseline(rule.best, rule.losses)
    regret = np.ones(len(CHECKPOINTS))
    for i, checkpoint in enumerate(CHECKPOINTS):
        if len(before := best[shares <= checkpoint]):
            regret[i] = baseline.regret(before[-1:])[0]
    return share, regret


def collect(
    records: Records, tasks: Sequence[TimedTask], names: Sequence[str], rules: Rules
) -> dict[str, Scores]:
    """Return the scores of each search, NaN where one of them has no run."""
    seeds = sorted({cell.seed for cell in records})
    found = {
        name: Scores(
            np.full((len(tasks), len(seeds)), np.nan),
            np.full((len(tasks), len(seeds), len(CHECKPOINTS)), np.nan),
        )
        for name in names
    }
    place = {task.name: i for i, task in enumerate(tasks)}
    for cell, record in records.items():
        if cell.task in place and cell.optimizer in found:
            at = place[cell.task], seeds.index(cell.seed)
            share, regret = score(record, tasks[at[0]], rules)
            found[cell.optimizer].share[at] = np.log(share)
            found[cell.optimizer].regret[at] = regret
    missing = np.any([np.isnan(scores.share) for scores in found.values()], axis=0)
    for scores in found.values():
        scores.share[missing] = np.nan
        scores.regret[missing] = np.nan
    return found


# ---------------------------------------------------------------- tables


def summary(found: Mapping[str, Scores], records: Records, names: set[str], rules: Rules) -> str:
    """Return the table of all searches, the fastest first; ``names`` are those of the tasks."""
    *early, _ = CHECKPOINTS
    header = ["search", "reached", "share of T [95 %]", f"ratio to {rules.against} [95 %]"]
    header += [*(f"regret at {share:g} T" for share in early), "at T [95 %]"]
    header += [f"difference to {rules.against} [95 %]", "fits", "s / suggestion"]
    base = found.get(rules.against)
    rows = []
    for name in sorted(found, key=lambda name: float(np.nanmean(found[name].share))):
        scores, mine = found[name], [r for c, r in records.items() if c.optimizer == name]
        mine = [record for record in mine if record.cell.task in names]
        last = scores.regret[..., -1]
        paired = base is not None and name != rules.against
        there = scores.share[~np.isnan(scores.share)]
        row = [name, f"{np.sum(there < np.log(PENALTY))} / {len(there)}", factor(scores.share)]
        row += [factor(scores.share - base.share) if base and paired else ""]
        row += [f"{np.nanmean(scores.regret[..., i]):.4f}" for i in range(len(early))]
        row += [shown(last)]
        row += [shown(last - base.regret[..., -1], sign=True) if base and paired else ""]
        row += [f"{np.mean([len(r.losses) for r in mine]):.0f}"]
        row += [f"{np.mean([s for r in mine for s in r.seconds]):.3f}"]
        rows.append(row)
    return markdown(header, rows)


def by_task(found: Mapping[str, Scores], tasks: Sequence[TimedTask]) -> str:
    """Return the geometric mean of the share of T for every task and search."""
    rows = []
    for i, task in enumerate(tasks):
        if not all(np.isnan(scores.share[i]).all() for scores in found.values()):
            shares = [np.exp(np.nanmean(scores.share[i])) for scores in found.values()]
            rows.append([task.name, *(f"{share:.2f}" for share in shares)])
    return markdown(["task", *found], rows)


def described(rules: Rules) -> str:
    """Return the table of the tasks and their fits."""
    rows = []
    for task, rule in rules.yardsticks.items():
        ninth = "" if rule.ninth is None else f"{rule.ninth:.0%}"
        spread = np.median(rule.losses)
        rows.append([task.name, f"{rule.budget:.2f}", ninth, f"{rule.target:.4f}"])
        rows[-1] += [f"{spread:.4f}", f"{rule.best:.4f}"]
    header = ["task", "T in seconds", "cost of a ninth", "target", "median loss", "best loss"]
    return markdown(header, rows)


def _groups(rules: Rules) -> dict[str, list[TimedTask]]:
    """Return all tasks, those of which a ninth is cheap, and the others with a resource."""
    ninths = {task: rule.ninth for task, rule in rules.yardsticks.items()}
    cheap = [task for task, ninth in ninths.items() if ninth is not None and ninth < CHEAP]
    costly = [task for task, ninth in ninths.items() if ninth is not None and ninth >= CHEAP]
    groups = {
        "All tasks": list(ninths),
        f"A ninth of the resource costs under {CHEAP:.0%}": cheap,
        f"A ninth of the resource costs {CHEAP:.0%} or more": costly,
    }
    return {title: tasks for title, tasks in groups.items() if tasks}


def report(
    records: Records, rules: Rules, skipped: Mapping[str, str], arguments: Mapping[str, Any]
) -> str:
    """Return all tables, with the arguments and versions behind them."""
    used = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    parts = [f"## Simulated clock\n\n{provenance()}", f"Arguments: {used}.\n"]
    parts += [f"Skipped: {name}: {reason}.\n" for name, reason in skipped.items()]
    names = list(dict.fromkeys(cell.optimizer for cell in records))
    for title, tasks in _groups(rules).items():
        whole = all(task.resource is not None for task in tasks)
        inside = [name for name in names if whole or not SEARCHES[name].uses_resource]
        found = collect(records, tasks, inside, rules)
        there = ~np.isnan(next(iter(found.values())).share)
        if not there.any():
            parts.append(f"### {title}\n\nNo task and seed that every search has finished.\n")
            continue
        runs = f"{int(there.any(axis=1).sum())} tasks, {int(there.sum())} runs of each search"
        table = summary(found, records, {task.name for task in tasks}, rules)
        parts.append(f"### {title}\n\n{runs}.\n\n{table}\n{by_task(found, tasks)}")
    parts.append(f"### The tasks\n\n{described(rules)}")
    return "\n".join(parts)

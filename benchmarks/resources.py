"""Seconds that fewer rows save: searches on many rows, against a simulated clock.

    python benchmarks/resources.py --quick
    python benchmarks/resources.py --data bank_marketing.csv.gz --fits fits.sqlite

Gradient boosting, XGBoost and a neural network. Each fit is a real one, made once on one thread:
its score and its CPU seconds are kept in a file and used again. Random search tries 60
configurations on all rows, with five seeds; the target is the mean of its final scores. The other
searches have the same configurations and rows to choose from, and need a share of its mean time.
``--suggestions`` adds the seconds of suggestions to the clock.

The data is a CSV file whose last column is the class; without one it is generated. For the bank
marketing data of S. Moro, P. Cortez and P. Rita (2014), take "bank-additional-full" from the UCI
repository.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from _clock import PENALTY
from _clock_report import curve
from _clock_runs import ClockRecord, clock_log, simulate
from _clock_searches import (
    FACTOR,
    Request,
    Search,
    cost_aware,
    hyperband,
    multi_fidelity,
    tuneplug,
)
from _recorded_fits import RecordedFits
from _report import factor, markdown, provenance, shown
from _resource_tasks import MODELS, RowsTask, table, tasks
from _runs import Cell, run_all
from _tasks import FloatArray
from _timed_tasks import TimedTask
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

from tuneplug.strategies import BayesianSearch, RandomSearch

RESULTS = Path(__file__).parent / "results"
RANDOM = "random"
#: The first search of each paired ratio, and the one that it is compared with.
PAIRS = (
    ("bayesian, cost-aware", "bayesian"),
    ("multi-fidelity", "bayesian, cost-aware"),
    ("multi-fidelity", "halving"),
)


# ---------------------------------------------------------------- searches


def halving(task: TimedTask, seed: int) -> Search:
    """Make the rounds of ``HalvingRandomSearchCV(min_resources="exhaust")``, again and again.

    The best of the last round is tried on all rows, if it was not.
    """
    rng, levels = np.random.default_rng(seed), task.levels(FACTOR)
    while True:
        left = task.space.sample(task.full // task.least, rng)
        for resource in levels:
            losses = []
            for configuration in left:
                fit = yield Request(configuration, resource)
                losses.append(fit.loss)
            ranked = np.argsort(losses, kind="stable")
            left = [left[i] for i in ranked[: math.ceil(len(left) / FACTOR)]]


SEARCHES: dict[str, Callable[[TimedTask, int], Search]] = {
    RANDOM: tuneplug(lambda _: RandomSearch()),
    "halving": halving,
    "hyperband": tuneplug(hyperband),
    "bayesian": tuneplug(lambda _: BayesianSearch()),
    "bayesian, cost-aware": tuneplug(cost_aware),
    "multi-fidelity": tuneplug(multi_fidelity),
    "multi-fidelity, costs unknown": tuneplug(partial(multi_fidelity, cost_aware=False)),
}


# ---------------------------------------------------------------- runs


@dataclass(frozen=True)
class Target:
    """Mean seconds of random search, and the mean of its final losses."""

    seconds: float
    loss: float


def random_record(task: RowsTask, seed: int, jobs: int, fits: RecordedFits) -> ClockRecord:
    """Run random search for a number of fits."""
    record = ClockRecord(Cell(task.name, RANDOM, seed, jobs), [], [], [], [], 0.0)
    search = SEARCHES[RANDOM](task, seed)
    request = next(search)
    for _ in range(jobs):
        fit = fits.fit(task.name, request.configuration, request.resource, task.loss)
        record.losses.append(fit.loss)
        record.paid.append(fit.seconds)
        record.resources.append(request.resource)
        record.seconds.append(0.0)
        request = search.send(fit)
    return record


def target(records: Sequence[ClockRecord]) -> Target:
    """Return what the other searches have to reach."""
    return Target(
        float(np.mean([sum(record.paid) for record in records])),
        float(np.mean([min(record.losses) for record in records])),
    )


def run_cell(cell: Cell, found: Sequence[RowsTask], path: Path, goal: float) -> ClockRecord:
    """Run a search until it has spent ``goal`` seconds of the clock; random search to its end."""
    task = next(task for task in found if task.name == cell.task)
    with RecordedFits(path) as fits, warnings.catch_warnings(), threadpool_limits(limits=1):
        warnings.simplefilter("ignore")
        table(task.path)  # loaded before the first fit is timed
        if cell.optimizer == RANDOM:
            return random_record(task, cell.seed, cell.jobs, fits)
        search = SEARCHES[cell.optimizer](task, cell.seed)
        return simulate(cell, task, search, goal, fits)


def run(args: argparse.Namespace) -> tuple[dict[Cell, ClockRecord], dict[RowsTask, Target]]:
    """Run the missing cells: random search first, as the others need its target."""
    log = clock_log(args.out / "runs.jsonl")
    chosen = tasks(args.data, args.models)
    goals: dict[RowsTask, Target] = {}
    names = [name for name in SEARCHES if name in args.searches and name != RANDOM]
    wanted = []
    for task in chosen:
        for name in [RANDOM, *names]:
            cells = [Cell(task.name, name, seed, args.jobs) for seed in range(args.seeds)]
            wanted += cells
            budget = args.budget * goals[task].seconds if task in goals else 0.0
            make = partial(run_cell, found=chosen, path=args.fits, goal=budget)
            if not args.report_only:
                run_all(cells, make, log, args.processes)
            known = log.read()
            if name == RANDOM:
                goals[task] = target([known[cell] for cell in cells])
    known = log.read()
    return {cell: known[cell] for cell in wanted if cell in known}, goals


# ---------------------------------------------------------------- tables


@dataclass(frozen=True)
class Result:
    """Share of random search's time until the target, and final loss minus the target's."""

    share: float
    reached: bool
    excess: float


def result(record: ClockRecord, full: int, goal: Target, args: argparse.Namespace) -> Result:
    """Return the result of a run; one that misses the target counts as twice its budget."""
    times, best = curve(record, full, args.suggestions)
    found = times[best <= goal.loss]
    budget = 1.0 if record.cell.optimizer == RANDOM else args.budget
    share = float(found[0]) / goal.seconds if len(found) else PENALTY * budget
    excess = float(best[-1]) - goal.loss if len(best) else math.inf
    return Result(share, bool(len(found)), excess)


Results = Mapping[str, list[Result]]


def results(
    records: Mapping[Cell, ClockRecord], task: RowsTask, goal: Target, args: argparse.Namespace
) -> Results:
    """Return the results of each search on a task, seed by seed."""
    found: dict[str, list[Result]] = {}
    for cell, record in records.items():
        if cell.task == task.name:
            one = result(record, task.full, goal, args)
            found.setdefault(cell.optimizer, []).append(one)
    return found


def _logs(found: Results, name: str) -> FloatArray:
    return np.log([[one.share for one in found[name]]])


def summary(found: Results, records: Mapping[Cell, ClockRecord], task: RowsTask) -> str:
    """Return one row for each search."""
    rows = []
    for name, mine in found.items():
        runs = [r for c, r in records.items() if (c.task, c.optimizer) == (task.name, name)]
        full = np.mean([sum(x == task.full for x in run.resources) for run in runs])
        fits = np.mean([len(run.losses) for run in runs])
        suggestion = np.mean([seconds for run in runs for seconds in run.seconds])
        row = [name, f"{sum(one.reached for one in mine)} / {len(mine)}"]
        row += [shown(np.array([[one.share for one in mine]])), factor(_logs(found, name))]
        row += [shown(np.array([[one.excess for one in mine]]), sign=True)]
        rows.append([*row, f"{full:.0f} of {fits:.0f}", f"{suggestion:.3f}"])
    header = ["search", "reached", "mean share of time [95 %]", "geometric mean [95 %]"]
    header += ["final loss - target [95 %]", "full fits", "s / suggestion"]
    return markdown(header, rows)


def of_a_ninth(task: RowsTask, path: Path) -> str:
    """Return what fits with a ninth of the rows cost, and how well they rank configurations."""
    with RecordedFits(path) as fits:
        pairs = fits.pairs(task.name, task.full // FACTOR**2, task.full)
    if len(pairs) < 2:
        return ""
    cost = sum(small.seconds for small, _ in pairs) / sum(full.seconds for _, full in pairs)
    good = sorted(pairs, key=lambda pair: pair[1].loss)[: len(pairs) // 2 + 1]
    ranks = [spearmanr(*np.transpose([[a.loss, b.loss] for a, b in p]))[0] for p in (pairs, good)]
    return (
        f"A ninth of the rows costs {cost:.0%} of a full fit. Over the {len(pairs)} configurations "
        f"with both, the rank correlation of the losses is {ranks[0]:.2f}; over the better half, "
        f"{ranks[1]:.2f}.\n"
    )


def report(
    records: Mapping[Cell, ClockRecord], goals: Mapping[RowsTask, Target], args: argparse.Namespace
) -> str:
    """Return all tables."""
    parts = [f"## Fewer rows\n\n{provenance()}"]
    ratios: dict[tuple[str, str], list[FloatArray]] = {}
    for task, goal in goals.items():
        found = results(records, task, goal, args)
        title = f"### {task.name}\n\nRandom search: {goal.seconds:.1f} s, loss {goal.loss:.4f}.\n"
        title += of_a_ninth(task, args.fits)
        parts.append(f"{title}\n{summary(found, records, task)}")
        for first, second in PAIRS:
            if first in found and second in found:
                ratio = _logs(found, first) - _logs(found, second)
                ratios.setdefault((first, second), []).append(ratio)
    rows = [
        [f"{first} / {second}", *map(factor, each), factor(np.vstack(each))]
        for (first, second), each in ratios.items()
        if len(each) == len(goals)
    ]
    header = ["ratio of times [95 %]", *(task.model.name for task in goals), "all"]
    return "\n".join([*parts, "### Paired ratios\n", markdown(header, rows)])


# ---------------------------------------------------------------- the command


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; ``--quick`` overrides sizes."""
    parser = argparse.ArgumentParser(description="Seconds that fewer rows save.")
    parser.add_argument("--data", type=Path, help="CSV file whose last column is the class")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--searches", nargs="+", choices=SEARCHES, default=list(SEARCHES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=60, help="fits of random search")
    parser.add_argument(
        "--budget", type=float, default=1.0, help="share of random search's time of the others"
    )
    parser.add_argument(
        "--suggestions", action="store_true", help="the clock also counts suggestions' seconds"
    )
    parser.add_argument("--processes", type=int, default=1, help="runs at once on this machine")
    parser.add_argument("--out", type=Path, help="directory of the results")
    parser.add_argument("--fits", type=Path, help="file of the recorded fits")
    parser.add_argument("--report-only", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one model, 2 seeds, 15 fits")
    args = parser.parse_args(argv)
    if args.quick:
        args.models, args.seeds, args.jobs = args.models[:1], 2, 15
    args.out = args.out or RESULTS / ("resources-quick" if args.quick else "resources")
    args.fits = args.fits or args.out / "fits.sqlite"
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Run the missing cells, then write the tables."""
    args = arguments(argv)
    records, goals = run(args)
    text = report(records, goals, args)
    (args.out / "tables.md").write_text(text, encoding="utf-8")
    print(f"\n{text}\nWritten to {args.out}")


if __name__ == "__main__":
    main()

"""Utilization of a search's workers, and the regret that stale suggestions cost.

    python benchmarks/workers.py --quick
    python benchmarks/workers.py --part busy --workers 2 4 --backends loky threading
    python benchmarks/workers.py --part lag --seeds 3

*busy*: fits only sleep, and log their start and end. The share is the sum of their seconds over
workers times the time from the first start to the last end. Workers are started before. The score
does not depend on the length, which is drawn for each configuration.

*lag*: in sequential runs a suggestion does not see the results of the ``lag`` trials before it, as
in a deterministic search with that many candidates in flight.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import functions
import numpy as np
from _optimizers import Proposal, Random, TunePlug
from _report import Records, checkpoints, collect, markdown, provenance, shown
from _runs import Cell, Record, record_log, run, run_all
from _tasks import Task
from _utilization import DISPATCHERS, busy_cells, busy_run, busy_tables

from tuneplug import SearchSpace

RESULTS = Path(__file__).parent / "results"
PARTS = ("busy", "lag")
LAGS = (0, 1, 3, 7, 15)
RANDOM = "random"

BACKENDS, WORKERS = ("loky", "threading"), (2, 4)
CANDIDATES, MEAN = 24, 0.5

QUICK_CANDIDATES, QUICK_MEAN, QUICK_JOBS, QUICK_SEEDS, QUICK_LAGS = 12, 0.2, 30, 1, (0, 1, 7)
QUICK_TASKS = ("branin", "hartmann-6, skewed", "log-rosenbrock-4, mis-scaled")


# ---------------------------------------------------------------- lag


class Lagged(TunePlug):
    """tuneplug without the results of the latest ``lag`` trials."""

    def __init__(self, space: SearchSpace, seed: int, lag: int) -> None:
        super().__init__(space, seed)
        self.lag = lag

    def ask(self) -> Proposal:
        trial = self.study.ask(lag=min(self.lag, len(self.study.history)))
        return Proposal(trial.params, trial)


@cache
def tasks() -> dict[str, Task]:
    """Return the functions by name."""
    return {task.name: task for task in functions.tasks()}


def lag_name(lag: int) -> str:
    """Return the optimizer name of runs with a lag."""
    return f"lag {lag}"


def lag_run(cell: Cell) -> Record:
    """Run one cell."""
    if cell.optimizer == RANDOM:
        return run(cell, tasks()[cell.task], Random)
    lag = int(cell.optimizer.removeprefix("lag "))
    return run(cell, tasks()[cell.task], partial(Lagged, lag=lag))


def lag_cells(args: argparse.Namespace) -> list[Cell]:
    """Return the cells, lags taking turns."""
    names = [*map(lag_name, args.lags), RANDOM]
    return [
        Cell(task, name, seed, args.jobs)
        for seed in range(args.seeds)
        for task in args.tasks
        for name in names
    ]


def lag_table(records: Records, cells: Sequence[Cell]) -> str:
    """Return regret against lag, and the paired difference to no lag."""
    chosen = [tasks()[name] for name in dict.fromkeys(cell.task for cell in cells)]
    names = list(dict.fromkeys(cell.optimizer for cell in cells))
    regret_arrays = collect(records, chosen, names, cells)
    if not regret_arrays:
        return "No finished runs.\n"
    jobs = next(iter(regret_arrays.values())).shape[2]
    *early, last = checkpoints(jobs)
    base, *_ = regret_arrays
    header = ["lag", *(f"regret at {n}" for n in early), f"at {last} [95 %]"]
    header.append(f"difference to {base} [95 %]")
    rows = []
    for name, regrets in regret_arrays.items():
        row = [
            name.removeprefix("lag "),
            *(f"{np.nanmean(regrets[..., n - 1]):.4f}" for n in early),
        ]
        row.append(shown(regrets[..., -1]))
        difference = regrets[..., -1] - regret_arrays[base][..., -1]
        rows.append([*row, "" if name == base else shown(difference, sign=True)])
    there = ~np.isnan(next(iter(regret_arrays.values()))[..., -1])
    n = f"{int(there.any(axis=1).sum())} functions, {int(there.sum())} runs of each lag.\n\n"
    return n + markdown(header, rows)


# ---------------------------------------------------------------- the command


def report(args: argparse.Namespace, cells: dict[str, list[Cell]], skipped: dict[str, str]) -> None:
    """Write tables.md."""
    text = [f"## Workers\n\n{provenance()}"]
    text += [f"Skipped: {name}: {reason}.\n" for name, reason in skipped.items()]
    for part in args.part:
        records = record_log(args.out / f"{part}.jsonl").read()
        if part == "busy":
            n = f"{args.candidates} candidates, fits of {args.mean:g} s on average"
            text.append(f"### Share of time workers are busy\n\n{n}, {args.busy_seeds} seed(s).\n")
            text.append(busy_tables(records, cells[part]))
        else:
            text.append(f"### What lag costs\n\n{lag_table(records, cells[part])}")
    (args.out / "tables.md").write_text("\n".join(text), encoding="utf-8")
    print("\n{}\nWritten to {}".format("\n".join(text), args.out))


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; ``--quick`` overrides sizes."""
    parser = argparse.ArgumentParser(description="Busy workers, and regret against lag.")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--workers", type=int, nargs="+", default=list(WORKERS))
    parser.add_argument(
        "--dispatchers", nargs="+", choices=list(DISPATCHERS), default=list(DISPATCHERS)
    )
    parser.add_argument("--candidates", type=int, default=CANDIDATES, help="of sleeping fits")
    parser.add_argument("--mean", type=float, default=MEAN, help="seconds of a sleeping fit")
    parser.add_argument("--busy-seeds", type=int, default=1, help="runs of each dispatcher")
    parser.add_argument("--lags", type=int, nargs="+", default=list(LAGS))
    parser.add_argument("--tasks", nargs="+", choices=list(tasks()), default=list(tasks()))
    parser.add_argument("--jobs", type=int, default=60, help="trials of a run with lag")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each lag on a function")
    parser.add_argument("--processes", type=int, default=1, help="runs with lag at once")
    parser.add_argument("--out", type=Path, help="directory of the results")
    parser.add_argument("--quick", action="store_true", help="a small run of under five minutes")
    parser.add_argument(
        "--report-only", action="store_true", help="only make tables of the logged runs"
    )
    args = parser.parse_args(argv)
    if args.quick:
        args.candidates, args.mean, args.lags = QUICK_CANDIDATES, QUICK_MEAN, list(QUICK_LAGS)
        args.jobs, args.seeds, args.tasks = QUICK_JOBS, QUICK_SEEDS, list(QUICK_TASKS)
    args.out = args.out or RESULTS / ("workers-quick" if args.quick else "workers")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Run the missing cells, then write the report."""
    args = arguments(argv)
    busy_part, skipped = busy_cells(args)
    cells = {"busy": busy_part, "lag": lag_cells(args)}
    for name, reason in skipped.items():
        print(f"skipped: {name}: {reason}")
    if not args.report_only:
        if "busy" in args.part:
            run_all(cells["busy"], busy_run, record_log(args.out / "busy.jsonl"))
        if "lag" in args.part:
            run_all(cells["lag"], lag_run, record_log(args.out / "lag.jsonl"), args.processes)
    report(args, cells, skipped)


if __name__ == "__main__":
    main()

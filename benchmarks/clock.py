"""Searches against a simulated clock: what matters is time, not trials.

    python benchmarks/clock.py --quick
    python benchmarks/clock.py --seeds 5
    python benchmarks/clock.py --seeds 5 --against tuneplug-cost --suggestions --report-only

Each fit is a real one, made once: its loss and its seconds are kept in a file and used again. A
search with one worker pays the recorded seconds, until the time T of 60 random full fits is spent.
Runs are appended to ``runs.jsonl`` in the output directory, and an interrupted benchmark resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from _clock_report import Rules, report
from _clock_runs import clock_log, run_cell, yardstick
from _clock_searches import SEARCHES, usable
from _recorded_fits import RecordedFits
from _runs import Cell, run_all
from _timed_tasks import TASKS, TimedTask

RESULTS = Path(__file__).parent / "results"

QUICK_JOBS, QUICK_SEEDS = 15, 1
QUICK_SEARCHES = ("tuneplug", "tuneplug-cost", "random", "halving")
QUICK_TASKS = ("xgboost, diabetes", "mlp, diabetes (max_iter)", "xgboost, cancer (n_estimators)")


# ---------------------------------------------------------------- the command


def plan(tasks: Sequence[TimedTask], searches: Sequence[str], seeds: int, jobs: int) -> list[Cell]:
    """Return the cells, seed by seed; tasks without a resource are for full trials only."""
    return [
        Cell(task.name, name, seed, jobs)
        for seed in range(seeds)
        for task in tasks
        for name in searches
        if task.resource is not None or not SEARCHES[name].uses_resource
    ]


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; ``--quick`` overrides sizes."""
    parser = argparse.ArgumentParser(description="Searches against a simulated clock.")
    parser.add_argument("--tasks", nargs="+", help="only these tasks, by name")
    parser.add_argument("--searches", nargs="+", default=list(SEARCHES), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each search on a task")
    parser.add_argument("--jobs", type=int, default=60, help="random fits whose time is T")
    parser.add_argument("--against", default="tuneplug", help="the search of the paired ratios")
    parser.add_argument(
        "--suggestions", action="store_true", help="the clock also counts suggestions' seconds"
    )
    parser.add_argument("--processes", type=int, default=1, help="runs at once on this machine")
    parser.add_argument("--out", type=Path, help="directory of the results")
    parser.add_argument("--fits", type=Path, help="file of the recorded fits")
    parser.add_argument("--quick", action="store_true", help="a small run of a few minutes")
    parser.add_argument(
        "--report-only", action="store_true", help="only make tables of the logged runs"
    )
    args = parser.parse_args(argv)
    if args.quick:
        args.jobs, args.seeds = QUICK_JOBS, QUICK_SEEDS
        args.tasks = args.tasks or list(QUICK_TASKS)
        if args.searches == list(SEARCHES):
            args.searches = list(QUICK_SEARCHES)
    args.out = args.out or RESULTS / ("clock-quick" if args.quick else "clock")
    args.fits = args.fits or args.out / "fits.sqlite"
    return args


def chosen(names: Sequence[str] | None) -> list[TimedTask]:
    """Return the tasks of these names, or all of them."""
    known = [task.name for task in TASKS]
    if unknown := set(names or []) - set(known):
        raise SystemExit(f"no task is called {sorted(unknown)}: {known}")
    return [task for task in TASKS if names is None or task.name in names]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the missing cells, then write the report."""
    args = arguments(argv)
    tasks = chosen(args.tasks)
    try:
        searches, skipped = usable([*args.searches, args.against])
    except ValueError as error:
        raise SystemExit(str(error)) from None
    if args.against in skipped:
        raise SystemExit(f"--against {args.against}: {skipped[args.against]}")
    for name, reason in skipped.items():
        print(f"skipped: {name}: {reason}")
    cells = plan(tasks, searches, args.seeds, args.jobs)
    log = clock_log(args.out / "runs.jsonl")
    if not args.report_only:
        run_all(cells, partial(run_cell, path=args.fits), log, args.processes)
    found = log.read()
    records = {cell: found[cell] for cell in cells if cell in found}
    with RecordedFits(args.fits) as fits:
        done = {cell.task for cell in records}
        rules = Rules(
            {task: yardstick(task, args.jobs, fits) for task in tasks if task.name in done},
            args.against,
            args.suggestions,
        )
    text = report(records, rules, skipped, vars(args))
    (args.out / "tables.md").write_text(text, encoding="utf-8")
    print(f"\n{text}\nWritten to {args.out}")


if __name__ == "__main__":
    main()

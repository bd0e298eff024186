"""Regret of the best configuration after 10 ... 60 jobs, beside peers in the same run.

    python benchmarks/quality.py --quick
    python benchmarks/quality.py --suite all --seeds 5
    python benchmarks/quality.py --suite functions --workers 1 4 16 --optimizers random tuneplug

Runs are appended to ``runs.jsonl`` in the output directory. An interrupted benchmark resumes from
that file; tables and figures are made from it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import functions
import numpy as np
from _report import (
    Records,
    RegretArrays,
    by_task,
    collect,
    draw_regret,
    markdown,
    order,
    provenance,
    seconds,
    shown,
    summary,
)
from _runs import Cell, Record, record_log, run, run_all
from _tasks import Task
from peers import OPTIMIZERS, catalogue

REFERENCE = "tuneplug"
ALL = "all tasks"
SUITES = ("functions", "models", "steps")
RESULTS = Path(__file__).parent / "results"

QUICK_JOBS, QUICK_SEEDS = 30, 2
QUICK_OPTIMIZERS = ("tuneplug", "random", "optuna-tpe", "optuna-gp", "skopt-gp")
QUICK_TASKS = {
    "functions": ("branin", "hartmann-6, skewed", "levy-8, mis-scaled"),
    "models": ("xgboost, diabetes", "svm, cancer"),
    "steps": ("tree, digits",),
}


@cache
def suite(name: str) -> dict[str, Task]:
    """Return the tasks of a suite by name; import the models only if needed."""
    if name == "functions":
        return {task.name: task for task in functions.tasks()}
    import models

    return {task.name: task for task in models.tasks() if task.family == name}


def _task(name: str) -> Task:
    return next(suite(group)[name] for group in SUITES if name in suite(group))


def run_cell(cell: Cell) -> Record:
    """Run one cell."""
    return run(cell, _task(cell.task), OPTIMIZERS[cell.optimizer].make)


def plan(
    tasks: Sequence[Task], optimizers: Sequence[str], seeds: int, jobs: int, workers: Sequence[int]
) -> tuple[list[Cell], dict[str, str]]:
    """Return the cells, seed by seed, and the reason of each skipped optimizer."""
    cells: list[Cell] = []
    skipped: dict[str, str] = {}
    for k in workers:
        usable, reasons = catalogue(optimizers, k)
        skipped |= {f"{name} with {k} worker(s)": why for name, why in reasons.items()}
        for seed in range(seeds):
            for task in tasks:
                cells += [Cell(task.name, name, seed, jobs, k) for name in usable]
    return cells, skipped


# ---------------------------------------------------------------- the report


def _section(
    title: str, regret_arrays: RegretArrays, records: Records, cells: Sequence[Cell]
) -> str:
    regrets = next(iter(regret_arrays.values()))
    there = ~np.isnan(regrets[..., -1])
    cost = {name: seconds(records, cells, name) for name in regret_arrays}
    runs = f"{int(there.any(axis=1).sum())} tasks, {int(there.sum())} runs of each optimizer"
    return f"### {title}\n\n{runs}.\n\n{summary(regret_arrays, cost, REFERENCE)}"


def _parallel(by_workers: dict[int, RegretArrays]) -> str:
    """Return the final regret with k workers beside that of the fewest, paired run by run."""
    fewest, *more = sorted(by_workers)
    names = [n for n in order(by_workers[fewest]) if all(n in by_workers[k] for k in more)]
    header = ["optimizer", f"{fewest} worker{'s' * (fewest > 1)}"]
    for k in more:
        header += [f"{k} workers", f"difference to {fewest} [95 %]"]
    rows = []
    for name in names:
        base = by_workers[fewest][name][..., -1]
        row = [name, shown(base)]
        for k in more:
            final = by_workers[k][name][..., -1]
            row += [f"{np.nanmean(final):.4f}", shown(final - base, sign=True)]
        rows.append(row)
    return "### Regret at the end against workers\n\n" + markdown(header, rows)


def _groups(tasks: Sequence[Task]) -> dict[str, list[Task]]:
    """Return all tasks, and those of each family if there are several."""
    families = list(dict.fromkeys(task.family for task in tasks))
    groups = {ALL: list(tasks)}
    if len(families) > 1:
        groups |= {f: [task for task in tasks if task.family == f] for f in families}
    return groups


def report(
    out: Path, tasks: Sequence[Task], cells: Sequence[Cell], skipped: dict[str, str]
) -> None:
    """Write tables.md and one picture for each number of workers."""
    records = record_log(out / "runs.jsonl").read()
    names = list(dict.fromkeys(cell.optimizer for cell in cells))
    parts = [f"## Quality\n\n{provenance()}"]
    parts += [f"Skipped: {name}: {reason}.\n" for name, reason in skipped.items()]
    by_workers: dict[int, RegretArrays] = {}
    for k in sorted({cell.workers for cell in cells}):
        mine = [cell for cell in cells if cell.workers == k and cell in records]
        done = [task for task in tasks if any(cell.task == task.name for cell in mine)]
        if not done:
            continue
        with_k = f"{k} worker{'s' * (k > 1)}"
        panels: dict[str, RegretArrays] = {}
        for title, group in _groups(done).items():
            inside = {task.name for task in group}
            chosen = [cell for cell in mine if cell.task in inside]
            panels[title] = collect(records, group, names, chosen)
            parts.append(_section(f"{title}, {with_k}", panels[title], records, chosen))
        by_workers[k] = panels[ALL]
        parts.append(f"### Regret at the end, {with_k}\n\n{by_task(by_workers[k], done)}")
        draw_regret(panels, out / f"regret-{k}-workers.png")
    if len(by_workers) > 1:
        parts.append(_parallel(by_workers))
    text = "\n".join(parts)
    (out / "tables.md").write_text(text, encoding="utf-8")
    print(f"\n{text}\nWritten to {out}")


# ---------------------------------------------------------------- the command


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; ``--quick`` overrides sizes."""
    parser = argparse.ArgumentParser(
        description="Regret after so many jobs, beside peers in the same run."
    )
    parser.add_argument("--suite", nargs="+", choices=[*SUITES, "all"], default=["all"])
    parser.add_argument("--tasks", nargs="+", help="only these tasks of the suites, by name")
    parser.add_argument("--optimizers", nargs="+", default=list(OPTIMIZERS), metavar="NAME")
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=5, help="runs of each optimizer on a task")
    parser.add_argument("--workers", type=int, nargs="+", default=[1], help="trials at once")
    parser.add_argument("--processes", type=int, default=1, help="runs at once on this machine")
    parser.add_argument("--out", type=Path, help="directory of the results")
    parser.add_argument("--quick", action="store_true", help="a small run of under five minutes")
    parser.add_argument(
        "--report-only", action="store_true", help="only make tables of the logged runs"
    )
    args = parser.parse_args(argv)
    args.suite = list(SUITES) if "all" in args.suite else args.suite
    if args.quick:
        args.jobs, args.seeds = QUICK_JOBS, QUICK_SEEDS
        if args.optimizers == list(OPTIMIZERS):
            args.optimizers = list(QUICK_OPTIMIZERS)
        args.tasks = args.tasks or [name for s in args.suite for name in QUICK_TASKS[s]]
    args.optimizers = list(dict.fromkeys([*args.optimizers, "random"]))  # regret is scaled by it
    args.out = args.out or RESULTS / ("quality-quick" if args.quick else "quality")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Run the missing cells, then write the report."""
    args = arguments(argv)
    tasks = [task for name in args.suite for task in suite(name).values()]
    if args.tasks:
        if unknown := set(args.tasks) - {task.name for task in tasks}:
            raise SystemExit(f"no task is called {sorted(unknown)}: {[t.name for t in tasks]}")
        tasks = [task for task in tasks if task.name in args.tasks]
    try:
        cells, skipped = plan(tasks, args.optimizers, args.seeds, args.jobs, args.workers)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    for name, reason in skipped.items():
        print(f"skipped: {name}: {reason}")
    if not args.report_only:
        run_all(cells, run_cell, record_log(args.out / "runs.jsonl"), args.processes)
    report(args.out, tasks, cells, skipped)


if __name__ == "__main__":
    main()

"""Jobs that earlier searches save on related tasks, and cost where they have nothing to say.

    python benchmarks/warm_start.py --quick
    python benchmarks/warm_start.py --seeds 10 --processes 2

Each pair is a task and a related one, the parent, on which a search of 40 jobs has run.  Of a
function, the parent is the function itself; the task has its optimum moved by up to 5 % of each
range, and its values multiplied by 3 with 10 added.  Of a model, the parent is the model on other
data.  The task is searched

- alone;
- with a parent that had the task itself, all losses of it higher by 1 (``identical``);
- with the parent (``transfer``);
- with the parent, its losses shuffled (``transfer``).

Counted are the jobs until a run is as good as the median search alone after 20 jobs.  A run that
is never as good counts with all of its jobs.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import functions
import models
import numpy as np
from _optimizers import TunePlug, forget
from _report import factor, markdown, provenance
from _runs import Cell, Record, record_log, run, run_all
from _tasks import Configuration, FloatArray, Task

from tuneplug import SearchSpace, Study

RESULTS = Path(__file__).parent / "results"
ALONE = "alone"
VARIANTS = (ALONE, "identical", "transfer", "transfer, shuffled")
#: Jobs of a parent, and jobs of the search alone whose level is to be matched.
PARENT_JOBS, MATCHED_JOBS = 40, 20
PARENT_SEED = 1000
#: Change from a function to the task: largest shift of each coordinate, factor, and constant.
SHIFT, SCALE, CONSTANT = 0.05, 3.0, 10.0
#: Constant that the losses of an identical parent are higher by.
OFFSET = 1.0
FUNCTIONS = (
    "branin",
    "hartmann-3",
    "rastrigin-3",
    "ackley-5",
    "hartmann-6",
    "levy-8",
    "hartmann-6, skewed",
    "log-rosenbrock-4, mis-scaled",
)
#: Model, and data of the parent.
MODELS: dict[str, Callable[[], Any]] = {
    "svm, cancer": models.parity,
    "xgboost, cancer": models.parity,
    "lightgbm, parity": models.cancer,
    "random forest, digits": models.cancer,
    "tree, digits": models.wine,
    "logistic regression, digits": models.parity,
}


def moved(task: Task, seed: int) -> Task:
    """Return a function with its optimum moved, and its values scaled."""
    d = task.space.n_dimensions
    shift = np.random.default_rng([seed, 7]).uniform(-SHIFT, SHIFT, d)

    def loss(configuration: Configuration) -> float:
        u = np.abs(task.space.encode(configuration) + shift)
        u = np.where(u > 1.0, 2.0 - u, u)
        return SCALE * task.loss(task.space.decode(u)) + CONSTANT

    return dataclasses.replace(task, loss=loss)


def pair(name: str, seed: int) -> tuple[Task, Task]:
    """Return the task and the parent's task of a pair."""
    classic = {task.name: task for task in functions.tasks()}
    if name in classic:
        return moved(classic[name], seed), classic[name]
    model = next(m for m in (*models.MODELS, *models.STEPS) if m.name == name)
    return model.task(), dataclasses.replace(model, data=MODELS[name]).task()


class WarmStarted(TunePlug):
    """A study with parents as an optimizer of the runs."""

    def __init__(self, space: SearchSpace, seed: int, **arguments: Any) -> None:
        forget()
        self.study = Study(space, seed=seed, **arguments)


@cache
def parent(name: str, seed: int, *, itself: bool) -> Study:
    """Return the finished parent of a pair, on its own task or on that of the pair."""
    task, related = pair(name, seed)
    source = task if itself else related
    study = Study(source.space, seed=PARENT_SEED + seed, n_trials=PARENT_JOBS)
    study.optimize(lambda trial: source.loss(trial.params), PARENT_JOBS)
    return study


def warm_start(cell: Cell) -> dict[str, Any]:
    """Return the arguments of the study of a cell that its variant sets."""
    if cell.optimizer == ALONE:
        return {}
    kind = cell.optimizer.partition(",")[0]
    frame = parent(cell.task, cell.seed, itself=kind == "identical").to_frame()
    if kind == "identical":
        frame["value"] += OFFSET
    elif cell.optimizer != kind:
        frame["value"] = np.random.default_rng(cell.seed).permutation(frame["value"])
    return {"warm_start_from": [frame], "warm_start_type": kind}


def run_cell(cell: Cell) -> Record:
    """Run one cell."""
    make = partial(WarmStarted, n_trials=cell.jobs, **warm_start(cell))
    return run(cell, pair(cell.task, cell.seed)[0], make)


# ---------------------------------------------------------------- the report


def jobs_until(losses: Sequence[float], goal: float) -> int:
    """Return the number of jobs until a loss is at most the goal; all if none is."""
    reached = np.flatnonzero(np.asarray(losses) <= goal)
    return int(reached[0]) + 1 if len(reached) else len(losses)


def job_counts(records: dict[Cell, Record], cells: Sequence[Cell]) -> dict[str, FloatArray]:
    """Return the jobs of each variant, shape (pairs, seeds)."""
    names = list(dict.fromkeys(cell.task for cell in cells))
    seeds = sorted({cell.seed for cell in cells})
    counts = {variant: np.full((len(names), len(seeds)), np.nan) for variant in VARIANTS}
    for row, name in enumerate(names):
        mine = {(c.optimizer, c.seed): records[c].losses for c in cells if c.task == name}
        # A function has another minimum for each seed, but the same values: levels compare.
        goal = np.median([min(mine[ALONE, seed][:MATCHED_JOBS]) for seed in seeds])
        for (variant, seed), losses in mine.items():
            counts[variant][row, seeds.index(seed)] = jobs_until(losses, float(goal))
    return counts


def report(out: Path, cells: Sequence[Cell]) -> None:
    """Write tables.md."""
    records = record_log(out / "runs.jsonl").read()
    complete = [c for c in cells if all(x in records for x in cells if x.task == c.task)]
    if not complete:
        raise SystemExit("no pair has all of its runs yet")
    names = list(dict.fromkeys(cell.task for cell in complete))
    counts = job_counts(records, complete)
    rows = [
        [name, *(f"{counts[variant][row].mean():.1f}" for variant in VARIANTS)]
        for row, name in enumerate(names)
    ]
    rows.append(["mean", *(f"{counts[variant].mean():.1f}" for variant in VARIANTS)])
    logs = [np.log(counts[variant] / counts[ALONE]) for variant in VARIANTS]
    ratios = ["ratio to alone [95 %]", "1", *(factor(log) for log in logs[1:])]
    seeds = len({cell.seed for cell in complete})
    text = (
        f"## Warm start\n\n{provenance()}\n{len(names)} pairs, {seeds} runs each.\n\n"
        + markdown(["jobs", *VARIANTS], [*rows, ratios])
    )
    (out / "tables.md").write_text(text, encoding="utf-8")
    print(f"\n{text}\nWritten to {out}")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the missing cells, then write the report."""
    parser = argparse.ArgumentParser(description="Jobs that earlier searches save or cost.")
    names = [*FUNCTIONS, *MODELS]
    parser.add_argument("--tasks", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=10, help="runs of each variant on a pair")
    parser.add_argument("--processes", type=int, default=1, help="runs at once on this machine")
    parser.add_argument("--out", type=Path, help="directory of the results")
    parser.add_argument("--quick", action="store_true", help="a small run of under five minutes")
    parser.add_argument("--report-only", action="store_true", help="only make the tables")
    args = parser.parse_args(argv)
    if args.quick:
        args.tasks, args.seeds = ["hartmann-6", "ackley-5", "svm, cancer"], 2
    out = args.out or RESULTS / ("warm-start-quick" if args.quick else "warm-start")
    cells = [
        Cell(name, variant, seed, args.jobs)
        for seed in range(args.seeds)
        for name in args.tasks
        for variant in VARIANTS
    ]
    if not args.report_only:
        run_all(cells, run_cell, record_log(out / "runs.jsonl"), args.processes)
    report(out, cells)


if __name__ == "__main__":
    main()

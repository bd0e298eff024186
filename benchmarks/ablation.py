"""Compare variants of the engine on the same tasks, paired by run.

    python benchmarks/ablation.py --seeds 5
    python benchmarks/ablation.py --variants default "no warping" --arena DIRECTORY

A variant is arguments of ``BayesianSearch``, or constants of tuneplug's modules that are replaced
during the run, or both. A constant that a function took as a default argument is not replaced.
A new variant is a new line of ``VARIANTS``.

Tasks are the functions, or the tasks of an arena: a directory with ``tasks.py`` and ``suites.py``.
``reference(task)`` of the first returns the sorted losses of random configurations and the best
known loss; ``SUITES`` of the second maps names to functions that list tasks.
"""

from __future__ import annotations

import argparse
import importlib
import math
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest import mock

import functions
import models
import numpy as np
from _optimizers import Random, TunePlug
from _report import (
    RegretArrays,
    baseline,
    by_task,
    checkpoints,
    collect,
    draw_regret,
    jobs_to_match,
    markdown,
    order,
    provenance,
    shown,
)
from _runs import Cell, Record, record_log, run, run_all
from _tasks import Baseline, FloatArray, Task

from tuneplug import Categorical, Float, Int, SearchSpace
from tuneplug.surrogate.fitting import clear_cache
from tuneplug.surrogate.priors import Prior

RESULTS = Path(__file__).parent / "results"
DEFAULT, RANDOM = "default", "random"


@dataclass(frozen=True)
class Variant:
    """Arguments of BayesianSearch, and values of module constants by their dotted names."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)

    def run(self, cell: Cell, task: Task) -> Record:
        """Run one cell with the constants replaced; fits of other variants are forgotten."""
        clear_cache()
        with ExitStack() as replaced:
            for name, value in self.constants.items():
                replaced.enter_context(mock.patch(name, value))
            return run(cell, task, partial(TunePlug, **self.arguments))


def _vanilla(n_dimensions: int) -> Prior:
    """LogNormal(√2 + ln(d) / 2, √3) (Hvarfner et al., ICML 2024)."""
    center = math.sqrt(2.0) + 0.5 * math.log(max(n_dimensions, 1))
    return Prior(center, math.sqrt(3.0), math.log(0.01), math.log(1e3))


#: Prior that fixes the curvature at a value without effect.
_STRAIGHT = Prior(math.log(0.05), 1.0, math.log(0.05), math.log(0.05) + 1e-9)


def _undiscounted(variance: FloatArray, _: float) -> tuple[FloatArray, FloatArray]:
    return np.zeros_like(variance), np.zeros_like(variance)


VARIANTS = {
    DEFAULT: Variant(),
    "mcmc": Variant({"inference": "mcmc"}),
    "no warping": Variant({"warping": False}),
    "no output curve": Variant(constants={"tuneplug.surrogate.priors.curvature": _STRAIGHT}),
    "mean learned freely": Variant(
        constants={"tuneplug.surrogate.priors.mean": Prior(0.0, 1.0, -5.0, 5.0)}
    ),
    "longer lengthscales": Variant(constants={"tuneplug.surrogate.priors.lengthscale": _vanilla}),
    "no discount": Variant(
        constants={"tuneplug.surrogate.acquisition.log_noise_discount": _undiscounted}
    ),
    "equal losses count fully": Variant(
        constants={"tuneplug.surrogate.hyperparameters.density_weights": np.ones_like}
    ),
    "warps only": Variant(constants={"tuneplug.strategies.bayesian.has_ties": lambda data: False}),
    "no novelty": Variant(
        constants={"tuneplug.strategies.bayesian.fit_novelty": lambda data, gps: None}
    ),
    "no exploration": Variant(
        constants={
            "tuneplug.strategies.plateaus.N_TIED": math.inf,
            "tuneplug.strategies.plateaus.PROMISED": math.inf,
        }
    ),
    "no longer design": Variant(constants={"tuneplug.strategies.bayesian.MAX_DESIGN_SIZE": 0}),
    "n_initial=10": Variant({"n_initial": 10}),
    "no local search": Variant(constants={"tuneplug.surrogate.acquisition_optimizer.N_ROUNDS": 0}),
}


# ---------------------------------------------------------------- tasks


def _arena_space(parameters: Sequence[Mapping[str, Any]]) -> SearchSpace:
    def parameter(p: Mapping[str, Any]) -> Categorical | Float | Int:
        if p["kind"] == "cat":
            return Categorical(p["choices"])
        kind = Int if p["kind"] == "int" else Float
        return kind(p["low"], p["high"], scaling="log" if p["log"] else "linear")

    return SearchSpace({p["name"]: parameter(p) for p in parameters})


def _arena_baseline(arena_tasks: Any, task: Any, plain: Any) -> Baseline:
    """Return the arena's baseline; a mis-scaled task has that of its plain version."""
    _, own = arena_tasks.reference(task)
    random, best = arena_tasks.reference(plain)
    return Baseline(min(float(own), float(best)), random)


def _arena_tasks(path: Path, suite: str) -> list[Task]:
    sys.path.insert(0, str(path))
    arena, suites = importlib.import_module("tasks"), importlib.import_module("suites")
    every = {task.name: task for tasks in suites.SUITES.values() for task in tasks()}

    def as_task(task: Any) -> Task:
        plain = every.get(task.name.removesuffix(":linear"), task)
        known = partial(_arena_baseline, arena, task, plain)
        return Task(task.name, suite, _arena_space(task.space), task, known)

    return [as_task(task) for task in suites.SUITES[suite]()]


@cache
def all_tasks(arena: Path | None, suite: str) -> dict[str, Task]:
    """Return tasks by name: the arena's suite, or models, steps, or else the functions."""
    if arena is not None:
        tasks = _arena_tasks(arena, suite)
    else:
        of_models = [task for task in models.tasks() if task.family == suite]
        tasks = of_models or functions.tasks()
    return {task.name: task for task in tasks}


def run_cell(cell: Cell, arena: Path | None, suite: str) -> Record:
    """Make one run of a variant, or of random search."""
    task = all_tasks(arena, suite)[cell.task]
    if cell.optimizer == RANDOM:
        return run(cell, task, Random)
    return VARIANTS[cell.optimizer].run(cell, task)


# ---------------------------------------------------------------- the report


def table(regret_arrays: RegretArrays, equivalents: Mapping[str, float]) -> str:
    """Return one row per variant; negative differences are better than the default."""
    jobs = next(iter(regret_arrays.values())).shape[2]
    shown_at = checkpoints(jobs)
    header = ["variant", *(f"regret at {n}" for n in shown_at)]
    header += ["random equivalents", "jobs to match random", f"difference to {DEFAULT} [95 %]"]
    target = float(np.nanmean(regret_arrays[RANDOM][..., -1]))
    rows = []
    for name in order(regret_arrays):
        regrets = regret_arrays[name]
        row = [name, *(f"{np.nanmean(regrets[..., n - 1]):.4f}" for n in shown_at)]
        row += [f"{equivalents[name]:.0f}", jobs_to_match(regrets, target)]
        difference = regrets[..., -1] - regret_arrays[DEFAULT][..., -1]
        rows.append([*row, "" if name == DEFAULT else shown(difference, sign=True)])
    return markdown(header, rows)


def random_equivalents(
    records: Mapping[Cell, Record], tasks: Mapping[str, Task], name: str
) -> float:
    """Return the geometric mean of the random equivalents of each run's best loss."""
    rules = {task.name: baseline(task, records) for task in tasks.values()}
    logs = []
    for cell, record in records.items():
        if cell.optimizer == name and cell.task in tasks:
            best = tasks[cell.task].rescaled(np.array([min(record.losses)]))[0]
            logs.append(np.log(rules[cell.task].random_equivalents(float(best))))
    return float(np.exp(np.mean(logs)))


def report(out: Path, tasks: Mapping[str, Task], cells: Sequence[Cell]) -> None:
    """Write tables.md and a picture."""
    stored = record_log(out / "runs.jsonl").read()
    records = {cell: stored[cell] for cell in cells if cell in stored}
    done = [task for name, task in tasks.items() if any(cell.task == name for cell in records)]
    names = list(dict.fromkeys(cell.optimizer for cell in cells))
    regret_arrays = collect(records, done, names, records)
    if missing := {DEFAULT, RANDOM} - set(regret_arrays):
        raise SystemExit(f"no finished runs of {sorted(missing)} to compare with")
    equivalents = {name: random_equivalents(records, tasks, name) for name in regret_arrays}
    there = ~np.isnan(regret_arrays[DEFAULT][..., -1])
    parts = [f"## Ablation\n\n{provenance()}"]
    parts.append(
        f"{int(there.any(axis=1).sum())} tasks, {int(there.sum())} runs of each variant.\n"
    )
    parts += [
        table(regret_arrays, equivalents),
        f"### Regret at the end\n\n{by_task(regret_arrays, done)}",
    ]
    text = "\n".join(parts)
    (out / "tables.md").write_text(text, encoding="utf-8")
    draw_regret({"variants": regret_arrays}, out / "regret.png")
    print(f"\n{text}\nWritten to {out}")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the missing cells, then write the report."""
    parser = argparse.ArgumentParser(description="Variants of the engine, paired run by run.")
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--arena", type=Path, help="directory of other tasks than the functions")
    parser.add_argument("--suite", default="open", help="of the arena, or: models, steps")
    parser.add_argument("--tasks", nargs="+", help="only these tasks, by name")
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=1, help="runs at once on this machine")
    parser.add_argument("--out", type=Path, default=RESULTS / "ablation")
    parser.add_argument(
        "--report-only", action="store_true", help="only make tables of the logged runs"
    )
    args = parser.parse_args(argv)
    tasks = all_tasks(args.arena, args.suite)
    wanted = args.tasks or list(tasks)
    names = dict.fromkeys([DEFAULT, *args.variants, RANDOM])
    cells = [
        Cell(task, name, seed, args.jobs)
        for seed in range(args.seeds)
        for task in wanted
        for name in names
    ]
    if not args.report_only:
        make = partial(run_cell, arena=args.arena, suite=args.suite)
        run_all(cells, make, record_log(args.out / "runs.jsonl"), args.processes)
    report(args.out, {name: tasks[name] for name in wanted}, cells)


if __name__ == "__main__":
    main()

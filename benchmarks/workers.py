"""How busy a search keeps its workers, and what it costs to suggest before results are in.

    python benchmarks/workers.py --quick
    python benchmarks/workers.py --part busy --workers 2 4 --backends loky threading
    python benchmarks/workers.py --part lag --seeds 3

*busy*: fits that only sleep, and note when they began and ended.  The share is the sum of their
seconds over workers times the time from the first beginning to the last end.  Workers have been
started before.  The score says nothing of the length, which is drawn anew for each configuration.

*lag*: sequential runs in which a suggestion does not see the results of the ``lag`` trials before
it, as in a deterministic search with that many candidates in flight.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
import warnings
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import functions
import joblib
import numpy as np
from _optimizers import Proposal, Random, TunePlug
from _report import Records, checkpoints, collect, markdown, provenance, shown
from _runs import Cell, Record, Store, run, run_all
from _tasks import Task
from scipy import stats
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import (
    KFold,
    ParameterSampler,
    RandomizedSearchCV,
    ShuffleSplit,
    cross_val_score,
)

from tuneplug import SearchSpace

RESULTS = Path(__file__).parent / "results"
PARTS = ("busy", "lag")
LAGS = (0, 1, 3, 7, 15)
RANDOM = "random"

BACKENDS, WORKERS, FOLDS, LENGTHS = ("loky", "threading"), (2, 4), (5, 1), ("constant", "varied")
#: Lengths of varied fits, as shares of the mean before they are cut off.
SHORTEST, LONGEST = 0.1, 4.0
CANDIDATES, MEAN = 24, 0.5
X, Y = np.arange(20.0)[:, None], np.zeros(20)

QUICK_CANDIDATES, QUICK_MEAN, QUICK_JOBS, QUICK_SEEDS, QUICK_LAGS = 12, 0.2, 30, 1, (0, 1, 7)
QUICK_TASKS = ("branin", "hartmann-6, skewed", "log-rosenbrock-4, mis-scaled")


# ---------------------------------------------------------------- sleeping fits


class Sleeper(BaseEstimator):
    """Sleeps while it is fitted, and appends its beginning and end to a file."""

    def __init__(
        self, a: float = 0.5, b: float = 0.5, mean: float = 0.5, varied: bool = False, log: str = ""
    ) -> None:
        self.a, self.b, self.mean, self.varied, self.log = a, b, mean, varied, log

    def fit(self, X: Any, y: Any) -> Sleeper:
        start = time.time()
        time.sleep(self.seconds())
        line = (json.dumps([start, time.time()]) + "\n").encode()
        file = os.open(self.log, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
        os.write(file, line)
        os.close(file)
        return self

    def seconds(self) -> float:
        """Return the length: the mean, or exponential, from the configuration and nothing else."""
        if not self.varied:
            return self.mean
        share = random.Random(repr((float(self.a), float(self.b)))).expovariate(1.0)
        return self.mean * min(max(share, SHORTEST), LONGEST)

    def score(self, X: Any, y: Any) -> float:
        return -((self.a - 0.3) ** 2) - (self.b - 0.7) ** 2


class Span(NamedTuple):
    """When a fit began and ended."""

    start: float
    end: float


def busy(spans: Sequence[Span], workers: int) -> float:
    """Return the share of the workers' time that was spent in fits."""
    whole = max(span.end for span in spans) - min(span.start for span in spans)
    return sum(span.end - span.start for span in spans) / (workers * whole)


# ---------------------------------------------------------------- dispatchers


SPACE = {"a": stats.uniform(0, 1), "b": stats.uniform(0, 1)}


class Setup(NamedTuple):
    """What a dispatcher is given."""

    estimator: Any
    candidates: int
    workers: int
    cv: Any
    seed: int

    @property
    def shared(self) -> dict[str, Any]:
        return {
            "n_iter": self.candidates,
            "n_jobs": self.workers,
            "cv": self.cv,
            "random_state": self.seed,
            "refit": False,
        }


def _tuneplug(setup: Setup, **arguments: Any) -> None:
    from tuneplug_sklearn import WarpedBayesSearchCV

    WarpedBayesSearchCV(setup.estimator, SPACE, **setup.shared, **arguments).fit(X, Y)


def _skopt(setup: Setup, *, batch: bool) -> None:
    from skopt import BayesSearchCV

    n_points = setup.workers if batch else 1
    unit = dict.fromkeys(SPACE, (0.0, 1.0))
    BayesSearchCV(setup.estimator, unit, n_points=n_points, **setup.shared).fit(X, Y)


def _random(setup: Setup) -> None:
    RandomizedSearchCV(setup.estimator, SPACE, **setup.shared).fit(X, Y)


def _batches(setup: Setup) -> None:
    """Evaluate as many candidates at once as there are workers, then the next as many."""
    every = list(ParameterSampler(SPACE, setup.candidates, random_state=setup.seed))
    with joblib.Parallel(setup.workers) as parallel:
        for first in range(0, len(every), setup.workers):
            batch = every[first : first + setup.workers]
            fits = product(batch, setup.cv.split(X, Y))
            parallel(joblib.delayed(_one)(setup, params, fold) for params, fold in fits)


def _one(setup: Setup, params: Any, fold: Any) -> None:
    cross_val_score(clone(setup.estimator).set_params(**params), X, Y, cv=[fold])


DISPATCHERS: dict[str, Callable[[Setup], None]] = {
    "tuneplug": _tuneplug,
    "tuneplug, lag=0": partial(_tuneplug, lag=0),
    "tuneplug, arrival": partial(_tuneplug, deterministic=False),
    "skopt, n_points=1": partial(_skopt, batch=False),
    "skopt, n_points=workers": partial(_skopt, batch=True),
    "batches of workers": _batches,
    "random, one batch": _random,
}


def obstacle(name: str) -> str | None:
    """Say why a dispatcher cannot run here; None if it can."""
    return "not installed: skopt" if "skopt" in name and find_spec("skopt") is None else None


class Scene(NamedTuple):
    """The kind of fits, and of workers, in the name of a run's task."""

    backend: str
    folds: int
    lengths: str
    mean: float

    def __str__(self) -> str:
        return f"{self.backend}, cv {self.folds}, {self.lengths}, {self.mean:g} s"

    @classmethod
    def named(cls, name: str) -> Scene:
        backend, folds, lengths, mean = name.split(", ")
        return cls(backend, int(folds.removeprefix("cv ")), lengths, float(mean.removesuffix(" s")))


def busy_run(cell: Cell) -> Record:
    """Make one run: its loss is the share of time that workers had nothing to do."""
    scene = Scene.named(cell.task)
    cv = KFold(scene.folds) if scene.folds > 1 else ShuffleSplit(1, random_state=0)
    dispatch = DISPATCHERS[cell.optimizer]
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start_up, log = (str(Path(folder) / name) for name in ("start-up", "log"))
        sleeper = Sleeper(mean=0.05, log=start_up)
        with joblib.parallel_config(backend=scene.backend):
            dispatch(Setup(sleeper, cell.workers, cell.workers, KFold(2), cell.seed))
            sleeper = Sleeper(mean=scene.mean, varied=scene.lengths == "varied", log=log)
            dispatch(Setup(sleeper, cell.jobs, cell.workers, cv, cell.seed))
        spans = [Span(*json.loads(line)) for line in Path(log).read_text().splitlines()]
    lengths = [round(span.end - span.start, 4) for span in spans]
    return Record(cell, [round(1 - busy(spans, cell.workers), 5)], lengths)


def busy_cells(args: argparse.Namespace) -> tuple[list[Cell], dict[str, str]]:
    """Return all runs, dispatchers taking turns, and which are left out, and why."""
    obstacles = {name: obstacle(name) for name in DISPATCHERS}
    skipped = {name: why for name, why in obstacles.items() if why is not None}
    scenes = [Scene(*key, args.mean) for key in product(args.backends, FOLDS, LENGTHS)]
    cells = [
        Cell(str(scene), name, seed, args.candidates, workers)
        for seed in range(args.busy_seeds)
        for workers in args.workers
        for scene in scenes
        for name in DISPATCHERS
        if name not in skipped
    ]
    return cells, skipped


def busy_tables(records: Records, cells: Sequence[Cell]) -> str:
    """Return a table for each backend, one dispatcher a row."""
    parts = []
    names = list(dict.fromkeys(cell.optimizer for cell in cells))
    for backend in dict.fromkeys(Scene.named(cell.task).backend for cell in cells):
        mine = [cell for cell in cells if Scene.named(cell.task).backend == backend]
        columns = list(dict.fromkeys((cell.workers, cell.task) for cell in mine))
        header = ["dispatcher"]
        for workers, task in columns:
            scene = Scene.named(task)
            header.append(f"{workers} workers, cv {scene.folds}, {scene.lengths}")
        rows = []
        for name in names:
            row = [name]
            for column in columns:
                shares = [
                    1 - records[cell].losses[0]
                    for cell in mine
                    if (cell.workers, cell.task) == column
                    and cell.optimizer == name
                    and cell in records
                ]
                row.append(f"{np.mean(shares):.0%}" if shares else "no finished run")
            rows.append(row)
        parts.append(f"Backend {backend}:\n\n{markdown(header, rows)}")
    return "\n".join(parts)


# ---------------------------------------------------------------- lag


class Lagged(TunePlug):
    """tuneplug, blind to the results of the latest trials."""

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
    """Return the name under which runs with a lag are kept."""
    return f"lag {lag}"


def lag_run(cell: Cell) -> Record:
    """Make one run."""
    if cell.optimizer == RANDOM:
        return run(cell, tasks()[cell.task], Random)
    lag = int(cell.optimizer.removeprefix("lag "))
    return run(cell, tasks()[cell.task], partial(Lagged, lag=lag))


def lag_cells(args: argparse.Namespace) -> list[Cell]:
    """Return all runs, lags taking turns."""
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
    cubes = collect(records, chosen, names, cells)
    if not cubes:
        return "No finished runs.\n"
    jobs = next(iter(cubes.values())).shape[2]
    *early, last = checkpoints(jobs)
    base, *_ = cubes
    header = ["lag", *(f"regret at {n}" for n in early), f"at {last} [95 %]"]
    header.append(f"difference to {base} [95 %]")
    rows = []
    for name, cube in cubes.items():
        row = [name.removeprefix("lag "), *(f"{np.nanmean(cube[..., n - 1]):.4f}" for n in early)]
        row.append(shown(cube[..., -1]))
        difference = cube[..., -1] - cubes[base][..., -1]
        rows.append([*row, "" if name == base else shown(difference, sign=True)])
    there = ~np.isnan(next(iter(cubes.values()))[..., -1])
    n = f"{int(there.any(axis=1).sum())} functions, {int(there.sum())} runs of each lag.\n\n"
    return n + markdown(header, rows)


# ---------------------------------------------------------------- the command


def report(args: argparse.Namespace, cells: dict[str, list[Cell]], skipped: dict[str, str]) -> None:
    """Write tables.md."""
    text = [f"## Workers\n\n{provenance()}"]
    text += [f"Skipped: {name}: {reason}.\n" for name, reason in skipped.items()]
    for part in args.part:
        records = Store(args.out / f"{part}.jsonl").records()
        if part == "busy":
            n = f"{args.candidates} candidates, fits of {args.mean:g} s on average"
            text.append(f"### Share of time workers are busy\n\n{n}, {args.busy_seeds} seed(s).\n")
            text.append(busy_tables(records, cells[part]))
        else:
            text.append(f"### What lag costs\n\n{lag_table(records, cells[part])}")
    (args.out / "tables.md").write_text("\n".join(text), encoding="utf-8")
    print("\n{}\nWritten to {}".format("\n".join(text), args.out))


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; ``--quick`` replaces what it is quick by."""
    parser = argparse.ArgumentParser(description="Busy workers, and regret against lag.")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--workers", type=int, nargs="+", default=list(WORKERS))
    parser.add_argument("--candidates", type=int, default=CANDIDATES, help="of sleeping fits")
    parser.add_argument("--mean", type=float, default=MEAN, help="seconds of a sleeping fit")
    parser.add_argument("--busy-seeds", type=int, default=1, help="runs of each dispatcher")
    parser.add_argument("--lags", type=int, nargs="+", default=list(LAGS))
    parser.add_argument("--tasks", nargs="+", choices=list(tasks()), default=list(tasks()))
    parser.add_argument("--jobs", type=int, default=60, help="trials of a run with lag")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each lag on a function")
    parser.add_argument("--processes", type=int, default=1, help="runs with lag at once")
    parser.add_argument("--out", type=Path, help="directory of the results")
    parser.add_argument("--quick", action="store_true", help="a look in under five minutes")
    parser.add_argument("--report-only", action="store_true", help="tables of what is there")
    args = parser.parse_args(argv)
    if args.quick:
        args.candidates, args.mean, args.lags = QUICK_CANDIDATES, QUICK_MEAN, list(QUICK_LAGS)
        args.jobs, args.seeds, args.tasks = QUICK_JOBS, QUICK_SEEDS, list(QUICK_TASKS)
    args.out = args.out or RESULTS / ("workers-quick" if args.quick else "workers")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Make the missing runs, then the report."""
    args = arguments(argv)
    busy_part, skipped = busy_cells(args)
    cells = {"busy": busy_part, "lag": lag_cells(args)}
    for name, reason in skipped.items():
        print(f"skipped: {name}: {reason}")
    if not args.report_only:
        if "busy" in args.part:
            run_all(cells["busy"], busy_run, Store(args.out / "busy.jsonl"))
        if "lag" in args.part:
            run_all(cells["lag"], lag_run, Store(args.out / "lag.jsonl"), args.processes)
    report(args, cells, skipped)


if __name__ == "__main__":
    main()

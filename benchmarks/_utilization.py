"""Utilization of workers: fits that sleep, dispatchers that run them, runs and their table."""

from __future__ import annotations

import argparse
import json
import os
import random
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import joblib
import numpy as np
from _report import Records, markdown
from _runs import Cell, Record
from scipy import stats
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import (
    KFold,
    ParameterSampler,
    RandomizedSearchCV,
    ShuffleSplit,
    cross_val_score,
)

FOLDS, LENGTHS = (5, 1), ("constant", "varied")
#: Bounds of varied lengths, as shares of the mean.
SHORTEST, LONGEST = 0.1, 4.0
X, Y = np.arange(20.0)[:, None], np.zeros(20)


# ---------------------------------------------------------------- sleeping fits


class Sleeper(BaseEstimator):
    """Estimator whose ``fit`` sleeps and logs its start and end."""

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
        """Return the length: the mean, or an exponential draw seeded by the configuration."""
        if not self.varied:
            return self.mean
        share = random.Random(repr((float(self.a), float(self.b)))).expovariate(1.0)
        return self.mean * min(max(share, SHORTEST), LONGEST)

    def score(self, X: Any, y: Any) -> float:
        return -((self.a - 0.3) ** 2) - (self.b - 0.7) ** 2


class Span(NamedTuple):
    """Start and end of a fit."""

    start: float
    end: float


def busy(spans: Sequence[Span], workers: int) -> float:
    """Return the share of the workers' time that was spent in fits."""
    whole = max(span.end for span in spans) - min(span.start for span in spans)
    return sum(span.end - span.start for span in spans) / (workers * whole)


# ---------------------------------------------------------------- dispatchers


SPACE = {"a": stats.uniform(0, 1), "b": stats.uniform(0, 1)}


class Setup(NamedTuple):
    """Arguments of a dispatcher."""

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
    """Evaluate candidates in batches of the number of workers."""
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
    "tuneplug, arrival": partial(_tuneplug, lag=None),
    "tuneplug, timeout": partial(_tuneplug, timeout=3600.0),
    "skopt, n_points=1": partial(_skopt, batch=False),
    "skopt, n_points=workers": partial(_skopt, batch=True),
    "batches of workers": _batches,
    "random, one batch": _random,
}


def unavailable_reason(name: str) -> str | None:
    """Return why a dispatcher cannot run here, or None if it can."""
    return "not installed: skopt" if "skopt" in name and find_spec("skopt") is None else None


class Scene(NamedTuple):
    """Kind of fits and workers, encoded in the task name of a run."""

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
    """Run a dispatcher; the loss is the share of time in which workers were idle."""
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
    """Return the cells, dispatchers taking turns, and the reason of each skipped one."""
    reasons = {name: unavailable_reason(name) for name in args.dispatchers}
    skipped = {name: why for name, why in reasons.items() if why is not None}
    scenes = [Scene(*key, args.mean) for key in product(args.backends, FOLDS, LENGTHS)]
    cells = [
        Cell(str(scene), name, seed, args.candidates, workers)
        for seed in range(args.busy_seeds)
        for workers in args.workers
        for scene in scenes
        for name in args.dispatchers
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

"""Run one search per process, and log the outcome."""

from __future__ import annotations

import json
import multiprocessing
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from _clock import Stamp, TimestampedScorer, curve
from _log import ResultLog
from _search_classes import SEARCHES
from _search_tasks import TASKS, distributions
from models import Model
from sklearn.base import clone, is_classifier
from sklearn.metrics import get_scorer, log_loss, make_scorer
from sklearn.model_selection import KFold, StratifiedKFold

N_JOBS, FOLDS = 2, 5
#: Time limit of one run, in seconds.
LIMIT = 600.0


def scorer_of(task: Model) -> Any:
    """Return the scorer of a task; its log loss accepts folds that lack a class."""
    if task.scoring != "neg_log_loss":
        return get_scorer(task.scoring)
    labels = np.unique(task.data()[1])
    return make_scorer(
        log_loss, greater_is_better=False, response_method="predict_proba", labels=labels
    )


class Cell(NamedTuple):
    """Key of one run."""

    task: str
    search: str
    seed: int
    candidates: int


@dataclass(frozen=True)
class Run:
    """Outcome of one run.

    Attributes
    ----------
    seconds : float
        Duration of ``fit``.
    fits : int
        Number of scored folds.
    best : float
        ``best_score_`` of the search.
    curve : sequence of pairs
        Seconds since the start and mean score of each candidate.
    error : str or None
        Reason of a failure; the other fields then keep their defaults.
    """

    cell: Cell
    seconds: float = 0.0
    fits: int = 0
    best: float = -np.inf
    curve: Sequence[Sequence[float]] = ()
    error: str | None = None


def run_log(path: Path) -> ResultLog[Cell, Run]:
    """Return the log of a file; failed runs are run again."""
    return ResultLog(path, Cell, Run, finished=lambda run: run.error is None)


def run_here(cell: Cell) -> Run:
    """Run one search in this process, which should not have started worker pools before."""
    task = TASKS[cell.task]
    X, y = task.data()
    kind = StratifiedKFold if is_classifier(task.estimator) else KFold
    folds = kind(FOLDS, shuffle=True, random_state=cell.seed)
    scorer, space = scorer_of(task), distributions(task.parameters)
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scorer(clone(task.estimator).fit(X, y), X, y)
        path = Path(folder) / "stamps"
        search = SEARCHES[cell.search].make(
            task.estimator,
            space,
            cell.candidates,
            scoring=TimestampedScorer(scorer, path, list(space)),
            n_jobs=N_JOBS,
            cv=folds,
            random_state=cell.seed,
            refit=False,
        )
        start = time.time()
        search.fit(X, y)
        seconds = time.time() - start
        stamps = [Stamp(*json.loads(line)) for line in path.read_text().splitlines()]
    found = curve(stamps, FOLDS, len(y) // FOLDS, start)
    best = float(search.best_score_)
    return Run(cell, round(seconds, 4), len(stamps), best, found)


def _send(cell: Cell, pipe: Any) -> None:
    try:
        run = run_here(cell)
    except Exception as error:  # noqa: BLE001 - the error is logged, the other runs go on
        run = Run(cell, error=f"{type(error).__name__}: {error}".splitlines()[0][:200])
    pipe.send(run)
    for worker in multiprocessing.active_children():  # worker pools outlive the search
        worker.terminate()


def run_apart(cell: Cell) -> Run:
    """Run one search in a new process."""
    known = multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("fork" if "fork" in known else "spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(cell, sender))
    process.start()
    sender.close()
    try:
        if not receiver.poll(LIMIT):
            return Run(cell, error=f"took longer than {LIMIT:.0f} s")
        return receiver.recv()  # type: ignore[no-any-return]
    except EOFError:
        return Run(cell, error="its process died")
    finally:
        process.join(10)
        process.kill()


def run_all(cells: Sequence[Cell], path: Path, make: Callable[[Cell], Run] = run_apart) -> None:
    """Run every cell that the log lacks or that failed, and log each outcome."""
    log = run_log(path)
    missing = log.resume(cells)
    for number, cell in enumerate(missing, 1):
        run = make(cell)
        log.append(run)
        outcome = run.error or f"{run.fits} fits in {run.seconds:.1f} s, best {run.best:.5g}"
        print(
            f"  {number}/{len(missing)} {cell.search} on {cell.task}, seed {cell.seed}: {outcome}",
            flush=True,
        )


def plan(
    tasks: Sequence[str], searches: Sequence[str], seeds: int, candidates: int
) -> tuple[list[Cell], dict[str, str]]:
    """Return the cells, searches taking turns, and the reason of each skipped search."""
    reasons = {name: SEARCHES[name].unavailable_reason() for name in searches}
    skipped = {name: why for name, why in reasons.items() if why is not None}
    usable = [name for name in searches if name not in skipped]
    cells = [
        Cell(task, name, seed, candidates)
        for seed in range(seeds)
        for task in tasks
        for name in usable
    ]
    return cells, skipped

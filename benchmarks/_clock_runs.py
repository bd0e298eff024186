"""Run searches against the simulated clock, with fits that are made once.

A search with one worker pays the recorded seconds of each fit. A configuration that continues with
more of a resource pays the difference only.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from math import comb
from pathlib import Path

import numpy as np
from _clock_searches import SEARCHES, Request, Search
from _log import ResultLog
from _recorded_fits import Fit, RecordedFits
from _runs import Cell, Record
from _tasks import FloatArray
from _timed_tasks import TASKS, TimedTask
from threadpoolctl import threadpool_limits

#: Random full fits that give T and the target, and their seed.
N_REFERENCE, REFERENCE_SEED = 120, 4242
#: Maximum number of fits of a run.
MAX_FITS = 1000
#: Configurations whose fits with a ninth of the resource are compared with full ones.
N_NINTH = 20


@dataclass(frozen=True)
class ClockRecord(Record):
    """Losses of the fits of a run; ``seconds`` are those of suggestions.

    ``paid`` has the seconds that each fit cost, ``resources`` how much it got, and ``budget`` is T.
    """

    paid: list[float]
    resources: list[int]
    budget: float


@dataclass(frozen=True)
class Yardstick:
    """The time T of a number of random full fits, the mean loss of their best, and all losses.

    ``best`` is the best loss of all recorded full fits. ``ninth`` is the cost of a fit with a ninth
    of the resource, as a share of a full one; it is None without a resource.
    """

    budget: float
    target: float
    losses: FloatArray
    best: float
    ninth: float | None


def clock_log(path: Path) -> ResultLog[Cell, ClockRecord]:
    """Return the log of a file."""
    return ResultLog(path, Cell, ClockRecord)


# ---------------------------------------------------------------- one run


def fit(task: TimedTask, request: Request, fits: RecordedFits) -> Fit:
    """Return the fit that a search asked for."""
    return fits.fit(task.name, request.configuration, request.resource, task.loss)


def yardstick(task: TimedTask, jobs: int, fits: RecordedFits) -> Yardstick:
    """Return the yardstick of a task, from the same random configurations each time."""
    chosen = task.space.sample(max(N_REFERENCE, jobs), np.random.default_rng(REFERENCE_SEED))
    full = [fit(task, Request(configuration, task.full), fits) for configuration in chosen]
    losses = np.sort([one.loss for one in full])
    ninth = None
    if task.resource is not None:
        small = max(round(task.full / 9), task.least)
        few = [fit(task, Request(c, small), fits).seconds for c in chosen[:N_NINTH]]
        ninth = sum(few) / sum(one.seconds for one in full[:N_NINTH])
    budget = jobs * float(np.mean([one.seconds for one in full]))
    best = min(fits.full_losses(task.name, task.full))
    return Yardstick(budget, expected_best(losses, jobs), losses, best, ninth)


def expected_best(losses: FloatArray, n: int) -> float:
    """Return the mean of the smallest of n sorted losses, drawn without replacement."""
    total = len(losses)
    chances = [comb(total - 1 - i, n - 1) / comb(total, n) for i in range(total)]
    return float(np.dot(chances, losses))


def run_cell(cell: Cell, path: Path) -> ClockRecord:
    """Run a search on a task until T is spent, with the fits of a file."""
    task = next(task for task in TASKS if task.name == cell.task)
    with RecordedFits(path) as fits, warnings.catch_warnings(), threadpool_limits(limits=1):
        warnings.simplefilter("ignore")
        budget = yardstick(task, cell.jobs, fits).budget
        search = SEARCHES[cell.optimizer].make(task, cell.seed)
        return simulate(cell, task, search, budget, fits)


def simulate(
    cell: Cell, task: TimedTask, search: Search, budget: float, fits: RecordedFits
) -> ClockRecord:
    """Answer a search until it has spent its budget; the fit that exceeds it does not count."""
    record = ClockRecord(cell, [], [], [], [], budget)
    trained: dict[str, tuple[int, float]] = {}
    answer: Fit | None = None
    spent = 0.0
    while len(record.losses) < MAX_FITS:
        start = time.process_time()
        request = next(search) if answer is None else search.send(answer)
        seconds = time.process_time() - start
        made = fit(task, request, fits)
        key = repr(sorted(request.configuration.items()))
        resource, before = trained.get(key, (0, 0.0))
        continues = task.resumes and resource < request.resource
        price = max(made.seconds - before, 0.0) if continues else made.seconds
        if continues:
            trained[key] = (request.resource, made.seconds)
        spent += price
        if spent > budget:
            break
        record.losses.append(made.loss)
        record.seconds.append(round(seconds, 6))
        record.paid.append(price)
        record.resources.append(request.resource)
        answer = Fit(made.loss, price)
    return record

"""Run optimizers on tasks, and log the losses.

A run with k workers is simulated: k trials are always open. Each trial takes a random time
(lognormal, equal for all optimizers of a seed), and ``tell`` is called in the order of their ends.
"""

from __future__ import annotations

import heapq
import multiprocessing
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from _log import ResultLog
from _optimizers import Optimizer, Proposal
from _tasks import Task
from threadpoolctl import threadpool_limits


class Cell(NamedTuple):
    """Key of one run."""

    task: str
    optimizer: str
    seed: int
    jobs: int
    workers: int = 1


@dataclass(frozen=True)
class Record:
    """Losses of a run in the order in which trials ended, and seconds of each ask with its tell."""

    cell: Cell
    losses: list[float]
    seconds: list[float]


#: A record of a run, or of a subclass with more fields.
Recorded = TypeVar("Recorded", bound=Record)


def record_log(path: Path) -> ResultLog[Cell, Record]:
    """Return the log of a file."""
    return ResultLog(path, Cell, Record)


class _Timed:
    """Optimizer wrapper that measures the seconds of each trial's ask and tell."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.seconds: list[float] = []

    def ask(self) -> tuple[int, Proposal]:
        start = time.perf_counter()
        proposal = self.optimizer.ask()
        self.seconds.append(time.perf_counter() - start)
        return len(self.seconds) - 1, proposal

    def tell(self, number: int, proposal: Proposal, loss: float) -> None:
        start = time.perf_counter()
        self.optimizer.tell(proposal, loss)
        self.seconds[number] += time.perf_counter() - start


def run(cell: Cell, task: Task, make: Callable[..., Optimizer]) -> Record:
    """Run an optimizer on a task, with one native thread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        timed = _Timed(make(task.space, cell.seed))
        with threadpool_limits(limits=1):
            losses = _simulate(cell, task, timed)
    return Record(cell, losses, [round(s, 6) for s in timed.seconds])


def _simulate(cell: Cell, task: Task, timed: _Timed) -> list[float]:
    durations = np.random.default_rng([cell.seed, 1]).lognormal(size=cell.jobs)
    losses: list[float] = []
    running: list[tuple[float, int, Proposal]] = []
    now = 0.0
    while len(losses) < cell.jobs:
        while len(running) < cell.workers and len(timed.seconds) < cell.jobs:
            number, proposal = timed.ask()
            heapq.heappush(running, (now + float(durations[number]), number, proposal))
        now, number, proposal = heapq.heappop(running)
        losses.append(task.loss(proposal.configuration))
        timed.tell(number, proposal, losses[-1])
    return losses


def run_all(
    cells: Sequence[Cell],
    run_cell: Callable[[Cell], Recorded],
    log: ResultLog[Cell, Recorded],
    processes: int = 1,
) -> None:
    """Run every cell that the log lacks, and log each record as soon as the run ends.

    A run that raises is printed and not logged, so that the next call tries it again.
    """
    missing = log.resume(cells)
    for number, (cell, outcome) in enumerate(_outcomes(missing, run_cell, processes), 1):
        if isinstance(outcome, Exception):
            print(f"  FAILED {_described(cell)}: {outcome!r}", flush=True)
            continue
        log.append(outcome)
        cost = f"{sum(outcome.seconds):.1f} s for {len(outcome.seconds)} suggestions"
        print(f"  {number}/{len(missing)} {_described(cell)}: {cost}", flush=True)


def _described(cell: Cell) -> str:
    workers = f"{cell.workers} worker{'s' * (cell.workers > 1)}"
    return f"{cell.optimizer} on {cell.task}, seed {cell.seed}, {workers}"


def _outcomes(
    cells: Sequence[Cell], run_cell: Callable[[Cell], Recorded], processes: int
) -> Iterable[tuple[Cell, Recorded | Exception]]:
    if processes == 1:
        for cell in cells:
            yield cell, _attempt(run_cell, cell)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        futures = {pool.submit(_attempt, run_cell, cell): cell for cell in cells}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _attempt(run_cell: Callable[[Cell], Recorded], cell: Cell) -> Recorded | Exception:
    try:
        return run_cell(cell)
    except Exception as error:  # noqa: BLE001 - the error is printed, the other runs go on
        return error

"""One run of an optimizer on a task, its record in a file, and many runs that may be interrupted.

A run with k workers is simulated: k trials are always open, each takes a random time (lognormal,
the same for every optimizer of a seed), and losses are told in the order in which trials end.
"""

from __future__ import annotations

import heapq
import json
import multiprocessing
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _optimizers import Optimizer, Proposal
from _tasks import Task
from threadpoolctl import threadpool_limits


class Cell(NamedTuple):
    """One run to make: which optimizer on which task."""

    task: str
    optimizer: str
    seed: int
    jobs: int
    workers: int = 1


@dataclass(frozen=True)
class Record:
    """A finished run: losses in the order of ending, and seconds of every ask and its tell."""

    cell: Cell
    losses: list[float]
    seconds: list[float]

    def to_json(self) -> str:
        """Return one line of a results file."""
        return json.dumps({**self.cell._asdict(), "losses": self.losses, "seconds": self.seconds})

    @classmethod
    def from_json(cls, line: str) -> Record:
        """Read one line of a results file."""
        fields = json.loads(line)
        losses, seconds = fields.pop("losses"), fields.pop("seconds")
        return cls(Cell(**fields), losses, seconds)


class _Timed:
    """An optimizer and what it costs: seconds of asking for a trial and telling it."""

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
    """Make one run, on one thread."""
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


class Store:
    """Finished runs, one a line, in a file that is only ever appended to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def records(self) -> dict[Cell, Record]:
        """Return all finished runs; a last line cut short by an interrupt is left out."""
        if not self.path.exists():
            return {}
        text = self.path.read_text(encoding="utf-8")
        found = map(Record.from_json, text[: text.rfind("\n") + 1].splitlines())
        return {record.cell: record for record in found}

    def append(self, record: Record) -> None:
        """Add a finished run."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(record.to_json() + "\n")


def run_all(
    cells: Sequence[Cell], run_cell: Callable[[Cell], Record], store: Store, processes: int = 1
) -> None:
    """Make every run that the store does not hold, and keep each as soon as it ends.

    A run that raises is reported and left out; it is tried again the next time.
    """
    done = store.records()
    missing = [cell for cell in cells if cell not in done]
    print(f"{len(missing)} runs to make, {len(cells) - len(missing)} in {store.path}", flush=True)
    for number, (cell, outcome) in enumerate(_outcomes(missing, run_cell, processes), 1):
        if isinstance(outcome, Exception):
            print(f"  FAILED {_described(cell)}: {outcome!r}", flush=True)
            continue
        store.append(outcome)
        cost = f"{sum(outcome.seconds):.1f} s for {cell.jobs} suggestions"
        print(f"  {number}/{len(missing)} {_described(cell)}: {cost}", flush=True)


def _described(cell: Cell) -> str:
    workers = f"{cell.workers} worker{'s' * (cell.workers > 1)}"
    return f"{cell.optimizer} on {cell.task}, seed {cell.seed}, {workers}"


def _outcomes(
    cells: Sequence[Cell], run_cell: Callable[[Cell], Record], processes: int
) -> Iterable[tuple[Cell, Record | Exception]]:
    if processes == 1:
        for cell in cells:
            yield cell, _attempt(run_cell, cell)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        futures = {pool.submit(_attempt, run_cell, cell): cell for cell in cells}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _attempt(run_cell: Callable[[Cell], Record], cell: Cell) -> Record | Exception:
    try:
        return run_cell(cell)
    except Exception as error:  # noqa: BLE001 - one peer's fault must not end the others' runs
        return error

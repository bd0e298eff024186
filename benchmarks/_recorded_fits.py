"""File of finished fits: each real fit runs once, and its loss and its seconds are used again.

The seconds are those of the process on the CPU, so that other load of the machine hardly counts.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from _optimizers import plain
from _tasks import Configuration
from threadpoolctl import threadpool_limits

TABLE = """
CREATE TABLE IF NOT EXISTS fits (
    task TEXT, configuration TEXT, resource INTEGER, loss REAL, seconds REAL,
    PRIMARY KEY (task, configuration, resource)
)
"""
#: Seconds to wait for another process that writes.
TIMEOUT = 60.0


class Fit(NamedTuple):
    """Loss of a fit, and the seconds that it took."""

    loss: float
    seconds: float


class RecordedFits:
    """SQLite file of fits, for several processes at once.

    If two processes make the same fit at the same time, both get the one that ended first.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=TIMEOUT)
        with self._connection:
            self._connection.execute(TABLE)

    def fit(
        self,
        task: str,
        configuration: Configuration,
        resource: int,
        loss: Callable[[Configuration, int], float],
    ) -> Fit:
        """Return the recorded fit, or make it and record it."""
        key = (task, _text(configuration), resource)
        if (found := self._read(key)) is not None:
            return found
        with threadpool_limits(limits=1):
            start = time.process_time()
            made = Fit(float(loss(configuration, resource)), time.process_time() - start)
        with self._connection:
            self._connection.execute(
                "INSERT OR IGNORE INTO fits VALUES (?, ?, ?, ?, ?)", (*key, *made)
            )
        return self._read(key) or made

    def full_losses(self, task: str, resource: int) -> list[float]:
        """Return the losses of all recorded fits of a task with this resource."""
        rows = self._connection.execute(
            "SELECT loss FROM fits WHERE task = ? AND resource = ?", (task, resource)
        )
        return [loss for (loss,) in rows]

    def pairs(self, task: str, resource: int, other: int) -> list[tuple[Fit, Fit]]:
        """Return the recorded fits of each configuration that has both resources."""
        rows = self._connection.execute(
            "SELECT a.loss, a.seconds, b.loss, b.seconds FROM fits a JOIN fits b USING "
            "(task, configuration) WHERE task = ? AND a.resource = ? AND b.resource = ?",
            (task, resource, other),
        )
        return [(Fit(*row[:2]), Fit(*row[2:])) for row in rows]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _read(self, key: tuple[str, str, int]) -> Fit | None:
        row = self._connection.execute(
            "SELECT loss, seconds FROM fits WHERE task = ? AND configuration = ? AND resource = ?",
            key,
        ).fetchone()
        return None if row is None else Fit(*row)


def _text(configuration: Configuration) -> str:
    return json.dumps({name: plain(v) for name, v in configuration.items()}, sort_keys=True)

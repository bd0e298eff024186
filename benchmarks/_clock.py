"""Time stamps of scored folds, and the learning curve of a search on the wall clock.

A search reports nothing before ``fit`` returns. Its scorer appends a time stamp for each fold to a
file instead.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

#: A run that misses the target counts this many times the longer of its own time and random
#: search's (PAR2, as in SAT competitions).
PENALTY = 2.0
#: Scores that differ by less are equal, as sums of folds in another order differ.
TIE = 1e-9


class TimestampedScorer:
    """Scorer that appends a time stamp to a file, one line in one write."""

    def __init__(self, scorer: Any, path: Path, names: Sequence[str]) -> None:
        self.scorer, self.path, self.names = scorer, str(path), list(names)

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        score = float(self.scorer(estimator, X, y))
        now, values = time.time(), estimator.get_params()
        key = repr([values[name] for name in self.names])
        append(self.path, [now, key, score, len(y)])
        return score


def append(path: str, fields: Sequence[Any]) -> None:
    """Append a line atomically, as other processes and threads append to the same file."""
    file = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    try:
        os.write(file, (json.dumps(fields) + "\n").encode())
    finally:
        os.close(file)


class Stamp(NamedTuple):
    """Time stamp of a scored fold: time, configuration, score, number of rows."""

    time: float
    key: str
    score: float
    rows: int


def curve(
    stamps: Iterable[Stamp], folds: int, least_rows: int, start: float = 0.0
) -> list[tuple[float, float]]:
    """Return the time of each candidate's last fold and its mean score, in order of time.

    Folds with fewer than ``least_rows`` rows do not count. A repeated configuration is another
    candidate.
    """
    scores: dict[str, list[float]] = {}
    found = []
    for stamp in sorted(stamps):
        if stamp.rows < least_rows:
            continue
        mine = scores.setdefault(stamp.key, [])
        mine.append(stamp.score)
        if len(mine) == folds:
            found.append((round(stamp.time - start, 4), float(np.mean(scores.pop(stamp.key)))))
    return found


def time_to(found: Iterable[tuple[float, float]], target: float) -> float | None:
    """Return when the best so far first reaches the target, or None if it never does."""
    least = target - TIE * max(1.0, abs(target))
    return next((seconds for seconds, score in found if score >= least), None)


def counted(reached: float | None, total: float, random_total: float) -> float:
    """Return the seconds that count for a run; a run that missed the target gets the penalty."""
    return PENALTY * max(total, random_total) if reached is None else reached

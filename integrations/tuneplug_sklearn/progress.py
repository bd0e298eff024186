"""What a search tells while it runs: a line on stderr, and what its callbacks are given."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Progress", "call_all", "print_line"]


@dataclass(frozen=True)
class Progress:
    """How far a search has come, when a trial has just ended.

    Attributes
    ----------
    number : int
        Of the trial that ended.
    params : dict
        Its configuration.
    score : float or None
        Its mean test score; None if it failed.  Of a stopped trial, what is predicted for it.
    state, stop_reason : str, str or None
        ``"complete"``, ``"stopped"`` or ``"failed"``; why it was stopped.
    n_done, n_iter : int
        Trials that have ended, and at most.
    best_number, best_params, best_score : int, dict, float; or None
        The best complete trial so far.
    elapsed, suggesting, left : float
        Seconds since the search began, those of them spent suggesting, and an estimate of those
        to come.
    """

    number: int
    params: Mapping[str, Any]
    score: float | None
    state: str
    stop_reason: str | None
    n_done: int
    n_iter: int
    best_number: int | None
    best_params: Mapping[str, Any] | None
    best_score: float | None
    elapsed: float
    suggesting: float

    @property
    def left(self) -> float:
        return self.elapsed / self.n_done * (self.n_iter - self.n_done)

    def __str__(self) -> str:
        width = len(str(self.n_iter))
        score = self.state if self.score is None else f"{self.score:.6g}"
        if self.stop_reason is not None:
            score += f" ({self.stop_reason})"
        best = "none yet"
        if self.best_score is not None:
            best = f"{self.best_score:.6g} (candidate {self.best_number})"
        return (
            f"[{self.n_done:>{width}}/{self.n_iter}] score {score:<12} best {best:<28} "
            f"{self.elapsed:.0f} s ({self.suggesting:.1f} s suggesting), {self.left:.0f} s left"
        )


def print_line(progress: Progress) -> None:
    """Print a line for the trial on stderr."""
    print(progress, file=sys.stderr)


def call_all(callbacks: Iterable[Callable[[Progress], Any]], progress: Progress) -> bool:
    """Call each callback; return whether one of them returned True, which ends the search.

    One that raises is warned of, and the others are called all the same.
    """
    ends = False
    for callback in callbacks:
        try:
            ends |= callback(progress) is True
        except Exception as error:  # noqa: BLE001  a user's hook must not cost the search
            warnings.warn(
                f"the callback {callback!r} failed after trial {progress.number}: {error!r}",
                UserWarning,
                stacklevel=2,
            )
    return ends

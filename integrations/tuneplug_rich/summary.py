"""Summarize the progress of a study as text; does not import rich."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from tuneplug import Study, TrialState

__all__ = ["Summary", "eta", "format_duration"]


@dataclass(frozen=True)
class Summary:
    """Progress of a study.

    Attributes
    ----------
    n_ended : int
        Number of trials that have ended.
    n_planned : int or None
        Number of planned trials; None if unknown.
    best : str
        The best value and its trial; empty if no trial is complete.
    states : str
        Number of trials per state, without states that no trial has.
    """

    n_ended: int
    n_planned: int | None
    best: str
    states: str

    @classmethod
    def of(cls, study: Study) -> Summary:
        """Return the current progress of a study."""
        counts = Counter(trial.state for trial in study.history)
        best, n_planned = study.history.best(), study.n_trials
        # A study that ran before may exceed its number of trials, e.g. with a timeout only.
        exceeded = n_planned is not None and counts.total() > n_planned
        return cls(
            n_ended=counts.total() - counts[TrialState.RUNNING],
            n_planned=None if exceeded else n_planned,
            best="" if best is None else f"best {best.value:.6g} (trial {best.number})",
            states=", ".join(f"{counts[s]} {s.value}" for s in TrialState if counts[s]),
        )

    def __str__(self) -> str:
        return "  ".join(part for part in (self.count, self.best, self.states) if part)

    @property
    def count(self) -> str:
        """Number of ended trials, of the planned ones if known, as in ``7/12``."""
        return f"{self.n_ended}" if self.n_planned is None else f"{self.n_ended}/{self.n_planned}"


def eta(n_remaining: float, pace: float | None, since_update: float) -> float | None:
    """Return the estimated remaining time in seconds; None if ``pace`` is unknown.

    Parameters
    ----------
    n_remaining : float
        Number of remaining trials.
    pace : float or None
        Mean seconds per trial when the last trial ended.
    since_update : float
        Seconds since the last trial ended.
    """
    return None if pace is None else max(0.0, pace * n_remaining - since_update)


def format_duration(seconds: float | None) -> str:
    """Return seconds as ``h:mm:ss``; ``-:--:--`` if None."""
    return "-:--:--" if seconds is None else str(timedelta(seconds=round(seconds)))

"""How far a study has come, in a few words; no rich here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from tuneplug import Study, TrialState

__all__ = ["Summary", "as_time", "left"]


@dataclass(frozen=True)
class Summary:
    """How far a study has come.

    Attributes
    ----------
    done, planned : int, int or None
        Trials that have ended, and in all, if that is known.
    best : str
        The best value and whose it is; empty before a trial is complete.
    states : str
        How many trials are in each state that any is in.
    """

    done: int
    planned: int | None
    best: str
    states: str

    @classmethod
    def of(cls, study: Study) -> Summary:
        """Return how far a study has come by now."""
        counts = Counter(trial.state for trial in study.history)
        best, planned = study.history.best(), study.n_trials
        more = planned is not None and counts.total() > planned  # as with a timeout alone
        return cls(
            done=counts.total() - counts[TrialState.RUNNING],
            planned=None if more else planned,
            best="" if best is None else f"best {best.value:.6g} (trial {best.number})",
            states=", ".join(f"{counts[s]} {s.value}" for s in TrialState if counts[s]),
        )

    def __str__(self) -> str:
        of = "" if self.planned is None else f"/{self.planned}"
        return "  ".join(part for part in (f"{self.done}{of}", self.best, self.states) if part)


def left(remaining: float, pace: float | None, waited: float) -> float | None:
    """Return the seconds left for trials that remain, None if that is not known.

    ``pace`` is seconds for each trial, as of the latest that ended, ``waited`` seconds ago.
    """
    return None if pace is None else max(0.0, pace * remaining - waited)


def as_time(seconds: float | None) -> str:
    """Return seconds as hours, minutes and seconds."""
    return "-:--:--" if seconds is None else str(timedelta(seconds=round(seconds)))

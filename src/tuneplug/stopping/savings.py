"""Savings: the steps and seconds that stopping rules save."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from tuneplug.trial import History, TrialState

__all__ = ["Savings"]


@final
@dataclass(frozen=True)
class Savings:
    """Steps that all trials ran, and steps that stopped trials did not run.

    Attributes
    ----------
    n_trials, n_stopped : int
        Number of completed and stopped trials, and number of stopped trials.
    steps : int
        Number of steps that these trials reported.
    steps_saved : int
        Estimated number of steps that stopped trials did not run.  The length of each of their fits
        is estimated by the mean length of the fits that the trial completed.  If it completed
        none, by the mean length of complete fits of the same fidelity, metric and fold.
    seconds_saved : float
        Estimated time of these steps, at the average seconds per step of all trials.
    """

    n_trials: int
    n_stopped: int
    steps: int
    steps_saved: int
    seconds_saved: float

    @property
    def share(self) -> float:
        """Steps saved, as a share of the steps without stopping."""
        total = self.steps + self.steps_saved
        return self.steps_saved / total if total else 0.0

    @classmethod
    def of(cls, history: History) -> Savings:
        """Return the savings of a history."""
        lengths = {
            (fidelity, *key): float(np.mean([len(c.steps) for c in known.values() if c.complete]))
            for fidelity in {trial.fidelity for trial in history}
            for key, known in history.curves(fidelity).items()
            if any(curve.complete for curve in known.values())
        }
        ended = history.in_state(TrialState.COMPLETE, TrialState.STOPPED)
        stopped = [trial for trial in ended if trial.state is TrialState.STOPPED]
        saved = 0.0
        for trial in stopped:
            own = [len(curve.steps) for curve in trial.curves(history.sign).values()][:-1]
            kind = (trial.fidelity, trial.metric)
            usual = [length for (*found, _), length in lengths.items() if kind == tuple(found)]
            whole = float(np.mean(own)) * len(usual) if own else sum(usual)
            saved += max(0.0, whole - len(trial.reports))
        steps = sum(len(trial.reports) for trial in ended)
        seconds = sum(trial.duration or 0.0 for trial in ended)
        return cls(len(ended), len(stopped), steps, round(saved), saved * seconds / max(1, steps))

    def __str__(self) -> str:
        return (
            f"{self.n_stopped} of {self.n_trials} trials were stopped: {self.share:.0%} of the "
            f"steps saved, about {self.seconds_saved:.0f} s"
        )

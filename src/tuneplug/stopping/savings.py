"""What ending poor trials early has saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from tuneplug.trial import History, TrialState

__all__ = ["Savings"]


@final
@dataclass(frozen=True)
class Savings:
    """Steps that stopped trials did not run, beside those that all trials ran.

    Attributes
    ----------
    n_trials, n_stopped : int
        Trials that have ended and did not fail, and those of them that were stopped.
    steps : int
        Steps reported by all of them.
    steps_saved : int
        What the stopped ones would have had to go, if each of their fits had been as long as those
        that they completed, or else as complete ones of the same metric and fold were on average.
    seconds_saved : float
        The time for those, at the pace of all trials.
    """

    n_trials: int
    n_stopped: int
    steps: int
    steps_saved: int
    seconds_saved: float

    @property
    def share(self) -> float:
        """Steps saved, as a share of all that there would have been."""
        total = self.steps + self.steps_saved
        return self.steps_saved / total if total else 0.0

    @classmethod
    def of(cls, history: History) -> Savings:
        """Work out what was saved in a history."""
        lengths = {
            key: float(np.mean([len(curve.steps) for curve in known.values() if curve.complete]))
            for key, known in history.curves().items()
            if any(curve.complete for curve in known.values())
        }
        ended = history.in_state(TrialState.COMPLETE, TrialState.STOPPED)
        stopped = [trial for trial in ended if trial.state is TrialState.STOPPED]
        saved = 0.0
        for trial in stopped:
            own = [len(curve.steps) for curve in trial.curves(history.sign).values()][:-1]
            usual = [length for (metric, _), length in lengths.items() if metric == trial.metric]
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

"""Completion: what ends a search before its budget is spent.

The criteria are those of SageMaker Automatic Model Tuning: a target reached, no improvement for
some trials, and convergence.  Each looks at the history alone, so that a replay ends where the
search did.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from numbers import Real
from typing import final

from tuneplug.errors import check_count
from tuneplug.trial import History

__all__ = ["CompletionRule", "Convergence", "Patience", "Target"]

#: Suggestions in a row that must promise little for a search to have converged.
N_CONVERGED = 3
#: What is little: a share of the distance between the median and the best loss.
LEAST_GAIN = 0.01


class CompletionRule(ABC):
    """Says when a search has nothing more to do."""

    @abstractmethod
    def reason(self, history: History) -> str | None:
        """Return why the search ends now, or None while it goes on."""


@final
@dataclass(frozen=True)
class Target(CompletionRule):
    """End when a completed trial is as good as a value.

    Parameters
    ----------
    value : float
        In the user's units and direction.

    Raises
    ------
    ValueError
        If it is not a number.
    """

    value: float

    def __post_init__(self) -> None:
        if not isinstance(self.value, Real) or math.isnan(self.value):
            raise ValueError(f"target must be a number, but got {self.value!r}")

    def reason(self, history: History) -> str | None:
        best = history.best()
        if best is None or best.value is None:
            return None
        if history.sign * best.value > history.sign * self.value:
            return None
        return f"target: trial {best.number} reached {best.value:.6g}, asked for {self.value:.6g}"


@final
@dataclass(frozen=True)
class Patience(CompletionRule):
    """End when so many trials in a row have ended without beating the best.

    Parameters
    ----------
    n_trials : int
        Completed, stopped and failed ones count.

    Raises
    ------
    ValueError
        If it is not a count.
    """

    n_trials: int

    def __post_init__(self) -> None:
        check_count("patience", self.n_trials, at_least=1)

    def reason(self, history: History) -> str | None:
        best = history.best()
        if best is None:
            return None
        since = sum(trial.state.ended for trial in history[best.number + 1 :])
        if since < self.n_trials:
            return None
        return f"patience: none of {since} trials after trial {best.number} was better"


@final
@dataclass(frozen=True)
class Convergence(CompletionRule):
    """End when the strategy itself expects next to nothing of what it suggests.

    That is when each of the last 3 configurations that it has suggested and that have ended was
    expected to improve on the best by less than 1 % of the distance between the median and the best
    loss. Strategies that expect nothing in particular, such as random search, never converge.
    """

    def reason(self, history: History) -> str | None:
        gains = [
            trial.expected_improvement
            for trial in history
            if trial.state.ended and trial.expected_improvement is not None
        ][-N_CONVERGED:]
        if len(gains) < N_CONVERGED or max(gains) >= LEAST_GAIN:
            return None
        return f"convergence: the last {N_CONVERGED} suggestions promised at most {max(gains):.2g}"

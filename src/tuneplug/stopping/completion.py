"""Completion rules end a search before its budget is spent.

The criteria are those of SageMaker Automatic Model Tuning: a target, no improvement for a number of
trials, and convergence.  Each rule depends on the history alone, so that a replay ends at the same
trial.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from tuneplug.errors import check_count
from tuneplug.trial import History, as_real

__all__ = [
    "CompletionRule",
    "Convergence",
    "Patience",
    "Target",
    "check_completion",
    "completion_reason",
]

#: Number of consecutive suggestions with a small expected gain after which a search has converged.
N_CONVERGED = 3
#: Expected gains below this are small, as a share of the distance between median and best loss.
MIN_GAIN = 0.01


class CompletionRule(ABC):
    """Decides when a search ends before its budget is spent.

    ``Study.optimize(completion=[...])`` and ``WarpedBayesSearchCV(completion=[...])`` ask each rule
    before each suggestion.  A rule must depend on the history alone.
    """

    @abstractmethod
    def reason(self, history: History) -> str | None:
        """Return why the search ends now, or None if it does not end."""


def check_completion(rules: object) -> tuple[CompletionRule, ...]:
    """Return completion rules as a tuple.

    Raises
    ------
    TypeError
        If an element is not a ``CompletionRule``.
    """
    checked = []
    for rule in rules if isinstance(rules, Iterable) else (rules,):
        if rule is rules or not isinstance(rule, CompletionRule):
            raise TypeError(
                f"completion must be a list of CompletionRule objects, but got {rule!r}: "
                "pass instances such as tuneplug.stopping.Target(0.9) or Patience(10) in a list"
            )
        checked.append(rule)
    return tuple(checked)


def completion_reason(rules: Iterable[CompletionRule], history: History) -> str | None:
    """Return the reason of the first rule that ends the search; None if no rule does."""
    reasons = (rule.reason(history) for rule in rules)
    return next((reason for reason in reasons if reason is not None), None)


@final
@dataclass(frozen=True)
class Target(CompletionRule):
    """End the search when a completed trial reaches a value.

    Parameters
    ----------
    value : float
        Target in the units and direction of the objective.

    Raises
    ------
    TypeError, ValueError
        If ``value`` is not a real number.
    """

    value: float

    def __post_init__(self) -> None:
        if math.isnan(as_real(self.value, "target", cure="pass, for example, Target(0.9)")):
            raise ValueError(
                f"target must be a number, but got {self.value!r}: pass, for example, Target(0.9)"
            )

    def reason(self, history: History) -> str | None:
        best = history.best()
        if best is None or best.value is None:
            return None
        if history.sign * best.value > history.sign * self.value:
            return None
        return f"target: trial {best.number} reached {best.value:.6g}, target {self.value:.6g}"


@final
@dataclass(frozen=True)
class Patience(CompletionRule):
    """End the search after a number of trials without an improvement.

    Parameters
    ----------
    n_trials : int
        Number of trials after the best one.  Completed, stopped and failed trials of fidelity 1
        count.

    Raises
    ------
    ValueError
        If ``n_trials`` is not an integer of at least 1.
    """

    n_trials: int

    def __post_init__(self) -> None:
        check_count("patience", self.n_trials, at_least=1)

    def reason(self, history: History) -> str | None:
        best = history.best()
        if best is None:
            return None
        since = sum(t.state.ended and t.is_full for t in history[best.number + 1 :])
        if since < self.n_trials:
            return None
        return f"patience: none of {since} trials after trial {best.number} was better"


@final
@dataclass(frozen=True)
class Convergence(CompletionRule):
    """End the search when the strategy expects almost no improvement.

    The strategy expected each of its last 3 suggestions of fidelity 1 that have ended to improve on
    the best loss by less than 1 % of the distance between the median and the best loss.  A strategy
    without expectations, such as random search, never converges.
    """

    def reason(self, history: History) -> str | None:
        gains = [
            trial.expected_improvement
            for trial in history.full()
            if trial.state.ended and trial.expected_improvement is not None
        ][-N_CONVERGED:]
        if len(gains) < N_CONVERGED or max(gains) >= MIN_GAIN:
            return None
        largest = f"{max(gains):.2g}"
        return f"convergence: the last {N_CONVERGED} suggestions had gains of at most {largest}"

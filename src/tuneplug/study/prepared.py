"""A suggestion that was computed ahead of ``Study.ask``, and what it was computed from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuneplug.strategies.base import Context, Strategy, Suggestion

__all__ = ["PreparedSuggestion"]


@dataclass(frozen=True)
class PreparedSuggestion:
    """Answer of a strategy to a context: a suggestion, or the exception that it raised.

    Attributes
    ----------
    strategy : Strategy
    context : Context
    evidence : tuple
        Copy of what the answer depends on in the trials of the context; trials change in place.
    answer : Suggestion or Exception
    """

    strategy: Strategy
    context: Context
    evidence: tuple[Any, ...]
    answer: Suggestion | Exception

    @classmethod
    def compute(cls, strategy: Strategy, context: Context) -> PreparedSuggestion:
        """Ask the strategy; keep an exception for ``take``, as the caller may never ask."""
        evidence = _evidence(context)
        answer: Suggestion | Exception
        try:
            answer = strategy.propose(context)
        except Exception as error:  # noqa: BLE001  take() raises it
            answer = error
        return cls(strategy, context, evidence, answer)

    def answers(self, strategy: Strategy, context: Context) -> bool:
        """Whether the strategy would be asked the same question in that context."""
        mine = self.context
        return (
            strategy is self.strategy
            and context.space is mine.space
            and (context.n_trials, context.seed) == (mine.n_trials, mine.seed)
            and context.extra_observations is mine.extra_observations
            and context.parents is mine.parents
            and _evidence(context) == self.evidence
        )

    def take(self) -> Suggestion:
        """Return the suggestion, or raise the exception of the strategy."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def _evidence(context: Context) -> tuple[Any, ...]:
    """Return all that can change about the trials of a context, in trial order."""
    return tuple(
        (
            trial.state,
            trial.value,
            trial.variance,
            trial.cost,
            trial.constraints,
            len(trial.reports),
        )
        for trial in context.history
    )

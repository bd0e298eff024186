"""Hyperband: brackets of successive halving, over configurations that another strategy proposes."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, final

from tuneplug.space import SearchSpace
from tuneplug.stopping import HyperbandRule
from tuneplug.strategies.base import Context, Strategy, Suggestion
from tuneplug.strategies.random import RandomSearch

__all__ = ["HyperbandSearch"]


@final
class HyperbandSearch(Strategy):
    """Give many configurations few steps and few configurations many.

    L. Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", JMLR
    2018, in the asynchronous form of Li et al., MLSys 2020, section 3.3.  The strategy brings its
    own stopping rule: a study with it takes no other.

    Parameters
    ----------
    min_resource : int, default 1
        Steps after which a trial can first be stopped.
    max_resource : int, default 81
        Steps of a whole trial: ``trial.resource`` tells it to the objective.
    reduction_factor : int, default 3
        One trial in so many passes a rung.
    suggest_with : Strategy, optional
        What proposes the configurations: random search by default;
        ``tuneplug.strategies.BayesianSearch()`` learns from those that were stopped as well.

    Raises
    ------
    ValueError, TypeError
        If a number is out of its range.
    """

    name: ClassVar[str] = "hyperband"

    def __init__(
        self,
        min_resource: int = 1,
        max_resource: int = 81,
        reduction_factor: int = 3,
        suggest_with: Strategy | None = None,
    ) -> None:
        self.min_resource, self.max_resource = min_resource, max_resource
        self.reduction_factor = reduction_factor
        self.suggest_with = suggest_with
        self._inner = RandomSearch() if suggest_with is None else suggest_with
        self.stopping = HyperbandRule(min_resource, max_resource, reduction_factor)

    def __repr__(self) -> str:
        return (
            f"HyperbandSearch({self.min_resource}, {self.max_resource}, "
            f"{self.reduction_factor}, suggest_with={self.suggest_with!r})"
        )

    def suggest(self, context: Context, n: int) -> list[Suggestion]:
        found = self._inner.suggest(context, n)
        return [replace(suggestion, resource=self.max_resource) for suggestion in found]

    def n_startup(self, space: SearchSpace, n_trials: int | None) -> int:
        return self._inner.n_startup(space, n_trials)

    def n_independent(self, space: SearchSpace, n_trials: int | None) -> int:
        return self._inner.n_independent(space, n_trials)

"""Hyperband: brackets of successive halving over the suggestions of another strategy."""

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
    """Run many configurations for few steps and few configurations for many steps.

    L. Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", JMLR
    2018, in the asynchronous form of Li et al., MLSys 2020, section 3.3.  The strategy has its own
    stopping rule, so a study with it accepts no other rule.

    Parameters
    ----------
    min_resource : int, default 1
        Number of steps after which a trial can first be stopped.
    max_resource : int, default 81
        Number of steps of a complete trial; the objective reads it from ``trial.resource``.
    reduction_factor : int, default 3
        Each rung promotes one in ``reduction_factor`` trials.
    suggest_with : Strategy, optional
        Strategy that suggests the configurations.  If None, ``RandomSearch()``.
        ``BayesianSearch()`` also learns from stopped trials.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or has the wrong type.
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

    @property
    def full_resource(self) -> int:
        return int(self.max_resource)

    def suggest(self, context: Context, n: int) -> list[Suggestion]:
        found = self._inner.suggest(context, n)
        return [replace(suggestion, resource=self.full_resource) for suggestion in found]

    def n_startup(self, space: SearchSpace, n_trials: int | None) -> int:
        return self._inner.n_startup(space, n_trials)

    def n_independent(self, space: SearchSpace, n_trials: int | None) -> int:
        return self._inner.n_independent(space, n_trials)

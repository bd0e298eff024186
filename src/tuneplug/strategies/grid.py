"""Grid search in the order of scikit-learn's ``ParameterGrid``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import ClassVar, final

from tuneplug.errors import check_count
from tuneplug.space import SearchSpace
from tuneplug.strategies.base import Context, Strategy, Suggestion, take_suggestions

__all__ = ["GridSearch"]


@final
@dataclass(frozen=True)
class GridSearch(Strategy):
    """Try every configuration of a grid once.

    Parameters
    ----------
    levels : int, default 10
        Maximum number of grid values of a numeric parameter, evenly spaced on its scale.  A
        ``Categorical`` contributes all its categories.

    Raises
    ------
    ValueError
        If ``levels`` is not an integer of at least 1.
    """

    name: ClassVar[str] = "grid"
    levels: int = 10

    def __post_init__(self) -> None:
        check_count("levels", self.levels, at_least=1)

    def suggest(self, context: Context, n: int) -> list[Suggestion]:
        taken = context.tried_keys()
        free = (
            Suggestion.from_point(context.space, row, origin="grid")
            for row in context.space.rows(self.levels)
            if context.space.keys(row)[0] not in taken
        )
        return take_suggestions(free, context, n, whole="the grid's")

    def n_independent(self, space: SearchSpace, n_trials: int | None) -> int:
        return sys.maxsize if n_trials is None else n_trials

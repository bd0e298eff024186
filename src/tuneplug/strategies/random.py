"""Random search: configurations drawn independently, uniformly on the declared scales."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from tuneplug.space import SearchSpace
from tuneplug.strategies.base import Context, Strategy, Suggestion, sample_untried, take_suggestions

__all__ = ["RandomSearch"]


@final
@dataclass(frozen=True)
class RandomSearch(Strategy):
    """Draw configurations uniformly on the declared scales.

    Parameters
    ----------
    allow_repeats : bool, default False
        Whether a configuration may be drawn again.
    """

    name: ClassVar[str] = "random"
    allow_repeats: bool = False

    def suggest(self, context: Context, n: int) -> list[Suggestion]:
        return take_suggestions(self._draws(context), context, n)

    def n_startup(self, space: SearchSpace, n_trials: int | None) -> int:
        return sys.maxsize if n_trials is None else n_trials

    def _draws(self, context: Context) -> Iterator[Suggestion]:
        taken = set() if self.allow_repeats else context.tried_keys()
        number = len(context.history)
        while (row := sample_untried(context.space, taken, context.rng(number))) is not None:
            yield Suggestion.from_point(context.space, row, origin="random")
            number += 1
            if not self.allow_repeats:
                taken.update(context.space.keys(row))

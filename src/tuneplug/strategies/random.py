"""Random search: settings drawn independently, uniformly on the declared scales."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from tuneplug.space import SearchSpace
from tuneplug.strategies.base import Context, Strategy, Suggestion, draw_free, fill

__all__ = ["RandomSearch"]


@final
@dataclass(frozen=True)
class RandomSearch(Strategy):
    """Draw settings uniformly on the declared scales.

    Parameters
    ----------
    allow_repeats : bool, default False
        Whether a setting may be drawn again; by default every setting is tried once.
    """

    name: ClassVar[str] = "random"
    allow_repeats: bool = False

    def suggest(self, context: Context, n: int) -> list[Suggestion]:
        return fill(self._draws(context), context, n)

    def n_startup(self, space: SearchSpace, budget: int | None) -> int:
        return sys.maxsize if budget is None else budget

    def _draws(self, context: Context) -> Iterator[Suggestion]:
        taken = set() if self.allow_repeats else context.taken()
        number = len(context.history)
        while (row := draw_free(context.space, taken, context.rng(number))) is not None:
            yield Suggestion(context.space.decode(row), origin="random")
            number += 1
            if not self.allow_repeats:
                taken.update(context.space.keys(row[None, :]))

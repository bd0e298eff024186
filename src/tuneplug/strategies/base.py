"""What a strategy is: history in, candidates out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.errors import SpaceExhausted
from tuneplug.space import SearchSpace
from tuneplug.stopping.base import StoppingRule
from tuneplug.strategies.learned_warps import WarpCurve
from tuneplug.trial import History, Observation, Trial

__all__ = ["Context", "Strategy", "Suggestion", "sample_untried", "take_suggestions"]

#: Draws made before a space of at most N_LISTED configurations is gone through for what is left of
#: it; of a larger one, N_MORE times as many are made.
N_DRAWS, N_LISTED, N_MORE = 64, 100_000, 1000


@dataclass(frozen=True)
class Suggestion:
    """A configuration to try.

    Attributes
    ----------
    params : dict
        The configuration, in the user's units.
    resource : int or None
        How much of a resource (boosting rounds, epochs) to spend on it; None leaves it open.
    origin : str
        Where it came from: ``"design"``, ``"model"``, ``"random"``, ``"grid"``, ...
    expected_improvement : float or None
        By how much it is expected to beat the best, in units of the distance between the median
        and the best loss seen; None where the strategy does not know.
    decoded : bool
        Whether ``params`` is what ``SearchSpace.decode`` returned, unchanged.  If False, the study
        brings it into the order and types of the space.
    """

    params: dict[str, Any]
    resource: int | None = None
    origin: str = ""
    expected_improvement: float | None = None
    decoded: bool = False

    @classmethod
    def from_point(
        cls,
        space: SearchSpace,
        point: FloatArray,
        *,
        origin: str = "",
        expected_improvement: float | None = None,
    ) -> Suggestion:
        """Return the suggestion of the configuration at a point of the cube, shape (d,)."""
        params = space.decode(point)
        return cls(params, origin=origin, expected_improvement=expected_improvement, decoded=True)


@dataclass(frozen=True)
class Context:
    """All that a strategy may look at.

    Attributes
    ----------
    space : SearchSpace
    history : History
        Every trial in trial order, running ones included.
    n_trials : int or None
        Trials planned in all, None if not known.
    seed : int
        Seed of the study.
    extra_observations : tuple of Observation
        Results of earlier searches to learn from; no trials of this one.
    """

    space: SearchSpace
    history: History
    n_trials: int | None
    seed: int
    extra_observations: tuple[Observation, ...] = ()

    def rng(self, number: int) -> np.random.Generator:
        """Return the generator of trial ``number``: the same in every replay."""
        return np.random.default_rng([self.seed, number])

    def points(self, trials: Sequence[Trial | Observation]) -> FloatArray:
        """Return the places of trials in the unit cube, shape (n, d)."""
        rows = [trial.point for trial in trials]
        return np.array(rows, dtype=np.float64).reshape(len(rows), self.space.n_dimensions)

    def tried_keys(self) -> set[bytes]:
        """Return the keys of all configurations that were tried or are running."""
        return set(self.space.keys(self.points(self.history)))


class Strategy(ABC):
    """Proposes configurations.

    Whatever an instance keeps between calls must come out the same when the history is replayed:
    it may only save time.
    """

    name: ClassVar[str]
    #: Whether a configuration may be proposed again.
    allow_repeats: bool = False
    #: The rule that belongs to the strategy, where trials are to be stopped by it.
    stopping: StoppingRule | None = None

    @abstractmethod
    def suggest(self, context: Context, n: int) -> list[Suggestion]:
        """Return n configurations to try next.

        None of them was tried or is running, unless ``allow_repeats`` is set.

        Raises
        ------
        SpaceExhausted
            If not one untried configuration is left.  A list shorter than n means that fewer are.
        """

    @final
    def propose(self, context: Context) -> Suggestion:
        """Return the one configuration to try next: ``suggest``, and what it returned checked.

        Raises
        ------
        SpaceExhausted
            If not one untried configuration is left.
        TypeError
            If ``suggest`` returned something else than a list of suggestions.
        """
        found: Any = self.suggest(context, 1)
        if not isinstance(found, Sequence) or not found or not isinstance(found[0], Suggestion):
            raise TypeError(
                f"strategy {self.name!r} must return a list of a Suggestion, or raise "
                f"SpaceExhausted, but returned {found!r}"
            )
        return found[0]

    def n_startup(self, space: SearchSpace, n_trials: int | None) -> int:
        """Return how many trials at the start are drawn at random, whatever their results.

        A host may draw these its own way.
        """
        return 0

    def n_independent(self, space: SearchSpace, n_trials: int | None) -> int:
        """Return how many trials at the start depend on no result: a host may run them at once."""
        return self.n_startup(space, n_trials)

    def learned_warps(self, context: Context) -> Mapping[str, WarpCurve]:
        """Return the warp learned for each numeric parameter; empty if nothing is learned."""
        return {}


def take_suggestions(
    suggestions: Iterator[Suggestion], context: Context, n: int, *, whole: str = "its"
) -> list[Suggestion]:
    """Take up to n suggestions; raise ``SpaceExhausted`` if there is none."""
    taken = [suggestion for _, suggestion in zip(range(n), suggestions, strict=False)]
    if not taken:
        raise SpaceExhausted(
            f"space exhausted: each of {whole} {len(context.tried_keys())} configurations "
            "was tried or is running."
        )
    return taken


def sample_untried(
    space: SearchSpace, taken: Collection[bytes], rng: np.random.Generator
) -> FloatArray | None:
    """Draw a snapped row uniformly among those not taken, or return None if none is left.

    Where much of a space is taken that can be listed, the rest is listed and drawn from.
    """
    listed = space.size <= N_LISTED
    for _ in range(1 if listed else N_MORE):
        rows = space.snap(rng.random((N_DRAWS, space.n_dimensions)))
        for row, key in zip(rows, space.keys(rows), strict=True):
            if key not in taken:
                return np.asarray(row)
    if not listed:
        return None
    free = [row for row in space.rows() if space.keys(row)[0] not in taken]
    return free[rng.integers(len(free))] if free else None

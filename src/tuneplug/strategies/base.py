"""The interface of strategies: given the history, suggest configurations."""

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
from tuneplug.trial import History, Observation, Parent, Trial

__all__ = ["Context", "Strategy", "Suggestion", "sample_untried", "take_suggestions"]

#: ``sample_untried`` draws N_DRAWS points at a time.  If all of them were tried, it lists the
#: untried configurations of a space of at most N_LISTED, and draws again, up to N_MORE times, in a
#: larger space.
N_DRAWS, N_LISTED, N_MORE = 64, 100_000, 1000


@dataclass(frozen=True)
class Suggestion:
    """A configuration to try.

    Attributes
    ----------
    params : dict
        The configuration, in the user's units.
    resource : int or None
        Amount of a resource (boosting rounds, epochs) to spend on the configuration.  If None, the
        objective decides.
    fidelity : float
        Share of the full resource, in (0, 1].  Below 1, the value approximates that of the full
        resource: the trial is never the best one.
    origin : str
        How the configuration was found: ``"design"``, ``"model"``, ``"exploration"``,
        ``"random"``, ``"grid"``, ...
    expected_improvement : float or None
        Expected improvement on the best loss, in units of the distance between the median and the
        best loss so far.  None if the strategy does not know it.
    decoded : bool
        Whether ``params`` is an unchanged result of ``SearchSpace.decode``.  If False, the study
        converts it to the order and types of the space.

    Raises
    ------
    ValueError
        If the fidelity is not in (0, 1].
    """

    params: dict[str, Any]
    resource: int | None = None
    origin: str = ""
    expected_improvement: float | None = None
    decoded: bool = False
    fidelity: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.fidelity <= 1.0:
            raise ValueError(
                f"fidelity must be above 0 and at most 1, but got {self.fidelity!r}: give the "
                "share of the full resource"
            )

    @classmethod
    def from_point(
        cls,
        space: SearchSpace,
        point: FloatArray,
        *,
        origin: str = "",
        expected_improvement: float | None = None,
    ) -> Suggestion:
        """Suggest the configuration at a point of the unit cube, shape (d,)."""
        params = space.decode(point)
        return cls(params, origin=origin, expected_improvement=expected_improvement, decoded=True)


@dataclass(frozen=True)
class Context:
    """The information that a strategy may use.

    Attributes
    ----------
    space : SearchSpace
    history : History
        All trials in trial order, including running trials.
    n_trials : int or None
        Number of planned trials; None if unknown.
    seed : int
        Seed of the study.
    extra_observations : tuple of Observation
        Results of earlier searches to learn from; they are not trials of this study.
    parents : tuple of Parent
        The searches that the study starts from.
    """

    space: SearchSpace
    history: History
    n_trials: int | None
    seed: int
    extra_observations: tuple[Observation, ...] = ()
    parents: tuple[Parent, ...] = ()

    def rng(self, number: int) -> np.random.Generator:
        """Return the random generator of trial ``number``, which is the same in every replay."""
        return np.random.default_rng([self.seed, number])

    def points(self, trials: Sequence[Trial | Observation]) -> FloatArray:
        """Return the points of trials in the unit cube, shape (n, d)."""
        rows = [trial.point for trial in trials]
        return np.array(rows, dtype=np.float64).reshape(len(rows), self.space.n_dimensions)

    def tried_keys(self, fidelity: float = 1.0) -> set[bytes]:
        """Return the keys of all configurations that have been tried or are running at a fidelity.

        A configuration may be tried once at each fidelity.  The ones that identical parents have
        tried count as tried at fidelity 1.
        """
        own = self.own_keys(fidelity)
        return own | self.parent_keys() if fidelity == 1.0 and self.parents else own

    def own_keys(self, fidelity: float = 1.0) -> set[bytes]:
        """Return the keys of this study's configurations of a fidelity, as ``tried_keys`` does."""
        tried = [trial for trial in self.history if trial.fidelity == fidelity]
        return set(self.space.keys(self.points(tried)))

    def parent_keys(self) -> set[bytes]:
        """Return the keys of all configurations that identical parents have tried."""
        known = [o for parent in self.parents if parent.identical for o in parent.observations]
        return set(self.space.keys(self.points(known)))


class Strategy(ABC):
    """Suggests configurations.

    Any state kept between calls must be a pure cache: replaying the history must give the same
    suggestions.
    """

    name: ClassVar[str]
    #: Whether a configuration may be suggested again.
    allow_repeats: bool = False
    #: Whether suggestions depend on the costs of trials.
    cost_aware: bool = False
    #: The stopping rule that the strategy brings.  If None, the user may choose one.
    stopping: StoppingRule | None = None

    @abstractmethod
    def suggest(self, context: Context, n: int) -> list[Suggestion]:
        """Return n configurations to try next.

        They are distinct and untried, unless ``allow_repeats`` is set.

        Raises
        ------
        SpaceExhausted
            If no untried configuration is left.  Fewer than n suggestions are returned if fewer
            remain.
        """

    @final
    def propose(self, context: Context) -> Suggestion:
        """Call ``suggest`` for one configuration and check the result.

        Raises
        ------
        SpaceExhausted
            If no untried configuration is left.
        TypeError
            If ``suggest`` does not return a list of suggestions.
        """
        found: Any = self.suggest(context, 1)
        if not isinstance(found, Sequence) or not found or not isinstance(found[0], Suggestion):
            raise TypeError(
                f"strategy {self.name!r} must return a list of a Suggestion, or raise "
                f"SpaceExhausted, but returned {found!r}"
            )
        return found[0]

    @property
    def full_resource(self) -> int | None:
        """The resource of a full trial, which trials that the user enqueues have; None without."""
        return None

    def n_startup(self, space: SearchSpace, n_trials: int | None) -> int:
        """Return the number of initial trials that are drawn at random, regardless of results.

        A framework that hosts the strategy may draw these trials itself.
        """
        return 0

    def n_independent(self, space: SearchSpace, n_trials: int | None) -> int:
        """Return the number of initial trials that depend on no result and can run in parallel."""
        return self.n_startup(space, n_trials)

    def learned_warps(self, context: Context) -> Mapping[str, WarpCurve]:
        """Return the learned warp of each numeric parameter; empty if no warp is learned."""
        return {}


def take_suggestions(
    suggestions: Iterator[Suggestion], context: Context, n: int, *, whole: str = "its"
) -> list[Suggestion]:
    """Return up to n suggestions; raise ``SpaceExhausted`` if the iterator is empty.

    ``whole`` names the set of configurations in the message.
    """
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
    """Draw a snapped point, shape (d,), from the untried configurations.

    They keep the proportions of their probabilities: values of a distribution are drawn by it, also
    once its probable values have been tried.

    Returns None if no untried configuration was found.  ``taken`` has the keys of the tried ones.
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
    if not free:
        return None
    shares = space.weights(np.array(free))
    if np.ptp(shares) == 0.0:
        return free[rng.integers(len(free))]
    return free[rng.choice(len(free), p=shares / shares.sum())]

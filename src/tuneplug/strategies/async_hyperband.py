"""Asynchronous Hyperband with separate trials: a promotion is a new trial with a larger resource.

Notation: r is the minimum resource, R the maximum resource, eta the reduction factor.  The levels
are r, r eta, r eta^2, ... up to R / 2, and R.  Bracket b begins at level b.

``HyperbandSearch`` stops a trial that could go on.  This strategy is for objectives that cannot go
on, such as a fit on a subsample of the data: it starts them again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, final

from tuneplug._typing import FloatArray
from tuneplug.errors import check_count
from tuneplug.stopping.halving import bracket_of, bracket_sizes
from tuneplug.strategies.base import Context, Strategy, Suggestion, sample_untried, take_suggestions
from tuneplug.trial import Trial, TrialState

__all__ = ["AsynchronousHyperband", "resource_levels"]

#: Share of the budget that is spent on full trials at its end, at least one trial.
FINAL_SHARE = 0.1
#: Tolerance of sums of fidelities.
TOLERANCE = 1e-9
#: What results are ordered by: the violation of constraints, then the loss.  Failures are last.
_Rank = tuple[float, float]
FAILED: _Rank = (math.inf, math.inf)


def resource_levels(least: int, most: int, factor: int) -> tuple[int, ...]:
    """Return the levels from the minimum to the maximum resource, each ``factor`` times the last.

    Levels above half of the maximum are left out, as they would save little, but the minimum is
    always a level.  The step to the maximum is at most twice as large as the others.
    """
    levels = [least]
    while 2 * levels[-1] * factor <= most:
        levels.append(levels[-1] * factor)
    return (*levels, most) if least < most else (most,)


@final
@dataclass(frozen=True)
class AsynchronousHyperband(Strategy):
    """Try many random configurations at a small resource, and the best again at larger ones.

    L. Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020: asynchronous
    successive halving (algorithm 2) in the brackets of Hyperband (section 3.3).  Of the m
    configurations of a bracket that have a result at a level, the best floor(m / factor) are tried
    again at the next one.  A new configuration starts only if none can be promoted.  With
    constraints, feasible results rank before others, and these by their violation.

    Parameters
    ----------
    min_resource, max_resource : int
        Resource of the lowest level and of a full trial; the objective reads the amount from
        ``trial.resource``.
    reduction_factor : int, default 3
        One in ``reduction_factor`` configurations is promoted to the next level, which is
        ``reduction_factor`` times the level before.
    budget : int or None, default None
        Sum of the fidelities of all trials, if known: the cost of this number of full trials.  The
        last tenth, and at least one trial, is spent on full trials of the best configurations.  If
        None, it is the last tenth of the planned number of trials.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or has the wrong type.
    """

    name: ClassVar[str] = "async_hyperband"
    min_resource: int
    max_resource: int
    reduction_factor: int = 3
    budget: int | None = None

    def __post_init__(self) -> None:
        check_count("min_resource", self.min_resource, at_least=1)
        check_count("max_resource", self.max_resource, at_least=self.min_resource)
        check_count("reduction_factor", self.reduction_factor, at_least=2)
        if self.budget is not None:
            check_count("budget", self.budget, at_least=1)

    @property
    def levels(self) -> tuple[int, ...]:
        """The resource of each level, from the lowest to ``max_resource``."""
        least, most, factor = self.min_resource, self.max_resource, self.reduction_factor
        return resource_levels(int(least), int(most), int(factor))

    @property
    def full_resource(self) -> int:
        return int(self.max_resource)

    def suggest(self, context: Context, n: int) -> list[Suggestion]:
        return take_suggestions(self._suggestions(context), context, n)

    def _suggestions(self, context: Context) -> Iterator[Suggestion]:
        rungs = _Rungs(tuple(level / self.max_resource for level in self.levels))
        for trial in context.history:
            rungs.add(context.space.keys(trial.point)[0], trial, context.history.sign)
        number = len(context.history)
        while True:
            found = self._next(context, rungs, number)
            if found is None:
                return
            point, level, origin = found
            suggestion = Suggestion(
                context.space.decode(point),
                resource=self.levels[level],
                fidelity=rungs.fidelities[level],
                origin=origin,
                decoded=True,
            )
            yield suggestion
            rungs.start(context.space.keys(point)[0], point, level, chosen=False)
            number += 1

    def _next(
        self, context: Context, rungs: _Rungs, number: int
    ) -> tuple[FloatArray, int, str] | None:
        """Return the point, level and origin of the next trial; None if nothing is left to try."""
        full = len(rungs.fidelities) - 1
        found = rungs.promotion(self.reduction_factor)
        level = self._bracket(rungs) if found is None else found[1]
        if level < full and self._is_final(context, rungs, number, rungs.fidelities[level]):
            found, level = rungs.best_below_full(), full
        if found is not None:
            return found[0], level, "promotion"
        taken = set(rungs.configurations)
        point = sample_untried(context.space, taken, context.rng(number))
        if point is not None:
            return point, level, "random"
        found = rungs.best_below_full()
        return None if found is None else (found[0], full, "promotion")

    def _bracket(self, rungs: _Rungs) -> int:
        """Return the level at which the next new configuration starts."""
        n_halvings = len(rungs.fidelities) - 1
        sizes = bracket_sizes(1, self.reduction_factor**n_halvings, self.reduction_factor)
        n_started = sum(not known.chosen for known in rungs.configurations.values())
        return bracket_of(n_started, sizes)

    def _is_final(self, context: Context, rungs: _Rungs, number: int, fidelity: float) -> bool:
        """Whether a trial of a fidelity would leave too little for the full trials at the end."""
        if self.budget is not None:
            rest = self.budget - rungs.spent - fidelity
            return rest < max(1.0, FINAL_SHARE * self.budget) - TOLERANCE
        if context.n_trials is None:
            return False
        return context.n_trials - number <= max(1.0, FINAL_SHARE * context.n_trials)


@dataclass
class _Configuration:
    """A configuration: its point and bracket, and its rank at each level, None while running."""

    point: FloatArray
    bracket: int
    chosen: bool
    ranks: dict[int, _Rank | None] = field(default_factory=dict)

    @property
    def level(self) -> int:
        """The highest level with a trial."""
        return max(self.ranks)

    @property
    def last_result(self) -> tuple[int, _Rank] | None:
        """The highest level with a result, and its rank; None without, or if that one failed."""
        known = [(level, rank) for level, rank in self.ranks.items() if rank is not None]
        last = max(known, default=None)
        return None if last is None or last[1] == FAILED else last


class _Rungs:
    """The levels that each configuration has reached."""

    def __init__(self, fidelities: tuple[float, ...]) -> None:
        self.fidelities = fidelities
        self.configurations: dict[bytes, _Configuration] = {}
        self.spent = 0.0

    def add(self, key: bytes, trial: Trial, sign: float) -> None:
        """Add a trial; one at a fidelity that is no level only counts as spent."""
        if trial.fidelity not in self.fidelities:
            self.spent += trial.fidelity
            return
        level = self.fidelities.index(trial.fidelity)
        self.start(key, trial.point, level, chosen=trial.origin == "user")
        if trial.state.ended:
            failed = trial.state is TrialState.FAILED or trial.value is None
            rank = FAILED if failed else (trial.violation, sign * (trial.value or 0.0))
            self.configurations[key].ranks[level] = rank

    def start(self, key: bytes, point: FloatArray, level: int, *, chosen: bool) -> None:
        """Add a running trial."""
        known = self.configurations.setdefault(key, _Configuration(point, level, chosen))
        known.ranks.setdefault(level, None)
        self.spent += self.fidelities[level]

    def promotion(self, factor: int) -> tuple[FloatArray, int] | None:
        """Return the point and the new level of the next promotion; None if no trial qualifies.

        Promotions to the highest level come first, then those of the bracket with most halvings.
        """
        for level in reversed(range(len(self.fidelities) - 1)):
            for bracket in range(level + 1):
                members = [c for c in self.configurations.values() if c.bracket == bracket]
                ranked = _ranked(members, level)
                for known in ranked[: len(ranked) // factor]:
                    if known.level == level and known.ranks[level] != FAILED:
                        return known.point, level + 1
        return None

    def best_below_full(self) -> tuple[FloatArray, int] | None:
        """Return the best configuration without a full trial, and the level of its last result.

        With constraints it is one with the smallest violation; of these, the best one at the
        highest level.  A running trial does not hide an earlier result.  None if none has a result.
        """
        below = [c for c in self.configurations.values() if c.level < len(self.fidelities) - 1]
        found = [(*result, c) for c in below if (result := c.last_result) is not None]
        if not found:
            return None
        level, _, best = min(found, key=lambda one: (one[1][0], -one[0], one[1][1]))
        return best.point, level


def _ranked(members: list[_Configuration], level: int) -> list[_Configuration]:
    """Return the configurations with a result at a level, the best one first."""
    known = [(rank, c) for c in members if (rank := c.ranks.get(level)) is not None]
    return [c for _, c in sorted(known, key=lambda one: one[0])]

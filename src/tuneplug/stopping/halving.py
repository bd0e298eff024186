"""Asynchronous successive halving, and its brackets in Hyperband.

Notation: r the least resource, R the most, eta the reduction factor.  A resource is a number of
steps.  Rungs lie at r, r eta, r eta^2, ... below R; bracket s of Hyperband begins at rung s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from tuneplug._typing import IndexArray
from tuneplug.errors import check_count
from tuneplug.stopping.base import StoppingRule, check_options, max_length, warmup_steps
from tuneplug.trial.learning_curves import LearningCurve, StopThresholds

__all__ = ["AsynchronousHalving", "HyperbandRule", "brackets", "halving_test", "rungs"]


def rungs(least: int, most: int, factor: int) -> IndexArray:
    """Return the rungs from a least resource on, below the most."""
    found = []
    while least < most:
        found.append(least)
        least *= factor
    return np.array(found, dtype=np.intp)


def halving_test(
    name: str,
    curves: Mapping[int, LearningCurve],
    at: IndexArray,
    factor: int,
    least: int,
    sign: float,
) -> StopThresholds | None:
    """Return the test that lets the best 1 / factor of those at a rung pass.

    Of m earlier fits at a rung and the new one, the best floor((m + 1) / factor) pass (Li et al.
    2020, algorithm 2, in its stopping form: a fit goes on at once where it is among them, and
    whoever comes while there are fewer than factor).
    """
    steps, limits, counts = [], [], []
    for step in at - 1:  # resource r is spent with step r - 1
        there = [c for c in curves.values() if c.reaches(np.array([step]))[0]]
        losses = np.sort([c.value_at(np.array([step]))[0] for c in there])
        losses = losses[~np.isnan(losses)]
        passing = (len(losses) + 1) // factor
        if passing >= 1 and len(losses) >= least:
            steps.append(step)
            limits.append(losses[passing - 1])
            counts.append(len(losses))
    if not steps:
        return None
    what = f"the worst of the best 1/{factor}"
    return StopThresholds(
        name, what, np.array(steps), np.array(limits), np.array(counts, dtype=np.intp), sign
    )


@final
@dataclass(frozen=True)
class AsynchronousHalving(StoppingRule):
    """Let only the best of those that have come as far go on, at growing numbers of steps.

    L. Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020 (ASHA).

    Parameters
    ----------
    min_resource : int or None, default None
        The first rung, in steps; None is a quarter of the longest fit so far.
    reduction_factor : int, default 3
        One in so many passes a rung; rungs lie so many times as far apart.
    n_min_trials : int, default 4
        Earlier fits that must have come to a rung for it to be tested.
    n_startup_trials : int, default 4
        The first so many trials are never stopped.
    n_protected : int, default 3
        A fit goes on where one of so many best complete trials had been as bad.  The rule of
        the paper is ``AsynchronousHalving(min_resource=r, n_min_trials=1, n_startup_trials=0,
        n_protected=0)``.

    Raises
    ------
    ValueError, TypeError
        If one of them is out of its range.
    """

    name: ClassVar[str] = "asha"
    min_resource: int | None = None
    reduction_factor: int = 3
    n_min_trials: int = 4
    n_startup_trials: int = 4
    n_protected: int = 3

    def __post_init__(self) -> None:
        if self.min_resource is not None:
            check_count("min_resource", self.min_resource, at_least=1)
        check_options(self.n_min_trials, self.n_startup_trials, self.n_protected)
        check_count("reduction_factor", self.reduction_factor, at_least=2)

    def make_threshold(
        self, number: int, curves: Mapping[int, LearningCurve], sign: float
    ) -> StopThresholds | None:
        if number < self.n_startup_trials or not curves:
            return None
        first, factor = warmup_steps(self.min_resource, curves), self.reduction_factor
        at = rungs(first, max_length(curves), factor)
        return halving_test(self.name, curves, at, factor, self.n_min_trials, sign)


def brackets(least: int, most: int, factor: int) -> list[int]:
    """Return the bracket of each trial of one round of Hyperband, from the most halvings to none.

    L. Li et al., "Hyperband", JMLR 2018, algorithm 1: s_max = floor(log_eta(R / r)), and bracket s
    has ceil((s_max + 1) / (s + 1) eta^s) trials, here with s halvings: it begins at rung
    s_max - s.
    """
    most_halvings = 0
    while least * factor ** (most_halvings + 1) <= most:
        most_halvings += 1
    sizes = {
        s: math.ceil((most_halvings + 1) / (s + 1) * factor**s)
        for s in range(most_halvings, -1, -1)
    }
    return [most_halvings - s for s, size in sizes.items() for _ in range(size)]


@final
@dataclass(frozen=True)
class HyperbandRule(StoppingRule):
    """Successive halving within the brackets of Hyperband, which hedge against slow starters.

    Trials go round the brackets by their number.  Those of one bracket are compared with each
    other only; in the last, all run to their end.

    Parameters
    ----------
    min_resource, max_resource : int
        Steps of the first rung, and of a whole fit.
    reduction_factor : int, default 3

    Raises
    ------
    ValueError, TypeError
        If one of them is out of its range.
    """

    name: ClassVar[str] = "hyperband"
    min_resource: int
    max_resource: int
    reduction_factor: int = 3

    def __post_init__(self) -> None:
        check_count("min_resource", self.min_resource, at_least=1)
        check_count("max_resource", self.max_resource, at_least=self.min_resource)
        check_count("reduction_factor", self.reduction_factor, at_least=2)

    def bracket(self, number: int) -> int:
        """Return the bracket of a trial: the rung at which it is first compared."""
        turn = brackets(self.min_resource, self.max_resource, self.reduction_factor)
        return turn[number % len(turn)]

    def make_threshold(
        self, number: int, curves: Mapping[int, LearningCurve], sign: float
    ) -> StopThresholds | None:
        mine, factor = self.bracket(number), self.reduction_factor
        peers = {n: curve for n, curve in curves.items() if self.bracket(n) == mine}
        at = rungs(self.min_resource * factor**mine, self.max_resource, factor)
        return halving_test(self.name, peers, at, factor, 1, sign)

"""Asynchronous successive halving, and the brackets of Hyperband.

Notation: r is the minimum resource, R the maximum resource, eta the reduction factor.  A resource
is a number of steps.  The rungs are r, r eta, r eta^2, ... below R.  Bracket s of Hyperband begins
at rung s.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from tuneplug._typing import IndexArray
from tuneplug.errors import check_count
from tuneplug.stopping.base import StoppingRule, check_options, max_length, warmup_steps
from tuneplug.trial.learning_curves import LearningCurve, StopThresholds

__all__ = [
    "AsynchronousHalving",
    "HyperbandRule",
    "bracket_of",
    "bracket_sizes",
    "halving_test",
    "rungs",
]


def rungs(least: int, most: int, factor: int) -> IndexArray:
    """Return the rungs from the minimum resource to below the maximum resource."""
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
    """Return thresholds that the best 1 / factor of the fits at each rung pass.

    Of m earlier fits at a rung and the new one, the best floor((m + 1) / factor) pass (Li et al.
    2020, algorithm 2).  This is the stopping variant: a fit that passes continues at once, and
    every fit passes while fewer than ``factor`` have reached the rung.  A rung that fewer than
    ``least`` earlier fits have reached has no threshold.
    """
    steps, limits, counts = [], [], []
    for step in at - 1:  # step r - 1 completes resource r
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
    """Stop a fit at a rung if it is not among the best fits that reached the rung.

    L. Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020 (ASHA).

    Parameters
    ----------
    min_resource : int or None, default None
        First rung, in steps.  If None, a quarter of the longest fit so far.
    reduction_factor : int, default 3
        Factor eta: one in eta fits passes a rung, and each rung is eta times the previous one.
    n_min_trials : int, default 4
        Number of earlier fits that must have reached a rung before fits stop there.
    n_startup_trials : int, default 4
        Number of trials at the start of the study that are never stopped.
    n_protected : int, default 3
        A fit continues if one of this number of best completed trials was as bad at the same step.

    Raises
    ------
    TypeError
        If an argument is not an integer.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    The rule of the paper is ``AsynchronousHalving(min_resource=r, n_min_trials=1,
    n_startup_trials=0, n_protected=0)``.
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


def bracket_sizes(least: int, most: int, factor: int) -> list[int]:
    """Return the number of trials of each bracket in one round of Hyperband, most halvings first.

    L. Li et al., "Hyperband", JMLR 2018, algorithm 1: s_max = floor(log_eta(R / r)).  Bracket s of
    the paper has s halvings and ceil((s_max + 1) / (s + 1) eta^s) trials.  It begins at rung
    s_max - s, which is its number here.
    """
    most_halvings = 0
    while least * factor ** (most_halvings + 1) <= most:
        most_halvings += 1
    return [-(-(most_halvings + 1) * factor**s // (s + 1)) for s in range(most_halvings, -1, -1)]


def bracket_of(number: int, sizes: Sequence[int]) -> int:
    """Return the bracket of a trial: rounds of brackets of these sizes follow one another."""
    ends = list(itertools.accumulate(sizes))
    return bisect.bisect_right(ends, number % ends[-1])


@final
@dataclass(frozen=True)
class HyperbandRule(StoppingRule):
    """Run successive halving within the brackets of Hyperband.

    The number of a trial determines its bracket.  Trials are compared only with trials of the same
    bracket.  Later brackets begin at higher rungs, so that slow starters survive.  Trials of the
    last bracket are never stopped.

    Parameters
    ----------
    min_resource, max_resource : int
        Number of steps of the first rung, and of a complete fit.
    reduction_factor : int, default 3
        Factor eta between the rungs.

    Raises
    ------
    TypeError
        If an argument is not an integer.
    ValueError
        If an argument is out of its range.
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
        """Return the bracket of a trial, which is the index of its first rung."""
        sizes = bracket_sizes(self.min_resource, self.max_resource, self.reduction_factor)
        return bracket_of(number, sizes)

    def make_threshold(
        self, number: int, curves: Mapping[int, LearningCurve], sign: float
    ) -> StopThresholds | None:
        mine, factor = self.bracket(number), self.reduction_factor
        peers = {n: curve for n, curve in curves.items() if self.bracket(n) == mine}
        at = rungs(self.min_resource * factor**mine, self.max_resource, factor)
        return halving_test(self.name, peers, at, factor, 1, sign)

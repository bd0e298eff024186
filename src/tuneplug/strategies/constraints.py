"""Constraints of the trials of a history: their model, and which points can be the incumbent."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuneplug._typing import FloatArray
from tuneplug.space import SearchSpace
from tuneplug.strategies.base import Context
from tuneplug.surrogate.constraints import ConstraintModel, ConstraintObservations, fit_constraints
from tuneplug.surrogate.fitting import TrainingData
from tuneplug.trial import Observation, Trial

__all__ = ["Constraints", "constraints_of"]


@dataclass(frozen=True)
class Constraints:
    """What is known about the constraints of a study.

    Attributes
    ----------
    model : ConstraintModel or None
        None if no two trials differ in any constraint.
    space : SearchSpace
    feasible : set of bytes
        Keys of the configurations of feasible trials, and of feasible results of parents.
    """

    model: ConstraintModel | None
    space: SearchSpace
    feasible: AbstractSet[bytes]

    def are_feasible(self, points: FloatArray) -> NDArray[np.bool_]:
        """Return whether a trial at each point was feasible, shape (n,)."""
        return np.array([key in self.feasible for key in self.space.keys(points)], dtype=bool)

    def given_pending(self, points: FloatArray) -> ConstraintModel | None:
        """Return the model, given the points of pending trials."""
        return None if self.model is None else self.model.given_pending(points)


def constraints_of(context: Context, data: TrainingData) -> Constraints | None:
    """Learn the constraints of full trials, and of identical parents; None if there are none.

    The processes have the options of those of the loss.
    """
    n = _number_of_constraints(context)
    parents = [p for p in context.parents if p.identical]
    results: list[Trial | Observation] = [*context.history.full()]
    results += [o for p in parents for o in p.observations]
    known = [one for one in results if one.constraints is not None and len(one.constraints) == n]
    if not known:
        return None
    values = np.array([one.constraints for one in known])
    points = context.points(known)
    model = fit_constraints(data, ConstraintObservations(points, values))
    feasible = points[values.max(axis=1) <= 0.0]
    return Constraints(model, context.space, set(context.space.keys(feasible)))


def _number_of_constraints(context: Context) -> int:
    """Return the number of constraints of the study; 0 if it has none.

    Until its first trial has completed, a study is taken to have those of its first identical
    parent with constraints.
    """
    trials = context.history.complete() or context.history.full()
    own = [len(t.constraints) for t in trials if t.constraints is not None]
    if own or context.history.complete():
        return own[0] if own else 0
    of_parents = (p.n_constraints for p in context.parents if p.identical and p.n_constraints)
    return next(of_parents, 0)

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
        Keys of the configurations of feasible trials.
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
    """Learn the constraints of full trials; None if there are none.

    The processes have the options of those of the loss.
    """
    known = [t for t in context.history.full() if t.constraints is not None]
    if not known:
        return None
    values = np.array([t.constraints for t in known])
    model = fit_constraints(data, ConstraintObservations(context.points(known), values))
    feasible = context.points([t for t in known if t.is_feasible])
    return Constraints(model, context.space, set(context.space.keys(feasible)))

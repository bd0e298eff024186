"""Results of earlier searches that a study starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from tuneplug.trial.history import Observation

__all__ = ["OverallBest", "Parent"]


class OverallBest(NamedTuple):
    """The best result of a study and of its identical parents.

    Attributes
    ----------
    params : dict
        The configuration.
    value : float
        The value, in the user's units and direction, as it was observed.
    parent : int or None
        Position in ``warm_start_from`` of the parent whose result it is; None if it is a trial of
        the study itself.
    """

    params: dict[str, Any]
    value: float
    parent: int | None


@dataclass(frozen=True, eq=False)
class Parent:
    """An earlier search, as a study with another space sees it; compares by identity.

    Attributes
    ----------
    observations : tuple of Observation
        Its results, at points of the study's space; smaller losses are better.
    identical : bool
        Whether it had the same data and algorithm, so that its results are evidence for this study.
        If False, it is only believed as far as it ranks this study's trials.
    absent : tuple of int
        Columns of the space that the search did not have; its points have 0.5 there.
    best : OverallBest or None
        Its best feasible result, whether or not it lies in the study's space.
    """

    observations: tuple[Observation, ...]
    identical: bool
    absent: tuple[int, ...] = ()
    best: OverallBest | None = None

    @property
    def n_constraints(self) -> int:
        """Number of constraints of its results."""
        known = (len(o.constraints) for o in self.observations if o.constraints is not None)
        return next(known, 0)

"""The history of a study: its trials in trial order, and observations of earlier searches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, overload

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.trial.learning_curves import CurveKey, LearningCurve
from tuneplug.trial.result import TrialResult, TrialState
from tuneplug.trial.trial import Trial

__all__ = ["History", "Observation"]


class Observation(NamedTuple):
    """A result of an earlier search: its point in the unit cube and its loss.

    The cost and the values of the constraints, which hold if they are at most 0, may be known, too.
    """

    point: FloatArray
    loss: float
    cost: float | None = None
    constraints: tuple[float, ...] | None = None

    @property
    def identity(self) -> tuple[bytes, float]:
        """Point and loss: results that agree in both are copies."""
        return self.point.tobytes(), self.loss


class History(Sequence[Trial]):
    """Trials of a study, in trial order.

    Attributes
    ----------
    sign : float
        1 if the objective is minimized, -1 if it is maximized.  A loss is sign * value.
    """

    def __init__(self, trials: Sequence[Trial] = (), sign: float = 1.0) -> None:
        self._trials = list(trials)
        self.sign = sign

    @overload
    def __getitem__(self, index: int) -> Trial: ...
    @overload
    def __getitem__(self, index: slice) -> list[Trial]: ...
    def __getitem__(self, index: int | slice) -> Trial | list[Trial]:
        return self._trials[index]

    def __len__(self) -> int:
        return len(self._trials)

    def __iter__(self) -> Iterator[Trial]:
        return iter(self._trials)

    def append(self, trial: Trial) -> None:
        """Add the next trial; its number must be the length of the history."""
        assert trial.number == len(self._trials)
        self._trials.append(trial)

    def replace(self, trial: Trial) -> None:
        """Replace the trial of the same number."""
        self._trials[trial.number] = trial

    def put(self, trial: Trial) -> None:
        """Add the next trial, or replace the trial of the same number."""
        if trial.number == len(self._trials):
            self._trials.append(trial)
        else:
            self._trials[trial.number] = trial

    def until(self, number: int) -> History:
        """Return the history with all trials from ``number`` on still running."""
        later = [
            replace(
                trial,
                params=trial.proposed_params,
                state=TrialState.RUNNING,
                value=None,
                variance=None,
                error=None,
                finished=None,
                cost=None,
                constraints=None,
                reporter=replace(trial.reporter, reports=[], stop_reason=None),
            )
            for trial in self._trials[max(number, 0) :]
        ]
        return History([*self._trials[: max(number, 0)], *later], self.sign)

    def curves(self, fidelity: float = 1.0) -> dict[CurveKey, dict[int, LearningCurve]]:
        """Return the learning curves of completed and stopped trials of a fidelity.

        They are grouped by metric and fold, and within a group by trial number.
        """
        found: dict[CurveKey, dict[int, LearningCurve]] = {}
        for trial in self.in_state(TrialState.COMPLETE, TrialState.STOPPED, fidelity=fidelity):
            for key, curve in trial.curves(self.sign).items():
                found.setdefault(key, {})[trial.number] = curve
        return found

    def in_state(self, *states: TrialState, fidelity: float | None = None) -> list[Trial]:
        """Return the trials in any of the states, in trial order.

        If a fidelity is given, only trials of that fidelity.
        """
        return [
            trial
            for trial in self._trials
            if trial.state in states and fidelity in (None, trial.fidelity)
        ]

    def complete(self) -> list[Trial]:
        """Return the completed trials of fidelity 1, in trial order."""
        return self.in_state(TrialState.COMPLETE, fidelity=1.0)

    def wrong_constraints(self, result: TrialResult) -> str | None:
        """Return what is wrong with the number of constraints of a complete trial, if anything."""
        first = next(iter(self.complete()), None)
        if first is None or result.state is not TrialState.COMPLETE:
            return None
        n_first, n = len(first.constraints or ()), len(result.constraints or ())
        if n == n_first:
            return None
        return (
            f"all trials must have the same constraints, but trial {first.number} has {n_first}, "
            f"and this one {n}: set all constraints in every trial"
        )

    def full(self) -> list[Trial]:
        """Return the trials with the full resource, in trial order."""
        return [trial for trial in self._trials if trial.is_full]

    def losses(self, trials: Sequence[Trial]) -> FloatArray:
        """Return the losses of trials that have a value, shape (n,)."""
        return self.sign * np.array([trial.value for trial in trials], dtype=np.float64)

    def best(self) -> Trial | None:
        """Return the first completed trial with the smallest loss.

        Only feasible trials of fidelity 1 count.  Returns None if none is complete.
        """
        complete = [t for t in self.complete() if t.is_feasible]
        if not complete:
            return None
        return complete[int(np.argmin(self.losses(complete)))]

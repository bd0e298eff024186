"""Record of the fidelities at which configurations were tried."""

from __future__ import annotations

from collections.abc import Sequence

from tuneplug._typing import FloatArray
from tuneplug.strategies.base import Context
from tuneplug.strategies.warm_start import known_results
from tuneplug.trial import Trial, TrialState

__all__ = ["DESIGN_LOOKS", "LookRecord"]

#: Number of looks of the initial design.
DESIGN_LOOKS = 6


class LookRecord:
    """Looks and full trials of a history and of its parents.

    Attributes
    ----------
    tried : dict of bytes to float
        Highest fidelity at which each configuration was tried or is running, by its key.
    ended : dict of bytes to Trial
        Last ended trial of each configuration, at its highest fidelity.
    pending : list of (ndarray of shape (d,), float)
        Points and fidelities of running trials.
    n_looks, n_full : int
        Numbers of trials, running ones included.
    has_full : bool
        Whether a full trial is complete.
    known : tuple of Observation
        Full results of parents and added observations.
    looks_fail : bool
        Whether no look has a value, of at least as many as the initial design has.
    """

    def __init__(self, context: Context) -> None:
        self._space, self._sign = context.space, context.history.sign
        history = context.history
        self.tried: dict[bytes, float] = dict.fromkeys(context.parent_keys(), 1.0)
        self.ended: dict[bytes, Trial] = {}
        for key, trial in zip(self._space.keys(context.points(history)), history, strict=True):
            self.tried[key] = max(trial.fidelity, self.tried.get(key, 0.0))
            known = self.ended.get(key)
            if trial.state.ended and (known is None or trial.fidelity >= known.fidelity):
                self.ended[key] = trial
        running = history.in_state(TrialState.RUNNING)
        self.pending = [(trial.point, trial.fidelity) for trial in running]
        self.n_looks = sum(not trial.is_full for trial in history)
        self.n_full = len(history) - self.n_looks
        self.has_full = bool(history.complete())
        self.known = known_results(context)
        self.looks_fail = _all_fail([t for t in history if not t.is_full])

    def add_pending(self, point: FloatArray, fidelity: float) -> None:
        """Count a trial as running."""
        self.pending.append((point, fidelity))
        self.tried[self._space.keys(point)[0]] = fidelity
        self.n_looks += fidelity < 1.0
        self.n_full += fidelity == 1.0

    def promising(self) -> list[Trial]:
        """Return the looks that can be tried with more, the best one of the highest level first.

        With constraints they are ordered by their violation first.
        """
        found = [
            trial
            for key, trial in self.ended.items()
            if trial.value is not None and trial.fidelity == self.tried[key] < 1.0
        ]

        def rank(trial: Trial) -> tuple[float, float, float, int]:
            loss = self._sign * (trial.value or 0.0)
            return trial.violation, -trial.fidelity, loss, trial.number

        return sorted(found, key=rank)


def _all_fail(looks: Sequence[Trial]) -> bool:
    """Whether looks failed so often, and never did not, that a look seems to be too small."""
    ended = [trial for trial in looks if trial.state.ended]
    return len(ended) >= DESIGN_LOOKS and all(t.state is TrialState.FAILED for t in ended)

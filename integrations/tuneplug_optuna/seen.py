"""What our engine sees of an Optuna study: its trials as a history of ours."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as TheirState

from tuneplug import SearchSpace, Trial, TrialState
from tuneplug.stopping import early_stop_variance
from tuneplug.strategies import History
from tuneplug_optuna.columns import Column, column

__all__ = ["Seen", "TrialKey", "key_of"]

STATES = {
    TheirState.COMPLETE: TrialState.COMPLETE,
    TheirState.PRUNED: TrialState.STOPPED,
    TheirState.FAIL: TrialState.FAILED,
    TheirState.RUNNING: TrialState.RUNNING,
}
#: Number and start: another study of the same name has trials of the same numbers.
TrialKey = tuple[int, datetime.datetime | None]


def key_of(trial: FrozenTrial) -> TrialKey:
    """Return what tells a trial from those of other studies of the same name."""
    return trial.number, trial.datetime_start


@dataclass
class _Ended:
    """An ended trial, theirs and, if it lies in the space, ours."""

    theirs: FrozenTrial
    ours: Trial | None
    settled: bool = False  # whether all before it have ended, so that nothing changes any more


@final
class Seen:
    """A search space of Optuna's, and its ended trials as ours, each of them turned once."""

    def __init__(self, search_space: Mapping[str, BaseDistribution]) -> None:
        self.search_space = dict(search_space)
        self._columns: dict[str, Column] = {
            name: column(distribution) for name, distribution in search_space.items()
        }
        self.space = SearchSpace({name: one.parameter for name, one in self._columns.items()})
        self._ended: dict[int, _Ended] = {}

    def to_optuna(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return a configuration in Optuna's values."""
        return {name: self._columns[name].to_optuna(value) for name, value in params.items()}

    def history(
        self,
        trials: Sequence[FrozenTrial],
        handed: Mapping[TrialKey, Mapping[str, Any]],
        direction: StudyDirection,
    ) -> History:
        """Return those of Optuna's trials that lie in the space, in order.

        Of a trial that runs, what it has not asked for yet is what it was handed.
        """
        maximize = direction is StudyDirection.MAXIMIZE
        history = History(sign=-1.0 if maximize else 1.0)
        settled = True
        for theirs in trials:
            if not theirs.state.is_finished():
                settled = False
                params = {**handed.get(key_of(theirs), {}), **theirs.params}
                self._append(history, self._ours(theirs, params, maximize))
                continue
            known = self._known(theirs, maximize)
            self._append(history, known.ours)
            if not known.settled and known.ours is not None and _was_stopped(known.ours):
                known.ours.variance = early_stop_variance(known.ours, history)
            known.settled = settled
        return history

    def _known(self, theirs: FrozenTrial, maximize: bool) -> _Ended:
        """Return an ended trial as it was turned; another object is one of another study."""
        known = self._ended.get(theirs.number)
        if known is None or known.theirs is not theirs:
            known = _Ended(theirs, self._ours(theirs, theirs.params, maximize))
            self._ended[theirs.number] = known
        return known

    @staticmethod
    def _append(history: History, ours: Trial | None) -> None:
        if ours is not None:
            ours.number = len(history)
            history.append(ours)

    def _ours(self, theirs: FrozenTrial, params: Mapping[str, Any], maximize: bool) -> Trial | None:
        """Return a trial of ours, None if its configuration is not known or not of the space."""
        if theirs.state not in STATES or not self._columns.keys() <= params.keys():
            return None
        configuration = {name: one.to_ours(params[name]) for name, one in self._columns.items()}
        try:
            unit = self.space.locate(configuration)
        except ValueError:  # of another range
            return None
        ours = Trial(
            0,
            configuration,
            unit,
            state=STATES[theirs.state],
            direction="maximize" if maximize else "minimize",
        )
        if ours.state.ended:
            _take_results(ours, theirs)
        return ours


def _was_stopped(ours: Trial) -> bool:
    return ours.state is TrialState.STOPPED and bool(ours.reports)


def _take_results(ours: Trial, theirs: FrozenTrial) -> None:
    """Take reports and value.

    An infinite value is a failure; of a pruned trial without a value the last finite report counts,
    if there is any.
    """
    for step in sorted(theirs.intermediate_values):
        ours.report(theirs.intermediate_values[step], step)
    if ours.state is TrialState.FAILED:
        return
    said = list(theirs.values or ())
    if ours.state is TrialState.STOPPED:
        said += [report.value for report in reversed(ours.reports)]
    finite = (value for value in said if math.isfinite(value))
    ours.value = next(finite, None)
    if ours.state is TrialState.COMPLETE and ours.value is None:
        ours.state, ours.error = TrialState.FAILED, f"the value is {said[0]!r}"

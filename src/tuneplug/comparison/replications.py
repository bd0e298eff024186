"""Run one replication of one strategy, on a worker."""

from __future__ import annotations

import copy
import traceback
from dataclasses import dataclass

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.comparison.plan import ComparisonPlan
from tuneplug.errors import (
    AllTrialsFailedError,
    NoCompletedTrialError,
    SpaceExhausted,
    safe_repr,
)
from tuneplug.execution import Broadcast, run_objective
from tuneplug.execution.pool import this_process
from tuneplug.storage.base import Storage
from tuneplug.storage.shared import SharedStorage
from tuneplug.study import N_ALIKE, Study, brief_exception, exception_of
from tuneplug.study.results import no_feasible_message
from tuneplug.trial import History, Trial, TrialState

__all__ = ["Ended", "Replication", "run_replication"]


@dataclass(frozen=True)
class Replication:
    """The result of a replication.

    Attributes
    ----------
    curve : array of shape (n_trials,)
        Best feasible value so far after each job; NaN before the first one.
    n_failed : int
        Number of failed trials.
    error : str or None
        Exception of the first failed trial.
    """

    curve: FloatArray
    n_failed: int
    error: str | None


@dataclass(frozen=True)
class Ended:
    """An exception that ended a replication on a worker; the comparison raises it."""

    error: BaseException


def run_replication(
    shared: Broadcast, strategy: str, replication: int, caller: tuple[str, int]
) -> Replication | Ended | None:
    """Run the remaining trials of a replication, and return its result; None if it is stopped.

    An interrupt does not end a worker, which may belong to the cluster of the user.
    """
    plan: ComparisonPlan = shared.value
    here = this_process() == caller
    try:
        return _run(plan, strategy, replication)
    except (KeyboardInterrupt, SystemExit) as error:
        if here:
            raise
        if isinstance(error, KeyboardInterrupt):
            return Ended(KeyboardInterrupt())
        known = error.code is None or type(error.code) in (int, str)
        return Ended(SystemExit(error.code if known else safe_repr(error.code)))
    except Exception as error:  # noqa: BLE001  the comparison raises it
        if not here:
            error.add_note(traceback.format_exc())
        return Ended(error)


def _run(plan: ComparisonPlan, strategy: str, replication: int) -> Replication | None:
    name = plan.study_name(strategy, replication)
    if plan.storage is not None and not isinstance(plan.storage, SharedStorage):
        _forget_unfinished(plan.storage, name)
    study = plan.study(strategy, replication)
    if not _is_complete(study.history, plan.n_trials):
        try:
            with study.running():
                _run_trials(study, plan)
        except (KeyboardInterrupt, SystemExit):
            if plan.storage is not None:
                _forget_unfinished(plan.storage, name)
            raise
    where = f"strategy {strategy!r}, replication {replication}"
    if plan.stopped:
        return None
    if study.history.best() is None:
        raise _nothing_completed(study.history, where)
    return _result(study.history, plan.n_trials)


def _run_trials(study: Study, plan: ComparisonPlan) -> None:
    while not (plan.stopped or _is_complete(study.history, plan.n_trials)):
        try:
            trial = study.ask()
        except SpaceExhausted:
            return  # the rest of the curve stays at the best value
        own = copy.copy(trial)  # the objective must not change the record
        own.point = trial.point.copy()
        study.finish(trial.number, run_objective(plan.objective, own))
        if _all_alike(study.history):
            return


def _is_complete(history: History, n_trials: int) -> bool:
    return sum(trial.state.ended for trial in history) >= n_trials


def _all_alike(history: History) -> bool:
    """Whether the only trials are the first ones, and all of them failed with one exception."""
    if len(history) != N_ALIKE:
        return False
    failed = [trial for trial in history if trial.state is TrialState.FAILED]
    return len(failed) == N_ALIKE and len({exception_of(t.error or "") for t in failed}) == 1


def _nothing_completed(history: History, where: str) -> Exception:
    failed = [trial for trial in history if trial.state is TrialState.FAILED]
    if len(failed) == len(history) and failed:
        return AllTrialsFailedError(
            f"{where}: all {len(failed)} trials failed, the last one with:\n{failed[-1].error}"
        )
    if complete := history.complete():
        return NoCompletedTrialError(f"{where}: {no_feasible_message(complete)}")
    return NoCompletedTrialError(
        f"{where}: at least one trial of full fidelity must complete, but of {len(history)} trials "
        "none did: increase n_trials"
    )


def _result(history: History, n_trials: int) -> Replication:
    losses = np.full(n_trials, np.nan)
    for trial in history[:n_trials]:
        if trial.state is TrialState.COMPLETE and trial.is_full and trial.is_feasible:
            losses[trial.number] = history.sign * _value_of(trial)
    failed = [trial for trial in history if trial.state is TrialState.FAILED]
    error = brief_exception(failed[0].error or "") if failed else None
    return Replication(history.sign * np.fmin.accumulate(losses), len(failed), error)


def _value_of(trial: Trial) -> float:
    assert trial.value is not None, "a completed trial has a value"
    return trial.value


def _forget_unfinished(storage: Storage, study: str) -> None:
    """Remove the trial of an interrupted replication that did not end, so that it runs again.

    With it as a failed trial, the replication would go on differently than without the interrupt.
    """
    if study not in storage.studies():
        return
    settings, records = storage.open(study, {})
    ended = [record for record in records if TrialState(record["state"]).ended]
    if len(ended) == len(records):
        return
    storage.delete(study)
    storage.open(study, settings)
    for record in ended:
        storage.add(study, record)

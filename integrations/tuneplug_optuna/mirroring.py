"""Studies of ours in a storage of Optuna's, where optuna-dashboard shows them.

Trials are written to the storage as what they are; no sampler of Optuna's is asked.
"""

from __future__ import annotations

import datetime
import math
import weakref
from typing import Any, final

import optuna
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as TheirState

import tuneplug
from tuneplug import Study, Trial, TrialState
from tuneplug.plugins import hookimpl
from tuneplug_optuna.fields import fields_of
from tuneplug_optuna.reports import by_step, thinned

__all__ = ["OptunaMirror", "mirror"]

#: Most steps of a trial that are written: a storage takes milliseconds for each.
MOST_STEPS = 100
STATES = {
    TrialState.RUNNING: TheirState.RUNNING,
    TrialState.COMPLETE: TheirState.COMPLETE,
    TrialState.STOPPED: TheirState.PRUNED,
    TrialState.FAILED: TheirState.FAIL,
}


def mirror(
    study: Study, storage: str | BaseStorage, *, study_name: str | None = None
) -> optuna.Study:
    """Copy a study, as it is now, into a storage of Optuna's.

    Trials keep their numbers, values (in the direction of the study), states (a stopped one is
    ``PRUNED``, with its reason), and times; parameters are shown in the user's units.  Intermediate
    values are the means of the folds that reported a step, of at most 100 steps.  What else is
    known is in the user attributes of the trials, ``origin``, ``expected_improvement``,
    ``variance``, ``stop_reason``, ``error``, ``metric``, ``folds`` (the last value of each), and
    of the study,
    ``tuneplug`` (the version), ``strategy``, ``stopping``, ``seed``, ``scaling`` and
    ``completion_reason``.

    Parameters
    ----------
    study : Study
        It may be running: what then runs is copied as running.
    storage : str or optuna.storages.BaseStorage
        A database URL as Optuna has it, ``"sqlite:///study.db"``, or a storage.
    study_name : str, optional
        In the storage; Optuna makes one up by default.

    Returns
    -------
    optuna.Study
        The copy, loaded.

    Raises
    ------
    ValueError
        If the storage has a study of that name: nothing is added to one.
    MissingDependencyError
        If Optuna is not installed.

    Examples
    --------
    >>> import optuna
    >>> from tuneplug import Float, Study
    >>> from tuneplug_optuna import mirror
    >>> study = Study({"x": Float(-2.0, 2.0)}, seed=0)
    >>> study.optimize(lambda trial: (trial.params["x"] - 1.0) ** 2, 10)
    >>> copied = mirror(study, optuna.storages.InMemoryStorage(), study_name="valley")
    >>> copied.best_value == study.best_value
    True
    """
    at = _storage(storage)
    writer = _Writer(study, at, study_name)
    return optuna.load_study(study_name=writer.study_name, storage=at)


@final
class OptunaMirror:
    """An observer that mirrors a study into a storage of Optuna's while it runs.

    What is there in the end is what ``mirror`` copies, but for the times: Optuna notes itself when
    it is told of the end of a trial.  A storage that fails ends the mirror, with a warning, and not
    the study.  One mirror serves several studies if it has no name for them.

    Parameters
    ----------
    storage : str or optuna.storages.BaseStorage
        As in ``mirror``.
    study_name : str, optional
        In the storage; Optuna makes one up by default.

    Raises
    ------
    ValueError
        If the storage has a study of that name: nothing is added to one.
    MissingDependencyError
        If Optuna is not installed.

    Examples
    --------
    >>> import optuna
    >>> from tuneplug import Float, Study
    >>> from tuneplug.plugins import Plugins
    >>> from tuneplug_optuna import OptunaMirror
    >>> storage, plugins = optuna.storages.InMemoryStorage(), Plugins()
    >>> plugins.register(OptunaMirror(storage, "valley"))
    >>> study = Study({"x": Float(-2.0, 2.0)}, seed=0, plugins=plugins)
    >>> study.optimize(lambda trial: (trial.params["x"] - 1.0) ** 2, 10)
    >>> len(optuna.load_study(study_name="valley", storage=storage).trials)
    10
    """

    def __init__(self, storage: str | BaseStorage, study_name: str | None = None) -> None:
        self.storage = _storage(storage)
        self.study_name = study_name
        _refuse_taken(self.storage, study_name)
        self._writers: weakref.WeakKeyDictionary[Study, _Writer] = weakref.WeakKeyDictionary()

    def _writer(self, study: Study) -> _Writer:
        found = self._writers.get(study)
        if found is None:
            found = self._writers[study] = _Writer(study, self.storage, self.study_name)
        return found

    @hookimpl
    def tuneplug_study_started(self, study: Study) -> None:
        """Create the study in the storage, with the trials that it has."""
        self._writer(study)

    @hookimpl
    def tuneplug_trial_asked(self, study: Study, trial: Trial) -> None:
        """Add the trial, which is running."""
        self._writer(study).add(trial)

    @hookimpl
    def tuneplug_trial_finished(self, study: Study, trial: Trial) -> None:
        """Write what became of the trial."""
        self._writer(study).finish(trial)

    @hookimpl
    def tuneplug_study_finished(self, study: Study) -> None:
        """Write why the study ended, if it did before its budget was spent, and what is missing."""
        writer = self._writer(study)
        writer.describe(study)
        writer.catch_up(study)


class _Writer:
    """Writes one study; all that it has when this is made is written then."""

    def __init__(self, study: Study, storage: BaseStorage, study_name: str | None) -> None:
        _refuse_taken(storage, study_name)
        maximize = study.direction == "maximize"
        direction = StudyDirection.MAXIMIZE if maximize else StudyDirection.MINIMIZE
        self._storage = storage
        self._id = storage.create_new_study([direction], study_name)
        self._fields = fields_of(study.space)
        self._trials: dict[int, int] = {}
        self._running: dict[int, dict[str, Any]] = {}  # with what is written of them
        self.study_name = storage.get_study_name_from_id(self._id)
        self.describe(study)
        self.catch_up(study)

    def describe(self, study: Study) -> None:
        """Write what is known of the study but for its trials."""
        about = {
            "tuneplug": tuneplug.__version__,
            "strategy": study.strategy.name,
            "stopping": None if study.stopping is None else study.stopping.name,
            "seed": study.seed,
            "scaling": study.explain_scaling(),
            "completion_reason": study.completion_reason,
        }
        for key, value in about.items():
            if value is not None:
                self._storage.set_study_user_attr(self._id, key, value)

    def catch_up(self, study: Study) -> None:
        """Write what is known of all trials: an interrupt may have come before an event."""
        for trial in study.trials:
            self.add(trial)
            if trial.state.ended:
                self.finish(trial)

    def add(self, trial: Trial) -> None:
        """Write a trial, unless it has been."""
        if trial.number not in self._trials:
            theirs = self._frozen(trial)
            self._trials[trial.number] = self._storage.create_new_trial(self._id, theirs)
            if not trial.state.ended:
                self._running[trial.number] = theirs.user_attrs

    def finish(self, trial: Trial) -> None:
        """Write what became of a trial, unless it had ended when it was added."""
        before = self._running.get(trial.number)
        if before is None:
            return
        known, theirs = self._trials[trial.number], self._frozen(trial)
        for step, value in theirs.intermediate_values.items():
            self._storage.set_trial_intermediate_value(known, step, value)
        for key, value in theirs.user_attrs.items():
            if key not in before:
                self._storage.set_trial_user_attr(known, key, value)
        self._storage.set_trial_state_values(known, theirs.state, theirs.values)
        del self._running[trial.number]

    def _frozen(self, trial: Trial) -> FrozenTrial:
        branch = int(trial.point[0] * len(self._fields)) if len(self._fields) > 1 else 0
        fields = {name: self._fields[branch][name] for name in trial.params}
        ended_well = trial.state in (TrialState.COMPLETE, TrialState.STOPPED)
        return FrozenTrial(
            number=trial.number,
            trial_id=-1,
            state=STATES[trial.state],
            value=trial.value if ended_well else None,
            datetime_start=_time(trial.started),
            datetime_complete=_time(trial.finished),
            params={f.key: f.value(trial.params[name]) for name, f in fields.items()},
            distributions={f.key: f.distribution for f in fields.values()},
            user_attrs=_attributes(trial),
            system_attrs={},
            intermediate_values=thinned(by_step(trial.reports), MOST_STEPS)
            if trial.state.ended
            else {},
        )


def _attributes(trial: Trial) -> dict[str, Any]:
    found = {
        "origin": trial.origin,
        "expected_improvement": trial.expected_improvement,
        "variance": trial.variance,
        "metric": trial.metric,
        "stop_reason": trial.stop_reason,
        "error": trial.error,
        "folds": {
            str(r.fold): r.value if math.isfinite(r.value) else repr(r.value)  # JSON has no NaN
            for r in trial.reports
            if r.fold is not None
        }
        or None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _time(seconds: float | None) -> datetime.datetime | None:
    """Return a time as Optuna keeps it: local, and without a zone."""
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds)


def _storage(storage: str | BaseStorage) -> BaseStorage:
    if isinstance(storage, str):
        return RDBStorage(storage)
    if not isinstance(storage, BaseStorage):
        raise TypeError(f"storage must be a URL or a storage of Optuna's, but got {storage!r}")
    return storage


def _refuse_taken(storage: BaseStorage, study_name: str | None) -> None:
    if study_name is not None and study_name in optuna.get_all_study_names(storage):
        raise ValueError(
            f"study_name must be new to the storage, but {study_name!r} is there: give another, or "
            f"delete it with optuna.delete_study(study_name={study_name!r}, storage=...)"
        )

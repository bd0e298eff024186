"""Mirror tuneplug studies to an Optuna storage, where optuna-dashboard shows them.

Trials are written as records.  No Optuna sampler is called.
"""

from __future__ import annotations

import datetime
import math
import weakref
from collections.abc import Sequence
from typing import Any, final

import optuna
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

import tuneplug
from tuneplug import StorageError, Study, Trial, TrialState
from tuneplug.plugins import hookimpl
from tuneplug.stopping import Report
from tuneplug.storage import check_sqlite_url
from tuneplug_optuna._states import TO_OPTUNA
from tuneplug_optuna.constraints import constraint_attributes
from tuneplug_optuna.to_optuna import storage_params
from tuneplug_optuna.trials import means_by_step, thin

__all__ = ["OptunaMirror", "mirror"]

#: Maximum number of steps written per trial; a storage takes milliseconds for each.
MAX_STEPS = 100


def mirror(
    study: Study, storage: str | BaseStorage, *, study_name: str | None = None
) -> optuna.Study:
    """Copy the current state of a study to an Optuna storage.

    Trials keep their numbers, values (in the direction of the study), states (``STOPPED`` becomes
    ``PRUNED``, and so does ``COMPLETE`` at a fidelity below 1) and times.  Parameters are shown in
    the user's units.  Intermediate values are means over the folds that reported a step, for at
    most 100 steps.  User attributes of a trial are
    ``origin``, ``expected_improvement``, ``variance``, ``cost``, ``fidelity``, ``stop_reason``,
    ``error``, ``metric`` and ``folds`` (the last value of each fold).  Constraints are those of
    Optuna, so that its best trial is feasible.  User attributes of the study
    are ``tuneplug`` (the version), ``strategy``, ``stopping``, ``seed``, ``scaling`` and
    ``completion_reason``.

    Parameters
    ----------
    study : Study
        The study may be running.  Running trials are copied as running.
    storage : str or optuna.storages.BaseStorage
        A storage, or a database URL such as ``"sqlite:///study.db"``.
    study_name : str, optional
        Name of the study in the storage.  If None, Optuna generates a name.

    Returns
    -------
    optuna.Study
        The copy, loaded from the storage.

    Raises
    ------
    ValueError
        If the storage already has a study named ``study_name``.
    TypeError
        If ``storage`` is neither a URL nor an Optuna storage.
    StorageError
        If Optuna cannot open the database of the URL, or its file belongs to another program,
        also to tuneplug itself; the file is left unchanged.
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
    opened = _open_storage(storage)
    writer = _StudyWriter(study, opened, study_name)
    return optuna.load_study(study_name=writer.study_name, storage=opened)


@final
class OptunaMirror:
    """Mirror a study to an Optuna storage while it runs; an observer.

    The final content equals that of ``mirror``, except for the completion times: Optuna sets a
    completion time when the end of the trial is written.  If the storage raises, the mirror is
    detached with a warning, and the study continues.  A mirror without ``study_name`` can serve
    several studies.

    Parameters
    ----------
    storage : str or optuna.storages.BaseStorage
        A storage, or a database URL such as ``"sqlite:///study.db"``.
    study_name : str, optional
        Name of the study in the storage.  If None, Optuna generates a name.

    Raises
    ------
    ValueError
        If the storage already has a study named ``study_name``.
    TypeError
        If ``storage`` is neither a URL nor an Optuna storage.
    StorageError
        If Optuna cannot open the database of the URL, or its file belongs to another program,
        also to tuneplug itself; the file is left unchanged.
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
        self.storage = _open_storage(storage)
        self.study_name = study_name
        _check_name_is_new(self.storage, study_name)
        self._writers: weakref.WeakKeyDictionary[Study, _StudyWriter] = weakref.WeakKeyDictionary()

    def _writer(self, study: Study) -> _StudyWriter:
        if study not in self._writers:
            self._writers[study] = _StudyWriter(study, self.storage, self.study_name)
        return self._writers[study]

    @hookimpl
    def tuneplug_study_started(self, study: Study) -> None:
        """Create the study in the storage, with its existing trials."""
        self._writer(study)

    @hookimpl
    def tuneplug_trial_asked(self, study: Study, trial: Trial) -> None:
        """Write the running trial."""
        self._writer(study).add(trial)

    @hookimpl
    def tuneplug_trial_finished(self, study: Study, trial: Trial) -> None:
        """Write the results of the trial."""
        self._writer(study).finish(trial)

    @hookimpl
    def tuneplug_study_finished(self, study: Study) -> None:
        """Write the completion reason, and trials whose events were missed."""
        writer = self._writer(study)
        writer.write_attributes(study)
        writer.write_missing(study)


class _StudyWriter:
    """Write one study; the constructor writes its existing trials."""

    def __init__(self, study: Study, storage: BaseStorage, study_name: str | None) -> None:
        _check_name_is_new(storage, study_name)
        maximize = study.direction == "maximize"
        direction = StudyDirection.MAXIMIZE if maximize else StudyDirection.MINIMIZE
        self._storage = storage
        self._id = storage.create_new_study([direction], study_name)
        self._params = storage_params(study.space)
        self._trial_ids: dict[int, int] = {}
        self._running_attributes: dict[int, dict[str, Any]] = {}  # as written, by trial number
        self.study_name = storage.get_study_name_from_id(self._id)
        self.write_attributes(study)
        self.write_missing(study)

    def write_attributes(self, study: Study) -> None:
        """Write the user attributes of the study."""
        attributes = {
            "tuneplug": tuneplug.__version__,
            "strategy": study.strategy.name,
            "stopping": None if study.stopping is None else study.stopping.name,
            "seed": study.seed,
            "scaling": study.explain_scaling(),
            "completion_reason": study.completion_reason,
        }
        for key, value in attributes.items():
            if value is not None:
                self._storage.set_study_user_attr(self._id, key, value)

    def write_missing(self, study: Study) -> None:
        """Write trials not written yet: an interrupt may have come before their events."""
        for trial in study.trials:
            self.add(trial)
            if trial.state.ended:
                self.finish(trial)

    def add(self, trial: Trial) -> None:
        """Write a trial if it is not in the storage."""
        if trial.number not in self._trial_ids:
            frozen = self._frozen(trial)
            self._trial_ids[trial.number] = self._storage.create_new_trial(self._id, frozen)
            if not trial.state.ended:
                self._running_attributes[trial.number] = frozen.user_attrs

    def finish(self, trial: Trial) -> None:
        """Write the results of a trial if the storage has it as running."""
        written = self._running_attributes.get(trial.number)
        if written is None:
            return
        trial_id, frozen = self._trial_ids[trial.number], self._frozen(trial)
        for step, value in frozen.intermediate_values.items():
            self._storage.set_trial_intermediate_value(trial_id, step, value)
        for key, value in frozen.user_attrs.items():
            if key not in written:
                self._storage.set_trial_user_attr(trial_id, key, value)
        for key, value in frozen.system_attrs.items():
            self._storage.set_trial_system_attr(trial_id, key, value)
        self._storage.set_trial_state_values(trial_id, frozen.state, frozen.values)
        del self._running_attributes[trial.number]

    def _frozen(self, trial: Trial) -> FrozenTrial:
        sub_space = int(trial.point[0] * len(self._params)) if len(self._params) > 1 else 0
        params = [
            (self._params[sub_space][name], value) for name, value in trial.proposed_params.items()
        ]
        has_value = trial.state in (TrialState.COMPLETE, TrialState.STOPPED)
        values = thin(means_by_step(trial.reports), MAX_STEPS) if trial.state.ended else {}
        return FrozenTrial(
            number=trial.number,
            trial_id=-1,
            state=_state(trial),
            value=trial.value if has_value else None,
            datetime_start=_local_time(trial.started),
            datetime_complete=_local_time(trial.finished),
            params={param.name: param.to_optuna(value) for param, value in params},
            distributions={param.name: param.distribution for param, _ in params},
            user_attrs=_trial_attributes(trial),
            system_attrs=constraint_attributes(trial),
            intermediate_values=values,
        )


def _state(trial: Trial) -> OptunaState:
    """Return the state; a complete trial below full fidelity is pruned, so never the best."""
    approximate = trial.state is TrialState.COMPLETE and not trial.is_full
    return OptunaState.PRUNED if approximate else TO_OPTUNA[trial.state]


def _trial_attributes(trial: Trial) -> dict[str, Any]:
    attributes = {
        "origin": trial.origin,
        "expected_improvement": trial.expected_improvement,
        "variance": trial.variance,
        "cost": trial.cost,
        "fidelity": None if trial.is_full else trial.fidelity,
        "metric": trial.metric,
        "stop_reason": trial.stop_reason,
        "error": trial.error,
        "folds": _last_by_fold(trial.reports) or None,
    }
    return {key: value for key, value in attributes.items() if value is not None}


def _last_by_fold(reports: Sequence[Report]) -> dict[str, float | str]:
    """Return the last value of each fold; the ``repr`` if not finite, as JSON has no NaN."""
    return {
        str(report.fold): report.value if math.isfinite(report.value) else repr(report.value)
        for report in reports
        if report.fold is not None
    }


def _local_time(seconds: float | None) -> datetime.datetime | None:
    """Return a local time without a time zone, as Optuna stores it."""
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds)


def _open_storage(storage: str | BaseStorage) -> BaseStorage:
    if isinstance(storage, str):
        try:
            check_sqlite_url(storage, "Optuna", "version_info")
            return RDBStorage(storage)
        except Exception as error:  # of Optuna, SQLAlchemy or a driver
            raise StorageError(
                f"storage must be the URL of a database that Optuna can open, but {storage!r} "
                f"raises {type(error).__name__}: {error}"
            ) from error
    if not isinstance(storage, BaseStorage):
        raise TypeError(f"storage must be a URL or an Optuna storage, but got {storage!r}")
    return storage


def _check_name_is_new(storage: BaseStorage, study_name: str | None) -> None:
    if study_name is not None and study_name in optuna.get_all_study_names(storage):
        raise ValueError(
            f"study_name must be new to the storage, but {study_name!r} exists: use another name, "
            f"or delete it with optuna.delete_study(study_name={study_name!r}, storage=...)"
        )

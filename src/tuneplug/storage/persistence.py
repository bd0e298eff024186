"""How a study keeps its trials: what could not be written is written later, not lost."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tuneplug.errors import ConcurrentStudyError, SpaceError, StorageError
from tuneplug.space import SearchSpace
from tuneplug.storage.base import Storage, StoredStudy, TrialRecord
from tuneplug.storage.serialization import check_choices, from_record, to_record
from tuneplug.trial import Trial, TrialState

__all__ = ["StudyPersistence", "open_persistence"]

#: Why a trial failed that was running when its process ended.
INTERRUPTED = "interrupted: the process that ran this trial has ended"


class StudyPersistence:
    """The trials of one study in a storage.

    A storage that cannot be written (a full disk, a lock) does not end the study: the trials that
    it lacks are warned about, once, and written with the next change.
    """

    def __init__(self, storage: Storage, study: str) -> None:
        self.storage, self.study = storage, study
        self._n_there = 0  # they are there without a gap
        self._pending_writes: dict[int, TrialRecord] = {}
        self._warned = False

    def begin(self, settings: Mapping[str, Any], space: SearchSpace) -> StoredStudy:
        """Return what is kept of the study, which is begun with the settings if there is none.

        Raises
        ------
        SpaceError
            If the space has choices that could not be known again.
        StorageError
            If trials are missing.
        """
        check_choices(space)
        kept = self.storage.open(self.study, settings)
        numbers = [record["number"] for record in kept.records]
        if numbers != list(range(len(numbers))):
            raise StorageError(
                f"the trials of study {self.study!r} must be numbered from 0 without a gap, but "
                f"{self.storage!r} has {numbers}: give this one another name"
            )
        self._n_there = len(numbers)
        return kept

    def trials(self, kept: StoredStudy, space: SearchSpace) -> list[Trial]:
        """Return the trials that are kept; what was running has failed.

        Raises
        ------
        SpaceError
            If one has a configuration that is not in the space.
        """
        trials = []
        for record in kept.records:
            try:
                trial = from_record(record, space)
            except ValueError as error:
                raise SpaceError(
                    f"every trial of study {self.study!r} must be in the space, but trial "
                    f"{record['number']}, {record['params']}, is not: {error}; give a space that "
                    "has it, or the study another name"
                ) from None
            if trial.state is TrialState.RUNNING:
                trial = replace(trial, state=TrialState.FAILED, error=INTERRUPTED)
                self.write(trial)
            trials.append(trial)
        return trials

    def write(self, trial: Trial) -> None:
        """Write a trial as it is now, after those that could not be written before.

        Raises
        ------
        ConcurrentStudyError
            If another process has added a trial of that number to the study.
        """
        self._pending_writes[trial.number] = to_record(trial)
        try:
            self.flush()
        except ConcurrentStudyError:
            self._pending_writes.pop(trial.number, None)  # it is not this study's to run
            raise

    def flush(self) -> None:
        """Write what could not be written before; warn if it still cannot, once."""
        try:
            for number in sorted(self._pending_writes):
                self._write(self._pending_writes[number])
                del self._pending_writes[number]
        except ConcurrentStudyError:
            raise
        except StorageError as error:
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"{len(self._pending_writes)} trial(s) of study {self.study!r} could not be "
                    f"written; they will be written with the next change: {error}",
                    RuntimeWarning,
                    stacklevel=5,
                )
        else:
            self._warned = False

    def _write(self, record: TrialRecord) -> None:
        if record["number"] < self._n_there:
            self.storage.update(self.study, record)
        else:
            self.storage.add(self.study, record)
            self._n_there += 1


def open_persistence(
    storage: str | Storage | None, study: str | None, named: Callable[[str, str], Any]
) -> StudyPersistence | None:
    """Return what keeps a study in a storage, given as an object or as ``"name://location"``.

    ``named`` makes the storage that has a name, at a location.

    Raises
    ------
    ValueError
        If the study has no name, or the storage is no URL.
    TypeError
        If the storage is none.
    UnknownNameError
        If no plugin has a storage of that name.
    """
    if storage is None:
        return None
    if isinstance(storage, str):
        scheme, found, location = storage.partition("://")
        if not found:
            raise ValueError(
                "storage must be a URL such as 'sqlite:///study.db', or a Storage, but got "
                f"{storage!r}"
            )
        storage = named(scheme, location.removeprefix("/"))
    if not isinstance(storage, Storage):
        raise TypeError(f"storage must be a URL, a Storage or None, but got {storage!r}")
    if not isinstance(study, str) or not study:
        raise ValueError(f"a study that is kept in a storage needs a name, but got name={study!r}")
    return StudyPersistence(storage, study)

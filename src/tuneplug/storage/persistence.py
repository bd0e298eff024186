"""Write the trials of a study to a storage, and retry failed writes later."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tuneplug.errors import ConcurrentStudyError, SpaceError, StorageError
from tuneplug.space import SearchSpace
from tuneplug.storage.base import Storage, StoredStudy, TrialRecord
from tuneplug.storage.serialization import check_categories, from_record, to_record
from tuneplug.trial import Trial, TrialState

__all__ = ["StudyPersistence", "open_persistence"]

#: Error of a trial that was running when its process ended.
INTERRUPTED = "interrupted: the process that ran this trial has ended"


class StudyPersistence:
    """Writes the trials of one study to a storage.

    A failed write, for example because of a full disk or a lock, does not end the study.  It causes
    one warning, and the trials are written with the next change.
    """

    def __init__(self, storage: Storage, study: str) -> None:
        self.storage, self.study = storage, study
        self._n_stored = 0  # trials 0 to n - 1 are stored
        self._pending_writes: dict[int, TrialRecord] = {}
        self._warned = False

    def begin(self, settings: Mapping[str, Any], space: SearchSpace) -> StoredStudy:
        """Open the study in the storage.  If it does not exist, create it with the settings.

        Raises
        ------
        SpaceError
            If categories of the space have no stable and unique ``repr``.
        StorageError
            If the numbers of the stored trials have gaps.
        """
        check_categories(space)
        stored = self.storage.open(self.study, settings)
        numbers = [record["number"] for record in stored.records]
        if numbers != list(range(len(numbers))):
            raise StorageError(
                f"the trials of study {self.study!r} must be numbered from 0 without a gap, but "
                f"{self.storage!r} has {numbers}: give this study another name"
            )
        self._n_stored = len(numbers)
        return stored

    def trials(self, stored: StoredStudy, space: SearchSpace) -> list[Trial]:
        """Return the stored trials, with running ones as failed.

        Raises
        ------
        SpaceError
            If the configuration of a trial is not in the space.
        """
        trials = []
        for record in stored.records:
            try:
                trial = from_record(record, space)
            except ValueError as error:
                raise SpaceError(
                    f"every trial of study {self.study!r} must be in the space, but trial "
                    f"{record['number']}, {record['params']}, is not: {error}; give a space that "
                    "contains it, or give the study another name"
                ) from None
            if trial.state is TrialState.RUNNING:
                trial = replace(trial, state=TrialState.FAILED, error=INTERRUPTED)
                self.write(trial)
            trials.append(trial)
        return trials

    def write(self, trial: Trial) -> None:
        """Write the current record of a trial, after all pending writes.

        Raises
        ------
        ConcurrentStudyError
            If another process has added a trial of this number to the study.
        """
        self._pending_writes[trial.number] = to_record(trial)
        try:
            self.flush()
        except ConcurrentStudyError:
            self._pending_writes.pop(trial.number, None)  # the trial belongs to the other process
            raise

    def flush(self) -> None:
        """Write all pending records.  Warn at the first failure after a success."""
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
        if record["number"] < self._n_stored:
            self.storage.update(self.study, record)
        else:
            self.storage.add(self.study, record)
            self._n_stored += 1


def open_persistence(
    storage: str | Storage | None, study: str | None, named: Callable[[str, str], Any]
) -> StudyPersistence | None:
    """Return the persistence of a study in a storage; None if there is no storage.

    Parameters
    ----------
    storage : str, Storage or None
        Storage, or its URL ``"name://location"``.
    study : str or None
        Name of the study.
    named : callable
        Takes the name and the location of a storage, and creates the storage.

    Raises
    ------
    ValueError
        If the study has no name, or if the URL has no name of a storage.
    TypeError
        If ``storage`` is neither a URL nor a storage.
    UnknownNameError
        If no plugin registers a storage of this name.
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
        raise ValueError(f"a study in a storage needs a name, but got name={study!r}")
    return StudyPersistence(storage, study)

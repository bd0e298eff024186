"""Write the trials of a study to a storage, and retry failed writes later."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tuneplug.errors import (
    ConcurrentStudyError,
    ReadOnlyStorageError,
    StorageError,
    StoredTrialError,
    warn_caller,
)
from tuneplug.space import SearchSpace
from tuneplug.storage.base import Storage, StoredStudy, TrialRecord
from tuneplug.storage.categories import check_categories
from tuneplug.storage.serialization import categories_by_key, from_record, to_record
from tuneplug.storage.validation import check_record, check_settings
from tuneplug.trial import Trial, TrialState

__all__ = ["INTERRUPTED", "StudyPersistence", "open_persistence"]

#: Error of a trial that was running when its process ended.
INTERRUPTED = "interrupted: the process that ran this trial has ended"


class StudyPersistence:
    """Writes the trials of one study to a storage.

    Nothing is written before the first trial.  A failed write, for example because of a full disk
    or a lock, does not end the study.  It causes one warning, and the trials are written with the
    next change.  A read-only storage raises an error instead, unless it becomes read-only during a
    run.
    """

    def __init__(self, storage: Storage, study: str) -> None:
        self.storage, self.study = storage, study
        self._settings: Mapping[str, Any] | None = None  # of a study that is not stored yet
        self._n_stored = 0  # trials 0 to n - 1 are stored
        self._running: dict[int, TrialRecord] = {}  # records that were read as running
        self._pending_writes: dict[int, TrialRecord] = {}
        self._warned = False
        self._in_run = False
        self._written = False  # since the start of the run

    def begin(self, settings: Mapping[str, Any], space: SearchSpace) -> StoredStudy | None:
        """Read the study from the storage.  Nothing is written.

        Returns None if the storage does not have the study.  The first ``write`` creates it with
        the settings.

        Raises
        ------
        SpaceError
            If categories of the space have no stable and unique ``repr``.
        StorageError
            If the settings or a record of the study cannot be right, or the numbers of the trials
            have gaps.
        """
        check_categories(space)
        if self.study not in self.storage.studies():
            self._settings = settings
            return None
        stored = self.storage.open(self.study, settings)
        self._check_stored(stored)
        self._n_stored = len(stored.records)
        return stored

    def _check_stored(self, stored: StoredStudy) -> None:
        with self._unusable("the settings"):
            check_settings(stored.settings)
        numbers = [record.get("number") for record in stored.records]
        if all(type(number) is int for number in numbers) and numbers != [*range(len(numbers))]:
            raise StorageError(
                f"the trials of study {self.study!r} must be numbered from 0 without a gap, but "
                f"{self.storage!r} has {reprlib.repr(numbers)}: give this study another name"
            )
        for number, record in enumerate(stored.records):
            with self._unusable(f"trial {number}"):
                check_record(record, number)

    @contextmanager
    def _unusable(self, what: str) -> Iterator[None]:
        """Context manager: raise a ValueError as a StorageError that says where."""
        try:
            yield
        except ValueError as error:
            raise StorageError(
                f"{what} of study {self.study!r} in {self.storage!r} cannot be used: {error}; "
                "restore the storage from a copy, or give this study another name"
            ) from None

    def trials(self, stored: StoredStudy, space: SearchSpace) -> list[Trial]:
        """Return the stored trials.

        Raises
        ------
        StoredTrialError
            If the configuration of a trial is not in the space.
        """
        trials, categories = [], categories_by_key(space)
        for record in stored.records:
            try:
                trial = from_record(record, space, categories)
            except ValueError as error:
                raise StoredTrialError(
                    f"every trial of study {self.study!r} in {self.storage!r} must be in the "
                    f"space, but trial {record['number']}, {reprlib.repr(record['params'])}, is "
                    f"not: {error}; give a space that contains it, or give the study another name"
                ) from None
            if trial.state is TrialState.RUNNING:
                self._running[trial.number] = record
            trials.append(trial)
        return trials

    def running(self) -> list[int]:
        """Return the numbers of trials that were read as running and not written since."""
        return sorted(self._running.keys() - self._pending_writes.keys())

    def check_new(self) -> None:
        """Read the storage again before the first trial of a study that it does not have.

        Raises
        ------
        StorageError
            If it cannot be read: another program may have made its file in the meantime.
        """
        if self._settings is not None and not self._pending_writes:
            self.storage.studies()

    def write(self, trial: Trial, *, keep: bool = False) -> None:
        """Write the current record of a trial, after all pending writes.

        Parameters
        ----------
        trial : Trial
        keep : bool, default False
            Whether the record is written with a later change if the storage is read-only.

        Raises
        ------
        ReadOnlyStorageError
            If the storage is read-only; during a run, only for its first trial.
        ConcurrentStudyError
            If another process has created the study, added a trial of this number, or changed the
            trial since it was read.
        StorageError
            If the trial has a value that could not be read again.
        """
        record = to_record(trial)
        try:
            check_record(record, trial.number)
        except ValueError as error:
            raise StorageError(
                f"trial {trial.number} of study {self.study!r} cannot be stored: {error}; correct "
                "what the strategy, the objective or the result gives"
            ) from None
        self._pending_writes[trial.number] = record
        try:
            self.flush()
        except ConcurrentStudyError:
            self._pending_writes.pop(trial.number, None)  # the trial belongs to the other process
            raise
        except ReadOnlyStorageError as error:
            what = f"trial {trial.number} of study {self.study!r}"
            if keep:
                raise ReadOnlyStorageError(
                    f"{what} is not stored, but its result is in study.trials, and is written with "
                    f"the next change: {error}"
                ) from error
            self._pending_writes.pop(trial.number, None)
            raise ReadOnlyStorageError(
                f"{what} cannot be stored, and is not changed: {error}; a study without storage= "
                "needs no file"
            ) from error

    def flush(self) -> None:
        """Write all pending records.  Warn at the first failure after a success.

        Raises
        ------
        ReadOnlyStorageError
            If the storage is read-only, unless the study runs and has written before.
        """
        error = self._write_pending()
        if isinstance(error, ReadOnlyStorageError) and not (self._in_run and self._written):
            raise error
        if error is not None and not self._warned:
            warn_caller(
                f"{len(self._pending_writes)} trial(s) of study {self.study!r} could not be "
                f"written; they will be written with the next change: {error}",
                RuntimeWarning,
            )
        self._warned = error is not None

    def start_run(self) -> None:
        """Take note that a run starts: once it has written, no failed write ends it."""
        self._in_run, self._written = True, False

    def finish_run(self) -> None:
        """Write all pending records at the end of a run.  Warn if they cannot be written."""
        self._in_run = False
        error = self._write_pending()
        if error is not None:
            warn_caller(
                f"{len(self._pending_writes)} trial(s) of study {self.study!r} are not stored at "
                f"the end of the run, and end with this process: {error}; remove the cause and "
                "run another trial, or save study.trials",
                RuntimeWarning,
            )

    def _write_pending(self) -> StorageError | None:
        """Write all pending records; return the error if they cannot be written."""
        try:
            if self._pending_writes:
                self._create()
            for number in sorted(self._pending_writes):
                self._write(self._pending_writes[number])
                del self._pending_writes[number]
                self._written = True
        except ConcurrentStudyError:
            raise
        except StorageError as error:
            return error
        return None

    def _create(self) -> None:
        """Create the study in the storage, unless this has been done."""
        if self._settings is None:
            return
        stored = self.storage.open(self.study, self._settings)
        if stored.records:
            raise ConcurrentStudyError.of(self.study, 0)
        if stored.settings != self._settings:
            raise ConcurrentStudyError.created(self.study)
        self._settings = None

    def _write(self, record: TrialRecord) -> None:
        number = record["number"]
        if number in self._running:
            self.storage.update(self.study, record, self._running[number])
            del self._running[number]
        elif number < self._n_stored:
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
    StorageError
        If the name of the study has lone surrogates, or the storage cannot be read.
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
        raise TypeError(
            f"storage must be a URL, a Storage or None, but got {storage!r}: pass, for example, "
            "'sqlite:///study.db'"
        )
    if not isinstance(study, str) or not study:
        raise ValueError(
            f"a study in a storage needs a name, but got name={study!r}: pass, for example, "
            "name='study'"
        )
    try:
        study.encode()
    except UnicodeEncodeError as error:
        raise StorageError(
            f"the name of a study must be text that UTF-8 can hold, but got name={study!r}: {error}"
        ) from None
    return StudyPersistence(storage, study)

"""Write the trials of a study to a storage, and retry failed writes later."""

from __future__ import annotations

import reprlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tuneplug.errors import (
    ConcurrentStudyError,
    ReadOnlyStorageError,
    StaleTrialError,
    StorageError,
    StoredTrialError,
    warn_caller,
)
from tuneplug.space import SearchSpace
from tuneplug.storage.base import Storage, StoredStudy, TrialRecord
from tuneplug.storage.categories import check_categories
from tuneplug.storage.serialization import Categories, categories_by_key, from_records, to_record
from tuneplug.storage.validation import check_record, check_settings
from tuneplug.trial import Claim, History, Trial, TrialReporter, TrialState

__all__ = ["INTERRUPTED", "StudyPersistence", "failed", "started_again"]

#: Error of a trial that was running when its process ended.
INTERRUPTED = "interrupted: the process that ran this trial has ended"


class StudyPersistence(ABC):
    """Writes the trials of one study to a storage.

    Nothing is written before the first trial.  A failed write, for example because of a full disk
    or a lock, does not end the study.  It causes one warning, and the trials are written with the
    next change.  A read-only storage raises an error instead, unless it becomes read-only during a
    run.
    """

    def __init__(self, storage: Storage, study: str) -> None:
        self.storage, self.study = storage, study
        self._settings: Mapping[str, Any] | None = None  # of a study that is not stored yet
        self._pending_writes: dict[int, TrialRecord] = {}
        self._warned = False
        self._in_run = False
        self._written = False  # since the start of the run
        self._space = SearchSpace({})
        self._categories: Categories = {}
        self._space_document: Any = None  # as it is stored

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
        self._space, self._categories = space, categories_by_key(space)
        self._space_document = settings.get("space")
        stored = self._read()
        if stored is None:
            self._settings = settings
            return None
        self._check_stored(stored)
        return stored

    @abstractmethod
    def _read(self) -> StoredStudy | None:
        """Return the stored study; None if the storage does not have it."""

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

    def trials(self, stored: StoredStudy) -> list[Trial]:
        """Return the stored trials.

        Raises
        ------
        StoredTrialError
            If the configuration of a trial is not in the space.
        """
        return self._trials(stored.records)

    def _trials(self, records: Sequence[TrialRecord]) -> list[Trial]:
        try:
            return from_records(records, self._space, self._categories)
        except ValueError as error:
            if len(records) > 1:  # find the one that raises it
                return [trial for record in records for trial in self._trials([record])]
            (record,) = records
            raise StoredTrialError(
                f"every trial of study {self.study!r} in {self.storage!r} must be in the "
                f"space, but trial {record['number']}, {reprlib.repr(record['params'])}, is "
                f"not: {error}; give a space that contains it, or give the study another name"
            ) from None

    @abstractmethod
    def create(self, study: str) -> bool:
        """Create the study in the storage, under this name, before its first trial.

        Returns False, and changes nothing, if the storage has a study of this name.

        Raises
        ------
        StorageError
            If the storage cannot be written.
        """

    # ------------------------------------------------------------------ before a trial

    @abstractmethod
    def catch_up(self, history: History) -> tuple[list[Trial], Trial | None]:
        """Take over what other processes have written, and the trials whose process has ended.

        Returns
        -------
        list of Trial
            Trials that this call has recorded as failed.
        Trial or None
            A trial that this call has started again, if there was one.

        Raises
        ------
        StorageError
            If a storage that does not have the study yet cannot be read: another program may have
            made its file in the meantime.
        """

    @abstractmethod
    def refresh(self, history: History) -> None:
        """Take over what other processes have written, and write nothing.

        Raises
        ------
        StorageError
            If the storage cannot be read.
        """

    @abstractmethod
    def restart(self, history: History, number: int) -> Trial | None:
        """Start a running trial again whose process has ended.

        Returns
        -------
        Trial or None
            The trial; it is FAILED if its process has died too often.  None if another process
            runs it, as far as is known.

        Raises
        ------
        StorageError
            If the storage cannot be written.
        """

    @abstractmethod
    def release(self) -> None:
        """Give up the running trials: they are lost, as if this process had ended."""

    @abstractmethod
    def start(
        self, history: History, make: Callable[[int], Trial], *, insist: bool
    ) -> Trial | None:
        """Store a new trial, and add it to the history.

        Parameters
        ----------
        history : History
        make : callable
            Takes the number of the trial and returns the trial.
        insist : bool
            Whether to start the trial even if another process has just started one with the same
            configuration.

        Returns
        -------
        Trial or None
            None if another process has just started such a trial.

        Raises
        ------
        ReadOnlyStorageError, ConcurrentStudyError, StorageError
            As ``write`` does.
        """

    # ------------------------------------------------------------------ writing

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
        StaleTrialError
            If another process has taken over this trial.
        StorageError
            If the trial has a value that could not be read again.
        """
        record = self._record(trial)
        self._pending_writes[trial.number] = record
        try:
            self.flush(trial.number)
        except ReadOnlyStorageError as error:
            if keep:
                raise ReadOnlyStorageError(
                    f"trial {trial.number} of study {self.study!r} is not stored, but its result "
                    f"is in study.trials, and is written with the next change: {error}"
                ) from error
            self._pending_writes.pop(trial.number, None)
            raise self._unstored(trial.number, error) from error

    def _unstored(self, number: int, error: ReadOnlyStorageError) -> ReadOnlyStorageError:
        return ReadOnlyStorageError(
            f"trial {number} of study {self.study!r} cannot be stored, and is not changed: "
            f"{error}; a study without storage= needs no file"
        )

    def _record(self, trial: Trial) -> TrialRecord:
        """Return the record of a trial, which can be read again."""
        record = to_record(trial)
        try:
            check_record(record, trial.number)
        except ValueError as error:
            raise StorageError(
                f"trial {trial.number} of study {self.study!r} cannot be stored: {error}; correct "
                "what the strategy, the objective or the result gives"
            ) from None
        return record

    def flush(self, told: int | None = None) -> None:
        """Write all pending records.  Warn at the first failure after a success.

        Parameters
        ----------
        told : int, optional
            Number of the trial that raises an error if another process has taken it over.  Results
            of other trials that are not used cause a warning.

        Raises
        ------
        ReadOnlyStorageError
            If the storage is read-only, unless the study runs and has written before.
        """
        error = self._write_pending(told)
        if isinstance(error, ReadOnlyStorageError) and not (self._in_run and self._written):
            raise error
        self._warn(error)

    def _warn(self, error: StorageError | None) -> None:
        """Warn of the first error after a success."""
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

    def _write_pending(self, told: int | None = None) -> StorageError | None:
        """Write all pending records; return the error if they cannot be written."""
        try:
            if self._pending_writes:
                self._create()
            for number in sorted(self._pending_writes):
                if self._write_or_drop(number, told):
                    del self._pending_writes[number]
                    self._written = True
        except (ConcurrentStudyError, StaleTrialError):
            raise
        except StorageError as error:
            return error
        return None

    def _write_or_drop(self, number: int, told: int | None) -> bool:
        """Write a pending record; drop it if the trial belongs to another process."""
        try:
            return self._write(self._pending_writes[number])
        except ConcurrentStudyError:
            del self._pending_writes[number]
            raise
        except StaleTrialError as error:
            if number == told:
                del self._pending_writes[number]
                raise
            warn_caller(f"the result of a trial is not used: {error}", RuntimeWarning)
            return True

    @abstractmethod
    def _create(self) -> None:
        """Create the study in the storage, unless this has been done."""

    @abstractmethod
    def _write(self, record: TrialRecord) -> bool:
        """Write a record.  Return False if it has to wait for the end of its trial."""


def started_again(trial: Trial, claim: Claim | None) -> Trial:
    """Return a trial as it starts again."""
    return replace(
        trial,
        params=trial.proposed_params,  # the objects themselves, and not copies
        started=time.time(),
        claim=claim,
        reporter=TrialReporter(direction=trial.direction),
    )


def failed(trial: Trial, error: str) -> Trial:
    """Return a running trial as failed.  It has no end, as nobody knows it."""
    params = trial.proposed_params
    return replace(trial, params=params, state=TrialState.FAILED, error=error)

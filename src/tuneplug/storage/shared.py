"""SharedStorage: a storage of studies that several processes run at the same time.

A storage has transactions on one study, and knows nothing of claims, heartbeats or strategies:
``SharedPersistence`` builds these on transactions, for every storage in the same way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, NamedTuple

from tuneplug.errors import ConcurrentStudyError, StorageError
from tuneplug.storage.base import Storage, StoredStudy, TrialRecord
from tuneplug.storage.documents import encode

__all__ = ["Changes", "SharedStorage", "SharedStudy", "StoredSession", "Transaction"]


class Changes(NamedTuple):
    """Records that have changed, sorted by number, and the cursor for the next call."""

    records: list[TrialRecord]
    cursor: int


class SharedStudy(NamedTuple):
    """Settings and records of a stored study, and the cursor of its changes from now on."""

    settings: TrialRecord
    records: list[TrialRecord]
    cursor: int


class StoredSession(NamedTuple):
    """A session: a ``Study`` in a process.  ``beat`` is the time of its last heartbeat."""

    beat: float
    document: TrialRecord


class Transaction(ABC):
    """A transaction on one study; no other one on this study runs at the same time."""

    @property
    @abstractmethod
    def now(self) -> float:
        """Seconds since the epoch, by the clock of the storage, which all processes share."""

    @abstractmethod
    def settings(self) -> TrialRecord:
        """Return the settings of the study."""

    @abstractmethod
    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Replace the settings of the study."""

    @abstractmethod
    def changes(self, since: int) -> Changes:
        """Return the records that were written after a cursor; 0 for all records."""

    @abstractmethod
    def record(self, number: int) -> TrialRecord | None:
        """Return the record of a trial; None if there is no trial of this number."""

    @abstractmethod
    def count(self) -> int:
        """Return the number of trials of the study."""

    @abstractmethod
    def write(self, record: TrialRecord) -> None:
        """Add a record, or replace that of the same number."""

    @abstractmethod
    def sessions(self) -> dict[str, StoredSession]:
        """Return the sessions of the study, by their ids."""

    @abstractmethod
    def beat(self, session: str, document: Mapping[str, Any]) -> None:
        """Add a session or replace its document, with the current time as its last heartbeat."""

    @abstractmethod
    def end_session(self, session: str) -> None:
        """Delete a session, if it exists."""


class SharedStorage(Storage):
    """Stores studies that several processes run at the same time.

    Attributes
    ----------
    one_machine : bool, default False
        Whether all processes are of one machine, as for a file.
    """

    one_machine: ClassVar[bool] = False

    @abstractmethod
    def create(
        self, study: str, settings: Mapping[str, Any], records: Sequence[TrialRecord] = ()
    ) -> bool:
        """Create a study with these settings, and the records of its trials, in one transaction.

        Return False if there is one of this name.
        """

    @abstractmethod
    def read(self, study: str) -> SharedStudy | None:
        """Return a study; None if there is no study of this name.  Nothing is written."""

    @abstractmethod
    def changes(self, study: str, since: int) -> Changes:
        """Return the records that were written after a cursor.  Nothing is written.

        Parameters
        ----------
        study : str
        since : int
            The cursor of an earlier call; 0 for all records.

        Raises
        ------
        StorageError
            If there is no study of this name.
        """

    @abstractmethod
    def transaction(
        self, study: str, *, durable: bool = True
    ) -> AbstractContextManager[Transaction]:
        """Context manager: commit all changes of its body, or none if it raises.

        Parameters
        ----------
        study : str
        durable : bool, default True
            Whether the changes must outlive a power cut.  Changes that are not durable outlive the
            process only.

        Raises
        ------
        StorageError
            If there is no study of this name.
        """

    @abstractmethod
    def rename(self, old: str, new: str) -> None: ...

    def open(self, study: str, settings: Mapping[str, Any]) -> StoredStudy:
        stored = self.read(study)
        if stored is None:
            self.create(study, settings)
            stored = self.read(study)
        if stored is None:
            raise StorageError(f"{self!r}: study {study!r} was deleted while it was opened")
        return StoredStudy(stored.settings, stored.records)

    def add(self, study: str, record: TrialRecord) -> None:
        with self.transaction(study) as transaction:
            if transaction.record(record["number"]) is not None:
                raise ConcurrentStudyError.of(study, record["number"])
            transaction.write(record)

    def update(self, study: str, record: TrialRecord, expected: TrialRecord | None = None) -> None:
        with self.transaction(study) as transaction:
            stored = transaction.record(record["number"])
            if stored is None:
                raise StorageError(
                    f"{self!r}: study {study!r} has no trial {record['number']} to update"
                )
            if expected is not None and encode(stored) != encode(expected):
                raise ConcurrentStudyError.changed(study, record["number"])
            transaction.write(record)

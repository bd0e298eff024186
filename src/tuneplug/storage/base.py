"""Storage: store records of trials, without interpreting them."""

from __future__ import annotations

import reprlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self

from tuneplug.errors import StorageError, did_you_mean

__all__ = ["Storage", "StoredStudy", "TrialRecord", "checked_name"]

#: A trial as JSON values: strings, numbers (also NaN and infinities), booleans, None, lists, and
#: dicts with string keys.  ``record["number"]`` is the number of the trial.
TrialRecord = dict[str, Any]


class StoredStudy(NamedTuple):
    """Settings of a stored study, and the records of its trials, sorted by number."""

    settings: TrialRecord
    records: list[TrialRecord]


class Storage(ABC):
    """Stores the trials of studies, by the name of the study.

    One process at a time runs a study and writes its trials; a ``SharedStorage`` has no such limit.
    Several processes can read.  Reading writes nothing.  Every write is durable when the call
    returns, also if the process is killed afterwards.

    Parameters
    ----------
    location : str, default ""
        Part of the URL after the name of the storage: ``"study.db"`` in ``"sqlite:///study.db"``.
    """

    name: ClassVar[str]

    @abstractmethod
    def __init__(self, location: str = "") -> None: ...

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Return the storage of a URL whose scheme, up to a ``+``, is the name of the storage.

        Here the location is the text after ``://``, less one slash.

        Raises
        ------
        ValueError
            If the scheme has a ``+``, which means nothing to this storage.
        """
        scheme, _, location = url.partition("://")
        if scheme != cls.name:
            raise ValueError(
                f"the URL of a {cls.name} storage must begin with '{cls.name}://', but got "
                f"'{scheme}://'"
            )
        return cls(location.removeprefix("/"))

    @abstractmethod
    def open(self, study: str, settings: Mapping[str, Any]) -> StoredStudy:
        """Return a stored study.  If there is none of this name, create it with these settings.

        If the study exists, nothing is written.

        Raises
        ------
        StorageError
            If the storage cannot be read or written.  All methods raise it.
        """

    @abstractmethod
    def add(self, study: str, record: TrialRecord) -> None:
        """Store the record of a new trial.

        Raises
        ------
        ConcurrentStudyError
            If the study has a trial of this number, since another process runs the same study.
        """

    @abstractmethod
    def update(self, study: str, record: TrialRecord, expected: TrialRecord | None = None) -> None:
        """Replace the record of the same number.

        Parameters
        ----------
        study : str
        record : dict
        expected : dict, optional
            The record as it was read.  It is compared with the stored record in the transaction
            that replaces it.  If None, any record is replaced.

        Raises
        ------
        ConcurrentStudyError
            If the stored record is not ``expected``: another process has changed it.
        """

    @abstractmethod
    def studies(self) -> list[str]:
        """Return the names of all studies, sorted.  Nothing is written."""

    @abstractmethod
    def delete(self, study: str) -> None:
        """Delete a study and its trials, if it exists."""

    def rename(self, old: str, new: str) -> None:
        """Give a study another name.

        Here the study is copied, and the old one deleted.  A process that is killed in between
        leaves both.

        Raises
        ------
        ValueError
            If the new name is empty.
        StorageError
            If there is no study ``old``, or one that is called ``new``.
        """
        self._check_names(old, new)
        stored = self.open(old, {})
        self.open(new, stored.settings)
        for record in stored.records:
            self.add(new, record)
        self.delete(old)

    def _check_names(self, old: str, new: str) -> None:
        names = self.studies()
        checked_name(new)
        if old not in names:
            raise StorageError(
                f"{self!r} must have study {old!r}, but has {reprlib.repr(names)}"
                f"{did_you_mean(old, names)}"
            )
        if new in names:
            raise self._taken(new)

    def _taken(self, name: str) -> StorageError:
        return StorageError(
            f"{self!r} has a study {name!r} already: give another name, or delete that study"
        )


def checked_name(name: Any) -> str:
    """Return the name of a study.

    Raises
    ------
    ValueError
        If it is empty or no text.
    StorageError
        If it has lone surrogates.
    """
    if not isinstance(name, str) or not name:
        raise ValueError(
            f"a study in a storage needs a name, but got name={name!r}: pass, for example, "
            "name='study'"
        )
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise StorageError(
            f"the name of a study must be text that UTF-8 can hold, but got name={name!r}: {error}"
        ) from None
    return name

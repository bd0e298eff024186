"""What a storage is: it keeps records of trials, and knows nothing of what they mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

__all__ = ["Storage", "StoredStudy", "TrialRecord"]

#: A trial as JSON has it: strings, numbers (not-a-number and the infinities too), booleans, None,
#: lists and dicts with strings as keys.  ``record["number"]`` is the number of the trial.
TrialRecord = dict[str, Any]


class StoredStudy(NamedTuple):
    """What a storage has of a study: its settings, and the records of its trials by number."""

    settings: TrialRecord
    records: list[TrialRecord]


class Storage(ABC):
    """Keeps the trials of studies, each study by its name.

    One process at a time runs a study and writes; any may read.  Each call is done when it returns:
    what it wrote is there after the process was killed.

    Parameters
    ----------
    location : str, default ""
        What follows the name in a URL: ``"study.db"`` in ``"sqlite:///study.db"``.
    """

    name: ClassVar[str]

    @abstractmethod
    def __init__(self, location: str = "") -> None: ...

    @abstractmethod
    def open(self, study: str, settings: Mapping[str, Any]) -> StoredStudy:
        """Return what is kept of a study; one that is not known is begun with these settings.

        Raises
        ------
        StorageError
            If the storage cannot be read or written, as all methods.
        """

    @abstractmethod
    def add(self, study: str, record: TrialRecord) -> None:
        """Keep the record of a new trial.

        Raises
        ------
        ConcurrentStudyError
            If the study has a trial of that number: another process runs it too.
        """

    @abstractmethod
    def update(self, study: str, record: TrialRecord) -> None:
        """Put a record in the place of the one of the same number."""

    @abstractmethod
    def studies(self) -> list[str]:
        """Return the names of all studies, sorted."""

    @abstractmethod
    def delete(self, study: str) -> None:
        """Forget a study and its trials, if it is there."""

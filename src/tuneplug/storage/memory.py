"""MemoryStorage: store studies in the memory of one process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, final

from tuneplug.errors import ConcurrentStudyError, StorageError
from tuneplug.storage.base import Storage, StoredStudy, TrialRecord
from tuneplug.storage.documents import decode, encode

__all__ = ["MemoryStorage"]


@final
class MemoryStorage(Storage):
    """Stores studies for the lifetime of the object.

    Examples
    --------
    >>> from tuneplug import Study
    >>> storage = MemoryStorage()
    >>> Study({"k": [1, 2, 3]}, storage=storage, name="k").optimize(lambda t: t.params["k"], 2)
    >>> len(Study({"k": [1, 2, 3]}, storage=storage, name="k").trials)
    2
    """

    name: ClassVar[str] = "memory"

    def __init__(self, location: str = "") -> None:
        if location:
            raise ValueError(
                f"the URL of a memory storage must be 'memory://', but got {location!r} after it"
            )
        self._settings: dict[str, str] = {}
        self._records: dict[str, dict[int, str]] = {}  # as JSON

    def open(self, study: str, settings: Mapping[str, Any]) -> StoredStudy:
        if study not in self._settings:
            self._settings[study] = encode(settings)
        records = self._records.setdefault(study, {})
        return StoredStudy(
            decode(self._settings[study]), [decode(records[n]) for n in sorted(records)]
        )

    def add(self, study: str, record: TrialRecord) -> None:
        records = self._of(study)
        if record["number"] in records:
            raise ConcurrentStudyError.of(study, record["number"])
        records[record["number"]] = encode(record)

    def update(self, study: str, record: TrialRecord, expected: TrialRecord | None = None) -> None:
        records, number = self._of(study), record["number"]
        if number not in records:
            raise StorageError(f"study {study!r} has no trial {number} to update")
        if expected is not None and encode(expected) != records[number]:
            raise ConcurrentStudyError.changed(study, number)
        records[number] = encode(record)

    def _of(self, study: str) -> dict[int, str]:
        if study not in self._records:
            raise StorageError(f"study must be one of {self.studies()}, but got {study!r}")
        return self._records[study]

    def studies(self) -> list[str]:
        return sorted(self._settings)

    def delete(self, study: str) -> None:
        self._settings.pop(study, None)
        self._records.pop(study, None)

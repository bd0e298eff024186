"""SqliteStorage: store studies in an SQLite file.

Each call opens its own connection and runs one transaction.  A storage can therefore be used from
any thread, pickled, and inherited by a forked process.  Reading writes nothing, neither to the file
nor next to it.  A killed process leaves only complete transactions.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from typing import Any, ClassVar, final

from tuneplug.errors import ConcurrentStudyError, StorageError
from tuneplug.storage.base import Storage, StoredStudy, TrialRecord
from tuneplug.storage.documents import encode, seal, unseal
from tuneplug.storage.sqlite_file import SqliteFile

__all__ = ["SqliteStorage"]


@final
class SqliteStorage(Storage):
    """Stores studies in a file: ``Study(..., storage="sqlite:///study.db", name="churn")``.

    The file is created when the first study is written.  Each text in it has a checksum.

    Parameters
    ----------
    location : str or path
        Path of the file.  Its folder must exist.

    Raises
    ------
    ValueError
        If the location names no file.
    StorageError
        If the file cannot be opened, is damaged, belongs to another program, or has another
        version.  All methods raise it.
    """

    name: ClassVar[str] = "sqlite"

    def __init__(self, location: str | os.PathLike[str] = "") -> None:
        if os.fspath(location) in ("", ":memory:"):
            raise ValueError(
                "a SQLite storage needs a file, as in 'sqlite:///study.db', but got "
                f"{location!r}: MemoryStorage() keeps studies in memory"
            )
        self._file = SqliteFile(location)
        self.path = self._file.path
        self._file.check()

    def open(self, study: str, settings: Mapping[str, Any]) -> StoredStudy:
        stored = self._read(study)
        if stored is None:
            row = (study, seal(settings, study))
            with self._file.writing(create=True) as db:
                db.execute("insert into studies values (?, ?) on conflict do nothing", row)
            stored = self._read(study)
        if stored is None:
            raise StorageError(
                f"{self._file.shown}: study {study!r} was deleted while it was opened"
            )
        return stored

    def _read(self, study: str) -> StoredStudy | None:
        """Return a study; None if there is no study of this name."""
        with self._file.reading() as db:
            if db is None:
                return None
            self._check_content(db)
            row = db.execute("select settings from studies where name = ?", (study,)).fetchone()
            if row is None:
                return None
            settings = self._unseal(row[0], f"the settings of study {study!r}", study)
            query = "select number, record from trials where study = ? order by number"
            records = [self._record(study, *row) for row in db.execute(query, (study,))]
        return StoredStudy(settings, records)

    def _check_content(self, db: sqlite3.Connection) -> list[str]:
        """Check that the file is intact, and that each trial belongs to a study.

        Returns the names of the studies, sorted.
        """
        (found,) = db.execute("pragma integrity_check(1)").fetchone()
        if found != "ok":
            raise self._damaged(f"SQLite's integrity check found {found!r}")
        names = self._names(db)
        last = ("", -1)
        for place in db.execute("select study, number from trials"):
            if type(place[0]) is not str or type(place[1]) is not int or place <= last:
                raise self._damaged(f"trial {place!r} follows {last!r}")
            if place[0] not in names:
                raise self._damaged(f"trial {place!r} belongs to no study")
            last = place
        return names

    def _names(self, db: sqlite3.Connection) -> list[str]:
        names: list[str] = []
        for (name,) in db.execute("select name from studies order by name"):
            if type(name) is not str or (names and name <= names[-1]):
                raise self._damaged(f"study {name!r} follows {names[-1:]}")
            names.append(name)
        return names

    def _record(self, study: str, number: int, text: Any) -> TrialRecord:
        record = self._unseal(text, f"trial {number} of study {study!r}", study, number)
        if record.get("number") != number:
            raise self._damaged(f"trial {number} of study {study!r} has another number")
        return record

    def _unseal(self, text: Any, what: str, *place: str | int) -> TrialRecord:
        try:
            return unseal(text, *place)
        except ValueError as error:
            raise self._damaged(f"{what} cannot be read: {error}") from None

    def _damaged(self, cause: str) -> StorageError:
        return StorageError(
            f"{self._file.shown} must be as tuneplug wrote it, but {cause}: restore the file "
            "from a copy, or give another file"
        )

    def add(self, study: str, record: TrialRecord) -> None:
        number = record["number"]
        row = (study, number, seal(record, study, number))
        with self._file.writing() as db:
            try:
                db.execute("insert into trials values (?, ?, ?)", row)
            except sqlite3.IntegrityError as error:
                if "UNIQUE" in str(error):
                    raise ConcurrentStudyError.of(study, number) from None
                raise StorageError(f"{self._file.shown} has no study {study!r}") from error

    def update(self, study: str, record: TrialRecord, expected: TrialRecord | None = None) -> None:
        number = record["number"]
        row = (seal(record, study, number), study, number)
        with self._file.writing() as db:
            query = "select record from trials where study = ? and number = ?"
            stored = db.execute(query, row[1:]).fetchone()
            if stored is None:
                raise StorageError(
                    f"{self._file.shown}: study {study!r} has no trial {number} to update"
                )
            if expected is not None:
                found = self._record(study, number, stored[0])
                if encode(found) != encode(expected):
                    raise ConcurrentStudyError.changed(study, number)
            db.execute("update trials set record = ? where study = ? and number = ?", row)

    def studies(self) -> list[str]:
        with self._file.reading() as db:
            return [] if db is None else self._check_content(db)

    def delete(self, study: str) -> None:
        if study in self.studies():
            with self._file.writing() as db:
                db.execute("delete from studies where name = ?", (study,))

    def __repr__(self) -> str:
        return f"SqliteStorage({self._file.shown!r})"

"""SqliteStorage: store studies in an SQLite file.

Each call opens its own connection and runs one transaction.  A storage can therefore be used from
any thread, pickled, and inherited by a forked process.  Reading writes nothing, neither to the file
nor next to it.  A killed process leaves only complete transactions.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self, final

from tuneplug.errors import StorageError
from tuneplug.storage.base import TrialRecord
from tuneplug.storage.documents import seal
from tuneplug.storage.shared import Changes, SharedStorage, SharedStudy, Transaction
from tuneplug.storage.sqlite_file import SqliteFile
from tuneplug.storage.sqlite_rows import SqliteTransaction, check_content

__all__ = ["SqliteStorage"]


@final
class SqliteStorage(SharedStorage):
    """Stores studies in a file: ``Study(..., storage="sqlite:///study.db", name="churn")``.

    Several processes of one machine can run a study at the same time.  The file is created when the
    first study is written.  Each text in it has a checksum.

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
    one_machine: ClassVar[bool] = True

    def __init__(self, location: str | os.PathLike[str] = "") -> None:
        if os.fspath(location) in ("", ":memory:"):
            raise ValueError(
                "a SQLite storage needs a file, as in 'sqlite:///study.db', but got "
                f"{location!r}: MemoryStorage() keeps studies in memory"
            )
        self._file = SqliteFile(location)
        self.path = self._file.path
        self._file.check()

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Return the storage of a URL, ``"sqlite:///"`` and the path of the file.

        Raises
        ------
        ValueError
            If only two slashes precede the path: other programs take its start for a host.
        """
        _, _, location = url.partition("://")
        if location not in ("", ":memory:") and not location.startswith("/"):
            raise ValueError(
                f"the path of a SQLite storage must follow three slashes, but got {url!r}: pass "
                f"'{cls.name}:///{location}'"
            )
        return super().from_url(url)

    def create(
        self, study: str, settings: Mapping[str, Any], records: Sequence[TrialRecord] = ()
    ) -> bool:
        with self._file.writing(create=True) as db:
            return self._insert(db, study, settings, records)

    def _insert(
        self,
        db: sqlite3.Connection,
        study: str,
        settings: Mapping[str, Any],
        records: Sequence[TrialRecord],
    ) -> bool:
        row = (study, seal(settings, study))
        statement = "insert into tuneplug_studies values (?, ?, 0) on conflict do nothing"
        if not db.execute(statement, row).rowcount:
            return False
        rows = SqliteTransaction(db, study, self._file.shown)
        for record in records:
            rows.write(record)
        return True

    def read(self, study: str) -> SharedStudy | None:
        with self._file.reading() as db:
            if db is None or study not in check_content(db, self._file.shown):
                return None
            rows = SqliteTransaction(db, study, self._file.shown)
            return SharedStudy(rows.settings(), *rows.changes(0))

    def changes(self, study: str, since: int) -> Changes:
        with self._file.reading() as db:
            if db is None:
                raise StorageError(f"{self._file.shown} has no study {study!r}")
            return SqliteTransaction(db, study, self._file.shown).changes(since)

    @contextmanager
    def transaction(self, study: str, *, durable: bool = True) -> Iterator[Transaction]:
        with self._file.writing(durable=durable) as db:
            yield SqliteTransaction(db, study, self._file.shown)

    def studies(self) -> list[str]:
        with self._file.reading() as db:
            return [] if db is None else check_content(db, self._file.shown)

    def rename(self, old: str, new: str) -> None:
        self._check_names(old, new)
        with self._file.writing() as db:
            rows = SqliteTransaction(db, old, self._file.shown)
            if not self._insert(db, new, rows.settings(), rows.changes(0).records):
                raise self._taken(new)
            db.execute("delete from tuneplug_studies where name = ?", (old,))

    def delete(self, study: str) -> None:
        if study in self.studies():
            with self._file.writing() as db:
                db.execute("delete from tuneplug_studies where name = ?", (study,))

    def __repr__(self) -> str:
        return f"SqliteStorage({self._file.shown!r})"

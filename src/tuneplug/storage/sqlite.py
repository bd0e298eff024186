"""SqliteStorage: store studies in an SQLite file.

Each call opens its own connection and runs one transaction.  A storage can therefore be used from
any thread, pickled, and inherited by a forked process.  The file is in write-ahead mode: other
processes can read while one writes, and a killed process leaves only complete transactions.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar, final

from tuneplug.errors import ConcurrentStudyError, StorageError
from tuneplug.storage.base import Storage, StoredStudy, TrialRecord

__all__ = ["SqliteStorage"]

#: Version of the tables and records, stored as ``user_version``; other versions are refused.
VERSION = 2
#: "tune" in ASCII, stored as ``application_id``.
APPLICATION = 0x74756E65
#: Seconds to wait while another process writes.
LOCK_TIMEOUT = 30.0

TABLES = """
create table studies (name text primary key, settings text not null) without rowid;
create table trials (
    study text not null references studies on delete cascade,
    number integer not null,
    record text not null,
    primary key (study, number)
) without rowid;
"""


@final
class SqliteStorage(Storage):
    """Stores studies in a file: ``Study(..., storage="sqlite:///study.db", name="churn")``.

    Parameters
    ----------
    location : str or path
        Path of the file.  If it does not exist, it is created.  Its folder must exist.

    Raises
    ------
    StorageError
        If the file cannot be opened, belongs to another program, or has another version.
    """

    name: ClassVar[str] = "sqlite"

    def __init__(self, location: str | os.PathLike[str] = "") -> None:
        if os.fspath(location) in ("", ":memory:"):
            raise ValueError(
                "a SQLite storage needs a file, as in 'sqlite:///study.db', but got "
                f"{location!r}: MemoryStorage() keeps studies in memory"
            )
        self.path = Path(location).absolute()
        with self._transaction() as db:
            self._prepare(db)

    def _prepare(self, db: sqlite3.Connection) -> None:
        (tables,) = db.execute("select count(*) from sqlite_master").fetchone()
        (version,) = db.execute("pragma user_version").fetchone()
        (application,) = db.execute("pragma application_id").fetchone()
        if not tables:
            for statement in TABLES.split(";"):
                db.execute(statement)
            db.execute(f"pragma user_version = {VERSION}")
            db.execute(f"pragma application_id = {APPLICATION}")
        elif application != APPLICATION:
            raise StorageError(f"{self.path} is the database of another program: give another file")
        elif version != VERSION:
            cure = "install a newer tuneplug" if version > VERSION else "give another file"
            raise StorageError(
                f"the file must have version {VERSION}, but {self.path} has {version}: {cure}"
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Context manager: commit all changes of its body, or none if it raises."""
        try:
            with closing(sqlite3.connect(self.path, LOCK_TIMEOUT, isolation_level=None)) as db:
                db.execute("pragma journal_mode = wal")
                db.execute("pragma synchronous = normal")
                db.execute("pragma foreign_keys = on")
                db.execute("begin immediate")
                yield db
                db.execute("commit")
        except sqlite3.Error as error:
            raise StorageError(f"{self.path}: {error}") from error

    def open(self, study: str, settings: Mapping[str, Any]) -> StoredStudy:
        with self._transaction() as db:
            db.execute(
                "insert into studies values (?, ?) on conflict do nothing",
                (study, json.dumps(settings)),
            )
            (stored,) = db.execute(
                "select settings from studies where name = ?", (study,)
            ).fetchone()
            rows = db.execute(
                "select record from trials where study = ? order by number", (study,)
            ).fetchall()
        return StoredStudy(json.loads(stored), [json.loads(record) for (record,) in rows])

    def add(self, study: str, record: TrialRecord) -> None:
        with self._transaction() as db:
            row = (study, record["number"], json.dumps(record))
            try:
                db.execute("insert into trials values (?, ?, ?)", row)
            except sqlite3.IntegrityError as error:
                if "UNIQUE" in str(error):
                    raise ConcurrentStudyError.of(study, record["number"]) from None
                raise StorageError(f"{self.path} has no study {study!r}") from error

    def update(self, study: str, record: TrialRecord) -> None:
        with self._transaction() as db:
            changed = db.execute(
                "update trials set record = ? where study = ? and number = ?",
                (json.dumps(record), study, record["number"]),
            )
            if not changed.rowcount:
                raise StorageError(
                    f"{self.path}: study {study!r} has no trial {record['number']} to update"
                )

    def studies(self) -> list[str]:
        with self._transaction() as db:
            return [name for (name,) in db.execute("select name from studies order by name")]

    def delete(self, study: str) -> None:
        with self._transaction() as db:
            db.execute("delete from studies where name = ?", (study,))

    def __repr__(self) -> str:
        return f"SqliteStorage({str(self.path)!r})"

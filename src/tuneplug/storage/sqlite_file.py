"""SqliteFile: open the file of a SqliteStorage, and check it before anything is read or written.

The file has a rollback journal, so that a reader needs no file of its own.  A file in write-ahead
mode can be read too.  It is changed to a rollback journal when it is next written.

The locks of SQLite on a file belong to the process, and the operating system drops all of them when
the process closes any descriptor of the file.  The start of a file is read without SQLite, so the
threads of a process take turns.
"""

from __future__ import annotations

import errno
import os
import random
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tuneplug.errors import ReadOnlyStorageError, StorageError, TuneplugError
from tuneplug.storage.sqlite_versions import copy_tables, show_as_current

__all__ = ["SqliteFile"]

#: Version of the tables and records, stored as ``user_version``; later versions are refused.
VERSION = 3
#: Versions with the tables ``EARLIER_TABLES``.  They are read, and changed by the first write.
EARLIER_VERSIONS = (1, 2)
#: "tune" in ASCII, stored as ``application_id``.
APPLICATION = 0x74756E65
#: Seconds to wait while another process writes.
LOCK_TIMEOUT = 60.0
#: Shortest and longest pause between two attempts to write, in seconds.
PAUSE = (0.001, 0.01)
#: Seconds of computing after which a call is ended: a damaged file can make one endless.
CALL_TIMEOUT = 60.0
#: Number of instructions of SQLite between two looks at the clock.
N_INSTRUCTIONS = 1_000_000
#: Number of times the header is read while another process writes it.
N_ATTEMPTS = 3

#: Start of each database of SQLite.
MAGIC = b"SQLite format 3\0"
#: Place in the file and value of the version of the format that readers of write-ahead mode need.
READ_VERSION, WRITE_AHEAD = 19, 2
#: Errors of SQLite and of the file system if a file or its folder cannot be written.
READ_ONLY = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)

#: No name of a table or column is one of an earlier version: a process of an earlier tuneplug that
#: has the file open gets an error instead of writing.
TABLES = {
    "tuneplug_studies": (
        "CREATE TABLE tuneplug_studies (\n"
        "    name text primary key,\n"
        "    settings text not null,\n"
        "    revision integer not null\n"
        ") without rowid"
    ),
    "tuneplug_trials": (
        "CREATE TABLE tuneplug_trials (\n"
        "    study text not null\n"
        "        references tuneplug_studies on delete cascade on update cascade,\n"
        "    number integer not null,\n"
        "    revision integer not null,\n"
        "    record text not null,\n"
        "    primary key (study, number)\n"
        ") without rowid"
    ),
    "tuneplug_sessions": (
        "CREATE TABLE tuneplug_sessions (\n"
        "    study text not null\n"
        "        references tuneplug_studies on delete cascade on update cascade,\n"
        "    id text not null,\n"
        "    beat real not null,\n"
        "    document text not null,\n"
        "    primary key (study, id)\n"
        ") without rowid"
    ),
}
INDEXES = {
    "tuneplug_revisions": (
        "CREATE UNIQUE INDEX tuneplug_revisions on tuneplug_trials (study, revision)"
    ),
}
EARLIER_TABLES = {
    "studies": "CREATE TABLE studies (name text primary key, settings text not null) without rowid",
    "trials": (
        "CREATE TABLE trials (\n"
        "    study text not null references studies on delete cascade,\n"
        "    number integer not null,\n"
        "    record text not null,\n"
        "    primary key (study, number)\n"
        ") without rowid"
    ),
}

#: A lock for each file that this process has used, by its path without links.
_turns: dict[str, threading.RLock] = {}
#: The locks that the thread holds which forks.
_forking = threading.local()


def _before_fork() -> None:
    """Wait until no other thread has a file open: the child would take its lock for its own."""
    _forking.turns = [*_turns.values()]
    for turn in _forking.turns:
        turn.acquire()


def _after_fork_in_parent() -> None:
    for turn in _forking.turns:
        turn.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_turns.clear,
    )


class SqliteFile:
    """The file of a SqliteStorage.

    Parameters
    ----------
    location : str or path

    Raises
    ------
    StorageError
        If the location is no path of a file.  All methods raise it if the file cannot be opened,
        belongs to another program, or has another version.
    """

    def __init__(self, location: str | os.PathLike[str]) -> None:
        path: object = os.fspath(location)
        if not isinstance(path, str) or "\0" in path:
            raise StorageError(f"the path of a file must be text without NUL, but got {path!r}")
        self.path = Path(path).absolute()
        #: The path as text that can be printed.
        self.shown = str(self.path).encode(errors="backslashreplace").decode()

    def check(self) -> None:
        """Check the file, if it exists.  Nothing is written."""
        with self.reading():
            pass

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """Context manager: a snapshot of the file; None if it does not exist yet."""
        with self._own_errors(), self._turn():
            if not self._exists():
                yield None
                return
            with closing(self._snapshot()) as db:
                yield db

    def _snapshot(self) -> sqlite3.Connection:
        # A reader of a file in write-ahead mode creates files, unless the file is immutable.
        unchanging = not self._has_content("-wal") and self._is_write_ahead()
        try:
            return self._checked("immutable=1" if unchanging else "mode=ro")
        except sqlite3.OperationalError as error:
            with self._unfinished_errors():
                if self._has_content("-journal"):
                    # A killed process left half a transaction, which only a writer can roll back.
                    return self._checked("mode=rw")
                if _code(error) not in READ_ONLY:
                    raise
                return self._checked("mode=ro")  # another process has just ended a transaction

    @contextmanager
    def _unfinished_errors(self) -> Iterator[None]:
        """Context manager: say what a killed process left that a reader may not take care of."""
        try:
            yield
        except sqlite3.OperationalError as error:
            left = [name for name in ("-journal", "-wal") if self._has_content(name)]
            if not left or _code(error) not in READ_ONLY:
                raise
            raise ReadOnlyStorageError(
                f"{self.shown} cannot be read: a killed process left transactions in the file "
                f"{self.path.name + left[0]!r} next to it, and reading them raises: {error}: make "
                "both files and their folder writable, or copy both files to another folder"
            ) from error

    def table_names(self) -> list[str]:
        """Return the tables of the file, of whatever program; none if there is no file.

        Nothing is written.
        """
        with self._own_errors(), self._turn():
            self._check_neighbors()
            if not self._has_content(""):
                return []
            self._check_magic()
            logged = self._has_content("-wal")
            unchanging = not logged and (self._has_content("-journal") or self._is_write_ahead())
            with closing(self._connect("immutable=1" if unchanging else "mode=ro")) as db:
                rows = db.execute("select name from sqlite_master where type = 'table'").fetchall()
        return [str(name) for (name,) in rows]

    def _is_write_ahead(self) -> bool:
        """Return whether the file is in write-ahead mode."""
        return self._start()[READ_VERSION:] == bytes([WRITE_AHEAD])

    def _start(self) -> bytes:
        """Return the start of the file, which no transaction changes but the first one."""
        with self.path.open("rb") as file:
            return file.read(READ_VERSION + 1)

    def _checked(self, option: str) -> sqlite3.Connection:
        db = self._connect(option)
        try:
            db.execute("begin")
            version = self._check_version(db)
            self._check_tables(db, version)
            if version in EARLIER_VERSIONS:
                show_as_current(db)
        except BaseException:
            db.close()
            raise
        return db

    @contextmanager
    def writing(
        self, *, create: bool = False, durable: bool = True
    ) -> Iterator[sqlite3.Connection]:
        """Context manager: commit all changes of its body, or none if it raises.

        A file of an earlier version gets the tables of this one, in the same transaction.

        Parameters
        ----------
        create : bool, default False
            Whether to create the file and its tables if they do not exist.
        durable : bool, default True
            Whether the changes must outlive a power cut, and not only the process.

        Raises
        ------
        ReadOnlyStorageError
            If the file cannot be written, or its folder has no room for a journal.
        """
        with self._own_errors(), self._read_only_errors(), self._turn():
            if not self._exists() and not create:
                raise StorageError(f"{self.shown} has no studies yet: open one first")
            with closing(self._connect("mode=rwc" if create else "mode=rw")) as db:
                self._leave_write_ahead(db)
                db.execute("pragma foreign_keys = on")
                self._begin_writing(db, "full" if durable else "normal")
                if create and self._is_empty(db):
                    self._create_tables(db)
                version = self._check_version(db)
                self._check_tables(db, version)
                if version in EARLIER_VERSIONS:
                    self._migrate(db)
                yield db
                db.execute("commit")

    def _leave_write_ahead(self, db: sqlite3.Connection) -> None:
        """Change a file in write-ahead mode, unless another connection has it open."""
        if self._has_content("") and self._is_write_ahead():
            with suppress(sqlite3.OperationalError):
                db.execute("pragma journal_mode = delete")

    def _turn(self) -> threading.RLock:
        """Return the lock of the file, which every use of it in this process holds."""
        return _turns.setdefault(os.path.realpath(self.path), threading.RLock())

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        """Context manager: raise every error of SQLite and of the file system as StorageError."""
        try:
            yield
        except TuneplugError:
            raise
        except (sqlite3.Error, sqlite3.Warning, OSError, ValueError, OverflowError) as error:
            raise StorageError(f"{self.shown}: {error}") from error

    @contextmanager
    def _read_only_errors(self) -> Iterator[None]:
        """Context manager: raise the errors of a file without write permission with the cure."""
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            code = _code(error)
            if code not in READ_ONLY and getattr(error, "errno", None) not in NO_PERMISSION:
                raise
            raise ReadOnlyStorageError(
                f"{self.shown} and its folder must be writable, but writing raises: {error}: "
                "change the permissions, or copy the file to another folder and open the copy"
            ) from error

    def _connect(self, option: str) -> sqlite3.Connection:
        # Options of a URI come after the path, in which every special character is quoted.
        uri = f"{self.path.as_uri()}?{option}"
        db = sqlite3.connect(uri, LOCK_TIMEOUT, isolation_level=None, uri=True)
        ends: list[float] = []

        def is_endless() -> bool:
            ends[:] = ends or [time.monotonic() + CALL_TIMEOUT]
            return time.monotonic() > ends[0]

        db.set_progress_handler(is_endless, N_INSTRUCTIONS)
        db.execute("pragma trusted_schema = off")
        return db

    def _exists(self) -> bool:
        """Return whether the file has tables, and check that they are those of tuneplug.

        The header is read without a lock and without a file next to it.  While another process
        writes, it may not match the file.
        """
        self._check_neighbors()
        for attempt in range(N_ATTEMPTS):
            if not self._has_content(""):
                return False
            self._check_magic()
            writing = self._has_content("-journal")
            try:
                with closing(self._connect("immutable=1")) as db:
                    if self._is_empty(db) and not self._has_content("-wal"):
                        return False
                    self._check_version(db)
                    return True
            except sqlite3.DatabaseError:
                writing = writing or self._has_content("-journal")
                if attempt == N_ATTEMPTS - 1 and not writing:
                    raise
        return True  # another process writes, and the reader waits for it

    def _check_neighbors(self) -> None:
        """Check that the files of SQLite next to this one are files: it would wait for a pipe."""
        for suffix in ("-journal", "-wal", "-shm"):
            self._has_content(suffix)

    def _check_magic(self) -> None:
        """Check the start of the file: SQLite takes the shortest ones for empty databases."""
        if self._start()[: len(MAGIC)] != MAGIC and not self._has_content("-journal"):
            raise StorageError(f"{self.shown}: file is not a database: give another file")

    def _has_content(self, suffix: str) -> bool:
        """Return whether the file, or the file of SQLite next to it, has content."""
        path = self.path.with_name(self.path.name + suffix)
        try:
            found = path.stat()
        except FileNotFoundError:
            if not path.parent.is_dir():
                raise StorageError(
                    f"{self.shown}: unable to open database file: its folder must exist"
                ) from None
            return False
        if not stat.S_ISREG(found.st_mode):
            raise StorageError(
                f"{self.shown}{suffix} must be a file, but is not: give another path"
            )
        return found.st_size > 0

    def _is_empty(self, db: sqlite3.Connection) -> bool:
        numbers = ("user_version", "application_id")
        marked = any(db.execute(f"pragma {number}").fetchone()[0] for number in numbers)
        return not marked and not db.execute("select 1 from sqlite_master limit 1").fetchone()

    def _begin_writing(self, db: sqlite3.Connection, synchronous: str) -> None:
        """Begin a transaction that writes, once no other process does.

        SQLite waits longer from time to time, so that processes that have just come go first.
        Here all of them have the same chance, and none waits for long.
        """
        end = time.monotonic() + LOCK_TIMEOUT
        db.execute("pragma busy_timeout = 0")
        while True:
            try:
                db.execute(f"pragma synchronous = {synchronous}")  # which reads the file
                db.execute("begin immediate")
                break
            except sqlite3.OperationalError as error:
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
            self._pause()
        db.execute(f"pragma busy_timeout = {1000 * LOCK_TIMEOUT:.0f}")  # for readers, at the end

    def _pause(self) -> None:
        """Let other threads have their turn, and a fork, while another process has the file."""
        turn = self._turn()
        turn.release()
        try:
            time.sleep(random.uniform(*PAUSE))  # noqa: S311  no secret
        finally:
            turn.acquire()

    def _migrate(self, db: sqlite3.Connection) -> None:
        self._create_tables(db)
        copy_tables(db)
        for name in reversed(EARLIER_TABLES):
            db.execute(f"drop table {name}")

    def _create_tables(self, db: sqlite3.Connection) -> None:
        for statement in (*TABLES.values(), *INDEXES.values()):
            db.execute(statement)
        db.execute(f"pragma user_version = {VERSION}")
        db.execute(f"pragma application_id = {APPLICATION}")

    def _check_version(self, db: sqlite3.Connection) -> int:
        """Check whose file it is, and return the version of its tables."""
        (version,) = db.execute("pragma user_version").fetchone()
        (application,) = db.execute("pragma application_id").fetchone()
        if application != APPLICATION:
            raise StorageError(
                f"{self.shown} is the database of another program: give another file"
            )
        if version not in (*EARLIER_VERSIONS, VERSION):
            cure = "install a newer tuneplug" if version > VERSION else "give another file"
            raise StorageError(
                f"the file must have version {VERSION}, but {self.shown} has {version}: {cure}"
            )
        return int(version)

    def _check_tables(self, db: sqlite3.Connection, version: int) -> None:
        """Check that the file has these tables and no views or triggers, which run statements."""
        query = "select type, name, sql from sqlite_master where name not like 'sqlite\\_%' "
        found = db.execute(query + "escape '\\' limit 9").fetchall()
        tables = EARLIER_TABLES if version in EARLIER_VERSIONS else TABLES
        expected = [("table", name, sql) for name, sql in tables.items()]
        if tables is TABLES:
            expected += [("index", name, sql) for name, sql in INDEXES.items()]
        if sorted(found, key=repr) != sorted(expected, key=repr):
            raise StorageError(
                f"the tables of {self.shown} must be {sorted(tables)} with the columns of "
                f"tuneplug, but it has {[row[:2] for row in found]}, or other columns: restore the "
                "file from a copy, or give another file"
            )


def _code(error: BaseException) -> int:
    """Return the code of an error of SQLite, without its details; 0 if it has none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF

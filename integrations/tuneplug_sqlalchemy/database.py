"""Database: connections to a server, and its errors as those of tuneplug."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Row, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.sql.base import Executable

from tuneplug import LostConnectionError, ReadOnlyStorageError, StorageError
from tuneplug_sqlalchemy.dialects import Dialect
from tuneplug_sqlalchemy.locations import Location

__all__ = ["Database", "Link"]

#: Seconds to wait for a server that was there before, as it restarts, and between two attempts.
PATIENCE, RETRY_INTERVAL = 30.0, 0.25

T = TypeVar("T")

#: Number of forks between the first process and this one.
_generation = 0
#: Engines of parent processes.  Deleting one could end a connection that the parent uses.
_inherited: list[Engine] = []


def _count_fork() -> None:
    global _generation
    _generation += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


class Database:
    """A database on a server.

    Connections are made when they are needed, again in each process.

    Parameters
    ----------
    location : Location
    dialect : Dialect
    """

    def __init__(self, location: Location, dialect: Dialect) -> None:
        self.location, self.dialect = location, dialect
        self.shown = location.shown
        self._engines: dict[int, Engine] = {}  # by generation
        weakref.finalize(self, _dispose, self._engines)
        self._reached = False
        self._errors: tuple[type[Exception], ...] = (
            SQLAlchemyError,
            self._engine().dialect.loaded_dbapi.Error,
            OSError,
            RuntimeError,  # of PyMySQL, which lacks a package
            TypeError,  # of a driver, for an unknown option in the URL
            ValueError,
        )

    def _engine(self) -> Engine:
        engine = self._engines.get(_generation)
        if engine is None:  # two threads may both make one; setdefault keeps the first
            engine = self._engines.setdefault(_generation, self._new_engine())
        return engine

    def _new_engine(self) -> Engine:
        url, dialect = self.location.url, self.dialect
        options = {k: v for k, v in dialect.connect_args.items() if k not in url.query}
        engine = create_engine(
            url,
            connect_args=options,
            hide_parameters=True,
            isolation_level="READ COMMITTED",  # what others committed before this one had the lock
            max_overflow=4,
            pool_pre_ping=True,
            pool_size=1,  # a server has few connections, and many processes may run a study
            pool_timeout=60,
        )

        def prepare(connection: Any, _: object) -> None:
            with connection.cursor() as cursor:
                for statement in dialect.on_connect:
                    cursor.execute(statement)
            connection.commit()

        event.listen(engine, "connect", prepare)
        return engine

    @contextmanager
    def connected(self) -> Iterator[Link]:
        """Context manager: a connection, whose changes are lost unless they are committed.

        Raises
        ------
        StorageError
            If there is no connection.  One that was there before is waited for.
        """
        connection = self._connect()
        try:
            yield Link(self, connection)
        finally:
            with suppress(SQLAlchemyError):  # the changes are committed, or lost in any case
                connection.close()

    def _connect(self) -> Connection:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                connection = self.guarded(lambda: self._engine().connect())
            except StorageError:
                if not self._reached or time.monotonic() >= deadline:
                    self._reached = False  # the next call does not wait again
                    raise
            else:
                self._reached = True
                return connection
            time.sleep(RETRY_INTERVAL)

    def guarded(self, call: Callable[[], T]) -> T:
        """Return what a call returns; raise its errors as StorageError, without those behind.

        Errors of drivers may have the password in them, or in what they refer to.
        """
        try:
            return call()
        except self._errors as error:
            failure = self._failure(error)
        raise failure  # not in the except clause: it would refer to the error of the driver

    def _failure(self, error: Exception) -> StorageError:
        cause: BaseException = getattr(error, "orig", None) or error
        codes = (getattr(cause, "sqlstate", None), *cause.args[:1])
        message = f"{self.shown}: {self.location.scrub(' '.join(str(cause).split()))}"
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            return LostConnectionError(message)
        if not self.dialect.read_only.isdisjoint(codes):
            return ReadOnlyStorageError(
                f"{message}: give the URL of a server and a user that may write"
            )
        return StorageError(message)

    def damaged(self, cause: str) -> StorageError:
        """Return the error for rows that are not as tuneplug wrote them."""
        return StorageError(
            f"{self.shown} must be as tuneplug wrote it, but {cause}: restore the database from a "
            "backup, or give another one"
        )


def _dispose(engines: dict[int, Engine]) -> None:
    """Close the connections of this process."""
    for generation, engine in engines.items():
        if generation == _generation:
            engine.dispose()
        else:
            _inherited.append(engine)


class Link:
    """A connection to a database, in a transaction.

    Parameters
    ----------
    database : Database
    connection : sqlalchemy.Connection
    """

    def __init__(self, database: Database, connection: Connection) -> None:
        self.database, self._connection = database, connection

    def rows(self, query: Executable) -> Sequence[Row[Any]]:
        """Return the rows of a query."""
        return self.database.guarded(lambda: self._connection.execute(query).all())

    def value(self, query: str) -> Any:
        """Return the only value of a query in the SQL of the server."""
        return self.database.guarded(lambda: self._connection.exec_driver_sql(query).scalar_one())

    def run(self, statement: str) -> None:
        """Run a statement in the SQL of the server."""
        self.database.guarded(lambda: self._connection.exec_driver_sql(statement))

    def change(
        self, statement: Executable, rows: Mapping[str, Any] | Sequence[Mapping[str, Any]] = ()
    ) -> int:
        """Run a statement, for one or more rows, and return the number of rows that it found."""
        found = self.database.guarded(lambda: self._connection.execute(statement, rows or None))
        return int(found.rowcount)

    def add(self, statement: Executable, row: Mapping[str, Any]) -> bool:
        """Add a row.  Return False if there is one with its key."""

        def insert() -> bool:
            try:
                self._connection.execute(statement, row)
            except IntegrityError:
                return False
            return True

        return self.database.guarded(insert)

    def commit(self) -> None:
        """Commit the transaction; the next statement begins another one."""
        self.database.guarded(self._connection.commit)

    def rollback(self) -> None:
        """End the transaction without its changes."""
        self.database.guarded(self._connection.rollback)

    def has_table(self, name: str) -> bool:
        """Return whether the database has a table."""
        return self.database.guarded(lambda: inspect(self._connection).has_table(name))

    def apply(self, change: Callable[[Connection], None]) -> None:
        """Call a function that changes the tables."""
        self.database.guarded(lambda: change(self._connection))

"""PostgresqlStorage, MysqlStorage, MariadbStorage: store studies in a database on a server.

A transaction locks the row of its study.  Transactions on one study therefore run one after the
other, and those on different studies at the same time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self

from tuneplug.storage import Changes, SharedStorage, SharedStudy, Transaction, TrialRecord
from tuneplug_sqlalchemy._compat import SQLALCHEMY
from tuneplug_sqlalchemy.dialects import MYSQL, POSTGRESQL, Dialect

__all__ = ["MariadbStorage", "MysqlStorage", "PostgresqlStorage", "ServerStorage"]


class ServerStorage(SharedStorage):
    """Stores studies in a database on a server, which processes on many machines can share.

    Nothing is connected before there is need.  Tables are created with the first study.  Each text
    in them has a checksum.  A copy in another process has its own connections.

    Attributes
    ----------
    url : str
        URL without its secrets.

    Parameters
    ----------
    location : str
        URL in the form of SQLAlchemy.

    Raises
    ------
    ValueError
        If the location is no such URL.
    MissingDependencyError
        If SQLAlchemy or the driver is missing.
    StorageError
        If the server cannot be reached, a statement fails, or what is stored cannot be right.  All
        other methods raise it.  No password is in its message.
    """

    dialect: ClassVar[Dialect]

    def __init__(self, location: str = "") -> None:
        with SQLALCHEMY.required_by(type(self).__name__):
            from tuneplug_sqlalchemy.database import Database
            from tuneplug_sqlalchemy.locations import Location
            from tuneplug_sqlalchemy.studies import Studies

            checked = Location(location, self.name, self.dialect)
            self._database = Database(checked, self.dialect)
            self._studies = Studies(self._database)
        self.url = checked.shown

    @classmethod
    def from_url(cls, url: str) -> Self:
        return cls(url)

    def create(
        self, study: str, settings: Mapping[str, Any], records: Sequence[TrialRecord] = ()
    ) -> bool:
        with self._studies.connected() as link:
            self._studies.create_tables(link)
            created = self._studies.insert(link, study, settings, records)
            if created:
                link.commit()
            return created

    def read(self, study: str) -> SharedStudy | None:
        with self._studies.connected() as link:
            rows = self._studies.find(link, study, lock=False)
            return None if rows is None else SharedStudy(rows.settings(), *rows.changes(0))

    def changes(self, study: str, since: int) -> Changes:
        with self._studies.connected() as link:
            return self._studies.get(link, study, lock=False).changes(since)

    @contextmanager
    def transaction(self, study: str, *, durable: bool = True) -> Iterator[Transaction]:
        with self._studies.connected() as link:
            rows = self._studies.get(link, study, lock=True)
            if not durable and self.dialect.not_durable is not None:
                link.run(self.dialect.not_durable)
            yield rows
            link.commit()

    def studies(self) -> list[str]:
        with self._studies.connected() as link:
            return self._studies.names(link)

    def rename(self, old: str, new: str) -> None:
        self._check_names(old, new)
        with self._studies.connected() as link:
            rows = self._studies.get(link, old, lock=True)
            if not self._studies.insert(link, new, rows.settings(), rows.changes(0).records):
                raise self._taken(new)
            rows.delete()
            link.commit()

    def delete(self, study: str) -> None:
        with self._studies.connected() as link:
            rows = self._studies.find(link, study, lock=True)
            if rows is not None:
                rows.delete()
                link.commit()

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        url = self._database.location.url.render_as_string(hide_password=False)
        return type(self), (url,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"


class PostgresqlStorage(ServerStorage):
    """Stores studies in PostgreSQL: ``storage="postgresql+psycopg://user:password@host/database"``.

    See ``ServerStorage`` for its parameter and errors.
    """

    name: ClassVar[str] = "postgresql"
    dialect: ClassVar[Dialect] = POSTGRESQL


class MysqlStorage(ServerStorage):
    """Stores studies in MySQL: ``storage="mysql+pymysql://user:password@host/database"``.

    See ``ServerStorage`` for its parameter and errors.
    """

    name: ClassVar[str] = "mysql"
    dialect: ClassVar[Dialect] = MYSQL


class MariadbStorage(ServerStorage):
    """Stores studies in MariaDB: ``storage="mariadb+pymysql://user:password@host/database"``.

    See ``ServerStorage`` for its parameter and errors.
    """

    name: ClassVar[str] = "mariadb"
    dialect: ClassVar[Dialect] = MYSQL

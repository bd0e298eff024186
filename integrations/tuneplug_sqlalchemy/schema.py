"""The tables of tuneplug in a database, and the version of their schema.

A study is found by the SHA-256 of its name.  Names of any length are therefore distinct as they are
in Python, also where a server takes "a" for "A", or "a" for "a ".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    select,
)
from sqlalchemy.dialects.mysql import LONGTEXT

from tuneplug import StorageError
from tuneplug_sqlalchemy.database import Database, Link

__all__ = ["Schema"]

VERSION = 1
#: For each earlier version, the function that changes the tables to those of the next one.
UPGRADES: dict[int, Callable[[Connection], None]] = {}

METADATA = MetaData()
#: MySQL's text has 64 KiB.
TEXT = Text().with_variant(LONGTEXT(), "mysql", "mariadb")
KEY = String(64)
OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def _study() -> Column[str]:
    reference = ForeignKey("tuneplug_studies.id", ondelete="CASCADE")
    return Column("study", KEY, reference, primary_key=True)


STUDIES = Table(
    "tuneplug_studies",
    METADATA,
    Column("id", KEY, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("settings", TEXT, nullable=False),
    Column("revision", BigInteger, nullable=False),
    **OPTIONS,
)
TRIALS = Table(
    "tuneplug_trials",
    METADATA,
    _study(),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    Column("record", TEXT, nullable=False),
    Index("tuneplug_revisions", "study", "revision"),
    **OPTIONS,
)
SESSIONS = Table(
    "tuneplug_sessions",
    METADATA,
    _study(),
    Column("id", KEY, primary_key=True),
    Column("beat", Double, nullable=False),
    Column("document", TEXT, nullable=False),
    **OPTIONS,
)
SCHEMA = Table(
    "tuneplug_schema",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    **OPTIONS,
)


class Schema:
    """The tables of tuneplug in a database.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._complete = False

    def exists(self, link: Link) -> bool:
        """Return whether the database has the tables.

        Raises
        ------
        StorageError
            If they have a version that this tuneplug cannot read.
        """
        version = self._version(link)
        if version is None:
            return False
        self._complete = True
        self.is_current(version)
        return True

    def _version(self, link: Link) -> int | None:
        """Return the version of the tables; None if they are missing, or not complete yet."""
        if not self._complete and not link.has_table(SCHEMA.name):
            return None
        rows = link.rows(select(SCHEMA.c.version))
        return int(rows[0].version) if rows else None

    def is_current(self, version: int) -> bool:
        """Return whether tables have the version of this tuneplug, and not an earlier one.

        Raises
        ------
        StorageError
            If this tuneplug cannot read the version.
        """
        if version != VERSION and version not in UPGRADES:
            cure = "install a newer tuneplug" if version > VERSION else "give another database"
            raise StorageError(
                f"the tables of tuneplug must have version {VERSION}, but those of "
                f"{self._database.shown} have {version}: {cure}"
            )
        return version == VERSION

    def prepare(self, link: Link) -> None:
        """Create the tables, or change those of an earlier version, in a transaction of their own.

        Only one process at a time does so.  On MySQL each statement is a transaction: what a killed
        process has left is completed.
        """
        if self.exists(link) and self._version(link) == VERSION:
            return
        link.rollback()
        dialect = self._database.dialect
        if link.value(dialect.lock_schema) in (0, None):
            raise StorageError(
                f"{self._database.shown}: another process has changed the tables for 30 seconds: "
                "try again once it has ended"
            )
        try:
            self._change_tables(link)
        finally:
            link.rollback()
            link.value(dialect.unlock_schema)
            link.rollback()

    def _change_tables(self, link: Link) -> None:
        if not self.exists(link):
            link.apply(METADATA.create_all)
            link.change(SCHEMA.insert(), {"id": 1, "version": VERSION})
        while (version := self._version(link)) != VERSION:
            assert version is not None
            link.apply(UPGRADES[version])
            link.change(SCHEMA.update(), {"version": version + 1})
        link.commit()

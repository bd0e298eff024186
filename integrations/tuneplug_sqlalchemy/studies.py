"""Studies: find the studies of a database by their names, and add new ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import select

from tuneplug import StorageError
from tuneplug.storage import TrialRecord, seal
from tuneplug_sqlalchemy.database import Database, Link
from tuneplug_sqlalchemy.rows import ServerTransaction
from tuneplug_sqlalchemy.schema import SCHEMA, STUDIES, Schema

__all__ = ["Studies"]


class Studies:
    """The studies of a database.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database, self._schema = database, Schema(database)

    def connected(self) -> AbstractContextManager[Link]:
        """Context manager: a connection, whose changes are lost unless they are committed."""
        return self._database.connected()

    def names(self, link: Link) -> list[str]:
        """Return the names of all studies, sorted."""
        if not self._schema.exists(link):
            return []
        return sorted(row.name for row in link.rows(select(STUDIES.c.name)))

    def create_tables(self, link: Link) -> None:
        """Create the tables, unless the database has them."""
        self._schema.prepare(link)

    def insert(
        self,
        link: Link,
        study: str,
        settings: Mapping[str, Any],
        records: Sequence[TrialRecord],
    ) -> bool:
        """Add a study and its trials.  Return False if there is one of this name."""
        key, text = _key(study), seal(settings, study)
        row = {"id": key, "name": study, "settings": text, "revision": 0}
        added = link.add(STUDIES.insert(), row)
        if added and records:
            self.get(link, study, lock=True).write_all(records)
        return added

    def find(self, link: Link, study: str, *, lock: bool) -> ServerTransaction | None:
        """Return the rows of a study; None if there is no study of this name.

        Parameters
        ----------
        link : Link
        study : str
        lock : bool
            Whether to lock the study until the transaction ends, as all that write it do.

        Raises
        ------
        StorageError
            If the server could not store the name, or the tables have another version.
        """
        key = _key(study)
        if not self._schema.exists(link):
            return None
        version = select(SCHEMA.c.version).scalar_subquery().label("version")
        query = select(STUDIES, version).where(STUDIES.c.id == key)
        rows = link.rows(query.with_for_update() if lock else query)
        if not rows:
            return None
        if lock and not self._schema.is_current(rows[0].version):
            self._schema.prepare(link)
            return self.find(link, study, lock=True)
        return ServerTransaction(link, study, rows[0])

    def get(self, link: Link, study: str, *, lock: bool) -> ServerTransaction:
        """Return the rows of a study, as ``find`` does.

        Raises
        ------
        StorageError
            If there is no study of this name.
        """
        rows = self.find(link, study, lock=lock)
        if rows is None:
            raise StorageError(f"{self._database.shown} has no study {study!r}")
        return rows


def _key(study: str) -> str:
    """Return the key of a study."""
    try:
        encoded = study.encode()
    except UnicodeEncodeError as error:
        raise StorageError(
            f"the name of a study must be text that UTF-8 can hold, but got {study!r}: {error}"
        ) from None
    if "\0" in study:
        raise StorageError(f"on a server, the name of a study must have no NUL, but got {study!r}")
    return hashlib.sha256(encoded).hexdigest()

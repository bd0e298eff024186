"""SqliteTransaction: read and write the rows of a study in an open file, and check them."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Mapping
from typing import Any, final

from tuneplug.errors import StorageError
from tuneplug.storage.base import TrialRecord
from tuneplug.storage.documents import seal, unseal
from tuneplug.storage.shared import Changes, StoredSession, Transaction

__all__ = ["SqliteTransaction", "check_content"]


@final
class SqliteTransaction(Transaction):
    """The rows of one study in a transaction of a connection.

    Parameters
    ----------
    db : sqlite3.Connection
    study : str
    shown : str
        The file, for messages.

    Raises
    ------
    StorageError
        If there is no study of this name.  All methods raise it if a row cannot be right.
    """

    def __init__(self, db: sqlite3.Connection, study: str, shown: str) -> None:
        self._db, self._study, self._shown = db, study, shown
        query = "select settings, revision from tuneplug_studies where name = ?"
        row = db.execute(query, (study,)).fetchone()
        if row is None:
            raise StorageError(f"{shown} has no study {study!r}")
        self._settings, self._revision = row
        if type(self._revision) is not int or self._revision < 0:
            raise _damaged(shown, f"study {study!r} has revision {self._revision!r}")

    @property
    def now(self) -> float:
        return time.time()

    def settings(self) -> TrialRecord:
        return self._unseal(self._settings, f"the settings of study {self._study!r}", self._study)

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        self._settings = seal(settings, self._study)
        row = (self._settings, self._study)
        self._db.execute("update tuneplug_studies set settings = ? where name = ?", row)

    def changes(self, since: int) -> Changes:
        query = (
            "select number, record from tuneplug_trials where study = ? and revision > ? "
            "order by number"
        )
        rows = self._db.execute(query, (self._study, since))
        return Changes([self._read(*row) for row in rows], self._revision)

    def record(self, number: int) -> TrialRecord | None:
        query = "select number, record from tuneplug_trials where study = ? and number = ?"
        row = self._db.execute(query, (self._study, number)).fetchone()
        return None if row is None else self._read(*row)

    def count(self) -> int:
        query = "select max(number) from tuneplug_trials where study = ?"
        (last,) = self._db.execute(query, (self._study,)).fetchone()
        return 0 if last is None else int(last) + 1

    def _read(self, number: int, text: Any) -> TrialRecord:
        what = f"trial {number} of study {self._study!r}"
        record = self._unseal(text, what, self._study, number)
        if record.get("number") != number:
            raise _damaged(self._shown, f"{what} has another number")
        return record

    def write(self, record: TrialRecord) -> None:
        number = record["number"]
        self._revision += 1
        self._db.execute(
            "update tuneplug_studies set revision = ? where name = ?", (self._revision, self._study)
        )
        self._db.execute(
            "insert into tuneplug_trials values (?, ?, ?, ?) on conflict (study, number) "
            "do update set revision = excluded.revision, record = excluded.record",
            (self._study, number, self._revision, seal(record, self._study, number)),
        )

    def sessions(self) -> dict[str, StoredSession]:
        query = "select id, beat, document from tuneplug_sessions where study = ?"
        return {
            name: self._session(name, beat, text)
            for name, beat, text in self._db.execute(query, (self._study,))
        }

    def _session(self, name: Any, beat: Any, text: Any) -> StoredSession:
        what = f"session {name!r} of study {self._study!r}"
        if type(name) is not str or type(beat) is not float or not math.isfinite(beat):
            raise _damaged(self._shown, f"{what} has the beat {beat!r}")
        return StoredSession(beat, self._unseal(text, what, self._study, name))

    def beat(self, session: str, document: Mapping[str, Any]) -> None:
        row = (self._study, session, self.now, seal(document, self._study, session))
        self._db.execute("insert or replace into tuneplug_sessions values (?, ?, ?, ?)", row)

    def end_session(self, session: str) -> None:
        statement = "delete from tuneplug_sessions where study = ? and id = ?"
        self._db.execute(statement, (self._study, session))

    def _unseal(self, text: Any, what: str, *place: str | int) -> TrialRecord:
        try:
            return unseal(text, *place)
        except ValueError as error:
            raise _damaged(self._shown, f"{what} cannot be read: {error}") from None


def check_content(db: sqlite3.Connection, shown: str) -> list[str]:
    """Check that a file is intact, and that each trial belongs to a study.

    Returns the names of the studies, sorted.

    Raises
    ------
    StorageError
        If the file is damaged.
    """
    (found,) = db.execute("pragma integrity_check(1)").fetchone()
    if found != "ok":
        raise _damaged(shown, f"SQLite's integrity check found {found!r}")
    names: list[str] = []
    for (name,) in db.execute("select name from tuneplug_studies order by name"):
        if type(name) is not str or (names and name <= names[-1]):
            raise _damaged(shown, f"study {name!r} follows {names[-1:]}")
        names.append(name)
    known, last = set(names), ("", -1)
    for place in db.execute("select study, number from tuneplug_trials order by study, number"):
        if type(place[0]) is not str or type(place[1]) is not int or place <= last:
            raise _damaged(shown, f"trial {place!r} follows {last!r}")
        if place[0] not in known:
            raise _damaged(shown, f"trial {place!r} belongs to no study")
        last = place
    for (study,) in db.execute("select distinct study from tuneplug_sessions"):
        if study not in known:
            raise _damaged(shown, f"a session belongs to study {study!r}, which is not there")
    return names


def _damaged(shown: str, cause: str) -> StorageError:
    return StorageError(
        f"{shown} must be as tuneplug wrote it, but {cause}: restore the file from a copy, or "
        "give another file"
    )

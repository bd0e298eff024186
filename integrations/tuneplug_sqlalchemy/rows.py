"""ServerTransaction: read and write the rows of a study, and check them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, final

from sqlalchemy import Row, func, select

from tuneplug.storage import Changes, StoredSession, Transaction, TrialRecord, seal, unseal
from tuneplug_sqlalchemy.database import Link
from tuneplug_sqlalchemy.schema import SESSIONS, STUDIES, TRIALS

__all__ = ["ServerTransaction"]


@final
class ServerTransaction(Transaction):
    """The rows of one study in a transaction of a connection.

    Parameters
    ----------
    link : Link
    study : str
    row : Row
        The row of the study.

    Raises
    ------
    StorageError
        By all methods, if a row cannot be right.
    """

    def __init__(self, link: Link, study: str, row: Row[Any]) -> None:
        self._link, self._study, self._key = link, study, row.id
        self._settings, self._revision = row.settings, int(row.revision)
        self._now: float | None = None

    @property
    def now(self) -> float:
        if self._now is None:
            self._now = float(self._link.value(self._link.database.dialect.now))
        return self._now

    def settings(self) -> TrialRecord:
        return self._unseal(self._settings, f"the settings of study {self._study!r}", self._study)

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        self._settings = seal(settings, self._study)
        statement = STUDIES.update().where(STUDIES.c.id == self._key)
        self._link.change(statement, {"settings": self._settings})

    def changes(self, since: int) -> Changes:
        written = (TRIALS.c.study == self._key) & (TRIALS.c.revision > since)
        found = self._link.rows(select(TRIALS.c.number, TRIALS.c.record).where(written))
        # Sorted here: to sort by number, a server reads all trials of the study in that order.
        rows = sorted(found, key=lambda row: row.number)
        return Changes([self._read(row.number, row.record) for row in rows], self._revision)

    def record(self, number: int) -> TrialRecord | None:
        query = select(TRIALS.c.record).where(self._is_trial(number))
        rows = self._link.rows(query)
        return self._read(number, rows[0].record) if rows else None

    def count(self) -> int:
        query = select(func.max(TRIALS.c.number)).where(TRIALS.c.study == self._key)
        last = self._link.rows(query)[0][0]
        return 0 if last is None else int(last) + 1

    def _is_trial(self, number: int) -> Any:
        return (TRIALS.c.study == self._key) & (TRIALS.c.number == number)

    def _read(self, number: int, text: Any) -> TrialRecord:
        what = f"trial {number} of study {self._study!r}"
        record = self._unseal(text, what, self._study, number)
        if record.get("number") != number:
            raise self._link.database.damaged(f"{what} has another number")
        return record

    def write(self, record: TrialRecord) -> None:
        number = record["number"]
        self._revision += 1
        values = {
            "revision": self._revision,
            "record": seal(record, self._study, number),
        }
        if not self._link.change(TRIALS.update().where(self._is_trial(number)), values):
            row = {"study": self._key, "number": number, **values}
            self._link.change(TRIALS.insert(), row)
        self._write_revision()

    def write_all(self, records: Sequence[TrialRecord]) -> None:
        """Add the records of a study that has none."""
        rows = [
            {
                "study": self._key,
                "number": record["number"],
                "revision": revision,
                "record": seal(record, self._study, record["number"]),
            }
            for revision, record in enumerate(records, self._revision + 1)
        ]
        if rows:
            self._revision += len(rows)
            self._link.change(TRIALS.insert(), rows)
            self._write_revision()

    def _write_revision(self) -> None:
        statement = STUDIES.update().where(STUDIES.c.id == self._key)
        self._link.change(statement, {"revision": self._revision})

    def sessions(self) -> dict[str, StoredSession]:
        query = select(SESSIONS).where(SESSIONS.c.study == self._key)
        rows = self._link.rows(query)
        return {row.id: self._session(row.id, row.beat, row.document) for row in rows}

    def _session(self, name: str, beat: Any, text: Any) -> StoredSession:
        what = f"session {name!r} of study {self._study!r}"
        if type(beat) is not float or not math.isfinite(beat):
            raise self._link.database.damaged(f"{what} has the beat {beat!r}")
        return StoredSession(beat, self._unseal(text, what, self._study, name))

    def beat(self, session: str, document: Mapping[str, Any]) -> None:
        values = {"beat": self.now, "document": seal(document, self._study, session)}
        if not self._link.change(SESSIONS.update().where(self._is_session(session)), values):
            row = {"study": self._key, "id": session, **values}
            self._link.change(SESSIONS.insert(), row)

    def end_session(self, session: str) -> None:
        self._link.change(SESSIONS.delete().where(self._is_session(session)))

    def _is_session(self, session: str) -> Any:
        return (SESSIONS.c.study == self._key) & (SESSIONS.c.id == session)

    def delete(self) -> None:
        """Delete the study with all of its rows."""
        self._link.change(STUDIES.delete().where(STUDIES.c.id == self._key))

    def _unseal(self, text: Any, what: str, *place: str | int) -> TrialRecord:
        try:
            return unseal(text, *place)
        except ValueError as error:
            cause = str(error)
        raise self._link.database.damaged(f"{what} cannot be read: {cause}")

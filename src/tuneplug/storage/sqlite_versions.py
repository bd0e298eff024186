"""Read files of earlier versions, and give them the tables of the current one.

Version 1 called the expected improvement ``expected_gain``, and had no checksums.  Version 2 had
the same tables.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from tuneplug.storage.documents import decode, seal

__all__ = ["copy_tables", "show_as_current"]

#: The content of the tables of an earlier version, as rows of the current tables.
ROWS = {
    "tuneplug_studies": (
        "select name, settings, "
        "(select ifnull(max(number), -1) + 1 from trials where study = name) as revision "
        "from studies"
    ),
    "tuneplug_trials": (
        "select study, number, number + 1 as revision, current(study, number, record) as record "
        "from trials"
    ),
}
#: Attributes of trials that had another name in version 1.
RENAMED = {"expected_gain": "expected_improvement"}


def show_as_current(db: sqlite3.Connection) -> None:
    """Make temporary views of the tables under their current names, in memory."""
    _register(db)
    db.execute("pragma temp_store = memory")
    for name, rows in ROWS.items():
        db.execute(f"create temp view {name} as {rows}")
    db.execute(
        "create temp view tuneplug_sessions as select '' study, '' id, 0.0 beat, '' document "
        "limit 0"
    )


def copy_tables(db: sqlite3.Connection) -> None:
    """Copy the content of the tables to the current tables."""
    _register(db)
    for name, rows in ROWS.items():
        db.execute(f"insert into {name} {rows}")


def _register(db: sqlite3.Connection) -> None:
    db.create_function("current", 3, _current_record, deterministic=True)


def _current_record(study: Any, number: Any, text: Any) -> Any:
    """Return the text of a record as the current version writes it.

    A text that is no record stays as it is: the reader says what is wrong with it.
    """
    try:
        record = decode(text)
    except ValueError:
        return text
    if RENAMED.keys().isdisjoint(record):
        return text
    return seal({RENAMED.get(key, key): value for key, value in record.items()}, study, number)

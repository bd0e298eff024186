"""Check the SQLite file of a URL before another program, such as Optuna, makes its tables there."""

from __future__ import annotations

from tuneplug.errors import StorageError
from tuneplug.storage.sqlite_file import SqliteFile

__all__ = ["check_sqlite_url"]

#: Location of a database that has no file.
MEMORY = ":memory:"


def check_sqlite_url(url: str, program: str, table: str) -> None:
    """Check that the SQLite file of a URL is one of a program, or has no tables yet.

    Adapters that let another program open a database call it first, as that program would make
    its tables in any file: also in that of a ``SqliteStorage``, which could not be read again.
    Nothing is written.  Any other URL is accepted.

    Parameters
    ----------
    url : str
        URL of a database in the form of SQLAlchemy, such as ``"sqlite:///study.db"``.
    program : str
        Name of the program, for the message.
    table : str
        A table that the program makes in each of its databases.

    Raises
    ------
    StorageError
        If the file has tables, but not that of the program, or if it is no SQLite file.
    """
    location = _location(url)
    if location is None:
        return
    file = SqliteFile(location)
    tables = file.table_names()
    if tables and table not in tables:
        raise StorageError(
            f"the database of {program} must be a file of {program} or a new file, but "
            f"{file.shown} is the database of another program, with the tables {tables[:5]}: "
            "give another file"
        )


def _location(url: str) -> str | None:
    """Return the path in a URL of SQLite; None if the URL has none."""
    scheme, found, rest = url.partition(":///")
    path = rest.partition("?")[0].removeprefix("file:")
    if not found or scheme.partition("+")[0] != "sqlite" or path in ("", MEMORY):
        return None
    return path

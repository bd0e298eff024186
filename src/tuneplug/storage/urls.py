"""The storage that a user gives: a URL, or an object."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tuneplug.errors import StorageError, did_you_mean
from tuneplug.storage.base import Storage, StoredStudy
from tuneplug.storage.shared import SharedStorage
from tuneplug.storage.sqlite import SqliteStorage

__all__ = ["as_storage", "check_study_exists", "read_study", "without_passwords"]

#: User and password of a URL, to the last "@", as they may contain another one; or its query.
SECRET = re.compile(r"(:/+|//|:(?=\S)).*@|\?\S+", re.DOTALL)


def without_passwords(text: str) -> str:
    """Return a text in which user and password, and the query, of a URL are ``***``.

    It may be a wrong URL, such as one whose password has characters that had to be quoted.

    >>> without_passwords("invalid choice: mysql:/me:pa?s@host/db?key=a")
    'invalid choice: mysql:/***@host/db?***'
    """
    return SECRET.sub(lambda found: f"{found[1]}***@" if found[1] else "?***", text)


def as_storage(storage: Any, named: Callable[[str, str], Any]) -> Storage:
    """Return a storage, or the one at a URL ``"name://location"``.

    Parameters
    ----------
    storage : str or Storage
    named : callable
        Takes the name and the URL of a storage, and creates the storage.

    Raises
    ------
    ValueError
        If the URL has no name of a storage.
    TypeError
        If ``storage`` is neither a URL nor a storage.
    """
    if isinstance(storage, str):
        scheme, found, _ = storage.partition("://")
        if not found:
            raise ValueError(
                "storage must be a URL such as 'sqlite:///study.db', or a Storage, but got "
                f"{without_passwords(storage)!r}"
            )
        storage = named(scheme.partition("+")[0], storage)
    if not isinstance(storage, Storage):
        raise TypeError(
            f"storage must be a URL or a Storage, but got {storage!r}: pass, for example, "
            "'sqlite:///study.db'"
        )
    return storage


def read_study(storage: Storage, name: str) -> StoredStudy:
    """Return a stored study.  Nothing is written, also if it is deleted meanwhile.

    Storages with five methods have no such promise, as ``open`` creates a missing study.

    Raises
    ------
    StorageError
        If the storage has no such study, or cannot be read.
    """
    if isinstance(storage, SharedStorage):
        found = storage.read(name)
        if found is not None:
            return StoredStudy(found.settings, found.records)
    check_study_exists(storage, name)
    if isinstance(storage, SharedStorage):
        raise StorageError(f"{storage!r}: study {name!r} was created while it was read: try again")
    return storage.open(name, {})


def check_study_exists(storage: Storage, name: str) -> None:
    """Raise StorageError, with the most similar name, unless the storage has the study."""
    names = storage.studies()
    if name not in names:
        if isinstance(storage, SqliteStorage) and not storage.path.exists():
            raise StorageError(
                f"the storage must have the study {name!r}, but the file of {storage!r} does not "
                "exist: correct the path, which is relative to the current folder unless it "
                "begins with a slash, as in 'sqlite:////home/me/study.db'"
            )
        known = ", ".join(map(repr, names[:10])) + ", ..." * (len(names) > 10) or "none"
        raise StorageError(
            f"the storage must have the study, but {storage!r} has no {name!r}, only {known}"
            f"{did_you_mean(name, names)}"
        )

"""Copy a study from one storage to another."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tuneplug.errors import StorageError
from tuneplug.storage.base import Storage, TrialRecord, checked_name
from tuneplug.storage.shared import SharedStorage
from tuneplug.storage.urls import as_storage, read_study

__all__ = ["copy"]


def copy(
    source: str | Storage, target: str | Storage, name: str, *, new_name: str | None = None
) -> None:
    """Copy a study, its settings and all records of its trials, to another storage.

    A trial that is running is copied as running.  A ``SharedStorage`` gets the copy in one
    transaction.  In another storage the copy is deleted if writing fails; if the process is killed,
    a part is left.  No other process may create a study of that name there meanwhile.

    Parameters
    ----------
    source, target : str or Storage
        Storages, or their URLs; they may be the same.
    name : str
        Name of the study.
    new_name : str, optional
        Name of the copy.  If None, the same name.

    Raises
    ------
    ValueError
        If the name of the copy is empty.
    StorageError
        If the source has no such study, the target has one of the name of the copy, or one of them
        cannot be read or written.

    Examples
    --------
    >>> from tuneplug import Study
    >>> from tuneplug.storage import MemoryStorage, copy
    >>> mine, archive = MemoryStorage(), MemoryStorage()
    >>> Study({"k": [1, 2, 3]}, storage=mine, name="k").optimize(lambda t: t.params["k"], 2)
    >>> copy(mine, archive, "k", new_name="k of May")
    >>> archive.studies()
    ['k of May']
    """
    from tuneplug.plugins import Plugins  # they import this package

    named = partial(Plugins().create, "storage")
    source, target = as_storage(source, named), as_storage(target, named)
    settings, records = read_study(source, name)
    new_name = name if new_name is None else checked_name(new_name)
    if new_name in target.studies() or not _written(target, new_name, settings, records):
        raise StorageError(
            f"a copy must not replace a study, but {target!r} has {new_name!r}: give the copy "
            "another name"
        )


def _written(
    target: Storage, study: str, settings: TrialRecord, records: Sequence[TrialRecord]
) -> bool:
    """Write a study; return False if another process has just created one of this name."""
    if isinstance(target, SharedStorage):
        return target.create(study, settings, records)
    created = target.open(study, settings)
    if created.records or created.settings != settings:
        return False
    try:
        for record in records:
            target.add(study, record)
    except BaseException:
        target.delete(study)
        raise
    return True

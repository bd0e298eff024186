"""Open the persistence of a study in a storage, which is given as an object or as a URL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tuneplug.errors import warn_caller
from tuneplug.storage.base import Storage, checked_name
from tuneplug.storage.persistence import StudyPersistence
from tuneplug.storage.sessions import ClaimOptions
from tuneplug.storage.shared import SharedStorage
from tuneplug.storage.shared_persistence import SharedPersistence
from tuneplug.storage.single_writer import SingleWriterPersistence
from tuneplug.storage.urls import as_storage

__all__ = ["open_persistence"]


def open_persistence(
    storage: str | Storage | None,
    study: str | None,
    named: Callable[[str, str], Any],
    options: ClaimOptions,
) -> StudyPersistence | None:
    """Return the persistence of a study in a storage; None if there is no storage.

    Parameters
    ----------
    storage : str, Storage or None
        Storage, or its URL ``"name://location"``.
    study : str or None
        Name of the study.
    named : callable
        Takes the name and the URL of a storage, and creates the storage.
    options : ClaimOptions

    Raises
    ------
    ValueError
        If the study has no name, or if the URL has no name of a storage.
    TypeError
        If ``storage`` is neither a URL nor a storage.
    UnknownNameError
        If no plugin registers a storage of this name.
    StorageError
        If the name of the study has lone surrogates, or the storage cannot be read.
    """
    if storage is None:
        _warn_without_storage(options)
        return None
    storage = as_storage(storage, named)
    study = checked_name(study)
    if isinstance(storage, SharedStorage):
        return SharedPersistence(storage, study, options)
    return SingleWriterPersistence(storage, study)


def _warn_without_storage(options: ClaimOptions) -> None:
    """Warn of options that could be taken for those of objectives that fail."""
    plain, names = ClaimOptions(), ("stale_trials", "max_retries")
    given = [name for name in names if getattr(options, name) != getattr(plain, name)]
    if given:
        warn_caller(
            f"{' and '.join(given)} without storage= has no effect: a trial is started again only "
            "if its process has died, and another one goes on with the stored study; leave it "
            "out, or give a storage",
            UserWarning,
        )

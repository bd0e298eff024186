"""Load a study by its name alone: what the storage keeps of it besides the trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tuneplug.errors import SpaceError, StorageError
from tuneplug.plugins.manager import Plugins
from tuneplug.space import SearchSpace
from tuneplug.storage.base import Storage, TrialRecord
from tuneplug.storage.spaces import space_from_document
from tuneplug.storage.urls import as_storage, read_study
from tuneplug.storage.validation import SETTINGS_DEFAULTS, check_settings

__all__ = ["StoredSettings"]


@dataclass(frozen=True)
class StoredSettings:
    """Settings of a stored study.

    Attributes
    ----------
    storage : Storage
    study : str
        Name of the study.
    settings : dict
        With the defaults of keys that earlier files lack.
    """

    storage: Storage
    study: str
    settings: TrialRecord

    @classmethod
    def read(cls, storage: str | Storage, study: str, plugins: Plugins) -> StoredSettings:
        """Read the settings of a study; nothing is written.

        Raises
        ------
        StorageError
            If the storage has no such study, or its settings cannot be right.
        """
        found = as_storage(storage, partial(plugins.create, "storage"))
        settings = read_study(found, study).settings
        try:
            check_settings(settings)
        except ValueError as error:
            raise StorageError(
                f"the settings of study {study!r} in {found!r} cannot be used: {error}; restore "
                "the storage from a copy"
            ) from None
        return cls(found, study, SETTINGS_DEFAULTS | settings)

    def space(
        self,
        given: SearchSpace | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None,
        plugins: Plugins,
    ) -> SearchSpace:
        """Return the stored space, with what is given in place of the stored.

        Raises
        ------
        SpaceError
            If objects of the space could not be stored, and are not given.
        StorageError
            If no space is stored, or it cannot be right.
        """
        if isinstance(given, SearchSpace):
            return given
        declared = None if given is None else plugins.convert_space(given)
        document, where = self.settings["space"], f"study {self.study!r} in {self.storage!r}"
        if declared is not None and (document is None or not isinstance(declared, Mapping)):
            return SearchSpace(declared)
        if document is None:
            raise StorageError(
                f"a study is loaded with its space, but {where} was stored without one, by an "
                "earlier tuneplug: give space="
            )
        try:
            return space_from_document(document, declared, partial(plugins.create, "scaling"))
        except SpaceError as error:
            raise SpaceError(f"{where}: {error}") from None
        except ValueError as error:
            raise StorageError(
                f"the space of {where} cannot be used: {error}; restore the storage from a copy, "
                "or give the whole space, space=SearchSpace(...)"
            ) from None

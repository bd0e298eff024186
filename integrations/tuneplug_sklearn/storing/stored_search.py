"""The stored study of a search: its name, and whether a stored one is the same search."""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tuneplug import StorageError, Study
from tuneplug.plugins import warn_caller
from tuneplug.storage import Storage, as_storage
from tuneplug_sklearn._compat import n_samples
from tuneplug_sklearn.storing.fingerprint import (
    Fingerprint,
    SearchDefinition,
    changed_versions,
    compare,
    fingerprint_key,
    make_fingerprint,
)
from tuneplug_sklearn.storing.restart import concurrent_search_error
from tuneplug_sklearn.storing.stored_folds import Folds, decode_folds, encode_folds

if TYPE_CHECKING:
    from tuneplug_sklearn.resources import Resources
    from tuneplug_sklearn.search import WarpedBayesSearchCV

__all__ = ["FitData", "StoredSearch", "check_storage_arguments", "open_search"]

#: Name of the attribute of the study that has the fingerprint and the folds.
SEARCH = "search"
#: Number of digits of the fingerprint in the name of a study.
N_DIGITS = 16
#: Number of times that a candidate starts again: a killed process says little about it.
MAX_RETRIES = 10


@dataclass(frozen=True)
class FitData:
    """The arguments of ``fit``."""

    X: Any
    y: Any
    params: Mapping[str, Any]

    @property
    def n_rows(self) -> int:
        """Number of rows of X."""
        return int(n_samples(self.X))


@dataclass(frozen=True)
class StoredSearch:
    """The study of a search in a storage.

    Attributes
    ----------
    storage : Storage
    name : str
        Name of the study: that of the stored study, or the one to give to a new study.
    fingerprint : Fingerprint
        Fingerprint of this search.
    n_rows : int
        Number of rows of the data.
    only_name : bool
        Whether the search must have this name, by which the next call resumes it.
    folds : dict or None
        The stored folds.  None if the study is new.
    """

    storage: Storage
    name: str
    fingerprint: Fingerprint
    n_rows: int
    only_name: bool
    folds: Any = None

    @property
    def resumes(self) -> bool:
        """Whether the storage has the study."""
        return self.folds is not None

    def study_options(self, seed: int) -> dict[str, Any]:
        """Return the arguments of ``Study``; a stored study goes on with its own seed.

        A new study has a name that nobody else takes until ``create`` gives it its own.
        """
        return {
            "storage": self.storage,
            "name": self.name if self.resumes else f"{self.name}-{uuid4().hex}",
            "max_retries": MAX_RETRIES,
            "seed": None if self.resumes else seed,
        }

    def stored_splits(self) -> Folds:
        """Return the folds of the stored study.

        Raises
        ------
        StorageError
            If they cannot be right.
        """
        try:
            return decode_folds(self.folds, self.n_rows)
        except ValueError as error:
            raise _unusable(self.name, error) from None

    def progress(self, study: Study) -> str:
        """Return how many candidates are stored, as a sentence."""
        n_ended = sum(trial.state.ended for trial in study.history)
        n_lost = len(study.history) - n_ended
        return (
            f"{n_ended} candidate{'' if n_ended == 1 else 's'} of study {study.name!r} "
            f"{'is' if n_ended == 1 else 'are'} stored, and {n_lost} "
            f"{'goes' if n_lost == 1 else 'go'} on"
        )

    def create(self, study: Study, splits: Sequence[tuple[Any, Any]]) -> None:
        """Create a new study in the storage, under a name that no other study has.

        Raises
        ------
        ConcurrentStudyError
            If another process has taken the only name since.
        """
        if self.resumes:
            return
        folds = encode_folds(splits, self.n_rows)
        study.attributes[SEARCH] = {"fingerprint": self.fingerprint, "folds": folds}
        if self.only_name:
            if not study.create(self.name):
                raise concurrent_search_error(self.name)
            return
        while not study.create(_free_name(self.storage, self.name)):
            pass  # another process has taken the name since


def check_storage_arguments(search: WarpedBayesSearchCV) -> None:
    """Check that there is a storage if other arguments need one.

    Raises
    ------
    ValueError
        If there is none; the message has all of these arguments.  Or if the name is empty.
    """
    if search.study_name == "":
        raise ValueError("study_name must have a character, but got '': pass a name, or None")
    if search.storage is not None:
        return
    given: dict[str, Any] = {}
    given |= {"study_name": search.study_name} if search.study_name is not None else {}
    given |= {"resume": search.resume} if search.resume else {}
    if given:
        got = " and ".join(f"{name}={value!r}" for name, value in given.items())
        need = "needs" if len(given) == 1 else "need"
        raise ValueError(
            f"{' and '.join(given)} {need} a storage, but got {got} and storage=None: pass, for "
            "example, storage='sqlite:///searches.db'"
        )


def open_search(
    search: WarpedBayesSearchCV, metric: str | None, resources: Resources | None, data: FitData
) -> StoredSearch | None:
    """Return the stored study of a search, or that to create; None without a storage.

    Nothing is written.  Call this before ``cv.split``, which may change the splitter.

    Raises
    ------
    ValueError
        If the storage has another search under the name that is to be resumed, or if a part of the
        search cannot be described.
    StorageError
        If the storage cannot be read.
    """
    check_storage_arguments(search)
    if search.storage is None:
        return None
    declared = Study(search.param_distributions, plugins=search.plugins)
    storage = as_storage(search.storage, partial(declared.plugins.create, "storage"))
    fingerprint = make_fingerprint(
        SearchDefinition(
            search.estimator,
            declared.space,
            search.scoring,
            search.cv,
            _settings(search, metric, resources),
            data.X,
            data.y,
            data.params,
        )
    )
    name = search.study_name
    if name is None:
        name = f"search-{fingerprint_key(fingerprint)[:N_DIGITS]}"
    folds = None
    if search.resume and name in storage.studies():
        folds = _stored_folds(storage, name, fingerprint)
    return StoredSearch(storage, name, fingerprint, data.n_rows, bool(search.resume), folds)


def _settings(
    search: WarpedBayesSearchCV, metric: str | None, resources: Resources | None
) -> dict[str, Any]:
    """Return the further arguments that decide the results of fits, or the candidates."""
    seed = search.random_state
    return {
        "error_score": search.error_score,
        "return_train_score": search.return_train_score,
        "validation_fraction": search.validation_fraction,
        "monitor": search.monitor,
        "objective_metric": metric,
        "resource": search.resource,
        "levels": None if resources is None else [int(level) for level in resources.levels],
        "random_state": int(seed) if isinstance(seed, numbers.Integral) else None,
        # without constraints, searches that an earlier tuneplug stored are the same
        **({} if search.constraints is None else {"constraints": search.constraints}),
    }


def _stored_folds(storage: Storage, name: str, fingerprint: Fingerprint) -> Any:
    """Return the folds of a stored search, which is the same; warn of other versions."""
    attributes = storage.open(name, {}).settings.get("attributes", {})
    if SEARCH not in attributes:
        raise ValueError(
            f"study {name!r} must be of a search to be resumed, but is one of Study: pass another "
            "study_name"
        )
    try:
        stored, folds = attributes[SEARCH]["fingerprint"], attributes[SEARCH]["folds"]
        differences = compare(stored, fingerprint)
        versions = changed_versions(stored, fingerprint)
    except (KeyError, TypeError, ValueError) as error:
        raise _unusable(name, error) from None
    if differences:
        shown = "\n  ".join(differences)
        raise ValueError(
            f"only the same search can be resumed, but that of study {name!r} differs:\n  {shown}\n"
            "Pass another study_name, or resume=False, to start a new study; the stored one is kept"
        )
    if versions:
        warn_caller(
            f"study {name!r} was stored with other versions, with which results may differ: "
            f"{'; '.join(versions)}",
            UserWarning,
        )
    return folds


def _unusable(name: str, error: Exception) -> StorageError:
    return StorageError(
        f"the search of study {name!r} cannot be resumed: {error}; restore the storage from a "
        "copy, or pass another study_name"
    )


def _free_name(storage: Storage, name: str) -> str:
    """Return the first of name, name-2, name-3, ... that no study has."""
    taken = set(storage.studies())
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(free for free in names if free not in taken)

"""The part of ``Study`` that stores it: resume and create it, and share it with others."""

from __future__ import annotations

from typing import Any

import numpy as np

from tuneplug._typing import FloatArray
from tuneplug.errors import TrialError
from tuneplug.plugins.manager import Plugins
from tuneplug.storage.documents import check_attributes
from tuneplug.storage.persistence import StudyPersistence
from tuneplug.storage.spaces import space_document
from tuneplug.study.options import check_trial
from tuneplug.study.results import StudyResults
from tuneplug.trial import Direction, Trial

__all__ = ["StoredStudyMethods"]


class StoredStudyMethods(StudyResults):
    """The methods of ``Study`` that concern its storage.

    Attributes
    ----------
    name : str or None
    direction : {"minimize", "maximize"}
    seed : int
    plugins : Plugins
    attributes : dict
        JSON values that are stored with the study, by name.
    """

    name: str | None
    direction: Direction
    seed: int
    plugins: Plugins
    attributes: dict[str, Any]
    _persistence: StudyPersistence | None

    def _resume(self, persistence: StudyPersistence, *, own_seed: bool) -> None:
        """Take over the trials of the stored study and, unless the user gave a seed, its seed."""
        check_attributes(self.attributes)
        settings = {
            "direction": self.direction,
            "seed": self.seed,
            "attributes": self.attributes,
            "space": space_document(self.space),
        }
        stored = persistence.begin(settings, self.space)
        if stored is None:
            return
        self.attributes = stored.settings.get("attributes", {})
        if (direction := stored.settings["direction"]) != self.direction:
            raise ValueError(
                f"study {self.name!r} must be resumed with direction={direction!r}, but got "
                f"{self.direction!r}: give the new study another name"
            )
        if not own_seed:
            self.seed = stored.settings["seed"]
        for trial in persistence.trials(stored):
            self.history.append(trial)

    def create(self, name: str) -> bool:
        """Create the study in its storage now, and not with its first trial.

        Parameters
        ----------
        name : str
            Name of the study, in place of the one that it was given.

        Returns
        -------
        bool
            False if the storage has a study of this name, or has this study; nothing is changed.
            A ``SharedStorage`` makes sure of it in one transaction.

        Raises
        ------
        ValueError
            If the study has no storage.
        StorageError
            If the storage cannot be written.
        """
        if self._persistence is None:
            raise ValueError("a study without a storage cannot be created in one: pass storage=")
        created = self._persistence.create(name)
        if created:
            self.name = name
        return created

    def refresh(self) -> None:
        """Take over what other processes have written to the stored study, and write nothing.

        ``ask`` does so too.  Between its calls, ``trials`` and ``best_trial`` are those of the last
        one, and the trials of this process.

        Raises
        ------
        StorageError
            If the storage cannot be read.
        """
        if self._persistence is not None:
            self._persistence.refresh(self.history)

    def release(self) -> None:
        """Give up the running trials of a stored study: another ``Study`` can start them again.

        Without a storage, nothing changes.
        """
        if self._persistence is not None:
            self._persistence.release()

    def set_trial_attribute(self, trial: Trial, name: str, value: Any) -> None:
        """Store a JSON value with a running trial.

        Parameters
        ----------
        trial : Trial
            A running trial of this study.
        name : str
        value : object
            None, a boolean, a number, text, or a list or dict of such values.

        Raises
        ------
        TrialError
            If the trial is not of this study, or has ended.
        StaleTrialError
            If another process has taken over the trial.
        StorageError
            If the value cannot be stored.
        """
        check_trial(trial, "set_trial_attribute")
        trial = self._running_trial(trial.number, trial.point)
        if self._persistence is not None:
            check_attributes({name: value})
        trial.attributes[name] = value
        self._store(trial, keep=True)

    def _running_trial(self, number: int, point: FloatArray | None = None) -> Trial:
        """Return the running trial with that number and, if given, that point."""
        trial = self.history[number] if 0 <= number < len(self.history) else None
        if trial is None or not (point is None or np.array_equal(trial.point, point)):
            raise TrialError(
                f"a trial must be of this study, but trial {number} is not: pass the trial that "
                "ask() of this study returned"
            )
        if trial.state.ended:
            raise TrialError(
                f"a trial must be told once, but trial {number} has already ended: it is "
                f"{trial.state.value}; call ask() for a new trial"
            )
        return trial

    def _store(self, trial: Trial, *, keep: bool = False) -> None:
        if self._persistence is not None:
            self._persistence.write(trial, keep=keep)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state of a copy, which has no storage: one process writes a claimed trial."""
        return {**self.__dict__, "_persistence": None}

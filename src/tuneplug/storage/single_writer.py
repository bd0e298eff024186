"""Run a study in one process at a time, in a storage with five methods."""

from __future__ import annotations

from collections.abc import Callable

from tuneplug.errors import ConcurrentStudyError
from tuneplug.storage.base import Storage, StoredStudy, TrialRecord
from tuneplug.storage.persistence import INTERRUPTED, StudyPersistence, failed, started_again
from tuneplug.trial import History, Trial

__all__ = ["SingleWriterPersistence"]


class SingleWriterPersistence(StudyPersistence):
    """Writes the trials of one study to a storage that no other process writes at the same time.

    So the trials that were read as running have lost their process.  Attempts are not counted.
    """

    def __init__(self, storage: Storage, study: str) -> None:
        super().__init__(storage, study)
        self._n_stored = 0  # trials 0 to n - 1 are stored
        self._running: dict[int, TrialRecord] = {}  # records that were read as running

    def _read(self) -> StoredStudy | None:
        if self.study not in self.storage.studies():
            return None
        stored = self.storage.open(self.study, {})
        self._n_stored = len(stored.records)
        return stored

    def trials(self, stored: StoredStudy) -> list[Trial]:
        trials = super().trials(stored)
        for trial, record in zip(trials, stored.records, strict=True):
            if not trial.state.ended:
                self._running[trial.number] = record
        return trials

    def create(self, study: str) -> bool:
        if self._settings is None or study in self.storage.studies():
            return False
        self.storage.open(study, self._settings)
        self.study, self._settings = study, None
        return True

    def catch_up(self, history: History) -> tuple[list[Trial], Trial | None]:
        if self._settings is not None and not self._pending_writes:
            self.storage.studies()
        ended = []
        for number in sorted(self._running.keys() - self._pending_writes.keys()):
            trial = failed(history[number], INTERRUPTED)
            self.write(trial)
            history.replace(trial)
            ended.append(trial)
        return ended, None

    def refresh(self, history: History) -> None:
        pass  # no other process writes

    def restart(self, history: History, number: int) -> Trial | None:
        if number not in self._running:
            return None
        trial = started_again(history[number], None)
        self.write(trial)
        history.replace(trial)
        return trial

    def release(self) -> None:
        pass  # the next process takes them for lost

    def start(
        self, history: History, make: Callable[[int], Trial], *, insist: bool
    ) -> Trial | None:
        trial = make(len(history))
        self.write(trial)
        history.append(trial)
        return trial

    def _create(self) -> None:
        if self._settings is None:
            return
        stored = self.storage.open(self.study, self._settings)
        if stored.records:
            raise ConcurrentStudyError.of(self.study, 0)
        if stored.settings != self._settings:
            raise ConcurrentStudyError.created(self.study)
        self._settings = None

    def _write(self, record: TrialRecord) -> bool:
        number = record["number"]
        if number in self._running:
            self.storage.update(self.study, record, self._running[number])
            del self._running[number]
        elif number < self._n_stored:
            self.storage.update(self.study, record)
        else:
            self.storage.add(self.study, record)
            self._n_stored += 1
        return True

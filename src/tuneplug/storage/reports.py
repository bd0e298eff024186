"""ReportWriter: store the reports of a running trial from the process that runs it."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

from tuneplug.errors import StorageError
from tuneplug.storage.process import machine
from tuneplug.storage.shared import SharedStorage
from tuneplug.trial import Claim, TrialReporter, TrialState

__all__ = ["ReportWriter"]

#: Seconds between two writes of one trial.
INTERVAL = 0.5


class ReportWriter:
    """Stores reports at most twice a second, and each report within a second.

    It is sent to the worker with the trial.  A report that cannot be stored is stored with the end
    of the trial.

    Parameters
    ----------
    storage : SharedStorage
    study : str
    number : int
        Number of the trial.
    claim : Claim
        Claim of the trial; once the trial has another one, or has ended, nothing is written.
    """

    def __init__(self, storage: SharedStorage, study: str, number: int, claim: Claim) -> None:
        self._storage, self._study, self._number, self._claim = storage, study, number, claim
        self._machine = machine() if storage.one_machine else None
        self._written_at = -INTERVAL
        self._timer: threading.Timer | None = None

    def written(self, reporter: TrialReporter) -> None:
        """Take note of a new report."""
        if self._machine is not None and self._machine != machine():
            return  # a worker on another machine, where the file of the storage is not
        wait = self._written_at + INTERVAL - time.monotonic()
        if wait <= 0:
            self._write(reporter)
        elif self._timer is None or not self._timer.is_alive():
            self._timer = timer = threading.Timer(wait, self._write, [reporter])
            timer.daemon = True
            timer.start()

    def _write(self, reporter: TrialReporter) -> None:
        self._written_at, self._timer = time.monotonic(), None  # later reports need another one
        with suppress(StorageError), self._storage.transaction(self._study, durable=False) as rows:
            record = rows.record(self._number)
            if record is None or record["state"] != TrialState.RUNNING.value:
                return
            if record.get("claim") == list(self._claim):
                rows.write(record | _reported(reporter))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_timer": None, "_written_at": -INTERVAL}


def _reported(reporter: TrialReporter) -> dict[str, Any]:
    return {
        "reports": [list(report) for report in list(reporter.reports)],
        "metric": reporter.metric,
        "direction": reporter.direction,
        "stop_reason": reporter.stop_reason,
    }

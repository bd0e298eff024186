"""Studies as they are stored: records, which need no search space to be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tuneplug.errors import NoCompletedTrialError, StorageError
from tuneplug.storage.base import Storage, TrialRecord
from tuneplug.storage.spaces import parameter_names
from tuneplug.storage.urls import read_study
from tuneplug.storage.validation import (
    DEFAULTS,
    SETTINGS_DEFAULTS,
    check_record,
    check_settings,
)
from tuneplug.trial import TrialState

__all__ = ["StudyRecords", "category_text", "is_feasible"]


def category_text(value: Any) -> Any:
    """Return the value of a parameter in a record; of other objects the text of their key."""
    return value["repr"] if isinstance(value, dict) else value


def is_feasible(record: TrialRecord) -> bool:
    """Return whether the constraints of a trial hold, or it has none."""
    return bool(max(record["constraints"] or [0.0]) <= 0.0)


@dataclass(frozen=True)
class StudyRecords:
    """A stored study.

    Attributes
    ----------
    name : str
    settings : dict
    records : list of dict
        With the defaults of keys that earlier files lack.
    """

    name: str
    settings: TrialRecord
    records: Sequence[TrialRecord]

    @classmethod
    def read(cls, storage: Storage, name: str) -> StudyRecords:
        """Read a study; nothing is written.

        Raises
        ------
        StorageError
            If there is no such study, or what is stored cannot be right.
        """
        settings, records = read_study(storage, name)
        what = "the settings"
        try:
            check_settings(settings)
            for number, record in enumerate(records):
                what = f"trial {number}"
                check_record(record, number)
        except ValueError as error:
            raise StorageError(
                f"{what} of study {name!r} in {storage!r} cannot be used: {error}; restore the "
                "storage from a copy"
            ) from None
        whole = [record | DEFAULTS | record for record in records]  # new keys come last
        return cls(name, settings | SETTINGS_DEFAULTS | settings, whole)

    @property
    def param_names(self) -> list[str]:
        """Names of all parameters: those of the stored space, and any others of the trials."""
        try:
            names = parameter_names(self.settings["space"])
        except ValueError:  # no space is stored, or it is damaged: the records are not
            names = []
        return list(dict.fromkeys([*names, *(n for r in self.records for n in r["params"])]))

    def best(self) -> TrialRecord | None:
        """Return the first complete, feasible record of fidelity 1 with the best value, or None."""
        complete = [
            record
            for record in self.records
            if record["state"] == TrialState.COMPLETE.value
            and record["fidelity"] == 1.0
            and is_feasible(record)
        ]
        sign = -1.0 if self.settings["direction"] == "maximize" else 1.0
        return min(complete, key=lambda record: sign * record["value"], default=None)

    def best_or_raise(self) -> TrialRecord:
        """Return the best record; NoCompletedTrialError if no trial is complete."""
        found = self.best()
        if found is None:
            raise NoCompletedTrialError(
                f"the best trial needs a completed one, but study {self.name!r} has {self.states()}"
            )
        return found

    def states(self) -> str:
        """Return the number of trials in each state, as text."""
        counts = Counter(
            record["state"] + " but infeasible" * (not is_feasible(record))
            for record in self.records
        )
        return ", ".join(f"{n} {state}" for state, n in counts.items()) or "no trials"

    def summary(self) -> dict[str, Any]:
        """Return a row about the study."""
        best = self.best()
        times = [
            record[key]
            for record in self.records
            for key in ("started", "finished")
            if record[key] is not None
        ]
        return {
            "name": self.name,
            "direction": self.settings["direction"],
            "n_trials": len(self.records),
            "states": self.states(),
            "best_value": None if best is None else best["value"],
            "last_change": _as_time(max(times)) if times else None,
        }


def _as_time(seconds: float) -> str | None:
    """Return seconds since the epoch as time in UTC; None if there is no such time."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(" ", "seconds")
    except (ValueError, OverflowError, OSError):
        return None

"""The contract of storages."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tuneplug.errors import ConcurrentStudyError, StorageError
from tuneplug.space.parameters import Float
from tuneplug.storage.base import Storage, TrialRecord
from tuneplug.storage.shared import SharedStorage
from tuneplug.study import Study
from tuneplug.trial import Trial, TrialState

__all__ = ["StorageContract"]


def _record(number: int, **more: Any) -> TrialRecord:
    return {"number": number, "state": "running", "params": {"x": 0.1 + number}, **more}


def _objective(trial: Trial) -> float:
    if trial.number == 2:
        raise ArithmeticError("made to fail")
    trial.report(float(trial.params["x"]), 0)
    return float(trial.params["x"]) ** 2


class StorageContract:
    """Tests of a storage; define the fixture ``storage``, which returns a new, empty storage.

    Override ``reopened`` to return another object for the same location, as another process would
    open it; by default it returns the same object, which tests less.
    """

    #: Valid names of studies.
    names = ("a", "A", "two words", "naïve ☃", "it's; drop table studies", "a/../b%", "x" * 100)

    def reopened(self, storage: Storage) -> Storage:
        """Return a storage at the same location."""
        return storage

    def test_name_is_a_non_empty_string(self, storage: Storage) -> None:
        assert isinstance(storage.name, str)
        assert storage.name

    def test_new_study_has_its_settings_and_no_trials(self, storage: Storage) -> None:
        assert storage.studies() == []
        settings = {"direction": "maximize", "seed": 2**63 + 1}
        assert storage.open("a", settings) == (settings, [])
        assert storage.studies() == ["a"]

    def test_existing_study_keeps_its_original_settings(self, storage: Storage) -> None:
        storage.open("a", {"seed": 1})
        assert self.reopened(storage).open("a", {"seed": 2}).settings == {"seed": 1}

    def test_records_are_returned_in_order_and_as_last_updated(self, storage: Storage) -> None:
        storage.open("a", {})
        for number in (0, 1, 2, 10):
            storage.add("a", _record(number))
        storage.update("a", _record(1, value=[1, 2.5, None, True, "é", {"b": []}]))
        records = self.reopened(storage).open("a", {}).records
        expected = [_record(0), _record(1, value=[1, 2.5, None, True, "é", {"b": []}])]
        assert records == [*expected, _record(2), _record(10)]
        assert type(records[1]["value"][0]) is int

    def test_numbers_are_stored_exactly(self, storage: Storage) -> None:
        numbers = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, 2**70]
        storage.open("a", {})
        storage.add("a", _record(0, value=numbers))
        storage.add("a", _record(1, value=math.nan))
        first, second = self.reopened(storage).open("a", {}).records
        assert first["value"] == numbers
        assert math.isnan(second["value"])

    def test_adding_a_number_twice_raises_concurrent_study_error(self, storage: Storage) -> None:
        storage.open("a", {})
        storage.add("a", _record(0, value=1))
        with pytest.raises(ConcurrentStudyError):
            self.reopened(storage).add("a", _record(0, value=2))
        assert storage.open("a", {}).records == [_record(0, value=1)]

    def test_update_of_an_expected_record_replaces_no_other(self, storage: Storage) -> None:
        storage.open("a", {})
        storage.add("a", _record(0, value=math.nan))
        read = self.reopened(storage).open("a", {}).records[0]
        storage.update("a", _record(0, value=1), read)
        with pytest.raises(ConcurrentStudyError):
            self.reopened(storage).update("a", _record(0, value=2), read)
        assert storage.open("a", {}).records == [_record(0, value=1)]

    def test_study_that_is_only_opened_is_not_stored(self, storage: Storage) -> None:
        Study({"x": Float(0.0, 1.0)}, storage=storage, name="a")
        assert self.reopened(storage).studies() == []

    def test_opening_a_running_study_overwrites_no_result(self, storage: Storage) -> None:
        space = {"x": Float(0.0, 1.0)}
        writer = Study(space, strategy="random", storage=storage, name="a")
        trial = writer.ask()
        reader = Study(space, strategy="random", storage=self.reopened(storage), name="a")
        assert reader.trials[0].state is TrialState.RUNNING
        writer.tell(trial, 0.5)
        if isinstance(storage, SharedStorage):
            reader.ask()
        else:
            with pytest.raises(ConcurrentStudyError):
                reader.ask()
        again = Study(space, strategy="random", storage=self.reopened(storage), name="a")
        assert again.trials[0].value == 0.5

    def test_interrupted_trials_fail_when_the_study_goes_on(self, storage: Storage) -> None:
        space = {"x": Float(0.0, 1.0)}
        options: dict[str, Any] = {"strategy": "random", "name": "a", "stale_trials": "fail"}
        Study(space, storage=storage, **options).ask()
        Study(space, storage=self.reopened(storage), **options).ask()
        again = Study(space, strategy="random", storage=self.reopened(storage), name="a")
        states = [trial.state for trial in again.trials]
        assert states == [TrialState.FAILED, TrialState.RUNNING]
        assert "interrupted" in str(again.trials[0].error)

    def test_unknown_study_and_unknown_trial_raise_storage_error(self, storage: Storage) -> None:
        with pytest.raises(StorageError):
            storage.add("a", _record(0))
        storage.open("a", {})
        with pytest.raises(StorageError):
            storage.update("a", _record(0))

    def test_studies_with_unusual_names_are_distinct(self, storage: Storage) -> None:
        for k, name in enumerate(self.names):
            storage.open(name, {"k": k})
            storage.add(name, _record(k))
        again = self.reopened(storage)
        assert again.studies() == sorted(self.names)
        for k, name in enumerate(self.names):
            assert again.open(name, {}) == ({"k": k}, [_record(k)])

    def test_delete_removes_a_study_and_its_trials(self, storage: Storage) -> None:
        for name in ("a", "b"):
            storage.open(name, {})
            storage.add(name, _record(0))
        storage.delete("a")
        storage.delete("a")
        assert self.reopened(storage).studies() == ["b"]
        assert storage.open("a", {"new": True}) == ({"new": True}, [])
        assert storage.open("b", {}).records == [_record(0)]

    def test_large_record_is_stored(self, storage: Storage) -> None:
        reports = [[step, step / 7, None] for step in range(50_000)]
        storage.open("a", {})
        storage.add("a", _record(0, reports=reports))
        assert self.reopened(storage).open("a", {}).records == [_record(0, reports=reports)]

    def test_resumed_study_continues_as_if_never_interrupted(self, storage: Storage) -> None:
        space = {"x": Float(-1.0, 1.0), "kind": [(1, 2), None]}
        whole = Study(space, strategy="random", seed=3)
        first = Study(space, strategy="random", seed=3, storage=storage, name="a")
        with pytest.warns(RuntimeWarning, match="failed"):
            whole.optimize(_objective, 8)
        with pytest.warns(RuntimeWarning, match="failed"):
            first.optimize(_objective, 5)
        study = Study(space, strategy="random", storage=self.reopened(storage), name="a")
        study.optimize(_objective, 3)
        assert [t.params for t in study.trials] == [t.params for t in whole.trials]
        assert [t.value for t in study.trials] == [t.value for t in whole.trials]
        assert [t.reports for t in study.trials] == [t.reports for t in whole.trials]
        assert study.trials[2].state is TrialState.FAILED
        assert "made to fail" in str(study.trials[2].error)

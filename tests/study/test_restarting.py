"""Create a stored study before its first trial, give trials up, and start lost ones again."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from tuneplug import Float, StorageError, Study, TrialError, TrialState
from tuneplug.errors import StaleTrialError
from tuneplug.plugins import hookimpl
from tuneplug.storage import MemoryStorage, SqliteStorage

SPACE = {"x": Float(-1.0, 1.0)}


@pytest.fixture(params=["shared", "one writer"])
def storage(request, tmp_path):
    return SqliteStorage(tmp_path / "a.db") if request.param == "shared" else MemoryStorage()


def open_study(storage, name="a", **options):
    return Study(SPACE, storage=storage, name=name, seed=0, **options)


def test_create_stores_a_study_without_trials(storage):
    study = open_study(storage, attributes={"note": 1})
    assert study.create("b")
    assert study.name == "b"
    assert storage.studies() == ["b"]
    assert open_study(storage, "b").attributes == {"note": 1}
    study.tell(study.ask(), 1.0)
    assert len(open_study(storage, "b").trials) == 1


@pytest.mark.parametrize("attributes", [{1: "a"}, {"known": [{2: "a"}]}])
def test_names_in_attributes_that_json_would_change_are_refused(storage, attributes):
    with pytest.raises(StorageError, match=r"names in attributes must be strings, but got \d"):
        open_study(storage, attributes=attributes)


@pytest.mark.parametrize("value", [1j, {1, 2}, object(), [np.zeros(2)], np.ma.masked])
def test_an_attribute_that_json_lacks_is_refused_and_nothing_is_lost(storage, value):
    with pytest.raises(StorageError, match="attributes must be JSON values, but 'note' is"):
        open_study(storage, attributes={"known": 1, "note": value})
    study = open_study(storage)
    trial = study.ask()
    with pytest.raises(StorageError, match="attributes must be JSON values, but 'note' is"):
        study.set_trial_attribute(trial, "note", value)
    study.tell(trial, 1.0)
    (stored,) = open_study(storage).trials
    assert (stored.value, stored.attributes) == (1.0, {})


def test_create_leaves_a_name_to_the_study_that_has_it(storage):
    assert open_study(storage).create("b")
    study = open_study(storage)
    assert not study.create("b")
    assert study.name == "a"
    assert study.create("c")
    assert not study.create("d")
    assert storage.studies() == ["b", "c"]


def test_create_needs_a_storage():
    with pytest.raises(ValueError, match="pass storage="):
        Study(SPACE).create("a")


def test_a_released_trial_starts_again_with_its_attributes(storage):
    study = open_study(storage)
    study.tell(study.ask(), 1.0)
    trial = study.ask()
    study.set_trial_attribute(trial, "note", [1, 2])
    study.release()
    later = open_study(storage)
    again = later.restart(1)
    assert (again.number, again.params) == (1, trial.params)
    assert again.attributes == {"note": [1, 2]}
    later.tell(again, 2.0)
    assert [t.value for t in open_study(storage).trials] == [1.0, 2.0]


def test_a_trial_that_another_study_of_the_process_runs_is_not_lost(tmp_path):
    storage = SqliteStorage(tmp_path / "a.db")
    study = open_study(storage)
    trial = study.ask()
    later = open_study(storage)
    assert later.restart(0) is None
    study.tell(trial, 1.0)


def test_a_trial_that_was_given_up_and_taken_over_cannot_be_told(tmp_path):
    storage = SqliteStorage(tmp_path / "a.db")
    study = open_study(storage)
    trial = study.ask()
    study.release()
    later = open_study(storage)
    again = later.restart(0)
    with pytest.raises(StaleTrialError):
        study.tell(trial, 1.0)
    later.tell(again, 2.0)


def test_a_trial_that_was_lost_too_often_fails(tmp_path):
    storage = SqliteStorage(tmp_path / "a.db")
    open_study(storage).ask()
    for _ in range(2):
        study = open_study(storage, max_retries=2)
        assert study.restart(0).state is TrialState.RUNNING
        study.release()
    ended = []

    class Observer:
        @hookimpl
        def tuneplug_trial_finished(self, study, trial):
            ended.append(trial.number)

    trial = open_study(storage, max_retries=2, plugins=[Observer()]).restart(0)
    assert (trial.state, trial.error) == (TrialState.FAILED, "the process died 3 times")
    assert ended == [0]


def test_only_running_trials_start_again(storage):
    study = open_study(storage)
    study.tell(study.ask(), 1.0)
    with pytest.raises(TrialError, match="already ended"):
        study.restart(0)
    with pytest.raises(TrialError, match="of this study"):
        study.restart(1)


def test_without_a_storage_no_trial_is_lost():
    study = Study(SPACE, seed=0)
    trial = study.ask()
    study.release()
    assert study.restart(0) is None
    study.tell(trial, 1.0)


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_a_copy_of_a_study_has_no_storage(storage, twin_of):
    study = open_study(storage)
    study.tell(study.ask(), 1.0)
    twin = twin_of(study)
    twin.tell(twin.ask(), 2.0)
    assert len(open_study(storage).trials) == 1
    study.tell(study.ask(), 3.0)
    assert [t.value for t in open_study(storage).trials] == [1.0, 3.0]

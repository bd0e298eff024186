"""A copy has all that is stored, replaces nothing, and is whole or absent."""

from __future__ import annotations

import math

import pytest

from tuneplug import Float, StorageError, Study
from tuneplug.plugins import Plugins
from tuneplug.storage import MemoryStorage, SqliteStorage, Storage, copy
from tuneplug.storage.sqlite_rows import SqliteTransaction

SETTINGS = {"direction": "minimize", "seed": 2**63 + 1, "space": None}


def record(number, **more):
    return {"number": number, "state": "running", "params": {"x": 0.5}, "value": math.nan, **more}


@pytest.fixture
def source():
    storage = MemoryStorage()
    storage.open("a", SETTINGS)
    for number in range(3):
        storage.add("a", record(number, odd=[1, None]))
    return storage


def test_a_copy_has_all_records_and_settings(source, tmp_path):
    target = SqliteStorage(tmp_path / "target.db")
    copy(source, target, "a")
    assert repr(target.open("a", {})) == repr(source.open("a", {}))


def test_a_copy_may_have_another_name_in_the_same_storage(source):
    copy(source, source, "a", new_name="b")
    assert source.studies() == ["a", "b"]
    assert repr(source.open("b", {})) == repr(source.open("a", {}))


def test_storages_are_given_by_url(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"strategy": "random", "seed": 0, "plugins": Plugins(installed=False)}
    study = Study({"x": Float(0, 1)}, storage="sqlite:///one.db", name="a", **options)
    study.optimize(lambda trial: trial.params["x"], 3)
    copy("sqlite:///one.db", "sqlite:///two.db", "a")
    loaded = Study.load("sqlite:///two.db", "a", **options)
    assert [t.params for t in loaded.trials] == [t.params for t in study.trials]


def test_a_study_is_not_replaced(source):
    target = MemoryStorage()
    target.open("a", {"mine": 1})
    with pytest.raises(StorageError, match=r"must not replace a study.*another name"):
        copy(source, target, "a")
    with pytest.raises(StorageError, match="must not replace a study"):
        copy(source, source, "a")
    assert target.open("a", {}) == ({"mine": 1}, [])


def test_a_name_that_no_study_can_have_is_refused(source, tmp_path):
    target = SqliteStorage(tmp_path / "target.db")
    for name in ("", 3):
        with pytest.raises(ValueError, match="needs a name"):
            copy(source, target, "a", new_name=name)
    with pytest.raises(StorageError, match="must be text that UTF-8 can hold"):
        copy(source, target, "a", new_name="\udcff")
    copy(source, target, "a")
    for storage in (source, target):
        with pytest.raises(ValueError, match="needs a name"):
            storage.rename("a", "")
        with pytest.raises(StorageError, match="must be text that UTF-8 can hold"):
            storage.rename("a", "\udcff")
        assert storage.studies() == ["a"]


@pytest.mark.parametrize("left", [[], ["a"]])
def test_a_study_that_is_deleted_while_it_is_read_is_not_created(tmp_path, monkeypatch, left):
    storage = SqliteStorage(tmp_path / "target.db")
    storage.create("b", SETTINGS)
    monkeypatch.setattr(SqliteStorage, "studies", lambda _: left)
    with pytest.raises(StorageError, match="'a'"):
        copy(storage, MemoryStorage(), "a")
    monkeypatch.undo()
    assert storage.studies() == ["b"]


def test_a_missing_study_is_named_with_the_most_similar_one(source):
    source.open("churn", SETTINGS)
    with pytest.raises(StorageError, match="no 'chrun', only 'a', 'churn': did you mean 'churn'"):
        copy(source, MemoryStorage(), "chrun")
    with pytest.raises(StorageError, match="only none"):
        copy(MemoryStorage(), source, "a")


class Full(Storage):
    """A storage with room for two trials."""

    name = "full"

    def __init__(self, location=""):
        self._inner = MemoryStorage()

    def open(self, study, settings):
        return self._inner.open(study, settings)

    def add(self, study, record):
        if record["number"] == 2:
            raise StorageError("the disk is full")
        self._inner.add(study, record)

    def update(self, study, record, expected=None):
        self._inner.update(study, record, expected)

    def studies(self):
        return self._inner.studies()

    def delete(self, study):
        self._inner.delete(study)


def test_a_copy_that_cannot_be_finished_is_deleted(source):
    target = Full()
    with pytest.raises(StorageError, match="the disk is full"):
        copy(source, target, "a")
    assert target.studies() == []


def test_a_copy_to_a_shared_storage_that_cannot_be_finished_is_deleted(source, tmp_path):
    target = SqliteStorage(tmp_path / "target.db")
    source.add("a", record(2**80))
    with pytest.raises(StorageError):
        copy(source, target, "a")
    assert target.studies() == []


def test_no_part_of_a_copy_is_ever_in_a_shared_storage(source, tmp_path, monkeypatch):
    target = SqliteStorage(tmp_path / "target.db")
    target.create("other", SETTINGS)
    seen, write = [], SqliteTransaction.write

    def written(transaction, record):
        write(transaction, record)
        seen.append(SqliteStorage(tmp_path / "target.db").studies())

    monkeypatch.setattr(SqliteTransaction, "write", written)
    copy(source, target, "a")
    assert seen == [["other"]] * 3
    assert target.studies() == ["a", "other"]


class Raced(Full):
    """A storage in which another process creates the study between two calls."""

    def open(self, study, settings):
        self._inner.open(study, {"other": 1})
        return self._inner.open(study, settings)


def test_a_study_that_another_process_creates_meanwhile_is_kept(source):
    target = Raced()
    with pytest.raises(StorageError, match="must not replace a study"):
        copy(source, target, "a")
    assert target.studies() == ["a"]


def test_what_is_no_storage_is_refused(source):
    with pytest.raises(TypeError, match="storage must be a URL or a Storage, but got 3"):
        copy(source, 3, "a")
    with pytest.raises(ValueError, match="storage must be a URL such as"):
        copy("study.db", source, "a")

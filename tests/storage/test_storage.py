"""Stored studies can be resumed, and a temporary failure of a storage loses no trial."""

from __future__ import annotations

import math
import pickle
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import warnings
from contextlib import closing
from dataclasses import fields

import numpy as np
import pytest

from tuneplug import (
    Categorical,
    ConcurrentStudyError,
    Float,
    SpaceError,
    StorageError,
    Study,
    Trial,
    TrialState,
    UnknownNameError,
)
from tuneplug.monitoring import TrialReporter
from tuneplug.plugins import Plugins, hookimpl
from tuneplug.storage import MemoryStorage, SqliteStorage, sqlite_file
from tuneplug.strategies import RandomSearch, Suggestion
from tuneplug.testing.storages import _objective

SPACE = {"x": Float(0.0, 1.0), "layers": [(5,), (5, 5), None, "auto", 0.5, True]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


def study(path, space=SPACE, **options):
    known = {"strategy": "random", "name": "a", "seed": 0}
    return Study(space, storage=f"sqlite:///{path}", **known | options)


def value(trial):
    return trial.params["x"]


# ---------------------------------------------------------------- resumed studies


@pytest.mark.filterwarnings("ignore:.*trial.* failed:RuntimeWarning")
def test_resumed_study_restores_every_attribute_of_its_trials(path):
    first = study(path, direction="maximize", stopping="median")
    first.optimize(_objective, 4)
    trial = first.ask()
    trial.report(float("nan"), 0)
    trial.report(2.0, 3, fold=1)
    first.tell(trial, 0.5, variance=0.25)
    again = study(path, direction="maximize")
    for mine, theirs in zip(first.trials, again.trials, strict=True):
        both = (*fields(Trial), *fields(TrialReporter))
        kept = [f.name for f in both if f.init and f.name not in ("reporter", "stop_thresholds")]
        assert [repr(getattr(mine, n)) for n in kept] == [repr(getattr(theirs, n)) for n in kept]
    assert again.best_trial.number == first.best_trial.number


def test_categories_are_restored_as_the_same_objects(path):
    study(path).optimize(value, 20)
    again = study(path)
    categories = again.space.subspaces[0]["layers"].values
    tried = [trial.params["layers"] for trial in again.trials]
    assert {repr(value) for value in tried} == {repr(value) for value in categories}
    assert all(any(value is known for known in categories) for value in tried if value != 0.5)


def test_resumed_study_keeps_its_seed_unless_one_is_given(path):
    first = study(path, seed=None)
    first.ask()
    assert study(path, seed=None).seed == first.seed
    assert study(path, seed=5).seed == 5


def killed_at(number, n_trials, path):
    """Run a study in a process that is killed in a trial; return the study of this process."""
    code = (
        "import os, signal, sys; from tuneplug import Float, Study\n"
        "study = Study({'x': Float(0.0, 1.0)}, strategy='random', seed=0, name='a',"
        " storage='sqlite:///' + sys.argv[1])\n"
        "def objective(trial):\n"
        f"    if trial.number == {number}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return trial.params['x']\n"
        f"study.optimize(objective, {n_trials})"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    return study(path, space={"x": Float(0.0, 1.0)})


def test_killed_process_leaves_every_finished_trial(path):
    again = killed_at(7, 20, path)
    states = [trial.state for trial in again.trials]
    assert states == [TrialState.COMPLETE] * 7 + [TrialState.RUNNING]
    again.optimize(value, 12)
    assert again.trials[7].claim.attempt == 2
    whole = Study({"x": Float(0.0, 1.0)}, strategy="random", seed=0)
    whole.optimize(value, 20)
    assert [t.params for t in again.trials] == [t.params for t in whole.trials]
    stored = study(path, space={"x": Float(0.0, 1.0)}).trials
    assert [trial.state for trial in stored] == [TrialState.COMPLETE] * 20


def test_a_study_killed_in_its_last_trial_is_completed_with_a_budget_of_none_left(path):
    again = killed_at(2, 3, path)
    again.optimize(value, 3 - len(again.trials))
    stored = study(path, space={"x": Float(0.0, 1.0)}).trials
    assert [trial.state for trial in stored] == [TrialState.COMPLETE] * 3
    assert [trial.claim.attempt for trial in again.trials] == [1, 1, 2]
    again.optimize(value, 0)
    assert len(again.trials) == 3


def test_resumed_study_accepts_a_wider_range_and_new_categories(path):
    study(path).optimize(value, 10)
    wider = {"x": Float(-1.0, 3.0), "layers": ["new", (9,), *SPACE["layers"]]}
    again = study(path, space=wider)
    assert [t.params for t in again.trials] == [t.params for t in study(path).trials]
    again.optimize(value, 20)
    assert min(t.params["x"] for t in again.trials) < 0.0


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"x": Float(0.0, 1.0)}, r"trial 0, \{.*\}, is not: .*\['layers'\] not expected"),
        ({**SPACE, "layers": Categorical(["auto"])}, r"trial \d, .*layers"),
        ({**SPACE, "x": Float(0.0, 1e-6)}, r"trial 0, .*x: .*give a space that contains it"),
        ({**SPACE, "y": [1, 2]}, r"\['y'\] missing"),
    ],
)
def test_resuming_with_a_space_without_a_stored_trial_raises(path, space, message):
    study(path).optimize(value, 10)
    with pytest.raises(SpaceError, match=message):
        study(path, space=space)


def test_resuming_with_another_direction_raises(path):
    study(path).ask()
    with pytest.raises(ValueError, match=r"direction='minimize', but got 'maximize'"):
        study(path, direction="maximize")


def test_numpy_numbers_are_stored_as_python_numbers(path):
    class NumpySuggestions(RandomSearch.__base__):
        name = "numpy"

        def suggest(self, context, n):
            found = RandomSearch().suggest(context, n)[0]
            gain, steps = np.float32(0.5), np.int64(3)
            return [Suggestion(found.params, expected_improvement=gain, resource=steps)]

    first = study(path, strategy=NumpySuggestions())
    trial = first.ask()
    trial.report(np.float32(2.0), np.int32(1), fold=np.int64(0))
    first.tell(trial, np.float32(1.0), variance=np.float32(0.25))
    (kept,) = study(path).trials
    assert (kept.variance, kept.expected_improvement, kept.resource) == (0.25, 0.5, 3)
    assert kept.reports == first.trials[0].reports


class Kernel:
    """A category with the same repr as all other instances."""

    def __repr__(self):
        return "Kernel()"


@pytest.mark.parametrize(
    ("space", "ambiguous"),
    [
        ({"k": [Kernel(), Kernel(), "none"]}, r"'k' has \['Kernel\(\)'\]"),
        ([{"k": [Kernel()]}, {"k": [Kernel()], "x": Float(0.0, 1.0)}], r"'k' has \['Kernel\(\)'\]"),
        ({"k": [object(), 1]}, r"'k' has \['<object object at 0x"),
    ],
    ids=["equal", "equal in sub-spaces", "address"],
)
def test_categories_without_a_unique_and_stable_repr_are_refused(path, space, ambiguous):
    with pytest.raises(SpaceError, match=f"need a unique repr .*{ambiguous}"):
        study(path, space=space)
    assert SqliteStorage(path).studies() == []


def test_functions_are_restored_by_name(path):
    space = [{"f": [math.sin, np.mean, value]}, {"f": [value], "x": Float(0.0, 1.0)}]
    first = study(path, space=space)
    first.optimize(lambda trial: 1.0, 6)
    with closing(sqlite3.connect(path)) as db:
        assert not db.execute(
            "select 1 from tuneplug_trials where record like '% at 0x%'"
        ).fetchall()
    again = study(path, space=space)
    assert all(a.params == b.params for a, b in zip(again.trials, first.trials, strict=True))


def test_resuming_from_a_storage_with_a_missing_trial_raises(path):
    study(path).optimize(value, 3)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("delete from tuneplug_trials where number = 1")
    with pytest.raises(StorageError, match=r"without a gap, but SqliteStorage.* has \[0, 2\]"):
        study(path)


# ---------------------------------------------------------------- failing storages


def test_failed_writes_are_repeated_later(path, monkeypatch):
    first = study(path)
    first.tell(first.ask(), 1.0)
    monkeypatch.setattr(sqlite_file, "LOCK_TIMEOUT", 0.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin exclusive")
        with pytest.warns(RuntimeWarning) as captured:
            first.optimize(value, 3)
        now, last = (str(warning.message) for warning in captured)
        assert re.search(r"1 trial\(s\) of study 'a' could .*locked", now)
        assert re.search(r"3 trial\(s\) of study 'a' are not stored at the end .*locked", last)
        assert len(first.trials) == 4
    first.tell(first.ask(), 2.0)
    assert [t.value for t in study(path).trials] == [t.value for t in first.trials]


def test_observers_are_notified_of_the_end_if_the_last_write_fails():
    class Taken(MemoryStorage):
        n_calls = 0

        def add(self, study, record):
            self.n_calls += 1
            raise StorageError("busy") if self.n_calls < 3 else ConcurrentStudyError.of(study, 0)

    ended = []

    class Observer:
        @hookimpl
        def tuneplug_study_finished(self, error):
            ended.append(type(error))

    plugins = Plugins(installed=False)
    plugins.register(Observer())
    first = Study(SPACE, strategy="random", storage=Taken(), name="a", plugins=plugins)
    with (
        pytest.warns(RuntimeWarning, match="could not be written"),
        pytest.raises(ConcurrentStudyError),
    ):
        first.optimize(value, 3)
    assert ended == [ConcurrentStudyError]


def test_full_disk_neither_ends_the_search_nor_loses_a_trial(path, monkeypatch):
    first = study(path)
    first.optimize(value, 3)

    class Full(sqlite3.Connection):
        def execute(self, sql, *args):
            if sql.startswith("begin"):
                super().execute("pragma max_page_count = 1")  # no page can be added
            return super().execute(sql, *args)

    connect = sqlite3.connect

    def full(*args, **options):
        return connect(*args, factory=Full, **options)

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", full)
        with pytest.warns(RuntimeWarning, match="database or disk is full"):
            first.optimize(value, 60)
    assert len(first.trials) == 63
    first.tell(first.ask(), 0.0)
    assert [t.value for t in study(path).trials] == [t.value for t in first.trials]


def test_file_that_is_not_a_database_is_refused_and_unchanged(path):
    path.write_text("notes of mine, not a database" * 100)
    with pytest.raises(StorageError, match=r"study\.db: file is not a database"):
        study(path)
    assert path.read_text().startswith("notes of mine")


def test_database_of_another_program_is_refused(path):
    with closing(sqlite3.connect(path)) as theirs:
        theirs.execute("create table studies (mine)")
    with pytest.raises(StorageError, match="is the database of another program"):
        study(path)


@pytest.mark.parametrize(
    ("version", "cure"), [(0, "give another file"), (7, "install a newer tuneplug")]
)
def test_file_of_another_version_is_refused_with_both_versions(path, version, cure):
    study(path).ask()
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"pragma user_version = {version}")
    with pytest.raises(StorageError, match=rf"must have version 3, but .* has {version}: {cure}"):
        study(path)


def test_missing_folder_raises(tmp_path):
    with pytest.raises(StorageError, match="unable to open database file"):
        study(tmp_path / "missing" / "study.db")


# ---------------------------------------------------------------- the arguments


def test_url_locates_the_file_as_in_sqlalchemy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Study(SPACE, storage="sqlite:///here.db", name="a").ask()
    Study(SPACE, storage=f"sqlite:///{tmp_path}/there.db", name="a").ask()
    assert SqliteStorage(tmp_path / "here.db").studies() == ["a"]
    assert SqliteStorage(tmp_path / "there.db").studies() == ["a"]


@pytest.mark.parametrize(
    ("storage", "name", "error", "message"),
    [
        ("study.db", "a", ValueError, r"must be a URL such as 'sqlite:///study.db'.*'study.db'"),
        ("mysql://host", "a", UnknownNameError, r"one of \['memory', 'sqlite'\], but got 'mysql'"),
        ("sqlite://", "a", ValueError, r"needs a file, as in 'sqlite:///study.db'"),
        ("sqlite://study.db", "a", ValueError, r"three slashes.*pass 'sqlite:///study.db'"),
        ("sqlite:///:memory:", "a", ValueError, r"needs a file, .*MemoryStorage\(\)"),
        ("sqlite://:memory:", "a", ValueError, r"needs a file, .*MemoryStorage\(\)"),
        ("memory://x", "a", ValueError, "must be 'memory://', but got"),
        (3, "a", TypeError, "must be a URL or a Storage, but got 3"),
        (MemoryStorage(), None, ValueError, "needs a name, but got name=None"),
        (MemoryStorage(), "", ValueError, "needs a name, but got name=''"),
    ],
)
def test_invalid_storage_or_name_is_refused(storage, name, error, message):
    with pytest.raises(error, match=message):
        Study(SPACE, storage=storage, name=name, plugins=Plugins(installed=False))


def test_storage_can_be_shared_by_threads_and_pickled(path):
    storage = SqliteStorage(path)

    def run(name):
        Study(SPACE, strategy="random", seed=0, storage=storage, name=name).optimize(value, 10)

    threads = [threading.Thread(target=run, args=(name,)) for name in "abcd"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    copied = pickle.loads(pickle.dumps(storage))
    assert [len(copied.open(name, {}).records) for name in copied.studies()] == [10] * 4


def test_file_has_all_trials_and_passes_the_integrity_check(path):
    first = study(path)
    first.optimize(value, 5)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert db.execute("select count(*) from tuneplug_trials").fetchone() == (5,)


def test_error_of_a_storage_is_not_an_error_of_the_objective(monkeypatch):
    storage = MemoryStorage()
    first = Study(SPACE, strategy="random", seed=0, storage=storage, name="a")

    def broken(self, study, record):
        raise TypeError("the storage's own")

    monkeypatch.setattr(MemoryStorage, "update", broken)
    with pytest.raises(TypeError, match="the storage's own"):
        first.optimize(value, 2)

"""Reading a storage writes nothing, and a file is checked before anything is written to it."""

from __future__ import annotations

import collections
import dataclasses
import functools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from tuneplug import (
    ConcurrentStudyError,
    Float,
    ReadOnlyStorageError,
    SpaceError,
    StorageError,
    StoredTrialError,
    Study,
    TrialState,
)
from tuneplug.plugins import Plugins, hookimpl
from tuneplug.storage import MemoryStorage, SqliteStorage, Storage, sqlite_file

SPACE = {"x": Float(0.0, 1.0)}
PLUGINS = Plugins(installed=False)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


def study(storage, space=SPACE, **options):
    storage = storage if isinstance(storage, Storage) else SqliteStorage(storage)
    options = {"strategy": "random", "name": "a", "seed": 0, "plugins": PLUGINS} | options
    return Study(space, storage=storage, **options)


def stored(path, n_trials=3):
    made = study(path)
    made.optimize(lambda trial: trial.params["x"], n_trials)
    return made


def sql(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        return [db.execute(*statement).fetchall() for statement in statements][-1]


def folder(path):
    """Return the content and the time of the last change of each file of the folder."""
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in path.parent.iterdir()}


# ---------------------------------------------------------------- reading writes nothing


def test_opening_a_new_study_creates_no_file(path):
    study(path)
    assert SqliteStorage(path).studies() == []
    SqliteStorage(path).delete("a")
    assert folder(path) == {}


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_opening_an_existing_study_changes_no_file(path, mode):
    stored(path).ask()
    sql(path, [f"pragma journal_mode = {mode}"])
    before = folder(path)
    found = study(path)
    assert [trial.state for trial in found.trials] == [TrialState.COMPLETE] * 3 + [
        TrialState.RUNNING
    ]
    assert SqliteStorage(path).studies() == ["a"]
    study(path, name="another")
    assert folder(path) == before


def test_a_study_in_write_ahead_mode_is_read_with_its_log_and_goes_on(path):
    stored(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("pragma journal_mode = wal")
        other.execute("update tuneplug_studies set name = name")
        assert len(study(path).trials) == 3
        again = study(path)
        again.tell(again.ask(), 1.0)
    again.tell(again.ask(), 2.0)
    assert [trial.value for trial in study(path).trials[3:]] == [1.0, 2.0]
    assert sql(path, ["pragma journal_mode"]) == [("delete",)]


def test_a_file_that_cannot_be_written_can_be_read(path, monkeypatch):
    stored(path)
    make_read_only(monkeypatch)
    assert len(study(path).trials) == 3


def make_read_only(monkeypatch):
    """Make all connections read-only, as SQLite does for a file without write permission."""
    connect = sqlite3.connect

    def read_only(database, *args, **options):
        mode = "mode=rwc" if "mode=rwc" in database else "mode=rw"
        return connect(database.replace(mode, "mode=ro"), *args, **options)

    monkeypatch.setattr(sqlite3, "connect", read_only)


def test_a_file_that_cannot_be_written_starts_no_trial(path, monkeypatch):
    stored(path).ask()
    before = folder(path)
    make_read_only(monkeypatch)
    found, states = study(path), [trial.state for trial in study(path).trials]
    calls = [found.ask, lambda: found.optimize(lambda trial: 0.0, 3)]
    for call in calls:
        with pytest.raises(ReadOnlyStorageError, match=r"study\.db .* writable, .* permissions"):
            call()
        assert [trial.state for trial in found.trials] == states
    assert folder(path) == before
    monkeypatch.undo()
    found.tell(found.ask(), 1.0)
    assert [trial.state.value for trial in study(path).trials[3:]] == ["complete"]


def test_a_new_file_that_cannot_be_created_starts_no_trial(path, monkeypatch):
    made = study(path)
    make_read_only(monkeypatch)
    with pytest.raises(ReadOnlyStorageError, match="unable to open database file"):
        made.optimize(lambda trial: 0.0, 3)
    assert made.trials == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_write_permissions_are_asked_for(path, what):
    stored(path)
    target = path if what == "file" else path.parent
    target.chmod(0o555)
    try:
        with pytest.raises(ReadOnlyStorageError, match="change the permissions"):
            study(path).ask()
    finally:
        target.chmod(0o755)


def test_a_value_told_to_a_file_that_became_read_only_is_kept(path, monkeypatch):
    made = study(path)
    trial = made.ask()
    make_read_only(monkeypatch)
    with pytest.raises(ReadOnlyStorageError, match=r"trial 0 .* its result is in study\.trials"):
        made.tell(trial, 1.0)
    assert (made.best_value, made.trials[0].state) == (1.0, TrialState.COMPLETE)
    with pytest.raises(ReadOnlyStorageError, match="writable"):
        made.ask()
    monkeypatch.undo()
    made.tell(made.ask(), 2.0)
    assert [trial.value for trial in study(path).trials] == [1.0, 2.0]


def test_a_file_that_becomes_read_only_does_not_end_a_run(path, monkeypatch):
    made = study(path)

    def objective(trial):
        if trial.number == 1:
            make_read_only(monkeypatch)
        return trial.params["x"]

    with pytest.warns(RuntimeWarning) as captured:
        made.optimize(objective, 4)
    assert "3 trial(s)" in str(captured[-1].message)
    assert [trial.state for trial in made.trials] == [TrialState.COMPLETE] * 4
    with pytest.raises(ReadOnlyStorageError), pytest.warns(RuntimeWarning, match="not stored"):
        made.optimize(objective, 4)
    assert len(made.trials) == 4
    monkeypatch.undo()
    made.optimize(lambda trial: 0.0, 1)
    assert len(study(path).trials) == 5


def kill_in_transaction(path):
    """Kill a process that has written part of a transaction to the file."""
    code = (
        "import os, signal, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('pragma cache_size = 1')\n"
        "db.execute('pragma cache_spill = 1')\n"
        "db.execute('begin immediate')\n"
        "for number in range(100):\n"
        "    row = ('a', 3 + number, 9 + number, 'x' * 9000)\n"
        "    db.execute('insert into tuneplug_trials values (?, ?, ?, ?)', row)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert "study.db-journal" in folder(path)


def test_a_transaction_of_a_killed_process_is_rolled_back_by_the_reader(path):
    stored(path)
    kill_in_transaction(path)
    assert len(study(path).trials) == 3
    assert list(folder(path)) == ["study.db"]


def test_a_reader_that_may_not_roll_back_says_which_files_belong_together(path, monkeypatch):
    stored(path)
    kill_in_transaction(path)
    connect = sqlite_file.SqliteFile._connect

    def without_permission(self, option):
        return connect(self, option.replace("mode=rw", "mode=ro"))

    before = folder(path)
    monkeypatch.setattr(sqlite_file.SqliteFile, "_connect", without_permission)
    with pytest.raises(ReadOnlyStorageError, match=r"'study.db-journal' next to it.*copy both"):
        study(path)
    assert folder(path) == before
    monkeypatch.undo()
    assert len(study(path).trials) == 3


# ---------------------------------------------------------------- who goes on with a study


def test_a_reader_overwrites_no_result_of_a_running_study(path):
    writer = study(path)
    trial = writer.ask()
    inner = SqliteStorage(path)

    class Descheduled(Storage):
        """A reader between whose transactions the trial ends."""

        name = "descheduled"

        def __init__(self, location=""):
            pass

        def open(self, *args):
            found = inner.open(*args)
            writer.tell(trial, 0.5)
            return found

        def add(self, *args):
            inner.add(*args)

        def update(self, *args):
            inner.update(*args)

        def studies(self):
            return inner.studies()

        def delete(self, study):
            inner.delete(study)

    reader = study(Descheduled())
    assert [record["state"] for record in inner.open("a", {}).records] == ["complete"]
    before = folder(path)
    with pytest.raises(
        ConcurrentStudyError, match="has changed trial 0 of 'a' since this one read"
    ):
        reader.ask()
    assert folder(path) == before


def test_many_readers_lose_no_result_of_a_running_study(path):
    writer = study(path)
    ended = threading.Event()

    def read():
        while not ended.is_set():
            study(path)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    writer.optimize(lambda trial: trial.params["x"], 40)
    ended.set()
    for reader in readers:
        reader.join()
    assert [trial.value for trial in study(path).trials] == [t.value for t in writer.trials]


def test_a_journal_that_vanishes_while_it_is_looked_at_is_no_error(path, monkeypatch):
    made = stored(path)
    journal, look = path.with_name("study.db-journal"), type(path).stat
    journal.write_bytes(b"x")

    def stat_and_end(self, **options):
        found = look(self, **options)
        if self.name == journal.name:
            journal.unlink()  # another process ends its transaction
        return found

    monkeypatch.setattr(type(path), "stat", stat_and_end)
    assert [trial.value for trial in study(path).trials] == [t.value for t in made.trials]


def test_reading_in_a_thread_leaves_the_lock_of_a_writing_thread(path):
    stored(path)
    other = f"import sqlite3; sqlite3.connect({str(path)!r}, 0).execute('begin immediate')"
    reader = threading.Thread(target=study, args=(path,))
    with sqlite_file.SqliteFile(path).writing():
        reader.start()
        ended = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True)
    reader.join()
    assert "database is locked" in ended.stderr


def test_observers_see_interrupted_trials_fail_at_the_first_ask(path):
    study(path).ask()
    seen = []

    class Observer:
        @hookimpl
        def tuneplug_trial_finished(self, trial):
            seen.append((trial.number, trial.state))

    plugins = Plugins(installed=False)
    plugins.register(Observer())
    again = study(path, plugins=plugins, stale_trials="fail")
    assert seen == []
    again.ask()
    again.ask()
    assert seen == [(0, TrialState.FAILED)]


def test_a_running_trial_of_an_ended_process_can_be_told(path):
    study(path).ask()
    again = study(path)
    again.tell(again.trials[0], 0.25)
    again.ask()
    assert [trial.value for trial in study(path).trials] == [0.25, None]


def test_a_study_that_another_process_created_meanwhile_is_taken_over(path):
    mine = study(path, seed=1)
    other = study(path, seed=2)
    other.tell(other.ask(), 0.5)
    mine.ask()
    assert [(trial.number, trial.value) for trial in mine.trials] == [(0, 0.5), (1, None)]


def test_a_study_that_another_process_created_with_the_other_direction_raises(path):
    mine = study(path, direction="maximize")
    study(path).ask()
    with pytest.raises(ConcurrentStudyError, match="another process has created 'a'"):
        mine.ask()


@pytest.mark.parametrize("fails", ["open", "add", "update"])
def test_a_run_that_ends_with_unwritten_trials_warns_with_their_number(fails, monkeypatch):
    def full(self, *args):
        raise StorageError("disk full")

    made = study(MemoryStorage())
    monkeypatch.setattr(MemoryStorage, fails, full)
    with pytest.warns(RuntimeWarning) as captured:
        made.optimize(lambda trial: trial.params["x"], 5)
    first, last = (str(warning.message) for warning in captured)
    assert first.startswith("1 trial(s) of study 'a' could not be written")
    assert last.startswith("5 trial(s) of study 'a' are not stored")
    monkeypatch.undo()
    again = made.ask()
    assert len(study(made._persistence.storage).trials) == again.number + 1


# ---------------------------------------------------------------- foreign and hostile files

ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select"


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["create table bookmarks (a)", "insert into bookmarks values (1)"], "another program"),
        (["create table studies (name, settings)"], "another program"),
        (["pragma application_id = 5"], "another program"),
        (["pragma user_version = 3"], "another program"),
    ],
)
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_foreign_database_is_refused_and_unchanged(path, statements, message, mode):
    sql(path, [f"pragma journal_mode = {mode}"], *[[statement] for statement in statements])
    before = folder(path)
    for call in (lambda: SqliteStorage(path), lambda: study(path)):
        with pytest.raises(StorageError, match=message):
            call()
    assert folder(path) == before


@pytest.mark.parametrize(
    "statements",
    [
        [
            "drop table tuneplug_trials",
            f"create view tuneplug_trials as {ENDLESS} 'a' study, i number from n",
        ],
        [
            "drop table tuneplug_studies",
            f"create view tuneplug_studies as {ENDLESS} i name, 'x' settings from n",
        ],
        ["create view more as select 1"],
        [
            f"create trigger t before update on tuneplug_trials begin {ENDLESS} i from n; end",
        ],
        ["create trigger t after insert on tuneplug_trials begin delete from tuneplug_trials; end"],
        ["drop table tuneplug_trials", "create table tuneplug_trials (study, number, record)"],
        ["alter table tuneplug_trials add column more"],
        ["create table more (a)"],
        ["drop table tuneplug_trials"],
        ["drop table tuneplug_sessions"],
        ["drop index tuneplug_revisions"],
    ],
)  # fmt: skip
def test_a_file_with_other_tables_views_or_triggers_is_refused(path, statements):
    writer = stored(path)
    running = writer.ask()
    sql(path, ["pragma foreign_keys = off"], *[[statement] for statement in statements])
    before = folder(path)
    with pytest.raises(StorageError, match=r"study\.db must be \['tuneplug_sessions', .* with the"):
        study(path)
    with pytest.warns(RuntimeWarning, match="could not be written"):
        writer.tell(running, 1.0)
    assert folder(path) == before


def test_a_statement_that_never_ends_is_ended(path, monkeypatch):
    stored(path)
    monkeypatch.setattr(sqlite_file, "CALL_TIMEOUT", 0.05)
    with (
        pytest.raises(StorageError, match="interrupted"),
        sqlite_file.SqliteFile(path).reading() as db,
    ):
        db.execute(f"{ENDLESS} count(*) from n")


def test_a_file_swapped_for_a_foreign_one_is_not_written(path):
    made = stored(path)
    path.unlink()
    sql(path, ["create table bookmarks (a)"])
    before = folder(path)
    with pytest.warns(RuntimeWarning, match="another program"):
        made.ask()
    assert folder(path) == before


def test_a_trial_without_a_study_is_refused(path):
    stored(path)
    sql(path, ["pragma foreign_keys = off"], ["update tuneplug_studies set name = 'b'"])
    with pytest.raises(StorageError, match=r"trial \('a', 0\) belongs to no study"):
        study(path)


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_a_path_that_is_no_file_is_refused(path, kind):
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(StorageError, match=r"study\.db must be a file"):
        SqliteStorage(path)


@pytest.mark.parametrize("location", ["a\0b.db", b"a.db", "a" * 5000, "\ud800.db", "setup.py/a.db"])
def test_a_path_that_no_file_can_have_is_refused(location, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError) as caught:
        SqliteStorage(location).open("a", {})
    str(caught.value).encode()


# ---------------------------------------------------------------- records


def change(path, number, /, **parts):
    """Change parts of a record as a person would, without a checksum."""
    text = sql(path, ["select record from tuneplug_trials where number = ?", (number,)])[0][0]
    record = {**json.loads(text), **parts}
    del record["crc32"]
    sql(
        path,
        ["update tuneplug_trials set record = ? where number = ?", (json.dumps(record), number)],
    )


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"value": float("nan")}, "'value' must be a finite number or None, but got nan"),
        ({"value": float("inf")}, "'value' must be a finite number"),
        ({"value": None}, "'value' of a complete trial must be a finite number, but got None"),
        ({"value": True}, "'value' must be"),
        ({"value": "1"}, "'value' must be"),
        ({"value": 10**400}, "'value' must be"),
        ({"state": "done"}, r"'state' must be one of \['running', .*'done'"),
        ({"state": ["complete"]}, "'state' must be"),
        ({"state": "running"}, "'value' of a running trial must be None"),
        ({"reports": [[0, "x", None]]}, "'reports' must be a list of"),
        ({"reports": [[0.5, 1.0, None]]}, "'reports' must be a list of"),
        ({"reports": [[0, 1.0]]}, "'reports' must be a list of"),
        ({"reports": 7}, "'reports' must be a list of"),
        ({"params": []}, "'params' must be a dict"),
        ({"params": {"x": [1]}}, "'params' must be a dict"),
        ({"variance": -1.0}, "'variance' must be"),
        ({"started": "yesterday"}, "'started' must be"),
        ({"direction": "up"}, "'direction' must be"),
        ({"resource": 1.5}, "'resource' must be"),
        ({"more": 1}, r"\['more'\] are unknown"),
        ({"number": 5}, "another number"),
    ],
)
def test_a_record_that_cannot_be_is_refused_with_file_study_and_trial(path, parts, message):
    stored(path)
    change(path, 1, **parts)
    before = folder(path)
    with pytest.raises(StorageError, match=message) as caught:
        study(path)
    assert all(part in str(caught.value) for part in ("study.db", "'a'", "trial 1"))
    assert folder(path) == before


@pytest.mark.parametrize("text", ["{", '{"number": 0}', "[]", '"x"', "NaN", "[" * 10**5, b"\xff"])
def test_a_text_that_is_no_record_is_refused(path, text):
    stored(path)
    sql(path, ["update tuneplug_trials set record = ? where number = 1", (text,)])
    with pytest.raises(StorageError, match=r"trial 1 of study 'a'|trial \('a', 1\)|integrity"):
        study(path)


@pytest.mark.parametrize(
    "settings",
    ["{}", "[]", "x", '{"direction": "up", "seed": 1}', '{"direction": "minimize", "seed": -1}'],
)
def test_settings_that_cannot_be_are_refused(path, settings):
    stored(path)
    sql(path, ["update tuneplug_studies set settings = ?", (settings,)])
    with pytest.raises(StorageError, match="the settings of study 'a'"):
        study(path)


def test_a_record_with_a_changed_digit_is_refused(path):
    stored(path)
    sql(
        path,
        ["update tuneplug_trials set record = replace(record, '\"value\": 0.', '\"value\": 0.1')"],
    )
    with pytest.raises(StorageError, match="a record must be as it was written"):
        study(path)


def test_a_record_that_a_person_changed_without_a_checksum_is_accepted(path):
    stored(path)
    change(path, 1, value=0.125)
    assert study(path).trials[1].value == 0.125


def test_a_configuration_outside_of_the_space_is_an_error_of_space_and_storage(path):
    stored(path)
    change(path, 1, params={"x": 2.0})
    with pytest.raises(StoredTrialError, match=r"study 'a'.*study\.db.*trial 1.*\[0\.0, 1\.0\]"):
        study(path)
    assert issubclass(StoredTrialError, (SpaceError, StorageError))


@pytest.mark.parametrize(
    ("report", "message"),
    [
        (lambda trial: trial.reports.append((0, 1.0, "first")), "must be a step, a value and a"),
        (lambda trial: trial.set_metric(3, "minimize"), "metric must be text or None, but got 3"),
    ],
)
def test_a_trial_that_could_not_be_read_again_is_refused_and_can_be_failed(path, report, message):
    made = stored(path)
    trial = made.ask()
    report(trial)
    with pytest.raises(TypeError, match=message):
        made.tell(trial, 1.0)
    made.fail(trial, "damaged")
    assert (made.trials[3].state, study(path).trials[3].error) == (TrialState.FAILED, "damaged")


# ---------------------------------------------------------------- names and categories


def test_a_study_name_with_a_lone_surrogate_is_refused(path):
    for storage in (path, MemoryStorage()):
        with pytest.raises(StorageError, match="must be text that UTF-8 can hold"):
            study(storage, name="a\ud800")
    for call in (SqliteStorage(path).open, SqliteStorage(path).add):
        with pytest.raises(StorageError):
            call("a\ud800", {"number": 0})


@dataclasses.dataclass
class Options:
    words: object


class Plain(Options):
    def __repr__(self):
        return f"<{type(self).__name__} of {self.words}>"


class Short(Options):
    def __repr__(self):
        return "Short"


class Late(Options):
    def __repr__(self):
        return f"<Late {set(self.words)!r} ...>"


WORDS = {"alpha", "beta"}


@pytest.mark.parametrize(
    "category",
    [
        WORDS,
        frozenset(WORDS),
        {"words": WORDS},
        {frozenset(WORDS): 1},
        [("x", [WORDS])],
        Options(WORDS),
        Plain({"k": WORDS}),
        Late(sorted(WORDS)),
        collections.defaultdict(set, {1: WORDS}),
        collections.deque([WORDS]),
        functools.partial(int, WORDS),
    ],
    ids=lambda category: type(category).__name__,
)
def test_a_category_whose_repr_depends_on_hashing_is_refused(path, category):
    with pytest.raises(SpaceError, match=r"the same in every process, but 'k' has .* of a set"):
        study(path, {"k": [category, "none"]})
    assert folder(path) == {}


def test_a_category_whose_repr_does_not_depend_on_hashing_is_accepted(path):
    categories = [
        {"x"},
        frozenset(),
        {"a": 1, "b": 2},
        Short(WORDS),
        Options([1]),
        {}.keys(),
        "{1, 2}",
    ]
    found = study(path, {"k": categories})
    found.optimize(lambda trial: 1.0, 7)
    assert len(study(path, {"k": categories}).trials) == 7


class Raises:
    def __repr__(self):
        raise RuntimeError("no repr")


@pytest.mark.parametrize("category", [10**5000, [10**5000], Raises(), [Raises()]], ids=type)
def test_a_category_without_a_repr_that_can_be_stored_is_refused(path, category):
    with pytest.raises(SpaceError, match=r"need a repr that can be stored, but .* of 'k'"):
        study(path, {"k": [category, "none"]})


@pytest.mark.parametrize("value", [10**5000, object(), {1: set()}], ids=type)
def test_a_record_that_json_cannot_hold_is_a_storage_error(path, value):
    for storage in (MemoryStorage(), SqliteStorage(path)):
        storage.open("a", {})
        with pytest.raises(StorageError, match="must have JSON values"):
            storage.add("a", {"number": 0, "value": value})

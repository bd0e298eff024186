"""Files of earlier versions are read as they are; the first write gives them the current tables."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tuneplug import Float, Int, StorageError, Study
from tuneplug.storage import SqliteStorage, sqlite_file
from tuneplug.storage.serialization import to_record

FILES = Path(__file__).parent / "files"
SPACES = {
    "bayes": {"x": Float(0.0, 1.0)},
    "churn": {"x": Float(0.0, 1.0), "n": Int(1, 9), "kind": ["auto", 0.5, True, None, max]},
    "naïve ☃": {"x": Float(0.0, 1.0)},
}
DIRECTIONS = {"churn": "maximize"}


@pytest.fixture(params=[1, 2])
def version(request):
    return request.param


@pytest.fixture
def path(version, tmp_path):
    return Path(shutil.copy(FILES / f"version_{version}.db", tmp_path / "study.db"))


def study(path, name="churn", **options):
    known = {"direction": DIRECTIONS.get(name, "minimize"), "strategy": "random"}
    return Study(SPACES[name], storage=SqliteStorage(path), name=name, **known | options)


def content(path):
    """Return the records of all studies, and their seeds."""
    studies = [study(path, name) for name in SPACES]
    return [(s.seed, [to_record(trial) for trial in s.trials]) for s in studies]


def folder(path):
    return {each.name: each.read_bytes() for each in path.parent.iterdir()}


def sql(path, statement, *row):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("pragma foreign_keys = on")
        return db.execute(statement, row).fetchall()


def stored_version(path):
    return sql(path, "pragma user_version")[0][0]


def migrate(path):
    """Write the file, and change no study."""
    with SqliteStorage(path).transaction("bayes"):
        pass


def test_reading_changes_neither_file_nor_folder(path):
    before = folder(path)
    assert sorted(SqliteStorage(path).studies()) == sorted(SPACES)
    seeds, records = zip(*content(path), strict=True)
    assert seeds == (1, 5, 1)
    assert [len(each) for each in records] == [14, 7, 1]
    churn = study(path).trials
    assert [trial.state.value for trial in churn[4:]] == ["failed", "complete", "running"]
    assert churn[6].params["kind"] is max
    assert churn[1].reports == [(0, 1.0, None)]
    assert study(path, "bayes").trials[13].expected_improvement is not None
    changes = SqliteStorage(path).changes("churn", 5)
    assert ([each["number"] for each in changes.records], changes.cursor) == ([5, 6], 7)
    assert folder(path) == before


def test_the_first_write_gives_the_file_the_current_tables_and_keeps_all_trials(path):
    before = content(path)
    migrate(path)
    assert content(path) == before
    assert stored_version(path) == sqlite_file.VERSION
    assert sql(path, "pragma integrity_check") == [("ok",)]
    assert list(folder(path)) == ["study.db"]
    assert SqliteStorage(path).changes("churn", 5).cursor == 7


def test_a_study_goes_on_as_if_it_had_always_been_of_the_current_version(path, tmp_path):
    current = Path(shutil.copy(path, tmp_path / "current.db"))
    migrate(current)
    for name in SPACES:
        first, second = study(path, name), study(current, name)
        for _ in range(3):
            mine, other = first.ask(), second.ask()
            assert (mine.number, mine.params) == (other.number, other.params)
            first.tell(mine, 0.5)
            second.tell(other, 0.5)


def test_a_trial_that_ran_runs_again(path):
    made = study(path)
    again = made.ask()
    assert (again.number, again.claim.attempt, again.params["kind"]) == (6, 2, max)
    made.tell(again, 3.0)
    assert study(path).trials[6].value == 3.0


def test_a_reader_follows_a_study_from_one_version_to_the_next(path):
    storage = SqliteStorage(path)
    cursor = storage.read("churn").cursor
    made = study(path)
    made.tell(made.ask(), 3.0)
    made.tell(made.ask(), 4.0)
    changed = storage.changes("churn", cursor).records
    assert [(each["number"], each["value"]) for each in changed] == [(6, 3.0), (7, 4.0)]


@pytest.mark.parametrize(
    "statement",
    [
        "begin immediate; insert into trials values ('churn', 7, '{}'); commit",
        "update trials set record = '{}' where study = 'churn' and number = 6",
        "insert into studies values ('new', '{}')",
        "delete from studies where name = 'churn'",
        "select settings from studies where name = 'churn'",
    ],
)
def test_a_running_process_of_an_earlier_version_gets_an_error_at_its_next_write(path, statement):
    with closing(sqlite3.connect(path, isolation_level=None)) as running:
        running.execute("select count(*) from trials").fetchall()
        migrate(path)
        before = content(path)
        with pytest.raises(sqlite3.OperationalError, match=r"no such table: (trials|studies)"):
            running.executescript(statement)
        assert running.execute("pragma user_version").fetchall() != [(2,)]
    assert content(path) == before


def test_a_write_of_an_earlier_version_that_began_before_is_kept(path):
    made = study(path)
    record = sql(path, "select record from trials where study = 'churn' and number = 0")[0][0]
    with closing(sqlite3.connect(path, isolation_level=None)) as running:
        running.execute("begin immediate")
        new = record.replace('"number": 0', '"number": 7').split(', "crc32"')[0].rstrip("}") + "}"
        running.execute("insert into trials values ('churn', 7, ?)", (new,))
        running.execute("commit")
    again = made.ask()
    made.tell(again, 1.0)
    assert made.ask().number == 8
    assert [trial.number for trial in study(path).trials] == [*range(9)]


KILLED = """
import os, signal, sqlite3, sys
from tuneplug.storage import SqliteStorage, sqlite_file
n_left = int(sys.argv[2])
class Connection(sqlite3.Connection):
    def execute(self, *args):
        global n_left
        done = super().execute(*args)
        if self.in_transaction:
            n_left -= 1
            if n_left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return done
connect = sqlite3.connect
storage = SqliteStorage(sys.argv[1])
sqlite_file.sqlite3.connect = lambda *args, **options: connect(*args, factory=Connection, **options)
with storage.transaction("bayes"):
    pass
"""


def run_until_killed(path, statement):
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(statement)], check=False)
    assert done.returncode in (0, -signal.SIGKILL)
    return done.returncode != 0


def check_killed_migration(path, statement):
    """Kill a process after a statement of its migration; return whether there was one."""
    original, before = path.read_bytes(), content(path)
    killed = run_until_killed(path, statement)
    assert content(path) == before
    assert (stored_version(path) < sqlite_file.VERSION) == killed
    migrate(path)
    assert content(path) == before
    path.write_bytes(original)
    return killed


def test_a_process_killed_in_the_middle_leaves_the_earlier_version(path):
    assert check_killed_migration(path, 9)


@pytest.mark.slow
def test_a_process_killed_after_any_statement_leaves_the_earlier_version(path):
    statement = 1
    while check_killed_migration(path, statement):
        statement += 1
    assert statement > 12


def test_a_disk_that_fills_up_leaves_the_earlier_version(path, monkeypatch):
    before, connect = content(path), sqlite_file.SqliteFile._connect

    def limited(self, option):
        db = connect(self, option)
        db.execute("pragma max_page_count = 1")  # no more than there are
        return db

    monkeypatch.setattr(sqlite_file.SqliteFile, "_connect", limited)
    with pytest.raises(StorageError, match="disk is full"):
        migrate(path)
    monkeypatch.undo()
    assert content(path) == before
    assert stored_version(path) < sqlite_file.VERSION
    migrate(path)
    assert content(path) == before


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"number": 5}', '{"number": 0, "crc32": 1}'])
def test_a_record_that_cannot_be_right_is_refused_before_and_after(path, text):
    sql(path, "update trials set record = ? where study = 'churn' and number = 0", text)
    for _ in range(2):
        with pytest.raises(StorageError, match="trial 0"):
            study(path)
        migrate(path)
    assert len(study(path, "bayes").trials) == 14

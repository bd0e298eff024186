"""Files that another program is to open: refused before it makes its tables in a foreign one."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tuneplug import Float, StorageError, Study
from tuneplug.storage import check_sqlite_url


def make(path, mode="delete", table="theirs"):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"pragma journal_mode = {mode}")
        db.execute(f"create table {table} (a)")


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///{}",
        "sqlite+pysqlite:///{}",
        "sqlite:///{}?timeout=3",
        "sqlite:///file:{}?uri=true",
    ],
)
def test_file_with_other_tables_is_refused_and_nothing_is_written(url, mode, tmp_path):
    path = tmp_path / "a b%20.db"
    make(path, mode, "bookmarks")
    before = content(tmp_path)
    with pytest.raises(StorageError, match=r"file of Other .*'bookmarks'.* another file"):
        check_sqlite_url(url.format(path), "Other", "theirs")
    assert content(tmp_path) == before


def test_file_of_the_program_and_a_new_file_are_accepted(tmp_path):
    make(tmp_path / "theirs.db")
    (tmp_path / "empty.db").touch()
    for name in ("theirs.db", "empty.db", "missing.db"):
        check_sqlite_url(f"sqlite:///{tmp_path / name}", "Other", "theirs")
    assert sorted(content(tmp_path)) == ["empty.db", "theirs.db"]


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///",
        "postgresql://me@host/db",
        "mysql:///x",
        "x",
        "",
    ],
)
def test_url_without_a_file_is_accepted(url):
    check_sqlite_url(url, "Other", "theirs")


def test_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "notes.db").write_text("notes of mine" * 100)
    with pytest.raises(StorageError, match="not a database"):
        check_sqlite_url(f"sqlite:///{tmp_path / 'notes.db'}", "Other", "theirs")


def test_study_starts_no_trial_if_another_program_has_made_its_file(tmp_path):
    path = tmp_path / "study.db"
    study = Study({"x": Float(0, 1)}, strategy="random", storage=f"sqlite:///{path}", name="a")
    make(path)
    before = content(tmp_path)
    with pytest.raises(StorageError, match="the database of another program"):
        study.optimize(lambda trial: 0.0, 3)
    assert study.trials == []
    assert content(tmp_path) == before

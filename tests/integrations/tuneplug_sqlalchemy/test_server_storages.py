"""Storages on servers: URLs, secrets, tables, names, and processes that fork."""

from __future__ import annotations

import logging
import math
import os
import pickle
import subprocess
import sys
import threading
import traceback

import pytest
from database_servers import PASSWORD, QUOTED
from sqlalchemy import event

from tuneplug import (
    Float,
    LostConnectionError,
    ReadOnlyStorageError,
    StorageError,
    Study,
    UnknownNameError,
)
from tuneplug.plugins import Plugins
from tuneplug.storage import MemoryStorage, copy
from tuneplug_sqlalchemy import MariadbStorage, PostgresqlStorage, database, schema

SPACE = {"x": Float(0.0, 1.0)}
RECORD = {"number": 0, "state": "running", "params": {"x": 0.5}}


def created(url):
    return Plugins().create("storage", url.partition("+")[0], url)


@pytest.fixture
def name_of_database(url):
    return url.partition("?")[0].rpartition("/")[2]


@pytest.fixture
def sql(server, name_of_database):
    """Function that runs a statement in the database, past the storage."""
    return lambda statement: server.execute(statement, name_of_database)


# ---------------------------------------------------------------- URLs


def test_scheme_without_a_driver_means_the_driver_of_the_adapter():
    url = "postgresql://me@host/db"
    assert repr(PostgresqlStorage(url)) == "PostgresqlStorage('postgresql+psycopg://me@host/db')"


@pytest.mark.parametrize("url", ["postgresql+asyncpg://h/d", "mysql://h/d", "", "no url", "a:b@c"])
def test_url_of_another_scheme_or_driver_is_refused(url):
    with pytest.raises(ValueError, match=r"must be as in 'postgresql\+psycopg://user:password@"):
        PostgresqlStorage(url)


def test_unknown_scheme_names_the_most_similar_one():
    with pytest.raises(UnknownNameError, match="did you mean 'postgresql'") as raised:
        Study(SPACE, storage=f"postgres://me:{QUOTED}@host/db", name="a")
    assert QUOTED not in str(raised.value)


def test_url_of_sqlite_with_a_driver_is_refused():
    with pytest.raises(ValueError, match="must begin with 'sqlite://'"):
        Study(SPACE, storage="sqlite+pysqlite:///study.db", name="a")


def test_opening_writes_nothing(url, sql, name_of_database):
    Study(SPACE, storage=url, name="a")
    assert created(url).studies() == []
    assert created(url).read("a") is None
    query = (
        "select table_name from information_schema.tables where table_name like 'tuneplug%' "
        f"and '{name_of_database}' in (table_catalog, table_schema)"
    )
    assert list(sql(query)) == []


# ---------------------------------------------------------------- secrets


def chain(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def check_secret(text, *secrets):
    for secret in (PASSWORD, QUOTED, "wrong-s3cret", "h1dden", *secrets):
        assert secret not in text


def check_no_secret_in(error):
    for part in chain(error):
        check_secret("".join(traceback.format_exception(part)))
        check_secret(repr(part) + repr(part.args) + repr(getattr(part, "__notes__", "")))


def wrong(url):
    return {
        "password": url.replace(QUOTED, "wrong-s3cret"),
        "port": url.replace("@", "@localhost:h1dden", 1),
        "option": f"{url}&password=h1dden&such=h1dden",
        "server": url.replace("/tmp/", "/nowhere/"),
        "database": url.replace("/study", "/nonesuch"),
    }


@pytest.mark.usefixtures("unanswered")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("what", ["password", "port", "option", "server", "database"])
def test_no_error_shows_a_password(url, what, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises((StorageError, ValueError)) as raised:
        created(wrong(url)[what]).studies()
    check_no_secret_in(raised.value)
    check_secret(caplog.text)


def test_error_of_a_driver_that_repeats_the_password_is_scrubbed(url, monkeypatch):
    storage = created(url + "&passfile=h1dden")
    for text in (PASSWORD, QUOTED, repr(PASSWORD)):

        def fail(_, text=text):
            raise OSError(f"{text} is refused, and h1dden")

        monkeypatch.setattr(database.Database, "_engine", fail)
        with pytest.raises(StorageError, match="is refused") as raised:
            storage.studies()
        assert raised.value.__cause__ is None
        assert raised.value.__context__ is None
        check_no_secret_in(raised.value)


def test_neither_repr_nor_log_shows_a_password(url, caplog):
    caplog.set_level(logging.DEBUG)
    storage = created(url)
    Study(SPACE, storage=storage, name="a").ask()
    hidden = created(url.replace(f":{QUOTED}@", "@") + "&password=h1dden&sslpassword=h1dden")
    for shown in (storage, hidden, vars(storage), vars(hidden), *vars(storage).values()):
        check_secret(repr(shown))
    assert "***" in repr(storage)
    check_secret(caplog.text)


@pytest.mark.parametrize(
    "password", ["a@s3cr", "s3cr@t/b", "@s3cr", "s3cr?a@b", "s3cr:1@b", "s3cr[@b", "s3cr@b c"]
)
def test_password_that_is_not_quoted_is_refused_and_not_shown(password):
    with pytest.raises(ValueError, match="special characters of user and password quoted") as error:
        created(f"postgresql+psycopg://me:{password}@host/db")
    assert "s3cr" not in str(error.value)


@pytest.mark.parametrize("text", [f"postgresql:/me:{QUOTED}@host", "mysql:h?password=h1dden"])
def test_text_that_is_no_url_is_shown_without_a_password(text):
    with pytest.raises(ValueError, match="must be a URL such as") as raised:
        Study(SPACE, storage=text, name="a")
    check_no_secret_in(raised.value)


# ---------------------------------------------------------------- processes


def test_pickled_storage_has_its_own_connections(url):
    storage = created(url)
    storage.create("a", {"seed": 1})
    again = pickle.loads(pickle.dumps(storage))
    assert again.read("a").settings == {"seed": 1}
    assert repr(again) == repr(storage)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_no_connection_crosses_a_fork(url):
    storage = created(url)
    storage.create("a", {})
    with storage.transaction("a") as transaction:
        transaction.write(RECORD)
        child = os.fork()
        if child == 0:  # the parent's transaction is open, and its connection in the pool's hands
            try:
                storage.create("b", {})
                storage.add("b", RECORD)
                del transaction
                os._exit(0 if storage.read("b").records == [RECORD] else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        transaction.write({**RECORD, "number": 1})
    assert len(storage.read("a").records) == 2
    assert storage.studies() == ["a", "b"]


@pytest.mark.slow
def test_processes_that_create_the_tables_at_once_do_not_disturb_each_other(url):
    code = (
        "import sys; from tuneplug.plugins import Plugins\n"
        "url, name = sys.argv[1:]\n"
        "storage = Plugins().create('storage', url.partition('+')[0], url)\n"
        "print(flush=True); sys.stdin.readline()\n"
        "assert storage.create(name, {}); assert not storage.create(name, {})"
    )
    command = [sys.executable, "-c", code, url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    processes = [subprocess.Popen([*command, f"{k}"], text=True, **pipes) for k in range(4)]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    assert created(url).studies() == ["0", "1", "2", "3"]


def test_transactions_on_one_study_run_one_after_the_other(url):
    storage = created(url)
    storage.create("a", {})
    found = []

    def second():
        with storage.transaction("a") as transaction:
            found.append(transaction.record(0))

    with storage.transaction("a") as transaction:
        thread = threading.Thread(target=second)
        thread.start()
        transaction.write(RECORD)
        assert storage.read("a").records == []
        storage.create("b", {})  # another study is not locked
        storage.add("b", RECORD)
        assert found == []
    thread.join()
    assert found == [RECORD]


def test_transaction_that_raises_changes_nothing(url):
    storage = created(url)
    storage.create("a", {})

    def write():
        with storage.transaction("a") as transaction:
            transaction.write(RECORD)
            transaction.beat("me", {})
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        write()
    with storage.transaction("a") as transaction:
        assert (transaction.count(), transaction.sessions()) == (0, {})


def test_connection_that_the_server_ends_in_a_transaction_is_lost(url, server, sql):
    end = {
        "postgresql": "select pg_terminate_backend(pid) from pg_stat_activity where state like "
        "'idle in transaction' and datname = current_database()",
        "mariadb": "kill {}",
    }[url.partition("+")[0]]
    storage = created(url)
    storage.create("a", {})

    def write():
        with storage.transaction("a") as transaction:
            transaction.write(RECORD)
            ids = "select id from information_schema.processlist where user = 'owner'"
            for (number,) in [[0]] if "{}" not in end else sql(ids):
                sql(end.format(number))
            transaction.write({**RECORD, "number": 1})

    with pytest.raises(LostConnectionError):
        write()
    assert storage.read("a").records == []


# ---------------------------------------------------------------- transactions


def test_changes_are_those_after_the_cursor(url):
    storage = created(url)
    storage.create("a", {})
    for number in range(3):
        storage.add("a", {**RECORD, "number": number})
    cursor = storage.read("a").cursor
    assert storage.changes("a", cursor) == ([], cursor)
    storage.update("a", {**RECORD, "number": 1, "value": 1.0})
    records, later = storage.changes("a", cursor)
    assert [record["number"] for record in records] == [1]
    assert later > cursor
    with pytest.raises(StorageError, match="has no study 'b'"):
        storage.changes("b", 0)


def test_sessions_beat_by_the_clock_of_the_server(url, server):
    storage = created(url)
    storage.create("a", {})
    query = {"postgresql": "select extract(epoch from now())", "mariadb": "select unix_timestamp()"}
    before = float(server.execute(query[url.partition("+")[0]])[0][0])
    with storage.transaction("a", durable=False) as transaction:
        transaction.beat("one", {"pid": 1})
        transaction.beat("one", {"pid": 2})
        transaction.beat("two", {})
    with storage.transaction("a") as transaction:
        sessions = transaction.sessions()
        assert sessions["one"].document == {"pid": 2}
        assert math.floor(before) <= sessions["one"].beat <= transaction.now
        transaction.end_session("one")
        assert [*transaction.sessions()] == ["two"]


def n_statements_of_copy(url, n_trials):
    source, target = MemoryStorage(), created(url)
    source.open("a", {"seed": 1})
    for number in range(n_trials):
        source.add("a", RECORD | {"number": number})
    statements = []
    engine = target._database._engine()
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    copy(source, target, "a", new_name=f"of {n_trials}")
    n_statements = len(statements)
    assert target.read(f"of {n_trials}")[:2] == source.open("a", {})
    return n_statements


def test_copy_of_many_trials_takes_as_many_statements_as_of_few(url):
    created(url).create("other", {})
    assert n_statements_of_copy(url, 200) == n_statements_of_copy(url, 2)


def test_copy_that_the_server_refuses_leaves_nothing(url):
    source, target = MemoryStorage(), created(url)
    source.open("a", {"seed": 1})
    source.add("a", RECORD)
    source.add("a", RECORD | {"number": 2**80})
    with pytest.raises(StorageError):
        copy(source, target, "a")
    assert target.studies() == []


def test_renamed_study_keeps_its_settings_and_trials(url):
    storage = created(url)
    storage.create("a", {"seed": 1})
    storage.create("b", {})
    for number in range(3):
        storage.add("a", {**RECORD, "number": number})
    with pytest.raises(StorageError, match="has a study 'b' already"):
        storage.rename("a", "b")
    with pytest.raises(StorageError, match="must have study 'A'"):
        storage.rename("A", "c")
    before = storage.read("a")
    storage.rename("a", "A")
    assert storage.studies() == ["A", "b"]
    assert storage.read("A") == before
    storage.delete("A")
    storage.delete("A")
    assert storage.studies() == ["b"]


@pytest.mark.parametrize("name", ["with\0NUL", "lone \ud800 surrogate"])
def test_name_that_a_server_cannot_store_is_refused(url, name):
    storage = created(url)
    for call in (storage.read, storage.delete, lambda name: storage.create(name, {})):
        with pytest.raises(StorageError, match="the name of a study must"):
            call(name)


# ---------------------------------------------------------------- what is stored


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("update tuneplug_trials set record = replace(record, '0.5', '0.7')", "crc32"),
        ("update tuneplug_trials set record = '[]'", "must be a JSON object"),
        ("update tuneplug_trials set number = 7", "crc32"),
        ("update tuneplug_studies set settings = '{'", "the settings of study 'a' cannot be read"),
    ],
)
def test_rows_that_others_have_changed_are_refused(url, sql, statement, message):
    storage = created(url)
    storage.create("a", {"seed": 1})
    storage.add("a", RECORD)
    sql(statement)
    with pytest.raises(StorageError, match=message):
        storage.read("a")


def test_tables_of_a_newer_version_are_refused_by_a_process_that_runs(url, sql):
    storage = created(url)
    storage.create("a", {})
    storage.add("a", RECORD)
    sql("update tuneplug_schema set version = 2")
    message = "must have version 1, .* have 2: install a newer tuneplug"
    for call in (
        storage.studies,
        lambda: storage.read("a"),
        lambda: storage.add("a", {**RECORD, "number": 1}),
        lambda: storage.create("b", {}),
        lambda: storage.delete("a"),
        created(url).studies,
    ):
        with pytest.raises(StorageError, match=message):
            call()
    sql("update tuneplug_schema set version = 1")
    assert storage.read("a").records == [RECORD]


def test_tables_of_an_earlier_version_are_read_and_changed_by_the_first_write(
    url, sql, monkeypatch
):
    storage = created(url)
    storage.create("a", {})
    statement = "alter table tuneplug_trials add column note integer"
    monkeypatch.setattr(schema, "VERSION", 2)
    monkeypatch.setattr(schema, "UPGRADES", {1: lambda db: db.exec_driver_sql(statement)})
    later = created(url)
    assert later.read("a").records == []
    assert list(map(tuple, sql("select version from tuneplug_schema"))) == [(1,)]
    later.add("a", RECORD)
    assert list(map(tuple, sql("select version, note from tuneplug_schema, tuneplug_trials"))) == [
        (2, None)
    ]
    monkeypatch.undo()
    with pytest.raises(StorageError, match="install a newer tuneplug"):
        storage.add("a", {**RECORD, "number": 1})


def test_tables_that_a_killed_process_has_begun_are_completed(url, sql):
    created(url).create("a", {})
    sql("drop table tuneplug_sessions")
    sql("delete from tuneplug_schema")
    storage = created(url)
    assert storage.studies() == []
    storage.create("b", {})
    assert storage.studies() == ["a", "b"]
    with storage.transaction("b") as transaction:
        assert transaction.sessions() == {}


def test_user_who_may_only_read_gets_read_only_storage_error(url, server, sql, name_of_database):
    storage = created(url)
    storage.create("a", {})
    if isinstance(storage, MariadbStorage):
        server.execute("create or replace user reader@localhost identified by 'reads'")
        server.execute(f"grant select on {name_of_database}.* to reader@localhost")
    else:
        sql("drop role if exists reader")
        sql("create role reader login password 'reads'")
        sql("grant select on all tables in schema public to reader")
    reader = created(url.replace(f"owner:{QUOTED}", "reader:reads"))
    assert reader.read("a").records == []
    study = Study(SPACE, storage=reader, name="b")
    with pytest.raises(ReadOnlyStorageError, match="a user that may write"):
        study.ask()
    if not isinstance(storage, MariadbStorage):
        sql("drop owned by reader")

"""Mutated files and garbage records give the right content or a StorageError."""

from __future__ import annotations

import json
import math
import os
import random
import sqlite3
import sys
import time
from contextlib import closing, contextmanager

import pytest

from tuneplug import Float, Int, StorageError, Study, TrialState
from tuneplug.plugins import Plugins
from tuneplug.storage import SqliteStorage, check_sqlite_url
from tuneplug.storage.serialization import to_record
from tuneplug.storage.validation import DEFAULTS

SPACE = {"x": Float(0.0, 1.0), "n": Int(1, 9), "kind": [(5,), (5, 5), None, "auto", 0.5, True]}
PLUGINS = Plugins(installed=False)
#: Events of running code or writing files that reading a study must not cause.
FORBIDDEN = ("exec", "os.", "subprocess.", "pickle.", "shutil.", "ctypes.", "marshal.", "socket.")

watched: list[str] | None = None


def audit(event, args):
    if watched is None:
        return
    writes = event == "open" and isinstance(args[1], str) and not set("wxa+").isdisjoint(args[1])
    if writes or event.startswith(FORBIDDEN):
        watched.append(event)


@pytest.fixture(scope="module", autouse=True)
def hook():
    sys.addaudithook(audit)  # it cannot be removed again, and does nothing later


@contextmanager
def untouched(path):
    """Context manager: check that its body runs no code, and changes no file of the folder."""
    global watched
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.parent.iterdir()}
    watched = []
    try:
        yield
    finally:
        seen, watched = watched, None
    assert seen == []
    after = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.parent.iterdir()}
    assert after == before


def study(path, **options):
    options = {"strategy": "random", "name": "a", "plugins": PLUGINS} | options
    return Study(SPACE, storage=SqliteStorage(path), **options)


def content(found):
    return found.seed, json.dumps([to_record(trial) for trial in found.trials])


@pytest.fixture
def path(tmp_path):
    """A copy of a file, as studies in this process still write heartbeats to the file itself."""
    written, copied = tmp_path / "written" / "study.db", tmp_path / "read" / "study.db"
    written.parent.mkdir()
    for name, n_trials in (("a", 14), ("b", 3)):
        made = study(written, name=name, seed=5)
        for number in range(n_trials):
            trial = made.ask()
            for step in range(number % 4):
                trial.report(1.0 / (1 + step), step)
            if number % 5 == 4:
                made.fail(trial, "failed " + "at length " * 500)
            else:
                made.tell(trial, math.sqrt(number))
        made.ask()
    copied.parent.mkdir()
    with closing(sqlite3.connect(written)) as source, closing(sqlite3.connect(copied)) as target:
        source.backup(target)  # waits for a writer
    study(copied)  # modules are imported before anything is watched
    return copied


# ---------------------------------------------------------------- mutated files


def flip_a_bit(data, rng):
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def overwrite_a_run(data, rng):
    start, length = rng.randrange(len(data)), rng.choice([1, 2, 4, 16, 300])
    length = min(length, len(data) - start)
    data[start : start + length] = rng.choice(
        [bytes(length), b"\xff" * length, rng.randbytes(length)]
    )


def change_the_header(data, rng):
    data[rng.randrange(100)] = rng.randrange(256)


def a_page(data, rng):
    return 4096 * rng.randrange(-(-len(data) // 4096))


def change_the_head_of_a_page(data, rng):
    at = a_page(data, rng) + rng.randrange(60)
    data[min(at, len(data) - 1)] = rng.randrange(256)


def truncate(data, rng):
    del data[rng.randrange(len(data) // 2, len(data)) :]


def remove_a_run(data, rng):
    start = rng.randrange(len(data))
    del data[start : start + rng.choice([1, 7, 4096])]


def insert_a_run(data, rng):
    start = rng.randrange(len(data))
    data[start:start] = rng.randbytes(rng.choice([1, 7, 4096]))


def copy_a_page(data, rng):
    source, target = a_page(data, rng), a_page(data, rng)
    data[target : target + 4096] = data[source : source + 4096]


MUTATIONS = [
    flip_a_bit,
    overwrite_a_run,
    change_the_header,
    change_the_head_of_a_page,
    truncate,
    remove_a_run,
    insert_a_run,
    copy_a_page,
]


def opened(path):
    """Return the study, or None and the message of the StorageError."""
    try:
        return study(path), ""
    except StorageError as error:
        return None, str(error)


def check_mutated_files(path, n_files, seed):
    original, expected = path.read_bytes(), content(study(path))
    refused = 0
    for k in range(n_files):
        rng = random.Random(f"{seed} {k}")
        data = bytearray(original)
        for _ in range(rng.choice([1, 1, 1, 2, 5])):
            rng.choice(MUTATIONS)(data, rng)
        path.write_bytes(data)
        begun = time.monotonic()
        with untouched(path):
            found, error = opened(path)
        if found is None:
            refused += 1
            assert "study.db" in error
        else:
            assert content(found) == expected, f"mutated file {k} of seed {seed}"
        assert time.monotonic() - begun < 10.0
    return refused


def test_mutated_files_give_the_right_content_or_a_storage_error(path):
    refused = check_mutated_files(path, 300, seed=0)
    assert 100 < refused < 300


@pytest.mark.slow
def test_thousands_of_mutated_files_give_the_right_content_or_a_storage_error(path):
    check_mutated_files(path, 3000, seed=1)


@pytest.mark.parametrize("suffix", ["", "-journal", "-wal", "-shm"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_pipes_and_folders_in_place_of_files_are_refused(make, suffix, path):
    place = path.with_name(path.name + suffix)
    place.unlink(missing_ok=True)
    make(place)
    found, error = opened(path)
    assert found is None
    assert f"study.db{suffix} must be a file" in error
    with pytest.raises(StorageError, match="must be a file"):
        check_sqlite_url(f"sqlite:///{path}", "Other", "theirs")


@pytest.mark.parametrize("content", [b"x", b"SQLite format", b"SQLite format 2\0", bytes(8192)])
def test_file_of_another_format_is_refused_and_unchanged(content, path):
    path.write_bytes(content)
    with untouched(path):
        found, error = opened(path)
    assert found is None
    assert "file is not a database" in error


@pytest.mark.parametrize("target", ["study.db", "missing/study.db"])
def test_links_that_lead_nowhere_start_no_trial(target, tmp_path):
    link = tmp_path / "folder" / "study.db"
    link.parent.mkdir()
    link.symlink_to(target)
    with pytest.raises(StorageError):
        study(link).ask()
    assert not link.exists()


# ---------------------------------------------------------------- garbage records

JUNK = [
    None, True, False, 0, -1, 1, 3, 2**63, -(2**70), 10**400, 0.5, -0.0, 1e308, math.nan, math.inf,
    "", "x", "running", "complete", "minimize", "\ud800", "\0", "a" * 5000, [], [[]], {}, [1, 2, 3],
    [[0, 1.0, None]], [[0, "x", None]], [[0.5, 1.0, None]], [[0, 1.0]], [[0, 10**400, None]],
    [[1, 0.5, None], [0, 0.5, None]], [[-1, 0.5, 0]], [[0, 0.5, 1], [0, 0.5, 1]],
    {"repr": "(5,)"}, {"repr": 3}, {"repr": "(6,)"}, {"x": 0.5}, {"x": {"repr": "x"}},
]  # fmt: skip


def deep(n):
    return "[" * n + "]" * n


TEXTS = [
    "", "{", "[]", '"x"', "NaN", "null", "{}", '{"number": 1}', deep(100_000), "\0", 7, 1.5,
    '{"number": 0, "number": 1}',
    '{"number":' + deep(500) + "}", '{"number": ' + "9" * 5000 + "}", b"\xff\xfe", b"{}",
]  # fmt: skip


def garbage(record, rng):
    """Return a garbage record: a text, or a valid record with some parts replaced."""
    if rng.random() < 0.1:
        return rng.choice(TEXTS)
    record = json.loads(json.dumps(record))
    for _ in range(rng.choice([1, 1, 1, 2])):
        part = record["params"] if rng.random() < 0.3 and type(record["params"]) is dict else record
        key = rng.choice([*part, "unknown"])
        if rng.random() < 0.15:
            part.pop(key, None)
        else:
            part[key] = rng.choice(JUNK)
        if type(record.get("params")) is not dict:
            break
    text = json.dumps(record)
    return text[: rng.randrange(len(text))] if rng.random() < 0.1 else text


def comparable(record):
    """Return a text that is equal for equal records: 3 and 3.0 are equal, and NaN equals NaN."""
    numbers = [(name, float(x) if type(x) is int else x) for name, x in record["params"].items()]
    return json.dumps({**record, "params": dict(numbers)}, sort_keys=True)


def check_garbage_records(path, n_records, seed):
    records = SqliteStorage(path).open("a", {}).records
    refused = 0
    for k in range(n_records):
        rng = random.Random(f"{seed} {k}")
        number = rng.randrange(len(records))
        text = garbage(records[number], rng)
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("pragma synchronous = off")
            row = (text, "a", number)
            db.execute("update tuneplug_trials set record = ? where study = ? and number = ?", row)
        with untouched(path):
            found, error = opened(path)
        if found is None:
            refused += 1
            named = ("study.db", f"trial {number}", "'a'")
            assert [part for part in named if part not in error] == []
        else:
            trial = found.trials[number]
            assert comparable(to_record(trial)) == comparable(DEFAULTS | json.loads(text))
            assert trial.state is not TrialState.COMPLETE or math.isfinite(trial.value)
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("pragma synchronous = off")
            row = (json.dumps(records[number]), "a", number)
            db.execute("update tuneplug_trials set record = ? where study = ? and number = ?", row)
    return refused


def test_garbage_records_are_refused_with_file_study_and_trial(path):
    assert check_garbage_records(path, 300, seed=0) > 200


@pytest.mark.slow
def test_thousands_of_garbage_records_are_refused(path):
    check_garbage_records(path, 1500, seed=1)


def test_key_that_is_twice_in_a_record_is_refused(path):
    record = SqliteStorage(path).open("a", {}).records[0]
    text = json.dumps(record)[:-1] + ', "value": 99.0}'
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "update tuneplug_trials set record = ? where study = 'a' and number = 0", (text,)
        )
    found, error = opened(path)
    assert found is None
    assert "keys must be distinct" in error

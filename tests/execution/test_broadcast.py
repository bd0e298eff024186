"""Broadcast values: in this process, through a mapped file, or with each job."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tuneplug.execution import Broadcast
from tuneplug.execution import broadcast as broadcast_module
from tuneplug.execution.broadcast import ALIGNMENT, N_KEPT


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder for the files, and a process that has received nothing."""
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path))
    monkeypatch.setattr(broadcast_module, "_received", type(broadcast_module._received)())
    yield tmp_path
    broadcast_module._received.clear()


def send(broadcast):
    """Return what a worker holds of a broadcast that came with its job."""
    return pickle.loads(pickle.dumps(broadcast))


VALUES = {
    "C order": np.arange(24.0).reshape(4, 6),
    "Fortran order": np.asfortranarray(np.arange(24).reshape(4, 6)),
    "every other column": np.arange(24.0).reshape(4, 6)[:, ::2],
    "reversed": np.arange(5)[::-1],
    "no rows": np.empty((0, 3)),
    "no dimensions": np.array(3.5),
    "odd bytes": np.array([1, 2, 3], dtype=np.int8),
    "times": np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"),
    "objects": np.array(["a", None, (1, 2)], dtype=object),
    "strings": np.array(["a", "bcd"]),
}


# --------------------------------------------------------------------- within this process


def test_within_the_process_it_is_the_very_object():
    value = {"lock": gc, "rows": np.zeros(3)}
    with Broadcast(value) as broadcast:
        assert broadcast.value is value
        broadcast.path = None
        assert broadcast.value is value


def test_what_cannot_be_pickled_may_stay_in_the_process():
    generator = (k for k in range(3))
    with Broadcast(generator) as broadcast:
        assert broadcast.value is generator


# --------------------------------------------------------------------- through the file


@pytest.mark.parametrize("kind", VALUES)
def test_arrays_come_out_as_they_went_in(kind):
    value = VALUES[kind]
    with Broadcast({"before": 1, "array": value, "after": value[..., None]}) as broadcast:
        broadcast.write()
        got = send(broadcast).value
    assert (got["before"], got["array"].dtype) == (1, value.dtype)
    np.testing.assert_array_equal(got["array"], value)
    np.testing.assert_array_equal(got["after"], value[..., None])


def test_memory_order_is_kept():
    with Broadcast((VALUES["C order"], VALUES["Fortran order"])) as broadcast:
        broadcast.write()
        c, fortran = send(broadcast).value
    assert c.flags.c_contiguous
    assert fortran.flags.f_contiguous


def test_arrays_are_read_only_aligned_and_not_copies():
    # Sizes that are no multiple of the alignment.
    arrays = [np.arange(n, dtype=dtype) for n in (1, 13, 100) for dtype in (np.int8, np.float64)]
    with Broadcast(arrays) as broadcast:
        broadcast.write()
        got = send(broadcast).value
    for array in got:
        assert not array.flags.owndata
        assert not array.flags.writeable
        assert array.ctypes.data % ALIGNMENT == 0
    with pytest.raises(ValueError, match="read-only"):
        got[0][0] = 1


def test_what_went_in_stays_writeable():
    value = np.zeros(3)
    with Broadcast(value) as broadcast:
        broadcast.write()
        broadcast.value[0] = 1.0
    assert value[0] == 1.0


def test_an_array_that_is_shared_is_written_once():
    array = np.random.default_rng(0).random(10_000)
    with Broadcast([array, {"again": array}, array[:5000]]) as broadcast:
        size = broadcast.write().stat().st_size
        first, second, _ = send(broadcast).value
    assert first is second["again"]
    assert size < array.nbytes * 1.5 + 2000, "the array, its half, and a header"


def test_jobs_are_small_where_there_is_a_file():
    with Broadcast(np.zeros(100_000)) as broadcast:
        broadcast.write()
        assert len(pickle.dumps(broadcast)) < 1000


def test_without_a_file_the_pickler_of_the_executor_takes_the_value():
    with Broadcast(np.arange(1000.0)) as broadcast:
        assert len(pickle.dumps(broadcast)) > 8000
        np.testing.assert_array_equal(send(broadcast).value, np.arange(1000.0))


def own_dumps(value, *args, **options):
    """Pickle as some other package does."""
    return pickle.dumps(value, *args, **options)


def test_without_a_file_dumps_pickles_the_value_and_a_worker_unpickles_it_once():
    with Broadcast(np.arange(1000.0), own_dumps) as broadcast:
        received = send(broadcast)
    size = len(pickle.dumps(received))
    assert received.value is received.value
    assert len(pickle.dumps(received)) == size > 8000
    np.testing.assert_array_equal(send(received).value, np.arange(1000.0))


# --------------------------------------------------------------------- a worker that keeps them


@pytest.fixture
def reads(monkeypatch):
    """Return the files that were read, in order."""
    paths, read = [], broadcast_module._read

    def spy(path):
        paths.append(path)
        return read(path)

    monkeypatch.setattr(broadcast_module, "_read", spy)
    return paths


def test_searches_that_take_turns_are_read_once_each(reads):
    with Broadcast(np.zeros(3)) as one, Broadcast(np.ones(3)) as two:
        expected = [one.write(), two.write()]
        got = [send(broadcast).value for _ in range(3) for broadcast in (one, two)]
    assert reads == expected
    assert got[0] is got[2] is got[4]
    assert got[1] is got[3] is got[5]


def test_no_more_are_kept_than_take_turns(reads):
    broadcasts = [Broadcast(k) for k in range(N_KEPT + 1)]
    paths = [broadcast.write() for broadcast in broadcasts]
    assert [send(broadcast).value for broadcast in broadcasts] == list(range(N_KEPT + 1))
    assert send(broadcasts[-1]).value == N_KEPT
    assert reads == paths, "the latest is kept"
    assert send(broadcasts[0]).value == 0
    assert reads == [*paths, paths[0]], "the oldest was given up"
    for broadcast in broadcasts:
        with broadcast:
            pass


def test_nothing_is_read_before_it_is_opened(reads):
    with Broadcast(1) as broadcast:
        broadcast.write()
        send(broadcast)
    assert reads == []


# --------------------------------------------------------------------- the file


def test_the_file_is_gone_after_the_context(place):
    with Broadcast(np.zeros(3)) as broadcast:
        path = broadcast.write()
        assert path.exists()
        assert path.is_relative_to(place)
        assert path == broadcast.path
    assert list(place.iterdir()) == []


def test_the_file_is_gone_after_an_error_as_well(place):
    broadcast = Broadcast(np.zeros(3))
    broadcast.write()
    with pytest.raises(ArithmeticError), broadcast:
        raise ArithmeticError
    assert list(place.iterdir()) == []


def test_what_cannot_be_pickled_leaves_no_file(place):
    broadcast = Broadcast(k for k in range(3))
    with broadcast, pytest.raises(TypeError, match="cannot pickle"):
        broadcast.write()
    assert list(place.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="a file that is mapped cannot be removed there")
def test_a_worker_can_go_on_with_what_it_has_opened():
    with Broadcast(np.arange(1000.0)) as broadcast:
        path = broadcast.write()
        got = send(broadcast).value
    assert not path.exists()
    assert got.sum() == 499_500.0


def test_a_folder_that_is_not_there_is_an_error_of_the_system(place, monkeypatch):
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(place / "missing"))
    with Broadcast(1) as broadcast, pytest.raises(OSError, match="missing"):
        broadcast.write()
    assert broadcast.path is None
    assert list(place.iterdir()) == []


def test_no_room_is_an_error_of_the_system_and_leaves_no_file(place, monkeypatch):
    def full(path, *_):
        path.write_bytes(b"as much as there is room for")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(broadcast_module, "_write", full)
    with Broadcast(1) as broadcast, pytest.raises(OSError, match="No space left"):
        broadcast.write()
    assert list(place.iterdir()) == []


# --------------------------------------------------------------------- another process

MEASURE = """
import pickle
import sys
from pathlib import Path

import numpy

received = pickle.load(sys.stdin.buffer)


def own_bytes():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


before = own_bytes()
total = received.value.sum()
print(total, own_bytes() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux tells")
def test_a_worker_takes_no_memory_of_its_own_for_an_array(tmp_path):
    array = np.ones(8_000_000)
    worker = tmp_path / "worker.py"
    worker.write_text(MEASURE)
    with Broadcast(array) as broadcast:
        broadcast.write()
        run = subprocess.run(
            [sys.executable, worker], input=pickle.dumps(broadcast), capture_output=True
        )
    assert run.returncode == 0, run.stderr.decode()
    total, more = map(float, run.stdout.split())
    assert total == array.sum()
    # A copy would be as large as the array; unpickling takes some pages of the interpreter.
    assert more < array.nbytes / 8

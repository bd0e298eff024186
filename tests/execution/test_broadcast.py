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
def folder(tmp_path, monkeypatch):
    """Return the folder of the files, with the cache of received values empty."""
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path))
    monkeypatch.setattr(broadcast_module, "_received", type(broadcast_module._received)())
    yield tmp_path
    broadcast_module._received.clear()


def send(broadcast):
    """Return the broadcast as a worker receives it."""
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


def test_value_in_the_same_process_is_the_same_object():
    value = {"lock": gc, "rows": np.zeros(3)}
    with Broadcast(value) as broadcast:
        assert broadcast.value is value
        broadcast.path = None
        assert broadcast.value is value


def test_value_in_the_same_process_need_not_be_picklable():
    generator = (k for k in range(3))
    with Broadcast(generator) as broadcast:
        assert broadcast.value is generator


# --------------------------------------------------------------------- through the file


@pytest.mark.parametrize("kind", VALUES)
def test_arrays_survive_a_round_trip_through_the_file(kind):
    value = VALUES[kind]
    with Broadcast({"before": 1, "array": value, "after": value[..., None]}) as broadcast:
        broadcast.write()
        got = send(broadcast).value
    assert (got["before"], got["array"].dtype) == (1, value.dtype)
    np.testing.assert_array_equal(got["array"], value)
    np.testing.assert_array_equal(got["after"], value[..., None])


def test_memory_order_survives_a_round_trip():
    with Broadcast((VALUES["C order"], VALUES["Fortran order"])) as broadcast:
        broadcast.write()
        c, fortran = send(broadcast).value
    assert c.flags.c_contiguous
    assert fortran.flags.f_contiguous


def test_received_arrays_are_read_only_aligned_views():
    # The sizes are not multiples of the alignment.
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


def test_broadcast_leaves_the_original_array_writeable():
    value = np.zeros(3)
    with Broadcast(value) as broadcast:
        broadcast.write()
        broadcast.value[0] = 1.0
    assert value[0] == 1.0


def test_array_with_several_references_is_written_once():
    array = np.random.default_rng(0).random(10_000)
    with Broadcast([array, {"again": array}, array[:5000]]) as broadcast:
        size = broadcast.write().stat().st_size
        first, second, _ = send(broadcast).value
    assert first is second["again"]
    assert size < array.nbytes * 1.5 + 2000, (
        "the file must hold the array, half of it, and a header"
    )


def test_pickle_of_a_broadcast_with_a_file_is_small():
    with Broadcast(np.zeros(100_000)) as broadcast:
        broadcast.write()
        assert len(pickle.dumps(broadcast)) < 1000


def test_broadcast_without_a_file_is_pickled_with_its_value():
    with Broadcast(np.arange(1000.0)) as broadcast:
        assert len(pickle.dumps(broadcast)) > 8000
        np.testing.assert_array_equal(send(broadcast).value, np.arange(1000.0))


def custom_dumps(value, *args, **options):
    """Pickle like ``pickle.dumps``, but as a different function."""
    return pickle.dumps(value, *args, **options)


def test_custom_dumps_pickles_the_value_and_a_worker_unpickles_it_once():
    with Broadcast(np.arange(1000.0), custom_dumps) as broadcast:
        received = send(broadcast)
    size = len(pickle.dumps(received))
    assert received.value is received.value
    assert len(pickle.dumps(received)) == size > 8000
    np.testing.assert_array_equal(send(received).value, np.arange(1000.0))


# --------------------------------------------------------------------- the cache of a worker


@pytest.fixture
def reads(monkeypatch):
    """Return the list of files that were read, in order."""
    paths, read = [], broadcast_module._read

    def spy(path):
        paths.append(path)
        return read(path)

    monkeypatch.setattr(broadcast_module, "_read", spy)
    return paths


def test_alternating_searches_read_each_file_once(reads):
    with Broadcast(np.zeros(3)) as one, Broadcast(np.ones(3)) as two:
        expected = [one.write(), two.write()]
        got = [send(broadcast).value for _ in range(3) for broadcast in (one, two)]
    assert reads == expected
    assert got[0] is got[2] is got[4]
    assert got[1] is got[3] is got[5]


def test_worker_drops_the_least_recently_used_value(reads):
    broadcasts = [Broadcast(k) for k in range(N_KEPT + 1)]
    paths = [broadcast.write() for broadcast in broadcasts]
    assert [send(broadcast).value for broadcast in broadcasts] == list(range(N_KEPT + 1))
    assert send(broadcasts[-1]).value == N_KEPT
    assert reads == paths, "the latest value must be cached"
    assert send(broadcasts[0]).value == 0
    assert reads == [*paths, paths[0]], "the oldest value must have been dropped"
    for broadcast in broadcasts:
        with broadcast:
            pass


def test_unpickling_a_broadcast_does_not_read_the_file(reads):
    with Broadcast(1) as broadcast:
        broadcast.write()
        send(broadcast)
    assert reads == []


# --------------------------------------------------------------------- the file


def test_context_deletes_the_file(folder):
    with Broadcast(np.zeros(3)) as broadcast:
        path = broadcast.write()
        assert path.exists()
        assert path.is_relative_to(folder)
        assert path == broadcast.path
    assert list(folder.iterdir()) == []


def test_context_deletes_the_file_after_an_error(folder):
    broadcast = Broadcast(np.zeros(3))
    broadcast.write()
    with pytest.raises(ArithmeticError), broadcast:
        raise ArithmeticError
    assert list(folder.iterdir()) == []


def test_write_of_an_unpicklable_value_leaves_no_file(folder):
    broadcast = Broadcast(k for k in range(3))
    with broadcast, pytest.raises(TypeError, match="cannot pickle"):
        broadcast.write()
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot delete a mapped file")
def test_received_value_remains_valid_after_the_file_is_deleted():
    with Broadcast(np.arange(1000.0)) as broadcast:
        path = broadcast.write()
        got = send(broadcast).value
    assert not path.exists()
    assert got.sum() == 499_500.0


def test_write_to_a_missing_folder_raises_os_error(folder, monkeypatch):
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(folder / "missing"))
    with Broadcast(1) as broadcast, pytest.raises(OSError, match="missing"):
        broadcast.write()
    assert broadcast.path is None
    assert list(folder.iterdir()) == []


def test_write_to_a_full_disk_raises_os_error_and_leaves_no_file(folder, monkeypatch):
    def full(path, *_):
        path.write_bytes(b"incomplete")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(broadcast_module, "_write", full)
    with Broadcast(1) as broadcast, pytest.raises(OSError, match="No space left"):
        broadcast.write()
    assert list(folder.iterdir()) == []


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


@pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="needs smaps_rollup of Linux"
)
def test_worker_maps_an_array_without_copying_it(tmp_path):
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
    # A copy would be as large as the array; unpickling needs only some pages of the interpreter.
    assert more < array.nbytes / 8

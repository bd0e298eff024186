"""What every fit needs, sent once: in this process, through a mapped file, or with each job."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tuneplug_sklearn import shipping
from tuneplug_sklearn.shipping import ALIGNMENT, N_KEPT, Shipment


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder for the files, and a process that has received nothing."""
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path))
    monkeypatch.setattr(shipping, "_received", type(shipping._received)())
    yield tmp_path
    shipping._received.clear()
    gc.collect()


def send(shipment):
    """Return what a worker holds of a shipment that came with its job."""
    return pickle.loads(pickle.dumps(shipment))


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
    with Shipment(value) as shipment:
        assert shipment.open() is value
        shipment.path = None
        assert shipment.open() is value


def test_what_cannot_be_pickled_may_stay_in_the_process():
    generator = (k for k in range(3))
    with Shipment(generator) as shipment:
        assert shipment.open() is generator


# --------------------------------------------------------------------- through the file


@pytest.mark.parametrize("kind", VALUES)
def test_arrays_come_out_as_they_went_in(kind):
    value = VALUES[kind]
    with Shipment({"before": 1, "array": value, "after": value[..., None]}) as shipment:
        shipment.write()
        got = send(shipment).open()
    assert (got["before"], got["array"].dtype) == (1, value.dtype)
    np.testing.assert_array_equal(got["array"], value)
    np.testing.assert_array_equal(got["after"], value[..., None])


def test_memory_order_is_kept():
    with Shipment((VALUES["C order"], VALUES["Fortran order"])) as shipment:
        shipment.write()
        c, fortran = send(shipment).open()
    assert c.flags.c_contiguous
    assert fortran.flags.f_contiguous


def test_arrays_are_read_only_aligned_and_not_copies():
    # Sizes that are no multiple of the alignment.
    arrays = [np.arange(n, dtype=dtype) for n in (1, 13, 100) for dtype in (np.int8, np.float64)]
    with Shipment(arrays) as shipment:
        shipment.write()
        got = send(shipment).open()
    for array in got:
        assert not array.flags.owndata
        assert not array.flags.writeable
        assert array.ctypes.data % ALIGNMENT == 0
    with pytest.raises(ValueError, match="read-only"):
        got[0][0] = 1


def test_what_went_in_stays_writeable():
    value = np.zeros(3)
    with Shipment(value) as shipment:
        shipment.write()
        shipment.open()[0] = 1.0
    assert value[0] == 1.0


def test_an_array_that_is_shared_is_written_once():
    array = np.random.default_rng(0).random(10_000)
    with Shipment([array, {"again": array}, array[:5000]]) as shipment:
        size = shipment.write().stat().st_size
        first, second, _ = send(shipment).open()
    assert first is second["again"]
    assert size < array.nbytes * 1.5 + 2000, "the array, its half, and a header"


def test_jobs_are_small_where_there_is_a_file():
    with Shipment(np.zeros(100_000)) as shipment:
        shipment.write()
        assert len(pickle.dumps(shipment)) < 1000


def test_without_a_file_all_of_it_goes_with_the_job():
    value = {"rows": np.arange(1000.0), "call": lambda x: x + 1}
    with Shipment(value) as shipment:
        assert len(pickle.dumps(shipment)) > 8000
        shipment.write()
        shipment.path = None  # a worker of another machine
        got = send(shipment).open()
    np.testing.assert_array_equal(got["rows"], value["rows"])
    assert got["call"](1) == 2


def test_what_stays_at_a_worker_is_unpacked_once_and_can_be_sent_on():
    with Shipment(np.arange(1000.0)) as shipment:
        received = send(shipment)
    size = len(pickle.dumps(received))
    assert received.open() is received.open()
    assert len(pickle.dumps(received)) == size
    np.testing.assert_array_equal(send(received).open(), np.arange(1000.0))


def test_frames_and_sparse_matrices_come_out_as_they_went_in():
    frame = pd.DataFrame(
        {
            "x": [1.0, np.nan, 3.0],
            "s": ["a", "b", None],
            "c": pd.Categorical(["u", "v", "u"], ordered=True),
            "t": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03"]),
            "i": pd.array([1, None, 3], dtype="Int64"),
        }
    )
    matrix = sparse.random_array((20, 30), density=0.2, format="csc", rng=0)
    with Shipment((frame, matrix)) as shipment:
        shipment.write()
        got_frame, got_matrix = send(shipment).open()
    pd.testing.assert_frame_equal(got_frame, frame)
    assert got_matrix.format == "csc"
    np.testing.assert_array_equal(got_matrix.toarray(), matrix.toarray())
    assert got_frame.iloc[[2, 0]]["x"].tolist() == [3.0, 1.0]
    assert got_matrix[[3, 1]].shape == (2, 30)


def test_a_shipment_can_be_sent_by_cloudpickle_too():
    with Shipment(np.arange(3)) as shipment:
        shipment.write()
        np.testing.assert_array_equal(
            pickle.loads(cloudpickle.dumps(shipment)).open(), np.arange(3)
        )


# --------------------------------------------------------------------- a worker that keeps them


@pytest.fixture
def reads(monkeypatch):
    """Return the files that were read, in order."""
    paths, read = [], shipping._read

    def spy(path):
        paths.append(path)
        return read(path)

    monkeypatch.setattr(shipping, "_read", spy)
    return paths


def test_searches_that_take_turns_are_read_once_each(reads):
    with Shipment(np.zeros(3)) as one, Shipment(np.ones(3)) as two:
        expected = [one.write(), two.write()]
        got = [send(shipment).open() for _ in range(3) for shipment in (one, two)]
    assert reads == expected
    assert got[0] is got[2] is got[4]
    assert got[1] is got[3] is got[5]


def test_no_more_are_kept_than_take_turns(reads):
    shipments = [Shipment(k) for k in range(N_KEPT + 1)]
    paths = [shipment.write() for shipment in shipments]
    assert [send(shipment).open() for shipment in shipments] == list(range(N_KEPT + 1))
    assert send(shipments[-1]).open() == N_KEPT
    assert reads == paths, "the latest is kept"
    assert send(shipments[0]).open() == 0
    assert reads == [*paths, paths[0]], "the oldest was given up"
    for shipment in shipments:
        with shipment:
            pass


def test_nothing_is_read_before_it_is_opened(reads):
    with Shipment(1) as shipment:
        shipment.write()
        send(shipment)
    assert reads == []


# --------------------------------------------------------------------- the file


def test_the_file_is_gone_after_the_context(place):
    with Shipment(np.zeros(3)) as shipment:
        path = shipment.write()
        assert path.exists()
        assert path.is_relative_to(place)
        assert path == shipment.path
    assert list(place.iterdir()) == []


def test_the_file_is_gone_after_an_error_as_well(place):
    shipment = Shipment(np.zeros(3))
    shipment.write()
    with pytest.raises(ArithmeticError), shipment:
        raise ArithmeticError
    assert list(place.iterdir()) == []


def test_what_cannot_be_pickled_leaves_no_file(place):
    shipment = Shipment(k for k in range(3))
    with shipment, pytest.raises(TypeError, match="cannot pickle"):
        shipment.write()
    assert list(place.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="a file that is mapped cannot be removed there")
def test_a_worker_can_go_on_with_what_it_has_opened():
    with Shipment(np.arange(1000.0)) as shipment:
        path = shipment.write()
        got = send(shipment).open()
    assert not path.exists()
    assert got.sum() == 499_500.0


def test_a_folder_that_is_not_there_is_an_error_of_the_system(place, monkeypatch):
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(place / "missing"))
    with Shipment(1) as shipment, pytest.raises(OSError, match="missing"):
        shipment.write()
    assert shipment.path is None
    assert list(place.iterdir()) == []


def test_no_room_is_an_error_of_the_system_and_leaves_no_file(place, monkeypatch):
    def full(path, value):
        path.write_bytes(b"as much as there is room for")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shipping, "_write", full)
    with Shipment(1) as shipment, pytest.raises(OSError, match="No space left"):
        shipment.write()
    assert list(place.iterdir()) == []


# --------------------------------------------------------------------- another process

SENDER = """
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
from scipy import sparse

from tuneplug_sklearn.shipping import Shipment


class Scale:
    factor = 3

    def __call__(self, x):
        return self.factor * x


value = {
    "arrays": [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.eye(3)), np.arange(9)[::3]],
    "objects": np.array(["a", None], dtype=object),
    "frame": pd.DataFrame(
        {"x": [1.5, 2.5], "s": ["a", "b"], "c": pd.Categorical(["u", "v"])}, index=["i", "j"]
    ),
    "sparse": sparse.csr_matrix(np.eye(3)),
    "call": lambda x: x + Scale.factor,
    "scale": Scale(),
}
with Shipment(value) as shipment:
    shipment.write()
    worker = subprocess.run([sys.executable, sys.argv[1]], input=pickle.dumps(shipment))
sys.exit(worker.returncode)
"""

WORKER = """
import pickle
import sys

import numpy as np

received = pickle.load(sys.stdin.buffer)
value = received.open()
assert received.open() is value
c, fortran, strided = value["arrays"]
assert (c.tolist(), strided.tolist()) == ([[0, 1, 2], [3, 4, 5]], [0, 3, 6])
assert c.flags.c_contiguous and fortran.flags.f_contiguous
assert not c.flags.owndata and not c.flags.writeable
assert value["objects"].tolist() == ["a", None]
frame = value["frame"]
assert frame["s"].tolist() == ["a", "b"] and frame.index.tolist() == ["i", "j"]
assert frame["c"].cat.categories.tolist() == ["u", "v"]
assert frame.loc["j", "x"] == 2.5
assert (value["sparse"] @ np.arange(3.0)).tolist() == [0, 1, 2]
assert (value["call"](1), value["scale"](2)) == (4, 6)
"""


def test_another_process_opens_arrays_frames_and_what_its_main_module_lacks(tmp_path):
    sender, worker = tmp_path / "sender.py", tmp_path / "worker.py"
    sender.write_text(SENDER)
    worker.write_text(WORKER)
    run = subprocess.run([sys.executable, sender, worker], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


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
total = received.open().sum()
print(total, own_bytes() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux tells")
def test_a_worker_takes_no_memory_of_its_own_for_an_array(tmp_path):
    array = np.ones(8_000_000)
    worker = tmp_path / "worker.py"
    worker.write_text(MEASURE)
    with Shipment(array) as shipment:
        shipment.write()
        run = subprocess.run(
            [sys.executable, worker], input=pickle.dumps(shipment), capture_output=True
        )
    assert run.returncode == 0, run.stderr.decode()
    total, more = map(float, run.stdout.split())
    assert total == array.sum()
    # A copy would be as large as the array; unpickling takes some pages of the interpreter.
    assert more < array.nbytes / 8

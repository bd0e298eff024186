"""Broadcasts pickled by cloudpickle, as in the search: frames, matrices, local functions."""

from __future__ import annotations

import pickle
import subprocess
import sys

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tuneplug.execution import Broadcast


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path))


def send(broadcast):
    """Return what a worker holds of a broadcast that came with its job."""
    return pickle.loads(pickle.dumps(broadcast))


def test_without_a_file_all_of_it_goes_with_the_job():
    value = {"rows": np.arange(1000.0), "call": lambda x: x + 1}
    with Broadcast(value, cloudpickle.dumps) as broadcast:
        assert len(pickle.dumps(broadcast)) > 8000
        broadcast.write()
        broadcast.close()  # a worker of another machine
        got = send(broadcast).value
    np.testing.assert_array_equal(got["rows"], value["rows"])
    assert got["call"](1) == 2


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
    with Broadcast((frame, matrix), cloudpickle.dumps) as broadcast:
        broadcast.write()
        got_frame, got_matrix = send(broadcast).value
    pd.testing.assert_frame_equal(got_frame, frame)
    assert got_matrix.format == "csc"
    np.testing.assert_array_equal(got_matrix.toarray(), matrix.toarray())
    assert got_frame.iloc[[2, 0]]["x"].tolist() == [3.0, 1.0]
    assert got_matrix[[3, 1]].shape == (2, 30)


def test_a_broadcast_can_be_sent_by_cloudpickle_too():
    with Broadcast(np.arange(3), cloudpickle.dumps) as broadcast:
        broadcast.write()
        np.testing.assert_array_equal(
            pickle.loads(cloudpickle.dumps(broadcast)).value, np.arange(3)
        )


SENDER = """
import pickle
import subprocess
import sys

import cloudpickle
import numpy as np
import pandas as pd
from scipy import sparse

from tuneplug.execution import Broadcast


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
with Broadcast(value, cloudpickle.dumps) as broadcast:
    broadcast.write()
    worker = subprocess.run([sys.executable, sys.argv[1]], input=pickle.dumps(broadcast))
sys.exit(worker.returncode)
"""

WORKER = """
import pickle
import sys

import numpy as np

received = pickle.load(sys.stdin.buffer)
value = received.value
assert received.value is value
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

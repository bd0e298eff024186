"""Child processes that an objective forks: none of them goes on with the search."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")

#: Runs a search whose trial 1 forks; prints the states of the trials and the child's exit status.
PROGRAM = """
import os, sys, warnings
from tuneplug import Float, Study

warnings.simplefilter("ignore")
way, n_jobs, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
statuses = []


def child():
    if way == "exits":
        sys.exit(3)
    if way == "exits with a text":
        sys.exit("own text")
    if way == "raises":
        raise ValueError("own words")
    return 0.1


def objective(trial):
    if trial.number == 1:
        process = os.fork()
        if process == 0:
            return child()
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
    return trial.params["x"]


study = Study({"x": Float(1, 2)}, strategy="random", seed=0, storage=f"sqlite:///{path}", name="a")
study.optimize(objective, 4, n_jobs=n_jobs)
print(statuses, [str(trial.state) for trial in study.trials])
"""


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(
    ("way", "status", "said"),
    [
        ("exits", 3, ""),
        ("exits with a text", 1, "own text"),
        ("raises", 1, "ValueError: own words"),
        ("returns", 1, "it returned: end it with os._exit(0)"),
    ],
)
def test_a_child_that_an_objective_forks_does_not_go_on_with_the_search(
    way, status, said, n_jobs, tmp_path
):
    command = [sys.executable, "-c", PROGRAM, way, str(n_jobs), str(tmp_path / "a.db")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == f"[{status}] {['TrialState.COMPLETE'] * 4}\n"
    assert said in ended.stderr

"""A search that SIGKILL ends at random moments, and that is resumed, is the undisturbed one."""

from __future__ import annotations

import os
import pickle
import random
import signal
import subprocess
import sys
import time

import pytest
from search_results import assert_same_results

N_KILLS = 5

SCRIPT = """
import pickle, time
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from tuneplug import Float, Int
from tuneplug_sklearn import WarpedBayesSearchCV

X, y = make_classification(120, 6, flip_y=0.3, random_state=0)

def score(estimator, X, y):
    time.sleep(0.03)
    return estimator.score(X, y)

search = WarpedBayesSearchCV(
    HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=5, random_state=0),
    {{"learning_rate": Float(1e-3, 1.0), "max_leaf_nodes": Int(2, 12)}},
    n_iter=16, cv=4, scoring=score, random_state=0, refit=False, storage={url!r},
    study_name="a", resume=True, **{options!r},
)
print("starts", flush=True)
search.fit(X, y)
with open({results!r}, "wb") as file:
    pickle.dump(search.cv_results_, file)
"""

CASES = {
    "1 worker": {"n_jobs": 1},
    "2 workers": {"n_jobs": 2},
    "1 worker, rules": {"n_jobs": 1, "stopping": "median", "racing": True},
    "2 workers, rules": {"n_jobs": 2, "stopping": "median", "racing": True},
}


class Runs:
    """A script with its own storage."""

    def __init__(self, folder, name, options):
        self.results = folder / f"{name}.pickle"
        self.script = folder / f"{name}.py"
        url = f"sqlite:///{folder}/{name}.db"
        text = SCRIPT.format(url=url, options=options, results=str(self.results))
        self.script.write_text(text)

    def start(self):
        process = subprocess.Popen(
            [sys.executable, str(self.script)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
        )
        assert process.stdout.readline() == "starts\n"
        return process

    def finish(self):
        """Run to the end; return the seconds that it took, and ``cv_results_``."""
        process, started = self.start(), time.monotonic()
        process.communicate()
        assert process.returncode == 0
        return time.monotonic() - started, pickle.loads(self.results.read_bytes())

    def kill_after(self, seconds):
        """Run, and kill the process after some seconds; return whether it still ran."""
        process = self.start()
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            return True
        return False


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_search_that_is_killed_at_random_moments_is_the_undisturbed_one(tmp_path, case):
    seconds, expected = Runs(tmp_path, "whole", CASES[case]).finish()
    rng, n_kills, n_searches = random.Random(case), 0, 0
    while n_kills < N_KILLS:
        n_searches += 1
        runs = Runs(tmp_path, f"killed{n_searches}", CASES[case])
        while n_kills < N_KILLS and runs.kill_after(rng.uniform(0.05, 0.35) * seconds):
            n_kills += 1
        assert_same_results(runs.finish()[1], expected)

"""Child processes that a fit forks: none of them goes on with the search."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")

#: Runs a search of which the fits of one candidate fork; prints the mean scores.
PROGRAM = """
import os, sys, warnings

import joblib
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from tuneplug_sklearn import WarpedBayesSearchCV

warnings.simplefilter("ignore")


class Forking(ClassifierMixin, BaseEstimator):
    def __init__(self, k=0):
        self.k = k

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        if self.k == 1:
            process = os.fork()
            if process == 0:
                return self.child()
            self.status_ = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        return self

    def child(self):
        if sys.argv[1] == "exits":
            sys.exit(3)
        if sys.argv[1] == "raises":
            raise ValueError("own words")
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)

    def score(self, X, y):
        return float(getattr(self, "status_", 0))


X, y = np.arange(24.0).reshape(12, 2), np.arange(12) % 2
options = {"strategy": "grid", "cv": 2, "refit": False, "n_jobs": int(sys.argv[2])}
search = WarpedBayesSearchCV(Forking(), {"k": [0, 1, 2]}, n_iter=3, **options)
with joblib.parallel_config("threading"):
    search.fit(X, y)
print(search.cv_results_["mean_test_score"])
"""


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(("way", "status"), [("exits", 3), ("raises", 1), ("returns", 1)])
def test_a_child_that_a_fit_forks_does_not_go_on_with_the_search(way, status, n_jobs):
    command = [sys.executable, "-c", PROGRAM, way, str(n_jobs)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == f"[0. {status}. 0.]\n"
    assert ("must end, but it returned" in ended.stderr) == (way != "exits")

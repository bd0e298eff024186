"""Resume a search that was killed
===============================

A search that runs overnight may be killed.  With ``storage=`` every result is on the disk before
the next trial starts, and the same script resumes the search.  Here a search is really killed, by
the signal that no program can catch.
"""

# %%
# A script that dies in its ninth trial
# -------------------------------------
#
# It is an ordinary script but for the line that kills it.

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tuneplug import Study
from tuneplug_matplotlib import BestSoFarDisplay

SCRIPT = """
import os, signal, sys
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC
from tuneplug import Float, Study

url, mortal = sys.argv[1], len(sys.argv) > 2
study = Study(
    {"C": Float(1e-3, 1e3), "gamma": Float(1e-6, 10.0)},
    direction="maximize", seed=0, storage=url, name="iris",
)

def accuracy(trial):
    if mortal and trial.number == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return cross_val_score(SVC(**trial.params), *load_iris(return_X_y=True)).mean()

study.optimize(accuracy, 15 - len(study.trials))
"""
folder = tempfile.TemporaryDirectory()
script, url = Path(folder.name) / "tune.py", f"sqlite:///{folder.name}/studies.db"
script.write_text(SCRIPT, encoding="utf-8")
killed = subprocess.run([sys.executable, str(script), url, "mortal"], check=False)
print(signal.Signals(-killed.returncode).name)

# %%
# What is left
# ------------
#
# ``Study.load`` reads a study without changing it.  Eight results are there; the ninth trial is
# still ``running``, because nothing recorded its end.

left = Study.load(url, "iris")
print([trial.state.value for trial in left.trials])

# %%
# The same script again
# ---------------------
#
# The interrupted trial runs first, with the configuration it had.  No result is computed twice, and
# the model has learned from all of them.

subprocess.run([sys.executable, str(script), url], check=True)
study = Study.load(url, "iris")
print(len(study.trials), study.best_value)
print([study.trials[trial.number].params == trial.params for trial in left.trials])

# %%
# Searches of scikit-learn's interface take the same arguments:
# ``WarpedBayesSearchCV(..., storage=url, study_name="iris", resume=True)``.

BestSoFarDisplay.from_study(study)
folder.cleanup()

"""LightGBM's own API
==================

``lightgbm.train`` takes a dictionary and a ``Dataset``, not an estimator, so there is nothing to
cross-validate and a ``Study`` calls your function instead.  ``TrialCallback`` reports each round,
and a stopping rule ends the training of a configuration that falls behind.
"""

# %%
# An objective is a function of a trial
# -------------------------------------

import lightgbm
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from tuneplug import Float, Int, Study
from tuneplug_lightgbm import TrialCallback
from tuneplug_matplotlib import LearningCurvesDisplay, SliceDisplay

X, X_val, y, y_val = train_test_split(*load_breast_cancer(return_X_y=True), random_state=0)
FIXED = {"objective": "binary", "num_threads": 1, "verbose": -1}


def log_loss(trial):
    train = lightgbm.Dataset(X, y)
    callbacks = [TrialCallback(trial), lightgbm.early_stopping(10, verbose=False)]
    booster = lightgbm.train(
        {**FIXED, **trial.params},
        train,
        num_boost_round=60,
        valid_sets=[train.create_valid(X_val, y_val)],
        valid_names=["valid"],
        callbacks=callbacks,
    )
    return booster.best_score["valid"]["binary_logloss"]


space = {
    "learning_rate": Float(1e-3, 1.0),
    "num_leaves": Int(4, 64),
    "min_data_in_leaf": Int(1, 100),
}
study = Study(space, stopping="median", seed=0)
study.optimize(log_loss, 20)
print(f"{study.best_value:.4f} with {study.best_params}")
print(study.savings())

# %%
# Curves
# ------
#
# Stopped trainings end with a mark.  The rule waits for the first trials to end, and never stops
# before a quarter of the longest training, because small learning rates look poor at first.

LearningCurvesDisplay.from_study(study)

# %%
# Each parameter on its own
# -------------------------

SliceDisplay.from_study(study)

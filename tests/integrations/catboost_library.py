"""CatBoost behind the common interface of ``booster_libraries``, for tests that hold for all three.

CatBoost has no ``cv`` with callbacks, and names its evaluation sets itself.  It calls no callback
behind one that ends the training, so that the reporting one is the last here.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import catboost
import numpy as np
from booster_libraries import ROUNDS, X_TRAIN, X_VALID, Y_TRAIN, Y_VALID
from sklearn.metrics import log_loss

import tuneplug_catboost

QUIET = {"verbose": False, "allow_writing_files": False, "thread_count": 1}


class _Custom:
    """A metric of the user's."""

    def get_final_error(self, error, weight):
        return error

    def is_max_optimal(self):
        return True

    def evaluate(self, approxes, target, weight):
        return self.function(np.array(target), np.array(approxes[0])), 1.0


class CatBoost:
    name = "catboost"
    logloss = "Logloss"
    auc = "AUC"
    Error = catboost.CatBoostError
    no_evaluation = "training data is reported only if dataset= names it"
    Callback = tuneplug_catboost.TrialCallback
    Monitor = tuneplug_catboost.CatBoostMonitor
    Classifier = catboost.CatBoostClassifier
    recommended_space = staticmethod(tuneplug_catboost.recommended_space)

    @staticmethod
    def Regressor(  # noqa: N802
        n_estimators=3, n_jobs=1
    ):
        return catboost.CatBoostRegressor(
            n_estimators=n_estimators, **QUIET | {"thread_count": n_jobs}
        )

    @staticmethod
    def dataset(name):
        """Return CatBoost's name of a data set of ``train``."""
        names = {"train": "learn", "first": "validation_0", "second": "validation_1"}
        return names.get(name, "validation")

    @staticmethod
    def display_name(dataset, metric):
        return f"{CatBoost.dataset(dataset)}-{metric}"

    @staticmethod
    def continuing(n_previous):
        return {"n_previous": n_previous}

    @staticmethod
    def best(model):
        return model.best_iteration_

    @staticmethod
    def classifier(**params):
        return catboost.CatBoostClassifier(
            **{"n_estimators": ROUNDS, "depth": 3, **QUIET, **params}
        )

    @staticmethod
    def fit(model, *callbacks, evaluate=True):
        """Fit as a model without evaluation data, even if it is evaluated."""
        data = {"eval_set": (X_VALID, Y_VALID), "use_best_model": False} if evaluate else {}
        return model.fit(X_TRAIN, Y_TRAIN, callbacks=list(callbacks) or None, **data)

    @staticmethod
    def train(*callbacks, rounds=ROUNDS, sets=("valid",), custom=None, base=None, **params):
        early = params.pop("early_stopping", None)
        metrics = params.pop("metrics", None)
        if metrics is not None:
            params["custom_metric"] = metrics
        if custom is not None:
            cls = type(custom.__name__, (_Custom,), {"function": staticmethod(custom)})
            params["eval_metric"] = cls()
        model = catboost.CatBoostClassifier(n_estimators=rounds, depth=3, **QUIET, **params)
        valid = [(X_VALID, Y_VALID) for name in sets if name != "train"]
        return model.fit(
            X_TRAIN,
            Y_TRAIN,
            eval_set=valid or None,
            use_best_model=early is not None,
            early_stopping_rounds=early,
            init_model=base,
            callbacks=sorted(callbacks, key=lambda c: isinstance(c, CatBoost.Callback)),
        )

    @staticmethod
    def raw(model):
        """Return the saved model without its time, its identifier and its parameters."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.json"
            model.save_model(str(path), format="json")
            saved = json.loads(path.read_text())
        del saved["model_info"]
        return json.dumps(saved)

    @staticmethod
    def rounds(model):
        return model.tree_count_

    @staticmethod
    def loss(model, rounds=0):
        predicted = model.predict_proba(X_VALID, ntree_end=rounds)
        return float(log_loss(Y_VALID, predicted))

    @staticmethod
    def recorder(seen):
        class Recorder:
            def after_iteration(self, info):
                seen.append(info.iteration - 1)
                return True

        return Recorder()


def train_catboost(trial):
    model = CatBoost.train(tuneplug_catboost.TrialCallback(trial), **trial.params)
    return CatBoost.loss(model)

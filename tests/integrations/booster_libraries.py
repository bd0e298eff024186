"""A common interface to XGBoost and LightGBM for tests that hold for both, and objectives.

Worker processes import this module.  Both classes train small models on the same small problem, and
evaluate them on "valid".  ``logloss`` is the library's name of the log loss.
"""

from __future__ import annotations

import importlib
import inspect

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.metrics import log_loss, roc_auc_score

import tuneplug_lightgbm
import tuneplug_xgboost

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 4))
y = (X[:, 0] + X[:, 1] ** 2 + 0.5 * rng.normal(size=300) > 1).astype(int)
X_TRAIN, Y_TRAIN, X_VALID, Y_VALID = X[:200], y[:200], X[200:], y[200:]
ROUNDS = 8


def auc_of(y_true, y_pred):
    return float(roc_auc_score(y_true, y_pred))


def nothing(y_true, y_pred):
    return float("nan")


class XGBoost:
    name = "xgboost"
    logloss = "logloss"
    auc = "auc"
    Error = ValueError
    no_evaluation = r"needs an evaluation set.*pass (evals|valid_sets)="
    Callback = tuneplug_xgboost.TrialCallback
    Monitor = tuneplug_xgboost.XGBoostMonitor
    Classifier = xgboost.XGBClassifier
    Regressor = xgboost.XGBRegressor
    recommended_space = staticmethod(tuneplug_xgboost.recommended_space)

    @staticmethod
    def display_name(dataset, metric):
        return f"{dataset}-{metric}"

    @staticmethod
    def dataset(name):
        """Return the library's name of a data set of ``train``."""
        return name

    @staticmethod
    def continuing(n_previous):
        """Return the arguments of a callback for a training that continues a model."""
        return {}

    @staticmethod
    def best(model):
        return model.best_iteration

    @staticmethod
    def classifier(**params):
        params = {"n_estimators": ROUNDS, "max_depth": 3, "n_jobs": 1, **params}
        return xgboost.XGBClassifier(**params)

    @staticmethod
    def fit(model, *callbacks, evaluate=True):
        eval_set = [(X_VALID, Y_VALID)] if evaluate else None
        model.set_params(callbacks=list(callbacks) or None)
        return model.fit(X_TRAIN, Y_TRAIN, eval_set=eval_set, verbose=False)

    @staticmethod
    def train(*callbacks, rounds=ROUNDS, sets=("valid",), custom=None, base=None, **params):
        """Train and evaluate: "train" is the training data, other sets are the validation data."""
        train = xgboost.DMatrix(X_TRAIN, Y_TRAIN)
        early = params.pop("early_stopping", None)
        if "metrics" in params:
            params["eval_metric"] = params.pop("metrics")
        params = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1, **params}
        return xgboost.train(
            params,
            train,
            rounds,
            evals=[
                (train if name == "train" else xgboost.DMatrix(X_VALID, Y_VALID), name)
                for name in sets
            ],
            custom_metric=custom
            and (lambda p, data: (custom.__name__, custom(data.get_label(), p))),
            xgb_model=base,
            callbacks=list(callbacks),
            early_stopping_rounds=early,
            verbose_eval=False,
        )

    @staticmethod
    def cv(*callbacks, rounds=ROUNDS):
        """Return the mean validation log loss of each round."""
        params = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1}
        data = xgboost.DMatrix(X, y)
        table = xgboost.cv(params, data, rounds, callbacks=list(callbacks), as_pandas=False)
        return table["test-logloss-mean"]

    @staticmethod
    def raw(model):
        booster = model.get_booster() if hasattr(model, "get_booster") else model
        return bytes(booster.save_raw())

    @staticmethod
    def rounds(model):
        booster = model.get_booster() if hasattr(model, "get_booster") else model
        return booster.num_boosted_rounds()

    @staticmethod
    def loss(model, rounds=0):
        """Return the log loss on "valid" of the first rounds; 0 means all that the model uses."""
        predicted = model.predict(xgboost.DMatrix(X_VALID), iteration_range=(0, rounds))
        return float(log_loss(Y_VALID, predicted.astype(float)))

    @staticmethod
    def recorder(seen):
        class Recorder(xgboost.callback.TrainingCallback):
            def after_iteration(self, model, epoch, evals_log):
                seen.append(epoch)
                return False

        return Recorder()

    @staticmethod
    def early_stopping(rounds):
        return xgboost.callback.EarlyStopping(rounds=rounds)


class LightGBM:
    name = "lightgbm"
    logloss = "binary_logloss"
    auc = "auc"
    Error = ValueError
    no_evaluation = r"needs an evaluation set.*pass (evals|valid_sets)="
    Callback = tuneplug_lightgbm.TrialCallback
    Monitor = tuneplug_lightgbm.LightGBMMonitor
    Classifier = lightgbm.LGBMClassifier
    Regressor = lightgbm.LGBMRegressor
    recommended_space = staticmethod(tuneplug_lightgbm.recommended_space)

    @staticmethod
    def display_name(dataset, metric):
        return f"{dataset}'s {metric}"

    @staticmethod
    def dataset(name):
        """Return the library's name of a data set of ``train``."""
        return name

    @staticmethod
    def continuing(n_previous):
        """Return the arguments of a callback for a training that continues a model."""
        return {}

    @staticmethod
    def best(model):
        return model.best_iteration

    @staticmethod
    def classifier(**params):
        params = {"n_estimators": ROUNDS, "num_leaves": 7, "n_jobs": 1, "verbose": -1, **params}
        return lightgbm.LGBMClassifier(**params)

    @staticmethod
    def fit(model, *callbacks, evaluate=True):
        if not evaluate:
            data = {}
        elif "eval_X" in inspect.signature(model.fit).parameters:
            data = {"eval_X": (X_VALID,), "eval_y": (Y_VALID,)}
        else:
            data = {"eval_set": [(X_VALID, Y_VALID)]}
        return model.fit(X_TRAIN, Y_TRAIN, **data, callbacks=list(callbacks))

    @staticmethod
    def train(*callbacks, rounds=ROUNDS, sets=("valid",), custom=None, base=None, **params):
        early = params.pop("early_stopping", None)
        if "metrics" in params:
            params["metric"] = params.pop("metrics")
        if early is not None:
            callbacks = (*callbacks, lightgbm.early_stopping(early, verbose=False))
        if "booster" in params:
            params["boosting"] = params.pop("booster")
        basic = {"objective": "binary", "num_leaves": 7, "num_threads": 1, "verbose": -1}
        train = lightgbm.Dataset(X_TRAIN, Y_TRAIN)
        valid = [
            train if name == "train" else lightgbm.Dataset(X_VALID, Y_VALID, reference=train)
            for name in sets
        ]
        return lightgbm.train(
            {**basic, **params},
            train,
            rounds,
            valid_sets=valid or None,
            valid_names=list(sets) or None,
            feval=custom and (lambda p, data: (custom.__name__, custom(data.get_label(), p), True)),
            init_model=base,
            callbacks=list(callbacks),
        )

    @staticmethod
    def cv(*callbacks, rounds=ROUNDS):
        params = {"objective": "binary", "num_leaves": 7, "num_threads": 1, "verbose": -1}
        data = lightgbm.Dataset(X, y)
        table = lightgbm.cv(params, data, rounds, nfold=3, callbacks=list(callbacks))
        return table["valid binary_logloss-mean"]

    @staticmethod
    def raw(model):
        booster = getattr(model, "booster_", model)
        return booster.model_to_string().encode()

    @staticmethod
    def rounds(model):
        return getattr(model, "booster_", model).num_trees()

    @staticmethod
    def loss(model, rounds=None):
        return float(log_loss(Y_VALID, model.predict(X_VALID, num_iteration=rounds)))

    @staticmethod
    def recorder(seen):
        return lambda env: seen.append(env.iteration)

    @staticmethod
    def early_stopping(rounds):
        return lightgbm.early_stopping(rounds, verbose=False)


LIBRARIES = {"xgboost": XGBoost, "lightgbm": LightGBM}
#: All three libraries; CatBoost may be missing.
NAMES = (*LIBRARIES, "catboost")


def library_of(name):
    """Return the class of a library; skip the test if the library is missing."""
    if name in LIBRARIES:
        return LIBRARIES[name]
    pytest.importorskip(name, reason=f"{name} is not installed")
    return importlib.import_module("catboost_library").CatBoost


def train_xgboost(trial):
    model = XGBoost.train(tuneplug_xgboost.TrialCallback(trial), **trial.params)
    return XGBoost.loss(model)


def train_lightgbm(trial):
    model = LightGBM.train(tuneplug_lightgbm.TrialCallback(trial), **trial.params)
    return LightGBM.loss(model)


def cv_xgboost(trial):
    callback = tuneplug_xgboost.TrialCallback(trial)
    data = xgboost.DMatrix(X, y)
    params = {"objective": "binary:logistic", "nthread": 1, **trial.params}
    table = xgboost.cv(params, data, ROUNDS, callbacks=[callback], as_pandas=False)
    return table["test-logloss-mean"][-1]


def cv_lightgbm(trial):
    callback = tuneplug_lightgbm.TrialCallback(trial)
    params = {"objective": "binary", "num_threads": 1, "verbose": -1, **trial.params}
    table = lightgbm.cv(params, lightgbm.Dataset(X, y), ROUNDS, callbacks=[callback])
    return table["valid binary_logloss-mean"][-1]


OBJECTIVES = {f.__name__: f for f in (train_xgboost, train_lightgbm, cv_xgboost, cv_lightgbm)}

#: Each metric of XGBoost, and whether it is maximized.
XGBOOST_METRICS = {
    "aft-nloglik": False,
    "ams@0.15": True,
    "auc": True,
    "aucpr": True,
    "cox-nloglik": False,
    "error": False,
    "error@0.7": False,
    "gamma-deviance": False,
    "gamma-nloglik": False,
    "interval-regression-accuracy": True,
    "logloss": False,
    "mae": False,
    "map": True,
    "map-": True,
    "map@5": True,
    "map@5-": True,
    "mape": False,
    "merror": False,
    "mlogloss": False,
    "mphe": False,
    "ndcg": True,
    "ndcg-": True,
    "ndcg@5": True,
    "ndcg@5-": True,
    "poisson-nloglik": False,
    "pre": True,
    "pre@5": True,
    "quantile": False,
    "rmse": False,
    "rmsle": False,
    "tweedie-nloglik@1.5": False,
}

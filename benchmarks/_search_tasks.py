"""Tasks of the search classes: real models on real data, with fits of 0.1 to 0.4 s.

With such fits a search takes about half a minute, most of it in fits, as real searches do. With
fits of a few milliseconds the start of workers would dominate.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import models
import numpy as np
from models import MODELS, Data, Model
from scipy import stats
from sklearn import datasets
from sklearn.ensemble import AdaBoostRegressor, ExtraTreesClassifier
from sklearn.tree import DecisionTreeRegressor

from tuneplug import Categorical, Int

#: UCI's bank-additional-full as gzipped CSV with ``y`` in {0, 1}; its tasks need this file.
BANK = Path(
    os.environ.get(
        "TUNEPLUG_BANK",
        Path(__file__).parents[2] / "shared" / "data" / "bank_marketing.csv.gz",
    )
)


@cache
def rows(load: Callable[..., Data], count: int) -> Data:
    """Return a fixed random subset of a data set with ``count`` rows."""
    X, y = load(return_X_y=True)
    kept = np.random.default_rng(0).permutation(len(y))[:count]
    return X[kept], y[kept]


def load_bank(*, return_X_y: bool = True) -> Data:
    """Bank marketing: 41188 rows, one-hot, without the duration of the call, two classes."""
    import pandas as pd

    frame = pd.read_csv(BANK)
    y = frame.pop("y").to_numpy()
    return pd.get_dummies(frame.drop(columns="duration")).to_numpy(float), y


# With these row counts the last round of successive halving (60 or 30 candidates, factor 3) uses
# all rows, and so the same folds as the other classes.


def diabetes() -> Data:
    """Diabetes: 432 rows."""
    return rows(datasets.load_diabetes, 432)


def digits() -> Data:
    """Digits: 900 rows, ten classes."""
    return rows(datasets.load_digits, 900)


def large_parity() -> Data:
    """Digits, told odd from even: 1620 rows, two classes."""
    X, y = rows(datasets.load_digits, 1620)
    return X, y % 2


def small_bank() -> Data:
    """Bank marketing: 2700 rows."""
    return rows(load_bank, 2700)


def bank() -> Data:
    """Bank marketing: 8100 rows."""
    return rows(load_bank, 8100)


_KNOWN = {model.name: model for model in MODELS}
_MLP = {
    f"mlpclassifier__{name}": parameter
    for name, parameter in {
        "hidden_layer_sizes": Int(16, 256),
        "learning_rate_init": models.log(1e-4, 1e-1),
        "batch_size": Int(8, 128),
        "alpha": models.log(1e-6, 1e1),
        "activation": Categorical(["relu", "tanh", "logistic"]),
    }.items()
}
_SVM = {name: _KNOWN["svm, cancer"].parameters[name] for name in ("svc__C", "svc__gamma")}
_FOREST = {
    "n_estimators": Int(20, 200),
    "max_depth": Int(2, 30),
    "max_features": models.linear(0.02, 1.0),
    "min_samples_leaf": Int(1, 50),
    "criterion": Categorical(["gini", "entropy"]),
}
_ADABOOST = {
    "n_estimators": Int(20, 200),
    "learning_rate": models.log(1e-3, 1e1),
    "estimator__max_depth": Int(1, 6),
    "estimator__min_samples_leaf": Int(1, 50),
}


def _longer(name: str, known: str, data: Callable[[], Data], **rounds: Int) -> Model:
    """Return a known model with more rounds, on more data."""
    model = _KNOWN[known]
    return replace(model, name=name, data=data, parameters={**model.parameters, **rounds})


TASKS = {
    model.name: model
    for model in (
        replace(_KNOWN["svm, cancer"], name="svm, bank", data=small_bank, parameters=_SVM),
        _longer("xgboost, bank", "xgboost, cancer", bank, n_estimators=Int(20, 400)),
        _longer("lightgbm, bank", "lightgbm, parity", bank, n_estimators=Int(20, 400)),
        _longer("boosting, diabetes", "boosting, diabetes", diabetes, max_iter=Int(50, 500)),
        _longer(
            "random forest, digits", "random forest, digits", digits, n_estimators=Int(20, 200)
        ),
        replace(_KNOWN["mlp, digits"], name="mlp, bank", data=bank, parameters=_MLP),
        _longer("xgboost, parity", "xgboost, cancer", large_parity, n_estimators=Int(50, 400)),
        replace(_KNOWN["logistic regression, digits"], name="logistic regression, bank", data=bank),
        Model(
            "extra trees, bank",
            ExtraTreesClassifier(n_jobs=1, random_state=0),
            small_bank,
            "neg_log_loss",
            _FOREST,
        ),
        Model(
            "adaboost, diabetes",
            AdaBoostRegressor(DecisionTreeRegressor(random_state=0), random_state=0),
            diabetes,
            "neg_root_mean_squared_error",
            _ADABOOST,
        ),
    )
    if BANK.exists() or "bank" not in model.name
}


def distributions(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Convert parameters to scipy distributions; scipy has no log scale for integers."""

    def distribution(p: Any) -> Any:
        if isinstance(p, Categorical):
            return list(p.values)
        if isinstance(p, Int):
            return stats.randint(p.low, p.high + 1)
        if p.choice.scaling.name == "log":
            return stats.loguniform(p.low, p.high)
        return stats.uniform(p.low, p.high - p.low)

    return {name: distribution(p) for name, p in parameters.items()}

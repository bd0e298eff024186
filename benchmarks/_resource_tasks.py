"""Models on many rows, of which a fit can be given a share: tasks of ``resources.py``.

Each has one hold-out split. A share of the training part is nested and stratified, as in the
search; the validation part stays whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from _tasks import Configuration, FloatArray
from _timed_tasks import ROWS, TimedTask
from models import Model, linear, log
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from tuneplug import Int
from tuneplug_sklearn.subsampling import NestedOrder, Subsampling

#: Number of parts of the training rows; the smallest share is one part.
N_PARTS = 27
VALIDATION_SHARE = 0.2


class Table(NamedTuple):
    """Encoded data: categories as numbers for trees, as scaled indicators for networks."""

    ordinal: FloatArray
    indicators: FloatArray
    y: np.ndarray
    train: NestedOrder
    test: np.ndarray


@cache
def table(path: Path | None) -> Table:
    """Return the data of a CSV file whose last column is the class, or generated data."""
    if path is None:
        X, y = make_classification(20_000, 20, n_informative=8, weights=[0.88], random_state=0)
        frame = pd.DataFrame(X)
    else:
        frame = pd.read_csv(path)
        y = np.unique(frame.pop(frame.columns[-1]), return_inverse=True)[1]
    ordinal = frame.apply(lambda c: c if c.dtype.kind in "if" else c.astype("category").cat.codes)
    scaled = StandardScaler().fit_transform(pd.get_dummies(frame).to_numpy(float))
    splitter = StratifiedShuffleSplit(1, test_size=VALIDATION_SHARE, random_state=0)
    splits = list(splitter.split(frame, y))
    orders = Subsampling.of(splits, 0, classes=y).orders
    return Table(ordinal.to_numpy(float), scaled, y, orders[0], splits[0][1])


@dataclass(frozen=True, eq=False)
class RowsTask(TimedTask):
    """A model that is fitted on a share of the training part of one hold-out split."""

    path: Path | None = None

    @property
    def name(self) -> str:
        """Name of the model and of the data."""
        return f"{self.model.name}, {data_name(self.path)}"

    def loss(self, configuration: Configuration, resource: int) -> float:
        """Return the negative score of the validation part."""
        data = table(self.path)
        X = data.indicators if self.model.name == "mlp" else data.ordinal
        rows = data.train.subsample(resource / self.full)
        estimator = clone(self.model.estimator).set_params(**configuration)
        estimator.fit(X[rows], data.y[rows])
        return -float(get_scorer(self.model.scoring)(estimator, X[data.test], data.y[data.test]))


def data_name(path: Path | None) -> str:
    """Return the name of a data set: that of its file."""
    return "generated" if path is None else path.name.split(".")[0]


MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "hist gradient boosting": (
        HistGradientBoostingClassifier(early_stopping=False, random_state=0),
        {
            "learning_rate": log(1e-3, 1.0),
            "max_iter": Int(10, 100, scaling="log"),
            "max_leaf_nodes": Int(4, 64, scaling="log"),
            "min_samples_leaf": Int(5, 200, scaling="log"),
            "l2_regularization": log(1e-3, 1e2),
        },
    ),
    "xgboost": (
        XGBClassifier(n_jobs=1, random_state=0),
        {
            "learning_rate": log(1e-3, 1.0),
            "n_estimators": Int(20, 200, scaling="log"),
            "max_depth": Int(2, 10),
            "min_child_weight": log(0.1, 100.0),
            "subsample": linear(0.3, 1.0),
        },
    ),
    "mlp": (
        MLPClassifier(max_iter=10, random_state=0),
        {
            "hidden_layer_sizes": Int(4, 64, scaling="log"),
            "learning_rate_init": log(1e-4, 1e-1),
            "alpha": log(1e-6, 1e1),
            "batch_size": Int(64, 1024, scaling="log"),
        },
    ),
}


def tasks(path: Path | None, names: Sequence[str]) -> list[RowsTask]:
    """Return the tasks of some models."""
    found = []
    for name in names:
        estimator, parameters = MODELS[name]
        model = Model(name, estimator, lambda: (None, None), "roc_auc", parameters)
        found.append(RowsTask(model, ROWS, full=N_PARTS, path=path))
    return found

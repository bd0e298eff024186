"""Data sets, boosters and search spaces of ``stopping.py``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import lightgbm
import xgboost
from _search_tasks import BANK, load_bank, rows
from sklearn import datasets
from sklearn.model_selection import KFold, StratifiedKFold

from tuneplug import Float, Int

N_ROUNDS, N_FOLDS = 200, 5


class Task(NamedTuple):
    """A data set and its metric, which both stops fits and scores them."""

    load: Callable[[], tuple[Any, Any]]
    scoring: str
    metric: dict[str, str]
    objective: dict[str, str]


def parity() -> tuple[Any, Any]:
    """Digits: 1000 rows, odd or even."""
    X, y = rows(datasets.load_digits, 1000)
    return X, y % 2


AUC = {"xgboost": "auc", "lightgbm": "auc"}
TWO = {"xgboost": "binary:logistic", "lightgbm": "binary"}
TASKS = {
    "cancer": Task(partial(datasets.load_breast_cancer, return_X_y=True), "roc_auc", AUC, TWO),
    "parity": Task(parity, "roc_auc", AUC, TWO),
    "diabetes": Task(
        partial(datasets.load_diabetes, return_X_y=True),
        "neg_root_mean_squared_error",
        {"xgboost": "rmse", "lightgbm": "rmse"},
        {"xgboost": "reg:squarederror", "lightgbm": "regression"},
    ),
    "wine": Task(
        partial(datasets.load_wine, return_X_y=True),
        "neg_log_loss",
        {"xgboost": "mlogloss", "lightgbm": "multi_logloss"},
        {"xgboost": "multi:softprob", "lightgbm": "multiclass"},
    ),
    "bank": Task(partial(rows, load_bank, 2500), "roc_auc", AUC, TWO),
}
if not BANK.exists():
    del TASKS["bank"]

SHARED = {
    "learning_rate": Float(0.01, 0.5, "log"),
    "subsample": Float(0.5, 1.0),
    "colsample_bytree": Float(0.5, 1.0),
    "reg_alpha": Float(1e-3, 1e2, "log"),
    "reg_lambda": Float(1e-3, 1e2, "log"),
}
SPACES = {
    "xgboost": {**SHARED, "max_depth": Int(2, 10), "min_child_weight": Float(0.1, 30.0, "log")},
    "lightgbm": {**SHARED, "num_leaves": Int(2, 128), "min_child_samples": Int(2, 60)},
}


class Cell(NamedTuple):
    """Key of one run."""

    task: str
    library: str
    variant: str
    seed: int
    n_trials: int


@dataclass(frozen=True)
class Run:
    """Outcome of one run.

    Attributes
    ----------
    score : float
        Score of the best candidate that was not stopped; larger is better.
    rounds : int
        Boosting rounds trained, over all folds.
    seconds : float
        Duration of the search.
    stopped : int
        Number of stopped candidates.
    """

    cell: Cell
    score: float
    rounds: int
    seconds: float
    stopped: int


def model(task: Task, library: str) -> Any:
    """Return the estimator, with one thread."""
    regression = task.scoring.startswith("neg_root")
    if library == "xgboost":
        cls = xgboost.XGBRegressor if regression else xgboost.XGBClassifier
        more = {"eval_metric": task.metric[library]}
    else:
        cls = lightgbm.LGBMRegressor if regression else lightgbm.LGBMClassifier
        more = {"metric": task.metric[library], "subsample_freq": 1, "verbosity": -1}
    return cls(n_estimators=N_ROUNDS, n_jobs=1, random_state=0, **more)


def folds(task: Task, X: Any, y: Any, seed: int) -> list[Any]:
    """Return the CV folds of a seed."""
    kind = KFold if task.scoring.startswith("neg_root") else StratifiedKFold
    return list(kind(N_FOLDS, shuffle=True, random_state=seed).split(X, y))

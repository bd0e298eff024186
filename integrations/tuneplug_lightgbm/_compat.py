"""Private names of LightGBM that the adapter needs, and what differs by version.

Nothing else in this package uses a name that LightGBM does not document.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any, NamedTuple

import lightgbm
import numpy as np
from lightgbm.basic import _ConfigAliases

__all__ = ["Result", "aliases", "encodes_eval_y", "results", "takes_eval_x", "training_name"]


class Result(NamedTuple):
    """What a metric was on a data set after a round; a mean over the folds of ``cv``."""

    dataset: str
    metric: str
    value: float
    maximize: bool


def results(evaluated: Any) -> list[Result]:
    """Return what a callback is given to see, the same in all versions."""
    return [_result(*tuple(item)[:4]) for item in evaluated or []]


def _result(dataset: str, metric: str, value: float, maximize: bool) -> Result:
    if dataset == "cv_agg":  # cv before LightGBM 4.7: ("cv_agg", "valid auc", ...)
        dataset, _, metric = metric.partition(" ")
    return Result(dataset, metric, float(value), bool(maximize))


def training_name(model: Any) -> str:
    """Return what LightGBM calls the training data among the evaluated data sets."""
    if isinstance(model, lightgbm.CVBooster):
        return "train"
    return getattr(model, "_train_data_name", "training")


def aliases(*names: str) -> set[str]:
    """Return all names that LightGBM knows parameters by."""
    return set(_ConfigAliases.get(*names))


@functools.cache
def takes_eval_x() -> bool:
    """Whether ``fit`` takes ``eval_X`` and ``eval_y``: from 4.7 on, where ``eval_set`` warns."""
    return "eval_X" in inspect.signature(lightgbm.LGBMModel.fit).parameters


@functools.cache
def encodes_eval_y() -> bool:
    """Whether ``LGBMClassifier`` encodes ``eval_y`` as it does ``y``: 4.7 does not (its #7400)."""
    X, y = np.array([[0.0], [1.0]]), np.array(["a", "b"])
    try:
        lightgbm.LGBMClassifier(n_estimators=1, verbose=-1).fit(X, y, eval_X=(X,), eval_y=(y,))
    except ValueError:  # a label that is no number
        return False
    return True

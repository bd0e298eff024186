"""Private names of LightGBM, and differences between its versions.

The rest of this package uses documented names only.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

import lightgbm
import numpy as np
from lightgbm.basic import _ConfigAliases
from lightgbm.callback import _ResetParameterCallback

from tuneplug.monitoring import Entry
from tuneplug.trial import Direction

__all__ = [
    "Result",
    "aliases",
    "distributed_workers",
    "encodes_eval_y",
    "results",
    "set_aliases",
    "shortened_schedule",
    "takes_eval_x",
    "training_name",
]


class Result(NamedTuple):
    """Value of a metric on a data set after a round; in ``cv`` the mean over the folds."""

    entry: Entry
    value: float
    direction: Direction


def results(evaluated: Any) -> list[Result]:
    """Convert the results that LightGBM passes to callbacks; None means no results."""
    return [_result(*tuple(item)[:4]) for item in evaluated or []]


def _result(dataset: str, metric: str, value: float, maximize: bool) -> Result:
    if dataset == "cv_agg":  # cv before LightGBM 4.7: ("cv_agg", "valid auc", ...)
        dataset, _, metric = metric.partition(" ")
    return Result(Entry(dataset, metric), float(value), "maximize" if maximize else "minimize")


def training_name(model: Any) -> str:
    """Return LightGBM's name of the training data among the evaluated data sets."""
    if isinstance(model, lightgbm.CVBooster):
        return "train"
    return getattr(model, "_train_data_name", "training")


def aliases(*names: str) -> set[str]:
    """Return the parameters and all their aliases."""
    return set(_ConfigAliases.get(*names))


def set_aliases(estimator: Any, name: str) -> dict[str, Any]:
    """Return the values of a parameter of an estimator, by the aliases under which it is set."""
    known = aliases(name)
    return {key: value for key, value in estimator.get_params().items() if key in known}


def distributed_workers(params: Mapping[str, Any]) -> int:
    """Return the number of machines that parameters distribute a training over; 0 if none."""
    counts = [int(params[name]) for name in aliases("num_machines") if name in params]
    machines = aliases("machines", "machine_list_filename")
    n_workers = max([1, *counts])
    return n_workers if n_workers > 1 or any(params.get(name) for name in machines) else 0


def shortened_schedule(callback: Any, n_rounds: int) -> Any:
    """Return a copy of a ``reset_parameter`` callback whose lists have at most ``n_rounds`` values.

    LightGBM requires one value per round.  Other callbacks are returned unchanged.
    """
    if not isinstance(callback, _ResetParameterCallback):
        return callback
    shortened = copy.copy(callback)
    shortened.kwargs = {
        name: values[:n_rounds] if isinstance(values, list) else values
        for name, values in callback.kwargs.items()
    }
    return shortened


@functools.cache
def takes_eval_x() -> bool:
    """Return whether ``fit`` takes ``eval_X`` and ``eval_y``.

    LightGBM 4.7 and later do, and warn about ``eval_set``.
    """
    return "eval_X" in inspect.signature(lightgbm.LGBMModel.fit).parameters


@functools.cache
def encodes_eval_y() -> bool:
    """Return whether ``LGBMClassifier`` encodes ``eval_y`` like ``y``.

    LightGBM 4.7 does not (issue #7400).
    """
    X, y = np.array([[0.0], [1.0]]), np.array(["a", "b"])
    try:
        lightgbm.LGBMClassifier(n_estimators=1, verbose=-1).fit(X, y, eval_X=(X,), eval_y=(y,))
    except ValueError:  # raised for labels that are not numbers
        return False
    return True

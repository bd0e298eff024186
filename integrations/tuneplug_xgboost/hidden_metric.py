"""Evaluate one more metric of XGBoost that nobody but a reporting callback sees.

XGBoost's early stopping goes by the last metric of the evaluation log.  A metric that the first
callback takes out of the log after each round changes neither early stopping, nor what later
callbacks and ``evals_result()`` contain.
"""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any

import numpy as np
import xgboost

__all__ = ["HiddenMetric"]


class HiddenMetric:
    """A metric that one training evaluates in addition to its own.

    Parameters
    ----------
    model : Booster
        Booster before its first round.  The metric is added to its configuration.
    name : str
        XGBoost's name of the metric.

    Attributes
    ----------
    log : dict
        Values of the metric by data set, in the form of XGBoost's evaluation log.  Empty if the
        training evaluates the metric anyway: it then stays in XGBoost's log.
    """

    def __init__(self, model: xgboost.Booster, name: str) -> None:
        self.log: dict[str, dict[str, list[Any]]] = {}
        self._name = name
        own = _evaluated_metrics(model)
        self._hidden = name not in own
        if self._hidden:
            model.set_param([("eval_metric", metric) for metric in (*own, name)])

    def take(self, log: MutableMapping[str, MutableMapping[str, list[Any]]]) -> None:
        """Move the values of the latest round from XGBoost's log to this one.

        A metric of the user's that has the same name stays: XGBoost evaluates it last.
        """
        if not self._hidden:
            return
        for dataset, metrics in log.items():
            values = metrics[self._name]
            taken = values.pop(-2 if len(values) > 1 else -1)
            self.log.setdefault(dataset, {self._name: []})[self._name].append(taken)
            if not values:
                del metrics[self._name]


def _evaluated_metrics(model: xgboost.Booster) -> list[str]:
    """Return the built-in metrics that a training evaluates.

    XGBoost evaluates the default metric of the objective only if no other built-in one is set.
    """
    learner = json.loads(model.save_config())["learner"]
    named = [metric["name"] for metric in learner["metrics"]]
    if named or int(learner["learner_train_param"]["disable_default_eval_metric"]) > 0:
        return named
    return [_default_metric(learner["objective"])]


def _default_metric(objective: dict[str, Any]) -> str:
    """Return the name of an objective's default metric, from an evaluation of two rows."""
    params = {"objective": objective["name"]}
    for group in objective.values():
        params |= group if isinstance(group, dict) else {}
    rows = xgboost.DMatrix(np.ones((2, 1)), label=[0.0, 1.0], nthread=1)
    line = xgboost.Booster(params, [rows]).eval(rows, "probe")
    return str(line.split("\tprobe-")[1].rpartition(":")[0])

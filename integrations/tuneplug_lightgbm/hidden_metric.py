"""Evaluate one more metric of LightGBM that only a reporting callback sees.

LightGBM's early stopping goes by all metrics.  The callbacks of a round share one list of results.
A metric that the first callback takes out of the list changes neither early stopping, nor what
other callbacks and ``evals_result_`` contain.
"""

from __future__ import annotations

import sys
from typing import Any

from tuneplug_lightgbm._compat import Result, results

__all__ = ["HiddenMetric"]


class HiddenMetric:
    """Callback that takes a metric out of the results of each round.

    Parameters
    ----------
    name : str
        LightGBM's name of a metric that the fit does not evaluate otherwise.

    Attributes
    ----------
    results : list of Result
        Results of the metric in the latest round, by data set.
    """

    def __init__(self, name: str) -> None:
        self.results: list[Result] = []
        self.order = -sys.maxsize  # before every other callback
        self.before_iteration = False
        self._name = name

    def __call__(self, env: Any) -> None:
        """Take the metric out of the results; a metric of the user's with its name stays."""
        kept: list[Any] = []
        taken: dict[str, Result] = {}
        for item, result in zip(
            env.evaluation_result_list or [], results(env.evaluation_result_list), strict=True
        ):
            dataset, metric = result.entry
            if metric == self._name and dataset not in taken:
                taken[dataset] = result
            else:
                kept.append(item)
        self.results = list(taken.values())
        if taken:
            env.evaluation_result_list[:] = kept

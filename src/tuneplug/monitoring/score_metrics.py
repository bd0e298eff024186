"""Find the metric of a library that orders fits as a score does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tuneplug.monitoring.fit_monitor import MonitoredFit

__all__ = ["ScoreMetrics", "evaluation_weights"]

#: Scorers that are not symmetric in the classes: they score class 1, and libraries the last class.
OF_CLASS_1 = {"average_precision"}


@dataclass(frozen=True)
class ScoreMetrics:
    """Metrics of a library, by scikit-learn's name of the scorer that orders fits alike.

    A metric orders fits as a scorer does if, on the same validation data, one is a monotone
    function of the other.

    Attributes
    ----------
    binary, multiclass, regression : mapping of str to str
        Metrics for classifiers of two classes, of more classes, and for regressors with one target.
    multioutput : mapping of str to str
        Metrics for regressors with several targets.
    min_target : mapping of str to float
        Metrics that equal their scorer only if no target of the validation data is nearer to 0.
    """

    binary: Mapping[str, str]
    multiclass: Mapping[str, str]
    regression: Mapping[str, str]
    multioutput: Mapping[str, str] = field(default_factory=dict)
    min_target: Mapping[str, float] = field(default_factory=dict)

    def metric_for(self, fit: MonitoredFit, *, multiclass: bool = False) -> str | None:
        """Return the metric for the scoring of a fit; None if there is no scoring or no metric.

        Parameters
        ----------
        fit : MonitoredFit
        multiclass : bool, default False
            Whether the objective of a classifier treats two classes as many.
        """
        if fit.scoring is None or fit.scoring.standard_name is None:
            return None
        score = fit.scoring.standard_name
        if score in OF_CLASS_1 and np.unique(fit.y)[-1] != 1:
            return None
        metric = self._table(fit, multiclass=multiclass).get(score)
        smallest = self.min_target.get(metric or "")
        if smallest is None:
            return metric
        if fit.y_val is None or (np.abs(np.asarray(fit.y_val, dtype=float)) < smallest).any():
            return None
        return metric

    def _table(self, fit: MonitoredFit, *, multiclass: bool) -> Mapping[str, str]:
        y, classifier = np.asarray(fit.y), hasattr(type(fit.estimator), "predict_proba")
        if y.ndim > 1 and y.shape[1] > 1:
            return {} if classifier else self.multioutput
        if not classifier:
            return self.regression
        return self.multiclass if multiclass or _n_classes(y) > 2 else self.binary


def _n_classes(y: Any) -> int:
    return len(np.unique(y))


def evaluation_weights(fit: MonitoredFit, metric: str | None, *, early: bool) -> Any:
    """Return the weights with which a fit evaluates its validation data; None for no weights.

    A metric that stands for a score without weights is evaluated without weights.

    Parameters
    ----------
    fit : MonitoredFit
    metric : str or None
        Metric that stands for the score of the fit.  If None, no metric does.
    early : bool
        Whether the estimator stops early by its own rule, which uses the weights.
    """
    if metric is None or early or fit.scoring is None or fit.scoring.weighted:
        return fit.sample_weight_val
    return None

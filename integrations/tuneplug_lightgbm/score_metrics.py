"""LightGBM's metrics that order fits as scikit-learn's scorers do.

The metrics equal their scorer up to rounding, or are a monotone function of it: ``l2`` of the root
mean squared error, of R2 and, on probabilities, of the Brier score; ``poisson`` and
``gamma_deviance`` of the deviances, from which they differ by factors and constants of the data.
``auc_mu`` weights pairs of classes differently than scikit-learn's ``roc_auc_ovr`` and
``roc_auc_ovo``, and LightGBM has no squared logarithmic error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import lightgbm

from tuneplug.monitoring import MonitoredFit, ScoreMetrics

__all__ = ["SCORE_METRICS", "is_evaluated", "score_metric"]

SCORE_METRICS = ScoreMetrics(
    binary={
        "accuracy": "binary_error",
        "average_precision": "average_precision",
        "d2_brier_score": "l2",
        "d2_log_loss_score": "binary_logloss",
        "neg_brier_score": "l2",
        "neg_log_loss": "binary_logloss",
        "roc_auc": "auc",
    },
    multiclass={
        "accuracy": "multi_error",
        "d2_log_loss_score": "multi_logloss",
        "neg_log_loss": "multi_logloss",
    },
    regression={
        "d2_absolute_error_score": "l1",
        "neg_mean_absolute_error": "l1",
        "neg_mean_absolute_percentage_error": "mape",
        "neg_mean_gamma_deviance": "gamma_deviance",
        "neg_mean_poisson_deviance": "poisson",
        "neg_mean_squared_error": "l2",
        "neg_root_mean_squared_error": "rmse",
        "r2": "l2",
    },
    min_target={"mape": 1.0},  # LightGBM divides by at least 1
)

#: Metrics of the order of predictions, whatever their scale.
_RANKING = ("auc", "average_precision")

#: Objectives for more than two classes.
_MULTICLASS = {"multiclass", "softmax", "multiclassova", "multiclass_ova", "ova", "ovr"}

#: Other names of the metrics above.  A classifier reads the names of log loss and error for two
#: classes as those for many, and the other way round.
_LOG_LOSS = {"binary", "binary_logloss", "logloss", "multi_logloss", *_MULTICLASS}
_ERROR = {"binary_error", "error", "multi_error"}
_NAMES = {
    "binary_error": _ERROR,
    "binary_logloss": _LOG_LOSS,
    "l1": {"l1", "mae", "mean_absolute_error", "regression_l1"},
    "l2": {"l2", "mse", "mean_squared_error", "regression_l2", "regression"},
    "mape": {"mape", "mean_absolute_percentage_error"},
    "multi_error": _ERROR,
    "multi_logloss": _LOG_LOSS,
    "rmse": {"rmse", "root_mean_squared_error", "l2_root"},
}


def score_metric(fit: MonitoredFit) -> str | None:
    """Return the metric that orders fits as ``fit.scoring`` does; None if no metric does."""
    if isinstance(fit.estimator, lightgbm.LGBMRanker):
        return None
    objective = _objective(fit.estimator)
    metric = SCORE_METRICS.metric_for(fit, multiclass=objective in _MULTICLASS)
    if callable(objective):  # metrics receive its raw predictions
        return metric if metric in _RANKING else None
    return metric


def is_evaluated(metric: str, estimator: Any, params: Mapping[str, Any]) -> bool:
    """Return whether a fit evaluates a metric anyway, by any of its names.

    Parameters
    ----------
    metric : str
        Metric of ``SCORE_METRICS``.
    estimator : LGBMModel
    params : mapping
        Arguments of ``fit``.
    """
    own = [*_metrics_of(estimator), *_names_in(params.get("eval_metric"))]
    return not _NAMES.get(metric, {metric}).isdisjoint(own)


def _metrics_of(estimator: Any) -> list[str]:
    """Return the metrics of an estimator's parameters; otherwise that of its objective."""
    from tuneplug_lightgbm._compat import set_aliases

    given = [value for value in set_aliases(estimator, "metric").values() if value is not None]
    if given:
        return [name for value in given for name in _names_in(value)]
    objective = _objective(estimator)
    if isinstance(objective, str):
        return [objective]
    return ["binary_logloss" if hasattr(type(estimator), "predict_proba") else "l2"]


def _objective(estimator: Any) -> Any:
    from tuneplug_lightgbm._compat import set_aliases

    values = set_aliases(estimator, "objective").values()
    return next((value for value in values if value is not None), None)


def _names_in(metrics: Any) -> list[str]:
    """Return the names in a metric, a list of metrics or names joined by commas."""
    values: Iterable[Any] = (metrics,) if isinstance(metrics, str) or callable(metrics) else metrics
    names = [value.split(",") for value in values or () if isinstance(value, str)]
    return [name.strip() for parts in names for name in parts]

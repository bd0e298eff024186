"""CatBoost's metrics that order fits as scikit-learn's scorers do.

The metrics equal their scorer up to rounding, or are a monotone function of it: ``RMSE`` of the
mean squared error, ``BrierScore`` of its skill score; ``Poisson`` of the deviance, from which it
differs by a constant of the data.  ``PRAUC`` joins the points of the precision-recall curve by an
interpolation, and scikit-learn's average precision by steps.

For some losses CatBoost applies a link function when it predicts, but not when it evaluates metrics
of other losses, which then do not see what the scorer sees.
"""

from __future__ import annotations

from typing import Any

from tuneplug.monitoring import MonitoredFit, ScoreMetrics
from tuneplug.optional import is_instance_of

__all__ = ["SCORE_METRICS", "has_weights", "loss_of", "score_metric"]

SCORE_METRICS = ScoreMetrics(
    binary={
        "accuracy": "Accuracy",
        "average_precision": "PRAUC",
        "balanced_accuracy": "BalancedAccuracy",
        "d2_brier_score": "BrierScore",
        "d2_log_loss_score": "Logloss",
        "matthews_corrcoef": "MCC",
        "neg_brier_score": "BrierScore",
        "neg_log_loss": "Logloss",
        "roc_auc": "AUC",
    },
    multiclass={
        "accuracy": "Accuracy",
        "d2_log_loss_score": "MultiClass",
        "matthews_corrcoef": "MCC",
        "neg_log_loss": "MultiClass",
    },
    regression={
        "d2_absolute_error_score": "MAE",
        "neg_mean_absolute_error": "MAE",
        "neg_mean_absolute_percentage_error": "MAPE",
        "neg_mean_poisson_deviance": "Poisson",
        "neg_mean_squared_error": "RMSE",
        "neg_mean_squared_log_error": "MSLE",
        "neg_root_mean_squared_error": "RMSE",
        "neg_root_mean_squared_log_error": "MSLE",
        "r2": "RMSE",
    },
    multioutput={"neg_mean_squared_error": "MultiRMSE"},
    min_target={"MAPE": 1.0},  # CatBoost divides by at least 1
)

#: Metrics of the order of predictions, whatever their scale.
_RANKING = ("AUC", "PRAUC")
#: Losses for classes by the metrics that see their predictions as ``predict_proba`` returns them.
_BINARY = {"Logloss", "CrossEntropy"}
_MULTICLASS = {"MultiClass", "MultiClassOneVsAll"}
#: Losses of regressors whose predictions have no link function.
_IDENTITY = {"Expectile", "Huber", "LogCosh", "Lq", "MAE", "MAPE", "Quantile", "RMSE"}
_CLASS_WEIGHTS = ("auto_class_weights", "class_weights", "scale_pos_weight")


def score_metric(fit: MonitoredFit) -> str | None:
    """Return the metric that orders fits as ``fit.scoring`` does; None if no metric does.

    If a fit has weights, the name says whether the metric uses them.
    """
    if is_instance_of(fit.estimator, "catboost", "CatBoostRanker"):
        return None
    loss = loss_of(fit.estimator)
    metric = SCORE_METRICS.metric_for(fit, multiclass=loss in _MULTICLASS)
    if metric is None or not _sees_predictions(metric, loss, fit.estimator):
        return None
    weighted = fit.scoring is not None and fit.scoring.weighted
    if not has_weights(fit):
        return metric
    if weighted and _has_class_weights(fit.estimator):  # the metric would multiply both
        return None
    return f"{metric}:use_weights={str(weighted).lower()}"


def has_weights(fit: MonitoredFit) -> bool:
    """Return whether a fit weights rows or classes."""
    return fit.params.get("sample_weight") is not None or _has_class_weights(fit.estimator)


def loss_of(estimator: Any) -> Any:
    """Return the name of an estimator's loss without its parameters, its object, or None."""
    params = estimator.get_params()
    loss = params.get("loss_function", params.get("objective"))
    return loss.partition(":")[0] if isinstance(loss, str) else loss


def _has_class_weights(estimator: Any) -> bool:
    params = estimator.get_params()
    return any(params.get(name) is not None for name in _CLASS_WEIGHTS)


def _sees_predictions(metric: str, loss: Any, estimator: Any) -> bool:
    """Return whether a metric of a fit sees the predictions that a scorer sees."""
    if metric in _RANKING:
        return True
    if loss is not None and not isinstance(loss, str):
        return False
    if hasattr(type(estimator), "predict_proba"):
        if metric == "MultiClass":  # its softmax is not what one-vs-all models predict
            return loss in (None, "MultiClass")
        return loss is None or loss in _BINARY | _MULTICLASS
    if metric in ("Poisson", "MultiRMSE"):
        return bool(loss == metric)
    return loss is None or loss in _IDENTITY

"""XGBoost's metrics that order fits as scikit-learn's scorers do.

``aucpr`` joins the points of the precision-recall curve by an interpolation, and scikit-learn's
average precision by steps.  The difference shrinks as the validation data grow.  The other metrics
equal their scorer up to XGBoost's single precision, or are a monotone function of it: ``rmse`` of
the mean squared error, of R2 and, on probabilities, of the Brier score; ``poisson-nloglik`` of the
deviance, from which it differs by a constant of the data.
"""

from __future__ import annotations

from typing import Any

from tuneplug.monitoring import MonitoredFit, ScoreMetrics
from tuneplug.optional import is_instance_of

__all__ = ["SCORE_METRICS", "is_ranker", "score_metric"]

SCORE_METRICS = ScoreMetrics(
    binary={
        "accuracy": "error",
        "average_precision": "aucpr",
        "d2_brier_score": "rmse",
        "d2_log_loss_score": "logloss",
        "neg_brier_score": "rmse",
        "neg_log_loss": "logloss",
        "roc_auc": "auc",
    },
    multiclass={
        "accuracy": "merror",
        "d2_log_loss_score": "mlogloss",
        "neg_log_loss": "mlogloss",
        "roc_auc_ovr_weighted": "auc",
    },
    regression={
        "d2_absolute_error_score": "mae",
        "neg_mean_absolute_error": "mae",
        "neg_mean_absolute_percentage_error": "mape",
        "neg_mean_gamma_deviance": "gamma-deviance",
        "neg_mean_poisson_deviance": "poisson-nloglik",
        "neg_mean_squared_error": "rmse",
        "neg_mean_squared_log_error": "rmsle",
        "neg_root_mean_squared_error": "rmse",
        "neg_root_mean_squared_log_error": "rmsle",
        "r2": "rmse",
    },
    multioutput={"neg_mean_absolute_error": "mae", "neg_mean_squared_error": "rmse"},
    min_target={"mape": 1e-6},  # XGBoost divides by the target itself
)

#: Objectives whose predictions the metrics convert as the model does.
_FAMILIES = ("binary:", "count:", "multi:", "reg:")
#: Metrics of the order of predictions, whatever their scale.
_RANKING = ("auc", "aucpr")


def score_metric(fit: MonitoredFit) -> str | None:
    """Return the metric that orders fits as ``fit.scoring`` does; None if no metric does."""
    objective = fit.estimator.objective
    many = isinstance(objective, str) and objective.startswith("multi:")
    metric = SCORE_METRICS.metric_for(fit, multiclass=many)
    if callable(objective):  # metrics receive its raw predictions
        return metric if metric in _RANKING else None
    known = objective is None or str(objective).startswith(_FAMILIES)
    return metric if known else None


def is_ranker(estimator: Any) -> bool:
    """Return whether an estimator is a ranker, whose ``score`` is its last metric."""
    return is_instance_of(estimator, "xgboost", "XGBRanker")

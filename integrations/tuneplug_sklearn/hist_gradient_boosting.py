"""Monitor histogram gradient boosting by training it in portions of its iterations.

scikit-learn's estimators have no callback that can stop a fit.  These estimators can continue a fit
(``warm_start``), and training in portions gives the same model.  Return values of scikit-learn
1.9's callbacks are ignored.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar, final

from tuneplug.monitoring import FitMonitor, MonitoredFit, ScoreReporter, portion_ends
from tuneplug.optional import is_instance_of

__all__ = ["HistGradientBoostingMonitor"]


@final
class HistGradientBoostingMonitor(FitMonitor):
    """Monitors ``HistGradientBoostingClassifier`` and ``HistGradientBoostingRegressor``.

    If the fit has a scoring, its score is reported after each tenth of ``max_iter``.  A fit thus
    calls the scorer at most ten times, whatever ``max_iter`` is, and predicts with 5.5 times its
    number of trees.  If the scorer raises, nothing more is reported, with a note.

    Without a scoring, the training loss on the validation data is reported: log loss for
    classifiers, ``loss`` for regressors.
    """

    name: ClassVar[str] = "hist_gradient_boosting"

    def accepts(self, estimator: Any) -> bool:
        kinds = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")
        return is_instance_of(estimator, "sklearn.ensemble", *kinds)

    def fit(self, watched: MonitoredFit) -> int | None:
        estimator, reporter = watched.estimator, watched.reporter
        total, warm_start = estimator.max_iter, estimator.warm_start
        scores = ScoreReporter(watched, total) if watched.scoring is not None else None
        try:
            estimator.set_params(warm_start=True)
            for n_iter in portion_ends(total):
                estimator.set_params(max_iter=n_iter)
                estimator.fit(watched.X, watched.y, **watched.params)
                if scores is None:
                    _report_loss(watched, n_iter - 1)
                else:
                    scores.report(n_iter)
                if reporter.should_stop() or _has_stopped_early(estimator):
                    break
        finally:
            estimator.set_params(warm_start=warm_start, max_iter=total)
        return None


def _has_stopped_early(estimator: Any) -> bool:
    """Whether the estimator's own early stopping ended the fit; ``warm_start`` would continue it.

    ``n_iter_`` does not tell if early stopping ends at the last iteration of a portion.  Early
    stopping has ended the fit if none of the latest ``n_iter_no_change`` scores exceeds the score
    before them by more than ``tol``.
    """
    scores, wait = estimator.validation_score_, estimator.n_iter_no_change
    if len(scores) == 0:  # early stopping uses the training data, or is off
        scores = estimator.train_score_
    return len(scores) > wait and not (scores[-wait:] > scores[-wait - 1] + estimator.tol).any()


def _report_loss(watched: MonitoredFit, step: int) -> None:
    """Report the training loss on the validation data."""
    metric, loss = _loss_of(watched.estimator)
    value = loss(watched.estimator, watched.X_val, watched.y_val, watched.sample_weight_val)
    watched.reporter.set_metric(metric, "minimize")
    watched.reporter.report(value, step)


def _loss_of(estimator: Any) -> tuple[str, Callable[[Any, Any, Any, Any], float]]:
    """Return the name of the training loss and a function that computes it."""
    from sklearn import metrics

    if hasattr(estimator, "predict_proba"):
        return "log_loss", _log_loss
    losses = {
        "squared_error": metrics.mean_squared_error,
        "absolute_error": metrics.mean_absolute_error,
        "poisson": metrics.mean_poisson_deviance,
        "gamma": metrics.mean_gamma_deviance,
        "quantile": functools.partial(metrics.mean_pinball_loss, alpha=estimator.quantile),
    }
    return str(estimator.loss), functools.partial(_error, losses[estimator.loss])


def _log_loss(estimator: Any, X: Any, y: Any, weight: Any) -> float:
    from sklearn.metrics import log_loss

    classes = estimator.classes_
    return float(log_loss(y, estimator.predict_proba(X), sample_weight=weight, labels=classes))


def _error(measure: Callable[..., float], estimator: Any, X: Any, y: Any, weight: Any) -> float:
    return float(measure(y, estimator.predict(X), sample_weight=weight))

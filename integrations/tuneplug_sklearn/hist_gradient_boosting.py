"""Histogram gradient boosting watched in portions of its iterations.

scikit-learn's estimators have no callback that can end a fit, but these can go on from where they
are (``warm_start``): trained in portions, they come out the same.  Others cannot be watched so: the
epochs of ``partial_fit`` are not those of ``fit`` (its order of the data, its learning rate and its
own end differ), and what a callback of scikit-learn 1.9 returns is ignored.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar, final

from tuneplug.monitoring import FitMonitor, MonitoredFit
from tuneplug.optional import is_instance_of

__all__ = ["HistGradientBoostingMonitor"]

#: Portions that a whole fit is trained in: each costs about as much as a few iterations.
N_PORTIONS = 10


@final
class HistGradientBoostingMonitor(FitMonitor):
    """Watches ``HistGradientBoostingClassifier`` and ``HistGradientBoostingRegressor``.

    After each tenth of ``max_iter`` the loss that is trained for is reported: log loss, or the
    regressor's ``loss``.
    """

    name: ClassVar[str] = "hist_gradient_boosting"

    def accepts(self, estimator: Any) -> bool:
        kinds = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")
        return is_instance_of(estimator, "sklearn.ensemble", *kinds) and not estimator.warm_start

    def fit(self, watched: MonitoredFit) -> int | None:
        estimator, reporter, total = watched.estimator, watched.reporter, watched.estimator.max_iter
        metric, loss = _loss_of(estimator)
        reporter.set_metric(metric, "minimize")
        try:
            estimator.set_params(warm_start=True)
            for portion in range(1, N_PORTIONS + 1):
                n_iter = -(-total * portion // N_PORTIONS)
                if portion > 1 and n_iter == estimator.max_iter:
                    continue
                estimator.set_params(max_iter=n_iter)
                estimator.fit(watched.X, watched.y, **watched.params)
                value = loss(estimator, watched.X_val, watched.y_val, watched.sample_weight_val)
                reporter.report(value, n_iter - 1)
                if reporter.should_stop() or _has_stopped_early(estimator):
                    break
        finally:
            estimator.set_params(warm_start=False, max_iter=total)
        return None


def _has_stopped_early(estimator: Any) -> bool:
    """Whether the latest iteration was the last by its own early stopping, which would go on.

    ``n_iter_`` does not tell where that was the last of a portion as well.  None of the latest
    ``n_iter_no_change`` scores is then better than the one before them, by more than ``tol``.
    """
    scores, wait = estimator.validation_score_, estimator.n_iter_no_change
    if len(scores) == 0:  # it goes by the training data, or does not stop early
        scores = estimator.train_score_
    return len(scores) > wait and not (scores[-wait:] > scores[-wait - 1] + estimator.tol).any()


def _loss_of(estimator: Any) -> tuple[str, Callable[[Any, Any, Any, Any], float]]:
    """Return the name of the loss that an estimator is trained for, and what measures it."""
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

"""XGBoostMonitor: fit the models of XGBoost for a search.

This module does not import XGBoost until it fits one of its models.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, final

from tuneplug.monitoring import (
    FitMonitor,
    MonitoredFit,
    SearchFitReporter,
    check_metric_options,
    evaluation_weights,
)
from tuneplug.optional import is_instance_of

__all__ = ["XGBoostMonitor"]

#: Arguments of ``fit`` with one entry per row, or split with the rows, and those for validation.
_PER_ROW = {"base_margin": "base_margin_eval_set", "group": "eval_group", "qid": "eval_qid"}


@final
class XGBoostMonitor(FitMonitor):
    """Fit ``XGBClassifier``, ``XGBRegressor`` and ``XGBRanker``, and report every round.

    The validation data is the evaluation set, unless the arguments of ``fit`` contain evaluation
    sets.  If the fit has a scoring, the metric that orders fits as its score does is evaluated and
    reported; early stopping, ``evals_result()`` and callbacks do not see it.  Evaluations are
    printed only if ``verbose=`` is passed to ``fit``.  Callbacks of the estimator are copied for
    each fit, and restored after the fit.

    The validation data of a ranker have the queries of their rows.  No metric orders rankers as a
    scorer of scikit-learn does, but the last metric is what ``XGBRanker.score`` returns.

    Parameters
    ----------
    metric : str, optional
        Metric to report, by XGBoost's name.  If None, the metric that orders fits as the score
        does.  If no metric does, or if ``maximize`` is given, the last evaluated metric.
    maximize : bool, optional
        Whether larger values are better.  Required for metrics that are not XGBoost's own if a
        stopping rule compares the reports.
    """

    name: ClassVar[str] = "xgboost"

    def __init__(self, metric: str | None = None, *, maximize: bool | None = None) -> None:
        check_metric_options(metric, maximize)
        self.metric = metric
        self.maximize = maximize

    def accepts(self, estimator: Any) -> bool:
        """Return whether the estimator is a boosted classifier, regressor or ranker of XGBoost.

        Random forests do not support callbacks.  Models on Dask train in other processes.
        """
        return is_instance_of(
            estimator, "xgboost", "XGBClassifier", "XGBRegressor", "XGBRanker"
        ) and not is_instance_of(estimator, "xgboost", "XGBRFClassifier", "XGBRFRegressor")

    def fit(self, watched: MonitoredFit) -> int | None:
        from tuneplug_xgboost.callback import ReportingCallback
        from tuneplug_xgboost.score_metrics import is_ranker, score_metric

        estimator, params = watched.estimator, {"verbose": False, **watched.params}
        explicit = self.metric is not None or self.maximize is not None
        metric = None if explicit else score_metric(watched)
        if watched.X_val is not None and not self.has_eval_set(params):
            early = self.has_early_stopping(estimator, params)
            weights = evaluation_weights(watched, metric, early=early)
            params["eval_set"] = [(watched.X_val, watched.y_val)]
            if weights is not None:
                params["sample_weight_eval_set"] = [weights]
            for name, evaluated in _PER_ROW.items():
                if name in watched.params_val:
                    params[evaluated] = [watched.params_val[name]]
        by_metric = is_ranker(estimator) and watched.scoring is not None and watched.scoring.own
        reporter = SearchFitReporter(
            replace(watched, scoring=None) if by_metric else watched,
            self.metric,
            maximize=self.maximize,
            score_metric=metric,
            monitor=type(self).__name__,
        )
        user_callbacks = estimator.callbacks
        copies = copy.deepcopy(list(user_callbacks or []))
        estimator.callbacks = [ReportingCallback(reporter, metric), *copies]
        try:
            estimator.fit(watched.X, watched.y, **params)
        finally:
            estimator.callbacks = user_callbacks
        if watched.reporter.stop_reason or not self.has_early_stopping(estimator, params):
            return None
        n_previous = watched.reporter.reports[0].step  # rounds of a model that the fit continues
        return int(estimator.best_iteration) + 1 - n_previous

    def has_eval_set(self, params: Mapping[str, Any]) -> bool:
        return params.get("eval_set") is not None

    def has_early_stopping(self, estimator: Any, params: Mapping[str, Any]) -> bool:
        return bool(estimator.early_stopping_rounds) or any(
            _stops_early(callback) for callback in estimator.callbacks or []
        )

    def refit_params(
        self, estimator: Any, params: Mapping[str, Any], n_steps: int | None
    ) -> dict[str, Any]:
        """Remove early stopping from the estimator, and set its number of rounds if given.

        Returns
        -------
        dict
            The arguments of ``fit``, unchanged.
        """
        kept = [callback for callback in estimator.callbacks or [] if not _stops_early(callback)]
        rounds = {} if n_steps is None else {"n_estimators": n_steps}
        estimator.set_params(**rounds, early_stopping_rounds=None, callbacks=kept or None)
        return dict(params)


def _stops_early(callback: Any) -> bool:
    from xgboost.callback import EarlyStopping

    return isinstance(callback, EarlyStopping)

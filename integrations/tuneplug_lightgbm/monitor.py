"""LightGBMMonitor: fit the models of LightGBM for a search.

This module does not import LightGBM until it fits one of its models.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, final

from tuneplug.monitoring import (
    FitMonitor,
    MonitoredFit,
    SearchFitReporter,
    check_metric_options,
    evaluation_weights,
)
from tuneplug.optional import is_instance_of
from tuneplug_lightgbm.callback import ReportingCallback

__all__ = ["LightGBMMonitor"]


@final
class LightGBMMonitor(FitMonitor):
    """Fit ``LGBMClassifier``, ``LGBMRegressor`` and ``LGBMRanker``, and report every round.

    The validation data is the evaluation set, unless the arguments of ``fit`` contain evaluation
    sets.  If the fit has a scoring, the metric that orders fits as its score does is evaluated and
    reported; early stopping, ``evals_result_`` and callbacks do not see it.  Callbacks among the
    arguments of ``fit`` are copied for each fit.

    The validation data of a ranker have the queries of their rows.  No metric orders rankers as a
    scorer of scikit-learn does.

    Parameters
    ----------
    metric : str, optional
        Metric to report, by LightGBM's name.  If None, the metric that orders fits as the score
        does.  If no metric does, or if ``maximize`` is given, the last evaluated metric.
    maximize : bool, optional
        Whether larger values are better.  If given, it must agree with LightGBM.
    """

    name: ClassVar[str] = "lightgbm"

    def __init__(self, metric: str | None = None, *, maximize: bool | None = None) -> None:
        check_metric_options(metric, maximize)
        self.metric = metric
        self.maximize = maximize

    def accepts(self, estimator: Any) -> bool:
        """Return whether the estimator is a classifier, a regressor or a ranker of LightGBM.

        Models on Dask train in other processes.
        """
        kinds = ("LGBMClassifier", "LGBMRegressor", "LGBMRanker")
        on_dask = is_instance_of(estimator, "lightgbm", *(f"Dask{kind}" for kind in kinds))
        return is_instance_of(estimator, "lightgbm", *kinds) and not on_dask

    def fit(self, watched: MonitoredFit) -> int | None:
        from tuneplug_lightgbm.score_metrics import score_metric

        estimator, params = watched.estimator, dict(watched.params)
        explicit = self.metric is not None or self.maximize is not None
        metric = None if explicit else score_metric(watched)
        if watched.X_val is not None and not self.has_eval_set(params):
            early = self.has_early_stopping(estimator, params)
            params |= _evaluation_params(watched, evaluation_weights(watched, metric, early=early))
        copies = copy.deepcopy(list(params.get("callbacks") or []))
        params["callbacks"] = [*copies, *self._callbacks(watched, metric, params)]
        estimator.fit(watched.X, watched.y, **params)
        if watched.reporter.stop_reason or not self.has_early_stopping(estimator, params):
            return None
        if estimator.best_iteration_ <= 0:  # LightGBM disables early stopping under DART
            return None
        n_previous = watched.reporter.reports[0].step  # rounds of a model that the fit continues
        return int(estimator.best_iteration_) - n_previous

    def _callbacks(
        self, watched: MonitoredFit, metric: str | None, params: dict[str, Any]
    ) -> list[Any]:
        """Return the callbacks that report a fit; add the metric of the score to its arguments."""
        from tuneplug_lightgbm.hidden_metric import HiddenMetric
        from tuneplug_lightgbm.score_metrics import is_evaluated

        reporter = SearchFitReporter(
            watched,
            self.metric,
            maximize=self.maximize,
            score_metric=metric,
            monitor=type(self).__name__,
        )
        if metric is None or is_evaluated(metric, watched.estimator, params):
            return [ReportingCallback(reporter)]
        own = params.get("eval_metric")
        own = list(own) if isinstance(own, (list, tuple)) else [own]
        params["eval_metric"] = [*(each for each in own if each is not None), metric]
        hidden = HiddenMetric(metric)
        return [hidden, ReportingCallback(reporter, hidden)]

    def has_eval_set(self, params: Mapping[str, Any]) -> bool:
        return params.get("eval_set") is not None or params.get("eval_X") is not None

    def has_early_stopping(self, estimator: Any, params: Mapping[str, Any]) -> bool:
        from tuneplug_lightgbm._compat import set_aliases

        patience = set_aliases(estimator, "early_stopping_round").values()
        return any(rounds is not None and rounds > 0 for rounds in patience) or any(
            _stops_early(callback) for callback in params.get("callbacks") or []
        )

    def refit_params(
        self, estimator: Any, params: Mapping[str, Any], n_steps: int | None
    ) -> dict[str, Any]:
        """Remove early stopping, and set the number of rounds if given, under all their aliases.

        Returns
        -------
        dict
            The arguments of ``fit`` without callbacks that stop early.  Lists of values of
            ``lightgbm.reset_parameter`` are shortened to the number of rounds.
        """
        from tuneplug_lightgbm._compat import set_aliases

        rounds = {}
        if n_steps is not None:
            rounds = dict.fromkeys(set_aliases(estimator, "num_iterations"), n_steps)
        early = dict.fromkeys(set_aliases(estimator, "early_stopping_round"))
        estimator.set_params(**rounds, **early)
        kept = dict(params)
        if kept.get("callbacks"):
            others = [c for c in kept["callbacks"] if not _stops_early(c)]
            kept["callbacks"] = [_shortened(c, n_steps) for c in others]
        return kept


def _stops_early(callback: Any) -> bool:
    import lightgbm

    return isinstance(callback, type(lightgbm.early_stopping(1)))


def _shortened(callback: Any, n_steps: int | None) -> Any:
    """Return a schedule of parameters with its first ``n_steps`` values; others unchanged."""
    from tuneplug_lightgbm._compat import shortened_schedule

    return callback if n_steps is None else shortened_schedule(callback, n_steps)


def _evaluation_params(watched: MonitoredFit, sample_weight: Any) -> dict[str, Any]:
    """Return the validation data as arguments of ``fit`` of the installed LightGBM."""
    import lightgbm
    import numpy as np

    from tuneplug_lightgbm._compat import encodes_eval_y, takes_eval_x

    per_row = {}
    if sample_weight is not None:
        per_row["eval_sample_weight"] = [sample_weight]
    for name in ("init_score", "group"):
        if name in watched.params_val:
            per_row[f"eval_{name}"] = [watched.params_val[name]]
    X_val, y_val = watched.X_val, watched.y_val
    if isinstance(X_val, list):  # LightGBM converts lists of training data only
        X_val = np.array(X_val)
    if not takes_eval_x():
        return {"eval_set": [(X_val, y_val)], **per_row}
    if isinstance(watched.estimator, lightgbm.LGBMClassifier) and not encodes_eval_y():
        from sklearn.preprocessing import LabelEncoder  # LightGBM encodes y with the same class

        y_val = LabelEncoder().fit(watched.y).transform(y_val)
    return {"eval_X": (X_val,), "eval_y": (y_val,), **per_row}

"""CatBoostMonitor: fit the models of CatBoost for a search.

This module does not import CatBoost until it fits one of its models.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, final

from tuneplug.monitoring import (
    FitMonitor,
    MonitoredFit,
    SearchFitReporter,
    check_metric_options,
)
from tuneplug.optional import is_instance_of
from tuneplug_catboost.callback import ReportingCallback

if TYPE_CHECKING:
    from tuneplug.trial import Direction

__all__ = ["CatBoostMonitor"]

_PER_ROW = ("baseline", "group_id", "group_weight", "subgroup_id")
_ROUNDS = ("iterations", "n_estimators", "num_boost_round", "num_trees")
_EARLY = ("early_stopping_rounds", "od_pval", "od_type", "od_wait", "use_best_model")
_PRINTING = ("logging_level", "metric_period", "silent", "verbose", "verbose_eval")
_AUTOMATIC_RATE = (
    "CatBoost chooses a learning rate by the number of rounds unless it is given, so that a refit "
    "with the selected number of rounds may have another one: set learning_rate"
)


@final
class CatBoostMonitor(FitMonitor):
    """Fit CatBoost's classifiers, regressors and rankers, and report every round.

    The validation data is the evaluation set, unless the arguments of ``fit`` contain evaluation
    sets.  Without early stopping, it does not select the best round (``use_best_model=False``), so
    that the model is the one that ``fit`` trains without evaluation data.  If the fit has a
    scoring, the metric that orders fits as its score does is evaluated and reported; early stopping
    and callbacks do not see it, but ``evals_result_`` contains it.  Nothing is printed unless the
    model or the arguments of ``fit`` say so.  Callbacks among the arguments of ``fit`` are copied
    for each fit.

    The validation data of a ranker have the groups of their rows.  No metric orders rankers as a
    scorer of scikit-learn does.

    Parameters
    ----------
    metric : str, optional
        Metric to report, by CatBoost's name.  If None, the metric that orders fits as the score
        does.  If no metric does, or if ``maximize`` is given, the last evaluated metric.
    maximize : bool, optional
        Whether larger values are better.  If given, it must agree with CatBoost.
    """

    name: ClassVar[str] = "catboost"

    def __init__(self, metric: str | None = None, *, maximize: bool | None = None) -> None:
        check_metric_options(metric, maximize)
        self.metric = metric
        self.maximize = maximize

    def accepts(self, estimator: Any) -> bool:
        """Return whether the estimator is a classifier, a regressor or a ranker of CatBoost."""
        kinds = ("CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker")
        return is_instance_of(estimator, "catboost", *kinds)

    def fit(self, watched: MonitoredFit) -> int | None:
        from tuneplug_catboost._compat import temporary_params
        from tuneplug_catboost.score_metrics import score_metric

        estimator, params = watched.estimator, dict(watched.params)
        explicit = self.metric is not None or self.maximize is not None
        metric = None if explicit else score_metric(watched)
        early = self.has_early_stopping(estimator, params)
        own = estimator.get_params()
        if watched.X_val is not None and not (
            self.has_eval_set(params) or own.get("eval_fraction")
        ):
            params["eval_set"] = _evaluation_set(watched)
            if not early:
                params["use_best_model"] = False
        if not any(name in own or params.get(name) is not None for name in _PRINTING):
            params["verbose"] = False
        n_previous = _n_rounds(params.get("init_model"))
        callback = self._callback(watched, metric, n_previous, params)
        params["callbacks"] = [callback]
        with temporary_params(estimator, _with_metric(own, metric)):
            estimator.fit(watched.X, watched.y, **params)
        if callback.error is not None:
            raise callback.error
        if watched.reporter.stop_reason or not early:
            return None
        if not {"learning_rate", "eta"} & set(own):
            watched.notes.append(_AUTOMATIC_RATE)
        return int(estimator.tree_count_) - n_previous

    def _callback(
        self, watched: MonitoredFit, metric: str | None, n_previous: int, params: dict[str, Any]
    ) -> _MonitorCallback:
        reporter = SearchFitReporter(
            watched,
            self.metric,
            maximize=self.maximize,
            score_metric=metric,
            monitor=type(self).__name__,
        )
        own = watched.estimator.get_params()
        hidden = metric if metric is not None and metric not in _metrics_of(own) else None
        reporting = ReportingCallback(reporter, n_previous, _own_directions(own))
        others = copy.deepcopy(list(params.get("callbacks") or []))
        return _MonitorCallback(reporting, others, hidden)

    def has_eval_set(self, params: Mapping[str, Any]) -> bool:
        return params.get("eval_set") is not None

    def has_early_stopping(self, estimator: Any, params: Mapping[str, Any]) -> bool:
        """Return whether the model needs an evaluation set to end early or to select a round."""
        own = {**estimator.get_params(), **{k: v for k, v in params.items() if v is not None}}
        if own.get("od_type") == "IncToDec":
            ends = bool(own.get("od_pval"))
        else:
            given = (own.get(name) for name in ("early_stopping_rounds", "od_wait", "od_pval"))
            ends = own.get("od_type") == "Iter" or any(given)
        return ends or bool(own.get("use_best_model"))

    def refit_params(
        self, estimator: Any, params: Mapping[str, Any], n_steps: int | None
    ) -> dict[str, Any]:
        """Remove early stopping, and set the number of rounds if given, under its alias in use.

        Returns
        -------
        dict
            The arguments of ``fit`` without those of early stopping.
        """
        from tuneplug_catboost._compat import drop_params

        drop_params(estimator, _EARLY)
        if n_steps is not None:
            used = [name for name in _ROUNDS if name in estimator.get_params()]
            estimator.set_params(**dict.fromkeys(used or ["iterations"], n_steps))
        return {name: value for name, value in params.items() if name not in _EARLY}


class _MonitorCallback:
    """Reports a round, then calls the callbacks of the user, and ends the fit if the trial ended.

    It ends the fit on an error as well, and raises none: CatBoost would raise its own error
    instead, and leave this one as the exception that the thread handles, for the rest of its life.

    Attributes
    ----------
    error : Exception or None
        Error of the report or of a callback.
    """

    def __init__(
        self, reporting: ReportingCallback, others: list[Any], hidden: str | None = None
    ) -> None:
        self.error: Exception | None = None
        self._reporting = reporting
        self._others = others
        self._hidden = hidden

    def after_iteration(self, info: Any) -> bool:
        """Return whether the fit goes on."""
        try:
            return self._after_iteration(info)
        except Exception as error:  # noqa: BLE001  raised again after the fit
            self.error = error
            return False

    def _after_iteration(self, info: Any) -> bool:
        goes_on = self._reporting.after_iteration(info)
        if self._hidden is not None:
            for metrics in info.metrics.values():
                metrics.pop(self._hidden, None)
        return all(other.after_iteration(info) for other in self._others) and goes_on


def _evaluation_set(watched: MonitoredFit) -> Any:
    """Return the validation data as CatBoost's ``eval_set``, with what it has for each row."""
    import catboost

    per_row = {name: watched.params_val[name] for name in _PER_ROW if name in watched.params_val}
    if watched.sample_weight_val is None and not per_row:
        return (watched.X_val, watched.y_val)
    own = watched.estimator.get_params() | dict(watched.params)
    kinds = ("cat_features", "text_features", "embedding_features")
    return catboost.Pool(
        watched.X_val,
        watched.y_val,
        weight=watched.sample_weight_val,
        **per_row,
        **{kind: own.get(kind) for kind in kinds},
    )


def _n_rounds(model: Any) -> int:
    """Return the number of rounds of a model, or of the file of a model; 0 for None."""
    import catboost

    if model is None:
        return 0
    if not isinstance(model, catboost.CatBoost):
        model = catboost.CatBoost().load_model(model)
    return int(model.tree_count_)


def _with_metric(own: Mapping[str, Any], metric: str | None) -> dict[str, Any]:
    """Return the parameters that make a model evaluate one more metric."""
    if metric is None or metric in _metrics_of(own):
        return {}
    name = "custom_loss" if "custom_loss" in own else "custom_metric"
    return {name: [*_names_in(own.get(name)), metric]}


def _metrics_of(own: Mapping[str, Any]) -> list[Any]:
    """Return the metrics that the parameters of a model name."""
    names = ("loss_function", "objective", "eval_metric", "custom_metric", "custom_loss")
    return [metric for name in names for metric in _names_in(own.get(name))]


def _names_in(metrics: Any) -> list[Any]:
    if metrics is None:
        return []
    return list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]


def _own_directions(own: Mapping[str, Any]) -> dict[str, Direction]:
    """Return the direction of the user's own metric, under the name that CatBoost gives it."""
    metric: Any = own.get("eval_metric")
    if not hasattr(metric, "is_max_optimal"):
        return {}
    direction: Direction = "maximize" if metric.is_max_optimal() else "minimize"
    return {type(metric).__name__: direction}

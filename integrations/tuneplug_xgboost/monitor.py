"""How a search fits the models of XGBoost while a trial watches.

Nothing here imports XGBoost before there is one of its models to fit.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from typing import Any, ClassVar, final

from tuneplug.monitoring import FitMonitor, MonitoredFit

__all__ = ["XGBoostMonitor"]


@final
class XGBoostMonitor(FitMonitor):
    """Fits ``XGBClassifier`` and ``XGBRegressor`` while a trial watches.

    The validation data becomes the evaluation set, unless arguments of ``fit`` bring evaluation
    sets of their own.  Evaluations are printed only where ``verbose=`` asks for it.  Callbacks of
    the estimator are copied for each fit, and the estimator has the user's own again afterwards.

    Parameters
    ----------
    metric : str, optional
        What to report, by XGBoost's name; the default is the last metric.
    maximize : bool, optional
        Its direction, for a metric that is not XGBoost's own.
    """

    name: ClassVar[str] = "xgboost"

    def __init__(self, metric: str | None = None, *, maximize: bool | None = None) -> None:
        self.metric = metric
        self.maximize = maximize

    def accepts(self, estimator: Any) -> bool:
        """Whether it is a classifier or a regressor of XGBoost that boosts.

        Random forests refuse callbacks; rankers need groups; models on Dask train elsewhere.
        """
        library = sys.modules.get("xgboost")
        boosted = [getattr(library, name, None) for name in ("XGBClassifier", "XGBRegressor")]
        forests = [getattr(library, name, None) for name in ("XGBRFClassifier", "XGBRFRegressor")]
        return _is_any(estimator, boosted) and not _is_any(estimator, forests)

    def fit(self, watched: MonitoredFit) -> int | None:
        from tuneplug_xgboost.callback import OneFitCallback

        estimator, params = watched.estimator, {"verbose": False, **watched.params}
        if watched.X_val is not None and not self.has_eval_set(params):
            params["eval_set"] = [(watched.X_val, watched.y_val)]
            if watched.sample_weight_val is not None:
                params["sample_weight_eval_set"] = [watched.sample_weight_val]
        theirs = estimator.callbacks
        ours = OneFitCallback(watched, self.metric, maximize=self.maximize)
        estimator.callbacks = [ours, *copy.deepcopy(list(theirs or []))]
        try:
            estimator.fit(watched.X, watched.y, **params)
        finally:
            estimator.callbacks = theirs
        if watched.reporter.stop_reason or not self.has_early_stopping(estimator, params):
            return None
        begun = watched.reporter.reports[0].step  # not 0 where the fit continues a model
        return int(estimator.best_iteration) + 1 - begun

    def has_eval_set(self, params: Mapping[str, Any]) -> bool:
        return params.get("eval_set") is not None

    def has_early_stopping(self, estimator: Any, params: Mapping[str, Any]) -> bool:
        return bool(estimator.early_stopping_rounds) or any(
            _stops_early(callback) for callback in estimator.callbacks or []
        )

    def refit_params(
        self, estimator: Any, params: Mapping[str, Any], n_steps: int | None
    ) -> dict[str, Any]:
        """Set so many rounds, if any are given, and take early stopping out of the estimator.

        Returns
        -------
        dict
            The arguments of ``fit``, as they were: none of them stops early.
        """
        kept = [callback for callback in estimator.callbacks or [] if not _stops_early(callback)]
        rounds = {} if n_steps is None else {"n_estimators": n_steps}
        estimator.set_params(**rounds, early_stopping_rounds=None, callbacks=kept or None)
        return dict(params)


def _is_any(estimator: Any, classes: list[type | None]) -> bool:
    return isinstance(estimator, tuple(cls for cls in classes if cls is not None))


def _stops_early(callback: Any) -> bool:
    from xgboost.callback import EarlyStopping

    return isinstance(callback, EarlyStopping)

"""How a search fits the models of LightGBM while a trial watches.

Nothing here imports LightGBM before there is one of its models to fit.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from typing import Any, ClassVar, final

from tuneplug.monitoring import FitMonitor, MonitoredFit
from tuneplug_lightgbm.callback import OneFitCallback

__all__ = ["LightGBMMonitor"]


@final
class LightGBMMonitor(FitMonitor):
    """Fits ``LGBMClassifier`` and ``LGBMRegressor`` while a trial watches.

    The validation data becomes the evaluation set, unless arguments of ``fit`` bring evaluation
    sets of their own.  Callbacks among them are copied for each fit.

    Parameters
    ----------
    metric : str, optional
        What to report, by LightGBM's name; the default is the last metric.
    maximize : bool, optional
        Its direction, to be checked.
    """

    name: ClassVar[str] = "lightgbm"

    def __init__(self, metric: str | None = None, *, maximize: bool | None = None) -> None:
        self.metric = metric
        self.maximize = maximize

    def accepts(self, estimator: Any) -> bool:
        """Whether it is a classifier or a regressor of LightGBM.

        Rankers need groups; models on Dask train elsewhere.
        """
        library = sys.modules.get("lightgbm")
        models = [getattr(library, name, None) for name in ("LGBMClassifier", "LGBMRegressor")]
        dask = [
            getattr(library, f"Dask{name}", None) for name in ("LGBMClassifier", "LGBMRegressor")
        ]
        return _is_any(estimator, models) and not _is_any(estimator, dask)

    def fit(self, watched: MonitoredFit) -> int | None:
        estimator, params = watched.estimator, dict(watched.params)
        if watched.X_val is not None and not self.has_eval_set(params):
            params |= _evaluation(watched)
        theirs = copy.deepcopy(list(params.get("callbacks") or []))
        ours = OneFitCallback(watched, self.metric, maximize=self.maximize)
        estimator.fit(watched.X, watched.y, **{**params, "callbacks": [*theirs, ours]})
        if watched.reporter.stop_reason or not self.has_early_stopping(estimator, params):
            return None
        if estimator.best_iteration_ <= 0:  # under DART, LightGBM disables early stopping
            return None
        begun = watched.reporter.reports[0].step  # not 0 where the fit continues a model
        return int(estimator.best_iteration_) - begun

    def has_eval_set(self, params: Mapping[str, Any]) -> bool:
        return params.get("eval_set") is not None or params.get("eval_X") is not None

    def has_early_stopping(self, estimator: Any, params: Mapping[str, Any]) -> bool:
        set_here = _set_aliases(estimator, "early_stopping_round").values()
        return any(rounds is not None and rounds > 0 for rounds in set_here) or any(
            _stops_early(callback) for callback in params.get("callbacks") or []
        )

    def refit_params(
        self, estimator: Any, params: Mapping[str, Any], n_steps: int | None
    ) -> dict[str, Any]:
        """Take out early stopping; set so many rounds under every name the user has set them by.

        Returns
        -------
        dict
            The arguments of ``fit`` without callbacks that stop early.
        """
        rounds = {}
        if n_steps is not None:
            rounds = dict.fromkeys(_set_aliases(estimator, "num_iterations"), n_steps)
        early = dict.fromkeys(_set_aliases(estimator, "early_stopping_round"))
        estimator.set_params(**rounds, **early)
        kept = dict(params)
        if kept.get("callbacks"):
            kept["callbacks"] = [c for c in kept["callbacks"] if not _stops_early(c)]
        return kept


def _is_any(estimator: Any, classes: list[type | None]) -> bool:
    return isinstance(estimator, tuple(cls for cls in classes if cls is not None))


def _set_aliases(estimator: Any, name: str) -> dict[str, Any]:
    """Return the parameters of an estimator that mean this one, whatever they are called."""
    from tuneplug_lightgbm._compat import aliases

    known = aliases(name)
    return {key: value for key, value in estimator.get_params().items() if key in known}


def _stops_early(callback: Any) -> bool:
    import lightgbm

    return isinstance(callback, type(lightgbm.early_stopping(1)))


def _evaluation(watched: MonitoredFit) -> dict[str, Any]:
    """Return the validation data as the arguments of ``fit`` that this LightGBM takes."""
    import lightgbm
    import numpy as np

    from tuneplug_lightgbm._compat import encodes_eval_y, takes_eval_x

    weights = (
        {}
        if watched.sample_weight_val is None
        else {"eval_sample_weight": [watched.sample_weight_val]}
    )
    X_val, y_val = watched.X_val, watched.y_val
    if isinstance(X_val, list):  # LightGBM converts lists to train on, but none to evaluate on
        X_val = np.array(X_val)
    if not takes_eval_x():
        return {"eval_set": [(X_val, y_val)], **weights}
    if isinstance(watched.estimator, lightgbm.LGBMClassifier) and not encodes_eval_y():
        from sklearn.preprocessing import LabelEncoder  # as LightGBM itself encodes y

        y_val = LabelEncoder().fit(watched.y).transform(y_val)
    return {"eval_X": (X_val,), "eval_y": (y_val,), **weights}

"""tuneplug: hyperparameter tuning with a warped Gaussian process.

Names are imported on first use, so that ``import tuneplug`` loads almost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneplug.optional import lazy_attributes

if TYPE_CHECKING:
    from tuneplug.errors import (
        AllTrialsFailedError,
        ConcurrentStudyError,
        MissingDependencyError,
        NoCompletedTrialError,
        PluginError,
        SpaceError,
        SpaceExhausted,
        StorageError,
        StoredTrialError,
        TrialError,
        TuneplugError,
        UnknownNameError,
    )
    from tuneplug.space import SearchSpace
    from tuneplug.space.categorical import Categorical
    from tuneplug.space.parameters import Float, Int
    from tuneplug.space.scaling import Linear, Log, ReverseLog, Scaling, choose_scaling
    from tuneplug.study import Study
    from tuneplug.trial import Trial, TrialResult, TrialState

__version__ = "0.1.0"

_HOME = {
    "AllTrialsFailedError": "errors",
    "Categorical": "space",
    "Float": "space",
    "Int": "space",
    "Linear": "space",
    "Log": "space",
    "MissingDependencyError": "errors",
    "NoCompletedTrialError": "errors",
    "PluginError": "errors",
    "ReverseLog": "space",
    "Scaling": "space",
    "SearchSpace": "space",
    "SpaceError": "errors",
    "SpaceExhausted": "errors",
    "StorageError": "errors",
    "StoredTrialError": "errors",
    "Study": "study",
    "Trial": "trial",
    "TrialError": "errors",
    "TrialResult": "trial",
    "TrialState": "trial",
    "ConcurrentStudyError": "errors",
    "TuneplugError": "errors",
    "UnknownNameError": "errors",
    "choose_scaling": "space",
}

__all__ = [
    "AllTrialsFailedError",
    "Categorical",
    "ConcurrentStudyError",
    "Float",
    "Int",
    "Linear",
    "Log",
    "MissingDependencyError",
    "NoCompletedTrialError",
    "PluginError",
    "ReverseLog",
    "Scaling",
    "SearchSpace",
    "SpaceError",
    "SpaceExhausted",
    "StorageError",
    "StoredTrialError",
    "Study",
    "Trial",
    "TrialError",
    "TrialResult",
    "TrialState",
    "TuneplugError",
    "UnknownNameError",
    "choose_scaling",
]

#: Packages of public names that users look for here.
_ELSEWHERE = {
    **dict.fromkeys(
        (
            "AsynchronousHalving",
            "Convergence",
            "HyperbandRule",
            "MedianRule",
            "Patience",
            "StoppingRule",
            "Target",
        ),
        "tuneplug.stopping",
    ),
    **dict.fromkeys(
        ("BayesianSearch", "GridSearch", "HyperbandSearch", "RandomSearch", "Strategy"),
        "tuneplug.strategies",
    ),
    **dict.fromkeys(("Plugins", "hookimpl"), "tuneplug.plugins"),
    **dict.fromkeys(("Progress", "Executor"), "tuneplug.execution"),
    **dict.fromkeys(("FitMonitor", "FitReporter"), "tuneplug.monitoring"),
    **dict.fromkeys(
        (
            "BestSoFarDisplay",
            "FoldScoresDisplay",
            "LearnedWarpsDisplay",
            "ParallelCoordinatesDisplay",
            "TriedConfigurationsDisplay",
            "WarpedBayesSearchCV",
        ),
        "tuneplug_sklearn",
    ),
    **dict.fromkeys(("OptunaMirror", "OptunaStrategy", "TunePlugSampler"), "tuneplug_optuna"),
    **dict.fromkeys(("MLflowObserver", "log_study"), "tuneplug_mlflow"),
    "DaskExecutor": "tuneplug_dask",
    "LightGBMMonitor": "tuneplug_lightgbm",
    "ProgressBar": "tuneplug_rich",
    "RayExecutor": "tuneplug_ray",
    "TrialCallback": "tuneplug_xgboost or tuneplug_lightgbm",
    "XGBoostMonitor": "tuneplug_xgboost",
    "recommended_space": "tuneplug_xgboost or tuneplug_lightgbm",
}

__getattr__, __dir__ = lazy_attributes(__name__, _HOME, elsewhere=_ELSEWHERE)
